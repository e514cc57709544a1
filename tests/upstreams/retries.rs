//! What is sent to another upstream after one has failed, and what never is.

use crate::common::process::Proxy;
use crate::common::wire::{Message, Origin, Wire, get};
use std::sync::{Arc, Mutex};

/// Requests that upstreams have read whole, body and all, in the order in which they did.
type Ledger = Arc<Mutex<Vec<(&'static str, String, usize)>>>;

/// Two upstreams, of which the first reads a request and breaks the connection off. It is asked
/// first, and `health.pause` is over at once.
struct Two {
    proxy: Proxy,
    ledger: Ledger,
    _origins: [Origin; 2],
}

impl Two {
    fn start(fails: impl Fn(&mut Wire, &Message) + Send + Sync + 'static) -> Self {
        let ledger = Ledger::default();
        let note = |name: &'static str| {
            let ledger = ledger.clone();
            move |wire: &mut Wire, request: &mut Message| {
                let whole = wire.body(request, false).is_ok();
                let entry = (name, request.method().to_owned(), request.body.len());
                if whole {
                    ledger.lock().unwrap().push(entry);
                }
            }
        };
        let (first, second) = (note("first"), note("second"));
        let origins = [
            Origin::start(move |wire, request| {
                first(wire, request);
                fails(wire, request);
                false
            }),
            Origin::start(move |wire, request| {
                second(wire, request);
                wire.reply("200 OK", "", b"second");
                true
            }),
        ];
        let upstreams = format!("{} weight=1000,{}", origins[0].url(), origins[1].url());
        let proxy = Proxy::start(&upstreams, &["--health-pause", "0s"]);
        Self { proxy, ledger, _origins: origins }
    }

    /// Sends a request; gives the answer and who has read it.
    fn send(&self, method: &str, body: &[u8]) -> (Message, Vec<(&'static str, String, usize)>) {
        self.ledger.lock().unwrap().clear();
        let mut wire = Wire::connect(self.proxy.site);
        let length = body.len();
        wire.send(format!(
            "{method} / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"
        ));
        wire.send(body);
        let answer = wire.answer(method);
        (answer, self.ledger.lock().unwrap().clone())
    }
}

#[test]
fn what_may_be_repeated_goes_to_another() {
    let two = Two::start(|_, _| {});
    for (method, body) in
        [("GET", &b""[..]), ("PUT", &[b'x'; 50_000]), ("DELETE", b""), ("GET", b"")]
    {
        let (answer, ledger) = two.send(method, body);
        assert_eq!((answer.status(), answer.text().as_str()), (200, "second"), "{method}");
        let (method, length) = (method.to_owned(), body.len());
        assert_eq!(ledger, [("first", method.clone(), length), ("second", method, length)]);
    }
    assert_eq!(two.proxy.metric("headcount_upstream_retries_total"), 4.0);
}

#[test]
fn what_may_not_be_repeated_is_sent_once() {
    let two = Two::start(|_, _| {});
    // More of a body than is kept to be sent again.
    for (method, body) in
        [("POST", &b""[..]), ("POST", b"x"), ("PATCH", b"x"), ("PUT", &[b'x'; 200_000])]
    {
        let (answer, ledger) = two.send(method, body);
        assert_eq!(answer.status(), 502, "{method}");
        assert_eq!(ledger, [("first", method.to_owned(), body.len())]);
    }
    assert_eq!(two.proxy.metric("headcount_upstream_retries_total"), 0.0);
}

#[test]
fn an_answer_that_has_begun_is_not_begun_again() {
    let two = Two::start(|wire, _| {
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst");
    });
    for _ in 0..3 {
        let mut wire = Wire::connect(two.proxy.site);
        wire.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let mut head = wire.head().unwrap().unwrap();
        assert_eq!(head.status(), 200);
        wire.body(&mut head, true).expect_err("it is cut");
        assert!(b"first".starts_with(&head.body), "{}", head.text());
    }
    assert!(two.ledger.lock().unwrap().iter().all(|(name, ..)| *name == "first"));
}

/// What it said of itself on the way is no answer.
#[test]
fn an_answer_that_cannot_be_read_is_asked_for_elsewhere() {
    for begun in ["SSH-2.0-OpenSSH_9.9\r\n", "HTTP/1.1 200 OK\r\nContent-Le"] {
        let two = Two::start(move |wire, _| wire.send(begun));
        assert_eq!(get(two.proxy.site, "/", "").text(), "second", "{begun}");
    }
}
