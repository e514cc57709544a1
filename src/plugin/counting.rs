//! The rooms behind an [`Analytics`] handle while they are at work: put together, and taken down in
//! the right order.

use super::daily;
use super::parts::Parts;
use super::shown::{self, Claim, Shown};
use super::stored::Stored;
use crate::background::{
    Runtimes, first_contact, keep_keys, keep_names, keep_places, keep_ranges, keep_secrets,
};
use crate::budget::Budget;
use crate::capture::{Analytics, Senders, SiteSettings};
use crate::clock::Clock;
use crate::config::Config;
use crate::flush::{self, DurableOutbox, Flusher};
use crate::home::{self, Home};
use crate::model::random_name;
use crate::model::site::Site;
use crate::room_settings::{capture_settings, senders, site_settings, visitor_settings};
use crate::shared;
use crate::telemetry::Telemetry;
use crate::visitor::address::Trusted;
use crate::visitor::{Agents, Places, Prover, Secrets, Visitors};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long what is looked after may take to the end of a turn.
const CHORES_PATIENCE: Duration = Duration::from_secs(1);

/// Everything behind an [`Analytics`] handle, running. Dropping it delivers what is left.
pub struct Counting {
    analytics: Analytics,
    pub(super) parts: Parts,
    pub(super) senders: Senders,
    /// Makes another like the first, which goes on with what waits in an outbox.
    pub(super) flusher: Box<dyn Fn(DurableOutbox) -> Flusher + Send + Sync>,
    /// Where all of it runs but what a request waits for. `None` once stopped.
    pub(super) runtimes: Option<Runtimes>,
    pub(super) closing: watch::Sender<bool>,
    pub(super) flushing: Option<JoinHandle<()>>,
    pub(super) shown: Option<Shown>,
    /// What is looked after now and then.
    chores: JoinHandle<()>,
    pub(super) home: Option<Home>,
}

impl Counting {
    /// `patience`: how long to wait for a process before this one, which is about to end, to let go
    /// the admin port and the node's folder.
    ///
    /// # Errors
    /// As [`Builder::start`](super::Builder::start).
    pub(crate) fn start(config: &Config, patience: Duration) -> anyhow::Result<Self> {
        // Claimed first: a port in use is one clear line, and nothing else has happened.
        let claim = Claim::new(config, patience)?;
        Self::with(config, Stored::open(config)?, claim, patience)
    }

    /// The same with a store of somebody's own.
    pub(super) fn start_with(config: &Config, stored: Stored, shows: bool) -> anyhow::Result<Self> {
        let shows = shows && stored.to_show.is_some();
        let claim = if shows { Claim::new(config, Duration::ZERO)? } else { None };
        Self::with(config, stored, claim, Duration::ZERO)
    }

