//! Upstreams that share the requests of a site: which one is next.
//!
//! Pingora's own load balancing (`pingora-load-balancing` 0.9) allocates for each request, has no
//! least connections, gives weights in bursts and only to the first choice, and knows no upstream
//! by more than one address; its ring (`pingora-ketama`) has no room for Unix sockets. What is
//! needed of it is the three functions here.

use super::server::Server;
use crate::config::Method;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

/// Upstreams, as they are set at one time.
pub struct Group {
    /// At least one, at most 64.
    pub servers: Vec<Arc<Server>>,
    method: Method,
    /// How much of a turn each has waited for.
    turns: Mutex<Vec<i64>>,
}

impl Group {
    pub fn new(servers: Vec<Arc<Server>>, method: Method) -> Self {
        let turns = Mutex::new(vec![0; servers.len()]);
        Self { servers, method, turns }
    }

    /// The one to send a request to, by its place. `tried`: a bit for each that has failed this
    /// request. One that failed others a moment ago is asked only if there is no other.
    pub fn next(&self, path: &[u8], tried: u64) -> Option<usize> {
        let may = self.may(tried);
        if let [only] = &self.servers[..] {
            return may(only, 0).then_some(0);
        }
        self.among(path, |server, nth| may(server, nth) && !server.status.is_paused())
            .or_else(|| self.among(path, may))
    }

    /// Whether there is one to send a request to.
    pub fn has_next(&self, tried: u64) -> bool {
        let may = self.may(tried);
        self.servers.iter().enumerate().any(|(nth, server)| may(server, nth))
    }

    /// Which may be asked: none whose checks fail, unless those of all do. Checks can be wrong, and
    /// an answer of any kind is better than none.
    fn may(&self, tried: u64) -> impl Fn(&Server, usize) -> bool + Copy {
        let any_works = self.servers.iter().any(|server| server.is_usable());
        move |server, nth| {
            let able = if any_works { server.is_usable() } else { server.addresses() > 0 };
            tried & 1 << nth == 0 && able
        }
    }

    fn among(&self, path: &[u8], may: impl Fn(&Server, usize) -> bool) -> Option<usize> {
        let servers = self.servers.iter().enumerate();
        let able = servers.filter(|(nth, server)| may(server, *nth));
        let able = able.fold(0, |able, (nth, _)| able | 1 << nth);
        match self.method {
            Method::RoundRobin => self.in_turn(able),
            Method::LeastConnections => self.in_turn(self.least_busy(able)),
            Method::PathHash => self.by_path(path, able),
        }
    }

    fn these(&self, able: u64) -> impl Iterator<Item = (usize, &Server)> {
        let servers = self.servers.iter().map(AsRef::as_ref).enumerate();
        servers.filter(move |(nth, _)| able & 1 << nth > 0)
    }

    /// Each gets its turn as often as its weight says, spread evenly: as nginx does it.
    fn in_turn(&self, able: u64) -> Option<usize> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let mut total = 0;
        let mut next: Option<usize> = None;
        for (nth, server) in self.these(able) {
            let weight = i64::from(server.weight);
            turns[nth] += weight;
            total += weight;
            if next.is_none_or(|best| turns[nth] > turns[best]) {
                next = Some(nth);
            }
        }
        turns[next?] -= total;
        next
    }

    /// Those with the fewest requests on their way for their weight.
    fn least_busy(&self, able: u64) -> u64 {
        let mut least: Option<(i64, i64)> = None;
        let mut these = 0;
        for (nth, server) in self.these(able) {
            let busy = server.status.in_flight.load(Ordering::Relaxed).max(0);
            let weight = i64::from(server.weight);
            let order = least.map_or(std::cmp::Ordering::Less, |(least_busy, least_weight)| {
                (busy * least_weight).cmp(&(least_busy * weight))
            });
            match order {
                std::cmp::Ordering::Less => (least, these) = (Some((busy, weight)), 1 << nth),
                std::cmp::Ordering::Equal => these |= 1 << nth,
                std::cmp::Ordering::Greater => {}
            }
        }
        these
    }

    /// Weighted rendezvous hashing: each upstream draws a number for the path, and the highest
    /// wins. So another takes over only the paths of one that is gone.
    fn by_path(&self, path: &[u8], able: u64) -> Option<usize> {
        let path = u64::from(crc32fast::hash(path));
        let drawn = self.these(able).map(|(nth, server)| {
            let random = mixed(mixed(path) ^ server.key);
            // Above 0 and below 1.
            let random = ((random >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
            (nth, -f64::from(server.weight) / random.ln())
        });
        drawn.max_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(nth, _)| nth)
    }
}

