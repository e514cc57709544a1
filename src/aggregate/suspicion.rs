//! Who behaves like a robot and says nothing of the kind.
//!
//! A browser is innocent: suspicion takes nobody out of the totals, it only sets a trait to filter
//! by. It falls on a visit of which a server saw many views in a short time and no script a single
//! one of them.

use crate::clock::{Millis, SECOND};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// So many views that only the server saw …
const MANY: usize = 30;
/// … within this time.
const WITHIN: Millis = 60 * SECOND;

/// What is kept of a visit's views until suspicion falls.
#[derive(Default, Serialize, Deserialize)]
pub struct Watch {
    /// Views that only the server saw so far: when, and their nonces.
    unconfirmed: VecDeque<(Millis, u64)>,
    suspected: bool,
}

impl Watch {
    /// A pageview; with a nonce if only the server saw it yet. True: with it suspicion falls.
    pub fn view(&mut self, at: Millis, nonce: Option<u64>) -> bool {
        let Some(nonce) = nonce.filter(|_| !self.suspected) else { return false };
        self.unconfirmed.retain(|(when, _)| at - when < WITHIN);
        self.unconfirmed.push_back((at, nonce));
        self.suspected = self.unconfirmed.len() >= MANY;
        if self.suspected {
            self.unconfirmed = VecDeque::new();
        }
        self.suspected
    }

    /// A view's beacon has come after all.
    pub fn confirm(&mut self, nonce: u64) {
        self.unconfirmed.retain(|(_, unconfirmed)| *unconfirmed != nonce);
    }
}
