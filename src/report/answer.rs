//! The sums.
//!
//! Visitors over several days are a sum: with a new salt every day nobody can be recognised the day
//! after. Over several rows of a day they are none: see [`super::known`].

use super::known::Known;
use super::rows::{Selection, merge_day};
use super::{
    Days, Filter, Interval, Invalid, Metric, Property, Question, Range, Shape, Sums, Value, names,
};
use crate::model::DayCounts;
use crate::model::rollup::{Dimension, OTHER, Row, SLOT, parts, slot};
use crate::model::site::{Day, Site};
use chrono::NaiveDateTime;
use foldhash::fast::RandomState;
use serde_json::{Map, json};
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

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
    pub sums: Sums,
}

/// One row of a breakdown.
#[derive(Debug, Clone, PartialEq)]
pub struct Slice {
    pub value: String,
    pub metrics: Vec<Value>,
}

impl Slice {
    pub(super) fn says_anything(&self) -> bool {
        is_rest(&self.value) || !self.metrics.iter().all(|value| value.is_nothing())
    }

    /// By the first metric, largest first, then by value.
    pub fn in_order(&self, other: &Self) -> Ordering {
        let first = |slice: &Self| slice.metrics.first().and_then(|value| value.number());
        let rank = |slice| first(slice).unwrap_or(f64::NEG_INFINITY);
        rank(other).total_cmp(&rank(self)).then_with(|| self.value.cmp(&other.value))
    }
}

