//! What waits to be delivered into the log that nodes share.
//!
//! As with batches, an entry never changes once it was sent, whatever became of the answer, and
//! acknowledged ones stay for a while in a ring. Unlike batches entries do not add up: an outage
//! takes as much space as there were hits, up to the outbox's cap. What gives way then keeps its
//! number, without hits.

use super::outbox::{Op, Outbox, RING};
use crate::clock::{Micros, Millis};
use crate::journal;
use crate::model::{Arrived, ENTRY_MAX, Entry};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;

/// Bytes of acknowledged entries that are kept.
const RING_BYTES: usize = 16 << 20;

/// Entries of a process, and those that an earlier one in the same folder left.
pub struct Entries {
    node: Arc<str>,
    /// Under which this process numbers, and its last number.
    name: (Arc<str>, u64),
    waiting: VecDeque<Entry>,
    ring: VecDeque<(Millis, Entry)>,
}

/// Something that happened to them.
#[derive(Serialize, Deserialize)]
pub enum EntryOp {
    Added(Entry),
    /// The first one was acknowledged.
    Acknowledged {
        at: Millis,
    },
    /// What waits was numbered anew, and the ring is of no use any more.
    Renumbered {
        entries: Vec<Entry>,
    },
    /// This one has given up its hits.
    Emptied {
        name: Arc<str>,
        number: u64,
    },
    /// One was acknowledged; for a log that begins anew.
    Remembered {
        at: Millis,
        entry: Entry,
    },
    /// Acknowledged ones of this name are of no use any more.
    Forgotten {
        name: Arc<str>,
    },
}

impl Entries {
    /// `name` is that of a run: the node's, a dot, and something of its own.
    pub fn new(name: &str) -> Self {
        let node = name.split('.').next().unwrap_or(name).into();
        Self { node, name: (name.into(), 0), waiting: VecDeque::new(), ring: VecDeque::new() }
    }

    /// Who is waited for in the log.
    pub fn node(&self) -> &Arc<str> {
        &self.node
    }

    /// Under which this process numbers.
    pub fn name(&self) -> &Arc<str> {
        &self.name.0
    }

    /// Hits, in the order in which they came, as entries to be added. All before `until` are there.
    pub fn add(&mut self, hits: &[Arrived], until: Micros) -> Vec<EntryOp> {
        let pieces = hits.chunks(ENTRY_MAX).enumerate();
        let count = hits.len().div_ceil(ENTRY_MAX);
        let (name, last) = &mut self.name;
        let entries = pieces.map(|(i, hits)| {
            *last += 1;
            // Those before the last one say nothing of what follows.
            let until = if i + 1 == count { until } else { hits[0].at.min(until) };
            EntryOp::Added(Entry::new(self.node.clone(), name.clone(), *last, until, hits))
        });
        entries.collect()
    }

    /// The next to send, the same until it is acknowledged.
    pub fn next(&self) -> Option<&Entry> {
        self.waiting.front()
    }

    /// Events that wait.
    pub fn events(&self) -> u64 {
        self.waiting.iter().map(|entry| entry.events).sum()
    }

    pub fn weight(&self) -> usize {
        self.waiting.iter().map(Entry::weight).sum()
    }

    /// Those that were acknowledged, oldest first.
    pub fn acknowledged(&self) -> impl Iterator<Item = &Entry> {
        self.ring.iter().map(|(_, entry)| entry)
    }

    /// The oldest that was never sent gives up its hits; how many events that were.
    pub fn give_way(&self) -> Option<(EntryOp, u64)> {
        let oldest = self.waiting.iter().skip(1).find(|entry| !entry.is_empty())?;
        let (name, number) = (oldest.name.clone(), oldest.number);
        Some((EntryOp::Emptied { name, number }, oldest.events))
    }

    /// Acknowledged entries of the front one's name after number `have`, if they are all there.
    pub fn missing(&self, have: u64) -> Option<Vec<Entry>> {
        let front = self.waiting.front()?;
        let missing = self.since(&front.name, have);
        let whole = missing.first().is_some_and(|entry| entry.number == have + 1)
            && missing.last().is_some_and(|entry| entry.number + 1 == front.number);
        whole.then_some(missing)
    }

