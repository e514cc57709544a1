//! The journal: hits that were taken are there after the process has ended at any moment.
//!
//! - `replay`: random traffic against the naive model, with the process ended at random points
//!   over and over: all counts are as if nothing had died;
//! - `late`: what a process writes that another has taken over from;
//! - `files`: torn, forged, voided and foreign records, full disks, states, what is kept how long.

#[path = "../common/handed.rs"]
mod handed;
// What filters let through is asked elsewhere.
#[allow(dead_code)]
#[path = "../common/model/mod.rs"]
mod model;
#[path = "../common/traffic.rs"]
mod traffic;

mod files;
mod late;
mod replay;

use headcount::aggregate::{Engine, Limits, Marks, Recovery};
use headcount::clock::Clock;
use headcount::journal::Journal;
use headcount::model::site::Site;
use headcount::telemetry::Telemetry;
use std::path::Path;
use std::sync::Arc;

const LIMITS: Limits = Limits { visitors: 100_000, rows: 10_000 };
const QUEUE: usize = 4_096;

/// An engine that goes on where the last one in `dir` ended.
fn open(
    dir: &Path,
    site: &Site,
    lanes: usize,
    state_after: u64,
    marks: &Marks,
) -> (Engine, Arc<Telemetry>) {
    open_with(dir, vec![site.clone()], lanes, state_after, marks)
}

fn open_with(
    dir: &Path,
    sites: Vec<Site>,
    lanes: usize,
    state_after: u64,
    marks: &Marks,
) -> (Engine, Arc<Telemetry>) {
    let telemetry = Arc::new(Telemetry::default());
    let (journal, found) = Journal::open(dir, lanes, state_after, telemetry.clone()).unwrap();
    let recovery = Recovery { journal, lanes: found, marks: marks.clone(), seed: 7, share: false };
    let (sites, clock) = (Arc::new(sites), Clock::fixed(0));
    (Engine::recover(sites, LIMITS, QUEUE, telemetry.clone(), clock, recovery), telemetry)
}
