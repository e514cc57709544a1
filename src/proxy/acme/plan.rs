//! What to order now, and when to look again: decided from what is kept, the time, and what the
//! authority suggests.

use super::state::{Certificate, State};
use crate::clock::{HOUR, Millis};
use sha2::{Digest, Sha256};

/// Names in one certificate, at most. Let's Encrypt takes 100, in its newer profiles 25.
const MOST_NAMES: usize = 25;

/// A certificate is kept for so long, or for a third of its life, whatever is said of its renewal.
const SOONEST: Millis = HOUR;

/// When the authority would like a certificate to be renewed (RFC 9773).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub start: Millis,
    pub end: Millis,
}

/// A certificate to be ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub names: Vec<String>,
    /// The one it is to take the place of.
    pub replaces: Option<Fingerprint>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    pub orders: Vec<Wanted>,
    /// When the next is due. `None`: not before something else happens.
    pub next: Option<Millis>,
}

/// Tells certificates apart.
pub type Fingerprint = [u8; 32];

pub fn fingerprint(certificate: &Certificate) -> Fingerprint {
    Sha256::digest(certificate.chain.as_bytes()).into()
}

/// When a certificate is to be renewed: at a moment of its own within the window that the authority
/// suggests, or else at two thirds of its life.
pub fn renewal(certificate: &Certificate, window: Option<Window>) -> Millis {
    let Certificate { from, until, ordered, .. } = *certificate;
    let life = until - from;
    // Else an authority that always suggests to renew at once would be asked without end.
    let soonest = ordered + (life / 3).min(SOONEST);
    let Some(Window { start, end }) = window.filter(|window| window.start <= window.end) else {
        return (from + life / 3 * 2).max(soonest);
    };
    let [a, b, c, d, ..] = fingerprint(certificate);
    let part = f64::from(u32::from_be_bytes([a, b, c, d])) / f64::from(u32::MAX);
    let chosen = start + ((end - start) as f64 * part) as Millis;
    // Whatever is suggested, there is to be time for a second attempt.
    chosen.min(until - life / 10).max(soonest)
}

/// `window` tells what the authority suggests for a certificate.
pub fn plan(
    names: &[String],
    state: &State,
    window: impl Fn(&Certificate) -> Option<Window>,
    now: Millis,
) -> Plan {
    let mut next: Option<Millis> = None;
    let mut later = |at: Millis| next = Some(next.map_or(at, |next| next.min(at)));
    if let Some(limited) = state.limited.as_ref().filter(|limited| now < limited.until) {
        return Plan { orders: Vec::new(), next: Some(limited.until) };
    }
    // By certificate: whether it may serve on without a successor.
    let good: Vec<bool> = (state.certificates.iter())
        .map(|certificate| {
            let at = renewal(certificate, window(certificate));
            let good = certificate.directory == state.directory && now < at;
            if good {
                later(at);
            }
            good
        })
        .collect();
    let in_good = |name: &String| {
        state.certificates.iter().zip(&good).any(|(held, good)| *good && held.names.contains(name))
    };
    let mut open: Vec<&String> = names.iter().filter(|name| !in_good(name)).collect();
    open.retain(|name| match state.failing.get(*name) {
        Some(failing) if now < failing.until => {
            later(failing.until);
            false
        }
        _ => true,
    });
    let mut orders = Vec::new();
    let mut order = |replaces: Option<Fingerprint>, names: Vec<&String>| {
        for names in names.chunks(MOST_NAMES) {
            orders.push(Wanted { names: names.iter().copied().cloned().collect(), replaces });
        }
    };
    for (held, _) in state.certificates.iter().zip(&good).filter(|(_, good)| !**good) {
        let (own, rest) = open.into_iter().partition(|name| held.names.contains(name));
        open = rest;
        let same = held.directory == state.directory;
        order(same.then(|| fingerprint(held)), own);
    }
    order(None, open);
    Plan { orders, next }
}

#[cfg(test)]
mod tests {
    use super::super::state::Limited;
    use super::*;
    use crate::clock::MINUTE;

    const DAY: Millis = 24 * HOUR;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn certificate(own: &[&str], from: Millis) -> Certificate {
        Certificate {
            directory: "d".to_owned(),
            names: names(own),
            from,
            until: from + 90 * DAY,
            ordered: from,
            chain: format!("{own:?}{from}"),
            key: String::new(),
        }
    }

