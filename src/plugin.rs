//! Analytics for a Pingora proxy, whole: from settings to a running [`Analytics`] handle.
//!
//! Puts the rooms behind the handle together (store, secrets, aggregators, flusher, admin port) and
//! takes them down in the right order. Our own binary uses it as any other proxy would:
//!
//! ```no_run
//! # use pingora::prelude::*;
//! # use headcount::capture::{Analytics, WithAnalytics};
//! # fn with<P: pingora::proxy::ProxyHttp + Send + Sync + 'static>(
//! #     mut server: Server,
//! #     my_proxy: P,
//! # ) -> anyhow::Result<()>
//! # where
//! #     P::CTX: Send + Sync,
//! # {
//! let counting = Analytics::builder("www.example.org").store("redis://127.0.0.1").start()?;
//! let proxy = WithAnalytics::new(my_proxy, counting.analytics());
//! let mut service = http_proxy_service(&server.configuration, proxy);
//! service.add_tcp("0.0.0.0:8080");
//! server.add_service(service);
//! server.run(pingora::server::RunArgs::default());
//! counting.stop(); // with the last flush
//! # Ok(())
//! # }
//! ```
//!
//! It knows nothing of the proxy itself: peers, listeners and signals are the proxy's own.

use crate::admin::{AdminState, Live, UNREAD};
use crate::aggregate::{Engine, Happened};
use crate::background::{
    EXCLUSIONS_EVERY, Runtimes, first_contact, keep_exclusions, keep_keys, keep_names, keep_places,
    keep_ranges, keep_secrets, serve_admin,
};
use crate::budget::Budget;
use crate::capture::{Analytics, SiteSettings};
use crate::clock::Clock;
use crate::config::{Config, ConfigError, Key, Settings};
use crate::flush::{self, DurableOutbox, Flusher};
use crate::home::{self, Home};
use crate::journal::LateLog;
use crate::kept::Kept;
use crate::model::random_name;
use crate::model::site::Site;
use crate::notify::{self, Notifier};
use crate::open::{self, Open};
use crate::room_settings::{capture_settings, site_settings, visitor_settings};
use crate::shared;
use crate::store::{self, Store};
use crate::supervise::Task;
use crate::telemetry::Telemetry;
use crate::upkeep::{Daily, Keep};
use crate::visitor::address::Trusted;
use crate::visitor::{Agents, Places, Ranges, Secrets, Visitors};
use anyhow::Context;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// How long hits may take from a request to a shard; it is a hundredth of a second.
const CATCH_UP: Duration = Duration::from_secs(1);

/// How often it is looked whether a process before this one has let go a port.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How long what is looked after may take to the end of a turn.
const CHORES_PATIENCE: Duration = Duration::from_secs(1);

/// How long the admin port's last answers hold up the end, once all is delivered.
const ADMIN_PATIENCE: Duration = Duration::from_secs(1);

impl Analytics {
    /// Starts to say what is to be counted: a site by its name, everything else as
    /// `conf/headcount.toml` has it until it is set.
    pub fn builder(site: &str) -> Builder {
        Builder { settings: Settings::defaults(), wrong: None }.set("site", site)
    }

    /// The same as a file of settings says it, of which this is the text: several sites are its
    /// `[[sites]]`, each with its `hosts`.
    pub fn configured(toml: &str) -> Builder {
        let mut settings = Settings::defaults();
        let wrong = settings.toml("settings", toml).err();
        Builder { settings, wrong }
    }
}

/// What is to be counted, where to and how.
#[must_use = "nothing is counted before `start`"]
pub struct Builder {
    settings: Settings,
    /// The first setting that was refused; `start` says so.
    wrong: Option<ConfigError>,
}

impl Builder {
    /// Where counts are kept: `sqlite:FILE`, `redis://HOST` ….
    pub fn store(self, url: &str) -> Self {
        self.set("store", url)
    }

    /// Where the numbers are read.
    pub fn admin(self, address: &str) -> Self {
        self.set("admin", address)
    }

    /// Sets any key of `conf/headcount.toml`, written as for a flag: `("limits.outbox", "16MB")`.
    /// What is about the proxy itself (`upstream`, `listen`, `timeouts.read` …) has no effect.
    pub fn set(mut self, key: &str, value: &str) -> Self {
        let set = match Key::find(key) {
            Some(found) => self.settings.flag(found, value),
            None => Err(ConfigError::new(key, "there is no such setting")),
        };
        self.wrong = self.wrong.or(set.err());
        self
    }

    /// Opens the store and the admin port, and starts to count. For a thread that may block.
    ///
    /// # Errors
    /// One line that names what is wrong: a setting, a port in use, a database that cannot be
    /// opened. A Redis that cannot be reached is none.
    pub fn start(self) -> anyhow::Result<Counting> {
        if let Some(wrong) = self.wrong {
            return Err(wrong.into());
        }
        // One provider for all libraries that speak TLS. An application that has chosen keeps its.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        Counting::start(&Config::for_plugin(&self.settings)?, Duration::ZERO)
    }
}

