//! The plugin: a handle with a few methods to call from a Pingora proxy's own hooks.
//!
//! Every hook fails open: a panic in here is caught and counted, and the request goes on as if
//! analytics were not there. Nothing waits, and what is not counted allocates nothing.

use super::browser::{PageScript, ScriptSettings, SiteScript, TAKES_BEACONS};
use super::counting::{Known, Sending};
use super::endpoints::Endpoint;
use super::robots_txt::{self, Reading, RobotsTxt};
use crate::aggregate::Engine;
use crate::clock::{Clock, Millis};
use crate::host;
use crate::model::exclude::Exclude;
use crate::model::hosts::Hosts;
use crate::model::site::{Site, SiteId};
use crate::model::{Answered, Hit, PageKind, ViewId, VisitorHash, What};
use crate::telemetry::{DropReason, Telemetry};
use crate::tokens::Tokens;
use crate::visitor::Visitors;
use crate::visitor::address::Trusted;
use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use bytes::Bytes;
use futures_util::FutureExt;
use http::{Method, Uri};
use ipnet::IpNet;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::Session;
use pingora::{Error, ErrorType};
use pingora_limits::rate::Rate;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

const SERVER_TIMING: &str = "server-timing";

/// Paths whose last answer was no page, remembered for 304s.
const TYPES: usize = 10_000;

/// What capture needs to know beforehand.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Peers that are believed about the client's address.
    pub trusted_proxies: Trusted,
    /// Bytes of a beacon.
    pub beacon_body: usize,
    /// Events per minute from one address, and for one view; 0: no limit.
    pub beacons_per_minute: isize,
    /// Bytes of a path, a name …; longer ones count as `(other)`.
    pub value_length: usize,
    /// Programs that may speak for visitors in another tracker's words.
    pub senders: Senders,
}

/// Tokens of such programs, the same for all who hold a clone; may change at any time.
#[derive(Debug, Clone, Default)]
pub struct Senders(Arc<ArcSwap<Tokens>>);

impl Senders {
    pub(crate) fn replace(&self, tokens: Tokens) {
        self.0.store(Arc::new(tokens));
    }

    /// Judges the value of an `Authorization` header.
    pub(super) fn accept(&self, authorization: &str) -> bool {
        self.0.load().accept(authorization)
    }
}

/// The same of a site.
#[derive(Debug)]
pub struct SiteSettings {
    /// What of it runs in browsers.
    pub script: ScriptSettings,
    /// Where visitors can ask not to be counted.
    pub opt_out_path: Option<String>,
    /// Parameters of a query that tell pages apart; all others are dropped.
    pub keep_query: Vec<String>,
    /// What is not counted.
    pub exclude: Exclude,
    /// Addresses that are not counted either, as owners set them while it runs.
    pub left_out: Arc<LeftOut>,
}

/// Addresses that owners leave out while it runs.
#[derive(Debug, Default)]
pub struct LeftOut {
    networks: ArcSwap<Vec<IpNet>>,
    /// A request came since they were last looked for.
    pub asked: AtomicBool,
}

impl LeftOut {
    /// From now on these.
    pub fn replace(&self, networks: Vec<IpNet>) {
        if **self.networks.load() != networks {
            self.networks.store(Arc::new(networks));
        }
    }

    pub(super) fn now(&self) -> Guard<Arc<Vec<IpNet>>> {
        if !self.asked.load(Ordering::Relaxed) {
            self.asked.store(true, Ordering::Relaxed);
        }
        self.networks.load()
    }
}

/// A hook, as the probe is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// [`Analytics::begin`].
    Begin,
    /// Of [`WithAnalytics`](super::WithAnalytics) only for what is answered here: the script,
    /// beacons.
    Answer,
    /// [`Analytics::on_upstream_request`].
    UpstreamRequest,
    /// [`Analytics::on_response`].
    Response,
    /// [`Analytics::on_body`].
    Body,
    /// [`Analytics::finish`].
    Finish,
}

/// Analytics for any Pingora proxy. Cheap to clone.
#[derive(Clone)]
pub struct Analytics(Arc<Inner>);

