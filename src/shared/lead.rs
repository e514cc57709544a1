//! Counting for all nodes, while this one holds the lease: follow the log, agree on chunks, deliver
//! their increments, and save a state now and then.
//!
//! All it knows can be had again from the store, so whatever goes wrong it may begin anew from there.
//! The other way round, a store that lost its last moments is told again what it said: chunks, then
//! batches. Entries are told by the nodes they are of.

use super::count::{AWAITED, Count, Followed, Place};
use super::item::{Done, Item};
use crate::aggregate::Limits;
use crate::blocking::blocking;
use crate::clock::{HOUR, Millis, SECOND};
use crate::flush::Batch;
use crate::node::random_name;
use crate::site::{Day, Site};
use crate::store::{Applied, Save, SharedLog, Standing, Store, StoreError};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Items read at a time.
const PAGE: usize = 64;

/// Hits that wait are counted as far as may be before more is read.
const POOL: usize = 100_000;

/// How long batches are kept that the store has acknowledged.
const RING: Millis = 120 * SECOND;

/// Bytes of log after which a state is worth its while, unless the last one was larger than half of
/// that.
const STATE_AFTER: usize = 1 << 20;

/// What is in the log is needed hardly longer than this, however quiet the site.
const STATE_EVERY: Millis = HOUR;

/// A lease outlasts this beyond three intervals.
const LEASE: Millis = 5 * SECOND;

type Result<T> = std::result::Result<T, StoreError>;

/// What a [`Counter`] has to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Time between flushes, the same on all nodes.
    pub interval: Duration,
    /// What the one shard remembers.
    pub limits: Limits,
}

/// Counts for all nodes, or stands by.
pub struct Counter {
    store: Arc<dyn Store>,
    sites: Arc<Vec<Site>>,
    settings: Settings,
    /// Who holds the lease.
    who: Arc<str>,
    work: Option<Work>,
    /// What the store was told is counted.
    told: Done,
    /// Since when a chunk waits for entries.
    stuck: Option<Millis>,
}

struct Work {
    count: Count,
    /// Batches on their way, and those that the store has.
    pending: VecDeque<Batch>,
    ring: VecDeque<(Millis, Batch)>,
    /// Number of the last batch of each day that the store has.
    markers: HashMap<Day, u64>,
    /// How often the store had been connected to when it was last made sure that it has all.
    looked: u64,
    /// Bytes of log since the last state, its size, and when it was.
    log: usize,
    size: usize,
    saved: (u64, Millis),
    /// False: what is missing in the log is gone.
    strict: bool,
}

/// Why work ends early.
enum Lost {
    Store(StoreError),
    /// What is known here is not what the log goes on from.
    Astray,
}

impl From<StoreError> for Lost {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Counter {
    pub fn new(
        store: Arc<dyn Store>,
        sites: Arc<Vec<Site>>,
        settings: Settings,
        who: Arc<str>,
    ) -> Self {
        Self { store, sites, settings, who, work: None, told: Done::default(), stuck: None }
    }

    /// Whether it is this node's turn, as far as is known at `now`.
    pub fn may_lead(&self, standing: &Standing, now: Millis) -> bool {
        let lease = standing.lease.as_ref();
        lease.is_none_or(|lease| *lease.who == *self.who || lease.until <= now)
    }

    /// Hits that wait here, and batches.
    pub fn waiting(&self) -> usize {
        self.work.as_ref().map_or(0, |work| work.count.waiting() + work.pending.len())
    }

    /// Whether there is something to count or to tell.
    pub fn is_busy(&self) -> bool {
        self.waiting() > 0
            || self.work.as_ref().is_some_and(|work| {
                work.count.is_ahead() || work.count.chunk() > 0 && work.count.done() != self.told
            })
    }

    /// Counts what can be counted, if no other node does. `last`: this one is about to end, and
    /// counts all that nobody else will.
    ///
    /// # Errors
    /// The store's; what is not done is done the next time, or by another.
    pub async fn work(&mut self, last: bool) -> Result<()> {
        let store = self.store.clone();
        let Some(log) = store.shared_log() else { return Ok(()) };
        let site = self.sites[0].name.clone();
        let interval = i64::try_from(self.settings.interval.as_millis()).unwrap_or(i64::MAX / 4);
        // Twice at most: what leads astray is dropped, and what is then there is what there is.
        for strict in [true, true, false] {
            let done = self.done();
            let lead = log.lead(&site, &self.who, 3 * interval + LEASE, done.as_ref()).await?;
            if !lead.granted {
                self.work = None;
                return Ok(());
            }
            self.told = done.unwrap_or_default();
            let mut work = match self.work.take() {
                // Else another node led meanwhile, and may have cut the log.
                Some(work) if work.count.agreed() >= lead.chunk => work,
                Some(_) | None => self.load(log, &site, lead.now, lead.chunk).await?,
            };
            work.strict = strict;
            let stuck = &mut self.stuck;
            let mut desk = Desk { store: store.as_ref(), log, site: &site, work: &mut work, stuck };
            let horizon = |count: &Count| match last {
                true => count.last_horizon(lead.now),
                false => count.horizon(lead.now, interval),
            };
            match desk.work(lead.now, lead.chunk, horizon, last).await {
                Ok(()) => {
                    self.work = Some(work);
                    return Ok(());
                }
                Err(Lost::Store(error)) => {
                    self.work = Some(work);
                    return Err(error);
                }
                Err(Lost::Astray) => {
                    tracing::info!("the shared log goes on from elsewhere; reading it anew");
                }
            }
        }
        Ok(())
    }

