//! Which time a question is about: Plausible's words, two dates, or two instants.

use super::read::wrong;
use crate::clock::{HOUR, MINUTE, Millis};
use crate::model::site::{Day, Site};
use crate::report::{Invalid, Period, Range};
use chrono::{DateTime, SecondsFormat, TimeZone};
use serde_json::{Value as Json, json};

/// The time of a question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    pub period: Period,
    /// The site's days that it touches.
    pub range: Range,
    /// If these are not whole days: the first instant, and the one after the last.
    pub times: Option<(Millis, Millis)>,
}

impl Span {
    /// Reads `date_range` at `now`.
    pub(super) fn read(
        value: Option<&Json>,
        site: &Site,
        now: Millis,
        include_today: bool,
    ) -> Result<Self, Invalid> {
        let word = match value {
            None | Some(Json::Null) => return wrong("`date_range` is missing, for example \"7d\""),
            Some(Json::String(word)) => word.as_str(),
            Some(Json::Array(ends)) => {
                let [Json::String(first), Json::String(last)] = ends.as_slice() else {
                    return wrong("`date_range` is a word or a list of two dates");
                };
                if first.contains('T') || last.contains('T') {
                    return Self::instants(first, last, site);
                }
                return Ok(Self::days(Period::Custom, Range::parse(&format!("{first},{last}"))?));
            }
            Some(_) => return wrong("`date_range` is a word or a list of two dates"),
        };
        match word {
            "24h" => return Self::last(24 * HOUR, site, now),
            // As long as somebody counts as being here.
            "realtime" => return Self::last(5 * MINUTE, site, now),
            _ => {}
        }
        let today = site.day(now);
        let period = Period::parse(word)?;
        let range = match period {
            Period::Custom => return wrong("a custom `date_range` is a list of two dates"),
            // Whole months, of which this is none yet.
            Period::Months6 | Period::Months12 => {
                let this_month = Period::Month.range(None, today, false)?;
                let before = (this_month.first - chrono::Days::new(1)).to_string();
                let range = period.range(Some(&before), today, false)?;
                Range { last: if include_today { today } else { range.last }, ..range }
            }
            _ => period.range(None, today, include_today)?.until(today),
        };
        Ok(Self::days(period, range))
    }

    /// The time of this length that ends `now`.
    ///
    /// # Errors
    /// If it is longer than a range may be.
    pub fn last(length: Millis, site: &Site, now: Millis) -> Result<Self, Invalid> {
        Self::between(now - length, now, site)
    }

    pub fn days(period: Period, range: Range) -> Self {
        Self { period, range, times: None }
    }

    /// Two instants as RFC 3339 has them; the second that the last one names belongs to it.
    fn instants(first: &str, last: &str, site: &Site) -> Result<Self, Invalid> {
        let read = |text: &str| match DateTime::parse_from_rfc3339(text) {
            Ok(at) if (1970..=9999).contains(&chrono::Datelike::year(&at)) => Ok(at.timestamp()),
            _ => wrong(format!(
                "invalid date `{text}`: a date-time is like 2026-01-31T12:00:00+01:00"
            )),
        };
        let (from, to) = (read(first)?, read(last)?);
        if from > to {
            return wrong(format!(
                "invalid date_range `{first}`, `{last}`: it ends before it begins"
            ));
        }
        Self::between(from * 1000, (to + 1) * 1000, site)
    }

    fn between(first: Millis, end: Millis, site: &Site) -> Result<Self, Invalid> {
        let range = Range { first: site.day(first), last: site.day(end - 1) };
        let range = Range::parse(&format!("{},{}", range.first, range.last))?;
        let whole = site.day_start(range.first) == first && after(range, site) == end;
        let times = (!whole).then_some((first, end));
        Ok(Self { period: Period::Custom, range, times })
    }

    /// Its days, those before anything was counted left out where all of them are asked for.
    pub(super) fn counted<'d>(&self, mut days: impl Iterator<Item = &'d Day>, today: Day) -> Range {
        match self.period {
            Period::All => {
                let first = days.next().copied().unwrap_or(today).max(self.range.first);
                Range { first: first.min(self.range.last), ..self.range }
            }
            _ => self.range,
        }
    }

    /// How an answer repeats it: its first and its last second in the site's time.
    pub(super) fn echo(&self, range: Range, site: &Site) -> Json {
        let (first, end) =
            self.times.unwrap_or_else(|| (site.day_start(range.first), after(range, site)));
        json!([instant(first, site), instant(end - 1000, site)])
    }

    /// How long it is, in hours.
    pub(super) fn hours(&self) -> i64 {
        self.times.map_or(self.range.len() * 24, |(first, end)| (end - first) / HOUR)
    }
}

/// The instant at which a range of days is over.
pub(super) fn after(range: Range, site: &Site) -> Millis {
    site.day_start(range.last + chrono::Days::new(1))
}

fn instant(at: Millis, site: &Site) -> String {
    let at = site.timezone.timestamp_millis_opt(at).single();
    at.map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, false)).unwrap_or_default()
}