/// Spreads a number over all bits (the finaliser of SplitMix64).
fn mixed(mut number: u64) -> u64 {
    number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

#[cfg(test)]
mod tests {
    use super::super::server::Taken;
    use super::*;
    use crate::config::{Config, Settings};
    use crate::telemetry::Telemetry;
    use std::time::Duration;

    fn group(upstreams: &str, method: Method) -> Group {
        let mut settings = Settings::defaults();
        settings.toml("test", &format!("upstream = [{upstreams}]")).unwrap();
        let config = Config::for_run(&settings).unwrap();
        let telemetry = Telemetry::default();
        let servers = config.sites[0].upstreams.all.iter().map(|weighted| {
            let (tls, timeouts) = (&config.sites[0].upstreams.tls, &config.timeouts);
            Arc::new(Server::new(weighted, tls, timeouts, &telemetry).unwrap())
        });
        Group::new(servers.collect(), method)
    }

    const THREE: &str = "'unix:/a weight=3', 'unix:/b', 'unix:/c'";

    #[test]
    fn each_gets_its_turn_by_its_weight() {
        let group = group(THREE, Method::RoundRobin);
        let turns =
            || (0..10).map(|_| group.next(b"/", 0).unwrap().to_string()).collect::<String>();
        assert_eq!(turns(), "0102001020", "evenly spread");
        assert_eq!(group.next(b"/", 0b11), Some(2), "those that failed the request are left out");
        assert_eq!(group.next(b"/", 0b111), None);
        assert!(group.servers[0].failed(Duration::from_secs(60)));
        assert!(!group.servers[0].failed(Duration::from_secs(60)), "it was known");
        let counts = turns().bytes().filter(|turn| *turn == b'1').count();
        assert_eq!(counts, 5, "the others share what it had");
        group.servers[1].status.set_down(true);
        group.servers[2].status.set_down(true);
        assert_eq!(group.next(b"/", 0), Some(0), "better than none");
        group.servers[0].status.set_down(true);
        assert_eq!(group.next(b"/", 0), Some(1), "all are down: each may work all the same");
        assert_eq!(group.next(b"/", 0b110), Some(0));
        assert_eq!(group.next(b"/", 0b111), None);
        assert!(group.has_next(0b011) && !group.has_next(0b111));
    }

    #[test]
    fn the_least_busy_for_its_weight_is_next() {
        let group = group(THREE, Method::LeastConnections);
        let mut taken = Vec::new();
        let mut counts = [0; 3];
        for _ in 0..50 {
            let nth = group.next(b"/", 0).unwrap();
            counts[nth] += 1;
            taken.push(Taken::new(group.servers[nth].clone()));
        }
        assert_eq!(counts, [30, 10, 10]);
        taken.retain(|Taken(server)| server.weight == 3);
        assert!((0..20).all(|_| group.next(b"/", 0) != Some(0)), "the others have nothing to do");
    }

    #[test]
    fn a_path_has_one_upstream_and_keeps_it() {
        let group = group(THREE, Method::PathHash);
        let paths: Vec<String> = (0..5_000).map(|n| format!("/page/{n}")).collect();
        let all = || paths.iter().map(|path| group.next(path.as_bytes(), 0).unwrap());
        let before: Vec<usize> = all().collect();
        assert!(before.iter().copied().eq(all()));
        for (nth, share) in [3_000, 1_000, 1_000].into_iter().enumerate() {
            let count = before.iter().filter(|server| **server == nth).count();
            assert!(count.abs_diff(share) < 150, "{nth}: {count} of {share}");
        }
        group.servers[1].status.set_down(true);
        for (before, now) in before.iter().zip(all()) {
            assert!(*before == 1 && now != 1 || *before == now, "only what was the other's moves");
        }
    }
}
