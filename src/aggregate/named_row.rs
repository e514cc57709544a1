//! A row by its name, and where it is.

use super::day_rollup::{DayRollup, RowPlace};
use crate::model::rollup::Dimension;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A value of a dimension that was admitted, with its row's place in the roll-up that counted it
/// last: a visit counts in its slot and exit page with every view, and would look both up again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Arc<str>", into = "Arc<str>")]
pub struct NamedRow {
    value: Arc<str>,
    rollup: u64,
    place: RowPlace,
}

impl NamedRow {
    pub fn value(&self) -> &Arc<str> {
        &self.value
    }

    /// The place of its row in a roll-up. `dimension` must be the same in every call: a value with
    /// rows in two dimensions has two of these.
    pub fn place(&mut self, rollup: &mut DayRollup, dimension: Dimension) -> RowPlace {
        if self.rollup != rollup.serial() {
            (self.rollup, self.place) = (rollup.serial(), rollup.place(dimension, &self.value));
        }
        self.place
    }
}

impl From<Arc<str>> for NamedRow {
    fn from(value: Arc<str>) -> Self {
        // No roll-up has this number.
        Self { value, rollup: 0, place: 0 }
    }
}

impl From<NamedRow> for Arc<str> {
    fn from(named: NamedRow) -> Self {
        named.value
    }
}
