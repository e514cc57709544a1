//! The log that nodes share: what it promises is what `tests/shared.rs` counts on.

use super::common::redis::RedisServer;
use super::*;
use headcount::model::{Arrived, Chunk, Done, Entry, Hit, Item, What};
use headcount::store::{Applied, Save, SharedLog};
use std::collections::BTreeMap;

const HOUR: i64 = 3_600_000;

fn entry(name: &str, number: u64, hits: usize) -> Entry {
    let hit = |i: usize| {
        let what = What::BotBeacon { name: "b".into(), class: "c".into(), proof: None };
        let at = i as i64;
        Arrived {
            at,
            hit: Hit {
                at,
                site: Default::default(),
                lane: 0,
                visitor: None,
                before_midnight: None,
                what,
            },
        }
    };
    let hits: Vec<Arrived> = (0..hits).map(hit).collect();
    Entry::new("node".into(), name.into(), number, 9, &hits)
}

fn chunk(number: u64) -> Chunk {
    Chunk { number, until: 7, upto: BTreeMap::from([("node.a".into(), number)]) }
}

async fn items(log: &dyn SharedLog) -> Vec<Item> {
    let items = log.items(SITE, None, 100).await.unwrap();
    items.into_iter().map(|(_, item)| item.unwrap()).collect()
}

/// Seconds until a site's key is forgotten.
fn keeps(redis: &RedisServer, kind: &str) -> i64 {
    let keys: Vec<String> = redis.command(&["KEYS", &format!("visits:{kind}:*:{{{SITE}}}")]);
    assert_eq!(keys.len(), 1, "{keys:?}");
    redis.command(&["TTL", &keys[0]])
}

#[tokio::test]
async fn an_entry_is_written_once_and_none_is_left_out() {
    let redis = RedisServer::start();
    let store = open(&redis.url(), redis.dir.path());
    let log = store.shared_log().unwrap();
    let append =
        async |name: &str, number| log.append(SITE, &entry(name, number, 3)).await.unwrap().applied;
    assert_eq!(append("node.a", 2).await, Applied::Gap { have: 0 });
    assert_eq!(append("node.a", 1).await, Applied::Now);
    assert_eq!(append("node.a", 1).await, Applied::Before);
    assert_eq!(append("node.a", 2).await, Applied::Now);
    assert_eq!(append("node.b", 1).await, Applied::Now);
    assert_eq!(append("node.a", 4).await, Applied::Gap { have: 2 });
    let rest = log.rest(SITE, &"node".into(), "node.a").await.unwrap();
    assert_eq!((rest.applied, rest.status.have), (Applied::Now, 2));
    assert_eq!(log.status(SITE, "node.b").await.unwrap().have, 1);
    let written = items(log).await;
    let expected = [
        Item::Entry(entry("node.a", 1, 3)),
        Item::Entry(entry("node.a", 2, 3)),
        Item::Entry(entry("node.b", 1, 3)),
        Item::Rest { node: "node".into() },
    ];
    assert_eq!(written, expected);
    let Item::Entry(first) = &written[0] else { panic!() };
    assert_eq!(first.hits().unwrap().len(), 3);
    // Other sites know nothing of it.
    assert!(log.items("other", None, 100).await.unwrap().is_empty());
    // Page by page.
    let (place, _) = log.items(SITE, None, 2).await.unwrap().pop().unwrap();
    assert_eq!(log.items(SITE, Some(place), 100).await.unwrap().len(), 2);
    // Visitors are forgotten an hour after their day.
    let keeps = keeps(&redis, "hits");
    assert!((24 * 3_600..=25 * 3_600).contains(&keeps), "{keeps}");
}

#[tokio::test]
async fn one_chunk_is_agreed_on_whoever_proposes() {
    let redis = RedisServer::start();
    let store = open(&redis.url(), redis.dir.path());
    let log = store.shared_log().unwrap();
    assert!(!log.agree(SITE, &chunk(2)).await.unwrap());
    assert!(log.agree(SITE, &chunk(1)).await.unwrap());
    let late = Chunk { until: 99, ..chunk(1) };
    assert!(!log.agree(SITE, &late).await.unwrap());
    assert!(log.agree(SITE, &chunk(2)).await.unwrap());
    assert_eq!(items(log).await, [Item::Chunk(chunk(1)), Item::Chunk(chunk(2))]);
}

