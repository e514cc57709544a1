//! A website that notes who asks, visitors, and what has to come of them.

use crate::common::curl::{Curl, curl};
use crate::common::headcount::Headcount;
use crate::common::http::FIREFOX;
use crate::common::wait_for;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Html;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::runtime::Runtime;

pub const NAME: &str = "example.org";
pub const PAGE: &str = "<!doctype html><title>A page</title><p>Hello.\n";

/// What `inject` adds.
const TAG: &str = r#"<script defer src="/headcount.js"></script>"#;

/// Who asks for what: two people behind two addresses. The last claims to be at a third.
pub const VISITS: [(&str, &str); 4] = [
    ("127.0.0.2", "/"),
    ("127.0.0.3", "/"),
    ("127.0.0.2", "/about.html"),
    ("127.0.0.3", "/about.html"),
];
const CLAIM: &str = "X-Forwarded-For: 203.0.113.9";

/// Proxies of the tests.
const PROXIES: [&str; 2] = ["127.0.0.1", CLOUDFLARE];
pub const CLOUDFLARE: &str = "127.0.0.9";

/// Path, address and scheme, as a website is told them.
pub type Heard = (String, String, String);

/// A website of one page, under every path.
pub struct Website {
    heard: Arc<Mutex<Vec<Heard>>>,
    _runtime: Runtime,
}

impl Website {
    pub fn start(port: u16) -> Self {
        let runtime = Runtime::new().unwrap();
        let heard = Arc::<Mutex<Vec<Heard>>>::default();
        let site = Router::new().fallback(page).with_state(heard.clone());
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port));
        let listener = runtime.block_on(listener).unwrap();
        runtime.spawn(async move { axum::serve(listener, site).await });
        Self { heard, _runtime: runtime }
    }

    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

async fn page(State(heard): State<Arc<Mutex<Vec<Heard>>>>, request: Request) -> Html<&'static str> {
    let told = (address(request.headers()), last(request.headers(), "x-forwarded-proto"));
    heard.lock().unwrap().push((request.uri().path().to_owned(), told.0, told.1));
    Html(PAGE)
}

/// As a website finds it that knows who its proxies are: the last that is none of them.
fn address(headers: &HeaderMap) -> String {
    let line = line(headers, "x-forwarded-for");
    let mut hops = line.split(',').map(str::trim).rev();
    let near = hops.clone().next().unwrap_or_default();
    hops.find(|hop| !PROXIES.contains(hop)).unwrap_or(near).to_owned()
}

fn last(headers: &HeaderMap, name: &str) -> String {
    line(headers, name).rsplit(',').next().unwrap_or_default().trim().to_owned()
}

fn line<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let line = headers.get_all(name).iter().next_back().and_then(|line| line.to_str().ok());
    line.unwrap_or_default()
}

/// What a website has to be told of [`VISITS`].
pub fn expected(scheme: &str) -> Vec<Heard> {
    let told = |(from, path): (&str, &str)| (path.to_owned(), from.to_owned(), scheme.to_owned());
    VISITS.map(told).to_vec()
}

/// Asks as a browser does, from an address of this machine.
pub fn ask(url: &str, from: &str, more: &[&str]) -> Curl {
    let browser = ["-A", FIREFOX, "-H", "Sec-Fetch-Dest: document", "-H", "Accept: text/html"];
    curl(url, &[&browser[..], &["--interface", from], more].concat())
}

/// Does [`VISITS`], and looks at what comes back: `page`, with the tag and without anything else.
pub fn visit(url: &str, page: &str, more: &[&str]) {
    for (nth, (from, path)) in VISITS.into_iter().enumerate() {
        let claims = nth + 1 == VISITS.len();
        let more = [more, if claims { &["-H", CLAIM] } else { &[] }].concat();
        let answer = ask(&format!("{url}{path}"), from, &more);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.text().matches(TAG).count(), 1, "{answer:?}");
        assert_eq!(answer.text().replace(TAG, ""), page, "{answer:?}");
        let id = answer.field("server-timing").and_then(|field| field.split('"').nth(1));
        let id = id.unwrap_or_else(|| panic!("{answer:?}")).to_owned();
        if nth == 0 {
            confirm(url, from, &id, &more);
        }
    }
}

/// Sends what the script of a page would.
fn confirm(url: &str, from: &str, id: &str, more: &[&str]) {
    let script = ask(&format!("{url}/headcount.js"), from, more);
    assert_eq!(script.status, 200, "{script:?}");
    let view = json!([{ "type": "pageview", "pathname": "/", "view": id, "n": "a1b2c3d4" }]);
    let (origin, view) = (format!("Origin: {url}"), view.to_string());
    let beacon = ["-H", &*origin, "-H", "Content-Type: application/json", "--data", &view];
    let own = ["-A", FIREFOX, "-H", "Sec-Fetch-Site: same-origin", "--interface", from];
    let answer = curl(&format!("{url}/api/track"), &[&own[..], &beacon, more].concat());
    assert_eq!(answer.status, 202, "{answer:?}");
}

/// Compares what is counted with [`VISITS`]: by the two `visitors`, or as it should not be.
pub fn counted(headcount: &Headcount, visitors: i64) {
    wait_for("all views", || {
        let total = |metric| headcount.total(metric);
        let all = total("pageviews") == VISITS.len() as i64 && total("confirmed_pageviews") == 1;
        all.then_some(())
    });
    assert_eq!(headcount.total("visitors"), visitors);
    let rows = headcount.stats("breakdown?period=day&property=event:page&metrics=pageviews");
    let pages: BTreeMap<String, i64> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["page"].as_str().unwrap().to_owned(), row["pageviews"].as_i64().unwrap()))
        .collect();
    let mut sent = BTreeMap::new();
    VISITS.iter().for_each(|(_, path)| *sent.entry((*path).to_owned()).or_default() += 1);
    assert_eq!(pages, sent);
}
