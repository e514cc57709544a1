//! How a hit is written down: what it takes to count it again, in a few hundred bytes.
//!
//! The encoding is serde's, so a new kind of hit needs nothing here. What it cannot bear is read by
//! a program with other words: [`format`] names the words, and what was written under another
//! format is not read.

use crate::capture::Hit;
use crate::clock::Micros;
use crate::rollup::{Dimension, Metric};
use std::cell::RefCell;

/// Raised when a hit, or a shard's state, is written in another way than before.
const VERSION: u32 = 6;

thread_local! {
    /// Each thread's own, so that nothing is allocated for a hit.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Names this program's way of writing.
pub fn format() -> u64 {
    let mut hasher = crc32fast::Hasher::new();
    for word in
        Dimension::ALL.iter().map(|d| d.as_str()).chain(Metric::ALL.iter().map(|m| m.as_str()))
    {
        hasher.update(word.as_bytes());
        hasher.update(&[0]);
    }
    u64::from(VERSION) << 32 | u64::from(hasher.finalize())
}

/// Hands a hit's bytes to `take`, and behind them when it came, if that is known. `None`: there are
/// none.
pub fn encoded<T>(hit: &Hit, came: Option<Micros>, take: impl FnOnce(&[u8]) -> T) -> Option<T> {
    BUFFER.with_borrow_mut(|buffer| {
        buffer.clear();
        postcard::to_io(hit, &mut *buffer).ok()?;
        if let Some(came) = came {
            postcard::to_io(&came, &mut *buffer).ok()?;
        }
        Some(take(buffer))
    })
}

/// Reads a hit back, and when it came.
pub fn decode(bytes: &[u8]) -> Option<(Hit, Option<Micros>)> {
    let (hit, came) = postcard::take_from_bytes(bytes).ok()?;
    Some((hit, postcard::from_bytes(came).ok()))
}
