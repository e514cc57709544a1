//! `backfill`, over both stores: real traffic through the aggregator and the flusher, then days
//! that are deleted, spoilt, incomplete or in use.

use super::common::redis::RedisServer;
use super::common::traffic::Traffic;
use super::*;
use headcount::aggregate::{Engine, Limits};
use headcount::clock::Clock;
use headcount::flush::{DurableOutbox, FlushSettings, Flusher};
use headcount::model::rollup::{Field, OTHER};
use headcount::model::site::{Month, Site};
use headcount::store::{Applied, Rebuilt};
use headcount::telemetry::Telemetry;
use headcount::upkeep::backfill::Outcome;
use headcount::upkeep::compact::{Phase, compact};
use headcount::upkeep::{Backfill, Keep, Progress};
use std::collections::BTreeSet;
use std::time::Duration;

on_both_stores! {
    a_deleted_day_comes_back_as_it_was
    a_spoilt_day_is_set_right_and_the_rest_is_left_alone
    more_is_not_replaced_by_less_unless_told
    a_days_batches_go_on_after_it
    a_closed_day_is_folded_and_its_month_made_again
    an_aged_day_keeps_its_visitors
}

const KEEP: Keep = Keep { events: 100_000, rows: 10_000, rows_days: None, days: None };

/// Everything that is stored of a day, but the version.
#[derive(Debug, PartialEq)]
struct Stored {
    fields: BTreeSet<(Field, i64)>,
    uniques: (u64, u64),
    /// Of people, and of others.
    rows: [usize; 2],
}

async fn all(store: &dyn Upkeep, site: &Site, day: Day) -> Stored {
    let counts = store.days(&site.name, &[day]).await.unwrap().remove(0);
    let mut rows = [0; 2];
    for (rows, of) in rows.iter_mut().zip(RowsOf::ALL) {
        let stored = store.rows(&site.name, day, of).await.unwrap();
        *rows = stored.blocks.iter().map(|packed| packed.block().unwrap().len()).sum();
    }
    Stored {
        fields: counts.fields().collect(),
        uniques: store.uniques(&site.name, day).await.unwrap(),
        rows,
    }
}

/// Two days of traffic around midnight, delivered in several flushes.
async fn count(store: &Arc<dyn Upkeep>, seed: u64) -> (Site, Vec<Day>) {
    let traffic = Traffic::new(seed, 2_000);
    let site = traffic.site.clone();
    let sites = Arc::new(vec![site.clone()]);
    let telemetry = Arc::new(Telemetry::default());
    let limits = Limits { visitors: 10_000, rows: 10_000 };
    let clock = Clock::fixed(0);
    let engine = Engine::start(sites.clone(), limits, 2, 100_000, telemetry.clone(), clock.clone());
    let engine = Arc::new(engine);
    let durable = DurableOutbox::in_memory("node".into(), 64_000_000, 100_000);
    let settings =
        FlushSettings { interval: Duration::from_secs(10), last: Duration::from_secs(1) };
    let store: Arc<dyn Store> = store.clone();
    let mut flusher =
        Flusher::new(engine.clone(), store, sites, telemetry, clock, durable, settings);
    let mut days = BTreeSet::new();
    for (i, (_, hit)) in traffic.hits.into_iter().enumerate() {
        days.insert(site.day(hit.at));
        engine.push(&hit);
        if i % 400 == 0 {
            assert!(flusher.flush().await);
        }
    }
    assert!(flusher.flush().await);
    (site, days.into_iter().collect())
}

async fn backfill(store: &dyn Upkeep, site: &Site, days: &[Day], force: bool) -> Vec<Outcome> {
    let what = Backfill { from: days[0], to: *days.last().unwrap(), force };
    // Long after: all days are closed.
    let today = day("2027-06-01");
    let run = what.run(store, site, KEEP, today, &mut Progress::silent()).await;
    run.unwrap().into_iter().map(|(_, outcome)| outcome).collect()
}

fn is_replaced(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Replaced { .. })
}

async fn a_deleted_day_comes_back_as_it_was(store: Arc<dyn Upkeep>) {
    for seed in 0..5 {
        let (site, days) = count(&store, seed).await;
        let store = store.as_ref();
        let mut before = Vec::new();
        for day in &days {
            before.push(all(store, &site, *day).await);
        }
        let much = |day: &Stored| day.uniques.0 > 10 && day.rows.iter().all(|rows| *rows > 50);
        assert!(before.iter().any(much), "{before:?}");
        let untouched = backfill(store, &site, &days, false).await;
        assert!(untouched.iter().all(|outcome| *outcome == Outcome::Same), "{untouched:?}");

        for day in &days {
            // As if the keys had been deleted; the rows are what is left.
            let version = store.versions(&site.name, &[*day]).await.unwrap()[0];
            let nothing = Rebuilt { run: "gone".into(), ..Rebuilt::default() };
            store.stage(&site.name, *day, &nothing).await.unwrap();
            assert!(store.swap(&site.name, *day, &nothing, version).await.unwrap());
            let empty = all(store, &site, *day).await;
            assert!(empty.fields.is_empty() && empty.uniques == (0, 0), "{empty:?}");
        }
        assert!(backfill(store, &site, &days, false).await.iter().all(is_replaced));
        for (day, before) in days.iter().zip(before) {
            assert_eq!(all(store, &site, *day).await, before);
            store.forget(&site.name, *day).await.unwrap();
        }
    }
}

