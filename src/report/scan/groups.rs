//! The sums of the rows that match, told apart by the values they have.

use super::column::{self, Column};
use super::day::{DayRows, Evidence};
use super::test::Test;
use super::{Asked, By};
use crate::clock::Millis;
use crate::model::rollup::{Metric, Row, SLOT};
use crate::model::row::{Flags, Kind, RowsOf, read_depth};
use crate::model::site::{Day, Site};
use crate::report::{Interval, Property, Range, names};
use foldhash::fast::RandomState;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// By the values of what rows are told apart by, in that order: what a roll-up's row would hold.
pub type Groups = BTreeMap<Vec<Arc<str>>, Row>;

type Map<K, V> = HashMap<K, V, RandomState>;

/// What is asked of a day's rows. `range` is all that is asked about: steps of time begin in it.
pub fn scan(site: &Site, (date, range): (Day, Range), day: &DayRows, asked: &Asked) -> Groups {
    let filter = asked.filter.as_ref();
    let test = filter.map(|expr| Test::new(day, &site.goals, expr));
    let mut apart = Apart::new(site, (date, range), day, asked);
    let mut counting = Counting::new(day, asked);
    let kinds = kinds(asked);
    for i in 0..day.len() {
        let is_asked = match kinds {
            Some(kinds) => kinds.contains(&day.block.kind[i]),
            None => day.block.kind[i].of() == RowsOf::People,
        };
        let is_in_time =
            asked.times.is_none_or(|(first, end)| (first..end).contains(&day.block.at[i]));
        if is_asked && is_in_time && test.as_ref().is_none_or(|test| test.is_met(i)) {
            apart.each(i, |apart, key| counting.count(i, key, apart));
        }
    }
    let mut groups = Groups::new();
    for (key, at) in counting.groups {
        let names = key.iter().zip(&mut apart.columns).map(|(n, column)| column.name(*n)).collect();
        groups.entry(names).or_default().merge(&counting.sums[at as usize]);
    }
    groups.retain(|_, row| *row != Row::default());
    groups
}

/// Adds the groups of another day.
pub fn merge(groups: &mut Groups, more: Groups) {
    for (key, row) in more {
        groups.entry(key).or_default().merge(&row);
    }
}

/// Of which kinds rows are asked for, if it is not those of people.
fn kinds(asked: &Asked) -> Option<&'static [Kind]> {
    asked.properties().find(|property| property.counts_responses()).map(column::kinds)
}

/// What rows are told apart by.
struct Apart<'d> {
    columns: Vec<Dimension<'d>>,
    day: &'d DayRows,
}

enum Dimension<'d> {
    Values(Property, Column<'d>),
    Times(Times<'d>),
}

/// Steps of time, as numbers.
struct Times<'d> {
    site: &'d Site,
    interval: Interval,
    /// Of the step that the day lies in, unless steps are shorter.
    start: Day,
    /// By slot the number.
    known: Map<i64, u32>,
    labels: Vec<Arc<str>>,
}

impl Times<'_> {
    fn number(&mut self, at: Millis) -> u32 {
        let slot = at.div_euclid(SLOT);
        if let Some(known) = self.known.get(&slot) {
            return *known;
        }
        let hour = if self.interval == Interval::Hour { self.site.hour(at) } else { 0 };
        let start = self.start.and_hms_opt(hour, 0, 0).unwrap_or_default();
        let label: Arc<str> = start.format(self.interval.format()).to_string().into();
        let number = match self.labels.iter().position(|known| *known == label) {
            Some(known) => known as u32,
            None => {
                self.labels.push(label);
                self.labels.len() as u32 - 1
            }
        };
        self.known.insert(slot, number);
        number
    }
}

impl Dimension<'_> {
    /// What the API calls a value.
    fn name(&self, number: u32) -> Arc<str> {
        match self {
            Self::Values(property, column) => {
                let text = column.text(number);
                let name = names::name(property, text);
                if *name == **text { text.clone() } else { name.into() }
            }
            Self::Times(times) => times.labels[number as usize].clone(),
        }
    }
}

impl<'d> Apart<'d> {
    fn new(site: &'d Site, (date, range): (Day, Range), day: &'d DayRows, asked: &Asked) -> Self {
        let column = |by: &By| match by {
            By::Property(property) => {
                let column = Column::new(day, property, &site.goals);
                let column = if asked.with_unset { column.with_unset() } else { column };
                Dimension::Values(property.clone(), column)
            }
            By::Time(interval) => Dimension::Times(Times {
                site,
                interval: *interval,
                start: interval.start(date, range),
                known: Map::default(),
                labels: Vec::new(),
            }),
        };
        Self { columns: asked.by.iter().map(column).collect(), day }
    }

    /// Shows each group that a row is in.
    fn each(&mut self, i: usize, mut show: impl FnMut(&mut Self, &[u32])) {
        let mut keys: Vec<Vec<u32>> = vec![Vec::new()];
        for column in &mut self.columns {
            let mut values = Vec::new();
            match column {
                Dimension::Values(_, column) => column.each(i, |number| values.push(number)),
                Dimension::Times(times) => values.push(times.number(self.day.block.at[i])),
            }
            values.dedup();
            let longer = |key: Vec<u32>| {
                values.iter().map(move |value| [&key[..], &[*value]].concat()).collect::<Vec<_>>()
            };
            keys = keys.into_iter().flat_map(longer).collect();
        }
        keys.iter().for_each(|key| show(self, key));
    }

    /// The same group, at another time.
    fn at(&mut self, key: &[u32], at: Millis) -> Vec<u32> {
        let mut key = key.to_vec();
        for (number, column) in key.iter_mut().zip(&mut self.columns) {
            if let Dimension::Times(times) = column {
                *number = times.number(at);
            }
        }
        key
    }

