//! A website that notes what it executes, and clients that note what they were answered.

use crate::common::wire::{Origin, Wire};
use std::collections::HashMap;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Clients at a time.
const CLIENTS: usize = 16;

/// Longer than a start takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The website.
pub struct Ledger {
    origin: Origin,
    executed: Arc<Mutex<HashMap<u64, usize>>>,
}

impl Ledger {
    pub fn start() -> Self {
        let executed: Arc<Mutex<HashMap<u64, usize>>> = Arc::default();
        let noted = executed.clone();
        let origin = Origin::start(move |wire, request| {
            if wire.body(request, false).is_err() {
                return false;
            }
            if let Ok(number) = request.text().parse() {
                *noted.lock().unwrap().entry(number).or_default() += 1;
            }
            wire.reply("200 OK", "Content-Type: text/plain\r\n", &request.body);
            true
        });
        Self { origin, executed }
    }

    pub fn url(&self) -> String {
        self.origin.url()
    }

    /// Every answered request was executed once, and no other more than once.
    fn agrees_with(&self, answered: &[u64]) {
        let executed = self.executed.lock().unwrap();
        let wrong = |number: &&u64| executed.get(number) != Some(&1);
        assert_eq!(answered.iter().filter(wrong).count(), 0, "answered and not executed once");
        assert_eq!(executed.values().filter(|times| **times > 1).count(), 0, "executed twice");
        assert_eq!(executed.len(), answered.len(), "executed, and the answer was lost");
    }
}

/// Clients that each send one POST after the other over a connection that they keep.
struct Clients {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    threads: Vec<JoinHandle<Vec<u64>>>,
}

impl Clients {
    fn start(to: SocketAddr) -> Self {
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let threads = (0..CLIENTS).map(|_| {
            let (stop, sent) = (stop.clone(), sent.clone());
            std::thread::spawn(move || work(to, &stop, &sent))
        });
        let threads = threads.collect();
        Self { stop, sent, threads }
    }

    /// Waits until so many more requests were sent.
    fn more(&self, count: u64) {
        let (from, begun) = (self.sent.load(Ordering::SeqCst), Instant::now());
        while self.sent.load(Ordering::SeqCst) < from + count {
            assert!(begun.elapsed() < PATIENCE, "the clients send nothing");
            let ended = self.threads.iter().any(JoinHandle::is_finished);
            assert!(!ended, "a client was not answered");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends them. The numbers of all requests, each of which was answered.
    fn leave(self) -> Vec<u64> {
        self.stop.store(true, Ordering::SeqCst);
        self.threads.into_iter().flat_map(|thread| thread.join().expect("all answered")).collect()
    }
}

/// Busy clients of `to`, while something is done to headcount again and again: each request is
/// answered, and executed once.
pub fn nothing_is_lost(
    ledger: &Ledger,
    to: SocketAddr,
    rounds: usize,
    mut done: impl FnMut(usize),
) {
    let clients = Clients::start(to);
    for round in 0..rounds {
        clients.more(500);
        done(round);
    }
    clients.more(500);
    ledger.agrees_with(&clients.leave());
}

/// Sends until told to stop. A connection may be refused, while nobody listens; once a request is
/// on its way it must be answered.
fn work(to: SocketAddr, stop: &AtomicBool, sent: &AtomicU64) -> Vec<u64> {
    let mut answered = Vec::new();
    let mut wire = connect(to);
    let mut on_this_one = 0;
    while !stop.load(Ordering::SeqCst) {
        let number = sent.fetch_add(1, Ordering::SeqCst);
        let body = number.to_string();
        let head = format!(
            "POST /order HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let lost = |why: &str| -> ! {
            panic!("request {on_this_one} of its connection: {why}");
        };
        if let Err(error) = wire.try_send(head) {
            lost(&format!("not sent: {error}"));
        }
        let mut answer = match wire.head() {
            Ok(Some(answer)) => answer,
            Ok(None) => lost("closed without an answer"),
            Err(error) => lost(&error.to_string()),
        };
        if let Err(error) = wire.body(&mut answer, true) {
            lost(&format!("half an answer: {error}"));
        }
        assert_eq!((answer.status(), answer.text()), (200, body));
        answered.push(number);
        on_this_one += 1;
        let last = answer.header("connection").is_some_and(|c| c.eq_ignore_ascii_case("close"));
        if last {
            wire = connect(to);
            on_this_one = 0;
        }
    }
    answered
}

/// Connects, however long nobody listens.
fn connect(to: SocketAddr) -> Wire {
    let begun = Instant::now();
    loop {
        match TcpStream::connect(to) {
            Ok(stream) => {
                stream.set_nodelay(true).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                return Wire::over(stream);
            }
            Err(error) => assert!(begun.elapsed() < PATIENCE, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
