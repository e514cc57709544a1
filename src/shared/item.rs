//! What nodes write into their log: hits, that there are none, and what was agreed on.
//!
//! An item is told by who wrote it and its number there, never by its place in the log: a store that
//! lost its last moments is told again, in another order.

use crate::aggregate::Arrived;
use crate::clock::Micros;
use crate::journal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Hits in one entry, at most.
pub const ENTRY_MAX: usize = 2_000;

/// An item of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Item {
    Entry(Entry),
    /// A node has nothing more to say for now, and is not to be waited for.
    Rest {
        node: Arc<str>,
    },
    Chunk(Chunk),
}

/// Hits of one node. Under a number there is always one entry, even an empty one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Who it is, whatever becomes of its process.
    pub node: Arc<str>,
    /// Who numbers: unique per run of a process.
    pub name: Arc<str>,
    /// From 1 without gaps.
    pub number: u64,
    /// All hits of the node that came before then are in its entries up to this one.
    pub until: Micros,
    /// When the last hit in it came.
    pub last: Micros,
    /// Events among the hits: what is waiting is told in these.
    pub events: u64,
    #[serde(with = "serde_bytes")]
    packed: Vec<u8>,
}

/// What is counted next: of the entries up to those of `upto`, the hits that came before `until` and
/// were in no chunk before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chunk {
    /// From 1 without gaps.
    pub number: u64,
    pub until: Micros,
    /// By name the number of the last entry, where it is another than before.
    pub upto: BTreeMap<Arc<str>, u64>,
}

/// What has been counted, and is in the store.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Done {
    pub until: Micros,
    pub upto: BTreeMap<Arc<str>, u64>,
}

impl Item {
    /// As stored.
    pub fn pack(&self) -> Vec<u8> {
        postcard::to_stdvec(self).unwrap_or_default()
    }

    /// None if it makes no sense.
    pub fn unpack(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }
}

impl Entry {
    /// `hits` in the order in which they came.
    pub fn new(
        node: Arc<str>,
        name: Arc<str>,
        number: u64,
        until: Micros,
        hits: &[Arrived],
    ) -> Self {
        let events = hits.iter().filter(|arrived| arrived.hit.what.is_event()).count() as u64;
        let last = hits.iter().map(|arrived| arrived.at).max().unwrap_or(Micros::MIN);
        let bytes = postcard::to_stdvec(hits).unwrap_or_default();
        let packed = lz4_flex::compress_prepend_size(&bytes);
        Self { node, name, number, until, last, events, packed }
    }

    /// Its hits in order. None if they cannot be read.
    pub fn hits(&self) -> Option<Vec<Arrived>> {
        if self.packed.is_empty() {
            return Some(Vec::new());
        }
        let bytes = lz4_flex::decompress_size_prepended(&self.packed).ok()?;
        postcard::from_bytes(&bytes).ok()
    }

    /// Encodes its hits, which are encoded in another way, as [`Entry::new`] does. False: they cannot
    /// be read.
    pub fn translate(&mut self, format: u64) -> bool {
        if self.is_empty() {
            return true;
        }
        let bytes = lz4_flex::decompress_size_prepended(&self.packed).ok();
        let hits = bytes.and_then(|bytes| journal::arrived_as(format, &bytes));
        let Some(hits) = hits else { return false };
        let hits: Vec<Arrived> = hits.into_iter().map(|(at, hit)| Arrived { at, hit }).collect();
        let Self { node, name, number, until, .. } = self;
        *self = Self::new(node.clone(), name.clone(), *number, *until, &hits);
        true
    }

    /// Gives up its hits, and keeps its number.
    pub fn empty(&mut self) {
        (self.packed, self.events) = (Vec::new(), 0);
    }

    pub fn is_empty(&self) -> bool {
        self.packed.is_empty()
    }

    /// About how many bytes it takes.
    pub fn weight(&self) -> usize {
        self.packed.len() + 128
    }
}

impl Done {
    /// As stored.
    pub fn pack(&self) -> Vec<u8> {
        postcard::to_stdvec(self).unwrap_or_default()
    }

    /// Nothing, if it makes no sense.
    pub fn unpack(bytes: &[u8]) -> Self {
        postcard::from_bytes(bytes).unwrap_or_default()
    }

    /// Whether all hits of an entry are counted, of which the last came then.
    pub fn has(&self, name: &str, number: u64, last: Micros) -> bool {
        last < self.until && self.upto.get(name).is_some_and(|upto| *upto >= number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Hit, What};

    #[test]
    fn hits_of_a_release_are_encoded_anew() {
        // As release 0.1.0 of November 2026 wrote one hit.
        let bytes = [1, 8, 14, 0, 9, 0, 0, 7, 1, b'b', 1, b'c'];
        let packed = lz4_flex::compress_prepend_size(&bytes);
        let (node, name) = (Arc::from("node"), Arc::from("node.run"));
        let mut entry = Entry { node, name, number: 3, until: 9, last: 4, events: 1, packed };
        assert!(!entry.clone().translate(0), "nobody wrote so");
        assert!(entry.translate(journal::RELEASE_6));
        let what = What::BotBeacon { name: "b".into(), class: "c".into() };
        let hit = Hit { at: 7, site: 0, lane: 9, visitor: None, before_midnight: None, what };
        assert_eq!(entry.hits().unwrap(), [Arrived { at: 4, hit }]);
        assert_eq!((entry.number, entry.until, entry.last, entry.events), (3, 9, 4, 1));
    }
}
