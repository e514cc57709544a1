//! The questions of one page: about the same time, under the same filters, answered together.
//!
//! Without filters, roll-ups answer all of them. With filters, event rows answer all in one pass, so
//! that all answers are about the same days. If none of the days has rows, roll-ups answer what they
//! can.

use super::include::{Against, Comparison};
use super::plan::{Plan, Rows};
use super::span::Span;
use super::table::{Line, Table};
use super::{By, Include, Query, filters};
use crate::clock::Millis;
use crate::model::row::RowsOf;
use crate::model::site::{Day, Site};
use crate::report::scan::{Asked, Expr};
use crate::report::{Days, Interval, Invalid, Metric, Property, Range, Slice, Value};
use chrono::{NaiveDateTime, NaiveTime};
use serde_json::{Map, Value as Json};
use std::collections::HashMap;

/// Questions, numbered from 0 in the order in which they were asked.
pub struct QuerySet {
    site: Site,
    span: Span,
    against: Option<Against>,
    today: Day,
    filters: Vec<Json>,
    expr: Option<Expr>,
    /// Event rows are needed, though nothing is filtered.
    with_rows: bool,
    /// Roll-ups answer what they can, whatever is filtered.
    prefers_rollups: bool,
    queries: Vec<Query>,
}

/// What they are answered from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnsweredFrom {
    RollUps,
    /// Event rows, which are kept of all of the days or of those from this one on.
    Rows(Option<Day>),
}

/// Answers, by the numbers of the questions.
pub struct Answers {
    pub source: AnsweredFrom,
    set: QuerySet,
    /// `None`: the question has no answer.
    tables: Vec<Option<Table>>,
    /// The days that the answers are about.
    pub range: Range,
}

/// A metric over all of the time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Total {
    pub metric: Metric,
    pub value: Value,
    /// What it was in the time that is compared with, and how it changed since, if that is asked.
    pub before: Option<Value>,
    pub change: Option<i64>,
}

impl Total {
    /// By how many points a percentage changed, if that is asked: below ten to a tenth.
    pub fn points(&self) -> Option<f64> {
        self.change.filter(|_| self.metric.is_percent())?;
        let points = self.value.number()? - self.before?.number()?;
        let tenths = (points * 10.0).round() / 10.0;
        // Adding 0 makes -0 to 0.
        Some(if tenths.abs() < 10.0 { tenths + 0.0 } else { points.round() })
    }
}

/// One step of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeStep {
    /// The site's local time at which it starts.
    pub start: NaiveDateTime,
    pub values: Vec<Value>,
    /// The step that it is compared with, if there is one.
    pub before: Option<(NaiveDateTime, Vec<Value>)>,
}

impl QuerySet {
    /// Questions about the time of `span`, asked at `now`. `filters` are those of version 2 of the API,
    /// and all must be met. With a `comparison`, totals and series are compared.
    ///
    /// # Errors
    /// If the filters name a goal that is not configured, or cannot be met together.
    pub fn new(
        site: &Site,
        span: Span,
        comparison: Option<Comparison>,
        filters: Vec<Json>,
        now: Millis,
    ) -> Result<Self, Invalid> {
        Ok(Self {
            site: site.clone(),
            span,
            against: comparison.map(|comparison| comparison.against(&span, site, now)),
            today: site.day(now),
            expr: filters::read(&filters, &site.goals)?,
            filters,
            with_rows: false,
            prefers_rollups: false,
            queries: Vec::new(),
        })
    }

    /// Asks for totals, compared if there is something to compare with. Gives the question's number,
    /// as all that ask do.
    pub fn ask_totals(&mut self, metrics: &[Metric]) -> usize {
        self.add(None, metrics, self.against)
    }

    /// Asks for a series, compared alike: each step with the one in the same place before.
    pub fn ask_over_time(&mut self, interval: Interval, metrics: &[Metric]) -> usize {
        let now = self.span.range;
        let alike = |against: &Against| interval.steps_alike(now, against.span.range);
        self.add(Some(By::Time(interval)), metrics, self.against.filter(alike))
    }

    /// Asks for the values of a property.
    pub fn ask(&mut self, property: Property, metrics: &[Metric]) -> usize {
        self.add(Some(By::Property(property)), metrics, None)
    }

    /// Asks for the goals of the settings file, as they were counted since they were set.
    pub fn ask_goals_of_file(&mut self, property: Property, metrics: &[Metric]) -> usize {
        let mut site = self.site.clone();
        site.goals.retain(|goal| !goal.is_kept);
        std::mem::swap(&mut site, &mut self.site);
        let nth = self.add(Some(By::Property(property)), metrics, None);
        self.site = site;
        nth
    }

    /// Has event rows read, though nothing is filtered.
    pub fn require_rows(&mut self) {
        self.with_rows = true;
    }

