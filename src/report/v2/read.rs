//! Parts of a question, as they are read from its JSON.

use super::{By, Column};
use crate::report::{Interval, Invalid, Metric, Property};
use serde_json::{Map, Value as Json};

/// Rows of an answer, if the question does not say; and at most.
pub(super) const LIMIT: u64 = 10_000;

pub(super) fn wrong<T>(line: impl Into<String>) -> Result<T, Invalid> {
    Err(Invalid::new(line))
}

pub(super) fn list<'j>(value: Option<&'j Json>, name: &str) -> Result<&'j [Json], Invalid> {
    match value {
        None | Some(Json::Null) => Ok(&[]),
        Some(Json::Array(list)) => Ok(list),
        Some(_) => wrong(format!("`{name}` is no list")),
    }
}

pub(super) fn object<'j>(
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

/// A key that is true or, as if it were left out, false.
pub(super) fn flag(object: &Map<String, Json>, key: &str) -> Result<bool, Invalid> {
    match object.get(key) {
        None | Some(Json::Null) => Ok(false),
        Some(Json::Bool(on)) => Ok(*on),
        Some(value) => wrong(format!("invalid {key} `{value}`: it is true or false")),
    }
}

pub(super) fn metrics(value: Option<&Json>) -> Result<Vec<Metric>, Invalid> {
    let mut metrics = Vec::new();
    for name in list(value, "metrics")? {
        let Json::String(name) = name else { return wrong("a metric is a text like \"visitors\"") };
        let metric = Metric::read(name)?;
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

/// `hours`: how long the question's time is, which decides what `time` stands for.
pub(super) fn dimensions(value: Option<&Json>, hours: i64) -> Result<Vec<By>, Invalid> {
    let mut dimensions = Vec::new();
    for name in list(value, "dimensions")? {
        let Json::String(name) = name else {
            return wrong("a dimension is a text like \"event:page\"");
        };
        let by = dimension(name, hours)?;
        if dimensions.contains(&by) {
            return wrong(format!("dimension `{name}` is asked for twice"));
        }
        dimensions.push(by);
    }
    match dimensions.iter().filter(|by| matches!(by, By::Time(_))).count() {
        0 | 1 => Ok(dimensions),
        _ => wrong("there are two time dimensions: ask for one"),
    }
}

/// Hours of which minutes are told.
const MINUTES_MAX: i64 = 2;

fn dimension(name: &str, hours: i64) -> Result<By, Invalid> {
    let Some(step) = name.strip_prefix("time") else {
        return Property::parse(name).map(By::Property);
    };
    Ok(By::Time(match step {
        ":minute" if hours <= MINUTES_MAX => Interval::Minute,
        ":minute" => return wrong("`time:minute` is for two hours at most"),
        ":hour" => Interval::Hour,
        ":day" => Interval::Day,
        ":week" => Interval::Week,
        ":month" => Interval::Month,
        // As Plausible has it.
        "" => match hours {
            ..=48 => Interval::Hour,
            49..=960 => Interval::Day,
            961..=8_903 => Interval::Week,
            _ => Interval::Month,
        },
        _ => {
            return wrong(format!(
                "invalid dimension `{name}`: time, time:minute, time:hour, time:day, time:week or \
                 time:month"
            ));
        }
    }))
}

/// Columns to order by, and of each whether largest come first.
pub(super) fn order(
    value: Option<&Json>,
    dimensions: &[By],
    metrics: &[Metric],
) -> Result<Vec<(Column, bool)>, Invalid> {
    let mut order = Vec::new();
    for pair in list(value, "order_by")? {
        let [Json::String(name), Json::String(direction)] = pair.as_array().map_or(&[][..], |p| p)
        else {
            return wrong("`order_by` holds pairs like [\"visitors\", \"desc\"]");
        };
        let is_it =
            |by: &By| super::name(by) == name || (name == "time" && matches!(by, By::Time(_)));
        let metric = metrics.iter().position(|metric| metric.as_str() == name);
        let dimension = || dimensions.iter().position(is_it).map(Column::Dimension);
        let Some(column) = metric.map(Column::Metric).or_else(dimension) else {
            return wrong(format!(
                "invalid order_by `{name}`: it is none of the metrics or dimensions asked for"
            ));
        };
        match direction.as_str() {
            "asc" => order.push((column, false)),
            "desc" => order.push((column, true)),
            _ => return wrong(format!("invalid direction `{direction}`: asc or desc")),
        }
    }
    if order.is_empty() {
        let time = dimensions.iter().position(|by| matches!(by, By::Time(_)));
        order.extend(time.map(|nth| (Column::Dimension(nth), false)));
        order.push((Column::Metric(0), true));
    }
    Ok(order)
}

pub(super) fn pagination(value: Option<&Json>) -> Result<(u64, u64), Invalid> {
    let Some(pagination) = object(value, "pagination", &["limit", "offset"])? else {
        return Ok((LIMIT, 0));
    };
    let number = |key: &str, default, least, most| match pagination.get(key) {
        None => Ok(default),
        Some(value) => value.as_u64().filter(|n| (least..=most).contains(n)).ok_or_else(|| {
            Invalid::new(format!(
                "invalid {key} `{value}`: it is a whole number from {least} to {most}"
            ))
        }),
    };
    Ok((number("limit", LIMIT, 1, LIMIT)?, number("offset", 0, 0, u64::from(u32::MAX))?))
}
