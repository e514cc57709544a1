//! The website behind the proxy: the upstreams of a site, and which of them a request is sent to.
//!
//! [`server`] is one upstream, [`group`] chooses among several, [`health`] finds out which of them
//! work. Settings can be replaced while requests are on their way: what is known of an upstream that
//! stays is kept.

mod group;
mod health;
mod server;

use super::rules::{Rules, is_under, plain};
use crate::config::{Health, Route, SiteConfig, Timeouts, Weighted};
use crate::supervise::{Task, Tasks};
use crate::telemetry::Telemetry;
use anyhow::Context;
use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_util::future::join_all;
use group::Group;
use pingora::connectors::ConnectorOptions;
use pingora::connectors::http::Connector;
use pingora::upstreams::peer::HttpPeer;
use server::{Server, Taken};
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// How often a name is looked up again.
const REFRESH: Duration = Duration::from_secs(30);

/// What stands behind a site.
pub struct Website {
    current: ArcSwap<Current>,
    timeouts: Timeouts,
    telemetry: Arc<Telemetry>,
    /// Checks are made through it.
    connector: Connector,
    changed: Notify,
}

/// The settings in force.
struct Current {
    group: Group,
    /// Groups of their own for paths, the longest path first.
    routes: Vec<(String, Group)>,
    /// If there are any.
    rules: Option<Arc<Rules>>,
    health: Health,
    maintenance_page: Option<Bytes>,
}

/// The upstreams that a request is and was sent to.
#[derive(Default)]
pub struct Attempts {
    now: Option<(usize, Taken)>,
    /// When it was sent there; `None` once there is an answer.
    since: Option<Instant>,
    /// The place of its group in `Current::routes`; `None`: the group for all other paths.
    route: Option<usize>,
    /// Addresses of the upstream asked now that could not be connected to.
    unreachable: usize,
    /// Bit n: upstream n of the group has failed.
    tried: u64,
}

impl Attempts {
    /// The host of the upstream that is asked now, with its port.
    pub fn authority(&self) -> Option<String> {
        let (_, Taken(server)) = self.now.as_ref()?;
        server.upstream.authority()
    }
}

impl Website {
    /// The settings that may change while it runs.
    pub const KEYS: [&str; 22] = [
        "canonical_host",
        "paths.redirects",
        "paths.allow",
        "paths.deny",
        "paths.passwords",
        "headers.request",
        "headers.response",
        "limits.request_body",
        "upstream",
        "upstream_tls.verify",
        "upstream_tls.sni",
        "upstream_tls.ca",
        "upstream_tls.http2",
        "paths.upstreams",
        "maintenance_page",
        "balance.method",
        "health.path",
        "health.interval",
        "health.timeout",
        "health.failures",
        "health.successes",
        "health.pause",
    ];

    /// Knows no address until [`Website::resolve`].
    ///
    /// # Errors
    /// A Unix socket's path that cannot be one, a page that cannot be read.
    pub fn new(
        own: &SiteConfig,
        timeouts: &Timeouts,
        connector: ConnectorOptions,
        telemetry: Arc<Telemetry>,
    ) -> anyhow::Result<Self> {
        let current = Current::new(own, timeouts, &telemetry, None)?;
        Ok(Self {
            current: ArcSwap::from_pointee(current),
            timeouts: timeouts.clone(),
            telemetry,
            connector: Connector::new(Some(connector)),
            changed: Notify::new(),
        })
    }

    /// Settings for [`Website::change`], read and resolved.
    ///
    /// # Errors
    /// As of [`Website::new`].
    pub async fn prepare(&self, own: &SiteConfig) -> anyhow::Result<Prepared> {
        let before = self.current.load_full();
        let current = Current::new(own, &self.timeouts, &self.telemetry, Some(&before))?;
        current.resolve().await;
        Ok(Prepared(current))
    }

    /// Puts prepared settings in force.
    pub fn change(&self, Prepared(current): Prepared) {
        if current.health.path.is_none() {
            // Without checks nothing would find out that one works again.
            current.servers().for_each(|server| _ = server.status.set_down(false));
        }
        self.current.store(Arc::new(current));
        self.changed.notify_one();
    }

    /// The peer to send a request to next. `None`: no name has an address.
    pub fn peer(&self, path: &str, attempts: &mut Attempts) -> Option<Box<HttpPeer>> {
        if let Some((_, Taken(server))) = &attempts.now
            && let Some(peer) = server.peer(attempts.unreachable)
        {
            server.status.requests.inc();
            attempts.since = Some(Instant::now());
            return Some(Box::new(peer));
        }
        let current = self.current.load();
        attempts.route = current.route(path);
        let group = current.group(attempts.route);
        let servers = &group.servers;
        let nth = group.next(path.as_bytes(), attempts.tried)?;
        let peer = servers[nth].peer(0)?;
        servers[nth].status.requests.inc();
        (attempts.unreachable, attempts.since) = (0, Some(Instant::now()));
        attempts.now = Some((nth, Taken::new(servers[nth].clone())));
        Some(Box::new(peer))
    }

