//! What only Redis can do: bill commands, hold keys of the wrong type, be down, full or slow.

use super::common::redis::RedisServer;
use super::*;
use ::redis::Value;
use headcount::store::{Applied, Rewrite, Secret, StoreError};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::{Duration, Instant};

const TAG: &str = "{example.com:2026-11-24}";

/// Longer than any time the store may wait for a server, connecting included.
const PATIENCE: Duration = Duration::from_secs(9);

fn redis() -> (RedisServer, Arc<dyn Upkeep>) {
    let server = RedisServer::start();
    let store = open(&server.url(), server.dir.path());
    (server, store)
}

#[tokio::test]
async fn a_full_batch_is_billed_at_most_ten_commands() {
    let (server, store) = redis();
    // The script's first run loads it.
    store.apply(&full("n", 1)).await.unwrap();
    for (batch, at_most) in
        [(full("n", 2), 10), (pageview("n", 3), 10), (batch("n", 4), 3), (batch("n", 4), 2)]
    {
        server.reset_calls();
        let before = store.commands().load(Ordering::Relaxed);
        store.apply(&batch).await.unwrap();
        let calls = server.calls();
        assert!(calls <= at_most, "{calls} commands");
        assert_eq!(store.commands().load(Ordering::Relaxed) - before, calls);
    }
}

#[tokio::test]
async fn reads_secrets_and_trims_are_counted_as_billed() {
    let (server, store) = redis();
    store.apply(&full("n", 1)).await.unwrap();
    server.reset_calls();
    let before = store.commands().load(Ordering::Relaxed);
    store.ping().await.unwrap();
    store.versions(SITE, &[today(), day("2026-11-25")]).await.unwrap();
    store.days(SITE, &[today(), day("2026-11-25")]).await.unwrap();
    store.uniques(SITE, today()).await.unwrap();
    store.rows(SITE, today(), RowsOf::People).await.unwrap();
    for _ in 0..2 {
        store.put_secret(&Secret::ViewKeys, None, b"k", 4_000_000_000_000).await.unwrap();
    }
    store.secret(&Secret::ViewKeys).await.unwrap();
    store.trim(SITE, 10, 0).await.unwrap();
    assert_eq!(store.commands().load(Ordering::Relaxed) - before, server.calls());
}

#[tokio::test]
async fn the_keys_are_those_of_the_design() {
    let (server, store) = redis();
    store.apply(&batch("n", 1)).await.unwrap();
    assert_eq!(server.keys(), [format!("visits:daily:{TAG}")]);

    store.apply(&pageview("n", 2)).await.unwrap();
    let expires = 4_000_000_000_123;
    let salt = Secret::Salt { site: SITE.into(), day: today() };
    store.put_secret(&salt, None, b"salt", expires).await.unwrap();
    store.put_secret(&Secret::ViewKeys, None, b"keys", expires).await.unwrap();
    store.trim(SITE, 100, 0).await.unwrap();
    let salt_key = format!("visits:salt:{TAG}");
    assert_eq!(
        server.keys(),
        [
            format!("unique:confirmed:{TAG}"),
            format!("unique:visits:{TAG}"),
            format!("visits:daily:{TAG}"),
            format!("visits:events:{TAG}"),
            "visits:key".to_owned(),
            format!("visits:others:{TAG}"),
            salt_key.clone(),
        ]
    );
    for key in [salt_key.as_str(), "visits:key"] {
        assert_eq!(server.command::<i64>(&["PEXPIRETIME", key]), expires);
    }
}

#[tokio::test]
async fn a_key_of_another_type_is_named_and_nothing_is_applied() {
    let (server, store) = redis();
    store.apply(&pageview("n", 1)).await.unwrap();
    for (key, intruder) in [
        ("visits:daily", ["SET", "text"]),
        ("visits:daily", ["SADD", "member"]),
        // The seed kept visitors in a plain set.
        ("unique:visits", ["SADD", "member"]),
        // A string, as sketches are, and still none.
        ("unique:visits", ["SET", "text"]),
        ("unique:confirmed", ["SADD", "member"]),
        ("visits:events", ["SADD", "member"]),
        ("visits:others", ["SADD", "member"]),
    ] {
        let key = format!("{key}:{TAG}");
        server.command::<Value>(&["COPY", &key, "aside", "REPLACE"]);
        server.command::<Value>(&["DEL", &key]);
        server.command::<Value>(&[intruder[0], &key, intruder[1]]);
        let before = server.snapshot();
        match store.apply(&pageview("n", 2)).await {
            Err(StoreError::WrongType { key: named }) => assert_eq!(named, key),
            other => panic!("{key}: {other:?}"),
        }
        assert_eq!(server.snapshot(), before);
        server.command::<Value>(&["RENAME", "aside", &key]);
    }
    assert_eq!(store.apply(&pageview("n", 2)).await.unwrap(), Applied::Now);
    assert_eq!(stored(store.as_ref()).await, 2);
}

