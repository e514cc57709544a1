//! headcount itself ends, in every way.

use crate::common::headcount::Headcount;
use crate::common::load::Load;
use crate::common::redis::RedisServer;
use crate::ledger::Ledger;
use crate::people::People;
use crate::{all_delivered, flags, settle, some_time, start, times};
use std::fs;
use std::path::Path;

#[test]
fn killed_at_random_moments() {
    let redis = RedisServer::start_durable();
    let load = Load::new();
    let mut headcount = start(&load, &redis.url());
    let people = People::start(headcount.site(), 1, 4);
    let times = times(4, 50);
    for _ in 0..times {
        some_time();
        headcount.kill();
        headcount.start_again();
        people.go_to(headcount.site());
    }
    people.wait_for(100);
    settle("kill -9 headcount", times, &headcount, &redis, &people.stop());
}

/// Everything at once: increments wait on disk, shards' memory is older than the last kill, the
/// store comes and goes.
#[test]
fn killed_while_the_store_is_away() {
    let mut redis = RedisServer::start_durable();
    let load = Load::new();
    let mut headcount = start(&load, &redis.url());
    let people = People::start(headcount.site(), 1, 4);
    people.wait_for(50);
    let times = times(2, 10);
    for _ in 0..times {
        redis.kill();
        some_time();
        headcount.kill();
        headcount.start_again();
        people.go_to(headcount.site());
        people.wait_for(50);
        redis.restart();
        people.wait_for(50);
    }
    settle("kill -9 headcount, store away", times, &headcount, &redis, &people.stop());
}

#[test]
fn stopped_while_the_store_is_away() {
    let mut redis = RedisServer::start_durable();
    let load = Load::new();
    let mut headcount = start(&load, &redis.url());
    let mut ledger = Ledger::default();
    let times = times(1, 5);
    for crowd in 0..times {
        let people = People::start(headcount.site(), crowd, 4);
        people.wait_for(100);
        redis.kill();
        people.wait_for(100);
        ledger.extend(people.stop());
        headcount.term();
        assert!(headcount.log().contains("wait on disk for the next start"));
        redis.restart();
        headcount.start_again();
    }
    settle("SIGTERM, store away", times, &headcount, &redis, &ledger);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            // A file may go while it is looked at.
            let _ = fs::copy(&path, &to);
        }
    }
}

/// A second node with a copy of the first one's folder, made while hits wait in it and the first
/// is killed, stopped, running.
#[test]
fn data_directory_copied_to_a_second_node() {
    for n in 0..times(1, 9) {
        match n % 3 {
            0 => copied("data directory copied, node killed", Headcount::kill),
            1 => copied("data directory copied, node stopped", |original| {
                original.term();
            }),
            _ => copied("data directory copied, node running", |_| {}),
        }
    }
}

fn copied(case: &str, end: fn(&mut Headcount)) {
    let load = Load::new();
    let mut redis = RedisServer::start_durable();
    let mut original = start(&load, &redis.url());
    let people = People::start(original.site(), 1, 4);
    people.wait_for(100);
    redis.kill();
    people.wait_for(100);
    let mut ledger = people.stop();
    end(&mut original);
    let mut second = Headcount::prepare(&load.url(), &flags(&redis.url(), &[]));
    copy(&original.data_dir(), &second.data_dir());
    redis.restart();
    if !original.runs() {
        original.start_again();
    }
    second.start_again();
    assert!(second.log().contains("copy of another node"), "{}", second.log());
    // Visitors of its own: nodes without shared sessions count each their own visits.
    let (here, there) = (People::start(original.site(), 2, 2), People::start(second.site(), 3, 2));
    here.wait_for(50);
    there.wait_for(50);
    ledger.extend(here.stop());
    ledger.extend(there.stop());
    // And both are themselves when they start again.
    second.kill();
    second.start_again();
    assert_eq!(second.log().matches("copy of another node").count(), 1);
    all_delivered(&second);
    settle(case, 1, &original, &redis, &ledger);
}

/// A folder that moves after its node has ended is still that node.
#[test]
fn data_directory_moved() {
    let mut redis = RedisServer::start_durable();
    let load = Load::new();
    let mut first = start(&load, &redis.url());
    let people = People::start(first.site(), 1, 4);
    people.wait_for(100);
    redis.kill();
    people.wait_for(100);
    let ledger = people.stop();
    first.term();
    let mut second = Headcount::prepare(&load.url(), &flags(&redis.url(), &[]));
    copy(&first.data_dir(), &second.data_dir());
    redis.restart();
    second.start_again();
    settle("data directory moved", 1, &second, &redis, &ledger);
}

/// The folder is one process's at a time; the other counts without.
#[test]
fn two_processes_never_share_a_folder() {
    let redis = RedisServer::start_durable();
    let load = Load::new();
    let first = start(&load, &redis.url());
    let second = Headcount::start_in(&load.url(), &first.data_dir(), &flags(&redis.url(), &[]));
    assert!(second.log().contains("another headcount uses it"), "{}", second.log());
    let on = |node: &Headcount| node.metric("headcount_journal_on");
    assert_eq!((on(&first), on(&second)), (1, 0));
    let (here, there) = (People::start(first.site(), 1, 2), People::start(second.site(), 2, 2));
    here.wait_for(50);
    there.wait_for(50);
    let mut ledger = here.stop();
    ledger.extend(there.stop());
    all_delivered(&first);
    settle("two processes, one folder", 1, &second, &redis, &ledger);
}
