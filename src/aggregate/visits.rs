//! Views in their visits: which one runs, when another begins, and across midnight.

use super::profile::Profile;
use super::shard::{Shard, known};
use super::visit::{Viewed, Visit};
use super::visitor::Spot;
use crate::model::rollup::{Dimension, FILE_DOWNLOAD, OUTBOUND_LINK};
use crate::model::row::{EventRow, Flags, Kind, RowVisit};
use crate::model::site::Site;
use crate::model::{DIRECT, Traits, VisitorHash};
use once_cell::sync::Lazy;
use std::sync::Arc;

/// Of rows that are nobody's.
static NOBODY: Lazy<Arc<Profile>> = Lazy::new(Arc::default);

impl Shard {
    /// Counts a pageview, in its visit. Of `row` the time, the page and what it says of itself are
    /// known. With a nonce if only the server saw it yet.
    pub(super) fn pageview(
        &mut self,
        spot: Spot,
        row: EventRow,
        traits: Traits,
        unconfirmed: Option<u64>,
    ) -> Viewed {
        match spot.visitor {
            Some(visitor) => self.in_visit(spot, visitor, row, traits, unconfirmed),
            None => {
                let profile = self.profile(spot, &traits, RowVisit::default());
                let page = row.page.clone();
                self.write(spot, of(row, &profile), &profile, None);
                Viewed { page, profile, view: 0 }
            }
        }
    }

    /// Puts a view into the visitor's running visit, or begins one.
    fn in_visit(
        &mut self,
        spot: Spot,
        visitor: VisitorHash,
        mut row: EventRow,
        traits: Traits,
        unconfirmed: Option<u64>,
    ) -> Viewed {
        let owner = self.visit_owner(spot, visitor);
        let known = known(&mut self.visitors, owner, spot);
        known.viewed = known.viewed.max(spot.received);
        let before = known.visit.take();
        let site = &self.sites[spot.site];
        let goes_on = |visit: &Visit| visit.runs(spot.at) && !arrives_anew(site, &traits, visit);
        let mut visit = match before {
            Some(mut running) if goes_on(&running) => {
                if running.watch.view(spot.at, unconfirmed) {
                    known.open.part(&running, spot.at);
                    running.suspect();
                }
                running
            }
            before => {
                if let Some(before) = &before {
                    known.open.part(before, spot.at);
                }
                let key = self.visit_key(spot, visitor);
                let entry = row.page.clone();
                let of =
                    RowVisit { visitor: Some(visitor), visit: key, entry, ..RowVisit::default() };
                let profile = self.profile(spot, &traits, of);
                let mut begun = Visit::begin(spot.day, spot.at, profile);
                begun.watch.view(spot.at, unconfirmed);
                row.flags = row.flags.with(Flags::BEGINS);
                Box::new(begun)
            }
        };
        visit.goes_on(spot.at);
        visit.views += 1;
        row.view = visit.views;
        let page = row.page.clone();
        self.write_in(spot, visitor, &mut visit, row, Some(Flags::VIEWED));
        let viewed = visit.viewed(page, visit.views);
        self.visitor(owner, spot).visit = Some(visit);
        viewed
    }

    /// Writes a row of a visit. If the visit began on another day and `activity` has flags, that
    /// day gets an activity row with them too.
    fn write_in(
        &mut self,
        spot: Spot,
        visitor: VisitorHash,
        visit: &mut Visit,
        row: EventRow,
        activity: Option<Flags>,
    ) {
        let profile = visit.profile_of(visitor);
        if let Some(flags) = activity.filter(|_| visit.begun != spot.day) {
            let (first, begun) = (visit.first_profile().clone(), visit.begun);
            let mut more =
                EventRow::new(row.at, Kind::Activity, first.of().clone(), row.page.clone());
            (more.flags, more.view) = (flags, row.view);
            more.name = event_name(&row);
            let on_first_day = Spot { day: begun, ..spot };
            self.write(on_first_day, more, &first, visit.on_day(begun));
        }
        self.write(spot, of(row, &profile), &profile, visit.on_day(spot.day));
    }

