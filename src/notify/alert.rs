//! What is unusual: the last hour has many times the views that hours of this time of day have, the
//! last six have few, or robots ask for many times what they use to.
//!
//! Usual is the median of the seven days before, at the same time of day. A site that has fewer
//! than three of them has no usual yet.

use crate::clock::{HOUR, Millis};
use crate::config::Alerts;
use crate::model::rollup::{Dimension, Metric as Stored};
use crate::model::site::{Day, Site};
use crate::report::{Days, Interval, Metric, Period, QuerySet, Range, Span, Value};
use chrono::{NaiveDateTime, TimeDelta};
use std::collections::HashMap;

/// Days that usual is made of, and how many of them there must be.
const DAYS: i64 = 7;
const ENOUGH: usize = 3;

/// Hours that a drop lasts before it is told.
const FEW_HOURS: i64 = 6;

/// Responses to robots on a day that are worth a word.
const MANY_RESPONSES: i64 = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Spike,
    Drop,
    Robots,
}

/// Something unusual.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusual {
    pub kind: Kind,
    /// Views, or responses to robots.
    pub count: i64,
    pub usual: i64,
    /// When it began.
    pub since: Millis,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spike => "spike",
            Self::Drop => "drop",
            Self::Robots => "robots",
        }
    }
}

impl Unusual {
    /// What it is known by: a kind is told once a day.
    pub fn name(&self, site: &Site, end: Millis) -> String {
        format!("{}:{}:{}", site.name, self.kind.as_str(), site.day(end - 1))
    }
}

/// The days that are needed to judge the hours before `end`.
pub fn range(site: &Site, end: Millis) -> Range {
    let last = site.day(end - 1);
    Range { first: last - chrono::Days::new(DAYS as u64 + 1), last }
}

/// What is unusual in the hours before `end`, which is the end of an hour.
pub fn find(site: &Site, settings: &Alerts, days: &Days, end: Millis) -> Vec<Unusual> {
    let by_hour = views(site, days, end);
    let last = site.minute_start(end - HOUR);
    // Of some hours that end with the last, that many days ago; `None`: nothing is known of then.
    let seen = |hours: i64, ago: i64| {
        let end = last - TimeDelta::days(ago);
        days.get(&end.date())?;
        let each = (0..hours).map(|back| by_hour.get(&(end - TimeDelta::hours(back))));
        Some(each.map(|views| views.copied().unwrap_or(0)).sum::<i64>())
    };
    let usual = |hours| median((1..=DAYS).filter_map(|ago| seen(hours, ago)).collect());
    let mut found = Vec::new();
    if let (Some(count), Some(usual)) = (seen(1, 0), usual(1))
        && settings.spike > 0
        && count >= settings.least
        && count * 100 >= usual * settings.spike
    {
        found.push(Unusual { kind: Kind::Spike, count, usual, since: end - HOUR });
    }
    if let Some(usual) = usual(FEW_HOURS)
        && settings.drop > 0
        && usual >= settings.least
        // A day without a view has no counts at all.
        && let count = seen(FEW_HOURS, 0).unwrap_or(0)
        && count * 100 <= usual * settings.drop
    {
        let since = end - FEW_HOURS * HOUR;
        found.push(Unusual { kind: Kind::Drop, count, usual, since });
    }
    let today = last.date();
    let robots = |day: Day| {
        days.get(&day).map(|counts| {
            let rows = counts.rows(Dimension::BotClass);
            rows.map(|(_, counts)| counts.get(Stored::Responses)).sum::<i64>()
        })
    };
    let before = (1..=DAYS).filter_map(|ago| robots(today - TimeDelta::days(ago)));
    if let (Some(count), Some(usual)) = (robots(today), median(before.collect()))
        && settings.robots > 0
        && count >= MANY_RESPONSES
        && count * 100 >= usual * settings.robots
    {
        let since = site.day_start(today);
        found.push(Unusual { kind: Kind::Robots, count, usual, since });
    }
    found
}

/// Views by the local hour in which they were.
fn views(site: &Site, days: &Days, end: Millis) -> HashMap<NaiveDateTime, i64> {
    let span = Span::days(Period::Custom, range(site, end));
    let Ok(mut questions) = QuerySet::new(site, span, None, Vec::new(), end) else {
        return HashMap::new();
    };
    let nth = questions.ask_over_time(Interval::Hour, &[Metric::Pageviews]);
    let steps = questions.answer(days, &[]).steps(nth).unwrap_or_default();
    let count = |values: &[Value]| match values.first() {
        Some(Value::Count(n)) => *n,
        _ => 0,
    };
    let mut by_hour = HashMap::new();
    for step in steps {
        // An hour that comes twice, when clocks go back, is one.
        *by_hour.entry(step.start).or_default() += count(&step.values);
    }
    by_hour
}

