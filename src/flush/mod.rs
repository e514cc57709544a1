//! From increments to the store: sealed, numbered, delivered exactly once.
//!
//! Every interval the [`Flusher`] takes what the aggregator gathered into the [`outbox`], puts that
//! on disk ([`durable`], [`log`]), and sends batches in order, one at a time per (site, day). A
//! batch leaves when the store has answered; the store knows the number it has and applies none
//! twice. Without new hits nothing is sent. A store that is away or refuses costs the site nothing:
//! increments wait here, also over a restart.
//!
//! Where nodes count as one, hits take the same way as increments do, into a log ([`sharing`]).

mod durable;
mod entries;
mod log;
pub(crate) mod outbox;
pub(crate) mod release2;
mod sharing;

use crate::aggregate::Engine;
use crate::blocking::blocking;
use crate::budget::Budget;
use crate::clock::Clock;
use crate::delivery::{Delivery, Sequence};
use crate::journal::LateLogs;
use crate::model::site::{Site, together};
use crate::model::{Batch, Cut};
use crate::store::{self, Applied, Batches, StoreError};
use crate::supervise::{Pauses, Task};
use crate::telemetry::{DropReason, Telemetry};
use outbox::{Key, Taken};
use sharing::Sharing;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

pub use durable::DurableOutbox;

/// A pause between tries while the last flush of a process fails.
const LAST_RETRY: Duration = Duration::from_millis(250);

/// How often it is looked for what earlier processes write.
const LATE_EVERY: Duration = Duration::from_secs(1);

/// Batches that are sent at once to a store that takes several.
const AT_ONCE: usize = 64;

/// When a [`Flusher`] delivers.
#[derive(Debug, Clone)]
pub struct FlushSettings {
    /// Time between flushes.
    pub interval: Duration,
    /// How long the last flush is tried again, where what waits is not on disk.
    pub last: Duration,
}

/// Delivers increments.
pub struct Flusher {
    engine: Arc<Engine>,
    store: Arc<dyn Batches>,
    sites: Arc<Vec<Site>>,
    /// What the log is called that nodes share.
    log_name: Arc<str>,
    telemetry: Arc<Telemetry>,
    clock: Clock,
    settings: FlushSettings,
    durable: DurableOutbox,
    troubles: Troubles,
    budget: Option<Arc<Budget>>,
    sharing: Option<Sharing>,
    late: Option<LateLogs>,
    /// How often the store had been connected to when its markers were last looked at.
    looked: u64,
}

impl Flusher {
    /// Goes on with what waits in `durable`.
    pub fn new(
        engine: Arc<Engine>,
        store: Arc<dyn Batches>,
        sites: Arc<Vec<Site>>,
        telemetry: Arc<Telemetry>,
        clock: Clock,
        durable: DurableOutbox,
        settings: FlushSettings,
    ) -> Self {
        let waiting = i64::try_from(durable.hits()).unwrap_or(0);
        telemetry.unflushed.fetch_add(waiting, Ordering::Relaxed);
        Self {
            engine,
            store,
            log_name: together(&sites),
            sites,
            telemetry,
            clock,
            settings,
            durable,
            troubles: Troubles::default(),
            budget: None,
            sharing: None,
            late: None,
            // Of a store that lost its tail before this process began, nothing is known yet.
            looked: 0,
        }
    }

    /// Flushes no more often than a budget of store commands bears.
    pub fn within(mut self, budget: Option<Arc<Budget>>) -> Self {
        self.budget = budget;
        self
    }

    /// Counts what earlier processes write after they handed over, too.
    #[must_use]
    pub fn adopting(mut self, late: Option<LateLogs>) -> Self {
        self.late = late;
        self
    }

