//! Visitors who browse, and note what they are told.
//!
//! Each view is of a page of its own. Two of three browsers run the script, which sends a beacon
//! that got no answer again, with the same number: a retry is no second event.

use crate::common::headcount::SITE;
use crate::common::http::FIREFOX;
use crate::ledger::{Ledger, Told, View};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep};
use std::time::Duration;

/// Visitors of one browser each that a thread sends in turn.
const PER_THREAD: usize = 23;

/// A pause between two views of a thread: some hundreds a second over all of them.
const PAUSE: Duration = Duration::from_millis(12);

/// How often a beacon without an answer is sent again.
const RETRIES: usize = 300;

/// People who browse until they are told to stop.
pub struct People {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<Vec<View>>>,
}

struct Shared {
    /// A beacon goes to any of them, a visitor's views to one.
    sites: Mutex<Vec<SocketAddr>>,
    /// A visitor's views go to any of them, too.
    scattered: bool,
    stop: AtomicBool,
    answered: AtomicUsize,
    /// Begins the paths of all pages, and of nobody else's.
    pages: u32,
}

impl People {
    /// The same `crowd`, the same visitors; their pages are always new.
    pub fn start(site: SocketAddr, crowd: usize, threads: usize) -> Self {
        Self::spread(&[site], crowd, threads)
    }

    /// Each thread's visitors keep to one of `sites`, as a load balancer with sticky sessions has
    /// it; their beacons go to any.
    pub fn spread(sites: &[SocketAddr], crowd: usize, threads: usize) -> Self {
        Self::among(sites, crowd, threads, false)
    }

    /// Each request goes to any of `sites`, as a load balancer has it without sticky sessions.
    pub fn scatter(sites: &[SocketAddr], crowd: usize, threads: usize) -> Self {
        Self::among(sites, crowd, threads, true)
    }

    fn among(sites: &[SocketAddr], crowd: usize, threads: usize, scattered: bool) -> Self {
        let shared = Arc::new(Shared {
            sites: Mutex::new(sites.to_vec()),
            scattered,
            stop: AtomicBool::new(false),
            answered: AtomicUsize::new(0),
            pages: rand10::random(),
        });
        let threads = (0..threads)
            .map(|t| {
                let shared = shared.clone();
                std::thread::spawn(move || shared.browse(crowd, t))
            })
            .collect();
        Self { shared, threads }
    }

    /// Where the site is from now on.
    pub fn go_to(&self, site: SocketAddr) {
        self.go_to_node(0, site);
    }

    /// Where one of several is from now on.
    pub fn go_to_node(&self, node: usize, site: SocketAddr) {
        self.shared.sites.lock().unwrap()[node] = site;
    }

    /// Views answered so far.
    pub fn answered(&self) -> usize {
        self.shared.answered.load(Ordering::SeqCst)
    }

    /// Waits until so many more views have been answered.
    pub fn wait_for(&self, more: usize) {
        let goal = self.answered() + more;
        crate::common::wait_for("answers", || {
            let gone = self.threads.iter().any(JoinHandle::is_finished);
            (gone || self.answered() >= goal).then_some(())
        });
    }

    /// Sends everybody home and gives their ledger.
    pub fn stop(self) -> Ledger {
        self.shared.stop.store(true, Ordering::SeqCst);
        let views = self.threads.into_iter().flat_map(|t| t.join().expect("good answers only"));
        Ledger::new(views.collect())
    }
}

/// A connection to each node.
type Connections = Vec<Option<BufReader<TcpStream>>>;