    fn state(certificates: Vec<Certificate>) -> State {
        State { directory: "d".to_owned(), certificates, ..State::default() }
    }

    /// The names of each order, and whether it replaces a certificate.
    fn ordered(plan: &Plan) -> Vec<(Vec<&str>, bool)> {
        let names = plan.orders.iter().map(|o| o.names.iter().map(String::as_str).collect());
        names.zip(plan.orders.iter().map(|order| order.replaces.is_some())).collect()
    }

    #[test]
    fn all_names_are_ordered_together_and_renewed_together() {
        let all = names(&["a", "b"]);
        let first = plan(&all, &state(Vec::new()), |_| None, 0);
        assert_eq!(ordered(&first), [(vec!["a", "b"], false)]);

        let held = state(vec![certificate(&["a", "b"], 0)]);
        let idle = plan(&all, &held, |_| None, 60 * DAY - 1);
        assert_eq!(idle, Plan { orders: Vec::new(), next: Some(60 * DAY) });
        let due = plan(&all, &held, |_| None, 60 * DAY);
        assert_eq!(ordered(&due), [(vec!["a", "b"], true)]);
        // A new name does not wait for that, and one that is not wanted any more is left out.
        let changed = plan(&names(&["a", "c"]), &held, |_| None, DAY);
        assert_eq!(ordered(&changed), [(vec!["c"], false)]);
        let changed = plan(&names(&["a", "c"]), &held, |_| None, 61 * DAY);
        assert_eq!(ordered(&changed), [(vec!["a"], true), (vec!["c"], false)]);
        // Another authority's serves until there is one of this.
        let moved = State { directory: "e".to_owned(), ..held };
        assert_eq!(ordered(&plan(&all, &moved, |_| None, DAY)), [(vec!["a", "b"], false)]);
    }

    #[test]
    fn a_name_that_fails_keeps_no_other_from_its_certificate() {
        let all = names(&["a", "b"]);
        let mut failing = state(Vec::new());
        failing.failed("b", "why".to_owned(), 0, 0.0);
        let now = plan(&all, &failing, |_| None, MINUTE);
        assert_eq!(ordered(&now), [(vec!["a"], false)]);
        assert_eq!(now.next, Some(5 * MINUTE));
        failing.certificates.push(certificate(&["a"], 0));
        let later = plan(&all, &failing, |_| None, 5 * MINUTE);
        assert_eq!(ordered(&later), [(vec!["b"], false)]);
    }

    #[test]
    fn a_limit_holds_for_everything() {
        let mut limited = state(Vec::new());
        limited.limited = Some(Limited { until: HOUR, why: String::new() });
        let none = plan(&names(&["a"]), &limited, |_| None, HOUR - 1);
        assert_eq!(none, Plan { orders: Vec::new(), next: Some(HOUR) });
        assert_eq!(plan(&names(&["a"]), &limited, |_| None, HOUR).orders.len(), 1);
    }

    #[test]
    fn an_order_has_no_more_names_than_every_profile_takes() {
        let all: Vec<String> = (0..60).map(|n| format!("{n}.example")).collect();
        let plan = plan(&all, &state(Vec::new()), |_| None, 0);
        let sizes: Vec<usize> = plan.orders.iter().map(|wanted| wanted.names.len()).collect();
        assert_eq!(sizes, [25, 25, 10]);
    }

    #[test]
    fn the_moment_lies_in_the_window_and_each_certificate_has_its_own() {
        let window = Window { start: 50 * DAY, end: 60 * DAY };
        let moments: Vec<Millis> = (0..200)
            .map(|n| renewal(&certificate(&[&n.to_string()], 0), Some(window)))
            .inspect(|at| assert!((window.start..=window.end).contains(at), "{at}"))
            .collect();
        let early = moments.iter().filter(|at| **at < 55 * DAY).count();
        assert!((60..140).contains(&early), "{early} of 200 in the first half");

        let one = certificate(&["a"], 0);
        assert_eq!(renewal(&one, None), 60 * DAY);
        // A window that cannot be is none, and the last days are for second attempts.
        assert_eq!(renewal(&one, Some(Window { start: 2, end: 1 })), 60 * DAY);
        assert_eq!(renewal(&one, Some(Window { start: 95 * DAY, end: 99 * DAY })), 81 * DAY);
        // One in the past is now, as after a revocation, but not again and again.
        assert_eq!(renewal(&one, Some(Window { start: -2 * DAY, end: -DAY })), HOUR);
    }
}
