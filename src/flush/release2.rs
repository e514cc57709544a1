//! The outbox's file as release 0.1.0 of November 2026 wrote it (`hcoutbx2`). Nothing here is to be
//! changed: what such a process had waiting is delivered with it, by whichever version comes later.
//!
//! Its ops are postcard, which only knows the order of fields. Read as they stood, they are written
//! as ops are now, with the names of their fields, and go on from there.

use super::outbox::Key;
use crate::clock::{Micros, Millis};
use crate::delivery::Change;
use crate::model::VisitorHash;
use crate::model::site::Day;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// A frame's ops, as they are written now. `None`: it makes no sense.
pub fn translate(mut frame: &[u8]) -> Option<Vec<u8>> {
    let mut ops = Vec::with_capacity(2 * frame.len());
    while !frame.is_empty() {
        let (op, rest) = postcard::take_from_bytes::<Op>(frame).ok()?;
        rmp_serde::encode::write_named(&mut ops, &Today::from(op)).ok()?;
        frame = rest;
    }
    Some(ops)
}

#[derive(Deserialize)]
enum Op {
    Add { key: Key, age: u64, pending: Box<PendingIncrements> },
    Sealed(Vec<u64>),
    Cut { key: Key, batches: Vec<Cut> },
    Acknowledged { key: Key, at: Millis },
    Renumbered { key: Key, batches: Vec<Cut> },
    Dropped { key: Key, age: u64, events_only: bool },
    Remembered { key: Key, at: Millis, batch: Batch },
    Forgotten { key: Key, name: Arc<str> },
    Entry(EntryOp),
}

#[derive(Deserialize)]
enum EntryOp {
    Added(Entry),
    Acknowledged { at: Millis },
    Renumbered { entries: Vec<Entry> },
    Emptied { name: Arc<str>, number: u64 },
    Remembered { at: Millis, entry: Entry },
    Forgotten { name: Arc<str> },
}

/// An op as it is written now.
type Today = super::outbox::Op<PendingIncrements, Cut, Entry>;

impl From<Op> for Today {
    fn from(op: Op) -> Self {
        let (key, change) = match op {
            Op::Add { key, age, pending } => return Self::Add { key, age, pending },
            Op::Sealed(marks) => return Self::Sealed(marks),
            Op::Dropped { key, age, events_only } => {
                return Self::Dropped { key, age, events_only };
            }
            Op::Entry(op) => return op.into(),
            Op::Cut { key, batches } => (key, Change::Added(batches)),
            Op::Acknowledged { key, at } => (key, Change::Acknowledged { at }),
            Op::Renumbered { key, batches } => (key, Change::Renumbered(batches)),
            Op::Remembered { key, at, batch } => {
                (key, Change::Remembered { at, item: Cut { batch, hits: 0 } })
            }
            Op::Forgotten { key, name } => (key, Change::Forgotten { name }),
        };
        Self::Batches { key, change }
    }
}

impl From<EntryOp> for Today {
    fn from(op: EntryOp) -> Self {
        Self::Entries(match op {
            EntryOp::Added(entry) => Change::Added(vec![entry]),
            EntryOp::Acknowledged { at } => Change::Acknowledged { at },
            EntryOp::Renumbered { entries } => Change::Renumbered(entries),
            EntryOp::Emptied { name, number } => return Self::Emptied { name, number },
            EntryOp::Remembered { at, entry } => Change::Remembered { at, item: entry },
            EntryOp::Forgotten { name } => Change::Forgotten { name },
        })
    }
}

#[derive(Serialize, Deserialize)]
struct PendingIncrements {
    hits: u64,
    fields: BTreeMap<String, i64>,
    visitors: Vec<VisitorHash>,
    confirmed: Vec<VisitorHash>,
    events: EventList,
    names: usize,
}

#[derive(Serialize, Deserialize)]
struct Cut {
    batch: Batch,
    hits: u64,
}

#[derive(Serialize, Deserialize)]
struct Batch {
    site: String,
    day: Day,
    node: String,
    number: u64,
    fields: Vec<(String, i64)>,
    visitors: Vec<VisitorHash>,
    confirmed: Vec<VisitorHash>,
    events: Events,
}

#[derive(Serialize, Deserialize)]
struct EventList {
    packed: VecDeque<Events>,
    newest: Lines,
}

#[derive(Serialize, Deserialize)]
struct Events {
    count: usize,
    #[serde(with = "serde_bytes")]
    packed: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Lines {
    text: String,
    count: usize,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    node: String,
    name: String,
    number: u64,
    until: Micros,
    last: Micros,
    events: u64,
    #[serde(with = "serde_bytes")]
    packed: Vec<u8>,
}
