//! A Redis Cluster: primaries die, slots move.
//!
//! A primary acknowledges before its replica has heard, and the replica takes its place as it is.
//! What makes that exact: after every reconnect, and whenever another server has a slot,
//! headcount looks at its markers and gives again what is missing.

use crate::common::cluster::RedisCluster;
use crate::common::headcount::{Headcount, SITE, today};
use crate::common::load::Load;
use crate::common::wait_for;
use crate::ledger::Ledger;
use crate::people::People;
use crate::{all_delivered, in_redis, some_time, start, times};
use ::redis::Value;
use std::time::Duration;

const COMMANDS: &str = "headcount_store_commands_total";
const FLUSHES: &str = "headcount_flushes_total";

/// What all keys of a batch have in common.
fn tag() -> String {
    format!("{{{SITE}:{}}}", today())
}

/// All is in the cluster and equals the ledger.
fn settle(case: &str, times: usize, headcount: &Headcount, all: &RedisCluster, ledger: &Ledger) {
    all_delivered(headcount);
    let days: Vec<_> = all.primaries().flat_map(in_redis).collect();
    ledger.check(case, times, &days);
}

/// Lets `end` kill the server that has the day, waits for its replica to take its place and starts
/// it again as the other's replica.
fn kill_owners(case: &str, all: usize, end: fn(&mut RedisCluster, &Headcount, usize)) -> Headcount {
    let mut cluster = RedisCluster::start();
    let load = Load::new();
    let headcount = start(&load, &cluster.url());
    let people = People::start(headcount.site(), 1, 4);
    people.wait_for(50);
    let times = times(1, all);
    for _ in 0..times {
        let owner = cluster.owner(&tag());
        some_time();
        end(&mut cluster, &headcount, owner);
        cluster.replaced(owner);
        people.wait_for(20);
        cluster.come_back(owner);
    }
    settle(case, times, &headcount, &cluster, &people.stop());
    headcount
}

/// A batch is on its way for sure, and anything may have become of it: not read yet, applied, told
/// to the replica, answered.
#[test]
fn a_primary_killed_in_mid_flush() {
    kill_owners("Redis Cluster, primary killed in mid-flush", 10, |cluster, headcount, owner| {
        cluster.servers[owner].freeze();
        let sent = headcount.metric(COMMANDS);
        wait_for("a batch on its way", || (headcount.metric(COMMANDS) > sent).then_some(()));
        cluster.servers[owner].thaw();
        std::thread::sleep(Duration::from_micros(rand10::random_range(0..3_000)));
        cluster.servers[owner].kill();
    });
}

/// Batches were acknowledged of which the new primary has never heard.
#[test]
fn a_primary_killed_whose_replica_is_behind() {
    let case = "Redis Cluster, primary killed, replica behind";
    let headcount = kill_owners(case, 10, |cluster, headcount, owner| {
        let replica = cluster.partner(owner);
        cluster.servers[replica].freeze();
        cluster.servers[owner].command::<Value>(&["CLIENT", "KILL", "TYPE", "replica"]);
        let before = headcount.metric(FLUSHES);
        wait_for("batches", || (headcount.metric(FLUSHES) > before + 2).then_some(()));
        cluster.servers[owner].kill();
        cluster.servers[replica].thaw();
    });
    assert!(headcount.log().contains("sending them again"), "{}", headcount.log());
}

/// Key by key: a batch that would touch both servers waits, one whose keys have all gone follows
/// them (`ASK`), and afterwards the old server says where the slot is (`MOVED`).
#[test]
fn a_slot_moved() {
    let cluster = RedisCluster::start();
    let load = Load::new();
    let headcount = start(&load, &cluster.url());
    let people = People::start(headcount.site(), 1, 4);
    people.wait_for(50);
    let waits = || headcount.metric("headcount_store_errors_total{kind=\"replication\"}");
    let moved = || headcount.metric("headcount_store_errors_total{kind=\"moved\"}");
    let times = times(2, 10);
    for _ in 0..times {
        some_time();
        let to = (cluster.owner(&tag()) + 1) % 3;
        cluster.begin_move(&tag(), to);
        let mut keys =
            ["visits:events", "unique:visits", "unique:confirmed", "visits:daily"].to_vec();
        rand10::seq::SliceRandom::shuffle(&mut keys[..], &mut rand10::rng());
        for (left, key) in (0..keys.len()).rev().zip(&keys) {
            let (before, followed) = (waits(), moved());
            cluster.move_key(&format!("{key}:{}", tag()), to);
            if left > 0 {
                wait_for("a batch that waits", || (waits() > before).then_some(()));
            } else {
                wait_for("a batch that follows", || (moved() > followed).then_some(()));
            }
        }
        let followed = moved();
        cluster.end_move(&tag(), to);
        wait_for("a batch that is sent on", || (moved() > followed).then_some(()));
        people.wait_for(20);
    }
    settle("Redis Cluster, slot moved", times, &headcount, &cluster, &people.stop());
}
