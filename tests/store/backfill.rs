//! `backfill`, over both stores: real traffic through the aggregator and the flusher, then days that
//! are deleted, spoilt, incomplete or in use.

use super::common::redis::RedisServer;
use super::common::traffic::Traffic;
use super::*;
use headcount::aggregate::{Engine, Limits};
use headcount::clock::Clock;
use headcount::flush::{DurableOutbox, Flusher, Settings};
use headcount::model::Events;
use headcount::model::rollup::OTHER;
use headcount::model::site::{Month, Site};
use headcount::store::Applied;
use headcount::telemetry::Telemetry;
use headcount::upkeep::backfill::Outcome;
use headcount::upkeep::{Backfill, Keep, Progress};
use std::collections::BTreeSet;
use std::time::Duration;

on_both_stores! {
    a_deleted_day_comes_back_as_it_was
    a_spoilt_day_is_set_right_and_the_rest_is_left_alone
    more_is_not_replaced_by_less_unless_told
    a_days_batches_go_on_after_it
    a_closed_day_is_folded_and_its_month_made_again
}

const KEEP: Keep = Keep { events: 100_000, rows: 10_000, days: None };

/// Everything that is stored of a day, but the version.
#[derive(Debug, PartialEq)]
struct Stored {
    fields: BTreeSet<(String, i64)>,
    uniques: (u64, u64),
    events: usize,
}

async fn all(store: &dyn Upkeep, site: &Site, day: Day) -> Stored {
    let counts = store.days(&site.name, &[day]).await.unwrap().remove(0);
    Stored {
        fields: counts.fields().collect(),
        uniques: store.uniques(&site.name, day).await.unwrap(),
        events: store.events(&site.name, day, usize::MAX).await.unwrap().len(),
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
    let settings = Settings { interval: Duration::from_secs(10), last: Duration::from_secs(1) };
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
        assert!(before.iter().any(|day| day.uniques.0 > 10 && day.events > 100), "{before:?}");
        let untouched = backfill(store, &site, &days, false).await;
        assert!(untouched.iter().all(|outcome| *outcome == Outcome::Same), "{untouched:?}");

        for day in &days {
            // As if the keys had been deleted; the list of events is what is left.
            let version = store.versions(&site.name, &[*day]).await.unwrap()[0];
            let nothing = headcount::store::Rebuilt::default();
            store.stage(&site.name, *day, &nothing, "gone").await.unwrap();
            assert!(store.swap(&site.name, *day, &nothing, "gone", version).await.unwrap());
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
    let mut busiest = (0, 0);
    for (i, day) in days.iter().enumerate() {
        busiest = busiest.max((all(store, &site, *day).await.events, i));
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
    store.trim(&site.name, before.events / 2, 0).await.unwrap();
    let kept = all(store, &site, last[0]).await;
    assert_eq!((&kept.fields, kept.uniques), (&before.fields, before.uniques));
    let outcome = backfill(store, &site, &last, false).await.remove(0);
    assert!(matches!(outcome, Outcome::Less { .. }), "{outcome}");
    assert_eq!(all(store, &site, last[0]).await, kept);
    assert!(is_replaced(&backfill(store, &site, &last, true).await[0]));
    let less = all(store, &site, last[0]).await;
    assert!(less.fields != before.fields && less.uniques.0 < before.uniques.0);

    // Events of an older version do not say what they added: they count for nothing.
    let old = Batch {
        site: site.name.clone(),
        day: last[0],
        fields: vec![(field(Dimension::Total, "", Metric::Server), 1)],
        events: Events::from_iter([r#"{"t":1,"type":"view","page":"/"}"#]),
        ..batch("old", 1)
    };
    assert_eq!(store.apply(&old).await.unwrap(), Applied::Now);
    match backfill(store, &site, &last, false).await.remove(0) {
        Outcome::Less { what, .. } => assert!(what.contains("1 events do not say"), "{what}"),
        other => panic!("{other}"),
    }
}

async fn a_days_batches_go_on_after_it(store: Arc<dyn Upkeep>) {
    let store = store.as_ref();
    let site =
        Site { name: SITE.into(), hosts: Vec::new(), timezone: chrono_tz::UTC, ..Site::default() };
    let event = |n: u64| {
        let add = r#""add":[["server 1","total","page"]],"in":"v""#;
        format!(r#"{{"t":{n},"type":"view","page":"/","visitor":"{n:016x}",{add}}}"#)
    };
    let batch = |number: u64| Batch {
        fields: vec![
            (field(Dimension::Total, "", Metric::Server), 1),
            (field(Dimension::Page, "/", Metric::Server), 1),
        ],
        visitors: vec![VisitorHash::parse(&format!("{number:016x}")).unwrap()],
        events: Events::from_iter([event(number)]),
        ..batch("n", number)
    };
    for number in 1..=3 {
        store.apply(&batch(number)).await.unwrap();
    }
    let (from, to) =
        (field(Dimension::Page, "/", Metric::Server), field(Dimension::Page, "/x", Metric::Server));
    store.fold(SITE, today(), &[(from, to)]).await.unwrap();
    assert!(is_replaced(&backfill(store, &site, &[today()], false).await[0]));
    assert_eq!(store.apply(&batch(3)).await.unwrap(), Applied::Before);
    assert_eq!(store.apply(&batch(5)).await.unwrap(), Applied::Gap { have: 3 });
    assert_eq!(store.apply(&batch(4)).await.unwrap(), Applied::Now);
    assert_eq!((stored(store).await, store.uniques(SITE, today()).await.unwrap().0), (4, 4));

    // What was applied since the day was read is not swapped away.
    let version = store.versions(SITE, &[today()]).await.unwrap()[0];
    let nothing = headcount::store::Rebuilt::default();
    store.stage(SITE, today(), &nothing, "late").await.unwrap();
    store.apply(&batch(5)).await.unwrap();
    assert!(!store.swap(SITE, today(), &nothing, "late", version).await.unwrap());
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