#[tokio::test]
async fn reading_a_key_of_another_type_names_it() {
    let (server, store) = redis();
    let key = format!("visits:daily:{TAG}");
    server.command::<Value>(&["SET", &key, "text"]);
    for error in [
        store.versions(SITE, &[day("2026-11-23"), today()]).await.unwrap_err(),
        store.days(SITE, &[day("2026-11-23"), today()]).await.unwrap_err(),
    ] {
        assert!(matches!(&error, StoreError::WrongType { key: named } if *named == key), "{error}");
    }
}

#[tokio::test]
async fn what_is_no_count_is_not_read_as_one() {
    let (server, store) = redis();
    store.apply(&pageview("n", 1)).await.unwrap();
    for foreign in ["nonsense", "page\u{1f}/\u{1f}nonsense", "nonsense\u{1f}/\u{1f}server"] {
        server.command::<Value>(&["HSET", &format!("visits:daily:{TAG}"), foreign, "1"]);
    }
    let days = store.days(SITE, &[today()]).await.unwrap();
    let counts: Vec<_> = days[0].fields().collect();
    assert_eq!(counts, [(field(Dimension::Page, "/", Metric::Server), 1)]);
}

#[tokio::test]
async fn a_field_that_holds_no_number_is_refused_whole() {
    let (server, store) = redis();
    let name = field(Dimension::Page, "/", Metric::Server).to_string();
    server.command::<Value>(&["HSET", &format!("visits:daily:{TAG}"), &name, "many"]);
    let before = server.snapshot();
    let error = store.apply(&pageview("n", 1)).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused { .. }), "{error}");
    assert_eq!(server.snapshot(), before);
}

#[tokio::test]
async fn a_batch_over_the_limit_is_refused_before_it_is_sent() {
    let (server, store) = redis();
    let one_more = (field(Dimension::Total, "", Metric::Server), 1);
    for large in [
        Batch { fields: [full("n", 1).fields, vec![one_more]].concat(), ..full("n", 1) },
        Batch { visitors: visitors(1_001), ..full("n", 1) },
        Batch { confirmed: visitors(1_001), ..full("n", 1) },
    ] {
        assert!(matches!(store.apply(&large).await, Err(StoreError::Refused { .. })));
    }
    assert!(server.keys().is_empty());
}

#[tokio::test]
async fn a_forgotten_script_is_sent_again() {
    let (server, store) = redis();
    for number in 1..4 {
        server.command::<Value>(&["SCRIPT", "FLUSH"]);
        assert_eq!(store.apply(&pageview("n", number)).await.unwrap(), Applied::Now);
    }
    assert_eq!(stored(store.as_ref()).await, 3);
}

#[tokio::test]
async fn a_full_or_read_only_server_is_worth_a_retry() {
    let (server, store) = redis();
    store.apply(&pageview("n", 1)).await.unwrap();
    let before = server.snapshot();
    for (number, refuse, relent) in [
        (2, &["CONFIG", "SET", "maxmemory", "1"][..], &["CONFIG", "SET", "maxmemory", "0"][..]),
        (3, &["REPLICAOF", "127.0.0.1", "1"], &["REPLICAOF", "NO", "ONE"]),
    ] {
        server.command::<Value>(refuse);
        let error = store.apply(&pageview("n", number)).await.unwrap_err();
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
        server.command::<Value>(relent);
        if number == 2 {
            assert_eq!(server.snapshot(), before);
        }
        assert_eq!(store.apply(&pageview("n", number)).await.unwrap(), Applied::Now);
    }
    assert_eq!(stored(store.as_ref()).await, 3);
}

