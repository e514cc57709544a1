//! What rows count: each by itself, and who is there with it.

use super::Asked;
use super::day::{DayRows, Evidence, VisitSummary};
use super::test::Met;
use crate::model::rollup::{Metric, Row};
use crate::model::row::{Flags, Kind, read_depth};
use crate::model::site::Site;
use crate::report::Property;

/// What depends on the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rules {
    /// It is about what visitors did: these rows tell of visitors too, not only views.
    of_actions: bool,
    /// It is about goals: a view is one that is reached, and counts as an event.
    of_goals: bool,
}

/// Who is there with a row, or with any of several of one of the block's visits.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Appearance {
    /// Place in the block's visits.
    pub of: u32,
    pub visitor: bool,
    pub confirmed_visitor: bool,
    visit: bool,
}

/// Rows of one of the block's visits, added up.
pub(super) struct Part {
    pub appearance: Appearance,
    pub sums: Row,
}

/// Rows of a day that match.
pub(super) struct Matching {
    pub rows: Vec<u32>,
}

impl Rules {
    pub fn new(asked: &Asked) -> Self {
        Self {
            of_actions: asked.properties().any(Property::counts_actions),
            of_goals: asked.counts_goals(),
        }
    }

    pub fn appearance(self, day: &DayRows, i: usize) -> Appearance {
        let (kind, flags) = (day.block.kind[i], day.block.flags[i]);
        // A visitor is there with what it does, not with what is known of it later.
        let visitor = match kind {
            Kind::View => true,
            Kind::Event | Kind::Outbound | Kind::File => self.of_actions,
            _ => false,
        };
        // What a visit did after midnight counts for it too, on the day it began on.
        let after_midnight = flags.has(Flags::VIEWED) || self.of_actions && flags.is_event();
        let confirmed = matches!(day.evidence[i], Evidence::Confirmed | Evidence::OfAnother);
        Appearance {
            of: day.block.of[i],
            visitor,
            confirmed_visitor: confirmed && matches!(kind, Kind::View | Kind::Confirm),
            visit: visitor || after_midnight,
        }
    }
}

impl Appearance {
    /// Whether the row shows that its visit is there.
    pub fn is_present(self) -> bool {
        self.visit
    }

    /// The visit, if it is there, on the day it began on.
    pub fn begun(self, day: &DayRows) -> Option<&VisitSummary> {
        let visit = day.visit_of[self.of as usize].filter(|_| self.visit)?;
        Some(&day.visits[visit as usize]).filter(|visit| visit.begun)
    }
}

impl Matching {
    /// Of rows of these kinds; `None`: of people's.
    pub fn new(site: &Site, day: &DayRows, asked: &Asked, kinds: Option<&'static [Kind]>) -> Self {
        let met = asked.filter.as_ref().map(|expr| Met::new(day, &site.goals, expr));
        let range = if kinds.is_some() { day.people..day.len() } else { 0..day.people };
        let matches = |i: &usize| {
            kinds.is_none_or(|kinds| kinds.contains(&day.block.kind[*i]))
                && met.as_ref().is_none_or(|met| met.is_met(day, *i))
                && asked.times.is_none_or(|(first, end)| (first..end).contains(&day.block.at[*i]))
        };
        Self { rows: range.filter(matches).map(|i| i as u32).collect() }
    }
}

impl Part {
    pub fn new(day: &DayRows, rows: &[u32], rules: Rules) -> Self {
        let mut part = Self { appearance: Appearance::default(), sums: Row::default() };
        for i in rows.iter().map(|i| *i as usize) {
            happened(day, i, rules, &mut part.sums);
            let (all, row) = (&mut part.appearance, rules.appearance(day, i));
            all.of = row.of;
            all.visitor |= row.visitor;
            all.confirmed_visitor |= row.confirmed_visitor;
            all.visit |= row.visit;
        }
        part
    }
}

/// Adds what a row counts by itself.
pub(super) fn happened(day: &DayRows, i: usize, rules: Rules, sums: &mut Row) {
    let rows = &day.block;
    let (flags, [first, second]) = (rows.flags[i], [rows.numbers[0][i], rows.numbers[1][i]]);
    match rows.kind[i] {
        Kind::View if rules.of_goals => sums.add(Metric::Events, 1),
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
