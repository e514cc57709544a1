//! The store is well, the line to it is not.

use crate::common::load::Load;
use crate::common::redis::RedisServer;
use crate::common::wait_for;
use crate::meddler::Meddler;
use crate::people::People;
use crate::{settle, start, times};
use std::time::Duration;

#[test]
fn answers_lost_after_the_store_applied() {
    let redis = RedisServer::start_durable();
    let relay = Meddler::start(redis.port);
    let load = Load::new();
    let headcount = start(&load, &relay.url());
    let people = People::start(headcount.site(), 1, 4);
    people.wait_for(20);
    let times = times(10, 100);
    relay.cut(times);
    wait_for("all cuts", || (relay.cuts() == 0).then_some(()));
    settle("answer lost after it was applied", times, &headcount, &redis, &people.stop());
}

#[test]
fn answers_come_late() {
    let redis = RedisServer::start_durable();
    let relay = Meddler::start(redis.port);
    let load = Load::new();
    let headcount = start(&load, &relay.url());
    let people = People::start(headcount.site(), 1, 4);
    people.wait_for(20);
    let times = times(2, 10);
    let goal = relay.answers() + times;
    relay.delay(Duration::from_secs(2));
    wait_for("late answers", || (relay.answers() >= goal).then_some(()));
    relay.delay(Duration::ZERO);
    settle("answers 2 s late", times, &headcount, &redis, &people.stop());
}