    /// Notes that a request's upstream could not be connected to. Returns whether to try again, at
    /// another address or another upstream.
    pub fn not_connected(&self, attempts: &mut Attempts) -> bool {
        attempts.unreachable += 1;
        match &attempts.now {
            Some((_, Taken(server))) if attempts.unreachable < server.addresses() => true,
            _ => {
                self.failed(attempts);
                self.move_on(attempts)
            }
        }
    }

    /// Notes that a request's upstream did not answer it.
    pub fn failed(&self, attempts: &Attempts) {
        let Some((_, Taken(server))) = &attempts.now else { return };
        let current = self.current.load();
        let pause = current.health.pause;
        let has_others = current.group(attempts.route).servers.len() > 1;
        if server.failed(pause) && has_others {
            tracing::warn!("upstream {} failed; others are used for {pause:?}", server.status.name);
        }
    }

    /// Gives up on the upstream asked now, if another can be asked. Returns whether there is one.
    pub fn move_on(&self, attempts: &mut Attempts) -> bool {
        let Some((nth, _)) = &attempts.now else { return false };
        let tried = attempts.tried | 1 << nth;
        let current = self.current.load();
        if !current.group(attempts.route).has_next(tried) {
            return false;
        }
        attempts.tried = tried;
        attempts.now = None;
        self.telemetry.retries.inc();
        true
    }

    /// Notes that a request's upstream has answered.
    pub fn answered(&self, attempts: &mut Attempts) {
        let Some((_, Taken(server))) = &attempts.now else { return };
        if let Some(since) = attempts.since.take() {
            server.status.times.observe(since.elapsed());
        }
        if server.status.is_paused() {
            server.status.resume();
        }
    }

    /// What holds before an upstream is asked, if anything does.
    pub fn rules(&self) -> Option<Arc<Rules>> {
        self.current.load().rules.clone()
    }

    /// The operator's page for visitors who cannot be served.
    pub fn maintenance_page(&self) -> Option<Bytes> {
        self.current.load().maintenance_page.clone()
    }

    /// Looks all names up once. Those without an address are logged.
    pub async fn resolve(&self) {
        self.current.load_full().resolve().await;
    }

    /// Keeps addresses fresh, for ever.
    pub async fn keep_resolved(&self, tasks: &Tasks) {
        let keep = || async {
            loop {
                tasks.turn(Task::Resolve);
                tokio::time::sleep(REFRESH).await;
                self.resolve().await;
            }
        };
        tasks.keep(Task::Resolve, keep).await
    }
}

/// What is to be in force.
pub struct Prepared(Current);

impl Current {
    fn new(
        own: &SiteConfig,
        timeouts: &Timeouts,
        telemetry: &Telemetry,
        before: Option<&Self>,
    ) -> anyhow::Result<Self> {
        let upstreams = &own.upstreams;
        let has_rules = own.rules != crate::config::Rules::default();
        let rules = has_rules.then(|| Rules::new(&own.rules).map(Arc::new)).transpose()?;
        let group = |all: &[Weighted]| {
            let mut servers = Vec::new();
            for weighted in all {
                let server = Server::new(weighted, &upstreams.tls, timeouts, telemetry)?;
                let mut known = before.iter().flat_map(|before| before.servers());
                if let Some(same) = known.find(|same| same.upstream == server.upstream) {
                    server.learn(same);
                }
                servers.push(Arc::new(server));
            }
            Ok::<_, anyhow::Error>(Group::new(servers, upstreams.method))
        };
        let mut routes = Vec::new();
        for Route { path, all } in &upstreams.routes {
            routes.push((path.clone(), group(all)?));
        }
        routes.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        let page = upstreams.maintenance_page.as_ref();
        let read = |file| fs::read(file).map(Bytes::from);
        let maintenance_page = page
            .map(|file| read(file).with_context(|| format!("maintenance_page {}", file.display())))
            .transpose()?;
        Ok(Self {
            group: group(&upstreams.all)?,
            routes,
            rules,
            health: upstreams.health.clone(),
            maintenance_page,
        })
    }

    async fn resolve(&self) {
        join_all(self.servers().map(|server| server.resolve_again())).await;
    }

    /// The place of the route that a path has.
    fn route(&self, path: &str) -> Option<usize> {
        if self.routes.is_empty() {
            return None;
        }
        let path = plain(path);
        self.routes.iter().position(|(rule, _)| is_under(&path, rule))
    }

    fn group(&self, route: Option<usize>) -> &Group {
        // A route may be gone that a request has come by.
        route.and_then(|nth| self.routes.get(nth)).map_or(&self.group, |(_, group)| group)
    }

    fn servers(&self) -> impl Iterator<Item = &Arc<Server>> {
        let routed = self.routes.iter().flat_map(|(_, group)| &group.servers);
        self.group.servers.iter().chain(routed)
    }
}
