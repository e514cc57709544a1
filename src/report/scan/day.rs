//! A day's rows, ready to be asked, and what only all of them together tell.
//!
//! Of a view it is known later whether a browser confirmed it, and on what screen; of a visit which
//! page it ended on, how long it took, and whether it behaved like a robot. That is resolved here,
//! once for all questions.

use crate::clock::{Millis, SECOND};
use crate::model::DayCounts;
use crate::model::block::{Block, NONE, Text, reorder};
use crate::model::rollup::{Dimension, Metric};
use crate::model::row::{Flags, Kind, RowsOf};
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::iter;

/// Rows of one (site, day).
///
/// People's come first, each visitor's together and in them each visit's, in the order in which
/// they were written; so a visitor or a visit that was just counted in a group is the one counted
/// last.
#[derive(Debug, Default)]
pub struct DayRows {
    pub(super) block: Block,
    /// How many rows are people's.
    pub(super) people: usize,
    /// By row: how a view is known.
    pub(super) evidence: Vec<Evidence>,
    /// By row: of a view the screen's class.
    pub(super) screen: Vec<Text>,
    /// By place in the block's visits: the visit, by its place in `visits`.
    pub(super) visit_of: Vec<Option<u32>>,
    /// By place in the block's visits: the visitor's number.
    pub(super) visitor_of: Vec<Option<u32>>,
    pub(super) visitors: usize,
    pub(super) visits: Vec<VisitSummary>,
}

/// How a view is known, and whether the view of a confirmation is among the rows. Of other rows it
/// says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Evidence {
    #[default]
    ServerOnly,
    Confirmed,
    BrowserOnly,
    Unverified,
    /// A confirmation of a view that is not among the rows.
    OfAnother,
    /// A confirmation that its view's row tells of.
    Told,
}

/// A visit, as far as it happened on the day it began on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct VisitSummary {
    /// It began on this day, and is counted on it.
    pub begun: bool,
    pub first: Millis,
    pub last: Millis,
    viewed: Millis,
    pub exit: Text,
    pub views: i64,
    pub interactive: bool,
    pub suspected: bool,
    /// The screen's class that was told last; 0: none.
    pub screen: Text,
}

impl VisitSummary {
    pub fn is_bounce(&self) -> bool {
        self.views == 1 && !self.interactive
    }
}

impl DayRows {
    /// Of blocks, oldest first.
    pub fn new(blocks: impl IntoIterator<Item = Block>) -> Self {
        let block = Block::merge(blocks);
        let mut day = Self { block, ..Self::default() };
        day.number_visits();
        day.bring_together();
        day.resolve_views();
        day.sum_up_visits();
        day
    }

    /// These rows and those of blocks that were written after them.
    pub fn extended(&self, blocks: impl IntoIterator<Item = Block>) -> Self {
        // Within a visitor and a visit rows stand as they were written: no order is needed that is
        // lost.
        Self::new(iter::once(self.block.clone()).chain(blocks))
    }

    /// Rows in it.
    pub fn len(&self) -> usize {
        self.block.len()
    }

    pub fn is_empty(&self) -> bool {
        self.block.is_empty()
    }

    /// About how many bytes it takes.
    pub fn size(&self) -> usize {
        let texts: usize = self.block.texts.iter().map(|text| text.len() + 24).sum();
        let a_visit = 80 + 4 * self.block.visits.traits.len();
        texts + self.block.len() * 60 + self.block.visits.len() * a_visit
    }

    /// Whether the rows tell all that was counted.
    pub fn covers(&self, of: RowsOf, counts: &DayCounts) -> bool {
        self.told(of) == counted(of, counts)
    }

    /// Whether they tell less than was counted.
    pub fn is_behind(&self, of: RowsOf, counts: &DayCounts) -> bool {
        let (told, counted) = (self.told(of), counted(of, counts));
        told.iter().zip(counted).any(|(told, counted)| *told < counted)
    }

    /// Sums that a roll-up has too, see [`counted`].
    fn told(&self, of: RowsOf) -> [i64; 3] {
        let mut sums = [0; 3];
        for (kind, flags) in self.block.kind.iter().zip(&self.block.flags) {
            let nth = match kind {
                Kind::View if flags.has(Flags::SERVER) => 0,
                Kind::View => 1,
                Kind::Event | Kind::Outbound | Kind::File => 2,
                Kind::Bot if flags.has(Flags::ANSWERED) => 0,
                Kind::Error if flags.has(Flags::ANSWERED) => 1,
                Kind::Download if flags.has(Flags::BEGINS) => 2,
                _ => continue,
            };
            sums[nth] += i64::from(kind.rows_of() == of);
        }
        sums
    }

