//! Killed and replayed is as good as never killed.

use super::handed::Handed;
use super::model::Model;
use super::traffic::Traffic;
use super::{open, open_with};
use headcount::aggregate::{Engine, Marks};
use headcount::model::rollup::{Dimension, Metric, SLOT};
use headcount::model::site::{Day, Site, SiteId};
use headcount::model::{Answered, Hit, PageKind, Traits, VisitorHash, What, Window};
use proptest::prelude::*;
use rand10::rngs::StdRng;
use rand10::{RngExt, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};

type Counts = BTreeMap<(Day, Dimension, String, Metric), i64>;

/// What an outbox would have on disk.
#[derive(Default)]
struct Kept {
    counts: Counts,
    visitors: BTreeSet<VisitorHash>,
    hits: u64,
    marks: Marks,
}

impl Kept {
    /// Seals, and keeps what comes, as the flusher does.
    fn seal(&mut self, engine: &Engine) {
        let sealed = engine.seal();
        for ((_, day), window) in sealed.windows {
            self.add(day, window);
        }
        self.marks = sealed.marks;
        engine.journal().unwrap().settle().unwrap();
    }

    fn add(&mut self, day: Day, window: Window) {
        self.hits += window.hits;
        self.visitors.extend(window.visitors);
        for ((dimension, value), row) in &window.rows {
            for (metric, n) in row.counts() {
                *self.counts.entry((day, *dimension, value.to_string(), metric)).or_default() += n;
            }
        }
    }
}

/// Visitors are claimed once an hour, in whichever of its slots: only the hour's sum is a promise.
fn by_the_hour(site: &Site, counts: Counts) -> Counts {
    let mut folded = Counts::new();
    for ((day, dimension, value, metric), n) in counts {
        let claimed = matches!(metric, Metric::Visitors | Metric::ConfirmedVisitors);
        let value = match dimension {
            Dimension::Slot if claimed => {
                format!("hour {}", site.hour(value.parse::<i64>().unwrap() * SLOT))
            }
            _ => value,
        };
        *folded.entry((day, dimension, value, metric)).or_default() += n;
    }
    folded.retain(|_, n| *n != 0);
    folded
}

/// Runs the traffic with the process ended now and then: after a hit, after a seal whose
/// increments went down with the process, with a state written and not in force.
fn agree(seed: u64, length: usize, lanes: usize, state_after: u64) -> Result<(), TestCaseError> {
    let mut rng = StdRng::seed_from_u64(seed);
    let traffic = Traffic::new(seed, length);
    let dir = tempfile::tempdir().unwrap();
    let mut kept = Kept::default();
    let mut model = Model::new(traffic.site.clone());
    let events = traffic.hits.iter().filter(|(_, hit)| hit.what.is_event()).count();
    let (mut engine, mut telemetry) = open(dir.path(), &traffic.site, lanes, state_after, &vec![]);
    // A process begins by knowing nobody.
    let nobody = || Handed::new(&traffic.site, 100_000);
    let mut handed = nobody();
    for (client, hit) in traffic.hits.iter().cloned() {
        model.apply(client, &hit);
        engine.push(&handed.hand(hit));
        match rng.random_range(0..40) {
            0..3 => kept.seal(&engine),
            3 => {
                if rng.random() {
                    drop(engine.seal());
                }
                drop(engine);
                handed = nobody();
                (engine, telemetry) =
                    open(dir.path(), &traffic.site, lanes, state_after, &kept.marks);
            }
            _ => {}
        }
    }
    kept.seal(&engine);
    prop_assert_eq!(telemetry.journal_missed.get(), 0);
    prop_assert_eq!(kept.hits, events as u64);
    let got = by_the_hour(&traffic.site, kept.counts);
    let expected = by_the_hour(&traffic.site, model.counts());
    let wrong: Vec<String> = expected
        .keys()
        .chain(got.keys())
        .filter(|k| expected.get(k) != got.get(k))
        .map(|k| format!("{k:?}: model {:?}, replayed {:?}", expected.get(k), got.get(k)))
        .collect();
    prop_assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_counts_equal_the_models(seed: u64, length in 1..200_usize, lanes in 1..4_usize) {
        agree(seed, length, lanes, u64::MAX)?;
    }

    #[test]
    fn and_with_states_written_all_the_time(seed: u64, length in 1..200_usize, lanes in 1..4_usize) {
        agree(seed, length, lanes, 0)?;
    }
}

#[test]
fn and_over_a_long_run_with_hundreds_of_visitors() {
    for seed in 0..4 {
        agree(seed, 3_000, 2, seed % 2 * 100_000).unwrap();
    }
}

