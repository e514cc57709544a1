//! What waits to be delivered into the log that nodes share.
//!
//! Unlike batches, entries do not add up: an outage takes as much space as there were hits, up to
//! the outbox's cap. What gives way then keeps its number, without hits.

use super::outbox::{Op, Outbox};
use crate::clock::Micros;
use crate::delivery::{Change, Sequence};
use crate::journal;
use crate::model::{Arrived, ENTRY_MAX, Entry};
use std::sync::Arc;

impl Outbox {
    /// Hits that all nodes count together.
    pub fn entries(&self) -> &Sequence<Entry> {
        &self.entries
    }

    /// Who is waited for in the log.
    pub fn node(&self) -> Arc<str> {
        self.node.split('.').next().unwrap_or(&self.node).into()
    }

    /// Hits, in the order in which they came, as entries. All before `until` are there.
    pub(super) fn add_entries(&mut self, hits: &[Arrived], until: Micros) {
        if hits.is_empty() {
            return;
        }
        let (node, count) = (self.node(), hits.len().div_ceil(ENTRY_MAX));
        let change = self.entries.number(|name, first| {
            let pieces = (0..).zip(hits.chunks(ENTRY_MAX));
            let entries = pieces.map(|(i, hits)| {
                // Only with the last are all hits before `until` there; with any other, those
                // before its first.
                let until = if i + 1 == count { until } else { hits[0].at.min(until) };
                Entry::new(node.clone(), name.clone(), first + i as u64, until, hits)
            });
            entries.collect()
        });
        self.perform(Op::Entries(change));
    }

    /// The oldest that was never sent may give up its hits; how many events these are.
    pub(super) fn entry_to_empty(&self) -> Option<(Op, u64)> {
        let never_sent = self.entries.waiting().iter().skip(1);
        let oldest = never_sent.into_iter().find(|entry| !entry.is_empty())?;
        let (name, number) = (oldest.name.clone(), oldest.number);
        Some((Op::Emptied { name, number }, oldest.events))
    }

    /// The store has the front entry. Returns how many events that delivers.
    pub fn acknowledge_entry(&mut self, at: i64) -> u64 {
        let Some(events) = self.entries.waiting().front().map(|entry| entry.events) else {
            return 0;
        };
        self.perform(Op::Entries(Change::Acknowledged { at }));
        events
    }

    /// Gives up on a name of which the store has lost too much.
    pub fn begin_entries_anew(&mut self, name: &Arc<str>) {
        let next = self.next_name();
        for change in self.entries.begin_anew(name, next) {
            self.perform(Op::Entries(change));
        }
    }

    /// What waits was written with hits encoded in another way. That way has a log of its own in
    /// the store, so what was acknowledged was counted there.
    pub(super) fn translate_entries(&mut self, hits: u64) {
        if hits != journal::format() {
            self.encode_anew(hits);
        }
    }

