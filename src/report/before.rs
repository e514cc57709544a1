//! What a period is compared with: the same part of the one before.
//!
//! Days are compared with as many days before, whole months with whole months. A period that is not
//! over is compared with as much of the one before: today until now with yesterday until the same
//! time, the month so far with the month before up to the same day and time.
//!
//! Of a part of a day is known what its slots hold, quarters of an hour. A quarter that has begun
//! counts whole.

use super::known::{Known, VISITORS, counted};
use super::rows::Source;
use super::{Days, Filter, Period, Range, Sums, sums};
use crate::clock::Millis;
use crate::model::DayCounts;
use crate::model::rollup::{Dimension, Metric as Stored, Row, slot};
use crate::model::site::{Day, Site};
use chrono::{Datelike, Months};

/// What to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Before {
    pub range: Range,
    /// The instant at which its last day is cut off, if not all of it is compared with.
    pub until: Option<Millis>,
}

impl Before {
    /// What `range`, the days of `period`, is compared with at `now`.
    pub fn new(period: Period, range: Range, site: &Site, now: Millis) -> Self {
        let today = site.day(now);
        let elapsed = range.until(today);
        let unfinished = elapsed.last == today;
        let days = chrono::Days::new(elapsed.len().unsigned_abs());
        let (range, part) = match period.months().or_else(|| range.whole_months()) {
            Some(months) => {
                let back = |day: Day| day - Months::new(months);
                let end = range.first - chrono::Days::new(1);
                let last = if unfinished { back(elapsed.last) } else { end };
                // Where the month before has no such day, all of it is the same part.
                (Range { first: back(range.first), last }, last.day() == elapsed.last.day())
            }
            None => (Range { first: elapsed.first - days, last: elapsed.last - days }, true),
        };
        let until = (unfinished && part).then(|| site.at_same_time(now, range.last));
        Self { range, until }
    }

    /// Its sums. Hours are not kept apart by what a filter asks: with one, a part of a day is not
    /// known.
    pub fn sums(&self, days: &Days, site: &Site, filter: Option<&Filter>) -> Sums {
        let Range { first, last } = self.range;
        let Some(until) = self.until else { return sums(days, self.range, filter) };
        let whole = Range { first, last: last - chrono::Days::new(1) };
        let mut sum =
            if whole.first <= whole.last { sums(days, whole, filter) } else { Sums::default() };
        if filter.is_some() {
            sum.known = Known::NOTHING;
        } else if let Some(counts) = days.get(&last) {
            sum.merge_day(&part_of_day(counts, site.day_start(last), until));
        }
        sum
    }
}

/// The totals of a day up to an instant.
fn part_of_day(counts: &DayCounts, start: Millis, until: Millis) -> Sums {
    let mut row = Row::default();
    // Visitors count once an hour in slots, and once a day where they were first seen.
    let mut visitors = 0;
    for slot in slot(start)..=slot(until) {
        let of = counts.row(Dimension::Slot, &slot.to_string());
        row.merge(&of);
        let first_seen = counts.row(Dimension::FirstSeen, &slot.to_string());
        visitors += first_seen.get(Stored::Visitors);
    }
    row.add(Stored::Visitors, visitors - row.get(Stored::Visitors));
    let total = counts.row(Dimension::Total, "");
    let rows = |dimension| counts.rows(dimension).map(|(_, row)| row);
    let all_seen: i64 = rows(Dimension::FirstSeen).map(|row| row.get(Stored::Visitors)).sum();
    // Days of an older version lack when visitors were first seen, days that are gone all slots.
    let mut known = counted(Source::Total).without(VISITORS);
    if all_seen == total.get(Stored::Visitors) {
        known = known.or(Known::of(&[Stored::Visitors]));
    }
    if total != Row::default() && rows(Dimension::Slot).next().is_none() {
        known = Known::NOTHING;
    }
    Sums { row, known, everyone: row, beside: Row::default() }
}
