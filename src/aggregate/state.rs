//! A shard's memory, written down and read back: what a restart begins with.

use super::downloads::Download;
use super::feeds::Subscribers;
use super::names::Names;
use super::open::Pending;
use super::recent::Recent;
use super::shard::{Map, Shard};
use super::sightings::Sightings;
use super::visitor::Visitor;
use crate::clock::Millis;
use crate::model::VisitorHash;
use crate::model::rollup::Dimension;
use crate::model::site::{Day, SiteId};
use serde::{Deserialize, Serialize};
use std::hash::{BuildHasher, Hash};
use std::io::{self, Write};

impl Shard {
    /// Writes down all it knows; increments are not part of it, so they are to be sealed before.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn save(&self, to: impl Write) -> io::Result<()> {
        let oldest_first = State {
            hasher: self.hasher.hash_one(CANARY),
            newest: self.newest,
            begun: self.visits,
            visitors: self.visitors.iter().rev().collect(),
            pending: self.pending.iter().rev().collect(),
            sightings: self.sightings.iter().rev().collect(),
            used: &self.used,
            numbers: &self.numbers,
            names: self.names.all.iter().collect(),
            feeds: self.feeds.iter().rev().collect(),
            downloads: self.downloads.iter().rev().collect(),
        };
        postcard::to_io(&oldest_first, to).map(drop).map_err(io::Error::other)
    }

    /// Takes over what another shard of the same seed has saved. False: it cannot be read, and
    /// nothing has changed.
    pub fn restore(&mut self, saved: &[u8]) -> bool {
        type Saved = State<
            (VisitorHash, Visitor),
            (u64, Pending),
            (u64, Sightings),
            Recent,
            KnownNames,
            (u64, Subscribers),
            (u64, Download),
        >;
        let Ok(state) = postcard::from_bytes::<Saved>(saved) else { return false };
        if state.hasher != self.hasher.hash_one(CANARY) {
            return false;
        }
        self.newest = state.newest;
        self.visits = state.begun;
        refill(&mut self.visitors, state.visitors);
        refill(&mut self.pending, state.pending);
        refill(&mut self.sightings, state.sightings);
        refill(&mut self.feeds, state.feeds);
        refill(&mut self.downloads, state.downloads);
        self.used = state.used.capped(self.limits.visitors.saturating_mul(4));
        self.numbers = state.numbers.capped(self.limits.visitors.saturating_mul(4));
        self.names.all = state.names.into_iter().collect();
        true
    }
}

fn refill<K: Hash + Eq, V>(map: &mut Map<K, V>, oldest_first: Vec<(K, V)>) {
    for (key, value) in oldest_first {
        map.push(key, value);
    }
}

/// Tells whether claims were numbered as this program numbers them.
const CANARY: &str = "headcount";

/// Names with whose they are.
type KnownNames = ((SiteId, Dimension), (Day, Names));

/// A shard's memory as it is written down: lists oldest first.
#[derive(Serialize, Deserialize)]
struct State<V, P, T, R, N, F, D> {
    hasher: u64,
    newest: Millis,
    begun: u64,
    visitors: Vec<V>,
    pending: Vec<P>,
    sightings: Vec<T>,
    used: R,
    numbers: R,
    names: Vec<N>,
    feeds: Vec<F>,
    downloads: Vec<D>,
}
