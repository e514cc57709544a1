//! Event rows, column by column.
//!
//! A column holds one kind of value, so that it packs well and is quick to look through. Texts
//! stand in one dictionary, and what rows of a visit have in common stands once per visit.

mod age;
mod builder;
mod codec;
mod merge;

pub use age::Replacements;
pub use builder::{RowBuilder, TEXTS_MAX};
pub use codec::{Damaged, is_aged};

use super::rollup::Dimension;
use super::row::{EventRow, Flags, Kind, RowVisit};
use super::visitor_hash::VisitorHash;
use crate::clock::Millis;
use std::sync::Arc;

/// Place of a text in [`Block::texts`]; 0 is the empty text.
pub type Text = u32;

/// Rows of one (site, day), column by column; all columns of rows are of the same length.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Block {
    /// No text twice; the first is empty.
    pub texts: Vec<Arc<str>>,
    pub visits: Visits,
    pub at: Vec<Millis>,
    pub kind: Vec<Kind>,
    pub flags: Vec<Flags>,
    /// Places in the columns of `visits`.
    pub of: Vec<u32>,
    pub view: Vec<u32>,
    pub page: Vec<Text>,
    pub name: Vec<Text>,
    pub detail: Vec<Text>,
    /// Places in `lists`; 0: none.
    pub properties: Vec<u32>,
    pub numbers: [Vec<i64>; 2],
    /// Properties and their values, no list twice; the first is empty.
    pub lists: Vec<Vec<(Text, Text)>>,
    /// Whether [`Block::age`] has been through all of it.
    pub aged: bool,
}

/// Whose rows they are: see [`RowVisit`](super::row::RowVisit). All columns are of the same length.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Visits {
    pub visitor: Vec<Option<VisitorHash>>,
    pub visit: Vec<u64>,
    pub entry: Vec<Text>,
    /// A column for each dimension that any of them has, in the dimensions' order; [`NONE`] where
    /// one has it not.
    pub traits: Vec<(Dimension, Vec<Text>)>,
}

/// A trait that a visit does not have; the empty text is one that it has.
pub const NONE: Text = u32::MAX;

impl Block {
    /// Rows in it.
    pub fn len(&self) -> usize {
        self.at.len()
    }

    pub fn is_empty(&self) -> bool {
        self.at.is_empty()
    }

    /// The rows, in their order. Rows of a visit share it.
    pub fn rows(&self) -> impl Iterator<Item = EventRow> + '_ {
        let visits = self.shared_visits();
        let text = |text: Text| self.texts[text as usize].clone();
        (0..self.len()).map(move |i| EventRow {
            at: self.at[i],
            kind: self.kind[i],
            flags: self.flags[i],
            of: visits[self.of[i] as usize].clone(),
            view: self.view[i],
            page: text(self.page[i]),
            name: text(self.name[i]),
            detail: text(self.detail[i]),
            properties: self.lists[self.properties[i] as usize]
                .iter()
                .map(|(property, value)| (text(*property), text(*value)))
                .collect(),
            numbers: [self.numbers[0][i], self.numbers[1][i]],
        })
    }

    /// Brings rows in this order of their places.
    pub fn reorder(&mut self, order: &[u32]) {
        reorder(&mut self.at, order);
        reorder(&mut self.kind, order);
        reorder(&mut self.flags, order);
        reorder(&mut self.of, order);
        reorder(&mut self.view, order);
        reorder(&mut self.page, order);
        reorder(&mut self.name, order);
        reorder(&mut self.detail, order);
        reorder(&mut self.properties, order);
        self.numbers.iter_mut().for_each(|column| reorder(column, order));
    }

    /// The visits, each to be shared by its rows.
    fn shared_visits(&self) -> Vec<Arc<RowVisit>> {
        let visits = &self.visits;
        let visit = |i: usize| {
            let traits = visits.traits.iter().filter(|(_, column)| column[i] != NONE);
            Arc::new(RowVisit {
                visitor: visits.visitor[i],
                visit: visits.visit[i],
                entry: self.texts[visits.entry[i] as usize].clone(),
                traits: traits.map(|(d, column)| (*d, &self.texts[column[i] as usize])).collect(),
            })
        };
        (0..visits.len()).map(visit).collect()
    }
}

impl Visits {
    pub fn len(&self) -> usize {
        self.visit.len()
    }

    pub fn is_empty(&self) -> bool {
        self.visit.is_empty()
    }

    /// Brings visits in this order of their places; rows still point to where they were.
    pub fn reorder(&mut self, order: &[u32]) {
        reorder(&mut self.visitor, order);
        reorder(&mut self.visit, order);
        reorder(&mut self.entry, order);
        self.traits.iter_mut().for_each(|(_, column)| reorder(column, order));
    }

    /// One more, with these traits.
    fn push(
        &mut self,
        visitor: Option<VisitorHash>,
        visit: u64,
        entry: Text,
        traits: impl IntoIterator<Item = (Dimension, Text)>,
    ) {
        let before = self.len();
        self.visitor.push(visitor);
        self.visit.push(visit);
        self.entry.push(entry);
        for (dimension, text) in traits {
            let place = self.traits.binary_search_by_key(&dimension, |(of, _)| *of);
            let place = place.unwrap_or_else(|place| {
                self.traits.insert(place, (dimension, vec![NONE; before]));
                place
            });
            self.traits[place].1.push(text);
        }
        for (_, column) in &mut self.traits {
            column.resize(before + 1, NONE);
        }
    }
}

/// Brings a column in this order of its places.
pub fn reorder<T: Copy>(column: &mut Vec<T>, order: &[u32]) {
    *column = order.iter().map(|i| column[*i as usize]).collect();
}

#[cfg(test)]
mod tests;
