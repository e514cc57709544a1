//! Files on their way to visitors: which requests are one download, and when it is complete.
//!
//! Players, viewers and download managers ask for a file in parts, and ask again where a connection
//! broke. So a visitor and a file are one download for as long as no more than 30 minutes pass
//! between two requests, and it is complete once all that was sent covers the file. Where nobody
//! knows who asks, every request is one.

use super::shard::{Counted, Shard, Spot};
use super::visit::TIMEOUT;
use crate::clock::Millis;
use crate::model::row::{EventRow, Flags, Kind};
use crate::model::site::Day;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Downloads remembered; the longest idle are forgotten first, and would count anew.
pub(super) const DOWNLOADS_MAX: usize = 10_000;

/// Pieces of a file that are told apart; some clients ask for as many at once.
const PIECES_MAX: usize = 64;

/// A visitor's download of a file.
#[derive(Serialize, Deserialize)]
pub(super) struct Download {
    /// On which it counts.
    day: Day,
    /// When the last part was sent.
    last: Millis,
    /// Of the whole file, if it is known.
    length: Option<u64>,
    sent: Pieces,
    complete: bool,
}

impl Shard {
    /// Of a file `bytes` were sent, from `first` on.
    pub(super) fn download(
        &mut self,
        spot: Spot,
        path: &Arc<str>,
        first: u64,
        bytes: u64,
        length: Option<u64>,
    ) -> Counted {
        let (key, running) = self.running_download(spot, path);
        let begins = running.is_none();
        let mut download = running.unwrap_or_else(|| Download {
            day: spot.day,
            last: spot.at,
            length,
            sent: Pieces::default(),
            complete: false,
        });
        let completes = download.add(spot.at, first, bytes, length);
        let flags = Flags::default().and_if(Flags::BEGINS, begins);
        let mut row = EventRow::new(spot.at, Kind::Download, Arc::default(), path.clone());
        row.numbers[0] = i64::try_from(bytes).unwrap_or(0);
        if completes && download.day != spot.day {
            let begun = EventRow { flags: Flags::COMPLETE, numbers: [0; 2], ..row.clone() };
            self.write_of_nobody(Spot { day: download.day, ..spot }, begun);
            row.flags = flags;
        } else {
            row.flags = flags.and_if(Flags::COMPLETE, completes);
        }
        self.write_of_nobody(spot, row);
        if let Some(key) = key {
            self.downloads.push(key, download);
        }
        (if begins { "download" } else { "" }, path.clone(), None)
    }

    /// The download that goes on, taken out of where it is remembered, and under which key it is to
    /// be found from now on: nobody's under none. One of yesterday's visitor goes on as today's.
    fn running_download(&mut self, spot: Spot, path: &str) -> (Option<u64>, Option<Download>) {
        let [today, yesterday] = [spot.visitor, spot.before_midnight]
            .map(|visitor| visitor.map(|visitor| self.number((spot.site, visitor, path))));
        let known = [today, yesterday].into_iter().flatten().find_map(|k| self.downloads.pop(&k));
        (today, known.filter(|download| spot.at - download.last <= TIMEOUT))
    }
}

impl Download {
    /// Whether it is complete now, and was not before.
    fn add(&mut self, at: Millis, first: u64, bytes: u64, length: Option<u64>) -> bool {
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
