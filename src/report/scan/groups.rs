//! Break-downs: the sums of the rows that match, told apart by the values they have.
//!
//! Questions about the same rows are answered in one pass over them. Rows of a visit stand together
//! (see [`DayRows`]), so what they count is added up once, and then added to a group of each
//! break-down by what they have in common; only break-downs by what differs from row to row are
//! given each row. Values are numbers until the answer is given: a day's texts are named once each,
//! and a group of several values is found by pairs of numbers.

use super::column;
use super::count::{Appearance, Matching, Part, Rules, happened};
use super::day::{DayRows, VisitSummary};
use super::dimension::Dimension;
use super::{Asked, By};
use crate::clock::Millis;
use crate::model::rollup::{Metric, Row};
use crate::model::row::Kind;
use crate::model::site::{Day, Site};
use crate::report::Range;
use foldhash::fast::RandomState;
use indexmap::IndexSet;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Sums by key: a value of each dimension asked by, in that order.
pub type Groups = BTreeMap<Vec<Arc<str>>, Row>;

/// Names of a dimension's values on all days.
pub(super) type Names = IndexSet<Arc<str>, RandomState>;

/// Answers all questions about these days, in the order of `asked`. Those about the same rows share
/// a pass. `range` is the whole time asked about: steps of time begin in it.
pub(super) fn scan_days(
    site: &Site,
    range: Range,
    days: &[(Day, &DayRows)],
    asked: &[Asked],
) -> Vec<Groups> {
    let mut passes: Vec<Pass> = Vec::new();
    for (nth, asked) in asked.iter().enumerate() {
        let pass = Pass::new(asked);
        let same = passes.iter().position(|other| other.is_about_same_rows(&pass));
        let place = same.unwrap_or_else(|| {
            passes.push(pass);
            passes.len() - 1
        });
        passes[place].add(nth, asked);
    }
    let mut numbers = 1;
    for &(date, rows) in days {
        let day = ScannedDay { site, date, range, rows, numbers };
        passes.iter_mut().for_each(|pass| pass.add_day(&day));
        numbers += rows.visitors.max(rows.visits.len()) as u32;
    }
    let breakdowns = passes.into_iter().flat_map(|pass| pass.breakdowns).flat_map(|(_, all)| all);
    let mut all: Vec<_> = breakdowns.map(|(nth, of)| (nth, of.finish())).collect();
    all.sort_unstable_by_key(|(nth, _)| *nth);
    all.into_iter().map(|(_, groups)| groups).collect()
}

/// The day whose rows are being added.
pub(super) struct ScannedDay<'d> {
    pub site: &'d Site,
    pub date: Day,
    pub range: Range,
    pub rows: &'d DayRows,
    /// Visitors and visits of the days before have numbers below this.
    numbers: u32,
}

/// Rows that are looked for once, and the break-downs that are filled with them.
struct Pass<'a> {
    /// The first of its questions; all have the same filter and times.
    asked: &'a Asked,
    /// Kinds of rows to read; `None`: people's.
    kinds: Option<&'static [Kind]>,
    /// By what is counted in a row. Each with its place in the answer.
    breakdowns: Vec<(Rules, Vec<(usize, Breakdown<'a>)>)>,
}

struct Breakdown<'a> {
    asked: &'a Asked,
    /// By dimension.
    names: Vec<Names>,
    /// By dimension from the second on: the group by all before it, and the name.
    pairs: Vec<IndexSet<(u32, u32), RandomState>>,
    groups: Vec<Group>,
    /// Of the row at hand its groups, …
    found: Vec<u32>,
    /// … its values in a dimension, and its groups once that is added.
    values: Vec<u32>,
    longer: Vec<u32>,
}

/// A break-down that is filled, and what the day's rows are told apart by in it.
struct OfDay<'b, 'a, 'd> {
    breakdown: &'b mut Breakdown<'a>,
    dimensions: Vec<Dimension<'d>>,
}

