//! Plausible's Stats API v2: one question for everything, and its one shape of an answer.
//!
//! What roll-ups can tell is answered: totals, one property or time, filters on properties that
//! are counted together, any order, pages of rows. The rest is refused in a line that says what.

use super::answer::named_breakdown;
use super::{
    Days, Filter, Interval, Invalid, Metric, Period, Property, Range, Selection, Value, aggregate,
    filter, timeseries,
};
use crate::model::rollup::Row;
use crate::model::site::{Day, Site};
use serde_json::{Map, Value as Json, json};
use std::cmp::Ordering;

/// Rows of an answer, if the question does not say; and at most.
const LIMIT: u64 = 10_000;

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
    pub range: Range,
    metrics: Vec<Metric>,
    by: By,
    filter: Option<Filter>,
    order: Vec<(Column, bool)>,
    limit: u64,
    offset: u64,
    include: Include,
    /// Of metrics that cannot be told, why.
    warnings: Map<String, Json>,
    /// The question as it was understood, which the answer repeats.
    echo: Json,
}

#[derive(Debug, Clone, PartialEq)]
enum By {
    Nothing,
    Property(Property),
    Time(Interval),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Dimension,
    /// By its place.
    Metric(usize),
}

fn wrong<T>(line: impl Into<String>) -> Result<T, Invalid> {
    Err(Invalid(line.into()))
}

