//! From increments to the store: sealed, numbered, delivered exactly once.
//!
//! Every interval the [`Flusher`] takes what the aggregator gathered into the [`outbox`] and
//! sends batches in order, one at a time per (site, day). A batch leaves when the store has
//! answered; the store knows the number it has and applies none twice. Nothing to say, nothing
//! sent. A store that is away or refuses costs the site nothing: what waits, waits here.

mod batch;
mod outbox;

use crate::aggregate::Engine;
use crate::clock::Clock;
use crate::site::Site;
use crate::store::{Applied, Store, StoreError};
use crate::telemetry::{DropReason, Telemetry};
use outbox::{Key, Outbox};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

pub use batch::{BATCH_MAX, Batch};

/// A pause between tries while the last flush of a process fails.
const LAST_RETRY: Duration = Duration::from_millis(250);

/// Settings of a [`Flusher`].
#[derive(Debug, Clone)]
pub struct Settings {
    /// Time between flushes.
    pub interval: Duration,
    /// Bytes of increments that may wait for the store.
    pub outbox: usize,
    /// Events that may wait for the store; also what the store keeps per site.
    pub events_cap: usize,
    /// How long the last flush may take.
    pub last: Duration,
}

/// Delivers increments.
pub struct Flusher {
    engine: Arc<Engine>,
    store: Arc<dyn Store>,
    telemetry: Arc<Telemetry>,
    clock: Clock,
    settings: Settings,
    outbox: Outbox,
    troubles: Troubles,
}

/// Why the front batch of a (site, day) is still here.
enum Stuck {
    /// The store does not answer: no use in trying another.
    Away(StoreError),
    /// The store will not take this one.
    Refused(StoreError),
}

impl Flusher {
    /// `node` must be unique per run of a process.
    pub fn new(
        engine: Arc<Engine>,
        store: Arc<dyn Store>,
        sites: Arc<Vec<Site>>,
        telemetry: Arc<Telemetry>,
        clock: Clock,
        node: String,
        settings: Settings,
    ) -> Self {
        let outbox = Outbox::new(sites, node, settings.outbox, settings.events_cap);
        Self { engine, store, telemetry, clock, settings, outbox, troubles: Troubles::default() }
    }

    /// Flushes every interval until `stop` changes, then once more, insisting.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut ticks = tokio::time::interval(self.settings.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let stopping = tokio::select! {
                _ = ticks.tick() => false,
                _ = stop.changed() => true,
            };
            if stopping {
                break;
            }
            self.flush().await;
        }
        let deadline = Instant::now() + self.settings.last;
        while !self.flush().await {
            if Instant::now() >= deadline {
                tracing::error!(
                    "{} hits could not be delivered to {} before the end",
                    self.outbox.hits(),
                    self.store.name()
                );
                return;
            }
            tokio::time::sleep(LAST_RETRY).await;
        }
    }

    /// One flush. True if all is delivered.
    pub async fn flush(&mut self) -> bool {
        let dropped = self.outbox.add(self.engine.seal().windows);
        if dropped > 0 {
            self.telemetry.dropped(DropReason::OutboxFull).add(dropped);
            self.telemetry.unflushed.fetch_sub(dropped as i64, Ordering::Relaxed);
            self.troubles.note(
                "outbox",
                format!("the outbox is full: {dropped} hits dropped; limits.outbox caps it"),
            );
        }
        let mut all = true;
        for key in self.outbox.keys() {
            match self.deliver(key).await {
                Ok(()) => {}
                Err(Stuck::Refused(error)) => {
                    self.telemetry.flush_failures.inc();
                    self.troubles.note("refused", error.to_string());
                    all = false;
                }
                Err(Stuck::Away(error)) => {
                    self.telemetry.flush_failures.inc();
                    let waiting = self.outbox.hits();
                    self.troubles.note("away", format!("{error}; {waiting} hits wait"));
                    return false;
                }
            }
        }
        self.outbox.tidy(self.clock.now());
        if all {
            self.troubles.over(self.store.name());
        }
        all
    }

    /// Sends all batches of a (site, day), in order.
    async fn deliver(&mut self, key: Key) -> Result<(), Stuck> {
        // A store that says "gap" to what it was just replayed is broken: try again later.
        let mut replayed = false;
        while let Some(batch) = self.outbox.next(key) {
            match self.store.apply(batch).await.map_err(stuck)? {
                Applied::Now | Applied::Before => {
                    let hits = self.outbox.acknowledge(key, self.clock.now());
                    self.telemetry.flushes.inc();
                    self.telemetry.unflushed.fetch_sub(hits as i64, Ordering::Relaxed);
                }
                Applied::Gap { .. } if replayed => {
                    return Err(Stuck::Refused(StoreError::Refused {
                        store: self.store.name().to_owned(),
                        reason: "it forgets batches as soon as it is given them".to_owned(),
                    }));
                }
                Applied::Gap { have } => {
                    replayed = true;
                    self.fill_gap(key, have).await?;
                }
            }
        }
        Ok(())
    }

    async fn fill_gap(&mut self, key: Key, have: u64) -> Result<(), Stuck> {
        match self.outbox.replay(key, have) {
            Some(batches) => {
                tracing::warn!(
                    "{} lost the last {} batches of {}; sending them again",
                    self.store.name(),
                    batches.len(),
                    key.1
                );
                for batch in &batches {
                    self.store.apply(batch).await.map_err(stuck)?;
                }
            }
            None => {
                self.telemetry.dropped(DropReason::Gap).inc();
                tracing::error!(
                    "{} has only {have} batches of {} from this node, and those that follow are \
                     gone; going on without them",
                    self.store.name(),
                    key.1
                );
            }
        }
        Ok(())
    }
}

fn stuck(error: StoreError) -> Stuck {
    match error {
        StoreError::Unreachable { .. } => Stuck::Away(error),
        StoreError::WrongType { .. } | StoreError::Refused { .. } => Stuck::Refused(error),
    }
}

/// Says each trouble once when it begins and once a minute while it lasts.
#[derive(Default)]
struct Troubles(HashMap<&'static str, Instant>);

impl Troubles {
    fn note(&mut self, kind: &'static str, message: String) {
        let now = Instant::now();
        let due = |last: &Instant| now.duration_since(*last) >= Duration::from_secs(60);
        if self.0.get(kind).is_none_or(due) {
            tracing::warn!("{message}");
            self.0.insert(kind, now);
        }
    }

    fn over(&mut self, store: &str) {
        if !self.0.is_empty() {
            self.0.clear();
            tracing::info!("{store} has everything again");
        }
    }
}
