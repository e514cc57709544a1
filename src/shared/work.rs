//! Counting for all nodes: follow the log, agree on chunks, deliver their increments, and save a
//! state now and then.
//!
//! A store that lost its last moments is told again what it said: chunks, then batches. Entries are
//! told by the nodes they are of.

use super::count::{AWAITED, Count, Followed, Panicked};
use crate::blocking::blocking;
use crate::clock::{HOUR, Micros, Millis};
use crate::delivery::{Change, Delivery, RING, Sequence};
use crate::model::site::Day;
use crate::model::{Batch, Cut, Item, LogPlace, random_name};
use crate::store::{Applied, Batches, Result, Save, SharedLog, StoreError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Items read at a time.
const PAGE: usize = 64;

/// Hits that wait are counted as far as may be before more is read.
const POOL: usize = 100_000;

/// A state is saved after this many bytes of log, or after twice the size of the last state if that
/// is more: writing states costs at most half of what writing hits does.
const STATE_AFTER: usize = 256 << 10;

/// What is in the log is needed hardly longer than this, however quiet the site.
const STATE_EVERY: Millis = HOUR;

/// What is known while one counts.
pub struct Work {
    pub count: Count,
    /// By site and day, batches on their way and those that the store has. [`Count`] numbers them.
    days: BTreeMap<(Arc<str>, Day), OfDay>,
    /// How often the store had been connected to when it was last made sure that it has all.
    looked: u64,
    /// Bytes of log since the last state, its size, and when it was.
    log: usize,
    size: usize,
    saved: (u64, Millis),
    /// False: what is missing in the log is gone.
    pub strict: bool,
}

struct OfDay {
    batches: Sequence<Cut>,
    /// Number of the last one that the store had when it was first asked: the node before this one
    /// may have sent many.
    marker: Option<u64>,
}

/// Why work ends early.
pub enum Lost {
    Store(StoreError),
    /// What is known here is not what the log goes on from.
    Astray,
    /// A hit panicked.
    Panicked(Panicked),
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
            days: BTreeMap::new(),
            // Of a store that lost its tail before now, nothing is known here.
            looked: 0,
            log: 0,
            size,
            saved,
            strict: true,
        }
    }

    /// Batches that wait.
    pub fn pending(&self) -> usize {
        self.days.values().map(|day| day.batches.waiting().len()).sum()
    }

    fn day(&mut self, key: (Arc<str>, Day)) -> &mut OfDay {
        let new = || OfDay { batches: Sequence::new(self.count.name().clone()), marker: None };
        self.days.entry(key).or_insert_with(new)
    }

    /// Batches that were counted now.
    fn add(&mut self, batches: Vec<Batch>) {
        for batch in batches {
            let day = self.day((batch.site.clone(), batch.day));
            day.batches.apply(Change::Added(vec![Cut { batch, hits: 0 }]));
        }
    }
}

