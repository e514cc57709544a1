//! Ports, authorities and stores that cannot be used, or not for now.

use crate::common::ports::free_address;
use crate::common::process::{Proxy, command, refused, wait_for};
use crate::common::redis::RedisServer;
use crate::common::wire::{Origin, visit};
use headcount::aggregate::{Engine, Limits};
use headcount::clock::{Clock, HOUR};
use headcount::flush::{DurableOutbox, FlushSettings, Flusher};
use headcount::model::rollup::{Dimension, Metric};
use headcount::model::site::Site;
use headcount::model::{Hit, What};
use headcount::store;
use headcount::telemetry::Telemetry;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// What is said when it does not come up: exactly one line.
fn one_line(dir: &TempDir, flags: &[&str]) -> String {
    let (site, admin) = (free_address(), free_address());
    let (code, lines) = refused(command(dir, "http://127.0.0.1:9", site, admin, flags));
    assert_eq!(code, Some(1), "{lines:?}");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("headcount: "), "{lines:?}");
    lines[0].clone()
}

#[test]
fn a_port_in_use_is_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap();
    for (site, admin, key) in [(taken, free_address(), "listen"), (free_address(), taken, "admin")]
    {
        let (code, lines) = refused(command(&dir, "http://127.0.0.1:9", site, admin, &[]));
        assert_eq!((code, lines.len()), (Some(1), 1), "{lines:?}");
        let named = format!("{key} {taken}");
        assert!(lines[0].contains(&named) && lines[0].contains("in use"), "{lines:?}");
    }
}

/// As on a system without `ca-certificates`.
#[test]
fn authorities_that_cannot_be_read_are_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let (site, admin) = (free_address(), free_address());
    let mut command = command(&dir, "http://127.0.0.1:9", site, admin, &[]);
    command.env("SSL_CERT_FILE", dir.path().join("none.pem"));
    let (code, lines) = refused(command);
    assert_eq!((code, lines.len()), (Some(1), 1), "{lines:?}");
    assert!(lines[0].contains("install ca-certificates"), "{lines:?}");
}

#[test]
fn a_file_that_is_no_database_of_ours_is_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    std::fs::write(path("text.db"), "Dear diary, ".repeat(1_000)).unwrap();
    std::fs::create_dir(path("folder.db")).unwrap();
    let other = rusqlite::Connection::open(path("other.db")).unwrap();
    other.execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1);").unwrap();
    for (file, said) in [
        ("text.db", "not a database"),
        ("folder.db", "unable to open"),
        ("missing/counts.db", "unable to open"),
        ("/proc/counts.db", "unable to open"),
        ("other.db", "another program"),
    ] {
        let line = one_line(&dir, &["--store", &format!("sqlite:{file}")]);
        assert!(line.contains(file) && line.contains(said), "{line}");
    }
    let kept: i64 = other.query_row("SELECT count(*) FROM theirs", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 1, "it is left alone");
    assert!(std::fs::read_to_string(path("text.db")).unwrap().starts_with("Dear diary"));
}

