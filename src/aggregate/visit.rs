//! A visit: what a visitor does without a pause of 30 minutes.
//!
//! Its measures are increments to the day it began on, so nothing waits for it to end: a visit is
//! booked as a bounce when it begins, the second view takes that back, a new exit page moves what
//! the visit has gathered from the old one.

use super::book::{Book, TOTAL};
use super::event::Added;
use super::named::Named;
use super::prefetch::prefetch;
use super::profile::Profile;
use super::shard::ViewRows;
use super::suspicion::Watch;
use crate::clock::{MINUTE, Millis};
use crate::model::goal::{Funnel, Reached};
use crate::model::rollup::{Dimension, Metric, Row, join};
use crate::model::site::Day;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::sync::Arc;

/// A pause longer than this ends a visit.
pub const TIMEOUT: Millis = 30 * MINUTE;

/// Pages told apart in one visit; beyond, `visits` of further pages are not counted.
const PAGES_MAX: usize = 1_000;

/// Exit pages of a visitor's visits on a day that count the visitor; further ones do not.
const EXITS_MAX: usize = 100;

type Set = HashSet<Arc<str>, foldhash::fast::RandomState>;

#[derive(Serialize, Deserialize)]
pub struct Visit {
    /// Tells the visits of a shard apart; given by the shard.
    pub number: u64,
    /// The day it is booked on.
    pub day: Day,
    entry: Named,
    pub profile: Arc<Profile>,
    slot: Named,
    exit: Named,
    /// Last activity.
    last: Millis,
    /// Latest pageview: the one whose page is the exit page.
    viewed: Millis,
    bounce: bool,
    /// What it has gathered: visits (1), bounces, duration, views.
    gathered: Row,
    pages: Set,
    exits: Exits,
    /// Steps done of each of the site's funnels, in their order.
    steps: Vec<u8>,
    pub watch: Watch,
}

/// Exit pages of one visitor on one day, for first-seen claims: which rows count the visitor
/// already, by an earlier visit or by the running one.
#[derive(Default, Serialize, Deserialize)]
pub struct Exits {
    earlier: Set,
    /// The running visit's exit page counts the visitor, and stops to when the exit moves.
    claimed: bool,
    /// Those of the day that an earlier visit was on, if not of this one: by a clock that is ahead,
    /// visits may come and go across midnight.
    other_day: Option<(Day, Set)>,
}

impl Exits {
    /// Whether an exit page's row counts the visitor by the running visit.
    fn would_claim(&self, exit: &Arc<str>) -> bool {
        self.earlier.len() < EXITS_MAX && !self.earlier.contains(exit)
    }
}

impl Visit {
    /// Begins with a pageview. `before` is the visitor's earlier visit on the same day, if any.
    /// Like [`Visit::view`] it returns what is still to be booked.
    pub fn begin(
        book: &mut Book,
        day: Day,
        at: Millis,
        page: &mut Named,
        profile: Arc<Profile>,
        before: Option<Box<Visit>>,
    ) -> (Self, Row) {
        let mut exits = before.map(|before| before.exits_for(day)).unwrap_or_default();
        let entry = page.value();
        exits.claimed = exits.would_claim(entry);
        let (slot, _) = book.slot(at);
        let mut visit = Self {
            number: 0,
            day,
            entry: entry.clone().into(),
            profile,
            slot: slot.into(),
            exit: entry.clone().into(),
            last: at,
            viewed: at,
            bounce: true,
            gathered: Row::default(),
            pages: Set::default(),
            exits,
            steps: Vec::new(),
            watch: Watch::default(),
        };
        let mut begun = Row::default();
        begun.add(Metric::Visits, 1);
        begun.add(Metric::Bounces, 1);
        begun.add(Metric::VisitViews, 1);
        visit.book_apart(book, &begun);
        let exit = visit.exit.place(book, Dimension::ExitPage);
        book.add_at(exit, Metric::Visitors, i64::from(visit.exits.claimed));
        visit.see(book, page);
        (visit, begun)
    }

    /// See [`Shard::look_ahead`](super::shard::Shard::look_ahead).
    pub fn look_ahead(&self) {
        prefetch(&*self.profile);
        self.watch.look_ahead();
        prefetch(&**self.exit.value());
        self.pages.iter().take(1).for_each(prefetch);
    }

    /// The rows that a view of this page counts in.
    pub fn rows(&self, page: Named) -> ViewRows {
        let (entry, profile) = (Some(self.entry.clone()), self.profile.clone());
        ViewRows { visit: Some(self.number), page, entry, profile }
    }

