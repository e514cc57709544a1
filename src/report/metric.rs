//! Metrics: what an answer says of a row, in the Stats API's words.

use super::{Invalid, Property};
use crate::rollup::{Metric as Stored, Row};
use serde::Serialize;

/// A metric of the Stats API: Plausible's, and ours for what the server and the browser saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    Visitors,
    Visits,
    Pageviews,
    /// Two decimals; unknown without visits.
    ViewsPerVisit,
    /// Percent, whole; unknown without visits.
    BounceRate,
    /// Seconds, whole; unknown without visits.
    VisitDuration,
    /// Pageviews and custom events together, as Plausible has it.
    Events,
    /// Pageviews seen by the server, confirmed or not.
    ServerPageviews,
    ConfirmedPageviews,
    /// Pageviews only a browser saw.
    BrowserPageviews,
    ConfirmedVisitors,
}

impl Metric {
    pub const ALL: [Self; 11] = [
        Self::Visitors,
        Self::Visits,
        Self::Pageviews,
        Self::ViewsPerVisit,
        Self::BounceRate,
        Self::VisitDuration,
        Self::Events,
        Self::ServerPageviews,
        Self::ConfirmedPageviews,
        Self::BrowserPageviews,
        Self::ConfirmedVisitors,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Visitors => "visitors",
            Self::Visits => "visits",
            Self::Pageviews => "pageviews",
            Self::ViewsPerVisit => "views_per_visit",
            Self::BounceRate => "bounce_rate",
            Self::VisitDuration => "visit_duration",
            Self::Events => "events",
            Self::ServerPageviews => "server_pageviews",
            Self::ConfirmedPageviews => "confirmed_pageviews",
            Self::BrowserPageviews => "browser_pageviews",
            Self::ConfirmedVisitors => "confirmed_visitors",
        }
    }

    /// Reads a comma-separated list.
    ///
    /// # Errors
    /// If one is unknown or named twice.
    pub fn parse_list(list: &str) -> Result<Vec<Self>, Invalid> {
        let mut metrics = Vec::new();
        for word in list.split(',').map(str::trim) {
            let metric = Self::ALL.into_iter().find(|m| m.as_str() == word);
            let metric = metric.ok_or_else(|| Invalid(format!("unknown metric `{word}`")))?;
            if metrics.contains(&metric) {
                return Err(Invalid(format!("metric `{word}` is asked for twice")));
            }
            metrics.push(metric);
        }
        Ok(metrics)
    }

    /// What a row of `property` (`None`: of everything) says.
    pub fn of(self, row: &Row, property: Option<Property>) -> Value {
        let count = |metric| Value::Count(row.get(metric));
        match property {
            Some(property) if property.counts_responses() => {
                return match (self, property.as_str()) {
                    (Self::Pageviews, _) => count(Stored::Responses),
                    // An error that a browser showed, a prefetched page that came to be seen.
                    (Self::ConfirmedPageviews, "error:page" | "error:status" | "prefetch:page") => {
                        count(Stored::Seen)
                    }
                    _ => Value::Unknown,
                };
            }
            Some(property) if property.is_evidence() && !self.is_of_pageviews() => {
                return Value::Unknown;
            }
            _ => {}
        }
        let per_visit = |metric| {
            let visits = row.get(Stored::Visits);
            (visits > 0).then(|| row.get(metric) as f64 / visits as f64)
        };
        match self {
            Self::Visitors => count(Stored::Visitors),
            Self::Visits => count(Stored::Visits),
            Self::Pageviews => Value::Count(row.pageviews()),
            Self::Events => Value::Count(row.pageviews() + row.get(Stored::Events)),
            Self::ServerPageviews => count(Stored::Server),
            Self::ConfirmedPageviews => count(Stored::Confirmed),
            Self::BrowserPageviews => count(Stored::Browser),
            Self::ConfirmedVisitors => count(Stored::ConfirmedVisitors),
            Self::ViewsPerVisit => per_visit(Stored::VisitViews)
                .map_or(Value::Unknown, |n| Value::Ratio((n * 100.0).round() / 100.0)),
            Self::BounceRate => per_visit(Stored::Bounces)
                .map_or(Value::Unknown, |n| Value::Count((n * 100.0).round() as i64)),
            Self::VisitDuration => per_visit(Stored::Duration)
                .map_or(Value::Unknown, |ms| Value::Count((ms / 1000.0).round() as i64)),
        }
    }

    fn is_of_pageviews(self) -> bool {
        matches!(
            self,
            Self::Pageviews
                | Self::ServerPageviews
                | Self::ConfirmedPageviews
                | Self::BrowserPageviews
        )
    }

    /// How a value changed: percent, or percentage points for a rate; unknown if either value is,
    /// 100 if there was nothing before.
    pub fn change(self, before: Value, now: Value) -> Option<i64> {
        let (before, now) = (before.number()?, now.number()?);
        Some(if self == Self::BounceRate {
            (now - before) as i64
        } else if before == 0.0 {
            if now > 0.0 { 100 } else { 0 }
        } else {
            ((now - before) / before * 100.0).round() as i64
        })
    }
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
        let row = Row::default();
        for metric in [Metric::ViewsPerVisit, Metric::BounceRate, Metric::VisitDuration] {
            assert_eq!(metric.of(&row, None), Value::Unknown);
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
