//! What the tests work with: a website behind headcount, a clock that is set, and those who come.

use crate::common::false_time::FalseTime;
use crate::common::headcount::{Headcount, SITE};
use crate::common::http::{self, ACCEPT_PAGE};
use crate::common::wait_for;
use headcount::clock::{Clock, HOUR, Millis};
use headcount::model::site::{Day, Site};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::time::Duration;

pub const DAY: Millis = 24 * HOUR;

pub const FIREFOX: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:150.0) Gecko/20100101 Firefox/150.0";

pub const SEMRUSH: &str =
    "Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)";

/// No test waits for a morning: it is made to be one.
pub struct Stage {
    time: FalseTime,
    website: String,
}

impl Stage {
    pub fn new() -> Self {
        Self { time: FalseTime::new(), website: website() }
    }

    /// From now on it is so long after a day's midnight (UTC).
    pub fn set(&self, day: Day, after: Millis) {
        let at = Site::default().day_start(day) + after;
        self.time.set(at - Clock::system().now());
    }

    pub fn headcount(&self, store: &str, flags: &[&str]) -> Headcount {
        let common = [
            ["--store", store],
            ["--timezone", "UTC"],
            ["--flush-interval", "200ms"],
            ["--trusted-proxies", "127.0.0.1"],
            ["--mail-from", "headcount <stats@example.org>"],
            ["--mail-dashboard", "https://stats.example.org/"],
        ];
        let mut headcount = Headcount::prepare(&self.website, common.as_flattened());
        headcount.add(flags);
        let wrapper = self.time.wrapper();
        headcount.wrap(&wrapper.iter().map(String::as_str).collect::<Vec<_>>());
        headcount
    }

    /// Several that count into one store.
    pub fn nodes(&self, count: usize, store: &str, flags: &[&str]) -> Vec<Headcount> {
        let mut all: Vec<_> = (0..count).map(|_| self.headcount(store, flags)).collect();
        all.iter_mut().for_each(Headcount::start_again);
        all
    }
}

/// Has pages at all paths but those that begin with `/gone`; gives its address.
fn website() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut head = BufReader::new(stream.try_clone().unwrap()).lines();
                let Some(Ok(first)) = head.next() else { return };
                while head.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                let is_gone = first.starts_with("GET /gone");
                let status = if is_gone { "404 Not Found" } else { "200 OK" };
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: 7\r\n\
                     Connection: close\r\n\r\n<p>Here"
                );
            });
        }
    });
    url
}

pub fn today() -> Day {
    Site::default().day(Clock::system().now())
}

/// The next Monday that there is no report of yet.
pub fn next_monday() -> Day {
    let days = (1..8).map(|n| today() + chrono::Days::new(n));
    days.into_iter().find(|day| day.format("%u").to_string() == "1").unwrap()
}

/// A page as a person at an address opens it.
pub fn visit(headcount: &Headcount, person: usize, page: &str) {
    ask(headcount, person, page, &[("User-Agent", FIREFOX)], 200);
}

/// Asks for a page from an address.
pub fn ask(headcount: &Headcount, from: usize, page: &str, fields: http::Headers, status: u16) {
    let address = format!("192.0.2.{from}");
    let own = [("Host", SITE), ACCEPT_PAGE, ("X-Forwarded-For", &*address)];
    let answer = http::get(headcount.site(), page, &[&own, fields].concat());
    assert_eq!(answer.status, status, "{page}");
}

/// What the script says where somebody buys something.
pub fn buy(headcount: &Headcount, person: usize, page: &str, worth: f64) {
    let address = format!("192.0.2.{person}");
    let headers = [
        ("Host", SITE),
        ("User-Agent", FIREFOX),
        ("X-Forwarded-For", &*address),
        ("Content-Type", "text/plain"),
    ];
    let event =
        format!(r#"[{{"type":"event","pathname":"{page}","name":"Order","value":{worth}}}]"#);
    let answer = http::send(headcount.site(), "POST", "/api/track", &headers, event.as_bytes());
    assert_eq!(answer.status, 202);
}

pub fn delivered(headcount: &Headcount) {
    wait_for("all to be delivered", || {
        (headcount.metric("headcount_unflushed_events") == 0).then_some(())
    });
}

pub fn notices(headcount: &Headcount, outcome: &str) -> i64 {
    headcount.metric(&format!("headcount_notices_total{{outcome=\"{outcome}\"}}"))
}

/// Of all nodes.
pub fn all_notices(nodes: &[Headcount], outcome: &str) -> i64 {
    nodes.iter().map(|node| notices(node, outcome)).sum()
}

/// Long enough for a mistake to be seen.
pub fn a_while() {
    std::thread::sleep(Duration::from_secs(4));
}
