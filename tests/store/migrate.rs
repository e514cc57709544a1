//! `migrate` on a real Redis prepared with keys of the wrong type and of the first layout.

use super::common::redis::RedisServer;
use super::*;
use ::redis::Value;
use headcount::model::site::Month;
use headcount::store::Applied;
use headcount::upkeep::migrate::{Done, run};
use headcount::upkeep::{Keep, Progress};

const TAG: &str = "{example.com:2026-11-24}";

async fn migrate(store: &dyn Upkeep, force: bool) -> Done {
    let keep = Keep { events: 100_000, rows: 10_000, rows_days: None, days: None };
    let today = day("2026-12-24");
    run(store, &site(), keep, today, force, &mut Progress::silent()).await.unwrap()
}

/// All but the sketches, whose bytes hold a cached estimate.
fn snapshot(server: &RedisServer) -> Vec<(String, Vec<u8>)> {
    let mut all = server.snapshot();
    all.retain(|(key, _)| !key.starts_with("unique:"));
    all
}

#[tokio::test]
async fn keys_of_the_wrong_type_are_moved_aside_and_every_number_is_right() {
    for (key, intruder) in [
        ("visits:daily", &["SET", "text"][..]),
        ("visits:daily", &["RPUSH", "text"]),
        ("unique:visits", &["SADD", "0000000000000001", "0000000000000002", "0000000000000003"]),
        ("unique:visits", &["SET", "text"]),
        ("unique:confirmed", &["SADD", "0000000000000001", "0000000000000003"]),
        ("visits:events", &["SADD", "text"]),
        ("visits:others", &["SADD", "text"]),
    ] {
        let server = RedisServer::start();
        let store = open(&server.url(), server.dir.path());
        let store = store.as_ref();
        for number in 1..=3 {
            store.apply(&view(number)).await.unwrap();
        }
        let key = format!("{key}:{TAG}");
        server.command::<Value>(&["DEL", &key]);
        let set = [&intruder[..1], &[&key], &intruder[1..]].concat();
        server.command::<Value>(&set);
        let intruder_dump: Vec<u8> = server.command(&["DUMP", &key]);
        let stays_away = store.apply(&view(4)).await;
        assert!(stays_away.is_err(), "{key}");

        let done = migrate(store, false).await;
        assert_eq!(done.moved, 1);
        assert_eq!(server.command::<Vec<u8>>(&["DUMP", &format!("legacy:{key}")]), intruder_dump);
        if !key.starts_with("visits:events") && !key.starts_with("visits:others") {
            let sketch_lost = intruder == ["SET", "text"] && key.starts_with("unique");
            let uniques = store.uniques(SITE, today()).await.unwrap();
            if sketch_lost {
                // Nothing to be read in it, and its day is said to be summed up again by hand.
                assert_eq!(uniques, (0, 3));
            } else {
                assert_eq!(uniques.0, 3, "{key}");
            }
            assert_eq!(stored(store).await, 3, "{key}");
        }
        // A second run finds nothing to do, and counting goes on.
        let before = snapshot(&server);
        let second = migrate(store, false).await;
        assert_eq!((second.moved, second.rebuilt, second.left_alone), (0, 0, 0), "{key}");
        assert_eq!(snapshot(&server), before);
        let number = if key.starts_with("visits:daily") { 1 } else { 4 };
        assert_eq!(store.apply(&view(number)).await.unwrap(), Applied::Now);
    }
}

async fn page_views(store: &dyn Upkeep, month: &str) -> i64 {
    let counts = store.months(SITE, &[month.parse().unwrap()]).await.unwrap().remove(0);
    counts.rows(Dimension::Page).map(|(_, row)| row.pageviews()).sum()
}