impl Query {
    /// Reads the body of a question; `today` is the site's.
    ///
    /// # Errors
    /// One line that names what is wrong or cannot be answered.
    pub fn read(body: &Json, site: &Site, today: Day) -> Result<Self, Invalid> {
        let Some(body) = body.as_object() else { return wrong("the question is no JSON object") };
        if let Some(key) = body.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(Invalid::unknown("key", key, KEYS));
        }
        let include = Include::read(body.get("include"))?;
        let range = date_range(body.get("date_range"), today, include.today)?;
        let metrics = metrics(body.get("metrics"))?;
        let dimension = match list(body.get("dimensions"), "dimensions")? {
            [] => None,
            [Json::String(name)] => Some(name.as_str()),
            [_] => return wrong("a dimension is a text like \"event:page\""),
            _ => return wrong("counts are kept by one property at a time: ask for one dimension"),
        };
        let by = dimension.map_or(Ok(By::Nothing), |name| by(name, range))?;
        let mut conditions = Vec::new();
        for filter in list(body.get("filters"), "filters")? {
            filter::read(filter, false, &mut conditions)?;
        }
        let among_events = matches!(&by, By::Property(property) if property.event_key().is_some());
        let filter = Filter::of(conditions)?
            .map(|filter| filter.with_goals(&site.goals, among_events))
            .transpose()?;
        if by == By::Time(Interval::Hour) && filter.is_some() {
            return wrong(
                "hours cannot be filtered: they are kept for all of a site's traffic; \
                 ask for time:day",
            );
        }
        let rows = match &by {
            By::Property(property) => Some(property),
            _ => None,
        };
        let selection = Selection::new(rows, filter.as_ref())?;
        let property = rows.or(filter.as_ref().map(Filter::property));
        selection.check(&metrics, property)?;
        let warnings = metrics.iter().filter_map(|metric| {
            let warning =
                json!({ "code": "not_known", "warning": selection.why_not(*metric, property)? });
            Some((metric.as_str().to_owned(), warning))
        });
        let warnings = warnings.collect();
        let order = order(body.get("order_by"), dimension, &metrics)?;
        let (limit, offset) = pagination(body.get("pagination"))?;
        if include.time_labels && !matches!(by, By::Time(_)) {
            return wrong("`time_labels` needs a time dimension, for example \"time:day\"");
        }
        let mut echo = Map::new();
        if let Some(site) = body.get("site_id") {
            echo.insert("site_id".into(), site.clone());
        }
        echo.insert("metrics".into(), metrics.iter().map(|m| m.as_str()).collect());
        echo.insert("date_range".into(), json!([range.first, range.last]));
        let given =
            |key: &str| body.get(key).filter(|v| !v.is_null()).cloned().unwrap_or(json!([]));
        echo.insert("filters".into(), given("filters"));
        echo.insert("dimensions".into(), given("dimensions"));
        let order_by: Vec<Json> = order
            .iter()
            .map(|(column, falling)| {
                let name = match column {
                    Column::Dimension => dimension.unwrap_or_default(),
                    Column::Metric(nth) => metrics[*nth].as_str(),
                };
                json!([name, if *falling { "desc" } else { "asc" }])
            })
            .collect();
        echo.insert("order_by".into(), order_by.into());
        if let Some(include) = body.get("include").filter(|v| !v.is_null()) {
            echo.insert("include".into(), include.clone());
        }
        echo.insert("pagination".into(), json!({ "offset": offset, "limit": limit }));
        let echo = echo.into();
        Ok(Self { range, metrics, by, filter, order, limit, offset, include, warnings, echo })
    }

    /// The JSON object of the response.
    ///
    /// # Errors
    /// If the days do not tell what is asked.
    pub fn answer(&self, site: &Site, days: &Days) -> Result<Json, Invalid> {
        let filter = self.filter.as_ref();
        let rows = match &self.by {
            By::Nothing => Some(None),
            By::Property(property) => Some(Some(property)),
            By::Time(_) => None,
        };
        if let Some(by) = rows {
            Selection::new(by, filter)?.check_days(days, self.range)?;
        }
        let mut labels = Vec::new();
        let mut rows: Vec<(Option<String>, Vec<Value>)> = match &self.by {
            By::Nothing => {
                let answers = aggregate(days, self.range, &self.metrics, filter, None);
                vec![(None, answers.into_iter().map(|a| a.value).collect())]
            }
            By::Property(property) => {
                named_breakdown(days, self.range, property, &self.metrics, filter)
                    .into_iter()
                    .map(|slice| (Some(slice.value.replace('\u{1e}', " ← ")), slice.metrics))
                    .collect()
            }
            By::Time(interval) => {
                let property = filter.map(Filter::property);
                let mut rows = Vec::new();
                for bucket in timeseries(days, site, self.range, *interval, filter) {
                    let label = bucket.start.format(interval.format()).to_string();
                    // Times at which nothing happened have no row.
                    if bucket.sums.row != Row::default() || bucket.sums.is_unknown() {
                        let values = self.metrics.iter().map(|m| m.of(&bucket.sums, property));
                        rows.push((Some(label.clone()), values.collect()));
                    }
                    labels.push(label);
                }
                rows
            }
        };
        rows.sort_by(|a, b| self.compare(a, b));
        let mut meta = Map::new();
        if self.include.total_rows {
            meta.insert("total_rows".into(), rows.len().into());
        }
        if self.include.time_labels {
            meta.insert("time_labels".into(), labels.into());
        }
        if !self.warnings.is_empty() {
            meta.insert("metric_warnings".into(), self.warnings.clone().into());
        }
        let results: Vec<Json> = rows
            .into_iter()
            .skip(usize::try_from(self.offset).unwrap_or(usize::MAX))
            .take(usize::try_from(self.limit).unwrap_or(usize::MAX))
            .map(|(dimension, metrics)| {
                json!({ "dimensions": Vec::from_iter(dimension), "metrics": metrics })
            })
            .collect();
        Ok(json!({ "results": results, "meta": meta, "query": self.echo }))
    }

    fn compare(
        &self,
        a: &(Option<String>, Vec<Value>),
        b: &(Option<String>, Vec<Value>),
    ) -> Ordering {
        let number = |value: &Value| value.number().unwrap_or(f64::NEG_INFINITY);
        for (column, falling) in &self.order {
            let order = match *column {
                Column::Dimension => a.0.cmp(&b.0),
                Column::Metric(nth) => number(&a.1[nth]).total_cmp(&number(&b.1[nth])),
            };
            match if *falling { order.reverse() } else { order } {
                Ordering::Equal => {}
                order => return order,
            }
        }
        a.0.cmp(&b.0)
    }
}

fn list<'j>(value: Option<&'j Json>, name: &str) -> Result<&'j [Json], Invalid> {
    match value {
        None | Some(Json::Null) => Ok(&[]),
        Some(Json::Array(list)) => Ok(list),
        Some(_) => wrong(format!("`{name}` is no list")),
    }
}

fn date_range(value: Option<&Json>, today: Day, include_today: bool) -> Result<Range, Invalid> {
    let word = match value {
        None | Some(Json::Null) => return wrong("`date_range` is missing, for example \"7d\""),
        Some(Json::String(word)) => word.as_str(),
        Some(Json::Array(ends)) => {
            let [Json::String(first), Json::String(last)] = ends.as_slice() else {
                return wrong("`date_range` is a word or a list of two dates");
            };
            if first.contains('T') || last.contains('T') {
                return wrong(format!(
                    "invalid date_range `{first}`, `{last}`: counts are kept by whole days"
                ));
            }
            return Period::Custom.range(Some(&format!("{first},{last}")), today, false);
        }
        Some(_) => return wrong("`date_range` is a word or a list of two dates"),
    };
    let period = Period::parse(word)?;
    match period {
        Period::Custom => wrong("a custom `date_range` is a list of two dates"),
        // Whole months, of which this is none yet.
        Period::Months6 | Period::Months12 => {
            let this_month = Period::Month.range(None, today, false)?;
            let before = (this_month.first - chrono::Days::new(1)).to_string();
            let range = period.range(Some(&before), today, false)?;
            Ok(Range { last: if include_today { today } else { range.last }, ..range })
        }
        _ => Ok(period.range(None, today, include_today)?.until(today)),
    }
}

