//! Who behaves like a robot and says nothing of the kind.
//!
//! A browser is innocent: suspicion takes nobody out of the totals, it only sets a trait to filter
//! by. It falls on a visit of which a server saw many views in a short time and no script a single
//! one of them.

use super::prefetch::prefetch;
use crate::clock::{Millis, SECOND};
use crate::model::rollup::{Metric, Row};
use crate::model::site::Day;
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
    /// Pageviews of the latest day, to count under the trait too once it is there.
    day: Option<Day>,
    views: [u32; KEPT.len()],
    suspected: bool,
}

/// What pageviews count.
const KEPT: [Metric; 4] = [Metric::Server, Metric::Confirmed, Metric::Browser, Metric::Unverified];

impl Watch {
    /// A pageview; with a nonce if only the server saw it yet. True: with it suspicion falls, and
    /// [`Watch::so_far`] is what was before it.
    pub fn view(&mut self, at: Millis, day: Day, metrics: &[Metric], nonce: Option<u64>) -> bool {
        if self.suspected {
            return false;
        }
        if let Some(nonce) = nonce {
            self.unconfirmed.retain(|(when, _)| at - when < WITHIN);
            self.unconfirmed.push_back((at, nonce));
            if self.unconfirmed.len() >= MANY {
                self.suspected = true;
                self.unconfirmed = VecDeque::new();
                return true;
            }
        }
        self.count(day, metrics);
        false
    }

    /// See [`Shard::look_ahead`](super::shard::Shard::look_ahead).
    pub fn look_ahead(&self) {
        self.unconfirmed.back().into_iter().for_each(prefetch);
    }

    /// A view's beacon has come after all.
    pub fn confirm(&mut self, day: Day, nonce: u64) {
        if !self.suspected {
            self.unconfirmed.retain(|(_, unconfirmed)| *unconfirmed != nonce);
            self.count(day, &[Metric::Confirmed]);
        }
    }

    /// What the visit's pageviews have counted on this day.
    pub fn so_far(&self, day: Day) -> Row {
        let mut row = Row::default();
        if self.day == Some(day) {
            for (metric, n) in KEPT.iter().zip(self.views) {
                row.add(*metric, n.into());
            }
        }
        row
    }

    fn count(&mut self, day: Day, metrics: &[Metric]) {
        if self.day.is_none_or(|known| known < day) {
            (self.day, self.views) = (Some(day), Default::default());
        }
        if self.day == Some(day) {
            for (metric, n) in KEPT.iter().zip(&mut self.views) {
                *n += u32::from(metrics.contains(metric));
            }
        }
    }
}
