//! Busy visitors of several sites, in every way that there is to come: over connections that they
//! keep, plain, by TLS with HTTP/1.1 and by TLS with HTTP/2. And a ledger of what they were
//! answered.
//!
//! Each page says which website it is of ("<p>NAME as HOST"), and so to which site its view
//! belongs. Once a request is on its way it must be answered: none is repeated, but where HTTP/2
//! says that it was not looked at (GOAWAY, RFC 9113 §6.8).

use super::http::FIREFOX;
use super::wait_for;
use bytes::Bytes;
use h2::client::SendRequest;
use rustls::pki_types::ServerName;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

/// Visitors at a time, of each way.
const CLIENTS: usize = 4;

/// Addresses that each has.
const ADDRESSES: usize = 10;

/// Between two pages.
const PACE: Duration = Duration::from_millis(20);

/// Longer than any answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How visitors come.
#[derive(Clone)]
pub enum Way {
    Plain(SocketAddr),
    Tls1(SocketAddr, Arc<rustls::ClientConfig>),
    Tls2(SocketAddr, Arc<rustls::ClientConfig>),
}

/// What visitors of a site were answered.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Answered {
    pub pages: i64,
    pub visitors: HashSet<String>,
}

/// Visitors, until they leave.
pub struct Busy {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
    runtime: Runtime,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    /// The hosts that they visit.
    hosts: Mutex<Vec<String>>,
    /// By website.
    ledger: Mutex<BTreeMap<String, Answered>>,
    answered: AtomicUsize,
    failed: Mutex<Vec<String>>,
    slowest: Mutex<Duration>,
}

impl Busy {
    pub fn enter(ways: &[Way], hosts: &[&str]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let shared = Arc::new(Shared::default());
        let (clients, busy) = (Vec::new(), shared.clone());
        let mut busy = Self { shared: busy, clients, runtime };
        busy.visit(hosts);
        for (nth, way) in ways.iter().flat_map(|way| vec![way; CLIENTS]).enumerate() {
            let client = Client { way: way.clone(), nth, kept: HashMap::new() };
            busy.clients.push(busy.runtime.spawn(client.work(shared.clone())));
        }
        busy
    }

    /// From now on they visit these hosts. Those that are not among them are visited by nobody any
    /// more when this returns.
    pub fn visit(&self, hosts: &[&str]) {
        *self.shared.hosts.lock().unwrap() = hosts.iter().map(ToString::to_string).collect();
        if !self.clients.is_empty() {
            // Who has chosen before is answered by then.
            self.more(8 * self.clients.len());
        }
    }

    /// Waits until so many more were answered.
    pub fn more(&self, more: usize) {
        let count = || self.shared.answered.load(Ordering::SeqCst);
        let target = count() + more;
        wait_for("more answers", || {
            let failed = self.shared.failed.lock().unwrap().clone();
            assert!(failed.is_empty(), "{} failed: {:?}", failed.len(), failed.first());
            (count() >= target).then_some(())
        });
    }

    /// Sends them home. All must have been answered; gives what those of each website were, and how
    /// long the slowest waited.
    pub fn leave(self) -> (BTreeMap<String, Answered>, Duration) {
        self.shared.stop.store(true, Ordering::SeqCst);
        for client in self.clients {
            self.runtime.block_on(client).unwrap();
        }
        let failed = self.shared.failed.lock().unwrap();
        assert!(failed.is_empty(), "{} failed: {:?}", failed.len(), &failed[..failed.len().min(5)]);
        let slowest = *self.shared.slowest.lock().unwrap();
        (self.shared.ledger.lock().unwrap().clone(), slowest)
    }
}

impl Shared {
    fn waited(&self, so_long: Duration) {
        let mut slowest = self.slowest.lock().unwrap();
        *slowest = slowest.max(so_long);
    }
}

struct Client {
    way: Way,
    nth: usize,
    /// Connections by host.
    kept: HashMap<String, Kept>,
}

enum Kept {
    Http1(BufReader<Box<dyn Io>>),
    Http2(SendRequest<Bytes>),
}

trait Io: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Io for T {}

impl Client {
    async fn work(mut self, shared: Arc<Shared>) {
        for n in 0.. {
            if shared.stop.load(Ordering::SeqCst) {
                return;
            }
            let host = {
                let hosts = shared.hosts.lock().unwrap();
                hosts[n % hosts.len()].clone()
            };
            let who = format!("10.2.{}.{}", self.nth, n % ADDRESSES);
            let began = tokio::time::Instant::now();
            let path = format!("/page/{}", n % 20);
            let asked = self.ask(&host, &who, &path);
            let told = match tokio::time::timeout(PATIENCE, asked).await {
                Ok(told) => told,
                Err(_) => Err(io::ErrorKind::TimedOut.into()),
            };
            let told = told.and_then(|(status, page)| {
                let website = page
                    .split_once("<p>")
                    .and_then(|(_, rest)| rest.split_once(&format!(" as {host}")))
                    .map(|(website, _)| website.to_owned());
                match website.filter(|_| status == 200) {
                    Some(website) => Ok(website),
                    None => Err(io::Error::other(format!("{status} {page}"))),
                }
            });
            shared.waited(began.elapsed());
            match told {
                Ok(website) => {
                    let mut ledger = shared.ledger.lock().unwrap();
                    let answered = ledger.entry(website).or_default();
                    answered.pages += 1;
                    answered.visitors.insert(who);
                    shared.answered.fetch_add(1, Ordering::SeqCst);
                }
                Err(error) => {
                    self.kept.remove(&host);
                    shared.failed.lock().unwrap().push(format!("{who} at {host}: {error}"));
                }
            }
            tokio::time::sleep(PACE).await;
        }
    }

