//! The store is away for long: memory stays flat, and all is delivered soon after its return.

use crate::common::headcount::Headcount;
use crate::common::load::Load;
use crate::common::redis::RedisServer;
use crate::{flags, in_redis, whole};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Pageviews a second.
const RATE: usize = 500;

/// How much memory may grow meanwhile.
const GROWTH: i64 = 32 << 20;

/// How soon all must be there.
const SOON: Duration = Duration::from_secs(60);

/// Pageviews are let in this often.
const STEP: Duration = Duration::from_millis(100);

/// How long the store is away; `TORTURE_AWAY` sets it, in seconds.
fn outage() -> Duration {
    let set = std::env::var("TORTURE_AWAY").ok().map(|seconds| seconds.parse().unwrap());
    Duration::from_secs(set.unwrap_or(if whole() { 600 } else { 2 }))
}

fn some_pages(number: usize) -> String {
    format!("/page/{}", number % 10)
}

#[test]
fn memory_is_flat_and_all_is_delivered_soon() {
    let mut redis = RedisServer::start_durable();
    let load = Load::new();
    // As delivered: every 10 s.
    // What shards remember for half an hour is soon as much as it gets.
    let more = ["--limits-visitors", "2000"];
    let mut headcount = Headcount::prepare(&load.url(), &flags(&redis.url(), &more));
    headcount.set("--flush-interval", if whole() { "10s" } else { "1s" });
    headcount.start_again();
    let visitors = load.start(headcount.site(), 16, some_pages);
    let mut sent = 0;
    let mut walk = |long: Duration| {
        let began = Instant::now();
        let (mut most, mut steps) = ((0, 0), 0);
        while began.elapsed() < long {
            visitors.let_in(RATE / 10);
            sent += RATE / 10;
            steps += 1;
            sleep((began + steps * STEP).saturating_duration_since(Instant::now()));
            let now = headcount.memory();
            most = (now.0.max(most.0), now.1.max(most.1));
        }
        most
    };
    // All visitors and pages are known before, so that only the outage takes memory.
    let before = walk(Duration::from_secs(if whole() { 25 } else { 2 }));
    redis.kill();
    let outage = outage();
    let most = walk(outage);
    let (growth, mapped) = (most.0 - before.0, most.1 - before.1);
    redis.restart();
    let back = Instant::now();
    let seen = visitors.settle();
    assert!(seen.failed.is_empty(), "{:?}", seen.failed);
    crate::all_delivered(&headcount);
    let took = back.elapsed();
    let counted: i64 = in_redis(&redis).iter().map(|day| day.total("server")).sum();
    println!(
        "case store away for {outage:?} (600 s are 1:1) at {RATE} pageviews/s: told {sent}, counted \
         {counted}, memory grew by {} KiB and {} KiB of files in memory, delivered after {took:?}, difference {}",
        growth >> 10,
        mapped >> 10,
        sent as i64 - counted
    );
    assert_eq!(visitors.end() as i64, counted);
    assert!(growth + mapped <= GROWTH, "{growth} and {mapped} bytes more");
    assert!(took <= SOON, "{took:?}");
}