    /// Flushes every interval until `stop` changes, then once more. Where that fails and nothing is on
    /// disk, it is tried again for `settings.last`.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut ticks = tokio::time::interval(self.settings.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut looks = tokio::time::interval(LATE_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (telemetry, mut pauses) = (self.telemetry.clone(), Pauses::default());
        loop {
            let adopt = tokio::select! {
                _ = ticks.tick() => false,
                _ = looks.tick(), if self.late.is_some() => true,
                _ = stop.changed() => break,
            };
            let turn = async {
                match adopt {
                    true => self.adopt(),
                    false => self.tick().await,
                }
            };
            if let Err(pause) = telemetry.tasks.attempt(Task::Flush, &mut pauses, turn).await {
                self.begin_again(&mut pauses).await;
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    _ = stop.changed() => break,
                }
            }
        }
        let deadline = Instant::now() + self.settings.last;
        loop {
            let last = async {
                self.adopt();
                self.flush().await
            };
            match telemetry.tasks.attempt(Task::Flush, &mut pauses, last).await {
                Ok(true) => break,
                Ok(false) => {}
                Err(_) => self.begin_again(&mut pauses).await,
            }
            let (hits, store) = (self.durable.hits(), self.store.name());
            if self.durable.is_safe() {
                tracing::warn!("{hits} hits for {store} wait on disk for the next start");
                return;
            }
            if Instant::now() >= deadline {
                tracing::error!("{hits} hits could not be delivered to {store} before the end");
                return;
            }
            tokio::time::sleep(LAST_RETRY).await;
        }
        self.leave().await;
    }

    /// After a panic what is in memory may be half of something, so it is read from the disk again,
    /// as after a restart. Where there is no disk, what is in memory has to do.
    async fn begin_again(&mut self, pauses: &mut Pauses) {
        let telemetry = self.telemetry.clone();
        let again = async {
            let Self { durable, engine, .. } = self;
            blocking(|| match durable.open_again() {
                Some(Ok(again)) => match engine.go_back(again.marks()) {
                    // What was acknowledged and is not on disk is to be told once more, too.
                    Some(more) => {
                        let more = more + again.hits() as i64 - durable.hits() as i64;
                        telemetry.unflushed.fetch_add(more, Ordering::Relaxed);
                        *durable = again;
                    }
                    None => durable.distrust(),
                },
                Some(Err(error)) => {
                    tracing::warn!("the outbox cannot be read again: {error}");
                    durable.distrust();
                }
                None => {}
            });
            self.looked = 0;
            self.share_again();
        };
        // Should that panic as well, it is done after the next one.
        let _ = telemetry.tasks.attempt(Task::Flush, pauses, again).await;
    }

    /// Takes over what earlier processes have written. Never while a flush runs: how far it is
    /// taken must be noted before the journal lets go of anything.
    fn adopt(&mut self) {
        let Self { engine, late: Some(late), .. } = self else { return };
        let safe = || engine.journal().map_or(Ok(()), |journal| journal.sync());
        let read = blocking(|| late.read(|hit, origin| engine.adopt(hit, origin), safe));
        if let Err(error) = read {
            let why = "what an earlier process still writes cannot be read";
            self.troubles.note("late", format!("{why}: {error}"));
        }
    }

    /// A flush, if the budget bears one now. What waits meanwhile merges.
    pub async fn tick(&mut self) {
        let Some(budget) = self.budget.clone() else {
            self.flush().await;
            return;
        };
        if budget.may_flush() {
            let before = self.telemetry.flushes.get() + self.telemetry.flush_failures.get();
            self.flush().await;
            let after = self.telemetry.flushes.get() + self.telemetry.flush_failures.get();
            budget.flushed(after - before);
        }
    }

    /// One flush. True if all is delivered.
    pub async fn flush(&mut self) -> bool {
        let (began, before) = (Instant::now(), self.telemetry.flushes.get());
        self.troubles.begin();
        // It takes the processor for a while, and others of this runtime wait for a store's answer.
        let sealed = blocking(|| self.engine.seal());
        let Taken { done, dropped } = self.durable.outbox.add(sealed, &self.sites);
        self.telemetry.unflushed.fetch_sub((done + dropped) as i64, Ordering::Relaxed);
        self.telemetry.tasks.turn(Task::Flush);
        if dropped > 0 {
            self.telemetry.dropped(DropReason::OutboxFull).add(dropped);
            self.troubles.note(
                "outbox",
                format!("the outbox is full: {dropped} hits dropped; limits.outbox caps it"),
            );
        }
        let keys = self.durable.outbox.keys();
        keys.iter().for_each(|key| self.cut(key));
        self.keep(true);
        let all = self.deliver_all(&keys).await;
        if self.telemetry.flushes.get() > before {
            self.telemetry.flush_times.observe(began.elapsed());
        }
        if all && let Err(error) = self.take_part(false).await {
            self.troubles.note("sharing", format!("{error}; counting goes on once it answers"));
        }
        // What was acknowledged; to be told twice does no harm.
        self.keep(false);
        self.durable.outbox.tidy(self.clock.now());
        if all && self.troubles.are_over() {
            tracing::info!("{} has everything again", self.store.name());
        }
        self.telemetry.flushed(all, self.clock.now());
        all
    }

    async fn deliver_all(&mut self, keys: &[Key]) -> bool {
        let mut all = true;
        for key in keys {
            if let Err(error) = self.batches_of(key).deliver().await {
                all = false;
                self.telemetry.flush_failures.inc();
                match error {
                    // No use in trying another.
                    StoreError::Unreachable { .. } => return self.away("away", &error),
                    _ => self.troubles.note("refused", error.to_string()),
                }
            }
        }
        if let Err(error) = self.deliver_entries().await {
            self.telemetry.flush_failures.inc();
            return self.away("entries", &error);
        }
        if let Err(error) = self.look_after_reconnect().await {
            self.troubles.note("markers", error.to_string());
        }
        all
    }

    /// What waits goes on to wait.
    fn away(&mut self, kind: &'static str, error: &StoreError) -> bool {
        let waiting = self.durable.hits();
        self.troubles.note(kind, format!("{error}; {waiting} hits wait"));
        false
    }

    /// Numbers what waits for `key`, if nothing of it is on its way.
    fn cut(&mut self, key: &Key) {
        let done = self.durable.outbox.cut(key);
        self.telemetry.unflushed.fetch_sub(done as i64, Ordering::Relaxed);
    }

    fn keep(&mut self, sync: bool) {
        let journal = self.engine.journal().map(Arc::as_ref);
        if let Err(error) = self.durable.keep(journal, sync) {
            self.troubles.note(
                "disk",
                format!(
                    "data_dir cannot be written: {error}; going on without journal and outbox on \
                     disk, so a kill now loses what the store does not have yet"
                ),
            );
        }
    }

    fn batches_of<'f>(&'f mut self, key: &'f Key) -> DayDelivery<'f> {
        DayDelivery { flusher: self, key }
    }

    /// After a reconnect the store may have lost its last writes. A (site, day) with new batches finds
    /// out by itself; this is for the others.
    async fn look_after_reconnect(&mut self) -> store::Result<()> {
        let connected = self.store.connections();
        if connected == self.looked {
            return Ok(());
        }
        for key in self.durable.outbox.remembered() {
            self.batches_of(&key).make_whole().await?;
        }
        self.look_after_entries().await?;
        self.looked = connected;
        Ok(())
    }

    /// What the store has lost is gone, and what follows goes under another name.
    fn pass_gap(&mut self, what: &str, have: u64) {
        self.keep(true);
        self.telemetry.dropped(DropReason::Gap).inc();
        tracing::error!(
            "{} has only {have} {what} from this node, and those that follow are gone; going on \
             without them",
            self.store.name(),
        );
    }
}

