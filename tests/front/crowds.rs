//! Thousands of clients that do nothing, or as little as they can: each is gone by its deadline,
//! honest visitors are answered meanwhile, memory is bounded and given back.
//!
//! `make test` runs a tenth of it; `make crowds` has 10,000 idle, 2,000 that send their header a
//! byte at a time and 1,000 that hardly read, waits as long as the defaults say, and also compares
//! how long honest visitors wait.

use crate::clients::{LARGE, PAGE, Website};
use crate::common::headcount::{Headcount, SITE};
use crate::common::ports::free_address;
use crate::common::wait_for;
use crate::common::wire::Wire;
use crate::frames::{END_STREAM, PREFACE, SETTINGS, WINDOW_UPDATE, frame, headers, usual};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How many of each, and how long each is put up with.
struct Scale {
    idle: usize,
    slow_headers: usize,
    slow_readers: usize,
    flags: &'static [&'static str],
    idle_time: Duration,
    header_time: Duration,
    write_time: Duration,
    /// Slow readers that are put up with at a time.
    most_slow: usize,
    /// Requests of honest visitors in one turn.
    honest: usize,
}

impl Scale {
    fn all(&self) -> i64 {
        (self.idle + self.slow_headers + self.slow_readers) as i64
    }
}

const SHORT: Scale = Scale {
    idle: 1_000,
    slow_headers: 200,
    slow_readers: 200,
    flags: &[
        "--timeouts-idle",
        "6s",
        "--limits-header-time",
        "3s",
        "--timeouts-write",
        "10s",
        "--limits-slow-readers",
        "50",
    ],
    idle_time: Duration::from_secs(6),
    header_time: Duration::from_secs(3),
    write_time: Duration::from_secs(10),
    most_slow: 50,
    honest: 200,
};

const LONG: Scale = Scale {
    idle: 10_000,
    slow_headers: 2_000,
    slow_readers: 1_000,
    flags: &["--limits-connections", "15000"],
    idle_time: Duration::from_secs(60),
    header_time: Duration::from_secs(10),
    write_time: Duration::from_secs(60),
    most_slow: 256,
    honest: 2_000,
};

/// What a busy machine may add to a deadline.
const SLACK: Duration = Duration::from_secs(10);

/// Connections of one address; the program lets one have 512.
const PER_ADDRESS: usize = 400;

/// Between two bytes of a slow header, and two reads of a slow reader.
const PACE: Duration = Duration::from_millis(500);

/// Memory that the program may need more, for each of them, and for each that does not take a large
/// answer: Pingora has up to ten pieces of 64 KiB on the way, of those beyond that many small ones.
const BASE: i64 = 32 << 20;
const EACH: i64 = 12 << 10;
const SLOW_READER: i64 = 700 << 10;
const ONE_OF_MANY: i64 = 150 << 10;

/// All that it may need for the long form.
const MOST: i64 = 500_000_000;

/// What it may keep once they are gone: its threads have pages of the allocator's for more of the
/// same.
const LEFT: i64 = 96 << 20;

/// Until what slow readers held is found to be free.
const FOUND: Duration = Duration::from_secs(4);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Sends nothing at all.
    Silent,
    /// Was answered once.
    Kept,
    SlowHeader,
    SlowReader,
    /// Over HTTP/2, with room for all of it as far as its windows go.
    SlowReader2,
}

const KINDS: [Kind; 5] =
    [Kind::Silent, Kind::Kept, Kind::SlowHeader, Kind::SlowReader, Kind::SlowReader2];

/// One of them: how long it was there after it had begun to be slow, and what it was told at last.
#[derive(Debug)]
struct Gone {
    kind: Kind,
    after: Duration,
    told: Vec<u8>,
}

#[test]
fn crowds_are_borne() {
    let long = std::env::var_os("CROWDS").is_some();
    let scale = if long { LONG } else { SHORT };
    raise_descriptors();
    let website = Website::start();
    let h2c = free_address();
    let by_h2c = h2c.to_string();
    let flags = [&["--h2c-listen", &by_h2c], scale.flags].concat();
    let headcount = Headcount::start(&website.url, &flags);
    let site = headcount.site();
    honest(site, scale.honest);
    let (normal, memory) = (p99(honest(site, scale.honest)), headcount.memory().0);

    let runtime = Runtime::new().unwrap();
    let one = || turn(&scale, &headcount, h2c, &runtime);
    let [(first, during, gone), (second, ..)] = [one(), one()];
    let (mut left, gone_at) = (headcount.memory().0, Instant::now());
    while left >= memory + LEFT && gone_at.elapsed() < 2 * SLACK {
        std::thread::sleep(Duration::from_millis(100));
        left = headcount.memory().0;
    }
    let after = p99(honest(site, scale.honest));
    println!("honest, p99: {normal:?} before, {during:?} during, {after:?} after");
    println!("memory: {memory} before, {first:?} and {second:?} with them, {left} after");
    judge(&scale, &gone);
    let slow = memory + BASE + SLOW_READER * scale.most_slow as i64;
    let many = slow + ONE_OF_MANY * (scale.slow_readers - scale.most_slow) as i64;
    let all = slow + EACH * scale.all();
    for (at_once, settled) in [first, second] {
        assert!(at_once < many, "{at_once} bytes, and not {many}");
        assert!(settled < all, "{settled} bytes, and not {all}");
        assert!(at_once.max(settled) < MOST, "{at_once} and {settled} bytes, and not {MOST}");
    }
    assert!(left < memory + LEFT, "{left} bytes are not given back, {memory} before");
    if long {
        let usual = normal.max(after);
        assert!(during < 3 * usual, "p99 {during:?}, and {usual:?} else");
    }
}

