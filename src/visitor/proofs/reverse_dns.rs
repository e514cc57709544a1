//! Names of crawlers' addresses, looked up beside requests.
//!
//! Owners of crawlers document in which domain the names of their addresses are. Whoever has an
//! address can give it any name, so the name has to lead back to the address. No request waits for
//! that: the first of an address asks, and those after it are told. Only addresses that claim to be
//! such a crawler are looked up, so many at a time and no more, and what is remembered holds no
//! address.

use crate::visitor::ranges::kinds_of;
use domain::base::iana::{Rcode, Rtype};
use domain::base::{Name, ToName};
use domain::rdata::{A, Aaaa, Ptr};
use domain::resolv::StubResolver;
use domain::resolv::stub::Answer as Message;
use domain::resolv::stub::conf::{ResolvConf, ServerConf, Transport};
use foldhash::fast::RandomState;
use futures_util::StreamExt;
use futures_util::stream::poll_fn;
use once_cell::sync::Lazy;
use quick_cache::sync::Cache;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, mpsc};
use tokio::time::timeout;

/// A domain name that owns its bytes.
type Domain = Name<Vec<u8>>;

/// Answers remembered.
const REMEMBERED: usize = 10_000;

/// Addresses that may wait to be looked up; those beyond are asked for by their next request.
const WAITING: usize = 256;

/// Look-ups at a time.
const AT_A_TIME: usize = 8;

/// How long one may take in all.
const PATIENCE: Duration = Duration::from_secs(5);

/// Names of an address that are followed; an address may have any number.
const NAMES: usize = 4;

/// How long an answer holds.
const CONFIRMED_FOR: Duration = Duration::from_secs(24 * 3_600);
const REFUTED_FOR: Duration = Duration::from_secs(3_600);
const FAILED_FOR: Duration = Duration::from_secs(60);

/// Who is asked for names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolver {
    /// Those of the system, in /etc/resolv.conf.
    System,
    At(SocketAddr),
}

/// Whether addresses have the names that their claim wants.
#[derive(Debug)]
pub struct ReverseDns {
    resolver: Resolver,
    known: Cache<u64, (Answer, Instant)>,
    /// Keys what is known: nobody can choose two addresses that have the same key.
    keys: RandomState,
    asking: mpsc::Sender<Question>,
    asked: Mutex<mpsc::Receiver<Question>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Confirmed,
    Refuted,
    /// Nobody has answered, or not yet.
    None,
}

#[derive(Debug)]
struct Question {
    key: u64,
    address: IpAddr,
    domains: &'static [Domain],
}

/// Domains by the names of the crawlers whose addresses have names there.
static DOMAINS: Lazy<HashMap<&str, Box<[Domain]>>> = Lazy::new(|| {
    let mut known = HashMap::new();
    for (names, domains) in
        include_str!("../data/reverse-dns.tsv").lines().filter_map(|line| line.split_once('\t'))
    {
        let domains: Box<[Domain]> =
            domains.split(' ').filter_map(|name| name.parse().ok()).collect();
        known.extend(names.split(',').map(|name| (name, domains.clone())));
    }
    known
});

impl ReverseDns {
    pub fn new(resolver: Resolver) -> Self {
        Lazy::force(&DOMAINS);
        let (asking, asked) = mpsc::channel(WAITING);
        let (known, keys) = (Cache::new(REMEMBERED), RandomState::default());
        Self { resolver, known, keys, asking, asked: Mutex::new(asked) }
    }

    /// Whether an address has the name that this bot's have. `None`: that is not known, or not yet,
    /// or nothing is documented of it.
    pub fn judge(&self, name: &str, address: IpAddr) -> Option<bool> {
        let (name, domains) = kinds_of(name).find_map(|name| Some((name, DOMAINS.get(name)?)))?;
        let address = address.to_canonical();
        let key = self.keys.hash_one((name, address));
        let now = Instant::now();
        match self.known.get(&key).filter(|(_, until)| now < *until) {
            Some((Answer::Confirmed, _)) => Some(true),
            Some((Answer::Refuted, _)) => Some(false),
            Some((Answer::None, _)) => None,
            None => {
                // First, for the answer may come at once.
                self.remember(key, Answer::None);
                if self.asking.try_send(Question { key, address, domains }).is_err() {
                    self.known.remove(&key);
                }
                None
            }
        }
    }

