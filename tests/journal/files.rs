//! The journal's files, good and bad.

use super::open;
use headcount::aggregate::{Engine, Marks};
use headcount::journal::{Journal, Record, encoded};
use headcount::model::rollup::Dimension;
use headcount::model::site::Site;
use headcount::model::{Answered, Hit, PageKind, Traits, What};
use headcount::telemetry::Telemetry;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const NEVER: u64 = u64::MAX;

pub fn site() -> Site {
    Site { name: "site".into(), hosts: Vec::new(), timezone: chrono_tz::UTC, ..Site::default() }
}

pub fn download(path: &str) -> Hit {
    let what = What::Download { path: path.into(), first: 0, bytes: 1, length: Some(1) };
    Hit {
        at: 1_800_000_000_000,
        site: Default::default(),
        lane: 0,
        visitor: None,
        before_midnight: None,
        what,
    }
}

/// How many hits an engine that goes on in `dir` has to seal.
fn replayed(dir: &Path, marks: &Marks) -> u64 {
    sealed(&open(dir, &site(), 1, NEVER, marks).0).0
}

pub fn sealed(engine: &Engine) -> (u64, Marks) {
    let sealed = engine.seal();
    (sealed.windows.values().map(|w| w.hits).sum(), sealed.marks)
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let names = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    let mut names: Vec<PathBuf> =
        names.filter(|p| p.to_str().unwrap().contains("journal-0-")).collect();
    names.sort();
    names
}

/// Writes `n` hits and ends.
fn written(dir: &Path, n: usize) {
    let (engine, telemetry) = open(dir, &site(), 1, NEVER, &vec![]);
    for i in 0..n {
        engine.push(&download(&format!("/{i}")));
    }
    assert_eq!(telemetry.journal_missed.get(), 0);
}

/// Changes the bytes of the first segment.
fn damage(dir: &Path, how: impl FnOnce(&mut [u8])) {
    let path = &segments(dir)[0];
    let mut bytes = fs::read(path).unwrap();
    how(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn what_was_written_is_there() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), 1_000);
    assert_eq!(replayed(dir.path(), &vec![]), 1_000);
    assert_eq!(replayed(dir.path(), &vec![]), 1_000, "and stays until it is sealed");
    assert_eq!(replayed(dir.path(), &vec![400]), 600);
    assert_eq!(replayed(dir.path(), &vec![1_000]), 0);
    assert_eq!(replayed(dir.path(), &vec![5_000]), 0);
}

#[test]
fn tickets_go_on_behind_the_mark() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), 10);
    // The mark is ahead of the hits: power was lost, and with it the last second.
    let (engine, _) = open(dir.path(), &site(), 1, NEVER, &vec![15]);
    engine.push(&download("/new"));
    assert_eq!(sealed(&engine), (1, vec![16]));
    drop(engine);
    assert_eq!(replayed(dir.path(), &vec![15]), 1);
}

#[test]
fn a_torn_record_costs_itself_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), 100);
    let needle = b"/50";
    damage(dir.path(), |bytes| {
        let at = bytes.windows(3).position(|w| w == needle).unwrap();
        bytes[at] = b'!';
    });
    assert_eq!(replayed(dir.path(), &vec![]), 99);
    // Reserved, and never written.
    damage(dir.path(), |bytes| {
        let at = bytes.windows(3).position(|w| w == b"/70").unwrap() / 8 * 8;
        bytes[at - 16..at + 8].fill(0);
    });
    assert_eq!(replayed(dir.path(), &vec![]), 98);
    damage(dir.path(), |bytes| {
        let end = bytes.iter().rposition(|b| *b != 0).unwrap();
        bytes[end] = 0;
    });
    assert_eq!(replayed(dir.path(), &vec![]), 97);
}

/// A visitor who knows the layout writes records into a path, and the one around them is torn.
#[test]
fn a_path_cannot_pass_for_a_record() {
    let dir = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    written(other.path(), 1);
    let bytes = fs::read(&segments(other.path())[0]).unwrap();
    let end = bytes.iter().rposition(|b| *b != 0).unwrap() + 1;
    // Of a journal with another secret, at each place a record could begin.
    let record = &bytes[32..end];
    written(dir.path(), 2);
    damage(dir.path(), |bytes| {
        let at = bytes.iter().rposition(|b| *b != 0).unwrap().next_multiple_of(8) + 64;
        bytes[at..at + record.len()].copy_from_slice(record);
    });
    assert_eq!(replayed(dir.path(), &vec![]), 2);
}

#[test]
fn another_versions_files_are_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), 10);
    damage(dir.path(), |bytes| bytes[8] ^= 1);
    assert_eq!(replayed(dir.path(), &vec![]), 0);
    let names = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name());
    assert_eq!(names.filter(|n| n.to_str().unwrap().ends_with(".unread")).count(), 1);
}

