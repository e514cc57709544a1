//! The store that is a file: killed with its program, on a full disk, locked by another.

use crate::common::headcount::Headcount;
use crate::common::load::Load;
use crate::common::wait_for;
use crate::ledger::{Day, Ledger};
use crate::people::People;
use crate::room::Room;
use crate::{UNFLUSHED, all_delivered, flags, some_time, start, times};
use rusqlite::{Connection, OpenFlags};
use std::collections::BTreeMap;
use std::path::Path;

pub const STORE: &str = "sqlite:headcount.db";

/// What the file has, read without the program.
pub fn in_file(folder: &Path) -> Vec<Day> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let file = Connection::open_with_flags(folder.join("headcount.db"), flags).unwrap();
    let mut days = BTreeMap::<String, Day>::new();
    let mut query = file.prepare("SELECT day, dimension, value, metric, count FROM daily").unwrap();
    let mut rows = query.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let text = |i: usize| row.get::<_, String>(i).unwrap();
        let field = [text(1), text(2), text(3)].join("\u{1f}");
        days.entry(text(0)).or_default().counts.insert(field, row.get(4).unwrap());
    }
    for (day, found) in &mut days {
        let sql = "SELECT count(*) FROM uniques JOIN days ON id = day_id \
                   WHERE day = ? AND kind = 'visitor'";
        found.sketch = file.query_row(sql, [day], |row| row.get(0)).unwrap();
    }
    days.into_values().collect()
}

/// All is in the file and equals the ledger.
pub fn settle(case: &str, times: usize, headcount: &Headcount, ledger: &Ledger) {
    all_delivered(headcount);
    ledger.check(case, times, &in_file(&headcount.data_dir()));
}

#[test]
fn killed() {
    let load = Load::new();
    let mut headcount = start(&load, STORE);
    let people = People::start(headcount.site(), 1, 4);
    let times = times(4, 20);
    for _ in 0..times {
        some_time();
        headcount.kill();
        headcount.start_again();
        people.go_to(headcount.site());
    }
    people.wait_for(50);
    settle("SQLite, kill -9", times, &headcount, &people.stop());
}

#[test]
fn locked_by_another() {
    let load = Load::new();
    let headcount = start(&load, STORE);
    let people = People::start(headcount.site(), 1, 4);
    people.wait_for(50);
    let mut other = Connection::open(headcount.data_dir().join("headcount.db")).unwrap();
    let times = times(2, 20);
    for round in 0..times {
        some_time();
        // Once for longer than headcount waits for it, otherwise for a moment.
        let lock =
            other.transaction_with_behavior(rusqlite::TransactionBehavior::Exclusive).unwrap();
        if round == 0 {
            let failures = "headcount_flush_failures_total";
            wait_for("a flush that fails", || (headcount.metric(failures) > 0).then_some(()));
        }
        people.wait_for(50);
        assert!(headcount.metric(UNFLUSHED) > 0);
        lock.rollback().unwrap();
        all_delivered_under_load(&headcount);
    }
    // A reader holds up nobody.
    other.execute_batch("BEGIN; SELECT count(*) FROM counts").unwrap();
    people.wait_for(50);
    settle("SQLite, locked by another", times, &headcount, &people.stop());
}

/// What waited is applied; new hits may wait already.
fn all_delivered_under_load(headcount: &Headcount) {
    let flushes = headcount.metric("headcount_flushes_total");
    wait_for("a flush", || (headcount.metric("headcount_flushes_total") > flushes).then_some(()));
}

/// Counts and data directory on one full disk: all is kept in memory until there is room.
#[test]
fn disk_full() {
    let load = Load::new();
    let room = Room::new(64);
    let headcount = Headcount::start_in(&load.url(), room.path(), &flags(STORE, &[]));
    let other = Connection::open(room.path().join("headcount.db")).unwrap();
    let people = People::start(headcount.site(), 1, 4);
    people.wait_for(50);
    let failures = "headcount_flush_failures_total";
    let times = times(2, 20);
    for _ in 0..times {
        some_time();
        let before = headcount.metric(failures);
        wait_for("a flush that fails", || {
            // Room in its log is room, too.
            let _ = other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
            room.fill();
            (headcount.metric(failures) > before).then_some(())
        });
        people.wait_for(50);
        room.free();
        all_delivered_under_load(&headcount);
    }
    wait_for("the journal", || (headcount.metric("headcount_journal_on") == 1).then_some(()));
    settle("SQLite, disk full", times, &headcount, &people.stop());
}
