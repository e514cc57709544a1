//! Days summed up again from their event rows.
//!
//! For what was lost or spoilt: a deleted key, a restored backup, a wrong edit. The new day is
//! built beside the stored one and compared; it takes its place at once, unless that would replace
//! more with less. Only the latest rows are kept, so an old or busy day may well be incomplete.
//! Each day is whole in itself: a run that is stopped is simply begun again, and finds the days
//! that are done unchanged.
//!
//! Of a day whose rows are aged (see [`super::compact`]) the visitors' hashes are gone, so it keeps
//! its visitors as they were counted; and what ageing has cut off rows is not compared.

use super::daily::roll_up_again;
use super::{Keep, Progress, tail};
use crate::aggregate::Recount;
use crate::model::DayCounts;
use crate::model::rollup::{Dimension, Metric, Row};
use crate::model::row::RowsOf;
use crate::model::site::{Day, Month, Site};
use crate::model::{VisitorHash, random_name};
use crate::store::{Rebuilt, Result, Upkeep};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::fmt;

/// How often a day that changes meanwhile is begun anew.
const ATTEMPTS: usize = 5;

/// Values of a dimension that are told apart while a day is summed up again. More than a day keeps,
/// because every shard of every node has had so many; which of them stay is decided at the end.
const NAMES: usize = 100_000;

/// What became of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing is stored of it, and there are no events.
    Empty,
    /// Its events say what is stored.
    Same,
    Replaced {
        before: Sums,
        after: Sums,
        /// Its rows are aged: the visitors are those that were counted.
        aged: bool,
    },
    /// Its rows know less than what is stored: left alone.
    Less { stored: Sums, events: Sums, what: String },
    /// It changed during every attempt: left alone.
    Busy,
    /// The days of its month are gone, only the month is left.
    Gone,
}

/// What a day comes to, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    pub pageviews: i64,
    pub visits: i64,
    pub visitors: u64,
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pageviews, visits, visitors } = self;
        write!(f, "{pageviews} pageviews, {visits} visits, {visitors} visitors")
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "no events, nothing stored"),
            Self::Same => write!(f, "as stored"),
            Self::Replaced { before, after, aged } => {
                write!(f, "replaced: was {before}; is {after}")?;
                match aged {
                    true => write!(f, " (visitors as counted: their hashes are gone)"),
                    false => Ok(()),
                }
            }
            Self::Less { stored, events, what } => write!(
                f,
                "left alone: stored are {stored}; its events know {events} ({what}); --force \
                 replaces it"
            ),
            Self::Busy => write!(f, "left alone: it is being counted in; try again"),
            Self::Gone => write!(f, "its days are gone, only the month is left"),
        }
    }
}

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub struct Backfill {
    pub from: Day,
    pub to: Day,
    /// Replace more with less.
    pub force: bool,
}

impl Backfill {
    /// Sums up every day of the range again. `today` is the site's.
    ///
    /// # Errors
    /// The store's. Days before the one at fault are done.
    pub async fn run(
        self,
        store: &dyn Upkeep,
        site: &Site,
        keep: Keep,
        today: Day,
        progress: &mut Progress,
    ) -> Result<Vec<(Day, Outcome)>> {
        let days: Vec<Day> = self.from.iter_days().take_while(|day| *day <= self.to).collect();
        let mut outcomes = Vec::with_capacity(days.len());
        let mut changed = BTreeSet::new();
        progress.expect(days.len());
        for day in days {
            // Of a day that is over the tail is folded already.
            let rows = if day < today { keep.rows } else { usize::MAX };
            let outcome = self.day(store, site, day, keep, rows).await?;
            progress.step(day);
            if matches!(outcome, Outcome::Replaced { .. }) && day < today {
                changed.insert(Month::of(day));
            }
            outcomes.push((day, outcome));
        }
        roll_up_again(store, site, changed.into_iter(), today, progress).await?;
        Ok(outcomes)
    }

