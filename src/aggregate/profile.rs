//! What the rows of a visit have in common, and where it counts.

use super::day_rollup::{DayRollup, RowPlace};
use crate::model::rollup::Dimension;
use crate::model::row::RowVisit;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A [`RowVisit`] with the places of its roll-up rows in the roll-up that counted it last. Most
/// visits count in one roll-up only; without the places each view would look up a dozen rows. Only
/// the shard that owns it asks for places; they are atomic because a shard moves between threads.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(from = "Arc<RowVisit>")]
pub struct Profile {
    of: Arc<RowVisit>,
    #[serde(skip)]
    rollup: AtomicU64,
    /// First the entry page's, then those of the traits in their order.
    #[serde(skip)]
    places: Box<[AtomicU32]>,
}

impl Profile {
    pub fn of(&self) -> &Arc<RowVisit> {
        &self.of
    }

    /// Whether it says so.
    pub fn has(&self, dimension: Dimension, value: &str) -> bool {
        self.of.traits.get(dimension) == Some(value)
    }

    /// The place of the entry page's row in a roll-up; `None` outside of visits.
    pub fn entry(&self, rollup: &mut DayRollup) -> Option<RowPlace> {
        self.look_up(rollup);
        (self.of.visit != 0).then(|| self.places[0].load(Ordering::Relaxed))
    }

    /// The places of its traits' rows in a roll-up, in the order of its traits.
    pub fn places<'p>(
        &'p self,
        rollup: &mut DayRollup,
    ) -> impl Iterator<Item = RowPlace> + use<'p> {
        self.look_up(rollup);
        self.places[1..].iter().map(|place| place.load(Ordering::Relaxed))
    }

    fn look_up(&self, rollup: &mut DayRollup) {
        if self.rollup.load(Ordering::Relaxed) == rollup.serial() {
            return;
        }
        if self.of.visit != 0 {
            let entry = rollup.place(Dimension::EntryPage, &self.of.entry);
            self.places[0].store(entry, Ordering::Relaxed);
        }
        for ((dimension, value), place) in self.of.traits.iter().zip(&self.places[1..]) {
            place.store(rollup.place(dimension, value), Ordering::Relaxed);
        }
        self.rollup.store(rollup.serial(), Ordering::Relaxed);
    }
}

impl From<Arc<RowVisit>> for Profile {
    fn from(of: Arc<RowVisit>) -> Self {
        let places = (0..=of.traits.len()).map(|_| AtomicU32::new(0)).collect();
        Self { of, rollup: AtomicU64::new(0), places }
    }
}

impl From<RowVisit> for Profile {
    fn from(of: RowVisit) -> Self {
        Self::from(Arc::new(of))
    }
}
