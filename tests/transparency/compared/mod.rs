//! Each exchange of a table happens with the website itself and through the proxy: over HTTP/1.1
//! and HTTP/2, with TLS and without, before a website that speaks the one or the other, with
//! `inject` too. What the website received and what the client received must be the same but for
//! what the list in [`differences`] says, and every entry of that list must be needed.
//!
//! Compared are first lines, fields (name as written, value without the white space around it),
//! bodies and trailers as decoded from their framing, interim answers, and whether the connection
//! can be used again. Not compared: in which chunks, frames and packets a body comes.

mod answers;
mod changes;
mod connections;
mod differences;
mod exchange;
mod http2;
mod pages;
mod pieces;
mod requests;

use crate::common::ports::free_address;
use crate::common::process::{Proxy, wait_for};
use crate::common::wire::{Message, Origin, Trust, Wire, certificate};
use differences::{DIFFERENCES, Difference, Part, Seen};
use exchange::{Exchange, Step};
use std::collections::{BTreeSet, VecDeque};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the certificate is for. Requests have hosts of their own.
const HOST: &str = "localhost";

/// Long enough for what comes next to come in another packet.
const PAUSE: Duration = Duration::from_millis(15);

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
    assert!(exchanges.len() >= 270, "{} exchanges", exchanges.len());
    let in_http2 = |e: &&Exchange| http2::impossible(e, Http::Two, Http::Two).is_none();
    let in_http2 = exchanges.iter().filter(in_http2).count();
    assert!(in_http2 >= 265, "{in_http2} of them in HTTP/2");

    let website = Website::start(Http::One);
    let visit = |exchange| website.visit(&Http1(|| Wire::connect(website.address)), exchange);
    let direct: Vec<Outcome> = exchanges.iter().map(visit).collect();
    let direct: Vec<_> = exchanges.iter().zip(&direct).collect();

    let ways = ways();
    let by_way: Vec<_> = std::thread::scope(|scope| {
        let threads = ways.iter().map(|way| scope.spawn(|| differences_of(*way, &direct)));
        let threads: Vec<_> = threads.collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let faults: Vec<String> = by_way.iter().flat_map(|(faults, _)| faults.clone()).collect();
    assert!(faults.is_empty(), "{} differ:\n{}", faults.len(), faults.concat());
    for difference in DIFFERENCES {
        let Difference { name, why, .. } = difference;
        let used = by_way.iter().any(|(_, used)| used.contains(name));
        assert!(used, "nothing differs any more: {name}, because {why}");
    }
}

/// All that there are without `inject`; with it, those that differ in how a page is passed on.
fn ways() -> Vec<Way> {
    let both = [Http::One, Http::Two];
    let plain = both.into_iter().flat_map(|website| {
        let fronts = both.into_iter().flat_map(|client| [(client, false), (client, true)]);
        fronts.map(move |(client, tls)| Way { client, tls, website, inject: false })
    });
    let tagged = both.map(|both| Way { client: both, tls: false, website: both, inject: true });
    plain.chain(tagged).collect()
}

/// Has all exchanges in one way. What differs from the direct way and must not, and the entries of
/// the list that were needed.
fn differences_of(
    way: Way,
    direct: &[(&Exchange, &Outcome)],
) -> (Vec<String>, BTreeSet<&'static str>) {
    let website = Website::start(way.website);
    let folder = tempfile::tempdir().unwrap();
    let (files, trust) = certificate(HOST, folder.path());
    let own = free_address();
    let listen = own.to_string();
    let mut flags = match (way.client, way.tls) {
        (_, true) => vec!["--tls-listen", &listen, "--tls-certificates", &files],
        (Http::Two, false) => vec!["--h2c-listen", &listen],
        (Http::One, false) => vec![],
    };
    flags.extend(way.inject.then_some("--inject"));
    let proxy = Proxy::start(&website.url(), &flags);
    let address = if flags.contains(&listen.as_str()) { own } else { proxy.site };
    wait_for("it takes connections", || TcpStream::connect(address).is_ok());
    let client: Box<dyn Client> = match (way.client, way.tls) {
        (Http::One, false) => Box::new(Http1(|| Wire::connect(address))),
        (Http::One, true) => Box::new(Http1(|| Wire::connect_tls(address, HOST, &trust))),
        (Http::Two, tls) => Box::new(Http2 { to: address, tls: tls.then_some((HOST, &trust)) }),
    };
    let (mut faults, mut used) = (Vec::new(), BTreeSet::new());
    for (exchange, direct) in direct {
        if http2::impossible(exchange, way.client, way.website).is_some() {
            continue;
        }
        let through = website.visit(&*client, exchange);
        let faulty = compare(direct, &through, way, website.address, &mut used);
        if !faulty.is_empty() {
            faults.push(format!("{}, {way:?}\n{faulty}", exchange.name));
        }
    }
    (faults, used)
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Http {
    One,
    Two,
}

/// How the proxy is asked, and asks.
#[derive(Debug, Clone, Copy)]
struct Way {
    client: Http,
    tls: bool,
    website: Http,
    inject: bool,
}

impl Way {
    fn speaks_http2(self) -> bool {
        self.client == Http::Two || self.website == Http::Two
    }
}

/// Takes what the list explains from the difference; what is left, in words.
fn compare(
    direct: &Outcome,
    through: &Outcome,
    way: Way,
    website: SocketAddr,
    used: &mut BTreeSet<&'static str>,
) -> String {
    let mut faults = String::new();
    let answer = direct.answers.last();
    let mut side = |part: Part, direct: &[Message], through: &[Message], asked: &[Message]| {
        let none = Message::default();
        let mut explained = |part, message: &Message, through: &Message, i: usize| {
            let asked = asked.get(i).or(asked.last());
            let seen = Seen { through, asked, answer, way, website };
            let mut expected = message.clone();
            for difference in DIFFERENCES.iter().filter(|d| d.part == part) {
                let before = expected.clone();
                (difference.rule)(&mut expected, &seen);
                if expected != before {
                    used.insert(difference.name);
                }
            }
            expected
        };
        let mut came: VecDeque<&Message> = through.iter().collect();
        if part == Part::Answer {
            came.retain(|more| !explained(Part::More, more, more, 0).start.is_empty());
        }
        for (i, direct) in direct.iter().enumerate() {
            let through = came.front().copied().unwrap_or(&none);
            let expected = explained(part, direct, through, i);
            if expected.start.is_empty() && !direct.start.is_empty() {
                continue;
            }
            came.pop_front();
            faults += &apart(part, &expected, through);
        }
        came.iter().for_each(|new| faults += &format!("  {part:?}: {:?} came, too\n", new.start));
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

/// Who has an exchange, over a connection of its own: the answers, and what became of the
/// connection.
trait Client {
    fn visit(&self, exchange: &Exchange) -> (Vec<Message>, &'static str);
}

/// Over the connections that it makes.
struct Http1<F>(F);

impl<F: Fn() -> Wire> Client for Http1<F> {
    fn visit(&self, exchange: &Exchange) -> (Vec<Message>, &'static str) {
        let mut wire = (self.0)();
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
            if !read_answers(&mut wire, method, &mut answers) {
                break;
            }
        }
        let fate = fate(&mut wire, answers.last());
        (answers, fate)
    }
}

struct Http2<'a> {
    to: SocketAddr,
    tls: Option<(&'static str, &'a Trust)>,
}

impl Client for Http2<'_> {
    fn visit(&self, exchange: &Exchange) -> (Vec<Message>, &'static str) {
        http2::visit(self.to, self.tls, exchange)
    }
}

/// A website that does what the exchange at hand says, and records what it gets.
struct Website {
    address: SocketAddr,
    speaks: Http,
    recorder: Recorder,
}

impl Website {
    fn start(speaks: Http) -> Self {
        let recorder = Recorder::default();
        let shared = recorder.clone();
        let address = match speaks {
            Http::One => {
                Origin::start(move |wire, request| respond(&shared, wire, request)).address
            }
            Http::Two => http2::website(shared),
        };
        Self { address, speaks, recorder }
    }

    fn url(&self) -> String {
        let scheme = if self.speaks == Http::Two { "h2c" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Has an exchange with whoever is at the other end.
    fn visit(&self, client: &dyn Client, exchange: &Exchange) -> Outcome {
        *self.recorder.0.lock().unwrap() =
            Recorded { scripts: exchange.website.clone(), requests: Vec::new() };
        let (answers, fate) = client.visit(exchange);
        let requests = std::mem::take(&mut self.recorder.0.lock().unwrap().requests);
        let connection = vec![Message { start: fate.to_owned(), ..Message::default() }];
        Outcome { requests, answers, connection }
    }
}

/// What a website has to do, and what it got.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Recorded>>);

#[derive(Default)]
struct Recorded {
    scripts: Vec<Vec<Step>>,
    requests: Vec<Message>,
}

impl Recorder {
    /// Records a request's head. Its number, and what to do.
    fn begin(&self, request: &Message) -> (usize, Vec<Step>) {
        let mut recorded = self.0.lock().unwrap();
        recorded.requests.push(request.clone());
        let at = recorded.requests.len() - 1;
        (at, recorded.scripts.get(at).cloned().unwrap_or_default())
    }

    /// The same request, with its body.
    fn amend(&self, at: usize, request: &Message) {
        if let Some(recorded) = self.0.lock().unwrap().requests.get_mut(at) {
            *recorded = request.clone();
        }
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

fn respond(recorder: &Recorder, wire: &mut Wire, request: &mut Message) -> bool {
    if request.target() == PROBE {
        wire.send("HTTP/1.1 204 No Content\r\n\r\n");
        return true;
    }
    let (at, script) = recorder.begin(request);
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
                recorder.amend(at, request);
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
    std::thread::sleep(PAUSE);
}
