//! Visitors who keep a ledger of what they were told.
//!
//! Each view has a page of its own, so the store can be asked about every single one. A request
//! that was sent and not answered may have been counted or not; everything else is certain.

use crate::common::headcount::SITE;
use crate::common::http::FIREFOX;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Visitors of one browser each that a thread sends in turn.
const PER_THREAD: usize = 23;

/// A pause between two requests of a thread: some hundreds a second over all of them.
const PAUSE: Duration = Duration::from_millis(6);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Never sent.
    Nothing,
    /// Answered: it counts.
    Yes,
    /// Sent, and the connection ended before the answer.
    Unknown,
}

#[derive(Debug)]
pub struct View {
    pub visitor: String,
    pub page: String,
    pub view: Told,
    /// Its beacon.
    pub beacon: Told,
}

/// People who browse until they are told to stop.
pub struct People {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<Vec<View>>>,
}

struct Shared {
    site: Mutex<SocketAddr>,
    stop: AtomicBool,
    answered: AtomicUsize,
}

impl People {
    /// `crowd` tells these visitors and pages from those of another call.
    pub fn start(site: SocketAddr, crowd: u8, threads: u8) -> Self {
        let shared = Arc::new(Shared {
            site: Mutex::new(site),
            stop: AtomicBool::new(false),
            answered: AtomicUsize::new(0),
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
        *self.shared.site.lock().unwrap() = site;
    }

    /// Views answered so far.
    pub fn answered(&self) -> usize {
        self.shared.answered.load(Ordering::SeqCst)
    }

    /// Waits until so many more views have been answered.
    pub fn wait_for(&self, more: usize) {
        let goal = self.answered() + more;
        crate::common::wait_for("answers", || (self.answered() >= goal).then_some(()));
    }

    /// Sends everybody home and gives their ledger.
    pub fn stop(self) -> Ledger {
        self.shared.stop.store(true, Ordering::SeqCst);
        Ledger(self.threads.into_iter().flat_map(|t| t.join().unwrap()).collect())
    }
}

impl Shared {
    fn browse(&self, crowd: u8, thread: u8) -> Vec<View> {
        let mut ledger = Vec::new();
        let mut connection = None;
        for n in 0.. {
            if self.stop.load(Ordering::SeqCst) {
                break;
            }
            let visitor = format!("10.{crowd}.{thread}.{}", n % PER_THREAD);
            let page = format!("/{crowd}/{thread}/{n}");
            let mut beacon = Told::Nothing;
            let (view, id) = self.ask(&mut connection, &visitor, &page, None);
            if view == Told::Yes {
                self.answered.fetch_add(1, Ordering::SeqCst);
                // Two of three browsers run the script.
                if n % 3 > 0 {
                    let event = format!(
                        r#"{{"type":"pageview","pathname":"{page}","view":"{}","n":{n}}}"#,
                        id.expect("a page has a view id")
                    );
                    beacon = self.ask(&mut connection, &visitor, "/api/track", Some(&event)).0;
                }
            }
            if view != Told::Nothing {
                ledger.push(View { visitor, page, view, beacon });
            }
            std::thread::sleep(PAUSE);
        }
        ledger
    }

    fn ask(
        &self,
        connection: &mut Option<BufReader<TcpStream>>,
        visitor: &str,
        path: &str,
        body: Option<&str>,
    ) -> (Told, Option<String>) {
        let mut stream = match connection.take() {
            Some(stream) => stream,
            None => {
                let Ok(stream) = TcpStream::connect(*self.site.lock().unwrap()) else {
                    return (Told::Nothing, None);
                };
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
            format!("POST {path} HTTP/1.1\r\n{host}{beacon}\r\nContent-Length: {length}\r\n\r\n{body}")
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
    io::copy(&mut stream.by_ref().take(length), &mut io::sink())?;
    let expected = if body.is_some() { "HTTP/1.1 202 " } else { "HTTP/1.1 200 " };
    assert!(status.starts_with(expected), "{path}: {status}");
    Ok(id)
}

/// What visitors were told.
#[derive(Default)]
pub struct Ledger(pub Vec<View>);

/// What a store has of a day: `dimension␟value␟metric` and its count.
pub type Stored = HashMap<String, i64>;

impl Ledger {
    pub fn extend(&mut self, more: Ledger) {
        self.0.extend(more.0);
    }

    /// Compares with what is stored, and says how it came out; panics on any difference.
    pub fn check(&self, what: &str, stored: &Stored) {
        let get = |dimension: &str, value: &str, metric: &str| {
            let field = format!("{dimension}\u{1f}{value}\u{1f}{metric}");
            stored.get(&field).copied().unwrap_or_default()
        };
        let mut wrong = Vec::new();
        let mut differ = |what: &str, stored: i64, told: i64| {
            if stored != told {
                wrong.push(format!("{what}: {stored} stored, {told} told"));
            }
        };
        let (mut server, mut confirmed) = (0, 0);
        let (mut unknown, mut unknown_counted) = (0, 0);
        let mut views: BTreeMap<&str, i64> = BTreeMap::new();
        for view in &self.0 {
            for (told, metric, sum) in
                [(view.view, "server", &mut server), (view.beacon, "confirmed", &mut confirmed)]
            {
                let has = get("page", &view.page, metric);
                match told {
                    Told::Yes => differ(&format!("{} {metric}", view.page), has, 1),
                    Told::Nothing => differ(&format!("{} {metric}", view.page), has, 0),
                    Told::Unknown => {
                        differ(&format!("{} {metric}, in flight", view.page), has.clamp(0, 1), has);
                        unknown += 1;
                        unknown_counted += has;
                    }
                }
                *sum += has;
            }
            if get("page", &view.page, "server") > 0 {
                *views.entry(view.visitor.as_str()).or_default() += 1;
            }
        }
        let visitors = views.len() as i64;
        let bounces = views.values().filter(|n| **n == 1).count() as i64;
        for (metric, told) in [
            ("server", server),
            ("confirmed", confirmed),
            ("browser", 0),
            ("visitors", visitors),
            ("visits", visitors),
            ("visit_views", server),
            ("bounces", bounces),
        ] {
            differ(metric, get("total", "", metric), told);
        }
        for metric in ["server", "visits", "bounces"] {
            let slots = stored.iter().filter(|(field, _)| {
                field.starts_with("slot\u{1f}") && field.ends_with(&format!("\u{1f}{metric}"))
            });
            let sum = slots.map(|(_, n)| n).sum();
            differ(&format!("{metric} over all slots"), sum, get("total", "", metric));
        }
        let told = self.0.iter().filter(|v| v.view == Told::Yes).count();
        println!(
            "{what}: {told} views told, {visitors} visitors, {unknown} requests in flight \
             ({unknown_counted} counted), difference {}",
            wrong.len()
        );
        wrong.truncate(20);
        assert!(wrong.is_empty(), "{what}: {wrong:#?}");
    }
}