    async fn day(
        self,
        store: &dyn Upkeep,
        site: &Site,
        day: Day,
        keep: Keep,
        rows: usize,
    ) -> Result<Outcome> {
        let name = &site.name;
        if store.is_frozen(name, Month::of(day)).await? {
            return Ok(Outcome::Gone);
        }
        let mut rebuilt = Rebuilt { run: random_name(), ..Rebuilt::default() };
        for _ in 0..ATTEMPTS {
            // Read before the events: whatever comes between is seen by the swap.
            let stored = store.day(name, day).await?;
            let uniques = store.uniques(name, day).await?;
            let summed = sum_up(store, site, day, keep.rows.max(NAMES)).await?;
            if summed.rows + summed.unreadable == 0 && stored.version == 0 {
                return Ok(Outcome::Empty);
            }
            let counts = tail::top(&summed.counts, rows);
            let aged = summed.aged;
            (rebuilt.fields, rebuilt.keeps_visitors) = (counts.fields().collect(), aged);
            if !aged {
                rebuilt.visitors = summed.visitors.into_iter().collect();
                rebuilt.confirmed = summed.confirmed.into_iter().collect();
            }
            let staged = store.stage(name, day, &rebuilt).await?;
            let (told, new) = (comparable(&stored, aged), comparable(&counts, aged));
            let less = less(&told, uniques, &new, staged);
            let (before, after) = (sums(&stored, uniques.0), sums(&counts, staged.0));
            if less.is_none() && staged == uniques && same(&told, &new) {
                store.unstage(name, day, &rebuilt).await?;
                return Ok(Outcome::Same);
            }
            if let Some(mut what) = less.filter(|_| !self.force) {
                if summed.unreadable > 0 {
                    what = format!(
                        "{what}; {} events of an earlier release say too little",
                        summed.unreadable
                    );
                }
                store.unstage(name, day, &rebuilt).await?;
                return Ok(Outcome::Less { stored: before, events: after, what });
            }
            if store.swap(name, day, &rebuilt, stored.version).await? {
                return Ok(Outcome::Replaced { before, after, aged });
            }
        }
        store.unstage(name, day, &rebuilt).await?;
        Ok(Outcome::Busy)
    }
}

/// What the rows of a day add up to.
#[derive(Default)]
struct Summed {
    rows: usize,
    unreadable: usize,
    /// Some of them are aged.
    aged: bool,
    counts: DayCounts,
    visitors: HashSet<VisitorHash>,
    confirmed: HashSet<VisitorHash>,
}

async fn sum_up(store: &dyn Upkeep, site: &Site, day: Day, names: usize) -> Result<Summed> {
    let mut summed = Summed::default();
    let mut recount = Recount::new(site, day, names);
    for of in RowsOf::ALL {
        let stored = store.rows(&site.name, day, of).await?;
        summed.unreadable += stored.foreign;
        for packed in &stored.blocks {
            summed.rows += packed.len();
            summed.aged |= packed.is_aged();
            match packed.block() {
                Ok(block) => block.rows().for_each(|row| recount.count(&row)),
                Err(_) => summed.unreadable += packed.len(),
            }
        }
    }
    let window = recount.finish();
    for ((dimension, value), row) in &window.rows {
        summed.counts.add_row(*dimension, value, row);
    }
    summed.visitors.extend(window.visitors);
    summed.confirmed.extend(window.confirmed);
    Ok(summed)
}

/// What rows can tell of a day. Aged ones know times to the second only, and no minor versions.
fn comparable(counts: &DayCounts, aged: bool) -> Cow<'_, DayCounts> {
    if !aged {
        return Cow::Borrowed(counts);
    }
    let versions = [Dimension::BrowserVersion, Dimension::OsVersion];
    let mut known = DayCounts::default();
    for (dimension, value, row) in counts.all_rows().filter(|(d, ..)| !versions.contains(d)) {
        let told = row.counts().filter(|(metric, _)| *metric != Metric::Duration);
        told.for_each(|(metric, count)| known.add(dimension, value, metric, count));
    }
    Cow::Owned(known)
}

/// The first thing of which there is less than what is stored, in words.
fn less(
    stored: &DayCounts,
    uniques: (u64, u64),
    new: &DayCounts,
    staged: (u64, u64),
) -> Option<String> {
    for dimension in Dimension::ALL {
        let (before, after) = (sum(stored, dimension), sum(new, dimension));
        for metric in Metric::ALL.into_iter().filter(|metric| grows(dimension, *metric)) {
            let (before, after) = (before.get(metric), after.get(metric));
            if after < before {
                let (dimension, metric) = (dimension.as_str(), metric.as_str());
                return Some(format!("{dimension} {metric}: {after} of {before}"));
            }
        }
    }
    [("visitors", uniques.0, staged.0), ("confirmed visitors", uniques.1, staged.1)]
        .into_iter()
        .find(|(_, before, after)| after < before)
        .map(|(what, before, after)| format!("{what}: {after} of {before}"))
}

/// Whether knowing more can only mean a larger sum: a second view takes a bounce back, a new exit
/// page moves a visitor.
fn grows(dimension: Dimension, metric: Metric) -> bool {
    metric != Metric::Bounces && dimension != Dimension::ExitPage
}

fn sum(counts: &DayCounts, dimension: Dimension) -> Row {
    let mut sum = Row::default();
    counts.rows(dimension).for_each(|(_, row)| sum.merge(&row));
    sum
}

fn same(one: &DayCounts, other: &DayCounts) -> bool {
    let fields = |counts: &DayCounts| counts.fields().collect::<BTreeSet<_>>();
    fields(one) == fields(other)
}

fn sums(counts: &DayCounts, visitors: u64) -> Sums {
    let total = counts.row(Dimension::Total, "");
    Sums { pageviews: total.pageviews(), visits: total.get(Metric::Visits), visitors }
}
