//! A website that is counted: its name, the hosts it answers to, the time zone of its days, its
//! goals.

use super::goal::{Funnel, Goal};
use super::tracker::Tracker;
use crate::clock::{MINUTE, Millis};
use chrono::{Datelike, Months, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Timelike};
use chrono_tz::Tz;
use data_encoding::HEXLOWER;
use iso_currency::Currency;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A site by its name, in eight bytes: the same in every process, whatever the order of its
/// settings. It stands in for the name wherever every hit has one: in the journal, in the shared
/// log, in what a shard remembers. All zeros: the one site of release 0.1.0, whose hits named none.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
pub struct SiteId([u8; 8]);

impl SiteId {
    /// Of a site by its name.
    pub fn of(name: &str) -> Self {
        let hash: [u8; 32] = Sha256::digest(name).into();
        Self(std::array::from_fn(|i| hash[i]))
    }

    /// As it is written.
    pub fn bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

/// One name for sites that nodes count together: the name of a single site, else one that no site
/// can have. The order of the sites does not matter.
pub fn together(sites: &[Site]) -> Arc<str> {
    if let [only] = sites {
        return only.name.clone();
    }
    let mut names: Vec<&str> = sites.iter().map(|site| &*site.name).collect();
    names.sort_unstable();
    let hash = SiteId::of(&names.join(" "));
    format!("sites_{}", HEXLOWER.encode(hash.bytes())).into()
}

/// A calendar day in a site's own time zone.
pub type Day = NaiveDate;

/// A calendar month in a site's own time zone; written `2026-11`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Month(Day);

impl Month {
    /// The month a day lies in.
    pub fn of(day: Day) -> Self {
        Self(day.with_day(1).unwrap_or(day))
    }

    /// Its first day.
    pub fn first(self) -> Day {
        self.0
    }

    /// Its last day.
    pub fn last(self) -> Day {
        (self.0 + Months::new(1)).pred_opt().unwrap_or(self.0)
    }

    /// Its days, in order.
    pub fn days(self) -> impl Iterator<Item = Day> {
        let last = self.last();
        self.0.iter_days().take_while(move |day| *day <= last)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0.year(), self.0.month())
    }
}

impl FromStr for Month {
    type Err = chrono::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        format!("{text}-01").parse().map(Self)
    }
}

/// A site as configured. Days, and with them salts and roll-ups, follow `timezone`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Site {
    /// In lower case; part of every key.
    pub name: Arc<str>,
    /// Hosts it answers to, in the form they are compared in ([`crate::host`]), or `*.` and one to
    /// take all names below it, or [`EVERY_HOST`](super::hosts::EVERY_HOST), as if there were none.
    pub hosts: Vec<String>,
    /// UTC by default.
    pub timezone: Tz,
    /// What its owner hopes for.
    pub goals: Vec<Goal>,
    /// Ways to it, step by step.
    pub funnels: Vec<Funnel>,
    /// A visit also ends where the next view comes from another source or campaign.
    pub new_visit_on_source: bool,
    /// What the values of events are amounts of, if they are money.
    pub currency: Option<Currency>,
    /// Trackers beside our own whose beacons are taken.
    pub event_apis: Vec<Tracker>,
}

impl Site {
    /// The day `at` falls on for this site.
    pub fn day(&self, at: Millis) -> Day {
        self.local(at).date_naive()
    }

    /// The site's local time at which a minute begins.
    pub fn minute_start(&self, at: Millis) -> NaiveDateTime {
        self.local(at - at.rem_euclid(MINUTE)).naive_local()
    }

    /// Hour of the site's day, 0 to 23.
    pub fn hour(&self, at: Millis) -> u32 {
        self.local(at).hour()
    }

    /// The instant a day begins. Where midnight does not exist (a clock put forward), the first
    /// instant after it.
    pub fn day_start(&self, day: Day) -> Millis {
        let midnight = day.and_time(NaiveTime::MIN);
        match self.timezone.from_local_datetime(&midnight).earliest() {
            Some(t) => t.timestamp_millis(),
            None => self.skipped(midnight),
        }
    }

    /// The time of day that `at` is, on another day; where that comes twice, the later.
    pub fn at_same_time(&self, at: Millis, day: Day) -> Millis {
        let local = day.and_time(self.local(at).time());
        match self.timezone.from_local_datetime(&local).latest() {
            Some(t) => t.timestamp_millis(),
            None => self.skipped(local),
        }
    }

    /// The instant of a local time that a clock put forward has skipped, read with the offset it
    /// had before. A day earlier is before it in every zone.
    fn skipped(&self, local: NaiveDateTime) -> Millis {
        let before = local - chrono::Days::new(1);
        let offset = self.timezone.offset_from_utc_datetime(&before).fix();
        local.and_utc().timestamp_millis() - i64::from(offset.local_minus_utc()) * 1000
    }

    /// What clocks show, `15:30`.
    pub fn clock(&self, at: Millis) -> String {
        self.local(at).format("%H:%M").to_string()
    }

    fn local(&self, at: Millis) -> chrono::DateTime<Tz> {
        let local = self.timezone.timestamp_millis_opt(at).single();
        local.unwrap_or_else(|| self.timezone.from_utc_datetime(&NaiveDateTime::default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_has_its_days() {
        for (day, text, last) in
            [("2028-02-29", "2028-02", "2028-02-29"), ("2026-12-01", "2026-12", "2026-12-31")]
        {
            let month = Month::of(day.parse().unwrap());
            assert_eq!((month.to_string(), month.last().to_string()), (text.into(), last.into()));
            assert_eq!(text.parse(), Ok(month));
            assert!(month.days().all(|day| Month::of(day) == month));
            assert_eq!(month.days().last(), Some(month.last()));
        }
    }

    /// Zones west and east of Greenwich that skip midnight, one that skips a whole day, and plain
    /// ones.
    #[test]
    fn a_day_starts_at_its_first_instant() {
        for (zone, day) in [
            ("America/Sao_Paulo", "2018-11-04"),
            ("Asia/Beirut", "2021-03-28"),
            ("Asia/Amman", "2021-03-26"),
            ("Pacific/Apia", "2011-12-31"),
            ("America/Havana", "2026-11-01"),
            ("Europe/Berlin", "2026-03-29"),
            ("Asia/Kathmandu", "2026-03-29"),
        ] {
            let timezone = zone.parse().unwrap();
            let site = Site { name: "s".into(), hosts: Vec::new(), timezone, ..Site::default() };
            let day: Day = day.parse().unwrap();
            let start = site.day_start(day);
            assert_eq!(site.day(start), day, "{zone}");
            assert!(site.day(start - 1) < day, "{zone}");
        }
    }
}
