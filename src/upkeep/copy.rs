//! `headcount copy`: a site's days and months from one store into another, checked by sums.
//!
//! Roll-ups, frozen months and event rows go over as they are. Visitors of a day are hashes in
//! SQLite and HyperLogLogs in Redis: hashes can be counted into a HyperLogLog and never come out of
//! one. So from Redis to SQLite the hashes are taken from the day's event rows, where these name
//! exactly as many visitors as the roll-up counted; a day whose rows do not stays where it is,
//! unless it is forced: then it has its counts, and no hashes.

use super::Progress;
use crate::clock::{Clock, HOUR};
use crate::config::{Config, SiteConfig};
use crate::model::DayCounts;
use crate::model::rollup::{Dimension, Field, Metric};
use crate::model::row::{Flags, Kind, RowsOf};
use crate::model::site::{Day, Month, Site};
use crate::model::{Batch, PackedRows, VisitorHash};
use crate::store::{self, Applied, Secret, SharedValues, Sketches, StoreUrl, Upkeep};
use anyhow::{bail, ensure};
use chrono::Days;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// Who numbers the batches: from 1 each time, since a day is removed from the target before it is
/// copied.
const NODE: &str = "copy";

/// From where to where.
pub struct Copy {
    pub from: StoreUrl,
    pub to: StoreUrl,
    /// Days and months that the target has are replaced, and days go without their visitors where
    /// the target cannot hold these.
    pub force: bool,
}

/// What went over.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Copied {
    pub days: usize,
    pub months: usize,
    pub pageviews: i64,
    pub visitors: i64,
    pub rows: usize,
    /// Days without their visitors' hashes.
    pub without: Vec<Day>,
    /// Days that stay, for their visitors' hashes are not known.
    pub left: Vec<Day>,
}

impl Copy {
    /// Does it, and prints what went over.
    ///
    /// # Errors
    /// The stores'; what the target has already; sums that differ; days that stay.
    pub fn run(&self, config: &Config) -> anyhow::Result<()> {
        let from = store::open(&self.from, &config.data_dir)?;
        let to = store::open(&self.to, &config.data_dir)?;
        let (runtime, mut left) = (super::command::runtime()?, 0);
        for SiteConfig { site, .. } in &config.sites {
            let mut progress = Progress::shown();
            let copy = copy(from.as_ref(), to.as_ref(), site, self.force, &mut progress);
            let copied = runtime.block_on(copy)?;
            drop(progress);
            println!("{}: {copied}", site.name);
            left += copied.left.len();
        }
        ensure!(
            left == 0,
            "{left} days stay, for {} keeps hashes of visitors and {} has only sketches of them; \
             --force copies these days without",
            to.name(),
            from.name(),
        );
        Ok(())
    }
}

/// Copies all of a site.
///
/// # Errors
/// See [`Copy::run`].
pub async fn copy(
    from: &dyn Upkeep,
    to: &dyn Upkeep,
    site: &Site,
    force: bool,
    progress: &mut Progress,
) -> anyhow::Result<Copied> {
    let name = &site.name;
    ensure!(from.name() != to.name(), "{} is both where from and where to", from.name());
    let (days, months) = (from.kept(name).await?, frozen(from, name).await?);
    let there: BTreeSet<Day> = to.kept(name).await?.into_iter().collect();
    let months_there: BTreeSet<Month> = frozen(to, name).await?.into_iter().collect();
    let twice = days.iter().filter(|day| there.contains(day)).count()
        + months.iter().filter(|month| months_there.contains(month)).count();
    ensure!(
        twice == 0 || force,
        "{} has counts of {twice} of these days and months; --force replaces them",
        to.name()
    );
    progress.expect(days.len() + months.len());
    let mut copied = Copied::default();
    for month in months {
        copy_month(from, to, name, month).await?;
        copied.months += 1;
        progress.step(month);
    }
    for day in days {
        copy_day(from, to, name, day, force, &mut copied).await?;
        progress.step(day);
    }
    copy_imported(from, to, name).await?;
    copy_salts(from, to, site).await?;
    copy_kept(from, to, site).await?;
    Ok(copied)
}

