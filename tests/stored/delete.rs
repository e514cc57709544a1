//! Days, months and whole sites deleted.

use super::common::headcount::{SITE, timezone};
use super::common::redis::RedisServer;
use super::{command, day, done, month, open, put, refused, visitor, whole_day};
use headcount::model::rollup::{Dimension, Metric, field};
use headcount::model::row::RowsOf;
use headcount::model::site::Day;
use headcount::store::{NEVER, Secret, Upkeep};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

const DAYS: [&str; 4] = ["2026-09-29", "2026-09-30", "2026-10-01", "2026-10-02"];
const FAR: i64 = 4_000_000_000_000;

/// Names that a careless pattern would take for the site's.
fn neighbours() -> [String; 2] {
    [format!("{SITE}:8080"), format!("www.{SITE}")]
}

async fn fill(store: &dyn Upkeep) {
    for site in [SITE, &neighbours()[0], &neighbours()[1]] {
        for on in DAYS.map(day) {
            put(store, &whole_day(site, on, 5, 5)).await;
            let salt = Secret::Salt { site: site.into(), day: on };
            store.put_secret(&salt, None, b"a salt of 32 bytes, more or less", FAR).await.unwrap();
        }
        let diary = Secret::Diary { site: site.into() };
        store.put_secret(&diary, None, b"{}", FAR).await.unwrap();
        let segments = Secret::Kept { what: "segments", site: Some(site.into()) };
        store.put_secret(&segments, None, b"[]", NEVER).await.unwrap();
        let views = |n| vec![(field(Dimension::Page, "/", Metric::Server), n)];
        assert!(store.put_month(site, month("2026-08"), &views(800), true).await.unwrap());
        assert!(store.put_month(site, month("2026-09"), &views(10), false).await.unwrap());
    }
}

async fn views_of(store: &dyn Upkeep, site: &str, of: &str) -> i64 {
    let months = store.months(site, &[month(of)]).await.unwrap();
    months[0].row(Dimension::Page, "/").get(Metric::Server)
}

/// Whether anything is left of a day.
async fn is_there(store: &dyn Upkeep, on: Day) -> bool {
    let salt = store.secret(&Secret::Salt { site: SITE.into(), day: on }).await.unwrap();
    let mut rows = 0;
    for of in RowsOf::ALL {
        rows += store.rows(SITE, on, of).await.unwrap().blocks.len();
    }
    let seen = [
        salt.is_some(),
        rows > 0,
        store.versions(SITE, &[on]).await.unwrap() != [0],
        store.uniques(SITE, on).await.unwrap() != (0, 0),
    ];
    assert!(seen.iter().all(|s| *s == seen[0]), "{on} is there in part: {seen:?}");
    seen[0]
}

async fn neighbours_are_whole(store: &dyn Upkeep) {
    for site in neighbours() {
        assert_eq!(store.kept(&site).await.unwrap(), DAYS.map(day));
        assert_eq!(store.kept_months(&site).await.unwrap(), ["2026-08", "2026-09"].map(month));
        for on in DAYS.map(day) {
            assert_eq!(store.uniques(&site, on).await.unwrap(), (5, 5));
            let salt = Secret::Salt { site: site.as_str().into(), day: on };
            assert!(store.secret(&salt).await.unwrap().is_some());
        }
        let diary = Secret::Diary { site: site.as_str().into() };
        assert!(store.secret(&diary).await.unwrap().is_some());
    }
}

