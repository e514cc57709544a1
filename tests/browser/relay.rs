//! A relay between browser and proxy: it records beacons, loses some, and can hide the view ids,
//! as a browser does that shows no `Server-Timing` to scripts.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use std::sync::{Arc, Mutex};

const BODY_MAX: usize = 1 << 20;

/// What becomes of a beacon that is to be lost.
#[derive(Clone, Copy, PartialEq)]
pub enum Fate {
    /// It never arrives, and the browser believes it did.
    Swallowed,
    /// It never arrives, and the browser is told so.
    Refused,
    /// It arrives, but the browser hears that it did not.
    Unanswered,
}

pub struct Relay {
    port: u16,
    state: Arc<Passing>,
}

struct Passing {
    to: String,
    hides_ids: bool,
    client: reqwest::Client,
    /// Every event that reached the proxy.
    events: Mutex<Vec<Value>>,
    /// Pages whose next pageview beacon has this fate.
    losing: Mutex<Vec<(String, Fate)>>,
}

impl Relay {
    pub async fn start(to: String, hides_ids: bool) -> Self {
        let policy = reqwest::redirect::Policy::none();
        let client = reqwest::Client::builder().redirect(policy).build().unwrap();
        let (events, losing) = Default::default();
        let state = Arc::new(Passing { to, hides_ids, client, events, losing });
        let router = Router::new().fallback(pass).with_state(state.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { port, state }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The same by a name, which makes it no secure context for the browser.
    pub fn named_url(&self, path: &str) -> String {
        format!("http://site.test:{}{path}", self.port)
    }

    /// Loses the next beacon that tells of a pageview of `page`.
    pub fn lose(&self, page: &str, fate: Fate) {
        self.state.losing.lock().unwrap().push((page.to_owned(), fate));
    }

    /// Whether everything that was to be lost has been.
    pub fn has_lost_all(&self) -> bool {
        self.state.losing.lock().unwrap().is_empty()
    }

    /// Events of a type about a page that reached the proxy.
    pub fn events(&self, kind: &str, page: &str) -> Vec<Value> {
        let events = self.state.events.lock().unwrap();
        let of = events.iter().filter(|event| event["type"] == kind && event["pathname"] == page);
        of.cloned().collect()
    }
}

async fn pass(State(state): State<Arc<Passing>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, BODY_MAX).await.unwrap();
    let (mut fate, mut events) = (None, Vec::new());
    if head.uri.path() == "/api/track" {
        events = serde_json::from_slice::<Vec<Value>>(&body).unwrap();
        fate = state.fate(&events);
        match fate {
            Some(Fate::Swallowed) => return StatusCode::ACCEPTED.into_response(),
            Some(Fate::Refused) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
            Some(Fate::Unanswered) | None => {}
        }
    }
    let url = format!("{}{}", state.to, head.uri.path_and_query().unwrap());
    let sent = state.client.request(head.method, url).headers(head.headers).body(body).send().await;
    let Ok(answer) = sent else { return StatusCode::BAD_GATEWAY.into_response() };
    // Only now: who has seen them here may ask the program for what it counted.
    state.events.lock().unwrap().extend(events);
    if fate == Some(Fate::Unanswered) {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    let body: Bytes = answer.bytes().await.unwrap();
    headers.remove("transfer-encoding");
    if state.hides_ids {
        headers.remove("server-timing");
    }
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

impl Passing {
    fn fate(&self, events: &[Value]) -> Option<Fate> {
        let mut losing = self.losing.lock().unwrap();
        let at = losing.iter().position(|(page, _)| {
            events.iter().any(|event| event["type"] == "pageview" && event["pathname"] == **page)
        })?;
        Some(losing.remove(at).1)
    }
}
