//! What else an answer holds, and what it is compared with.

use super::read::{flag, object, wrong};
use super::span::Span;
use crate::clock::{HOUR, Millis};
use crate::model::site::Site;
use crate::report::{Before, Invalid, Period, Range};
use chrono::{Datelike, Months};
use serde_json::{Map, Value as Json};

const DAY: Millis = 24 * HOUR;

/// What else an answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Include {
    pub imports: bool,
    pub time_labels: bool,
    pub today: bool,
    pub total_rows: bool,
    pub partial: bool,
    pub comparison: Option<Comparison>,
}

/// What an answer is compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    pub mode: ComparisonMode,
    pub weekdays: Weekdays,
}

/// Whether the time that is compared with is moved to begin on the same day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weekdays {
    AsTheyFall,
    /// By as few days as it takes. So 30 days are compared with those 28 days before, and two are in
    /// both. In Plausible it is no different, so the API keeps it.
    Nearest,
    /// The same, but by a week more where days would be compared with themselves.
    Apart,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ComparisonMode {
    PreviousPeriod,
    YearOverYear,
    Custom(Range),
}

/// The time that an answer is compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Against {
    pub span: Span,
    /// The instant at which its last day is cut off, if not all of it is compared with.
    pub until: Option<Millis>,
}

impl Include {
    pub(super) fn read(value: Option<&Json>) -> Result<Self, Invalid> {
        let all = ["imports", "time_labels", "today", "total_rows", "partial", "comparisons"];
        Self::read_some(value, &all)
    }

    /// The same where an answer takes only some of it.
    pub(super) fn read_some(value: Option<&Json>, keys: &[&str]) -> Result<Self, Invalid> {
        let Some(include) = object(value, "include", keys)? else { return Ok(Self::default()) };
        Ok(Self {
            imports: flag(include, "imports")?,
            time_labels: flag(include, "time_labels")?,
            today: flag(include, "today")?,
            total_rows: flag(include, "total_rows")?,
            partial: flag(include, "partial")?,
            comparison: Comparison::read(include)?,
        })
    }
}

impl Comparison {
    fn read(include: &Map<String, Json>) -> Result<Option<Self>, Invalid> {
        const KEYS: [&str; 3] = ["mode", "date_range", "match_day_of_week"];
        let Some(asked) = object(include.get("comparisons"), "comparisons", &KEYS)? else {
            return Ok(None);
        };
        let mode = match (asked.get("mode").and_then(Json::as_str), asked.get("date_range")) {
            (Some("previous_period"), None) => ComparisonMode::PreviousPeriod,
            (Some("year_over_year"), None) => ComparisonMode::YearOverYear,
            (Some("custom"), Some(Json::Array(ends))) => match ends.as_slice() {
                [Json::String(first), Json::String(last)] => {
                    ComparisonMode::Custom(Range::parse(&format!("{first},{last}"))?)
                }
                _ => return wrong("`date_range` of a comparison is a list of two dates"),
            },
            (Some("custom"), _) => {
                return wrong("a custom comparison needs `date_range`, a list of two dates");
            }
            (Some("previous_period" | "year_over_year"), Some(_)) => {
                return wrong("`date_range` belongs to the comparison mode custom");
            }
            _ => {
                return wrong(
                    "`mode` of a comparison is one of previous_period, year_over_year, custom",
                );
            }
        };
        let weekdays = match flag(asked, "match_day_of_week")? {
            true => Weekdays::Nearest,
            false => Weekdays::AsTheyFall,
        };
        Ok(Some(Self { mode, weekdays }))
    }

    /// What `span` is compared with at `now`: the same part of the time before, a year before, or
    /// the days that were named.
    pub(super) fn against(self, span: &Span, site: &Site, now: Millis) -> Against {
        let matches = self.weekdays != Weekdays::AsTheyFall;
        if let Some((first, end)) = span.times {
            let back = match self.mode {
                ComparisonMode::PreviousPeriod if matches => {
                    (end - first + 7 * DAY - 1) / (7 * DAY) * 7 * DAY
                }
                ComparisonMode::PreviousPeriod => end - first,
                ComparisonMode::YearOverYear if matches => 364 * DAY,
                ComparisonMode::YearOverYear => 365 * DAY,
                ComparisonMode::Custom(range) => {
                    return Against { span: Span { range, times: None, ..*span }, until: None };
                }
            };
            let (first, end) = (first - back, end - back);
            let range = Range { first: site.day(first), last: site.day(end - 1) };
            return Against {
                span: Span { range, times: Some((first, end)), ..*span },
                until: None,
            };
        }
        let before = self.before((span.period, span.range), site, now);
        Against { span: Span { range: before.range, ..*span }, until: before.until }
    }

    /// What the days of a period are compared with at `now`.
    pub fn before(self, (period, range): (Period, Range), site: &Site, now: Millis) -> Before {
        let compared = range;
        let before = match self.mode {
            ComparisonMode::PreviousPeriod => Before::new(period, range, site, now),
            ComparisonMode::YearOverYear => {
                let back = |day| day - Months::new(12);
                let today = site.day(now);
                let last = range.until(today).last;
                let range = Range { first: back(range.first), last: back(last) };
                // Where February has a day less, all of it is the same part.
                let part = last == today && range.last.day() == last.day();
                Before { range, until: part.then(|| site.at_same_time(now, range.last)) }
            }
            ComparisonMode::Custom(range) => Before { range, until: None },
        };
        match self.weekdays {
            Weekdays::AsTheyFall => before,
            Weekdays::Nearest => {
                matched(before, compared, site, now, |at| at.first == compared.first)
            }
            Weekdays::Apart => {
                let overlaps = |at: Range| at.first <= compared.last && compared.first <= at.last;
                // Ranges that overlap unmoved, as a custom one may, are moved all the same.
                let is_apart = !overlaps(before.range);
                matched(before, compared, site, now, |at| is_apart && overlaps(at))
            }
        }
    }
}

/// Moved by as few days as it takes to begin on the same day of the week, but not onto days where it
/// must not be.
fn matched(
    before: Before,
    compared: Range,
    site: &Site,
    now: Millis,
    must_not_be: impl Fn(Range) -> bool,
) -> Before {
    let weekday = |range: Range| i64::from(range.first.weekday().num_days_from_monday());
    let ahead = (weekday(compared) - weekday(before.range)).rem_euclid(7);
    let nearest = if ahead > 3 { ahead - 7 } else { ahead };
    let moved = |days: i64| {
        let days = chrono::TimeDelta::days(days);
        Range { first: before.range.first + days, last: before.range.last + days }
    };
    let range = match moved(nearest) {
        range if must_not_be(range) => moved(if nearest < 0 { nearest + 7 } else { nearest - 7 }),
        range => range,
    };
    let until = before.until.map(|_| site.at_same_time(now, range.last));
    Before { range, until }
}
