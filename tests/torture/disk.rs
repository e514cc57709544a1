//! The data directory is full, read-only, or its outbox over the cap. The store is well, or away.

use crate::common::headcount::Headcount;
use crate::common::load::Load;
use crate::common::redis::RedisServer;
use crate::common::wait_for;
use crate::people::People;
use crate::room::Room;
use crate::{all_delivered, flags, in_redis, settle, some_time, times};

const ON: &str = "headcount_journal_on";

#[test]
fn data_directory_full() {
    let redis = RedisServer::start_durable();
    let load = Load::new();
    let room = Room::new(32);
    let mut headcount = Headcount::start_in(&load.url(), room.path(), &flags(&redis.url(), &[]));
    let people = People::start(headcount.site(), 1, 4);
    let times = times(2, 5);
    for _ in 0..times {
        people.wait_for(50);
        room.fill();
        wait_for("no journal", || (headcount.metric(ON) == 0).then_some(()));
        people.wait_for(50);
        room.free();
        wait_for("the journal", || (headcount.metric(ON) == 1).then_some(()));
        people.wait_for(50);
        // From here on a kill is safe again, once the shards have written down what they know.
        headcount.kill();
        headcount.start_again();
        people.go_to(headcount.site());
    }
    settle("data directory full, then kill -9", times, &headcount, &redis, &people.stop());
    assert!(headcount.log().contains("data_dir cannot be written"), "{}", headcount.log());
}

/// While the store is away, too: what is on disk and what is in memory add up.
#[test]
fn data_directory_full_and_store_away() {
    let mut redis = RedisServer::start_durable();
    let load = Load::new();
    let room = Room::new(32);
    let headcount = Headcount::start_in(&load.url(), room.path(), &flags(&redis.url(), &[]));
    let people = People::start(headcount.site(), 1, 4);
    let times = times(1, 5);
    for _ in 0..times {
        people.wait_for(20);
        redis.kill();
        people.wait_for(50);
        room.fill();
        wait_for("no journal", || (headcount.metric(ON) == 0).then_some(()));
        people.wait_for(50);
        room.free();
        wait_for("the journal", || (headcount.metric(ON) == 1).then_some(()));
        people.wait_for(20);
        redis.restart();
    }
    settle("data directory full, store away", times, &headcount, &redis, &people.stop());
}

#[test]
fn data_directory_read_only() {
    let times = times(1, 5);
    for _ in 0..times {
        let mut redis = RedisServer::start_durable();
        let load = Load::new();
        let room = Room::new(32);
        room.close();
        let headcount = Headcount::start_in(&load.url(), room.path(), &flags(&redis.url(), &[]));
        assert_eq!(headcount.metric(ON), 0);
        assert!(headcount.log().contains("without a journal"), "{}", headcount.log());
        let people = People::start(headcount.site(), 1, 4);
        people.wait_for(50);
        redis.kill();
        people.wait_for(50);
        redis.restart();
        some_time();
        settle("data directory read-only", 1, &headcount, &redis, &people.stop());
    }
}

/// What gave way is told to the hit, also when the process dies in the midst of it.
#[test]
fn outbox_over_its_cap() {
    let dropped = "headcount_events_dropped_total{reason=\"outbox_full\"}";
    let times = times(1, 5);
    for _ in 0..times {
        let mut redis = RedisServer::start_durable();
        let load = Load::new();
        let more = ["--limits-outbox", "200KB"];
        let headcount = Headcount::start(&load.url(), &flags(&redis.url(), &more));
        redis.kill();
        let people = People::start(headcount.site(), 1, 4);
        wait_for("an overflow", || (headcount.metric(dropped) > 300).then_some(()));
        redis.restart();
        let ledger = people.stop();
        all_delivered(&headcount);
        let dropped = headcount.metric(dropped);
        ledger.check_with_dropped("outbox over its cap", 1, &in_redis(&redis), dropped);
    }
}
