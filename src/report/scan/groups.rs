//! Break-downs: the sums of the rows that match, told apart by the values they have.
//!
//! Several questions are answered in one pass over the days. Values are numbers until the answer is
//! given: a day's texts are named once each, and a group of several values is found by pairs of numbers.

use super::column::{self, Column};
use super::count::{Appearance, Matching, Rules, happened};
use super::day::DayRows;
use super::times::Times;
use super::{Asked, By};
use crate::clock::Millis;
use crate::model::rollup::{Metric, Row};
use crate::model::row::Kind;
use crate::model::site::{Day, Site};
use crate::report::{Interval, Property, Range, names};
use foldhash::fast::RandomState;
use indexmap::IndexSet;
use std::collections::BTreeMap;
use std::sync::Arc;

/// By the values of what rows are told apart by, in that order: what a roll-up's row would hold.
pub type Groups = BTreeMap<Vec<Arc<str>>, Row>;

/// Names of a dimension's values on all days.
pub(super) type Names = IndexSet<Arc<str>, RandomState>;

/// What is asked of a day's rows. `range` is all that is asked about: steps of time begin in it.
pub fn scan(site: &Site, (date, range): (Day, Range), day: &DayRows, asked: &Asked) -> Groups {
    let asked = std::slice::from_ref(asked);
    scan_many(site, range, [(date, day)], asked).pop().unwrap_or_default()
}

/// What is asked of the rows of several days, all of it in one pass. Rows that match are looked for
/// once for all questions with the same filter.
pub fn scan_many<'d>(
    site: &Site,
    range: Range,
    days: impl IntoIterator<Item = (Day, &'d DayRows)>,
    asked: &[Asked],
) -> Vec<Groups> {
    let mut breakdowns: Vec<Breakdown> = asked.iter().map(Breakdown::new).collect();
    // For each the first that is about the same rows.
    let same_rows = |one: &Breakdown, other: &Breakdown| {
        (one.kinds, one.asked.times) == (other.kinds, other.asked.times)
            && one.asked.filter == other.asked.filter
    };
    let firsts: Vec<usize> = breakdowns
        .iter()
        .enumerate()
        .map(|(nth, own)| breakdowns.iter().position(|of| same_rows(of, own)).unwrap_or(nth))
        .collect();
    for (date, day) in days {
        let mut found: Vec<Option<Matching>> = Vec::new();
        found.resize_with(asked.len(), || None);
        for (breakdown, first) in breakdowns.iter_mut().zip(&firsts) {
            let (asked, kinds) = (breakdown.asked, breakdown.kinds);
            let matching =
                found[*first].get_or_insert_with(|| Matching::new(site, day, asked, kinds));
            breakdown.add_day(site, (date, range), day, matching);
        }
    }
    breakdowns.into_iter().map(Breakdown::finish).collect()
}

struct Breakdown<'a> {
    asked: &'a Asked,
    /// Of which kinds rows are asked for, if it is not those of people.
    kinds: Option<&'static [Kind]>,
    rules: Rules,
    /// By dimension.
    names: Vec<Names>,
    /// By dimension from the second on: the group by all before it, and the name.
    pairs: Vec<IndexSet<(u32, u32), RandomState>>,
    groups: Vec<Group>,
    /// Visitors and visits of the days before have numbers up to here.
    numbers: u32,
    scratch: [Vec<u32>; 2],
}

#[derive(Default)]
struct Group {
    sums: Row,
    /// Who was counted last: see [`DayRows`].
    visitor: u32,
    confirmed: u32,
    visit: u32,
    /// Readers fetch feeds every day for the same subscribers: the day that had most counts.
    subscribers: i64,
}

/// What rows of a day are told apart by.
enum Dimension<'d> {
    Values {
        property: &'d Property,
        column: Column<'d>,
        as_stored: bool,
        /// By number of a value its name's; `UNNAMED` until it comes.
        names: Vec<u32>,
    },
    Times(Times<'d>),
}

