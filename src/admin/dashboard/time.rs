//! Which time the dashboard shows, in which steps, and what it is compared with.

use super::topics::Topic;
use super::view::View;
use crate::clock::{HOUR, MINUTE, Millis};
use crate::model::site::{Day, Site};
use crate::report::{Comparison, ComparisonMode, Interval, Invalid, Period, Range, Span, Weekdays};
use chrono::{Datelike, Days, Months};

/// The word for the last 24 hours, and how long the realtime page looks back.
pub(super) const LAST_DAY: &str = "24h";
const REALTIME: Millis = 30 * MINUTE;

/// Up to this many days a chart may have steps of hours.
const HOURLY: u64 = 8;

/// Up to this many days, a chart's default step is a day.
const DAILY: i64 = 100;

/// # Errors
/// If there is no such period, or its date is wrong.
pub(super) fn span<'c>(
    topic: Option<Topic>,
    get: impl Fn(&'static str) -> Option<&'c str>,
    site: &Site,
    now: Millis,
) -> Result<Span, Invalid> {
    match (topic, get("period")) {
        (Some(Topic::Realtime), _) => Span::last(REALTIME, site, now),
        (_, Some(LAST_DAY)) => Span::last(24 * HOUR, site, now),
        (_, word) => {
            let period = word.map_or(Ok(Period::Day), Period::parse)?;
            Ok(Span::days(period, period.range(get("date"), site.day(now), true)?))
        }
    }
}

/// What is compared with: the time before, unless another is named, or none.
///
/// # Errors
/// If a word is unknown, or days are missing.
pub(super) fn comparison<'c>(
    topic: Option<Topic>,
    period: Period,
    get: impl Fn(&'static str) -> Option<&'c str>,
    today: Day,
) -> Result<Option<Comparison>, Invalid> {
    let mode = match get("compare") {
        None | Some("previous_period") => ComparisonMode::PreviousPeriod,
        Some("year_over_year") => ComparisonMode::YearOverYear,
        Some("custom") => {
            ComparisonMode::Custom(Period::Custom.range(get("compare_date"), today, true)?)
        }
        Some("none") => return Ok(None),
        Some(other) => {
            let known = ["previous_period", "year_over_year", "custom", "none"];
            return Err(Invalid::unknown("compare", other, known));
        }
    };
    let weekdays = match get("match_day_of_week") {
        None => Weekdays::AsTheyFall,
        // No day stands on both sides here.
        Some("true") => Weekdays::Apart,
        Some(other) => return Err(Invalid::unknown("match_day_of_week", other, ["true"])),
    };
    // There is nothing before all of the time.
    let has_before = period != Period::All && topic != Some(Topic::Realtime);
    Ok(has_before.then_some(Comparison { mode, weekdays }))
}

/// The days that a chart's steps have to fit. Of all of the time they are those since the first, and
/// always too many for hours, for which ten years of rows would be read.
pub(super) fn told(range: Range, since: Option<Day>) -> Range {
    let first = since.map_or(range.first, |since| since.min(range.last - Days::new(HOURLY)));
    Range { first: first.max(range.first), ..range }
}

/// The steps of a chart: those that were chosen, or as fits.
///
/// # Errors
/// If the time has no such steps.
pub(super) fn interval(
    topic: Option<Topic>,
    is_part: bool,
    range: Range,
    word: Option<&str>,
) -> Result<Interval, Invalid> {
    match word {
        _ if topic == Some(Topic::Realtime) => Ok(Interval::Minute),
        None if is_part => Ok(Interval::Hour),
        None => Ok(match range.len() {
            1 => Interval::Hour,
            2..=DAILY => Interval::Day,
            _ => Interval::Month,
        }),
        Some(word) => {
            let mut all = intervals(range, is_part);
            all.clone().find(|known| known.as_str() == word).ok_or_else(|| {
                let known = all.by_ref().map(Interval::as_str).collect::<Vec<_>>();
                Invalid::unknown("interval of this period", word, known)
            })
        }
    }
}

/// Steps of which there are neither too few nor too many in a range of days; for a part of a
/// day, hours only.
pub(super) fn intervals(range: Range, is_part: bool) -> impl Iterator<Item = Interval> + Clone {
    let fits = |interval: &Interval, days| match interval {
        Interval::Minute => false,
        Interval::Hour => days <= HOURLY as i64,
        Interval::Day => (2..=400).contains(&days),
        Interval::Week => (14..=1_100).contains(&days),
        Interval::Month => days > 31,
    };
    let all = [Interval::Hour, Interval::Day, Interval::Week, Interval::Month];
    let fitting = all.into_iter().filter(move |interval| fits(interval, range.len()));
    fitting.filter(move |interval| !is_part || *interval == Interval::Hour)
}

impl View {
    /// A link to another period. Matching weekdays is one choice for a single day and another for
    /// several, so a change between the two drops it.
    pub fn period_link(&self, period: &str, date: Option<&str>) -> String {
        let is_one_day = period == Period::Day.as_str();
        let changes = [("period", Some(period)), ("date", date), ("interval", None)];
        let back = [("match_day_of_week", None)];
        match self.is_by_weekday() && is_one_day != self.is_one_day() {
            true => self.link(&[&changes[..], &back].concat()),
            false => self.link(&changes),
        }
    }

    /// Whether the time before is moved to the same days of the week.
    pub fn is_by_weekday(&self) -> bool {
        let before = self.comparison.filter(|with| with.mode == ComparisonMode::PreviousPeriod);
        before.is_some_and(|with| with.weekdays != Weekdays::AsTheyFall)
    }

    /// Whether the compared time, of any mode, is moved to the same days of the week. Not where one
    /// day is compared with the week before: that is a choice of its own.
    pub fn matches_weekdays(&self) -> bool {
        let matches = |with: Comparison| with.weekdays != Weekdays::AsTheyFall;
        self.comparison.is_some_and(matches) && !(self.is_one_day() && self.is_by_weekday())
    }

    /// `Tue, 24 Nov`, with its year where that is another.
    pub fn weekday(&self, day: Day) -> String {
        match day.year() == self.today.year() {
            true => self.say().weekday(day),
            false => format!("{} {}", self.say().weekday(day), day.year()),
        }
    }

    /// Links to the periods before and after; `None` where there is nothing to go to.
    pub fn neighbours(&self) -> (Option<String>, Option<String>) {
        if self.times.is_some() || matches!(self.period, Period::Custom | Period::All) {
            return (None, None);
        }
        let Range { first, last } = self.range;
        // A period of N days ends on the day before its `date`.
        let before = match self.period.whole_days() {
            Some(_) => first,
            None => first - Days::new(1),
        };
        let before = before.to_string();
        let after = match self.period {
            Period::Months6 => last + Months::new(6),
            Period::Months12 => last + Months::new(12),
            period => last + Days::new(period.whole_days().map_or(1, |days| days + 1)),
        };
        let after = (last < self.today).then(|| {
            let date = (after < self.today).then(|| after.to_string());
            self.link(&[("date", date.as_deref())])
        });
        (Some(self.link(&[("date", Some(&before))])), after)
    }
}
