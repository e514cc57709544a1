//! One shard: what it remembers of the visitors it owns, and the day roll-ups they count in.
//!
//! Pure but for the memory it keeps: time comes with the hit. The rules by which hits merge and
//! count stand above it: [`apply`](super::apply) says which is which.

use super::count::{Counting, OnDay};
use super::day_rollup::DayRollup;
use super::downloads::{DOWNLOADS_MAX, Download};
use super::feeds::{FEEDS_MAX, Subscribers};
use super::measures::VisitOnDay;
use super::names::Admission;
use super::open::{AHEAD, Pending};
use super::profile::Profile;
use super::recent::Recent;
use super::sightings::Sightings;
use super::sites::Sites;
use super::visitor::{Spot, Visitor};
use crate::clock::{HOUR, Millis};
use crate::model::rollup::Dimension;
use crate::model::row::{EventRow, RowVisit};
use crate::model::site::{Day, Site, SiteId};
use crate::model::{ID_LIFETIME, Traits, VisitorHash, Windows};
use foldhash::fast::{FixedState, RandomState};
use lru::LruCache;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hash};
use std::num::NonZeroUsize;
use std::sync::Arc;

/// How much a shard remembers.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Visitors; the longest idle are forgotten first, and would count anew.
    pub visitors: usize,
    /// Rows per dimension and day: see [`names`](super::names).
    pub rows: usize,
}

const FEEDS: NonZeroUsize = NonZeroUsize::new(FEEDS_MAX).expect("a constant");
const DOWNLOADS: NonZeroUsize = NonZeroUsize::new(DOWNLOADS_MAX).expect("a constant");

/// By site and day.
pub(super) type DayRollups = BTreeMap<(SiteId, Day), DayRollup>;

pub(super) type Map<K, V> = LruCache<K, V, RandomState>;

pub struct Shard {
    pub(super) sites: Sites,
    pub(super) limits: Limits,
    /// Makes the numbers claims are kept as.
    pub(super) hasher: FixedState,
    pub(super) visitors: Map<VisitorHash, Visitor>,
    /// Pages answered to no visitor and not yet confirmed, by nonce.
    pub(super) pending: Map<u64, Pending>,
    pub(super) used: Recent,
    /// What trackers have told of pages and links, by visitor and page, or link.
    pub(super) sightings: Map<u64, Sightings>,
    pub(super) numbers: Recent,
    pub(super) names: Admission,
    /// By feed and reader.
    pub(super) feeds: Map<u64, Subscribers>,
    /// By visitor and file.
    pub(super) downloads: Map<u64, Download>,
    /// Visits begun so far.
    pub(super) visits: u64,
    pub(super) rollups: DayRollups,
    /// The latest time seen in a hit.
    pub(super) newest: Millis,
}

impl Shard {
    pub fn new(sites: Arc<Vec<Site>>, limits: Limits) -> Self {
        Self::seeded(sites, limits, rand::random())
    }

    /// With the seed of an earlier shard it can take over that one's state.
    pub fn seeded(sites: Arc<Vec<Site>>, limits: Limits, seed: u64) -> Self {
        Self::with_hasher(Sites::new(sites), limits, FixedState::with_seed(seed))
    }

    /// Another, which knows nothing yet and can take over this one's state.
    pub(super) fn anew(&self) -> Self {
        Self::with_hasher(self.sites.clone(), self.limits, self.hasher.clone())
    }

    fn with_hasher(sites: Sites, limits: Limits, hasher: FixedState) -> Self {
        let cap = NonZeroUsize::new(limits.visitors).unwrap_or(NonZeroUsize::MIN);
        Self {
            sites,
            limits,
            hasher,
            visitors: LruCache::with_hasher(cap, RandomState::default()),
            pending: LruCache::with_hasher(cap, RandomState::default()),
            sightings: LruCache::with_hasher(cap, RandomState::default()),
            used: Recent::new(ID_LIFETIME, limits.visitors.saturating_mul(4)),
            numbers: Recent::new(ID_LIFETIME, limits.visitors.saturating_mul(4)),
            names: Admission::new(limits.rows),
            feeds: LruCache::with_hasher(FEEDS, RandomState::default()),
            downloads: LruCache::with_hasher(DOWNLOADS, RandomState::default()),
            visits: 0,
            rollups: DayRollups::new(),
            newest: 0,
        }
    }

    /// Forgets what is too old at `now` to matter.
    pub(super) fn forget(&mut self, now: Millis) {
        while let Some((_, idle)) = self.visitors.peek_lru() {
            // A hash lives for its day and the hour after.
            if now - idle.seen <= 25 * HOUR {
                break;
            }
            self.visitors.pop_lru();
        }
        while let Some((_, old)) = self.pending.peek_lru() {
            if now - old.at <= ID_LIFETIME + AHEAD {
                break;
            }
            self.pending.pop_lru();
        }
        while self.sightings.peek_lru().is_some_and(|(_, seen)| seen.is_over(now)) {
            self.sightings.pop_lru();
        }
        self.rollups.retain(|(site, day), rollup| {
            let today = self.sites[*site].day(now);
            today.signed_duration_since(*day).num_days() <= 1 || !rollup.is_idle()
        });
    }

