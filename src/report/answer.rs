//! The sums.
//!
//! Visitors over several days, or over several rows that a filter lets through, are a sum: with a
//! new salt every day nobody can be recognised the day after.

use super::property::{Rows, evidence};
use super::{Filter, Interval, Metric, Property, Question, Range, Shape, Value};
use crate::rollup::{DayCounts, Dimension, Row, SLOT, slot};
use crate::site::{Day, Site};
use chrono::{Datelike, NaiveDateTime};
use serde_json::{Map, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Counts by day; a day without any may be missing.
pub type Days = BTreeMap<Day, Arc<DayCounts>>;

/// A metric over a range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aggregated {
    pub metric: Metric,
    pub value: Value,
    /// Since the previous period, if asked: percent, for a rate percentage points.
    pub change: Option<i64>,
}

/// One step of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    /// The site's local time at which it starts.
    pub start: NaiveDateTime,
    pub row: Row,
}

/// One row of a breakdown.
#[derive(Debug, Clone, PartialEq)]
pub struct Slice {
    pub value: String,
    pub metrics: Vec<Value>,
}

/// Answers as the Stats API does: the JSON object of its response.
pub fn answer(question: &Question, site: &Site, days: &Days) -> serde_json::Value {
    let metrics = &question.metrics;
    let results: serde_json::Value = match question.shape {
        Shape::Aggregate { compare } => {
            let answers =
                aggregate(days, question.range, metrics, question.filter.as_ref(), compare);
            answers
                .into_iter()
                .map(|a| {
                    let answer = if compare {
                        json!({ "value": a.value, "change": a.change })
                    } else {
                        json!({ "value": a.value })
                    };
                    (a.metric.as_str().to_owned(), answer)
                })
                .collect::<Map<_, _>>()
                .into()
        }
        Shape::Timeseries { interval } => {
            let format = match interval {
                Interval::Hour => "%Y-%m-%d %H:%M:%S",
                Interval::Day | Interval::Month => "%Y-%m-%d",
            };
            let property = question.property();
            timeseries(days, site, question.range, interval, question.filter.as_ref())
                .into_iter()
                .map(|bucket| {
                    let date = bucket.start.format(format).to_string();
                    let values = metrics.iter().map(|m| m.of(&bucket.row, property));
                    object("date", date, metrics, values)
                })
                .collect()
        }
        Shape::Breakdown { property, limit, page } => {
            breakdown(days, question.range, property, metrics, question.filter.as_ref())
                .into_iter()
                .skip((page - 1) * limit)
                .take(limit)
                .map(|slice| object(property.key(), slice.value, metrics, slice.metrics))
                .collect()
        }
    };
    json!({ "results": results })
}

fn object(
    key: &str,
    name: String,
    metrics: &[Metric],
    values: impl IntoIterator<Item = Value>,
) -> serde_json::Value {
    let mut object = Map::new();
    object.insert(key.to_owned(), name.into());
    object.extend(metrics.iter().zip(values).map(|(m, v)| (m.as_str().to_owned(), json!(v))));
    object.into()
}

/// Metrics over a range.
pub fn aggregate(
    days: &Days,
    range: Range,
    metrics: &[Metric],
    filter: Option<&Filter>,
    compare: bool,
) -> Vec<Aggregated> {
    let property = filter.map(|filter| filter.property);
    let now = total(days, range, filter);
    let before = compare.then(|| total(days, range.previous(), filter));
    metrics
        .iter()
        .map(|&metric| {
            let value = metric.of(&now, property);
            let change = before.and_then(|row| metric.change(metric.of(&row, property), value));
            Aggregated { metric, value, change }
        })
        .collect()
}

/// Everything in a range, or what a filter lets through.
pub fn total(days: &Days, range: Range, filter: Option<&Filter>) -> Row {
    let mut sum = Row::default();
    for (_, counts) in days.range(range.first..=range.last) {
        sum.merge(&day_total(counts, filter));
    }
    sum
}