struct Inner {
    sites: Arc<Vec<Site>>,
    hosts: Hosts,
    /// Of each site, in the same order.
    of_sites: Vec<OfSite>,
    settings: Settings,
    visitors: Visitors,
    engine: Arc<Engine>,
    telemetry: Arc<Telemetry>,
    clock: Clock,
    rate: Rate,
    types: quick_cache::sync::Cache<u64, Known>,
    /// `types` has had an entry: until then, no path is looked up in it.
    typed: AtomicBool,
    hasher: foldhash::fast::RandomState,
    probe: OnceLock<fn(Hook)>,
}

/// What is one site's alone.
struct OfSite {
    id: SiteId,
    settings: SiteSettings,
    script: SiteScript,
    /// As the website sent it last.
    robots_txt: ArcSwapOption<RobotsTxt>,
}

/// What is remembered of one request. Lives in the proxy's own CTX.
#[derive(Default)]
pub struct Tracking {
    pub(super) site: Option<usize>,
    endpoint: Option<Endpoint>,
    pub(super) script: PageScript,
    /// The website's robots.txt, on its way.
    robots_txt: Option<Box<Reading>>,
    /// The answer has been looked at.
    counted: bool,
    pub(super) sending: Option<Sending>,
    /// When the website was asked, the last time.
    pub(super) asked_at: Option<Instant>,
    in_flight: Option<InFlight>,
}

/// A moment, and the visitor as known then.
#[derive(Clone, Copy)]
pub(super) struct When {
    pub at: Millis,
    pub visitor: Option<VisitorHash>,
    pub before_midnight: Option<VisitorHash>,
}

impl Tracking {
    /// Whether the request is for the script, a beacon's or the like: [`Analytics::answer`] does.
    pub(super) fn is_ours(&self) -> bool {
        self.endpoint.is_some()
    }
}

/// Counts a request as being answered for as long as it lives, and how long that was.
struct InFlight(Arc<Telemetry>, Instant);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.0.times.observe(self.1.elapsed());
    }
}

impl Analytics {
    /// `of_sites`: of each of `sites`, in their order.
    #[doc(hidden)]
    pub fn new(
        sites: Arc<Vec<Site>>,
        of_sites: Vec<SiteSettings>,
        settings: Settings,
        visitors: Visitors,
        engine: Arc<Engine>,
        telemetry: Arc<Telemetry>,
        clock: Clock,
    ) -> Self {
        let of_site = |(site, settings): (&Site, SiteSettings)| OfSite {
            id: SiteId::of(&site.name),
            script: SiteScript::new(&settings.script),
            settings,
            robots_txt: ArcSwapOption::empty(),
        };
        Self(Arc::new(Inner {
            hosts: Hosts::new(&*sites),
            of_sites: sites.iter().zip(of_sites).map(of_site).collect(),
            sites,
            settings,
            visitors,
            engine,
            telemetry,
            clock,
            rate: Rate::new(Duration::from_secs(60)),
            types: quick_cache::sync::Cache::new(TYPES),
            typed: AtomicBool::new(false),
            hasher: foldhash::fast::RandomState::default(),
            probe: OnceLock::new(),
        }))
    }

    /// Calls `probe` first in every hook: for tracing, and to try out what happens when a hook
    /// panics. There is one for all clones of the handle, the first.
    pub fn probe(&self, probe: fn(Hook)) {
        let _ = self.0.probe.set(probe);
    }

    /// At the start of a request (`early_request_filter` or `request_filter`).
    pub fn begin(&self, session: &Session) -> Tracking {
        self.guarded(Hook::Begin, || {
            let request = session.req_header();
            let site = self.site_of(request);
            let endpoint = site.and_then(|site| self.endpoint(site, request.uri.path()));
            self.0.telemetry.in_flight.fetch_add(1, Ordering::Relaxed);
            Tracking {
                site,
                endpoint,
                in_flight: Some(InFlight(self.0.telemetry.clone(), Instant::now())),
                ..Tracking::default()
            }
        })
        .unwrap_or_default()
    }

