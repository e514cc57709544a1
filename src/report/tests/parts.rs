//! Values of several parts against plain computations: event properties, feeds, suspected
//! visitors, scroll depths.

use super::*;
use crate::model::rollup::join;

const WORDS: [&str; 3] = ["a", "b", ""];

/// Event, key, value, day, count.
type Told = (usize, usize, usize, u64, i64);

fn told() -> impl Strategy<Value = Vec<Told>> {
    prop::collection::vec((0..3usize, 0..2usize, 0..3usize, 0..4u64, 1..50i64), 0..60)
}

fn at(offset: u64) -> Day {
    day("2026-11-20") + chrono::Days::new(offset)
}

fn all() -> Range {
    Range { first: at(0), last: at(3) }
}

/// Rows of a breakdown by their first metric.
fn rows(days: &Days, property: &str, metric: Metric, filter: &str) -> BTreeMap<String, i64> {
    let property = Property::parse(property).unwrap();
    let filter = Filter::parse(filter).unwrap();
    breakdown(days, &Site::default(), all(), &property, &[metric], filter.as_ref())
        .into_iter()
        .map(|slice| (slice.value, slice.metrics[0].number().unwrap() as i64))
        .collect()
}

fn naive(told: &[Told], key: impl Fn(&Told) -> Option<&'static str>) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for one in told {
        if let Some(key) = key(one) {
            *sums.entry(key.to_owned()).or_default() += one.4;
        }
    }
    sums
}

proptest! {
    #[test]
    fn event_properties_are_told_apart_by_each_part(told in told()) {
        let entries: Vec<Entry> = told
            .iter()
            .map(|&(event, key, value, offset, n)| {
                let row = join([WORDS[event], WORDS[key], WORDS[value]]);
                (at(offset), Dimension::EventProperty, row, Stored::Events, n)
            })
            .collect();
        let days = days(&entries);
        let of = |property, filter| rows(&days, property, Metric::Conversions, filter);
        prop_assert_eq!(
            of("event:props:a", ""),
            naive(&told, |t| (t.1 == 0).then_some(WORDS[t.2]))
        );
        prop_assert_eq!(
            of("event:props:a", "event:name==b"),
            naive(&told, |t| (t.1 == 0 && t.0 == 1).then_some(WORDS[t.2]))
        );
        prop_assert_eq!(
            of("event:props:b", "event:goal!=b;event:props:b==a|b"),
            naive(&told, |t| (t.1 == 1 && t.0 != 1 && t.2 < 2).then_some(WORDS[t.2]))
        );
        prop_assert_eq!(
            of("event:name", "event:props:b==a"),
            naive(&told, |t| (t.1 == 1 && t.2 == 0).then_some(WORDS[t.0]))
        );
        prop_assert_eq!(of("event:property", ""), naive(&told, |t| Some(WORDS[t.1])));
    }

    #[test]
    fn subscribers_are_the_most_of_any_day(told in told()) {
        let entries: Vec<Entry> = told
            .iter()
            .map(|&(path, reader, _, offset, n)| {
                let row = join([WORDS[path], WORDS[reader]]);
                (at(offset), Dimension::Feed, row, Stored::Subscribers, n)
            })
            .collect();
        let mut expected: BTreeMap<String, i64> = BTreeMap::new();
        for (path, name) in WORDS.iter().enumerate() {
            for offset in 0..4 {
                let of_day: i64 =
                    told.iter().filter(|t| t.0 == path && t.3 == offset).map(|t| t.4).sum();
                let most = expected.entry((*name).to_owned()).or_default();
                *most = of_day.max(*most);
            }
        }
        expected.retain(|_, n| *n > 0);
        prop_assert_eq!(rows(&days(&entries), "feed:path", Metric::Subscribers, ""), expected);
    }

    #[test]
    fn without_suspected_is_the_difference(total in 50..99i64, yes in 1..50i64) {
        let days = days(&[
            (at(0), Dimension::Total, String::new(), Stored::Server, total),
            (at(0), Dimension::Suspected, "yes".into(), Stored::Server, yes),
        ]);
        for (filter, expected) in [
            ("visit:suspected==no", total - yes),
            ("visit:suspected!=yes", total - yes),
            ("visit:suspected==yes", yes),
            ("visit:suspected==yes|no", total),
        ] {
            let filter = Filter::parse(filter).unwrap();
            let answer = aggregate(&days, all(), &[Metric::Pageviews], filter.as_ref(), None);
            prop_assert_eq!(answer[0].value, Value::Count(expected));
        }
    }

    #[test]
    fn a_tenth_was_reached_by_all_that_got_further(
        ends in prop::collection::vec((1..=10usize, 1..20i64), 0..30),
    ) {
        let entries: Vec<Entry> = ends
            .iter()
            .map(|(tenth, n)| {
                let row = join(["desktop", &tenth.to_string(), "/a"]);
                (at(0), Dimension::ScrollMap, row, Stored::Events, *n)
            })
            .collect();
        let (scrolls, _) = scrolls(&days(&entries), all(), "/a", None);
        for (i, reached) in scrolls.reached.iter().enumerate() {
            let expected: i64 = ends.iter().filter(|(t, _)| *t > i).map(|(_, n)| n).sum();
            prop_assert_eq!(*reached, expected);
        }
    }
}
