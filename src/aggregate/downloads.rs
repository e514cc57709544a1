//! Files on their way to visitors: which requests are one download, and when it is complete.
//!
//! Players, viewers and download managers ask for a file in parts, and ask again where a connection
//! broke. So a visitor and a file are one download for as long as no more than 30 minutes pass
//! between two requests, and it is complete once all that was sent covers the file. Where nobody
//! knows who asks, every request is one.

use crate::clock::Millis;
use crate::model::site::Day;
use serde::{Deserialize, Serialize};

/// Downloads remembered; the longest idle are forgotten first, and would count anew.
pub const DOWNLOADS_MAX: usize = 10_000;

/// Pieces of a file that are told apart; some clients ask for as many at once.
const PIECES_MAX: usize = 64;

/// A visitor's download of a file.
#[derive(Serialize, Deserialize)]
pub(super) struct Download {
    /// On which it counts.
    pub day: Day,
    /// When the last part was sent.
    pub last: Millis,
    /// Of the whole file, if it is known.
    length: Option<u64>,
    sent: Pieces,
    complete: bool,
}

impl Download {
    pub fn begun(day: Day, last: Millis, length: Option<u64>) -> Self {
        Self { day, last, length, sent: Pieces::default(), complete: false }
    }

    /// Whether it is complete now, and was not before.
    pub fn add(&mut self, at: Millis, first: u64, bytes: u64, length: Option<u64>) -> bool {
        self.last = self.last.max(at);
        if length.is_some() && length != self.length {
            // Another file under the same name has nothing of the one before.
            if self.length.is_some() {
                self.sent = Pieces::default();
            }
            self.length = length;
        }
        self.sent.add(first, first.saturating_add(bytes));
        let completes = !self.complete && self.length.is_some_and(|length| self.sent.cover(length));
        self.complete |= completes;
        completes
    }
}

/// Pieces of a file: where each begins and ends. In order, and none touches the next.
#[derive(Default, Serialize, Deserialize)]
struct Pieces(Vec<(u64, u64)>);

impl Pieces {
    fn add(&mut self, mut from: u64, mut to: u64) {
        if from >= to {
            return;
        }
        self.0.retain(|(begin, end)| {
            let apart = *end < from || to < *begin;
            if !apart {
                (from, to) = (from.min(*begin), to.max(*end));
            }
            apart
        });
        let at = self.0.partition_point(|(begin, _)| *begin < from);
        self.0.insert(at, (from, to));
        if self.0.len() > PIECES_MAX {
            let least = (0..self.0.len()).min_by_key(|i| self.0[*i].1 - self.0[*i].0);
            self.0.remove(least.unwrap_or(0));
        }
    }

    fn cover(&self, length: u64) -> bool {
        length == 0 || self.0.first().is_some_and(|(from, to)| *from == 0 && *to >= length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_cover_what_they_cover(pieces in prop::collection::vec((0..40_u64, 0..12_u64), 0..20)) {
            let (mut all, mut bytes) = (Pieces::default(), [false; 60]);
            for (from, length) in pieces {
                all.add(from, from + length);
                bytes[from as usize..(from + length) as usize].fill(true);
                let apart = all.0.windows(2).all(|pair| pair[0].1 < pair[1].0);
                prop_assert!(apart, "{:?}", all.0);
                for length in 0..60 {
                    let whole = bytes[..length].iter().all(|sent| *sent);
                    prop_assert_eq!(all.cover(length as u64), whole);
                }
            }
        }
    }

    #[test]
    fn pieces_are_bounded() {
        let mut pieces = Pieces::default();
        (0..10_000).for_each(|i| pieces.add(i * 10, i * 10 + 2));
        assert_eq!(pieces.0.len(), PIECES_MAX);
        pieces.add(0, u64::MAX);
        assert_eq!(pieces.0, [(0, u64::MAX)]);
    }
}