#[tokio::test]
async fn a_server_with_too_many_clients_is_worth_a_retry() {
    let (server, store) = redis();
    store.ping().await.unwrap();
    server.command::<Value>(&["CONFIG", "SET", "maxclients", "1"]);
    let crowded = open(&server.url(), server.dir.path());
    let error = crowded.ping().await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    store.ping().await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_down_is_unreachable_until_it_is_up() {
    let mut server = RedisServer::start_durable();
    server.stop();
    let store = open(&server.url(), server.dir.path());
    for _ in 0..2 {
        let started = Instant::now();
        let error = store.apply(&pageview("n", 1)).await.unwrap_err();
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
        assert!(error.to_string().starts_with(&format!("{} is unreachable", server.url())));
        assert!(started.elapsed() < PATIENCE);
    }
    server.restart();
    assert_eq!(store.apply(&pageview("n", 1)).await.unwrap(), Applied::Now);
    // A restart between two calls goes unnoticed.
    server.restart();
    assert_eq!(store.apply(&pageview("n", 1)).await.unwrap(), Applied::Before);
    server.kill();
    assert!(matches!(store.ping().await, Err(StoreError::Unreachable { .. })));
    server.restart();
    assert_eq!(stored(store.as_ref()).await, 1);
}

#[tokio::test]
async fn a_password_is_used_and_never_shown() {
    let server = RedisServer::start_with(&["--requirepass", "open sesame"]);
    let place = format!("127.0.0.1:{}", server.port);
    let store = open(&format!("redis://:open%20sesame@{place}/1"), server.dir.path());
    assert_eq!(store.apply(&pageview("n", 1)).await.unwrap(), Applied::Now);
    assert_eq!(store.name(), format!("redis://{place}/1"));

    // A wrong one is tried again at every call: it may be the server's that is corrected.
    let store = open(&format!("redis://:wrong@{place}"), server.dir.path());
    for _ in 0..2 {
        let error = store.apply(&pageview("n", 2)).await.unwrap_err();
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
        assert!(!error.to_string().contains(":wrong@"), "{error}");
    }
}

#[tokio::test]
async fn a_late_answer_is_not_counted_twice() {
    let (server, store) = redis();
    store.apply(&pageview("n", 1)).await.unwrap();
    server.freeze();
    let started = Instant::now();
    let error = store.apply(&pageview("n", 2)).await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    assert!(started.elapsed() < PATIENCE);
    server.thaw();
    // The server works off what it had received; what comes next comes after.
    let retried = store.apply(&pageview("n", 2)).await.unwrap();
    assert!(matches!(retried, Applied::Now | Applied::Before));
    assert_eq!(stored(store.as_ref()).await, 2);
}

#[tokio::test]
async fn a_year_is_read_with_one_command_a_day() {
    let (server, store) = redis();
    store.apply(&pageview("n", 1)).await.unwrap();
    let year: Vec<Day> = today().iter_days().take(365).collect();

    let monitor = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    (&monitor).write_all(b"MONITOR\r\n").unwrap();
    let mut log = BufReader::new(monitor).lines().map(|line| line.unwrap());
    assert_eq!(log.next().unwrap(), "+OK");

    assert_eq!(store.versions(SITE, &year).await.unwrap().iter().sum::<u64>(), 1);
    assert_eq!(store.days(SITE, &year).await.unwrap().len(), 365);
    server.command::<Value>(&["ECHO", "that was all"]);

    let seen: Vec<String> = log.take_while(|line| !line.contains("that was all")).collect();
    let times = |name: &str| seen.iter().filter(|line| line.contains(name)).count();
    assert_eq!((times("\"HGET\""), times("\"HGETALL\"")), (365, 365));
}

#[tokio::test]
async fn no_pipeline_is_longer_than_500_commands() {
    let server = RedisServer::start();
    let (port, bursts) = relay(server.port);
    let store = open(&format!("redis://127.0.0.1:{port}"), server.dir.path());
    let days: Vec<Day> = today().iter_days().take(1_200).collect();
    store.versions(SITE, &days).await.unwrap();
    store.days(SITE, &days).await.unwrap();
    let bursts: Vec<usize> = bursts.try_iter().collect();
    assert_eq!(bursts.iter().sum::<usize>(), 2_400);
    assert!(*bursts.iter().max().unwrap() <= 500, "{bursts:?}");
}

/// Stands between client and server and tells how many commands the client sends in one go: the
/// server hears nothing before the client has been quiet for a moment.
fn relay(server: u16) -> (u16, mpsc::Receiver<usize>) {
    const QUIET: Duration = Duration::from_millis(50);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, bursts) = mpsc::channel();
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        client.set_read_timeout(Some(QUIET)).unwrap();
        let mut server = TcpStream::connect(("127.0.0.1", server)).unwrap();
        let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut from, &mut to));
        let (mut burst, mut buffer) = (Vec::new(), [0; 4_096]);
        loop {
            match client.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => burst.extend_from_slice(&buffer[..n]),
                Err(_) if burst.is_empty() => {}
                Err(_) => {
                    // Every command is an array, and none of its parts begins with a star.
                    let commands = burst.split(|b| *b == b'\n').filter(|l| l.starts_with(b"*"));
                    tell.send(commands.count()).unwrap();
                    server.write_all(&burst).unwrap();
                    burst.clear();
                }
            }
        }
    });
    (port, bursts)
}

