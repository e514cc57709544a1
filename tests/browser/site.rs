//! A website to browse. Any path is a page with links; its first part says what is special:
//!
//! - `/cached/…` may be kept for ten minutes, `/etag/…` must be asked about each time,
//!   `/fresh/…` must not be kept at all
//! - `/tall/…` is long; `/framing/…` holds `/framed`
//! - `/rewritten/…` changes its address while it loads, as some frameworks do
//! - `/ahead/…` has the page that its path goes on with prerendered: `/ahead/soon`, `/soon`;
//!   `/fetching/…` has it fetched ahead
//! - `/feed/…` is a feed, `/file/…` a file to download, `/gone/…` is not there
//!
//! - `/policy/NUMBER` comes under one of [`POLICIES`], compressed
//!
//! Other pages allow same-origin scripts only, and report what happens against that.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;
use std::io::Write;
use std::sync::{Arc, Mutex};

/// Tells of every error; and rewrites the address where the path says so.
const PAGE_JS: &str = "
    addEventListener('error', function (event) {
      navigator.sendBeacon('/complain', 'error: ' + event.message);
    });
    addEventListener('unhandledrejection', function (event) {
      navigator.sendBeacon('/complain', 'rejection: ' + event.reason);
    });
    document.addEventListener('securitypolicyviolation', function (event) {
      navigator.sendBeacon('/complain', event.violatedDirective + ': ' + event.blockedURI);
    });
    if (/^.rewritten/.test(location.pathname)) {
      history.replaceState({}, '', '/other?framework=1');
      document.addEventListener('DOMContentLoaded', function () {
        history.replaceState({}, '', '/another');
      });
    }";

/// Policies of `/policy/NUMBER`: in headers, in a `meta` element, and whether the script may run
/// and report.
pub const POLICIES: &[(&[&str], &str, bool)] = &[
    (&[], "", true),
    (&["script-src 'self'"], "", true),
    (&["default-src 'self'"], "", true),
    (&["default-src 'none'; script-src 'self'; connect-src 'self'"], "", true),
    (&["script-src 'none'; script-src-elem 'self'"], "", true),
    (&["script-src http:"], "", true),
    (&["script-src http://127.0.0.1:*; connect-src *"], "", true),
    (&["script-src *; require-trusted-types-for 'script'; trusted-types 'none'"], "", true),
    (&["sandbox allow-scripts allow-same-origin"], "", true),
    (&["script-src 'nonce-abc+/12='; connect-src 'self'"], "", true),
    (&["script-src 'nonce-abc' 'strict-dynamic'; object-src 'none'; base-uri 'none'"], "", true),
    (&["script-src 'self'", "script-src 'nonce-b' 'nonce-c', script-src 'nonce-c'"], "", true),
    (&["script-src 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' 'self'"], "", true),
    (&[], "script-src 'self'; connect-src 'self'", true),
    (&[], "script-src &#39;nonce-abc&#39;", true),
    (&["script-src 'self'"], "script-src 'nonce-abc' 'strict-dynamic'", true),
    (&["script-src 'none'"], "", false),
    (&["default-src 'none'"], "", false),
    (&["script-src 'self'; connect-src 'none'"], "", false),
    (&["script-src 'self' 'strict-dynamic'"], "", false),
    (&["script-src https://cdn.example"], "", false),
    (&["script-src 'self'", "script-src https:"], "", false),
    (&["script-src 'nonce-a'", "script-src 'nonce-b'"], "", false),
    (&["sandbox allow-same-origin"], "", false),
    (&["script-src 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"], "", false),
    (&[], "script-src 'none'", false),
    (&["script-src *"], "connect-src 'none'", false),
];

pub struct Site {
    port: u16,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    /// Paths of pages asked for, with the answer's status and the purpose, if one was named.
    pages: Mutex<Vec<(String, u16, String)>>,
    complaints: Mutex<Vec<String>>,
}

