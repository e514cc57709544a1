//! The names of Redis keys, and of the two kinds of hash field that are no counts.
//!
//! Apart so that the whole layout is seen at a glance. Braces are literal: Redis Cluster keeps keys
//! with the same text between them in one slot, so that one script can reach all keys of a (site,
//! day). Nothing else in the crate spells a key.

use crate::model::rollup::SEPARATOR;
use crate::model::row::RowsOf;
use crate::model::site::{Day, Month};
use crate::store::Secret;
use std::str::FromStr;

/// Field of the roll-up hash: raised by every batch. Has no separator, so it is no count.
pub const VERSION: &str = "version";

/// Roll-up of a day: hash.
pub fn daily(site: &str, day: Day) -> String {
    format!("visits:daily:{{{site}:{day}}}")
}

/// Totals of a day that another program has counted: hash.
pub fn imported(site: &str, day: Day) -> String {
    format!("visits:imported:{{{site}:{day}}}")
}

/// Visitors of a day: HyperLogLog.
pub fn visitors(site: &str, day: Day) -> String {
    format!("unique:visits:{{{site}:{day}}}")
}

/// Confirmed visitors of a day: HyperLogLog.
pub fn confirmed(site: &str, day: Day) -> String {
    format!("unique:confirmed:{{{site}:{day}}}")
}

/// Blocks of a day's event rows, oldest first: list.
pub fn rows(site: &str, day: Day, of: RowsOf) -> String {
    format!("{}:{{{site}:{day}}}", rows_name(of))
}

fn rows_name(of: RowsOf) -> &'static str {
    match of {
        RowsOf::People => "visits:events",
        RowsOf::Others => "visits:others",
    }
}

/// Closed days of a month rolled up: hash.
pub fn monthly(site: &str, month: Month) -> String {
    format!("visits:monthly:{{{site}:{month}}}")
}

/// What is built beside a key before it takes its place; in the key's own slot.
pub fn staging(key: &str, who: &str) -> String {
    format!("staging:{who}:{key}")
}

/// Field of a month's hash: its days are gone, it is all there is.
pub const FROZEN: &str = "frozen";

/// Matches, for SCAN, all keys of all days of a site.
pub fn pattern(site: &str) -> String {
    format!("*:{{{}:*}}", literal(site))
}

/// Matches what of a site is of no day.
pub fn shared_pattern(site: &str) -> String {
    format!("visits:*:{{{}}}", literal(site))
}

fn literal(site: &str) -> String {
    let mut literal = String::with_capacity(site.len());
    for c in site.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\' | '^' | '-') {
            literal.push('\\');
        }
        literal.push(c);
    }
    literal
}

/// Whether a key lies in a slot of this site: of a day or month of its, or of no day.
pub fn is_of_site(site: &str, key: &str) -> bool {
    let tag = key.split_once(":{").and_then(|(_, tag)| tag.strip_suffix('}'));
    match tag.and_then(|tag| tag.strip_prefix(site)) {
        Some("") => true,
        Some(rest) => rest
            .strip_prefix(':')
            .is_some_and(|period| period.parse::<Day>().is_ok() || period.parse::<Month>().is_ok()),
        None => false,
    }
}

/// The day or month of a key of this site, if it has one of these names.
fn period<P: FromStr>(site: &str, key: &str, names: &[&str]) -> Option<P> {
    let (name, tag) = key.split_once(":{")?;
    let period = tag.strip_suffix('}')?.strip_prefix(site)?.strip_prefix(':')?;
    names.contains(&name).then(|| period.parse().ok())?
}

/// The month of a key under which a site's roll-up of one lies.
pub fn kept_month(site: &str, key: &str) -> Option<Month> {
    period(site, key, &["visits:monthly"])
}

/// The day of a key under which a site's counts, visitors or events lie.
pub fn kept_day(site: &str, key: &str) -> Option<Day> {
    let names =
        ["visits:daily", "unique:visits", "unique:confirmed", "visits:events", "visits:others"];
    period(site, key, &names)
}

/// The day of a list of a site's rows.
pub fn rows_day(site: &str, key: &str, of: RowsOf) -> Option<Day> {
    period(site, key, &[rows_name(of)])
}

/// The day of a key under which lies what another program has counted of a site.
pub fn imported_day(site: &str, key: &str) -> Option<Day> {
    period(site, key, &["visits:imported"])
}

