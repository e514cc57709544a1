//! Plausible's Stats API v2: one question for everything, and its one shape of an answer.
//!
//! What roll-ups can tell is answered: totals, one property or time, filters on properties that
//! are counted together, any order, pages of rows. The rest is refused in a line that says what.

mod include;
mod read;
mod span;
mod table;
#[cfg(test)]
mod tests;

use super::{Days, Filter, Interval, Invalid, Metric, Property, Range, Selection, filter, money};
use crate::clock::Millis;
use crate::model::goal::Target;
use crate::model::site::{Day, Site};
use include::{Against, Include};
use read::wrong;
use serde_json::{Map, Value as Json, json};
use span::Span;
use table::{Line, Table};

/// Keys a question may have.
const KEYS: [&str; 8] = [
    "site_id",
    "metrics",
    "date_range",
    "dimensions",
    "filters",
    "order_by",
    "include",
    "pagination",
];

/// A question that can be answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    span: Span,
    metrics: Vec<Metric>,
    dimensions: Vec<By>,
    filter: Option<Filter>,
    order: Vec<(Column, bool)>,
    limit: u64,
    offset: u64,
    include: Include,
    against: Option<Against>,
    /// The site's at the time of the question.
    today: Day,
    /// Of metrics that cannot be told, why.
    warnings: Map<String, Json>,
    /// The question as it was understood, which the answer repeats.
    echo: Map<String, Json>,
}

/// What rows are told apart by.
#[derive(Debug, Clone, PartialEq)]
enum By {
    Property(Property),
    Time(Interval),
}

impl By {
    fn name(&self) -> &str {
        match self {
            Self::Property(property) => property.as_str(),
            Self::Time(Interval::Hour) => "time:hour",
            Self::Time(Interval::Day) => "time:day",
            Self::Time(Interval::Week) => "time:week",
            Self::Time(Interval::Month) => "time:month",
        }
    }
}

/// A column of the answer, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Dimension(usize),
    Metric(usize),
}

