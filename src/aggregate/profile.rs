//! What the rows of a visit have in common, and where it counts.

use super::book::{Book, Place};
use super::prefetch::prefetch;
use crate::model::rollup::Dimension;
use crate::model::row::RowVisit;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A [`RowVisit`] with the places of its roll-up rows in the book that counted it last: most visits
/// count in one book only, and else would look up a dozen rows with every view. Only the shard that
/// owns it asks for places; they are atomic because a shard moves between threads.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(from = "Arc<RowVisit>")]
pub struct Profile {
    of: Arc<RowVisit>,
    #[serde(skip)]
    book: AtomicU64,
    /// First the entry page's, then those of the traits in their order.
    #[serde(skip)]
    places: Box<[AtomicU32]>,
}

impl Profile {
    /// See [`Shard::look_ahead`](super::shard::Shard::look_ahead).
    pub fn look_ahead(&self) {
        prefetch(self.of.traits.text());
        prefetch(&*self.places);
    }

    pub fn of(&self) -> &Arc<RowVisit> {
        &self.of
    }

    /// Whether it says so.
    pub fn has(&self, dimension: Dimension, value: &str) -> bool {
        self.of.traits.get(dimension) == Some(value)
    }

    /// The place of the entry page's row in a book; `None` outside of visits.
    pub fn entry(&self, book: &mut Book) -> Option<Place> {
        self.look_up(book);
        (self.of.visit != 0).then(|| self.places[0].load(Ordering::Relaxed))
    }

    /// The places of its traits' rows in a book, in the order of its traits.
    pub fn places<'p>(&'p self, book: &mut Book) -> impl Iterator<Item = Place> + use<'p> {
        self.look_up(book);
        self.places[1..].iter().map(|place| place.load(Ordering::Relaxed))
    }

    fn look_up(&self, book: &mut Book) {
        if self.book.load(Ordering::Relaxed) == book.serial() {
            return;
        }
        if self.of.visit != 0 {
            let entry = book.place(Dimension::EntryPage, &self.of.entry);
            self.places[0].store(entry, Ordering::Relaxed);
        }
        for ((dimension, value), place) in self.of.traits.iter().zip(&self.places[1..]) {
            place.store(book.place_named(dimension, value), Ordering::Relaxed);
        }
        self.book.store(book.serial(), Ordering::Relaxed);
    }
}

impl From<Arc<RowVisit>> for Profile {
    fn from(of: Arc<RowVisit>) -> Self {
        let places = (0..=of.traits.len()).map(|_| AtomicU32::new(0)).collect();
        Self { of, book: AtomicU64::new(0), places }
    }
}

impl From<RowVisit> for Profile {
    fn from(of: RowVisit) -> Self {
        Self::from(Arc::new(of))
    }
}
