//! What one connection may do: so many requests, uploads that bring something, and fields that
//! come to their end. Nobody who keeps to that loses a request.

use crate::clients::{PAGE, Website};
use crate::common::headcount::{Headcount, SITE};
use crate::common::ports::free_address;
use crate::common::wait_for;
use crate::common::wire::Wire;
use crate::frames::{
    CONTINUATION, DATA, END_STREAM, End, Frames, GOAWAY, HEADERS, PING, block, frame, headers,
    read_status, usual,
};
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

fn start(website: &Website, flags: &[&str]) -> (Headcount, SocketAddr) {
    let h2c = free_address();
    let own = ["--h2c-listen", &h2c.to_string()];
    let headcount = Headcount::start(&website.url, &[&own[..], flags].concat());
    wait_for("it listens", || TcpStream::connect(h2c).ok());
    (headcount, h2c)
}

#[test]
fn a_connection_brings_so_many_requests() {
    let website = Website::start();
    let (headcount, h2c) = start(&website, &["--limits-requests-per-connection", "3"]);
    let mut wire = Wire::connect(headcount.site());
    for nth in 1..=3 {
        let page = wire.ask("GET", "/", "");
        assert_eq!((page.status(), page.text().as_str()), (200, PAGE));
        let kept = if nth == 3 { "close" } else { "keep-alive" };
        assert_eq!(page.header("connection"), Some(kept), "{nth}");
    }
    assert_eq!(wire.rest(), b"", "it is over");

    // What is sent before the client knows that it is the last is answered, too.
    let mut frames = Frames::connect(h2c);
    for nth in 0..5 {
        frames.send(&headers(2 * nth + 1, END_STREAM, &usual("GET", "/slow"))).unwrap();
    }
    let (mut bodies, mut last) = (BTreeMap::<u32, String>::new(), None);
    while let Ok((kind, flags, stream, payload)) = frames.read() {
        match kind {
            DATA => bodies.entry(stream).or_default().push_str(&String::from_utf8_lossy(&payload)),
            PING if flags == 0 => frames.send(&frame(PING, 1, 0, &payload)).unwrap(),
            GOAWAY => {
                assert_eq!(payload[4..8], [0; 4], "it is no error");
                last = Some(u32::from_be_bytes(payload[..4].try_into().unwrap()));
            }
            _ => {}
        }
    }
    assert_eq!(last, Some(9), "the last that is answered");
    let slow: String = (0..10).map(|nth| format!("piece {nth}\n")).collect();
    let whole = [1, 3, 5, 7, 9].map(|stream| (stream, slow.clone()));
    assert_eq!(bodies, BTreeMap::from(whole));
    let page = Wire::connect(headcount.site()).ask("GET", "/", "Connection: close\r\n");
    assert_eq!(page.status(), 200);
}

/// Each request may need a connection to the website, and over HTTP/2 one client has a hundred.
#[test]
fn there_are_no_more_requests_than_connections() {
    const MOST: usize = 10;
    let website = Website::start();
    let (headcount, h2c) = start(&website, &["--limits-connections", "10"]);
    let mut frames = Frames::connect(h2c);
    let streams: Vec<u32> = (0..30).map(|nth| 2 * nth + 1).collect();
    let gets = streams.iter().flat_map(|id| headers(*id, END_STREAM, &usual("GET", "/slow")));
    frames.send(&gets.collect::<Vec<u8>>()).unwrap();
    let (mut statuses, mut ended) = (BTreeMap::<u16, usize>::new(), 0);
    while ended < streams.len() {
        let (kind, flags, _, payload) = frames.read().unwrap();
        if kind == HEADERS {
            *statuses.entry(read_status(&payload)).or_default() += 1;
        }
        ended += usize::from(matches!(kind, HEADERS | DATA) && flags & END_STREAM > 0);
    }
    assert_eq!(statuses, BTreeMap::from([(200, MOST), (503, streams.len() - MOST)]));
    assert_eq!(headcount.metric("headcount_requests_refused_total"), 20);
    // Then there is room again.
    frames.send(&headers(101, END_STREAM, &usual("GET", "/"))).unwrap();
    assert_eq!(frames.end(101), End::Answer(200, PAGE.into()));
}

