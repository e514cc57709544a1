//! What keeps a row of its own, and what goes to `(other)`.
//!
//! Attackers choose paths and names, and every node may bring its own; so a closed day keeps the
//! busiest rows of each dimension, and what the others have counted moves to `(other)`. Sums stay.

use crate::model::rollup::{self, Dimension, Field, Metric, Row, field, rest};
use crate::model::site::{Day, Month};
use crate::model::{DayCounts, Detail};
use std::borrow::Borrow;
use std::cmp::Reverse;
use std::collections::HashSet;

/// Rows of a dimension that a month keeps.
pub const MONTH_ROWS: usize = 1_000;

/// Which fields of a day are to move where so that no dimension has more than `rows` rows.
pub fn moves(counts: &DayCounts, rows: usize) -> Vec<(Field, Field)> {
    let mut moves = Vec::new();
    for (dimension, value, row) in tails(counts, rows) {
        let to = rest(dimension, value);
        let moved = |metric| (field(dimension, value, metric), field(dimension, &to, metric));
        moves.extend(row.counts().map(|(metric, _)| moved(metric)));
    }
    moves
}

/// Dimensions by time of day, which no day is without and no month has.
const BY_TIME: [Dimension; 2] = [Dimension::Slot, Dimension::FirstSeen];

/// The roll-up of a month from its days. Times of day stay with the days; the totals of each day
/// are kept as [`Dimension::Day`].
pub fn month(days: impl IntoIterator<Item = (Day, impl Borrow<DayCounts>)>) -> DayCounts {
    let mut sum = DayCounts::default();
    for (day, counts) in days {
        let counts = counts.borrow();
        for (dimension, value, row) in counts.all_rows().filter(|(d, ..)| !BY_TIME.contains(d)) {
            sum.add_row(dimension, value, &row);
        }
        sum.add_row(Dimension::Day, &day.to_string(), &counts.row(Dimension::Total, ""));
    }
    top(&sum, MONTH_ROWS)
}

/// What a month gives back as days, of which each has its totals. All else is known of the month
/// only, and is told (`whole`) on its first day.
pub fn as_days(month: Month, counts: &DayCounts, whole: bool) -> Vec<(Day, DayCounts)> {
    let day_of = |day: Day| {
        let mut known = DayCounts::default();
        known.version = counts.version;
        known.detail = if whole { Detail::Month } else { Detail::None };
        let totals = counts.row(Dimension::Day, &day.to_string());
        known.add_row(Dimension::Total, "", &totals);
        if whole && day == month.first() {
            let told = |d: &Dimension| !matches!(d, Dimension::Total | Dimension::Day);
            for (dimension, value, row) in counts.all_rows().filter(|(d, ..)| told(d)) {
                known.add_row(dimension, value, &row);
            }
        }
        (day, known)
    };
    month.days().map(day_of).collect()
}

/// The counts with at most `rows` rows to a dimension.
pub fn top(counts: &DayCounts, rows: usize) -> DayCounts {
    let mut kept = DayCounts::default();
    let tails: HashSet<(Dimension, &str)> = tails(counts, rows).map(|(d, v, _)| (d, v)).collect();
    for (dimension, value, row) in counts.all_rows() {
        match tails.contains(&(dimension, value)) {
            true => kept.add_row(dimension, &rest(dimension, value), &row),
            false => kept.add_row(dimension, value, &row),
        }
    }
    kept
}

/// Of each dimension whose values come from outside, the rows beyond the busiest `rows`. Those that
/// are what others move to are not among them, nor do they count.
fn tails(counts: &DayCounts, rows: usize) -> impl Iterator<Item = (Dimension, &str, Row)> {
    let fixed =
        |d: &Dimension| matches!(d, Dimension::Total | Dimension::Day) || BY_TIME.contains(d);
    let folded = Dimension::ALL.into_iter().filter(move |d| !fixed(d));
    folded.flat_map(move |dimension| {
        let mut all: Vec<(Dimension, &str, Row)> = counts
            .rows(dimension)
            .filter(|(value, _)| rest(dimension, value) != *value)
            .map(|(value, row)| (dimension, value, row))
            .collect();
        // Of equals the first by name: every node decides alike.
        all.sort_unstable_by_key(|(_, value, row)| (Reverse(busy(row)), *value));
        all.split_off(rollup::rows(dimension, rows).min(all.len()))
    })
}

