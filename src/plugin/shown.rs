//! What people see of the counts: the admin port, reports and alerts, and what owners change there.
//!
//! Apart so that it can be left out (the feature `admin`): then `without_shown` stands in its place.

use super::parts::Parts;
use crate::admin::{self, AdminState, Auth, Live, UNREAD};
use crate::aggregate::{Engine, Happened};
use crate::background;
use crate::capture::LeftOut;
use crate::config::Config;
use crate::kept::{Kept, SiteSettings};
use crate::notify::{self, Notifier};
use crate::room_settings::credentials;
use crate::store::Store;
use crate::supervise::{Task, Tasks};
use anyhow::Context;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// How often it is looked whether a process before this one has let go a port.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How long the admin port's last answers hold up the end, once all is delivered.
const ADMIN_PATIENCE: Duration = Duration::from_secs(1);

/// How often it is looked for addresses that owners leave out, and how often while nobody comes.
const EXCLUSIONS_EVERY: Duration = Duration::from_secs(3);
const EXCLUSIONS_AT_REST: Duration = Duration::from_secs(300);

/// Who may see the admin port.
///
/// # Errors
/// Credentials that could never match.
pub fn auth(config: &Config) -> anyhow::Result<Auth> {
    let (password, tokens) = credentials(config);
    Ok(Auth::new(password, &tokens)?)
}

/// The admin port, before anything is shown there.
pub struct Claim {
    address: SocketAddr,
    patience: Duration,
    listener: Option<TcpListener>,
}

impl Claim {
    /// Claims the port now, unless a process before this one may still have it.
    ///
    /// # Errors
    /// It is in use.
    pub fn new(config: &Config, patience: Duration) -> anyhow::Result<Option<Self>> {
        let address = config.admin;
        let listener = if patience.is_zero() { Some(bind(address)?) } else { None };
        Ok(Some(Self { address, patience, listener }))
    }

    /// # Errors
    /// It is in use for longer than there is patience.
    pub async fn listener(self) -> anyhow::Result<TcpListener> {
        if let Some(listener) = self.listener {
            return Ok(listener);
        }
        let deadline = Instant::now() + self.patience;
        loop {
            match bind(self.address) {
                Err(_) if Instant::now() < deadline => tokio::time::sleep(LOOK_EVERY).await,
                bound => return bound,
            }
        }
    }
}

fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    bound.with_context(|| format!("admin {address} cannot be used"))
}

/// Shows and tells what there is: on a port, if there is one, and to whom the settings name. Gives
/// what is to be done now and then. Of a store that answers no questions nothing is shown.
///
/// # Errors
/// Credentials that could never match; a way for messages that cannot be used; no more threads.
pub fn begin(
    listener: Option<TcpListener>,
    config: &Config,
    parts: &Parts,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<(Option<Shown>, Vec<BoxFuture<'static, ()>>)> {
    let Some(store) = parts.stored.to_show.clone() else { return Ok((None, Vec::new())) };
    let kept = Arc::new(Kept::new(store.clone(), parts.budget.as_ref()));
    let chores = vec![exclusions(parts, kept.clone()), messages(config, parts, store.clone())?];
    let start = |listener| Shown::start(listener, config, parts, store, kept, stop);
    Ok((listener.map(start).transpose()?, chores))
}

/// What owners leave out is looked for.
fn exclusions(parts: &Parts, kept: Arc<Kept>) -> BoxFuture<'static, ()> {
    let (sites, telemetry) = (parts.left_out.clone(), parts.telemetry.clone());
    let every = match &parts.budget {
        Some(_) => EXCLUSIONS_EVERY * 100,
        None => EXCLUSIONS_EVERY,
    };
    async move { keep_exclusions(&kept, &sites, every, &telemetry.tasks).await }.boxed()
}

/// Reports and alerts are sent.
///
/// # Errors
/// A way for them that cannot be used.
fn messages(
    config: &Config,
    parts: &Parts,
    store: Arc<dyn Store>,
) -> anyhow::Result<BoxFuture<'static, ()>> {
    let to_tell = notify::Parts {
        store,
        sites: parts.sites.clone(),
        settings: config.sites.iter().map(|site| site.notify.clone()).collect(),
        sender: Arc::new(notify::Sender::new(
            config.mail.as_ref(),
            config.webhook_secret.as_ref(),
            config.dashboard_url.as_deref(),
        )?),
    };
    let Parts { telemetry, clock, budget, node, .. } = parts.clone();
    let notifier = move || {
        let (telemetry, node) = (telemetry.clone(), node.clone());
        Notifier::new(to_tell.clone(), clock.clone(), telemetry, node)
            .map(|notifier| notifier.within(budget.clone()))
    };
    let telemetry = parts.telemetry.clone();
    let messages = async move {
        let tell = || async {
            if let Some(notifier) = notifier() {
                notifier.run(&telemetry.tasks).await;
            }
        };
        telemetry.tasks.keep(Task::Notify, tell).await;
    };
    Ok(messages.boxed())
}

