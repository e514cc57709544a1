//! The daily job: at 03:00 UTC, on one node, and as soon as possible when it was missed. And the
//! hourly one, which rewrites event rows (see [`compact`]).
//!
//! Nodes agree through a note in the store, a site's diary: who is at it and until when, and which
//! run was the last one finished. A node that dies in mid-work holds the job up for [`LEASE`].
//! Every step may be repeated, so it is begun anew wherever it was left.

use super::compact::{self, Phase};
use super::tail;
use super::{Keep, Progress};
use crate::budget::Budget;
use crate::clock::{Clock, HOUR, MINUTE, Millis};
use crate::model::site::{Day, Month, Site};
use crate::store::{NEVER, Result, Secret, StoreError, Upkeep};
use crate::supervise::{Task, Tasks};
use chrono::Days;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// 03:00 UTC.
const AT: Millis = 3 * HOUR;
const DAY: Millis = 24 * HOUR;

/// How long a node is believed to be at work without another word from it.
const LEASE: Millis = 10 * MINUTE;

/// The pause after an error, or while another node has the diary.
const AGAIN: Millis = MINUTE;

/// How often the clock is looked at. The store is not asked for that.
const LOOK: Duration = Duration::from_secs(1);

/// Days before the last finished run that are rolled up again: what comes late comes within them.
const LATE: u64 = 3;

/// Days that are settled at a time: while the rows of one are rewritten, those of another are read.
const DAYS_AT_ONCE: usize = 2;

/// Days before today whose blocks are looked at every hour; those of all others once a day, for what
/// comes still later.
const RECENT: u32 = 2;

/// How often blocks are looked at on a budget of commands.
const ON_A_BUDGET: Millis = 6 * HOUR;
/// Commands that a look takes, about, out of what readers may spend. Once a day there is one more
/// for each day that may have rows.
const A_LOOK: u64 = 30;

/// What nodes note for each other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Diary {
    /// The run that was due then is finished, or was not needed yet.
    done: Millis,
    /// All months there were have been rolled up once.
    #[serde(default)]
    whole: bool,
    /// When blocks are looked at next.
    #[serde(default)]
    looked: Millis,
    /// The day on which the blocks of all days were looked at last.
    #[serde(default)]
    swept: Option<Day>,
    /// The version of a day whose blocks are as they should be.
    #[serde(default)]
    compacted: BTreeMap<Day, (u64, Phase)>,
    /// The node that has the diary, and until when.
    node: String,
    until: Millis,
}

impl Diary {
    /// Nothing has been done here before.
    fn is_new(&self) -> bool {
        self.done == 0 && !self.whole && self.node.is_empty()
    }
}

/// A diary that this node holds.
struct Held {
    which: Secret,
    /// What it said before.
    before: Diary,
    mine: Vec<u8>,
}

/// What became of a look at the diary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// Not due, or done.
    Nothing,
    /// Another node is at it.
    Another { node: String, until: Millis },
    /// Done now.
    Done(Done),
}

/// What a run has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// Days with counts or events that were there.
    pub days: usize,
    /// Fields moved to `(other)`.
    pub folded: usize,
    pub months: Vec<Month>,
    /// Days let go.
    pub forgotten: Vec<Day>,
}

/// The job, for every site.
pub struct Daily {
    store: Arc<dyn Upkeep>,
    sites: Arc<Vec<Site>>,
    clock: Clock,
    /// By site.
    keep: Vec<Keep>,
    node: String,
    /// By site: when to look at its diary next.
    next: Vec<Millis>,
    /// By site: until when to leave the store alone, which has turned something down.
    rest: Vec<Millis>,
    /// By site: the oldest day whose salt still lived at the last trim.
    salts: Vec<Option<Day>>,
    /// By site: when to look at its blocks next.
    look: Vec<Millis>,
    budget: Option<Arc<Budget>>,
}

impl Daily {
    /// `keep`: of each of `sites`, in their order. `node` must be unique per run of a process.
    pub fn new(
        store: Arc<dyn Upkeep>,
        sites: Arc<Vec<Site>>,
        clock: Clock,
        keep: Vec<Keep>,
        node: String,
    ) -> Self {
        let (next, salts) = (vec![Millis::MIN; sites.len()], vec![None; sites.len()]);
        let (rest, look) = (next.clone(), next.clone());
        Self { store, sites, clock, keep, node, next, rest, salts, look, budget: None }
    }