    fn remember(&self, key: u64, answer: Answer) {
        let holds = match answer {
            Answer::Confirmed => CONFIRMED_FOR,
            Answer::Refuted => REFUTED_FOR,
            Answer::None => FAILED_FOR,
        };
        self.known.insert(key, (answer, Instant::now() + holds));
    }

    /// Looks up what is asked for, for as long as it is let. `turn` is called for each.
    pub async fn run(&self, turn: impl Fn()) {
        let resolver = self.resolver();
        let mut asked = self.asked.lock().await;
        let questions = poll_fn(|context| asked.poll_recv(context));
        let answer = async |Question { key, address, domains }| {
            turn();
            let found = timeout(PATIENCE, look_up(&resolver, address, domains)).await;
            self.remember(key, found.unwrap_or(Answer::None));
        };
        questions.for_each_concurrent(AT_A_TIME, answer).await;
    }

    fn resolver(&self) -> StubResolver {
        match self.resolver {
            Resolver::System => StubResolver::new(),
            Resolver::At(server) => {
                let mut conf = ResolvConf::new();
                conf.servers = vec![ServerConf::new(server, Transport::UdpTcp)];
                StubResolver::from_conf(conf)
            }
        }
    }
}

/// Whether one of an address's names is in these domains, and leads back to it.
async fn look_up(resolver: &StubResolver, address: IpAddr, domains: &[Domain]) -> Answer {
    let Ok(reverse) = Domain::reverse_from_addr(address) else { return Answer::None };
    let Some(found) = ask(resolver, &reverse, Rtype::PTR).await else { return Answer::None };
    let mut answer = Answer::Refuted;
    for name in names(&found).filter(|name| domains.iter().any(|of| name.ends_with(of))).take(NAMES)
    {
        let kind = if address.is_ipv4() { Rtype::A } else { Rtype::AAAA };
        match ask(resolver, &name, kind).await {
            Some(found) if leads_to(&found, address) => return Answer::Confirmed,
            Some(_) => {}
            None => answer = Answer::None,
        }
    }
    answer
}

/// What a server says, be it that there is nothing. `None`: it does not say.
async fn ask(resolver: &StubResolver, name: &Domain, kind: Rtype) -> Option<Message> {
    let answer = resolver.query((name, kind)).await.ok()?;
    matches!(answer.header().rcode(), Rcode::NOERROR | Rcode::NXDOMAIN).then_some(answer)
}

fn names(answer: &Message) -> impl Iterator<Item = Domain> {
    let records = answer.answer().into_iter().flat_map(|section| section.limit_to_in::<Ptr<_>>());
    records.flatten().map(|record| record.data().ptrdname().to_name())
}

fn leads_to(answer: &Message, address: IpAddr) -> bool {
    let Ok(section) = answer.answer() else { return false };
    match address {
        IpAddr::V4(v4) => section.limit_to_in::<A>().flatten().any(|of| of.data().addr() == v4),
        IpAddr::V6(v6) => section.limit_to_in::<Aaaa>().flatten().any(|of| of.data().addr() == v6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_read_and_belong_to_names_of_ours() {
        assert!(DOMAINS.len() > 20 && DOMAINS.values().all(|domains| !domains.is_empty()));
        let names = concat!(include_str!("../data/bots.tsv"), include_str!("../data/crawlers.tsv"));
        for name in DOMAINS.keys() {
            assert!(names.contains(&format!("\t{name}\t")), "no bot is called {name}");
        }
    }

    #[test]
    fn only_what_can_be_looked_up_waits_and_so_much_at_most() {
        let dns = ReverseDns::new(Resolver::At(([127, 0, 0, 1], 9).into()));
        let ask = |name: &str, last: u32| dns.judge(name, IpAddr::V4(last.into()));
        (0..10).for_each(|i| assert_eq!(ask("curl", i), None));
        assert_eq!(dns.asking.capacity(), WAITING);
        (0..3).for_each(|_| assert_eq!(ask("Googlebot-Image", 7), None));
        assert_eq!(dns.asking.capacity(), WAITING - 1, "an address waits once");
        (0..100_000).for_each(|i| assert_eq!(ask("Googlebot", i), None));
        assert_eq!(dns.asking.capacity(), 0);
        assert!(dns.known.len() <= REMEMBERED);
    }
}
