//! A small website with the script on every page, that records what its visitors' browsers say.

use super::browser::Browser;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use headcount::capture::script::{Script, ScriptOptions, tag};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

/// A website with the script, and what its visitors' browsers said.
pub struct Site {
    pub port: u16,
    pub seen: Arc<Seen>,
}

#[derive(Default)]
pub struct Seen {
    events: Mutex<Vec<Value>>,
    /// Paths of documents asked for, with the purpose, if one was named.
    pub documents: Mutex<Vec<(String, Option<String>)>>,
    /// Errors and violations of the content security policy.
    complaints: Mutex<Vec<String>>,
    /// So many beacons to be refused first.
    pub refuse: AtomicUsize,
    something: Notify,
}

impl Site {
    pub async fn new(options: ScriptOptions) -> Self {
        let seen = Arc::new(Seen::default());
        let script = Script::new(&options).body;
        let router = Router::new()
            .route("/headcount.js", get(async move || javascript(script)))
            .route("/page.js", get(async || javascript(include_str!("page.js"))))
            .route("/rules.json", get(async || rules()))
            .route("/file.pdf", get(async || ([("content-disposition", "attachment")], "%PDF-1.4")))
            .route("/api/track", post(track))
            .route("/complain", post(complain))
            .fallback(document)
            .with_state(seen.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { port, seen }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Waits until the events are such, and gives them.
    pub async fn until(&self, such: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let wait = async {
            loop {
                let news = self.seen.something.notified();
                let events = self.seen.events.lock().unwrap().clone();
                if such(&events) {
                    return events;
                }
                news.await;
            }
        };
        match tokio::time::timeout(Duration::from_secs(30), wait).await {
            Ok(events) => events,
            Err(_) => panic!("waited in vain, with {:#?}", self.seen.events.lock().unwrap()),
        }
    }

    pub async fn until_told(&self, count: usize) -> Vec<Value> {
        self.until(|events| without_engagement(events).len() >= count).await
    }

    /// Checks everything told in the end, engagement aside, as `[type, pathname, nav or name]`;
    /// after the last page has been left. Requests overtake one another, so the order is not
    /// looked at. Every event has its own `n`, and nobody complained.
    pub async fn check<const N: usize>(&self, browser: &Browser, mut expected: [Value; N]) {
        let mut told = self.told(browser).await;
        told.sort_by_key(Value::to_string);
        expected.sort_by_key(Value::to_string);
        assert_eq!(told, expected);
    }

    /// All that was told, without the order.
    pub async fn told(&self, browser: &Browser) -> Vec<Value> {
        // Told when the last page is left; a page of another site comes after it.
        browser.goto("about:blank").await.unwrap();
        // What was sent on leaving has been received once a later beacon has.
        browser.goto(&self.url("/last")).await.unwrap();
        let is_last = |event: &Value| event["pathname"] == "/last";
        let events = self.until(|events| events.iter().any(is_last)).await;
        let numbers: HashSet<_> = events.iter().map(|event| event["n"].to_string()).collect();
        assert_eq!(numbers.len(), events.len(), "an n came twice: {events:#?}");
        assert_eq!(*self.seen.complaints.lock().unwrap(), Vec::<String>::new());
        let events = without_engagement(&events);
        events.iter().filter(|event| !is_last(event)).map(brief).collect()
    }
}

pub fn without_engagement(events: &[Value]) -> Vec<Value> {
    events.iter().filter(|event| event["type"] != "engagement").cloned().collect()
}

fn brief(event: &Value) -> Value {
    let detail = if event["nav"].is_null() { &event["name"] } else { &event["nav"] };
    json!([event["type"], event["pathname"], detail])
}

fn javascript(body: impl Into<axum::body::Body>) -> Response {
    ([("content-type", "text/javascript")], body.into()).into_response()
}

fn rules() -> Response {
    let rules = r#"{"prerender": [{"urls": ["/soon"], "eagerness": "immediate"}]}"#;
    ([("content-type", "application/speculationrules+json")], rules).into_response()
}

async fn track(State(seen): State<Arc<Seen>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    assert_eq!(headers["content-type"], "text/plain;charset=UTF-8");
    assert_eq!(headers["sec-fetch-site"], "same-origin");
    let left = seen.refuse.load(Ordering::SeqCst);
    if left > 0 {
        seen.refuse.store(left - 1, Ordering::SeqCst);
        seen.something.notify_waiters();
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let events: Vec<Value> = serde_json::from_slice(&body).unwrap();
    seen.events.lock().unwrap().extend(events);
    seen.something.notify_waiters();
    StatusCode::ACCEPTED
}

async fn complain(State(seen): State<Arc<Seen>>, body: String) {
    seen.complaints.lock().unwrap().push(body);
}

/// Any path is a page; its view id is its path.
async fn document(State(seen): State<Arc<Seen>>, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path();
    let purpose = headers.get("sec-purpose").map(|value| value.to_str().unwrap().to_owned());
    seen.documents.lock().unwrap().push((path.to_owned(), purpose));
    seen.something.notify_waiters();
    let port = headers["host"].to_str().unwrap().rsplit_once(':').unwrap().1;
    let script = tag("/headcount.js");
    let body = match path {
        "/frames" => "<iframe src=/framed></iframe>".to_owned(),
        "/tall" => "<div style=height:5000px>tall</div>".to_owned(),
        _ => format!(
            "<a id=next href=/next?secret=1>next</a> <a id=soon href=/soon>soon</a>
             <a id=away href=http://localhost:{port}/away?secret=1>away</a>
             <a id=file href=/file.pdf?secret=1>file</a>
             <button data-headcount=Like data-headcount-plan=pro data-headcount-value=9.5>
               <b id=like>like</b></button>
             <form id=letter method=get action=/sent><button id=submit>send</button></form>"
        ),
    };
    let page = format!(
        "<!doctype html><html><head><title>Page {path}</title>
         <script src=/page.js></script>{script}</head><body>{body}</body></html>"
    );
    let mut response = Html(page).into_response();
    let fields = response.headers_mut();
    let timing = format!("db;dur=5, hc;desc=\"id{path}\"");
    fields.insert("server-timing", timing.parse().unwrap());
    let style = if path == "/tall" { "style-src 'unsafe-inline'; " } else { "" };
    let policy = format!(
        "default-src 'none'; {style}script-src 'self'; connect-src 'self'; frame-src 'self'; \
         report-uri /complain"
    );
    fields.insert("content-security-policy", policy.parse().unwrap());
    if path == "/from" {
        fields.insert("speculation-rules", "\"/rules.json\"".parse().unwrap());
    }
    response
}
