//! A (site, day) as a shard counts it: its rows, each with a place of its own, and what has
//! gathered in them since the last flush.
//!
//! Rows stay where they are when their counts are taken, so that who counts in the same rows again
//! (a visit does, with every view) need not look them up by name. A [`Window`] is what is taken.

use super::claims::Claim;
use crate::clock::Millis;
use crate::model::rollup::{self, Dimension, Metric, Row};
use crate::model::row::{EventRow, RowsOf};
use crate::model::{RowList, VisitorHash, Window};
use foldhash::fast::{FixedState, RandomState};
use indexmap::{Equivalent, IndexMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where a row is in its roll-up.
pub type RowPlace = u32;

/// Rows are kept for their places: so many, and twice as many as count in a window. With more a
/// roll-up begins anew, or it would remember what nobody asks for.
const KEPT: usize = 2_000;

/// Where the total is, in every roll-up.
pub const TOTAL: RowPlace = 0;

/// What one (site, day) has to add to the store.
#[derive(Debug)]
pub struct DayRollup {
    /// Tells roll-ups apart: places are good in one only.
    serial: u64,
    /// Numbers claims.
    hasher: FixedState,
    rows: IndexMap<(Dimension, Arc<str>), Entry, RandomState>,
    /// Rows that have something to add.
    touched: Vec<RowPlace>,
    /// The slot that was asked for last.
    slot: (i64, Arc<str>, RowPlace),
    /// How many hits went in.
    pub hits: u64,
    visitors: Vec<VisitorHash>,
    confirmed: Vec<VisitorHash>,
    people: RowList,
    others: RowList,
}

/// A row at its place. What every view asks for lies together.
#[derive(Debug)]
#[repr(C)]
struct Entry {
    touched: bool,
    /// What visitors claim the row with, by [`Claim`].
    claims: [u64; 2],
    counts: Row,
}

/// A row's key that owns nothing.
#[derive(Hash)]
struct Name<'a>(Dimension, &'a str);

impl Equivalent<(Dimension, Arc<str>)> for Name<'_> {
    fn equivalent(&self, key: &(Dimension, Arc<str>)) -> bool {
        self.0 == key.0 && *self.1 == *key.1
    }
}

impl DayRollup {
    pub fn new(hasher: FixedState) -> Self {
        let mut rollup = Self {
            serial: next_serial(),
            hasher,
            rows: IndexMap::default(),
            touched: Vec::new(),
            slot: (i64::MIN, Arc::default(), 0),
            hits: 0,
            visitors: Vec::new(),
            confirmed: Vec::new(),
            people: RowList::default(),
            others: RowList::default(),
        };
        let total = rollup.place(Dimension::Total, "");
        debug_assert_eq!(total, TOTAL);
        rollup
    }

    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// Where a row is.
    pub fn place(&mut self, dimension: Dimension, value: &str) -> RowPlace {
        let at = self.rows.get_index_of(&Name(dimension, value)).unwrap_or_else(|| {
            let claims = [Claim::Seen, Claim::Confirmed]
                .map(|kind| kind.number(&self.hasher, dimension, value));
            let entry = Entry { counts: Row::default(), touched: false, claims };
            self.rows.insert_full((dimension, value.into()), entry).0
        });
        at as RowPlace
    }

    /// The row at a place of this roll-up, to count in.
    pub fn at(&mut self, place: RowPlace) -> &mut Row {
        let entry = &mut self.rows[place as usize];
        if !entry.touched {
            entry.touched = true;
            self.touched.push(place);
        }
        &mut entry.counts
    }

    /// What a visitor claims the row at a place with.
    pub fn claim(&self, place: RowPlace, kind: Claim) -> u64 {
        self.rows[place as usize].claims[kind as usize]
    }

    /// What a visitor claims something with that need not be a row of its own.
    pub fn claim_on(&self, dimension: Dimension, value: &str, kind: Claim) -> u64 {
        kind.number(&self.hasher, dimension, value)
    }

    /// The row of the slot that a time falls in.
    pub fn slot(&mut self, at: Millis) -> RowPlace {
        let slot = rollup::slot(at);
        if self.slot.0 != slot {
            let value: Arc<str> = slot.to_string().into();
            let place = self.place(Dimension::Slot, &value);
            self.slot = (slot, value, place);
        }
        self.slot.2
    }

    /// What a slot's row is called: the one that was asked for last.
    pub fn slot_name(&self) -> Arc<str> {
        self.slot.1.clone()
    }

    /// Adds to one count.
    pub fn add(&mut self, dimension: Dimension, value: &str, metric: Metric, by: i64) {
        if by != 0 {
            let place = self.place(dimension, value);
            self.at(place).add(metric, by);
        }
    }

    /// Adds to the total, the slot of a time, and a page.
    pub fn add_on_page(&mut self, at: Millis, page: RowPlace, metric: Metric, by: i64) {
        if by != 0 {
            let slot = self.slot(at);
            for place in [TOTAL, slot, page] {
                self.at(place).add(metric, by);
            }
        }
    }

    /// A visitor of the day, for its sketches.
    pub fn seen(&mut self, visitor: VisitorHash) {
        self.visitors.push(visitor);
    }

    pub fn confirmed(&mut self, visitor: VisitorHash) {
        self.confirmed.push(visitor);
    }

    /// Keeps an event row.
    pub fn record(&mut self, row: &EventRow) {
        match row.kind.rows_of() {
            RowsOf::People => self.people.push(row),
            RowsOf::Others => self.others.push(row),
        }
    }

    /// Whether nothing has gathered since [`DayRollup::take`].
    pub fn is_idle(&self) -> bool {
        self.hits == 0
            && self.touched.is_empty()
            && self.people.is_empty()
            && self.others.is_empty()
    }

    /// Takes what has gathered since the last time; `None`: nothing has.
    pub fn take(&mut self) -> Option<Window> {
        if self.is_idle() {
            return None;
        }
        let most = KEPT + 2 * self.touched.len();
        let mut rows = Vec::with_capacity(self.touched.len());
        for place in self.touched.drain(..) {
            if let Some((key, entry)) = self.rows.get_index_mut(place as usize) {
                entry.touched = false;
                rows.push((key.clone(), std::mem::take(&mut entry.counts)));
            }
        }
        let window = Window {
            hits: std::mem::take(&mut self.hits),
            rows,
            visitors: std::mem::take(&mut self.visitors),
            confirmed: std::mem::take(&mut self.confirmed),
            people: std::mem::take(&mut self.people),
            others: std::mem::take(&mut self.others),
        };
        if self.rows.len() > most {
            *self = Self::new(self.hasher.clone());
        }
        Some(window)
    }
}

fn next_serial() -> u64 {
    static SERIAL: AtomicU64 = AtomicU64::new(1);
    SERIAL.fetch_add(1, Ordering::Relaxed)
}