async fn a_spoilt_day_is_set_right_and_the_rest_is_left_alone(store: Arc<dyn Upkeep>) {
    let (site, days) = count(&store, 1).await;
    let store = store.as_ref();
    let mut busiest = ([0; 2], 0);
    for (i, day) in days.iter().enumerate() {
        busiest = busiest.max((all(store, &site, *day).await.rows, i));
    }
    let spoilt = busiest.1;
    let before = all(store, &site, days[spoilt]).await;
    // A count that went astray: the row has lost what another has gained.
    let (from, to) = (
        field(Dimension::Page, "/a", Metric::Server),
        field(Dimension::Page, "/x", Metric::Server),
    );
    store.fold(&site.name, days[spoilt], &[(from, to)]).await.unwrap();
    assert!(all(store, &site, days[spoilt]).await != before);
    for (i, outcome) in backfill(store, &site, &days, false).await.iter().enumerate() {
        assert!(if i == spoilt { is_replaced(outcome) } else { *outcome == Outcome::Same });
    }
    assert_eq!(all(store, &site, days[spoilt]).await, before);
    let ahead = [day("2027-05-01"), day("2027-05-02")];
    assert_eq!(backfill(store, &site, &ahead, true).await, [Outcome::Empty, Outcome::Empty]);
}

async fn more_is_not_replaced_by_less_unless_told(store: Arc<dyn Upkeep>) {
    let (site, days) = count(&store, 2).await;
    let store = store.as_ref();
    let last = [*days.last().unwrap()];
    let before = all(store, &site, last[0]).await;
    store.trim(&site.name, before.rows[0] / 2, 0).await.unwrap();
    let kept = all(store, &site, last[0]).await;
    assert_eq!((&kept.fields, kept.uniques), (&before.fields, before.uniques));
    let outcome = backfill(store, &site, &last, false).await.remove(0);
    assert!(matches!(outcome, Outcome::Less { .. }), "{outcome}");
    assert_eq!(all(store, &site, last[0]).await, kept);
    assert!(is_replaced(&backfill(store, &site, &last, true).await[0]));
    let less = all(store, &site, last[0]).await;
    assert!(less.fields != before.fields && less.uniques.0 < before.uniques.0);
}

async fn a_days_batches_go_on_after_it(store: Arc<dyn Upkeep>) {
    let store = store.as_ref();
    let site = site();
    for number in 1..=3 {
        store.apply(&view(number)).await.unwrap();
    }
    let (from, to) =
        (field(Dimension::Page, "/", Metric::Server), field(Dimension::Page, "/x", Metric::Server));
    store.fold(SITE, today(), &[(from, to)]).await.unwrap();
    assert!(is_replaced(&backfill(store, &site, &[today()], false).await[0]));
    assert_eq!(store.apply(&view(3)).await.unwrap(), Applied::Before);
    assert_eq!(store.apply(&view(5)).await.unwrap(), Applied::Gap { have: 3 });
    assert_eq!(store.apply(&view(4)).await.unwrap(), Applied::Now);
    assert_eq!((stored(store).await, store.uniques(SITE, today()).await.unwrap().0), (4, 4));

    // What was applied since the day was read is not swapped away.
    let version = store.versions(SITE, &[today()]).await.unwrap()[0];
    let nothing = Rebuilt { run: "late".into(), ..Rebuilt::default() };
    store.stage(SITE, today(), &nothing).await.unwrap();
    store.apply(&view(5)).await.unwrap();
    assert!(!store.swap(SITE, today(), &nothing, version).await.unwrap());
    assert_eq!(stored(store).await, 5);
}

async fn a_closed_day_is_folded_and_its_month_made_again(store: Arc<dyn Upkeep>) {
    let (site, days) = count(&store, 3).await;
    let store = store.as_ref();
    let (first, month) = (days[0], Month::of(days[0]));
    let what = Backfill { from: first, to: first, force: false };
    let keep = Keep { rows: 2, ..KEEP };
    let run = async |today| what.run(store, &site, keep, today, &mut Progress::silent()).await;
    // Still open: nothing is folded, and it is no part of a month.
    assert_eq!(run(first).await.unwrap()[0].1, Outcome::Same);
    assert_eq!(store.months(&site.name, &[month]).await.unwrap()[0].version, 0);
    assert!(is_replaced(&run(day("2027-06-01")).await.unwrap()[0].1));
    let counts = store.days(&site.name, &[first]).await.unwrap().remove(0);
    assert_eq!(counts.rows(Dimension::Page).count(), 3);
    assert!(counts.rows(Dimension::Page).any(|(value, _)| value == OTHER));
    let rolled = store.months(&site.name, &[month]).await.unwrap().remove(0);
    let day_total = rolled.row(Dimension::Day, &first.to_string());
    assert_eq!(day_total, counts.row(Dimension::Total, ""));

    assert!(store.put_month(&site.name, month, &[], true).await.unwrap());
    assert_eq!(run(day("2027-06-01")).await.unwrap()[0].1, Outcome::Gone);
}

