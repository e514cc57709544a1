//! Plausible's Stats API v2: one question for everything, and its one shape of an answer.
//!
//! Roll-ups tell totals, one property or time, and filters on properties that are counted together,
//! for all time. The rest is told by event rows, for as long as these are kept, or refused in a
//! line that says why: see [`plan`].

pub(super) mod filters;
mod include;
mod plan;
mod read;
mod scanned;
mod sequence;
mod set;
mod span;
mod table;
#[cfg(test)]
mod tests;
mod version1;

use super::scan::{By, Expr};
use super::{Days, Filter, Interval, Invalid, Metric, Range, money};
use crate::clock::Millis;
use crate::model::DayCounts;
use crate::model::row::RowsOf;
use crate::model::site::{Day, Site};
use include::{Against, Include};
pub use include::{Comparison, ComparisonMode, Weekdays};
use plan::Plan;
pub use plan::Rows;
use read::wrong;
pub use sequence::Sequence;
use serde_json::{Map, Value as Json, json};
pub use set::{AnsweredFrom, Answers, QuerySet, TimeStep, Total};
pub use span::Span;
use std::sync::Arc;
use table::{Line, Table};
pub use version1::Reworded;

/// Why revenue is `null`.
const NO_CURRENCY: &str = "no_currency";

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
    /// What rows have to be like.
    expr: Option<Expr>,
    /// The same for roll-ups, where they tell it.
    filter: Option<Filter>,
    plan: Plan,
    order: Vec<(Column, bool)>,
    limit: u64,
    offset: u64,
    include: Include,
    against: Option<Against>,
    /// Values are told as they are stored, not by the API's names.
    as_stored: bool,
    /// The site's at the time of the question.
    today: Day,
    /// Counts of another program are among those that it is answered from.
    imported: bool,
    /// Something was imported of these days, whether it can be told of them or not.
    any_imported: bool,
    /// Of metrics that cannot be told, why.
    warnings: Map<String, Json>,
    /// The question as it was understood, which the answer repeats.
    echo: Map<String, Json>,
}