/// Lets all of them in and waits until they are gone. The most memory at once and then, how long
/// honest visitors waited, and how each ended.
fn turn(
    scale: &Scale,
    headcount: &Headcount,
    h2c: SocketAddr,
    runtime: &Runtime,
) -> ((i64, i64), Duration, Vec<Gone>) {
    let site = headcount.site();
    let closed_before = closed(headcount);
    let mut crowd = Crowd { site, h2c, runtime, all: JoinSet::new(), entered: 0 };
    // They begin with all that fits into the system's buffers.
    crowd.enter(Kind::SlowReader, scale.slow_readers / 2);
    crowd.enter(Kind::SlowReader2, scale.slow_readers - scale.slow_readers / 2);
    let mut at_once = 0;
    std::thread::scope(|scope| {
        let large = scope.spawn(|| large(site));
        wait_for("those who are too many to be closed", || {
            at_once = at_once.max(headcount.memory().0);
            (closed(headcount) - closed_before >= too_many(scale)).then_some(())
        });
        assert_eq!(large.join().unwrap(), LARGE, "it comes whole, if in small pieces");
    });
    std::thread::sleep(FOUND);
    let mut most = headcount.memory().0;
    crowd.enter(Kind::Silent, scale.idle / 2);
    crowd.enter(Kind::Kept, scale.idle - scale.idle / 2);
    crowd.enter(Kind::SlowHeader, scale.slow_headers);
    let mut during = Vec::new();
    let began = Instant::now();
    while began.elapsed() < scale.header_time {
        during.extend(honest(site, scale.honest / 4));
        most = most.max(headcount.memory().0);
    }
    ((at_once, most), p99(during), crowd.gone(scale.idle_time + 2 * scale.write_time + 2 * SLACK))
}

/// Slow readers that were closed because they were too many.
fn closed(headcount: &Headcount) -> i64 {
    headcount.metric("headcount_slow_readers_closed_total")
}

/// How many are; some may take enough not to be slow.
fn too_many(scale: &Scale) -> i64 {
    (scale.slow_readers - scale.most_slow) as i64 * 9 / 10
}

/// Each was told what is right, by its deadline.
fn judge(scale: &Scale, gone: &[Gone]) {
    for kind in KINDS {
        let times: Vec<Duration> =
            gone.iter().filter(|gone| gone.kind == kind).map(|gone| gone.after).collect();
        let (first, last) = (times.iter().min().unwrap(), times.iter().max().unwrap());
        println!("{kind:?}: {} gone, after {first:?} to {last:?}", times.len());
    }
    for Gone { kind, after, told } in gone {
        let (earliest, latest, status): (_, _, &[u8]) = match kind {
            Kind::Silent | Kind::Kept => (scale.idle_time, scale.idle_time, b""),
            Kind::SlowHeader => (scale.header_time, scale.header_time, b"HTTP/1.1 408 "),
            // Part of the answer is in the system's buffers before anybody waits.
            Kind::SlowReader => (Duration::ZERO, 2 * scale.write_time, b"HTTP/1.1 200 "),
            // First the stream ends, and then the connection has none.
            Kind::SlowReader2 => (Duration::ZERO, 2 * scale.write_time + scale.idle_time, b""),
        };
        let earliest = earliest.saturating_sub(Duration::from_millis(500));
        assert!((earliest..latest + SLACK).contains(after), "{kind:?} {after:?}");
        assert!(told.starts_with(status), "{kind:?}: {}", told.escape_ascii());
    }
}

/// Each may have a descriptor, here and in the program, which has inherited the limit.
fn raise_descriptors() {
    let (_, maximum) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, maximum, maximum).unwrap();
    assert!(maximum >= 16_000, "`ulimit -Hn` is too low: {maximum:?}");
}