#[tokio::test]
async fn one_leads_until_its_lease_ends() {
    let redis = RedisServer::start();
    let store = open(&redis.url(), redis.dir.path());
    let log = store.shared_log().unwrap();
    let done = Done { until: 5, upto: BTreeMap::from([("node.a".into(), 3)]) };
    let lead =
        async |who: &str, long, done: Option<&Done>| log.lead(SITE, who, long, done).await.unwrap();
    let first = lead("a", HOUR, Some(&done)).await;
    assert_eq!((first.granted, first.kept), (true, false));
    assert!(!lead("b", HOUR, None).await.granted);
    let again = lead("a", HOUR, None).await;
    assert_eq!((again.granted, again.kept), (true, true));
    let status = log.status(SITE, "node.a").await.unwrap();
    assert_eq!(status.lease.as_ref().unwrap().who, "a");
    assert_eq!(status.done, done);
    assert!(status.done.has("node.a", 3, 4) && !status.done.has("node.a", 4, 4));
    assert!(!status.done.has("node.a", 3, 5) && !status.done.has("node.b", 1, 4));
    // It lets go.
    assert!(lead("a", 0, None).await.granted);
    log.agree(SITE, &chunk(1)).await.unwrap();
    let other = lead("b", HOUR, None).await;
    assert_eq!((other.granted, other.kept, other.chunk), (true, false, 1));
    assert!(!lead("a", HOUR, None).await.granted);
}

#[tokio::test]
async fn a_state_is_never_replaced_by_an_older_one() {
    let redis = RedisServer::start();
    let store = open(&redis.url(), redis.dir.path());
    let log = store.shared_log().unwrap();
    let save = async |chunk, state: &[u8], how| log.save(SITE, chunk, state, how).await.unwrap();
    assert_eq!(log.state(SITE).await.unwrap(), None);
    assert!(save(0, b"first", Save::First).await);
    assert!(!save(0, b"another", Save::First).await);
    // In more than one piece.
    let large: Vec<u8> = (0..3 << 20).map(|i: u32| (i % 251) as u8).collect();
    log.append(SITE, &entry("node.a", 1, 1)).await.unwrap();
    log.append(SITE, &entry("node.a", 2, 1)).await.unwrap();
    let (second, _) = log.items(SITE, None, 2).await.unwrap()[1];
    assert!(save(7, &large, Save::Next(Some(second))).await);
    assert_eq!(log.state(SITE).await.unwrap().unwrap(), large);
    assert_eq!(items(log).await, [Item::Entry(entry("node.a", 2, 1))]);
    assert!(!save(6, b"older", Save::Next(None)).await);
    assert!(save(8, b"newer", Save::Next(None)).await);
    assert_eq!(log.state(SITE).await.unwrap().unwrap(), b"newer");
    // A store that has lost all else goes on from here.
    assert!(save(4, b"anew", Save::Anew).await);
    assert_eq!(log.state(SITE).await.unwrap().unwrap(), b"anew");
    assert_eq!(log.lead(SITE, "a", HOUR, None).await.unwrap().chunk, 4);
    let keeps = keeps(&redis, "sessions");
    assert!((24 * 3_600..=25 * 3_600).contains(&keeps), "{keeps}");
    let staged: Vec<String> = redis.command(&["KEYS", "staging:*"]);
    assert!(staged.is_empty(), "{staged:?}");
}

#[tokio::test]
async fn names_are_forgotten() {
    let redis = RedisServer::start();
    let store = open(&redis.url(), redis.dir.path());
    let log = store.shared_log().unwrap();
    for name in ["node.a", "node.b"] {
        log.append(SITE, &entry(name, 1, 1)).await.unwrap();
    }
    log.forget(SITE, &["node.a".into(), "node.x".into()]).await.unwrap();
    assert_eq!(log.status(SITE, "node.a").await.unwrap().have, 0);
    assert_eq!(log.status(SITE, "node.b").await.unwrap().have, 1);
}

#[tokio::test]
async fn a_file_keeps_no_such_log() {
    let dir = tempfile::tempdir().unwrap();
    assert!(open("sqlite:test.db", dir.path()).shared_log().is_none());
}
