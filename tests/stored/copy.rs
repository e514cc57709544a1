//! A site moved between stores.

use super::common::headcount::{SITE, today};
use super::common::redis::RedisServer;
use super::{day, done, month, open, put, refused, whole_day};
use headcount::model::rollup::{Dimension, Field, Metric, field};
use headcount::model::row::RowsOf;
use headcount::model::site::{Day, Month};
use headcount::store::{NEVER, Secret, Sketches, StoredRows, Upkeep};
use std::collections::BTreeMap;
use std::path::Path;

const DAYS: [&str; 3] = ["2026-09-29", "2026-09-30", "2026-10-01"];
const FAR: i64 = 4_000_000_000_000;

type Counts = BTreeMap<Field, i64>;

/// Counts, rows of people and of others, visitors and confirmed ones.
type KeptDay = (Counts, [StoredRows; 2], (u64, u64));

#[derive(Debug, PartialEq)]
struct Kept {
    days: BTreeMap<Day, KeptDay>,
    months: BTreeMap<Month, Counts>,
}

async fn kept(store: &dyn Upkeep) -> Kept {
    let mut kept = Kept { days: BTreeMap::new(), months: BTreeMap::new() };
    for on in store.kept(SITE).await.unwrap() {
        let counts = store.days(SITE, &[on]).await.unwrap().remove(0).fields().collect();
        let people = store.rows(SITE, on, RowsOf::People).await.unwrap();
        let others = store.rows(SITE, on, RowsOf::Others).await.unwrap();
        let uniques = store.uniques(SITE, on).await.unwrap();
        kept.days.insert(on, (counts, [people, others], uniques));
    }
    for of in store.kept_months(SITE).await.unwrap() {
        assert_ne!(store.frozen(SITE, &[of]).await.unwrap(), [0]);
        let counts = store.months(SITE, &[of]).await.unwrap().remove(0);
        kept.months.insert(of, counts.fields().collect());
    }
    kept
}

fn segments() -> Secret {
    Secret::Kept { what: "segments", site: Some(SITE.into()) }
}

/// Days of which rows tell all, a month without its days, another site, a salt that lives.
async fn fill(store: &dyn Upkeep) -> Secret {
    for on in DAYS.map(day) {
        let mut batch = whole_day(SITE, on, 700, 700);
        // More than one batch holds.
        let page = |i| (field(Dimension::Page, &format!("/{i}"), Metric::Browser), i);
        batch.fields.truncate(4);
        put(store, &batch).await;
        for number in 2..5 {
            let fields = (number as i64 * 1_000..number as i64 * 1_000 + 900).map(page).collect();
            let more = whole_day(SITE, on, 0, 0);
            let people = batch.people.clone();
            let again = headcount::model::Batch { number, fields, people, ..more };
            put(store, &again).await;
        }
        put(store, &whole_day("other.example", on, 3, 3)).await;
    }
    let frozen = vec![(field(Dimension::Page, "/", Metric::Server), 800)];
    assert!(store.put_month(SITE, month("2026-08"), &frozen, true).await.unwrap());
    let salt = Secret::Salt { site: SITE.into(), day: today() };
    store.put_secret(&salt, None, b"a salt that lives", FAR).await.unwrap();
    store.put_secret(&segments(), None, b"[segments]", NEVER).await.unwrap();
    salt
}

