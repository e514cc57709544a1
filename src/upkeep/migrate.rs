//! Keys of the wrong type or an older layout: moved aside, and what they say read in.
//!
//! - A day's roll-up of a type that cannot be read: its day is summed up again from its events.
//! - A set where a sketch of visitors belongs: its members join the sketch.
//! - A day's counts from before keys were tagged (page → views): pageviews seen by the server, by
//!   page and in total, on that day.
//! - The all-time `visits:pages` (page → views): what it has beyond all that is dated was counted
//!   at some earlier time. It becomes one frozen month, the one before the first that is known,
//!   booked in total on its last day.
//!
//! Nothing is deleted. Every step may be repeated: old counts are delivered as numbered batches
//! under the old key's name, so a run that was stopped is begun again, and counts nothing twice.

use super::backfill::{Backfill, Outcome};
use super::{Keep, Progress, tail};
use crate::model::Batch;
use crate::model::DayCounts;
use crate::model::rollup::{Dimension, Field, Metric, clean, field, parse_field};
use crate::model::site::{Day, Month, Site};
use crate::store::{Applied, Holds, Result, StoreError, Upkeep};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Longest page taken over, as `limits.value_length` has it by default.
const PAGE_MAX: usize = 1_024;

/// Pages in a batch; with the total, below a batch's limit.
const BATCH: usize = 900;

/// What has been done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// Keys moved aside in this run.
    pub moved: usize,
    /// Days summed up again from their events.
    pub rebuilt: usize,
    /// Days whose events know less than what is stored.
    pub left_alone: usize,
    /// Pageviews read in from older layouts in this run.
    pub pageviews: i64,
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { moved, rebuilt, pageviews, .. } = self;
        write!(
            f,
            "{moved} keys moved aside; {rebuilt} days summed up again; {pageviews} pageviews read in"
        )
    }
}

/// Does all of it for a site. `today` is the site's.
///
/// # Errors
/// The store's. What was done until then stays done.
pub async fn run(
    store: &dyn Upkeep,
    site: &Site,
    keep: Keep,
    today: Day,
    force: bool,
    progress: &mut Progress,
) -> Result<Done> {
    let mut done = Done::default();
    let Some(old_keys) = store.old_keys() else { return Ok(done) };
    let misfits = old_keys.misfits(&site.name).await?;
    progress.expect(misfits.len());
    for misfit in &misfits {
        let to = old_keys.set_aside(misfit).await?;
        done.moved += 1;
        progress.step(format_args!("{} {}: now {to}", misfit.key, misfit.why));
    }

    let mut legacy = old_keys.legacy(&site.name).await?;
    // All that is dated first: the all-time counts are judged by what they have beyond it.
    legacy.sort_by_key(|legacy| legacy.holds == Holds::Pages);
    progress.expect(legacy.len());
    let mut again = BTreeSet::new();
    for old in &legacy {
        progress.step(&old.key);
        // What retention has let go does not come back.
        if let Holds::Unreadable(day) | Holds::Counts(day) | Holds::Visitors(day, _) = old.holds
            && store.is_frozen(&site.name, Month::of(day)).await?
        {
            continue;
        }
        match old.holds {
            Holds::Unreadable(day) => drop(again.insert(day)),
            Holds::Visitors(..) => old_keys.adopt(&site.name, old).await?,
            Holds::Counts(day) => {
                let pages = pages(old_keys.legacy_counts(old).await?);
                done.pageviews += read_in(store, site, &old.key, day, pages).await?;
            }
            Holds::Pages => {
                let pages = pages(old_keys.legacy_counts(old).await?);
                done.pageviews += all_time(store, site, pages, today).await?;
                // Which month was the first will look different once days are let go.
                old_keys.settle(old).await?;
            }
            Holds::Other => {}
        }
    }
    for day in again {
        let one = Backfill { from: day, to: day, force };
        for (day, outcome) in one.run(store, site, keep, today, progress).await? {
            match outcome {
                Outcome::Replaced { .. } => done.rebuilt += 1,
                Outcome::Less { .. } | Outcome::Busy => {
                    done.left_alone += 1;
                    progress.say(format_args!("{day}: {outcome}"));
                }
                Outcome::Same | Outcome::Empty | Outcome::Gone => {}
            }
        }
    }
    Ok(done)
}

/// Views by page of a day, which an old key had: delivered once.
async fn read_in(
    store: &dyn Upkeep,
    site: &Site,
    key: &str,
    day: Day,
    pages: Pages,
) -> Result<i64> {
    let mut read = 0;
    let pages: Vec<(String, i64)> = pages.into_iter().collect();
    for (number, chunk) in (1..).zip(pages.chunks(BATCH)) {
        let sum: i64 = chunk.iter().map(|(_, n)| n).sum();
        let mut fields: Vec<(Field, i64)> = chunk
            .iter()
            .map(|(page, n)| (field(Dimension::Page, page, Metric::Server), *n))
            .collect();
        fields.push((field(Dimension::Total, "", Metric::Server), sum));
        let (site, node) = (site.name.clone(), key.into());
        let batch = Batch { site, day, node, number, fields, ..Batch::default() };
        match store.apply(&batch).await? {
            Applied::Now => read += sum,
            Applied::Before => {}
            Applied::Gap { have } => {
                let reason = format!("it has {have} batches of {key} and forgot the others");
                return Err(StoreError::Refused { store: store.name().to_owned(), reason });
            }
        }
    }
    Ok(read)
}

/// Views by page of all time: what is not dated becomes a month of its own.
async fn all_time(store: &dyn Upkeep, site: &Site, pages: Pages, today: Day) -> Result<i64> {
    let kept = store.kept(&site.name).await?;
    let first = kept.first().map_or(Month::of(today), |day| Month::of(*day));
    let before = Month::of(first.first() - chrono::Days::new(1));
    if store.is_frozen(&site.name, before).await? {
        return Ok(0);
    }
    let mut dated: BTreeMap<String, i64> = BTreeMap::new();
    for day in kept {
        let counts = store.day(&site.name, day).await?;
        for (page, row) in counts.rows(Dimension::Page) {
            *dated.entry(page.to_owned()).or_default() += row.pageviews();
        }
    }
    let mut earlier = DayCounts::default();
    let mut sum = 0;
    for (page, views) in pages {
        let more = (views - dated.get(&page).copied().unwrap_or_default()).max(0);
        earlier.add(Dimension::Page, &page, Metric::Server, more);
        sum += more;
    }
    if sum == 0 {
        return Ok(0);
    }
    earlier.add(Dimension::Total, "", Metric::Server, sum);
    earlier.add(Dimension::Day, &before.last().to_string(), Metric::Server, sum);
    let fields: Vec<(Field, i64)> = tail::top(&earlier, tail::MONTH_ROWS).fields().collect();
    let put = store.put_month(&site.name, before, &fields, true).await?;
    Ok(if put { sum } else { 0 })
}

/// Views by page.
type Pages = BTreeMap<String, i64>;

/// From a hash that has them plain or as fields of ours.
fn pages(counts: Vec<(String, i64)>) -> Pages {
    let mut pages = BTreeMap::new();
    for (name, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        let page = match parse_field(&name) {
            Some((Dimension::Page, page, Metric::Server | Metric::Browser)) => page.to_owned(),
            None if name.starts_with('/') => clean(&name, PAGE_MAX).into_owned(),
            _ => continue,
        };
        *pages.entry(page).or_default() += count;
    }
    pages
}