    /// What is known of exit pages where a visit begins after this one.
    fn exits_for(self, day: Day) -> Exits {
        let Exits { mut earlier, other_day, .. } = self.exits;
        if earlier.len() < EXITS_MAX {
            earlier.insert(self.exit.into());
        }
        if self.day == day {
            return Exits { earlier, claimed: false, other_day };
        }
        let known = other_day.filter(|(other, _)| *other == day).map(|(_, pages)| pages);
        let other_day = Some((self.day, earlier));
        Exits { earlier: known.unwrap_or_default(), claimed: false, other_day }
    }

    /// Whether it still runs at `at`.
    pub fn runs(&self, at: Millis) -> bool {
        at - self.last <= TIMEOUT
    }

    /// A further pageview. Returns what is still to be booked, in the rows that the view shares
    /// with the visit: see [`Visit::book_shared`].
    pub fn view(&mut self, book: &mut Book, at: Millis, page: &mut Named) -> Row {
        let mut more = self.activity(at);
        more.add(Metric::VisitViews, 1);
        self.unbounce(&mut more);
        self.book_apart(book, &more);
        if at >= self.viewed {
            self.viewed = at;
            if page.value() != self.exit.value() {
                self.leave_by(book, page.value().clone().into());
            }
        }
        self.see(book, page);
        more
    }

    /// Something other than a pageview; `interactive` ends a bounce.
    pub fn act(&mut self, book: &mut Book, at: Millis, interactive: bool) {
        let mut more = self.activity(at);
        if interactive {
            self.unbounce(&mut more);
        }
        self.book_apart(book, &more);
        self.book_shared(book, &more);
    }

    /// Takes the steps of funnels that are next, and counts the visit in them.
    pub fn advance(&mut self, book: &mut Book, funnels: &[Funnel], what: Reached<'_>) {
        self.steps.resize(funnels.len(), 0);
        for (funnel, done) in funnels.iter().zip(&mut self.steps) {
            if funnel.steps.get(usize::from(*done)).is_some_and(|next| next.is(what)) {
                *done += 1;
                let step = join([&funnel.name, &done.to_string()]).into();
                book.add(Dimension::FunnelStep, &step, Metric::Visits, 1);
            }
        }
    }

    /// Gives the visit the trait of those that behave like robots, and its row what the visit has
    /// gathered.
    pub fn suspect(&mut self, book: &mut Book) {
        let yes: Arc<str> = "yes".into();
        let suspected = book.place(Dimension::Suspected, &yes);
        book.add_row_at(suspected, &self.gathered);
        let traits = self.profile.traits().with(Dimension::Suspected, &yes);
        self.profile = Arc::new(traits.into());
    }

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

    /// Adds to the rows of the visit that also count its views: the total, the entry page, the
    /// traits.
    pub fn book_shared(&mut self, book: &mut Book, more: &Row) {
        let entry = self.entry.place(book, Dimension::EntryPage);
        let more = more.nonzero();
        book.at(TOTAL).add_all(&more);
        book.at(entry).add_all(&more);
        book.add_to_profile(&self.profile, &more);
    }

    /// Adds to the other rows of the visit, and notes what is added to all of them.
    fn book_apart(&mut self, book: &mut Book, more: &Row) {
        let counts = more.nonzero();
        self.gathered.add_all(&counts);
        let slot = self.slot.place(book, Dimension::Slot);
        let exit = self.exit.place(book, Dimension::ExitPage);
        book.at(slot).add_all(&counts);
        book.at(exit).add_all(&counts);
        // Its views are told the place along with the name.
        self.entry.place(book, Dimension::EntryPage);
        if !counts.is_empty() {
            book.note(Added::Visit {
                slot: self.slot.value().clone(),
                entry: self.entry.value().clone(),
                exit: self.exit.value().clone(),
                traits: self.profile.traits().clone(),
                more: Box::new(*more),
            });
        }
    }

    /// Moves what the visit has gathered to another exit page.
    fn leave_by(&mut self, book: &mut Book, page: Named) {
        let mut old = Row::default();
        for (metric, count) in self.gathered.counts() {
            old.add(metric, -count);
        }
        old.add(Metric::Visitors, -i64::from(self.exits.claimed));
        let exit = self.exit.place(book, Dimension::ExitPage);
        book.add_row_at(exit, &old);

        let mut new = self.gathered;
        self.exit = page;
        self.exits.claimed = self.exits.would_claim(self.exit.value());
        new.add(Metric::Visitors, i64::from(self.exits.claimed));
        let exit = self.exit.place(book, Dimension::ExitPage);
        book.add_row_at(exit, &new);
    }

    /// Counts the visit once in the row of each page it saw.
    fn see(&mut self, book: &mut Book, page: &mut Named) {
        if self.pages.len() < PAGES_MAX && self.pages.insert(page.value().clone()) {
            let place = page.place(book, Dimension::Page);
            book.add_at(place, Metric::Visits, 1);
        }
    }
}
