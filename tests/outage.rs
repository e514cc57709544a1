//! Nothing is lost and nobody waits, whatever becomes of the store or of the process.
//!
//! - 20,000 pageviews over 64 connections, then SIGTERM at once: exactly 20,000 stored;
//! - SIGTERM in the midst of them: what was on its way to the website is answered and stored;
//! - redis-server killed, or standing still, for the middle third: no request fails or waits for
//!   it, what waits for it is told, and exactly 20,000 are stored after it is back;
//! - the outbox overflows: what is stored and what was dropped are all that were sent;
//! - a store that is away at the start: one line, and all counts once it is there.

mod common;

use common::headcount::{Headcount, SITE, today};
use common::load::{Load, Seen};
use common::redis::RedisServer;
use common::wait_for;
use std::time::Duration;

const PAGEVIEWS: usize = 6_000;
const CONNECTIONS: usize = 64;

/// Longer than this, and it was not the website that one waited for.
const PATIENCE: Duration = Duration::from_secs(2);

const UNFLUSHED: &str = "headcount_unflushed_events";
const OVERFLOWN: &str = "headcount_events_dropped_total{reason=\"outbox_full\"}";

fn a_hundred_pages(number: usize) -> String {
    format!("/page/{}", number % 100)
}

/// Every tenth takes its time.
fn some_slow_pages(number: usize) -> String {
    match number % 10 {
        0 => format!("/slow/{}", number % 100),
        _ => a_hundred_pages(number),
    }
}

fn a_page_each(number: usize) -> String {
    format!("/page/{number}")
}

fn start(load: &Load, store: &str, flush: &str, more: &[&str]) -> Headcount {
    let mut flags =
        vec!["--store", store, "--flush-interval", flush, "--trusted-proxies", "127.0.0.1"];
    flags.extend(more);
    Headcount::start(&load.url(), &flags)
}

/// What redis-server itself has of today's pageviews.
fn in_redis(redis: &RedisServer) -> usize {
    let key = format!("visits:daily:{{{SITE}:{}}}", today());
    redis.command::<Option<usize>>(&["HGET", &key, "total\u{1f}\u{1f}server"]).unwrap_or_default()
}

