//! Clocks that jump, and days that end under load. The store is SQLite, so that it sees the same
//! false time (Debian's Redis does not start with one).

use crate::common::headcount::{Headcount, timezone};
use crate::common::load::Load;
use crate::common::redis::RedisServer;
use crate::common::wait_for;
use crate::ledger::Ledger;
use crate::people::People;
use crate::sqlite::{STORE, in_file, settle};
use crate::{all_delivered, flags, in_redis, times};
use headcount::clock::{Clock, HOUR, MINUTE, Millis, SECOND};
use headcount::site::{Month, Site};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A clock for several processes that runs, and is set while they do.
struct FalseTime {
    file: PathBuf,
    _dir: TempDir,
}

impl FalseTime {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let time = Self { file: dir.path().join("time"), _dir: dir };
        time.set(0);
        time
    }

    /// So much ahead of the true time from now on.
    fn set(&self, ahead: Millis) {
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{:+.3}", ahead as f64 / 1_000.0)).unwrap();
        std::fs::rename(new, &self.file).unwrap();
    }

    /// What makes a program believe it. Only what clocks show: waiting takes as long as it does.
    fn wrapper(&self) -> Vec<String> {
        let library = std::fs::read_dir("/usr/lib").unwrap();
        let library =
            library.map(|entry| entry.unwrap().path().join("faketime/libfaketimeMT.so.1"));
        let library = library.into_iter().find(|path| path.exists());
        let library = library.expect("Debian's faketime");
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        vec![
            "env".to_owned(),
            format!("LD_PRELOAD={}", text(&library)),
            format!("FAKETIME_TIMESTAMP_FILE={}", text(&self.file)),
            "FAKETIME_NO_CACHE=1".to_owned(),
            "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
        ]
    }
}

/// Everything that a case needs, under one false time.
struct Stage {
    time: FalseTime,
    _load: Load,
    headcount: Headcount,
}

impl Stage {
    fn new(ahead: Millis) -> Self {
        Self::with(STORE, ahead)
    }

    fn with(store: &str, ahead: Millis) -> Self {
        let time = FalseTime::new();
        time.set(ahead);
        let wrapper = time.wrapper();
        let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
        let load = Load::new();
        let mut headcount = Headcount::prepare(&load.url(), &flags(store, &[]));
        headcount.wrap(&wrapper);
        headcount.start_again();
        Self { time, _load: load, headcount }
    }

    fn browse(&self, views: usize) -> Ledger {
        let people = People::start(self.headcount.site(), 1, 4);
        people.wait_for(views);
        people.stop()
    }
}

#[test]
fn forward_25_hours() {
    let times = times(1, 5);
    for _ in 0..times {
        let stage = Stage::new(0);
        let mut ledger = stage.browse(100);
        stage.time.set(25 * HOUR);
        ledger.later(stage.browse(100));
        settle("clock 25 h forward", 1, &stage.headcount, &ledger);
    }
}

/// With a kill after the jump: what is read back is of an earlier day.
#[test]
fn forward_25_hours_and_a_kill() {
    let times = times(1, 5);
    for _ in 0..times {
        let mut stage = Stage::new(0);
        let mut ledger = stage.browse(100);
        stage.time.set(25 * HOUR);
        stage.headcount.kill();
        stage.headcount.start_again();
        ledger.later(stage.browse(100));
        settle("clock 25 h forward, kill -9", 1, &stage.headcount, &ledger);
    }
}

/// The same pages, visitors and visits: for who came before, the visit goes on.
#[test]
fn back_1_hour() {
    let times = times(1, 5);
    for _ in 0..times {
        let stage = Stage::new(0);
        let people = People::start(stage.headcount.site(), 1, 4);
        people.wait_for(100);
        stage.time.set(-HOUR);
        people.wait_for(100);
        settle("clock 1 h back", 1, &stage.headcount, &people.stop());
    }
}

/// A month ends while people browse, and headcount dies on both sides of midnight.
#[test]
fn midnight_at_a_months_end() {
    let site = Site { timezone: timezone().parse().unwrap(), ..Site::default() };
    let times = times(1, 5);
    for _ in 0..times {
        let now = Clock::system().now();
        let last = Month::of(site.day(now)).last();
        let midnight = site.day_start(last.succ_opt().unwrap());
        let mut stage = Stage::new(midnight - 2 * SECOND - now);
        let ahead = midnight - 2 * SECOND - now;
        let people = People::start(stage.headcount.site(), 1, 4);
        people.wait_for(20);
        for moment in [midnight - SECOND, midnight + SECOND] {
            wait_for("the moment", || (Clock::system().now() + ahead >= moment).then_some(()));
            stage.headcount.kill();
            stage.headcount.start_again();
            people.go_to(stage.headcount.site());
        }
        people.wait_for(100);
        settle("midnight at a month's end", 1, &stage.headcount, &people.stop());
        assert_eq!(in_file(&stage.headcount.data_dir()).len(), 2, "it was not midnight");
    }
}

/// A Redis that lost more than is remembered, two minutes' worth: what is gone is said so, once, and
/// nothing is stuck.
#[test]
fn redis_loses_more_than_is_remembered() {
    let mut redis = RedisServer::start();
    let stage = Stage::with(&redis.url(), 0);
    let lost = stage.browse(50);
    all_delivered(&stage.headcount);
    stage.time.set(3 * MINUTE);
    let forgotten = stage.browse(50);
    all_delivered(&stage.headcount);
    redis.restart();
    let gaps = "headcount_events_dropped_total{reason=\"gap\"}";
    wait_for("the gap to be seen", || {
        stage.headcount.admin_get("/readyz");
        (stage.headcount.metric(gaps) == 1).then_some(())
    });
    let after = stage.browse(50);
    all_delivered(&stage.headcount);
    assert_eq!(stage.headcount.metric(gaps), 1);
    let days = in_redis(&redis);
    let told = after.check_pages("what comes after a gap", &days, 1);
    println!("case more lost than is remembered: 1 times, told {told} after it, difference 0");
    lost.check_pages("what was lost", &days, 0);
    forgotten.check_pages("what was forgotten", &days, 0);
    assert!(stage.headcount.log().contains("going on without them"), "{}", stage.headcount.log());
}