/// Months of which there is nothing but themselves. Others are made from their days.
async fn frozen(store: &dyn Upkeep, site: &str) -> store::Result<Vec<Month>> {
    let months = store.kept_months(site).await?;
    let frozen = store.frozen(site, &months).await?;
    Ok(months.into_iter().zip(frozen).filter(|(_, v)| *v > 0).map(|(month, _)| month).collect())
}

async fn copy_month(
    from: &dyn Upkeep,
    to: &dyn Upkeep,
    site: &str,
    month: Month,
) -> anyhow::Result<()> {
    let read = async |store: &dyn Upkeep| {
        let counts = store.months(site, &[month]).await?.pop().unwrap_or_default();
        Ok::<_, store::StoreError>(counts.fields().collect::<BTreeMap<_, _>>())
    };
    let fields = read(from).await?;
    to.forget_month(site, month).await?;
    to.put_month(site, month, &fields.clone().into_iter().collect::<Vec<_>>(), true).await?;
    ensure!(read(to).await? == fields, "{month} is not the same in {}", to.name());
    Ok(())
}

/// All there is of a day.
struct Whole {
    counts: DayCounts,
    people: Vec<PackedRows>,
    others: Vec<PackedRows>,
}

impl Whole {
    async fn read(store: &dyn Upkeep, site: &str, day: Day) -> anyhow::Result<Self> {
        let counts = store.day(site, day).await?;
        let people = store.rows(site, day, RowsOf::People).await?;
        let others = store.rows(site, day, RowsOf::Others).await?;
        if people.foreign + others.foreign > 0 {
            bail!("{day} has events of an earlier release; run `headcount migrate` first");
        }
        Ok(Self { counts, people: people.blocks, others: others.blocks })
    }

    fn total(&self, metric: Metric) -> i64 {
        self.counts.row(Dimension::Total, "").get(metric)
    }

    fn rows(&self) -> usize {
        self.people.iter().chain(&self.others).map(PackedRows::len).sum()
    }

    /// What must be the same on both sides.
    fn sums(&self) -> (BTreeMap<Field, i64>, &[PackedRows], &[PackedRows]) {
        (self.counts.fields().collect(), &self.people, &self.others)
    }

    /// Visitors and confirmed visitors, if the rows name all of them.
    fn visitors(&self) -> anyhow::Result<Option<[Vec<VisitorHash>; 2]>> {
        let (mut seen, mut confirmed) = (BTreeSet::new(), BTreeSet::new());
        for packed in &self.people {
            for row in packed.block()?.rows() {
                let confirms = row.kind == Kind::Confirm || row.flags.has(Flags::CONFIRMED);
                seen.extend(row.of.visitor.filter(|_| row.kind == Kind::View));
                confirmed.extend(row.of.visitor.filter(|_| confirms));
            }
        }
        let all = seen.len() as i64 == self.total(Metric::Visitors)
            && confirmed.len() as i64 == self.total(Metric::ConfirmedVisitors);
        Ok(all.then(|| [seen, confirmed].map(|set| set.into_iter().collect())))
    }
}

