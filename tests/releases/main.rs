//! What a released version left behind is delivered by this one.
//!
//! Each folder is what a release's own program wrote: a `data_dir` (each file compressed), and in
//! `counts.json` all counts that the same program then delivered from it. Folders are added, never
//! made again.
//!
//! - `2026-11/alone`: ended while its store, a Redis, was away;
//! - `2026-11/shared`: the same with `shared_sessions`;
//! - `2026-11/killed`: killed with `kill -9`, with its SQLite file.

#[path = "../common/mod.rs"]
mod common;

use common::headcount::{Headcount, SITE};
use common::redis::RedisServer;
use common::wait_for;
use flate2::read::GzDecoder;
use headcount::clock::Clock;
use headcount::journal;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Counts by their fields, without zeros.
type Counts = BTreeMap<String, i64>;

/// The day of all that happened, in UTC.
const DAY: &str = "2026-11-29";

const FLAGS: [&str; 4] = ["--flush-interval", "100ms", "--timezone", "UTC"];

fn release(case: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/releases/2026-11").join(case)
}

/// Puts the files of a case where a program finds them.
fn unpack(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            unpack(&path, &to.join(path.file_name().unwrap()));
        } else if path.extension().is_some_and(|ext| ext == "gz") {
            let mut file = File::create(to.join(path.file_stem().unwrap())).unwrap();
            std::io::copy(&mut GzDecoder::new(File::open(&path).unwrap()), &mut file).unwrap();
        }
    }
}

fn expected(case: &str) -> Counts {
    serde_json::from_reader(File::open(release(case).join("counts.json")).unwrap()).unwrap()
}

/// What later versions count besides.
const NEWER: [&str; 1] = ["first_seen\u{1f}"];

