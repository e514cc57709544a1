//! Delivering hits into the log that nodes share, and taking part in counting them.
//!
//! Nothing to say, nothing sent: a node says once that it rests, looks after its own hits until they
//! are counted, and is then silent.

use super::{Flusher, Stuck, stuck};
use crate::clock::{HOUR, Micros};
use crate::model::Entry;
use crate::shared::{self, Counter};
use crate::store::{Applied, LogStatus, SharedLog, StoreError};
use crate::telemetry::DropReason;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Entries that are in the log and not yet counted are looked after for so long.
const LOOKED_AFTER: Micros = HOUR * 1_000;

/// What a flusher knows of the log.
pub struct Sharing {
    counter: Counter,
    status: Option<LogStatus>,
    /// The log has been told that there is nothing more to say.
    rests: bool,
    /// Entries of this node that are not counted yet.
    uncounted: VecDeque<Uncounted>,
}

struct Uncounted {
    name: Arc<str>,
    number: u64,
    last: Micros,
    events: u64,
}

impl From<&Entry> for Uncounted {
    fn from(entry: &Entry) -> Self {
        let Entry { name, number, last, events, .. } = entry;
        Self { name: name.clone(), number: *number, last: *last, events: *events }
    }
}

impl Sharing {
    fn learns(&mut self, status: LogStatus, now: Micros) {
        self.uncounted.retain(|entry| {
            let Uncounted { name, number, last, .. } = entry;
            !status.done.has(name, *number, *last) && now - last < LOOKED_AFTER
        });
        self.status = Some(status);
    }
}

impl Flusher {
    /// Hits are counted with those of other nodes, by whichever has the lease.
    #[must_use]
    pub fn sharing(mut self, settings: shared::Settings) -> Self {
        let (store, sites) = (self.store.clone(), self.sites.clone());
        let who = self.durable.outbox.entries().node().clone();
        let counter = Counter::new(store, sites, self.telemetry.clone(), settings, who);
        // Of what an earlier process delivered it is not known whether it is counted.
        let uncounted = self.durable.outbox.entries().acknowledged().map(Uncounted::from).collect();
        // And that process may be waited for.
        self.sharing = Some(Sharing { counter, status: None, rests: false, uncounted });
        self
    }

    /// After a panic: only what is on disk is known.
    pub(super) fn share_again(&mut self) {
        let uncounted = self.durable.outbox.entries().acknowledged().map(Uncounted::from).collect();
        if let Some(sharing) = &mut self.sharing {
            (sharing.status, sharing.rests, sharing.uncounted) = (None, false, uncounted);
        }
    }

    /// Writes all entries that wait, in order.
    pub(super) async fn deliver_entries(&mut self) -> Result<(), Stuck> {
        let store = self.store.clone();
        let Some(log) = store.shared_log() else { return Ok(()) };
        let site = self.sites[0].name.clone();
        let mut replayed = false;
        while let Some(entry) = self.durable.outbox.entries().next() {
            let (uncounted, events) = (Uncounted::from(entry), entry.events);
            let empty = entry.is_empty();
            let appended = log.append(&site, entry).await.map_err(stuck)?;
            match appended.applied {
                Applied::Now | Applied::Before => {
                    self.durable.outbox.acknowledge_entry(self.clock.now());
                    self.telemetry.flushes.inc();
                    if let Some(sharing) = &mut self.sharing {
                        sharing.rests = false;
                        sharing.uncounted.extend((!empty).then_some(uncounted));
                        sharing.learns(appended.status, self.clock.micros());
                    }
                    self.tell_uncounted();
                    self.telemetry.unflushed.fetch_sub(events as i64, Ordering::Relaxed);
                }
                Applied::Gap { have } => {
                    if std::mem::replace(&mut replayed, true) {
                        return Err(Stuck::Refused(StoreError::Refused {
                            store: store.name().to_owned(),
                            reason: "it forgets hits as soon as it is given them".to_owned(),
                        }));
                    }
                    match self.durable.outbox.replay_entries(have) {
                        Some(entries) => self.append_again(log, &site, &entries).await?,
                        None => {
                            self.keep(true);
                            self.pass_entries(have);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// As [`Flusher::look_after_reconnect`] does for batches.
    pub(super) async fn look_after_entries(&mut self) -> Result<(), Stuck> {
        let store = self.store.clone();
        let Some(log) = store.shared_log() else { return Ok(()) };
        let site = self.sites[0].name.clone();
        // It may have lost that this node rests, too.
        self.sharing.iter_mut().for_each(|sharing| sharing.rests = false);
        for (name, last) in self.durable.outbox.entries().remembered() {
            let have = log.status(&site, &name).await.map_err(stuck)?.have;
            if have >= last {
                continue;
            }
            match self.durable.outbox.entries().lost(&name, have) {
                Some(entries) => self.append_again(log, &site, &entries).await?,
                None => {
                    self.durable.outbox.forget_entries(&name);
                    self.keep(true);
                    self.pass_entries(have);
                }
            }
        }
        Ok(())
    }

    async fn append_again(
        &self,
        log: &dyn SharedLog,
        site: &str,
        entries: &[Entry],
    ) -> Result<(), Stuck> {
        tracing::warn!(
            "{} lost the last {} entries of this node; sending them again",
            self.store.name(),
            entries.len()
        );
        for entry in entries {
            log.append(site, entry).await.map_err(stuck)?;
        }
        Ok(())
    }

    fn pass_entries(&self, have: u64) {
        self.telemetry.dropped(DropReason::Gap).inc();
        tracing::error!(
            "{} has only {have} entries of this node, and those that follow are gone; going on \
             without them",
            self.store.name()
        );
    }

    /// All is in the log: says so, and counts if it is this node's turn.
    pub(super) async fn take_part(&mut self, last: bool) -> Result<(), StoreError> {
        let store = self.store.clone();
        let (Some(log), Some(sharing)) = (store.shared_log(), &mut self.sharing) else {
            return Ok(());
        };
        let (site, entries) = (&self.sites[0].name, self.durable.outbox.entries());
        let fresh = sharing.status.take();
        if !sharing.rests && (fresh.is_none() || last) {
            let rest = log.rest(site, entries.node(), entries.name()).await?;
            sharing.rests = true;
            sharing.learns(rest.status, self.clock.micros());
        } else if let Some(fresh) = fresh {
            sharing.status = Some(fresh);
        } else if last || !sharing.uncounted.is_empty() {
            let status = log.status(site, entries.name()).await?;
            sharing.learns(status, self.clock.micros());
        }
        let status = sharing.status.take();
        let turn = status.is_some_and(|s| sharing.counter.may_lead(&s, self.clock.now()));
        let counted = match turn || sharing.counter.is_busy() {
            true => sharing.counter.work(last).await,
            false => Ok(()),
        };
        self.tell_uncounted();
        counted
    }

    /// The process ends, and all of it is in the log: what nobody else counts is counted.
    pub(super) async fn leave(&mut self) {
        let mut left = self.take_part(true).await;
        if let Some(sharing) = &mut self.sharing {
            left = left.and(sharing.counter.leave().await);
        }
        if let Err(error) = left {
            tracing::warn!(
                "{error}; what is in the shared log is counted by another node, or later"
            );
        }
    }

    fn tell_uncounted(&self) {
        let Some(sharing) = &self.sharing else { return };
        let own: u64 = sharing.uncounted.iter().map(|entry| entry.events).sum();
        let all = (sharing.counter.waiting() as u64).max(own).max(sharing.uncounted.len() as u64);
        self.telemetry.uncounted.store(all as i64, Ordering::Relaxed);
    }
}