    /// Has roll-ups answer what they can, also of days whose event rows are gone, and event rows the
    /// rest.
    pub fn prefer_rollups(&mut self) {
        (self.with_rows, self.prefers_rollups) = (true, true);
    }

    /// Whether event rows are needed, though nothing is filtered.
    pub fn requires_rows(&self) -> bool {
        self.with_rows
    }

    fn add(&mut self, by: Option<By>, metrics: &[Metric], against: Option<Against>) -> usize {
        let mut query = Query {
            span: self.span,
            metrics: metrics.to_vec(),
            dimensions: by.into_iter().collect(),
            expr: self.expr.clone(),
            filter: None,
            plan: Plan::RollUps,
            order: Vec::new(),
            limit: u64::MAX,
            offset: 0,
            include: Include::default(),
            against,
            as_stored: true,
            today: self.today,
            imported: false,
            any_imported: false,
            warnings: Map::new(),
            echo: Map::new(),
        };
        query.plan = query.plan(&self.filters, &self.site).unwrap_or_else(Plan::Rows);
        self.queries.push(query);
        self.queries.len() - 1
    }

    /// The days that the questions are about, and those that they are compared with.
    pub fn ranges(&self) -> impl Iterator<Item = Range> {
        let elapsed = self.span.range.until(self.today);
        std::iter::once(elapsed).chain(self.range_before())
    }

    /// The days that they are compared with.
    pub fn range_before(&self) -> Option<Range> {
        self.against.map(|against| against.span.range)
    }

    /// Whether whole days are asked about, with nothing filtered: what roll-ups can answer.
    fn is_of_rollups(&self) -> bool {
        self.expr.is_none() && self.span.times.is_none()
    }

    /// Which event rows are needed, those of the first question first. Empty: roll-ups are enough.
    pub fn takes_rows_of(&self) -> Vec<RowsOf> {
        if self.is_of_rollups() {
            return self.with_rows.then_some(RowsOf::People).into_iter().collect();
        }
        // Without questions, the rows are those that the filters are about.
        let of_filters = || Asked { filter: self.expr.clone(), ..Asked::default() };
        let first = self.queries.first().map_or_else(of_filters, Query::asked).of();
        let is_needed = |of: &RowsOf| {
            *of == first || self.queries.iter().any(|query| query.asked().of() == *of)
        };
        let mut all: Vec<RowsOf> = RowsOf::ALL.into_iter().filter(is_needed).collect();
        all.sort_by_key(|of| *of != first);
        all
    }

    /// Answers them, from event rows where these are given, in the order in which they are taken.
    pub fn answer(self, days: &Days, rows: &[(RowsOf, &Rows)]) -> Answers {
        let elapsed = self.span.range.until(self.today);
        let first = rows.first().map(|(_, rows)| *rows);
        if self.prefers_rollups || self.is_of_rollups() {
            return self.by_rollups(days, first);
        }
        match first.map(|rows| rows.covered_from.filter(|_| !rows.cover(elapsed))) {
            Some(from) if from.is_none_or(|first| first <= elapsed.last) => {
                self.by_rows(rows, from)
            }
            _ => self.by_rollups(days, None),
        }
    }

    /// `from`: the first day of which the first rows are kept. Others answer only if they are kept of
    /// the same days: what is shown together is about the same days.
    fn by_rows(self, rows: &[(RowsOf, &Rows)], from: Option<Day>) -> Answers {
        let (site, mut tables) = (&self.site, Vec::new());
        tables.resize_with(self.queries.len(), || None);
        let mut told = None;
        for (of, rows) in rows {
            let range = self.span.counted(rows.days.keys(), self.today);
            let range = Range { first: from.unwrap_or(range.first), ..range };
            let range = *told.get_or_insert(range);
            let own = |(_, query): &(usize, &Query)| query.asked().of() == *of;
            let own: Vec<(usize, &Query)> = self.queries.iter().enumerate().filter(own).collect();
            if !rows.cover(range) {
                continue;
            }
            let queries: Vec<&Query> = own.iter().map(|(_, query)| *query).collect();
            let all = Query::all_told_by_rows(&queries, &self.span, range, site, rows);
            for ((nth, query), mut table) in own.into_iter().zip(all) {
                compare_by_rows(query, &mut table, from, site, rows);
                tables[nth] = Some(table);
            }
        }
        let range = told.unwrap_or(self.span.range);
        Answers { source: AnsweredFrom::Rows(from), set: self, tables, range }
    }

