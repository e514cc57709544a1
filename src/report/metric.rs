//! Metrics: what an answer says of a row, in the Stats API's words.

use super::known::Known;
use super::rows::merge_day;
use super::{Invalid, Property};
use crate::model::rollup::{Metric as Stored, Row};
use crate::words::words;
use serde::Serialize;

words! {
    /// A metric of the Stats API: Plausible's, and ours for what the server and the browser saw.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Metric {
        Visitors = "visitors",
        Visits = "visits",
        /// Of bots, errors, downloads, prefetches, feeds and AI: responses.
        Pageviews = "pageviews",
        /// Two decimals; unknown without visits.
        ViewsPerVisit = "views_per_visit",
        /// Percent, whole; unknown without visits. Of a page: of the visits that entered by it.
        BounceRate = "bounce_rate",
        /// Seconds, whole; unknown without visits.
        VisitDuration = "visit_duration",
        /// Pageviews and custom events together, as Plausible has it.
        Events = "events",
        /// Pageviews seen by the server, confirmed or not.
        ServerPageviews = "server_pageviews",
        /// Of errors: shown by a browser. Of prefetches: seen in the end.
        ConfirmedPageviews = "confirmed_pageviews",
        /// Pageviews only a browser saw.
        BrowserPageviews = "browser_pageviews",
        ConfirmedVisitors = "confirmed_visitors",
        /// How far views were scrolled on average, percent, whole; unknown where none told.
        ScrollDepth = "scroll_depth",
        /// Seconds of attention a page gets in a visit, whole: engaged time over the visits that saw
        /// it. Visits of which no script told anything are left out, in proportion to the views that
        /// no browser reported. Rows of pages only.
        TimeOnPage = "time_on_page",
        /// Percent of a page's views that ended a visit, one decimal; rows of exit pages only.
        ExitRate = "exit_rate",
        /// Percent of what the server answered that no script ever confirmed, one decimal.
        BlindSpot = "blind_spot",
        /// Body bytes sent.
        Bytes = "bytes",
        /// Downloads that arrived whole, and those that did not.
        Complete = "complete",
        Aborted = "aborted",
        /// Subscribers whom feed readers fetch for, on the day that had most.
        Subscribers = "subscribers",
        /// Events without the pageviews: how often a goal was reached.
        Conversions = "conversions",
        /// Percent of the filter's visitors, what it asks of goals and events aside, whom a goal's
        /// (event's, link's) row counts, two decimals.
        ConversionRate = "conversion_rate",
        /// Percent of the visitors of a row's other dimensions whom it counts, two decimals; where
        /// there are none, of all.
        GroupConversionRate = "group_conversion_rate",
        /// Percent of all visitors whom a row counts, one decimal.
        Percentage = "percentage",
        /// Sum of the values that events brought, and the average over all events.
        TotalRevenue = "total_revenue",
        AverageRevenue = "average_revenue",
    }
}

impl Metric {
    /// # Errors
    /// If there is no such metric.
    pub fn read(word: &str) -> Result<Self, Invalid> {
        let unknown = || Invalid::unknown("metric", word, Self::ALL.map(Self::as_str));
        Self::parse(word).ok_or_else(unknown)
    }

    /// The metric of a version 1 question that names none: visitors, or pageviews of a property
    /// whose rows count no visitors.
    pub(super) fn default_of(property: Option<&Property>) -> Self {
        match property {
            Some(p) if p.knows_only_pageviews() || p.counts_responses() => Self::Pageviews,
            _ => Self::Visitors,
        }
    }

    /// Reads a comma-separated list.
    ///
    /// # Errors
    /// If one is unknown or named twice.
    pub fn parse_list(list: &str) -> Result<Vec<Self>, Invalid> {
        let mut metrics = Vec::new();
        for word in list.split(',').map(str::trim) {
            let metric = Self::read(word)?;
            if metrics.contains(&metric) {
                return Err(Invalid::new(format!("metric `{word}` is asked for twice")));
            }
            metrics.push(metric);
        }
        Ok(metrics)
    }

