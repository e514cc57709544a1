//! What runs when another process takes over goes on until it ends, and is counted once, whichever
//! process is killed.

use super::common::headcount::{Headcount, SITE};
use super::common::http::{self, FIREFOX, NAVIGATION};
use super::common::wait_for;
use super::common::wire::{Origin, Wire};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// How long the processes of these tests wait for requests when they are told to end.
const SHUTDOWN: Duration = Duration::from_millis(500);

const FLAGS: [&str; 6] =
    ["--flush-interval", "50ms", "--timeouts-shutdown", "500ms", "--trusted-proxies", "127.0.0.1"];

/// Bytes of a file, and how many of them come at once: more than what may wait to leave together.
const FILE: usize = 1 << 17;
const FIRST: usize = FILE / 2;

/// And how many are read of it.
const READ: usize = FIRST / 4;

/// A website of files whose second halves, and of slow pages whose answers, wait for
/// [`Site::release`].
struct Site {
    origin: Origin,
    released: Arc<(Mutex<Vec<String>>, Condvar)>,
}

impl Site {
    fn start() -> Self {
        let released: Arc<(Mutex<Vec<String>>, Condvar)> = Arc::default();
        let waits = released.clone();
        let origin = Origin::start(move |wire, request| {
            let target = request.target().to_owned();
            let wait = || {
                let (released, more) = &*waits;
                let waiting = |released: &mut Vec<String>| !released.contains(&target);
                drop(more.wait_while(released.lock().unwrap(), waiting).unwrap());
            };
            if request.header("upgrade").is_some() {
                wire.send(
                    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
                     Upgrade: websocket\r\n\r\n",
                );
                // Whatever it is told comes back.
                while let Ok(byte) = wire.bytes(1) {
                    if wire.try_send(byte).is_err() {
                        break;
                    }
                }
                return false;
            }
            if target.ends_with(".pdf") {
                wire.send(format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n\
                     Content-Length: {FILE}\r\n\r\n"
                ));
                wire.send([b'f'; FIRST]);
                wait();
                let _ = wire.try_send([b'f'; FILE - FIRST]);
                return true;
            }
            if target.starts_with("/slow") {
                wait();
            }
            wire.reply("200 OK", "Content-Type: text/html\r\n", b"a page");
            true
        });
        Self { origin, released }
    }

    /// Lets an answer come to its end.
    fn release(&self, target: &str) {
        let (released, more) = &*self.released;
        released.lock().unwrap().push(target.to_owned());
        more.notify_all();
    }
}

/// Asks for something as a person's browser, and leaves the answer to come.
fn ask(headcount: &Headcount, target: &str, from: &str) -> Wire {
    let mut wire = Wire::connect(headcount.site());
    wire.send(format!(
        "GET {target} HTTP/1.1\r\nHost: {SITE}\r\nUser-Agent: {FIREFOX}\r\nX-Forwarded-For: {from}\r\n\
         Accept: text/html\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\n\r\n"
    ));
    wire
}

/// Has a part of a file, and all of it only later.
fn begin(headcount: &Headcount, file: &str) -> Wire {
    let mut wire = ask(headcount, file, "192.0.2.1");
    assert_eq!(wire.head().unwrap().unwrap().status(), 200);
    wire.bytes(READ).unwrap();
    wire
}

/// Has the rest of it.
fn finish(mut wire: Wire) {
    assert_eq!(wire.bytes(FILE - READ).unwrap(), [b'f'; FILE - READ]);
}

fn visit(headcount: &Headcount, from: &str) {
    let mut headers = vec![("Host", SITE), ("User-Agent", FIREFOX), ("X-Forwarded-For", from)];
    headers.extend(NAVIGATION);
    assert_eq!(http::get(headcount.site(), "/", &headers).status, 200);
}

fn totals(headcount: &Headcount) -> [i64; 3] {
    ["pageviews", "visitors", "visits"].map(|metric| headcount.total(metric))
}

/// Responses with this file, by their number.
fn downloads(headcount: &Headcount, file: &str) -> i64 {
    let rows =
        headcount.stats("breakdown?period=day&property=download:path&metrics=pageviews&limit=100");
    let rows = rows.as_array().unwrap();
    let row = rows.iter().find(|row| row["path"] == file);
    row.map_or(0, |row| row["pageviews"].as_i64().unwrap())
}

fn end(process: &mut Child) -> ExitStatus {
    wait_for("the old process to end", || process.try_wait().unwrap())
}

fn runs(process: &mut Child) -> bool {
    process.try_wait().unwrap().is_none()
}

