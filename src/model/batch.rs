//! A sealed batch: what is delivered, whole, exactly once.

use super::PackedRows;
use super::VisitorHash;
use super::rollup::{self, Field};
use super::site::Day;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// At most this many fields, members or events travel in one batch.
pub const BATCH_MAX: usize = 1_000;

/// Increments of one (site, day), numbered from 1 without gaps per node and (site, day). Once
/// sealed it never changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// The site's name.
    pub site: Arc<str>,
    /// A day in the site's time zone.
    pub day: Day,
    /// Who numbers: unique per run of a process.
    pub node: Arc<str>,
    /// From 1.
    pub number: u64,
    /// What to add to each of at most [`BATCH_MAX`] fields, none twice.
    #[serde(deserialize_with = "rollup::known_fields::<Vec<_>, _, _>")]
    pub fields: Vec<(Field, i64)>,
    /// Visitors for the day's sketch, at most [`BATCH_MAX`].
    pub visitors: Vec<VisitorHash>,
    /// Confirmed visitors, likewise.
    pub confirmed: Vec<VisitorHash>,
    /// What people did, at most [`BATCH_MAX`] rows, and what others did, likewise.
    #[serde(default)]
    pub people: PackedRows,
    /// What others did: robots, errors, feeds and the like.
    #[serde(default)]
    pub others: PackedRows,
}

impl Batch {
    /// Batches of all this, numbered from this one on, of the same site, day and node; none if
    /// there is nothing.
    pub fn filled(
        &self,
        mut fields: impl Iterator<Item = (Field, i64)>,
        [mut visitors, mut confirmed]: [impl Iterator<Item = VisitorHash>; 2],
        [mut people, mut others]: [impl Iterator<Item = PackedRows>; 2],
    ) -> Vec<Self> {
        let next = |number| {
            let batch = Self {
                number,
                fields: fields.by_ref().take(BATCH_MAX).collect(),
                visitors: visitors.by_ref().take(BATCH_MAX).collect(),
                confirmed: confirmed.by_ref().take(BATCH_MAX).collect(),
                people: people.next().unwrap_or_default(),
                others: others.next().unwrap_or_default(),
                ..self.clone()
            };
            (!batch.is_empty()).then_some(batch)
        };
        (self.number..).map_while(next).collect()
    }

    /// Bytes that its rows take.
    pub fn rows_size(&self) -> usize {
        self.people.size() + self.others.size()
    }

    /// Nothing to count: legal, it only takes its number.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
            && self.visitors.is_empty()
            && self.confirmed.is_empty()
            && self.people.is_empty()
            && self.others.is_empty()
    }
}
