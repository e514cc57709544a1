//! The aggregator against a naive model written from the rules of counting alone.
//!
//! Random traffic (people, pages, beacons that are late, reordered, repeated, without an id or
//! with a used one, midnight, one or two nodes) goes to both. The aggregator keeps increments;
//! the model keeps the whole story in plain lists, and only counts at the end.
//!
//! And the way back: what a window's events say they added is what the window adds, to the last
//! row and visitor.

mod common {
    pub mod handed;
    // `answers` asks for what filters let through.
    #[allow(dead_code)]
    pub mod model;
    pub mod traffic;
}

use common::handed::Handed;
use common::model::Model;
use common::traffic::Traffic;
use headcount::aggregate::{Limits, Recount, Shard};
use headcount::clock::{MINUTE, SECOND};
use headcount::model::rollup::{Dimension, Metric, SLOT};
use headcount::model::site::{Day, Site};
use headcount::model::{
    Answered, Hit, IdVerdict, Nav, PageKind, ScriptEvent, ScriptEventKind, Shown, Tracker, Traits,
    VisitorHash, What, Window,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

type Counts = BTreeMap<(Day, Dimension, String, Metric), i64>;

/// What shards have to add to the store, all windows summed up.
fn counts(windows: Vec<((usize, Day), Window)>) -> Counts {
    let mut counts = Counts::new();
    for ((_, day), window) in windows {
        for ((dimension, value), row) in &window.rows {
            for (metric, n) in row.counts() {
                *counts.entry((day, *dimension, value.to_string(), metric)).or_default() += n;
            }
        }
    }
    counts.retain(|_, n| *n != 0);
    counts
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
    folded
}

/// Sums up again what happened on each day.
fn recount(
    site: &Site,
    rows: usize,
    windows: &[((usize, Day), Window)],
) -> Result<Counts, TestCaseError> {
    let mut again = Vec::new();
    for day in windows.iter().map(|((_, day), _)| *day).collect::<BTreeSet<_>>() {
        let of_day = || windows.iter().filter(|((_, of), _)| *of == day).map(|(_, window)| window);
        let mut recount = Recount::new(site, day, rows);
        for window in of_day() {
            window.people.rows().chain(window.others.rows()).for_each(|row| recount.count(&row));
        }
        let recounted = recount.finish();
        let all = |of: fn(&Window) -> &Vec<VisitorHash>| {
            of_day().flat_map(of).copied().collect::<BTreeSet<_>>()
        };
        let sorted = |them: &[VisitorHash]| them.iter().copied().collect::<BTreeSet<_>>();
        prop_assert_eq!(all(|window| &window.visitors), sorted(&recounted.visitors));
        prop_assert_eq!(all(|window| &window.confirmed), sorted(&recounted.confirmed));
        again.push(((0, day), recounted));
    }
    Ok(counts(again))
}

fn agree(seed: u64, length: usize, nodes: usize) -> Result<(), TestCaseError> {
    let traffic = Traffic::new(seed, length);
    let sites = Arc::new(vec![traffic.site.clone()]);
    let limits = Limits { visitors: 100_000, rows: 10_000 };
    let mut shards: Vec<Shard> = (0..nodes).map(|_| Shard::new(sites.clone(), limits)).collect();
    let mut handed: Vec<Handed> =
        (0..nodes).map(|_| Handed::new(&traffic.site, limits.visitors)).collect();
    let mut model = Model::new(traffic.site.clone());
    let mut windows = Vec::new();
    for (i, (client, hit)) in traffic.hits.iter().cloned().enumerate() {
        model.apply(client, &hit);
        let node = client % nodes;
        shards[node].apply(handed[node].hand(hit));
        if i % 37 == 0 {
            windows.extend(shards[node].seal());
        }
    }
    windows.extend(shards.iter_mut().flat_map(Shard::seal));
    let again = recount(&traffic.site, limits.rows, &windows)?;
    let got = counts(windows);
    let wrong = differences(&got, &again);
    prop_assert!(wrong.is_empty(), "counted, and counted again:\n{}", wrong.join("\n"));
    let got = by_the_hour(&traffic.site, got);
    let expected = by_the_hour(&traffic.site, model.counts());
    let wrong = differences(&expected, &got);
    prop_assert!(wrong.is_empty(), "the model's, the aggregator's:\n{}", wrong.join("\n"));
    Ok(())
}

/// The counts that differ.
fn differences(one: &Counts, other: &Counts) -> Vec<String> {
    let keys: BTreeSet<_> = one.keys().chain(other.keys()).collect();
    let differ = keys.into_iter().filter(|key| one.get(key) != other.get(key));
    differ.map(|key| format!("{key:?}: {:?}, {:?}", one.get(key), other.get(key))).collect()
}

/// `make torture` tries more.
fn stories() -> u32 {
    if std::env::var_os("TORTURE").is_some() { 10_000 } else { 2_500 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: stories(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_counts_equal_the_models(seed: u64, length in 1..150_usize, nodes in 1..3_usize) {
        agree(seed, length, nodes)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// However few visitors a shard remembers and however many come, nothing is missing where
    /// visitors are not described again.
    #[test]
    fn visitors_introduced_once_count_alike(
        seed: u64,
        length in 1..1_500_usize,
        visitors in 1..60_usize,
    ) {
        let mut traffic = Traffic::new(seed, length);
        traffic.site.new_visit_on_source = false;
        let sites = Arc::new(vec![traffic.site.clone()]);
        let limits = Limits { visitors, rows: 10_000 };
        let [mut whole, mut other] = [0; 2].map(|_| Shard::seeded(sites.clone(), limits, seed));
        let mut handed = Handed::new(&traffic.site, visitors);
        for (_, hit) in &traffic.hits {
            whole.apply(hit.clone());
            other.apply(handed.hand(hit.clone()));
        }
        let [whole, other] = [whole, other].map(|mut s| counts(s.seal().into_iter().collect()));
        prop_assert_eq!(other, whole);
    }
}

/// Traffic that never leads to a row would prove nothing of its rule.
#[test]
fn every_rule_comes_up_in_the_traffic() {
    let mut seen = BTreeSet::new();
    for seed in 0..5 {
        let traffic = Traffic::new(seed, 3_000);
        let mut model = Model::new(traffic.site.clone());
        traffic.hits.iter().for_each(|(client, hit)| model.apply(*client, hit));
        seen.extend(
            model.counts().into_keys().map(|(_, dimension, _, metric)| (dimension, metric)),
        );
    }
    use Dimension as D;
    use Metric as M;
    for row in [
        (D::Suspected, M::Visits),
        (D::Suspected, M::Server),
        (D::Suspected, M::ConfirmedVisitors),
        (D::Download, M::Complete),
        (D::Prefetch, M::Bytes),
        (D::Prefetch, M::Seen),
        (D::ErrorLink, M::Seen),
        (D::ErrorStatus, M::Seen),
        (D::Feed, M::Subscribers),
        (D::Cached, M::Browser),
        (D::Outbound, M::Visitors),
        (D::File, M::Visitors),
        (D::EventProperty, M::Events),
        (D::Goal, M::Revenue),
        (D::FunnelStep, M::Visits),
        (D::ClickMap, M::Events),
        (D::Outline, M::Events),
        (D::ScrollMap, M::Events),
        (D::Page, M::ScrollDepth),
        (D::Page, M::Revenue),
        (D::Page, M::Bytes),
        (D::Timing, M::Events),
        (D::AiPage, M::Responses),
        (D::BotProof, M::Responses),
        (D::BotRules, M::Responses),
    ] {
        assert!(seen.contains(&row), "{row:?}");
    }
}

#[test]
fn and_over_a_long_run_with_hundreds_of_visitors() {
    for seed in 0..20 {
        agree(seed, 5_000, 2).unwrap();
    }
}

/// Found by chance: a visit on either side of midnight, and then a late view from before it.
#[test]
fn a_late_visit_knows_of_the_one_before() {
    agree(8_660_447_893_260_435_787, 36, 1).unwrap();
}

/// A book keeps its rows from window to window, and lets them go when it has too many. A visit that
/// goes on finds its rows all the same.
#[test]
fn rows_are_found_again_when_a_book_begins_anew() {
    const PAGES: usize = 6_000;
    let site = Site { name: "example.org".into(), ..Site::default() };
    let mut shard = Shard::new(Arc::new(vec![site]), Limits { visitors: 10, rows: 100_000 });
    let traits = Traits::from([(Dimension::Browser, "Firefox"), (Dimension::Country, "DE")]);
    let mut nonce = 0;
    let mut view = |shard: &mut Shard, page: String| {
        nonce += 1;
        let (kind, status, traits) = (PageKind::View, 200, Some(traits.clone()));
        let (page, from, bytes, origin) = (page.into(), None, 7, None);
        let what =
            What::Answered(Answered { page, nonce, kind, status, traits, from, bytes, origin });
        let visitor = Some(VisitorHash::from_stored([1; 8]));
        let at = 1_800_000_000_000 + nonce as i64;
        shard.apply(Hit {
            at,
            site: Default::default(),
            lane: 0,
            visitor,
            before_midnight: None,
            what,
        });
    };
    let mut windows = Vec::new();
    // Each way: few rows, more than are kept, and few again, twice.
    for round in [1, PAGES, 1, 1, PAGES, 1, 1] {
        (0..round).for_each(|i| view(&mut shard, format!("/{i}")));
        windows.extend(shard.seal());
    }
    let got = counts(windows);
    let views = 2 * PAGES as i64 + 5;
    let of = |dimension, value: &str, metric| {
        let rows =
            got.iter().filter(|((_, d, v, m), _)| (*d, &**v, *m) == (dimension, value, metric));
        rows.map(|(_, n)| *n).sum::<i64>()
    };
    for (dimension, value) in [
        (Dimension::Total, ""),
        (Dimension::Browser, "Firefox"),
        (Dimension::Country, "DE"),
        (Dimension::EntryPage, "/0"),
    ] {
        let of = |metric| of(dimension, value, metric);
        assert_eq!([of(Metric::Server), of(Metric::Visitors), of(Metric::Visits)], [views, 1, 1]);
    }
    for (page, views) in [("/0", 7), ("/1", 2), ("/5999", 2)] {
        assert_eq!(of(Dimension::Page, page, Metric::Server), views, "{page}");
        assert_eq!(of(Dimension::Page, page, Metric::Bytes), 7 * views, "{page}");
    }
}

/// Whoever asks for invented pages all day takes as much memory as a keen reader; nothing but
/// visitors of further pages goes uncounted.
#[test]
fn one_visitor_claims_only_so_many_rows() {
    const PAGES: i64 = 20_000;
    const HOUR: i64 = 3_600_000;
    let site = Site { name: "example.org".into(), new_visit_on_source: true, ..Site::default() };
    let limits = Limits { visitors: 10, rows: 100_000 };
    let mut shard = Shard::seeded(Arc::new(vec![site]), limits, 7);
    let begin = 1_800_000_000_000 / (24 * HOUR) * 24 * HOUR;
    let mut view = |nonce: i64, at: i64| {
        // Each a visit of its own, with another exit page.
        let traits = Traits::from([(Dimension::Source, format!("source {nonce}").as_str())]);
        let (page, kind) = (format!("/{nonce}").into(), PageKind::View);
        let (status, traits, nonce) = (200, Some(traits), nonce as u64);
        let (from, bytes, origin) = (None, 0, None);
        let what =
            What::Answered(Answered { page, nonce, kind, status, traits, from, bytes, origin });
        let visitor = Some(VisitorHash::from_stored([1; 8]));
        shard.apply(Hit {
            at,
            site: Default::default(),
            lane: 0,
            visitor,
            before_midnight: None,
            what,
        });
    };
    (0..PAGES).for_each(|nonce| view(nonce, begin + nonce));
    // The next hour still counts them.
    view(PAGES, begin + HOUR);
    let got = counts(shard.seal().into_iter().collect());
    let sum = |dimension, metric| {
        let rows = got.iter().filter(|((_, d, _, m), _)| (*d, *m) == (dimension, metric));
        rows.map(|(_, n)| *n).sum::<i64>()
    };
    assert_eq!(sum(Dimension::Total, Metric::Server), PAGES + 1);
    assert_eq!(sum(Dimension::Page, Metric::Server), PAGES + 1);
    assert_eq!(sum(Dimension::Total, Metric::Visitors), 1);
    assert_eq!(sum(Dimension::Slot, Metric::Visitors), 2);
    let pages = sum(Dimension::Page, Metric::Visitors);
    assert!((300..1_100).contains(&pages), "{pages}");
    let exits = sum(Dimension::ExitPage, Metric::Visitors);
    assert!((50..200).contains(&exits), "{exits}");
}

/// A browser's clock says when something happened, and nothing of who is here.
#[test]
fn current_is_who_was_heard_of_lately_whatever_the_browsers_clock_says() {
    const NOW: i64 = 1_800_000_000_000;
    let site = Site { name: "example.org".into(), ..Site::default() };
    let mut shard = Shard::new(Arc::new(vec![site]), Limits { visitors: 10, rows: 100 });
    let mut tell = |visitor: u8, at, what: What| {
        let visitor = Some(VisitorHash::from_stored([visitor; 8]));
        shard.apply(Hit {
            at,
            site: Default::default(),
            lane: 0,
            visitor,
            before_midnight: None,
            what,
        });
    };
    let shown = |received| {
        let (page, traits, screen) = ("/".into(), Traits::default(), None);
        let (nav, id, n) = (Nav::History, IdVerdict::Invalid, None);
        let by = Tracker::Own;
        What::Shown(Shown { by, page, traits, received, screen, nav, id, n })
    };
    let told = |received| {
        let kind = ScriptEventKind::Outbound { url: "https://example.com/".into() };
        let (by, page) = (Tracker::Own, "/".into());
        What::ScriptEvent(ScriptEvent { by, page, kind, received, n: None })
    };
    tell(1, NOW - 10 * MINUTE, shown(NOW - 10 * MINUTE));
    tell(2, NOW, shown(NOW));
    // Slow clocks, of a view and of an event, and one that is ahead.
    tell(3, NOW - 4 * MINUTE, shown(NOW + SECOND));
    tell(1, NOW - 4 * MINUTE, told(NOW + 2 * SECOND));
    tell(4, NOW + 4 * MINUTE, shown(NOW + 3 * SECOND));
    let current = |at| shard.current_visitors(0, at - 5 * MINUTE);
    assert_eq!(current(NOW + 2 * MINUTE), 3, "the first has not viewed anything for long");
    assert_eq!(current(NOW + 5 * MINUTE + SECOND), 2);
    assert_eq!(current(NOW + 6 * MINUTE), 0);
}

/// Whose hash changes at midnight is one visitor.
#[test]
fn midnight_makes_nobody_current_twice() {
    let site = Site { name: "example.org".into(), ..Site::default() };
    let midnight = site.day_start("2027-01-15".parse().unwrap());
    let mut shard = Shard::new(Arc::new(vec![site]), Limits { visitors: 10, rows: 100 });
    let [old, new] = [1, 2].map(|byte| Some(VisitorHash::from_stored([byte; 8])));
    let mut view = |at, visitor, before_midnight| {
        let (page, from, bytes, origin) = ("/".into(), None, 7, None);
        let (nonce, kind, status, traits) = (at as u64, PageKind::View, 200, None);
        let what =
            What::Answered(Answered { page, nonce, kind, status, traits, from, bytes, origin });
        shard.apply(Hit { at, site: Default::default(), lane: 0, visitor, before_midnight, what });
        shard.current_visitors(0, at - 5 * MINUTE)
    };
    assert_eq!(view(midnight - MINUTE, old, None), 1);
    assert_eq!(view(midnight + MINUTE, new, old), 1);
}

/// A browser whose clock is ahead views a page of tomorrow; then its visit falls under suspicion,
/// today.
#[test]
fn suspicion_falls_on_all_that_a_visit_counted_on_the_day() {
    agree(17614287049907854457, 55, 1).unwrap();
}