/// Answers as the Stats API does: the JSON object of its response.
///
/// # Errors
/// If the days do not tell what is asked.
pub fn answer(question: &Question, site: &Site, days: &Days) -> Result<serde_json::Value, Invalid> {
    let metrics = &question.metrics;
    if !matches!(question.shape, Shape::Timeseries { .. }) {
        question.selection()?.check_days(days, question.range)?;
    }
    let results: serde_json::Value = match question.shape {
        Shape::Aggregate { compare } => {
            let filter = question.filter.as_ref();
            let before = compare.map(|before| before.sums(days, site, filter));
            aggregate(days, question.range, metrics, filter, before.as_ref())
                .into_iter()
                .map(|a| {
                    let answer = if before.is_some() {
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
            let property = question.property();
            timeseries(days, site, question.range, interval, question.filter.as_ref())
                .into_iter()
                .map(|bucket| {
                    let date = bucket.start.format(interval.format()).to_string();
                    let values = metrics.iter().map(|m| m.of(&bucket.sums, property));
                    object("date", date, metrics, values)
                })
                .collect()
        }
        Shape::Breakdown { ref property, limit, page } => {
            named_breakdown(days, site, question.range, property, metrics, question.filter.as_ref())
                .into_iter()
                .skip((page - 1) * limit)
                .take(limit)
                .map(|slice| {
                    let values = slice.metrics.iter().copied();
                    let Some(second) = property.second_key() else {
                        return object(property.key(), slice.value, metrics, values);
                    };
                    let mut parts = parts(&slice.value, 2).map(str::to_owned);
                    let first = parts.next().unwrap_or_default();
                    let mut row = object(property.key(), first, metrics, values);
                    row[second] = parts.next().unwrap_or_default().into();
                    row
                })
                .collect()
        }
    };
    let mut answer = json!({ "results": results });
    if let Some(warning) = question.warning() {
        answer["warning"] = warning.into();
    }
    Ok(answer)
}

fn object(
    key: &str,
    name: String,
    metrics: &[Metric],
    values: impl IntoIterator<Item = Value>,
) -> serde_json::Value {
    let mut object = Map::new();
    object.extend(metrics.iter().zip(values).map(|(m, v)| (m.as_str().to_owned(), json!(v))));
    // Last: a property of events can bear a metric's name.
    object.insert(key.to_owned(), name.into());
    object.into()
}

/// Metrics over a range, and how they changed since `before`.
pub fn aggregate(
    days: &Days,
    range: Range,
    metrics: &[Metric],
    filter: Option<&Filter>,
    before: Option<&Sums>,
) -> Vec<Aggregated> {
    let property = filter.map(Filter::property);
    let now = sums(days, range, filter);
    metrics
        .iter()
        .map(|&metric| {
            let value = metric.of(&now, property);
            let before = before.map(|before| metric.of(before, property));
            let change = before.and_then(|before| metric.change(before, value));
            Aggregated { metric, value, change }
        })
        .collect()
}

/// Everything in a range, or what a filter lets through, and what that is measured against.
pub fn sums(days: &Days, range: Range, filter: Option<&Filter>) -> Sums {
    let mut sums = Sums::default();
    if let Ok(selection) = Selection::new(None, filter) {
        sums.known = match selection.check_days(days, range) {
            Ok(()) => selection.known(),
            Err(_) => Known::NOTHING,
        };
        for (_, counts) in days.range(range.first..=range.last) {
            sums.merge_day(&day_sums(counts, &selection, filter));
        }
    }
    sums
}

fn day_sums(counts: &DayCounts, selection: &Selection, filter: Option<&Filter>) -> Sums {
    let everyone = counts.row(Dimension::Total, "");
    let mut beside = Row::default();
    if let Some((filter, of)) = filter.and_then(|f| Some((f, measured_against(f.property())?))) {
        let matching = counts.rows(of).filter(|(page, _)| filter.takes_all(page));
        matching.for_each(|(_, row)| beside.merge(&row));
    }
    Sums { row: selection.sum(counts), known: selection.known(), everyone, beside }
}

/// Where the rows stand that a property's own are measured against: exits against the views of the
/// same page, and of a page those visits bounce that entered by it.
fn measured_against(property: &Property) -> Option<Dimension> {
    match property.as_str() {
        "visit:exit_page" => Some(Dimension::Page),
        "event:page" => Some(Dimension::EntryPage),
        _ => None,
    }
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
    let mut add = |start: NaiveDateTime, sums: Sums| match buckets.last_mut() {
        Some(bucket) if bucket.start == start => bucket.sums.merge_day(&sums),
        _ => buckets.push(Bucket { start, sums }),
    };
    let Ok(selection) = Selection::new(None, filter) else { return buckets };
    // Minutes are not counted apart.
    if interval == Interval::Minute {
        return buckets;
    }
    let midnight = |day: Day| day.and_time(chrono::NaiveTime::MIN);
    for day in range.days() {
        let counts = days.get(&day);
        match interval {
            Interval::Minute | Interval::Hour => hours(counts.map(Arc::as_ref), site, day)
                .into_iter()
                .for_each(|(start, sums)| add(start, sums)),
            Interval::Day | Interval::Week | Interval::Month => {
                let nothing = Sums { known: selection.known(), ..Sums::default() };
                let sums = counts.map(|counts| {
                    let mut sums = day_sums(counts, &selection, filter);
                    if !selection.is_told_by(counts, interval) {
                        sums.known = Known::NOTHING;
                    }
                    sums
                });
                add(midnight(interval.start(day, range)), sums.unwrap_or(nothing));
            }
        }
    }
    buckets
}

fn hours(counts: Option<&DayCounts>, site: &Site, day: Day) -> BTreeMap<NaiveDateTime, Sums> {
    let mut hours: BTreeMap<NaiveDateTime, Sums> = BTreeMap::new();
    // Of a day that only its month still knows, there are totals and no hours.
    let nothing = match counts.is_none_or(has_slots) {
        true => Sums::default(),
        false => Sums { known: Known::NOTHING, ..Sums::default() },
    };
    let (first, end) = (site.day_start(day), site.day_start(day + chrono::Days::new(1)));
    for slot in slot(first)..slot(end) {
        let start = day.and_hms_opt(site.hour(slot * SLOT), 0, 0).unwrap_or_default();
        let sums = hours.entry(start).or_insert(nothing);
        if let Some(counts) = counts {
            sums.row.merge(&counts.row(Dimension::Slot, &slot.to_string()));
        }
    }
    hours
}

/// A row in which values without one of their own are counted: a sum of many.
fn is_rest(value: &str) -> bool {
    parts(value, usize::MAX).any(|part| part == OTHER)
}

fn has_slots(counts: &DayCounts) -> bool {
    let total = counts.row(Dimension::Total, "");
    total == Row::default() || counts.rows(Dimension::Slot).next().is_some()
}

/// All rows of a property that say anything, by the first metric, largest first, then by value.
/// Pageviews are no events here.
pub fn breakdown(
    days: &Days,
    site: &Site,
    range: Range,
    property: &Property,
    metrics: &[Metric],
    filter: Option<&Filter>,
) -> Vec<Slice> {
    let Ok(selection) = Selection::new(Some(property), filter) else { return Vec::new() };
    slices(days, site, range, property, metrics, selection.without_views(), |value| value)
}

/// The same with values as the API names them.
pub(super) fn named_breakdown(
    days: &Days,
    site: &Site,
    range: Range,
    property: &Property,
    metrics: &[Metric],
    filter: Option<&Filter>,
) -> Vec<Slice> {
    let Ok(selection) = Selection::new(Some(property), filter) else { return Vec::new() };
    let name = |value| names::name(property, value);
    slices(days, site, range, property, metrics, selection, name)
}

fn slices<'d>(
    days: &'d Days,
    site: &Site,
    range: Range,
    property: &Property,
    metrics: &[Metric],
    selection: Selection<'_>,
    name: impl Fn(&'d str) -> &'d str,
) -> Vec<Slice> {
    // Of each name its row, and one stored value that it stands for.
    let mut rows: HashMap<&str, (Row, &str), RandomState> = HashMap::default();
    let mut of_several: HashSet<&str> = HashSet::new();
    let mut others: HashMap<&str, Row, RandomState> = HashMap::default();
    let asked = [Metric::ExitRate, Metric::BounceRate].iter().any(|m| metrics.contains(m));
    let against = measured_against(property).filter(|_| asked);
    for counts in days.parts(range, selection.dimension()) {
        selection.rows(counts, |value, row| {
            let name = name(value);
            let (sum, first) = rows.entry(name).or_insert((Row::default(), value));
            if *first != value {
                of_several.insert(name);
            }
            merge_day(sum, row);
        });
    }
    if let Some(of) = against {
        for (page, row) in
            days.parts(range, Some(of)).into_iter().flat_map(|counts| counts.rows(of))
        {
            others.entry(page).or_default().merge(&row);
        }
    }
    let everyone = sums(days, range, None).row;
    let known = selection.known();
    let known_of_several = known.and(selection.known_of_sums());
    let mut slices: Vec<Slice> = rows
        .into_iter()
        .map(|(value, (row, _))| {
            let beside = others.get(value).copied().unwrap_or_default();
            let several = is_rest(value) || of_several.contains(value);
            let known = if several { known_of_several } else { known };
            let known = if property.is_goal() { known.of_goal(site, value) } else { known };
            let sums = Sums { row, known, everyone, beside };
            Slice {
                value: value.to_owned(),
                metrics: metrics.iter().map(|m| m.of(&sums, Some(property))).collect(),
            }
        })
        .filter(Slice::says_anything)
        .collect();
    slices.sort_by(Slice::in_order);
    slices
}