    /// What a row of `property` (`None`: of everything) says.
    pub fn of(self, sums: &Sums, property: Option<&Property>) -> Value {
        let row = &sums.row;
        let count = |metric| Value::Count(row.get(metric));
        if !self.is_told(property, sums.known) {
            return Value::Unknown;
        }
        if property.is_some_and(Property::counts_responses) {
            return self.of_responses(row);
        }
        match self {
            Self::Visitors => count(Stored::Visitors),
            Self::Visits => count(Stored::Visits),
            Self::Pageviews => Value::Count(row.pageviews()),
            Self::Events => Value::Count(row.pageviews() + row.get(Stored::Events)),
            Self::ServerPageviews => count(Stored::Server),
            Self::ConfirmedPageviews => count(Stored::Confirmed),
            Self::BrowserPageviews => count(Stored::Browser),
            Self::ConfirmedVisitors => count(Stored::ConfirmedVisitors),
            Self::ViewsPerVisit => {
                decimals(2, share(row.get(Stored::VisitViews), row.get(Stored::Visits)))
            }
            Self::BounceRate => {
                let of_pages = property.is_some_and(|p| p.as_str() == "event:page");
                let row = if of_pages { &sums.beside } else { row };
                whole(100.0, share(row.get(Stored::Bounces), row.get(Stored::Visits)))
            }
            Self::VisitDuration => {
                whole(0.001, share(row.get(Stored::Duration), row.get(Stored::Visits)))
            }
            Self::ScrollDepth => {
                whole(1.0, share(row.get(Stored::ScrollDepth), row.get(Stored::ScrollViews)))
            }
            Self::TimeOnPage => {
                let told = row.get(Stored::Confirmed) + row.get(Stored::Browser);
                let visits =
                    row.get(Stored::Visits) as f64 * share(told, row.pageviews()).unwrap_or(0.0);
                let time = row.get(Stored::Engagement) as f64;
                whole(0.001, (visits > 0.0).then(|| time / visits))
            }
            Self::ExitRate => percent(1, share(row.get(Stored::Visits), sums.beside.pageviews())),
            Self::BlindSpot => {
                let server = row.get(Stored::Server);
                percent(1, share(server - row.get(Stored::Confirmed), server))
            }
            Self::Bytes => count(Stored::Bytes),
            Self::Complete | Self::Aborted | Self::Subscribers => Value::Unknown,
            Self::Conversions => count(Stored::Events),
            Self::ConversionRate | Self::GroupConversionRate => {
                percent(2, share(row.get(Stored::Visitors), sums.everyone.get(Stored::Visitors)))
            }
            Self::Percentage => {
                percent(1, share(row.get(Stored::Visitors), sums.everyone.get(Stored::Visitors)))
            }
            Self::TotalRevenue => decimals(3, Some(row.get(Stored::Revenue) as f64 / 1000.0)),
            Self::AverageRevenue => {
                let average = share(row.get(Stored::Revenue), row.get(Stored::Events));
                decimals(3, average.map(|n| n / 1000.0))
            }
        }
    }

    fn of_responses(self, row: &Row) -> Value {
        let (all, seen) = (row.get(Stored::Responses), row.get(Stored::Seen));
        match self {
            Self::Pageviews => Value::Count(all),
            Self::ConfirmedPageviews => Value::Count(seen),
            Self::BlindSpot => percent(1, share(all - seen, all)),
            Self::Bytes => Value::Count(row.get(Stored::Bytes)),
            Self::Complete => Value::Count(row.get(Stored::Complete)),
            Self::Aborted => Value::Count(all - row.get(Stored::Complete)),
            Self::Subscribers => Value::Count(row.get(Stored::Subscribers)),
            _ => Value::Unknown,
        }
    }

    /// Whether rows of `property`, of which so much is `known`, say it.
    pub(super) fn is_told(self, property: Option<&Property>, known: Known) -> bool {
        let counts = match property {
            Some(property) if property.counts_responses() => {
                self.made_of_responses(property.family())
            }
            _ => self.made_of(property),
        };
        counts.is_some_and(|counts| counts.iter().all(|count| known.has(*count)))
    }