    /// What waits, under another name, as what comes next will be.
    pub fn renumbered(&mut self, name: Arc<str>) -> EntryOp {
        let mut entries: Vec<Entry> = self.waiting.iter().cloned().collect();
        for (number, entry) in (1..).zip(&mut entries) {
            (entry.name, entry.number) = (name.clone(), number);
        }
        self.name = (name, entries.len() as u64);
        EntryOp::Renumbered { entries }
    }

    /// The same with hits that were encoded in another way. Another way has a log of its own in the
    /// store, so what is in the ring was counted there.
    fn translated(&mut self, hits: u64, name: Arc<str>) -> EntryOp {
        for entry in &mut self.waiting {
            if !entry.translate(|bytes| journal::arrived_as(hits, bytes)) {
                tracing::error!("{} hits of another version cannot be read", entry.events);
                entry.empty();
            }
        }
        self.renumbered(name)
    }

    /// Names of acknowledged entries, each with the number of the last.
    pub fn remembered(&self) -> BTreeMap<Arc<str>, u64> {
        self.ring.iter().map(|(_, entry)| (entry.name.clone(), entry.number)).collect()
    }

    /// Acknowledged entries of `name` after number `have`, if they begin right after it.
    pub fn lost(&self, name: &str, have: u64) -> Option<Vec<Entry>> {
        let missing = self.since(name, have);
        missing.first().is_some_and(|entry| entry.number == have + 1).then_some(missing)
    }

    /// Lets go those of a name; if it is the one in use, what follows is numbered as `next`.
    pub fn forgotten(&mut self, name: &Arc<str>, next: Arc<str>) -> Vec<EntryOp> {
        let mut ops = vec![EntryOp::Forgotten { name: name.clone() }];
        if self.name.0 == *name {
            ops.push(self.renumbered(next));
        }
        ops
    }

    fn since(&self, name: &str, have: u64) -> Vec<Entry> {
        let ring = self.acknowledged();
        ring.filter(|entry| *entry.name == *name && entry.number > have).cloned().collect()
    }

    /// Ops that make these of none.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn all(&self, write: &mut dyn FnMut(EntryOp) -> io::Result<()>) -> io::Result<()> {
        for (at, entry) in &self.ring {
            write(EntryOp::Remembered { at: *at, entry: entry.clone() })?;
        }
        self.waiting.iter().try_for_each(|entry| write(EntryOp::Added(entry.clone())))
    }

    pub fn apply(&mut self, op: EntryOp) {
        match op {
            EntryOp::Added(entry) => self.waiting.push_back(entry),
            EntryOp::Acknowledged { at } => {
                self.ring.extend(self.waiting.pop_front().map(|entry| (at, entry)));
                self.thin_ring(at);
            }
            EntryOp::Renumbered { entries } => {
                self.ring.clear();
                self.waiting = entries.into();
            }
            EntryOp::Emptied { name, number } => {
                let of = |entry: &&mut Entry| entry.name == name && entry.number == number;
                self.waiting.iter_mut().find(of).into_iter().for_each(Entry::empty);
            }
            EntryOp::Remembered { at, entry } => self.ring.push_back((at, entry)),
            EntryOp::Forgotten { name } => self.ring.retain(|(_, entry)| entry.name != name),
        }
    }

    /// Only when there is news: while nothing is said to the store, nobody learns that it lost
    /// something.
    fn thin_ring(&mut self, now: Millis) {
        let mut weight: usize = self.acknowledged().map(Entry::weight).sum();
        while let Some((then, oldest)) = self.ring.front()
            && (now - then > RING || weight > RING_BYTES)
        {
            weight -= oldest.weight();
            self.ring.pop_front();
        }
    }
}

impl Outbox {
    /// Hits that all nodes count together.
    pub fn entries(&self) -> &Entries {
        &self.entries
    }

    /// The store has the front entry.
    pub fn acknowledge_entry(&mut self, at: Millis) {
        self.perform(Op::Entry(EntryOp::Acknowledged { at }));
    }