    fn encode_anew(&mut self, hits: u64) {
        for name in self.entries.remembered().into_keys() {
            self.perform(Op::Entries(Change::Forgotten { name }));
        }
        for entry in self.entries.waiting_mut() {
            if !entry.translate(|bytes| journal::arrived_as(hits, bytes)) {
                tracing::error!("{} hits of another version cannot be read", entry.events);
                entry.empty();
            }
        }
        let name = self.next_name();
        let change = self.entries.renumbered(name);
        self.perform(Op::Entries(change));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::Sealed;
    use crate::delivery::RING;
    use crate::model::Windows;
    use crate::model::{Hit, What};

    fn sealed(hits: usize) -> Sealed {
        let arrived = |i: usize| {
            let what =
                What::BotBeacon { name: format!("bot {i}").into(), class: "c".into(), proof: None };
            let (at, visitor) = (i as i64, None);
            let hit =
                Hit { at, site: Default::default(), lane: 0, visitor, before_midnight: None, what };
            Arrived { at, hit }
        };
        let hits: Vec<Arrived> = (0..hits).map(arrived).collect();
        Sealed { windows: Windows::default(), marks: vec![hits.len() as u64], hits, until: 1 << 40 }
    }

    fn outbox(cap: usize) -> Outbox {
        let mut outbox = Outbox::new("node.run".to_owned(), cap, 0);
        outbox.record(true);
        outbox
    }

    fn numbers(entries: &Sequence<Entry>) -> Vec<(String, u64, u64)> {
        entries.waiting().iter().map(|e| (e.name.to_string(), e.number, e.events)).collect()
    }

    #[test]
    fn hits_become_entries_that_say_what_follows() {
        let mut outbox = outbox(usize::MAX);
        outbox.add(sealed(ENTRY_MAX + 5), &[]);
        assert_eq!((outbox.hits(), outbox.marks().clone()), (2_005, vec![2_005]));
        let entries = outbox.entries();
        let until: Vec<Micros> = entries.waiting().iter().map(|entry| entry.until).collect();
        assert_eq!(until, [0, 1 << 40], "the second has what came after 0");
        let hits = |entry: &Entry| entry.hits().unwrap().len();
        assert_eq!(entries.waiting().iter().map(hits).collect::<Vec<_>>(), [ENTRY_MAX, 5]);
        assert_eq!(&*outbox.node(), "node");
    }

    #[test]
    fn what_was_written_is_the_same_again() {
        let mut first = outbox(usize::MAX);
        for _ in 0..3 {
            first.add(sealed(2), &[]);
        }
        first.acknowledge_entry(7);
        let mut again = outbox(usize::MAX);
        assert!(again.redo(first.unwritten()));
        let mut anew = outbox(usize::MAX);
        first
            .all(&mut |op| {
                assert!(anew.redo(op));
                Ok(())
            })
            .unwrap();
        for other in [&again, &anew] {
            assert_eq!(numbers(other.entries()), numbers(first.entries()));
            assert_eq!(other.entries().remembered(), first.entries().remembered());
            assert_eq!(other.marks(), first.marks());
        }
        // Another process numbers under a name of its own.
        let mut next = Outbox::new("node.later".to_owned(), usize::MAX, 0);
        next.redo(first.unwritten());
        next.add(sealed(1), &[]);
        let names = numbers(next.entries());
        assert_eq!(names[1], ("node.run".to_owned(), 3, 2));
        assert_eq!(names[2], ("node.later".to_owned(), 1, 1));
    }

    /// Another way of encoding hits has a log of its own: in this one nobody knows the old numbers.
    #[test]
    fn translated_ones_are_numbered_anew() {
        let mut outbox = outbox(usize::MAX);
        for _ in 0..3 {
            outbox.add(sealed(2), &[]);
        }
        outbox.acknowledge_entry(7);
        let hits = |outbox: &Outbox| -> Vec<Vec<Arrived>> {
            outbox.entries().waiting().iter().map(|entry| entry.hits().unwrap()).collect()
        };
        let before = hits(&outbox);
        outbox.encode_anew(journal::format());
        assert_eq!(hits(&outbox), before);
        assert!(outbox.entries().remembered().is_empty(), "counted where they are");
        let name = "node.run.1".to_owned();
        assert_eq!(numbers(outbox.entries()), [(name.clone(), 1, 2), (name, 2, 2)]);
    }

    #[test]
    fn over_the_cap_the_oldest_give_way_and_keep_their_numbers() {
        let mut outbox = outbox(20_000);
        let mut dropped = 0;
        for _ in 0..20 {
            dropped += outbox.add(sealed(300), &[]).dropped;
        }
        assert!(dropped > 0 && dropped % 300 == 0, "{dropped}");
        let entries = numbers(outbox.entries());
        assert_eq!(entries.iter().map(|(_, number, _)| *number).collect::<Vec<_>>(), {
            (1..=20).collect::<Vec<u64>>()
        });
        let events: Vec<u64> = entries.iter().map(|(.., events)| *events).collect();
        assert_eq!(
            (events[0], events[1], events[19]),
            (300, 0, 300),
            "the first may be on its way"
        );
        assert_eq!(events.iter().sum::<u64>() + dropped, 20 * 300);
    }

    #[test]
    fn what_a_store_lost_is_told_again_or_numbered_anew() {
        let mut outbox = outbox(usize::MAX);
        for _ in 0..4 {
            outbox.add(sealed(1), &[]);
        }
        for _ in 0..3 {
            outbox.acknowledge_entry(0);
        }
        let again = outbox.entries().missing("node.run", 1).unwrap();
        assert_eq!(again.iter().map(|entry| entry.number).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(outbox.entries().missing("node.run", 0).unwrap().len(), 3);
        // After two minutes they are gone.
        outbox.acknowledge_entry(RING + 1);
        outbox.add(sealed(1), &[]);
        assert!(outbox.entries().missing("node.run", 1).is_none());
        outbox.begin_entries_anew(&"node.run".into());
        assert_eq!(numbers(outbox.entries()), [("node.run.1".to_owned(), 1, 1)]);
        outbox.add(sealed(1), &[]);
        assert_eq!(numbers(outbox.entries())[1], ("node.run.1".to_owned(), 2, 1));
        let name = outbox.entries().name().clone();
        outbox.begin_entries_anew(&name);
        assert_eq!(numbers(outbox.entries())[1], ("node.run.2".to_owned(), 2, 1));
    }
}
