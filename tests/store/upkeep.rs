//! What both stores promise to the daily job, and the job itself under an injected clock.

use super::common::redis::RedisServer;
use super::*;
use headcount::clock::{Clock, Millis};
use headcount::model::DayCounts;
use headcount::model::rollup::{Field, OTHER};
use headcount::model::site::Month;
use headcount::store::{Applied, Secret};
use headcount::upkeep::daily::{Done, Turn};
use headcount::upkeep::{Daily, Keep, Progress};

on_both_stores! {
    in_a_new_store_nothing_was_missed
    counts_move_between_fields_once
    a_frozen_month_stays
    days_are_listed_and_forgotten
    lists_tell_how_many_rows_there_are
    the_job_runs_once_a_day_on_one_node
    a_missed_job_is_caught_up
    a_job_left_in_the_middle_is_taken_over
    closed_days_keep_their_busiest_rows_and_their_sums
    months_are_made_again_from_their_days_until_these_go
    rows_never_pass_twice_their_cap
    rows_are_compacted_hourly_and_aged_when_their_day_is_over
    rows_that_come_days_late_are_aged_within_a_day
    rows_go_after_their_days
}

const HOUR: Millis = 3_600_000;
const KEEP: Keep = Keep { events: 100, rows: 1_000, rows_days: None, days: None };

fn month(text: &str) -> Month {
    text.parse().unwrap()
}

/// A time of 2026-11-24, UTC.
fn at(hour: i64) -> Millis {
    1_795_478_400_000 + hour * HOUR
}

/// The job of a node, last done long ago.
async fn job(store: &Arc<dyn Upkeep>, clock: &Clock, keep: Keep, node: &str) -> Daily {
    let diary = Secret::Diary { site: SITE.into() };
    let old = br#"{"done":1,"whole":true,"node":"","until":0}"#;
    store.put_secret(&diary, None, old, 4_000_000_000_000).await.unwrap();
    node_of(store, clock, keep, node)
}

fn node_of(store: &Arc<dyn Upkeep>, clock: &Clock, keep: Keep, node: &str) -> Daily {
    Daily::new(store.clone(), Arc::new(vec![site()]), clock.clone(), vec![keep], node.to_owned())
}

/// Runs the job, which must be due.
async fn done(job: &mut Daily) -> Done {
    match job.look().await.pop() {
        Some(Turn::Done(done)) => done,
        other => panic!("{other:?}"),
    }
}

/// A batch of a day: pages with their views, and their sum.
fn views(node: &str, number: u64, on: &str, pages: &[(&str, i64)]) -> Batch {
    let total: i64 = pages.iter().map(|(_, n)| n).sum();
    let pages = pages.iter().map(|(page, n)| (field(Dimension::Page, page, Metric::Server), *n));
    let mut fields: Vec<_> = pages.collect();
    fields.push((field(Dimension::Total, "", Metric::Server), total));
    Batch { day: day(on), fields, visitors: visitors(3), ..batch(node, number) }
}

async fn counts(store: &Arc<dyn Upkeep>, on: &str) -> DayCounts {
    store.days(SITE, &[day(on)]).await.unwrap().remove(0)
}

fn page(counts: &DayCounts, page: &str) -> i64 {
    counts.row(Dimension::Page, page).get(Metric::Server)
}

