//! What a rule is tried on: the program, as it is shipped, between a website that answers as it is
//! told to and clients that send what a rule says; and what lies in the store in the end.

// Each test program uses its own part of this.
#![allow(dead_code)]

use crate::common::headcount::Headcount;
use crate::common::http::{self, Answer, BEACON, FIREFOX, Headers};
use crate::common::wait_for;
use headcount::model::PackedRows;
use headcount::model::row::EventRow;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// What a page's body is, where it matters: 11 bytes.
const BODY: &str = "<p>Page</p>";

/// Rows and metrics that are not looked at, unless a rule says so.
const ROWS_ASIDE: &[&str] = &[
    "slot",
    "first_seen",
    "hostname",
    "entry_page",
    "exit_page",
    "source",
    "referrer",
    "channel",
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "country",
    "device",
    "browser",
    "browser_version",
    "os",
    "os_version",
    "screen",
    "language",
    "timing",
];
const METRICS_ASIDE: &[&str] = &["visits", "bounces", "visit_views", "duration", "bytes"];

/// A rule: what it says, how the program is set up, what happens, and all that is then counted: a
/// row a line, `dimension value: metric count, metric count`. A list of words tells what else is
/// looked at.
pub struct Rule {
    pub says: &'static str,
    pub settings: &'static [&'static str],
    pub happens: fn(&mut Stage),
    pub looks_at: &'static [&'static str],
    pub counts: &'static str,
}

/// Tries rules, each on a program of its own.
pub fn hold(rules: &[Rule]) {
    for rule in rules {
        let mut stage = Stage::set(rule.settings);
        (rule.happens)(&mut stage);
        let mut expected: Vec<&str> = rule.counts.lines().map(str::trim).collect();
        expected.retain(|line| !line.is_empty());
        expected.sort_unstable();
        let expected = expected.join("\n");
        let counted = || stage.counted(rule.looks_at).join("\n");
        // What was sent is counted where a request ends, perhaps a flush after all else.
        let patience = Instant::now() + Duration::from_secs(5);
        while counted() != expected && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(counted(), expected, "{}", rule.says);
    }
}

pub struct Stage {
    pub headcount: Headcount,
    /// Headers of whoever asks: a browser.
    pub client: Vec<(&'static str, &'static str)>,
    n: u64,
}

impl Stage {
    pub fn set(settings: &[&str]) -> Self {
        let upstream = format!("http://127.0.0.1:{}", website());
        let mut flags = vec!["--flush-interval", "100ms", "--threads", "1"];
        flags.extend(settings);
        let client = vec![("Host", "docs.example.org"), ("User-Agent", FIREFOX)];
        Self { headcount: Headcount::start(&upstream, &flags), client, n: 0 }
    }

    /// Sends a request that the website answers with `answer`: a status and headers, as in
    /// `404 | content-type: text/html`.
    pub fn ask(&self, method: &str, path: &str, headers: Headers, answer: &str) -> Answer {
        http::send(self.headcount.site(), method, path, &self.asking(headers, answer), b"")
    }

    /// A page of which the website promises more than it sends.
    pub fn get_cut_short(&self, path: &str) {
        let stream = TcpStream::connect(self.headcount.site()).unwrap();
        let headers = self.asking(http::NAVIGATION, &format!("{PAGE} | content-length: 90"));
        let mut reader = http::ask(stream, "GET", path, &headers, b"");
        io::copy(&mut reader, &mut io::sink()).unwrap();
    }

