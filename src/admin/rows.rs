//! Reads the event rows of days, each only when it has changed, and sees whether they are all there.
//!
//! Rows are kept for a while only, and up to a cap. A day is covered where as much is told by its
//! rows as its roll-up counts; who asks for others is told which these are.

use crate::budget::Budget;
use crate::model::block::Block;
use crate::model::rollup::DayCounts;
use crate::model::row::RowsOf;
use crate::model::site::{Day, Site};
use crate::report::scan::DayRows;
use crate::report::{Days, Range};
use crate::store::{Result, Store};
use futures_util::{StreamExt, TryStreamExt, stream};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of rows held, over all sites.
const BYTES: u64 = 150 << 20;

/// Days the cache expects to hold.
const DAYS: usize = 400;

/// Days that are read at a time: while one is fetched, others are unpacked.
const AT_ONCE: usize = 4;

/// Counts and rows of a day are read one after the other, and it may be counted in between: so often
/// they are read again, after a pause.
const ATTEMPTS: usize = 4;
const PAUSE: Duration = Duration::from_millis(25);

type Key = (Arc<str>, Day, RowsOf);

pub(super) struct RowReader {
    store: Arc<dyn Store>,
    held: Cache<Key, Held, ByBytes>,
    budget: Option<Arc<Budget>>,
}

#[derive(Clone)]
struct Held {
    /// Of the day whose counts the rows agree with.
    version: u64,
    /// `None`: they do not tell all that was counted.
    rows: Option<Arc<DayRows>>,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Key, Held> for ByBytes {
    fn weight(&self, _: &Key, held: &Held) -> u64 {
        held.rows.as_ref().map_or(1, |rows| rows.size() as u64)
    }
}

/// The rows of days.
#[derive(Debug, Default)]
pub(super) struct RowDays {
    pub days: BTreeMap<Day, Arc<DayRows>>,
    /// Days with counts that their rows do not tell all of.
    pub uncovered: Vec<Day>,
}

impl RowDays {
    /// The first day from which on all rows are kept; `None`: they all are.
    pub fn covered_from(&self) -> Option<Day> {
        self.uncovered.last().map(|day| *day + chrono::Days::new(1))
    }
}

impl RowReader {
    pub fn new(store: Arc<dyn Store>, budget: Option<Arc<Budget>>) -> Self {
        Self { store, held: Cache::with_weighter(DAYS, BYTES, ByBytes), budget }
    }

    /// The rows of a range, whose counts are `counted`.
    pub async fn rows(
        &self,
        site: &Site,
        of: RowsOf,
        range: Range,
        counted: &Days,
    ) -> Result<RowDays> {
        let days = counted.range(range.first..=range.last);
        let days: Vec<_> = days.map(|(day, counts)| (*day, counts.clone())).collect();
        let read = async |(day, counts): (Day, Arc<DayCounts>)| {
            Ok((day, self.day(site, of, day, &counts).await?))
        };
        let days: Vec<_> = stream::iter(days).map(read).buffered(AT_ONCE).try_collect().await?;
        let mut all = RowDays::default();
        for (day, rows) in days {
            match rows {
                Some(rows) => drop(all.days.insert(day, rows)),
                None => all.uncovered.push(day),
            }
        }
        Ok(all)
    }

    async fn day(
        &self,
        site: &Site,
        of: RowsOf,
        day: Day,
        counts: &DayCounts,
    ) -> Result<Option<Arc<DayRows>>> {
        let key = (site.name.clone(), day, of);
        if let Some(held) = self.held.get(&key).filter(|held| held.version == counts.version) {
            return Ok(held.rows);
        }
        let mut newest = None;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(PAUSE).await;
                newest = self.store.days(&site.name, &[day]).await?.pop();
                self.pay(1);
            }
            let counts = newest.as_ref().unwrap_or(counts);
            let rows = self.read(site, of, day).await?;
            let covers = rows.covers(of, counts);
            // Less than was counted a moment before: more of it will not come.
            if covers || attempt > 0 && rows.is_behind(of, counts) {
                let rows = covers.then_some(rows);
                self.held.insert(key, Held { version: counts.version, rows: rows.clone() });
                return Ok(rows);
            }
        }
        Ok(None)
    }

    async fn read(&self, site: &Site, of: RowsOf, day: Day) -> Result<Arc<DayRows>> {
        let stored = self.store.rows(&site.name, day, of).await?;
        self.pay(stored.commands());
        let name = site.name.clone();
        let read = tokio::task::spawn_blocking(move || {
            let mut blocks: Vec<Block> = Vec::with_capacity(stored.blocks.len());
            for packed in &stored.blocks {
                match packed.block() {
                    Ok(block) => blocks.push(block),
                    Err(e) => tracing::error!("{name}, {day}: {} rows: {e}", packed.len()),
                }
            }
            DayRows::new(blocks)
        });
        Ok(Arc::new(read.await.unwrap_or_default()))
    }

    /// Counts commands that were sent.
    fn pay(&self, commands: u64) {
        if let Some(budget) = &self.budget {
            budget.read(commands);
        }
    }
}