    /// Tells what is counted, and leaves the rest to the others.
    ///
    /// # Errors
    /// The store's.
    pub async fn leave(&mut self) -> Result<()> {
        let done = self.done();
        let (Some(log), Some(_)) = (self.store.shared_log(), self.work.take()) else {
            return Ok(());
        };
        log.lead(&self.sites[0].name, &self.who, 0, done.as_ref()).await.map(drop)
    }

    /// What is counted, if that is known here.
    fn done(&self) -> Option<Done> {
        let work = self.work.as_ref().filter(|work| work.pending.is_empty());
        work.map(|work| work.count.done())
    }

    /// What is stored, or the beginning of it.
    async fn load(&self, log: &dyn SharedLog, site: &str, now: Millis, chunk: u64) -> Result<Work> {
        let (sites, limits) = (&self.sites, self.settings.limits);
        let mut how = Save::First;
        loop {
            let saved = log.state(site).await?;
            if let Some(saved) = &saved {
                let restored = blocking(|| Count::restore(sites.clone(), limits, saved, now));
                if let Some(count) = restored {
                    return Ok(Work::new(count, saved.len(), now));
                }
                tracing::error!("shared sessions cannot be read; visitors count anew");
                how = Save::Anew;
            }
            let name = format!("shared.{}", random_name()).into();
            let mut first = Count::new(sites.clone(), limits, name, rand::random(), chunk);
            log.save(site, chunk, &first.save(), how).await?;
        }
    }
}

impl Work {
    fn new(count: Count, size: usize, now: Millis) -> Self {
        let saved = (count.chunk(), now);
        Self {
            count,
            pending: VecDeque::new(),
            ring: VecDeque::new(),
            markers: HashMap::new(),
            // Of a store that lost its tail before now, nothing is known here.
            looked: 0,
            log: 0,
            size,
            saved,
            strict: true,
        }
    }
}

/// Work, and where it is done.
struct Desk<'a> {
    store: &'a dyn Store,
    log: &'a dyn SharedLog,
    site: &'a str,
    work: &'a mut Work,
    stuck: &'a mut Option<Millis>,
}

