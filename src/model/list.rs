//! Event rows as they gather: the newest as they are, those before them packed.

use super::block::RowBuilder;
use super::packed::PackedRows;
use super::row::EventRow;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Rows that are packed together.
pub const PACK: usize = 1_000;

/// Rows in the order in which they were written. It takes little memory, whatever their number.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(from = "Vec<PackedRows>", into = "Vec<PackedRows>")]
pub struct RowList {
    /// At most [`PACK`] in each.
    packed: VecDeque<PackedRows>,
    /// Fewer than that.
    newest: RowBuilder,
}

impl RowList {
    pub fn push(&mut self, row: &EventRow) {
        self.newest.push(row);
        if self.newest.len() == PACK {
            self.pack();
        }
    }

    fn pack(&mut self) {
        if !self.newest.is_empty() {
            self.packed.push_back(PackedRows::from(&self.newest.take()));
        }
    }

    /// Adds a later list.
    pub fn append(&mut self, later: Self) {
        if !later.packed.is_empty() || self.newest.len() + later.newest.len() > PACK {
            self.pack();
        }
        self.packed.extend(later.packed);
        self.newest.append(later.newest);
        if self.newest.len() == PACK {
            self.pack();
        }
    }

    pub fn len(&self) -> usize {
        self.packed.iter().map(PackedRows::len).sum::<usize>() + self.newest.len()
    }

    pub fn is_empty(&self) -> bool {
        self.packed.is_empty() && self.newest.is_empty()
    }

    /// Bytes they take, about.
    pub fn size(&self) -> usize {
        self.packed.iter().map(PackedRows::size).sum::<usize>() + self.newest.size()
    }

    /// Forgets the oldest beyond `cap`, whole packs of them: it keeps at most so many.
    pub fn keep_newest(&mut self, cap: usize) {
        let mut excess = self.len().saturating_sub(cap);
        while excess > 0
            && let Some(oldest) = self.packed.pop_front()
        {
            excess = excess.saturating_sub(oldest.len());
        }
        if excess > 0 {
            self.newest = RowBuilder::default();
        }
    }

    /// Lists of which this one consists.
    pub fn pieces(&self) -> impl Iterator<Item = Self> {
        let of = |packed: &PackedRows| Self { packed: [packed.clone()].into(), ..Self::default() };
        let last = Self { newest: self.newest.clone(), ..Self::default() };
        self.packed.iter().map(of).chain([last])
    }

    /// All of them packed, at most [`PACK`] in each.
    pub fn into_packed(mut self) -> impl Iterator<Item = PackedRows> {
        self.pack();
        self.packed.into_iter()
    }

    /// All rows, in order. Those that are damaged are left out, which is reported.
    pub fn rows(&self) -> impl Iterator<Item = EventRow> {
        let blocks = self.clone().into_packed().filter_map(|packed| match packed.block() {
            Ok(block) => Some(block),
            Err(damaged) => {
                tracing::error!("{} event rows cannot be read: {damaged}", packed.len());
                None
            }
        });
        blocks.flat_map(|block| block.rows().collect::<Vec<_>>())
    }
}

impl From<Vec<PackedRows>> for RowList {
    fn from(packed: Vec<PackedRows>) -> Self {
        Self { packed: packed.into(), newest: RowBuilder::default() }
    }
}

impl From<RowList> for Vec<PackedRows> {
    fn from(list: RowList) -> Self {
        list.into_packed().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::row::Kind;

    fn list(of: std::ops::Range<usize>) -> RowList {
        let mut list = RowList::default();
        for at in of {
            list.push(&EventRow::new(at as i64, Kind::View, Default::default(), "/".into()));
        }
        list
    }

    fn times(list: &RowList) -> Vec<usize> {
        list.rows().map(|row| row.at as usize).collect()
    }

    #[test]
    fn nothing_is_lost_or_changes_places_by_packing_and_adding_up() {
        let mut all = list(0..2_500);
        assert_eq!(times(&all), (0..2_500).collect::<Vec<_>>());
        all.append(list(2_500..4_200));
        all.append(list(4_200..4_300));
        assert_eq!((all.len(), times(&all)), (4_300, (0..4_300).collect()));
        let pieces: Vec<usize> = all.pieces().flat_map(|piece| times(&piece)).collect();
        assert_eq!(pieces, times(&all));
        assert!(all.clone().into_packed().all(|rows| (1..=PACK).contains(&rows.len())));
        let bytes = postcard::to_stdvec(&all).unwrap();
        assert_eq!(times(&postcard::from_bytes(&bytes).unwrap()), times(&all));
    }

    #[test]
    fn the_oldest_go_first() {
        let mut all = list(0..3_400);
        for (cap, kept) in [(3_400, 3_400), (2_900, 2_400), (1_000, 400), (399, 0), (0, 0)] {
            all.keep_newest(cap);
            assert_eq!(times(&all), (3_400 - kept..3_400).collect::<Vec<_>>());
        }
        assert!(all.is_empty());
    }
}