impl Query {
    /// Reads the body of a question that is asked at `now`.
    ///
    /// # Errors
    /// One line that names what is wrong or cannot be answered.
    pub fn read(body: &Json, site: &Site, now: Millis) -> Result<Self, Invalid> {
        let Some(body) = body.as_object() else { return wrong("the question is no JSON object") };
        if let Some(key) = body.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(Invalid::unknown("key", key, KEYS));
        }
        let include = Include::read(body.get("include"))?;
        let span = Span::read(body.get("date_range"), site, now, include.today)?;
        let metrics = read::metrics(body.get("metrics"))?;
        let dimensions = read::dimensions(body.get("dimensions"), span.hours())?;
        let order = read::order(body.get("order_by"), &dimensions, &metrics)?;
        let (limit, offset) = read::pagination(body.get("pagination"))?;
        if include.time_labels && !dimensions.iter().any(|by| matches!(by, By::Time(_))) {
            return wrong("`time_labels` needs a time dimension, for example \"time:day\"");
        }
        let mut conditions = Vec::new();
        for filter in read::list(body.get("filters"), "filters")? {
            filter::read(filter, false, &mut conditions)?;
        }
        let mut query = Self {
            span,
            filter: Filter::of(conditions)?,
            against: include.comparison.map(|comparison| comparison.against(&span, site, now)),
            today: site.day(now),
            warnings: Map::new(),
            echo: Map::new(),
            metrics,
            dimensions,
            order,
            limit,
            offset,
            include,
        };
        query.plan_rollups(site)?;
        query.warn_of_revenue(site);
        query.echo = query.understood(body);
        Ok(query)
    }

    /// Checks that roll-ups can tell it.
    fn plan_rollups(&mut self, site: &Site) -> Result<(), Invalid> {
        if self.span.times.is_some() {
            return wrong("parts of days cannot be told: counts are kept by whole days");
        }
        let by = match self.dimensions.as_slice() {
            [] => None,
            [by] => Some(by),
            _ => return wrong("counts are kept by one property at a time: ask for one dimension"),
        };
        let rows = match by {
            Some(By::Property(property)) => Some(property),
            _ => None,
        };
        let among_events = rows.is_some_and(|property| property.event_key().is_some());
        let filter = self.filter.clone();
        let filter =
            filter.map(|filter| filter.with_goals(&site.goals, among_events)).transpose()?;
        if by == Some(&By::Time(Interval::Hour)) && filter.is_some() {
            return wrong(
                "hours cannot be filtered: they are kept for all of a site's traffic; \
                 ask for time:day",
            );
        }
        let selection = Selection::new(rows, filter.as_ref())?;
        let property = rows.or(filter.as_ref().map(Filter::property));
        selection.check(&self.metrics, property)?;
        let why_not = |metric: &Metric| Some((*metric, selection.why_not(*metric, property)?));
        let warnings: Vec<_> = self.metrics.iter().filter_map(why_not).collect();
        for (metric, why) in warnings {
            self.warn(metric, "not_known", &why);
        }
        self.filter = filter;
        Ok(())
    }

    fn warn(&mut self, metric: Metric, code: &str, warning: &str) {
        let warning = json!({ "code": code, "warning": warning });
        self.warnings.insert(metric.as_str().to_owned(), warning);
    }

    fn warn_of_revenue(&mut self, site: &Site) {
        if site.currency.is_some() {
            return;
        }
        let metrics: Vec<_> = self.metrics.iter().copied().filter(|m| m.is_money()).collect();
        for metric in metrics {
            self.warn(
                metric,
                "no_currency",
                "Revenue metrics are null as the site has no currency: set `currency`.",
            );
        }
    }

    /// What the answer repeats, but for the time.
    fn understood(&self, body: &Map<String, Json>) -> Map<String, Json> {
        let mut echo = Map::new();
        if let Some(site) = body.get("site_id") {
            echo.insert("site_id".into(), site.clone());
        }
        echo.insert("metrics".into(), self.metrics.iter().map(|m| m.as_str()).collect());
        let given = |key: &str| body.get(key).filter(|v| !v.is_null()).cloned();
        echo.insert("filters".into(), given("filters").unwrap_or(json!([])));
        echo.insert("dimensions".into(), self.dimensions.iter().map(By::name).collect());
        let order_by: Vec<Json> = self
            .order
            .iter()
            .map(|(column, falling)| {
                let name = match column {
                    Column::Dimension(nth) => self.dimensions[*nth].name(),
                    Column::Metric(nth) => self.metrics[*nth].as_str(),
                };
                json!([name, if *falling { "desc" } else { "asc" }])
            })
            .collect();
        echo.insert("order_by".into(), order_by.into());
        echo.insert("include".into(), given("include").unwrap_or(json!({})));
        echo.insert("pagination".into(), json!({ "offset": self.offset, "limit": self.limit }));
        echo
    }

    /// The days whose counts it needs.
    pub fn ranges(&self) -> impl Iterator<Item = Range> {
        std::iter::once(self.span.range).chain(self.against.map(|against| against.span.range))
    }

    /// The JSON object of the response.
    ///
    /// # Errors
    /// If the days do not tell what is asked.
    pub fn answer(&self, site: &Site, days: &Days) -> Result<Json, Invalid> {
        let range = self.span.counted(days, self.today);
        self.check_days(range, days)?;
        let mut table = self.from_rollups(range, site, days);
        if let Some(against) = &self.against {
            let before = self.before_from_rollups(against, site, days);
            self.compare(&mut table, &before);
        }
        Ok(self.shown(table, range, site))
    }

    fn shown(&self, mut table: Table, range: Range, site: &Site) -> Json {
        table.rows.sort_by(|a, b| self.in_order(a, b));
        let mut meta = Map::new();
        if self.include.imports {
            meta.insert("imports_included".into(), false.into());
            meta.insert("imports_skip_reason".into(), "no_imported_data".into());
        }
        if !self.warnings.is_empty() {
            meta.insert("metric_warnings".into(), self.warnings.clone().into());
        }
        if self.include.time_labels {
            meta.insert("time_labels".into(), table.labels.into());
        }
        if self.include.total_rows {
            meta.insert("total_rows".into(), table.rows.len().into());
        }
        if let Some(against) = &self.against {
            let echo = against.span.echo(against.span.range, site);
            meta.insert("comparison_date_range".into(), echo);
        }
        let results: Vec<Json> = table
            .rows
            .iter()
            .skip(usize::try_from(self.offset).unwrap_or(usize::MAX))
            .take(usize::try_from(self.limit).unwrap_or(usize::MAX))
            .map(|line| self.row(line, site))
            .collect();
        let mut echo = self.echo.clone();
        echo.insert("date_range".into(), self.span.echo(range, site));
        json!({ "results": results, "meta": meta, "query": echo })
    }

    fn row(&self, line: &Line, site: &Site) -> Json {
        let values = |dimensions: &[String], metrics: &[super::Value]| -> Vec<Json> {
            let is_page = self.is_page_goal(dimensions, site);
            let pairs = self.metrics.iter().zip(metrics);
            pairs
                .map(|(metric, value)| match site.currency {
                    _ if !metric.is_money() => json!(value),
                    // A page that is reached brings no money.
                    Some(currency) if !is_page => money::shown(currency, *value),
                    _ => Json::Null,
                })
                .collect()
        };
        let mut row = json!({
            "dimensions": line.dimensions,
            "metrics": values(&line.dimensions, &line.metrics),
        });
        if let Some(before) = &line.comparison {
            row["comparison"] = json!({
                "dimensions": before.dimensions,
                "metrics": values(&before.dimensions, &before.metrics),
                "change": before.change,
            });
        }
        row
    }

    /// Whether a row is of a goal that is a page.
    fn is_page_goal(&self, dimensions: &[String], site: &Site) -> bool {
        let of_goal = |by: &By| by.name() == "event:goal";
        let name = self.dimensions.iter().position(of_goal).and_then(|nth| dimensions.get(nth));
        name.is_some_and(|name| {
            let is_page = |target: &Target| matches!(target, Target::Page(_));
            site.goals.iter().any(|goal| *goal.name == **name && is_page(&goal.target))
        })
    }
}