async fn counts_move_between_fields_once(store: Arc<dyn Upkeep>) {
    let on = "2026-11-24";
    let moves = |pages: &[&str]| -> Vec<(Field, Field)> {
        let name = |page: &str| field(Dimension::Page, page, Metric::Server);
        pages.iter().map(|page| (name(page), name(OTHER))).collect()
    };
    // Nothing there yet: nothing happens.
    store.fold(SITE, day(on), &moves(&["/a"])).await.unwrap();
    assert_eq!(store.versions(SITE, &[day(on)]).await.unwrap(), [0]);

    store.apply(&views("n", 1, on, &[("/a", 2), ("/b", 5), ("/c", 7)])).await.unwrap();
    let before = counts(&store, on).await.version;
    for _ in 0..2 {
        store.fold(SITE, day(on), &moves(&["/a", "/b", "/none"])).await.unwrap();
        let now = counts(&store, on).await;
        assert_eq!((page(&now, OTHER), page(&now, "/c")), (7, 7));
        assert_eq!(now.rows(Dimension::Page).count(), 2);
        assert!(now.version > before);
    }
    // What comes later is counted, and the next batch of the node goes on.
    assert_eq!(store.apply(&views("n", 2, on, &[("/a", 1)])).await.unwrap(), Applied::Now);
    store.fold(SITE, day(on), &moves(&["/a"])).await.unwrap();
    assert_eq!(page(&counts(&store, on).await, OTHER), 8);

    let many: Vec<String> = (0..2_500).map(|i| format!("/{i}")).collect();
    for (number, chunk) in (3..).zip(many.chunks(900)) {
        let pages: Vec<(&str, i64)> = chunk.iter().map(|page| (page.as_str(), 1)).collect();
        store.apply(&views("n", number, on, &pages)).await.unwrap();
    }
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    store.fold(SITE, day(on), &moves(&many)).await.unwrap();
    assert_eq!(page(&counts(&store, on).await, OTHER), 2_508);
}

async fn a_frozen_month_stays(store: Arc<dyn Upkeep>) {
    let asked = [month("2026-10"), month("2026-11")];
    let fields = |n| vec![(field(Dimension::Page, "/", Metric::Server), n)];
    assert_eq!(store.frozen(SITE, &asked).await.unwrap(), [0, 0]);
    for n in [1, 2] {
        assert!(store.put_month(SITE, asked[1], &fields(n), false).await.unwrap());
        let months = store.months(SITE, &asked).await.unwrap();
        assert_eq!((page(&months[0], "/"), page(&months[1], "/")), (0, n));
        assert_eq!((months[0].version, months[1].version), (0, n as u64));
    }
    assert_eq!(store.frozen(SITE, &asked).await.unwrap(), [0, 0]);
    assert!(store.put_month(SITE, asked[1], &fields(3), true).await.unwrap());
    for freeze in [true, false] {
        assert!(!store.put_month(SITE, asked[1], &fields(9), freeze).await.unwrap());
    }
    assert_eq!(store.frozen(SITE, &asked).await.unwrap(), [0, 3]);
    assert_eq!(page(&store.months(SITE, &asked).await.unwrap()[1], "/"), 3);
    // A month of nothing is one, too; and of many fields.
    assert!(store.put_month(SITE, asked[0], &[], false).await.unwrap());
    let many: Vec<_> =
        (0..2_500).map(|i| (field(Dimension::Page, &format!("/{i}"), Metric::Server), i)).collect();
    assert!(store.put_month(SITE, asked[0], &many, false).await.unwrap());
    let months = store.months(SITE, &asked).await.unwrap();
    assert_eq!(
        (months[0].rows(Dimension::Page).count(), page(&months[0], "/2499")),
        (2_500, 2_499)
    );
}

async fn days_are_listed_and_forgotten(store: Arc<dyn Upkeep>) {
    assert!(store.kept(SITE).await.unwrap().is_empty());
    let salt = Secret::Salt { site: SITE.into(), day: day("2026-11-23") };
    store.put_secret(&salt, None, b"salt", 4_000_000_000_000).await.unwrap();
    for on in ["2026-11-25", "2026-11-23"] {
        store.apply(&Batch { day: day(on), ..pageview("n", 1) }).await.unwrap();
    }
    store.apply(&Batch { site: "example.org".into(), ..pageview("n", 1) }).await.unwrap();
    assert_eq!(store.kept(SITE).await.unwrap(), ["2026-11-23", "2026-11-25"].map(day));
    for _ in 0..2 {
        store.forget(SITE, day("2026-11-23")).await.unwrap();
    }
    assert_eq!(store.kept(SITE).await.unwrap(), [day("2026-11-25")]);
    assert_eq!(store.kept("example.org").await.unwrap(), [today()]);
    assert_eq!(store.secret(&salt).await.unwrap(), None);
    assert_eq!(store.uniques(SITE, day("2026-11-23")).await.unwrap(), (0, 0));
    for of in RowsOf::ALL {
        assert!(pages(store.as_ref(), SITE, day("2026-11-23"), of).await.is_empty());
        assert_eq!(pages(store.as_ref(), SITE, day("2026-11-25"), of).await, ["/n/1"]);
    }
}

