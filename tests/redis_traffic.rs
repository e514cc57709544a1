//! What the program asks of a Redis that is billed by the command, seen by the server itself.
//!
//! - a flush of one (site, day) with up to 1,000 fields: at most 10 commands, those inside the
//!   script included, for the last flush and for one in mid-run;
//! - where sessions are shared, 5 on each node and 18 more on the one that counts;
//! - nothing to say, nothing sent: not one command in a minute in which nobody comes, nor from
//!   nodes that share sessions; but at the turn of an hour, when blocks of event rows are looked
//!   at;
//! - a year is read in pipelines of at most 500 commands, and read again with nothing but questions
//!   for versions.

mod common;

use chrono::Days;
use common::headcount::{Headcount, SITE, today};
use common::http::{self, FIREFOX, NAVIGATION};
use common::load::Load;
use common::redis::RedisServer;
use common::relay::Relay;
use common::wait_for;
use headcount::clock::{Clock, HOUR};
use headcount::model::rollup::{Dimension, Metric, field};
use headcount::model::{Batch, PackedRows};
use std::time::{Duration, Instant};

/// Commands of a flush, at most.
const PER_FLUSH: u64 = 10;

/// Where sessions are shared, for a node that counts for all.
const PER_SHARED_FLUSH: u64 = 5 + 18;

fn start_sharing(load: &Load, redis: &RedisServer, flush: &str) -> Headcount {
    let store = redis.url();
    let flags = ["--store", &store, "--flush-interval", flush, "--shared-sessions"];
    Headcount::start(&load.url(), &flags)
}

fn start(load: &Load, url: &str, flush: &str) -> Headcount {
    let flags = ["--store", url, "--flush-interval", flush, "--trusted-proxies", "127.0.0.1"];
    Headcount::start(&load.url(), &flags)
}

/// One visitor opens so many pages, each another.
fn browse(headcount: &Headcount, pages: std::ops::Range<usize>) {
    let mut headers = vec![("Host", SITE), ("User-Agent", FIREFOX)];
    headers.extend(NAVIGATION);
    for page in pages {
        assert_eq!(http::get(headcount.site(), &format!("/{page}"), &headers).status, 200);
    }
}

fn fields(redis: &RedisServer) -> usize {
    redis.command(&["HLEN", &format!("visits:daily:{{{SITE}:{}}}", today())])
}

#[test]
fn the_last_flush_of_nearly_a_thousand_fields_is_ten_commands_at_most() {
    let redis = RedisServer::start();
    let load = Load::new();
    let mut headcount = start(&load, &redis.url(), "1h");
    // A field each for the views, the visits and the visitors of a page, its bytes, its timing.
    browse(&headcount, 0..175);
    // After the first tick, which comes at the start.
    redis.reset_calls();
    headcount.term();
    let calls = redis.calls();
    println!("{calls} commands");
    assert!((1..=PER_FLUSH).contains(&calls), "{calls} commands");
    let fields = fields(&redis);
    assert!((800..=1_000).contains(&fields), "{fields} fields");
}

#[test]
fn flushes_in_mid_run_are_ten_commands_at_most_each() {
    let redis = RedisServer::start();
    let load = Load::new();
    let headcount = start(&load, &redis.url(), "200ms");
    redis.reset_calls();
    let flushed = |at_least: i64| {
        wait_for("a flush", || {
            let done = headcount.metric("headcount_unflushed_events") == 0;
            let flushes = headcount.metric("headcount_flushes_total");
            (done && flushes >= at_least).then_some(flushes)
        })
    };
    let mut before = 0;
    for round in 0..5 {
        browse(&headcount, round * 150..(round + 1) * 150);
        before = flushed(before + 1);
    }
    let calls = redis.calls();
    println!("{calls} commands in {before} flushes");
    assert!(calls >= before as u64 && calls <= PER_FLUSH * before as u64, "{calls} in {before}");
    // What the program says of itself, billed from its start on.
    assert!(headcount.metric("headcount_store_commands_total") as u64 >= calls);
}

#[test]
fn a_flush_into_the_shared_log_and_its_counting_are_few_commands() {
    let redis = RedisServer::start();
    let load = Load::new();
    let headcount = start_sharing(&load, &redis, "1s");
    let flushes = || headcount.metric("headcount_flushes_total") as u64;
    browse(&headcount, 0..1);
    wait_for("the first flush", || (flushes() > 0).then_some(()));
    let before = flushes();
    redis.reset_calls();
    let mut page = 0;
    wait_for("more flushes", || {
        // There is something to say at each.
        page += 1;
        browse(&headcount, page % 100..page % 100 + 1);
        (flushes() >= before + 8).then_some(())
    });
    let (calls, flushes) = (redis.calls(), flushes() - before);
    println!("{calls} commands in {flushes} flushes");
    assert!(calls <= PER_SHARED_FLUSH * (flushes + 1), "{calls} in {flushes}");
    wait_for("all to be counted", || {
        (headcount.metric("headcount_uncounted_events") == 0).then_some(())
    });
    assert!(headcount.metric("headcount_store_commands_total") as u64 >= redis.calls());
}

