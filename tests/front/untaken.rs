//! Clients of HTTP/2 that ask for much and give it no room: a connection has a hundred answers, each
//! of which waits in memory. They are closed once there are too many, whichever way they do it, and
//! nobody else is: neither who takes what comes, nor who has nothing to take.

use crate::clients::{LARGE, PAGE, Website};
use crate::common::headcount::{Headcount, SITE};
use crate::common::ports::free_address;
use crate::common::wait_for;
use crate::common::wire::{Wire, certificate};
use crate::frames::{
    DATA, END_STREAM, End, Frames, RST_STREAM, SETTINGS, WINDOW_UPDATE, frame, headers, usual,
};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// Streams that a connection may have.
const STREAMS: u32 = 100;

/// Connections of one kind at a time.
const CONNECTIONS: usize = 4;

/// Answers that are put up with.
const MOST_SLOW: &str = "50";

/// By when they are gone. Without a bound on their number they would stay for a minute.
const SOON: Duration = Duration::from_secs(30);

/// Memory that the program may have more than before, once they are gone, and that does not add up
/// from one kind to the next: what all of one kind need, which its allocator may keep for more.
const LEFT: i64 = 200 << 20;

/// Connections that it may have more, to the website.
const IDLE: usize = 50;

/// How long the event streams say nothing.
const QUIET: Duration = Duration::from_secs(5);

fn update(stream: u32, more: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &more.to_be_bytes())
}

fn initial(size: u32) -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[&[0, 4][..], &size.to_be_bytes()].concat())
}

fn streams() -> impl Iterator<Item = u32> {
    (0..STREAMS).map(|nth| 2 * nth + 1)
}

/// A way to take nothing, or too little.
struct Way {
    name: &'static str,
    /// What a client sends first, what once it has asked for all it can, and what every 200 ms from
    /// then on.
    first: fn() -> Vec<u8>,
    then: fn() -> Vec<u8>,
    again: fn() -> Vec<u8>,
    /// Bytes of answers that it reads each time.
    reads: usize,
}

const HUGE: u32 = 1 << 30;

/// The window of the connection is never used up, and those of streams are closed.
fn no_streams() -> Vec<u8> {
    [initial(0), update(0, HUGE)].concat()
}

const WAYS: [Way; 6] = [
    Way {
        name: "windows that are never opened",
        first: no_streams,
        then: Vec::new,
        again: || update(0, 1),
        reads: 0,
    },
    Way {
        name: "windows that are opened by a byte",
        first: no_streams,
        then: Vec::new,
        again: || streams().flat_map(|stream| update(stream, 1)).collect(),
        reads: 0,
    },
    Way {
        name: "windows that are closed later",
        first: || update(0, HUGE),
        then: || initial(0),
        again: || update(0, 1),
        reads: 0,
    },
    Way {
        name: "one window that is open, and no other",
        first: no_streams,
        then: || update(1, 65_536),
        again: || update(1, 65_536),
        reads: 65_536,
    },
    Way {
        name: "the connection's window, which is opened by a byte",
        first: || initial(HUGE),
        then: Vec::new,
        again: || update(0, 1),
        reads: 0,
    },
    Way {
        name: "a socket that is not read",
        first: || [initial(HUGE), update(0, HUGE)].concat(),
        then: Vec::new,
        again: || update(0, 1),
        reads: 0,
    },
];

impl Way {
    /// Asks for all it can, and stays as long as it is let. How long that is.
    fn go(&self, mut frames: Frames) -> Duration {
        let gets = streams().flat_map(|id| headers(id, END_STREAM, &usual("GET", "/large")));
        frames.send(&[(self.first)(), gets.collect()].concat()).unwrap();
        let began = Instant::now();
        std::thread::sleep(Duration::from_millis(500));
        let mut next = (self.then)();
        while frames.send(&next).is_ok()
            && read(&mut frames, self.reads).is_ok()
            && began.elapsed() < 2 * SOON
        {
            std::thread::sleep(Duration::from_millis(200));
            next = (self.again)();
        }
        began.elapsed()
    }
}

/// Reads so many bytes of answers.
fn read(frames: &mut Frames, bytes: usize) -> io::Result<()> {
    let mut left = bytes;
    while left > 0 {
        if let (DATA, _, _, piece) = frames.read()? {
            left = left.saturating_sub(piece.len());
        }
    }
    Ok(())
}

/// Event streams that have begun, on one connection.
struct Events {
    frames: Frames,
    count: u32,
    began: Instant,
}

impl Events {
    fn begin(mut frames: Frames, count: u32) -> Self {
        let accept = ("accept", "text/event-stream");
        let ids = streams().take(count as usize);
        let gets = ids.flat_map(|id| {
            headers(id, END_STREAM, &[&usual("GET", "/events")[..], &[accept]].concat())
        });
        frames.send(&gets.collect::<Vec<u8>>()).unwrap();
        let mut events = Self { frames, count, began: Instant::now() };
        events.next("data: first\n\n");
        events
    }

