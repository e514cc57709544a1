//! SIGQUIT hands the site over to a new process: nobody is turned away, and what is counted, visits
//! and visitors too, comes out as if there had been one.

use super::common::headcount::{Headcount, SITE};
use super::common::load::Load;
use super::common::redis::RedisServer;
use super::common::wait_for;
use super::crowd::{Crowd, compare};
use nix::sys::signal::Signal;
use std::time::Duration;

/// What waits in the listening socket's queue until the new process takes it.
const PATIENCE: Duration = Duration::from_secs(5);

fn twice(store: &str) {
    let load = Load::new();
    let flags = ["--store", store, "--flush-interval", "100ms", "--trusted-proxies", "127.0.0.1"];
    let mut headcount = Headcount::start(&load.url(), &flags);
    // Some are answered only when the new process is at work already.
    let crowd = Crowd::enter(headcount.site(), 4);
    for _ in 0..2 {
        crowd.more(2_000);
        headcount.upgrade();
    }
    crowd.more(2_000);
    assert!(compare(crowd, &headcount) < PATIENCE);
    let log = headcount.log();
    assert!(!log.contains("without a journal") && !log.contains("will be cut"), "{log}");
    assert_eq!(headcount.metric("headcount_journal_on"), 1);
}

#[test]
fn under_load_twice_on_sqlite() {
    twice("sqlite:headcount.db");
}

#[test]
fn under_load_twice_on_redis() {
    let redis = RedisServer::start();
    twice(&redis.url());
}

#[test]
fn what_the_store_does_not_have_yet_goes_along() {
    let mut redis = RedisServer::start_durable();
    let load = Load::new();
    let url = redis.url();
    let flags = ["--store", &url, "--flush-interval", "100ms", "--trusted-proxies", "127.0.0.1"];
    let mut headcount = Headcount::start(&load.url(), &flags);
    let crowd = Crowd::enter(headcount.site(), 0);
    crowd.more(500);
    redis.stop();
    crowd.more(500);
    headcount.upgrade();
    crowd.more(500);
    assert!(headcount.metric("headcount_unflushed_events") > 500);
    redis.restart();
    // A new process does not know the day's salt before the store tells: visitors count anew.
    let (answered, _, _) = crowd.leave();
    wait_for("all to be flushed", || {
        (headcount.metric("headcount_unflushed_events") == 0).then_some(())
    });
    assert_eq!(headcount.total("pageviews"), answered);
}

#[test]
fn without_a_successor_it_stays() {
    let load = Load::new();
    let headcount = Headcount::start(&load.url(), &["--flush-interval", "100ms"]);
    // One that waited has died.
    for left in ["upgrade", "successor"] {
        let file = headcount.data_dir().join(format!("headcount-{SITE}.{left}"));
        std::fs::write(file, "").unwrap();
    }
    headcount.signal(Signal::SIGQUIT);
    wait_for("a line that says so", || headcount.log().contains("--upgrade").then_some(()));
    let crowd = Crowd::enter(headcount.site(), 0);
    crowd.more(100);
    crowd.leave();
}

#[test]
fn a_successor_that_cannot_start_takes_nothing() {
    let load = Load::new();
    let headcount = Headcount::start(&load.url(), &[]);
    let said = headcount.refused(&["--upgrade", "--store", "sqlite:/nowhere/headcount.db"]);
    assert!(said.contains("/nowhere/headcount.db"), "{said}");
    headcount.signal(Signal::SIGQUIT);
    wait_for("a line that says so", || headcount.log().contains("--upgrade").then_some(()));
    let crowd = Crowd::enter(headcount.site(), 0);
    crowd.more(100);
    crowd.leave();
}