fn day_total(counts: &DayCounts, filter: Option<&Filter>) -> Row {
    let Some(filter) = filter else { return counts.row(Dimension::Total, "") };
    match (filter.property.rows, filter.only()) {
        (Rows::Stored(dimension), Some(value)) => counts.row(dimension, value),
        _ => {
            let mut sum = Row::default();
            rows(counts, filter.property)
                .filter(|(value, _)| filter.matches(value))
                .for_each(|(_, row)| sum.merge(&row));
            sum
        }
    }
}

fn rows(counts: &DayCounts, property: Property) -> impl Iterator<Item = (&str, Row)> {
    let (stored, derived) = match property.rows {
        Rows::Stored(dimension) => (Some(dimension), None),
        Rows::Evidence => (None, Some(evidence(&counts.row(Dimension::Total, "")))),
    };
    let stored = stored.into_iter().flat_map(|dimension| counts.rows(dimension));
    stored.map(|(value, row)| (value, *row)).chain(derived.into_iter().flatten())
}

/// A row for every step of a range, also where nothing happened.
///
/// Hours are the site's own. One that a clock put forward skips has no row; one that a clock put
/// back repeats has one row for both, as its visitors were counted. They cannot be filtered, and
/// a filter is ignored: [`Question`] refuses one.
pub fn timeseries(
    days: &Days,
    site: &Site,
    range: Range,
    interval: Interval,
    filter: Option<&Filter>,
) -> Vec<Bucket> {
    let mut buckets: Vec<Bucket> = Vec::new();
    let mut add = |start: NaiveDateTime, row: Row| match buckets.last_mut() {
        Some(bucket) if bucket.start == start => bucket.row.merge(&row),
        _ => buckets.push(Bucket { start, row }),
    };
    let midnight = |day: Day| day.and_time(chrono::NaiveTime::MIN);
    for day in range.days() {
        let counts = days.get(&day);
        match interval {
            Interval::Hour => hours(counts.map(Arc::as_ref), site, day)
                .into_iter()
                .for_each(|(start, row)| add(start, row)),
            Interval::Day | Interval::Month => {
                let row = counts.map_or_else(Row::default, |c| day_total(c, filter));
                let start = match interval {
                    Interval::Month => day.with_day(1).unwrap_or(day),
                    _ => day,
                };
                add(midnight(start), row);
            }
        }
    }
    buckets
}

fn hours(counts: Option<&DayCounts>, site: &Site, day: Day) -> BTreeMap<NaiveDateTime, Row> {
    let mut hours: BTreeMap<NaiveDateTime, Row> = BTreeMap::new();
    let (first, end) = (site.day_start(day), site.day_start(day + chrono::Days::new(1)));
    for slot in slot(first)..slot(end) {
        let start = day.and_hms_opt(site.hour(slot * SLOT), 0, 0).unwrap_or_default();
        let row = hours.entry(start).or_default();
        if let Some(counts) = counts {
            row.merge(&counts.row(Dimension::Slot, &slot.to_string()));
        }
    }
    hours
}

/// All rows of a property that say anything, by the first metric, largest first, then by value.
pub fn breakdown(
    days: &Days,
    range: Range,
    property: Property,
    metrics: &[Metric],
    filter: Option<&Filter>,
) -> Vec<Slice> {
    let mut sums: HashMap<&str, Row> = HashMap::new();
    for (_, counts) in days.range(range.first..=range.last) {
        for (value, row) in rows(counts, property) {
            if filter.is_none_or(|filter| filter.matches(value)) {
                sums.entry(value).or_default().merge(&row);
            }
        }
    }
    let mut slices: Vec<Slice> = sums
        .into_iter()
        .map(|(value, row)| Slice {
            value: value.to_owned(),
            metrics: metrics.iter().map(|m| m.of(&row, Some(property))).collect(),
        })
        .filter(|slice| !slice.metrics.iter().all(|value| value.is_nothing()))
        .collect();
    let rank = |slice: &Slice| {
        slice.metrics.first().and_then(|value| value.number()).unwrap_or(f64::NEG_INFINITY)
    };
    slices.sort_by(|a, b| rank(b).total_cmp(&rank(a)).then_with(|| a.value.cmp(&b.value)));
    slices
}
