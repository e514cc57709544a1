//! How a hit is written down: what it takes to count it again, in a few hundred bytes.
//!
//! The encoding is serde's into postcard, which is small and quick and says nothing of itself: a
//! hit with another field, or other words, is written in another way. [`format`] names this
//! program's way. What a release has written is read for ever: [`release6`](super::release6).

use super::release6;
use crate::clock::Micros;
use crate::model::rollup::{Dimension, Metric};
use crate::model::{Arrived, Hit};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;

/// Raised when a hit, or a shard's state, is written in another way than before. Then how the last
/// release wrote hits is kept as a module of its own, as `release6` is.
const VERSION: u32 = 11;

thread_local! {
    /// Each thread's own, so that nothing is allocated for a hit.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A hit as it is read back.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    pub hit: Hit,
    /// When it came, if that was written down.
    pub came: Option<Micros>,
    /// Of a hit that an old process has written, where.
    pub origin: Option<Origin>,
}

/// A place in a [late log](super::LateLog).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The log's number.
    pub log: u64,
    /// Where it goes on behind the hit.
    pub upto: u64,
}

/// Names this program's way of writing.
pub fn format() -> u64 {
    let words = Dimension::ALL.iter().map(|d| d.as_str());
    named(VERSION, words.chain(Metric::ALL.iter().map(|m| m.as_str())))
}

/// A version's way of writing with these words.
fn named<'w>(version: u32, words: impl Iterator<Item = &'w str>) -> u64 {
    let mut hasher = crc32fast::Hasher::new();
    for word in words {
        hasher.update(word.as_bytes());
        hasher.update(&[0]);
    }
    u64::from(version) << 32 | u64::from(hasher.finalize())
}

/// Whether hits that were written so can be read.
pub fn is_known(format: u64) -> bool {
    format == self::format() || format == release6::FORMAT
}

/// Hands a hit's bytes to `take`, and behind them when it came, if that is known, and where it is
/// from. `None`: there are none.
pub fn encoded<T>(
    hit: &Hit,
    came: Option<Micros>,
    origin: Option<Origin>,
    take: impl FnOnce(&[u8]) -> T,
) -> Option<T> {
    BUFFER.with_borrow_mut(|buffer| {
        buffer.clear();
        postcard::to_io(hit, &mut *buffer).ok()?;
        if let Some(came) = came {
            postcard::to_io(&came, &mut *buffer).ok()?;
            if let Some(origin) = origin {
                postcard::to_io(&origin, &mut *buffer).ok()?;
            }
        }
        Some(take(buffer))
    })
}

/// Reads a hit back that this program has written.
pub fn decode(bytes: &[u8]) -> Option<Record> {
    let (hit, rest) = postcard::take_from_bytes(bytes).ok()?;
    Some(record(hit, rest))
}

/// Reads a hit back that was written in this way.
pub fn decode_as(format: u64, bytes: &[u8]) -> Option<Record> {
    match format {
        release6::FORMAT => release6::hit(bytes).map(|(hit, rest)| record(hit, rest)),
        _ => decode(bytes),
    }
}

/// Reads back hits, each with when it came, that were written in this way into the log that nodes
/// share.
pub fn arrived_as(format: u64, bytes: &[u8]) -> Option<Vec<Arrived>> {
    match format {
        release6::FORMAT => release6::arrived(bytes),
        _ if format == self::format() => postcard::from_bytes(bytes).ok(),
        _ => None,
    }
}

fn record(hit: Hit, rest: &[u8]) -> Record {
    let came = postcard::take_from_bytes::<Micros>(rest).ok();
    let origin = came.and_then(|(_, rest)| postcard::from_bytes(rest).ok());
    Record { hit, came: came.map(|(came, _)| came), origin }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::What;

    #[test]
    fn what_a_record_says() {
        let what = What::BotBeacon { name: "b".into(), class: "c".into(), proof: None };
        let hit = Hit {
            at: 7,
            site: Default::default(),
            lane: 9,
            visitor: None,
            before_midnight: None,
            what,
        };
        let origin = Origin { log: u64::MAX, upto: 300 };
        for (came, origin) in [(None, None), (Some(-4), None), (Some(1 << 50), Some(origin))] {
            let read = encoded(&hit, came, origin, decode).unwrap().unwrap();
            assert_eq!(read, Record { hit: hit.clone(), came, origin });
        }
    }

    #[test]
    fn a_release_is_known_by_its_number() {
        assert!(is_known(format()) && is_known(release6::FORMAT) && !is_known(0));
        let words = release6::DIMENSIONS.iter().chain(release6::METRICS);
        assert_eq!(named(6, words.copied()), release6::FORMAT);
    }
}
