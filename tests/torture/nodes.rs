//! Several nodes behind a load balancer, one of them killed.
//!
//! With sticky sessions a visitor's views go to one node, beacons to any: view ids of one node are
//! honoured by all. With `shared_sessions` each request goes to any, and the one that counts is among
//! those that are killed.

use crate::common::headcount::{Headcount, SITE};
use crate::common::load::Load;
use crate::common::redis::RedisServer;
use crate::common::wait_for;
use crate::people::People;
use crate::{all_counted, all_delivered, flags, settle, some_time, start, times};

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
        nodes[killed].kill();
        nodes[killed].start_again();
        people.go_to_node(killed, nodes[killed].site());
        people.wait_for(50);
    }
    people.wait_for(100);
    let ledger = people.stop();
    all_counted(&nodes);
    settle(case, times, &nodes[0], &redis, &ledger);
}

#[test]
fn two_sharing_sessions() {
    scattered("two nodes, sessions shared, one killed", 2);
}

#[test]
fn four_sharing_sessions() {
    scattered("four nodes, sessions shared, one killed", 4);
}