async fn lists_tell_how_many_rows_there_are(store: Arc<dyn Upkeep>) {
    assert_eq!(store.rows_held(SITE), None);
    store.apply(&full("n", 1)).await.unwrap();
    store.apply(&full("n", 1)).await.unwrap();
    assert_eq!(store.rows_held(SITE), None, "there may have been others before");
    store.trim(SITE, 10_000, 0).await.unwrap();
    assert_eq!(store.rows_held(SITE), Some(1_000));
    store.apply(&Batch { day: day("2026-11-25"), ..pageview("n", 1) }).await.unwrap();
    assert_eq!((store.rows_held(SITE), store.rows_held("example.org")), (Some(1_001), None));
    // A block stays whole or goes.
    store.trim(SITE, 10, 0).await.unwrap();
    assert_eq!(store.rows_held(SITE), Some(1));
    store.apply(&pageview("n", 2)).await.unwrap();
    assert_eq!(store.rows_held(SITE), Some(2));
}

async fn the_job_runs_once_a_day_on_one_node(store: Arc<dyn Upkeep>) {
    let clock = Clock::fixed(at(2));
    let (mut one, mut two) =
        (job(&store, &clock, KEEP, "1").await, job(&store, &clock, KEEP, "2").await);
    // Never done before: what was due yesterday is done now, once.
    done(&mut one).await;
    assert_eq!(two.look().await, [Turn::Nothing]);
    let commands = || store.commands().load(std::sync::atomic::Ordering::Relaxed);
    let before = commands();
    for minute in 0..60 {
        clock.set(at(2) + minute * 60_000);
        assert_eq!(
            (one.look().await, two.look().await),
            (vec![Turn::Nothing], vec![Turn::Nothing])
        );
    }
    assert_eq!(commands(), before, "nothing due, nothing asked");

    clock.set(at(3));
    let (first, second) = tokio::join!(one.look(), two.look());
    let runs = [&first[0], &second[0]].into_iter().filter(|turn| matches!(turn, Turn::Done(_)));
    assert_eq!(runs.count(), 1, "{first:?} {second:?}");
    clock.set(at(26));
    assert_eq!((one.look().await, two.look().await), (vec![Turn::Nothing], vec![Turn::Nothing]));
    clock.set(at(27));
    done(&mut two).await;
    assert_eq!(one.look().await, [Turn::Nothing]);
}

async fn in_a_new_store_nothing_was_missed(store: Arc<dyn Upkeep>) {
    for on in ["2026-09-01", "2026-11-20"] {
        store.apply(&views("n", 1, on, &[("/", 1)])).await.unwrap();
    }
    let clock = Clock::fixed(at(12));
    let (mut one, mut two) =
        (node_of(&store, &clock, KEEP, "1"), node_of(&store, &clock, KEEP, "2"));
    assert_eq!((one.look().await, two.look().await), (vec![Turn::Nothing], vec![Turn::Nothing]));
    clock.set(at(27));
    // All that is there, however old, is rolled up the first time.
    assert_eq!(done(&mut two).await.months, ["2026-09", "2026-11"].map(month));
    assert_eq!(one.look().await, [Turn::Nothing]);
    clock.set(at(51));
    assert_eq!(done(&mut one).await.months, [month("2026-11")]);
    // By hand it is done at any time.
    assert!(matches!(one.by_hand(0, &mut Progress::silent()).await, Ok(Turn::Done(_))));
}

async fn a_missed_job_is_caught_up(store: Arc<dyn Upkeep>) {
    let clock = Clock::fixed(at(4));
    done(&mut job(&store, &clock, KEEP, "before").await).await;
    store.apply(&views("n", 1, "2026-11-24", &[("/", 1)])).await.unwrap();
    // Nobody was there for ten days; whoever comes first does it, at any hour.
    clock.set(at(10 * 24 + 15));
    let mut after = job(&store, &clock, KEEP, "after").await;
    assert_eq!(done(&mut after).await.months, [month("2026-11")]);
    assert_eq!(after.look().await, [Turn::Nothing]);
}

