//! Redis as it is in life, on a real server: every kind of trouble is told by its name, with what
//! to do about it, is worth a retry or not, and costs no count.

use super::common::redis::RedisServer;
use super::common::tls::Pair;
use super::*;
use ::redis::Value;
use headcount::store::{Applied, Rewrite, StoreError, Trouble};
use std::net::TcpListener;
use std::time::{Duration, Instant};

fn redis_with(settings: &[&str]) -> (RedisServer, Arc<dyn Upkeep>) {
    let server = RedisServer::start_with(settings);
    let store = open(&server.url(), server.dir.path());
    (server, store)
}

/// Applies a batch, which must fail as `trouble`, and gives what is said of it.
async fn fails(store: &dyn Upkeep, number: u64, trouble: Trouble) -> StoreError {
    let before = store.troubles().count(trouble);
    let error = store.apply(&pageview("n", number)).await.unwrap_err();
    assert_eq!(store.troubles().count(trouble), before + 1, "{error}");
    let line = error.to_string();
    let advice = trouble.advice().trim_start_matches("; ");
    assert!(line.contains(advice) && !line.contains('\n'), "{line}");
    let passing = matches!(error, StoreError::Unreachable { .. });
    assert_eq!(passing, trouble.is_passing(), "{line}");
    error
}

#[tokio::test]
async fn what_a_server_refuses_is_told_by_kind_and_passes() {
    let (server, store) = redis_with(&["--appendonly", "no"]);
    let store = store.as_ref();
    let mut number = 1;
    assert_eq!(store.apply(&pageview("n", number)).await.unwrap(), Applied::Now);
    for (trouble, refuse, relent) in [
        (Trouble::OutOfMemory, "CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"),
        (Trouble::ReadOnly, "REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"),
        (
            Trouble::Replication,
            "CONFIG SET min-replicas-to-write 1",
            "CONFIG SET min-replicas-to-write 0",
        ),
    ] {
        number += 1;
        server.command::<Value>(&refuse.split(' ').collect::<Vec<_>>());
        fails(store, number, trouble).await;
        server.command::<Value>(&relent.split(' ').collect::<Vec<_>>());
        assert_eq!(store.apply(&pageview("n", number)).await.unwrap(), Applied::Now);
    }
    server.command::<Value>(&["SCRIPT", "FLUSH"]);
    assert_eq!(store.apply(&pageview("n", number + 1)).await.unwrap(), Applied::Now);
    assert_eq!(store.troubles().count(Trouble::NoScript), 2, "once for each time it was new");
    assert_eq!(stored(store).await, number as i64 + 1);
}

#[tokio::test]
async fn a_disk_that_is_full_is_told_by_kind() {
    let (server, store) = redis_with(&["--appendonly", "no"]);
    store.apply(&pageview("n", 1)).await.unwrap();
    // A snapshot cannot take the place of a folder.
    std::fs::create_dir_all(server.dir.path().join("dump.rdb/full")).unwrap();
    server.command::<Value>(&["CONFIG", "SET", "save", "3600 1"]);
    server.command::<Value>(&["BGSAVE"]);
    let failed = || {
        let info: String = server.command(&["INFO", "persistence"]);
        info.contains("rdb_last_bgsave_status:err").then_some(())
    };
    super::common::wait_for("a snapshot that fails", failed);
    fails(store.as_ref(), 2, Trouble::Misconfigured).await;
    server.command::<Value>(&["CONFIG", "SET", "save", ""]);
    assert_eq!(store.apply(&pageview("n", 2)).await.unwrap(), Applied::Now);
}

#[tokio::test]
async fn a_server_that_loads_or_is_kept_busy_is_told_by_kind() {
    let (server, store) = redis_with(&["--enable-debug-command", "yes", "--save", "3600 1"]);
    let store = store.as_ref();
    let mut set = vec!["MSET".to_owned()];
    set.extend((0..4_000).flat_map(|i| [format!("k{i}"), "x".repeat(100)]));
    server.command::<Value>(&set.iter().map(String::as_str).collect::<Vec<_>>());
    store.apply(&pageview("n", 1)).await.unwrap();
    server.command::<Value>(&["CONFIG", "SET", "lua-time-limit", "10"]);
    server.command::<Value>(&["CONFIG", "SET", "key-load-delay", "500"]);
    server.command::<Value>(&["CONFIG", "SET", "loading-process-events-interval-bytes", "1024"]);
    for (trouble, command) in [
        (Trouble::Loading, &["DEBUG", "RELOAD"][..]),
        (Trouble::Busy, &["EVAL", "while true do end", "0"]),
    ] {
        let client = ::redis::Client::open(server.url()).unwrap();
        let command: Vec<String> = command.iter().map(|word| word.to_string()).collect();
        let work = std::thread::spawn(move || {
            let mut cmd = ::redis::cmd(&command[0]);
            cmd.arg(&command[1..]);
            let _ = cmd.query::<Value>(&mut client.get_connection().unwrap());
        });
        // Reads, so that the batch itself is left for later.
        let deadline = Instant::now() + Duration::from_secs(30);
        while store.troubles().count(trouble) == 0 {
            assert!(Instant::now() < deadline, "never {trouble:?}");
            let _ = store.versions(SITE, &[today()]).await;
        }
        if trouble == Trouble::Busy {
            server.command::<Value>(&["SCRIPT", "KILL"]);
        }
        tokio::task::spawn_blocking(|| work.join().unwrap()).await.unwrap();
    }
    assert_eq!(store.apply(&pageview("n", 2)).await.unwrap(), Applied::Now);
    assert_eq!(stored(store).await, 2);
}