#[test]
fn downloads_and_websockets_outlast_a_hand_over() {
    let site = Site::start();
    let mut headcount = Headcount::start(&site.origin.url(), &FLAGS);
    let download = begin(&headcount, "/long.pdf");
    let mut page = ask(&headcount, "/slow", "192.0.2.7");
    let mut socket = Wire::connect(headcount.site());
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    assert_eq!(socket.ask("GET", "/chat", upgrade).status(), 101);

    let mut old = headcount.hand_over();
    let handed_over = Instant::now();
    // Somebody whose first page has not come yet looks at another, which the new process answers.
    visit(&headcount, "192.0.2.7");
    wait_for("more time than the end of a process has", || {
        (handed_over.elapsed() > 3 * SHUTDOWN).then_some(())
    });
    assert!(runs(&mut old), "{}", headcount.log());
    socket.send("hello");
    assert_eq!(socket.bytes(5).unwrap(), b"hello");
    site.release("/slow");
    assert_eq!(page.answer("GET").text(), "a page");
    wait_for("the page to be counted while others still run", || {
        (headcount.total("pageviews") == 2).then_some(())
    });
    assert!(runs(&mut old));
    site.release("/long.pdf");
    finish(download);
    drop(socket);
    drop(page);
    assert!(end(&mut old).success());
    wait_for("the download to be counted", || {
        (downloads(&headcount, "/long.pdf") == 1).then_some(())
    });
    // One person, who was on one visit: the process that has taken over knows both pages.
    assert_eq!(totals(&headcount), [2, 1, 1]);
    assert!(!headcount.log().contains("will be cut"), "{}", headcount.log());
    wait_for("nothing to be left", || {
        let left = std::fs::read_dir(headcount.data_dir().join(format!("headcount-{SITE}/late")));
        (left.unwrap().count() == 0).then_some(())
    });
}

#[test]
fn nothing_is_lost_or_counted_twice_when_either_is_killed() {
    let site = Site::start();
    let mut headcount = Headcount::start(&site.origin.url(), &FLAGS);
    let mut last = begin(&headcount, "/last.pdf");
    let files: Vec<String> = (0..6).map(|n| format!("/{n}.pdf")).collect();
    let begun: Vec<Wire> = files.iter().map(|file| begin(&headcount, file)).collect();
    let mut pages: Vec<Wire> =
        (0..6).map(|n| ask(&headcount, &format!("/slow/{n}"), &format!("192.0.2.{n}"))).collect();
    let mut old = headcount.hand_over();
    for (n, (file, download)) in files.iter().zip(begun).enumerate() {
        site.release(file);
        finish(download);
        site.release(&format!("/slow/{n}"));
        assert_eq!(pages[n].answer("GET").text(), "a page");
        // At whichever moment: the page has just been answered.
        headcount.kill();
        headcount.start_again();
    }
    wait_for("downloads are finished by then", || {
        (headcount.total("pageviews") == 6).then_some(())
    });
    wait_for("all downloads to be written down", || {
        files.iter().all(|file| downloads(&headcount, file) == 1).then_some(())
    });
    old.kill().unwrap();
    old.wait().unwrap();
    assert!(last.rest().len() < FILE - READ, "it was cut");
    headcount.kill();
    headcount.start_again();
    assert_eq!(totals(&headcount), [6, 6, 6]);
    assert!(files.iter().all(|file| downloads(&headcount, file) == 1));
    assert_eq!(headcount.metric("headcount_unflushed_events"), 0);
}

#[test]
fn what_an_old_process_wrote_before_it_was_killed_counts() {
    let site = Site::start();
    let mut headcount = Headcount::start(&site.origin.url(), &FLAGS);
    let download = begin(&headcount, "/a.pdf");
    let mut page = ask(&headcount, "/slow", "192.0.2.7");
    let _other = begin(&headcount, "/b.pdf");
    let mut old = headcount.hand_over();
    // The new process does not get to see what happens.
    headcount.signal(Signal::SIGSTOP);
    site.release("/a.pdf");
    site.release("/slow");
    finish(download);
    assert_eq!(page.answer("GET").text(), "a page");
    let dir = headcount.data_dir().join(format!("headcount-{SITE}/late"));
    wait_for("the download to be written down", || {
        let entry = std::fs::read_dir(&dir).ok()?.next()?.ok()?;
        let bytes = std::fs::read(entry.path()).ok()?;
        bytes.windows(6).any(|part| part == b"/a.pdf").then_some(())
    });
    old.kill().unwrap();
    old.wait().unwrap();
    headcount.kill();
    headcount.start_again();
    wait_for("both to be counted", || {
        (downloads(&headcount, "/a.pdf") == 1 && headcount.total("pageviews") == 1).then_some(())
    });
    assert_eq!(downloads(&headcount, "/b.pdf"), 0, "nobody knows how far it came");
}

/// Each has a download that never ends.
#[test]
fn two_old_processes_at_most_and_sigterm_ends_them() {
    let site = Site::start();
    let mut headcount = Headcount::start(&site.origin.url(), &FLAGS);
    let mut old = Vec::new();
    let mut endless = Vec::new();
    for n in 0..3 {
        endless.push(begin(&headcount, &format!("/{n}.pdf")));
        old.push(headcount.hand_over());
    }
    assert!(end(&mut old[0]).success());
    assert!(runs(&mut old[1]) && runs(&mut old[2]));
    let asked = Instant::now();
    for process in &old[1..] {
        kill(Pid::from_raw(process.id() as i32), Signal::SIGTERM).unwrap();
    }
    for process in &mut old[1..] {
        assert!(end(process).success());
    }
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    visit(&headcount, "192.0.2.1");
}

#[test]
fn the_bound_is_a_setting() {
    let site = Site::start();
    let flags = [&FLAGS[..], &["--timeouts-drain", "700ms"]].concat();
    let mut headcount = Headcount::start(&site.origin.url(), &flags);
    let mut endless = begin(&headcount, "/endless.pdf");
    headcount.upgrade();
    assert!(endless.rest().len() < FILE - READ, "it was cut");
    assert!(headcount.log().contains("1 requests are still running and will be cut"));
}
