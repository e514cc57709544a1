//! The outbox's file as release 0.1.0 of November 2026 wrote it (`hcoutbx2`). Nothing here is to be
//! changed: what such a process had waiting is delivered with it, by whichever version comes later.
//!
//! Its ops are postcard, which only knows the order of fields. Read as they stood, they are written
//! with their names, as ops are now, and go on from there.

use crate::clock::{Micros, Millis};
use crate::model::VisitorHash;
use crate::model::site::Day;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// A frame's ops, as they are written now. `None`: it makes no sense.
pub fn translate(mut frame: &[u8]) -> Option<Vec<u8>> {
    let mut ops = Vec::with_capacity(2 * frame.len());
    while !frame.is_empty() {
        let (op, rest) = postcard::take_from_bytes::<Op>(frame).ok()?;
        rmp_serde::encode::write_named(&mut ops, &op).ok()?;
        frame = rest;
    }
    Some(ops)
}

type Key = (String, Day);

#[derive(Serialize, Deserialize)]
enum Op {
    Add { key: Key, age: u64, pending: PendingIncrements },
    Sealed(Vec<u64>),
    Cut { key: Key, batches: Vec<Cut> },
    Acknowledged { key: Key, at: Millis },
    Renumbered { key: Key, batches: Vec<Cut> },
    Dropped { key: Key, age: u64, events_only: bool },
    Remembered { key: Key, at: Millis, batch: Batch },
    Forgotten { key: Key, name: String },
    Entry(EntryOp),
}

#[derive(Serialize, Deserialize)]
enum EntryOp {
    Added(Entry),
    Acknowledged { at: Millis },
    Renumbered { entries: Vec<Entry> },
    Emptied { name: String, number: u64 },
    Remembered { at: Millis, entry: Entry },
    Forgotten { name: String },
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
