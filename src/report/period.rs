//! Periods: which days a question is about, and the steps a series takes through them.
//!
//! Plausible's words (`day`, `7d`, `30d`, `month`, `6mo`, `12mo`, `custom` …), anchored at `date`.
//! As there, a number of days ends with the day before its anchor, so that all of them are whole;
//! months and years hold their anchor. What a period is compared with is in [`super::before`].

use super::question::flag;
use super::{Invalid, Reason};
use crate::model::site::Day;
use chrono::{Datelike, Days, Months};

/// Longest custom range, in years and in days.
const YEARS_MAX: usize = 10;
const CUSTOM_MAX: i64 = 366 * YEARS_MAX as i64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    Day,
    Days7,
    Days28,
    Days30,
    Days91,
    Month,
    Months6,
    Months12,
    Year,
    /// As far back as a range may reach.
    All,
    Custom,
}

impl Period {
    pub const ALL: [Self; 11] = [
        Self::Day,
        Self::Days7,
        Self::Days28,
        Self::Days30,
        Self::Days91,
        Self::Month,
        Self::Months6,
        Self::Months12,
        Self::Year,
        Self::All,
        Self::Custom,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Days7 => "7d",
            Self::Days28 => "28d",
            Self::Days30 => "30d",
            Self::Days91 => "91d",
            Self::Month => "month",
            Self::Months6 => "6mo",
            Self::Months12 => "12mo",
            Self::Year => "year",
            Self::All => "all",
            Self::Custom => "custom",
        }
    }

    /// # Errors
    /// If the word is no period.
    pub fn parse(word: &str) -> Result<Self, Invalid> {
        let known = Self::ALL.map(Self::as_str);
        let found = Self::ALL.into_iter().find(|p| p.as_str() == word);
        found.ok_or_else(|| Invalid::unknown("period", word, known))
    }

    /// Reads the parameters `period`, `date` and `include_today`; the last 30 days if there is
    /// none.
    ///
    /// # Errors
    /// One line that names the parameter that is wrong.
    pub fn read<'a>(
        param: impl Fn(&str) -> Option<&'a str>,
        today: Day,
    ) -> Result<(Self, Range), Invalid> {
        let period = param("period").map_or(Ok(Self::Days30), Self::parse)?;
        let include_today = flag(&param, "include_today")?;
        Ok((period, period.range(param("date"), today, include_today)?))
    }

    /// Of a number of whole days: how many.
    pub fn whole_days(self) -> Option<u64> {
        match self {
            Self::Days7 => Some(7),
            Self::Days28 => Some(28),
            Self::Days30 => Some(30),
            Self::Days91 => Some(91),
            _ => None,
        }
    }

    /// Of calendar months: how many.
    pub(super) fn months(self) -> Option<u32> {
        match self {
            Self::Month => Some(1),
            Self::Months6 => Some(6),
            Self::Months12 | Self::Year => Some(12),
            _ => None,
        }
    }

    /// The days of this period. `date` is the anchor, `today` if absent; for a custom period it
    /// is `first,last`. `include_today` adds today to days that would end with yesterday.
    ///
    /// # Errors
    /// If `date` is missing, unreadable, backwards or too long a range.
    pub fn range(
        self,
        date: Option<&str>,
        today: Day,
        include_today: bool,
    ) -> Result<Range, Invalid> {
        if self == Self::Custom {
            return Range::parse(date.ok_or_else(|| {
                Invalid::new("period `custom` needs `date=FIRST,LAST`, two dates like 2026-01-31")
            })?);
        }
        let anchor = match date {
            None | Some("today") => today,
            Some(date) => parse_day(date)?,
        };
        if let Some(n) = self.whole_days() {
            let last = anchor - Days::new(u64::from(!include_today || anchor != today));
            return Ok(Range { first: anchor - Days::new(n), last });
        }
        let month = anchor - Days::new(u64::from(anchor.day0()));
        let month_end = month + Months::new(1) - Days::new(1);
        let year = month - Months::new(month.month0());
        let (first, last) = match self {
            Self::Month => (month, month_end),
            Self::Months6 => (month - Months::new(5), month_end),
            Self::Months12 => (month - Months::new(11), month_end),
            Self::Year => (year, year + Months::new(12) - Days::new(1)),
            Self::All => (anchor - Days::new(CUSTOM_MAX as u64 - 1), anchor),
            _ => (anchor, anchor),
        };
        Ok(Range { first, last })
    }

    /// The step a series takes if none is asked for.
    pub fn default_interval(self) -> Interval {
        match self {
            Self::Day => Interval::Hour,
            Self::Months6 | Self::Months12 | Self::Year | Self::All => Interval::Month,
            _ => Interval::Day,
        }
    }
}