    /// The next of all of them.
    fn next(&mut self, expected: &str) {
        for _ in 0..self.count {
            let said = loop {
                match self.frames.read().expect("it lives") {
                    (DATA, _, _, said) if !said.is_empty() => {
                        break String::from_utf8(said).unwrap();
                    }
                    (RST_STREAM, _, id, _) => panic!("{id} is reset"),
                    _ => {}
                }
            };
            assert_eq!(said, expected);
        }
    }

    /// After a silence that was long enough.
    fn end(mut self) {
        self.next("data: last\n\n");
        assert!(self.began.elapsed() > QUIET, "{:?}", self.began.elapsed());
    }
}

/// Takes a large answer as it comes, with windows that are small.
fn take_large(mut frames: Frames) {
    let get = headers(1, END_STREAM, &usual("GET", "/large"));
    frames.send(&[initial(200_000), update(0, 200_000 - 65_535), get].concat()).unwrap();
    let mut taken = 0;
    while taken < LARGE {
        match frames.read().expect("it is sent all of it") {
            (DATA, _, 1, piece) if !piece.is_empty() => {
                taken += piece.len();
                let more = piece.len() as u32;
                frames.send(&[update(0, more), update(1, more)].concat()).unwrap();
            }
            (RST_STREAM, ..) => panic!("it is reset after {taken}"),
            _ => {}
        }
    }
}

fn honest(headcount: &Headcount, h2c: SocketAddr) {
    let page = Wire::connect(headcount.site()).ask("GET", "/", "Connection: close\r\n");
    assert_eq!((page.status(), page.text().as_str()), (200, PAGE));
    let mut frames = Frames::connect(h2c);
    frames.send(&headers(1, END_STREAM, &usual("GET", "/"))).unwrap();
    assert_eq!(frames.end(1), End::Answer(200, PAGE.into()));
}

fn closed(headcount: &Headcount) -> i64 {
    headcount.metric("headcount_slow_readers_closed_total")
}

fn descriptors(headcount: &Headcount) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", headcount.pid())).unwrap().count()
}

#[test]
fn answers_that_have_no_room_are_closed() {
    let website = Website::start();
    let folder = tempfile::tempdir().unwrap();
    let (certificate, trust) = certificate(SITE, folder.path());
    let (h2c, tls) = (free_address(), free_address());
    let (by_h2c, by_tls) = (h2c.to_string(), tls.to_string());
    let listen = ["--h2c-listen", &by_h2c, "--tls-listen", &by_tls];
    let more = ["--tls-certificates", &certificate, "--limits-slow-readers", MOST_SLOW];
    let headcount = &Headcount::start(&website.url, &[listen, more].concat());
    for to in [h2c, tls] {
        wait_for("it listens", || TcpStream::connect(to).ok());
    }
    honest(headcount, h2c);
    let (before, open_before) = (headcount.memory().0, descriptors(headcount));
    for (nth, way) in WAYS.iter().enumerate() {
        // Each other way over TLS.
        let connect = || match nth % 2 {
            0 => Frames::connect(h2c),
            _ => Frames::connect_tls(tls, &trust),
        };
        let closed_before = closed(headcount);
        // More than are put up with of those that take nothing.
        let events = Events::begin(Frames::connect(h2c), 80);
        let over = AtomicBool::new(false);
        let most = AtomicI64::new(0);
        std::thread::scope(|scope| {
            let large = scope.spawn(|| take_large(connect()));
            let watch = scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    most.fetch_max(headcount.memory().0 - before, Ordering::Relaxed);
                    honest(headcount, h2c);
                    std::thread::sleep(Duration::from_millis(50));
                }
            });
            let all: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(|| way.go(connect()))).collect();
            for gone in all {
                let after = gone.join().unwrap();
                assert!(after < SOON, "{}: after {after:?}", way.name);
            }
            over.store(true, Ordering::Relaxed);
            watch.join().unwrap();
            large.join().unwrap();
        });
        let count = closed(headcount) - closed_before;
        // Those that are cut off first may not have all of their answers yet.
        let all = i64::from(STREAMS) * CONNECTIONS as i64;
        println!("{}: {count} closed, at most {} bytes", way.name, most.into_inner());
        assert!((51..=all).contains(&count), "{}: {count} were closed", way.name);
        events.end();
        wait_for("nothing to be left of them", || {
            let (bytes, open) = (headcount.memory().0 - before, descriptors(headcount));
            (bytes < LEFT && open < open_before + IDLE).then_some(())
        });
    }
    let log = headcount.log();
    assert!(!log.contains("ERROR") && !log.contains("WARN"), "{log}");
}
