//! When a report is to be sent: the week's on Monday and the month's on its first day after, at
//! eight in the morning as the site's clocks show it.

use crate::clock::{HOUR, Millis};
use crate::model::site::{Day, Month, Site};
use crate::report::{Period, Range};
use chrono::{Datelike, Days};

/// How long after midnight.
const MORNING: Millis = 8 * HOUR;

/// A report that could not be sent for so long is old news.
const LATE: Millis = 3 * 24 * HOUR;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Weekly,
    Monthly,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
        }
    }
}

/// A report to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    pub kind: Kind,
    /// What it is about.
    pub range: Range,
}

impl Due {
    pub fn period(&self) -> Period {
        match self.kind {
            Kind::Weekly => Period::Custom,
            Kind::Monthly => Period::Month,
        }
    }

    /// Its days, and those that they are compared with.
    pub fn with_before(&self) -> Range {
        let before = match self.kind {
            Kind::Weekly => self.range.first - Days::new(7),
            Kind::Monthly => Month::of(self.range.first - Days::new(1)).first(),
        };
        Range { first: before, ..self.range }
    }
}

/// The report of last week, if it is due: for three days from Monday morning.
pub fn weekly(site: &Site, now: Millis) -> Option<Due> {
    let today = site.day(now);
    let monday = today - Days::new(today.weekday().num_days_from_monday().into());
    let range = Range { first: monday - Days::new(7), last: monday - Days::new(1) };
    is_time(site, monday, now).then_some(Due { kind: Kind::Weekly, range })
}

/// The report of last month, if it is due: for three days from the morning of the first.
pub fn monthly(site: &Site, now: Millis) -> Option<Due> {
    let first = Month::of(site.day(now)).first();
    let last = first - Days::new(1);
    let range = Range { first: Month::of(last).first(), last };
    is_time(site, first, now).then_some(Due { kind: Kind::Monthly, range })
}

fn is_time(site: &Site, day: Day, now: Millis) -> bool {
    let at = site.day_start(day) + MORNING;
    (at..at + LATE).contains(&now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn at(text: &str) -> Millis {
        DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
    }

    fn text(range: Range) -> String {
        format!("{},{}", range.first, range.last)
    }

    #[test]
    fn a_week_is_told_on_monday_morning() {
        let site = Site { timezone: chrono_tz::Europe::Berlin, ..Site::default() };
        let told = |now: &str| weekly(&site, at(now)).map(|due| text(due.range));
        assert_eq!(told("2026-11-23T07:59:59+01:00"), None);
        let week = Some("2026-11-16,2026-11-22".to_owned());
        assert_eq!(told("2026-11-23T08:00:00+01:00"), week);
        assert_eq!(told("2026-11-26T07:59:00+01:00"), week);
        assert_eq!(told("2026-11-26T08:00:00+01:00"), None, "old news");
    }

    #[test]
    fn a_month_is_told_on_its_first_day_after() {
        let site = Site { timezone: chrono_tz::Asia::Kolkata, ..Site::default() };
        let told = |now: &str| monthly(&site, at(now)).map(|due| text(due.with_before()));
        assert_eq!(told("2026-03-01T07:59:59+05:30"), None);
        let both = Some("2026-01-01,2026-02-28".to_owned());
        assert_eq!(told("2026-03-01T08:00:00+05:30"), both);
        assert_eq!(told("2026-03-02T23:00:00+05:30"), both);
        assert_eq!(told("2026-02-28T23:00:00+05:30"), None);
    }
}