    /// Answers requests for the script and for beacons (`request_filter`). True: answered, the
    /// request goes no further.
    ///
    /// # Errors
    /// The client's connection failed, or analytics did: then with a status to answer.
    pub async fn answer(
        &self,
        tracking: &mut Tracking,
        session: &mut Session,
    ) -> pingora::Result<bool> {
        let answer = async {
            self.call_probe(Hook::Answer);
            match tracking.endpoint {
                // Boxed: what serving a beacon holds is not to be carried by every request.
                Some(endpoint) => {
                    Box::pin(self.serve(endpoint, tracking, session)).await.map(|()| true)
                }
                None => Ok(false),
            }
        };
        match AssertUnwindSafe(answer).catch_unwind().await {
            Ok(answered) => answered,
            Err(_) => {
                self.0.telemetry.dropped(DropReason::Panic).inc();
                match tracking.endpoint {
                    // Its body may be half read: not for the website any more.
                    // The proxy's own page is shown for it.
                    Some(_) => Err(Error::explain(ErrorType::HTTPStatus(500), "a hook panicked")),
                    None => Ok(false),
                }
            }
        }
    }

    /// Before a request goes to the website (`upstream_request_filter`).
    pub fn on_upstream_request(&self, tracking: &mut Tracking, request: &mut RequestHeader) {
        self.guarded(Hook::UpstreamRequest, || {
            if let Some(site) = tracking.site {
                tracking.asked_at = Some(Instant::now());
                self.prepare_page(site, tracking, request);
            }
        });
    }

    /// Before a response's header goes out (`response_filter`): decides what happened, counts
    /// it, and gives a page its view id.
    pub fn on_response(
        &self,
        tracking: &mut Tracking,
        session: &mut Session,
        response: &mut ResponseHeader,
    ) {
        self.guarded(Hook::Response, || {
            // Early hints and the like are not the answer; an upgrade is no page.
            if response.status.is_informational() || tracking.endpoint.is_some() {
                return;
            }
            if let Some(site) = tracking.site {
                tracking.counted = true;
                // First, for what is added is sent too.
                self.begin_page(site, tracking, session, response);
                if let Some(id) = self.count_response(site, tracking, session, response)
                    && TAKES_BEACONS
                {
                    let _ = response.append_header(SERVER_TIMING, id);
                }
                let request = session.req_header();
                if request.uri.path() == robots_txt::PATH && request.method == Method::GET {
                    tracking.robots_txt = self.begin_robots_txt(site, response);
                }
            }
        });
    }

    /// For every piece of a response's body (`response_body_filter`). Before trailers, of which no
    /// piece says that it is the last one, once more with `end` (`response_trailer_filter`, which
    /// returns what is left).
    ///
    /// # Errors
    /// A page that gains the tag cannot go on. The answer must not end as if it were whole.
    pub fn on_body(
        &self,
        tracking: &mut Tracking,
        body: &mut Option<Bytes>,
        end: bool,
    ) -> pingora::Result<()> {
        self.guarded(Hook::Body, || self.read_robots_txt(tracking, body.as_ref(), end));
        self.feed_page(tracking, body, end)
    }

    fn begin_robots_txt(&self, site: usize, answer: &ResponseHeader) -> Option<Box<Reading>> {
        match Reading::begin(answer.status, &answer.headers)? {
            Ok(reading) => Some(Box::new(reading)),
            Err(nothing) => {
                self.0.of_sites[site].robots_txt.store(Some(Arc::new(nothing)));
                None
            }
        }
    }

    fn read_robots_txt(&self, tracking: &mut Tracking, body: Option<&Bytes>, end: bool) {
        let (Some(site), Some(reading)) = (tracking.site, &mut tracking.robots_txt) else { return };
        body.into_iter().for_each(|more| reading.take(more));
        if end && let Some(reading) = tracking.robots_txt.take() {
            self.0.of_sites[site].robots_txt.store(Some(Arc::new(reading.end())));
        }
    }

    /// Whether a site's robots.txt lets a bot of this name have what it asks for; nobody is kept
    /// from that file itself. `None`: that is not known.
    pub(super) fn allows(&self, site: usize, bot: &str, asked: &Uri) -> Option<bool> {
        let robots_txt = self.0.of_sites[site].robots_txt.load();
        let target = asked.path_and_query().map_or("/", |target| target.as_str());
        robots_txt.as_ref().filter(|_| asked.path() != robots_txt::PATH)?.allows(bot, target)
    }

