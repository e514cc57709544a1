//! Redis dies, stands still, is full, forgets.

use crate::common::headcount::SITE;
use crate::common::load::Load;
use crate::common::redis::RedisServer;
use crate::common::wait_for;
use crate::meddler::Meddler;
use crate::people::People;
use crate::{all_delivered, settle, some_time, start, times, whole};
use std::fs::{File, OpenOptions};
use std::path::PathBuf;

#[test]
fn redis_killed() {
    let mut redis = RedisServer::start_durable();
    let load = Load::new();
    let headcount = start(&load, &redis.url());
    let people = People::start(headcount.site(), 1, 4);
    let times = times(3, 20);
    for _ in 0..times {
        some_time();
        redis.kill();
        people.wait_for(20);
        redis.restart();
    }
    settle("kill -9 redis-server, appendfsync always", times, &headcount, &redis, &people.stop());
}

/// The file that Redis appends writes to.
pub fn append_only_file(redis: &RedisServer) -> PathBuf {
    let dir = std::fs::read_dir(redis.dir.path().join("appendonlydir")).unwrap();
    let file = dir.map(|entry| entry.unwrap().path()).find(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(".incr.aof"))
    });
    file.expect("an append-only file")
}

/// What a power cut does to Redis: its last second was written, acknowledged and never on disk.
#[test]
fn redis_loses_its_last_second() {
    let mut redis = RedisServer::start_with(&["--appendonly", "yes", "--appendfsync", "everysec"]);
    let load = Load::new();
    let headcount = start(&load, &redis.url());
    let people = People::start(headcount.site(), 1, 4);
    let times = times(2, 20);
    let mut lost = 0;
    people.wait_for(50);
    for _ in 0..times {
        let file = append_only_file(&redis);
        let kept = File::open(&file).unwrap().metadata().unwrap().len();
        people.wait_for(200);
        redis.kill();
        let file = OpenOptions::new().write(true).open(file).unwrap();
        lost += file.metadata().unwrap().len() - kept;
        file.set_len(kept).unwrap();
        redis.restart();
        people.wait_for(20);
    }
    assert!(lost > 0, "nothing was lost");
    settle("redis-server loses its last second", times, &headcount, &redis, &people.stop());
    assert!(headcount.log().contains("sending them again"));
}

/// The same with headcount killed in the same moment: it remembers what it may have to say again.
#[test]
fn redis_loses_its_last_second_and_headcount_dies() {
    let mut redis = RedisServer::start_with(&["--appendonly", "yes", "--appendfsync", "everysec"]);
    let load = Load::new();
    let mut headcount = start(&load, &redis.url());
    let people = People::start(headcount.site(), 1, 4);
    let times = times(1, 10);
    people.wait_for(50);
    for _ in 0..times {
        let file = append_only_file(&redis);
        let kept = File::open(&file).unwrap().metadata().unwrap().len();
        people.wait_for(200);
        redis.kill();
        headcount.kill();
        OpenOptions::new().write(true).open(file).unwrap().set_len(kept).unwrap();
        redis.restart();
        headcount.start_again();
        people.go_to(headcount.site());
        people.wait_for(20);
    }
    settle("both at once, last second lost", times, &headcount, &redis, &people.stop());
}

/// Frozen until answers were late more than once.
#[test]
fn redis_frozen() {
    let redis = RedisServer::start_durable();
    let load = Load::new();
    let headcount = start(&load, &redis.url());
    let people = People::start(headcount.site(), 1, 4);
    let late = "headcount_store_errors_total{kind=\"timeout\"}";
    let times = times(1, 10);
    for _ in 0..times {
        some_time();
        redis.freeze();
        let goal = headcount.metric(late) + if whole() { 5 } else { 1 };
        wait_for("late answers", || (headcount.metric(late) >= goal).then_some(()));
        redis.thaw();
        people.wait_for(50);
    }
    settle("redis-server frozen", times, &headcount, &redis, &people.stop());
}

