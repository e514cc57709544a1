//! Events of a batch, packed.
//!
//! Events are much alike, and on their way they are written to the outbox, kept in its ring, and
//! written by the store: as LZ4 blocks all of that moves a fifth of the bytes or less, and packing
//! costs less than one of these copies would.

use super::lines::Lines;
use lz4_flex::block::{compress_into, get_maximum_output_size};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;

/// Lines that are only to be read again as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Events {
    count: usize,
    #[serde(with = "serde_bytes")]
    packed: Vec<u8>,
}

impl Events {
    /// As [`Events::packed`] and [`Events::len`] had them.
    pub fn from_packed(count: usize, packed: Vec<u8>) -> Self {
        Self { count, packed }
    }

    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes they take.
    pub fn size(&self) -> usize {
        self.packed.len()
    }

    /// As stored: an LZ4 block with its unpacked size in front, four bytes, little-endian.
    pub fn packed(&self) -> &[u8] {
        &self.packed
    }

    /// The events, oldest first. None if they are damaged, which is reported.
    pub fn lines(&self) -> Lines {
        if self.is_empty() {
            return Lines::default();
        }
        let unpacked = lz4_flex::decompress_size_prepended(&self.packed).ok();
        let lines = unpacked.and_then(|text| String::from_utf8(text).ok()).map(Lines::from_text);
        lines.filter(|lines| lines.len() == self.count).unwrap_or_else(|| {
            tracing::error!("{} events are damaged and cannot be read", self.count);
            Lines::default()
        })
    }
}

thread_local! {
    /// Each thread's own, as large as what packs worst: made anew each time, it would be fresh
    /// memory each time, which costs more than the packing.
    static ROOM: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// See [`Events::packed`].
fn pack(text: &[u8]) -> Vec<u8> {
    ROOM.with_borrow_mut(|room| {
        let most = get_maximum_output_size(text.len());
        if room.len() < most {
            room.resize(most, 0);
        }
        match (compress_into(text, room), u32::try_from(text.len())) {
            (Ok(length), Ok(unpacked)) => [&unpacked.to_le_bytes(), &room[..length]].concat(),
            _ => lz4_flex::compress_prepend_size(text),
        }
    })
}

impl From<&Lines> for Events {
    fn from(lines: &Lines) -> Self {
        if lines.is_empty() {
            return Self::default();
        }
        Self::from_packed(lines.len(), pack(lines.text().as_bytes()))
    }
}

impl<T: AsRef<str>> FromIterator<T> for Events {
    fn from_iter<I: IntoIterator<Item = T>>(lines: I) -> Self {
        Self::from(&lines.into_iter().collect::<Lines>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_and_unpacked() {
        let lines: Lines = (0..1_000).map(|i| format!(r#"{{"t":{i},"page":"/"}}"#)).collect();
        let events = Events::from(&lines);
        assert_eq!((events.len(), events.lines()), (1_000, lines.clone()));
        assert!(events.size() * 2 < lines.size(), "{} of {}", events.size(), lines.size());
        assert_eq!(Events::from(&Lines::default()).lines(), Lines::default());
        // In the room that the long one took.
        let short = Lines::from_iter(["{}"]);
        assert_eq!(Events::from(&short).lines(), short);
        for damaged in [vec![], vec![255; 4], vec![9, 0, 0, 0, 1], events.packed[..99].to_vec()] {
            assert!(Events::from_packed(3, damaged).lines().is_empty());
        }
    }
}
