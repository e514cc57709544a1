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

use headcount::aggregate::Recount;
use headcount::model::block::RowBuilder;
use headcount::model::rollup::{Dimension, Metric, field};
use headcount::model::row::{EventRow, Flags, Kind, RowVisit, RowsOf};
use headcount::model::site::{Day, Site};
use headcount::model::{Batch, PackedRows, VisitorHash};
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

/// Of today.
const NOON: i64 = 1_795_521_600_000;

fn site() -> Site {
    Site { name: SITE.into(), hosts: Vec::new(), timezone: chrono_tz::UTC, ..Site::default() }
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
        people: PackedRows::default(),
        others: PackedRows::default(),
    }
}

/// One pageview of one visitor.
fn pageview(node: &str, number: u64) -> Batch {
    Batch {
        fields: vec![(field(Dimension::Page, "/", Metric::Server), 1)],
        visitors: visitors(1),
        confirmed: visitors(1),
        people: rows(Kind::View, [format!("/{node}/{number}")]),
        others: rows(Kind::Bot, [format!("/{node}/{number}")]),
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
        people: rows(Kind::View, (0..1_000).map(|i| format!("/page/{i}"))),
        others: rows(Kind::Bot, (0..1_000).map(|i| format!("/bot/{i}"))),
        ..batch(node, number)
    }
}

/// A pageview of a visitor of its own, and one of a bot, with all that their rows add.
fn view(number: u64) -> Batch {
    let visitor = VisitorHash::from_stored(number.to_be_bytes());
    let of = RowVisit { visitor: Some(visitor), ..RowVisit::default() };
    let flags = Flags::SERVER.with(Flags::CONFIRMED);
    let row = EventRow { flags, ..EventRow::new(NOON, Kind::View, of.into(), "/".into()) };
    let bot = EventRow {
        name: "Bot".into(),
        ..EventRow::new(NOON, Kind::Bot, Arc::default(), "/".into())
    };
    let site = site();
    let mut recount = Recount::new(&site, today(), 1_000);
    recount.count(&row);
    recount.count(&bot);
    let added = recount.finish().rows;
    let fields = added.iter().flat_map(|((dimension, value), row)| {
        row.counts().map(|(metric, n)| (field(*dimension, value, metric), n))
    });
    Batch {
        fields: fields.collect(),
        visitors: vec![visitor],
        confirmed: vec![visitor],
        people: pack(&[row]),
        others: pack(&[bot]),
        ..batch("n", number)
    }
}

/// Rows as they are delivered.
fn pack<'r>(rows: impl IntoIterator<Item = &'r EventRow>) -> PackedRows {
    let mut packed = RowBuilder::default();
    rows.into_iter().for_each(|row| packed.push(row));
    PackedRows::from(&packed.finish())
}

/// Rows of one kind that say on which pages.
fn rows(kind: Kind, pages: impl IntoIterator<Item = impl Into<Arc<str>>>) -> PackedRows {
    let row = |page: Arc<str>| EventRow::new(NOON, kind, Arc::default(), page);
    let rows: Vec<_> = pages.into_iter().map(|page| row(page.into())).collect();
    pack(&rows)
}

/// Pages of a day's stored rows, oldest first.
async fn pages(store: &dyn Store, site: &str, day: Day, of: RowsOf) -> Vec<String> {
    let stored = store.rows(site, day, of).await.unwrap();
    assert_eq!(stored.foreign, 0);
    let blocks = stored.blocks.iter().map(|packed| packed.block().unwrap());
    blocks
        .flat_map(|block| block.rows().map(|row| row.page.to_string()).collect::<Vec<_>>())
        .collect()
}

fn visitors(n: u64) -> Vec<VisitorHash> {
    (0..n).map(|i| VisitorHash::from_stored(i.to_be_bytes())).collect()
}

/// Pageviews of `/` that the store has for today.
async fn stored(store: &dyn Store) -> i64 {
    let days = store.days(SITE, &[today()]).await.unwrap();
    days[0].row(Dimension::Page, "/").get(Metric::Server)
}