/// Deletes more and more; `gone` looks whether a visitor of a day that was deleted is.
async fn deletes(url: &str, dir: &Path, gone: impl Fn(Day)) {
    let store = open(url, dir);
    let store = store.as_ref();
    fill(store).await;
    let delete = |from, to| vec!["delete", "--from", from, "--to", to, "--yes", "--store", url];

    // Without a terminal and without --yes, or with half a range: nothing happens.
    let without = delete("2026-09-01", "2026-10-31");
    let without: Vec<_> = without.into_iter().filter(|word| *word != "--yes").collect();
    let line = refused(dir, 2, &without);
    assert_eq!(line, "headcount: nobody is here to be asked: --yes deletes without\n");
    let line = refused(dir, 2, &["delete", "--from", "2026-09-01", "--yes", "--store", url]);
    assert!(line.contains("--to"), "{line}");
    for on in DAYS.map(day) {
        assert!(is_there(store, on).await);
    }

    // Some days: the month is summed up again from those that are left.
    let said = done(dir, &delete("2026-09-30", "2026-10-01"));
    assert_eq!(said, format!("{SITE}: 2 days and 0 months deleted\n"));
    let mut there = Vec::new();
    for on in DAYS.map(day) {
        there.push(is_there(store, on).await);
    }
    assert_eq!(there, [true, false, false, true]);
    assert_eq!(views_of(store, SITE, "2026-09").await, 5);
    gone(day("2026-09-30"));

    // Part of a month whose days are gone stays; all of it goes.
    let line = refused(dir, 1, &delete("2026-08-05", "2026-08-31"));
    assert!(line.contains("2026-08 are only known as whole months and stay"), "{line}");
    assert_eq!(views_of(store, SITE, "2026-08").await, 800);
    done(dir, &delete("2026-08-01", "2026-08-31"));
    assert_eq!(store.kept_months(SITE).await.unwrap(), [month("2026-09")]);
    neighbours_are_whole(store).await;

    // Asked at a terminal.
    let all = ["delete", "--store", url];
    assert!(at_a_terminal(dir, &all, "n\n").contains("nothing was deleted"));
    assert!(is_there(store, day("2026-09-29")).await);
    let said = at_a_terminal(dir, &all, "y\n");
    let question = "Delete 2 days from 2026-09-29 to 2026-10-02 and 1 months";
    assert!(said.contains(question), "{said}");
    assert!(said.contains("2 days and 1 months deleted"), "{said}");

    assert!(store.kept(SITE).await.unwrap().is_empty());
    assert!(store.kept_months(SITE).await.unwrap().is_empty());
    let diary = Secret::Diary { site: SITE.into() };
    assert_eq!(store.secret(&diary).await.unwrap(), None);
    for on in DAYS.map(day) {
        assert!(!is_there(store, on).await);
    }
    neighbours_are_whole(store).await;
}

/// Runs a command on a terminal of its own, where `answer` is typed; what it shows.
fn at_a_terminal(dir: &Path, words: &[&str], answer: &str) -> String {
    let command = command(dir, words);
    let quoted = |word: &std::ffi::OsStr| format!("'{}'", word.to_str().unwrap());
    let words: Vec<String> =
        [command.get_program()].into_iter().chain(command.get_args()).map(quoted).collect();
    let mut script = Command::new("script")
        .args(["-qec", &words.join(" "), "/dev/null"])
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("script(1) is there");
    script.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
    String::from_utf8(script.wait_with_output().unwrap().stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn days_are_deleted_from_sqlite_to_the_byte() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| std::fs::read(dir.path().join(name)).unwrap_or_default();
    let has = |on| {
        let bytes = [file("headcount.db"), file("headcount.db-wal")].concat();
        let needle = *visitor(SITE, on, 0).bytes();
        bytes.windows(8).any(|window| window == needle)
    };
    let gone = |on| assert_eq!((has(day("2026-09-29")), has(on)), (true, false));
    deletes("sqlite:headcount.db", dir.path(), gone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn days_are_deleted_from_redis() {
    let (dir, redis) = (tempfile::tempdir().unwrap(), RedisServer::start());
    deletes(&redis.url(), dir.path(), |_| ()).await;
    let left = redis
        .keys()
        .into_iter()
        .filter(|key| key.contains(&format!("{{{SITE}}}")) || key.contains(&format!("{{{SITE}:2")));
    assert_eq!(left.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn the_site_has_to_be_named() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_headcount"))
        .env_clear()
        .current_dir(dir.path())
        .args(["delete", "--yes", "--timezone", timezone()])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "headcount: --site is missing: name the site to delete from\n");
    assert!(!dir.path().join("headcount.db").exists(), "it was opened");
}
