//! Another Pingora proxy than ours gains analytics, with its own CTX and filters.
//!
//! - Wrapped in `WithAnalytics`, or calling the handle from its own hooks: pages arrive, its own
//!   filters still work, a page carries a view id, its beacon confirms it, each page counts once.
//! - A setting that is wrong, or a port in use, is one line.
//! - `examples`: the programs of `examples/` count what is sent through them.
//! - `forwarding`: every method of `ProxyHttp` goes to the wrapped proxy.

#[path = "../common/mod.rs"]
mod common;
mod examples;
mod forwarding;
mod noting;

use async_trait::async_trait;
use bytes::Bytes;
use common::pingora::serve;
use common::process::{total, wait_for};
use common::wire::{Origin, beacon, visit};
use headcount::capture::{Analytics, Tracking, WithAnalytics};
use headcount::plugin::Counting;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::prelude::*;
use pingora::proxy::{ProxyHttp, Session};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PAGE: &[u8] = b"<!doctype html><title>Bikes</title><p>Fine bikes.";

/// Counts into a folder of its own.
fn counting(folder: &tempfile::TempDir) -> Counting {
    Analytics::builder("bikes.example")
        .store("sqlite:counts.db")
        .admin("127.0.0.1:0")
        .set("data_dir", folder.path().to_str().unwrap())
        .set("flush_interval", "50ms")
        .start()
        .unwrap()
}

/// A proxy that knows nothing of analytics: it marks what passes and weighs bodies.
struct Bikes {
    upstream: SocketAddr,
    /// Bytes of each answer, as its CTX summed them up.
    weights: Arc<Mutex<Vec<usize>>>,
}

#[derive(Default)]
struct Load(usize);

#[async_trait]
impl ProxyHttp for Bikes {
    type CTX = Load;

    fn new_ctx(&self) -> Load {
        Load::default()
    }

    async fn upstream_peer(&self, _: &mut Session, _: &mut Load) -> Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.upstream, false, String::new())))
    }

    async fn upstream_request_filter(
        &self,
        _: &mut Session,
        request: &mut RequestHeader,
        _: &mut Load,
    ) -> Result<()> {
        request.insert_header("x-courier", "Bikes")
    }

    async fn response_filter(
        &self,
        _: &mut Session,
        response: &mut ResponseHeader,
        _: &mut Load,
    ) -> Result<()> {
        response.insert_header("x-delivered-by", "bicycle")
    }

    fn response_body_filter(
        &self,
        _: &mut Session,
        body: &mut Option<Bytes>,
        _: bool,
        load: &mut Load,
    ) -> Result<Option<Duration>> {
        load.0 += body.as_ref().map_or(0, Bytes::len);
        Ok(None)
    }

    async fn logging(&self, _: &mut Session, _: Option<&Error>, load: &mut Load) {
        self.weights.lock().unwrap().push(load.0);
    }
}

/// The same proxy, with the handle called from its own hooks.
struct ByHand {
    bikes: Bikes,
    analytics: Analytics,
}

#[derive(Default)]
struct LoadAndTracking {
    load: Load,
    tracking: Tracking,
}

#[async_trait]
impl ProxyHttp for ByHand {
    type CTX = LoadAndTracking;

    fn new_ctx(&self) -> LoadAndTracking {
        LoadAndTracking::default()
    }

    async fn request_filter(&self, session: &mut Session, ctx: &mut Self::CTX) -> Result<bool> {
        ctx.tracking = self.analytics.begin(session);
        self.analytics.answer(&mut ctx.tracking, session).await
    }

    async fn upstream_peer(&self, s: &mut Session, ctx: &mut Self::CTX) -> Result<Box<HttpPeer>> {
        self.bikes.upstream_peer(s, &mut ctx.load).await
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        request: &mut RequestHeader,
        ctx: &mut Self::CTX,
    ) -> Result<()> {
        self.analytics.on_upstream_request(&mut ctx.tracking, request);
        self.bikes.upstream_request_filter(session, request, &mut ctx.load).await
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        ctx: &mut Self::CTX,
    ) -> Result<()> {
        self.analytics.on_response(&mut ctx.tracking, session, response);
        self.bikes.response_filter(session, response, &mut ctx.load).await
    }

    fn response_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        end: bool,
        ctx: &mut Self::CTX,
    ) -> Result<Option<Duration>> {
        self.analytics.on_body(&mut ctx.tracking, body, end)?;
        self.bikes.response_body_filter(session, body, end, &mut ctx.load)
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, ctx: &mut Self::CTX) {
        self.analytics.finish(&mut ctx.tracking, session, error);
        self.bikes.logging(session, error, &mut ctx.load).await;
    }
}

