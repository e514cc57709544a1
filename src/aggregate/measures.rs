//! What is known of a visit and of a visitor on one day, to count what comes next.
//!
//! A visit's measures are increments to the day it began on, so nothing waits for it to end: it
//! counts as a bounce when it begins, the second view takes that back, a new exit page moves what
//! the visit has gathered from the old one.

use super::claims::Claims;
use super::day_rollup::{DayRollup, TOTAL};
use super::named_row::NamedRow;
use super::profile::Profile;
use crate::clock::Millis;
use crate::model::goal::{Funnel, Reached};
use crate::model::rollup::{Dimension, Metric, Row, join};
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::sync::Arc;

/// Pages told apart in one visit; beyond, `visits` of further pages are not counted.
const PAGES_MAX: usize = 1_000;

/// Exit pages that count one visitor on a day; further ones do not.
const EXITS_MAX: usize = 100;

/// What a visit's pageviews count, as far as they are kept until suspicion falls.
const VIEWS: [Metric; 4] = [Metric::Server, Metric::Confirmed, Metric::Browser, Metric::Unverified];

/// A visitor on one day.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct VisitorOnDay {
    /// Rows that count this visitor.
    pub claims: Claims,
    /// By [`Claim`](super::claims::Claim), a profile whose traits' rows all count this visitor: its
    /// views need not look at each.
    #[serde(skip)]
    pub claimed: [Option<Arc<Profile>>; 2],
    /// Exit pages of its visits, and of how many each is.
    exits: Vec<(Arc<str>, u32)>,
}

impl VisitorOnDay {
    /// A visit's exit page is this one now. Whether the page counts the visitor since then; `None`:
    /// there are too many.
    fn exits_by(&mut self, page: &Arc<str>) -> Option<bool> {
        if let Some((_, visits)) = self.exits.iter_mut().find(|(known, _)| known == page) {
            *visits += 1;
            return Some(false);
        }
        let counts = self.exits.len() < EXITS_MAX;
        if counts {
            self.exits.push((page.clone(), 1));
        }
        counts.then_some(true)
    }

    /// A visit's exit page is no longer this one. Whether the page counts the visitor no more.
    fn stays_at(&mut self, page: &str) -> bool {
        let Some(at) = self.exits.iter().position(|(known, _)| **known == *page) else {
            return false;
        };
        self.exits[at].1 -= 1;
        let last = self.exits[at].1 == 0;
        if last {
            self.exits.swap_remove(at);
        }
        last
    }
}

/// A visit on one day.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct VisitOnDay {
    /// `None`: it began on another day.
    measures: Option<Box<Measures>>,
    /// Its pageviews so far, by [`VIEWS`]; until it is suspected.
    views: [u32; VIEWS.len()],
    suspected: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Measures {
    profile: Arc<Profile>,
    slot: NamedRow,
    exit: NamedRow,
    /// The exit page is among those of the visitor.
    exit_counts: bool,
    /// Last activity.
    last: Millis,
    /// Latest pageview: the one whose page is the exit page.
    viewed: Millis,
    bounce: bool,
    /// What it has gathered: visits (1), bounces, duration, views.
    gathered: Row,
    pages: HashSet<Arc<str>, RandomState>,
    /// Steps done of each of the site's funnels, in their order.
    steps: Vec<u8>,
}

impl VisitOnDay {
    /// One that began on another day, and is suspected already or not.
    pub fn going_on(suspected: bool) -> Self {
        Self { suspected, ..Self::default() }
    }

    /// Begins with a pageview. Like [`VisitOnDay::view`] it returns what is still to be counted.
    pub fn begin(
        &mut self,
        rollup: &mut DayRollup,
        at: Millis,
        page: &mut NamedRow,
        profile: &Arc<Profile>,
        visitor: &mut VisitorOnDay,
    ) -> Row {
        rollup.slot(at);
        let exit = page.value().clone();
        let entered = visitor.exits_by(&exit);
        let measures = self.measures.insert(Box::new(Measures {
            profile: profile.clone(),
            slot: rollup.slot_name().into(),
            exit: exit.into(),
            exit_counts: entered.is_some(),
            last: at,
            viewed: at,
            bounce: true,
            gathered: Row::default(),
            pages: HashSet::default(),
            steps: Vec::new(),
        }));
        let mut begun = Row::default();
        begun.add(Metric::Visits, 1);
        begun.add(Metric::Bounces, 1);
        begun.add(Metric::VisitViews, 1);
        measures.count_apart(rollup, &begun);
        let exit = measures.exit.place(rollup, Dimension::ExitPage);
        rollup.at(exit).add(Metric::Visitors, i64::from(entered == Some(true)));
        measures.see(rollup, page);
        begun
    }

    /// A further pageview. Returns what is still to be counted, in the rows that the view shares
    /// with the visit: see [`VisitOnDay::count_shared`].
    pub fn view(
        &mut self,
        rollup: &mut DayRollup,
        at: Millis,
        page: &mut NamedRow,
        visitor: &mut VisitorOnDay,
    ) -> Row {
        let Some(measures) = &mut self.measures else { return Row::default() };
        let mut more = measures.activity(at);
        more.add(Metric::VisitViews, 1);
        measures.unbounce(&mut more);
        measures.count_apart(rollup, &more);
        if at >= measures.viewed {
            measures.viewed = at;
            if page.value() != measures.exit.value() {
                measures.leave_by(rollup, page.value().clone(), visitor);
            }
        }
        measures.see(rollup, page);
        more
    }

