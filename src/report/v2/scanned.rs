//! An answer's rows, made from event rows.

use super::filters::{with_other, without_actions};
use super::include::Against;
use super::plan::Rows;
use super::span::Span;
use super::table::{Line, Table};
use super::{By, Query};
use crate::clock::{MINUTE, Millis};
use crate::model::rollup::{Metric as Stored, Row};
use crate::model::site::Site;
use crate::report::known::Known;
use crate::report::metric::{percent, share};
use crate::report::scan::{Asked, Groups, scan};
use crate::report::{Days, Interval, Metric, Property, Range, Sums, Value, timeseries};
use std::sync::Arc;

/// Rows of some time: whose, and which part of it if not all.
struct Part<'d> {
    site: &'d Site,
    rows: &'d Rows,
    range: Range,
    times: Option<(Millis, Millis)>,
}

/// What is asked of the rows of a day, each of it once.
#[derive(Default)]
struct Questions(Vec<Asked>);

impl Questions {
    /// Where among the answers its own will stand.
    fn add(&mut self, asked: Asked) -> usize {
        let known = self.0.iter().position(|known| *known == asked);
        known.unwrap_or_else(|| {
            self.0.push(asked);
            self.0.len() - 1
        })
    }
}

/// Where among the answers those to a question stand.
struct Indices {
    own: usize,
    beside: Option<usize>,
    whole: [Option<usize>; 3],
}

/// The rows of several questions about the same time, from one pass over event rows.
fn tables(queries: &[&Query], part: &Part<'_>) -> Vec<Table> {
    let mut questions = Questions::default();
    let indices: Vec<Indices> =
        queries.iter().map(|query| query.add_to(&mut questions, part.times)).collect();
    let days = part.rows.days.range(part.range.first..=part.range.last);
    let days = days.map(|(day, rows)| (*day, &**rows));
    let groups = scan(part.site, part.range, days, &questions.0);
    queries.iter().zip(indices).map(|(query, of)| query.table(&of, &groups, part)).collect()
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
        Self::all_told_by_rows(&[self], span, range, site, rows).pop().unwrap_or_default()
    }

    /// The same for several questions about this span.
    pub(super) fn all_told_by_rows(
        queries: &[&Self],
        span: &Span,
        range: Range,
        site: &Site,
        rows: &Rows,
    ) -> Vec<Table> {
        tables(queries, &Part { site, rows, range, times: span.times })
    }

    /// The rows that they are compared with.
    pub(super) fn rows_before(&self, against: &Against, site: &Site, rows: &Rows) -> Table {
        let range = against.span.range;
        if !rows.cover(range) {
            return Table { is_unknown: true, ..Table::default() };
        }
        let until = against.until.map(|until| (site.day_start(range.first), until));
        let part = Part { site, rows, range, times: against.span.times.or(until) };
        tables(&[self], &part).pop().unwrap_or_default()
    }

    fn add_to(&self, questions: &mut Questions, times: Option<(Millis, Millis)>) -> Indices {
        let asked = Asked { times, ..self.asked() };
        Indices {
            own: questions.add(asked.clone()),
            beside: self.beside(&asked).map(|asked| questions.add(asked)),
            whole: Whole::asked(self, &asked).map(|asked| Some(questions.add(asked?))),
        }
    }

    fn table(&self, of: &Indices, groups: &[Groups], part: &Part<'_>) -> Table {
        let (nothing, none) = (Row::default(), Groups::new());
        let whole = Whole::read(of.whole, groups);
        let beside = of.beside.map_or(&none, |nth| &groups[nth]);
        let is_goal = |by: &By| matches!(by, By::Property(property) if property.is_goal());
        let goal = self.dimensions.iter().position(is_goal);
        let line = |key: &Vec<Arc<str>>, row: &Row| {
            let goal = goal.and_then(|nth| key.get(nth));
            let sums = Sums {
                row: *row,
                known: goal.map_or(Known::ALL, |name| Known::ALL.of_goal(part.site, name)),
                everyone: whole.everyone,
                beside: beside.get(key).copied().unwrap_or_default(),
            };
            let of_group = whole.groups.and_then(|of| of.get(&self.measured_key(key)));
            let of_group = of_group.copied().unwrap_or_default();
            let values = self.metrics.iter().map(|m| self.value(*m, &sums, &whole, &of_group));
            let dimensions = key.iter().map(|value| self.shown_value(value)).collect();
            Line::new(dimensions, values.collect())
        };
        let own = &groups[of.own];
        let mut rows: Vec<Line> = own.iter().map(|(key, row)| line(key, row)).collect();
        if self.dimensions.is_empty() && rows.is_empty() {
            rows.push(line(&Vec::new(), &nothing));
        }
        Table { rows, labels: self.labels(part), is_unknown: false }
    }

    /// What some metrics are measured against: of a page the visits that entered by it, of exits
    /// the views of the same page.
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

    fn value(&self, metric: Metric, sums: &Sums, whole: &Whole<'_>, of_group: &Row) -> Value {
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
        let label = |start: chrono::NaiveDateTime| start.format(interval.format()).to_string();
        if let (Interval::Minute, Some((first, end))) = (interval, part.times) {
            let minutes = first.div_euclid(MINUTE)..=(end - 1).div_euclid(MINUTE);
            let mut labels: Vec<String> =
                minutes.map(|n| label(part.site.minute_start(n * MINUTE))).collect();
            labels.dedup();
            return labels;
        }
        let steps = timeseries(&Days::new(), part.site, part.range, interval, None);
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
struct Whole<'g> {
    /// All traffic.
    everyone: Row,
    /// What the filter lets through, whatever is asked of goals.
    without_actions: Row,
    /// The same, told apart by the dimensions that say nothing of goals.
    groups: Option<&'g Groups>,
}

impl<'g> Whole<'g> {
    /// What it takes of rows, where the question wants it.
    fn asked(query: &Query, asked: &Asked) -> [Option<Asked>; 3] {
        let wants = |metric| query.metrics.contains(&metric);
        let of_actions = query.is_of_actions();
        let measured = Asked {
            by: asked.by.iter().filter(|by| !is_of_actions(by)).cloned().collect(),
            filter: asked.filter.as_ref().and_then(without_actions),
            ..asked.clone()
        };
        let everyone = Asked { times: asked.times, ..Asked::default() };
        let without_actions = Asked { by: Vec::new(), ..measured.clone() };
        [
            wants(Metric::Percentage).then_some(everyone),
            (wants(Metric::ConversionRate) && of_actions).then_some(without_actions),
            (wants(Metric::GroupConversionRate) && of_actions).then_some(measured),
        ]
    }

    fn read(
        [everyone, without_actions, by_group]: [Option<usize>; 3],
        groups: &'g [Groups],
    ) -> Self {
        let groups_of = |nth: Option<usize>| nth.map(|nth| &groups[nth]);
        let sum = |nth| groups_of(nth).and_then(|groups| groups.get(&[][..]));
        Self {
            everyone: sum(everyone).copied().unwrap_or_default(),
            without_actions: sum(without_actions).copied().unwrap_or_default(),
            groups: groups_of(by_group),
        }
    }
}

fn is_of_actions(by: &By) -> bool {
    matches!(by, By::Property(property) if property.counts_actions())
}
