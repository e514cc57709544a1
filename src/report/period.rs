//! Periods: which days a question is about, and the steps a series takes through them.
//!
//! Plausible's words (`day`, `7d`, `30d`, `month`, `6mo`, `12mo`, `custom`), anchored at `date`.
//! Every period includes its anchor, so today counts.

use super::Invalid;
use crate::site::Day;
use chrono::{Datelike, Days, Months};

/// Longest custom range, in days.
const CUSTOM_MAX: i64 = 3_660;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    Day,
    Days7,
    Days30,
    Month,
    Months6,
    Months12,
    Custom,
}

impl Period {
    pub const ALL: [Self; 7] = [
        Self::Day,
        Self::Days7,
        Self::Days30,
        Self::Month,
        Self::Months6,
        Self::Months12,
        Self::Custom,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Days7 => "7d",
            Self::Days30 => "30d",
            Self::Month => "month",
            Self::Months6 => "6mo",
            Self::Months12 => "12mo",
            Self::Custom => "custom",
        }
    }

    /// # Errors
    /// If the word is no period.
    pub fn parse(word: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|p| p.as_str() == word).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            Invalid(format!("invalid period `{word}`: it is one of {known}"))
        })
    }

    /// The days of this period. `date` is the anchor, `today` if absent; for a custom period it
    /// is `first,last`.
    ///
    /// # Errors
    /// If `date` is missing, unreadable, backwards or too long a range.
    pub fn range(self, date: Option<&str>, today: Day) -> Result<Range, Invalid> {
        if self == Self::Custom {
            return Range::parse(date.ok_or_else(|| {
                Invalid("period `custom` needs `date=FIRST,LAST`, two dates like 2026-01-31".into())
            })?);
        }
        let anchor = match date {
            None | Some("today") => today,
            Some(date) => parse_day(date)?,
        };
        let month = anchor - Days::new(u64::from(anchor.day0()));
        let month_end = month + Months::new(1) - Days::new(1);
        let (first, last) = match self {
            Self::Day | Self::Custom => (anchor, anchor),
            Self::Days7 => (anchor - Days::new(6), anchor),
            Self::Days30 => (anchor - Days::new(29), anchor),
            Self::Month => (month, month_end),
            Self::Months6 => (month - Months::new(5), month_end),
            Self::Months12 => (month - Months::new(11), month_end),
        };
        Ok(Range { first, last })
    }

    /// The step a series takes if none is asked for.
    pub fn default_interval(self) -> Interval {
        match self {
            Self::Day => Interval::Hour,
            Self::Months6 | Self::Months12 => Interval::Month,
            _ => Interval::Day,
        }
    }
}

/// Days from `first` to `last`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    pub first: Day,
    pub last: Day,
}

impl Range {
    fn parse(text: &str) -> Result<Self, Invalid> {
        let wrong = |why: &str| Invalid(format!("invalid date `{text}`: {why}"));
        let (first, last) = text
            .split_once(',')
            .ok_or_else(|| wrong("a custom period is two dates joined by a comma"))?;
        let range = Self { first: parse_day(first.trim())?, last: parse_day(last.trim())? };
        if range.first > range.last {
            return Err(wrong("the first day is after the last"));
        }
        if range.len() > CUSTOM_MAX {
            return Err(wrong("the range is longer than ten years"));
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

    /// As many days, just before.
    pub fn previous(self) -> Self {
        let by = Days::new(self.len() as u64);
        Self { first: self.first - by, last: self.last - by }
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
        .ok_or_else(|| Invalid(format!("invalid date `{text}`: a date is like 2026-01-31")))
}

/// The step of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interval {
    Hour,
    Day,
    Month,
}

impl Interval {
    /// How answers write the time at which a step starts.
    pub(super) fn format(self) -> &'static str {
        match self {
            Self::Hour => "%Y-%m-%d %H:%M:%S",
            Self::Day | Self::Month => "%Y-%m-%d",
        }
    }

    /// # Errors
    /// If the word is no interval. `date` is Plausible's older word for `day`.
    pub fn parse(word: &str) -> Result<Self, Invalid> {
        match word {
            "hour" => Ok(Self::Hour),
            "day" | "date" => Ok(Self::Day),
            "month" => Ok(Self::Month),
            _ => Err(Invalid(format!(
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
        match Period::parse(period).and_then(|p| p.range(date, today)) {
            Ok(r) => format!("{}..{} {}", r.first, r.last, r.len()),
            Err(e) => e.to_string(),
        }
    }

    #[test]
    fn periods_include_their_anchor() {
        for (period, date, expected) in [
            ("day", "", "2026-11-24..2026-11-24 1"),
            ("day", "today", "2026-11-24..2026-11-24 1"),
            ("7d", "", "2026-11-18..2026-11-24 7"),
            ("30d", "", "2026-10-26..2026-11-24 30"),
            ("month", "", "2026-11-01..2026-11-30 30"),
            ("6mo", "", "2026-06-01..2026-11-30 183"),
            ("12mo", "", "2025-12-01..2026-11-30 365"),
            ("month", "2026-12-31", "2026-12-01..2026-12-31 31"),
            ("month", "2028-02-29", "2028-02-01..2028-02-29 29"),
            ("month", "2027-02-01", "2027-02-01..2027-02-28 28"),
            ("7d", "2028-03-02", "2028-02-25..2028-03-02 7"),
            ("30d", "2027-03-01", "2027-01-31..2027-03-01 30"),
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
    fn the_previous_period_is_as_long_and_ends_the_day_before() {
        for (period, date) in
            [("month", "2028-03-15"), ("12mo", "2028-02-29"), ("day", "2026-03-01")]
        {
            let range = Period::parse(period).unwrap().range(Some(date), Day::default()).unwrap();
            let previous = range.previous();
            assert_eq!(previous.len(), range.len());
            assert_eq!(previous.last.succ_opt().unwrap(), range.first);
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