/// Browses through a proxy that counts, and looks at everything that is to be seen of it.
fn browse(proxy: SocketAddr, origin: &Origin, counting: &Counting, weights: &Mutex<Vec<usize>>) {
    let page = visit(proxy, "/fine?utm_source=flyer");
    assert_eq!((page.status(), page.body.as_slice()), (200, PAGE));
    assert_eq!(page.header("x-delivered-by"), Some("bicycle"));
    assert_eq!(origin.last().header("x-courier"), Some("Bikes"));
    let view = page.view().expect("a view id");

    let script = visit(proxy, "/headcount.js");
    assert_eq!(script.status(), 200);
    assert!(script.text().contains("/api/track"));
    let event = serde_json::json!({"type": "pageview", "pathname": "/fine", "view": view, "n": 1});
    assert_eq!(beacon(proxy, event.to_string().as_bytes(), "").status(), 202);
    visit(proxy, "/other");
    assert_eq!(origin.seen().len(), 2, "ours goes no further");

    let totals = |metric| total(counting.admin().unwrap(), metric);
    wait_for("two pageviews", || totals("pageviews") >= 2);
    wait_for("a confirmed one", || totals("confirmed_pageviews") >= 1);
    let seen = ["pageviews", "server_pageviews", "confirmed_pageviews", "browser_pageviews"];
    assert_eq!(seen.map(totals), [2, 2, 1, 0]);
    assert_eq!((totals("visitors"), totals("visits")), (1, 1));
    wait_for("all is logged", || weights.lock().unwrap().len() == 4);
    let sent: usize = weights.lock().unwrap().iter().sum();
    assert_eq!(sent, 2 * PAGE.len(), "its CTX weighs what it forwards");
}

#[test]
fn a_proxy_wrapped_in_analytics_counts() {
    let (folder, origin) = (tempfile::tempdir().unwrap(), Origin::page(PAGE));
    let weights = Arc::new(Mutex::default());
    let counting = counting(&folder);
    let bikes = Bikes { upstream: origin.address, weights: weights.clone() };
    let proxy = serve(WithAnalytics::new(bikes, counting.analytics()));
    browse(proxy, &origin, &counting, &weights);
}

#[test]
fn a_proxy_that_calls_the_handle_itself_counts() {
    let (folder, origin) = (tempfile::tempdir().unwrap(), Origin::page(PAGE));
    let weights = Arc::new(Mutex::default());
    let counting = counting(&folder);
    let bikes = Bikes { upstream: origin.address, weights: weights.clone() };
    let proxy = serve(ByHand { bikes, analytics: counting.analytics() });
    browse(proxy, &origin, &counting, &weights);
}

/// Told as a file of settings tells them; the proxy forwards to wherever it will.
#[test]
fn a_proxy_of_several_sites_counts_each() {
    let (folder, origin) = (tempfile::tempdir().unwrap(), Origin::page(PAGE));
    let sites = "flush_interval = '50ms'\n\
        [[sites]]\nname = 'bikes'\nhosts = ['bikes.example']\n\
        [[sites]]\nname = 'trains'\nhosts = ['trains.example']\n[sites.script]\npath = '/t.js'\n";
    let builder = Analytics::configured(sites).admin("127.0.0.1:0");
    let counting = builder.set("data_dir", folder.path().to_str().unwrap()).start().unwrap();
    let bikes = Bikes { upstream: origin.address, weights: Arc::default() };
    let proxy = serve(WithAnalytics::new(bikes, counting.analytics()));
    let visit = |host: &str, path: &str| {
        let mut headers = vec![("Host", host), ("User-Agent", common::http::FIREFOX)];
        headers.extend(common::http::NAVIGATION);
        common::http::get(proxy, path, &headers)
    };
    for (host, times) in [("bikes.example", 3), ("trains.example", 2), ("ships.example", 4)] {
        for _ in 0..times {
            assert_eq!(visit(host, "/").body, PAGE, "{host}");
        }
    }
    assert!(visit("trains.example", "/t.js").text().contains("/api/track"));
    for (site, views) in [("bikes", "3"), ("trains", "2")] {
        let path = format!("/api/v1/stats/aggregate?period=day&metrics=pageviews&site_id={site}");
        wait_for("a site's pageviews", || {
            let answer =
                common::http::get(counting.admin().unwrap(), &path, &[("Host", "localhost")]);
            answer.text().contains(&format!(r#""pageviews":{{"value":{views}}}"#))
        });
    }
}

/// Nothing is flushed before the end; then all of it is.
#[test]
fn stopping_delivers_what_is_left() {
    let (folder, origin) = (tempfile::tempdir().unwrap(), Origin::page(PAGE));
    let build = || {
        let builder = Analytics::builder("bikes.example").admin("127.0.0.1:0");
        let builder = builder.set("data_dir", folder.path().to_str().unwrap());
        builder.set("flush_interval", "1h").start().unwrap()
    };
    let counting = build();
    let bikes = Bikes { upstream: origin.address, weights: Arc::default() };
    let proxy = serve(WithAnalytics::new(bikes, counting.analytics()));
    for _ in 0..3 {
        visit(proxy, "/");
    }
    assert_eq!(total(counting.admin().unwrap(), "pageviews"), 0);
    counting.stop();
    assert_eq!(total(build().admin().unwrap(), "pageviews"), 3);
}

#[test]
fn what_is_wrong_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (builder, said) in [
        (Analytics::builder("bikes.example").set("flsh", "1s"), "flsh: there is no such setting"),
        (Analytics::builder("bikes.example").store("bikes"), "store = \"bikes\" is no"),
        (Analytics::builder("my bikes"), "site = \"my bikes\" is no site name"),
        (Analytics::builder("bikes.example").admin(&taken), taken.as_str()),
    ] {
        let folder = folder.path().to_str().unwrap();
        let error = builder.set("data_dir", folder).start().err().expect("it is refused");
        let line = format!("{error:#}");
        assert!(line.contains(said) && !line.contains('\n'), "{line}");
    }
}
