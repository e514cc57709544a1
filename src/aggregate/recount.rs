//! A day summed up again from its rows.

use super::count::{Counting, OnDay};
use super::day_rollup::DayRollup;
use super::measures::{VisitOnDay, VisitorOnDay};
use super::names::Admission;
use super::profile::Profile;
use crate::model::rollup::Dimension;
use crate::model::row::{EventRow, Flags, Kind};
use crate::model::site::{Day, Site, SiteId};
use crate::model::{VisitorHash, Window};
use foldhash::fast::{FixedState, RandomState};
use std::collections::HashMap;
use std::sync::Arc;

/// Counts the rows of one (site, day), in the order in which they were written.
pub struct Recount<'s> {
    site: &'s Site,
    day: Day,
    names: Admission,
    rollup: DayRollup,
    visitors: HashMap<VisitorHash, VisitorOnDay, RandomState>,
    visits: HashMap<u64, VisitOnDay, RandomState>,
    /// Of the row before: rows of a visit share it.
    profile: Arc<Profile>,
}

impl<'s> Recount<'s> {
    /// With so many `rows` for each dimension.
    pub fn new(site: &'s Site, day: Day, rows: usize) -> Self {
        Self {
            site,
            day,
            names: Admission::new(rows),
            rollup: DayRollup::new(FixedState::default()),
            visitors: HashMap::default(),
            visits: HashMap::default(),
            profile: Arc::default(),
        }
    }

    /// Counts a row.
    pub fn count(&mut self, row: &EventRow) {
        if !Arc::ptr_eq(self.profile.of(), &row.of) {
            self.profile = Arc::new(row.of.clone().into());
        }
        let visit = match row.of.visit {
            0 => None,
            key if row.kind == Kind::Confirm => self.visits.get_mut(&key),
            key if row.flags.has(Flags::BEGINS) => {
                self.visits.insert(key, VisitOnDay::default());
                self.visits.get_mut(&key)
            }
            key => {
                let suspected = self.profile.has(Dimension::Suspected, "yes");
                Some(self.visits.entry(key).or_insert_with(|| VisitOnDay::going_on(suspected)))
            }
        };
        let visitor = row.of.visitor.map(|visitor| self.visitors.entry(visitor).or_default());
        let mut counting = Counting {
            site: self.site,
            whose: (SiteId::default(), self.day),
            names: &mut self.names,
            rollup: &mut self.rollup,
        };
        counting.count(row, &self.profile, OnDay { visitor, visit });
    }

    /// All that the rows have added.
    pub fn finish(mut self) -> Window {
        self.rollup.take().unwrap_or_default()
    }
}
