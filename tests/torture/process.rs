//! headcount itself ends, in every way.

use crate::common::headcount::Headcount;
use crate::common::load::Load;
use crate::common::redis::RedisServer;
use crate::people::{Ledger, People};
use crate::{flags, settle, some_time, start, times};
use std::fs;
use std::path::Path;
use std::thread::sleep;

#[test]
fn headcount_killed_at_random_moments() {
    let redis = RedisServer::start_durable();
    let load = Load::new();
    let mut headcount = start(&load, &redis.url(), &[]);
    let people = People::start(headcount.site(), 1, 8);
    for _ in 0..times(4, 50) {
        sleep(some_time());
        headcount.kill();
        headcount.start_again();
        people.go_to(headcount.site());
    }
    people.wait_for(100);
    settle("kill -9 headcount", &headcount, &redis, &people.stop());
}

/// Everything at once: increments wait on disk, shards' memory is older than the last kill, the
/// store comes and goes.
#[test]
fn headcount_killed_while_the_store_is_away() {
    let mut redis = RedisServer::start_durable();
    let load = Load::new();
    let mut headcount = start(&load, &redis.url(), &[]);
    let people = People::start(headcount.site(), 1, 8);
    people.wait_for(200);
    for _ in 0..times(2, 10) {
        redis.kill();
        sleep(some_time());
        headcount.kill();
        headcount.start_again();
        people.go_to(headcount.site());
        people.wait_for(50);
        redis.restart();
        people.wait_for(50);
    }
    settle("kill -9 headcount, store away", &headcount, &redis, &people.stop());
}

#[test]
fn headcount_stopped_while_the_store_is_away() {
    let mut redis = RedisServer::start_durable();
    let load = Load::new();
    let mut headcount = start(&load, &redis.url(), &[]);
    let mut ledger = Ledger::default();
    for crowd in 0..times(1, 5) {
        let people = People::start(headcount.site(), crowd as u8, 4);
        people.wait_for(100);
        redis.kill();
        people.wait_for(100);
        ledger.extend(people.stop());
        headcount.term();
        assert!(headcount.log().contains("wait on disk for the next start"));
        redis.restart();
        headcount.start_again();
    }
    settle("SIGTERM, store away", &headcount, &redis, &ledger);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            // A file may go while it is looked at.
            let _ = fs::copy(&path, &to);
        }
    }
}

/// A second node with a copy of the first one's folder, made while the first is as `meanwhile`
/// leaves it; hits wait in it.
fn copied(what: &str, end: fn(&mut Headcount)) {
    let mut redis = RedisServer::start_durable();
    let load = Load::new();
    for _ in 0..times(1, 3) {
        redis.command::<()>(&["FLUSHALL"]);
        let mut original = start(&load, &redis.url(), &[]);
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
        let (here, there) =
            (People::start(original.site(), 2, 2), People::start(second.site(), 3, 2));
        here.wait_for(50);
        there.wait_for(50);
        ledger.extend(here.stop());
        ledger.extend(there.stop());
        crate::all_delivered(&second);
        settle(what, &original, &redis, &ledger);
        // And both are themselves when they start again.
        second.kill();
        second.start_again();
        assert_eq!(second.log().matches("copy of another node").count(), 1);
    }
}

#[test]
fn data_directory_copied_from_a_running_node() {
    copied("data directory copied, node running", |_| {});
}

#[test]
fn data_directory_copied_from_a_stopped_node() {
    copied("data directory copied, node stopped", |original| drop(original.term()));
}

#[test]
fn data_directory_copied_from_a_killed_node() {
    copied("data directory copied, node killed", Headcount::kill);
}

/// A folder that moves after its node has ended is still that node.
#[test]
fn data_directory_moved() {
    let mut redis = RedisServer::start_durable();
    let load = Load::new();
    let mut first = start(&load, &redis.url(), &[]);
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
    settle("data directory moved", &second, &redis, &ledger);
}

/// The folder is one process's at a time.
#[test]
fn two_processes_never_share_a_folder() {
    let redis = RedisServer::start_durable();
    let load = Load::new();
    let first = start(&load, &redis.url(), &[]);
    let data = first.data_dir();
    let mut more = flags(&redis.url(), &[]).into_iter().map(str::to_owned).collect::<Vec<_>>();
    more.extend(["--data-dir".to_owned(), data.to_str().unwrap().to_owned()]);
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    let second = Headcount::prepare_without_data_dir(&load.url(), &more);
    let said = second.log();
    assert!(said.contains("another headcount uses it") && said.contains("without a journal"), "{said}");
    assert_eq!(second.metric("headcount_journal_on"), 0);
    assert_eq!(first.metric("headcount_journal_on"), 1);
    let (here, there) = (People::start(first.site(), 1, 2), People::start(second.site(), 2, 2));
    here.wait_for(50);
    there.wait_for(50);
    let mut ledger = here.stop();
    ledger.extend(there.stop());
    crate::all_delivered(&first);
    settle("two processes, one folder", &second, &redis, &ledger);
}