impl Shared {
    fn browse(&self, crowd: usize, thread: usize) -> Vec<View> {
        let mut ledger = Vec::new();
        let nodes = self.sites.lock().unwrap().len();
        let mut connections: Connections = (0..nodes).map(|_| None).collect();
        for n in 0.. {
            if self.stop.load(Ordering::SeqCst) {
                break;
            }
            let visitor = format!("10.{crowd}.{thread}.{}", n % PER_THREAD);
            let page = format!("/{:x}/{thread}/{n}", self.pages);
            let (node, other) = match self.scattered {
                true => (rand10::random_range(0..nodes), rand10::random_range(0..nodes)),
                false => (thread % nodes, n % nodes),
            };
            let (view, id) = self.ask(&mut connections[node], node, &visitor, &page, None);
            let mut beacon = Told::Nothing;
            if view == Told::Yes {
                self.answered.fetch_add(1, Ordering::SeqCst);
                if n % 3 > 0 {
                    let id = id.expect("a page has a view id");
                    beacon = self.tell(&mut connections, other, &visitor, &page, &id);
                }
            }
            if view != Told::Nothing {
                ledger.push(View { visitor, page, view, beacon });
            }
            sleep(PAUSE);
        }
        ledger
    }

    /// Sends a beacon until there is an answer: to another node where one does not listen, but what
    /// was once sent, to the same.
    fn tell(
        &self,
        connections: &mut Connections,
        mut node: usize,
        visitor: &str,
        page: &str,
        id: &str,
    ) -> Told {
        let n: u32 = rand10::random();
        let event = format!(r#"{{"type":"pageview","pathname":"{page}","view":"{id}","n":{n}}}"#);
        let mut told = Told::Nothing;
        for _ in 0..RETRIES {
            match self.ask(&mut connections[node], node, visitor, "/api/track", Some(&event)).0 {
                Told::Yes => return Told::Yes,
                Told::Unknown => told = Told::Unknown,
                Told::Nothing if told == Told::Nothing => node = (node + 1) % connections.len(),
                Told::Nothing => {}
            }
            if self.stop.load(Ordering::SeqCst) {
                break;
            }
            sleep(PAUSE);
        }
        told
    }

    fn ask(
        &self,
        connection: &mut Option<BufReader<TcpStream>>,
        node: usize,
        visitor: &str,
        path: &str,
        body: Option<&str>,
    ) -> (Told, Option<String>) {
        let mut stream = match connection.take() {
            Some(stream) => stream,
            None => {
                let site = self.sites.lock().unwrap()[node];
                let Ok(stream) = TcpStream::connect(site) else { return (Told::Nothing, None) };
                stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
                stream.set_nodelay(true).unwrap();
                BufReader::new(stream)
            }
        };
        match exchange(&mut stream, visitor, path, body) {
            Ok(id) => {
                *connection = Some(stream);
                (Told::Yes, id)
            }
            Err(_) => (Told::Unknown, None),
        }
    }
}

/// Sends a request over a connection that stays, and reads its whole answer: its view id.
fn exchange(
    stream: &mut BufReader<TcpStream>,
    visitor: &str,
    path: &str,
    body: Option<&str>,
) -> io::Result<Option<String>> {
    let host = format!("Host: {SITE}\r\nUser-Agent: {FIREFOX}\r\nX-Forwarded-For: {visitor}\r\n");
    let request = match body {
        None => {
            let page = "Accept: text/html\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate";
            format!("GET {path} HTTP/1.1\r\n{host}{page}\r\n\r\n")
        }
        Some(body) => {
            let beacon = "Content-Type: application/json\r\nSec-Fetch-Site: same-origin";
            let length = body.len();
            format!(
                "POST {path} HTTP/1.1\r\n{host}{beacon}\r\nContent-Length: {length}\r\n\r\n{body}"
            )
        }
    };
    stream.get_mut().write_all(request.as_bytes())?;
    let (mut line, mut length, mut id, mut status) = (String::new(), 0, None, String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if status.is_empty() {
            status.clone_from(&line);
        }
        if line == "\r\n" {
            break;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if lower.starts_with("server-timing:")
            && let Some((_, rest)) = line.split_once("hc;desc=\"")
        {
            id = rest.split_once('"').map(|(id, _)| id.to_owned());
        }
    }
    if io::copy(&mut stream.by_ref().take(length), &mut io::sink())? < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let expected = if body.is_some() { "HTTP/1.1 202 " } else { "HTTP/1.1 200 " };
    assert!(status.starts_with(expected), "{path}: {status}");
    Ok(id)
}
