//! A primary that sentinels name: found, followed when another takes its place, never mistaken for
//! what it was.

use super::common::sentinel::{NAME, Watched};
use super::common::tls::Pair;
use super::common::wait_for;
use super::*;
use ::redis::Value;
use headcount::store::{Applied, StoreError, Trouble};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn a_fail_over_is_followed_and_counts_once() {
    let mut watched = Watched::start();
    let store = open(&watched.url(), watched.servers[0].dir.path());
    for number in 1..=20 {
        assert_eq!(store.apply(&pageview("n", number)).await.unwrap(), Applied::Now);
    }
    watched.servers[0].kill();
    let error = store.apply(&pageview("n", 21)).await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    watched.replaced();
    let deadline = Instant::now() + Duration::from_secs(30);
    // What the dead one had not passed on is missing, and said to be.
    let have = loop {
        assert!(Instant::now() < deadline, "never");
        match store.marker(SITE, today(), "n").await {
            Ok(have) => break have,
            Err(error) => assert!(matches!(error, StoreError::Unreachable { .. }), "{error}"),
        }
    };
    assert!(have <= 20);
    for number in have + 1..=30 {
        assert_eq!(store.apply(&pageview("n", number)).await.unwrap(), Applied::Now);
    }
    assert_eq!(stored(store.as_ref()).await, 30);

    // It comes back as a replica: whoever asks for the primary is not sent there.
    watched.servers[0].restart();
    let anew = open(&watched.url(), watched.servers[0].dir.path());
    assert_eq!(anew.apply(&pageview("n", 31)).await.unwrap(), Applied::Now);
    assert_eq!(watched.servers[1].command::<i64>(&["EXISTS", &key()]), 1);
    assert_eq!(stored(anew.as_ref()).await, 31);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_made_a_replica_is_left() {
    let watched = Watched::start();
    let store = open(&watched.url(), watched.servers[0].dir.path());
    assert_eq!(store.apply(&pageview("n", 1)).await.unwrap(), Applied::Now);
    let connections = store.connections();
    watched.sentinels[0].command::<()>(&["SENTINEL", "FAILOVER", NAME]);
    watched.replaced();
    // Until it is told, the old one takes batches that nobody will ever see.
    let _ = store.apply(&pageview("n", 2)).await;
    wait_for("the old one to be a replica", || watched.servers[0].is("slave").then_some(()));
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut number = 3;
    loop {
        match store.apply(&pageview("n", number)).await {
            Ok(Applied::Now | Applied::Before) if number == 3 => break,
            Ok(Applied::Now | Applied::Before) => number += 1,
            Ok(Applied::Gap { have }) => number = have + 1,
            Err(StoreError::Unreachable { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        assert!(Instant::now() < deadline, "never");
    }
    assert!(store.connections() > connections, "who asks for markers must hear of it");
    let there: i64 = watched.servers[1].command(&["HGET", &key(), "page\u{1f}/\u{1f}server"]);
    assert_eq!((there, stored(store.as_ref()).await), (3, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_may_be_away_but_must_know_the_name() {
    let mut watched = Watched::start();
    let dir = tempfile::tempdir().unwrap();
    for away in 0..2 {
        watched.sentinels[away].kill();
    }
    let store = open(&watched.url(), dir.path());
    store.ping().await.unwrap();
    let stranger = open(&watched.url().replace(NAME, "unknown"), dir.path());
    let error = stranger.ping().await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("no primary of this name"), "{error}");
    assert_eq!(stranger.troubles().count(Trouble::Connect), 1);
}

fn key() -> String {
    format!("visits:daily:{{{SITE}:{}}}", today())
}

#[tokio::test(flavor = "multi_thread")]
async fn encrypted_sentinels_have_users_and_passwords_of_their_own() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let pair = Pair::new();
    let watched = Watched::start_locked(&pair);
    let rights = ["on", ">sesame", "-@all", "+auth", "+hello", "+sentinel|get-master-addr-by-name"];
    for sentinel in &watched.sentinels {
        sentinel.command::<Value>(&[&["ACL", "SETUSER", "counter"], &rights[..]].concat());
    }
    let open = |url: &str| {
        let url: StoreUrl = url.parse().unwrap();
        let url = url.trusting(Some(pair.certificate()));
        headcount::store::open(&url, watched.servers[0].dir.path()).unwrap()
    };
    let url = watched.url();
    assert_eq!(open(&url).apply(&pageview("n", 1)).await.unwrap(), Applied::Now);
    let (without, _) = url.split_once('?').unwrap();
    let by_name = format!("{without}?sentinel_username=counter&sentinel_password=sesame");
    assert_eq!(open(&by_name).apply(&pageview("n", 2)).await.unwrap(), Applied::Now);
    for url in [without.to_owned(), by_name.replace("sesame", "wrong")] {
        let store = open(&url);
        let error = store.apply(&pageview("n", 3)).await.unwrap_err().to_string();
        assert!(error.contains("sentinel_password"), "{error}");
        assert_eq!(store.troubles().count(Trouble::Auth), 1, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_of_few_rights_is_enough() {
    let watched = Watched::start();
    for server in &watched.servers {
        server.command::<Value>(troubles::USER);
    }
    let url = watched.url().replace("://", "://counter:open%20sesame@");
    let store = open(&url, watched.servers[0].dir.path());
    assert_eq!(store.apply(&full("n", 1)).await.unwrap(), Applied::Now);
    store.trim(SITE, 10, 0).await.unwrap();
    assert_eq!(store.kept(SITE).await.unwrap(), [today()]);
}
