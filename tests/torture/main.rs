//! Whatever dies: what a visitor was told is counted, once.
//!
//! Real processes under load, killed, frozen, cut off and filled up, against a ledger of what
//! clients were told. Every case prints one line, and every line is exact: views, confirmations,
//! visitors, visits, bounces. `make test` runs each case a few times, `make torture` the whole
//! matrix.
//!
//! - `people`: visitors who note what they are told; `ledger`: that, against what is stored;
//! - `process`: headcount killed or stopped, its data directory copied or moved;
//! - `store`: Redis killed, with and without the last second of its file, frozen, full, its scripts
//!   flushed, its replica promoted;
//! - `cluster`: a Redis Cluster whose primaries are killed and whose slots move;
//! - `line`: answers that get lost or come late, by way of a relay of `meddler`'s;
//! - `sqlite`: killed, on a full disk, locked by another;
//! - `disk`: a data directory that is full or read-only, an outbox over its cap;
//! - `flood`: crawlers by the million, and names that are invented;
//! - `time`: clocks that jump, the store's too, and midnight at a month's end;
//! - `nodes`: several of them, one killed;
//! - `away`: a long outage, and the memory it takes;
//! - `price`: what is asked of the system, by the journal (seen by strace) and in memory.

#[path = "../common/mod.rs"]
mod common;

mod away;
mod cluster;
mod disk;
mod flood;
mod ledger;
mod line;
mod meddler;
mod nodes;
mod people;
mod price;
mod process;
mod room;
mod sqlite;
mod store;
mod time;

use common::headcount::{Headcount, SITE};
use common::load::Load;
use common::redis::RedisServer;
use ledger::{Day, Ledger};
use std::time::Duration;

const UNFLUSHED: &str = "headcount_unflushed_events";

/// Whether the whole matrix runs.
fn whole() -> bool {
    std::env::var_os("TORTURE").is_some()
}

/// How often a case runs: `all` times in the whole matrix.
fn times(few: usize, all: usize) -> usize {
    if whole() { all } else { few }
}

/// Flags of every headcount here.
fn flags<'a>(store: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut flags = vec!["--store", store, "--trusted-proxies", "127.0.0.1", "--threads", "2"];
    flags.extend(["--limits-beacons-per-minute", "1000000"]);
    flags.extend(["--limits-rows-per-dimension", "1000000", "--flush-interval", "100ms"]);
    flags.extend(more);
    flags
}

fn start(load: &Load, store: &str) -> Headcount {
    Headcount::start(&load.url(), &flags(store, &[]))
}

/// A moment that hits any part of a flush.
fn some_time() {
    std::thread::sleep(Duration::from_millis(rand10::random_range(80..500)));
}

fn in_redis(redis: &RedisServer) -> Vec<Day> {
    let mut keys: Vec<String> = redis.command(&["KEYS", &format!("visits:daily:{{{SITE}:*}}")]);
    keys.sort_unstable();
    let day = |key: &String| {
        let fields: Vec<(String, String)> = redis.command(&["HGETALL", key]);
        let sketch = key.replace("visits:daily", "unique:visits");
        Day {
            counts: fields.into_iter().filter_map(|(f, n)| Some((f, n.parse().ok()?))).collect(),
            sketch: redis.command(&["PFCOUNT", &sketch]),
        }
    };
    keys.iter().map(day).collect()
}

fn all_delivered(headcount: &Headcount) {
    common::wait_for("all to be delivered", || (headcount.metric(UNFLUSHED) == 0).then_some(()));
}

/// All hits of nodes that share sessions are counted.
fn all_counted(nodes: &[Headcount]) {
    nodes.iter().for_each(all_delivered);
    common::wait_for("all to be counted", || {
        nodes.iter().all(|node| node.metric("headcount_uncounted_events") == 0).then_some(())
    });
}

/// All is in the store and equals the ledger.
fn settle(case: &str, times: usize, headcount: &Headcount, redis: &RedisServer, ledger: &Ledger) {
    all_delivered(headcount);
    ledger.check(case, times, &in_redis(redis));
}
