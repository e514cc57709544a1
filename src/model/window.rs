//! What one (site, day) has to add to the store, as a shard hands it over.

use super::VisitorHash;
use super::list::RowList;
use super::rollup::{Dimension, Row};
use super::site::Day;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::sync::Arc;

/// Windows of the same (site, day) add up.
#[derive(Debug, Default)]
pub struct Window {
    /// How many hits went in.
    pub hits: u64,
    /// A row may be here more than once: they add up.
    pub rows: Vec<((Dimension, Arc<str>), Row)>,
    /// Visitors for the day's sketches.
    pub visitors: Vec<VisitorHash>,
    pub confirmed: Vec<VisitorHash>,
    /// What people did, and what others did: see [`Kind::rows_of`](super::row::Kind::rows_of).
    pub people: RowList,
    pub others: RowList,
}

/// Windows by site (its index) and day.
pub type Windows = HashMap<(usize, Day), Window, RandomState>;

impl Window {
    /// Adds a later window of the same (site, day).
    pub fn merge(&mut self, later: Window) {
        self.hits += later.hits;
        self.rows.extend(later.rows);
        self.visitors.extend(later.visitors);
        self.confirmed.extend(later.confirmed);
        self.people.append(later.people);
        self.others.append(later.others);
    }
}