/// One pass over the log: what is known, and where it is read and counted.
pub struct CountingPass<'a> {
    pub store: &'a dyn Batches,
    pub log: &'a dyn SharedLog,
    /// The log's name.
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
        let Work { count, log, strict, .. } = &mut *self.work;
        *log += if let Item::Entry(entry) = &item { entry.weight() } else { 128 };
        match blocking(|| count.follow(place, item, *strict)) {
            Followed::Noted => Ok(()),
            Followed::Counted(batches) => {
                self.work.add(batches);
                Ok(())
            }
            Followed::Panicked(panicked) => Err(Lost::Panicked(panicked)),
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
                let batches = work.count.count_next().map_err(Lost::Panicked)?;
                work.add(batches);
                return self.deliver(now).await;
            }
            return Ok(());
        }
        *self.stuck = None;
        let Some(chunk) = work.count.propose(horizon) else { return Ok(()) };
        // Where another node was first, its chunk is read and counted the next time.
        if self.log.agree(self.site, &chunk).await? {
            let batches = blocking(|| work.count.adopt(chunk)).map_err(Lost::Panicked)?;
            work.add(batches);
            self.deliver(now).await?;
        }
        Ok(())
    }

    /// Sends what is on its way, in order.
    async fn deliver(&mut self, now: Millis) -> std::result::Result<(), Lost> {
        let waits = self.work.days.iter().filter(|(_, of)| !of.batches.waiting().is_empty());
        let keys: Vec<_> = waits.map(|(key, _)| key.clone()).collect();
        for key in keys {
            DayDelivery { pass: self, key, now }.deliver().await?;
        }
        let heard = |batches: &Sequence<Cut>| batches.heard().is_some_and(|at| now - at <= RING);
        self.work.days.retain(|_, of| !of.batches.waiting().is_empty() || heard(&of.batches));
        Ok(())
    }

    /// The store may have lost its last moments: it is told again what it has not got.
    async fn make_whole(&mut self, now: Millis, agreed: u64) -> std::result::Result<(), Lost> {
        let work = &mut *self.work;
        work.count.hear_anew(now);
        if agreed < work.count.chunk() {
            let Some(chunks) = work.count.since(agreed) else { return Ok(self.rename().await?) };
            tracing::warn!("{} lost what nodes had agreed on; telling it again", self.store.name());
            for chunk in chunks {
                if !self.log.agree(self.site, &chunk).await? {
                    return Err(Lost::Astray);
                }
            }
        }
        let keys: Vec<_> = self.work.days.keys().cloned().collect();
        for key in keys {
            DayDelivery { pass: self, key, now }.make_whole().await?;
        }
        Ok(())
    }

    /// The store has lost more than can be told again: what is counted goes on under a name of its
    /// own, from what is known here.
    async fn rename(&mut self) -> Result<()> {
        tracing::error!(
            "{} has lost what nodes had counted together, and it is gone; going on without",
            self.store.name()
        );
        let Work { count, days, .. } = &mut *self.work;
        let name: Arc<str> = format!("shared.{}", random_name()).into();
        let mut last = BTreeMap::new();
        for (key, of) in days.iter_mut() {
            let mut batches = Sequence::new(name.clone());
            let waiting = of.batches.renumbered(name.clone());
            batches.apply(waiting);
            last.insert(key.clone(), batches.waiting().len() as u64);
            *of = OfDay { batches, marker: None };
        }
        count.rename(name, last);
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

/// Batches of a day on their way.
struct DayDelivery<'p, 'w> {
    pass: &'p mut CountingPass<'w>,
    key: (Arc<str>, Day),
    now: Millis,
}

impl DayDelivery<'_, '_> {
    fn of_day(&mut self) -> &mut OfDay {
        self.pass.work.day(self.key.clone())
    }
}

impl Delivery for DayDelivery<'_, '_> {
    type Item = Cut;

    fn sequence(&mut self) -> &Sequence<Cut> {
        &self.of_day().batches
    }

    async fn send_next(&mut self) -> Result<Vec<Applied>> {
        let store = self.pass.store;
        let of = self.of_day();
        let (Some(first), known) = (of.batches.waiting().front(), of.marker) else {
            return Ok(Vec::new());
        };
        let (name, number) = (first.batch.node.clone(), first.batch.number);
        let marker = match known {
            Some(marker) => marker,
            None => self.marker(&name).await?,
        };
        let of = self.of_day();
        of.marker = Some(marker);
        match of.batches.waiting().front() {
            Some(first) if number > marker => Ok(vec![store.apply(&first.batch).await?]),
            _ => Ok(vec![Applied::Before]),
        }
    }

    async fn send_again(&mut self, cut: &Cut) -> Result<()> {
        self.pass.store.apply(&cut.batch).await.map(drop)
    }

    async fn marker(&mut self, name: &str) -> Result<u64> {
        let (site, day) = &self.key;
        self.pass.store.marker(site, *day, name).await
    }

    fn acknowledge(&mut self) {
        let at = self.now;
        self.of_day().batches.apply(Change::Acknowledged { at });
    }

    async fn begin_anew(&mut self, _: &Arc<str>, _: u64) -> Result<()> {
        self.pass.rename().await
    }

    fn words(&self) -> (String, String) {
        (self.pass.store.name().to_owned(), format!("batches of {}", self.key.1))
    }
}