#[derive(Default)]
struct Group {
    sums: Row,
    /// Numbers of who was counted last: see [`DayRows`].
    visitor: u32,
    confirmed: u32,
    visit: u32,
    /// Readers fetch feeds every day for the same subscribers: the day that had most counts.
    subscribers: i64,
}

/// Who is there and is counted, by numbers that are different on each day; 0: nobody.
#[derive(Clone, Copy)]
struct Present<'d> {
    visitor: u32,
    confirmed: u32,
    visit: Option<(u32, &'d VisitSummary)>,
}

impl<'a> Pass<'a> {
    fn new(asked: &'a Asked) -> Self {
        let kinds = asked.properties().find(|property| property.counts_responses());
        Self { asked, kinds: kinds.map(column::kinds), breakdowns: Vec::new() }
    }

    fn is_about_same_rows(&self, other: &Self) -> bool {
        (self.kinds, self.asked.times) == (other.kinds, other.asked.times)
            && self.asked.filter == other.asked.filter
    }

    fn add(&mut self, nth: usize, asked: &'a Asked) {
        let (rules, breakdown) = (Rules::new(asked), (nth, Breakdown::new(asked)));
        match self.breakdowns.iter_mut().find(|(known, _)| *known == rules) {
            Some((_, all)) => all.push(breakdown),
            None => self.breakdowns.push((rules, vec![breakdown])),
        }
    }

    fn add_day(&mut self, day: &ScannedDay<'_>) {
        let matching = Matching::new(day.site, day.rows, self.asked, self.kinds);
        for (rules, breakdowns) in &mut self.breakdowns {
            let of_day = breakdowns.iter_mut().map(|(_, breakdown)| OfDay::new(breakdown, day));
            let (mut by_visits, mut by_rows): (Vec<OfDay>, Vec<OfDay>) = of_day.partition(|of| {
                self.kinds.is_none() && of.dimensions.iter().all(Dimension::is_of_visits)
            });
            for part in matching.rows.chunk_by(|a, b| day.rows.same_visit(*a, *b)) {
                if !by_visits.is_empty() {
                    let part = Part::new(day.rows, part, *rules);
                    let present = day.present(part.appearance);
                    by_visits.iter_mut().for_each(|of| of.add_visit(&part, present));
                }
                for i in part.iter().map(|i| *i as usize) {
                    let present = day.present(rules.appearance(day.rows, i));
                    by_rows.iter_mut().for_each(|of| of.add_row(day.rows, i, *rules, present));
                }
            }
            if self.kinds.is_some() {
                let groups = breakdowns.iter_mut().flat_map(|(_, of)| &mut of.groups);
                groups.for_each(Group::end_day);
            }
        }
    }
}

impl<'d> ScannedDay<'d> {
    /// Who is there, with the visit if it began on this day.
    fn present(&self, row: Appearance) -> Present<'d> {
        let of = row.of as usize;
        let visitor = self.rows.visitor_of[of].map_or(0, |visitor| self.numbers + visitor);
        let begun = row.begun(self.rows);
        let visit = self.rows.visit_of[of].map_or(0, |visit| self.numbers + visit);
        Present {
            visitor: if row.visitor { visitor } else { 0 },
            confirmed: if row.confirmed_visitor { visitor } else { 0 },
            visit: begun.map(|begun| (visit, begun)),
        }
    }
}

