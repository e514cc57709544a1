//! Event rows, column by column.
//!
//! A column holds one kind of value, so that it packs well and is quick to look through. Texts stand
//! in one dictionary, and what rows of a visit have in common stands once per visit.

use super::rollup::Dimension;
use super::row::{Flags, Kind};
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
}

/// Whose rows they are: see [`RowVisit`](super::row::RowVisit). All columns are of the same length.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Visits {
    pub visitor: Vec<Option<VisitorHash>>,
    pub visit: Vec<u64>,
    pub entry: Vec<Text>,
    /// A column for each dimension that any of them has; [`NONE`] where one has it not.
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
}
