//! Nodes that share sessions count as one does, also when one joins, leaves, is replaced or hands
//! over.

use super::common::cluster::RedisCluster;
use super::common::headcount::{Headcount, SITE, today};
use super::common::http::{self, BEACON, FIREFOX};
use super::common::load::Load;
use super::common::redis::RedisServer;
use super::common::wait_for;
use super::crowd::{Crowd, Sites};
use headcount::clock::{Clock, SECOND};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

const FLAGS: [&str; 6] = [
    "--flush-interval",
    "100ms",
    "--trusted-proxies",
    "127.0.0.1",
    "--limits-beacons-per-minute",
    "1000000",
];

fn start(load: &Load, redis: &RedisServer) -> Headcount {
    let store = redis.url();
    Headcount::start(&load.url(), &[&["--store", &store, "--shared-sessions"], &FLAGS[..]].concat())
}

fn all_counted(nodes: &[Headcount]) {
    wait_for("all to be counted", || {
        let waits = ["headcount_unflushed_events", "headcount_uncounted_events"];
        nodes.iter().all(|node| waits.iter().all(|wait| node.metric(wait) == 0)).then_some(())
    });
}

/// Sends the crowd home and compares what is stored with what they were told.
fn compare(crowd: Crowd, nodes: &[Headcount]) {
    let (answered, visitors, _) = crowd.leave();
    all_counted(nodes);
    let stored = ["pageviews", "server_pageviews", "visits", "visitors"].map(|m| nodes[0].total(m));
    assert_eq!(stored, [answered, answered, visitors, visitors]);
}

#[test]
fn nodes_join_leave_and_are_replaced() {
    let (redis, load) = (RedisServer::start_durable(), Load::new());
    let mut nodes = vec![start(&load, &redis), start(&load, &redis)];
    let sites: Sites = Arc::new(Mutex::new(nodes.iter().map(Headcount::site).collect()));
    let crowd = Crowd::enter_any(&sites, 0);
    crowd.more(500);
    // One joins.
    nodes.push(start(&load, &redis));
    sites.lock().unwrap().push(nodes[2].site());
    crowd.more(500);
    // Each in turn leaves in order, and another with a folder of its own takes its place.
    for (i, node) in nodes.iter_mut().enumerate() {
        let joins = start(&load, &redis);
        sites.lock().unwrap()[i] = joins.site();
        std::mem::replace(node, joins).term();
        crowd.more(500);
    }
    // One leaves, and nobody takes its place.
    sites.lock().unwrap().pop();
    nodes.pop().unwrap().term();
    crowd.more(500);
    compare(crowd, &nodes);
}

/// What a node had said before it died for good counts, and nobody waits for it for ever.
#[test]
fn a_node_dies_for_good() {
    let (redis, load) = (RedisServer::start_durable(), Load::new());
    let mut nodes = vec![start(&load, &redis), start(&load, &redis)];
    let all: Vec<_> = nodes.iter().map(Headcount::site).collect();
    let sites: Sites = Arc::new(Mutex::new(all.clone()));
    let crowd = Crowd::enter_any(&sites, 0);
    crowd.more(500);
    *sites.lock().unwrap() = vec![all[1]];
    // What it was asked last is in the log.
    crowd.more(200);
    wait_for("it to have delivered", || {
        (nodes[0].metric("headcount_unflushed_events") == 0).then_some(())
    });
    nodes[0].kill();
    nodes[0] = start(&load, &redis);
    sites.lock().unwrap().push(nodes[0].site());
    crowd.more(500);
    compare(crowd, &nodes);
}

#[test]
fn handed_over_under_load() {
    let (redis, load) = (RedisServer::start_durable(), Load::new());
    let mut nodes = vec![start(&load, &redis), start(&load, &redis)];
    let sites: Sites = Arc::new(Mutex::new(nodes.iter().map(Headcount::site).collect()));
    let crowd = Crowd::enter_any(&sites, 0);
    for node in &mut nodes {
        crowd.more(1_000);
        node.upgrade();
    }
    crowd.more(1_000);
    compare(crowd, &nodes);
}

/// The log's own primary is killed, and that of the day's counts.
#[test]
fn primaries_of_a_cluster_are_killed() {
    let (mut cluster, load) = (RedisCluster::start(), Load::new());
    let store = cluster.url();
    let flags = [&["--store", &store, "--shared-sessions"], &FLAGS[..]].concat();
    let nodes = [(); 2].map(|()| Headcount::start(&load.url(), &flags));
    let sites: Sites = Arc::new(Mutex::new(nodes.iter().map(Headcount::site).collect()));
    let crowd = Crowd::enter_any(&sites, 0);
    for tag in [format!("{{{SITE}}}"), format!("{{{SITE}:{}}}", today())] {
        crowd.more(1_000);
        let home = cluster.owner(&tag);
        cluster.servers[home].kill();
        cluster.replaced(home);
        crowd.more(500);
        cluster.come_back(home);
    }
    crowd.more(1_000);
    compare(crowd, &nodes);
}