#[test]
fn a_voided_journal_counts_for_nothing_until_it_resumes() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, telemetry) = open(dir.path(), &site(), 1, NEVER, &vec![]);
    engine.push(&download("/1"));
    let journal = engine.journal().unwrap().clone();
    let other = tempfile::tempdir().unwrap();
    let undeleted = other.path().join("journal-0-0000000000");
    fs::hard_link(&segments(dir.path())[0], &undeleted).unwrap();
    journal.void();
    // One that was just being made goes as soon as it is.
    while !segments(dir.path()).is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert_eq!(replayed(other.path(), &vec![]), 0, "it says itself that it counts for nothing");
    engine.push(&download("/2"));
    assert_eq!(telemetry.journal_missed.get(), 1);
    let marks = sealed(&engine).1;

    journal.resume();
    loop {
        let missed = telemetry.journal_missed.get();
        engine.push(&download("/3"));
        if telemetry.journal_missed.get() == missed {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let goes_on = marks[0] + telemetry.journal_missed.get() - 1;
    drop((engine, journal));
    assert_eq!(replayed(dir.path(), &vec![goes_on]), 1);
}

#[test]
fn full_segments_follow_one_another_and_states_take_their_place() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, telemetry) = open(dir.path(), &site(), 1, 8 << 20, &vec![]);
    let long = "/long".repeat(180);
    let (mut pushed, mut counted, mut most) = (0, 0, 0);
    for i in 0..60 {
        for j in 0..500 {
            engine.push(&download(&format!("{long}{i}/{j}")));
            pushed += 1;
        }
        let (hits, _) = sealed(&engine);
        counted += hits;
        engine.journal().unwrap().settle().unwrap();
        most = most.max(segments(dir.path()).len());
    }
    assert_eq!(counted, pushed);
    assert_eq!(telemetry.journal_missed.get(), 0);
    assert!(most <= 6, "30 MB of hits, and {most} segments at a time");
    assert!(dir.path().join("journal-0.state").exists());
}

/// Of two threads and more than one segment, to the last trait, and when they came where that was
/// said.
#[test]
fn hits_come_back_as_they_were() {
    const EACH: usize = 9_000;
    let hit = |ticket: usize| {
        let traits = Traits::from([
            (Dimension::Browser, format!("Browser {}", ticket % 7)),
            (Dimension::UtmTerm, format!("only in {ticket}")),
            (Dimension::Referrer, "x".repeat(if ticket.is_multiple_of(100) { 300 } else { 30 })),
        ]);
        let answered = Answered {
            page: format!("/{ticket:0200}").into(),
            nonce: ticket as u64,
            kind: PageKind::View,
            status: 200,
            traits: Some(traits),
            from: Some("elsewhere.example/".into()),
            bytes: 7,
            origin: None,
        };
        Hit { what: What::Answered(answered), ..download("") }
    };
    let dir = tempfile::tempdir().unwrap();
    let telemetry = Arc::new(Telemetry::default());
    let (journal, _) = Journal::open(dir.path(), 1, NEVER, telemetry.clone()).unwrap();
    // They fill one, and a part of the next.
    while segments(dir.path()).len() < 2 {
        std::thread::yield_now();
    }
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let journal = &journal;
            scope.spawn(move || {
                for i in 0..EACH {
                    let ticket = 2 * i + thread;
                    let came = (ticket % 2 == 0).then_some(ticket as i64);
                    let append = |bytes: &[u8]| drop(journal.append(0, ticket as u64, bytes));
                    encoded(&hit(ticket), came, None, append).unwrap();
                }
            });
        }
    });
    assert_eq!(telemetry.journal_missed.get(), 0);
    drop(journal);
    assert!(segments(dir.path()).len() > 2);

    let (_, found) = Journal::open(dir.path(), 1, NEVER, telemetry).unwrap();
    let mut found = found[0].hits();
    for ticket in 0..2 * EACH {
        let came = (ticket % 2 == 0).then_some(ticket as i64);
        let record = Record { hit: hit(ticket), came, origin: None };
        assert_eq!(found.next(), Some((ticket as u64, record)));
    }
    assert_eq!(found.next(), None);
}

#[test]
fn several_threads_write_one_lane() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, telemetry) = open(dir.path(), &site(), 1, NEVER, &vec![]);
    let engine = Arc::new(engine);
    let writers: Vec<_> = (0..4)
        .map(|t| {
            let engine = engine.clone();
            std::thread::spawn(move || {
                for i in 0..900 {
                    engine.push(&download(&format!("/{t}/{i}")));
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|w| w.join().unwrap());
    assert_eq!(telemetry.journal_missed.get(), 0);
    drop(engine);
    assert_eq!(replayed(dir.path(), &vec![]), 3_600);
}
