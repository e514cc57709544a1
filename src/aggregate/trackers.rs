//! Our own script and other trackers on the same page: what one of them has told, the others do not
//! count again.
//!
//! Apart from the rules for one tracker ([`views`](super::views)), which hold for each of them.

use super::shard::Shard;
use super::sightings::Sightings;
use super::visitor::Spot;
use crate::clock::Millis;
use crate::model::{PageKind, Tracker, VisitorHash};
use std::hash::Hash;

/// What trackers tell of.
#[derive(Clone, Copy, Hash)]
pub(super) enum Of<'a> {
    Page(&'a str),
    Link(&'a str),
}

impl Shard {
    /// Whether another tracker has told of this already. `nonce`: of the page it is about, if that
    /// is known.
    pub(super) fn is_told(
        &mut self,
        spot: Spot,
        of: Of<'_>,
        by: Tracker,
        nonce: Option<u64>,
    ) -> bool {
        let now = spot.at.min(spot.received);
        self.keys(spot, of).into_iter().flatten().any(|key| {
            self.sightings.get_mut(&key).is_some_and(|seen| seen.is_known(by, nonce, now))
        })
    }

    /// Notes that a tracker has told of something that counts.
    pub(super) fn tell(
        &mut self,
        spot: Spot,
        of: Of<'_>,
        by: Tracker,
        answered: Option<(u64, PageKind)>,
    ) {
        let (nonce, kind) = answered.map_or((None, PageKind::View), |(n, kind)| (Some(n), kind));
        let now = spot.at.min(spot.received);
        if let Some(seen) = self.sightings_of(spot, of) {
            seen.tell(by, nonce, kind, now);
        }
    }

    /// Notes a page that was answered to nobody in particular: no visitor's list has it.
    pub(super) fn answered_to_nobody(
        &mut self,
        spot: Spot,
        page: &str,
        nonce: u64,
        kind: PageKind,
    ) {
        if spot.visitor.is_none()
            && let Some(seen) = self.sightings_of(spot, Of::Page(page))
        {
            seen.answered(nonce, kind, spot.at);
        }
    }

    /// The page answered to nobody in particular that a beacon without an id is about.
    pub(super) fn page_of_nobody(
        &mut self,
        spot: Spot,
        page: &str,
    ) -> Option<(u64, Millis, PageKind)> {
        let [.., key] = self.keys(spot, Of::Page(page));
        self.sightings.peek(&key?)?.find(spot.at.min(spot.received))
    }

    /// Whether a tracker's attention counts: that of one of them does. Gives the number of the
    /// showing it is about.
    pub(super) fn attends(&mut self, spot: Spot, page: &str, by: Tracker) -> Option<u64> {
        let now = spot.received;
        let Some(seen) = self.sightings_of(spot, Of::Page(page)) else { return Some(0) };
        let showing = seen.showing(by)?;
        seen.takes_attention(by, now).then_some(showing)
    }

    fn sightings_of(&mut self, spot: Spot, of: Of<'_>) -> Option<&mut Sightings> {
        let [.., key] = self.keys(spot, of);
        Some(self.sightings.get_or_insert_mut(key?, Sightings::default))
    }

    /// Under what this is known, yesterday's hash first; of nobody in particular by the lane, which
    /// some clients share. None where no other tracker is.
    fn keys(&self, spot: Spot, of: Of<'_>) -> [Option<u64>; 2] {
        if self.sites[spot.site].event_apis.is_empty() {
            return [None, None];
        }
        let key = |whose: (Option<VisitorHash>, u16)| self.number((spot.site, whose, of));
        let visitor = |hash: VisitorHash| key((Some(hash), 0));
        match spot.visitor {
            None => [None, Some(key((None, spot.lane)))],
            Some(hash) => [spot.before_midnight.map(visitor), Some(visitor(hash))],
        }
    }
}
