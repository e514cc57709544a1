//! Several nodes behind a load balancer with sticky sessions, one of them killed.
//!
//! A visitor's views go to one node, beacons to any: view ids of one node are honoured by all.

use crate::common::headcount::Headcount;
use crate::common::load::Load;
use crate::common::redis::RedisServer;
use crate::people::People;
use crate::{all_delivered, settle, some_time, start, times};

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
