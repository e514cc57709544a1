//! What is known of a visitor on one day, and of what happens: when, on which site, and by whom.

use super::measures::VisitorOnDay;
use super::open::OpenPages;
use super::visit::Visit;
use crate::clock::Millis;
use crate::model::VisitorHash;
use crate::model::row::{self, EventRow, Kind};
use crate::model::site::{Day, SiteId};
use serde::{Deserialize, Serialize};
use std::mem;
use std::sync::Arc;

/// When and on which site something happens, and who does it.
#[derive(Clone, Copy)]
pub(super) struct Spot {
    pub site: SiteId,
    pub at: Millis,
    /// When the hit came: what a browser says of `at` may be another time.
    pub received: Millis,
    /// The day `at` falls on. Cached: expensive to compute, needed by every row.
    pub day: Day,
    pub lane: u16,
    pub visitor: Option<VisitorHash>,
    pub before_midnight: Option<VisitorHash>,
}

impl Spot {
    /// A row of what happens, about a page; nobody's, until its visit is known.
    pub fn row(&self, kind: Kind, page: &Arc<str>) -> EventRow {
        EventRow::new(self.at, kind, Arc::default(), page.clone())
    }
}

/// A visitor on one day: the hash changes with the day.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Visitor {
    pub site: SiteId,
    /// When anything of it came last: never by a browser's clock.
    pub seen: Millis,
    /// When its last pageview came: for the number of current visitors.
    pub viewed: Millis,
    /// What counts on the day of the hash.
    pub on_day: VisitorOnDay,
    pub visit: Option<Box<Visit>>,
    /// The hash under which the visit goes on after midnight.
    pub became: Option<VisitorHash>,
    pub open: OpenPages,
    pub showings: Vec<Showing>,
}

/// Showings of pages remembered per visitor, for how far they were read.
const SHOWINGS_MAX: usize = 16;

/// A page shown to a visitor, as far as it was read.
#[derive(Serialize, Deserialize)]
pub(super) struct Showing {
    /// Of page and view, hashed.
    pub key: u64,
    /// As it has counted: a later depth adds to the same rows.
    pub screen: Option<Arc<str>>,
    /// The deepest percent.
    pub depth: u8,
}

impl Visitor {
    /// How far a page was read, as its row has it. Told more than once for a showing; only what
    /// goes deeper counts.
    pub fn read_to(&mut self, told: Showing) -> Option<(i64, Arc<str>)> {
        let depth = told.depth;
        let (before, screen) = match self.showings.iter_mut().find(|s| s.key == told.key) {
            Some(known) if depth <= known.depth => return None,
            Some(known) => (Some(mem::replace(&mut known.depth, depth)), known.screen.clone()),
            None => {
                let screen = told.screen.clone();
                if self.showings.len() >= SHOWINGS_MAX {
                    self.showings.remove(0);
                }
                self.showings.push(told);
                (None, screen)
            }
        };
        Some((row::depth(before, depth), screen.unwrap_or_default()))
    }
}
