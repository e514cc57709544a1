//! Rows that count a visitor already, so that each counts every visitor once a day.

use crate::model::rollup::{Dimension, Metric};
use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};
use std::hash::BuildHasher;

/// Most visitors have about so many, from their first view on.
const ROOM: usize = 24;

/// Rows that count one visitor on a day, in each [`Claim`] about half of it: as many as 400 pages
/// viewed and confirmed. In further rows a visitor counts as seen before, or one that invents paths
/// would take as much memory as it likes.
pub const MOST: usize = 1_024;

/// The total and the hours of a day, which count everybody.
const ALWAYS: usize = 64;

/// What a visitor's claim on a row is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Claim {
    Seen,
    Confirmed,
}

impl Claim {
    /// What a claimed row counts.
    pub fn metric(self) -> Metric {
        match self {
            Self::Seen => Metric::Visitors,
            Self::Confirmed => Metric::ConfirmedVisitors,
        }
    }

    /// What a row is claimed with.
    pub fn number(self, hasher: &FixedState, dimension: Dimension, value: &str) -> u64 {
        hasher.hash_one((dimension, value, self))
    }
}

/// A visitor's claims, in order: there is one set per visitor, so it takes no more room than they
/// do.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<u64>")]
pub struct Claims(Vec<u64>);

impl Claims {
    /// Whether this is a claim of its own, and not one that was made before, or one too many.
    pub fn insert(&mut self, claim: u64) -> bool {
        self.insert_below(MOST, claim)
    }

    /// The same for the total, or an hour: of these there are few.
    pub fn insert_always(&mut self, claim: u64) -> bool {
        self.insert_below(MOST + ALWAYS, claim)
    }

    fn insert_below(&mut self, most: usize, claim: u64) -> bool {
        if self.0.len() >= most {
            return false;
        }
        let Err(at) = self.0.binary_search(&claim) else { return false };
        if self.0.is_empty() {
            self.0.reserve_exact(ROOM);
        }
        self.0.insert(at, claim);
        true
    }
}

impl From<Vec<u64>> for Claims {
    fn from(mut claims: Vec<u64>) -> Self {
        claims.sort_unstable();
        claims.dedup();
        Self(claims)
    }
}
