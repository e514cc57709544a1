//! How many event rows there are, without asking: those that stayed when they were last trimmed,
//! and what has joined them since.
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
    /// People's rows, and others', after they were trimmed; `None`: they were not yet.
    kept: Option<[u64; 2]>,
    /// And those that have joined them.
    grown: [u64; 2],
    /// Length of a day's list when last heard of.
    lengths: HashMap<(RowsOf, Day), u64>,
}

impl Tally {
    /// A batch has appended a block of `added` rows to a list, which now holds `length` blocks.
    /// Those of others are taken to be as large.
    pub fn appended(&self, site: &str, list: (RowsOf, Day), added: u64, length: u64) {
        self.update(site, |lists| {
            let before = lists.lengths.insert(list, length);
            // Shorter than it was: its blocks were merged, or another node has trimmed it.
            let blocks = before.map_or(1, |before| length.saturating_sub(before).max(1));
            lists.grown[list.0 as usize] += added * blocks;
        });
    }

    /// Rows were appended to a list whose length nobody told.
    pub fn added(&self, site: &str, of: RowsOf, added: u64) {
        self.update(site, |lists| lists.grown[of as usize] += added);
    }

    fn update(&self, site: &str, change: impl FnOnce(&mut Lists)) {
        let mut sites = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(sites.entry(site.to_owned()).or_default());
    }

    /// So many rows have stayed, of people and of others.
    pub fn trimmed(&self, site: &str, kept: [u64; 2]) {
        self.update(site, |lists| *lists = Lists { kept: Some(kept), ..Lists::default() });
    }

    /// Rows of people or of others, whichever are more: each have a cap of their own.
    pub fn held(&self, site: &str) -> Option<u64> {
        let sites = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Lists { kept, grown, .. } = sites.get(site)?;
        kept.iter().flatten().zip(grown).map(|(kept, grown)| kept + grown).max()
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
        assert_eq!(tally.held("a"), None, "nobody knows what lies there");
        tally.trimmed("a", [0, 0]);
        tally.trimmed("b", [7, 9]);
        tally.appended("a", list, 10, 50);
        assert_eq!(tally.held("a"), Some(10));
        tally.appended("a", list, 10, 60);
        tally.appended("a", (RowsOf::People, next), 5, 1);
        tally.appended("b", (RowsOf::People, next), 1, 1);
        assert_eq!((tally.held("a"), tally.held("b")), (Some(115), Some(9)));
        // A list of others that is shorter is another list.
        tally.appended("a", (RowsOf::Others, day), 10, 5);
        tally.appended("a", list, 10, 61);
        assert_eq!(tally.held("a"), Some(125));
        tally.appended("a", list, 10, 5);
        assert_eq!(tally.held("a"), Some(135));
        tally.trimmed("a", [100, 3]);
        tally.appended("a", (RowsOf::Others, day), 90, 6);
        assert_eq!((tally.held("a"), tally.held("b")), (Some(100), Some(9)));
        tally.added("a", RowsOf::Others, 8);
        assert_eq!(tally.held("a"), Some(101));
    }
}
