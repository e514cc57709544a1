//! What a visit is told apart by, and where its rows are.

use super::book::{Book, Place};
use super::prefetch::prefetch;
use crate::model::Traits;
use crate::model::rollup::Dimension;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Traits that were admitted, with the places of their rows in the book that counted them last:
/// most visits count in one book only, and else would look up a dozen rows with every view. Only
/// the shard that owns it asks for places; they are atomic because a shard moves between threads.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(from = "Traits")]
pub struct Profile {
    traits: Traits,
    #[serde(skip)]
    book: AtomicU64,
    #[serde(skip)]
    places: Box<[AtomicU32]>,
}

impl Profile {
    /// See [`Shard::look_ahead`](super::shard::Shard::look_ahead).
    pub fn look_ahead(&self) {
        prefetch(self.traits.text());
        prefetch(&*self.places);
    }

    pub fn traits(&self) -> &Traits {
        &self.traits
    }

    /// Whether it says so.
    pub fn has(&self, dimension: Dimension, value: &str) -> bool {
        self.traits.get(dimension) == Some(value)
    }

    /// The places of its rows in a book, in the order of its traits.
    pub fn places<'p>(&'p self, book: &mut Book) -> impl Iterator<Item = Place> + use<'p> {
        if self.book.load(Ordering::Relaxed) != book.serial() {
            for ((dimension, value), place) in self.traits.iter().zip(&self.places) {
                place.store(book.place_named(dimension, value), Ordering::Relaxed);
            }
            self.book.store(book.serial(), Ordering::Relaxed);
        }
        self.places.iter().map(|place| place.load(Ordering::Relaxed))
    }
}

impl From<Traits> for Profile {
    fn from(traits: Traits) -> Self {
        let places = traits.iter().map(|_| AtomicU32::new(0)).collect();
        Self { traits, book: AtomicU64::new(0), places }
    }
}