impl<'b, 'a, 'd> OfDay<'b, 'a, 'd>
where
    'a: 'd,
{
    fn new(breakdown: &'b mut Breakdown<'a>, day: &ScannedDay<'d>) -> Self {
        let asked = breakdown.asked;
        let dimensions = asked.by.iter().map(|by| Dimension::new(by, asked, day)).collect();
        Self { breakdown, dimensions }
    }

    fn add_visit(&mut self, part: &Part, present: Present<'_>) {
        let Some(group) = self.group_of_visit(part.appearance.of as usize) else { return };
        group.sums.merge(&part.sums);
        group.appear(present);
        group.visit(present);
    }

    fn add_row(&mut self, rows: &DayRows, i: usize, rules: Rules, present: Present<'_>) {
        self.find_groups(i, rows.block.at[i]);
        let Breakdown { asked, found, groups, .. } = &mut *self.breakdown;
        for group in &*found {
            let group = &mut groups[*group as usize];
            happened(rows, i, rules, &mut group.sums);
            group.appear(present);
        }
        let Some((_, begun)) = present.visit.filter(|_| !found.is_empty()) else { return };
        // A visit is counted in the hour or minute in which it began.
        if asked.by.iter().any(|by| matches!(by, By::Time(interval) if interval.is_part_of_day())) {
            self.find_groups(i, begun.first);
        }
        let Breakdown { found, groups, .. } = &mut *self.breakdown;
        found.iter().for_each(|group| groups[*group as usize].visit(present));
    }

    /// The group that all rows of one of the block's visits are in.
    fn group_of_visit(&mut self, of: usize) -> Option<&mut Group> {
        let Breakdown { names, pairs, groups, .. } = &mut *self.breakdown;
        let mut group = 0;
        for (nth, dimension) in self.dimensions.iter_mut().enumerate() {
            let name = dimension.of_visit(of, &mut names[nth])?;
            group = match nth.checked_sub(1) {
                None => name,
                Some(before) => pairs[before].insert_full((group, name)).0 as u32,
            };
        }
        make_room(groups, group);
        groups.get_mut(group as usize)
    }

    /// Finds the groups that a row is in, at this time.
    fn find_groups(&mut self, i: usize, at: Millis) {
        let Breakdown { names, pairs, groups, found, values, longer, .. } = &mut *self.breakdown;
        found.clear();
        if self.dimensions.is_empty() {
            found.push(0);
        }
        for (nth, dimension) in self.dimensions.iter_mut().enumerate() {
            values.clear();
            dimension.of_row(i, at, &mut names[nth], values);
            let Some(before) = nth.checked_sub(1) else {
                found.append(values);
                continue;
            };
            longer.clear();
            for group in &*found {
                let pair = |name: &u32| pairs[before].insert_full((*group, *name)).0 as u32;
                longer.extend(values.iter().map(pair));
            }
            std::mem::swap(found, longer);
        }
        if let Some(last) = found.iter().max() {
            make_room(groups, *last);
        }
    }
}

fn make_room(groups: &mut Vec<Group>, group: u32) {
    if group as usize >= groups.len() {
        groups.resize_with(group as usize + 1, Group::default);
    }
}

impl<'a> Breakdown<'a> {
    fn new(asked: &'a Asked) -> Self {
        let dimensions = asked.by.len();
        Self {
            asked,
            names: vec![Names::default(); dimensions],
            pairs: vec![IndexSet::default(); dimensions.saturating_sub(1)],
            groups: Vec::new(),
            found: Vec::new(),
            values: Vec::new(),
            longer: Vec::new(),
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
    /// Counts the visitor, unless it was counted already.
    fn appear(&mut self, present: Present<'_>) {
        if present.visitor != 0 && self.visitor != present.visitor {
            self.visitor = present.visitor;
            self.sums.add(Metric::Visitors, 1);
        }
        if present.confirmed != 0 && self.confirmed != present.confirmed {
            self.confirmed = present.confirmed;
            self.sums.add(Metric::ConfirmedVisitors, 1);
        }
    }

    /// Counts the visit, unless it was counted already.
    fn visit(&mut self, present: Present<'_>) {
        let Some((visit, begun)) = present.visit.filter(|(visit, _)| *visit != self.visit) else {
            return;
        };
        self.visit = visit;
        self.sums.add(Metric::Visits, 1);
        self.sums.add(Metric::Bounces, i64::from(begun.is_bounce()));
        self.sums.add(Metric::Duration, begun.last - begun.first);
        self.sums.add(Metric::VisitViews, begun.views);
    }

    fn end_day(&mut self) {
        let of_day = self.sums.get(Metric::Subscribers);
        self.sums.add(Metric::Subscribers, -of_day);
        self.subscribers = self.subscribers.max(of_day);
    }
}
