//! Reads days, each only when it has changed.
//!
//! Every applied batch raises its day's version. So the versions are asked for first, in one
//! small round trip, and of the days only those come over that are not held as they are. Where
//! days are gone, their month tells what it has kept.

use crate::report::{Days, Range};
use crate::rollup::{DayCounts, Dimension};
use crate::site::{Day, Month};
use crate::store::{Result, Store};
use crate::upkeep::tail;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Rows held, over all sites: about 250 bytes each, so about 100 MB. What a question needs beyond
/// that is read for it and let go.
const ROWS: u64 = 400_000;

/// Days the cache expects to hold: a year for a site, and the year before.
const DAYS: usize = 800;

/// Likewise months: ten years.
const MONTHS: usize = 120;

pub(super) struct Reader {
    store: Arc<dyn Store>,
    /// By site and day.
    held: Cache<(Arc<str>, Day), Held, ByRows>,
    /// By site and month: months whose days are gone.
    months: Cache<(Arc<str>, Month), Held, ByRows>,
}

#[derive(Clone)]
struct Held {
    counts: Arc<DayCounts>,
    rows: u64,
}

#[derive(Clone)]
struct ByRows;

impl<K> Weighter<K, Held> for ByRows {
    fn weight(&self, _: &K, held: &Held) -> u64 {
        held.rows
    }
}

impl Reader {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            held: Cache::with_weighter(DAYS, ROWS, ByRows),
            months: Cache::with_weighter(MONTHS, ROWS, ByRows),
        }
    }

    /// The days of a range that have counts.
    pub(super) async fn days(&self, site: &Arc<str>, range: Range) -> Result<Days> {
        let asked: Vec<Day> = range.days().collect();
        let versions = self.store.versions(site, &asked).await?;
        let mut days = Days::new();
        let mut changed = Vec::new();
        // Days after the last that was counted lie ahead; those before it may be gone.
        let newest = asked.iter().zip(&versions).rfind(|(_, version)| **version > 0);
        let newest = newest.map(|(day, _)| *day);
        let missing = asked
            .iter()
            .zip(&versions)
            .filter(|(day, version)| **version == 0 && newest.is_none_or(|newest| **day < newest));
        let missing: BTreeSet<Month> = missing.map(|(day, _)| Month::of(*day)).collect();
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
                let held = Held::new(counts);
                self.held.insert((site.clone(), day), held.clone());
                days.insert(day, held.counts);
            }
        }
        self.gone(site, range, missing.into_iter().collect(), &mut days).await?;
        Ok(days)
    }

    /// Puts what is left of months whose days are gone in the place of these days.
    async fn gone(
        &self,
        site: &Arc<str>,
        range: Range,
        months: Vec<Month>,
        days: &mut Days,
    ) -> Result<()> {
        if months.is_empty() {
            return Ok(());
        }
        let versions = self.store.frozen(site, &months).await?;
        for (month, version) in months.into_iter().zip(versions).filter(|(_, v)| *v > 0) {
            let key = (site.clone(), month);
            let held = match self.months.get(&key) {
                Some(held) if held.counts.version == version => held,
                _ => {
                    let read = self.store.months(site, &[month]).await?;
                    let held = Held::new(read.into_iter().next().unwrap_or_default());
                    self.months.insert(key, held.clone());
                    held
                }
            };
            let whole = range.first <= month.first() && month.last() <= range.last;
            let known = tail::as_days(month, &held.counts, whole);
            let asked = |day: &Day| (range.first..=range.last).contains(day);
            days.extend(known.into_iter().filter(|(d, _)| asked(d)).map(|(d, c)| (d, Arc::new(c))));
        }
        Ok(())
    }
}

impl Held {
    fn new(counts: DayCounts) -> Self {
        let rows = Dimension::ALL.iter().map(|d| counts.rows(*d).count() as u64).sum();
        Self { counts: Arc::new(counts), rows }
    }
}