/// Sends a piece of an upload again and again, until there is an answer: its status, and how long
/// that took.
fn upload(site: SocketAddr, path: &str, piece: usize) -> (u16, Duration) {
    let mut wire = Wire::connect(site);
    let length = 20 * piece;
    let fields = format!("Host: {SITE}\r\nContent-Length: {length}\r\nConnection: close\r\n");
    wire.send(format!("POST {path} HTTP/1.1\r\n{fields}\r\n"));
    let began = Instant::now();
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(200));
        if wire.try_send(vec![b'x'; piece]).is_err() {
            break;
        }
    }
    (wire.answer("POST").status(), began.elapsed())
}

/// The same over HTTP/2, as so many pieces.
fn upload2(h2c: SocketAddr, more: &[(&str, &str)], piece: usize) -> End {
    let mut frames = Frames::connect(h2c);
    frames.send(&headers(1, 0, &[&usual("POST", "/echo")[..], more].concat())).unwrap();
    for nth in 0..20 {
        std::thread::sleep(Duration::from_millis(200));
        let end = if nth == 19 { END_STREAM } else { 0 };
        if frames.send(&frame(DATA, end, 1, &vec![b'x'; piece])).is_err() {
            break;
        }
    }
    frames.end(1)
}

#[test]
fn an_upload_that_trickles_is_ended() {
    let website = Website::start();
    let flags = ["--limits-upload-rate", "1KB", "--timeouts-read", "1s"];
    let (headcount, h2c) = start(&website, &flags);
    let site = headcount.site();
    std::thread::scope(|scope| {
        let slow = ["/echo", "/api/track"].map(|path| scope.spawn(move || upload(site, path, 20)));
        let fast = scope.spawn(move || upload(site, "/echo", 1_000));
        let slow2 = scope.spawn(move || upload2(h2c, &[], 20));
        let fast2 = scope.spawn(move || upload2(h2c, &[], 1_000));
        let grpc = [("content-type", "application/grpc")];
        let calls = scope.spawn(move || upload2(h2c, &grpc, 20));
        for slow in slow {
            let (status, after) = slow.join().unwrap();
            assert_eq!(status, 408, "{after:?}");
        }
        assert_eq!(fast.join().unwrap().0, 200);
        assert!(matches!(slow2.join().unwrap(), End::Answer(408, _)));
        assert!(matches!(fast2.join().unwrap(), End::Answer(200, _)));
        assert!(matches!(calls.join().unwrap(), End::Answer(200, _)));
    });
    wait_for("they are counted", || {
        (headcount.metric("headcount_slow_uploads_total") == 3).then_some(())
    });
    assert!(!headcount.log().contains("WARN"), "{}", headcount.log());
}

/// A client that begins a request's fields and does not end them has as long as over HTTP/1.1, not
/// as long as one that is idle.
#[test]
fn fields_over_http2_have_a_deadline() {
    let website = Website::start();
    let (_headcount, h2c) = start(&website, &["--limits-header-time", "1s"]);
    let fields = block(&usual("GET", "/a"));
    let whole = frame(HEADERS, END_STREAM, 1, &fields);
    let sent = [&whole[..], &whole[..15], &frame(HEADERS, END_STREAM, 1, &fields[..10])];
    let ends = sent.map(|sent| {
        let sent = sent.to_vec();
        std::thread::spawn(move || {
            let mut frames = Frames::connect(h2c);
            frames.send(&sent).unwrap();
            let began = Instant::now();
            (frames.end(1), began.elapsed())
        })
    });
    // A byte now and then makes no difference.
    let mut frames = Frames::connect(h2c);
    frames.send(&frame(HEADERS, END_STREAM, 1, &fields[..1])).unwrap();
    let began = Instant::now();
    for byte in &fields[1..] {
        std::thread::sleep(Duration::from_millis(200));
        if frames.send(&frame(CONTINUATION, 0, 1, &[*byte])).is_err() {
            break;
        }
    }
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    for end in ends {
        let (end, after) = end.join().unwrap();
        assert_eq!(end, End::Closed);
        assert!((900..8_000).contains(&after.as_millis()), "{after:?}");
    }
}
