//! Counting for all nodes: follow the log, agree on chunks, deliver their increments, and save a state
//! now and then.
//!
//! A store that lost its last moments is told again what it said: chunks, then batches. Entries are
//! told by the nodes they are of.

use super::count::{AWAITED, Count, Followed, Panicked};
use crate::blocking::blocking;
use crate::clock::{HOUR, Micros, Millis, SECOND};
use crate::model::site::Day;
use crate::model::{Batch, Item, LogPlace, random_name};
use crate::store::{Applied, Save, SharedLog, Store, StoreError};
use std::collections::{HashMap, VecDeque};

/// Items read at a time.
const PAGE: usize = 64;

/// Hits that wait are counted as far as may be before more is read.
const POOL: usize = 100_000;

/// How long batches are kept that the store has acknowledged.
const RING: Millis = 120 * SECOND;

/// Bytes of log after which a state is worth its while, unless the last one was larger than half of
/// that: writing states costs at most half of what writing hits does.
const STATE_AFTER: usize = 256 << 10;

/// What is in the log is needed hardly longer than this, however quiet the site.
const STATE_EVERY: Millis = HOUR;

pub type Result<T> = std::result::Result<T, StoreError>;

/// What is known while one counts.
pub struct Work {
    pub count: Count,
    /// Batches on their way, and those that the store has.
    pub pending: VecDeque<Batch>,
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
    pub strict: bool,
}

/// Why work ends early.
pub enum Lost {
    Store(StoreError),
    /// What is known here is not what the log goes on from.
    Astray,
    /// A hit panicked.
    Panicked(Panicked),
}

impl From<Panicked> for Lost {
    fn from(panicked: Panicked) -> Self {
        Self::Panicked(panicked)
    }
}

impl From<StoreError> for Lost {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Work {
    pub fn new(count: Count, size: usize, now: Millis) -> Self {
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

/// One pass over the log: what is known, and where it is read and counted.
pub struct CountingPass<'a> {
    pub store: &'a dyn Store,
    pub log: &'a dyn SharedLog,
    pub site: &'a str,
    pub work: &'a mut Work,
    /// Since when a chunk waits for entries.
    pub stuck: &'a mut Option<Millis>,
}

impl CountingPass<'_> {
    /// Does what there is to do. All that came before `horizon` can be expected to be in the log,
    /// in which `agreed` is the last chunk.
    pub async fn work(
        &mut self,
        now: Millis,
        agreed: u64,
        horizon: impl Fn(&Count) -> Micros,
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

    fn follow(&mut self, place: LogPlace, item: Option<Item>) -> std::result::Result<(), Lost> {
        let Some(item) = item else {
            tracing::error!("an item of the shared log cannot be read");
            self.work.count.skip(place);
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
            Followed::Panicked(panicked) => Err(panicked.into()),
            Followed::Missing => Err(Lost::Astray),
        }
    }

    /// Agrees on the next chunk, and counts it.
    async fn agree(&mut self, now: Millis, horizon: Micros) -> std::result::Result<(), Lost> {
        let work = &mut *self.work;
        if work.count.is_ahead() {
            // Entries that their node has not got any more either.
            if now - *self.stuck.get_or_insert(now) > AWAITED {
                if work.strict {
                    return Err(Lost::Astray);
                }
                tracing::error!("the shared log has lost hits; going on without them");
                work.pending.extend(work.count.count_next()?);
                return self.deliver(now).await;
            }
            return Ok(());
        }
        *self.stuck = None;
        let Some(chunk) = work.count.propose(horizon) else { return Ok(()) };
        // Where another node was first, its chunk is read and counted the next time.
        if self.log.agree(self.site, &chunk).await? {
            let batches = blocking(|| work.count.adopt(chunk))?;
            work.pending.extend(batches);
            self.deliver(now).await?;
        }
        Ok(())
    }

    /// Sends what is on its way, in order.
    async fn deliver(&mut self, now: Millis) -> std::result::Result<(), Lost> {
        let mut filled = None;
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
                    Applied::Gap { have }
                        if filled != Some(day) && self.resend(day, have).await? =>
                    {
                        filled = Some(day);
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
        let forgotten = count.forget_names();
        let state = blocking(|| count.save());
        self.log.save(self.site, count.chunk(), &state, Save::Next(count.needed())).await?;
        if !forgotten.is_empty() {
            self.log.forget(self.site, &forgotten).await?;
        }
        (*log, *size, *saved) = (0, state.len(), (count.chunk(), now));
        Ok(())
    }
}
