//! Views in their visits: which one runs, when another begins, and across midnight.

use super::book::Book;
use super::claims::Claim;
use super::named::Named;
use super::shard::{Shard, Spot, ViewRows, book_of, known};
use super::visit::Visit;
use crate::model::goal::Reached;
use crate::model::rollup::{Dimension, Metric, Row};
use crate::model::site::Site;
use crate::model::{AI_CHANNEL, DIRECT, Traits, VisitorHash};
use std::sync::Arc;

impl Shard {
    /// Counts a pageview: in its visit, and `metrics` in every row it belongs to.
    pub(super) fn pageview(
        &mut self,
        spot: Spot,
        page: &Arc<str>,
        traits: Traits,
        metrics: &'static [Metric],
        unconfirmed: Option<u64>,
    ) -> ViewRows {
        let path = page;
        let page = self.admit(spot, Dimension::Page, path).into();
        let (mut rows, visit) = match spot.visitor {
            Some(visitor) => self.in_visit(spot, visitor, page, traits, |visit| {
                visit.watch.view(spot.at, spot.day, metrics, unconfirmed)
            }),
            None => (self.visitless(spot, page, traits), Row::default()),
        };
        let first = self.each_row(spot, &mut rows, metrics, Claim::Seen, &visit);
        if let Some(visitor) = spot.visitor.filter(|_| first) {
            self.book(spot).seen(visitor);
        }
        self.reached(spot, Reached::Page(path), 0);
        rows
    }

    /// Puts a view into the visitor's running visit, or begins one. Returns what the visit adds to
    /// the rows of the view.
    fn in_visit(
        &mut self,
        spot: Spot,
        visitor: VisitorHash,
        mut page: Named,
        traits: Traits,
        suspicion: impl FnOnce(&mut Visit) -> bool,
    ) -> (ViewRows, Row) {
        let owner = self.visit_owner(spot, visitor);
        let known = known(&mut self.visitors, owner, spot);
        known.viewed = known.viewed.max(spot.received);
        let before = known.visit.take();
        let site = &self.sites[spot.site];
        let goes_on = |visit: &Visit| visit.runs(spot.at) && !arrives_anew(site, &traits, visit);
        let (visit, more) = match before {
            Some(mut running) if goes_on(&running) => {
                let book = book_of(&mut self.books, &self.hasher, spot.site, running.day);
                let mut more = running.view(book, spot.at, &mut page);
                let suspected = suspicion(&mut running);
                if suspected || running.day != spot.day {
                    running.book_shared(book, &more);
                    more = Row::default();
                }
                if suspected {
                    known.open.part(&running, spot.at);
                    running.suspect(book);
                    self.suspect(spot, &running.watch.so_far(spot.day));
                }
                (running, more)
            }
            before => {
                if let Some(before) = &before {
                    known.open.part(before, spot.at);
                }
                let day = spot.day;
                let profile = self.profile(spot, &traits);
                let book = self.book(spot);
                let (mut begun, more) =
                    Visit::begin(book, day, spot.at, &mut page, profile, before);
                self.visits += 1;
                begun.number = self.visits;
                suspicion(&mut begun);
                if begun.profile.has(Dimension::Channel, AI_CHANNEL) {
                    self.ai(spot, "referral", page.value());
                }
                (Box::new(begun), more)
            }
        };
        let rows = visit.rows(page);
        self.visitor(owner, spot).visit = Some(visit);
        (rows, more)
    }

    /// Suspicion falls on a visit: what its views have counted today counts under the trait too.
    /// (A later confirmation of one of these stays out.)
    fn suspect(&mut self, spot: Spot, views: &Row) {
        let confirmed = views.get(Metric::Confirmed) > 0
            && self.claim(spot, Dimension::Suspected, "yes", Claim::Confirmed);
        let mut row = *views;
        row.add(Metric::ConfirmedVisitors, i64::from(confirmed));
        let book = self.book(spot);
        let suspected = book.place(Dimension::Suspected, &"yes".into());
        book.add_row_at(suspected, &row);
    }

    /// Whose entry holds the visit: the visitor's, or the one it became at midnight. The visit of
    /// yesterday's hash moves over, also one that is over: what is late from yesterday may go on
    /// with it, or begins another that has to know of it.
    fn visit_owner(&mut self, spot: Spot, visitor: VisitorHash) -> VisitorHash {
        if let Some(became) = self.visitors.peek(&visitor).and_then(|v| v.became) {
            return became;
        }
        if let Some(old) = spot.before_midnight {
            let visits_today = self.visitors.peek(&visitor).is_some_and(|v| v.visit.is_some());
            let yesterday = self.visitor(old, spot);
            // Also without a visit: what is late from yesterday belongs to today's.
            yesterday.became = Some(visitor);
            let (viewed, mut visit) = (yesterday.viewed, None);
            if !visits_today {
                visit = yesterday.visit.take();
                visit.iter().for_each(|visit| yesterday.open.part(visit, spot.at));
            }
            let today = self.visitor(visitor, spot);
            today.viewed = today.viewed.max(viewed);
            today.visit = visit.or_else(|| today.visit.take());
        }
        visitor
    }

    /// The rows a view of this visitor would have counted in.
    pub(super) fn rows_of(&mut self, spot: Spot, page: &Arc<str>, traits: Traits) -> ViewRows {
        let page = self.admit(spot, Dimension::Page, page).into();
        let visit = spot.visitor.and_then(|visitor| {
            let owner = self.visit_owner(spot, visitor);
            self.visitors.peek(&owner)?.visit.as_ref()
        });
        match visit {
            Some(visit) => visit.rows(page),
            None => self.visitless(spot, page, traits),
        }
    }

    fn visitless(&mut self, spot: Spot, page: Named, traits: Traits) -> ViewRows {
        let profile = self.profile(spot, &traits);
        ViewRows { visit: None, page, entry: None, profile }
    }

    /// Activity in the running visit, if there is one.
    pub(super) fn act(&mut self, spot: Spot, interactive: bool) {
        self.in_running_visit(spot, |visit, book| visit.act(book, spot.at, interactive));
    }

    /// Does something to the running visit, if there is one, with the book of its day.
    pub(super) fn in_running_visit(&mut self, spot: Spot, run: impl FnOnce(&mut Visit, &mut Book)) {
        let Some(visitor) = spot.visitor else { return };
        let owner = self.visit_owner(spot, visitor);
        if let Some(known) = self.visitors.get_mut(&owner)
            && let Some(visit) = known.visit.as_mut().filter(|v| v.runs(spot.at))
        {
            known.seen = known.seen.max(spot.received);
            let day = visit.day;
            run(visit, book_of(&mut self.books, &self.hasher, spot.site, day));
        }
    }
}

/// Whether a view comes from elsewhere than its visit did, where that begins a new one.
fn arrives_anew(site: &Site, traits: &Traits, visit: &Visit) -> bool {
    let differs = |dimension| {
        traits.get(dimension).is_some_and(|value| {
            value != DIRECT && visit.profile.traits().get(dimension) != Some(value)
        })
    };
    site.new_visit_on_source && (differs(Dimension::Source) || differs(Dimension::UtmCampaign))
}
