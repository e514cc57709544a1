//! Visitors over kept-alive connections, and a ledger of what they were answered.
//!
//! They do as browsers do: a connection that was closed before any answer came is no answer, and
//! the page is asked for once more over another (RFC 9110 §9.2.2).

use super::common::headcount::{Headcount, SITE};
use super::common::http::FIREFOX;
use super::common::wait_for;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Where the site is: each request goes to any of these.
pub type Sites = Arc<Mutex<Vec<SocketAddr>>>;

/// Connections at once, each with visitors of its own.
const CONNECTIONS: usize = 12;
const VISITORS: usize = 10;

/// Between two pages of a connection: enough of them, and time for others.
const PACE: Duration = Duration::from_millis(3);

/// Longer than any answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Crowd {
    stop: Arc<AtomicBool>,
    ledger: Arc<Ledger>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Ledger {
    answered: AtomicUsize,
    failed: Mutex<Vec<String>>,
    slowest: Mutex<Duration>,
    /// Visitors who have been answered at least once.
    visitors: Mutex<std::collections::HashSet<String>>,
}

impl Crowd {
    /// Lets visitors in; `slow` more of them only ask for pages that take their time.
    pub fn enter(site: SocketAddr, slow: usize) -> Self {
        Self::enter_any(&Arc::new(Mutex::new(vec![site])), slow)
    }

    /// The same, where a load balancer sends each request to any node.
    pub fn enter_any(sites: &Sites, slow: usize) -> Self {
        let (stop, ledger) = (Arc::new(AtomicBool::new(false)), Arc::new(Ledger::default()));
        let threads = (0..CONNECTIONS + slow)
            .map(|i| {
                let (stop, ledger, sites) = (stop.clone(), ledger.clone(), sites.clone());
                std::thread::spawn(move || {
                    let (people, page) =
                        if i < CONNECTIONS { (VISITORS, "page") } else { (1, "slower") };
                    let mut connection = None;
                    for n in 0.. {
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        let who = format!("10.1.{i}.{}", n % people);
                        let path = format!("/{page}/{}", n % 50);
                        let began = Instant::now();
                        match visit(&mut connection, &sites, &who, &path) {
                            Ok(()) => {
                                ledger.answered.fetch_add(1, Ordering::SeqCst);
                                ledger.visitors.lock().unwrap().insert(who);
                            }
                            Err(error) => {
                                ledger
                                    .failed
                                    .lock()
                                    .unwrap()
                                    .push(format!("{who} {path}: {error}"));
                            }
                        }
                        if page == "page" {
                            let mut slowest = ledger.slowest.lock().unwrap();
                            *slowest = slowest.max(began.elapsed());
                        }
                        std::thread::sleep(PACE);
                    }
                })
            })
            .collect();
        Self { stop, ledger, threads }
    }

    /// Waits until so many more have been answered.
    pub fn more(&self, more: usize) {
        let target = self.ledger.answered.load(Ordering::SeqCst) + more;
        wait_for("more answers", || {
            (self.ledger.answered.load(Ordering::SeqCst) >= target).then_some(())
        });
    }

    /// Sends them home. All must have been answered; gives how many pages, to how many visitors,
    /// and how long the slowest waited.
    pub fn leave(self) -> (i64, i64, Duration) {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
        let failed = self.ledger.failed.lock().unwrap();
        assert!(failed.is_empty(), "{} failed: {:?}", failed.len(), &failed[..failed.len().min(5)]);
        let answered = self.ledger.answered.load(Ordering::SeqCst) as i64;
        let visitors = self.ledger.visitors.lock().unwrap().len() as i64;
        (answered, visitors, *self.ledger.slowest.lock().unwrap())
    }
}

/// Sends the crowd home and compares what is stored with what they were told.
pub fn compare(crowd: Crowd, headcount: &Headcount) -> Duration {
    let (answered, visitors, slowest) = crowd.leave();
    let unflushed = || (headcount.metric("headcount_unflushed_events") == 0).then_some(());
    wait_for("all to be flushed", unflushed);
    // A process that has handed over may leave files of what it counted last.
    wait_for("all to be stored", || (headcount.total("pageviews") >= answered).then_some(()));
    let stored =
        ["pageviews", "server_pageviews", "visits", "visitors"].map(|m| headcount.total(m));
    println!("{answered} pages to {visitors} visitors, the slowest in {slowest:?}");
    assert_eq!(stored, [answered, answered, visitors, visitors]);
    slowest
}

fn visit(
    connection: &mut Option<BufReader<TcpStream>>,
    sites: &Sites,
    who: &str,
    path: &str,
) -> std::io::Result<()> {
    let any = |connection: &mut Option<BufReader<TcpStream>>| {
        let site = {
            let sites = sites.lock().unwrap();
            sites[rand10::random_range(0..sites.len())]
        };
        // To another node than the last time.
        let peer = connection.as_ref().map(|stream| stream.get_ref().peer_addr());
        if peer.is_some_and(|peer| peer.ok() != Some(site)) {
            *connection = None;
        }
        ask(connection, site, who, path)
    };
    match any(connection) {
        Err(_) if connection.is_none() => any(connection),
        other => other,
    }
}

/// Leaves no connection behind where nothing came back.
fn ask(
    connection: &mut Option<BufReader<TcpStream>>,
    site: SocketAddr,
    who: &str,
    path: &str,
) -> std::io::Result<()> {
    let mut stream = match connection.take() {
        Some(stream) => stream,
        None => {
            let stream = TcpStream::connect(site)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_nodelay(true)?;
            BufReader::new(stream)
        }
    };
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {SITE}\r\nUser-Agent: {FIREFOX}\r\nAccept: text/html\r\n\
         Sec-Fetch-Dest: document\r\nX-Forwarded-For: {who}\r\n\r\n"
    );
    stream.get_mut().write_all(request.as_bytes())?;
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head)? == 0 {
            if !head.is_empty() {
                // An answer that broke off: asking again would hide it.
                *connection = Some(stream);
            }
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    let head = head.to_ascii_lowercase();
    let header = |name: &str| head.lines().find_map(|l| l.strip_prefix(name)).map(str::trim);
    let length = header("content-length:").and_then(|n| n.parse().ok()).unwrap_or(0);
    let body = stream.read_exact(&mut vec![0; length]);
    if header("connection:") != Some("close") || body.is_err() {
        *connection = Some(stream);
    }
    body?;
    if head.starts_with("http/1.1 200 ") { Ok(()) } else { Err(std::io::Error::other(head)) }
}