async fn an_aged_day_keeps_its_visitors(store: Arc<dyn Upkeep>) {
    let (site, days) = count(&store, 4).await;
    let store = store.as_ref();
    let mut before = Vec::new();
    for day in &days {
        before.push(all(store, &site, *day).await);
        assert!(compact(store, &site.name, *day, Phase::Over).await.unwrap());
        let aged = all(store, &site, *day).await;
        assert_eq!(
            (&aged.fields, aged.uniques),
            (&before.last().unwrap().fields, before.last().unwrap().uniques)
        );
    }
    assert!(before.iter().any(|day| day.uniques.0 > 10 && day.uniques.1 > 0), "{before:?}");
    // Versions are cut short and times rounded, which is no reason to replace what was counted.
    let untouched = backfill(store, &site, &days, false).await;
    assert!(untouched.iter().all(|outcome| *outcome == Outcome::Same), "{untouched:?}");

    // A spoilt count is set right; visitors stay, though no row knows their hashes.
    let (day, before) = days.iter().zip(before).max_by_key(|(_, day)| day.rows[0]).unwrap();
    let name = |value| field(Dimension::Page, value, Metric::Server);
    store.fold(&site.name, *day, &[(name("/a"), name("/x"))]).await.unwrap();
    let outcome = backfill(store, &site, &[*day], false).await.remove(0);
    assert!(matches!(outcome, Outcome::Replaced { aged: true, .. }), "{outcome}");
    assert!(outcome.to_string().contains("visitors as counted"), "{outcome}");
    let after = all(store, &site, *day).await;
    assert_eq!(after.uniques, before.uniques);
    let told = |day: &Stored| {
        let cut = [Dimension::BrowserVersion, Dimension::OsVersion];
        let told = |(field, _): &&(Field, i64)| {
            !cut.contains(&field.dimension) && field.metric != Metric::Duration
        };
        day.fields.iter().filter(told).cloned().collect::<BTreeSet<_>>()
    };
    assert_eq!(told(&after), told(&before));
}

/// The very sketches: registers are the same, whatever order the visitors came in.
#[tokio::test]
async fn in_redis_sketches_come_back_to_the_byte() {
    let server = RedisServer::start();
    let store = open(&server.url(), server.dir.path());
    let (site, days) = count(&store, 6).await;
    let registers = |copy: &str, day: &Day| {
        ["unique:visits", "unique:confirmed"].map(|sketch| {
            let key = format!("{sketch}:{{{}:{day}}}", site.name);
            server.command::<::redis::Value>(&["DEL", copy]);
            server.command::<::redis::Value>(&["PFMERGE", copy, &key]);
            server.command::<Vec<u8>>(&["GET", copy])
        })
    };
    for day in &days {
        let before = registers("copy", day);
        for sketch in ["unique:visits", "unique:confirmed", "visits:daily"] {
            let key = format!("{sketch}:{{{}:{day}}}", site.name);
            server.command::<::redis::Value>(&["DEL", &key]);
        }
        assert!(registers("copy", day) != before);
        assert!(is_replaced(&backfill(store.as_ref(), &site, &[*day], false).await[0]));
        assert!(registers("copy", day) == before, "{day}");
    }
}

/// An earlier release kept events as JSON, which say too little: they count for nothing.
#[tokio::test]
async fn events_of_an_earlier_release_are_told_of() {
    let server = RedisServer::start();
    let store = open(&server.url(), server.dir.path());
    store.apply(&Batch { people: PackedRows::default(), ..view(1) }).await.unwrap();
    let list = format!("visits:events:{{{SITE}:{}}}", today());
    let event = r#"{"t":1,"type":"view","page":"/","visitor":"0000000000000001"}"#;
    server.command::<i64>(&["RPUSH", &list, event, event]);
    store.apply(&view(2)).await.unwrap();
    match backfill(store.as_ref(), &site(), &[today()], false).await.remove(0) {
        Outcome::Less { stored, events, what } => {
            assert_eq!((stored.pageviews, events.pageviews), (2, 1));
            assert!(what.contains("2 events of an earlier release"), "{what}");
        }
        other => panic!("{other}"),
    }
    let of_people = store.rows(SITE, today(), RowsOf::People).await.unwrap();
    assert_eq!((of_people.foreign, of_people.blocks), (2, vec![view(2).people]));
    // They take part in the cap, one a piece, until they are trimmed.
    store.trim(SITE, 2, 0).await.unwrap();
    assert_eq!(store.rows(SITE, today(), RowsOf::People).await.unwrap().foreign, 1);
    store.trim(SITE, 1, 0).await.unwrap();
    assert_eq!(store.rows(SITE, today(), RowsOf::People).await.unwrap().foreign, 0);
}