    /// When all is sent, or nothing more can be (`logging`).
    pub fn finish(&self, tracking: &mut Tracking, session: &Session, error: Option<&Error>) {
        self.guarded(Hook::Finish, || {
            let status = session.response_written().map_or(0, |r| r.status.as_u16());
            self.0.telemetry.answered(status);
            if let (Some(site), Some(response), None) =
                (tracking.site, session.response_written(), tracking.endpoint)
                && !tracking.counted
            {
                // An answer of the proxy's own, which no response filter saw.
                tracking.counted = true;
                self.count_response(site, tracking, session, response);
            }
            if let (Some(site), Some(sending)) = (tracking.site, tracking.sending.take()) {
                self.count_sent(site, sending, session, error);
            }
        });
        tracking.in_flight = None;
    }

    /// Reads a view id of a site's page with the keys that are honoured.
    pub(super) fn read_id(&self, site: usize, text: &str) -> Option<ViewId> {
        let secrets = self.0.visitors.secrets().load();
        secrets.view_keys().find_map(|key| key.read(self.site_id(site), text))
    }

    pub(super) fn push(&self, hit: Hit) {
        let taken = self.0.engine.push(&hit);
        // A view without its traits is of who is known already.
        let introduces = match hit.what {
            What::Answered(Answered { kind: PageKind::View, traits: None, .. }) => return,
            What::Answered(Answered { traits: Some(_), .. }) => taken,
            _ => false,
        };
        if let Some(visitor) = hit.visitor {
            self.visitors().introduced().meet(visitor, hit.at, introduces);
        }
    }

    pub(super) fn site(&self, site: usize) -> &Site {
        &self.0.sites[site]
    }

    pub(super) fn site_id(&self, site: usize) -> SiteId {
        self.0.of_sites[site].id
    }

    /// The site a request is for, by its host. An unknown host never makes one.
    fn site_of(&self, request: &RequestHeader) -> Option<usize> {
        let hosts = &self.0.hosts;
        hosts.only().or_else(|| hosts.find(host::of(&request.headers, &request.uri)?.as_ref()))
    }

    /// Whether a site names this host as its own.
    pub(super) fn is_named_by(&self, site: usize, host: &str) -> bool {
        self.0.hosts.named(host) == Some(site)
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(super) fn script_of(&self, site: usize) -> &SiteScript {
        &self.0.of_sites[site].script
    }

    pub(super) fn settings_of(&self, site: usize) -> &SiteSettings {
        &self.0.of_sites[site].settings
    }

    /// What a site's path was, if it was no page when it was last seen.
    pub(super) fn noted(&self, site: usize, path: &str) -> Option<Known> {
        let key = || self.0.types.get(&self.type_key(site, path));
        self.0.typed.load(Ordering::Relaxed).then(key)?
    }

    pub(super) fn note(&self, site: usize, path: &str, known: Option<Known>) {
        match known {
            Some(known) => {
                self.0.types.insert(self.type_key(site, path), known);
                self.0.typed.store(true, Ordering::Relaxed);
            }
            None if self.noted(site, path).is_some() => {
                self.0.types.remove(&self.type_key(site, path));
            }
            None => {}
        }
    }

    fn type_key(&self, site: usize, path: &str) -> u64 {
        self.0.hasher.hash_one((site, path))
    }

    pub(super) fn visitors(&self) -> &Visitors {
        &self.0.visitors
    }

    pub(super) fn rate(&self) -> &Rate {
        &self.0.rate
    }

    pub(super) fn telemetry(&self) -> &Telemetry {
        &self.0.telemetry
    }

    pub(super) fn now(&self) -> Millis {
        self.0.clock.now()
    }

    /// Runs a hook; a panic in it is counted and goes no further.
    pub(super) fn guarded<T>(&self, hook: Hook, run: impl FnOnce() -> T) -> Option<T> {
        let run = AssertUnwindSafe(|| {
            self.call_probe(hook);
            run()
        });
        catch_unwind(run).map_err(|_| self.0.telemetry.dropped(DropReason::Panic).inc()).ok()
    }

    fn call_probe(&self, hook: Hook) {
        if let Some(probe) = self.0.probe.get() {
            probe(hook);
        }
    }
}

/// The address at the other end of the connection; none on a Unix socket.
pub(super) fn peer_of(session: &Session) -> Option<IpAddr> {
    Some(session.client_addr()?.as_inet()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_request_carries_is_small() {
        assert!(size_of::<Tracking>() <= 256, "{} bytes", size_of::<Tracking>());
    }
}
