//! Which values get a row of their own when there are more than a day should hold.
//!
//! Attackers choose paths, referrers and hosts, so every dimension has a cap. Up to the cap every
//! value has its row and counts are exact. Beyond it, whoever came first must not stay: a value
//! that keeps coming earns a row by its own count, and the least busy of a few rows drawn at
//! random loses its place (what it has counted stays counted). A value without a row counts under
//! [`OTHER`], so sums hold. The price of a row doubles each time the cap has been given away
//! again: a day's rows grow with the logarithm of what an attacker sends.

use crate::model::rollup::{self, Dimension, OTHER};
use crate::model::site::{Day, SiteId};
use foldhash::fast::RandomState;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

/// Hits after which a value first earns a row beyond the cap.
const FIRST_PRICE: u32 = 16;

/// Rows compared to find one that gives way.
const DRAWN: usize = 8;

type Counts = IndexMap<Arc<str>, u32, RandomState>;

/// All names of a shard: of each site and dimension, on its latest day.
pub struct Admission {
    cap: usize,
    pub all: HashMap<(SiteId, Dimension), (Day, Names), RandomState>,
}

impl Admission {
    /// With `cap` rows for each dimension, day and site.
    pub fn new(cap: usize) -> Self {
        Self { cap, all: HashMap::default() }
    }

    /// What a value counts under: itself or [`OTHER`]. Of a value in parts some may be kept: see
    /// [`rollup::rest`].
    pub fn admit(&mut self, whose: (SiteId, Day), dimension: Dimension, value: &str) -> Arc<str> {
        let admitted = self.names(whose, dimension).admit(value);
        if &*admitted != OTHER {
            return admitted;
        }
        let rest = rollup::rest(dimension, value);
        // Names of events and their properties come from outside too.
        match dimension {
            Dimension::EventProperty => self.names(whose, dimension).admit(&rest),
            _ => rest.into(),
        }
    }

    fn names(&mut self, (site, day): (SiteId, Day), dimension: Dimension) -> &mut Names {
        let new = || (day, Names::new(rollup::rows(dimension, self.cap)));
        let (since, names) = self.all.entry((site, dimension)).or_insert_with(new);
        if day > *since {
            (*since, *names) = new();
        }
        names
    }
}

/// The values of one dimension on one day.
#[derive(Serialize, Deserialize)]
pub struct Names {
    cap: usize,
    rows: Counts,
    /// Values on their way to a row, with how often they came.
    candidates: Counts,
    /// Rows given away beyond the cap.
    given: usize,
    draw: u64,
}

impl Names {
    pub fn new(cap: usize) -> Self {
        Self {
            cap: cap.max(1),
            rows: Counts::default(),
            candidates: Counts::default(),
            given: 0,
            draw: 0x9e37_79b9_7f4a_7c15,
        }
    }

    /// The value under which `value` counts: itself or [`OTHER`].
    fn admit(&mut self, value: &str) -> Arc<str> {
        if let Some((_, known, count)) = self.rows.get_full_mut(value) {
            *count = count.saturating_add(1);
            return known.clone();
        }
        if self.rows.len() < self.cap {
            let value: Arc<str> = value.into();
            self.rows.insert(value.clone(), 1);
            return value;
        }
        let count = self.candidate(value);
        let price = FIRST_PRICE << (self.given / self.cap).min(20);
        if count < price {
            return OTHER.into();
        }
        self.candidates.swap_remove(value);
        evict(&mut self.rows, &mut self.draw);
        let value: Arc<str> = value.into();
        self.rows.insert(value.clone(), count);
        self.given += 1;
        value
    }

    /// Counts a value without a row; a full list of them gives up its least busy.
    fn candidate(&mut self, value: &str) -> u32 {
        if let Some(count) = self.candidates.get_mut(value) {
            *count = count.saturating_add(1);
            return *count;
        }
        if self.candidates.len() >= self.cap {
            evict(&mut self.candidates, &mut self.draw);
        }
        self.candidates.insert(value.into(), 1);
        1
    }
}

/// Takes out the least busy of a few.
fn evict(counts: &mut Counts, draw: &mut u64) {
    let least = (0..DRAWN)
        .filter_map(|_| {
            // xorshift64: cheap, and who gives way need not be a secret.
            *draw ^= *draw << 13;
            *draw ^= *draw >> 7;
            *draw ^= *draw << 17;
            let at = (*draw % counts.len().max(1) as u64) as usize;
            counts.get_index(at).map(|(_, count)| (*count, at))
        })
        .min();
    if let Some((_, at)) = least {
        counts.swap_remove_index(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Arc<str> {
        text.into()
    }

    #[test]
    fn up_to_the_cap_all_have_rows() {
        let mut names = Names::new(3);
        for _ in 0..2 {
            for value in ["a", "b", "c"] {
                assert_eq!(&*names.admit(&name(value)), value);
            }
        }
    }

    #[test]
    fn the_true_top_page_wins_its_row_after_a_flood_of_invented_ones() {
        let mut names = Names::new(200);
        for i in 0..100_000 {
            names.admit(&name(&format!("/invented/{i}")));
        }
        let home = name("/");
        let own = (0..1_000).filter(|_| &*names.admit(&home) == "/").count();
        assert!(own > 980, "{own} of 1000 under its own name");
    }

    #[test]
    fn memory_and_rows_stay_bounded() {
        let mut names = Names::new(100);
        let mut rows = std::collections::HashSet::new();
        for i in 0..200_000 {
            let admitted = names.admit(&name(&format!("/{}", i / 20)));
            rows.insert(admitted);
        }
        assert!(names.rows.len() <= 100 && names.candidates.len() <= 100);
        assert!(rows.len() < 1_500, "{} rows", rows.len());
    }

    #[test]
    fn the_price_of_a_row_doubles() {
        let mut names = Names::new(1);
        names.admit("/");
        let mut comes_often = |value: &str| {
            (1..FIRST_PRICE).for_each(|_| assert_eq!(&*names.admit(value), OTHER));
            names.admit(value)
        };
        assert_eq!(&*comes_often("/a"), "/a");
        assert_eq!(&*comes_often("/b"), OTHER, "the price has doubled");
        assert_eq!(&*comes_often("/b"), "/b");
    }

    #[test]
    fn a_day_begins_with_all_its_rows() {
        let mut names = Admission::new(1);
        let today = Day::from_ymd_opt(2026, 11, 24).unwrap();
        let mut admit =
            |site, day, value: &str| names.admit((SiteId::of(site), day), Dimension::Page, value);
        assert_eq!(&*admit("a", today, "/a"), "/a");
        assert_eq!(&*admit("a", today, "/b"), OTHER);
        assert_eq!(&*admit("b", today, "/b"), "/b", "another site's");
        assert_eq!(&*admit("a", today.succ_opt().unwrap(), "/b"), "/b");
    }
}
