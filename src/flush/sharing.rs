//! Delivering hits into the log that nodes share, and taking part in counting them.
//!
//! Nothing to say, nothing sent: a node says once that it rests, looks after its own hits until
//! they are counted, and is then silent.

use super::Flusher;
use crate::clock::{HOUR, Micros};
use crate::delivery::{Delivery, Sequence};
use crate::model::Entry;
use crate::shared::{self, Counter};
use crate::store::{self, Applied, LogStatus, SharedLog, StoreError};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Entries that are in the log and not yet counted are looked after for so long since they got
/// there, or since this process began.
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
    /// Hits may have waited for hours before they got into the log.
    since: Micros,
}

impl Uncounted {
    fn new(entry: &Entry, since: Micros) -> Self {
        let Entry { name, number, last, events, .. } = entry;
        Self { name: name.clone(), number: *number, last: *last, events: *events, since }
    }
}

impl Sharing {
    fn learns(&mut self, status: LogStatus, now: Micros) {
        self.uncounted.retain(|entry| {
            let Uncounted { name, number, last, since, .. } = entry;
            !status.done.has(name, *number, *last) && now - since < LOOKED_AFTER
        });
        self.status = Some(status);
    }
}

impl Flusher {
    /// Hits are counted with those of other nodes, by whichever has the lease.
    #[must_use]
    pub fn sharing(mut self, settings: shared::CountingSettings) -> Self {
        let (store, sites) = (self.store.clone(), self.sites.clone());
        let who = self.durable.outbox.node();
        let counter = Counter::new(store, sites, self.telemetry.clone(), settings, who);
        let uncounted = self.perhaps_uncounted();
        // `rests: false`: the log may still wait for an earlier process of this node.
        self.sharing = Some(Sharing { counter, status: None, rests: false, uncounted });
        self
    }

    /// Of what an earlier process delivered it is not known whether it is counted.
    fn perhaps_uncounted(&self) -> VecDeque<Uncounted> {
        let now = self.clock.micros();
        self.durable.outbox.entries().acknowledged().map(|e| Uncounted::new(e, now)).collect()
    }

    /// After a panic: only what is on disk is known.
    pub(super) fn share_again(&mut self) {
        let uncounted = self.perhaps_uncounted();
        if let Some(sharing) = &mut self.sharing {
            (sharing.status, sharing.rests, sharing.uncounted) = (None, false, uncounted);
        }
    }

    /// Writes all entries that wait, in order.
    pub(super) async fn deliver_entries(&mut self) -> store::Result<()> {
        let store = self.store.clone();
        let Some(log) = store.shared_log() else { return Ok(()) };
        EntryDelivery { flusher: self, log }.deliver().await
    }

    pub(super) async fn look_after_entries(&mut self) -> store::Result<()> {
        let store = self.store.clone();
        let Some(log) = store.shared_log() else { return Ok(()) };
        // It may have lost that this node rests, too.
        self.sharing.iter_mut().for_each(|sharing| sharing.rests = false);
        EntryDelivery { flusher: self, log }.make_whole().await
    }

    /// All is in the log: says so, and counts if it is this node's turn.
    pub(super) async fn take_part(&mut self, last: bool) -> Result<(), StoreError> {
        let store = self.store.clone();
        let (Some(log), Some(sharing)) = (store.shared_log(), &mut self.sharing) else {
            return Ok(());
        };
        let (site, outbox) = (&self.log_name, &self.durable.outbox);
        let (node, entries) = (outbox.node(), outbox.entries());
        let fresh = sharing.status.take();
        if !sharing.rests && (fresh.is_none() || last) {
            let rest = log.rest(site, &node, entries.name()).await?;
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

/// Entries on their way into the log.
struct EntryDelivery<'f> {
    flusher: &'f mut Flusher,
    log: &'f dyn SharedLog,
}

impl Delivery for EntryDelivery<'_> {
    type Item = Entry;

    fn sequence(&mut self) -> &Sequence<Entry> {
        self.flusher.durable.outbox.entries()
    }

    async fn send_next(&mut self) -> store::Result<Vec<Applied>> {
        let next = self.flusher.durable.outbox.entries().waiting().front();
        let Some(entry) = next else { return Ok(Vec::new()) };
        let now = self.flusher.clock.micros();
        let (uncounted, empty) = (Uncounted::new(entry, now), entry.is_empty());
        let appended = self.log.append(&self.flusher.log_name, entry).await?;
        if let (Some(sharing), Applied::Now | Applied::Before) =
            (&mut self.flusher.sharing, appended.applied)
        {
            sharing.rests = false;
            sharing.uncounted.extend((!empty).then_some(uncounted));
            sharing.learns(appended.status, now);
        }
        Ok(vec![appended.applied])
    }

    async fn send_again(&mut self, entry: &Entry) -> store::Result<()> {
        self.log.append(&self.flusher.log_name, entry).await.map(drop)
    }

    async fn marker(&mut self, name: &str) -> store::Result<u64> {
        Ok(self.log.status(&self.flusher.log_name, name).await?.have)
    }

    fn acknowledge(&mut self) {
        let Flusher { durable, telemetry, clock, .. } = &mut *self.flusher;
        let events = durable.outbox.acknowledge_entry(clock.now());
        telemetry.flushes.inc();
        self.flusher.tell_uncounted();
        self.flusher.telemetry.unflushed.fetch_sub(events as i64, Ordering::Relaxed);
    }

    async fn begin_anew(&mut self, name: &Arc<str>, have: u64) -> store::Result<()> {
        self.flusher.durable.outbox.begin_entries_anew(name);
        self.flusher.pass_gap("entries", have);
        Ok(())
    }

    fn words(&self) -> (String, String) {
        (self.flusher.store.name().to_owned(), "entries of this node".to_owned())
    }
}