async fn a_job_left_in_the_middle_is_taken_over(store: Arc<dyn Upkeep>) {
    let clock = Clock::fixed(at(4));
    let diary = Secret::Diary { site: SITE.into() };
    let until = at(4) + 600_000;
    let left = format!(r#"{{"done":0,"node":"dead","until":{until}}}"#);
    store.put_secret(&diary, None, left.as_bytes(), 4_000_000_000_000).await.unwrap();
    let mut other = job(&store, &clock, KEEP, "other").await;
    let another = Turn::Another { node: "dead".into(), until };
    assert_eq!(other.look().await, vec![another.clone()]);
    assert_eq!(other.by_hand(0, &mut Progress::silent()).await.unwrap(), another);
    clock.set(until);
    done(&mut other).await;
}

async fn closed_days_keep_their_busiest_rows_and_their_sums(store: Arc<dyn Upkeep>) {
    let clock = Clock::fixed(at(27));
    let keep = Keep { rows: 2, ..KEEP };
    let pages = [("/a", 5), ("/b", 1), ("/c", 3), ("/d", 2)];
    for on in ["2026-11-24", "2026-11-25"] {
        store.apply(&views("n", 1, on, &pages)).await.unwrap();
    }
    let mut job = job(&store, &clock, keep, "n").await;
    assert_eq!(done(&mut job).await.folded, 2);
    let closed = counts(&store, "2026-11-24").await;
    let values = ["/a", "/b", "/c", "/d", OTHER].map(|value| page(&closed, value));
    assert_eq!(values, [5, 0, 3, 0, 3]);
    assert_eq!(counts(&store, "2026-11-25").await.rows(Dimension::Page).count(), 4, "still open");

    // Late, and from a node that is not through yet: it counts, and joins the rest the day after.
    let late = views("n", 2, "2026-11-24", &[("/b", 1), ("/c", 1)]);
    assert_eq!(store.apply(&late).await.unwrap(), Applied::Now);
    clock.set(at(51));
    done(&mut job).await;
    let closed = counts(&store, "2026-11-24").await;
    let values = ["/a", "/b", "/c", "/d", OTHER].map(|value| page(&closed, value));
    assert_eq!(values, [5, 0, 4, 0, 4]);
    assert_eq!(closed.row(Dimension::Total, "").get(Metric::Server), 13);
    let november = store.months(SITE, &[month("2026-11")]).await.unwrap().remove(0);
    assert_eq!((page(&november, "/a"), page(&november, OTHER)), (10, 7));
}

async fn months_are_made_again_from_their_days_until_these_go(store: Arc<dyn Upkeep>) {
    let clock = Clock::fixed(at(3));
    let keep = Keep { days: Some(31), ..KEEP };
    for (on, n) in [("2026-09-30", 1), ("2026-10-01", 2), ("2026-11-23", 4), ("2026-11-24", 8)] {
        store.apply(&views("n", 1, on, &[("/", n)])).await.unwrap();
    }
    let mut job = job(&store, &clock, keep, "n").await;
    let first = done(&mut job).await;
    assert_eq!(first.months, ["2026-09", "2026-10", "2026-11"].map(month));
    // The last day of September is 55 days old, that of October 24.
    assert_eq!(first.forgotten, [day("2026-09-30")]);
    let all = ["2026-09", "2026-10", "2026-11"].map(month);
    let months = store.months(SITE, &all).await.unwrap();
    assert_eq!([0, 1, 2].map(|i| page(&months[i], "/")), [1, 2, 4]);
    let total = months[2].row(Dimension::Day, "2026-11-23");
    assert_eq!(total.get(Metric::Server), 4);
    let frozen = store.frozen(SITE, &all).await.unwrap();
    assert_eq!(frozen.iter().filter(|v| **v > 0).count(), 1);

    // A late batch of yesterday, and the day that has closed: November is made again.
    store.apply(&views("n", 2, "2026-11-23", &[("/", 16)])).await.unwrap();
    clock.set(at(27));
    assert_eq!(done(&mut job).await.months, [month("2026-11")]);
    let months = store.months(SITE, &all).await.unwrap();
    assert_eq!([0, 1, 2].map(|i| page(&months[i], "/")), [1, 2, 28]);

    clock.set(at(8 * 24 + 3));
    assert_eq!(done(&mut job).await.forgotten, [day("2026-10-01")]);
    let months = store.months(SITE, &all).await.unwrap();
    assert_eq!([0, 1, 2].map(|i| page(&months[i], "/")), [1, 2, 28]);
    assert_eq!(store.kept(SITE).await.unwrap(), ["2026-11-23", "2026-11-24"].map(day));
}

async fn rows_never_pass_twice_their_cap(store: Arc<dyn Upkeep>) {
    let clock = Clock::fixed(at(4));
    let keep = Keep { events: 1_000, ..KEEP };
    let mut job = job(&store, &clock, keep, "n").await;
    done(&mut job).await;
    let days = ["2026-11-24", "2026-11-25"].map(day);
    for number in 1..=6 {
        let on = days[usize::from(number > 3)];
        let number = (number - 1) % 3 + 1;
        let named = |kind| rows(kind, (0..500).map(|i| format!("{on} {number} {i}")));
        let (people, others) = (named(Kind::View), named(Kind::Bot));
        store.apply(&Batch { day: on, people, others, ..batch("n", number) }).await.unwrap();
        assert_eq!(job.look().await, [Turn::Nothing]);
        for of in RowsOf::ALL {
            let mut kept = 0;
            for day in days {
                kept += pages(store.as_ref(), SITE, day, of).await.len();
            }
            assert!((500..2_000).contains(&kept), "{kept}");
        }
    }
    for of in RowsOf::ALL {
        let newest = pages(store.as_ref(), SITE, days[1], of).await.pop();
        assert_eq!(newest.unwrap(), "2026-11-25 3 499");
    }
}

async fn rows_are_compacted_hourly_and_aged_when_their_day_is_over(store: Arc<dyn Upkeep>) {
    let clock = Clock::fixed(at(4));
    let keep = Keep { events: 100_000, ..KEEP };
    let mut jobs = [job(&store, &clock, keep, "1").await, job(&store, &clock, keep, "2").await];
    done(&mut jobs[0]).await;
    let blocks = async || {
        let stored = [RowsOf::People, RowsOf::Others].map(|of| store.rows(SITE, today(), of));
        let [people, others] = stored;
        (people.await.unwrap().blocks, others.await.unwrap().blocks)
    };
    for number in 1..=20 {
        store.apply(&view(number)).await.unwrap();
    }
    assert_eq!(blocks().await.0.len(), 20);
    let commands = || store.commands().load(std::sync::atomic::Ordering::Relaxed);
    let mut visits = Vec::new();
    for (hour, expected) in [(4, 20), (5, 1), (5, 1)] {
        clock.set(at(hour) + 60_000);
        for job in &mut jobs {
            assert_eq!(job.look().await, [Turn::Nothing]);
        }
        let stored = blocks().await.0;
        assert_eq!(stored.len(), expected, "{hour}");
        assert!(stored.iter().all(|packed| !packed.is_aged()));
        visits = stored.iter().map(|packed| packed.block().unwrap().visits).collect();
    }
    // Within the hour nothing is asked of the store.
    let before = commands();
    jobs.iter_mut().for_each(|_| clock.set(at(5) + 120_000));
    for job in &mut jobs {
        job.look().await;
    }
    assert_eq!(commands(), before);

    // An hour after the day it is aged, and what comes still later too.
    clock.set(at(25) - 1);
    jobs[1].look().await;
    assert!(!blocks().await.0[0].is_aged());
    let uniques = store.uniques(SITE, today()).await.unwrap();
    store.apply(&view(21)).await.unwrap();
    clock.set(at(25));
    jobs[1].look().await;
    let aged = blocks().await.0;
    assert!(aged.len() == 1 && aged[0].is_aged() && aged[0].len() == 21);
    let old: Vec<_> = visits.iter().flat_map(|visits| &visits.visitor).flatten().collect();
    let new = aged[0].block().unwrap().visits.visitor;
    assert_eq!((old.len(), new.len()), (20, 21));
    assert!(new.iter().flatten().all(|visitor| !old.contains(&visitor)));
    assert_eq!(store.uniques(SITE, today()).await.unwrap().0, uniques.0 + 1);
    store.apply(&view(22)).await.unwrap();
    clock.set(at(26));
    jobs[0].look().await;
    let later = blocks().await.0;
    assert!(later.iter().all(|packed| packed.is_aged()));
    assert_eq!(later[0].block().unwrap().visits.visitor[..21], new[..]);
    // Nothing is left to do.
    clock.set(at(27) - 1);
    jobs[0].look().await;
    assert_eq!(blocks().await.0, later);
    // Bots' rows likewise.
    let others = blocks().await.1;
    assert!(others.len() <= 2 && others.iter().all(PackedRows::is_aged));
    assert_eq!(others.iter().map(PackedRows::len).sum::<usize>(), 22);
}

/// By a node that was cut off from the store for a week.
async fn rows_that_come_days_late_are_aged_within_a_day(store: Arc<dyn Upkeep>) {
    let clock = Clock::fixed(at(4));
    let keep = Keep { events: 100_000, ..KEEP };
    let mut job = job(&store, &clock, keep, "n").await;
    done(&mut job).await;
    let late = day("2026-11-18");
    let blocks = async || store.rows(SITE, late, RowsOf::People).await.unwrap().blocks;
    for (number, hours) in [(1, 5), (2, 29), (3, 53)] {
        clock.set(at(hours));
        job.look().await;
        let batch = views("late", number, "2026-11-18", &[("/", 1)]);
        let batch = Batch { people: rows(Kind::View, ["/"]), ..batch };
        assert_eq!(store.apply(&batch).await.unwrap(), Applied::Now);
        assert!(blocks().await.iter().any(|packed| !packed.is_aged()));
        clock.set(at(hours + 24));
        job.look().await;
        let blocks = blocks().await;
        assert!(!blocks.is_empty() && blocks.iter().all(PackedRows::is_aged), "{hours}");
    }
}

async fn rows_go_after_their_days(store: Arc<dyn Upkeep>) {
    let clock = Clock::fixed(at(27));
    let keep = Keep { events: 1_000, rows_days: Some(2), ..KEEP };
    for on in ["2026-11-22", "2026-11-23", "2026-11-24", "2026-11-25"] {
        let batch = views("n", 1, on, &[("/", 1)]);
        let (people, others) = (rows(Kind::View, ["/"]), rows(Kind::Bot, ["/"]));
        store.apply(&Batch { people, others, ..batch }).await.unwrap();
    }
    done(&mut job(&store, &clock, keep, "n").await).await;
    for (on, kept) in [("2026-11-22", 0), ("2026-11-23", 1), ("2026-11-24", 1), ("2026-11-25", 1)] {
        for of in RowsOf::ALL {
            assert_eq!(pages(store.as_ref(), SITE, day(on), of).await.len(), kept, "{on}");
        }
        assert_eq!(page(&counts(&store, on).await, "/"), 1);
    }
}

#[tokio::test]
async fn a_salt_is_destroyed_an_hour_after_its_day() {
    let dir = tempfile::tempdir().unwrap();
    let store = open("sqlite:test.db", dir.path());
    let salt = Secret::Salt { site: SITE.into(), day: today() };
    let clock = Clock::fixed(at(23));
    let mut job = job(&store, &clock, KEEP, "n").await;
    done(&mut job).await;
    store.put_secret(&salt, None, b"salt", at(25)).await.unwrap();
    clock.set(at(25) - 1);
    job.look().await;
    assert!(store.secret(&salt).await.unwrap().is_some());
    clock.set(at(25));
    job.look().await;
    assert_eq!(store.secret(&salt).await.unwrap(), None);
}

#[tokio::test]
async fn a_store_that_turns_the_job_down_is_left_alone_for_a_minute() {
    let dir = tempfile::tempdir().unwrap();
    let store = open("sqlite:test.db", dir.path());
    let clock = Clock::fixed(at(12));
    let mut job = job(&store, &clock, KEEP, "a").await;
    let file = rusqlite::Connection::open(dir.path().join("test.db")).unwrap();
    file.execute_batch("DROP TABLE event_rows").unwrap();
    let commands = || store.commands().load(std::sync::atomic::Ordering::Relaxed);

    let before = commands();
    assert_eq!(job.look().await, [Turn::Nothing]);
    let asked = commands();
    assert!(asked > before, "it has been tried");
    clock.set(at(12) + 59_000);
    assert_eq!(job.look().await, [Turn::Nothing]);
    assert_eq!(commands(), asked, "and not again within the minute");
    clock.set(at(12) + 60_000);
    job.look().await;
    assert!(commands() > asked, "but then");
}