#[test]
fn redis_full() {
    let redis = RedisServer::start_durable();
    let load = Load::new();
    let headcount = start(&load, &redis.url());
    let people = People::start(headcount.site(), 1, 4);
    let refused = "headcount_store_errors_total{kind=\"oom\"}";
    let times = times(2, 10);
    for _ in 0..times {
        some_time();
        let before = headcount.metric(refused);
        redis.command::<()>(&["CONFIG", "SET", "maxmemory", "1mb"]);
        wait_for("a refusal", || (headcount.metric(refused) > before + 1).then_some(()));
        redis.command::<()>(&["CONFIG", "SET", "maxmemory", "0"]);
        people.wait_for(20);
    }
    settle("maxmemory reached", times, &headcount, &redis, &people.stop());
}

#[test]
fn redis_forgets_its_scripts() {
    let redis = RedisServer::start_durable();
    let load = Load::new();
    let headcount = start(&load, &redis.url());
    let people = People::start(headcount.site(), 1, 4);
    let forgotten = "headcount_store_errors_total{kind=\"noscript\"}";
    let times = times(3, 10);
    for _ in 0..times {
        some_time();
        let before = headcount.metric(forgotten);
        wait_for("a batch after SCRIPT FLUSH", || {
            redis.command::<()>(&["SCRIPT", "FLUSH"]);
            (headcount.metric(forgotten) > before).then_some(())
        });
    }
    settle("SCRIPT FLUSH in mid-flush", times, &headcount, &redis, &people.stop());
}

/// The replica is behind when the primary dies, and takes its place without what it has not got.
#[test]
fn a_replica_is_promoted() {
    let mut primary = RedisServer::start_durable();
    let mut replica = RedisServer::start_durable();
    let relay = Meddler::start(primary.port);
    let load = Load::new();
    let headcount = start(&load, &relay.url());
    let people = People::start(headcount.site(), 1, 4);
    let times = times(2, 10);
    for _ in 0..times {
        let port = primary.port.to_string();
        replica.command::<()>(&["REPLICAOF", "127.0.0.1", &port]);
        wait_for("the replica to follow", || {
            let info: String = replica.command(&["INFO", "replication"]);
            info.contains("master_link_status:up").then_some(())
        });
        people.wait_for(50);
        // Behind: what comes now is acknowledged, and never reaches it.
        primary.command::<()>(&["CLIENT", "KILL", "TYPE", "replica"]);
        replica.command::<()>(&["REPLICAOF", "NO", "ONE"]);
        people.wait_for(50);
        primary.kill();
        relay.point_to(replica.port);
        people.wait_for(20);
        primary.restart();
        std::mem::swap(&mut primary, &mut replica);
    }
    settle("replica promoted, behind", times, &headcount, &primary, &people.stop());
}

/// A server that keeps nothing on disk, back with nothing within two minutes, while there is
/// nothing new to say: it is told all again.
#[test]
fn redis_comes_back_empty() {
    let mut redis = RedisServer::start();
    let load = Load::new();
    let headcount = start(&load, &redis.url());
    let people = People::start(headcount.site(), 1, 4);
    people.wait_for(100);
    let ledger = people.stop();
    let times = times(1, 10);
    for _ in 0..times {
        all_delivered(&headcount);
        redis.restart();
        let key = &format!("visits:daily:{{{SITE}:*}}");
        // Whoever looks at the numbers makes it connect.
        wait_for("all to be told again", || {
            headcount.admin_get("/readyz");
            let there: Vec<String> = redis.command(&["KEYS", key]);
            (!there.is_empty()).then_some(())
        });
    }
    wait_for("all", || {
        let server = |day: &crate::ledger::Day| day.total("server");
        (crate::in_redis(&redis).iter().map(server).sum::<i64>() >= 100).then_some(())
    });
    settle("redis-server back with nothing", times, &headcount, &redis, &ledger);
}