#[tokio::test]
async fn a_server_out_of_reach_is_told_by_kind() {
    let (mut server, store) = redis_with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let store = store.as_ref();
    store.apply(&pageview("n", 1)).await.unwrap();
    // A stalled server, and a connection whose other end is gone, look the same.
    server.freeze();
    fails(store, 2, Trouble::Timeout).await;
    server.thaw();
    let again = store.apply(&pageview("n", 2)).await.unwrap();
    assert!(matches!(again, Applied::Now | Applied::Before));
    server.stop();
    fails(store, 3, Trouble::Connect).await;

    // Somebody who hangs up before he answers.
    let rude = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", rude.local_addr().unwrap());
    std::thread::spawn(move || rude.incoming().for_each(drop));
    fails(open(&url, server.dir.path()).as_ref(), 1, Trouble::Closed).await;

    server.restart();
    assert_eq!(store.apply(&pageview("n", 3)).await.unwrap(), Applied::Now);
    server.command::<Value>(&["CONFIG", "SET", "maxclients", "1"]);
    fails(open(&server.url(), server.dir.path()).as_ref(), 4, Trouble::Clients).await;
    server.restart();
    let key = format!("unique:visits:{{{SITE}:{}}}", today());
    server.command::<Value>(&["SET", &key, "text"]);
    let error = fails(store, 4, Trouble::WrongType).await;
    assert!(matches!(error, StoreError::WrongType { key: named } if named == key));
    assert_eq!(stored(store).await, 3);
}

/// What a user of headcount's own needs, and no more.
pub const USER: &[&str] = &[
    "ACL",
    "SETUSER",
    "counter",
    "on",
    ">open sesame",
    "~visits:*",
    "~unique:*",
    "~sessions:*",
    "~staging:*",
    "~legacy:*",
    "resetchannels",
    "-@all",
    "+@read",
    "+@write",
    "+@scripting",
    "+@connection",
    "-@dangerous",
];

#[tokio::test]
async fn encrypted_with_a_certificate_of_ones_own_and_a_user_of_few_rights() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let (own, stranger) = (Pair::new(), Pair::new());
    let server = RedisServer::start_with(&own.settings());
    let port = server.peers_port();
    server.command::<Value>(USER);
    let open = |user: &str, ca: Option<&Pair>| {
        let url: StoreUrl = format!("rediss://{user}@127.0.0.1:{port}").parse().unwrap();
        let url = url.trusting(ca.map(Pair::certificate));
        headcount::store::open(&url, server.dir.path()).unwrap()
    };
    let store = open("counter:open%20sesame", Some(&own));
    let store = store.as_ref();
    assert_eq!(store.name(), format!("rediss://counter@127.0.0.1:{port}"));
    // Everything the program ever does, as this user.
    assert_eq!(store.apply(&full("n", 1)).await.unwrap(), Applied::Now);
    store.ping().await.unwrap();
    store.days(SITE, &[today()]).await.unwrap();
    store.put_secret(&headcount::store::Secret::ViewKeys, None, b"k", 1 << 42).await.unwrap();
    let rebuilt = headcount::store::Rebuilt {
        run: "run".into(),
        fields: full("n", 1).fields,
        visitors: visitors(1_000),
        confirmed: visitors(1_000),
        keeps_visitors: false,
    };
    store.stage(SITE, today(), &rebuilt).await.unwrap();
    assert!(store.swap(SITE, today(), &rebuilt, 1).await.unwrap());
    let moves = [(
        field(Dimension::Page, "/page/1", Metric::Server),
        field(Dimension::Page, "(other)", Metric::Server),
    )];
    store.fold(SITE, today(), &moves).await.unwrap();
    store.put_month(SITE, "2026-11".parse().unwrap(), &rebuilt.fields, false).await.unwrap();
    let old = store.rows(SITE, today(), RowsOf::People).await.unwrap().blocks;
    let same = Rewrite { from: 0, old: old.clone(), new: old };
    assert!(store.replace_rows(SITE, today(), RowsOf::People, &same).await.unwrap());
    store.forget_rows(SITE, today()).await.unwrap();
    store.trim(SITE, 10, 0).await.unwrap();
    assert_eq!(store.kept(SITE).await.unwrap(), [today()]);
    assert!(store.old_keys().unwrap().misfits(SITE).await.unwrap().is_empty());
    assert_eq!(store.apply(&pageview("n", 2)).await.unwrap(), Applied::Now);
    store.forget(SITE, today()).await.unwrap();

    // A certificate nobody vouches for, a plain connection, a wrong password, a right that is not
    // there.
    for ca in [Some(&stranger), None] {
        fails(open("counter:open%20sesame", ca).as_ref(), 1, Trouble::Tls).await;
    }
    fails(open("counter:wrong", Some(&own)).as_ref(), 1, Trouble::Auth).await;
    server.command::<Value>(&["ACL", "SETUSER", "counter", "-evalsha", "-eval"]);
    fails(store, 3, Trouble::Auth).await;
    server.command::<Value>(USER);
    assert_eq!(store.apply(&pageview("n", 1)).await.unwrap(), Applied::Now);
}
