//! `headcount import`: logs of other servers, by the real binary into real stores.
//!
//! - `formats`: each format, against a count by hand of the list that its log was written from;
//! - `again`: killed in mid-work, called again, given what it has had;
//! - `hostile`: lines that nobody would write but on purpose;
//! - `servers`: the log of a real nginx, beside what was counted live;
//! - `others`: logs of real Apache, Caddy and HAProxy;
//! - `goaccess`: the same log read by GoAccess, each difference by a rule;
//! - `totals`: what other programs have counted.

#[path = "../common/mod.rs"]
mod common;

mod again;
mod formats;
mod goaccess;
mod happened;
mod hostile;
mod others;
mod servers;
mod totals;

use common::redis::RedisServer;
use happened::{DAY, MONDAY, SITE, Sums};
use headcount::model::rollup::{Dimension, Metric};
use headcount::model::site::Day;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The import of logs in a folder, which is its data's too.
pub fn command(dir: &Path, store: &str, words: &[&str]) -> Command {
    command_in("UTC", dir, store, words)
}

/// The same, in a time zone.
pub fn command_in(zone: &str, dir: &Path, store: &str, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headcount"));
    command.env_clear().current_dir(dir).arg("import").stdin(Stdio::null());
    command.args(["--site", SITE, "--timezone", zone, "--store", store]).args(words);
    command
}

/// Runs what must go well; what it prints.
#[track_caller]
pub fn imported(dir: &Path, store: &str, words: &[&str]) -> String {
    let output = command(dir, store, words).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a store has, by day in UTC since [`MONDAY`].
pub fn stored(dir: &Path, store: &str) -> BTreeMap<i64, Sums> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = headcount::store::open(&store.parse().unwrap(), dir).unwrap();
    runtime.block_on(async {
        let mut all = BTreeMap::new();
        for on in store.kept(SITE).await.unwrap() {
            let counts = store.days(SITE, &[on]).await.unwrap().remove(0);
            let sum = |dimension, metric| -> i64 {
                counts.rows(dimension).map(|(_, row)| row.get(metric)).sum()
            };
            let total = counts.row(Dimension::Total, "");
            let page = |(name, row): (&str, headcount::model::rollup::Row)| {
                (name.to_owned(), row.get(Metric::Server))
            };
            let sums = Sums {
                views: total.get(Metric::Server),
                visitors: total.get(Metric::Visitors),
                visits: total.get(Metric::Visits),
                bounces: total.get(Metric::Bounces),
                bytes: sum(Dimension::Page, Metric::Bytes),
                robots: sum(Dimension::BotName, Metric::Responses),
                errors: sum(Dimension::ErrorPage, Metric::Responses),
                downloads: sum(Dimension::Download, Metric::Responses),
                feeds: sum(Dimension::Feed, Metric::Responses),
                pages: counts.rows(Dimension::Page).map(page).filter(|(_, n)| *n > 0).collect(),
            };
            if store.marker(SITE, on, "none").await.unwrap() == 0 && sums != Sums::default() {
                all.insert(place(on), sums);
            }
        }
        all
    })
}

fn place(on: Day) -> i64 {
    let at = on.and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp_millis();
    (at - MONDAY).div_euclid(DAY)
}

/// Both stores: a file in a folder, and a server.
pub fn both(mut test: impl FnMut(&Path, &str)) {
    let dir = tempfile::tempdir().unwrap();
    test(dir.path(), "sqlite:headcount.db");
    let (dir, redis) = (tempfile::tempdir().unwrap(), RedisServer::start());
    test(dir.path(), &redis.url());
}