/// The admin port while it answers.
pub struct Shown {
    address: SocketAddr,
    auth: Arc<Auth>,
    /// A thread of its own: readers hold up nothing else.
    runtime: Runtime,
    showing: JoinHandle<()>,
}

impl Shown {
    /// Answers until `stop` says so.
    ///
    /// # Errors
    /// Credentials that could never match; no more threads to be had.
    fn start(
        listener: TcpListener,
        config: &Config,
        parts: &Parts,
        store: Arc<dyn Store>,
        kept: Arc<Kept>,
        stop: watch::Receiver<bool>,
    ) -> anyhow::Result<Self> {
        let (address, auth) = (listener.local_addr().context("admin")?, Arc::new(auth(config)?));
        let flush_interval = match &parts.budget {
            Some(budget) => config.flush_interval.max(budget.interval()),
            None => config.flush_interval,
        };
        let state = AdminState {
            sites: parts.sites.clone(),
            entrances: Arc::new(parts.sites.iter().map(|site| config.entrance(site)).collect()),
            excluded: Arc::new(
                config.sites.iter().map(|site| site.exclude.addresses.clone()).collect(),
            ),
            store,
            kept,
            telemetry: parts.telemetry.clone(),
            live: parts.engine.clone(),
            auth: auth.clone(),
            language: config.language,
            cors_origins: config.cors_origins.clone(),
            trusted: parts.trusted.clone(),
            places: parts.places.clone(),
            clock: parts.clock.clone(),
            flush_interval,
            budget: parts.budget.clone(),
            demo: config.demo.clone(),
            unread: UNREAD,
        };
        let runtime = background::runtime("admin")?;
        let showing = runtime.spawn(serve(listener, state, stop));
        Ok(Self { address, auth, runtime, showing })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Who may look, and where.
    #[cfg(feature = "cli")]
    pub fn guard(&self) -> (Arc<Auth>, SocketAddr) {
        (self.auth.clone(), self.address)
    }

    /// Lets the last answers end, for a while.
    pub fn end(self, on: &Runtime) {
        let Self { runtime, showing, .. } = self;
        let _ = on.block_on(async { tokio::time::timeout(ADMIN_PATIENCE, showing).await });
        runtime.shutdown_background();
    }
}

/// Answers on the admin port until `stop` says so.
async fn serve(listener: TcpListener, state: AdminState, stop: watch::Receiver<bool>) {
    let telemetry = state.telemetry.clone();
    let serve = || async {
        telemetry.tasks.turn(Task::Admin);
        let listener = tokio::net::TcpListener::from_std(listener.try_clone()?)?;
        let mut stop = stop.clone();
        let stopped = async move {
            let _ = stop.wait_for(|stopping| *stopping).await;
        };
        admin::serve(listener, state.clone(), stopped).await
    };
    let served: io::Result<()> = telemetry.tasks.keep(Task::Admin, serve).await;
    if let Err(error) = served {
        tracing::error!("the admin port has stopped: {error}");
    }
}

/// Looks for addresses that owners leave out of the sites: at once where this process changed them,
/// soon while there are requests, and seldom while there are none.
async fn keep_exclusions(
    kept: &Kept,
    sites: &[(Arc<str>, Arc<LeftOut>)],
    every: Duration,
    tasks: &Tasks,
) {
    tasks
        .keep(Task::Exclusions, || async {
            let mut looked: Option<Instant> = None;
            loop {
                tasks.turn(Task::Exclusions);
                let is_due = looked.is_none_or(|at| at.elapsed() >= EXCLUSIONS_AT_REST);
                for (site, left_out) in sites {
                    if left_out.asked.swap(false, Ordering::Relaxed) || is_due {
                        looked = Some(Instant::now());
                        if let Ok(settings) = kept.get::<SiteSettings>(Some(site)).await {
                            left_out.replace(settings.networks());
                        }
                    }
                }
                // What was changed here is held already: it costs nothing to look.
                if tokio::time::timeout(every, kept.changed()).await.is_ok() {
                    sites
                        .iter()
                        .for_each(|(_, left_out)| left_out.asked.store(true, Ordering::Relaxed));
                }
            }
        })
        .await
}

impl Live for Engine {
    fn current_visitors(&self, site: usize) -> u64 {
        Engine::current_visitors(self, site)
    }

    fn subscribe(&self) -> broadcast::Receiver<Arc<Happened>> {
        Engine::subscribe(self)
    }
}
