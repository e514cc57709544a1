//! Certificates of the tests' own, a website that tells what it was asked, and headcount before it.

pub use crate::common::curl::{Curl, curl};

use crate::common::headcount::{Headcount, SITE};
use crate::common::http::FIREFOX;
use crate::common::ports::free_port;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path as Size, Request};
use axum::http::header;
use axum::response::{Html, IntoResponse};
use axum::routing::{any, get};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Runtime;
use tokio::time::sleep;

pub const PAGE: &str = "<!doctype html><title>A page</title><p>Hello.\n";

/// Bytes of `/large`.
pub const LARGE: usize = 8 << 20;

/// A website on its own runtime.
pub struct Website {
    pub url: String,
    _runtime: Runtime,
}

impl Website {
    pub fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        // One for all who ask.
        let large = Bytes::from(vec![b'x'; LARGE]);
        let site = Router::new()
            .route("/echo", any(echo))
            .route("/large", get(async move || large))
            .route("/large/{bytes}", get(async |Size(n): Size<usize>| vec![b'x'; n]))
            .route("/slow", get(slow))
            .route("/events", get(events))
            .fallback(any(async || Html(PAGE)));
        let listener = runtime.block_on(async { listen() });
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, site).await });
        Self { url, _runtime: runtime }
    }
}

/// Where crowds can wait to be let in, however busy the machine is.
fn listen() -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    socket.listen(65_535).unwrap()
}

/// The request's head, a field a line, and how long its body was.
async fn echo(request: Request) -> String {
    let (head, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let mut lines = format!("{} {} {:?}\n", head.method, head.uri, head.version);
    for (name, value) in &head.headers {
        lines += &format!("{name}: {}\n", value.to_str().unwrap());
    }
    lines + &format!("body: {}\n", body.len())
}

/// Ten pieces in two seconds.
async fn slow() -> Body {
    let pieces = futures_util::stream::unfold(0, async |nth| {
        sleep(Duration::from_millis(200)).await;
        (nth < 10).then(|| (Ok::<_, std::io::Error>(format!("piece {nth}\n")), nth + 1))
    });
    Body::from_stream(pieces)
}

/// An event, and another after six seconds.
async fn events() -> impl IntoResponse {
    let events = futures_util::stream::unfold(0, async |nth| {
        sleep(Duration::from_secs(6 * nth)).await;
        let said = ["data: first\n\n", "data: last\n\n"].get(nth as usize)?;
        Some((Ok::<_, std::io::Error>(*said), nth + 1))
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(events))
}

/// A certificate and its key in a folder: `NAME.pem`, `NAME.key`.
pub struct Certificate {
    pub chain: PathBuf,
    pub key: PathBuf,
}

impl Certificate {
    pub fn make(dir: &Path, file: &str, names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let (chain, key) = (dir.join(format!("{file}.pem")), dir.join(format!("{file}.key")));
        std::fs::write(&chain, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        Self { chain, key }
    }

    /// As the setting has it.
    pub fn setting(&self) -> String {
        format!("{}:{}", self.chain.display(), self.key.display())
    }
}

/// headcount with TLS before a website, under a certificate for its name.
pub struct Front {
    pub headcount: Headcount,
    pub port: u16,
    pub certificate: Certificate,
    dir: tempfile::TempDir,
}

impl Front {
    pub fn start(website: &Website, flags: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let certificate = Certificate::make(dir.path(), "site", &[SITE]);
        let port = free_port();
        let (listen, setting) = (format!("127.0.0.1:{port}"), certificate.setting());
        let own = ["--tls-listen", &listen, "--tls-certificates", &setting];
        let own = [&own[..], &["--flush-interval", "100ms"], flags].concat();
        let headcount = Headcount::start(&website.url, &own);
        Self { headcount, port, certificate, dir }
    }

    pub fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// What curl has to say of a path of the site, asked as a browser asks.
    pub fn curl(&self, path: &str, more: &[&str]) -> Curl {
        let browser = ["-A", FIREFOX, "-H", "Sec-Fetch-Dest: document", "-H", "Accept: text/html"];
        let url = format!("https://{SITE}:{}{path}", self.port);
        self.fetch(&url, &[&browser, more].concat())
    }

    /// The same of any URL on this machine.
    pub fn fetch(&self, url: &str, more: &[&str]) -> Curl {
        let trusted = self.certificate.chain.to_str().unwrap().to_owned();
        curl(url, &[&["--cacert", &trusted], more].concat())
    }
}