    fn has_times(&self) -> bool {
        self.columns.iter().any(|column| matches!(column, Dimension::Times(_)))
    }
}

struct Counting<'d> {
    day: &'d DayRows,
    /// The question is about what visitors did: these rows tell of visitors too, not only views.
    of_actions: bool,
    /// The question is about goals: a view is one that is reached, and counts as an event.
    of_goals: bool,
    /// By key the place of the sums.
    groups: Map<Vec<u32>, u32>,
    sums: Vec<Row>,
    visits: HashSet<(u32, u32), RandomState>,
    visitors: HashSet<(u32, u32), RandomState>,
    confirmed: HashSet<(u32, u32), RandomState>,
}

impl<'d> Counting<'d> {
    fn new(day: &'d DayRows, asked: &Asked) -> Self {
        Self {
            day,
            of_actions: asked.properties().any(Property::counts_actions),
            of_goals: asked.counts_goals(),
            groups: Map::default(),
            sums: Vec::new(),
            visits: HashSet::default(),
            visitors: HashSet::default(),
            confirmed: HashSet::default(),
        }
    }

    fn group(&mut self, key: &[u32]) -> u32 {
        if let Some(known) = self.groups.get(key) {
            return *known;
        }
        let place = self.sums.len() as u32;
        self.groups.insert(key.to_vec(), place);
        self.sums.push(Row::default());
        place
    }

    fn count(&mut self, i: usize, key: &[u32], apart: &mut Apart<'_>) {
        let group = self.group(key);
        let (day, rows) = (self.day, &self.day.block);
        let sums = &mut self.sums[group as usize];
        match rows.kind[i] {
            Kind::View if self.of_goals => sums.add(Metric::Events, 1),
            _ => happened(day, i, sums),
        }
        let of = rows.of[i] as usize;
        // A visitor is there with what it does, not with what is known of it later.
        let appears = match rows.kind[i] {
            Kind::View => true,
            Kind::Event | Kind::Outbound | Kind::File => self.of_actions,
            _ => false,
        };
        if let Some(visitor) = day.visitor_of[of] {
            if appears && self.visitors.insert((group, visitor)) {
                sums.add(Metric::Visitors, 1);
            }
            let confirmed = matches!(day.evidence[i], Evidence::Confirmed | Evidence::OfAnother)
                && matches!(rows.kind[i], Kind::View | Kind::Confirm);
            if confirmed && self.confirmed.insert((group, visitor)) {
                sums.add(Metric::ConfirmedVisitors, 1);
            }
        }
        // What a visit viewed after midnight counts for it too, on the day it began on.
        let appears = appears || rows.flags[i].has(Flags::VIEWED);
        let Some(visit) = day.visit_of[of].filter(|_| appears) else { return };
        let begun = &day.visits[visit as usize];
        if !begun.begun {
            return;
        }
        let group = match apart.has_times() {
            true => {
                let key = apart.at(key, begun.first);
                self.group(&key)
            }
            false => group,
        };
        if self.visits.insert((group, visit)) {
            self.sums[group as usize].merge(&day.measures(visit));
        }
    }
}

/// Adds what a row counts by itself.
fn happened(day: &DayRows, i: usize, sums: &mut Row) {
    let rows = &day.block;
    let (flags, [first, second]) = (rows.flags[i], [rows.numbers[0][i], rows.numbers[1][i]]);
    match rows.kind[i] {
        Kind::View => {
            let metrics: &[_] = match day.evidence[i] {
                Evidence::ServerOnly => &[Metric::Server],
                Evidence::Confirmed => &[Metric::Server, Metric::Confirmed],
                Evidence::Unverified => &[Metric::Browser, Metric::Unverified],
                _ => &[Metric::Browser],
            };
            metrics.iter().for_each(|metric| sums.add(*metric, 1));
            sums.add(Metric::Bytes, first);
        }
        Kind::Confirm => {
            sums.add(Metric::Confirmed, i64::from(day.evidence[i] == Evidence::OfAnother));
        }
        Kind::Sent => sums.add(Metric::Bytes, first),
        Kind::Engagement => {
            sums.add(Metric::Engagement, first);
            if let Some((before, depth)) = read_depth(second) {
                sums.add(Metric::ScrollViews, i64::from(before.is_none()));
                sums.add(Metric::ScrollDepth, i64::from(depth) - i64::from(before.unwrap_or(0)));
            }
        }
        Kind::Event | Kind::Outbound | Kind::File => {
            sums.add(Metric::Events, 1);
            sums.add(Metric::Revenue, first);
        }
        Kind::Bot | Kind::Error | Kind::Prefetch => {
            sums.add(Metric::Responses, i64::from(flags.has(Flags::ANSWERED)));
            let seen = if rows.kind[i] == Kind::Bot { Metric::Beacons } else { Metric::Seen };
            sums.add(seen, i64::from(flags.has(Flags::BEACON)));
            sums.add(Metric::Bytes, if rows.kind[i] == Kind::Prefetch { first } else { 0 });
        }
        Kind::Download => {
            sums.add(Metric::Responses, i64::from(flags.has(Flags::BEGINS)));
            sums.add(Metric::Complete, i64::from(flags.has(Flags::COMPLETE)));
            sums.add(Metric::Bytes, first);
        }
        Kind::Feed => {
            sums.add(Metric::Responses, 1);
            sums.add(Metric::Subscribers, first);
        }
        Kind::Activity | Kind::Click | Kind::Vital => {}
    }
}
