//! Requests over HTTP/2 that would be others over HTTP/1.1: each is refused, or reaches the website
//! as the one request that it is.
//!
//! The website records what it gets and is strict about it: a head or a body that could be read in
//! two ways is a fault of the proxy's. After each case two honest requests are sent, one on the
//! same HTTP/2 connection and one by HTTP/1.1: both get their own answers, over the few connections
//! to the website that all share.

mod cases;

use crate::common::headcount::{Headcount, SITE};
use crate::common::ports::free_port;
use crate::common::wire::{self, Trust, Wire};
use crate::frames::{END_STREAM, End, Frames, headers, usual};
use crate::strict::Strict;
use cases::{connections, endings, fields, large, lengths, lines};
use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// What is sent, on stream 1.
struct Case {
    name: &'static str,
    frames: Vec<u8>,
    right: Right,
}

/// What has to become of it.
enum Right {
    /// An error of the stream, or of the connection: it is no HTTP/2.
    Broken,
    /// This status, from the proxy.
    Status(u16),
    /// Reaches the website as this, and is answered: method, target, host, body.
    Whole(&'static str),
    /// An error, which comes before the website has all of this, or after: perhaps while the next
    /// cases are played. So its target is its own.
    Perhaps(&'static str),
}

impl Right {
    /// The target of what may come late.
    fn late_target(&self) -> Option<&'static str> {
        match self {
            Self::Perhaps(request) => request.split(' ').nth(1),
            _ => None,
        }
    }
}

#[test]
fn none_becomes_another_request() {
    let website = Strict::start();
    let folder = tempfile::tempdir().unwrap();
    let (certificates, trust) = wire::certificate(SITE, folder.path());
    let [tls, h2c] = [(); 2].map(|()| SocketAddr::from(([127, 0, 0, 1], free_port())));
    let [by_tls, by_h2c] = [tls, h2c].map(|address| address.to_string());
    let flags = ["--tls-listen", &by_tls, "--tls-certificates", &certificates, "--threads", "1"];
    let flags = [&flags[..], &["--h2c-listen", &by_h2c]].concat();
    let headcount = Headcount::start(&website.url(), &flags);
    let cases: Vec<Case> =
        [lengths(), connections(), fields(), lines(), endings()].into_iter().flatten().collect();
    let (honest, late) = (headcount.site(), RefCell::default());
    let stage = Stage { website: &website, honest, tls: (tls, trust), h2c, late };
    let faults: Vec<String> = (cases.iter())
        .flat_map(|case| [true, false].map(|encrypted| (case, encrypted)))
        .filter_map(|(case, encrypted)| {
            let fault = stage.play(case, encrypted).err()?;
            Some(format!("{} ({}): {fault}", case.name, if encrypted { "TLS" } else { "h2c" }))
        })
        .collect();
    // A line per malformed request would be the attacker's to write.
    let mut nobody = TcpStream::connect(stage.tls.0).unwrap();
    nobody.write_all(b"no handshake of TLS").unwrap();
    let _ = nobody.read_to_end(&mut Vec::new());
    let log = headcount.log();
    assert!(!log.contains("ERROR") && !log.contains("WARN"), "{log}");
    let accepted = website.accepted();
    assert!(accepted < cases.len(), "{accepted} connections to the website");
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), 2 * cases.len(), faults.join("\n"));
}

/// What a header may have of bytes, it may have over either version.
#[test]
fn the_bound_of_the_settings_holds() {
    let website = Strict::start();
    let h2c = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let flags = ["--h2c-listen", &h2c.to_string(), "--limits-header-size", "8KiB"];
    let _headcount = Headcount::start(&website.url(), &flags);
    for (bytes, status) in [(6_000, 200), (12_000, 431)] {
        let mut frames = Frames::connect(h2c);
        frames.send(&large("", bytes, Right::Broken).frames).unwrap();
        let end = frames.end(1);
        assert!(matches!(end, End::Answer(answered, _) if answered == status), "{bytes}: {end:?}");
    }
}

struct Stage<'a> {
    website: &'a Strict,
    honest: SocketAddr,
    tls: (SocketAddr, Trust),
    h2c: SocketAddr,
    /// Requests that may still come, each as often as it was sent.
    late: RefCell<Vec<&'static str>>,
}

impl Stage<'_> {
    fn play(&self, case: &Case, encrypted: bool) -> Result<(), String> {
        self.honest("/before")?;
        let mut frames = match encrypted {
            true => Frames::connect_tls(self.tls.0, &self.tls.1),
            false => Frames::connect(self.h2c),
        };
        if let Right::Perhaps(request) = case.right {
            self.late.borrow_mut().push(request);
        }
        // It may be refused before all of it was taken.
        let _ = frames.send(&case.frames);
        let end = frames.end(1);
        // One for each stream, unless the connection is over.
        let sibling = frames.send(&headers(3, END_STREAM, &usual("GET", "/sibling")));
        let sibling = match (&end, sibling) {
            (End::GoAway(_) | End::Closed, _) | (_, Err(_)) => None,
            _ => Some(frames.end(3)),
        };
        self.honest("/after")?;
        let seen = self.website.take_seen();
        if !seen.faults.is_empty() {
            return Err(format!("{end:?}: the website got {:?}", seen.faults));
        }
        if let Some(sibling) = sibling
            && !matches!(&sibling, End::Answer(200, body) if body.starts_with(b"GET /sibling "))
            && !matches!(sibling, End::GoAway(_))
        {
            return Err(format!(
                "{end:?}, and the next on the connection was answered {sibling:?}"
            ));
        }
        let own =
            |line: &&String| ["/before", "/after", "/sibling"].iter().all(|p| !line.contains(p));
        let mut reached: Vec<&String> = seen.whole.iter().filter(own).collect();
        let mut late = self.late.borrow_mut();
        reached.retain(|line| {
            let at = late.iter().position(|request| line.as_str() == *request);
            at.map(|at| late.swap_remove(at)).is_none()
        });
        let is_right = match (&case.right, &end) {
            (Right::Broken, End::Reset(_) | End::GoAway(_) | End::Answer(400, _)) => {
                reached.is_empty()
            }
            // It is reset while more is sent, perhaps before its last frame is read.
            (Right::Broken, End::Closed) if case.frames.len() > 100_000 => reached.is_empty(),
            (Right::Status(status), End::Answer(answered, _)) => {
                reached.is_empty() && answered == status
            }
            (Right::Whole(request), End::Answer(200, body)) => {
                reached == [request] && body == request.as_bytes()
            }
            (Right::Perhaps(_), End::Reset(_) | End::GoAway(_)) => reached.is_empty(),
            _ => false,
        };
        if !is_right {
            return Err(format!("{end:?}; the website got {reached:?}"));
        }
        Ok(())
    }

    /// A request of somebody else.
    fn honest(&self, path: &str) -> Result<(), String> {
        let mut wire = Wire::connect(self.honest);
        wire.send(format!("GET {path} HTTP/1.1\r\nHost: {SITE}\r\nConnection: close\r\n\r\n"));
        let answer = wire.answer("GET");
        let (status, text) = (answer.status(), answer.text());
        if status == 200 && text == format!("GET {path} {SITE} ") {
            return Ok(());
        }
        Err(format!("an honest request was answered {status} {text:?}"))
    }
}