    /// With so many commands to spend.
    #[must_use]
    pub fn within(self, budget: Option<Arc<Budget>>) -> Self {
        Self { budget, ..self }
    }

    /// Does the job whenever it is due, for ever.
    pub async fn run(mut self, tasks: &Tasks) {
        loop {
            tasks.turn(Task::Daily);
            self.look().await;
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Does what is due now. Without anything due it asks nothing of the store.
    pub async fn look(&mut self) -> Vec<Turn> {
        let mut turns = Vec::with_capacity(self.next.len());
        for i in 0..self.next.len() {
            let turn = self.look_at(i).await;
            if let Err(error) = &turn {
                // That the store is away, who flushes says already.
                if !matches!(error, StoreError::Unreachable { .. }) {
                    tracing::warn!("the daily job of {}: {error}", self.sites[i].name);
                }
                self.rest[i] = self.clock.now() + AGAIN;
            }
            turns.push(turn.unwrap_or(Turn::Nothing));
        }
        turns
    }

    async fn look_at(&mut self, i: usize) -> Result<Turn> {
        let site = &self.sites[i];
        let now = self.clock.now();
        if now < self.rest[i] {
            return Ok(Turn::Nothing);
        }
        // A salt lives for an hour after its day. And between two runs event rows may pass their
        // cap by a quarter.
        let day = Some(site.day(now - HOUR));
        let keep = self.keep[i];
        let cap = keep.events as u64;
        let is_over = |held| cap > 0 && held > cap + cap / 4;
        if self.salts[i] != day || self.store.rows_held(&site.name).is_some_and(is_over) {
            self.store.trim(&site.name, keep.events, now).await?;
            self.salts[i] = day;
        }
        let mut turn = Turn::Nothing;
        if now >= self.next[i] {
            let due = due(now);
            turn = self.take(i, due, &mut Progress::silent()).await?;
            self.next[i] = match turn {
                Turn::Another { .. } => now + AGAIN,
                _ => due + DAY,
            };
        }
        if now >= self.look[i] {
            let every = if self.budget.is_some() { ON_A_BUDGET } else { HOUR };
            let next = (now.div_euclid(every) + 1) * every;
            self.look[i] = next;
            let may = self.budget.as_ref().is_none_or(|budget| budget.may_read(A_LOOK));
            if may && let Turn::Another { .. } = self.compact(i, next).await? {
                self.look[i] = now + AGAIN;
            }
        }
        Ok(turn)
    }

    /// Does the jobs of a site now, due or not, unless another node is at them.
    pub async fn by_hand(&mut self, i: usize, progress: &mut Progress) -> Result<Turn> {
        let turn = self.take(i, Millis::MAX, progress).await?;
        if let Turn::Done(_) = turn {
            self.compact(i, Millis::MAX).await?;
        }
        Ok(turn)
    }

    /// Rewrites blocks of event rows, unless that was done for the look before `next`.
    async fn compact(&mut self, i: usize, next: Millis) -> Result<Turn> {
        let (site, now) = (self.sites[i].clone(), self.clock.now());
        let held = match self.hold(&site, |diary| diary.looked >= next).await? {
            Ok(held) => held,
            Err(turn) => return Ok(turn),
        };
        let (today, open) = (site.day(now), site.day(now - HOUR));
        let sweep = held.before.swept != Some(today) || next == Millis::MAX;
        let first = if sweep { self.keep[i].rows_days } else { Some(RECENT) };
        let first = first.map_or(Day::MIN, |days| today - Days::new(u64::from(days)));
        let days: Vec<Day> = if sweep {
            let kept = self.store.kept(&site.name).await?.into_iter();
            kept.filter(|day| (first..=today).contains(day)).collect()
        } else {
            first.iter_days().take_while(|day| *day <= today).collect()
        };
        let mut compacted = held.before.compacted.clone();
        if sweep {
            compacted.retain(|day, _| days.contains(day));
        }
        let mut through = true;
        for (day, version) in days.iter().zip(self.store.versions(&site.name, &days).await?) {
            let phase = if *day < open { Phase::Over } else { Phase::Open };
            if compacted.get(day) == Some(&(version, phase)) {
                continue;
            }
            if compact::compact(self.store.as_ref(), &site.name, *day, phase).await? {
                compacted.insert(*day, (version, phase));
            } else {
                through &= phase == Phase::Open;
            }
        }
        let swept = if sweep && through { Some(today) } else { held.before.swept };
        let looked = if next == Millis::MAX { held.before.looked } else { next };
        self.release(&held, Diary { looked, swept, compacted, ..held.before.clone() }).await?;
        Ok(Turn::Nothing)
    }

    /// Takes the job that was `due` and does it.
    async fn take(&self, i: usize, due: Millis, progress: &mut Progress) -> Result<Turn> {
        let site = &self.sites[i];
        let now = self.clock.now();
        let held = match self.hold(site, |diary| diary.done >= due).await? {
            Ok(held) => held,
            Err(turn) => return Ok(turn),
        };
        let before = &held.before;
        if before.is_new() && due != Millis::MAX {
            // A new store: nothing was missed so far, and from now on it is known.
            self.release(&held, Diary { done: due, ..Diary::default() }).await?;
            return Ok(Turn::Nothing);
        }
        let since =
            (before.whole && due != Millis::MAX).then(|| site.day(before.done) - Days::new(LATE));
        let done = work(self.store.as_ref(), site, self.keep[i], now, since, progress).await?;
        let done_until = self::due(now);
        self.release(&held, Diary { done: done_until, whole: true, ..before.clone() }).await?;
        if !done.forgotten.is_empty() || done.folded > 0 {
            let (days, folded) = (done.forgotten.len(), done.folded);
            let site = &site.name;
            tracing::info!(
                "the daily job of {site}: {days} days let go, {folded} counts moved to (other)"
            );
        }
        Ok(Turn::Done(done))
    }

    /// Takes a site's diary, so that no other node is at its jobs, unless what is asked for is
    /// `done`.
    async fn hold(
        &self,
        site: &Site,
        done: impl Fn(&Diary) -> bool,
    ) -> Result<std::result::Result<Held, Turn>> {
        let now = self.clock.now();
        let which = Secret::Diary { site: site.name.clone() };
        let stored = self.store.secret(&which).await?;
        let before: Diary =
            stored.as_deref().and_then(|s| serde_json::from_slice(s).ok()).unwrap_or_default();
        if done(&before) {
            return Ok(Err(Turn::Nothing));
        }
        if before.until > now && before.node != self.node {
            return Ok(Err(Turn::Another { node: before.node, until: before.until }));
        }
        let mine = Diary { node: self.node.clone(), until: now + LEASE, ..before.clone() };
        let mine = serde_json::to_vec(&mine).unwrap_or_default();
        let winner = self.store.put_secret(&which, stored.as_deref(), &mine, NEVER).await?;
        if winner != mine {
            let winner: Diary = serde_json::from_slice(&winner).unwrap_or_default();
            return Ok(Err(Turn::Another { node: winner.node, until: winner.until }));
        }
        Ok(Ok(Held { which, before, mine }))
    }

    /// Lets others have the diary, which now says this.
    async fn release(&self, held: &Held, says: Diary) -> Result<()> {
        let says = Diary { node: String::new(), until: 0, ..says };
        let says = serde_json::to_vec(&says).unwrap_or_default();
        self.store.put_secret(&held.which, Some(&held.mine), &says, NEVER).await.map(drop)
    }
}

/// When the last run was due.
fn due(now: Millis) -> Millis {
    (now - AT).div_euclid(DAY) * DAY + AT
}

/// All that there is to do for a site. `since`: months all of whose days are older have been rolled
/// up before; `None`: nothing is known.
async fn work(
    store: &dyn Upkeep,
    site: &Site,
    keep: Keep,
    now: Millis,
    since: Option<Day>,
    progress: &mut Progress,
) -> Result<Done> {
    let today = site.day(now);
    let kept = store.kept(&site.name).await?;
    let mut months: BTreeMap<Month, Vec<Day>> = BTreeMap::new();
    for day in kept.iter().filter(|day| **day < today) {
        months.entry(Month::of(*day)).or_default().push(*day);
    }
    let goes = |month: &Month| {
        keep.days.is_some_and(|days| month.last() + Days::new(u64::from(days)) < today)
    };
    months.retain(|month, _| goes(month) || since.is_none_or(|since| month.last() >= since));

    let mut done = Done { days: kept.len(), ..Done::default() };
    let looked_at = |day: &&Day| since.is_none_or(|since| **day >= since);
    progress.expect(months.values().flatten().filter(looked_at).count() + 1);
    for (month, days) in months {
        if !store.is_frozen(&site.name, month).await? {
            for day in days.iter().filter(looked_at) {
                done.folded += fold(store, site, *day, keep.rows).await?;
                progress.step(day);
            }
            roll_up(store, site, month, &days, goes(&month)).await?;
            done.months.push(month);
        }
        if goes(&month) {
            for day in days {
                store.forget(&site.name, day).await?;
                done.forgotten.push(day);
            }
        }
    }
    if let Some(days) = keep.rows_days {
        store.forget_rows(&site.name, today - Days::new(u64::from(days))).await?;
    }
    // Last, since it also empties SQLite's log of what was let go.
    store.trim(&site.name, keep.events, now).await?;
    progress.step("events");
    Ok(done)
}

/// Does for days that were counted late what the jobs have done for those before them: what is
/// beyond the limits goes to `(other)`, rows are aged, months are made again.
///
/// # Errors
/// The store's. It can be done again.
pub async fn settle(
    store: &dyn Upkeep,
    site: &Site,
    keep: Keep,
    days: &BTreeSet<Day>,
    now: Millis,
    progress: &mut Progress,
) -> Result<()> {
    let (today, open) = (site.day(now), site.day(now - HOUR));
    let days: Vec<Day> = days.iter().copied().filter(|day| *day < today).collect();
    let months: BTreeSet<Month> = days.iter().map(|day| Month::of(*day)).collect();
    progress.expect(days.len());
    let settle = async |day| {
        fold(store, site, day, keep.rows).await?;
        // Another may rewrite blocks at the same time: whoever comes second does it again.
        while day < open && !compact::compact(store, &site.name, day, Phase::Over).await? {}
        Ok::<_, StoreError>(day)
    };
    let mut settled = pin!(stream::iter(days).map(settle).buffered(DAYS_AT_ONCE));
    while let Some(day) = settled.try_next().await? {
        progress.step(day);
    }
    roll_up_again(store, site, months.into_iter(), today, progress).await?;
    store.trim(&site.name, keep.events, now).await
}

/// Moves what of a closed day is beyond `rows` rows to `(other)`. Gives the number of fields.
async fn fold(store: &dyn Upkeep, site: &Site, day: Day, rows: usize) -> Result<usize> {
    let counts = store.day(&site.name, day).await?;
    let moves = tail::moves(&counts, rows);
    if !moves.is_empty() {
        store.fold(&site.name, day, &moves).await?;
    }
    Ok(moves.len())
}

/// Makes months again from those of their days that are over by `today`.
pub(super) async fn roll_up_again(
    store: &dyn Upkeep,
    site: &Site,
    months: impl ExactSizeIterator<Item = Month>,
    today: Day,
    progress: &mut Progress,
) -> Result<()> {
    let kept = store.kept(&site.name).await?;
    progress.expect(months.len());
    for month in months {
        let over = |day: &Day| Month::of(*day) == month && *day < today;
        let days: Vec<Day> = kept.iter().copied().filter(over).collect();
        roll_up(store, site, month, &days, false).await?;
        progress.step(month);
    }
    Ok(())
}

/// Makes a month from these days. `freeze`: they are about to go.
async fn roll_up(
    store: &dyn Upkeep,
    site: &Site,
    month: Month,
    days: &[Day],
    freeze: bool,
) -> Result<()> {
    let counts = store.days(&site.name, days).await?;
    let counts = tail::month(days.iter().copied().zip(counts));
    let fields: Vec<_> = counts.fields().collect();
    store.put_month(&site.name, month, &fields, freeze).await.map(drop)
}