async fn copies(from: &str, to: &str, dir: &Path) {
    let (source, target) = (open(from, dir), open(to, dir));
    let salt = fill(source.as_ref()).await;
    let before = kept(source.as_ref()).await;
    assert_eq!((before.days.len(), before.months.len()), (3, 1));
    let words = ["copy", "--from", from, "--to", to];

    let said = done(dir, &words);
    let sums = "3 days and 1 months copied; on both sides these days have";
    assert!(said.starts_with(&format!("{SITE}: {sums}")), "{said}");
    assert!(said.contains(" 2100 visitors and 8412 event rows\n"), "{said}");
    let mut after = kept(target.as_ref()).await;
    // Of hashes the HyperLogLog is an estimate, as everywhere.
    for (on, (.., uniques)) in &mut after.days {
        let exact = before.days[on].2;
        assert!(uniques.0.abs_diff(exact.0) <= 20, "{uniques:?}, {exact:?}");
        *uniques = exact;
    }
    assert!(after == before, "what was copied differs");
    assert_eq!(kept(source.as_ref()).await, before);
    assert!(target.kept("other.example").await.unwrap().is_empty());
    assert_eq!(target.secret(&salt).await.unwrap().unwrap(), b"a salt that lives");
    assert_eq!(target.secret(&segments()).await.unwrap().unwrap(), b"[segments]");

    // Again: only by force, and nothing is there twice.
    let line = refused(dir, 1, &words);
    assert!(line.contains("has counts of 4 of these days and months"), "{line}");
    assert_eq!(done(dir, &[&words[..], &["--force"]].concat()), said);
    let mut again = kept(target.as_ref()).await;
    again.days.iter_mut().for_each(|(on, (.., uniques))| *uniques = before.days[on].2);
    assert!(again == before, "what was copied again differs");
}

#[tokio::test(flavor = "multi_thread")]
async fn from_sqlite_to_redis() {
    let (dir, redis) = (tempfile::tempdir().unwrap(), RedisServer::start());
    copies("sqlite:headcount.db", &redis.url(), dir.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_redis_to_sqlite() {
    let (dir, redis) = (tempfile::tempdir().unwrap(), RedisServer::start());
    copies(&redis.url(), "sqlite:headcount.db", dir.path()).await;
    // Out of rows, exactly.
    let store = open("sqlite:headcount.db", dir.path());
    assert_eq!(store.uniques(SITE, day(DAYS[0])).await.unwrap(), (700, 700));
}

#[tokio::test(flavor = "multi_thread")]
async fn from_redis_to_redis_with_the_same_sketches() {
    let (dir, from, to) =
        (tempfile::tempdir().unwrap(), RedisServer::start(), RedisServer::start());
    copies(&from.url(), &to.url(), dir.path()).await;
    let sketches =
        async |url: &str| open(url, dir.path()).sketches(SITE, day(DAYS[0])).await.unwrap();
    let before = sketches(&from.url()).await;
    assert!(matches!(&before, Sketches::HyperLogLogs(all) if !all[0].is_empty()));
    assert_eq!(sketches(&to.url()).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn from_sqlite_to_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    copies("sqlite:headcount.db", "sqlite:other.db", dir.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_that_no_row_names_stay_in_redis() {
    let (dir, redis) = (tempfile::tempdir().unwrap(), RedisServer::start());
    let (url, to) = (redis.url(), "sqlite:headcount.db");
    let (source, target) = (open(&url, dir.path()), open(to, dir.path()));
    put(source.as_ref(), &whole_day(SITE, day("2026-09-29"), 20, 20)).await;
    put(source.as_ref(), &whole_day(SITE, day("2026-09-30"), 20, 19)).await;
    let words = ["copy", "--from", &url, "--to", to];
    let line = refused(dir.path(), 1, &words);
    assert!(line.contains("1 days stay, for sqlite:"), "{line}");
    assert_eq!(target.kept(SITE).await.unwrap(), [day("2026-09-29")]);

    let said = done(dir.path(), &[&words[..], &["--force"]].concat());
    assert!(said.contains("1 days without their visitors' hashes"), "{said}");
    assert_eq!(target.uniques(SITE, day("2026-09-29")).await.unwrap(), (20, 20));
    assert_eq!(target.uniques(SITE, day("2026-09-30")).await.unwrap(), (0, 0));
    let counts = target.days(SITE, &[day("2026-09-30")]).await.unwrap().remove(0);
    assert_eq!(counts.row(Dimension::Total, "").get(Metric::Visitors), 20);
}

#[test]
fn nowhere_and_itself_are_no_places_to_copy_to() {
    let dir = tempfile::tempdir().unwrap();
    let copy = |to| ["copy", "--from", "sqlite:a.db", "--to", to];
    let line = refused(dir.path(), 2, &copy("postgres://h"));
    assert!(line.starts_with("headcount: --to is none of"), "{line}");
    let line = refused(dir.path(), 1, &copy("sqlite:a.db"));
    assert!(line.contains("is both where from and where to"), "{line}");
}