const UNNAMED: u32 = u32::MAX;

/// Which rows a group is looked up for.
#[derive(Clone, Copy)]
enum Of {
    Row(usize),
    /// Counted at another time than that of the row.
    RowAt(usize, Millis),
    /// All rows of one of the block's visits.
    Visit(usize),
}

impl Dimension<'_> {
    /// Shows the name of each value, by its number in `names`.
    fn each(&mut self, of: Of, names: &mut Names, show: &mut Vec<u32>) {
        match self {
            Self::Times(times) => match of {
                Of::Row(i) => show.push(times.of_row(i, names)),
                Of::RowAt(_, at) => show.push(times.at(at, names)),
                Of::Visit(_) => show.push(times.of_day(names)),
            },
            Self::Values { property, column, as_stored, names: known } => {
                let column = &*column;
                let named = |number: u32| {
                    let name = &mut known[number as usize];
                    if *name == UNNAMED {
                        let text = column.text(number);
                        let api = if *as_stored { text } else { names::name(property, text) };
                        let shared = if *api == **text { text.clone() } else { api.into() };
                        *name = names.insert_full(shared).0 as u32;
                    }
                    show.push(*name);
                };
                match of {
                    Of::Row(i) | Of::RowAt(i, _) => column.each(i, named),
                    Of::Visit(of) => column.each_of_visit(of, named),
                }
                if show.len() > 1 {
                    show.sort_unstable();
                    show.dedup();
                }
            }
        }
    }

    fn is_of_visits(&self) -> bool {
        match self {
            Self::Values { column, .. } => column.is_of_visits(),
            Self::Times(times) => times.is_of_day(),
        }
    }
}

impl<'a> Breakdown<'a> {
    fn new(asked: &'a Asked) -> Self {
        let dimensions = asked.by.len();
        let kinds =
            asked.properties().find(|property| property.counts_responses()).map(column::kinds);
        Self {
            asked,
            kinds,
            rules: Rules::new(asked),
            names: vec![Names::default(); dimensions],
            pairs: vec![IndexSet::default(); dimensions.saturating_sub(1)],
            groups: Vec::new(),
            numbers: 1,
            scratch: [Vec::new(), Vec::new()],
        }
    }