/// What the API calls it.
fn name(by: &By) -> &str {
    match by {
        By::Property(property) => property.as_str(),
        By::Time(Interval::Minute) => "time:minute",
        By::Time(Interval::Hour) => "time:hour",
        By::Time(Interval::Day) => "time:day",
        By::Time(Interval::Week) => "time:week",
        By::Time(Interval::Month) => "time:month",
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
        let filters = read::list(body.get("filters"), "filters")?;
        let mut query = Self {
            span,
            expr: filters::read(filters, &site.goals)?,
            filter: None,
            plan: Plan::RollUps,
            against: include.comparison.map(|comparison| comparison.against(&span, site, now)),
            as_stored: false,
            today: site.day(now),
            imported: false,
            any_imported: false,
            warnings: Map::new(),
            echo: Map::new(),
            metrics,
            dimensions,
            order,
            limit,
            offset,
            include,
        };
        query.plan = query.plan(filters, site)?;
        query.warn_of_revenue(site);
        query.echo = query.understood(body);
        Ok(query)
    }

    fn warn_of_revenue(&mut self, site: &Site) {
        if site.currency.is_some() {
            return;
        }
        let metrics: Vec<_> = self.metrics.iter().copied().filter(|m| m.is_money()).collect();
        for metric in metrics {
            self.warn(
                metric,
                NO_CURRENCY,
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
        echo.insert("dimensions".into(), self.dimensions.iter().map(name).collect());
        let order_by: Vec<Json> = self
            .order
            .iter()
            .map(|(column, falling)| {
                let name = match column {
                    Column::Dimension(nth) => name(&self.dimensions[*nth]),
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

    /// The days that it is about, and those that they are compared with.
    pub fn ranges(&self) -> impl Iterator<Item = Range> {
        std::iter::once(self.span.range).chain(self.against.map(|against| against.span.range))
    }

    /// Whose event rows can answer what roll-ups cannot; `None` if roll-ups tell all of it.
    pub fn takes_rows_of(&self) -> Option<RowsOf> {
        (self.plan != Plan::RollUps).then(|| self.asked().of())
    }

    /// Whether it asks for what other programs have counted.
    pub fn asks_for_imported(&self) -> bool {
        self.include.imports
    }

    /// Adds what another program has counted of a day, if it can be told of that: it is kept as
    /// roll-ups.
    pub fn add_imported(&mut self, days: &mut Days, day: Day, imported: &DayCounts) {
        let mut fields = imported.fields().peekable();
        if fields.peek().is_none() {
            return;
        }
        self.any_imported = true;
        if matches!(self.plan, Plan::Rows(_)) {
            return;
        }
        let mut counts = days.get(&day).map(|own| (**own).clone()).unwrap_or_default();
        fields.for_each(|(f, n)| counts.add(f.dimension, &f.value, f.metric, n));
        days.insert(day, Arc::new(counts));
        self.imported = true;
    }

    /// The JSON object of the response, from roll-ups or, if it takes any, from event rows.
    ///
    /// # Errors
    /// If they do not tell what is asked.
    pub fn answer(&self, site: &Site, days: &Days, rows: Option<&Rows>) -> Result<Json, Invalid> {
        match (&self.plan, rows) {
            (Plan::RollUps, _) | (Plan::Either, None) => self.by_rollups(site, days),
            (Plan::Either, _) if self.imported => self.by_rollups(site, days),
            (Plan::Either, Some(rows))
                if !rows.cover(self.span.counted(days.keys(), self.today)) =>
            {
                self.by_rollups(site, days)
            }
            (Plan::Rows(why), None) => Err(why.clone()),
            (Plan::Rows(why), Some(rows)) => self.by_rows(site, rows, Some(why)),
            (Plan::Either, Some(rows)) => self.by_rows(site, rows, None),
        }
    }

    fn by_rollups(&self, site: &Site, days: &Days) -> Result<Json, Invalid> {
        let range = self.span.counted(days.keys(), self.today);
        self.check_days(range, days)?;
        let mut table = self.told_by_rollups(range, site, days);
        if let Some(against) = &self.against {
            let before = self.rollups_before(against, site, days);
            self.compare(&mut table, &before);
        }
        let mut meta = Map::new();
        meta.insert("source".into(), "rollups".into());
        Ok(self.shown(table, self.span.echo(range, site), self.warnings.clone(), meta, site))
    }

    /// `why` roll-ups do not tell it.
    fn by_rows(&self, site: &Site, rows: &Rows, why: Option<&Invalid>) -> Result<Json, Invalid> {
        let mut span = self.span;
        let mut range = span.counted(rows.days.keys(), self.today);
        let mut meta = Map::new();
        meta.insert("source".into(), "rows".into());
        let partial = self.include.partial;
        if let Some(first) = rows.kept_part(self.span.range, partial, why)? {
            range.first = first;
            span.times = span.times.map(|(from, end)| (from.max(site.day_start(first)), end));
            meta.insert("partial_from".into(), json!(first));
        }
        let mut table = self.told_by_rows(&span, range, site, rows);
        if let Some(against) = &self.against {
            let before = self.rows_before(against, site, rows);
            self.compare(&mut table, &before);
        }
        let mut warnings = Map::new();
        for metric in &self.metrics {
            let name = metric.as_str();
            match self.why_not_by_rows(*metric) {
                Some(why) => {
                    warnings.insert(name.into(), json!({ "code": "not_known", "warning": why }));
                }
                None => warnings.extend(
                    self.warnings
                        .get(name)
                        .filter(|warning| warning["code"] == NO_CURRENCY)
                        .map(|warning| (name.to_owned(), warning.clone())),
                ),
            }
        }
        Ok(self.shown(table, span.echo(range, site), warnings, meta, site))
    }

    fn shown(
        &self,
        mut table: Table,
        date_range: Json,
        warnings: Map<String, Json>,
        mut meta: Map<String, Json>,
        site: &Site,
    ) -> Json {
        table.rows.sort_by(|a, b| self.in_order(a, b));
        if self.include.imports {
            meta.insert("imports_included".into(), self.imported.into());
            let why = match self.any_imported {
                _ if self.imported => None,
                true => Some("unsupported_query"),
                false => Some("no_imported_data"),
            };
            meta.extend(why.map(|why| ("imports_skip_reason".to_owned(), why.into())));
        }
        if !warnings.is_empty() {
            meta.insert("metric_warnings".into(), warnings.into());
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
        echo.insert("date_range".into(), date_range);
        json!({ "results": results, "meta": meta, "query": echo })
    }

    fn row(&self, line: &Line, site: &Site) -> Json {
        let values = |metrics: &[super::Value]| -> Vec<Json> {
            let pairs = self.metrics.iter().zip(metrics);
            pairs
                .map(|(metric, value)| match site.currency {
                    _ if !metric.is_money() => json!(value),
                    Some(currency) => money::shown(currency, *value),
                    None => Json::Null,
                })
                .collect()
        };
        let mut row = json!({
            "dimensions": line.dimensions,
            "metrics": values(&line.metrics),
        });
        if let Some(before) = &line.comparison {
            row["comparison"] = json!({
                "dimensions": before.dimensions,
                "metrics": values(&before.metrics),
                "change": before.change,
            });
        }
        row
    }
}