impl Desk<'_> {
    async fn work(
        &mut self,
        now: Millis,
        agreed: u64,
        horizon: impl Fn(&Count) -> i64,
        last: bool,
    ) -> std::result::Result<(), Lost> {
        let connections = self.store.connections();
        if connections != self.work.looked || agreed < self.work.count.chunk() {
            self.make_whole(now, agreed).await?;
            self.work.looked = connections;
        }
        self.deliver(now).await?;
        loop {
            let items = self.log.items(self.site, self.work.count.at(), PAGE).await?;
            let more = items.len() == PAGE;
            for (place, item) in items {
                self.follow(place, item)?;
                self.deliver(now).await?;
            }
            if !more || self.work.count.waiting() > POOL {
                self.agree(now, horizon(&self.work.count)).await?;
            }
            if !more {
                break;
            }
        }
        self.save(now, last).await
    }

    fn follow(&mut self, place: Place, item: Option<Item>) -> std::result::Result<(), Lost> {
        let Some(item) = item else {
            tracing::error!("an item of the shared log cannot be read");
            return Ok(());
        };
        let Work { count, pending, log, strict, .. } = &mut *self.work;
        *log += if let Item::Entry(entry) = &item { entry.weight() } else { 128 };
        match blocking(|| count.follow(place, item, *strict)) {
            Followed::Noted => Ok(()),
            Followed::Counted(batches) => {
                pending.extend(batches);
                Ok(())
            }
            Followed::Missing => Err(Lost::Astray),
        }
    }

    /// Agrees on the next chunk, and counts it.
    async fn agree(&mut self, now: Millis, horizon: i64) -> std::result::Result<(), Lost> {
        let work = &mut *self.work;
        if work.count.is_ahead() {
            // Entries that their node has not got any more either.
            if now - *self.stuck.get_or_insert(now) > AWAITED {
                if work.strict {
                    return Err(Lost::Astray);
                }
                tracing::error!("the shared log has lost hits; going on without them");
                work.pending.extend(work.count.count_next());
                return self.deliver(now).await;
            }
            return Ok(());
        }
        *self.stuck = None;
        let Some(chunk) = work.count.propose(horizon) else { return Ok(()) };
        // Where another node was first, its chunk is read and counted the next time.
        if self.log.agree(self.site, &chunk).await? {
            let batches = blocking(|| work.count.adopt(chunk));
            work.pending.extend(batches);
            self.deliver(now).await?;
        }
        Ok(())
    }

    /// Sends what is on its way, in order.
    async fn deliver(&mut self, now: Millis) -> std::result::Result<(), Lost> {
        let mut filled = false;
        while let Some(batch) = self.work.pending.front() {
            let day = batch.day;
            // Before the first batch of a day: the node before this one may have sent many.
            if !self.work.markers.contains_key(&day) {
                let marker = self.store.marker(self.site, day, &batch.node).await?;
                self.work.markers.insert(day, marker);
            }
            let marker = self.work.markers.get(&day).copied().unwrap_or_default();
            if batch.number > marker {
                match self.store.apply(batch).await? {
                    Applied::Now | Applied::Before => {
                        self.work.markers.insert(day, batch.number);
                    }
                    Applied::Gap { have } if !filled && self.resend(day, have).await? => {
                        filled = true;
                        continue;
                    }
                    Applied::Gap { .. } => {
                        self.rename().await?;
                        continue;
                    }
                }
            }
            let sent = self.work.pending.pop_front();
            self.work.ring.extend(sent.map(|batch| (now, batch)));
        }
        while self.work.ring.front().is_some_and(|(then, _)| now - then > RING) {
            self.work.ring.pop_front();
        }
        Ok(())
    }

    /// Sends batches of a day again that the store has only up to `have`. False: they are gone.
    async fn resend(&self, day: Day, have: u64) -> Result<bool> {
        let of_day = self.work.ring.iter().map(|(_, batch)| batch).filter(|b| b.day == day);
        let missing: Vec<&Batch> = of_day.filter(|batch| batch.number > have).collect();
        if missing.first().is_none_or(|batch| batch.number != have + 1) {
            return Ok(false);
        }
        tracing::warn!(
            "{} lost the last {} batches of {day}; sending them again",
            self.store.name(),
            missing.len()
        );
        for batch in missing {
            self.store.apply(batch).await?;
        }
        Ok(true)
    }

    /// The store may have lost its last moments: it is told again what it has not got.
    async fn make_whole(&mut self, now: Millis, agreed: u64) -> std::result::Result<(), Lost> {
        let work = &mut *self.work;
        work.count.hear_anew(now);
        if agreed < work.count.chunk() {
            let Some(chunks) = work.count.since(agreed) else { return self.rename().await };
            tracing::warn!("{} lost what nodes had agreed on; telling it again", self.store.name());
            for chunk in chunks {
                if !self.log.agree(self.site, &chunk).await? {
                    return Err(Lost::Astray);
                }
            }
        }
        let lasts: HashMap<Day, u64> =
            self.work.ring.iter().map(|(_, batch)| (batch.day, batch.number)).collect();
        for (day, last) in lasts {
            let have = self.store.marker(self.site, day, self.work.count.name()).await?;
            if have < last && !self.resend(day, have).await? {
                return self.rename().await;
            }
        }
        Ok(())
    }

    /// The store has lost more than can be told again: what is counted goes on under a name of its
    /// own, from what is known here.
    async fn rename(&mut self) -> std::result::Result<(), Lost> {
        tracing::error!(
            "{} has lost what nodes had counted together, and it is gone; going on without",
            self.store.name()
        );
        let Work { count, pending, ring, markers, .. } = &mut *self.work;
        count.rename(format!("shared.{}", random_name()).into(), pending.make_contiguous());
        ring.clear();
        markers.clear();
        let state = blocking(|| count.save());
        self.log.save(self.site, count.chunk(), &state, Save::Anew).await?;
        Ok(())
    }

    /// Saves a state, if it is time, so that the log can be cut.
    async fn save(&mut self, now: Millis, last: bool) -> std::result::Result<(), Lost> {
        let Work { count, log, size, saved, .. } = &mut *self.work;
        let due = *log > STATE_AFTER.max(2 * *size) || now - saved.1 > STATE_EVERY || last;
        if !due || count.chunk() == saved.0 {
            return Ok(());
        }
        let state = blocking(|| count.save());
        self.log.save(self.site, count.chunk(), &state, Save::Next(count.needed())).await?;
        (*log, *size, *saved) = (0, state.len(), (count.chunk(), now));
        Ok(())
    }
}