fn metrics(value: Option<&Json>) -> Result<Vec<Metric>, Invalid> {
    let mut metrics = Vec::new();
    for name in list(value, "metrics")? {
        let Json::String(name) = name else { return wrong("a metric is a text like \"visitors\"") };
        let metric = Metric::parse(name)?;
        if metrics.contains(&metric) {
            return wrong(format!("metric `{name}` is asked for twice"));
        }
        metrics.push(metric);
    }
    if metrics.is_empty() {
        wrong("`metrics` is missing, for example [\"visitors\"]")
    } else {
        Ok(metrics)
    }
}

fn by(name: &str, range: Range) -> Result<By, Invalid> {
    let Some(step) = name.strip_prefix("time") else {
        return Property::parse(name).map(By::Property);
    };
    Ok(By::Time(match step {
        ":hour" => Interval::Hour,
        ":day" => Interval::Day,
        ":month" => Interval::Month,
        "" => match range.len() {
            1 => Interval::Hour,
            2..=91 => Interval::Day,
            _ => Interval::Month,
        },
        _ => {
            return wrong(format!(
                "invalid dimension `{name}`: time, time:hour, time:day or time:month"
            ));
        }
    }))
}

fn order(
    value: Option<&Json>,
    dimension: Option<&str>,
    metrics: &[Metric],
) -> Result<Vec<(Column, bool)>, Invalid> {
    let mut order = Vec::new();
    for pair in list(value, "order_by")? {
        let [Json::String(name), Json::String(direction)] = pair.as_array().map_or(&[][..], |p| p)
        else {
            return wrong("`order_by` holds pairs like [\"visitors\", \"desc\"]");
        };
        let column = match metrics.iter().position(|metric| metric.as_str() == name) {
            Some(nth) => Column::Metric(nth),
            None if dimension == Some(name) => Column::Dimension,
            None => {
                return wrong(format!(
                    "invalid order_by `{name}`: it is none of the metrics or dimensions asked for"
                ));
            }
        };
        match direction.as_str() {
            "asc" => order.push((column, false)),
            "desc" => order.push((column, true)),
            _ => return wrong(format!("invalid direction `{direction}`: asc or desc")),
        }
    }
    if order.is_empty() {
        let time = dimension.is_some_and(|name| name.starts_with("time"));
        order.extend(time.then_some((Column::Dimension, false)));
        order.push((Column::Metric(0), true));
    }
    Ok(order)
}

fn object<'j>(
    value: Option<&'j Json>,
    name: &str,
    keys: &[&str],
) -> Result<Option<&'j Map<String, Json>>, Invalid> {
    match value {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Object(object)) => match object.keys().find(|k| !keys.contains(&k.as_str())) {
            None => Ok(Some(object)),
            Some(key) => {
                Err(Invalid::unknown(&format!("key of `{name}`"), key, keys.iter().copied()))
            }
        },
        Some(_) => wrong(format!("`{name}` is no JSON object")),
    }
}

fn pagination(value: Option<&Json>) -> Result<(u64, u64), Invalid> {
    let Some(pagination) = object(value, "pagination", &["limit", "offset"])? else {
        return Ok((LIMIT, 0));
    };
    let number = |key: &str, default, least, most| match pagination.get(key) {
        None => Ok(default),
        Some(value) => value.as_u64().filter(|n| (least..=most).contains(n)).ok_or_else(|| {
            Invalid(format!("invalid {key} `{value}`: it is a whole number from {least} to {most}"))
        }),
    };
    Ok((number("limit", LIMIT, 1, LIMIT)?, number("offset", 0, 0, u64::from(u32::MAX))?))
}

/// What else an answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Include {
    time_labels: bool,
    today: bool,
    total_rows: bool,
}

impl Include {
    fn read(value: Option<&Json>) -> Result<Self, Invalid> {
        const KEYS: [&str; 4] = ["imports", "time_labels", "today", "total_rows"];
        let Some(include) = object(value, "include", &KEYS)? else { return Ok(Self::default()) };
        let [_, time_labels, today, total_rows] = KEYS.map(|key| match include.get(key) {
            None | Some(Json::Null) => Ok(false),
            Some(value) => value
                .as_bool()
                .ok_or_else(|| Invalid(format!("invalid {key} `{value}`: it is true or false"))),
        });
        Ok(Self { time_labels: time_labels?, today: today?, total_rows: total_rows? })
    }
}