/// Batches of a (site, day) on their way.
struct DayDelivery<'f> {
    flusher: &'f mut Flusher,
    key: &'f Key,
}

impl Delivery for DayDelivery<'_> {
    type Item = Cut;

    fn sequence(&mut self) -> &Sequence<Cut> {
        self.flusher.durable.outbox.batches(self.key)
    }

    async fn send_next(&mut self) -> store::Result<Vec<Applied>> {
        if self.sequence().waiting().is_empty() {
            self.flusher.cut(self.key);
            if self.sequence().waiting().is_empty() {
                return Ok(Vec::new());
            }
            self.flusher.keep(true);
        }
        let Flusher { durable, store, .. } = &mut *self.flusher;
        let next = durable.outbox.batches(self.key).waiting().iter().take(AT_ONCE);
        let next: Vec<&Batch> = next.map(|cut| &cut.batch).collect();
        store.apply_some(&next).await
    }

    async fn send_again(&mut self, cut: &Cut) -> store::Result<()> {
        self.flusher.store.apply(&cut.batch).await.map(drop)
    }

    async fn marker(&mut self, name: &str) -> store::Result<u64> {
        let (site, day) = self.key;
        self.flusher.store.marker(site, *day, name).await
    }

    fn acknowledge(&mut self) {
        let Flusher { durable, telemetry, clock, .. } = &mut *self.flusher;
        let hits = durable.outbox.acknowledge(self.key, clock.now());
        telemetry.flushes.inc();
        telemetry.unflushed.fetch_sub(hits as i64, Ordering::Relaxed);
    }

    async fn begin_anew(&mut self, name: &Arc<str>, have: u64) -> store::Result<()> {
        self.flusher.durable.outbox.begin_anew(self.key, name);
        self.flusher.pass_gap(&self.words().1, have);
        Ok(())
    }

    fn words(&self) -> (String, String) {
        (self.flusher.store.name().to_owned(), format!("batches of {}", self.key.1))
    }
}