async fn copy_day(
    from: &dyn Upkeep,
    to: &dyn Upkeep,
    site: &Arc<str>,
    day: Day,
    force: bool,
    copied: &mut Copied,
) -> anyhow::Result<()> {
    let day_there = Whole::read(from, site, day).await?;
    let sketches = from.sketches(site, day).await?;
    let keeps_hashes = matches!(to.sketches(site, day).await?, Sketches::Hashes(_));
    let mut hashes = [Vec::new(), Vec::new()];
    match &sketches {
        Sketches::Hashes(all) => hashes.clone_from(all),
        Sketches::HyperLogLogs(_) if keeps_hashes => match day_there.visitors()? {
            Some(all) => hashes = all,
            None if force => copied.without.push(day),
            None => {
                copied.left.push(day);
                return Ok(());
            }
        },
        Sketches::HyperLogLogs(_) => {}
    }
    to.forget(site, day).await?;
    for batch in batches(site, day, &day_there, hashes) {
        match to.apply(&batch).await? {
            Applied::Now | Applied::Before => {}
            Applied::Gap { have } => bail!("{} has forgotten {day} after {have} steps", to.name()),
        }
    }
    if let Sketches::HyperLogLogs(sketches) = &sketches {
        to.put_sketches(site, day, sketches).await?;
    }

    let day_here = Whole::read(to, site, day).await?;
    let again = from.versions(site, &[day]).await?;
    ensure!(
        again.first() == Some(&day_there.counts.version),
        "{day} is counted in {} meanwhile; stop what counts there",
        from.name()
    );
    ensure!(day_here.sums() == day_there.sums(), "{day} is not the same in {}", to.name());
    if matches!(sketches, Sketches::HyperLogLogs(_)) && !keeps_hashes {
        let same = from.uniques(site, day).await? == to.uniques(site, day).await?;
        ensure!(same, "visitors of {day} are not the same in {}", to.name());
    }
    copied.days += 1;
    copied.pageviews += day_here.counts.row(Dimension::Total, "").pageviews();
    copied.visitors += day_here.total(Metric::Visitors);
    copied.rows += day_here.rows();
    Ok(())
}

/// A day in batches that any store applies.
fn batches(
    site: &Arc<str>,
    day: Day,
    whole: &Whole,
    visitors: [Vec<VisitorHash>; 2],
) -> Vec<Batch> {
    let (site, node) = (site.clone(), NODE.into());
    let first = Batch { site, day, node, number: 1, ..Batch::default() };
    let rows = [&whole.people, &whole.others].map(|rows| rows.iter().cloned());
    let mut batches = first.filled(whole.counts.fields(), visitors.map(Vec::into_iter), rows);
    if batches.is_empty() {
        // The first one makes the day, be it empty.
        batches.push(first);
    }
    batches
}

/// What other programs have counted.
async fn copy_imported(from: &dyn Upkeep, to: &dyn Upkeep, site: &str) -> store::Result<()> {
    let days = from.kept_imported(site).await?;
    for (day, counts) in days.iter().zip(from.imported(site, &days).await?) {
        to.put_imported(site, *day, &counts.fields().collect::<Vec<_>>()).await?;
    }
    Ok(())
}

/// What owners keep of the site, and who may look at all of them, unless the target has some of its
/// own.
async fn copy_kept(
    from: &dyn SharedValues,
    to: &dyn SharedValues,
    site: &Site,
) -> store::Result<()> {
    let of_site = store::KEPT.map(|what| Secret::Kept { what, site: Some(site.name.clone()) });
    let of_all = Secret::Kept { what: store::KEPT_OF_ALL, site: None };
    for which in of_site.into_iter().chain([of_all]) {
        if let Some(kept) = from.secret(&which).await? {
            to.put_secret(&which, None, &kept, store::NEVER).await?;
        }
    }
    Ok(())
}

/// Salts that live, so that nobody counts anew where the target is counted in from now on.
async fn copy_salts(
    from: &dyn SharedValues,
    to: &dyn SharedValues,
    site: &Site,
) -> store::Result<()> {
    let now = Clock::system().now();
    let today = site.day(now);
    for day in [today - Days::new(1), today, today + Days::new(1)] {
        let which = Secret::Salt { site: site.name.clone(), day };
        let expires = site.day_start(day + Days::new(1)) + HOUR;
        if let Some(salt) = from.secret(&which).await?.filter(|_| now < expires) {
            to.put_secret(&which, None, &salt, expires).await?;
        }
    }
    Ok(())
}

impl fmt::Display for Copied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { days, months, pageviews, visitors, rows, without, left } = self;
        write!(
            f,
            "{days} days and {months} months copied; on both sides these days have {pageviews} \
             pageviews, {visitors} visitors and {rows} event rows"
        )?;
        if !without.is_empty() {
            write!(f, "; {} days without their visitors' hashes", without.len())?;
        }
        if !left.is_empty() {
            write!(f, "; {} days stay", left.len())?;
        }
        Ok(())
    }
}
