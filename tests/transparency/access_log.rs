//! The access log: what was asked and answered, line by line, and never in a request's way.
//!
//! - combined and JSON, whole addresses and networks, hostile values, to a file and to standard
//!   output
//! - a full disk; a pipe that nobody reads, with a name or without
//! - rotation under way loses no line

use crate::common::ports::free_address;
use crate::common::process::{Proxy, command, wait_for};
use crate::common::while_busy;
use crate::common::wire::{Origin, Wire, get};
use nix::sys::signal::Signal;
use regex::Regex;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

const DROPPED: &str = "headcount_access_log_dropped_total";

fn origin() -> Origin {
    Origin::start(|wire, request| {
        let status = if request.target() == "/none" { "404 Not Found" } else { "200 OK" };
        let body: &[u8] = if request.method() == "HEAD" { b"" } else { b"hello" };
        wire.body(request, false).unwrap();
        wire.reply(status, "", body);
        true
    })
}

fn lines(file: &Path) -> Vec<String> {
    std::fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Sends three requests, as a proxy does. A quote in a query goes to the website percent-encoded.
fn drive(proxy: &Proxy) {
    let mut wire = Wire::connect(proxy.site);
    let first =
        "X-Forwarded-For: 203.0.113.77\r\nReferer: https://a.example/\r\nUser-Agent: Agent/1\r\n";
    assert_eq!(wire.ask("GET", "/a?b=%20c", first).status(), 200);
    let hostile = "X-Forwarded-For: 2001:db8:1:2::3\r\nUser-Agent: \"\\ [x] \t\u{1F600}\r\n";
    assert_eq!(wire.ask("HEAD", "/none", hostile).status(), 404);
    assert_eq!(wire.post("/\u{e9}?\"", "", b"x").status(), 200);
}

#[test]
fn combined_lines_are_what_was_sent() {
    let origin = origin();
    let time = Regex::new(r"\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\]").unwrap();
    for (flag, v4, v6, own) in [
        ("--access-log-addresses=false", "203.0.113.0", "2001:db8:1::", "127.0.0.0"),
        ("--access-log-addresses=true", "203.0.113.77", "2001:db8:1:2::3", "127.0.0.1"),
    ] {
        let flags = ["--access-log", "combined", "--access-log-file", "access.log", flag];
        let proxy =
            Proxy::start(&origin.url(), &[&flags[..], &["--trusted-proxies=127.0.0.1"]].concat());
        drive(&proxy);
        let file = proxy.dir.path().join("access.log");
        wait_for("three lines", || lines(&file).len() == 3);
        let shown: Vec<String> =
            lines(&file).iter().map(|line| time.replace(line, "[TIME]").into_owned()).collect();
        let expected = [
            format!(
                r#"{v4} - - [TIME] "GET /a?b=%20c HTTP/1.1" 200 5 "https://a.example/" "Agent/1""#
            ),
            format!(
                r#"{v6} - - [TIME] "HEAD /none HTTP/1.1" 404 0 "-" "\x22\x5C [x] \x09\xF0\x9F\x98\x80""#
            ),
            format!(r#"{own} - - [TIME] "POST /\xC3\xA9?%22 HTTP/1.1" 200 5 "-" "-""#),
        ];
        assert_eq!(shown, expected);
        assert_eq!(proxy.metric(DROPPED), 0.0);
    }
}

#[test]
fn json_lines_are_what_was_sent() {
    let origin = origin();
    let flags =
        ["--access-log=json", "--access-log-file=access.log", "--trusted-proxies=127.0.0.1"];
    let mut proxy = Proxy::start(&origin.url(), &flags);
    drive(&proxy);
    let file = proxy.dir.path().join("access.log");
    proxy.terminate();
    proxy.ended();
    let read: Vec<Value> = lines(&file).iter().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(read.len(), 3, "{read:?}");
    let of = |i: usize, key: &str| read[i][key].clone();
    let second = [
        "address",
        "method",
        "host",
        "target",
        "protocol",
        "status",
        "bytes",
        "referrer",
        "user_agent",
    ]
    .map(|key| of(1, key));
    let expected = json!([
        "2001:db8:1::",
        "HEAD",
        "localhost",
        "/none",
        "HTTP/1.1",
        404,
        0,
        null,
        "\"\\ [x] \t\u{1F600}"
    ]);
    assert_eq!(json!(second), expected);
    assert_eq!((of(0, "target"), of(2, "target")), (json!("/a?b=%20c"), json!("/\u{e9}?%22")));
    for i in 0..3 {
        assert!((0.0..30.0).contains(&of(i, "seconds").as_f64().unwrap()));
        assert!(chrono::DateTime::parse_from_rfc3339(of(i, "time").as_str().unwrap()).is_ok());
    }
}

#[test]
fn a_full_disk_is_in_nobodys_way() {
    let origin = origin();
    let proxy = Proxy::start(&origin.url(), &["--access-log=json", "--access-log-file=/dev/full"]);
    let mut wire = Wire::connect(proxy.site);
    for _ in 0..50 {
        let asked = Instant::now();
        assert_eq!(wire.ask("GET", "/", "").text(), "hello");
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    }
    wait_for("all are counted as lost", || proxy.metric(DROPPED) == 50.0);
    let said = || proxy.log().iter().filter(|line| line.contains("cannot be written")).count();
    wait_for("it to be said", || said() > 0);
    assert_eq!(said(), 1, "{:?}", proxy.log());
}

#[test]
fn a_pipe_that_nobody_reads_is_in_nobodys_way() {
    const REQUESTS: usize = 300;
    let (origin, dir) = (origin(), tempfile::tempdir().unwrap());
    let (site, admin) = (free_address(), free_address());
    let mut child = command(&dir, &origin.url(), site, admin, &["--access-log=combined"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for("the proxy takes connections", || TcpStream::connect(site).is_ok());
    // More than a pipe holds, many times.
    let agent = format!("User-Agent: {}\r\n", "x".repeat(4_000));
    let mut wire = Wire::connect(site);
    for i in 0..REQUESTS {
        let asked = Instant::now();
        assert_eq!(wire.ask("GET", &format!("/{i}"), &agent).text(), "hello");
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    }
    // All of them waited, and come once somebody reads.
    let out = BufReader::new(child.stdout.take().unwrap());
    for (i, line) in out.lines().take(REQUESTS).enumerate() {
        assert!(line.unwrap().contains(&format!("\"GET /{i} HTTP")), "{i}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_named_pipe_is_opened_without_a_reader() {
    let (origin, dir) = (origin(), tempfile::tempdir().unwrap());
    let pipe = dir.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let file = format!("--access-log-file={}", pipe.display());
    // It starts, and answers.
    let proxy = Proxy::start(&origin.url(), &["--access-log=json", &file]);
    for path in ["/first", "/second"] {
        assert_eq!(get(proxy.site, path, "").text(), "hello");
        // Nor does it wait where the file is opened anew.
        proxy.signal(Signal::SIGHUP);
    }
    let lines = BufReader::new(std::fs::File::open(&pipe).unwrap()).lines();
    // Two threads may have written them.
    let lines: Vec<String> = lines.take(2).map(Result::unwrap).collect();
    for path in ["/first", "/second"] {
        assert!(lines.iter().any(|line| line.contains(path)), "{path} is not in {lines:?}");
    }
}

#[test]
fn rotation_loses_no_line() {
    let origin = origin();
    let proxy = Proxy::start(&origin.url(), &["--access-log=json", "--access-log-file=access.log"]);
    let folder = proxy.dir.path();
    let file = folder.join("access.log");
    let visitor = || {
        let mut wire = Wire::connect(proxy.site);
        move || assert_eq!(wire.ask("GET", "/", "").status(), 200)
    };
    let sent = while_busy(3, visitor, || {
        for number in 0..10 {
            wait_for("some lines", || lines(&file).len() > 20);
            std::fs::rename(&file, folder.join(format!("access.log.{number}"))).unwrap();
            proxy.signal(Signal::SIGHUP);
            wait_for("a new file", || file.exists());
        }
    });
    let old = (0..10).map(|number| folder.join(format!("access.log.{number}")));
    let files: Vec<_> = old.chain([file.clone()]).collect();
    let all = || files.iter().flat_map(|file| lines(file)).collect::<Vec<_>>();
    wait_for("all lines", || all().len() >= sent);
    let all = all();
    assert_eq!(all.len(), sent);
    assert!(all.iter().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    get(proxy.site, "/last", "");
    wait_for("the last line", || lines(&file).iter().any(|line| line.contains("/last")));
}