/// Troubles that end once the store has everything; others are not its own.
const OF_STORE: [&str; 5] = ["away", "refused", "entries", "markers", "sharing"];

/// Says each trouble once when it begins and once a minute while it lasts.
#[derive(Default)]
struct Troubles(HashMap<&'static str, Trouble>);

struct Trouble {
    /// When it was last said.
    said: Instant,
    /// This flush has met it.
    lasts: bool,
}

impl Troubles {
    /// At the start of a flush.
    fn begin(&mut self) {
        self.0.values_mut().for_each(|trouble| trouble.lasts = false);
    }

    fn note(&mut self, kind: &'static str, message: String) {
        let now = Instant::now();
        let due = |known: &Trouble| now.duration_since(known.said) >= Duration::from_secs(60);
        if self.0.get(kind).is_none_or(due) {
            tracing::warn!("{message}");
            self.0.insert(kind, Trouble { said: now, lasts: true });
        } else if let Some(known) = self.0.get_mut(kind) {
            known.lasts = true;
        }
    }

    /// At the end of a flush that has delivered everything: whether the store had troubles and has
    /// none now.
    fn are_over(&mut self) -> bool {
        let before = self.0.len();
        self.0.retain(|kind, trouble| trouble.lasts || !OF_STORE.contains(kind));
        let lasts = self.0.keys().any(|kind| OF_STORE.contains(kind));
        self.0.len() < before && !lasts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_has_everything_again_once_nothing_of_it_lasts() {
        let mut troubles = Troubles::default();
        assert!(!troubles.are_over(), "there was none");
        for kind in ["sharing", "disk"] {
            troubles.note(kind, String::new());
        }
        assert!(!troubles.are_over(), "this flush has met it");
        troubles.begin();
        troubles.note("sharing", String::new());
        troubles.note("away", String::new());
        assert!(!troubles.are_over(), "one lasts");
        troubles.begin();
        assert!(troubles.are_over());
        troubles.begin();
        assert!(!troubles.are_over(), "said once");
        assert!(troubles.0.contains_key("disk"), "it is not the store's");
    }
}
