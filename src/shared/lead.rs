//! Who counts for all nodes: a lease, and what the one that holds it begins with.
//!
//! All that it knows ([`super::work`]) can be had again from the store, so whatever goes wrong it
//! may begin anew from there.

use super::count::{Count, LeftOut};
use super::work::{CountingPass, Lost, Work};
use crate::aggregate::Limits;
use crate::blocking::blocking;
use crate::clock::{Millis, SECOND};
use crate::model::site::{Site, together};
use crate::model::{Done, random_name};
use crate::store::{Batches, LogStatus, Result, Save, SharedLog};
use crate::telemetry::{DropReason, Telemetry};
use std::sync::Arc;
use std::time::Duration;

/// A lease outlasts this beyond three intervals.
const LEASE: Millis = 5 * SECOND;

/// What a [`Counter`] has to know.
#[derive(Debug, Clone)]
pub struct CountingSettings {
    /// Time between flushes, the same on all nodes.
    pub interval: Duration,
    /// What the one shard remembers.
    pub limits: Limits,
}

/// Counts for all nodes, or stands by.
pub struct Counter {
    store: Arc<dyn Batches>,
    sites: Arc<Vec<Site>>,
    /// The log's name.
    log: Arc<str>,
    telemetry: Arc<Telemetry>,
    settings: CountingSettings,
    /// This node, as a lease names it.
    who: Arc<str>,
    work: Option<Work>,
    /// What the store was told is counted.
    told: Done,
    /// Since when a chunk waits for entries.
    stuck: Option<Millis>,
    left_out: LeftOut,
}

impl Counter {
    pub fn new(
        store: Arc<dyn Batches>,
        sites: Arc<Vec<Site>>,
        telemetry: Arc<Telemetry>,
        settings: CountingSettings,
        who: Arc<str>,
    ) -> Self {
        let (work, told, stuck, left_out) = (None, Done::default(), None, LeftOut::default());
        let log = together(&sites);
        Self { store, sites, log, telemetry, settings, who, work, told, stuck, left_out }
    }

    /// Whether it is this node's turn, as far as is known at `now`.
    pub fn may_lead(&self, status: &LogStatus, now: Millis) -> bool {
        let lease = status.lease.as_ref();
        lease.is_none_or(|lease| *lease.who == *self.who || lease.until <= now)
    }

    /// Hits that wait here, and batches.
    pub fn waiting(&self) -> usize {
        self.work.as_ref().map_or(0, |work| work.count.waiting() + work.pending())
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
        let site = self.log.clone();
        let interval = i64::try_from(self.settings.interval.as_millis()).unwrap_or(i64::MAX / 4);
        let mut astray = 0;
        loop {
            let done = self.done();
            let lead = log.lead(&site, &self.who, 3 * interval + LEASE, done.as_ref()).await?;
            if !lead.granted {
                self.work = None;
                return Ok(());
            }
            self.told = done.unwrap_or_default();
            let mut work = match self.work.take() {
                // Else another node led meanwhile, and may have cut the log.
                Some(work) if lead.kept && work.count.agreed() >= lead.chunk => work,
                Some(_) | None => self.load(log, &site, lead.now, lead.chunk).await?,
            };
            // After two reloads, what the log lacks is taken for lost: counting goes on without it.
            work.strict = astray < 2;
            let stuck = &mut self.stuck;
            let mut pass =
                CountingPass { store: store.as_ref(), log, site: &site, work: &mut work, stuck };
            let horizon = |count: &Count| match last {
                true => count.last_horizon(lead.now),
                false => count.horizon(lead.now, interval),
            };
            let worked = pass.work(lead.now, lead.chunk, horizon, last).await;
            self.telemetry.dropped(DropReason::Panic).add(work.count.take_panics());
            match worked {
                Ok(()) => {
                    self.work = Some(work);
                    return Ok(());
                }
                Err(Lost::Store(error)) => {
                    self.work = Some(work);
                    return Err(error);
                }
                Err(Lost::Astray) if astray == 2 => return Ok(()),
                Err(Lost::Astray) => {
                    astray += 1;
                    tracing::info!("the shared log goes on from elsewhere; reading it anew");
                }
                Err(Lost::Panicked(panicked)) => {
                    tracing::error!("a hit could not be counted; counting again without it");
                    self.left_out.insert(panicked);
                }
            }
        }
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
        log.lead(&self.log, &self.who, 0, done.as_ref()).await.map(drop)
    }

    /// What is counted, if that is known here.
    fn done(&self) -> Option<Done> {
        let work = self.work.as_ref().filter(|work| work.pending() == 0);
        work.map(|work| work.count.done())
    }

    /// What is stored, or the beginning of it.
    async fn load(
        &mut self,
        log: &dyn SharedLog,
        site: &str,
        now: Millis,
        chunk: u64,
    ) -> Result<Work> {
        let (sites, limits) = (&self.sites, self.settings.limits);
        let mut how = Save::First;
        loop {
            let saved = log.state(site).await?;
            if let Some(saved) = &saved {
                let restored = blocking(|| Count::restore(sites.clone(), limits, saved, now));
                if let Some(mut count) = restored {
                    count.leave_out(&mut self.left_out);
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