/// Who ends counts what nobody else will.
#[test]
fn the_last_node_leaves_nothing_uncounted() {
    let (redis, load) = (RedisServer::start_durable(), Load::new());
    let mut nodes = vec![start(&load, &redis), start(&load, &redis)];
    let sites: Sites = Arc::new(Mutex::new(nodes.iter().map(Headcount::site).collect()));
    let crowd = Crowd::enter_any(&sites, 0);
    crowd.more(500);
    let (answered, visitors, _) = crowd.leave();
    for node in &mut nodes {
        node.term();
    }
    let stored = stored(&redis);
    let total = |metric: &str| stored[&format!("total\u{1f}\u{1f}{metric}")];
    assert_eq!(["server", "visits", "visitors"].map(total), [answered, visitors, visitors]);
}

/// Today's counts, field by field.
fn stored(redis: &RedisServer) -> BTreeMap<String, i64> {
    let key = format!("visits:daily:{{{SITE}:{}}}", today());
    let fields: Vec<(String, i64)> = redis.command(&["HGETALL", &key]);
    let count = |(field, n): &(String, i64)| {
        *n != 0 && field != "version" && !field.starts_with("marker\u{1f}")
    };
    fields.into_iter().filter(count).collect()
}

fn tell(node: &Headcount, visitor: usize, event: &str) {
    let from = format!("10.7.0.{visitor}");
    let mut headers = vec![("Host", SITE), ("User-Agent", FIREFOX), ("X-Forwarded-For", &*from)];
    headers.extend(BEACON);
    let answer = http::send(node.site(), "POST", "/api/track", &headers, event.as_bytes());
    assert_eq!(answer.status, 202, "{}", answer.text());
}

/// The same traffic, told event by event with its time: to one node, and to any of three. All that
/// is stored is the same: durations, entry and exit pages, bounces, goals and depths.
#[test]
fn what_is_stored_is_what_one_node_stores() {
    let load = Load::new();
    let (alone, together) = (RedisServer::start_durable(), RedisServer::start_durable());
    let store = alone.url();
    let one = Headcount::start(&load.url(), &[&["--store", &store], &FLAGS[..]].concat());
    let nodes: Vec<Headcount> = (0..3).map(|_| start(&load, &together)).collect();
    let begin = Clock::system().now() - 240 * SECOND;
    for n in 0..400 {
        // Some come once, and bounce.
        let visitor = if n % 35 == 0 { 100 + n / 35 } else { n * 7 % 23 };
        let at = chrono::DateTime::from_timestamp_millis(begin + n as i64 * 597).unwrap();
        let at = at.to_rfc3339();
        let page = format!("/page/{}", n * n % 11);
        let of = format!(r#""pathname":"{page}","timestamp":"{at}","n":{}"#, n + 1);
        let event = match n % 5 {
            0..3 => format!(r#"{{"type":"pageview","nav":"history",{of}}}"#),
            3 => {
                let (value, scroll) = (n * 3, n % 100);
                format!(
                    r#"{{"type":"engagement","value":{value},"props":{{"scroll":{scroll}}},{of}}}"#
                )
            }
            _ => format!(r#"{{"type":"event","name":"Signup","value":{n},{of}}}"#),
        };
        tell(&one, visitor, &event);
        tell(&nodes[rand10::random_range(0..3)], visitor, &event);
        if n % 9 == 0 {
            // A retry, which goes elsewhere.
            tell(&one, visitor, &event);
            tell(&nodes[rand10::random_range(0..3)], visitor, &event);
        }
    }
    wait_for("all to be stored", || (one.metric("headcount_unflushed_events") == 0).then_some(()));
    all_counted(&nodes);
    let (expected, got) = (stored(&alone), stored(&together));
    for metric in ["visits", "bounces", "duration", "browser", "events", "engagement"] {
        let total = expected.get(&format!("total\u{1f}\u{1f}{metric}"));
        assert!(total.is_some_and(|total| *total > 0), "{metric}: {expected:?}");
    }
    for dimension in ["entry_page", "exit_page"] {
        assert!(expected.keys().filter(|field| field.starts_with(dimension)).count() > 20);
    }
    assert_eq!(got, expected);
}