/// How much happened in a row.
fn busy(row: &Row) -> i64 {
    let happened = [
        Metric::Server,
        Metric::Browser,
        Metric::Visits,
        Metric::Events,
        Metric::Responses,
        Metric::Beacons,
        Metric::ScrollViews,
    ];
    happened.iter().map(|metric| row.get(*metric)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::rollup::{OTHER, join};
    use std::collections::HashMap;
    use std::sync::Arc;

    fn sums(counts: &DayCounts) -> HashMap<Dimension, Row> {
        let mut sums = HashMap::new();
        for dimension in Dimension::ALL {
            let sum: &mut Row = sums.entry(dimension).or_default();
            counts.rows(dimension).for_each(|(_, row)| sum.merge(&row));
        }
        sums
    }

    fn crowded() -> DayCounts {
        let mut day = DayCounts::default();
        for i in 0..50 {
            let page = format!("/{i}");
            day.add(Dimension::Page, &page, Metric::Server, i + 1);
            day.add(Dimension::Page, &page, Metric::Bounces, -1);
            day.add(Dimension::Timing, &join(["LCP", "7", &page]), Metric::Responses, i + 1);
            day.add(Dimension::Total, "", Metric::Server, i + 1);
            day.add(Dimension::Slot, &i.to_string(), Metric::Server, i + 1);
        }
        day.add(Dimension::Page, OTHER, Metric::Server, 3);
        day
    }

    #[test]
    fn the_busiest_rows_stay_and_sums_too() {
        let mut day = crowded();
        let before = sums(&day);
        let moves = moves(&day, 10);
        assert!(moves.iter().all(|(from, to)| from != to));
        for (from, to) in &moves {
            let Field { dimension, value, metric } = from;
            let count = day.row(*dimension, value).get(*metric);
            day.add(*dimension, value, *metric, -count);
            day.add(*dimension, &to.value, *metric, count);
        }
        assert_eq!(sums(&day), before);
        let left = |d| day.rows(d).filter(|(_, row)| *row != Row::default()).count();
        assert_eq!((left(Dimension::Page), left(Dimension::Timing)), (11, 11));
        assert_eq!(left(Dimension::Slot), 50);
        assert_eq!(day.row(Dimension::Page, "/49").get(Metric::Server), 50);
        assert_eq!(
            day.row(Dimension::Timing, &join(["LCP", "7", OTHER])).get(Metric::Responses),
            { (1..=40).sum::<i64>() }
        );
        assert!(super::moves(&day, 11).is_empty());
    }

    #[test]
    fn a_month_gives_back_its_sums_and_the_totals_of_its_days() {
        let first: Day = "2026-02-01".parse().unwrap();
        let days: Vec<(Day, Arc<DayCounts>)> =
            first.iter_days().step_by(9).take(4).map(|d| (d, Arc::new(crowded()))).collect();
        let rolled = month(days.clone());
        assert_eq!(rolled.rows(Dimension::Slot).count(), 0);
        for (dimension, sum) in sums(&rolled) {
            let mut expected = Row::default();
            let of = if dimension == Dimension::Day { Dimension::Total } else { dimension };
            if dimension != Dimension::Slot {
                days.iter().for_each(|(_, day)| expected.merge(&sums(day)[&of]));
            }
            assert_eq!(sum, expected, "{dimension:?}");
        }
        let back = as_days(Month::of(first), &rolled, true);
        assert_eq!(back.len(), 28);
        let total = |day: &DayCounts| day.row(Dimension::Total, "").get(Metric::Server);
        assert_eq!((total(&back[9].1), total(&back[10].1)), (total(&days[1].1), 0));
        assert_eq!(back.iter().map(|(_, d)| total(d)).sum::<i64>(), 4 * total(&days[0].1));
        assert_eq!(back[0].1.row(Dimension::Page, "/49").get(Metric::Server), 200);
        let part = as_days(Month::of(first), &rolled, false);
        assert_eq!(part[0].1.rows(Dimension::Page).count(), 0);
    }
}
