//! An engine whose hits panic in the middle, or whose increments are lost: all that counts is as if
//! they had never come, or had not been lost.

use super::*;
use crate::journal::STATE_AFTER;
use crate::model::rollup::{Dimension, Metric};
use crate::model::{Answered, PageKind, Traits, VisitorHash, What};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Once;

/// A view of this page panics while it is being counted: see [`Shard::each_row`].
pub const PANICS: &str = "/panics";

/// Panics on purpose come by the thousand, and a backtrace of each takes longer than all else.
pub fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if panic.payload_as_str() != Some("on purpose") {
                tell(panic);
            }
        }));
    });
}

const NOON: i64 = 1_795_953_600_000;

type Counts = BTreeMap<(Dimension, String, Metric), i64>;

fn open(dir: &Path, marks: &Marks, state_after: u64) -> (Engine, Arc<Telemetry>) {
    hush();
    let telemetry = Arc::new(Telemetry::default());
    let (journal, lanes) = Journal::open(dir, 1, state_after, telemetry.clone()).unwrap();
    let recovery = Recovery { journal, lanes, marks: marks.clone(), seed: 7, share: false };
    let sites = Arc::new(vec![Site { name: "example.org".into(), ..Site::default() }]);
    let limits = Limits { visitors: 100, rows: 100 };
    let engine =
        Engine::recover(sites, limits, 1_024, telemetry.clone(), Clock::fixed(NOON), recovery);
    (engine, telemetry)
}

fn view(engine: &Engine, nonce: u64, visitor: u8, page: &str) {
    let traits = Traits::from([(Dimension::Browser, "Firefox")]);
    let (kind, status, traits) = (PageKind::View, 200, Some(traits));
    let (page, from, bytes, origin) = (page.into(), None, 100, None);
    let what = What::Answered(Answered { page, nonce, kind, status, traits, from, bytes, origin });
    let visitor = Some(VisitorHash::from_stored([visitor; 8]));
    let at = NOON + nonce as i64;
    assert!(engine.push(&Hit {
        at,
        site: Default::default(),
        lane: 0,
        visitor,
        before_midnight: None,
        what
    }));
}

fn add(counts: &mut Counts, sealed: Sealed) -> Marks {
    for (_, window) in sealed.windows {
        for ((dimension, value), row) in &window.rows {
            for (metric, n) in row.counts() {
                *counts.entry((*dimension, value.to_string(), metric)).or_default() += n;
            }
        }
    }
    counts.retain(|_, n| *n != 0);
    sealed.marks
}

/// People who come back; some of their views panic if `panics`. All counts, and those of the next
/// process.
fn drive(panics: bool, seal_every: u64, state_after: u64) -> (Counts, u64) {
    let dir = tempfile::tempdir().unwrap();
    let mut counts = Counts::new();
    let mut marks = Marks::new();
    let mut dropped = 0;
    let mut nonce = 0;
    for _ in 0..3 {
        let (engine, telemetry) = open(dir.path(), &marks, state_after);
        for round in 1..=40 {
            nonce += 1;
            if nonce % 7 == 0 && panics {
                // Of somebody known, and of somebody new.
                view(&engine, 1_000 + nonce, (nonce % 14) as u8, PANICS);
            }
            view(&engine, nonce, (nonce % 3) as u8, &format!("/{}", nonce % 5));
            if round % seal_every == 0 {
                let sealed = engine.seal();
                let hits: u64 = sealed.windows.values().map(|window| window.hits).sum();
                assert_eq!(telemetry.unflushed.swap(0, Ordering::Relaxed), hits as i64);
                marks = add(&mut counts, sealed);
                engine.journal().unwrap().settle().unwrap();
            }
        }
        // Each hit has its turn in this process.
        drop(engine.seal());
        dropped += telemetry.dropped(DropReason::Panic).get();
    }
    let (engine, telemetry) = open(dir.path(), &marks, state_after);
    add(&mut counts, engine.seal());
    assert_eq!(telemetry.dropped(DropReason::Panic).get(), 0, "it is not in the journal any more");
    (counts, dropped)
}

