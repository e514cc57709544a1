//! Each exchange of a table happens with the website itself and through the proxy: without and with
//! `inject`, and over TLS. What the website received and what the client received must be the same but
//! for what the list in [`differences`] says, and every entry of that list must be needed.
//!
//! Compared are first lines, fields (name as written, value without the white space around it),
//! bodies and trailers as decoded from their framing, interim answers, and whether the connection
//! can be used again. Not compared: in which chunks and packets a body comes.

mod answers;
mod connections;
mod differences;
mod exchange;
mod pages;
mod requests;

use crate::common::ports::free_address;
use crate::common::process::Proxy;
use crate::common::wire::{Message, Origin, Wire, certificate};
use differences::{DIFFERENCES, Difference, Part, Seen};
use exchange::{Exchange, Step};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Names of exchanges that still differ and must not. One that no longer differs must be taken out.
const KNOWN_FAULTS: &[&str] = &[];

/// What the certificate is for. Requests have hosts of their own.
const HOST: &str = "localhost";

/// Asks whether a connection can be used again.
const PROBE: &str = "/still-there";

#[test]
fn only_what_is_listed_differs() {
    let exchanges: Vec<Exchange> =
        [requests::table(), answers::table(), connections::table(), pages::table()]
            .into_iter()
            .flatten()
            .collect();
    let names: BTreeSet<&str> = exchanges.iter().map(|e| e.name.as_str()).collect();
    assert_eq!(names.len(), exchanges.len(), "each has a name of its own");
    assert!(exchanges.len() >= 185, "{} exchanges", exchanges.len());

    let website = Website::start();
    let without = Proxy::start(&website.origin.url(), &[]);
    let with = Proxy::start(&website.origin.url(), &["--inject"]);
    let folder = tempfile::tempdir().unwrap();
    let (files, trust) = certificate(HOST, folder.path());
    let encrypted = free_address();
    let tls = ["--tls-listen", &encrypted.to_string(), "--tls-certificates", &files];
    let over_tls = Proxy::start(&website.origin.url(), &tls);
    let ways: [(&dyn Fn() -> Wire, Way); 3] = [
        (&|| Wire::connect(without.site), Way { inject: false, scheme: "http" }),
        (&|| Wire::connect(with.site), Way { inject: true, scheme: "http" }),
        (&|| Wire::connect_tls(encrypted, HOST, &trust), Way { inject: false, scheme: "https" }),
    ];
    let mut used = BTreeSet::new();
    let mut faults = Vec::new();
    for exchange in &exchanges {
        let direct = website.visit(Wire::connect(website.origin.address), exchange);
        for (connect, way) in ways {
            let through = website.visit(connect(), exchange);
            let faulty = compare(&direct, &through, way, &mut used);
            if !faulty.is_empty() {
                faults.push((exchange.name.as_str(), way, faulty));
            }
        }
    }
    drop(over_tls);

    let news = faults.iter().filter(|(name, ..)| !KNOWN_FAULTS.contains(name));
    let news = news.map(|(name, way, fault)| format!("{name}, {way:?}\n{fault}"));
    let news: Vec<String> = news.collect();
    assert!(news.is_empty(), "{} differ:\n{}", news.len(), news.join("\n"));
    for known in KNOWN_FAULTS {
        assert!(faults.iter().any(|(name, ..)| name == known), "{known}: no fault any more");
    }
    for difference in DIFFERENCES {
        let Difference { name, why, .. } = difference;
        assert!(used.contains(name), "nothing differs any more: {name}, because {why}");
    }
}

/// How the proxy is asked.
#[derive(Debug, Clone, Copy)]
struct Way {
    inject: bool,
    scheme: &'static str,
}

/// Takes what the list explains from the difference; what is left, in words.
fn compare(
    direct: &Outcome,
    through: &Outcome,
    Way { inject, scheme }: Way,
    used: &mut BTreeSet<&'static str>,
) -> String {
    let mut faults = String::new();
    let answer = direct.answers.last();
    let mut side = |part: Part, direct: &[Message], through: &[Message], asked: &[Message]| {
        if direct.len() != through.len() {
            let starts = |all: &[Message]| all.iter().map(|m| m.start.clone()).collect::<Vec<_>>();
            let (direct, through) = (starts(direct), starts(through));
            faults += &format!("  {part:?}: {direct:?} became {through:?}\n");
            return;
        }
        for (i, (direct, through)) in direct.iter().zip(through).enumerate() {
            let asked = asked.get(i).or(asked.last());
            let seen = Seen { through, asked, answer, inject, scheme };
            let mut expected = direct.clone();
            for difference in DIFFERENCES.iter().filter(|d| d.part == part) {
                let before = expected.clone();
                (difference.rule)(&mut expected, &seen);
                if expected != before {
                    used.insert(difference.name);
                }
            }
            faults += &apart(part, &expected, through);
        }
    };
    side(Part::Request, &direct.requests, &through.requests, &direct.requests);
    side(Part::Answer, &direct.answers, &through.answers, &direct.requests);
    let last = direct.requests.len().saturating_sub(1);
    side(Part::Connection, &direct.connection, &through.connection, &direct.requests[last..]);
    faults
}

