//! What files and stores hold: of whatever was damaged or forged, nothing is read, or something
//! that can be written and read again. Memory for it is bounded by the tests' own limit.

use super::split_byte;
use crate::flush::{outbox::Outbox, release2};
use crate::frames;
use crate::journal::{self, record};
use crate::model::block::{Block, Replacements};
use crate::model::{Done, Entry, Item, PackedRows};
use crate::proxy::acme::state::State;
use std::fmt::Debug;

/// A block whose checksum and packing are right, whatever is in it: by the first byte, all of it or
/// its columns.
pub fn blocks(bytes: &[u8]) {
    let (form, rest) = split_byte(bytes);
    let bytes = match form % 2 {
        0 => rest.to_vec(),
        _ => packed(rest),
    };
    let Ok(block) = Block::decode(&bytes) else { return };
    let rows: Vec<_> = block.rows().collect();
    assert_eq!(rows.len(), block.len());
    let again = Block::decode(&block.encode()).expect("it can be written");
    assert!(again.rows().eq(rows.iter().cloned()), "it is read as it was written");
    if let Some(rows) = PackedRows::from_bytes(bytes) {
        let _ = (rows.len(), rows.is_aged(), rows.block().is_ok());
    }
    let mut merged = Block::merge([block, again]);
    merged.age(&mut Replacements::new(|| 7));
    assert_eq!(merged.split(3).iter().map(Block::len).sum::<usize>(), 2 * rows.len());
}

fn packed(rest: &[u8]) -> Vec<u8> {
    let (share, rest) = split_byte(rest);
    let (columns, keys) = rest.split_at(rest.len() * share / 255);
    let packed = zstd::bulk::compress(columns, 1).expect("in memory");
    let mut body = Vec::new();
    for mut length in [columns.len(), packed.len()] {
        while length >= 0x80 {
            body.push(length as u8 | 0x80);
            length >>= 7;
        }
        body.push(length as u8);
    }
    body.extend([&packed, keys].concat());
    [&[1][..], &crc32fast::hash(&body).to_le_bytes(), &body].concat()
}

pub fn journal(bytes: &[u8]) {
    let (form, rest) = split_byte(bytes);
    let format = if form % 2 == 0 { journal::format() } else { journal::RELEASE_6 };
    if let Some(record) = record::decode_as(format, rest) {
        let written = journal::encoded(&record.hit, record.came, record.origin, <[u8]>::to_vec);
        let again = written.and_then(|bytes| journal::decode(&bytes));
        assert_same(&again.map(|again| again.hit), &Some(record.hit));
    }
    journal::arrived_as(format, rest);
    if let Some(Item::Entry(entry)) = Item::unpack(rest)
        && let Some(hits) = entry.hits()
    {
        let (node, name) = (entry.node.clone(), entry.name.clone());
        let again = Entry::new(node, name, entry.number, entry.until, &hits);
        assert_same(&again.hits(), &Some(hits));
    }
    Done::unpack(rest);
}

/// By their words: a number that is none (NaN) is not equal to itself.
fn assert_same(again: &impl Debug, written: &impl Debug) {
    assert_eq!(format!("{again:?}"), format!("{written:?}"), "it is read as it was written");
}

pub fn outbox(bytes: &[u8]) {
    let mut at = 0;
    while let Some(frame) = frames::at(bytes, at) {
        at += frames::HEAD + frame.len();
    }
    assert!(at <= bytes.len());
    let (form, rest) = split_byte(bytes);
    let ops = match form % 2 {
        0 => Some(rest.to_vec()),
        _ => release2::translate(rest),
    };
    let mut outbox = Outbox::new("node".to_owned(), 1 << 20, 1000);
    if ops.is_some_and(|ops| outbox.redo(&ops)) {
        let mut written = Vec::new();
        let mut write = |ops: &[u8]| {
            written.extend(ops);
            Ok(())
        };
        outbox.all(&mut write).expect("in memory");
        let mut again = Outbox::new("node".to_owned(), 1 << 20, 1000);
        assert!(again.redo(&written), "it is read as it was written");
        assert_eq!(again.keys(), outbox.keys());
    }
}

pub fn acme(bytes: &[u8]) {
    let Ok(state) = serde_json::from_slice::<State>(bytes) else { return };
    let written = serde_json::to_vec(&state).expect("it can be written");
    assert!(serde_json::from_slice::<State>(&written).is_ok_and(|again| again == state));
    let mut begun = state.begun("https://acme.example/directory");
    begun.failed("example.org", "why".to_owned(), 1_800_000_000_000, 0.5);
}
