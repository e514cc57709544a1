//! Whatever dies: what a visitor was told is counted, once.
//!
//! Real processes under load, killed, frozen, cut off and filled up, against a ledger of what
//! clients were told. Every case prints one line, and every line is exact: views, confirmations,
//! visitors, visits, bounces. `cargo test --test torture` runs each case a few times;
//! `make torture` runs the whole matrix.
//!
//! - `process`: headcount killed, stopped without a store, its data directory copied;
//! - `store`: Redis killed, with and without the last second of its file, frozen, slow, full, its
//!   scripts flushed, its answers lost;
//! - `disk`: SQLite killed, full and locked; the data directory full or read-only;
//! - `price`: what the journal asks of the system.

#[path = "../common/mod.rs"]
mod common;

mod disk;
mod people;
mod price;
mod process;
mod relay;
mod store;

use common::headcount::{Headcount, SITE, today};
use common::load::Load;
use common::redis::RedisServer;
use people::{Ledger, Stored};
use std::time::Duration;

const UNFLUSHED: &str = "headcount_unflushed_events";

/// How often a case runs: `all` times in the whole matrix.
fn times(few: usize, all: usize) -> usize {
    if std::env::var_os("TORTURE").is_some() { all } else { few }
}

/// Flags of every headcount here.
fn flags<'a>(store: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut flags = vec!["--store", store, "--trusted-proxies", "127.0.0.1", "--threads", "2"];
    flags.extend(["--limits-beacons-per-minute", "1000000", "--limits-rows-per-dimension", "100000"]);
    if !more.contains(&"--flush-interval") {
        flags.extend(["--flush-interval", "100ms"]);
    }
    flags.extend(more);
    flags
}

fn start(load: &Load, store: &str, more: &[&str]) -> Headcount {
    Headcount::start(&load.url(), &flags(store, more))
}

/// A moment that hits any part of a flush.
fn some_time() -> Duration {
    Duration::from_millis(rand::random_range(80..500))
}

fn in_redis(redis: &RedisServer) -> Stored {
    let day: std::collections::HashMap<String, String> =
        redis.command(&["HGETALL", &format!("visits:daily:{{{SITE}:{}}}", today())]);
    day.into_iter().filter_map(|(field, n)| Some((field, n.parse().ok()?))).collect()
}

fn all_delivered(headcount: &Headcount) {
    common::wait_for("all to be delivered", || {
        (headcount.metric(UNFLUSHED) == 0).then_some(())
    });
}

/// All is in the store and equals the ledger; also the sketch, which knows every visitor.
fn settle(what: &str, headcount: &Headcount, redis: &RedisServer, ledger: &Ledger) {
    all_delivered(headcount);
    let stored = in_redis(redis);
    ledger.check(what, &stored);
    let sketch: i64 =
        redis.command(&["PFCOUNT", &format!("unique:visits:{{{SITE}:{}}}", today())]);
    let visitors = stored["total\u{1f}\u{1f}visitors"];
    assert!((sketch - visitors).abs() <= 1 + visitors / 50, "{sketch} in the sketch of {visitors}");
}
