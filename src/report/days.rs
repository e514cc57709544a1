//! Counts by day, and sums of days that are kept from one question to the next.
//!
//! Of a month only today changes. So whoever reads days can keep a [`DaySum`] of those before it,
//! and a break-down adds one day to it instead of thirty to nothing.

use crate::model::DayCounts;
use crate::model::rollup::Dimension;
use crate::model::site::Day;
use crate::report::Range;
use std::collections::{BTreeMap, HashMap};
use std::ops::Deref;
use std::sync::{Arc, OnceLock, Weak};

/// Rows of a dimension, at most, that a sum holds. Days with more are added up for each question.
const ROWS: usize = 10_000;

/// Counts by day; a day without any may be missing.
#[derive(Debug, Clone, Default)]
pub struct Days {
    counts: BTreeMap<Day, Arc<DayCounts>>,
    sums: Vec<Arc<DaySum>>,
}

impl Days {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn insert(&mut self, day: Day, counts: Arc<DayCounts>) {
        self.sums.retain(|sum| !sum.has(day));
        self.counts.insert(day, counts);
    }

    /// Adds other days, which are the same where both have them.
    pub fn join(&mut self, others: Self) {
        self.counts.extend(others.counts);
        self.sums.extend(others.sums);
    }

    /// Takes up a sum of some of these days; one of others is let go.
    pub fn use_sum(&mut self, sum: Arc<DaySum>) {
        if sum.is_of_these(self) {
            self.sums.push(sum);
        }
    }

    /// The counts of a range, where only those of one dimension are asked for with some days added
    /// up.
    pub(super) fn parts(&self, range: Range, only: Option<Dimension>) -> Vec<&DayCounts> {
        // Subscribers of feeds do not add up.
        let only = only.filter(|dimension| *dimension != Dimension::Feed);
        let within = |sum: &&Arc<DaySum>| {
            sum.days.iter().all(|(day, _)| (range.first..=range.last).contains(day))
        };
        let longest = self.sums.iter().filter(within).max_by_key(|sum| sum.days.len());
        let sum = only.zip(longest).and_then(|(only, sum)| Some((sum, sum.of(only, self)?)));
        let is_left = |day: &Day| sum.is_none_or(|(sum, _)| !sum.has(*day));
        let days = self.counts.range(range.first..=range.last);
        let left = days.filter(|(day, _)| is_left(day)).map(|(_, counts)| &**counts);
        sum.map(|(_, counts)| counts).into_iter().chain(left).collect()
    }
}

impl Deref for Days {
    type Target = BTreeMap<Day, Arc<DayCounts>>;

    fn deref(&self) -> &Self::Target {
        &self.counts
    }
}

impl FromIterator<(Day, Arc<DayCounts>)> for Days {
    fn from_iter<I: IntoIterator<Item = (Day, Arc<DayCounts>)>>(days: I) -> Self {
        Self { counts: days.into_iter().collect(), sums: Vec::new() }
    }
}

/// Days added up, each dimension when it is first asked for. It keeps none of the days themselves.
#[derive(Debug)]
pub struct DaySum {
    /// In order.
    days: Vec<(Day, Weak<DayCounts>)>,
    /// `None`: too many rows.
    sums: HashMap<Dimension, OnceLock<Option<DayCounts>>>,
}

impl DaySum {
    /// Of days that `days` has.
    pub fn of_days(days: &Days, range: Range) -> Self {
        let held = days.range(range.first..=range.last);
        Self {
            days: held.map(|(day, counts)| (*day, Arc::downgrade(counts))).collect(),
            sums: Dimension::ALL.iter().map(|dimension| (*dimension, OnceLock::new())).collect(),
        }
    }

    /// Whether it is the sum of all that `days` has in a range.
    pub fn is_of(&self, days: &Days, range: Range) -> bool {
        let held = days.range(range.first..=range.last).map(|(day, _)| day);
        held.eq(self.days.iter().map(|(day, _)| day)) && self.is_of_these(days)
    }