#[tokio::test]
async fn a_sketch_built_again_is_the_same_to_the_last_register() {
    let (server, store) = redis();
    // Enough for a dense sketch; in two batches, overlapping.
    let all = visitors(20_000);
    for (number, chunk) in (1..).zip(all.chunks(900)) {
        let batch = Batch { visitors: chunk.to_vec(), ..batch("n", number) };
        store.apply(&batch).await.unwrap();
    }
    let key = format!("unique:visits:{TAG}");
    let registers = |copy: &str| -> Vec<u8> {
        // Merged: the same registers are the same bytes, whatever order they came in.
        server.command::<Value>(&["PFMERGE", copy, &key]);
        server.command(&["GET", copy])
    };
    let before = registers("before");
    let rebuilt = headcount::store::Rebuilt {
        run: "run".into(),
        visitors: all.into_iter().rev().collect(),
        ..headcount::store::Rebuilt::default()
    };
    let version = store.versions(SITE, &[today()]).await.unwrap()[0];
    let (staged, _) = store.stage(SITE, today(), &rebuilt).await.unwrap();
    assert_eq!(staged, store.uniques(SITE, today()).await.unwrap().0);
    assert!(store.swap(SITE, today(), &rebuilt, version).await.unwrap());
    assert_eq!(registers("after"), before);
    assert_eq!(server.command::<i64>(&["TTL", &key]), -1);
    assert!(!server.keys().iter().any(|key| key.starts_with("staging:")));
}

#[tokio::test]
async fn upkeep_is_counted_as_billed_and_leaves_nothing_behind() {
    let (server, store) = redis();
    store.apply(&full("n", 1)).await.unwrap();
    let rebuilt = headcount::store::Rebuilt {
        run: "run".into(),
        fields: full("n", 1).fields,
        visitors: visitors(10),
        confirmed: Vec::new(),
        keeps_visitors: false,
    };
    let month = "2026-11".parse().unwrap();
    // Each script's first run loads it.
    for billed in [false, true] {
        server.reset_calls();
        let before = store.commands().load(Ordering::Relaxed);
        store.kept(SITE).await.unwrap();
        store.rows(SITE, today(), RowsOf::Others).await.unwrap();
        let old = store.rows(SITE, today(), RowsOf::People).await.unwrap().blocks;
        for from in [0, 1] {
            let same = Rewrite { from, old: old.clone(), new: old.clone() };
            let replaced = store.replace_rows(SITE, today(), RowsOf::People, &same);
            assert_eq!(replaced.await.unwrap(), from == 0);
        }
        store.forget_rows(SITE, today()).await.unwrap();
        let version = store.versions(SITE, &[today()]).await.unwrap()[0];
        store.stage(SITE, today(), &rebuilt).await.unwrap();
        store.swap(SITE, today(), &rebuilt, version).await.unwrap();
        store.swap(SITE, today(), &rebuilt, version).await.unwrap();
        let page = |i| field(Dimension::Page, &format!("/page/{i}"), Metric::Server);
        store.fold(SITE, today(), &[(page(1), page(2))]).await.unwrap();
        store.fold(SITE, today(), &[(page(1), page(2))]).await.unwrap();
        store.put_month(SITE, month, &rebuilt.fields, false).await.unwrap();
        store.frozen(SITE, &[month]).await.unwrap();
        store.months(SITE, &[month]).await.unwrap();
        store.forget(SITE, day("2026-11-23")).await.unwrap();
        if billed {
            assert_eq!(store.commands().load(Ordering::Relaxed) - before, server.calls());
        }
    }
    assert_eq!(store.uniques(SITE, today()).await.unwrap(), (10, 0));
    assert!(!server.keys().iter().any(|key| key.starts_with("staging:")));
}