/// How long visitors waited, over connections that they keep.
fn honest(site: SocketAddr, requests: usize) -> Vec<Duration> {
    let turn = || {
        let mut wire = Wire::connect(site);
        let mut waited = Vec::new();
        for _ in 0..requests / 4 {
            let asked = Instant::now();
            let page = wire.ask("GET", "/", "");
            assert_eq!((page.status(), page.text().as_str()), (200, PAGE));
            waited.push(asked.elapsed());
        }
        waited
    };
    std::thread::scope(|scope| {
        let turns = [(); 4].map(|()| scope.spawn(turn));
        turns.into_iter().flat_map(|turn| turn.join().unwrap()).collect()
    })
}

/// Bytes of a large answer, taken as it comes.
fn large(site: SocketAddr) -> usize {
    let answer = Wire::connect(site).ask("GET", "/large", "Connection: close\r\n");
    answer.body.len()
}

fn p99(mut waited: Vec<Duration>) -> Duration {
    waited.sort();
    waited[waited.len() * 99 / 100]
}

struct Crowd<'a> {
    site: SocketAddr,
    h2c: SocketAddr,
    runtime: &'a Runtime,
    all: JoinSet<Gone>,
    entered: usize,
}

impl Crowd<'_> {
    /// Lets so many in, and waits until all have come.
    fn enter(&mut self, kind: Kind, count: usize) {
        let site = if kind == Kind::SlowReader2 { self.h2c } else { self.site };
        let come = Arc::new(AtomicUsize::new(0));
        for _ in 0..count {
            // 127.0.1.1, 127.0.1.2, …
            let from = Ipv4Addr::new(127, 0, 1, 1 + (self.entered / PER_ADDRESS) as u8);
            self.all.spawn_on(be(kind, from, site, come.clone()), self.runtime.handle());
            self.entered += 1;
        }
        wait_for("all to come", || (come.load(Ordering::SeqCst) == count).then_some(()));
    }

    /// Waits until all are gone.
    fn gone(mut self, patience: Duration) -> Vec<Gone> {
        let mut gone: Vec<Gone> = Vec::new();
        let waited = self.runtime.block_on(async {
            let all = async {
                while let Some(one) = self.all.join_next().await {
                    gone.push(one.unwrap());
                }
            };
            timeout(patience, all).await
        });
        let of = |kind| gone.iter().filter(|gone| gone.kind == kind).count();
        let count = KINDS.map(|kind| (kind, of(kind)));
        assert!(waited.is_ok(), "of {} there are gone {count:?}", self.entered);
        gone
    }
}

/// How many connect at a time: the system keeps 4,096 waiting.
static CONNECTING: Semaphore = Semaphore::const_new(256);

async fn be(kind: Kind, from: Ipv4Addr, site: SocketAddr, come: Arc<AtomicUsize>) -> Gone {
    let mut stream = {
        let _turn = CONNECTING.acquire().await.unwrap();
        connect(kind, from, site).await
    };
    come.fetch_add(1, Ordering::SeqCst);
    let get = |path| format!("GET {path} HTTP/1.1\r\nHost: {SITE}\r\n\r\n");
    let mut told = Vec::new();
    let mut began = Instant::now();
    match kind {
        Kind::Silent => {}
        Kind::Kept => {
            stream.write_all(get("/").as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            while !answer.ends_with(PAGE.as_bytes()) {
                assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "it is answered first");
            }
            began = Instant::now();
        }
        Kind::SlowHeader => {
            for byte in get("/").trim_end().bytes().chain(std::iter::repeat(b'x')) {
                // Once it is told, it need not go on.
                if stream.write_all(&[byte]).await.is_err()
                    || timeout(PACE, stream.read_buf(&mut told)).await.is_ok()
                {
                    break;
                }
            }
        }
        Kind::SlowReader | Kind::SlowReader2 => {
            let asked = match kind {
                Kind::SlowReader => get("/large").into_bytes(),
                _ => large_by_http2(),
            };
            stream.write_all(&asked).await.unwrap();
            let mut some = [0; 200];
            while let Ok(read @ 1..) = stream.read(&mut some).await {
                told.extend_from_slice(&some[..read]);
                // It may be reset while there is more to read.
                if stream.take_error().is_ok_and(|error| error.is_some()) {
                    break;
                }
                sleep(PACE).await;
            }
            assert!(told.len() < LARGE, "it was cut off");
        }
    }
    let _ = stream.read_to_end(&mut told).await;
    Gone { kind, after: began.elapsed(), told }
}

/// A request for much, with windows for all of it.
fn large_by_http2() -> Vec<u8> {
    [
        PREFACE,
        &frame(SETTINGS, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff]),
        &frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xfe, 0, 0]),
        &headers(1, END_STREAM, &usual("GET", "/large")),
    ]
    .concat()
}

async fn connect(kind: Kind, from: Ipv4Addr, site: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    if matches!(kind, Kind::SlowReader | Kind::SlowReader2) {
        socket.set_recv_buffer_size(4096).unwrap();
    }
    socket.connect(site).await.expect("a connection")
}
