//! What an operator does with what is stored: takes rows out, deletes days, moves a site to another
//! store, makes a backup and goes back to it. The real binary, real stores.
//!
//! - `export`: rows of a test's own traffic come out exactly, by command and by API, and again from
//!   a backup;
//! - `delete`: what is named goes, down to the bytes of the file; all else stays;
//! - `copy`: from either store to either, checked; what cannot be the same is refused.

#[path = "../common/mod.rs"]
mod common;

mod copy;
mod delete;
mod export;

use common::headcount::{SITE, timezone};
use headcount::model::block::RowBuilder;
use headcount::model::rollup::{Dimension, Metric, field};
use headcount::model::row::{EventRow, Flags, Kind, RowVisit};
use headcount::model::site::{Day, Month};
use headcount::model::{Batch, PackedRows, Traits, VisitorHash};
use headcount::store::{Applied, Upkeep};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn month(text: &str) -> Month {
    text.parse().unwrap()
}

fn open(url: &str, dir: &Path) -> Arc<dyn Upkeep> {
    headcount::store::open(&url.parse().unwrap(), dir).unwrap()
}

/// A command that looks after `SITE`, in a folder.
fn command(dir: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headcount"));
    command.env_clear().current_dir(dir).args(words).stdin(Stdio::null());
    command.args(["--site", SITE, "--timezone", timezone()]);
    command
}

fn run(dir: &Path, words: &[&str]) -> Output {
    command(dir, words).output().unwrap()
}

/// Runs what must go well; what it prints.
#[track_caller]
fn done(dir: &Path, words: &[&str]) -> String {
    let output = run(dir, words);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs what must go wrong with this code; what it says.
#[track_caller]
fn refused(dir: &Path, code: i32, words: &[&str]) -> String {
    let output = run(dir, words);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
    said
}

/// A visitor whose bytes stand nowhere by accident.
fn visitor(site: &str, on: Day, number: u64) -> VisitorHash {
    let seed = number + 1_000 * format!("{site}{on}").bytes().map(u64::from).sum::<u64>();
    VisitorHash::from_stored(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes())
}

/// A day of so many visitors, each with a visit of one view. As many of them as `told` have rows.
fn whole_day(site: &str, on: Day, visitors: u64, told: u64) -> Batch {
    let mut rows = RowBuilder::default();
    let (mut all, mut others) = (Vec::new(), RowBuilder::default());
    for number in 0..visitors {
        let of = RowVisit {
            visitor: Some(visitor(site, on, number)),
            visit: 7 + number,
            entry: "/".into(),
            traits: Traits::from([(Dimension::Browser, "Firefox")]),
        };
        let at = 1_790_000_000_000 + number as i64;
        let row = EventRow::new(at, Kind::View, Arc::new(of), "/".into());
        if number < told {
            rows.push(&EventRow { flags: Flags::SERVER.with(Flags::CONFIRMED), view: 1, ..row });
        }
        all.push(visitor(site, on, number));
    }
    others.push(&EventRow::new(1_790_000_000_000, Kind::Feed, Arc::default(), "/feed".into()));
    let n = visitors as i64;
    let total = |metric, n| (field(Dimension::Total, "", metric), n);
    Batch {
        site: site.into(),
        day: on,
        node: "node".into(),
        number: 1,
        fields: vec![
            (field(Dimension::Page, "/", Metric::Server), n),
            total(Metric::Server, n),
            total(Metric::Visitors, n),
            total(Metric::ConfirmedVisitors, n),
        ],
        visitors: all.clone(),
        confirmed: all,
        people: PackedRows::from(&rows.finish()),
        others: PackedRows::from(&others.finish()),
    }
}

async fn put(store: &dyn Upkeep, batch: &Batch) {
    assert_eq!(store.apply(batch).await.unwrap(), Applied::Now);
}