    /// What roll-ups do not tell is told by `rows`, where these are given.
    fn by_rollups(self, days: &Days, rows: Option<&Rows>) -> Answers {
        let site = &self.site;
        let range = self.span.counted(days.keys(), self.today);
        let by_rows = |query: &Query| {
            let (rows, elapsed) = (rows?, self.span.range.until(self.today));
            let from = rows.covered_from.filter(|_| !rows.cover(elapsed));
            let range = Range { first: from.unwrap_or(range.first), ..range };
            let told = (range.first <= elapsed.last)
                .then(|| Query::all_told_by_rows(&[query], &self.span, range, site, rows));
            let mut table = told?.pop()?;
            compare_by_rows(query, &mut table, from, site, rows);
            Some(table)
        };
        let told = |query: &Query| {
            if matches!(query.plan, Plan::Rows(_)) {
                return by_rows(query);
            }
            let is_told = query.check_days(range, days).is_ok();
            is_told.then(|| {
                let mut table = query.told_by_rollups(range, site, days);
                if let Some(against) = &query.against {
                    // A part of a day is not told by roll-ups under a filter.
                    let is_part = against.until.is_some() && query.filter.is_some();
                    let rows = rows.filter(|rows| is_part && rows.cover(against.span.range));
                    let before = match rows {
                        Some(rows) => query.rows_before(against, site, rows),
                        None => query.rollups_before(against, site, days),
                    };
                    query.compare(&mut table, &before);
                }
                table
            })
        };
        let tables = self.queries.iter().map(told).collect();
        Answers { source: AnsweredFrom::RollUps, set: self, tables, range }
    }
}

/// Puts beside a table of rows what it is compared with, if rows are kept of the whole time: then
/// `from` is `None`.
fn compare_by_rows(query: &Query, table: &mut Table, from: Option<Day>, site: &Site, rows: &Rows) {
    let Some(against) = &query.against else { return };
    // A part of the time is compared with nothing.
    let before = match from {
        Some(_) => Table { is_unknown: true, ..Table::default() },
        None => query.rows_before(against, site, rows),
    };
    query.compare(table, &before);
}

impl Answers {
    /// What rows have to be like.
    pub fn filter(&self) -> Option<&Expr> {
        self.set.expr.as_ref()
    }

    /// The same without what they have to have done.
    pub fn filter_without_actions(&self) -> Option<Expr> {
        self.set.expr.as_ref().and_then(filters::without_actions)
    }

    /// The first instant of a time that is no whole days and compared with.
    pub fn before_from(&self) -> Option<Millis> {
        Some(self.set.against?.span.times?.0)
    }

    /// Totals; `None` if they are not told.
    pub fn totals(&self, nth: usize) -> Option<Vec<Total>> {
        let line = self.tables[nth].as_ref()?.rows.first()?;
        let total = |(i, metric): (usize, &Metric)| Total {
            metric: *metric,
            value: line.metrics[i],
            before: line.comparison.as_ref().map(|before| before.metrics[i]),
            change: line.comparison.as_ref().and_then(|before| before.change[i]),
        };
        Some(self.set.queries[nth].metrics.iter().enumerate().map(total).collect())
    }

    /// The values of a property that say anything, by the first metric, largest first, then by
    /// value.
    pub fn slices(&self, nth: usize) -> Option<Vec<Slice>> {
        let lines = &self.tables[nth].as_ref()?.rows;
        let slice = |(value, metrics): (&String, &Vec<Value>)| Slice {
            value: value.clone(),
            metrics: metrics.clone(),
        };
        let all = lines.iter().filter_map(|line| Some((line.dimensions.first()?, &line.metrics)));
        let mut slices: Vec<Slice> = all.map(slice).filter(Slice::says_anything).collect();
        slices.sort_by(Slice::in_order);
        Some(slices)
    }

    /// Steps of time.
    pub fn steps(&self, nth: usize) -> Option<Vec<TimeStep>> {
        let (query, table) = (&self.set.queries[nth], self.tables[nth].as_ref()?);
        let [By::Time(interval)] = query.dimensions.as_slice() else { return None };
        let lines: HashMap<&str, &Line> = table
            .rows
            .iter()
            .filter_map(|line| Some((line.dimensions.first()?.as_str(), line)))
            .collect();
        let start = |label: &str| {
            let day = || label.parse::<Day>().map(|day| day.and_time(NaiveTime::MIN));
            NaiveDateTime::parse_from_str(label, interval.format()).or_else(|_| day()).ok()
        };
        let step = |label: &String| {
            let line = lines.get(label.as_str());
            let values = line.map_or_else(|| query.nothing(), |line| line.metrics.clone());
            let compared = line.and_then(|line| line.comparison.as_ref());
            let before = compared.and_then(|before| {
                Some((start(before.dimensions.first()?)?, before.metrics.clone()))
            });
            Some(TimeStep { start: start(label)?, values, before })
        };
        Some(table.labels.iter().filter_map(step).collect())
    }
}
