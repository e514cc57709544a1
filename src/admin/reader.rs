//! Reads days, each only when it has changed.
//!
//! Every applied batch raises its day's version. So the versions are asked for first, in one
//! small round trip, and of the days only those come over that are not held as they are. Where
//! days are gone, their month tells what it has kept.
//!
//! On a budget of commands a version that was told lately is believed: for as long as a flush
//! takes, or for hours where the day is long over. When the readers' share is spent, what is held
//! is shown.

use crate::budget::Budget;
use crate::clock::{Clock, HOUR, Millis};
use crate::model::DayCounts;
use crate::model::site::{Day, Month};
use crate::report::{DaySum, Days, Range};
use crate::store::{Result, Store};
use crate::upkeep::tail;
use chrono::DateTime;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of counts held, over all sites: two months of 7,000 visitors a day on 2,000 pages. What a
/// question needs beyond that is read for it and let go.
const HELD: u64 = 192 << 20;

/// Days the cache expects to hold: a year for a site, and the year before.
const DAYS: usize = 800;

/// On a budget: how long a day that is over is believed to be as it was told, and for how many days
/// after it late counts may come.
const BELIEVED: Millis = 6 * HOUR;
const LATE: u64 = 2;

/// Versions remembered: twenty years of a site.
const TOLD: usize = 7_300;

/// Likewise months: ten years.
const MONTHS: usize = 120;

/// Ranges of which it is remembered how they were read last: for when the store does not answer.
const LAST: usize = 64;

/// Sums of days held: the ranges that are looked at again and again.
const SUMS: usize = 8;

type Told = HashMap<(Arc<str>, Day), (u64, Millis)>;

pub(super) struct Reader {
    store: Arc<dyn Store>,
    /// By site and day.
    held: Cache<(Arc<str>, Day), Arc<DayCounts>, BySize>,
    /// By site and month: months whose days are gone.
    months: Cache<(Arc<str>, Month), Arc<DayCounts>, BySize>,
    /// By site and range, without its last day.
    sums: Cache<(Arc<str>, Range), Arc<DaySum>>,
    /// By site and range: the days as they were read last, and when.
    last: Cache<(Arc<str>, Range), (Days, Millis)>,
    budget: Option<Arc<Budget>>,
    clock: Clock,
    /// On a budget: versions as last told, and when.
    told: Mutex<Told>,
    /// By site: when any of its days were read last.
    last_times: Mutex<HashMap<Arc<str>, Millis>>,
}

#[derive(Clone)]
struct BySize;

impl<K> Weighter<K, Arc<DayCounts>> for BySize {
    fn weight(&self, _: &K, counts: &Arc<DayCounts>) -> u64 {
        counts.size() as u64
    }
}

impl Reader {
    pub(super) fn new(store: Arc<dyn Store>, budget: Option<Arc<Budget>>, clock: Clock) -> Self {
        Self {
            clock,
            last: Cache::new(LAST),
            last_times: Mutex::default(),
            store,
            held: Cache::with_weighter(DAYS, HELD, BySize),
            months: Cache::with_weighter(MONTHS, HELD, BySize),
            sums: Cache::new(SUMS),
            budget,
            told: Mutex::default(),
        }
    }

    /// The days of a range that have counts.
    pub(super) async fn days(&self, site: &Arc<str>, range: Range) -> Result<Days> {
        let now = self.clock.now();
        let days = self.days_now(site, range).await?;
        self.last.insert((site.clone(), range), (days.clone(), now));
        self.last_times.lock().unwrap_or_else(PoisonError::into_inner).insert(site.clone(), now);
        Ok(days)
    }

    /// The same as they were read last, and when that was.
    pub(super) fn last(&self, site: &Arc<str>, range: Range) -> Option<(Days, Millis)> {
        self.last.get(&(site.clone(), range))
    }

    /// When any days of a site were read last.
    pub(super) fn last_time(&self, site: &str) -> Option<Millis> {
        self.last_times.lock().unwrap_or_else(PoisonError::into_inner).get(site).copied()
    }

    /// When these ranges were read last: the earliest of their times.
    pub(super) fn read_at(
        &self,
        site: &Arc<str>,
        ranges: impl Iterator<Item = Range>,
    ) -> Option<Millis> {
        ranges.filter_map(|range| Some(self.last(site, range)?.1)).min()
    }

