//! What only the program does with what counts: hand it over to the process that takes its place,
//! and change settings while it runs.

use super::counting::Counting;
use super::shown;
use crate::clock::Clock;
use crate::config::Config;
use crate::flush::DurableOutbox;
use crate::journal::LateLog;
use crate::model::random_name;
use crate::open::Open;
use crate::store::{self, CountStore};
use crate::visitor::address::Trusted;
use crate::visitor::{Places, Ranges};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// How long hits may take from a request to a shard; it is a hundredth of a second.
const CATCH_UP: Duration = Duration::from_secs(1);

impl Counting {
    /// Opens what [`Counting::start`] will, but for what another process may still have.
    ///
    /// # Errors
    /// As [`Builder::start`](super::Builder::start).
    pub(crate) fn check(config: &Config) -> anyhow::Result<()> {
        store::open(&config.store, &config.data_dir)?;
        Places::open(&config.geoip)?;
        Ranges::open(config.crawler_ranges.as_deref())?;
        shown::auth(config).map(drop)
    }

    pub(crate) fn store(&self) -> &Arc<dyn CountStore> {
        &self.parts.stored.counts
    }

    /// What may change while it runs; the program always has an admin port.
    pub(crate) fn open(&self) -> Option<Open> {
        let (auth, admin) = self.shown.as_ref()?.guard();
        let (trusted, places) = (self.parts.trusted.clone(), self.parts.places.clone());
        Some(Open { trusted, places, auth, senders: self.senders.clone(), admin })
    }

    /// Peers that are believed about the client's address.
    pub(crate) fn trusted(&self) -> &Trusted {
        &self.parts.trusted
    }

    /// The runtime for what must not be in a request's way.
    pub(crate) fn background(&self) -> Option<&Runtime> {
        self.runtimes.as_ref().map(|runtimes| &runtimes.background)
    }

    /// Delivers what there is, and lets go the admin port and the node's folder: another process
    /// goes on with them, and knows all visits. What the last requests still bring is written down
    /// for that process to count; gives where, unless it has to be counted from memory.
    pub(crate) fn hand_over(&mut self, config: &Config) -> Option<Arc<LateLog>> {
        let (runtimes, home) = (self.runtimes.as_ref()?, self.home.take()?);
        let flushing = self.flushing.take()?;
        let engine = &self.parts.engine;
        // From here on hits are in the journal, in the late log or counted by this process, never
        // in two places: all that are in the journal are below the marks of the last flush.
        let late = home.late_log(&Clock::system());
        late.iter().for_each(|late| engine.hand_over(late.clone()));
        home.close();
        runtimes.background.block_on(engine.caught_up(CATCH_UP));
        self.closing.send_replace(true);
        let _ = runtimes.background.block_on(flushing);
        home.leave();
        let (cap, events) = (config.limits.outbox, config.limits.events_cap);
        let flusher = (self.flusher)(DurableOutbox::in_memory(random_name(), cap, events));
        let (closing, closed) = watch::channel(false);
        self.closing = closing;
        self.flushing = Some(runtimes.flush.spawn(flusher.run(closed)));
        late
    }
}
