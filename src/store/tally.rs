//! How far lists of event rows have grown since they were trimmed, without asking.
//!
//! Every batch tells how long its list is now, so a node learns what all nodes append. It decides
//! when to trim before the day is over; a guess that is off costs one trim too many.

use crate::model::site::Day;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

#[derive(Default)]
pub struct Tally(Mutex<HashMap<String, Lists>>);

#[derive(Default)]
struct Lists {
    grown: u64,
    /// Length of a day's list when last heard of.
    lengths: HashMap<Day, u64>,
}

impl Tally {
    /// A batch has appended a block of `added` rows to a list, which now holds `length` blocks.
    /// Those of others are taken to be as large.
    pub fn appended(&self, site: &str, day: Day, added: u64, length: u64) {
        let mut sites = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !sites.contains_key(site) {
            sites.insert(site.to_owned(), Lists::default());
        }
        let Some(lists) = sites.get_mut(site) else { return };
        let before = lists.lengths.insert(day, length);
        match before {
            // Shorter than it was: another node has trimmed it.
            Some(before) if before >= length => lists.grown = added,
            Some(before) => lists.grown += added * (length - before),
            None => lists.grown += added,
        }
    }

    /// Rows were appended to a list whose length nobody told.
    pub fn added(&self, site: &str, added: u64) {
        let mut sites = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sites.entry(site.to_owned()).or_default().grown += added;
    }

    pub fn trimmed(&self, site: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(site);
    }

    pub fn grown(&self, site: &str) -> u64 {
        let sites = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sites.get(site).map_or(0, |lists| lists.grown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_nodes_append_is_seen_and_so_is_their_trim() {
        let (tally, day) = (Tally::default(), Day::default());
        let next = day.succ_opt().unwrap();
        tally.appended("a", day, 10, 50);
        assert_eq!(tally.grown("a"), 10);
        tally.appended("a", day, 10, 60);
        tally.appended("a", next, 5, 1);
        tally.appended("b", next, 1, 1);
        assert_eq!((tally.grown("a"), tally.grown("b")), (115, 1));
        tally.appended("a", day, 10, 5);
        assert_eq!(tally.grown("a"), 10);
        tally.trimmed("a");
        assert_eq!((tally.grown("a"), tally.grown("b")), (0, 1));
    }
}