    fn number_visits(&mut self) {
        let columns = &self.block.visits;
        let mut visits: HashMap<u64, (u32, Option<u32>), RandomState> = HashMap::default();
        let mut visitors = HashMap::<_, u32, RandomState>::default();
        for (key, visitor) in columns.visit.iter().zip(&columns.visitor) {
            let next = visitors.len() as u32;
            let visitor = visitor.map(|visitor| *visitors.entry(visitor).or_insert(next));
            let next = visits.len() as u32;
            // A visit is its first row's visitor's, or else it would not be in one piece.
            let visit = (*key != 0).then(|| *visits.entry(*key).or_insert((next, visitor)));
            self.visit_of.push(visit.map(|(visit, _)| visit));
            self.visitor_of.push(visit.map_or(visitor, |(_, visitor)| visitor));
        }
        self.visitors = visitors.len();
        self.visits = vec![VisitSummary::unknown(); visits.len()];
    }

    /// Brings visits of a visitor together, and in this order the rows of each visit.
    fn bring_together(&mut self) {
        let number = |numbers: &[Option<u32>], of: u32, none: usize| {
            numbers[of as usize].map_or(none, |number| number as usize)
        };
        let (visits, visitors) = (self.visits.len(), self.visitors);
        let order: Vec<u32> = (0..self.block.visits.len() as u32).collect();
        let order = sorted(&order, visits + 1, |of| number(&self.visit_of, of, visits));
        let order = sorted(&order, visitors + 1, |of| number(&self.visitor_of, of, visitors));
        reorder(&mut self.visit_of, &order);
        reorder(&mut self.visitor_of, &order);
        self.block.visits.reorder(&order);
        let mut places = vec![0; order.len()];
        (0..).zip(&order).for_each(|(place, of)| places[*of as usize] = place);

        let rows = &mut self.block;
        rows.of.iter_mut().for_each(|of| *of = places[*of as usize]);
        // Rows of a visit stay in the order in which they were written, also where its traits
        // changed: they are sorted by the first of its places.
        let mut firsts: Vec<u32> = Vec::with_capacity(places.len());
        let whose = |of: usize| (self.visitor_of[of], self.visit_of[of]);
        for of in 0..places.len() {
            let before = of.checked_sub(1).filter(|before| whose(*before) == whose(of));
            firsts.push(before.map_or(of as u32, |before| firsts[before]));
        }
        let others = |i: u32| rows.kind[i as usize].rows_of() == RowsOf::Others;
        let order: Vec<u32> = (0..rows.len() as u32).collect();
        let order = sorted(&order, firsts.len(), |i| firsts[rows.of[i as usize] as usize] as usize);
        let order = sorted(&order, 2, |i| usize::from(others(i)));
        self.people = order.partition_point(|i| !others(*i));
        rows.reorder(&order);
    }

    fn resolve_views(&mut self) {
        let rows = &self.block;
        self.evidence = vec![Evidence::default(); rows.len()];
        self.screen = rows.detail.clone();
        // Views that the server saw and that are not confirmed yet, by visit and number in it.
        // Without a visit: by entry of the block's visits, page and time, which a confirmation has
        // to the second.
        let mut views = Queues::new(rows.len());
        let key = |i: usize| match self.visit_of[rows.of[i] as usize] {
            Some(visit) => (visit, rows.view[i], 0, 0),
            None => (u32::MAX, rows.of[i], rows.page[i], rows.at[i] / SECOND),
        };
        for i in 0..rows.len() {
            match rows.kind[i] {
                Kind::View if rows.flags[i].has(Flags::CONFIRMED) => {
                    self.evidence[i] = Evidence::Confirmed;
                }
                Kind::View if rows.flags[i].has(Flags::SERVER) => views.push(key(i), i as u32),
                Kind::View if rows.flags[i].has(Flags::UNVERIFIED) => {
                    self.evidence[i] = Evidence::Unverified;
                }
                Kind::View => self.evidence[i] = Evidence::BrowserOnly,
                Kind::Confirm => match views.pop(key(i)) {
                    Some(view) => {
                        self.evidence[view as usize] = Evidence::Confirmed;
                        self.screen[view as usize] = rows.detail[i];
                        self.evidence[i] = Evidence::Told;
                    }
                    None => self.evidence[i] = Evidence::OfAnother,
                },
                _ => {}
            }
        }
    }