/// What the file has, read without the program.
fn in_sqlite(headcount: &Headcount) -> usize {
    let file = headcount.data_dir().join("headcount.db");
    let sql = "SELECT count FROM daily WHERE dimension = 'total' AND metric = 'server'";
    rusqlite::Connection::open(file).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

#[track_caller]
fn nobody_noticed(what: &str, seen: &Seen) {
    println!("{what}: the slowest took {:?}", seen.slowest);
    assert!(seen.failed.is_empty(), "{what}: {} failed, {:?}", seen.failed.len(), seen.failed[0]);
    assert!(seen.slowest < PATIENCE, "{what}: {:?}", seen.slowest);
}

/// All pageviews, and SIGTERM as soon as the last was answered; all in the last flush.
fn all_then_term(store: &str, stored: impl Fn(&Headcount) -> usize) {
    let load = Load::new();
    let mut headcount = start(&load, store, "1h", &[]);
    let visitors = load.start(headcount.site(), CONNECTIONS, a_hundred_pages);
    visitors.let_in(PAGEVIEWS);
    nobody_noticed("all", &visitors.settle());
    headcount.term();
    assert_eq!(visitors.end(), PAGEVIEWS);
    assert_eq!(stored(&headcount), PAGEVIEWS);
    headcount.start_again();
    assert_eq!(headcount.total("pageviews"), PAGEVIEWS as i64);
    // Hits that wait for the store are none any more, and none was forgotten or counted twice.
    assert_eq!(headcount.metric(UNFLUSHED), 0);
}

#[test]
fn sigterm_after_the_last_answer_loses_nothing_in_sqlite() {
    all_then_term("sqlite:headcount.db", in_sqlite);
}

#[test]
fn sigterm_after_the_last_answer_loses_nothing_in_redis() {
    let redis = RedisServer::start();
    all_then_term(&redis.url(), |_| in_redis(&redis));
}

#[test]
fn sigterm_amid_requests_loses_none_that_was_on_its_way() {
    let load = Load::new();
    let mut headcount = start(&load, "sqlite:headcount.db", "100ms", &[]);
    let visitors = load.start(headcount.site(), CONNECTIONS, some_slow_pages);
    visitors.let_in(PAGEVIEWS);
    wait_for("some answers", || (visitors.answered() > PAGEVIEWS / 20).then_some(()));
    headcount.term();
    visitors.settle();
    let answered = visitors.end();
    assert!(answered < PAGEVIEWS, "too late to be amid requests");
    assert_eq!(answered, load.reached());
    assert_eq!(in_sqlite(&headcount), answered);
}

/// The middle third of all pageviews comes while the store is `gone`.
fn outage(gone: fn(&mut RedisServer), back: fn(&mut RedisServer)) {
    let mut redis = RedisServer::start_durable();
    let load = Load::new();
    let mut headcount = start(&load, &redis.url(), "100ms", &[]);
    let visitors = load.start(headcount.site(), CONNECTIONS, a_hundred_pages);
    let third = PAGEVIEWS / 3;

    visitors.let_in(third);
    nobody_noticed("before", &visitors.settle());
    gone(&mut redis);
    visitors.let_in(third);
    nobody_noticed("during", &visitors.settle());
    let waiting = headcount.metric(UNFLUSHED);
    assert!(waiting >= third as i64, "only {waiting} wait");
    back(&mut redis);
    visitors.let_in(PAGEVIEWS - 2 * third);
    nobody_noticed("after", &visitors.settle());

    wait_for("all to be flushed", || (headcount.metric(UNFLUSHED) == 0).then_some(()));
    assert_eq!(in_redis(&redis), PAGEVIEWS);
    assert_eq!(headcount.total("pageviews"), PAGEVIEWS as i64);
    assert_eq!(headcount.metric("headcount_pageviews_total"), PAGEVIEWS as i64);
    headcount.term();
    assert_eq!(in_redis(&redis), PAGEVIEWS, "the last flush says nothing twice");
}

#[test]
fn nobody_notices_a_redis_that_is_killed() {
    outage(RedisServer::kill, RedisServer::restart);
}

#[test]
fn nobody_notices_a_redis_that_stands_still() {
    outage(|redis| redis.freeze(), |redis| redis.thaw());
}

#[test]
fn what_an_outbox_cannot_hold_is_counted_as_dropped() {
    let mut redis = RedisServer::start_durable();
    let load = Load::new();
    let headcount = start(&load, &redis.url(), "50ms", &["--limits-outbox", "1MB"]);
    let visitors = load.start(headcount.site(), CONNECTIONS, a_page_each);
    redis.kill();
    let pageviews = 3 * PAGEVIEWS;
    visitors.let_in(pageviews);
    nobody_noticed("during", &visitors.settle());
    wait_for("the outbox to overflow", || (headcount.metric(OVERFLOWN) > 0).then_some(()));
    redis.restart();
    wait_for("all to be flushed", || (headcount.metric(UNFLUSHED) == 0).then_some(()));

    let (stored, dropped) = (in_redis(&redis), headcount.metric(OVERFLOWN) as usize);
    println!("{stored} stored, {dropped} dropped");
    assert!(stored > 0 && dropped > 0);
    assert_eq!(stored + dropped, pageviews);
    assert_eq!(headcount.total("pageviews"), stored as i64);
    assert!(headcount.log().contains("limits.outbox"), "{}", headcount.log());
}

#[test]
fn a_store_that_is_away_at_the_start_is_one_line_and_no_obstacle() {
    let mut redis = RedisServer::start_durable();
    redis.stop();
    let load = Load::new();
    let headcount = start(&load, &redis.url(), "100ms", &[]);
    let log = headcount.log();
    let warnings: Vec<&str> = log.lines().filter(|l| !l.contains(" INFO ")).collect();
    assert_eq!(warnings.len(), 1, "{log}");
    let (url, line) = (redis.url(), warnings[0]);
    assert!(
        line.contains("WARN") && line.contains(&url) && line.contains("trying again"),
        "{line}"
    );
    assert_eq!(headcount.admin_get("/readyz").status, 503);

    let visitors = load.start(headcount.site(), CONNECTIONS, a_hundred_pages);
    visitors.let_in(1_000);
    nobody_noticed("without a store", &visitors.settle());
    assert_eq!(headcount.metric(UNFLUSHED), 1_000);
    redis.restart();
    wait_for("all to be flushed", || (headcount.metric(UNFLUSHED) == 0).then_some(()));
    assert_eq!(in_redis(&redis), 1_000);
    assert_eq!(headcount.total("pageviews"), 1_000);
    // Of the flushes that failed, one line in a minute.
    let warnings = headcount.log().lines().filter(|l| l.contains(" WARN ")).count();
    assert!(warnings <= 2, "{}", headcount.log());
}