/// A key that another program, or another time, has put where counts belong.
#[test]
fn a_key_of_the_wrong_type_is_named_and_waited_for() {
    for (kind, put) in
        [("visits:daily", &["SET", "?", "text"]), ("unique:visits", &["SADD", "?", "x"])]
    {
        let redis = RedisServer::start();
        let origin = Origin::page(b"page");
        let proxy = Proxy::start(&origin.url(), &["--store", &redis.url()]);
        // The site's day may turn while the test runs: both are taken.
        let site = Site {
            name: "localhost".into(),
            hosts: Vec::new(),
            timezone: chrono_tz::UTC,
            ..Site::default()
        };
        let today = site.day(Clock::system().now());
        let keys =
            [today, today.succ_opt().unwrap()].map(|day| format!("{kind}:{{localhost:{day}}}"));
        for key in &keys {
            let words: Vec<&str> = put.iter().map(|w| if *w == "?" { key } else { *w }).collect();
            redis.command::<redis::Value>(&words);
        }
        for i in 0..20 {
            assert_eq!(visit(proxy.site, &format!("/{i}")).text(), "page");
        }
        let said = || {
            let lines = proxy.log().into_iter().filter(|l| keys.iter().any(|k| l.contains(k)));
            lines.collect::<Vec<_>>()
        };
        wait_for("the log names the key", || !said().is_empty());
        wait_for("it has been tried again", || {
            proxy.metric("headcount_flush_failures_total") >= 3.0
        });
        assert_eq!(said().len(), 1, "one line, not one a flush: {:?}", proxy.log());
        assert!(said()[0].contains("headcount migrate"), "the remedy: {:?}", said());
        assert_eq!(proxy.metric("headcount_unflushed_events"), 20.0);
        for i in 20..30 {
            assert_eq!(visit(proxy.site, &format!("/{i}")).text(), "page", "the site goes on");
        }

        for key in &keys {
            redis.command::<redis::Value>(&["DEL", key]);
        }
        wait_for("all is delivered", || proxy.metric("headcount_unflushed_events") == 0.0);
        assert_eq!(proxy.total("pageviews"), 30);
        assert_eq!(proxy.total("visitors"), 1);
        wait_for("the log says so", || {
            proxy.log().iter().any(|l| l.contains("has everything again"))
        });
    }
}

/// One day that is refused holds up no other.
#[tokio::test]
async fn other_days_are_delivered_meanwhile() {
    let redis = RedisServer::start();
    let now = chrono::DateTime::parse_from_rfc3339("2026-05-02T12:00:00Z").unwrap();
    let clock = Clock::fixed(now.timestamp_millis());
    let site = Site {
        name: "days.example".into(),
        hosts: Vec::new(),
        timezone: chrono_tz::UTC,
        ..Site::default()
    };
    let days = [24 * HOUR, 0].map(|ago| site.day(clock.now() - ago));
    let sites = Arc::new(vec![site]);
    let telemetry = Arc::new(Telemetry::default());
    let limits = Limits { visitors: 100, rows: 100 };
    let engine =
        Arc::new(Engine::start(sites.clone(), limits, 1, 1_000, telemetry.clone(), clock.clone()));
    let store = store::open(&redis.url().parse().unwrap(), std::path::Path::new(".")).unwrap();
    let settings =
        FlushSettings { interval: Duration::from_secs(10), last: Duration::from_secs(1) };
    let durable = DurableOutbox::in_memory("a".to_owned(), 1 << 20, 1_000);
    let mut flusher = Flusher::new(
        engine.clone(),
        store.clone(),
        sites,
        telemetry,
        clock.clone(),
        durable,
        settings,
    );
    let bad = format!("visits:daily:{{days.example:{}}}", days[0]);
    redis.command::<redis::Value>(&["SET", &bad, "text"]);
    for ago in [24 * HOUR, 0] {
        let what = What::Bot {
            name: "Googlebot".into(),
            class: "search".into(),
            page: "/".into(),
            status: 200,
            read: false,
            proof: None,
            allowed: None,
        };
        let at = clock.now() - ago;
        engine.push(&Hit {
            at,
            site: Default::default(),
            lane: 0,
            visitor: None,
            before_midnight: None,
            what,
        });
    }
    let counted = async |day| {
        let days = store.days("days.example", &[day]).await.unwrap();
        let bots: i64 =
            days[0].rows(Dimension::BotName).map(|(_, row)| row.get(Metric::Responses)).sum();
        bots
    };
    assert!(!flusher.flush().await, "one is left");
    assert_eq!(counted(days[1]).await, 1);
    redis.command::<redis::Value>(&["DEL", &bad]);
    assert!(flusher.flush().await);
    assert_eq!((counted(days[0]).await, counted(days[1]).await), (1, 1));
}
