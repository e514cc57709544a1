//! An answer's rows: made from roll-ups, compared, ordered.

use super::include::Against;
use super::{By, Column, Query};
use crate::model::rollup::{PART, Row};
use crate::model::site::Site;
use crate::report::answer::named_breakdown;
use crate::report::{
    Before, Days, Filter, Interval, Invalid, Property, Range, Selection, Sums, Value, aggregate,
    breakdown, timeseries,
};
use std::cmp::Ordering;
use std::collections::HashMap;

/// Rows, and the labels of all steps of time.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub rows: Vec<Line>,
    pub labels: Vec<String>,
    /// It is not known what the rows are.
    pub is_unknown: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub dimensions: Vec<String>,
    pub metrics: Vec<Value>,
    pub comparison: Option<Compared>,
}

/// The row of the time that is compared with.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Compared {
    pub dimensions: Vec<String>,
    pub metrics: Vec<Value>,
    pub change: Vec<Option<i64>>,
}

impl Line {
    pub(super) fn new(dimensions: Vec<String>, metrics: Vec<Value>) -> Self {
        Self { dimensions, metrics, comparison: None }
    }
}

impl Query {
    /// The rows of a range of days, from roll-ups.
    pub(super) fn told_by_rollups(&self, range: Range, site: &Site, days: &Days) -> Table {
        let filter = self.filter.as_ref();
        let mut table = Table::default();
        match self.dimensions.first() {
            None => {
                let answers = aggregate(days, range, &self.metrics, filter, None);
                let values = answers.into_iter().map(|a| a.value).collect();
                table.rows.push(Line::new(Vec::new(), values));
            }
            Some(By::Property(property)) => {
                let told = if self.as_stored { breakdown } else { named_breakdown };
                let slices = told(days, site, range, property, &self.metrics, filter);
                table.rows.extend(
                    slices.into_iter().map(|slice| {
                        Line::new(vec![self.shown_value(&slice.value)], slice.metrics)
                    }),
                );
            }
            Some(By::Time(interval)) => {
                let property = filter.map(Filter::property);
                for bucket in timeseries(days, site, range, *interval, filter) {
                    let label = bucket.start.format(interval.format()).to_string();
                    // Times at which nothing happened have no row.
                    if bucket.sums.row != Row::default() || bucket.sums.is_unknown() {
                        let values = self.metrics.iter().map(|m| m.of(&bucket.sums, property));
                        table.rows.push(Line::new(vec![label.clone()], values.collect()));
                    }
                    table.labels.push(label);
                }
            }
        }
        table
    }

    /// A value as an answer's row has it.
    pub(super) fn shown_value(&self, value: &str) -> String {
        if self.as_stored { value.to_owned() } else { value.replace(PART, " ← ") }
    }

    /// Checks that days tell the rows.
    pub(super) fn check_days(&self, range: Range, days: &Days) -> Result<(), Invalid> {
        let by = match self.dimensions.first() {
            None => None,
            Some(By::Property(property)) => Some(property),
            // Each step of a series is known or not.
            Some(By::Time(_)) => return Ok(()),
        };
        Selection::new(by, self.filter.as_ref())?.check_days(days, range)
    }

    /// The rows that they are compared with. Of a part of a day roll-ups know totals and hours
    /// only.
    pub(super) fn rollups_before(&self, against: &Against, site: &Site, days: &Days) -> Table {
        let range = against.span.range;
        if self.check_days(range, days).is_err() {
            return Table { is_unknown: true, ..Table::default() };
        }
        let Some(until) = against.until else { return self.told_by_rollups(range, site, days) };
        match self.dimensions.first() {
            None => {
                let before = Before { range, until: Some(until) };
                let filter = self.filter.as_ref();
                let sums = before.sums(days, site, filter);
                let property = filter.map(Filter::property);
                let values = self.metrics.iter().map(|m| m.of(&sums, property)).collect();
                Table { rows: vec![Line::new(Vec::new(), values)], ..Table::default() }
            }
            Some(By::Time(Interval::Hour)) => self.told_by_rollups(range, site, days),
            Some(By::Time(interval)) => {
                let mut table = self.told_by_rollups(range, site, days);
                let first = interval.start(range.last, range).max(range.first);
                let last_step = Before { range: Range { first, ..range }, until: Some(until) };
                let filter = self.filter.as_ref();
                let (sums, property) =
                    (last_step.sums(days, site, filter), filter.map(Filter::property));
                let last = table.labels.last();
                let is_last = |line: &&mut Line| line.dimensions.first() == last;
                for line in table.rows.iter_mut().filter(is_last) {
                    line.metrics = self.metrics.iter().map(|m| m.of(&sums, property)).collect();
                }
                table
            }
            Some(By::Property(_)) => Table { is_unknown: true, ..Table::default() },
        }
    }

    /// Joins each row with that of the time before, by its values, times by their order.
    pub(super) fn compare(&self, now: &mut Table, before: &Table) {
        if let [By::Time(_)] = self.dimensions.as_slice() {
            for label in &now.labels {
                if !now.rows.iter().any(|line| line.dimensions.first() == Some(label)) {
                    now.rows.push(Line::new(vec![label.clone()], self.nothing()));
                }
            }
        }
        let times: HashMap<&String, &String> = now.labels.iter().zip(&before.labels).collect();
        let values: HashMap<&[String], &[Value]> =
            before.rows.iter().map(|l| (l.dimensions.as_slice(), l.metrics.as_slice())).collect();
        for line in &mut now.rows {
            let known = self.dimensions.iter().zip(&line.dimensions);
            let then: Option<Vec<String>> = known
                .map(|(by, value)| match by {
                    By::Time(_) => times.get(value).map(|label| (*label).clone()),
                    By::Property(_) => Some(value.clone()),
                })
                .collect();
            // There may be fewer steps before: February has no 30th.
            let Some(dimensions) = then else { continue };
            let metrics = match values.get(dimensions.as_slice()) {
                Some(metrics) => metrics.to_vec(),
                None if before.is_unknown => vec![Value::Unknown; self.metrics.len()],
                None => self.nothing(),
            };
            let change = self.metrics.iter().zip(&metrics).zip(&line.metrics);
            let change = change.map(|((m, before), now)| m.change(*before, *now)).collect();
            line.comparison = Some(Compared { dimensions, metrics, change });
        }
    }

    /// The metrics of a row in which nothing happened.
    pub(super) fn nothing(&self) -> Vec<Value> {
        let property = self.property();
        self.metrics.iter().map(|metric| metric.of(&Sums::default(), property)).collect()
    }

    /// The property whose rows roll-ups answer from; `None`: the totals.
    pub(super) fn property(&self) -> Option<&Property> {
        let by = self.dimensions.iter().find_map(|by| match by {
            By::Property(property) => Some(property),
            By::Time(_) => None,
        });
        by.or(self.filter.as_ref().map(Filter::property))
    }

    pub(super) fn in_order(&self, a: &Line, b: &Line) -> Ordering {
        let number = |value: &Value| value.number().unwrap_or(f64::NEG_INFINITY);
        for (column, falling) in &self.order {
            let order = match *column {
                Column::Dimension(nth) => a.dimensions[nth].cmp(&b.dimensions[nth]),
                Column::Metric(nth) => number(&a.metrics[nth]).total_cmp(&number(&b.metrics[nth])),
            };
            match if *falling { order.reverse() } else { order } {
                Ordering::Equal => {}
                order => return order,
            }
        }
        a.dimensions.cmp(&b.dimensions)
    }
}
