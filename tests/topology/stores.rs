//! Redis with more than one server: whatever becomes of one, nobody waits and all is counted once.

use super::common::cluster::RedisCluster;
use super::common::headcount::{Headcount, SITE, today};
use super::common::load::Load;
use super::common::sentinel::Watched;
use super::common::wait_for;
use super::crowd::{Crowd, compare};
use std::time::Duration;

/// Longer than this, and it was not the website that one waited for.
const PATIENCE: Duration = Duration::from_secs(2);

fn start(load: &Load, store: &str) -> Headcount {
    let flush = ["--flush-interval", "50ms", "--trusted-proxies", "127.0.0.1"];
    Headcount::start(&load.url(), &[&["--store", store][..], &flush].concat())
}

fn tag() -> String {
    format!("{{{SITE}:{}}}", today())
}

#[test]
fn a_clusters_primary_is_killed_in_mid_flush() {
    let (mut cluster, load) = (RedisCluster::start(), Load::new());
    let headcount = start(&load, &cluster.url());
    let crowd = Crowd::enter(headcount.site(), 0);
    crowd.more(2_000);
    let home = cluster.home(&tag());
    cluster.servers[home].kill();
    cluster.replaced(home);
    crowd.more(2_000);
    assert!(compare(crowd, &headcount) < PATIENCE);
    assert!(headcount.metric("headcount_store_errors_total{kind=\"connect\"}") > 0);
    assert!(headcount.log().contains("has everything again"), "{}", headcount.log());
}

#[test]
fn a_clusters_slot_moves_while_batches_are_applied() {
    let (cluster, load) = (RedisCluster::start(), Load::new());
    let headcount = start(&load, &cluster.url());
    let crowd = Crowd::enter(headcount.site(), 0);
    crowd.more(2_000);
    let to = (cluster.home(&tag()) + 1) % 3;
    cluster.begin_move(&tag(), to);
    for key in ["visits:events:", "unique:visits:", "visits:daily:"] {
        cluster.move_key(&format!("{key}{}", tag()), to);
        // A batch touches keys on both servers now, and has to wait.
        wait_for("a batch that waits", || {
            let waits = headcount.metric("headcount_store_errors_total{kind=\"replication\"}");
            (waits > 0).then_some(())
        });
        crowd.more(200);
    }
    cluster.end_move(&tag(), to);
    crowd.more(2_000);
    assert!(compare(crowd, &headcount) < PATIENCE);
}

#[test]
fn sentinels_put_the_replica_in_the_killed_primarys_place() {
    let (mut watched, load) = (Watched::start(), Load::new());
    let headcount = start(&load, &watched.url());
    let crowd = Crowd::enter(headcount.site(), 0);
    crowd.more(2_000);
    watched.servers[0].kill();
    watched.replaced();
    crowd.more(2_000);
    assert!(compare(crowd, &headcount) < PATIENCE);
    assert!(headcount.metric("headcount_store_errors_total{kind=\"connect\"}") > 0);
}