impl Site {
    pub async fn start() -> Self {
        let seen = Arc::new(Seen::default());
        let javascript = [("content-type", "text/javascript")];
        let router = Router::new()
            .route("/page.js", get(async move || (javascript, PAGE_JS)))
            .route("/favicon.ico", get(async || StatusCode::NO_CONTENT))
            .route("/rules/{kind}/{page}", get(rules))
            .route("/complain", post(complain))
            .route("/policy/{number}", get(policy))
            .fallback(page)
            .with_state(seen.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { port, seen }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How the website was asked for a page: status and purpose, each time.
    pub fn asked(&self, path: &str) -> Vec<(u16, String)> {
        let pages = self.seen.pages.lock().unwrap();
        let of = pages.iter().filter(|(page, ..)| page == path);
        of.map(|(_, status, purpose)| (*status, purpose.clone())).collect()
    }

    /// A page under a policy, as it is sent.
    pub fn policy_page(&self, number: usize) -> String {
        policy_page(number)
    }

    /// Errors and violations of the content security policy.
    pub fn complaints(&self) -> Vec<String> {
        self.seen.complaints.lock().unwrap().clone()
    }
}

async fn rules(uri: Uri) -> Response {
    let mut parts = uri.path().split('/').skip(2);
    let (kind, page) = (parts.next().unwrap(), parts.next().unwrap());
    let page = format!("/{page}");
    let rules = json!({ kind: [{ "urls": [page], "eagerness": "immediate" }] }).to_string();
    ([("content-type", "application/speculationrules+json")], rules).into_response()
}

fn policy_page(number: usize) -> String {
    let meta = match POLICIES[number].1 {
        "" => String::new(),
        policy => format!("<meta http-equiv=Content-Security-Policy content=\"{policy}\">"),
    };
    format!(
        "<!doctype html><html lang=en><head><title>{number}</title>{meta}</head><body>x</body></html>"
    )
}

async fn policy(Path(number): Path<usize>) -> Response {
    let mut coded = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    coded.write_all(policy_page(number).as_bytes()).unwrap();
    let page = (
        [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_ENCODING, "gzip")],
        coded.finish().unwrap(),
    );
    let mut response = page.into_response();
    for policy in POLICIES[number].0 {
        let value = policy.split(", ").map(|p| format!("{p}; report-uri /complain"));
        let value = value.collect::<Vec<_>>().join(", ").parse().unwrap();
        response.headers_mut().append(CONTENT_SECURITY_POLICY, value);
    }
    response
}

async fn complain(State(seen): State<Arc<Seen>>, body: String) {
    seen.complaints.lock().unwrap().push(body);
}

async fn page(State(seen): State<Arc<Seen>>, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path();
    let mut parts = path.split('/').skip(1);
    let (kind, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let text = |name| headers.get(name).map_or("", |value| value.to_str().unwrap());
    let known = kind == "etag" && !text("if-none-match").is_empty();

    let status = match kind {
        _ if known => StatusCode::NOT_MODIFIED,
        "gone" => StatusCode::NOT_FOUND,
        _ => StatusCode::OK,
    };
    let purpose = text("sec-purpose").to_owned();
    seen.pages.lock().unwrap().push((path.to_owned(), status.as_u16(), purpose));

    let body = match kind {
        "tall" => "<p>long</p>".repeat(500),
        "framing" => "<iframe src=/framed></iframe>".to_owned(),
        _ => "<p>short</p>".to_owned(),
    };
    let page = format!(
        "<!doctype html><html lang=en><head><meta charset=utf-8><title>Page {path}</title>\
         <script src=/page.js></script></head><body>{body}\
         <a id=soon href=/{rest}>soon</a></body></html>"
    );
    let mut response = (status, Html(page)).into_response();
    let mut set = |name: &'static str, value: &str| {
        response.headers_mut().insert(name, value.parse().unwrap());
    };
    set(
        "content-security-policy",
        "default-src 'none'; script-src 'self'; connect-src 'self'; frame-src 'self'; \
         report-uri /complain",
    );
    match kind {
        "feed" => set("content-type", "application/rss+xml"),
        "file" => set("content-type", "application/pdf"),
        "cached" => set("cache-control", "max-age=600"),
        "fresh" => set("cache-control", "no-store"),
        "etag" => {
            set("cache-control", "no-cache");
            set("etag", "\"v1\"");
        }
        "ahead" => set("speculation-rules", &format!("\"/rules/prerender/{rest}\"")),
        "fetching" => set("speculation-rules", &format!("\"/rules/prefetch/{rest}\"")),
        _ => {}
    }
    if known {
        *response.body_mut() = axum::body::Body::empty();
    }
    response
}