    /// Writes a row of something else than a pageview, of the visit that runs, if there is one.
    pub(super) fn write_now(&mut self, spot: Spot, mut row: EventRow) {
        let Some(visitor) = spot.visitor else { return self.write_of_nobody(spot, row) };
        let owner = self.visit_owner(spot, visitor);
        let runs = |visit: &mut Box<Visit>| visit.runs(spot.at);
        let running = self.visitors.get_mut(&owner).and_then(|known| known.visit.take_if(runs));
        let Some(mut visit) = running else {
            let of_visitor = RowVisit { visitor: Some(visitor), ..RowVisit::default() };
            let profile = Arc::new(of_visitor.into());
            return self.write(spot, of(row, &profile), &profile, None);
        };
        row.view = visit.views;
        let acts = !matches!(row.kind, Kind::Vital | Kind::Sent);
        let event = matches!(row.kind, Kind::Event | Kind::Outbound | Kind::File);
        let passive = row.flags.has(Flags::PASSIVE);
        let tells = event || (acts && visit.lasts_longer(spot.at));
        let activity = Flags::default().with_if(Flags::INTERACTIVE, event && !passive);
        let activity = activity.with_if(Flags::PASSIVE, event && passive);
        self.write_in(spot, visitor, &mut visit, row, tells.then_some(activity));
        if acts {
            visit.goes_on(spot.at);
        }
        self.visitor(owner, spot).visit = Some(visit);
    }

    /// Writes a row that is nobody's.
    pub(super) fn write_of_nobody(&mut self, spot: Spot, row: EventRow) {
        self.write(spot, row, &NOBODY, None);
    }

    /// Writes that a view is confirmed, on the day of the view.
    pub(super) fn write_confirmed(
        &mut self,
        answered: Spot,
        viewed: Viewed,
        nonce: u64,
        mut row: EventRow,
    ) {
        let Viewed { page, mut profile, view } = viewed;
        (row.page, row.view) = (page, view);
        if profile.of().visitor != answered.visitor {
            let of = RowVisit { visitor: answered.visitor, ..(**profile.of()).clone() };
            profile = Arc::new(of.into());
        }
        let key = profile.of().visit;
        let owner = answered.visitor.map(|visitor| {
            self.visitors.peek(&visitor).and_then(|known| known.became).unwrap_or(visitor)
        });
        let running = owner.and_then(|owner| {
            self.visitors.peek_mut(&owner)?.visit.take_if(|visit| visit.key == key)
        });
        match (running, owner) {
            (Some(mut visit), Some(owner)) => {
                visit.watch.confirm(nonce);
                self.write(answered, of(row, &profile), &profile, visit.on_day(answered.day));
                if let Some(known) = self.visitors.peek_mut(&owner) {
                    known.visit = Some(visit);
                }
            }
            _ => self.write(answered, of(row, &profile), &profile, None),
        }
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

    /// What is known of a view of this visitor that was counted elsewhere, or is long forgotten.
    pub(super) fn viewed(&mut self, spot: Spot, page: &Arc<str>, traits: Traits) -> Viewed {
        let page = page.clone();
        if let Some(visitor) = spot.visitor {
            let owner = self.visit_owner(spot, visitor);
            if let Some(visit) = self.visitors.peek_mut(&owner).and_then(|v| v.visit.as_mut()) {
                return Viewed { page, profile: visit.profile_of(visitor), view: 0 };
            }
        }
        let of = RowVisit { visitor: spot.visitor, ..RowVisit::default() };
        Viewed { page, profile: self.profile(spot, &traits, of), view: 0 }
    }

    /// A number that no other visit has.
    fn visit_key(&mut self, spot: Spot, visitor: VisitorHash) -> u64 {
        self.visits += 1;
        self.number((visitor, spot.at, self.visits)).max(1)
    }
}

/// A row with what those of its visit have in common.
fn of(row: EventRow, profile: &Profile) -> EventRow {
    EventRow { of: profile.of().clone(), ..row }
}

/// What goals and funnels know an event by.
fn event_name(row: &EventRow) -> Arc<str> {
    match row.kind {
        Kind::Outbound => OUTBOUND_LINK.into(),
        Kind::File => FILE_DOWNLOAD.into(),
        Kind::Event => row.name.clone(),
        _ => Arc::default(),
    }
}

/// Whether a view comes from elsewhere than its visit did, where that begins a new one.
fn arrives_anew(site: &Site, traits: &Traits, visit: &Visit) -> bool {
    let differs = |dimension| {
        traits.get(dimension).is_some_and(|value| {
            value != DIRECT && visit.profile().of().traits.get(dimension) != Some(value)
        })
    };
    site.new_visit_on_source && (differs(Dimension::Source) || differs(Dimension::UtmCampaign))
}