/// In what two messages differ, in words.
fn apart(part: Part, expected: &Message, got: &Message) -> String {
    let mut words = String::new();
    if expected.start != got.start {
        words += &format!("  {part:?}: {:?} became {:?}\n", expected.start, got.start);
    }
    for (kind, expected, got) in
        [("field", &expected.headers, &got.headers), ("trailer", &expected.trailers, &got.trailers)]
    {
        let line = |(name, value): &(String, String)| {
            let value: String = value.chars().take(60).collect();
            format!("{name}: {value:?}")
        };
        for lost in expected.iter().filter(|f| !got.contains(f)) {
            words += &format!("  {part:?}: {kind} lost: {}\n", line(lost));
        }
        for new in got.iter().filter(|f| !expected.contains(f)) {
            words += &format!("  {part:?}: {kind} that is new: {}\n", line(new));
        }
        if words.is_empty() && expected != got {
            words += &format!("  {part:?}: {kind}s {expected:?} became {got:?}\n");
        }
    }
    if expected.body != got.body {
        let show = |body: &[u8]| {
            let start = String::from_utf8_lossy(&body[..body.len().min(100)]).into_owned();
            format!("{} bytes {start:?}", body.len())
        };
        words += &format!("  {part:?}: body {} became {}\n", show(&expected.body), show(&got.body));
    }
    words
}

/// What came of an exchange.
struct Outcome {
    /// As the website received them.
    requests: Vec<Message>,
    /// As the client received them, interim ones too.
    answers: Vec<Message>,
    /// One message without fields: what became of the client's connection.
    connection: Vec<Message>,
}

/// A website that does what the exchange at hand says, and records what it gets.
struct Website {
    origin: Origin,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    scripts: Vec<Vec<Step>>,
    requests: Vec<Message>,
}

impl Website {
    fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        let origin = Origin::start(move |wire, request| respond(&shared, wire, request));
        Self { origin, state }
    }

    /// Has an exchange with whoever is at the other end.
    fn visit(&self, mut wire: Wire, exchange: &Exchange) -> Outcome {
        *self.state.lock().unwrap() =
            State { scripts: exchange.website.clone(), requests: Vec::new() };
        let mut answers = Vec::new();
        for step in &exchange.client {
            match step {
                // It may have been refused already; the answer tells.
                Step::Send(bytes) => drop(wire.try_send(bytes)),
                Step::Interim => answers.extend(wire.head().ok().flatten()),
                _ => pause(),
            }
        }
        for method in &exchange.methods {
            let whole = read_answers(&mut wire, method, &mut answers);
            if !whole {
                break;
            }
        }
        let fate = fate(&mut wire, answers.last());
        let requests = std::mem::take(&mut self.state.lock().unwrap().requests);
        let connection = vec![Message { start: fate.to_owned(), ..Message::default() }];
        Outcome { requests, answers, connection }
    }
}

/// What becomes of a connection after the last answer on it.
fn fate(wire: &mut Wire, last: Option<&Message>) -> &'static str {
    let Some(last) = last.filter(|answer| answer.status() != 101) else {
        return "its tunnel has ended";
    };
    let probe = exchange::request("GET", PROBE, "");
    let kept = wire.try_send(probe).is_ok()
        && matches!(wire.head(), Ok(Some(head)) if head.status() == 204);
    match (kept, last.all("connection").contains(&"close")) {
        (true, false) => "kept",
        (true, true) => "kept, although the answer said close",
        (false, true) => "closed",
        (false, false) => "closed without a word",
    }
}

/// Reads all answers to one request; whether another can follow.
fn read_answers(wire: &mut Wire, method: &str, answers: &mut Vec<Message>) -> bool {
    loop {
        let mut head = match wire.head() {
            Ok(Some(head)) => head,
            ended => {
                let start = format!("no answer: {:?}", ended.err().map(|e| e.kind()));
                answers.push(Message { start, ..Message::default() });
                return false;
            }
        };
        let status = head.status();
        if status == 101 {
            let _ = wire.try_send("hello");
            head.body = wire.rest();
        } else if status >= 200
            && method != "HEAD"
            && !matches!(status, 204 | 304)
            && let Err(error) = wire.body(&mut head, true)
        {
            head.start += &format!(" (cut: {:?})", error.kind());
        }
        answers.push(head);
        if status >= 200 || status == 101 {
            return status != 101;
        }
    }
}

fn respond(state: &Mutex<State>, wire: &mut Wire, request: &mut Message) -> bool {
    if request.target() == PROBE {
        wire.send("HTTP/1.1 204 No Content\r\n\r\n");
        return true;
    }
    let (at, script) = {
        let mut state = state.lock().unwrap();
        state.requests.push(request.clone());
        let at = state.requests.len() - 1;
        (at, state.scripts.get(at).cloned().unwrap_or_default())
    };
    let connection = request.all("connection").join(",").to_ascii_lowercase();
    let mut keep = match request.start.ends_with("HTTP/1.0") {
        true => connection.contains("keep-alive"),
        false => !connection.contains("close"),
    };
    for step in script {
        match step {
            Step::Send(bytes) => keep &= wire.try_send(bytes).is_ok(),
            Step::Pause | Step::Interim => pause(),
            Step::Body => {
                if wire.body(request, false).is_err() {
                    request.start += " (cut)";
                    keep = false;
                }
                if let Some(recorded) = state.lock().unwrap().requests.get_mut(at) {
                    *recorded = request.clone();
                }
            }
            Step::Discard => keep &= wire.body(request, false).is_ok(),
            Step::Echo => {
                let heard = wire.bytes(5).unwrap_or_default();
                let _ = wire.try_send(heard);
            }
            Step::Close => keep = false,
        }
    }
    keep
}

fn pause() {
    std::thread::sleep(Duration::from_millis(15));
}