    fn asking<'a>(&self, headers: Headers<'a>, answer: &str) -> Vec<(&'a str, &'a str)> {
        let mut all = self.client.clone();
        all.extend(headers);
        all.push(("X-Answer", answer.to_owned().leak()));
        all
    }

    pub fn get(&self, path: &str, headers: Headers, answer: &str) -> Answer {
        self.ask("GET", path, headers, answer)
    }

    /// Opens a page that is there; gives its view id.
    pub fn open(&self, path: &str) -> String {
        self.get(path, http::NAVIGATION, PAGE).view_id().expect("a page has an id")
    }

    /// Posts a beacon, which must be taken.
    pub fn tell(&mut self, event: Value) {
        self.n += 1;
        let mut whole = json!({ "n": self.n, "type": "pageview", "pathname": "/a" });
        whole.as_object_mut().unwrap().extend(event.as_object().unwrap().clone());
        self.tell_exactly(&whole);
    }

    pub fn tell_exactly(&self, event: &Value) {
        let answer = self.post_beacon(event, BEACON);
        assert_eq!(answer.status, 202, "{event}: {}", answer.text());
    }

    pub fn post_beacon(&self, event: &Value, headers: Headers) -> Answer {
        let mut all = self.client.clone();
        all.extend(headers);
        let body = event.to_string();
        http::send(self.headcount.site(), "POST", "/api/track", &all, body.as_bytes())
    }

    /// Another browser from now on.
    pub fn come_as(&mut self, agent: &'static str) {
        self.client[1].1 = agent;
    }

    /// With one header more from now on.
    pub fn with(&mut self, name: &'static str, value: &'static str) {
        self.client.push((name, value));
    }

    /// The store, once all is counted.
    fn store(&self) -> rusqlite::Connection {
        wait_for("counts to reach the store", || {
            // In this order: what was sent is counted where a request ends.
            let quiet = self.headcount.metric("headcount_requests_in_flight") == 0
                && self.headcount.metric("headcount_unflushed_events") == 0;
            quiet.then_some(())
        });
        let file = self.headcount.data_dir().join("headcount.db");
        rusqlite::Connection::open(file).unwrap()
    }

    /// What people did, in the order in which it happened.
    pub fn people(&self) -> Vec<EventRow> {
        let store = self.store();
        let of_people = "SELECT packed FROM event_rows WHERE of = 'people' ORDER BY id";
        let mut all = store.prepare(of_people).unwrap();
        let packed = all.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap);
        let blocks = packed.map(|packed| PackedRows::from_bytes(packed).unwrap().block().unwrap());
        blocks.flat_map(|block| block.rows().collect::<Vec<_>>()).collect()
    }

    fn counted(&self, looks_at: &[&str]) -> Vec<String> {
        let store = self.store();
        let mut all = store.prepare("SELECT dimension, value, metric, count FROM daily").unwrap();
        let mut rows: BTreeMap<(String, String), BTreeMap<String, i64>> = BTreeMap::new();
        let found = all.query_map([], |row| {
            Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?, row.get(3)?))
        });
        for row in found.unwrap() {
            let (dimension, value, metric, count): (String, String, String, i64) = row.unwrap();
            let aside =
                |list: &[&str], word: &str| list.contains(&word) && !looks_at.contains(&word);
            if count != 0 && !aside(ROWS_ASIDE, &dimension) && !aside(METRICS_ASIDE, &metric) {
                let value = value.replace('\u{1e}', " | ");
                rows.entry((dimension, value)).or_default().insert(metric, count);
            }
        }
        let mut lines: Vec<String> = rows
            .into_iter()
            .map(|((dimension, value), metrics)| {
                let metrics: Vec<String> =
                    metrics.into_iter().map(|(metric, n)| format!("{metric} {n}")).collect();
                let row = format!("{dimension} {value}");
                format!("{}: {}", row.trim_end(), metrics.join(", "))
            })
            .collect();
        lines.sort_unstable();
        lines
    }
}

/// A page that is there.
pub const PAGE: &str = "200 | content-type: text/html";

/// In an answer: its head does not say how long it is.
const UNMEASURED: &str = "unmeasured";

/// A website that answers every request as its header `X-Answer` says.
fn website() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || answer(stream));
        }
    });
    port
}

fn answer(stream: TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut first, mut told) = (String::new(), PAGE.to_owned());
    reader.read_line(&mut first).ok()?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("x-answer") => {
                told = value.trim().to_owned();
            }
            Some(_) => {}
            None => break,
        }
    }
    let mut parts = told.split(" | ");
    let status: u16 = parts.next()?.parse().ok()?;
    let mut head = format!("HTTP/1.1 {status} So\r\nconnection: close\r\n");
    let mut measured = true;
    let mut body = BODY;
    for header in parts {
        if let Some(length) = header.strip_prefix("content-length: ") {
            body = &BODY[..BODY.len().min(length.parse().ok()?)];
        }
        match header {
            UNMEASURED => measured = false,
            header => head.push_str(&format!("{header}\r\n")),
        }
    }
    let bodiless = matches!(status, 204 | 304) || first.starts_with("HEAD");
    if measured && !matches!(status, 204 | 304) && !head.contains("content-length") {
        head.push_str(&format!("content-length: {}\r\n", BODY.len()));
    }
    let body = if bodiless { "" } else { body };
    (&stream).write_all(format!("{head}\r\n{body}").as_bytes()).ok()
}
