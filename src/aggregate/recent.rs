//! What was seen lately, bounded in time and number: used view ids, event numbers.

use crate::clock::Millis;
use serde::{Deserialize, Serialize};
use std::collections::{HashSet, VecDeque};

/// A set that forgets after a while, and its oldest first when it is full.
#[derive(Serialize, Deserialize)]
pub struct Recent {
    keep: Millis,
    cap: usize,
    set: HashSet<u64, foldhash::fast::RandomState>,
    order: VecDeque<(Millis, u64)>,
}

impl Recent {
    pub fn new(keep: Millis, cap: usize) -> Self {
        Self { keep, cap: cap.max(1), set: HashSet::default(), order: VecDeque::new() }
    }

    /// The same with another cap.
    pub fn capped(self, cap: usize) -> Self {
        Self { cap: cap.max(1), ..self }
    }

    /// Notes `key`; false if it is here already.
    pub fn insert(&mut self, key: u64, now: Millis) -> bool {
        while let Some((at, old)) = self.order.front().copied() {
            if self.order.len() < self.cap && now - at <= self.keep {
                break;
            }
            self.order.pop_front();
            self.set.remove(&old);
        }
        let new = self.set.insert(key);
        if new {
            self.order.push_back((now, key));
        }
        new
    }

    pub fn contains(&self, key: u64) -> bool {
        self.set.contains(&key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_by_age_and_by_number() {
        let mut recent = Recent::new(10, 3);
        assert!(recent.insert(1, 0));
        assert!(!recent.insert(1, 5));
        assert!(recent.insert(1, 11), "too old to remember");
        for key in 2..5 {
            assert!(recent.insert(key, 12));
        }
        assert!(!recent.contains(1) && recent.contains(4));
        assert_eq!(recent.order.len(), recent.set.len());
    }
}