    /// Acknowledged entries of the front one's name that a store lacks which has those up to `have`.
    /// `None`: they are gone, and what waits is numbered anew under another name.
    pub fn replay_entries(&mut self, have: u64) -> Option<Vec<Entry>> {
        let missing = self.entries.missing(have);
        if missing.is_none() {
            let name = self.next_name();
            let op = self.entries.renumbered(name);
            self.perform(Op::Entry(op));
        }
        missing
    }

    /// What waits was written with hits encoded in this way.
    pub(super) fn translate_entries(&mut self, hits: u64) {
        if hits != journal::format() {
            let name = self.next_name();
            let op = self.entries.translated(hits, name);
            self.perform(Op::Entry(op));
        }
    }

    /// Gives up on acknowledged entries of a name that the store has lost too much of; what comes
    /// next goes under another.
    pub fn forget_entries(&mut self, name: &Arc<str>) {
        let next = self.next_name();
        for op in self.entries.forgotten(name, next) {
            self.perform(Op::Entry(op));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::Sealed;
    use crate::model::Windows;
    use crate::model::{Hit, What};

    fn sealed(hits: usize) -> Sealed {
        let arrived = |i: usize| {
            let what = What::BotBeacon { name: format!("bot {i}").into(), class: "c".into() };
            let (at, visitor) = (i as i64, None);
            let hit = Hit { at, site: 0, lane: 0, visitor, before_midnight: None, what };
            Arrived { at, hit }
        };
        let hits: Vec<Arrived> = (0..hits).map(arrived).collect();
        Sealed { windows: Windows::default(), marks: vec![hits.len() as u64], hits, until: 1 << 40 }
    }

    fn outbox(cap: usize) -> Outbox {
        let mut outbox = Outbox::new("node.run".to_owned(), cap, 0);
        outbox.write(true);
        outbox
    }

    fn numbers(entries: &Entries) -> Vec<(String, u64, u64)> {
        entries.waiting.iter().map(|e| (e.name.to_string(), e.number, e.events)).collect()
    }

    #[test]
    fn hits_become_entries_that_say_what_follows() {
        let mut outbox = outbox(usize::MAX);
        outbox.add(sealed(ENTRY_MAX + 5), &[]);
        assert_eq!((outbox.hits(), outbox.marks().clone()), (2_005, vec![2_005]));
        let entries = outbox.entries();
        let until: Vec<Micros> = entries.waiting.iter().map(|entry| entry.until).collect();
        assert_eq!(until, [0, 1 << 40], "the second has what came after 0");
        let hits = |entry: &Entry| entry.hits().unwrap().len();
        assert_eq!(entries.waiting.iter().map(hits).collect::<Vec<_>>(), [ENTRY_MAX, 5]);
        assert_eq!(&**entries.node(), "node");
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
            outbox.entries().waiting.iter().map(|entry| entry.hits().unwrap()).collect()
        };
        let before = hits(&outbox);
        let op = outbox.entries.translated(journal::format(), "node.run.7".into());
        outbox.perform(Op::Entry(op));
        assert_eq!(hits(&outbox), before);
        assert!(outbox.entries().remembered().is_empty(), "counted where they are");
        let name = "node.run.7".to_owned();
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
        (0..3).for_each(|_| outbox.acknowledge_entry(0));
        let again = outbox.replay_entries(1).unwrap();
        assert_eq!(again.iter().map(|entry| entry.number).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(outbox.entries().lost("node.run", 0).unwrap().len(), 3);
        // After two minutes they are gone.
        outbox.acknowledge_entry(RING + 1);
        outbox.add(sealed(1), &[]);
        assert!(outbox.replay_entries(1).is_none());
        assert_eq!(numbers(outbox.entries()), [("node.run.1".to_owned(), 1, 1)]);
        outbox.add(sealed(1), &[]);
        assert_eq!(numbers(outbox.entries())[1], ("node.run.1".to_owned(), 2, 1));
        let name = outbox.entries().name().clone();
        outbox.forget_entries(&name);
        assert_eq!(numbers(outbox.entries())[1], ("node.run.2".to_owned(), 2, 1));
    }
}