    /// Status and body of a page.
    async fn ask(&mut self, host: &str, who: &str, path: &str) -> io::Result<(u16, String)> {
        loop {
            let kept = match self.kept.remove(host) {
                Some(kept) => kept,
                None => self.connect(host).await?,
            };
            match kept {
                Kept::Http1(mut stream) => {
                    let (status, body, last) = by_http1(&mut stream, host, who, path).await?;
                    if !last {
                        self.kept.insert(host.to_owned(), Kept::Http1(stream));
                    }
                    return Ok((status, body));
                }
                Kept::Http2(sender) => {
                    // It has said that it takes no more.
                    let Ok(mut sender) = sender.ready().await else { continue };
                    match by_http2(&mut sender, host, who, path).await {
                        Err(error) if is_not_looked_at(&error) => continue,
                        answered => {
                            self.kept.insert(host.to_owned(), Kept::Http2(sender));
                            return answered.map_err(io::Error::other);
                        }
                    }
                }
            }
        }
    }

    async fn connect(&self, host: &str) -> io::Result<Kept> {
        let (address, tls) = match &self.way {
            Way::Plain(address) => (address, None),
            Way::Tls1(address, tls) => (address, Some((tls, &b"http/1.1"[..]))),
            Way::Tls2(address, tls) => (address, Some((tls, &b"h2"[..]))),
        };
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let Some((tls, version)) = tls else {
            return Ok(Kept::Http1(BufReader::new(Box::new(stream))));
        };
        let mut tls = rustls::ClientConfig::clone(tls);
        tls.alpn_protocols = vec![version.to_vec()];
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let stream = TlsConnector::from(Arc::new(tls)).connect(name, stream).await?;
        if version != b"h2" {
            return Ok(Kept::Http1(BufReader::new(Box::new(stream))));
        }
        let (sender, connection) = h2::client::handshake(stream).await.map_err(io::Error::other)?;
        tokio::spawn(connection);
        Ok(Kept::Http2(sender))
    }
}

/// Status, body, and whether the connection ends.
async fn by_http1(
    stream: &mut BufReader<Box<dyn Io>>,
    host: &str,
    who: &str,
    path: &str,
) -> io::Result<(u16, String, bool)> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {FIREFOX}\r\nAccept: text/html\r\n\
         Sec-Fetch-Dest: document\r\nX-Forwarded-For: {who}\r\n\r\n"
    );
    stream.get_mut().write_all(request.as_bytes()).await?;
    stream.get_mut().flush().await?;
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let head = head.to_ascii_lowercase();
    let field = |name: &str| head.lines().find_map(|l| l.strip_prefix(name)).map(str::trim);
    let body = match field("content-length:").and_then(|length| length.parse().ok()) {
        Some(length) => exactly(stream, length).await?,
        None if field("transfer-encoding:") == Some("chunked") => chunks(stream).await?,
        None => return Err(io::Error::other(head)),
    };
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let last = field("connection:") == Some("close");
    Ok((status, String::from_utf8_lossy(&body).into_owned(), last))
}

async fn exactly(stream: &mut BufReader<Box<dyn Io>>, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// A body in chunks, to its end.
async fn chunks(stream: &mut BufReader<Box<dyn Io>>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let length = usize::from_str_radix(line.trim_end(), 16).map_err(io::Error::other)?;
        let mut chunk = exactly(stream, length + 2).await?;
        chunk.truncate(length);
        if chunk.is_empty() {
            return Ok(body);
        }
        body.append(&mut chunk);
    }
}

async fn by_http2(
    sender: &mut SendRequest<Bytes>,
    host: &str,
    who: &str,
    path: &str,
) -> Result<(u16, String), h2::Error> {
    let request = http::Request::get(format!("https://{host}{path}"))
        .header("user-agent", FIREFOX)
        .header("accept", "text/html")
        .header("sec-fetch-dest", "document")
        .header("x-forwarded-for", who)
        .body(())
        .unwrap();
    let (answer, _) = sender.send_request(request, true)?;
    let answer = answer.await?;
    let (status, mut body) = (answer.status().as_u16(), answer.into_body());
    let mut page = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece?;
        let _ = body.flow_control().release_capacity(piece.len());
        page.extend_from_slice(&piece);
    }
    Ok((status, String::from_utf8_lossy(&page).into_owned()))
}

fn is_not_looked_at(error: &h2::Error) -> bool {
    let reason = error.reason();
    (error.is_go_away() && reason == Some(h2::Reason::NO_ERROR))
        || reason == Some(h2::Reason::REFUSED_STREAM)
}