/// Days from `first` to `last`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Range {
    pub first: Day,
    pub last: Day,
}

impl Range {
    /// Reads two dates joined by a comma.
    pub(super) fn parse(text: &str) -> Result<Self, Invalid> {
        let wrong = |why: &str| Invalid::new(format!("invalid date `{text}`: {why}"));
        let (first, last) = text
            .split_once(',')
            .ok_or_else(|| wrong("a custom period is two dates joined by a comma"))?;
        let range = Self { first: parse_day(first.trim())?, last: parse_day(last.trim())? };
        if range.first > range.last {
            return Err(wrong("the first day is after the last").because(Reason::Backwards));
        }
        if range.len() > CUSTOM_MAX {
            return Err(wrong("the range is longer than ten years")
                .because(Reason::LongRange { years: YEARS_MAX }));
        }
        Ok(range)
    }

    /// How many days.
    #[allow(clippy::len_without_is_empty)] // a range has at least one day
    pub fn len(self) -> i64 {
        (self.last - self.first).num_days() + 1
    }

    pub fn days(self) -> impl Iterator<Item = Day> {
        self.first.iter_days().take_while(move |day| *day <= self.last)
    }

    /// How many months it is, if it is whole ones.
    pub(super) fn whole_months(self) -> Option<u32> {
        let whole = self.first.day() == 1 && (self.last + Days::new(1)).day() == 1;
        let month = |day: Day| day.year() * 12 + day.month0() as i32;
        whole.then(|| (month(self.last) - month(self.first) + 1).unsigned_abs())
    }

    /// Without the days after `today`; the whole range if all of it lies ahead.
    pub fn until(self, today: Day) -> Self {
        if today < self.first { self } else { Self { last: self.last.min(today), ..self } }
    }
}

/// Only plain calendar dates of four-digit years since 1970: nothing a shift by a year could
/// push out of what a date can hold.
fn parse_day(text: &str) -> Result<Day, Invalid> {
    text.parse::<Day>()
        .ok()
        .filter(|day| text.len() == 10 && (1970..=9999).contains(&day.year()))
        .ok_or_else(|| {
            Invalid::new(format!("invalid date `{text}`: a date is like 2026-01-31"))
                .because(Reason::Day { text: text.to_owned() })
        })
}

/// The step of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interval {
    /// Told by event rows only.
    Minute,
    Hour,
    Day,
    /// From Monday; the first of a range begins with it.
    Week,
    Month,
}

impl Interval {
    /// The first day of the step of `range` in which a day lies.
    pub(super) fn start(self, day: Day, range: Range) -> Day {
        match self {
            Self::Minute | Self::Hour | Self::Day => day,
            Self::Week => {
                let monday = day - Days::new(u64::from(day.weekday().num_days_from_monday()));
                monday.max(range.first)
            }
            Self::Month => day - Days::new(u64::from(day.day0())),
        }
    }