    async fn days_now(&self, site: &Arc<str>, range: Range) -> Result<Days> {
        let asked: Vec<Day> = range.days().collect();
        let versions = match &self.budget {
            None => self.store.versions(site, &asked).await?,
            Some(budget) => self.versions_within(budget, site, &asked).await?,
        };
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
                Some(held) if held.version == version => days.insert(day, held),
                _ => changed.push(day),
            }
        }
        if let Some(budget) = &self.budget {
            budget.read(changed.len() as u64);
        }
        if !changed.is_empty() {
            let read = self.store.days(site, &changed).await?;
            for (day, mut counts) in changed.into_iter().zip(read) {
                counts.shrink();
                let counts = Arc::new(counts);
                self.held.insert((site.clone(), day), counts.clone());
                days.insert(day, counts);
            }
        }
        self.gone(site, range, missing.into_iter().collect(), &mut days).await?;
        let before = newest.and_then(|newest| newest.pred_opt());
        if let Some(last) = before.filter(|last| range.first < *last) {
            days.use_sum(self.sum(site, &days, Range { last, ..range }));
        }
        Ok(days)
    }

    /// The first day of a range that has counts, or of the month that is left of it. `None`, too,
    /// where the readers' share does not allow to look.
    pub(super) async fn first(&self, site: &Arc<str>, range: Range) -> Result<Option<Day>> {
        let asked: Vec<Day> = range.days().collect();
        let months: BTreeSet<Month> = asked.iter().map(|day| Month::of(*day)).collect();
        let commands = (asked.len() + months.len()) as u64;
        if self.budget.as_ref().is_some_and(|budget| !budget.may_read(commands)) {
            return Ok(None);
        }
        let versions = self.store.versions(site, &asked).await?;
        let first = asked.iter().zip(versions).find(|(_, version)| *version > 0);
        let first = first.map(|(day, _)| *day);
        let is_earlier = |month: &Month| first.is_none_or(|first| month.first() < first);
        let months: Vec<Month> = months.into_iter().filter(is_earlier).collect();
        let frozen = self.store.frozen(site, &months).await?;
        let frozen = months.iter().zip(frozen).find(|(_, version)| *version > 0);
        let frozen = frozen.map(|(month, _)| month.first().max(range.first));
        Ok(frozen.into_iter().chain(first).min())
    }

    /// The sum of these days, as it is held or made anew.
    fn sum(&self, site: &Arc<str>, days: &Days, range: Range) -> Arc<DaySum> {
        let key = (site.clone(), range);
        match self.sums.get(&key) {
            Some(sum) if sum.is_of(days, range) => sum,
            _ => {
                let sum = Arc::new(DaySum::of_days(days, range));
                self.sums.insert(key, sum.clone());
                sum
            }
        }
    }

    /// Versions of days, asked for only where what was told before may be out of date.
    async fn versions_within(
        &self,
        budget: &Budget,
        site: &Arc<str>,
        days: &[Day],
    ) -> Result<Vec<u64>> {
        let now = budget.now();
        let today = DateTime::from_timestamp_millis(now).unwrap_or_default().date_naive();
        let flush = budget.interval().as_millis() as Millis;
        let key = |day: &Day| (site.clone(), *day);
        let doubtful: Vec<Day> = {
            let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            let believed = |day: &Day| {
                let age = told.get(&key(day)).map(|(_, at)| now - at);
                // In no time zone it is later than tomorrow.
                let (over, ahead) =
                    (*day < today - chrono::Days::new(LATE), *day > today + chrono::Days::new(1));
                ahead || age.is_some_and(|age| age < if over { BELIEVED } else { flush })
            };
            days.iter().copied().filter(|day| !believed(day)).collect()
        };
        if !doubtful.is_empty() && budget.may_read(doubtful.len() as u64) {
            let versions = self.store.versions(site, &doubtful).await?;
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            if told.len() > TOLD {
                told.clear();
            }
            told.extend(doubtful.iter().zip(versions).map(|(day, v)| (key(day), (v, now))));
        }
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(days.iter().map(|day| told.get(&key(day)).map_or(0, |(version, _)| *version)).collect())
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
        if self.budget.as_ref().is_some_and(|budget| !budget.may_read(2 * months.len() as u64)) {
            return Ok(());
        }
        let versions = self.store.frozen(site, &months).await?;
        for (month, version) in months.into_iter().zip(versions).filter(|(_, v)| *v > 0) {
            let key = (site.clone(), month);
            let held = match self.months.get(&key) {
                Some(held) if held.version == version => held,
                _ => {
                    let read = self.store.months(site, &[month]).await?;
                    let held = Arc::new(read.into_iter().next().unwrap_or_default());
                    self.months.insert(key, held.clone());
                    held
                }
            };
            let whole = range.first <= month.first() && month.last() <= range.last;
            let known = tail::as_days(month, &held, whole);
            let asked = |day: &Day| (range.first..=range.last).contains(day);
            for (day, counts) in known.into_iter().filter(|(day, _)| asked(day)) {
                days.insert(day, Arc::new(counts));
            }
        }
        Ok(())
    }
}
