//! SIGHUP: what may change while it runs does, all else is named and kept, and nobody notices.

use super::common::headcount::{Headcount, SITE};
use super::common::http::{self, FIREFOX, NAVIGATION};
use super::common::load::Load;
use super::common::wait_for;
use super::common::wire::Wire;
use super::crowd::Crowd;
use nix::sys::signal::Signal;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

const FIRST: &str = "the-first-token-of-this-test";
const SECOND: &str = "the-second-token-of-this-test";

/// A program with a file of settings.
struct Program {
    headcount: Headcount,
    file: PathBuf,
    _dir: tempfile::TempDir,
}

impl Program {
    fn start(load: &Load, settings: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("headcount.toml");
        std::fs::write(&file, settings).unwrap();
        let headcount = Headcount::start(&load.url(), &["--config", file.to_str().unwrap()]);
        Self { headcount, file, _dir: dir }
    }

    /// Writes other settings, has them read, and gives the line that this leaves.
    fn reload(&self, settings: &str) -> String {
        std::fs::write(&self.file, settings).unwrap();
        let lines = || {
            let log = self.headcount.log();
            log.lines().filter(|l| l.contains("settings read again")).map(str::to_owned).collect()
        };
        let before: Vec<String> = lines();
        self.headcount.signal(Signal::SIGHUP);
        wait_for("a line about it", || lines().into_iter().nth(before.len()))
    }

    fn visit(&self, from: &str) {
        let mut headers = vec![("Host", SITE), ("User-Agent", FIREFOX), ("X-Forwarded-For", from)];
        headers.extend(NAVIGATION);
        assert_eq!(http::get(self.headcount.site(), "/", &headers).status, 200);
    }

    fn ask(&self, token: &str, question: &str) -> (u16, Value) {
        let bearer = format!("Bearer {token}");
        let headers = [("Host", "localhost"), ("Authorization", bearer.as_str())];
        let path = format!("/api/v1/stats/{question}");
        let answer = http::get(self.headcount.admin(), &path, &headers);
        (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
    }

    /// Waits until so many visitors are counted.
    fn until_visitors(&self, token: &str, visitors: i64) {
        wait_for("the visitors to be counted", || {
            let (_, answer) = self.ask(token, "aggregate?period=day&metrics=visitors");
            (answer["results"]["visitors"]["value"] == visitors).then_some(())
        });
    }
}

#[test]
fn what_may_change_does_and_the_rest_is_named_and_kept() {
    let load = Load::new();
    let first = format!("flush_interval = '50ms'\n[admin_auth]\ntokens = ['{FIRST}']\n");
    let program = Program::start(&load, &first);
    let addresses = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];
    addresses.iter().for_each(|from| program.visit(from));
    // Nobody is believed who is not trusted.
    program.until_visitors(FIRST, 1);
    assert_eq!(program.ask(SECOND, "realtime/visitors").0, 401);

    let cities = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/geo/cities.mmdb");
    let second = format!(
        "flush_interval = '60ms'\ninject = true\ntrusted_proxies = ['127.0.0.1']\n\
         geoip = '{cities}'\nlog = 'info,headcount=debug'\n[admin_auth]\ntokens = ['{SECOND}']\n"
    );
    let line = program.reload(&second);
    let (changed, kept) = line.split_once("; kept until a hand-over or a restart: ").expect(&line);
    for key in ["trusted_proxies", "geoip", "admin_auth.tokens", "log"] {
        assert!(changed.contains(key), "{line}");
    }
    assert_eq!(kept, "flush_interval, inject");
    assert_eq!(program.ask(FIRST, "realtime/visitors").0, 401);
    addresses.iter().for_each(|from| program.visit(from));
    program.until_visitors(SECOND, 4);
    let (_, answer) = program.ask(SECOND, "breakdown?period=day&property=visit:city");
    assert!(answer.to_string().contains("Munich"), "{answer}");

    // Once more: only what is still another than at the start is named.
    let line = program.reload(&second);
    assert!(
        line.ends_with("again; kept until a hand-over or a restart: flush_interval, inject"),
        "{line}"
    );

    // A mistake changes nothing, wherever it is.
    for wrong in ["geoip = '/nowhere.mmdb'\n", "trusted_proxies = ['nonsense']\n", "lisen = ''\n"] {
        let line = program.reload(wrong);
        assert!(line.contains(" WARN ") && line.contains("not taken: "), "{line}");
        assert_eq!(program.ask(SECOND, "realtime/visitors").0, 200);
    }
}

#[test]
fn limits_of_connections_and_heads_hold_from_then_on() {
    let load = Load::new();
    let program = Program::start(&load, "");
    let site = program.headcount.site();
    let mut kept = Wire::connect(site);
    assert_eq!(kept.ask("GET", "/page/1", "").status(), 200);
    assert_eq!(Wire::connect(site).ask("GET", "/page/1", "").status(), 200);
    let limits = "[limits]\nconnections_per_address = 1\nheader_time = '200ms'\n";
    let line = program.reload(limits);
    for key in ["connections_per_address", "header_time"] {
        assert!(line.contains(&format!("limits.{key}")) && !line.contains("kept"), "{line}");
    }
    // Whoever is in stays; nobody else from there is let in.
    wait_for("the second to be gone", || {
        let mut stream = TcpStream::connect(site).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let _ = stream.write_all(b"GET /page/1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
        (!matches!(stream.read(&mut [0; 1]), Ok(1))).then_some(())
    });
    kept.send("GET /page/1 HTTP/1.1\r\n");
    assert_eq!(kept.answer("GET").status(), 408);
}

#[test]
fn under_load_nobody_notices() {
    let load = Load::new();
    let settings = |log: &str| {
        format!("flush_interval = '50ms'\ntrusted_proxies = ['127.0.0.1']\nlog = '{log}'\n")
    };
    let program = Program::start(&load, &settings("info"));
    let crowd = Crowd::enter(program.headcount.site(), 0);
    for log in ["warn,headcount::proxy=info", "info", "warn,headcount::proxy=info"] {
        crowd.more(300);
        assert!(program.reload(&settings(log)).contains("changed: log"));
    }
    crowd.more(300);
    super::crowd::compare(crowd, &program.headcount);
}