    /// Whether the steps of two ranges are of a kind, each beginning where its week or month does.
    pub(super) fn steps_alike(self, one: Range, other: Range) -> bool {
        match self {
            Self::Minute | Self::Hour | Self::Day => true,
            Self::Week => one.first.weekday() == other.first.weekday(),
            Self::Month => one.first.day() == other.first.day(),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// Whether there are several to a day.
    pub(super) fn is_part_of_day(self) -> bool {
        matches!(self, Self::Minute | Self::Hour)
    }

    /// How answers write the time at which a step starts.
    pub fn format(self) -> &'static str {
        match self {
            Self::Minute | Self::Hour => "%Y-%m-%d %H:%M:%S",
            Self::Day | Self::Week | Self::Month => "%Y-%m-%d",
        }
    }

    /// # Errors
    /// If the word is no interval. `date` is Plausible's older word for `day`.
    pub fn parse(word: &str) -> Result<Self, Invalid> {
        match word {
            "hour" => Ok(Self::Hour),
            "day" | "date" => Ok(Self::Day),
            "month" => Ok(Self::Month),
            _ => Err(Invalid::new(format!(
                "invalid interval `{word}`: it is one of hour, day, date, month"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(period: &str, date: &str) -> String {
        let today = "2026-11-24".parse().unwrap();
        let date = (!date.is_empty()).then_some(date);
        match Period::parse(period).and_then(|p| p.range(date, today, false)) {
            Ok(r) => format!("{}..{} {}", r.first, r.last, r.len()),
            Err(e) => e.to_string(),
        }
    }

    #[test]
    fn days_end_before_their_anchor_and_months_hold_it() {
        for (period, date, expected) in [
            ("day", "", "2026-11-24..2026-11-24 1"),
            ("day", "today", "2026-11-24..2026-11-24 1"),
            ("7d", "", "2026-11-17..2026-11-23 7"),
            ("28d", "", "2026-10-27..2026-11-23 28"),
            ("30d", "", "2026-10-25..2026-11-23 30"),
            ("91d", "", "2026-08-25..2026-11-23 91"),
            ("month", "", "2026-11-01..2026-11-30 30"),
            ("6mo", "", "2026-06-01..2026-11-30 183"),
            ("12mo", "", "2025-12-01..2026-11-30 365"),
            ("month", "2026-12-31", "2026-12-01..2026-12-31 31"),
            ("month", "2028-02-29", "2028-02-01..2028-02-29 29"),
            ("month", "2027-02-01", "2027-02-01..2027-02-28 28"),
            ("7d", "2028-03-02", "2028-02-24..2028-03-01 7"),
            ("30d", "2027-03-01", "2027-01-30..2027-02-28 30"),
            ("year", "", "2026-01-01..2026-12-31 365"),
            ("all", "", "2016-11-17..2026-11-24 3660"),
            ("6mo", "2026-08-31", "2026-03-01..2026-08-31 184"),
            ("12mo", "2028-02-29", "2027-03-01..2028-02-29 366"),
            ("custom", "2026-01-31,2026-02-01", "2026-01-31..2026-02-01 2"),
            ("custom", "2026-01-31, 2026-01-31", "2026-01-31..2026-01-31 1"),
        ] {
            assert_eq!(range(period, date), expected, "{period} {date}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (period, date, names) in [
            ("yesterday", "", "`yesterday`"),
            ("day", "2026-02-29", "`2026-02-29`"),
            ("day", "24.11.2026", "`24.11.2026`"),
            ("day", "+12026-01-01", "`+12026-01-01`"),
            ("day", "0001-01-01", "`0001-01-01`"),
            ("day", "2026-1-1", "`2026-1-1`"),
            ("custom", "", "needs `date=FIRST,LAST`"),
            ("custom", "2026-01-01", "`2026-01-01`"),
            ("custom", "2026-01-02,2026-01-01", "first day is after the last"),
            ("custom", "2026-01-02,x", "`x`"),
            ("custom", "1980-01-01,2026-01-01", "longer than ten years"),
        ] {
            let error = range(period, date);
            assert!(error.contains(names) && !error.contains('\n'), "{error} lacks {names}");
        }
    }

    #[test]
    fn today_is_added_where_it_is_asked_for() {
        let today = "2026-11-24".parse().unwrap();
        for (period, date, expected) in [
            (Period::Days7, None, "2026-11-17..2026-11-24"),
            (Period::Days7, Some("2026-11-24"), "2026-11-17..2026-11-24"),
            (Period::Days7, Some("2026-11-23"), "2026-11-16..2026-11-22"),
            (Period::Day, None, "2026-11-24..2026-11-24"),
            (Period::Month, None, "2026-11-01..2026-11-30"),
        ] {
            let range = period.range(date, today, true).unwrap();
            assert_eq!(format!("{}..{}", range.first, range.last), expected, "{period:?} {date:?}");
        }
    }

    #[test]
    fn days_ahead_are_cut_off() {
        let range = |first: &str, last: &str| Range {
            first: first.parse().unwrap(),
            last: last.parse().unwrap(),
        };
        let month = range("2026-11-01", "2026-11-30");
        let today = "2026-11-24".parse().unwrap();
        assert_eq!(month.until(today), range("2026-11-01", "2026-11-24"));
        let ahead = range("2026-12-01", "2026-12-31");
        assert_eq!(ahead.until(today), ahead);
    }
}
