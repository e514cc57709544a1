//! Days gone by, counted from hits that bring times of their own: those of a log, those that a demo
//! makes up.
//!
//! One shard counts them in the order of time, and what it has counted is delivered as a node's
//! batches. The same hits, counted and sealed in the same order, make the same batches under the
//! same numbers. So whoever is stopped in between begins anew, and what the store has already is
//! passed over: restart is replay here too.

use crate::aggregate::{Limits, Shard};
use crate::model::rollup::{Dimension, Row};
use crate::model::site::{Day, Site};
use crate::model::{Batch, Hit, batches};
use crate::store::{Applied, Batches, StoreError};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

/// Batches that are sent at once to a store that takes several.
const AT_ONCE: usize = 64;

/// Counts hits of the past.
pub struct PastDays {
    sites: Arc<Vec<Site>>,
    shard: Shard,
    /// Under which batches are numbered.
    node: Arc<str>,
    days: HashMap<(usize, Day), Numbers>,
    /// Sealed, and not yet known to be stored.
    waiting: VecDeque<((usize, Day), Batch)>,
    /// By site: event rows of days before this one are not kept.
    rows_from: Vec<Option<Day>>,
    sums: Row,
}

#[derive(Default)]
struct Numbers {
    /// Of the last batch.
    last: u64,
    /// Up to where the store has them; `None`: it was not asked.
    stored: Option<u64>,
}

#[derive(Debug, thiserror::Error)]
pub enum PastError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{store} has lost counts of {day} that it had a moment ago")]
    Lost { store: String, day: Day },
}

impl PastDays {
    /// The same `seed` and `node` make the same batches of the same hits.
    pub fn new(sites: Arc<Vec<Site>>, limits: Limits, seed: u64, node: Arc<str>) -> Self {
        let shard = Shard::seeded(sites.clone(), limits, seed);
        let (days, waiting) = (HashMap::new(), VecDeque::new());
        Self { sites, shard, node, days, waiting, rows_from: Vec::new(), sums: Row::default() }
    }

    /// Keeps no event rows of days before these, by site.
    #[must_use]
    pub fn with_rows_from(self, first: Vec<Option<Day>>) -> Self {
        Self { rows_from: first, ..self }
    }

    pub fn count(&mut self, hit: Hit) {
        self.shard.apply(hit);
    }

    /// Hits counted since they were sealed.
    pub fn unsealed(&self) -> u64 {
        self.shard.unsealed()
    }

    /// What has been counted is to be delivered.
    pub fn seal(&mut self) {
        let windows: BTreeMap<_, _> = self.shard.seal().into_iter().collect();
        for (key, mut window) in windows {
            if self.rows_from.get(key.0).is_some_and(|first| Some(key.1) < *first) {
                (window.people, window.others) = Default::default();
            }
            let totals = window.rows.iter().filter(|((of, _), _)| *of == Dimension::Total);
            let totals = totals.filter(|((_, value), _)| value.is_empty());
            totals.for_each(|(_, row)| self.sums.merge(row));
            let numbers = self.days.entry(key).or_default();
            let name = &self.sites[key.0].name;
            let cut = batches(window, name, key.1, &self.node, numbers.last + 1);
            numbers.last += cut.len() as u64;
            self.waiting.extend(cut.into_iter().map(|batch| (key, batch)));
        }
    }

    /// What was sealed comes to so much.
    pub fn sums(&self) -> &Row {
        &self.sums
    }

    /// Days of which something was sealed, by the place of their site.
    pub fn days(&self) -> impl Iterator<Item = (usize, Day)> {
        self.days.keys().copied()
    }

    /// Sends what was sealed, but for what the store has.
    ///
    /// # Errors
    /// The store's; what waits goes on to wait.
    pub async fn deliver(&mut self, store: &dyn Batches) -> Result<(), PastError> {
        while let Some((key, first)) = self.waiting.front() {
            let key = *key;
            let numbers = self.days.entry(key).or_default();
            let stored = match numbers.stored {
                Some(stored) => stored,
                None => store.marker(&first.site, key.1, &self.node).await?,
            };
            numbers.stored = Some(stored);
            if first.number <= stored {
                self.waiting.pop_front();
                continue;
            }
            let same = self.waiting.iter().take_while(|(other, _)| *other == key);
            let next: Vec<&Batch> = same.map(|(_, batch)| batch).take(AT_ONCE).collect();
            for applied in store.apply_some(&next).await? {
                match applied {
                    Applied::Now | Applied::Before => drop(self.waiting.pop_front()),
                    Applied::Gap { .. } => {
                        let store = store.name().to_owned();
                        return Err(PastError::Lost { store, day: key.1 });
                    }
                }
            }
        }
        Ok(())
    }
}