    /// Takes the increments gathered since the last call.
    pub fn seal(&mut self) -> Windows {
        let taken = self.rollups.iter_mut();
        let place = |site| self.sites.place(site);
        taken
            .filter_map(|((site, day), rollup)| Some(((place(*site), *day), rollup.take()?)))
            .collect()
    }

    /// Visitors of a site with a pageview since `since`, by when it came. Whoever goes on under
    /// another hash after midnight is one.
    pub fn current_visitors(&self, site: usize, since: Millis) -> usize {
        let site = self.sites.id(site);
        let recent = self.visitors.iter().take_while(|(_, v)| v.seen >= since);
        let current = |v: &Visitor| v.site == site && v.viewed >= since && v.became.is_none();
        recent.filter(|(_, visitor)| current(visitor)).count()
    }

    /// Hits counted since the last [`Shard::seal`].
    pub fn unsealed(&self) -> u64 {
        self.rollups.values().map(|rollup| rollup.hits).sum()
    }

    /// Keeps a row of the spot's day, and adds to that day's roll-up what it adds. `visit` is what
    /// is known of its visit on that day.
    pub(super) fn write(
        &mut self,
        spot: Spot,
        row: EventRow,
        profile: &Arc<Profile>,
        visit: Option<&mut VisitOnDay>,
    ) {
        let visitor = row.of.visitor;
        let visitor = visitor.map(|v| &mut known(&mut self.visitors, v, spot).on_day);
        let whose = (spot.site, spot.day);
        let rollup = rollup_of(&mut self.rollups, &self.hasher, whose);
        let (site, names) = (&self.sites[spot.site], &mut self.names);
        let mut counting = Counting { site, whose, names, rollup };
        counting.count(&row, profile, OnDay { visitor, visit });
        self.rollup(whose).record(&row);
    }

    /// Whether an event's number is new; an event without one always is.
    pub(super) fn is_new(&mut self, n: Option<u64>, spot: Spot) -> bool {
        n.is_none_or(|n| self.numbers.insert(self.hasher.hash_one((n, spot.lane)), spot.received))
    }

    /// A number for what is only to be found again.
    pub(super) fn number(&self, of: impl Hash) -> u64 {
        self.hasher.hash_one(of)
    }

    /// The roll-up of a day, perhaps a new one.
    pub(super) fn rollup(&mut self, whose: (SiteId, Day)) -> &mut DayRollup {
        rollup_of(&mut self.rollups, &self.hasher, whose)
    }

    pub(super) fn visitor(&mut self, visitor: VisitorHash, spot: Spot) -> &mut Visitor {
        known(&mut self.visitors, visitor, spot)
    }

    /// What a visit, or a view of its own, is told apart by: traits of which each has a row.
    pub(super) fn profile(&mut self, spot: Spot, traits: &Traits, visit: RowVisit) -> Arc<Profile> {
        let whose = (spot.site, spot.day);
        let mut admit = |dimension, value: &str| self.names.admit(whose, dimension, value);
        let admitted: Vec<(Dimension, Arc<str>)> =
            traits.iter().map(|(dimension, value)| (dimension, admit(dimension, value))).collect();
        let entry =
            if visit.visit == 0 { visit.entry } else { admit(Dimension::Page, &visit.entry) };
        // Nearly always they are what they were.
        let all = traits.iter().zip(&admitted).all(|((_, value), (_, row))| *value == **row);
        let traits = if all { traits.clone() } else { admitted.into_iter().collect() };
        Arc::new(RowVisit { traits, entry, ..visit }.into())
    }
}

/// What a hit counted as (empty: nothing to tell), its page, its traits.
pub(super) type Counted = (&'static str, Arc<str>, Option<Traits>);

/// The roll-up of a day, perhaps a new one.
fn rollup_of<'b>(
    rollups: &'b mut DayRollups,
    hasher: &FixedState,
    whose: (SiteId, Day),
) -> &'b mut DayRollup {
    rollups.entry(whose).or_insert_with(|| DayRollup::new(hasher.clone()))
}

pub(super) fn known(
    visitors: &mut Map<VisitorHash, Visitor>,
    visitor: VisitorHash,
    spot: Spot,
) -> &mut Visitor {
    let known = visitors.get_or_insert_mut(visitor, Visitor::default);
    known.site = spot.site;
    known.seen = known.seen.max(spot.received);
    known
}
