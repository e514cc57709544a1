//! Tests of the `store` room, against a real redis-server and real SQLite files.
//!
//! - `contract`: what both stores promise, one test suite over both;
//! - `random`: random batches from several nodes against a plain sum, over both;
//! - `upkeep`: what the daily job needs of both, and the job itself under an injected clock;
//! - `backfill`: days summed up again from their events;
//! - `migrate`: keys of the wrong type and of the first layout;
//! - `redis`: commands billed, keys, wrong types, servers that are down, full, slow or read-only;
//! - `cluster`: all of it again on a Redis Cluster, with slots that move and primaries that die;
//! - `sentinel`: a primary that sentinels name, and another one in its place;
//! - `troubles`: what can be wrong with a Redis, told by kind; TLS and a user of few rights;
//! - `shared`: the log that nodes share;
//! - `sqlite`: files that are reopened, read by others, corrupt, locked or not ours.

#[path = "../common/mod.rs"]
mod common;

/// Writes each test once and runs it on both stores, and has them at hand for others.
macro_rules! on_both_stores {
    ($($test:ident)*) => {
        mod redis {
            use super::*;
            $(#[tokio::test]
            async fn $test() {
                let server = RedisServer::start();
                super::$test(open(&server.url(), server.dir.path())).await;
            })*
        }
        mod sqlite {
            use super::*;
            $(#[tokio::test]
            async fn $test() {
                let dir = tempfile::tempdir().unwrap();
                super::$test(open("sqlite:test.db", dir.path())).await;
            })*
        }

        /// One after another, each on an empty store.
        pub async fn on_each(fresh: &(dyn Fn() -> Arc<dyn Upkeep> + Sync)) {
            $(
                println!("{}", stringify!($test));
                Box::pin($test(fresh())).await;
            )*
        }
    };
}

mod backfill;
mod cluster;
mod contract;
mod migrate;
mod random;
mod redis;
mod sentinel;
mod shared;
mod sqlite;
mod troubles;
mod upkeep;

use headcount::model::rollup::{Dimension, Metric, field};
use headcount::model::site::Day;
use headcount::model::{Batch, Events, VisitorHash};
use headcount::store::{Store, StoreUrl, Upkeep};
use std::path::Path;
use std::sync::Arc;

const SITE: &str = "example.com";

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn today() -> Day {
    day("2026-11-24")
}

fn open(url: &str, data_dir: &Path) -> Arc<dyn Upkeep> {
    let url: StoreUrl = url.parse().unwrap();
    headcount::store::open(&url, data_dir).unwrap()
}

/// An empty batch of today.
fn batch(node: &str, number: u64) -> Batch {
    Batch {
        site: SITE.into(),
        day: today(),
        node: node.into(),
        number,
        fields: Vec::new(),
        visitors: Vec::new(),
        confirmed: Vec::new(),
        events: Events::default(),
    }
}

/// One pageview of one visitor.
fn pageview(node: &str, number: u64) -> Batch {
    Batch {
        fields: vec![(field(Dimension::Page, "/", Metric::Server), 1)],
        visitors: visitors(1),
        confirmed: visitors(1),
        events: Events::from_iter([format!(r#"{{"node":"{node}","number":{number}}}"#)]),
        ..batch(node, number)
    }
}

/// As large as a batch may be.
fn full(node: &str, number: u64) -> Batch {
    Batch {
        fields: (0..1_000)
            .map(|i| (field(Dimension::Page, &format!("/page/{i}"), Metric::Server), i + 1))
            .collect(),
        visitors: visitors(1_000),
        confirmed: visitors(1_000),
        events: (0..1_000).map(|i| format!(r#"{{"i":{i}}}"#)).collect(),
        ..batch(node, number)
    }
}

fn visitors(n: u64) -> Vec<VisitorHash> {
    (0..n).map(|i| VisitorHash::from_stored(i.to_be_bytes())).collect()
}

/// Pageviews of `/` that the store has for today.
async fn stored(store: &dyn Store) -> i64 {
    let days = store.days(SITE, &[today()]).await.unwrap();
    days[0].row(Dimension::Page, "/").get(Metric::Server)
}
