//! Visitors whose traits were told lately.
//!
//! Where views are counted, a visit takes its traits from the view it begins with and has no use
//! for those of the next. So who was introduced a few minutes ago need not be described again with
//! every view: that is a good part of the work on one, and most of what is written down of it.
//!
//! Traits are left out only if they are known there for certain. A visit runs for longer than an
//! introduction holds, and is forgotten only if as many others come as are remembered there: once
//! half as many have come lately, everybody is introduced with every view.

use crate::clock::{MINUTE, Millis};
use crate::model::VisitorHash;
use std::sync::atomic::{AtomicU64, Ordering};

/// Who was introduced in one period is known through the next, which is shorter than the 30
/// minutes that a visit runs for without activity.
const PERIOD: Millis = 10 * MINUTE;

/// Groups of visitors remembered here: half a million bytes.
const GROUPS: usize = 1 << 13;

/// See above.
pub struct Introduced {
    groups: Box<[Group]>,
    /// Strangers met in a period, by its number: the number in the upper half, and how many.
    met: [AtomicU64; 4],
    most: u64,
}

/// Visitors whose hashes have the same lowest 13 bits. Of each the hash, with the period of its
/// introduction in place of these bits. As large as a cache line.
#[derive(Default)]
#[repr(align(64))]
struct Group([AtomicU64; 8]);

impl Introduced {
    /// Where views are counted, so many visitors are `remembered`. 0: nobody is known from before.
    pub fn new(remembered: usize) -> Self {
        let groups = if remembered == 0 { 0 } else { GROUPS };
        Self {
            groups: (0..groups).map(|_| Group::default()).collect(),
            met: Default::default(),
            most: remembered as u64 / 2,
        }
    }

    /// Whether the visitor's traits are known where its views are counted.
    pub fn knows(&self, visitor: VisitorHash, at: Millis) -> bool {
        let (visitor, period) = (visitor.as_u64(), period(at));
        let known = self.group(visitor).is_some_and(|Group(members)| {
            members.iter().any(|member| {
                let member = member.load(Ordering::Acquire);
                is(member, visitor) && age(member, period) <= 1
            })
        });
        known && !self.is_crowded(period)
    }

    /// A hit of the visitor has been handed over; one that `introduces` it is a view with its
    /// traits.
    pub fn meet(&self, visitor: VisitorHash, at: Millis, introduces: bool) {
        if !introduces && self.knows(visitor, at) {
            return;
        }
        let (visitor, period) = (visitor.as_u64(), period(at));
        if introduces && let Some(Group(members)) = self.group(visitor) {
            // Its own place, or that of who was introduced longest ago.
            let rank = |member: &&AtomicU64| {
                let member = member.load(Ordering::Relaxed);
                if is(member, visitor) { u16::MAX } else { age(member, period) }
            };
            if let Some(place) = members.iter().max_by_key(rank) {
                place.store(visitor & !AGE | period & AGE, Ordering::Release);
            }
        }
        let met = &self.met[period as usize % self.met.len()];
        let _ = met.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |met| {
            Some(if met >> 32 == period { met + 1 } else { period << 32 | 1 })
        });
    }

    /// Whether so many have come since the period before the last that somebody met in the last
    /// one may be forgotten.
    fn is_crowded(&self, period: u64) -> bool {
        let recent = self.met.iter().map(|met| met.load(Ordering::Relaxed));
        let recent = recent.filter(|met| period.wrapping_sub(met >> 32) <= 2);
        recent.map(|met| met & u64::from(u32::MAX)).sum::<u64>() > self.most
    }

    fn group(&self, visitor: u64) -> Option<&Group> {
        self.groups.get(visitor as usize % GROUPS)
    }
}

/// The bits of a member that are not the visitor's but the period's.
const AGE: u64 = GROUPS as u64 - 1;

fn is(member: u64, visitor: u64) -> bool {
    (member ^ visitor) & !AGE == 0
}

/// Periods since a member was introduced, as far as can be told.
fn age(member: u64, period: u64) -> u16 {
    (period.wrapping_sub(member) & AGE) as u16
}

/// Below 2³².
fn period(at: Millis) -> u64 {
    u64::from((at / PERIOD) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitor(number: u64) -> VisitorHash {
        VisitorHash::from_stored(number.to_le_bytes())
    }

    #[test]
    fn whoever_was_introduced_is_known_for_a_while() {
        let introduced = Introduced::new(1_000);
        let (one, at) = (visitor(0x0123_4567_89ab_cdef), 1_000 * PERIOD + 5 * MINUTE);
        assert!(!introduced.knows(one, at));
        introduced.meet(one, at, false);
        assert!(!introduced.knows(one, at), "a beacon introduces nobody");
        introduced.meet(one, at, true);
        assert!(introduced.knows(one, at));
        assert!(introduced.knows(one, at + 14 * MINUTE));
        assert!(!introduced.knows(one, at + 15 * MINUTE));
        assert!(!introduced.knows(one, at - 10 * MINUTE), "a clock that was put back");
        // In the same group, and all bits but one.
        assert!(!introduced.knows(visitor(0x0123_4567_88ab_cdef), at));
        // A group has room for eight; who was introduced first leaves it.
        let others: Vec<_> = (1..=8).map(|i| visitor(i << 32 | 0x0def)).collect();
        for (i, other) in others.iter().enumerate() {
            assert!(introduced.knows(one, at), "with {i} others");
            introduced.meet(*other, at + PERIOD, true);
        }
        assert!(!introduced.knows(one, at));
        assert!(others.iter().all(|other| introduced.knows(*other, at + PERIOD)));
    }

    #[test]
    fn in_a_crowd_nobody_is_known() {
        let introduced = Introduced::new(1_000);
        let at = 1_000 * PERIOD;
        (0..400).for_each(|i| introduced.meet(visitor(i), at - 2 * PERIOD, true));
        (0..100).for_each(|i| introduced.meet(visitor(i), at, i % 2 == 0));
        assert!(introduced.knows(visitor(0), at));
        // Who is known is no stranger.
        introduced.meet(visitor(0), at, false);
        assert!(introduced.knows(visitor(0), at));
        introduced.meet(visitor(5_000), at, false);
        assert!(!introduced.knows(visitor(0), at));
        // Those of twenty minutes ago are gone.
        introduced.meet(visitor(0), at + PERIOD, true);
        assert!(introduced.knows(visitor(0), at + PERIOD));
    }

    #[test]
    fn where_none_is_remembered_none_is_known() {
        let introduced = Introduced::new(0);
        introduced.meet(visitor(7), 0, true);
        assert!(!introduced.knows(visitor(7), 0));
    }
}