/// Everything behind an [`Analytics`] handle, running. Dropping it delivers what is left.
pub struct Counting {
    analytics: Analytics,
    telemetry: Arc<Telemetry>,
    store: Arc<dyn Store>,
    admin: SocketAddr,
    /// Where all of it runs but what a request waits for. `None` once stopped.
    runtimes: Option<Runtimes>,
    engine: Arc<Engine>,
    /// Makes another like the first, which goes on with what waits in an outbox.
    flusher: Box<dyn Fn(DurableOutbox) -> Flusher + Send + Sync>,
    closing: watch::Sender<bool>,
    work: Option<(JoinHandle<()>, JoinHandle<()>)>,
    /// What is looked after now and then.
    chores: JoinHandle<()>,
    home: Option<Home>,
    open: Open,
}

impl Counting {
    /// `patience`: how long to wait for a process before this one, which is about to end, to let go
    /// the admin port and the node's folder.
    ///
    /// # Errors
    /// As [`Builder::start`].
    pub fn start(config: &Config, patience: Duration) -> anyhow::Result<Self> {
        let runtimes = Runtimes::new()?;
        let background = &runtimes.background;
        // Claimed first: a port in use is one clear line, and nothing else has happened.
        let mut listener = None;
        if patience.is_zero() {
            listener = Some(bind(config.admin, "admin")?);
        }

        let kept = store::open(&config.store, &config.data_dir)?;
        let store: Arc<dyn Store> = kept.clone();
        let clock = Clock::system();
        let telemetry = Arc::new(Telemetry::default());
        let sites: Arc<Vec<Site>> =
            Arc::new(config.sites.iter().map(|own| own.site.clone()).collect());
        let places = Arc::new(Places::open(&config.geoip)?);
        let trusted = Trusted::from(config.trusted_proxies.clone());
        // Clients wait while this process waits for the one before: what takes long is done by
        // then.
        Agents::new().warm();
        let listener = match listener {
            Some(listener) => listener,
            None => background.block_on(bind_within(config.admin, "admin", patience))?,
        };
        let admin = listener.local_addr().context("admin")?;
        let mut home = background.block_on(Home::open(config, store.as_ref(), &clock, patience));
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
        let senders = open::senders(config)?;
        let of_sites: Vec<SiteSettings> = config.sites.iter().map(site_settings).collect();
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

        let budget = (config.monthly_commands > 0 && config.store.is_shared()).then(|| {
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
        let auth = Arc::new(open::auth(config)?);
        let owned = Arc::new(Kept::new(store.clone(), budget.as_ref()));
        let exclusions = match &budget {
            Some(_) => EXCLUSIONS_EVERY * 100,
            None => EXCLUSIONS_EVERY,
        };
        let state = AdminState {
            sites: sites.clone(),
            entrances: Arc::new(sites.iter().map(|site| config.entrance(site)).collect()),
            excluded: Arc::new(
                config.sites.iter().map(|site| site.exclude.addresses.clone()).collect(),
            ),
            store: store.clone(),
            kept: owned.clone(),
            telemetry: telemetry.clone(),
            live: engine.clone(),
            auth: auth.clone(),
            language: config.language,
            cors_origins: config.cors_origins.clone(),
            trusted: trusted.clone(),
            places: places.clone(),
            clock: clock.clone(),
            flush_interval: match &budget {
                Some(budget) => config.flush_interval.max(budget.interval()),
                None => config.flush_interval,
            },
            budget: budget.clone(),
            unread: UNREAD,
        };
        let (closing, closed) = watch::channel(false);
        let late = home.late_logs(&engine);
        let flushing = runtimes.flush.spawn(flusher(durable).adopting(late).run(closed.clone()));
        let showing = runtimes.admin.spawn(serve_admin(listener, state, closed));
        let (node, keep, spending) = (random_name(), Keep::all(config), budget);
        let to_tell = notify::Parts {
            store: store.clone(),
            sites: sites.clone(),
            settings: config.sites.iter().map(|site| site.notify.clone()).collect(),
            sender: Arc::new(notify::Sender::new(
                config.mail.as_ref(),
                config.webhook_secret.as_ref(),
                config.dashboard_url.as_deref(),
            )?),
            say: config.language,
        };
        let open = Open { trusted, places: places.clone(), auth, senders, admin };
        let chores = background.spawn({
            let (store, telemetry) = (store.clone(), telemetry.clone());
            async move {
                let tasks = &telemetry.tasks;
                let notifier = || {
                    let (telemetry, node) = (telemetry.clone(), node.clone());
                    Notifier::new(to_tell.clone(), clock.clone(), telemetry, node)
                        .map(|notifier| notifier.within(spending.clone()))
                };
                let notify = tasks.keep(Task::Notify, || async {
                    if let Some(notifier) = notifier() {
                        notifier.run(tasks).await;
                    }
                });
                let daily = || {
                    let (kept, sites, clock) = (kept.clone(), sites.clone(), clock.clone());
                    let daily = Daily::new(kept, sites, clock, keep.clone(), node.clone());
                    daily.within(spending.clone()).run(tasks)
                };
                tokio::join!(
                    keep_secrets(&secrets, store.as_ref(), &clock, tasks),
                    keep_places(&places, tasks),
                    keep_ranges(&prover, tasks),
                    keep_names(&prover, tasks),
                    keep_keys(&prover, tasks),
                    keep_exclusions(&owned, &left_out, exclusions, tasks),
                    tasks.keep(Task::Daily, daily),
                    notify,
                );
            }
        });
        let work = Some((flushing, showing));
        let (runtimes, home) = (Some(runtimes), Some(home));
        Ok(Self {
            analytics,
            telemetry,
            store,
            admin,
            runtimes,
            engine,
            flusher,
            closing,
            work,
            chores,
            home,
            open,
        })
    }

    /// Opens what [`Counting::start`] will, but for what another process may still have.
    ///
    /// # Errors
    /// As [`Builder::start`].
    pub(crate) fn check(config: &Config) -> anyhow::Result<()> {
        store::open(&config.store, &config.data_dir)?;
        Places::open(&config.geoip)?;
        Ranges::open(config.crawler_ranges.as_deref())?;
        open::auth(config).map(drop)
    }

    /// The handle to call from a proxy's hooks, or to wrap it in.
    pub fn analytics(&self) -> Analytics {
        self.analytics.clone()
    }

    /// What the process counts about itself.
    pub fn telemetry(&self) -> &Arc<Telemetry> {
        &self.telemetry
    }

    /// The store's address, without a password.
    pub fn store_name(&self) -> &str {
        self.store.name()
    }

    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Where the admin port is.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    pub(crate) fn open(&self) -> &Open {
        &self.open
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
        let (flushing, showing) = self.work.take()?;
        // From here on hits are in the journal, in the late log or counted by this process, never
        // in two places: all that are in the journal are below the marks of the last flush.
        let late = home.late_log(&Clock::system());
        late.iter().for_each(|late| self.engine.hand_over(late.clone()));
        home.close();
        runtimes.background.block_on(self.engine.caught_up(CATCH_UP));
        self.closing.send_replace(true);
        let _ = runtimes.background.block_on(flushing);
        home.leave();
        let (cap, events) = (config.limits.outbox, config.limits.events_cap);
        let flusher = (self.flusher)(DurableOutbox::in_memory(random_name(), cap, events));
        let (closing, closed) = watch::channel(false);
        self.closing = closing;
        self.work = Some((runtimes.flush.spawn(flusher.run(closed)), showing));
        late
    }

    /// Delivers what is left and ends. To be called once no request runs any more, from a thread
    /// that may block: it takes `timeouts.shutdown` if the store does not answer.
    pub fn stop(self) {}
}

impl Drop for Counting {
    fn drop(&mut self) {
        let (Some(runtimes), Some((flushing, showing))) = (self.runtimes.take(), self.work.take())
        else {
            return;
        };
        self.closing.send_replace(true);
        let end = async {
            let _ = flushing.await;
            // In the middle of a turn it would find that there are no timers any more, and panic.
            self.chores.abort();
            let _ = tokio::time::timeout(CHORES_PATIENCE, &mut self.chores).await;
            let _ = tokio::time::timeout(ADMIN_PATIENCE, showing).await;
        };
        // From a thread of its own: whoever drops this may be in a runtime, which must not block.
        std::thread::scope(|scope| {
            scope.spawn(|| runtimes.background.block_on(end));
        });
        runtimes.shutdown();
        if let Some(home) = self.home.take() {
            home.leave();
        }
    }
}

/// Claims a port; `key` is the setting it was named by.
fn bind(address: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    bound.with_context(|| format!("{key} {address} cannot be used"))
}

/// Claims a port that another process may be about to let go.
async fn bind_within(
    address: SocketAddr,
    key: &str,
    patience: Duration,
) -> anyhow::Result<TcpListener> {
    let deadline = Instant::now() + patience;
    loop {
        match bind(address, key) {
            Err(_) if Instant::now() < deadline => tokio::time::sleep(LOOK_EVERY).await,
            bound => return bound,
        }
    }
}

impl Live for Engine {
    fn current_visitors(&self, site: usize) -> u64 {
        Engine::current_visitors(self, site)
    }

    fn subscribe(&self) -> broadcast::Receiver<Arc<Happened>> {
        Engine::subscribe(self)
    }
}