    fn add_day(
        &mut self,
        site: &Site,
        (date, range): (Day, Range),
        day: &DayRows,
        matching: &mut Matching,
    ) {
        let asked = self.asked;
        let dimension = |by: &'a By| match by {
            By::Property(property) => {
                let column = Column::new(day, property, &site.goals);
                let column = if asked.with_unset { column.with_unset() } else { column };
                let as_stored = asked.as_stored;
                let column = if as_stored { column.as_stored() } else { column };
                let names = vec![UNNAMED; column.len()];
                Dimension::Values { property, names, column, as_stored }
            }
            By::Time(interval) => Dimension::Times(Times::new(site, *interval, (date, range), day)),
        };
        let mut dimensions: Vec<Dimension> = asked.by.iter().map(dimension).collect();
        let mut found = Vec::new();
        if self.kinds.is_none() && dimensions.iter().all(Dimension::is_of_visits) {
            for part in matching.parts(day, self.rules) {
                let row = part.appearance;
                self.groups_of(Of::Visit(row.of as usize), &mut dimensions, &mut found);
                for group in &found {
                    let group = &mut self.groups[*group as usize];
                    group.sums.merge(&part.sums);
                    group.appear(day, self.numbers, row);
                    group.visit(day, self.numbers, row);
                }
            }
        } else {
            self.add_rows(day, &matching.rows, &mut dimensions);
        }
        self.numbers += day.visitors.max(day.visits.len()) as u32;
        if self.kinds.is_some() {
            self.groups.iter_mut().for_each(Group::end_day);
        }
    }

    fn add_rows(&mut self, day: &DayRows, rows: &[u32], dimensions: &mut [Dimension<'_>]) {
        // A visit is counted in the hour in which it began.
        let by_hour = self.asked.by.contains(&By::Time(Interval::Hour));
        let mut found = Vec::new();
        for i in rows.iter().map(|i| *i as usize) {
            self.groups_of(Of::Row(i), dimensions, &mut found);
            let row = self.rules.appearance(day, i);
            for group in &found {
                let group = &mut self.groups[*group as usize];
                happened(day, i, self.rules, &mut group.sums);
                group.appear(day, self.numbers, row);
            }
            let Some(begun) = row.begun(day).map(|visit| visit.first) else { continue };
            if by_hour && !found.is_empty() {
                self.groups_of(Of::RowAt(i, begun), dimensions, &mut found);
            }
            for group in &found {
                self.groups[*group as usize].visit(day, self.numbers, row);
            }
        }
    }

    /// Finds the groups that they are in.
    fn groups_of(&mut self, of: Of, dimensions: &mut [Dimension<'_>], found: &mut Vec<u32>) {
        found.clear();
        if dimensions.is_empty() {
            found.push(0);
        }
        let [values, longer] = &mut self.scratch;
        for (nth, dimension) in dimensions.iter_mut().enumerate() {
            values.clear();
            dimension.each(of, &mut self.names[nth], values);
            if nth == 0 {
                found.append(values);
                continue;
            }
            let pairs = &mut self.pairs[nth - 1];
            longer.clear();
            for group in found.iter() {
                longer.extend(values.iter().map(|v| pairs.insert_full((*group, *v)).0 as u32));
            }
            std::mem::swap(found, longer);
        }
        if let Some(most) = found.iter().max().filter(|most| **most as usize >= self.groups.len()) {
            self.groups.resize_with(*most as usize + 1, Group::default);
        }
    }

    fn finish(self) -> Groups {
        let mut groups = Groups::new();
        for (nth, group) in self.groups.into_iter().enumerate() {
            let mut sums = group.sums;
            sums.add(Metric::Subscribers, group.subscribers);
            if sums == Row::default() {
                continue;
            }
            let (mut at, mut key) = (nth, Vec::with_capacity(self.names.len()));
            for (names, pairs) in self.names.iter().skip(1).zip(&self.pairs).rev() {
                let (before, name) = pairs[at];
                key.push(names[name as usize].clone());
                at = before as usize;
            }
            key.extend(self.names.first().map(|names| names[at].clone()));
            key.reverse();
            groups.insert(key, sums);
        }
        groups
    }
}

impl Group {
    /// Counts the visitor, unless it was counted already. `numbers`: of the days before.
    fn appear(&mut self, day: &DayRows, numbers: u32, row: Appearance) {
        let Some(visitor) = day.visitor_of[row.of as usize].map(|visitor| numbers + visitor) else {
            return;
        };
        if row.visitor && self.visitor != visitor {
            self.visitor = visitor;
            self.sums.add(Metric::Visitors, 1);
        }
        if row.confirmed_visitor && self.confirmed != visitor {
            self.confirmed = visitor;
            self.sums.add(Metric::ConfirmedVisitors, 1);
        }
    }

    /// Counts the visit, on the day it began on.
    fn visit(&mut self, day: &DayRows, numbers: u32, row: Appearance) {
        let Some(begun) = row.begun(day) else { return };
        let visit = day.visit_of[row.of as usize].map_or(0, |visit| numbers + visit);
        if self.visit != visit {
            self.visit = visit;
            self.sums.add(Metric::Visits, 1);
            self.sums.add(Metric::Bounces, i64::from(begun.is_bounce()));
            self.sums.add(Metric::Duration, begun.last - begun.first);
            self.sums.add(Metric::VisitViews, begun.views);
        }
    }

    fn end_day(&mut self) {
        let today = self.sums.get(Metric::Subscribers);
        self.sums.add(Metric::Subscribers, -today);
        self.subscribers = self.subscribers.max(today);
    }
}
