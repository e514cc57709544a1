//! Stands before Pebble: notes what is asked, answers in its place or lets it wait, and adds what
//! the packaged version lacks: renewal information (RFC 9773) and profiles.

use crate::common::pebble::Pebble;
use crate::common::ports::free_port;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64URL_NOPAD;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use serde_json::{Value, json};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A request that came, with what was signed in it.
#[derive(Debug, Clone)]
pub struct Asked {
    pub at: Instant,
    pub path: String,
    pub payload: Value,
    /// What it was answered, if it was. Pebble turns some good nonces down, which are then tried
    /// again.
    pub status: Option<StatusCode>,
}

/// What is answered instead of Pebble: status, more fields, body.
pub type Instead = (u16, Vec<(&'static str, String)>, String);

type Rule = Box<dyn Fn(&str, usize) -> Option<Instead> + Send + Sync>;

/// Is there until dropped.
pub struct Between {
    pub directory: String,
    inner: Arc<Inner>,
    dir: TempDir,
    _runtime: Runtime,
}

struct Inner {
    pebble: u16,
    client: Client<HttpsConnector<HttpConnector>, Body>,
    own: String,
    asked: Mutex<Vec<Asked>>,
    rule: Rule,
    /// Paths that begin so have to wait.
    held: watch::Sender<Option<&'static str>>,
}

impl Between {
    /// `rule` is given a path and how often it was asked for before.
    pub fn start(
        pebble: &Pebble,
        rule: impl Fn(&str, usize) -> Option<Instead> + Send + Sync + 'static,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        std::fs::write(dir.path().join("ca.pem"), made.cert.pem()).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let port = free_port();
        let runtime = Runtime::new().unwrap();
        let own = format!("127.0.0.1:{port}");
        let listener = runtime.block_on(TcpListener::bind(&own)).unwrap();
        let listener = Tls { listener, acceptor: TlsAcceptor::from(Arc::new(config)) };
        let inner = Arc::new(Inner {
            pebble: pebble.port,
            client: client(pebble),
            own: format!("https://{own}"),
            asked: Mutex::default(),
            rule: Box::new(rule),
            held: watch::Sender::new(None),
        });
        let router = Router::new().fallback(pass).with_state(inner.clone());
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { directory: format!("https://{own}/dir"), inner, dir, _runtime: runtime }
    }

    /// What its port is to be trusted by.
    pub fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// What was asked for under paths that begin so.
    pub fn asked(&self, path: &str) -> Vec<Asked> {
        let asked = self.inner.asked.lock().unwrap();
        asked.iter().filter(|asked| asked.path.starts_with(path)).cloned().collect()
    }

    /// The same of those that were taken.
    pub fn taken(&self, path: &str) -> Vec<Asked> {
        let taken = |asked: &Asked| asked.status.is_some_and(|status| status.is_success());
        self.asked(path).into_iter().filter(taken).collect()
    }

    /// From now on requests of paths that begin so wait.
    pub fn hold(&self, path: Option<&'static str>) {
        self.inner.held.send_replace(path);
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn client(pebble: &Pebble) -> Client<HttpsConnector<HttpConnector>, Body> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(pebble.ca()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let https = HttpsConnectorBuilder::new().with_tls_config(config).https_only();
    Client::builder(TokioExecutor::new()).build(https.enable_http1().build())
}

async fn pass(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let path = head.uri.path().to_owned();
    let payload = payload(&body);
    let nth = {
        let mut all = inner.asked.lock().unwrap();
        all.push(Asked { at: Instant::now(), path, payload, status: None });
        all.len() - 1
    };
    let answer = answer(&inner, nth, head, body).await;
    inner.asked.lock().unwrap()[nth].status = Some(answer.status());
    answer
}

async fn answer(inner: &Inner, nth: usize, mut head: Parts, body: Bytes) -> Response {
    let (asked, before) = {
        let all = inner.asked.lock().unwrap();
        let same = all[..nth].iter().filter(|asked| asked.path == all[nth].path);
        (all[nth].clone(), same.count())
    };
    let path = asked.path;
    let mut held = inner.held.subscribe();
    let _ = held.wait_for(|held| held.is_none_or(|held| !path.starts_with(held))).await;
    if let Some((status, fields, body)) = (inner.rule)(&path, before) {
        let mut answer = Response::builder().status(status);
        for (name, value) in fields {
            answer = answer.header(name, value);
        }
        return answer.body(body.into()).unwrap();
    }
    head.uri = format!("https://127.0.0.1:{}{path}", inner.pebble).parse().unwrap();
    let request = Request::from_parts(head, Body::from(body));
    let Ok(answer) = inner.client.request(request).await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let (mut head, body) = answer.into_parts();
    let body = to_bytes(Body::new(body), usize::MAX).await.unwrap();
    for of_the_connection in [header::CONTENT_LENGTH, header::TRANSFER_ENCODING] {
        head.headers.remove(of_the_connection);
    }
    if !head.status.is_success() {
        return Response::from_parts(head, Body::from(body));
    }
    let more = match path.as_str() {
        "/dir" => json!({
            "renewalInfo": format!("{}/renewal", inner.own),
            "meta": { "profiles": { "classic": "as ever", "short": "for some days" } },
        }),
        // As a server must that takes them.
        "/order-plz" => {
            let of =
                |name: &str| asked.payload.get(name).map(|value| (name.to_owned(), value.clone()));
            Value::Object([of("replaces"), of("profile")].into_iter().flatten().collect())
        }
        _ => return Response::from_parts(head, Body::from(body)),
    };
    let mut whole: Value = serde_json::from_slice(&body).unwrap();
    for (name, value) in more.as_object().unwrap() {
        whole[name] = value.clone();
    }
    Response::from_parts(head, Body::from(whole.to_string()))
}

/// What a request's signature is about.
fn payload(body: &Bytes) -> Value {
    let signed = serde_json::from_slice::<Value>(body).unwrap_or_default();
    let payload = signed["payload"].as_str().unwrap_or_default();
    let payload = BASE64URL_NOPAD.decode(payload.as_bytes()).unwrap_or_default();
    serde_json::from_slice(&payload).unwrap_or_default()
}

struct Tls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, peer) = self.listener.accept().await.unwrap();
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, peer);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}