    /// Whether `days` has the very counts that were added up.
    fn is_of_these(&self, days: &Days) -> bool {
        self.days.iter().all(|(day, counts)| {
            days.get(day).is_some_and(|held| Weak::ptr_eq(&Arc::downgrade(held), counts))
        })
    }

    fn has(&self, day: Day) -> bool {
        self.days.binary_search_by_key(&day, |(day, _)| *day).is_ok()
    }

    fn of(&self, dimension: Dimension, days: &Days) -> Option<&DayCounts> {
        let add_up = || {
            let mut sum = DayCounts::default();
            for counts in self.days.iter().filter_map(|(day, _)| days.get(day)) {
                for (value, row) in counts.rows(dimension) {
                    sum.add_row(dimension, value, &row);
                }
                if sum.len(dimension) > ROWS {
                    return None;
                }
            }
            Some(sum)
        };
        self.sums.get(&dimension)?.get_or_init(add_up).as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::rollup::Metric;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const PAGES: [&str; 4] = ["/", "/a", "/b", "/c"];

    fn day(nth: u64) -> Day {
        Day::from_ymd_opt(2026, 2, 20).unwrap() + chrono::Days::new(nth)
    }

    fn counts(views: &[(usize, i64)]) -> Arc<DayCounts> {
        let mut counts = DayCounts::default();
        for (page, n) in views {
            counts.add(Dimension::Page, PAGES[*page], Metric::Server, *n);
        }
        Arc::new(counts)
    }

    fn views(days: &Days, range: Range) -> BTreeMap<&str, i64> {
        let mut sums = BTreeMap::new();
        for counts in days.parts(range, Some(Dimension::Page)) {
            for (page, row) in counts.rows(Dimension::Page) {
                *sums.entry(page).or_default() += row.get(Metric::Server);
            }
        }
        sums
    }

    proptest! {
        /// Whatever is added up before, and whatever changes after: it is what the days say.
        #[test]
        fn a_sum_changes_no_answer(
            of_days in prop::collection::vec(prop::collection::vec((0..4usize, 1..9i64), 0..5), 1..20),
            (first, last) in (0..20u64, 0..20u64),
            (sum_first, sum_last) in (0..20u64, 0..20u64),
            changed in 0..20u64,
        ) {
            let days: Days = (0..).map(day).zip(of_days.iter().map(|views| counts(views))).collect();
            let range = Range { first: day(first), last: day(first + last) };
            let summed = Range { first: day(sum_first), last: day(sum_first + sum_last) };
            let sum = Arc::new(DaySum::of_days(&days, summed));

            let mut with_sum = days.clone();
            with_sum.use_sum(sum.clone());
            prop_assert_eq!(views(&with_sum, range), views(&days, range));

            // Counts that come late replace a day; the sum is of what it was before.
            let mut days = days;
            days.insert(day(changed), counts(&[(0, 100)]));
            prop_assert_eq!(sum.is_of_these(&days), !sum.has(day(changed)));
            for sums_first in [true, false] {
                let mut late = if sums_first { with_sum.clone() } else { days.clone() };
                late.insert(day(changed), counts(&[(0, 100)]));
                late.use_sum(sum.clone());
                prop_assert_eq!(views(&late, range), views(&days, range));
            }
        }
    }

    #[test]
    fn more_rows_than_a_sum_holds_are_read_by_the_day() {
        let mut many = DayCounts::default();
        (0..=ROWS).for_each(|n| many.add(Dimension::Page, &format!("/{n}"), Metric::Server, 1));
        let mut days: Days =
            [(day(0), Arc::new(many)), (day(1), counts(&[(0, 1)]))].into_iter().collect();
        let range = Range { first: day(0), last: day(1) };
        days.use_sum(Arc::new(DaySum::of_days(&days, range)));
        assert_eq!(days.parts(range, Some(Dimension::Page)).len(), 2);
        assert_eq!(days.parts(range, Some(Dimension::Browser)).len(), 1);
        assert_eq!(days.parts(range, Some(Dimension::Feed)).len(), 2, "the most of any day");
        assert_eq!(views(&days, range).len(), ROWS + 2);
    }
}
