//! Blocks become one, and one becomes several.
//!
//! Rows are not taken apart for it: each text, visit and list of properties of a block is looked up
//! once and gets a new place, and columns are copied with these.

use super::builder::{Columns, Source, Texts};
use super::{Block, NONE, Text, Visits};
use crate::model::rollup::Dimension;
use crate::model::visitor_hash::VisitorHash;
use foldhash::fast::RandomState;
use indexmap::IndexSet;
use std::ops::Range;

/// What all that is taken over has in the new block.
#[derive(Default)]
struct Merged {
    columns: Columns,
    visits: IndexSet<PlacedVisit, RandomState>,
}

/// A visit whose texts are places in the new block.
#[derive(PartialEq, Eq, Hash)]
struct PlacedVisit {
    visitor: Option<VisitorHash>,
    visit: u64,
    entry: Text,
    traits: Vec<(Dimension, Text)>,
}

impl Block {
    /// One block of all these rows, in their order. A visit that is in several blocks is in it
    /// once. It has all of their texts, so there may be more than [`TEXTS_MAX`](super::TEXTS_MAX).
    pub fn merge(blocks: impl IntoIterator<Item = Self>) -> Self {
        let columns = Columns::new(Texts::unbounded());
        let mut merged = Merged { columns, ..Merged::default() };
        let mut aged = true;
        for block in blocks {
            aged &= block.aged || block.is_empty();
            merged.extend(&block, 0..block.len());
        }
        let rows = merged.finish();
        Self { aged: aged && !rows.is_empty(), ..rows }
    }

    /// Blocks of at most so many rows (at least 1), in the order of the rows. Each has only the
    /// texts and visits that its rows need.
    pub fn split(self, max_rows: usize) -> Vec<Self> {
        let max_rows = max_rows.max(1);
        if self.len() <= max_rows {
            return vec![self];
        }
        let part = |start| {
            let mut rows = Merged::default();
            rows.extend(&self, start..self.len().min(start + max_rows));
            Self { aged: self.aged, ..rows.finish() }
        };
        (0..self.len()).step_by(max_rows).map(part).collect()
    }
}

impl Merged {
    fn extend(&mut self, block: &Block, range: Range<usize>) {
        let visits = &mut self.visits;
        let mut places = vec![NONE; block.visits.len()];
        self.columns.extend(&mut Source::new(block), range, |source, texts, of| {
            if places[of] == NONE {
                let visit = PlacedVisit::new(source, texts, of);
                places[of] = visits.insert_full(visit).0 as u32;
            }
            places[of]
        });
    }

    fn finish(self) -> Block {
        let mut visits = Visits::default();
        for of in self.visits {
            visits.push(of.visitor, of.visit, of.entry, of.traits);
        }
        self.columns.finish(visits)
    }
}

impl PlacedVisit {
    fn new(source: &mut Source<'_>, texts: &mut Texts, of: usize) -> Self {
        let visits = &source.block.visits;
        let traits = visits.traits.iter().filter(|(_, column)| column[of] != NONE);
        Self {
            visitor: visits.visitor[of],
            visit: visits.visit[of],
            entry: source.place(visits.entry[of], texts),
            traits: traits.map(|(d, column)| (*d, source.place(column[of], texts))).collect(),
        }
    }
}
