//! A small website to try headcount on, and sample visitors for it.
//!
//! `headcount demo` puts this website behind the proxy and lets the sample visitors browse it, so
//! that a newcomer sees a living dashboard within a minute. It is an ordinary website that knows
//! nothing of the proxy, all of it inside the binary; its pages say that they are a demo, and
//! `demo/pages.rs` says what is on them. The visitors are invented: those of today come to it
//! ([`traffic`]), those of the year before are only counted ([`history`]).

pub mod history;
mod menu;
mod pages;
mod people;
pub mod traffic;

pub use traffic::traffic;

use crate::clock::Clock;
use crate::config::{Config, Scheme, Upstream, Weighted};
use crate::{proxy, store};
use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, LAST_MODIFIED,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use ipnet::IpNet;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use url::Url;

/// Days of history that a demo has behind it.
pub const DAYS: u32 = 365;

/// Runs the website behind the proxy, with sample visitors, until SIGTERM or SIGINT. `days`: so
/// many have passed already, as far as the numbers tell.
///
/// # Errors
/// Those of [`crate::proxy::run`].
pub fn run(mut config: Config, days: u32) -> anyhow::Result<()> {
    let town = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("demo")
        .enable_all()
        .build()
        .context("no threads for the demo")?;
    let listener = town
        .block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .context("no port for the demo's website")?;
    let port = listener.local_addr().context("no port for the demo's website")?.port();
    let (scheme, host) = (Scheme::Http, Ipv4Addr::LOCALHOST.to_string());
    let website = Upstream::Tcp { scheme, host, port };
    config.sites[0].upstreams.all = vec![Weighted { upstream: website, weight: 1 }];
    // Sample visitors come from here and say where they pretend to be.
    config.trusted_proxies.push(IpNet::from(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    if days > 0 {
        town.block_on(remember(&config, days));
    }
    let base = Url::parse(&format!("http://{}", config.listen)).context("no address to visit")?;
    let (door, track) = (config.listen, config.sites[0].script.beacon_path.clone());
    town.spawn(serve(listener));
    town.spawn(async move {
        while tokio::net::TcpStream::connect(door).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        traffic(base, &track, rand::random(), Clock::system(), traffic::Pace::default()).await;
    });
    proxy::run(config, false, None)
}

/// Counts visitors of the days before. Without them it is a demo too.
async fn remember(config: &Config, days: u32) {
    let (clock, began) = (Clock::system(), Instant::now());
    let sites = Arc::new(config.sites.iter().map(|own| own.site.clone()).collect::<Vec<_>>());
    let written = async {
        let store = store::open(&config.store, &config.data_dir)?;
        let host = config.listen.ip().to_string();
        let mut past = history::Past::new(sites, &host, clock.now(), rand::random())?;
        past.write(store.as_ref(), days, clock.now()).await
    };
    match written.await {
        Ok(Some(history::Summary { views, .. })) => tracing::info!(
            "{days} days with {views} pageviews were made up, in {:.1} s",
            began.elapsed().as_secs_f64()
        ),
        Ok(None) => tracing::info!("going on with what {} has", config.store),
        Err(error) => tracing::warn!("{error:#}; there are no days before today"),
    }
}

/// When the website was last worked on, as far as its visitors are told.
const CHANGED: &str = "Mon, 01 Sep 2025 06:30:00 GMT";

/// The website.
pub fn site() -> Router {
    Router::new().fallback(answer).with_state(Arc::new(Content::new()))
}

/// Serves the website until the task is dropped.
///
/// # Errors
/// Only if the listener cannot be used.
pub async fn serve(listener: tokio::net::TcpListener) -> std::io::Result<()> {
    axum::serve(listener, site()).await
}

/// Everything there is, made once.
struct Content {
    resources: HashMap<&'static str, Resource>,
    not_found: Bytes,
}

struct Resource {
    content_type: &'static str,
    /// Pages are asked for again each time, which a 304 answers; the rest keeps for an hour.
    cache_control: &'static str,
    attachment: Option<&'static str>,
    body: Bytes,
    etag: HeaderValue,
}

impl Content {
    fn new() -> Self {
        let mut resources: HashMap<_, _> = pages::all()
            .into_iter()
            .map(|page| {
                let html = Resource::new("text/html; charset=utf-8", page.html());
                (page.path, Resource { cache_control: "no-cache", ..html })
            })
            .collect();
        let menu = Resource::new("application/pdf", menu::pdf());
        resources.extend([
            ("/menu.pdf", Resource { attachment: Some("attachment; filename=menu.pdf"), ..menu }),
            ("/feed.xml", Resource::new("application/atom+xml", pages::feed())),
            ("/style.css", Resource::new("text/css", include_str!("style.css"))),
            ("/order.js", Resource::new("text/javascript", include_str!("order.js"))),
            ("/favicon.svg", Resource::new("image/svg+xml", include_str!("favicon.svg"))),
        ]);
        Self { resources, not_found: pages::not_found().html().into() }
    }
}

impl Resource {
    fn new(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let hash = HEXLOWER.encode(&Sha256::digest(&body)[..6]);
        let etag = HeaderValue::try_from(format!("\"{hash}\"")).expect("hexadecimal digits");
        Self { content_type, cache_control: "max-age=3600", attachment: None, body, etag }
    }

    /// Whether the client has it already (RFC 9110 §13.2.2: the ETag decides where one is named).
    fn is_known(&self, request: &HeaderMap) -> bool {
        match request.get(IF_NONE_MATCH).and_then(|list| list.to_str().ok()) {
            Some(list) => {
                let weak = |tag: &str| tag.trim().trim_start_matches("W/") == self.etag;
                list.trim() == "*" || list.split(',').any(weak)
            }
            None => request.get(IF_MODIFIED_SINCE).is_some_and(|since| since == CHANGED),
        }
    }
}

async fn answer(
    State(content): State<Arc<Content>>,
    method: Method,
    uri: Uri,
    request: HeaderMap,
) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET, HEAD")]).into_response();
    }
    let Some(resource) = content.resources.get(uri.path()) else {
        let html = [(CONTENT_TYPE, "text/html; charset=utf-8")];
        return (StatusCode::NOT_FOUND, html, content.not_found.clone()).into_response();
    };
    let mut response = match resource.is_known(&request) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => ([(CONTENT_TYPE, resource.content_type)], resource.body.clone()).into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(ETAG, resource.etag.clone());
    headers.insert(LAST_MODIFIED, HeaderValue::from_static(CHANGED));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(resource.cache_control));
    if let Some(attachment) = resource.attachment {
        headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static(attachment));
    }
    response
}
