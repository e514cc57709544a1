//! A ledger of hundreds of requests to a real documentation site, kept by hand, against what the
//! Stats API says: exactly the same, for both stores.
//!
//! - `people`: who comes, with what browser, from where;
//! - `steps`, `beacons`: what they ask for and what their scripts tell, at random from a seed,
//!   which `LEDGER_SEED` sets;
//! - `drive`: how it is sent, and noted by the rules of counting;
//! - `book`: what reports should then say;
//! - `raw`: what lies in the store, read without the program's help.
//!
//! Pageviews by every kind of evidence and confirmed ones, visitors, visits, bounces, entry and
//! exit pages, sources, browsers, systems, devices, countries, screens; errors, downloads,
//! prefetches and machines; hours and days that add up.

#[path = "../common/mod.rs"]
mod common;

mod beacons;
mod book;
mod drive;
mod people;
mod raw;
mod steps;

use book::{Book, Rows};
use common::headcount::Headcount;
use common::nginx::Nginx;
use common::redis::RedisServer;
use drive::Drive;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use steps::STEPS;

/// How often each step is taken.
const ROUNDS: usize = 8;

const OF_VIEWS: &str = "visitors,pageviews,server_pageviews,confirmed_pageviews,browser_pageviews";
const OF_VISITS: &str = "visits,bounce_rate,views_per_visit";

/// Runs a ledger over both stores.
macro_rules! both_stores {
    ($($(#[$doc:meta])* $name:ident($($argument:expr),*);)*) => {$(
        $(#[$doc])*
        mod $name {
            use super::*;

            #[test]
            fn sqlite() {
                let kept = super::ledger("sqlite:headcount.db", $($argument),*);
                raw::sqlite(&kept.0, &kept.1);
            }

            #[test]
            fn redis() {
                let redis = RedisServer::start();
                let kept = super::ledger(&redis.url(), $($argument),*);
                raw::redis(&redis, &kept.0, &kept.1);
            }
        }
    )*};
}

both_stores! {
    /// All in the last flush.
    at_once("1h", 1);
    /// In many flushes.
    bit_by_bit("100ms", 2);
}

fn ledger(store: &str, flush: &str, seed: u64) -> (Headcount, Book) {
    let seed = std::env::var("LEDGER_SEED").map_or(seed, |seed| seed.parse().unwrap());
    println!("LEDGER_SEED={seed}");
    let nginx = Nginx::start();
    let flags = ["--store", store, "--flush-interval", flush, "--trusted-proxies", "127.0.0.1"];
    let mut headcount = Headcount::start(&nginx.url(), &flags);

    let mut drive = Drive::new(headcount.site(), seed);
    let mut steps = STEPS.repeat(ROUNDS);
    drive.rng.shuffle(&mut steps);
    for step in steps {
        step(&mut drive);
    }
    let dropped = ["queue_full", "panic", "outbox_full", "gap", "rate_limited"];
    for reason in dropped {
        let name = format!("headcount_events_dropped_total{{reason=\"{reason}\"}}");
        assert_eq!(headcount.metric(&name), 0, "{reason}");
    }
    headcount.term();
    headcount.start_again();
    compare(&headcount, &drive.book);
    (headcount, drive.book)
}

fn compare(headcount: &Headcount, book: &Book) {
    let mut wrong = String::new();
    let mut check = |what: &str, said: Rows, expected: Rows| {
        assert!(!expected.is_empty(), "nothing was noted of {what}");
        for value in said.keys().chain(expected.keys()).collect::<BTreeSet<_>>() {
            let (said, expected) = (said.get(value), expected.get(value));
            if said != expected {
                wrong += &format!("{what} {value}:\n  said {said:?}\n  sent {expected:?}\n");
            }
        }
    };

    let names = book.totals().into_keys().collect::<Vec<_>>().join(",");
    let said = headcount.stats(&format!("aggregate?period=day&metrics={names}"));
    let said: BTreeMap<String, Value> =
        object(&said).into_iter().map(|(name, answer)| (name, answer["value"].clone())).collect();
    let total = |row| Rows::from([("total".to_owned(), row)]);
    check("aggregate", total(said), total(book.totals()));

    let both = format!("{OF_VIEWS},{OF_VISITS}");
    for property in ["source", "browser", "os", "device", "country"] {
        let property: &'static str = format!("visit:{property}").leak();
        check(property, breakdown(headcount, property, &both), book.by_trait(property));
    }
    for (property, metrics, expected) in [
        ("event:page", &*format!("{OF_VIEWS},visits"), book.by_page()),
        ("visit:entry_page", &both, book.by_entry_page()),
        ("visit:exit_page", &format!("visitors,{OF_VISITS}"), book.by_exit_page()),
        ("visit:screen", OF_VIEWS, book.by_screen()),
        ("visit:evidence", "pageviews", book.evidence()),
        ("error:page", "pageviews,confirmed_pageviews", book.responses("error:page")),
        ("prefetch:page", "pageviews,confirmed_pageviews", book.responses("prefetch:page")),
        ("error:status", "pageviews", book.responses("error:status")),
        ("download:path", "pageviews", book.responses("download:path")),
        ("bot:name", "pageviews", book.responses("bot:name")),
        ("bot:class", "pageviews", book.responses("bot:class")),
        ("bot:page", "pageviews", book.responses("bot:page")),
        ("bot:status", "pageviews", book.responses("bot:status")),
    ] {
        check(property, breakdown(headcount, property, metrics), expected);
    }

    let totals = book.totals();
    let sums = ["pageviews", "server_pageviews", "confirmed_pageviews", "browser_pageviews"];
    for (steps, period) in [(24, "day"), (8, "7d"), (31, "30d"), (12, "12mo")] {
        let series = headcount.stats(&format!(
            "timeseries?period={period}&include_today=true&metrics=visits,visitors,{}",
            sums.join(",")
        ));
        let series = series.as_array().unwrap();
        assert_eq!(series.len(), steps, "{period}");
        for metric in sums.iter().chain(&["visits", "visitors"]) {
            let sum: i64 = series.iter().map(|step| step[*metric].as_i64().unwrap()).sum();
            if totals[*metric] != sum {
                wrong += &format!("{metric} of {period}: {sum}, not {}\n", totals[*metric]);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// A breakdown by value.
fn breakdown(headcount: &Headcount, property: &str, metrics: &str) -> Rows {
    let query = format!("breakdown?period=day&property={property}&metrics={metrics}&limit=1000");
    let key = property.split_once(':').unwrap().1;
    let rows = headcount.stats(&query);
    rows.as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let mut row = object(row);
            let Some(Value::String(value)) = row.remove(key) else { panic!("no {key}: {row:?}") };
            (value, row)
        })
        .collect()
}

fn object(value: &Value) -> BTreeMap<String, Value> {
    value.as_object().unwrap().iter().map(|(k, v)| (k.clone(), v.clone())).collect()
}
