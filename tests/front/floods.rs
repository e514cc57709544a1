//! Clients of HTTP/2 that send what costs them little and others much, or that fall silent: they
//! are ended, or cost no memory, and honest clients are answered meanwhile.

use crate::clients::{PAGE, Website};
use crate::common::headcount::Headcount;
use crate::common::ports::free_address;
use crate::common::wire::Wire;
use crate::frames::{
    CONTINUATION, DATA, END_STREAM, End, Frames, HEADERS, PING, PRIORITY, RST_STREAM, SETTINGS,
    WINDOW_UPDATE, block, frame, headers, usual,
};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A frame and the next, by their number.
type Next<'a> = &'a dyn Fn(u32) -> Vec<u8>;

/// Frames that are sent at a time.
const BATCH: u32 = 100;

/// What a flood may cost in memory, whatever it is.
const MEMORY: i64 = 16 << 20;

fn start(website: &Website, flags: &[&str]) -> (Headcount, SocketAddr) {
    let h2c = free_address();
    let own = ["--h2c-listen", &h2c.to_string()];
    (Headcount::start(&website.url, &[&own[..], flags].concat()), h2c)
}

fn honest(headcount: &Headcount) {
    let page = Wire::connect(headcount.site()).ask("GET", "/", "Connection: close\r\n");
    assert_eq!((page.status(), page.text().as_str()), (200, PAGE));
}

/// Sends frames until the connection ends, or there were so many. Gives how it ended.
fn flood(
    headcount: &Headcount,
    h2c: SocketAddr,
    begin: &[u8],
    next: Next,
    most: u32,
) -> Option<End> {
    let before = headcount.memory().0;
    let mut frames = Frames::connect(h2c);
    frames.send(begin).unwrap();
    let mut ended = None;
    for first in (1..=most).step_by(BATCH as usize) {
        let batch: Vec<u8> = (first..first + BATCH).flat_map(next).collect();
        if frames.send(&batch).is_err() {
            ended = Some(frames.end(u32::MAX));
            break;
        }
        if first % 2_000 < BATCH {
            honest(headcount);
        }
    }
    let grown = headcount.memory().0 - before;
    assert!(grown < MEMORY, "{grown} bytes");
    ended
}

#[test]
fn floods_are_ended() {
    let website = Website::start();
    let (headcount, h2c) = start(&website, &[]);
    honest(&headcount);
    let begun = frame(HEADERS, END_STREAM, 1, &block(&usual("GET", "/a"))[..10]);
    let post = headers(1, 0, &usual("POST", "/slow"));
    let reset = |nth| {
        let get = headers(2 * nth + 1, END_STREAM, &usual("GET", "/slow"));
        [get, frame(RST_STREAM, 0, 2 * nth + 1, &[0, 0, 0, 8])].concat()
    };
    let continued = |bytes| move |_| frame(CONTINUATION, 0, 1, &vec![b'a'; bytes]);
    let data = |flags, bytes: &'static [u8]| move |_| frame(DATA, flags, 1, bytes);
    let malformed = |nth| headers(2 * nth + 1, END_STREAM, &usual("GET", "x"));
    let kinds: [(&str, &[u8], Next); 8] = [
        ("fields without end", &begun, &continued(16_384)),
        ("fields in small pieces", &begun, &continued(1)),
        ("fields in no pieces", &begun, &continued(0)),
        ("a body in no pieces", &post, &data(0, b"")),
        ("a body of padding", &post, &data(8, b"\x03\0\0\0")),
        ("a body that nobody reads, in small pieces", &post, &data(0, b"a")),
        ("requests that are taken back", &[], &reset),
        ("malformed requests", &[], &malformed),
    ];
    for (name, begin, next) in kinds {
        let ended = flood(&headcount, h2c, begin, next, 100_000);
        // The connection may be reset before its last frame is read.
        assert!(matches!(ended, Some(End::GoAway(_) | End::Closed)), "{name}: {ended:?}");
        honest(&headcount);
    }
    // What these cost is the time to read them.
    let kinds: [(&str, Next); 5] = [
        ("pings", &|_| frame(PING, 0, 0, &[0; 8])),
        ("settings", &|_| frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 255, 255].repeat(100))),
        ("priorities", &|nth| frame(PRIORITY, 0, 2 * nth + 1, &[0, 0, 0, 0, 1])),
        ("windows", &|_| frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        ("frames of no kind", &|_| frame(200, 0, 0, &[0; 100])),
    ];
    for (name, next) in kinds {
        let ended = flood(&headcount, h2c, &[], next, 40_000);
        assert!(!matches!(ended, Some(End::Answer(..))), "{name}: {ended:?}");
        honest(&headcount);
    }
    let log = headcount.log();
    assert!(!log.contains("ERROR") && !log.contains("WARN"), "{log}");
}

/// Who begins something and does not go on is let go by the deadline for it, and nobody else is to
/// blame.
#[test]
fn silence_ends() {
    let website = Website::start();
    let times = ["--limits-header-time", "1s", "--timeouts-idle", "2s", "--timeouts-read", "2s"];
    let (headcount, h2c) = start(&website, &[&times[..], &["--timeouts-write", "2s"]].concat());
    let fields = block(&usual("GET", "/a"));
    let no_window = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let cases: [(&str, Vec<u8>); 4] = [
        ("nothing", vec![]),
        ("half the fields", frame(HEADERS, END_STREAM, 1, &fields[..10])),
        ("a body that does not come", headers(1, 0, &usual("POST", "/echo"))),
        (
            "an answer that is not taken",
            [no_window, headers(1, END_STREAM, &usual("GET", "/large"))].concat(),
        ),
    ];
    let ends = cases.map(|(name, sent)| {
        std::thread::spawn(move || {
            let mut frames = Frames::connect(h2c);
            frames.send(&sent).unwrap();
            let began = Instant::now();
            let end = frames.end(1);
            assert!(began.elapsed() < Duration::from_secs(9), "{name}: {end:?}");
            match end {
                End::Answer(status, _) => format!("{name}: {status}"),
                end => format!("{name}: {end:?}"),
            }
        })
    });
    assert_eq!(
        ends.map(|end| end.join().unwrap()),
        [
            "nothing: Closed",
            "half the fields: Closed",
            "a body that does not come: 408",
            "an answer that is not taken: Reset(8)",
        ]
    );
    assert!(!headcount.log().contains("did not answer in time"), "{}", headcount.log());
}

/// A body may take longer than the time for its next bytes.
#[test]
fn slow_uploads_arrive() {
    let website = Website::start();
    let flags = ["--timeouts-read", "1s", "--limits-upload-rate", "1B"];
    let (_headcount, h2c) = start(&website, &flags);
    let mut frames = Frames::connect(h2c);
    frames.send(&headers(1, 0, &usual("POST", "/echo"))).unwrap();
    for nth in 0..10 {
        std::thread::sleep(Duration::from_millis(300));
        frames.send(&frame(DATA, if nth == 9 { END_STREAM } else { 0 }, 1, b"abc")).unwrap();
    }
    let End::Answer(200, body) = frames.end(1) else { panic!("no answer") };
    assert!(String::from_utf8(body).unwrap().ends_with("body: 30\n"));
}
