//! An answer's rows, made from event rows.

use super::filters::{with_other, without_actions};
use super::include::Against;
use super::plan::Rows;
use super::span::Span;
use super::table::{Line, Table};
use super::{By, Query};
use crate::clock::Millis;
use crate::model::rollup::{Metric as Stored, Row};
use crate::model::site::Site;
use crate::report::known::Known;
use crate::report::metric::{percent, share};
use crate::report::rows::merge_day;
use crate::report::scan::{Asked, Groups, scan};
use crate::report::{Days, Metric, Property, Range, Sums, Value, timeseries};
use std::sync::Arc;

/// Rows of some time: whose, and which part of it if not all.
struct Part<'d> {
    site: &'d Site,
    rows: &'d Rows,
    range: Range,
    times: Option<(Millis, Millis)>,
}

impl Part<'_> {
    fn groups(&self, asked: &Asked) -> Groups {
        let mut groups = Groups::new();
        for (day, rows) in self.rows.days.range(self.range.first..=self.range.last) {
            for (key, row) in scan(self.site, (*day, self.range), rows, asked) {
                merge_day(groups.entry(key).or_default(), &row);
            }
        }
        groups
    }

    fn sum(&self, asked: &Asked) -> Row {
        self.groups(asked).remove(&[][..]).unwrap_or_default()
    }
}

impl Query {
    /// The rows of a span, from event rows.
    pub(super) fn told_by_rows(
        &self,
        span: &Span,
        range: Range,
        site: &Site,
        rows: &Rows,
    ) -> Table {
        self.table(&Part { site, rows, range, times: span.times })
    }

    /// The rows that they are compared with.
    pub(super) fn rows_before(&self, against: &Against, site: &Site, rows: &Rows) -> Table {
        let range = against.span.range;
        if !rows.cover(range) {
            return Table { is_unknown: true, ..Table::default() };
        }
        let until = against.until.map(|until| (site.day_start(range.first), until));
        self.table(&Part { site, rows, range, times: against.span.times.or(until) })
    }

    fn table(&self, part: &Part<'_>) -> Table {
        let asked = Asked { times: part.times, ..self.asked() };
        let mut groups = part.groups(&asked);
        if self.dimensions.is_empty() {
            groups.entry(Vec::new()).or_default();
        }
        let beside = self.beside(&asked).map(|asked| part.groups(&asked)).unwrap_or_default();
        let whole = Whole::new(self, &asked, part);
        let lines = groups.iter().map(|(key, row)| {
            let sums = Sums {
                row: *row,
                known: Known::ALL,
                everyone: whole.everyone,
                beside: beside.get(key).copied().unwrap_or_default(),
            };
            let of_group = whole.groups.get(&self.measured_key(key)).copied().unwrap_or_default();
            let values = self.metrics.iter().map(|m| self.value(*m, &sums, &whole, &of_group));
            let dimensions = key.iter().map(|value| value.replace('\u{1e}', " ← ")).collect();
            Line::new(dimensions, values.collect())
        });
        Table { rows: lines.collect(), labels: self.labels(part), is_unknown: false }
    }

    /// What some metrics are measured against: of a page the visits that entered by it, of exits the
    /// views of the same page.
    fn beside(&self, asked: &Asked) -> Option<Asked> {
        let (metric, from, to) = match self.leading().map(Property::as_str) {
            Some("event:page") => (Metric::BounceRate, "event:page", "visit:entry_page"),
            Some("visit:exit_page") => (Metric::ExitRate, "visit:exit_page", "event:page"),
            _ => return None,
        };
        let to = Property::parse(to).ok().filter(|_| self.metrics.contains(&metric))?;
        let by = asked.by.iter().map(|by| match by {
            By::Property(property) if property.as_str() == from => By::Property(to.clone()),
            other => other.clone(),
        });
        let filter = asked.filter.as_ref().map(|expr| with_other(expr, from, &to));
        Some(Asked { by: by.collect(), filter, ..asked.clone() })
    }

    fn value(&self, metric: Metric, sums: &Sums, whole: &Whole, of_group: &Row) -> Value {
        let of_all = |all: &Row| {
            percent(2, share(sums.row.get(Stored::Visitors), all.get(Stored::Visitors)))
        };
        match metric {
            _ if self.why_not_by_rows(metric).is_some() => Value::Unknown,
            Metric::ConversionRate => of_all(&whole.without_actions),
            Metric::GroupConversionRate => of_all(of_group),
            Metric::Events if self.counts_goals() => Metric::Conversions.of(sums, None),
            _ => metric.of(sums, self.leading()),
        }
    }

    /// A row's key without what visitors do, as [`Whole::groups`] has it.
    fn measured_key(&self, key: &[Arc<str>]) -> Vec<Arc<str>> {
        let pairs = self.dimensions.iter().zip(key).filter(|(by, _)| !is_of_actions(by));
        pairs.map(|(_, value)| value.clone()).collect()
    }

    /// All steps of time.
    fn labels(&self, part: &Part<'_>) -> Vec<String> {
        let step = self.dimensions.iter().find_map(|by| match by {
            By::Time(interval) => Some(*interval),
            By::Property(_) => None,
        });
        let Some(interval) = step else { return Vec::new() };
        let steps = timeseries(&Days::new(), part.site, part.range, interval, None);
        let label = |start: chrono::NaiveDateTime| start.format(interval.format()).to_string();
        let bounds = part.times.map(|(first, end)| {
            let step_of = |at: Millis| {
                let day = interval.start(part.site.day(at), part.range);
                let hour = if interval.format().contains("%H") { part.site.hour(at) } else { 0 };
                label(day.and_hms_opt(hour, 0, 0).unwrap_or_default())
            };
            (step_of(first), step_of(end - 1))
        });
        let labels = steps.into_iter().map(|bucket| label(bucket.start));
        let is_in = |label: &String| {
            bounds.as_ref().is_none_or(|(first, last)| first <= label && label <= last)
        };
        labels.filter(is_in).collect()
    }
}

/// What shares of it are shares of.
#[derive(Debug, Default)]
struct Whole {
    /// All traffic.
    everyone: Row,
    /// What the filter lets through, whatever is asked of goals.
    without_actions: Row,
    /// The same, told apart by the dimensions that say nothing of goals.
    groups: Groups,
}

impl Whole {
    fn new(query: &Query, asked: &Asked, part: &Part<'_>) -> Self {
        let wants = |metric| query.metrics.contains(&metric);
        let of_actions = query.is_of_actions();
        let measured = Asked {
            by: asked.by.iter().filter(|by| !is_of_actions(by)).cloned().collect(),
            filter: asked.filter.as_ref().and_then(without_actions),
            ..asked.clone()
        };
        let all = Asked { times: asked.times, ..Asked::default() };
        Self {
            everyone: if wants(Metric::Percentage) { part.sum(&all) } else { Row::default() },
            without_actions: match wants(Metric::ConversionRate) && of_actions {
                true => part.sum(&Asked { by: Vec::new(), ..measured.clone() }),
                false => Row::default(),
            },
            groups: match wants(Metric::GroupConversionRate) && of_actions {
                true => part.groups(&measured),
                false => Groups::new(),
            },
        }
    }
}

fn is_of_actions(by: &By) -> bool {
    matches!(by, By::Property(property) if property.counts_actions())
}