#[test]
fn nothing_is_left_of_a_hit_that_panics() {
    for (seal_every, state_after) in
        [(40, STATE_AFTER), (16, STATE_AFTER), (7, STATE_AFTER), (7, 1)]
    {
        let (expected, none) = drive(false, seal_every, state_after);
        assert_eq!(none, 0);
        let (got, dropped) = drive(true, seal_every, state_after);
        assert_eq!(dropped, 120 / 7);
        assert_eq!(got, expected, "sealed every {seal_every}");
        assert_eq!(got[&(Dimension::Total, String::new(), Metric::Server)], 120);
    }
}

#[test]
fn increments_that_are_lost_are_sealed_once_more() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, telemetry) = open(dir.path(), &Marks::new(), STATE_AFTER);
    (0..10).for_each(|n| view(&engine, n, 1, "/a"));
    let mut counts = Counts::new();
    let marks = add(&mut counts, engine.seal());
    let before = counts.clone();
    (10..30).for_each(|n| view(&engine, n, (n % 2) as u8, "/b"));
    let lost = engine.seal();
    (30..35).for_each(|n| view(&engine, n, 1, "/c"));
    assert_eq!(engine.go_back(&marks), Some(20));
    assert_eq!(telemetry.unflushed.load(Ordering::Relaxed), 35);
    add(&mut counts, engine.seal());

    let mut expected = before;
    add(&mut expected, lost);
    assert_eq!(counts[&(Dimension::Total, String::new(), Metric::Server)], 35);
    assert_eq!(counts[&(Dimension::Page, "/b".to_owned(), Metric::Server)], 20);
    for (row, n) in expected.iter().filter(|((dimension, ..), _)| *dimension == Dimension::Page) {
        assert_eq!(counts[row], *n, "{row:?}");
    }
}

/// Whoever comes while a process finds out what the one before knew need not wait for that.
#[test]
fn hits_are_taken_before_the_past_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, _) = open(dir.path(), &Marks::new(), u64::MAX);
    // As many as a queue holds, again and again.
    for some in 0..20 {
        (0..1_000).for_each(|n| view(&engine, some * 1_000 + n, (n % 50) as u8, "/before"));
        drop(engine.seal());
    }
    drop(engine);
    let (engine, telemetry) = open(dir.path(), &Marks::new(), u64::MAX);
    view(&engine, 20_000, 1, "/meanwhile");
    assert!(!engine.lanes[0].is_begun(), "it takes longer than a view");
    assert_eq!(telemetry.unflushed.load(Ordering::Relaxed), 20_001);
    let mut counts = Counts::new();
    let marks = add(&mut counts, engine.seal());
    assert_eq!(marks, [20_001]);
    assert_eq!(telemetry.unflushed.load(Ordering::Relaxed), 20_001);
    let of = |page: &str| counts[&(Dimension::Page, page.to_owned(), Metric::Server)];
    assert_eq!((of("/before"), of("/meanwhile")), (20_000, 1));
    assert_eq!(counts[&(Dimension::Total, String::new(), Metric::Visitors)], 50);
}

/// Where every hit panics, none is counted, and the engine still comes to an end.
#[test]
fn a_flood_of_hits_that_panic_is_got_through() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, telemetry) = open(dir.path(), &Marks::new(), STATE_AFTER);
    (0..500).for_each(|n| view(&engine, n, 1, PANICS));
    view(&engine, 500, 2, "/a");
    let mut counts = Counts::new();
    add(&mut counts, engine.seal());
    assert_eq!(telemetry.dropped(DropReason::Panic).get(), 500);
    assert_eq!(counts[&(Dimension::Page, "/a".to_owned(), Metric::Server)], 1);
}