/// Past the turn of an hour, at which nodes look at the blocks of event rows, whoever comes or not.
fn wait_for_a_minute_within_the_hour() {
    let into_the_hour = Clock::system().now().rem_euclid(HOUR);
    let left = Duration::from_millis((HOUR - into_the_hour).unsigned_abs());
    if left < Duration::from_secs(65) {
        std::thread::sleep(left + Duration::from_secs(5));
    }
}

#[test]
fn nothing_is_sent_while_nobody_comes() {
    let (redis, shared) = (RedisServer::start(), RedisServer::start());
    let load = Load::new();
    let headcount = start(&load, &redis.url(), "100ms");
    let nodes = [(); 2].map(|()| start_sharing(&load, &shared, "100ms"));
    let all = [&headcount, &nodes[0], &nodes[1]];
    all.iter().for_each(|headcount| browse(headcount, 0..10));
    for wait in ["headcount_unflushed_events", "headcount_uncounted_events"] {
        wait_for("a flush", || all.iter().all(|node| node.metric(wait) == 0).then_some(()));
    }
    let diary = format!("visits:diary:{{{SITE}}}");
    for redis in [&redis, &shared] {
        wait_for("the daily job", || redis.keys().contains(&diary).then_some(()));
    }
    // Who counts says once what is counted.
    wait_for("silence", || {
        let before = shared.calls();
        std::thread::sleep(Duration::from_millis(500));
        (shared.calls() == before).then_some(())
    });
    wait_for_a_minute_within_the_hour();
    redis.reset_calls();
    shared.reset_calls();
    // No condition ends this: that nothing happens for a minute is what is to be seen.
    std::thread::sleep(Duration::from_secs(60));
    assert_eq!((redis.calls(), shared.calls()), (0, 0));
    browse(&headcount, 10..11);
    browse(&nodes[0], 10..11);
    for redis in [&redis, &shared] {
        wait_for("the next flush", || (redis.calls() > 0).then_some(()));
    }
}

#[test]
fn a_year_is_read_in_small_pipelines_and_again_by_its_versions() {
    let redis = RedisServer::start();
    let days = fill_two_years(&redis);
    let relay = Relay::start(redis.port);
    let load = Load::new();
    let headcount = start(&load, &relay.url(), "1h");
    // The daily job looks into its diary once at the start.
    let diary = format!("visits:diary:{{{SITE}}}");
    wait_for("the daily job", || redis.keys().contains(&diary).then_some(()));
    // And then, once, at each day there is, for rows whose day is over.
    let patience = Instant::now() + Duration::from_secs(300);
    while !relay.take().is_empty() {
        assert!(Instant::now() < patience, "{:?}", relay.take().concat().first());
        std::thread::sleep(Duration::from_secs(1));
    }

    let questions = [
        ("aggregate?period=12mo&metrics=pageviews&compare=previous_period", true),
        ("timeseries?period=12mo&metrics=pageviews", false),
        ("breakdown?period=12mo&property=event:page&metrics=pageviews", false),
    ];
    for (question, first) in questions {
        let answer = headcount.stats(question);
        let bursts = relay.take();
        let largest = bursts.iter().map(Vec::len).max().unwrap();
        let sizes: Vec<usize> = bursts.iter().map(Vec::len).collect();
        println!("{question}: {sizes:?}");
        assert!(largest <= 500, "{question}: {sizes:?}");
        let whole = bursts.iter().flatten().filter(|c| c[0] == "HGETALL").count();
        if first {
            assert_eq!(largest, 500, "two years are more than one pipeline of questions");
            assert!(whole >= 700, "{whole} days read");
            // A pageview for each day up to today.
            let year = answer["pageviews"]["value"].as_u64().unwrap();
            assert!((335..=366).contains(&year), "{year}");
        } else {
            assert_eq!(whole, 0, "{question} reads again what is known");
        }
    }
    for (question, _) in questions {
        let before = headcount.stats(question);
        relay.take();
        assert_eq!(headcount.stats(question), before);
        let sent = relay.take().concat();
        // What owners keep of the site is believed for two seconds.
        let kept = sent.iter().filter(|c| c[0] == "GET" && c[1].starts_with("visits:settings:"));
        let kept = kept.count();
        assert!(kept <= 1 && sent.len() - kept <= days + 31, "{question}: {} commands", sent.len());
        let is_version = |c: &&Vec<String>| c[0] == "HGET" && c[2] == "version";
        assert_eq!(sent.iter().filter(is_version).count(), sent.len() - kept, "{:?}", sent[0]);
    }
}

/// A pageview on each day of the last two years, today included. How many days that is.
fn fill_two_years(redis: &RedisServer) -> usize {
    let url = redis.url().parse().unwrap();
    let store = headcount::store::open(&url, redis.dir.path()).unwrap();
    let first = today() - Days::new(2 * 366);
    let days: Vec<_> = first.iter_days().take_while(|day| *day <= today()).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for day in &days {
            let batch = Batch {
                site: SITE.into(),
                day: *day,
                node: "filler".into(),
                number: 1,
                fields: vec![
                    (field(Dimension::Total, "", Metric::Server), 1),
                    (field(Dimension::Page, &format!("/{}", day.format("%m")), Metric::Server), 1),
                ],
                visitors: Vec::new(),
                confirmed: Vec::new(),
                people: PackedRows::default(),
                others: PackedRows::default(),
            };
            store.apply(&batch).await.unwrap();
        }
    });
    days.len()
}