fn median(mut all: Vec<i64>) -> Option<i64> {
    all.sort_unstable();
    (all.len() >= ENOUGH).then(|| all[all.len() / 2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::DayCounts;
    use crate::model::rollup::slot;
    use std::sync::Arc;

    const SETTINGS: Alerts =
        Alerts { to: Vec::new(), spike: 300, drop: 30, robots: 300, least: 100 };

    fn site() -> Site {
        Site { timezone: chrono_tz::Asia::Kolkata, ..Site::default() }
    }

    /// The end of the hour from 11 to 12 as the site's clocks show it; half hours in UTC.
    fn noon() -> Millis {
        let day = "2026-11-24".parse().unwrap();
        site().day_start(day) + 12 * HOUR
    }

    /// Days with so many views in each hour of so many hours that end so long before noon.
    fn days(views: impl Fn(i64, i64) -> i64, robots: impl Fn(i64) -> i64) -> Days {
        let mut days = Days::new();
        for ago in 0..=DAYS {
            let mut counts = DayCounts::default();
            for hour in 0..12 {
                let at = noon() - ago * 24 * HOUR - hour * HOUR - HOUR / 2;
                let (slot, n) = (slot(at).to_string(), views(ago, hour));
                counts.add(Dimension::Slot, &slot, Stored::Server, n);
                counts.add(Dimension::Total, "", Stored::Server, n);
            }
            counts.add(Dimension::BotClass, "search", Stored::Responses, robots(ago));
            let day = site().day(noon() - HOUR) - TimeDelta::days(ago);
            days.insert(day, Arc::new(counts));
        }
        days
    }

    fn found(days: &Days) -> Vec<(&'static str, i64, i64)> {
        let all = find(&site(), &SETTINGS, days, noon());
        all.iter().map(|found| (found.kind.as_str(), found.count, found.usual)).collect()
    }

    #[test]
    fn an_hour_of_many_times_the_usual_is_a_spike() {
        let usual = |ago, _| if ago == 0 { 149 } else { 50 };
        assert_eq!(found(&days(usual, |_| 0)), []);
        let spike = |ago, hour| if (ago, hour) == (0, 0) { 150 } else { 50 };
        assert_eq!(found(&days(spike, |_| 0)), [("spike", 150, 50)]);
        let few = |ago, hour| if (ago, hour) == (0, 0) { 99 } else { 1 };
        assert_eq!(found(&days(few, |_| 0)), [], "nothing worth a word");
    }

    #[test]
    fn six_hours_of_little_are_a_drop() {
        let little = |ago, hour| if ago == 0 && hour < 6 { 15 } else { 50 };
        assert_eq!(found(&days(little, |_| 0)), [("drop", 90, 300)]);
        let less_for_five = |ago, hour| if ago == 0 && hour < 5 { 15 } else { 50 };
        assert_eq!(found(&days(less_for_five, |_| 0)), []);
        // A day without any view has no counts.
        let mut none = days(|_, _| 50, |_| 0);
        none = none.range(..site().day(noon() - HOUR)).fold(Days::new(), |mut days, (day, of)| {
            days.insert(*day, of.clone());
            days
        });
        assert_eq!(found(&none), [("drop", 0, 300)]);
    }

    #[test]
    fn robots_that_ask_many_times_what_they_use_to_are_told() {
        let rose = days(|_, _| 0, |ago| if ago == 0 { 3_000 } else { 1_000 });
        assert_eq!(found(&rose), [("robots", 3_000, 1_000)]);
        assert_eq!(found(&days(|_, _| 0, |ago| if ago == 0 { 999 } else { 10 })), []);
    }

    #[test]
    fn a_new_site_has_no_usual() {
        let all = days(|ago, _| if ago == 0 { 900 } else { 1 }, |_| 0);
        let today = site().day(noon() - HOUR);
        let keep = |days_kept: i64| {
            all.range(today - TimeDelta::days(days_kept)..).fold(
                Days::new(),
                |mut days, (d, of)| {
                    days.insert(*d, of.clone());
                    days
                },
            )
        };
        assert_eq!(found(&keep(2)), []);
        assert_eq!(found(&keep(3)), [("spike", 900, 1)]);
    }

    #[test]
    fn what_is_off_is_never_told() {
        let off = Alerts { spike: 0, drop: 0, robots: 0, ..SETTINGS };
        let all = days(|ago, hour| if (ago, hour) == (0, 0) { 900 } else { 1 }, |_| 100_000);
        assert_eq!(find(&site(), &off, &all, noon()), []);
    }
}
