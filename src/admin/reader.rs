//! Reads days, each only when it has changed.
//!
//! Every applied batch raises its day's version. So the versions are asked for first, in one
//! small round trip, and of the days only those come over that are not held as they are.

use crate::report::{Days, Range};
use crate::rollup::{DayCounts, Dimension};
use crate::site::Day;
use crate::store::{Result, Store};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::sync::Arc;

/// Rows held, over all sites: about 250 bytes each, so about 100 MB. What a question needs beyond
/// that is read for it and let go.
const ROWS: u64 = 400_000;

/// Days the cache expects to hold: a year for a site, and the year before.
const DAYS: usize = 800;

pub(super) struct Reader {
    store: Arc<dyn Store>,
    /// By site and day.
    held: Cache<(Arc<str>, Day), Held, ByRows>,
}

#[derive(Clone)]
struct Held {
    counts: Arc<DayCounts>,
    rows: u64,
}

#[derive(Clone)]
struct ByRows;

impl Weighter<(Arc<str>, Day), Held> for ByRows {
    fn weight(&self, _: &(Arc<str>, Day), held: &Held) -> u64 {
        held.rows
    }
}

impl Reader {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, held: Cache::with_weighter(DAYS, ROWS, ByRows) }
    }

    /// The days of a range that have counts.
    pub(super) async fn days(&self, site: &Arc<str>, range: Range) -> Result<Days> {
        let asked: Vec<Day> = range.days().collect();
        let versions = self.store.versions(site, &asked).await?;
        let mut days = Days::new();
        let mut changed = Vec::new();
        for (day, version) in asked.into_iter().zip(versions).filter(|(_, version)| *version > 0) {
            match self.held.get(&(site.clone(), day)) {
                Some(held) if held.counts.version == version => {
                    days.insert(day, held.counts);
                }
                _ => changed.push(day),
            }
        }
        if !changed.is_empty() {
            let read = self.store.days(site, &changed).await?;
            for (day, counts) in changed.into_iter().zip(read) {
                let counts = Arc::new(counts);
                let rows = Dimension::ALL.iter().map(|d| counts.rows(*d).count() as u64).sum();
                self.held.insert((site.clone(), day), Held { counts: counts.clone(), rows });
                days.insert(day, counts);
            }
        }
        Ok(days)
    }
}
