//! What visits are told apart by. Thousands of visits share a few hundred sets of traits, so each
//! set is kept once: whoever is handed one again pays for no copy, and can tell by its address
//! that it is the same.

use crate::rollup::Dimension;
use foldhash::fast::RandomState;
use quick_cache::sync::Cache;
use std::hash::BuildHasher;
use std::sync::Arc;

/// Device, place, source …; no dimension twice, and order does not matter.
pub type Traits = Vec<(Dimension, Arc<str>)>;

/// Sets remembered, of about a kilobyte.
const REMEMBERED: usize = 10_000;

/// The sets that were asked for last.
pub struct TraitSets {
    known: Cache<u64, Arc<Traits>>,
    hasher: RandomState,
}

impl TraitSets {
    pub fn new() -> Self {
        Self { known: Cache::new(REMEMBERED), hasher: RandomState::default() }
    }

    /// The set of all traits that are there.
    pub fn shared(&self, all: &[(Dimension, Option<&str>)]) -> Arc<Traits> {
        let key = self.hasher.hash_one(all);
        // Different sets may have the same key.
        if let Some(known) = self.known.get(&key).filter(|known| is_of(known, all)) {
            return known;
        }
        let traits = Arc::new(present(all).map(|(d, value)| (d, value.into())).collect());
        self.known.insert(key, Arc::clone(&traits));
        traits
    }
}

fn present<'a>(all: &[(Dimension, Option<&'a str>)]) -> impl Iterator<Item = (Dimension, &'a str)> {
    all.iter().filter_map(|(dimension, value)| Some((*dimension, (*value)?)))
}

fn is_of(known: &Traits, all: &[(Dimension, Option<&str>)]) -> bool {
    known.iter().map(|(dimension, value)| (*dimension, &**value)).eq(present(all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_sets_are_one() {
        let sets = TraitSets::new();
        let of = |os| sets.shared(&[(Dimension::Os, os), (Dimension::Country, Some("CH"))]);
        assert!(Arc::ptr_eq(&of(Some("iOS")), &of(Some("iOS"))));
        assert_eq!(*of(None), [(Dimension::Country, "CH".into())]);
        assert_eq!(
            *of(Some("iOS")),
            [(Dimension::Os, "iOS".into()), (Dimension::Country, "CH".into())]
        );
    }
}