/// Names beyond their cap give way to one another in an order that a restart must not change.
#[test]
fn names_beyond_the_cap_come_out_alike() {
    use headcount::aggregate::{Limits, Shard};
    let limits = Limits { visitors: 50, rows: 3 };
    for seed in 0..30 {
        let traffic = Traffic::new(seed, 600);
        let sites = std::sync::Arc::new(vec![traffic.site.clone()]);
        let mut whole = Shard::seeded(sites.clone(), limits, 1);
        let mut halves = Shard::seeded(sites.clone(), limits, 1);
        for (i, (_, hit)) in traffic.hits.into_iter().enumerate() {
            whole.apply(hit.clone());
            halves.apply(hit);
            if i % 50 == 0 {
                let counts = |shard: &mut Shard| {
                    let mut kept = Kept::default();
                    shard.seal().into_iter().for_each(|((_, day), w)| kept.add(day, w));
                    kept.counts
                };
                assert_eq!(counts(&mut whole), counts(&mut halves));
                let mut saved = Vec::new();
                halves.save(&mut saved).unwrap();
                halves = Shard::seeded(sites.clone(), limits, 1);
                assert!(halves.restore(&saved));
            }
        }
    }
}

/// What is counted of each site, by name, of people who come once in each of several processes that
/// know these sites in these orders.
fn by_name(orders: &[&[&str]], state_after: u64) -> BTreeMap<(String, String, Metric), i64> {
    let dir = tempfile::tempdir().unwrap();
    let (mut counts, mut marks) = (BTreeMap::new(), Marks::new());
    for (round, names) in (1..).zip(orders) {
        let site = |name: &&str| Site { name: (*name).into(), ..Site::default() };
        let sites: Vec<Site> = names.iter().map(site).collect();
        let (engine, _) = open_with(dir.path(), sites.clone(), 1, state_after, &marks);
        for (person, name) in (1..).zip(["a.org", "b.org", "b.org", "c.org"]) {
            if !names.contains(&name) {
                continue;
            }
            let (page, traits) = (format!("/of-{name}").into(), Some(Traits::default()));
            let what = What::Answered(Answered {
                page,
                nonce: round * 10 + person,
                kind: PageKind::View,
                status: 200,
                traits,
                from: None,
                bytes: 0,
                origin: None,
            });
            let visitor = Some(VisitorHash::from_stored([person as u8; 8]));
            let (at, site) = (round as i64 * 60_000, SiteId::of(name));
            assert!(engine.push(&Hit { at, site, lane: 0, visitor, before_midnight: None, what }));
        }
        let sealed = engine.seal();
        if round % 2 == 1 {
            // What was sealed goes down with the process.
            continue;
        }
        marks = sealed.marks;
        engine.journal().unwrap().settle().unwrap();
        for ((site, _), window) in sealed.windows {
            for ((dimension, value), row) in &window.rows {
                for (metric, n) in row.counts().filter(|_| *dimension == Dimension::Page) {
                    let key = (sites[site].name.to_string(), value.to_string(), metric);
                    *counts.entry(key).or_default() += n;
                }
            }
        }
    }
    counts
}

/// Neither their order nor what else is configured changes whose hits, visits and visitors these
/// are.
#[test]
fn sites_are_known_by_name() {
    let same: &[&[&str]] = &[["a.org", "b.org", "c.org"].as_slice(); 4];
    let others: &[&[&str]] = &[
        &["a.org", "b.org", "c.org"],
        &["c.org", "b.org", "a.org"],
        &["b.org", "new.org", "a.org", "c.org"],
        &["new.org", "c.org", "a.org", "b.org"],
    ];
    for state_after in [0, u64::MAX] {
        let expected = by_name(same, state_after);
        assert_eq!(by_name(others, state_after), expected);
        let of = |site: &str, metric| expected[&(site.to_owned(), format!("/of-{site}"), metric)];
        assert!(of("b.org", Metric::Server) == 2 * of("a.org", Metric::Server), "{expected:?}");
        assert_eq!((of("b.org", Metric::Visits), of("c.org", Metric::Visits)), (2, 1));
    }
    // What is of a site that is gone harms nobody.
    let without: &[&[&str]] = &[&["a.org", "b.org", "c.org"], &["b.org"], &["b.org"], &["b.org"]];
    let of_b = |counts: BTreeMap<(String, String, Metric), i64>| -> BTreeMap<_, _> {
        counts.into_iter().filter(|((site, ..), _)| site == "b.org").collect()
    };
    assert_eq!(of_b(by_name(without, 0)), of_b(by_name(same, 0)));
}
