//! Reads the event rows of days, each only when it has changed, and sees whether they are all
//! there.
//!
//! Of a day that goes on only the blocks are read that were appended since.
//!
//! Rows are kept for a while only, and up to a cap. A day is covered where as much is told by its
//! rows as its roll-up counts; who asks for others is told which these are.

use crate::budget::Budget;
use crate::model::DayCounts;
use crate::model::PackedRows;
use crate::model::block::Block;
use crate::model::row::RowsOf;
use crate::model::site::{Day, Site};
use crate::report::scan::DayRows;
use crate::report::{Days, Range};
use crate::store::{Result, Store, StoredRows};
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

/// Counts and rows of a day are read one after the other, and it may be counted in between: so
/// often they are read again, after a pause.
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
    /// The version of the day's counts that the rows were compared with.
    version: u64,
    /// `None`: they do not tell all that was counted.
    read: Option<Read>,
}

/// Rows, and what they were read from.
#[derive(Clone)]
struct Read {
    rows: Arc<DayRows>,
    blocks: usize,
    /// The last of the blocks: what stands behind it was appended. `None` if that cannot be told.
    last: Option<PackedRows>,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Key, Held> for ByBytes {
    fn weight(&self, _: &Key, held: &Held) -> u64 {
        let size = |read: &Read| read.rows.size() + read.last.as_ref().map_or(0, PackedRows::size);
        1 + held.read.as_ref().map_or(0, size) as u64
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
        let held = self.held.get(&key);
        if let Some(held) = held.as_ref().filter(|held| held.version == counts.version) {
            return Ok(held.read.as_ref().map(|read| read.rows.clone()));
        }
        let mut before = held.and_then(|held| held.read);
        let mut newest = None;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(PAUSE).await;
                newest = self.store.days(&site.name, &[day]).await?.pop();
                self.pay(1);
            }
            let counts = newest.as_ref().unwrap_or(counts);
            let read = self.read(site, of, day, before).await?;
            let covers = read.rows.covers(of, counts);
            // Less than was counted a moment before: more of it will not come.
            if covers || attempt > 0 && read.rows.is_behind(of, counts) {
                let read = covers.then_some(read);
                self.held.insert(key, Held { version: counts.version, read: read.clone() });
                return Ok(read.map(|read| read.rows));
            }
            before = Some(read);
        }
        Ok(None)
    }

    /// Reads what was appended since, or all of it.
    async fn read(&self, site: &Site, of: RowsOf, day: Day, before: Option<Read>) -> Result<Read> {
        if let Some(before) = before
            && let Some(last) = &before.last
        {
            let mut stored = self.store.rows_after(&site.name, day, of, before.blocks - 1).await?;
            self.pay(stored.commands());
            // Else they have been merged, or some were let go.
            if stored.blocks.first() == Some(last) {
                stored.blocks.remove(0);
                return Ok(unpack(site, day, stored, Some(before)).await);
            }
        }
        let stored = self.store.rows(&site.name, day, of).await?;
        self.pay(stored.commands());
        Ok(unpack(site, day, stored, None).await)
    }

    /// Counts commands that were sent.
    fn pay(&self, commands: u64) {
        if let Some(budget) = &self.budget {
            budget.read(commands);
        }
    }
}

/// The rows of these blocks, behind those that were read before.
async fn unpack(site: &Site, day: Day, stored: StoredRows, before: Option<Read>) -> Read {
    let name = site.name.clone();
    let unpacked = tokio::task::spawn_blocking(move || {
        let mut blocks: Vec<Block> = Vec::with_capacity(stored.blocks.len());
        for packed in &stored.blocks {
            match packed.block() {
                Ok(block) => blocks.push(block),
                Err(e) => tracing::error!("{name}, {day}: {} rows: {e}", packed.len()),
            }
        }
        let known = before.as_ref().map_or(0, |before| before.blocks);
        let last = stored.blocks.last().filter(|_| stored.foreign == 0).cloned();
        Read {
            blocks: known + stored.blocks.len(),
            last: last.or_else(|| before.as_ref()?.last.clone()),
            rows: match before {
                Some(before) if blocks.is_empty() => before.rows,
                Some(before) => Arc::new(before.rows.extended(blocks)),
                None => Arc::new(DayRows::new(blocks)),
            },
        }
    });
    unpacked.await.unwrap_or_else(|_| Read { rows: Arc::default(), blocks: 0, last: None })
}