    fn sum_up_visits(&mut self) {
        let rows = &self.block;
        let suspected = rows.visits.traits.iter().find(|(of, _)| *of == Dimension::Suspected);
        for (suspected, visit) in suspected.iter().flat_map(|(_, all)| all).zip(&self.visit_of) {
            if let Some(visit) = visit.filter(|_| *suspected != NONE) {
                self.visits[visit as usize].suspected = true;
            }
        }
        for i in 0..rows.len() {
            let Some(visit) = self.visit_of[rows.of[i] as usize] else { continue };
            let visit = &mut self.visits[visit as usize];
            let (kind, flags, at) = (rows.kind[i], rows.flags[i], rows.at[i]);
            let acts = !matches!(kind, Kind::Confirm | Kind::Vital | Kind::Sent);
            if kind == Kind::View && flags.has(Flags::BEGINS) {
                (visit.begun, visit.first, visit.last) = (true, at, at);
            } else if acts {
                visit.last = visit.last.max(at);
            }
            if kind == Kind::View || flags.has(Flags::VIEWED) {
                visit.views += 1;
                if at >= visit.viewed {
                    (visit.viewed, visit.exit) = (at, rows.page[i]);
                }
            }
            if matches!(kind, Kind::View | Kind::Confirm | Kind::Engagement) && rows.detail[i] != 0
            {
                visit.screen = rows.detail[i];
            }
            visit.interactive |= flags.has(Flags::INTERACTIVE)
                || matches!(kind, Kind::Event | Kind::Outbound | Kind::File)
                    && !flags.has(Flags::PASSIVE);
        }
    }

    /// Whether two rows are of the same of the block's visits.
    pub(super) fn same_visit(&self, one: u32, other: u32) -> bool {
        self.block.of[one as usize] == self.block.of[other as usize]
    }

    /// Whether a visit behaved like a robot, by its place in the block's visits.
    pub(super) fn is_suspected(&self, of: usize) -> bool {
        self.visit_of[of].is_some_and(|visit| self.visits[visit as usize].suspected)
    }

    /// A trait of the block's visits; `None`: none of them has it.
    pub(super) fn traits(&self, dimension: Dimension) -> Option<&[Text]> {
        let columns = &self.block.visits.traits;
        columns.iter().find(|(of, _)| *of == dimension).map(|(_, column)| &**column)
    }
}

/// Rows in the order of their keys, those of the same key as they were; keys are below `keys`.
fn sorted(rows: &[u32], keys: usize, key: impl Fn(u32) -> usize) -> Vec<u32> {
    let mut starts = vec![0_u32; keys + 1];
    rows.iter().for_each(|i| starts[key(*i) + 1] += 1);
    (0..keys).for_each(|key| starts[key + 1] += starts[key]);
    let mut out = vec![0; rows.len()];
    for i in rows {
        let place = &mut starts[key(*i)];
        out[*place as usize] = *i;
        *place += 1;
    }
    out
}

/// Rows by a key, for each key first in, first out.
struct Queues<K> {
    /// The first and the last.
    ends: HashMap<K, (u32, u32), RandomState>,
    /// By row the next one with its key.
    next: Vec<u32>,
}

impl<K: Hash + Eq> Queues<K> {
    fn new(rows: usize) -> Self {
        Self { ends: HashMap::default(), next: vec![0; rows] }
    }

    fn push(&mut self, key: K, row: u32) {
        match self.ends.entry(key) {
            Entry::Vacant(none) => drop(none.insert((row, row))),
            Entry::Occupied(mut queue) => {
                let (_, last) = queue.get_mut();
                self.next[*last as usize] = row;
                *last = row;
            }
        }
    }

    fn pop(&mut self, key: K) -> Option<u32> {
        let Entry::Occupied(mut queue) = self.ends.entry(key) else { return None };
        let (first, last) = *queue.get();
        match first == last {
            true => drop(queue.remove()),
            false => queue.get_mut().0 = self.next[first as usize],
        }
        Some(first)
    }
}

impl VisitSummary {
    fn unknown() -> Self {
        Self {
            begun: false,
            first: Millis::MAX,
            last: Millis::MIN,
            viewed: Millis::MIN,
            exit: 0,
            views: 0,
            interactive: false,
            suspected: false,
            screen: 0,
        }
    }
}

/// Of people: views that the server saw, views that only browsers saw, events. Of others: what bots
/// were answered, errors, downloads.
fn counted(of: RowsOf, counts: &DayCounts) -> [i64; 3] {
    let sum =
        |dimension| counts.rows(dimension).map(|(_, row)| row.get(Metric::Responses)).sum::<i64>();
    match of {
        RowsOf::People => {
            let total = counts.row(Dimension::Total, "");
            [Metric::Server, Metric::Browser, Metric::Events].map(|metric| total.get(metric))
        }
        RowsOf::Others => {
            [Dimension::BotClass, Dimension::ErrorStatus, Dimension::Download].map(sum)
        }
    }
}
