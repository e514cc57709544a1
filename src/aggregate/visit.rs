//! A visit: what a visitor does without a pause of 30 minutes.

use super::measures::VisitOnDay;
use super::profile::Profile;
use super::suspicion::Watch;
use crate::clock::{MINUTE, Millis};
use crate::model::VisitorHash;
use crate::model::rollup::Dimension;
use crate::model::row::RowVisit;
use crate::model::site::Day;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A pause longer than this ends a visit.
pub const TIMEOUT: Millis = 30 * MINUTE;

#[derive(Serialize, Deserialize)]
pub struct Visit {
    /// A hash; tells visits apart.
    pub key: u64,
    /// The day it is counted on.
    pub begun: Day,
    on_first_day: VisitOnDay,
    /// The latest later day on which it went on.
    on_later_day: Option<(Day, VisitOnDay)>,
    /// What its rows have in common, under the hash of its first day …
    first_profile: Arc<Profile>,
    /// … and under that which was seen last.
    profile: Arc<Profile>,
    /// Last activity.
    last: Millis,
    /// Pageviews so far.
    pub views: u32,
    pub watch: Watch,
}

/// A view, as far as its confirmation has to know it.
#[derive(Default, Serialize, Deserialize)]
pub struct Viewed {
    pub page: Arc<str>,
    /// Of its visit, or its own.
    pub profile: Arc<Profile>,
    /// Which view of its visit it is, from 1.
    pub view: u32,
}

impl Visit {
    pub fn begin(day: Day, at: Millis, profile: Arc<Profile>) -> Self {
        Self {
            key: profile.of().visit,
            begun: day,
            on_first_day: VisitOnDay::default(),
            on_later_day: None,
            first_profile: profile.clone(),
            profile,
            last: at,
            views: 0,
            watch: Watch::default(),
        }
    }

    /// Whether it still runs at `at`.
    pub fn runs(&self, at: Millis) -> bool {
        at - self.last <= TIMEOUT
    }

    /// Whether something at `at` makes it longer.
    pub fn lasts_longer(&self, at: Millis) -> bool {
        at > self.last
    }

    /// Something happens in it.
    pub fn goes_on(&mut self, at: Millis) {
        self.last = self.last.max(at);
    }

    pub fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }

    /// Its profile under the hash of its first day.
    pub fn first_profile(&self) -> &Arc<Profile> {
        &self.first_profile
    }

    /// Its profile under this hash.
    pub fn profile_of(&mut self, visitor: VisitorHash) -> Arc<Profile> {
        if self.first_profile.of().visitor == Some(visitor) {
            return self.first_profile.clone();
        }
        if self.profile.of().visitor != Some(visitor) {
            let of = RowVisit { visitor: Some(visitor), ..(**self.profile.of()).clone() };
            self.profile = Arc::new(of.into());
        }
        self.profile.clone()
    }

    /// A view of it.
    pub fn viewed(&self, page: Arc<str>, view: u32) -> Viewed {
        Viewed { page, profile: self.profile.clone(), view }
    }

    /// What counts on a day; `None`: it has gone on on a later one.
    pub fn on_day(&mut self, day: Day) -> Option<&mut VisitOnDay> {
        if day == self.begun {
            return Some(&mut self.on_first_day);
        }
        if self.on_later_day.as_ref().is_none_or(|(later, _)| *later < day) {
            let suspected = self.profile.has(Dimension::Suspected, "yes");
            self.on_later_day = Some((day, VisitOnDay::going_on(suspected)));
        }
        self.on_later_day.as_mut().filter(|(later, _)| *later == day).map(|(_, visit)| visit)
    }

    /// Gives it the trait of those that behave like robots.
    pub fn suspect(&mut self) {
        let first_is_latest = Arc::ptr_eq(&self.first_profile, &self.profile);
        let suspected = |profile: &Profile| {
            let of = profile.of();
            let traits = of.traits.with(Dimension::Suspected, "yes");
            Arc::new(Profile::from(RowVisit { traits, ..(**of).clone() }))
        };
        self.first_profile = suspected(&self.first_profile);
        self.profile = match first_is_latest {
            true => self.first_profile.clone(),
            false => suspected(&self.profile),
        };
    }
}
