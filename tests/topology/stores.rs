//! Redis with more than one server: whatever becomes of one, nobody waits and all is counted once.

use super::common::cluster::RedisCluster;
use super::common::headcount::{Headcount, SITE, today};
use super::common::load::Load;
use super::common::sentinel::Watched;
use super::common::tls::Pair;
use super::common::wait_for;
use super::crowd::{Crowd, compare};
use std::time::Duration;

/// Longer than this, and it was not the website that one waited for.
const PATIENCE: Duration = Duration::from_secs(2);

fn start(load: &Load, store: &str, more: &[&str]) -> Headcount {
    let flush = ["--flush-interval", "50ms", "--trusted-proxies", "127.0.0.1"];
    Headcount::start(&load.url(), &[&["--store", store][..], &flush, more].concat())
}

/// What makes it trust a certificate.
fn trusting(pair: &Pair) -> [String; 2] {
    ["--store-ca".to_owned(), pair.certificate().to_str().unwrap().to_owned()]
}

fn tag() -> String {
    format!("{{{SITE}:{}}}", today())
}

fn kill_the_owner(cluster: &mut RedisCluster, crowd: &Crowd) {
    crowd.more(2_000);
    let owner = cluster.owner(&tag());
    cluster.servers[owner].kill();
    cluster.replaced(owner);
    crowd.more(2_000);
}

fn move_the_slot(cluster: &RedisCluster, headcount: &Headcount, crowd: &Crowd, to: usize) {
    crowd.more(2_000);
    let errors = || headcount.metric("headcount_store_errors_total{kind=\"replication\"}");
    cluster.begin_move(&tag(), to);
    for key in ["visits:events:", "unique:visits:", "visits:daily:"] {
        let before = errors();
        cluster.move_key(&format!("{key}{}", tag()), to);
        // A batch touches keys on both servers now, and has to wait.
        wait_for("a batch that waits", || (errors() > before).then_some(()));
        crowd.more(200);
    }
    cluster.end_move(&tag(), to);
    crowd.more(2_000);
}

fn heard_of_a_death(headcount: &Headcount) {
    assert!(headcount.metric("headcount_store_errors_total{kind=\"connect\"}") > 0);
    wait_for("it to say so", || headcount.log().contains("has everything again").then_some(()));
}

#[test]
fn a_clusters_primary_is_killed_in_mid_flush() {
    let (mut cluster, load) = (RedisCluster::start(), Load::new());
    let headcount = start(&load, &cluster.url(), &[]);
    let crowd = Crowd::enter(headcount.site(), 0);
    kill_the_owner(&mut cluster, &crowd);
    assert!(compare(crowd, &headcount) < PATIENCE);
    heard_of_a_death(&headcount);
}

#[test]
fn a_clusters_slot_moves_while_batches_are_applied() {
    let (cluster, load) = (RedisCluster::start(), Load::new());
    let headcount = start(&load, &cluster.url(), &[]);
    let crowd = Crowd::enter(headcount.site(), 0);
    let to = (cluster.owner(&tag()) + 1) % 3;
    move_the_slot(&cluster, &headcount, &crowd, to);
    assert!(compare(crowd, &headcount) < PATIENCE);
}

/// Whoever is sent on, or learns of another primary, goes there encrypted too.
#[test]
fn an_encrypted_clusters_slot_moves_and_a_primary_is_killed() {
    let pair = Pair::new();
    let (mut cluster, load) = (RedisCluster::start_encrypted(&pair), Load::new());
    let headcount = start(&load, &cluster.url(), &trusting(&pair).each_ref().map(String::as_str));
    let crowd = Crowd::enter(headcount.site(), 0);
    let to = (cluster.owner(&tag()) + 1) % 3;
    move_the_slot(&cluster, &headcount, &crowd, to);
    kill_the_owner(&mut cluster, &crowd);
    assert!(compare(crowd, &headcount) < PATIENCE);
    heard_of_a_death(&headcount);
}

fn sentinels_replace_the_primary(mut watched: Watched, more: &[&str]) {
    let load = Load::new();
    let headcount = start(&load, &watched.url(), more);
    let crowd = Crowd::enter(headcount.site(), 0);
    crowd.more(2_000);
    watched.servers[0].kill();
    watched.replaced();
    crowd.more(2_000);
    assert!(compare(crowd, &headcount) < PATIENCE);
    heard_of_a_death(&headcount);
}

#[test]
fn sentinels_put_the_replica_in_the_killed_primarys_place() {
    sentinels_replace_the_primary(Watched::start(), &[]);
}

#[test]
fn encrypted_sentinels_with_passwords_do_so_too() {
    let pair = Pair::new();
    let more = trusting(&pair);
    let watched = Watched::start_locked(&pair);
    sentinels_replace_the_primary(watched, &more.each_ref().map(String::as_str));
}
