//! Several nodes behind a load balancer, one of them killed.
//!
//! With sticky sessions a visitor's views go to one node, beacons to any: view ids of one node are
//! honoured by all. With `shared_sessions` each request goes to any, and the one that counts is
//! among those that are killed.

use crate::common::headcount::{Headcount, SITE};
use crate::common::load::Load;
use crate::common::redis::RedisServer;
use crate::common::wait_for;
use crate::people::People;
use crate::store::append_only_file;
use crate::{all_counted, all_delivered, flags, settle, some_time, start, times, whole};
use std::fs::{File, OpenOptions};

fn nodes(case: &str, count: usize) {
    let redis = RedisServer::start_durable();
    let load = Load::new();
    let mut nodes: Vec<Headcount> = (0..count).map(|_| start(&load, &redis.url())).collect();
    let sites: Vec<_> = nodes.iter().map(Headcount::site).collect();
    let people = People::spread(&sites, 1, 4);
    let times = times(2, 10);
    for round in 0..times {
        some_time();
        let killed = round % count;
        nodes[killed].kill();
        nodes[killed].start_again();
        people.go_to_node(killed, nodes[killed].site());
        people.wait_for(20);
    }
    people.wait_for(50);
    let ledger = people.stop();
    nodes.iter().for_each(all_delivered);
    settle(case, times, &nodes[0], &redis, &ledger);
}

#[test]
fn two() {
    nodes("two nodes, one killed", 2);
}

#[test]
fn four() {
    nodes("four nodes, one killed", 4);
}

fn start_sharing(load: &Load, redis: &RedisServer) -> Headcount {
    Headcount::start(&load.url(), &flags(&redis.url(), &["--shared-sessions"]))
}

/// Who holds the lease on counting.
fn leader(redis: &RedisServer) -> Option<String> {
    let keys: Vec<String> = redis.command(&["KEYS", &format!("visits:marks:*:{{{SITE}}}")]);
    let lease: Option<String> = redis.command(&["HGET", keys.first()?, "lease"]);
    Some(lease?.split_once(' ')?.0.to_owned())
}

/// What a node calls itself.
fn id(node: &Headcount) -> String {
    let file = node.data_dir().join(format!("headcount-{SITE}/node.json"));
    let who: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    who["id"].as_str().unwrap().to_owned()
}

fn scattered(case: &str, count: usize) {
    let redis = RedisServer::start_durable();
    let load = Load::new();
    let mut nodes: Vec<Headcount> = (0..count).map(|_| start_sharing(&load, &redis)).collect();
    let sites: Vec<_> = nodes.iter().map(Headcount::site).collect();
    let people = People::scatter(&sites, 1, 4);
    people.wait_for(100);
    let times = times(3, 10);
    for round in 0..times {
        some_time();
        // Every other time it is the one that counts.
        let killed = match round % 2 {
            0 => wait_for("one that counts", || {
                let leader = leader(&redis)?;
                nodes.iter().position(|node| leader == id(node))
            }),
            _ => round % count,
        };
        let who = id(&nodes[killed]);
        nodes[killed].kill();
        if round % 4 == 0 {
            // Another takes over, in the midst of the first one's work.
            people.wait_for(50);
            wait_for("another to count", || leader(&redis).filter(|leader| *leader != who));
        }
        nodes[killed].start_again();
        people.go_to_node(killed, nodes[killed].site());
        people.wait_for(50);
    }
    people.wait_for(100);
    let ledger = people.stop();
    all_counted(&nodes);
    settle(case, times, &nodes[0], &redis, &ledger);
    if whole() {
        // Long enough for states to be saved, and the log to be cut.
        let keys: Vec<String> = redis.command(&["KEYS", &format!("visits:sessions:*:{{{SITE}}}")]);
        assert_ne!(redis.command::<String>(&["HGET", &keys[0], "chunk"]), "0");
    }
}

#[test]
fn two_sharing_sessions() {
    scattered("two nodes, sessions shared, one killed", 2);
}

#[test]
fn four_sharing_sessions() {
    scattered("four nodes, sessions shared, one killed", 4);
}

/// The store loses its last second, and with it what nodes had agreed on.
fn store_loses_its_last_second(case: &str, leader_dies: bool) {
    let mut redis = RedisServer::start_with(&["--appendonly", "yes", "--appendfsync", "everysec"]);
    let load = Load::new();
    let mut nodes: Vec<Headcount> = (0..2).map(|_| start_sharing(&load, &redis)).collect();
    let sites: Vec<_> = nodes.iter().map(Headcount::site).collect();
    let people = People::scatter(&sites, 1, 4);
    people.wait_for(100);
    let times = times(2, 10);
    for _ in 0..times {
        let leads = wait_for("one that counts", || {
            let leader = leader(&redis)?;
            nodes.iter().position(|node| leader == id(node))
        });
        let file = append_only_file(&redis);
        let kept = File::open(&file).unwrap().metadata().unwrap().len();
        people.wait_for(200);
        redis.kill();
        let file = OpenOptions::new().write(true).open(file).unwrap();
        assert!(file.metadata().unwrap().len() > kept, "nothing was lost");
        file.set_len(kept).unwrap();
        if leader_dies {
            nodes[leads].kill();
            redis.restart();
            nodes[leads].start_again();
            people.go_to_node(leads, nodes[leads].site());
        } else {
            redis.restart();
        }
        people.wait_for(100);
    }
    let ledger = people.stop();
    all_counted(&nodes);
    settle(case, times, &nodes[0], &redis, &ledger);
    let logs = nodes.iter().map(Headcount::log).collect::<String>();
    assert!(logs.contains("entries of this node; sending them again"), "{logs}");
}

#[test]
fn sharing_sessions_in_a_store_that_loses_its_last_second() {
    store_loses_its_last_second("sessions shared, redis-server loses its last second", false);
}

#[test]
fn sharing_sessions_in_a_store_that_loses_its_last_second_when_who_counts_dies() {
    store_loses_its_last_second("the same, and the node that counts dies", true);
}

/// Nodes die while the store is away, and deliver what they had once it is back.
#[test]
fn sharing_sessions_while_the_store_is_away() {
    let mut redis = RedisServer::start_durable();
    let load = Load::new();
    let mut nodes: Vec<Headcount> = (0..2).map(|_| start_sharing(&load, &redis)).collect();
    let sites: Vec<_> = nodes.iter().map(Headcount::site).collect();
    let people = People::scatter(&sites, 1, 4);
    people.wait_for(100);
    let times = times(1, 10);
    for round in 0..times {
        redis.kill();
        people.wait_for(100);
        let killed = round % 2;
        nodes[killed].kill();
        nodes[killed].start_again();
        people.go_to_node(killed, nodes[killed].site());
        people.wait_for(100);
        redis.restart();
        people.wait_for(50);
    }
    let ledger = people.stop();
    all_counted(&nodes);
    settle("sessions shared, kill -9 headcount, store away", times, &nodes[0], &redis, &ledger);
}