fn assert_counts(got: &Counts, expected: &Counts) {
    let newer = |key: &String| NEWER.iter().any(|dimension| key.starts_with(dimension));
    let wrong: Vec<String> = expected
        .keys()
        .chain(got.keys().filter(|key| !expected.contains_key(*key) && !newer(key)))
        .filter(|key| got.get(*key) != expected.get(*key))
        .map(|key| format!("{key:?}: {:?}, expected {:?}", got.get(key), expected.get(key)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The same of what is counted by this version's rules, which may have more to say of a hit.
fn assert_counts_at_least(mut got: Counts, expected: &Counts) {
    got.retain(|field, _| expected.contains_key(field));
    assert_counts(&got, expected);
}

fn in_redis(redis: &RedisServer) -> Counts {
    let key = format!("visits:daily:{{{SITE}:{DAY}}}");
    let fields: Vec<(String, i64)> = redis.command(&["HGETALL", &key]);
    let count = |(field, n): &(String, i64)| {
        *n != 0 && field != "version" && !field.starts_with("marker\u{1f}")
    };
    fields.into_iter().filter(count).collect()
}

fn in_sqlite(file: &Path) -> Counts {
    let database = rusqlite::Connection::open(file).unwrap();
    let all = "SELECT dimension, value, metric, count FROM daily WHERE count <> 0 AND day = ?";
    let mut all = database.prepare(all).unwrap();
    let row = |row: &rusqlite::Row<'_>| {
        let [dimension, value, metric]: [String; 3] = [row.get(0)?, row.get(1)?, row.get(2)?];
        Ok((format!("{dimension}\u{1f}{value}\u{1f}{metric}"), row.get(3)?))
    };
    all.query_map([DAY], row).unwrap().map(Result::unwrap).collect()
}

fn nothing_is_set_aside(headcount: &Headcount) {
    let log = headcount.log();
    assert!(!log.contains("set aside") && !log.contains(" ERROR "), "{log}");
}

#[test]
fn increments_that_waited_for_the_store_are_delivered() {
    let redis = RedisServer::start_durable();
    let store = redis.url();
    let data = tempfile::tempdir().unwrap();
    unpack(&release("alone"), data.path());
    let flags = [&FLAGS[..], &["--store", &store]].concat();
    let mut headcount = Headcount::start_in("http://127.0.0.1:9", data.path(), &flags);
    let delivered = || (headcount.metric("headcount_unflushed_events") == 0).then_some(());
    wait_for("all to be delivered", delivered);
    nothing_is_set_aside(&headcount);
    assert_counts(&in_redis(&redis), &expected("alone"));
    // Its events, which said what they added, are let go: nobody could read them.
    let lists = ["events", "others"].map(|list| format!("visits:{list}:{{{SITE}:{DAY}}}"));
    for list in lists {
        assert!(!redis.keys().contains(&list), "{list}");
    }
    // And once, whatever is left on disk.
    headcount.kill();
    headcount.start_again();
    headcount.term();
    assert_counts(&in_redis(&redis), &expected("alone"));
    nothing_is_set_aside(&headcount);
}

#[test]
fn hits_that_waited_for_the_log_of_all_nodes_are_delivered() {
    let redis = RedisServer::start_durable();
    let store = redis.url();
    let data = tempfile::tempdir().unwrap();
    unpack(&release("shared"), data.path());
    let flags = [&FLAGS[..], &["--store", &store, "--shared-sessions"]].concat();
    let mut headcount = Headcount::start_in("http://127.0.0.1:9", data.path(), &flags);
    wait_for("all to be counted", || {
        let waits = ["headcount_unflushed_events", "headcount_uncounted_events"];
        waits.iter().all(|wait| headcount.metric(wait) == 0).then_some(())
    });
    headcount.term();
    nothing_is_set_aside(&headcount);
    let got = in_redis(&redis);
    assert!(!got.is_empty(), "none are counted; {:?}\n{}", redis.keys(), headcount.log());
    assert_counts_at_least(got, &expected("shared"));
}

#[test]
fn hits_that_were_only_in_the_journal_are_counted() {
    let data = tempfile::tempdir().unwrap();
    unpack(&release("killed"), data.path());
    let file = data.path().join("headcount.db");
    let before: i64 = in_sqlite(&file)["total\u{1f}\u{1f}server"];
    let mut headcount = Headcount::start_in("http://127.0.0.1:9", data.path(), &FLAGS);
    headcount.term();
    nothing_is_set_aside(&headcount);
    let got = in_sqlite(&file);
    assert!(got["total\u{1f}\u{1f}server"] > before, "some had not been counted");
    assert_counts_at_least(got, &expected("killed"));
    headcount.start_again();
    headcount.term();
    assert_counts_at_least(in_sqlite(&file), &expected("killed"));
}

/// Hits that waited for hours are looked after like others: who was to count them may die.
#[test]
fn hits_that_waited_long_are_counted_when_the_node_that_led_is_gone() {
    let redis = RedisServer::start_durable();
    let store = redis.url();
    let data = tempfile::tempdir().unwrap();
    unpack(&release("shared"), data.path());
    let now = Clock::system().now();
    let marks = format!("visits:marks:{:x}:{{{SITE}}}", journal::format());
    let lease = format!("another {}", now + 4_000);
    redis.command::<i64>(&["HSET", &marks, "lease", &lease]);
    let flags = [&FLAGS[..], &["--store", &store, "--shared-sessions"]].concat();
    let mut headcount = Headcount::start_in("http://127.0.0.1:9", data.path(), &flags);
    let metric = |name: &str| headcount.metric(name);
    wait_for("all to be delivered", || (metric("headcount_unflushed_events") == 0).then_some(()));
    assert!(metric("headcount_uncounted_events") > 0, "another still leads");
    wait_for("all to be counted", || (metric("headcount_uncounted_events") == 0).then_some(()));
    headcount.term();
    nothing_is_set_aside(&headcount);
    assert_counts_at_least(in_redis(&redis), &expected("shared"));
}