#[tokio::test]
async fn the_first_layout_is_read_in_once() {
    let server = RedisServer::start();
    let store = open(&server.url(), server.dir.path());
    let store = store.as_ref();
    server.command::<Value>(&["HSET", "visits:daily:2026-11-23", "/", "5", "/a", "2", "note", "x"]);
    server.command::<Value>(&["SADD", "unique:visits:2026-11-23", "v1", "v2"]);
    server.command::<Value>(&["PFADD", "unique:visits:2026-11-22", "v1", "v2", "v3"]);
    server.command::<Value>(&["HSET", "visits:pages", "/", "105", "/a", "2", "/old", "40"]);
    server.command::<Value>(&["RPUSH", "visits:events", "old"]);
    // Another site's key, and another program's.
    server.command::<Value>(&["SET", "visits:daily:{example.org:2026-11-23}", "text"]);
    server.command::<Value>(&["SET", "elsewhere", "text"]);
    let done = migrate(store, false).await;
    assert_eq!((done.moved, done.pageviews, done.left_alone), (5, 7 + 140, 0), "{done}");

    let twenty_third = store.days(SITE, &[day("2026-11-23")]).await.unwrap().remove(0);
    let server_views = |counts: &headcount::model::DayCounts, dimension, value: &str| {
        counts.row(dimension, value).get(Metric::Server)
    };
    assert_eq!(server_views(&twenty_third, Dimension::Page, "/"), 5);
    assert_eq!(server_views(&twenty_third, Dimension::Total, ""), 7);
    assert_eq!(store.uniques(SITE, day("2026-11-23")).await.unwrap(), (2, 0));
    assert_eq!(store.uniques(SITE, day("2026-11-22")).await.unwrap(), (3, 0));
    let october: Month = "2026-10".parse().unwrap();
    assert!(store.frozen(SITE, &[october]).await.unwrap()[0] > 0);
    let earlier = store.months(SITE, &[october]).await.unwrap().remove(0);
    assert_eq!(server_views(&earlier, Dimension::Page, "/"), 100);
    assert_eq!(server_views(&earlier, Dimension::Page, "/old"), 40);
    assert_eq!(server_views(&earlier, Dimension::Day, "2026-10-31"), 140);

    let keys = server.keys();
    for old in [
        "legacy:{visits:daily:2026-11-23}",
        "legacy:{unique:visits:2026-11-23}",
        "legacy:{unique:visits:2026-11-22}",
        "legacy:done:{visits:pages}",
        "legacy:{visits:events}",
        "visits:daily:{example.org:2026-11-23}",
        "elsewhere",
    ] {
        assert!(keys.iter().any(|key| key == old), "{old} is not in {keys:?}");
    }
    let before = snapshot(&server);
    assert_eq!(migrate(store, true).await, Done::default());
    assert_eq!(snapshot(&server), before);

    assert_eq!(store.uniques(SITE, day("2026-11-22")).await.unwrap(), (3, 0));
    // What retention has let go does not come back.
    let november: Month = "2026-11".parse().unwrap();
    store.put_month(SITE, november, &[], true).await.unwrap();
    for on in ["2026-11-22", "2026-11-23"] {
        store.forget(SITE, day(on)).await.unwrap();
    }
    migrate(store, true).await;
    assert!(store.kept(SITE).await.unwrap().is_empty());
    assert_eq!(page_views(store, "2026-10").await, 140);

    // The old program writes once more: what it wrote before is not overwritten.
    server.command::<Value>(&["RPUSH", "visits:events", "again"]);
    migrate(store, false).await;
    assert!(server.keys().contains(&"legacy:1:{visits:events}".to_owned()));
}

#[tokio::test]
async fn a_run_that_was_stopped_goes_on() {
    let server = RedisServer::start();
    let store = open(&server.url(), server.dir.path());
    let store = store.as_ref();
    // Moved aside, and then the power went.
    let mut hash = vec!["HSET".to_owned(), "legacy:{visits:daily:2026-11-23}".to_owned()];
    for i in 0..2_000 {
        hash.extend([format!("/{i}"), "1".to_owned()]);
    }
    server.command::<Value>(&hash.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(migrate(store, false).await.pageviews, 2_000);
    assert_eq!(migrate(store, false).await.pageviews, 0);
    let counts = store.days(SITE, &[day("2026-11-23")]).await.unwrap().remove(0);
    assert_eq!(counts.row(Dimension::Total, "").get(Metric::Server), 2_000);
}

#[tokio::test]
async fn a_file_has_nothing_to_migrate() {
    let dir = tempfile::tempdir().unwrap();
    let store = open("sqlite:test.db", dir.path());
    store.apply(&pageview("n", 1)).await.unwrap();
    assert_eq!(migrate(store.as_ref(), false).await, Done::default());
}
