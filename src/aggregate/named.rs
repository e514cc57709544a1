//! A row by its name, and where it is.

use super::book::{Book, Place};
use crate::model::rollup::Dimension;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A value of a dimension that was admitted, with its row's place in the book that counted it last:
/// a visit counts its entry page with every view, and else would look it up as often.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Arc<str>", into = "Arc<str>")]
pub struct Named {
    value: Arc<str>,
    book: u64,
    place: Place,
}

impl Named {
    pub fn value(&self) -> &Arc<str> {
        &self.value
    }

    /// The place of its row in a book. Of one dimension: a value that names rows of two has two of
    /// these.
    pub fn place(&mut self, book: &mut Book, dimension: Dimension) -> Place {
        if self.book != book.serial() {
            (self.book, self.place) = (book.serial(), book.place(dimension, &self.value));
        }
        self.place
    }
}

impl From<Arc<str>> for Named {
    fn from(value: Arc<str>) -> Self {
        // No book has this number.
        Self { value, book: 0, place: 0 }
    }
}

impl From<Named> for Arc<str> {
    fn from(named: Named) -> Self {
        named.value
    }
}