    fn with(
        config: &Config,
        stored: Stored,
        claim: Option<Claim>,
        patience: Duration,
    ) -> anyhow::Result<Self> {
        let runtimes = Runtimes::new()?;
        let background = &runtimes.background;
        let store = stored.counts.clone();
        let clock = Clock::system();
        let telemetry = Arc::new(Telemetry::default());
        let sites: Arc<Vec<Site>> =
            Arc::new(config.sites.iter().map(|own| own.site.clone()).collect());
        let places = Arc::new(Places::open(&config.geoip)?);
        let trusted = Trusted::from(config.trusted_proxies.clone());
        // Clients wait while this process waits for the one before: what takes long is done by
        // then.
        Agents::new().warm();
        let listener = claim.map(|claim| background.block_on(claim.listener())).transpose()?;
        let mut home = background.block_on(Home::open(config, stored.shared(), &clock, patience));
        let secrets = Arc::new(Secrets::new(sites.clone(), clock.now(), home.folder()));
        background.block_on(first_contact(&secrets, store.as_ref(), &clock));
        let telling_apart = visitor_settings(config, trusted.clone())?;
        let prover = telling_apart.prover.clone();
        let visitors = Visitors::new(sites.clone(), places.clone(), secrets.clone(), telling_apart);
        let spread = match config.shared_sessions {
            true => background.block_on(home.shared_spread(store.as_ref(), &sites, clock.now())),
            false => home.spread(),
        };
        let (engine, durable) = home.begin(config, &sites, &telemetry, &clock);
        let engine = Arc::new(engine);
        let senders = senders(config)?;
        let of_sites: Vec<SiteSettings> =
            config.sites.iter().map(site_settings).collect::<anyhow::Result<_>>()?;
        let left_out: Vec<_> = sites
            .iter()
            .zip(&of_sites)
            .map(|(site, own)| (site.name.clone(), own.left_out.clone()))
            .collect();
        let analytics = Analytics::new(
            sites.clone(),
            of_sites,
            capture_settings(config, trusted.clone(), senders.clone()),
            visitors.spread(spread),
            engine.clone(),
            telemetry.clone(),
            clock.clone(),
        );

        let budget = (config.monthly_commands > 0 && stored.is_shared).then(|| {
            let store = store.clone();
            let spent = move || store.commands().load(Ordering::Relaxed);
            Arc::new(Budget::new(config.monthly_commands, clock.clone(), spent))
        });
        let flusher: Box<dyn Fn(DurableOutbox) -> Flusher + Send + Sync> = Box::new({
            let (engine, store, sites) = (engine.clone(), store.clone(), sites.clone());
            let (telemetry, clock, budget) = (telemetry.clone(), clock.clone(), budget.clone());
            let interval = config.flush_interval;
            let settings = flush::FlushSettings { interval, last: config.timeouts.shutdown };
            let sharing = config
                .shared_sessions
                .then(|| shared::CountingSettings { interval, limits: home::limits(config, 1) });
            move |durable| {
                let (engine, store, sites) = (engine.clone(), store.clone(), sites.clone());
                let (telemetry, clock) = (telemetry.clone(), clock.clone());
                let flusher =
                    Flusher::new(engine, store, sites, telemetry, clock, durable, settings.clone())
                        .within(budget.clone());
                match &sharing {
                    Some(sharing) => flusher.sharing(sharing.clone()),
                    None => flusher,
                }
            }
        });
        let (closing, closed) = watch::channel(false);
        let node = random_name();
        let parts = Parts {
            stored,
            sites,
            engine,
            telemetry,
            trusted,
            places,
            clock,
            budget,
            node,
            left_out,
        };
        let (shown, mut chores) = shown::begin(listener, config, &parts, closed.clone())?;
        chores.extend(daily::chore(config, &parts));
        chores.push(own_chores(&parts, secrets, prover));
        let late = home.late_logs(&parts.engine);
        let flushing = runtimes.flush.spawn(flusher(durable).adopting(late).run(closed));
        let chores = background.spawn(join_all(chores).map(drop));
        Ok(Self {
            analytics,
            parts,
            senders,
            flusher,
            runtimes: Some(runtimes),
            closing,
            flushing: Some(flushing),
            shown,
            chores,
            home: Some(home),
        })
    }

    /// The handle to call from a proxy's hooks, or to wrap it in.
    pub fn analytics(&self) -> Analytics {
        self.analytics.clone()
    }

    /// What the process counts about itself.
    #[doc(hidden)]
    pub fn telemetry(&self) -> &Arc<Telemetry> {
        &self.parts.telemetry
    }

    /// The store's address, without a password.
    pub fn store_name(&self) -> &str {
        self.parts.stored.counts.name()
    }

    /// Where the admin port is, if there is one.
    pub fn admin(&self) -> Option<SocketAddr> {
        self.shown.as_ref().map(Shown::address)
    }

    /// Delivers what is left and ends. To be called once no request runs any more, from a thread
    /// that may block: it takes `timeouts.shutdown` if the store does not answer.
    pub fn stop(self) {}
}

/// What counting itself needs now and then: salts in time, and new lists of places and robots.
fn own_chores(parts: &Parts, secrets: Arc<Secrets>, prover: Arc<Prover>) -> BoxFuture<'static, ()> {
    let Parts { stored, places, clock, telemetry, .. } = parts.clone();
    async move {
        let tasks = &telemetry.tasks;
        tokio::join!(
            keep_secrets(&secrets, stored.counts.as_ref(), &clock, tasks),
            keep_places(&places, tasks),
            keep_ranges(&prover, tasks),
            keep_names(&prover, tasks),
            keep_keys(&prover, tasks),
        );
    }
    .boxed()
}

impl Drop for Counting {
    fn drop(&mut self) {
        let (Some(runtimes), Some(flushing)) = (self.runtimes.take(), self.flushing.take()) else {
            return;
        };
        self.closing.send_replace(true);
        let chores = &mut self.chores;
        let shown = self.shown.take();
        let end = async {
            let _ = flushing.await;
            // In the middle of a turn it would find that there are no timers any more, and panic.
            chores.abort();
            let _ = tokio::time::timeout(CHORES_PATIENCE, chores).await;
        };
        // From a thread of its own: whoever drops this may be in a runtime, which must not block.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                runtimes.background.block_on(end);
                if let Some(shown) = shown {
                    shown.end(&runtimes.background);
                }
            });
        });
        runtimes.shutdown();
        if let Some(home) = self.home.take() {
            home.leave();
        }
    }
}