    /// Whether rows of a property can say it at all.
    pub fn means_something(self, property: &Property) -> bool {
        self.is_told(Some(property), Known::ALL)
    }

    /// The counts of a row that it is made of; `None` where it means nothing.
    fn made_of(self, property: Option<&Property>) -> Option<&'static [Stored]> {
        use Stored as S;
        let name = property.map_or("", Property::as_str);
        let of_actions = property.is_some_and(Property::counts_actions);
        Some(match self {
            Self::Visitors => &[S::Visitors],
            Self::Visits => &[S::Visits],
            Self::Pageviews => &[S::Server, S::Browser],
            Self::ViewsPerVisit => &[S::VisitViews, S::Visits],
            // Computed from `Sums::beside`, not from the row.
            Self::BounceRate if name == "event:page" => &[],
            Self::BounceRate => &[S::Bounces, S::Visits],
            Self::VisitDuration => &[S::Duration, S::Visits],
            Self::Events if of_actions => &[S::Events],
            Self::Events => &[S::Server, S::Browser, S::Events],
            Self::ServerPageviews => &[S::Server],
            Self::ConfirmedPageviews => &[S::Confirmed],
            Self::BrowserPageviews => &[S::Browser],
            Self::ConfirmedVisitors => &[S::ConfirmedVisitors],
            Self::ScrollDepth => &[S::ScrollDepth, S::ScrollViews],
            Self::TimeOnPage if name == "event:page" => {
                &[S::Engagement, S::Visits, S::Server, S::Confirmed, S::Browser]
            }
            Self::ExitRate if name == "visit:exit_page" => &[S::Visits],
            Self::BlindSpot => &[S::Server, S::Confirmed],
            Self::Bytes => &[S::Bytes],
            Self::Conversions => &[S::Events],
            Self::ConversionRate | Self::GroupConversionRate if of_actions => &[S::Visitors],
            Self::Percentage => &[S::Visitors],
            Self::TotalRevenue => &[S::Revenue],
            Self::AverageRevenue => &[S::Revenue, S::Events],
            Self::TimeOnPage | Self::ExitRate => return None,
            Self::ConversionRate | Self::GroupConversionRate => return None,
            Self::Complete | Self::Aborted | Self::Subscribers => return None,
        })
    }

    fn made_of_responses(self, family: &str) -> Option<&'static [Stored]> {
        use Stored as S;
        match (self, family) {
            (Self::Pageviews, _) => Some(&[S::Responses]),
            (Self::ConfirmedPageviews, "error" | "prefetch") => Some(&[S::Seen]),
            (Self::BlindSpot, "error" | "prefetch") => Some(&[S::Responses, S::Seen]),
            (Self::Bytes, "download" | "prefetch") => Some(&[S::Bytes]),
            (Self::Complete | Self::Aborted, "download") => Some(&[S::Responses, S::Complete]),
            (Self::Subscribers, "feed") => Some(&[S::Subscribers]),
            _ => None,
        }
    }

    /// It is an amount of money.
    pub fn is_money(self) -> bool {
        matches!(self, Self::TotalRevenue | Self::AverageRevenue)
    }

    /// Changes of it are told in percentage points.
    pub fn is_percent(self) -> bool {
        matches!(
            self,
            Self::BounceRate
                | Self::ScrollDepth
                | Self::ExitRate
                | Self::BlindSpot
                | Self::ConversionRate
                | Self::GroupConversionRate
                | Self::Percentage
        )
    }

    /// How a value changed: percent, or percentage points for a rate; unknown if either value is,
    /// 100 if there was nothing before.
    pub fn change(self, before: Value, now: Value) -> Option<i64> {
        let (before, now) = (before.number()?, now.number()?);
        Some(if self.is_percent() {
            (now - before).round() as i64
        } else if before == 0.0 {
            if now > 0.0 { 100 } else { 0 }
        } else {
            ((now - before) / before * 100.0).round() as i64
        })
    }
}

