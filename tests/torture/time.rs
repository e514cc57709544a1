//! Clocks that jump, and days that end under load: headcount's clock and its store's alike, be that
//! SQLite or Redis.

use crate::common::false_time::FalseTime;
use crate::common::headcount::{Headcount, timezone};
use crate::common::load::Load;
use crate::common::redis::RedisServer;
use crate::common::wait_for;
use crate::ledger::{Day, Ledger};
use crate::people::People;
use crate::sqlite::{STORE, in_file};
use crate::{all_delivered, flags, in_redis, times};
use headcount::clock::{Clock, HOUR, MINUTE, Millis, SECOND};
use headcount::model::site::{Month, Site};

/// What keeps the counts.
#[derive(Debug, Clone, Copy)]
enum Keeper {
    Sqlite,
    Redis,
}

/// Both stores in turn, so many times.
fn rounds(few: usize, all: usize) -> impl Iterator<Item = Keeper> {
    (0..times(few, all)).flat_map(|_| [Keeper::Sqlite, Keeper::Redis])
}

/// Everything that a case needs, under one false time.
struct Stage {
    time: FalseTime,
    _load: Load,
    headcount: Headcount,
    /// Where it is the store.
    redis: Option<RedisServer>,
}

impl Stage {
    fn new(keeper: Keeper, ahead: Millis) -> Self {
        let time = FalseTime::new();
        time.set(ahead);
        let wrapper = time.wrapper();
        let redis = match keeper {
            Keeper::Sqlite => None,
            Keeper::Redis => Some(RedisServer::start_wrapped(&wrapper, &["--appendonly", "no"])),
        };
        let store = redis.as_ref().map_or_else(|| STORE.to_owned(), RedisServer::url);
        let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
        let load = Load::new();
        let mut headcount = Headcount::prepare(&load.url(), &flags(&store, &[]));
        headcount.wrap(&wrapper);
        headcount.start_again();
        let stage = Self { time, _load: load, headcount, redis };
        stage.agrees(ahead);
        stage
    }

    /// So much ahead of the true time from now on.
    fn jump(&self, ahead: Millis) {
        self.time.set(ahead);
        self.agrees(ahead);
    }

    /// Redis shows the false time.
    fn agrees(&self, ahead: Millis) {
        let Some(redis) = &self.redis else { return };
        let (seconds, _): (Millis, Millis) = redis.command(&["TIME"]);
        let off = seconds * SECOND - ahead - Clock::system().now();
        assert!(off.abs() < MINUTE, "{off} ms off");
    }

    fn browse(&self, views: usize) -> Ledger {
        let people = People::start(self.headcount.site(), 1, 4);
        people.wait_for(views);
        people.stop()
    }

    fn days(&self) -> Vec<Day> {
        all_delivered(&self.headcount);
        match &self.redis {
            Some(redis) => in_redis(redis),
            None => in_file(&self.headcount.data_dir()),
        }
    }

    /// All is stored and equals the ledger.
    fn settle(&self, case: &str, ledger: &Ledger) {
        let store = if self.redis.is_some() { "Redis" } else { "SQLite" };
        ledger.check(&format!("{store}, {case}"), 1, &self.days());
    }
}

#[test]
fn forward_25_hours() {
    for keeper in rounds(1, 5) {
        let stage = Stage::new(keeper, 0);
        let mut ledger = stage.browse(100);
        stage.jump(25 * HOUR);
        ledger.later(stage.browse(100));
        stage.settle("clock 25 h forward", &ledger);
    }
}

/// With a kill after the jump: what is read back is of an earlier day.
#[test]
fn forward_25_hours_and_a_kill() {
    for keeper in rounds(1, 5) {
        let mut stage = Stage::new(keeper, 0);
        let mut ledger = stage.browse(100);
        stage.jump(25 * HOUR);
        stage.headcount.kill();
        stage.headcount.start_again();
        ledger.later(stage.browse(100));
        stage.settle("clock 25 h forward, kill -9", &ledger);
    }
}

/// The same pages, visitors and visits: for who came before, the visit goes on.
#[test]
fn back_1_hour() {
    for keeper in rounds(1, 5) {
        let stage = Stage::new(keeper, 0);
        let people = People::start(stage.headcount.site(), 1, 4);
        people.wait_for(100);
        stage.jump(-HOUR);
        people.wait_for(100);
        stage.settle("clock 1 h back", &people.stop());
    }
}

/// A month ends while people browse, and headcount dies on both sides of midnight.
#[test]
fn midnight_at_a_months_end() {
    let site = Site { timezone: timezone().parse().unwrap(), ..Site::default() };
    for keeper in rounds(1, 5) {
        let now = Clock::system().now();
        let last = Month::of(site.day(now)).last();
        let midnight = site.day_start(last.succ_opt().unwrap());
        let ahead = midnight - 2 * SECOND - now;
        let mut stage = Stage::new(keeper, ahead);
        let people = People::start(stage.headcount.site(), 1, 4);
        people.wait_for(20);
        for moment in [midnight - SECOND, midnight + SECOND] {
            wait_for("the moment", || (Clock::system().now() + ahead >= moment).then_some(()));
            stage.headcount.kill();
            stage.headcount.start_again();
            people.go_to(stage.headcount.site());
        }
        people.wait_for(100);
        stage.settle("midnight at a month's end", &people.stop());
        assert_eq!(stage.days().len(), 2, "it was not midnight");
    }
}

/// A Redis that lost more than is remembered, two minutes' worth: what is gone is said so, once,
/// and nothing is stuck.
#[test]
fn redis_loses_more_than_is_remembered() {
    let mut stage = Stage::new(Keeper::Redis, 0);
    let lost = stage.browse(50);
    all_delivered(&stage.headcount);
    stage.time.set(3 * MINUTE);
    let forgotten = stage.browse(50);
    all_delivered(&stage.headcount);
    stage.redis.as_mut().unwrap().restart();
    let gaps = "headcount_events_dropped_total{reason=\"gap\"}";
    wait_for("the gap to be seen", || {
        stage.headcount.admin_get("/readyz");
        (stage.headcount.metric(gaps) == 1).then_some(())
    });
    let after = stage.browse(50);
    let days = stage.days();
    assert_eq!(stage.headcount.metric(gaps), 1);
    let told = after.check_pages("what comes after a gap", &days, 1);
    println!("case more lost than is remembered: 1 times, told {told} after it, difference 0");
    lost.check_pages("what was lost", &days, 0);
    forgotten.check_pages("what was forgotten", &days, 0);
    assert!(stage.headcount.log().contains("going on without them"), "{}", stage.headcount.log());
}