/// A secret: string, expiring.
pub fn secret(which: &Secret) -> String {
    match which {
        Secret::Salt { site, day } => format!("visits:salt:{{{site}:{day}}}"),
        Secret::ViewKeys => "visits:key".to_owned(),
        Secret::Diary { site } => format!("visits:diary:{{{site}}}"),
        Secret::Lease { node } => format!("visits:node:{node}"),
        Secret::Spread { site } => format!("visits:spread:{{{site}}}"),
        Secret::Notice { site, name } => format!("visits:notice:{name}:{{{site}}}"),
        Secret::Kept { what, site: Some(site) } => format!("visits:{what}:{{{site}}}"),
        Secret::Kept { what, site: None } => format!("visits:{what}"),
        Secret::Acme { name } => format!("visits:acme:{name}"),
    }
}

/// The log of a site's hits that nodes write together: stream, of items in a field `i`, expiring.
/// Programs of another way of writing have a log of their own.
pub fn shared_log(site: &str, format: u64) -> String {
    format!("visits:hits:{format:x}:{{{site}}}")
}

/// What nodes know of that log: hash; by `mark:` and a name that numbers entries the last number,
/// `chunk` the last that was agreed on, `lease` who counts and until when, `done` what is counted.
pub fn shared_marks(site: &str, format: u64) -> String {
    format!("visits:marks:{format:x}:{{{site}}}")
}

/// Running sessions and all else that counting goes on from, in pieces: hash, expiring; `chunk` is
/// up to where. Not by day as `sessions:` was meant to be: it changes in one piece with the log, so
/// it lies in the log's slot.
pub fn shared_state(site: &str, format: u64) -> String {
    format!("visits:sessions:{format:x}:{{{site}}}")
}

/// Field of the roll-up hash: number of the last batch applied of a node. `marker` is no
/// dimension, so it is no count.
pub fn marker(node: &str) -> String {
    format!("marker{SEPARATOR}{node}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::rollup::parse_field;

    #[test]
    fn one_site_and_day_share_one_tag() {
        let day = "2026-11-24".parse().unwrap();
        let salt = Secret::Salt { site: "example.com".into(), day };
        for (key, name) in [
            (daily("example.com", day), "visits:daily"),
            (visitors("example.com", day), "unique:visits"),
            (confirmed("example.com", day), "unique:confirmed"),
            (imported("example.com", day), "visits:imported"),
            (rows("example.com", day, RowsOf::People), "visits:events"),
            (rows("example.com", day, RowsOf::Others), "visits:others"),
            (secret(&salt), "visits:salt"),
        ] {
            assert_eq!(key, format!("{name}:{{example.com:2026-11-24}}"));
        }
        assert_eq!(secret(&Secret::ViewKeys), "visits:key");
    }

    #[test]
    fn version_and_markers_are_no_counts() {
        assert_eq!(parse_field(VERSION), None);
        assert_eq!(parse_field(&marker("node-1")), None);
        assert_eq!(parse_field(&marker("page\u{1f}server")), None);
    }

    #[test]
    fn rows_of_other_sites_are_left_alone() {
        let day: Day = "2026-11-24".parse().unwrap();
        let people = |site| rows(site, day, RowsOf::People);
        let people_day = |site, key: &str| rows_day(site, key, RowsOf::People);
        assert_eq!(people_day("a.com", &people("a.com")), Some(day));
        assert_eq!(people_day("a.com", &people("a.com:8080")), None);
        assert_eq!(people_day("a.com", &people("b.a.com")), None);
        assert_eq!(people_day("a.com", &daily("a.com", day)), None);
        assert_eq!(kept_day("a.com", &daily("a.com", day)), Some(day));
        assert_eq!(kept_day("a.com", &staging(&daily("a.com", day), "x")), None);
        assert_eq!(kept_day("a.com", &monthly("a.com", Month::of(day))), None);
        assert_eq!(pattern("a*[1]"), r"*:{a\*\[1\]:*}");
        assert_eq!(kept_day("a.com", &imported("a.com", day)), None);
        assert_eq!(imported_day("a.com", &imported("a.com", day)), Some(day));
        assert_eq!(imported_day("a.com", &imported("b.a.com", day)), None);
        let november = Month::of(day);
        assert_eq!(kept_month("a.com", &monthly("a.com", november)), Some(november));
        assert_eq!(kept_month("a.com", &monthly("b.a.com", november)), None);
        assert_eq!(kept_month("a.com", &daily("a.com", day)), None);
        let diary = |site: &str| secret(&Secret::Diary { site: site.into() });
        let hits = |site| shared_log(site, 7);
        for own in [daily("a.com", day), monthly("a.com", november), diary("a.com"), hits("a.com")]
        {
            assert!(is_of_site("a.com", &own), "{own}");
            assert!(!is_of_site("a", &own) && !is_of_site("com", &own), "{own}");
        }
        for other in [daily("a.com:80", day), diary("a.com:80"), hits("b.a.com")] {
            assert!(!is_of_site("a.com", &other), "{other}");
        }
        assert!(!is_of_site("a.com", &secret(&Secret::ViewKeys)));
    }
}
