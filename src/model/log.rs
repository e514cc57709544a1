//! What nodes write into their log: hits, that there are none, and what was agreed on.
//!
//! An item is told by who wrote it and its number there, never by its place in the log: a store
//! that lost its last moments is told again, in another order.

use super::Arrived;
use crate::clock::{Micros, Millis};
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

/// What is counted next: of the entries up to those of `upto`, the hits that came before `until`
/// and were in no chunk before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chunk {
    /// From 1 without gaps.
    pub number: u64,
    pub until: Micros,
    /// By name the number of the last entry, where it is another than before.
    pub upto: BTreeMap<Arc<str>, u64>,
}

/// An item's place in the log, as the store tells it: its time there, and a number within that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LogPlace(pub Millis, pub u64);

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
        postcard::from_bytes(&unpack_lz4(&self.packed)?).ok()
    }

    /// Encodes its hits anew, which `decode` reads as they are encoded now. False: it cannot.
    pub fn translate(&mut self, decode: impl FnOnce(&[u8]) -> Option<Vec<Arrived>>) -> bool {
        if self.is_empty() {
            return true;
        }
        let Some(hits) = unpack_lz4(&self.packed).and_then(|bytes| decode(&bytes)) else {
            return false;
        };
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

/// Undoes `compress_prepend_size`. The size is told in front, and memory is taken for it: no more
/// than such bytes can unpack to. None if they cannot.
pub(crate) fn unpack_lz4(bytes: &[u8]) -> Option<Vec<u8>> {
    /// A byte of LZ4 stands for at most so many.
    const MOST: usize = 255;
    let (size, packed) = bytes.split_first_chunk()?;
    let size = u32::from_le_bytes(*size) as usize;
    let possible = size <= packed.len().saturating_mul(MOST);
    possible.then(|| lz4_flex::decompress(packed, size).ok()).flatten()
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
    use super::unpack_lz4;

    /// A forged size would have memory taken for it, up to 4 GiB.
    #[test]
    fn a_size_that_cannot_be_is_not_believed() {
        let packed = lz4_flex::compress_prepend_size(&[7; 100_000]);
        assert_eq!(unpack_lz4(&packed), Some(vec![7; 100_000]));
        for size in [u32::MAX, 255 * packed.len() as u32 + 1] {
            let forged = [&size.to_le_bytes(), &packed[4..]].concat();
            assert_eq!(unpack_lz4(&forged), None);
        }
        assert_eq!(unpack_lz4(&[]), None);
    }
}