    /// Something other than a pageview; `interactive` ends a bounce.
    pub fn act(&mut self, rollup: &mut DayRollup, at: Millis, interactive: bool) {
        let Some(measures) = &mut self.measures else { return };
        let mut more = measures.activity(at);
        if interactive {
            measures.unbounce(&mut more);
        }
        measures.count_apart(rollup, &more);
        measures.count_shared(rollup, &more);
    }

    /// Takes the steps of funnels that are next, and counts the visit in them.
    pub fn advance(&mut self, rollup: &mut DayRollup, funnels: &[Funnel], what: Reached<'_>) {
        let Some(Measures { steps, .. }) = self.measures.as_deref_mut() else { return };
        steps.resize(funnels.len(), 0);
        for (funnel, done) in funnels.iter().zip(steps) {
            if funnel.steps.get(usize::from(*done)).is_some_and(|next| next.is(what)) {
                *done += 1;
                let step = join([&funnel.name, &done.to_string()]);
                rollup.add(Dimension::FunnelStep, &step, Metric::Visits, 1);
            }
        }
    }

    /// Adds to the rows of the visit that also count its views: the total, the entry page, the
    /// traits.
    pub fn count_shared(&self, rollup: &mut DayRollup, more: &Row) {
        self.measures.iter().for_each(|measures| measures.count_shared(rollup, more));
    }

    /// Whether suspicion falls on it with a row of this profile.
    pub fn falls_under_suspicion(&self, profile: &Profile) -> bool {
        !self.suspected && profile.has(Dimension::Suspected, "yes")
    }

    /// Suspicion falls on it. Gives what it has counted on this day: its pageviews, and its
    /// measures if it began on it.
    pub fn suspect(&mut self, profile: &Arc<Profile>) -> Row {
        self.suspected = true;
        let mut counted = Row::default();
        if let Some(measures) = &mut self.measures {
            counted.merge(&measures.gathered);
            measures.profile = profile.clone();
        }
        VIEWS.iter().zip(self.views).for_each(|(metric, n)| counted.add(*metric, n.into()));
        counted
    }

    /// Keeps in mind what pageviews count, in case that suspicion falls on them later.
    pub fn remember(&mut self, metrics: &[Metric]) {
        if !self.suspected {
            for (metric, n) in VIEWS.iter().zip(&mut self.views) {
                *n += u32::from(metrics.contains(metric));
            }
        }
    }
}

impl Measures {
    fn activity(&mut self, at: Millis) -> Row {
        let mut more = Row::default();
        if at > self.last {
            more.add(Metric::Duration, at - self.last);
            self.last = at;
        }
        more
    }

    fn unbounce(&mut self, more: &mut Row) {
        if self.bounce {
            self.bounce = false;
            more.add(Metric::Bounces, -1);
        }
    }

    fn count_shared(&self, rollup: &mut DayRollup, more: &Row) {
        let more = more.nonzero();
        if more.is_empty() {
            return;
        }
        rollup.at(TOTAL).add_all(&more);
        let entry = self.profile.entry(rollup);
        for place in entry.into_iter().chain(self.profile.places(rollup)) {
            rollup.at(place).add_all(&more);
        }
    }

    /// Adds to the rows of the visit that do not count its views.
    fn count_apart(&mut self, rollup: &mut DayRollup, more: &Row) {
        let counts = more.nonzero();
        if counts.is_empty() {
            return;
        }
        self.gathered.add_all(&counts);
        let slot = self.slot.place(rollup, Dimension::Slot);
        let exit = self.exit.place(rollup, Dimension::ExitPage);
        rollup.at(slot).add_all(&counts);
        rollup.at(exit).add_all(&counts);
    }

    /// Moves what the visit has gathered to another exit page.
    fn leave_by(&mut self, rollup: &mut DayRollup, page: Arc<str>, visitor: &mut VisitorOnDay) {
        let mut old = Row::default();
        for (metric, count) in self.gathered.counts() {
            old.add(metric, -count);
        }
        let left = self.exit_counts && visitor.stays_at(self.exit.value());
        old.add(Metric::Visitors, -i64::from(left));
        let exit = self.exit.place(rollup, Dimension::ExitPage);
        rollup.at(exit).merge(&old);

        let entered = visitor.exits_by(&page);
        self.exit_counts = entered.is_some();
        self.exit = page.into();
        let mut new = self.gathered;
        new.add(Metric::Visitors, i64::from(entered == Some(true)));
        let exit = self.exit.place(rollup, Dimension::ExitPage);
        rollup.at(exit).merge(&new);
    }

    /// Counts the visit once in the row of each page it saw.
    fn see(&mut self, rollup: &mut DayRollup, page: &mut NamedRow) {
        if self.pages.len() < PAGES_MAX && self.pages.insert(page.value().clone()) {
            let place = page.place(rollup, Dimension::Page);
            rollup.at(place).add(Metric::Visits, 1);
        }
    }
}