/// What happened, and what it is measured against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sums {
    pub row: Row,
    /// The counts of `row` that are known; the others are no numbers to tell.
    pub known: Known,
    /// All traffic of the same time.
    pub everyone: Row,
    /// For rows of exit pages: the same pages' own rows; for those of pages: of the visits that
    /// entered by them.
    pub beside: Row,
}

impl Default for Sums {
    /// Nothing, of which all is known.
    fn default() -> Self {
        Row::default().into()
    }
}

impl Sums {
    /// Whether none of the row's counts is known.
    pub(super) fn is_unknown(&self) -> bool {
        self.known == Known::NOTHING
    }

    /// Adds what happened on another day.
    pub fn merge_day(&mut self, day: &Self) {
        merge_day(&mut self.row, &day.row);
        self.known = self.known.and(day.known);
        merge_day(&mut self.everyone, &day.everyone);
        merge_day(&mut self.beside, &day.beside);
    }
}

impl From<Row> for Sums {
    /// Everything, measured against itself.
    fn from(row: Row) -> Self {
        Self { row, known: Known::ALL, everyone: row, beside: Row::default() }
    }
}

pub(super) fn share(n: i64, of: i64) -> Option<f64> {
    (of > 0).then(|| n as f64 / of as f64)
}

fn whole(unit: f64, n: Option<f64>) -> Value {
    n.map_or(Value::Unknown, |n| Value::Count((n * unit).round() as i64))
}

fn decimals(places: i32, n: Option<f64>) -> Value {
    let unit = 10f64.powi(places);
    n.map_or(Value::Unknown, |n| Value::Ratio((n * unit).round() / unit))
}

pub(super) fn percent(places: i32, share: Option<f64>) -> Value {
    decimals(places, share.map(|n| n * 100.0))
}

/// A metric's value: in JSON a number or `null`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    Count(i64),
    Ratio(f64),
    /// Not known for such rows, or a ratio of nothing.
    Unknown,
}

impl Value {
    pub fn number(self) -> Option<f64> {
        match self {
            Self::Count(n) => Some(n as f64),
            Self::Ratio(n) => Some(n),
            Self::Unknown => None,
        }
    }

    /// Nothing to show.
    pub fn is_nothing(self) -> bool {
        self.number().is_none_or(|n| n == 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_percent_or_points() {
        use Value::{Count, Ratio, Unknown};
        for (metric, before, now, change) in [
            (Metric::Visitors, Count(100), Count(150), Some(50)),
            (Metric::Visitors, Count(3), Count(2), Some(-33)),
            (Metric::Visitors, Count(0), Count(5), Some(100)),
            (Metric::Visitors, Count(0), Count(0), Some(0)),
            (Metric::BounceRate, Count(40), Count(50), Some(10)),
            (Metric::BounceRate, Unknown, Count(50), None),
            (Metric::ViewsPerVisit, Ratio(2.0), Ratio(2.5), Some(25)),
            (Metric::VisitDuration, Count(60), Unknown, None),
        ] {
            assert_eq!(metric.change(before, now), change, "{metric:?} {before:?} {now:?}");
        }
    }

    #[test]
    fn ratios_of_no_visits_are_unknown() {
        let sums = Sums::default();
        for metric in [
            Metric::ViewsPerVisit,
            Metric::BounceRate,
            Metric::VisitDuration,
            Metric::ScrollDepth,
            Metric::TimeOnPage,
            Metric::ExitRate,
            Metric::BlindSpot,
            Metric::AverageRevenue,
        ] {
            assert_eq!(metric.of(&sums, None), Value::Unknown);
        }
        assert_eq!(serde_json::to_string(&Value::Unknown).unwrap(), "null");
    }

    #[test]
    fn lists_name_what_is_wrong() {
        assert_eq!(Metric::parse_list("visitors, events").unwrap().len(), 2);
        for (list, names) in [("visitors,nope", "`nope`"), ("", "``"), ("visits,visits", "twice")] {
            assert!(Metric::parse_list(list).unwrap_err().to_string().contains(names));
        }
    }
}
