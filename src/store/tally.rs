//! How far lists of event rows have grown since they were trimmed, without asking.
//!
//! Every batch tells how long its list is now, so a node learns what all nodes append. It decides
//! when to trim before the day is over; a guess that is off costs one trim too many.

use crate::model::row::RowsOf;
use crate::model::site::Day;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

#[derive(Default)]
pub struct Tally(Mutex<HashMap<String, Lists>>);

#[derive(Default)]
struct Lists {
    /// People's rows, and others'.
    grown: [u64; 2],
    /// Length of a day's list when last heard of.
    lengths: HashMap<(RowsOf, Day), u64>,
}

impl Lists {
    fn grown(&mut self, of: RowsOf) -> &mut u64 {
        &mut self.grown[of as usize]
    }
}

impl Tally {
    /// A batch has appended a block of `added` rows to a list, which now holds `length` blocks.
    /// Those of others are taken to be as large.
    pub fn appended(&self, site: &str, list: (RowsOf, Day), added: u64, length: u64) {
        self.update(site, |lists| {
            let before = lists.lengths.insert(list, length);
            // Shorter than it was: its blocks were merged, or another node has trimmed it.
            let blocks = before.map_or(1, |before| length.saturating_sub(before).max(1));
            *lists.grown(list.0) += added * blocks;
        });
    }

    /// Rows were appended to a list whose length nobody told.
    pub fn added(&self, site: &str, of: RowsOf, added: u64) {
        self.update(site, |lists| *lists.grown(of) += added);
    }

    fn update(&self, site: &str, change: impl FnOnce(&mut Lists)) {
        let mut sites = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !sites.contains_key(site) {
            sites.insert(site.to_owned(), Lists::default());
        }
        if let Some(lists) = sites.get_mut(site) {
            change(lists);
        }
    }

    pub fn trimmed(&self, site: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(site);
    }

    /// Rows of people or of others, whichever are more: each have a cap of their own.
    pub fn grown(&self, site: &str) -> u64 {
        let sites = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sites.get(site).and_then(|lists| lists.grown.into_iter().max()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_nodes_append_is_seen_and_merged_blocks_are_no_trim() {
        let (tally, day) = (Tally::default(), Day::default());
        let (next, list) = (day.succ_opt().unwrap(), (RowsOf::People, day));
        tally.appended("a", list, 10, 50);
        assert_eq!(tally.grown("a"), 10);
        tally.appended("a", list, 10, 60);
        tally.appended("a", (RowsOf::People, next), 5, 1);
        tally.appended("b", (RowsOf::People, next), 1, 1);
        assert_eq!((tally.grown("a"), tally.grown("b")), (115, 1));
        // A list of others that is shorter is another list.
        tally.appended("a", (RowsOf::Others, day), 10, 5);
        tally.appended("a", list, 10, 61);
        assert_eq!(tally.grown("a"), 125);
        tally.appended("a", list, 10, 5);
        assert_eq!(tally.grown("a"), 135);
        tally.trimmed("a");
        assert_eq!((tally.grown("a"), tally.grown("b")), (0, 1));
    }
}
