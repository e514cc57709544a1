//! What waits to be delivered, per (site, day).
//!
//! Increments that were never sent are merged while the store is away, so an outage costs space
//! for distinct rows, not for its length. When a (site, day) is next to be sent, its oldest pending
//! increments are cut into numbered batches. A batch never changes after that. Acknowledged batches
//! are kept for a while, for a store that loses its last writes.
//!
//! Every change is an [`Op`]: it is recorded, then applied, and written to disk before anything it
//! led to is sent (see [`Outbox::unwritten`]). The same ops applied to an empty outbox restore it
//! after a restart. Ops are MessagePack with field names: unknown fields are ignored, missing ones
//! have defaults (`#[serde(default)]`). A released op or field keeps its name.
//!
//! Hits that all nodes count together wait here too, as [`entries`](super::entries). They cannot be
//! merged, so they are numbered at once.
//!
//! Each process numbers under names of its own, so a data directory that comes back from a backup
//! never uses a number twice.

use crate::aggregate::{Marks, Sealed};
use crate::clock::{Millis, SECOND};
use crate::delivery::{Change, Sequence};
use crate::model::site::{Day, Site};
use crate::model::{Cut, Entry, PendingIncrements};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;

/// Bytes of the buffer for ops that outlast a flush.
const UNWRITTEN: usize = 4 << 20;

/// Increments of one age take no more once they weigh the cap divided by this: a new age begins. So
/// the oldest can be dropped alone.
const PENDING: usize = 16;

/// How long a (site, day) with nothing to deliver is remembered.
const QUIET: Millis = 2 * 24 * 3_600 * SECOND;

/// A site and day.
pub type Key = (Arc<str>, Day);

pub struct Outbox {
    pub(super) node: String,
    cap: usize,
    events_cap: usize,
    queues: BTreeMap<Key, Queue>,
    /// Hits that all nodes count together.
    pub(super) entries: Sequence<Entry>,
    marks: Marks,
    /// Age of the newest pending increments.
    newest: u64,
    /// How many names to number under were made.
    epochs: u64,
    /// Ops recorded and not yet on disk. `None`: nobody writes them.
    unwritten: Option<Vec<u8>>,
}

struct Queue {
    cut: Sequence<Cut>,
    waiting: VecDeque<Waiting>,
}

/// What became of increments at once, in hits.
pub struct Taken {
    /// Delivered, because they add nothing.
    pub done: u64,
    /// Dropped to stay below the cap.
    pub dropped: u64,
}

struct Waiting {
    /// Older ones have smaller ones.
    age: u64,
    pending: PendingIncrements,
}

/// Something that happened to increments, batches and entries: today's, or those of an earlier
/// release (see [`release2`](super::release2)).
#[derive(Serialize, Deserialize)]
pub(super) enum Op<P = PendingIncrements, B = Cut, E = Entry> {
    /// Increments are added to the pending ones of this age, or are the first of it.
    Add {
        key: Key,
        age: u64,
        pending: Box<P>,
    },
    /// All increments up to here have been added.
    Sealed(Marks),
    /// What was added are the first pending increments, cut into batches.
    Batches {
        key: Key,
        change: Change<B>,
    },
    /// The pending increments of this age were dropped, or only their events.
    Dropped {
        key: Key,
        age: u64,
        events_only: bool,
    },
    Entries(Change<E>),
    /// This entry has given up its hits.
    Emptied {
        name: Arc<str>,
        number: u64,
    },
}

impl Outbox {
    /// `node` must be unique per run of a process; `cap` is in bytes; at most `events_cap` events
    /// wait with the increments of one age, the newest.
    pub fn new(node: String, cap: usize, events_cap: usize) -> Self {
        Self {
            entries: Sequence::new(node.as_str().into()),
            node,
            cap,
            events_cap,
            queues: BTreeMap::new(),
            marks: Marks::new(),
            newest: 0,
            epochs: 0,
            unwritten: None,
        }
    }

    /// What [`Outbox::new`] was told.
    pub(super) fn origin(&self) -> (&str, usize, usize) {
        (&self.node, self.cap, self.events_cap)
    }

    /// Does again what was written. False: it makes no sense.
    pub fn redo(&mut self, mut written: &[u8]) -> bool {
        while !written.is_empty() {
            let Ok(op) = rmp_serde::from_read(&mut written) else { return false };
            self.apply(op);
        }
        true
    }

    /// Has ops recorded from now on, or no longer. Those recorded so far are dropped.
    pub fn record(&mut self, on: bool) {
        self.unwritten = on.then(Vec::new);
    }

    /// Ops recorded since [`Outbox::forget_written`], to be written in one piece before anything
    /// they led to is sent.
    pub fn unwritten(&self) -> &[u8] {
        self.unwritten.as_deref().unwrap_or_default()
    }

    /// The recorded ops are on disk.
    pub fn forget_written(&mut self) {
        if let Some(unwritten) = &mut self.unwritten {
            unwritten.clear();
            unwritten.shrink_to(UNWRITTEN);
        }
    }

    /// Writes ops that make an empty outbox this one, piece by piece.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn all(&self, write: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut piece = |op: &Op| write(&rmp_serde::to_vec_named(op).map_err(io::Error::other)?);
        for (key, queue) in &self.queues {
            // As if nothing had been pending before what is on its way.
            for change in queue.cut.all() {
                piece(&Op::Batches { key: key.clone(), change })?;
            }
            for waiting in &queue.waiting {
                for pending in waiting.pending.pieces() {
                    let pending = Box::new(pending);
                    piece(&Op::Add { key: key.clone(), age: waiting.age, pending })?;
                }
            }
        }
        self.entries.all().try_for_each(|change| piece(&Op::Entries(change)))?;
        piece(&Op::Sealed(self.marks.clone()))
    }

    /// Up to where increments have been added, for [`crate::aggregate::Recovery`].
    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    /// Takes increments in.
    pub fn add(&mut self, sealed: Sealed, sites: &[Site]) -> Taken {
        let (mut done, full) = (0, self.cap / PENDING);
        for ((site, day), window) in sealed.windows {
            let key = (sites[site].name.clone(), day);
            let mut pending = PendingIncrements::from(window);
            let queue = self.queue(key.clone());
            if queue.is_idle() {
                // Its turn has come already: what is cut need not be written down before.
                pending.cap_rows(self.events_cap);
                done += self.number(&key, pending);
                continue;
            }
            let last = queue.waiting.back();
            let age = match last.filter(|waiting| waiting.pending.weight() < full) {
                Some(waiting) => waiting.age,
                None => self.newest + 1,
            };
            self.perform(Op::Add { key, age, pending: Box::new(pending) });
        }
        self.add_entries(&sealed.hits, sealed.until);
        if sealed.marks != self.marks {
            self.perform(Op::Sealed(sealed.marks));
        }
        Taken { done, dropped: self.drop_over_cap() }
    }

    fn drop_over_cap(&mut self) -> u64 {
        let mut dropped = 0;
        while self.weight() > self.cap {
            let oldest = |such: fn(&Waiting) -> bool| {
                let all =
                    self.queues.iter().flat_map(|(key, q)| q.waiting.iter().map(move |w| (key, w)));
                let oldest = all.filter(|(_, w)| such(w)).min_by_key(|(_, w)| w.age);
                oldest.map(|(key, w)| (key.clone(), w.age, w.pending.hits))
            };
            // Events first: the list forgets its oldest anyway, and counts do not come back.
            if let Some((key, age, _)) = oldest(|waiting| waiting.pending.has_rows()) {
                self.perform(Op::Dropped { key, age, events_only: true });
            } else if let Some((key, age, hits)) = oldest(|_| true) {
                dropped += hits;
                self.perform(Op::Dropped { key, age, events_only: false });
            } else if let Some((op, events)) = self.entry_to_empty() {
                dropped += events;
                self.perform(op);
            } else {
                break;
            }
        }
        dropped
    }

    fn weight(&self) -> usize {
        let pending = self.queues.values().flat_map(|q| &q.waiting).map(|w| w.pending.weight());
        let entries = self.entries.waiting().iter().map(Entry::weight);
        pending.chain(entries).sum()
    }

    /// The (site, day)s with something to deliver, oldest day first.
    pub fn keys(&self) -> Vec<Key> {
        let busy = self.queues.iter().filter(|(_, queue)| !queue.is_idle());
        let mut keys: Vec<Key> = busy.map(|(key, _)| key.clone()).collect();
        keys.sort_by_key(|(_, day)| *day);
        keys
    }

    /// Cuts the first pending increments of `key` if no batch of it is on its way. Returns how many
    /// hits that delivers already, because they add nothing.
    pub fn cut(&mut self, key: &Key) -> u64 {
        let queue = self.queues.get_mut(key).filter(|queue| queue.cut.waiting().is_empty());
        let Some(first) = queue.and_then(|queue| queue.waiting.front_mut()) else { return 0 };
        let pending = std::mem::take(&mut first.pending);
        self.number(key, pending)
    }

    /// The next name to number under.
    pub(super) fn next_name(&mut self) -> Arc<str> {
        name_after(&self.node, &mut self.epochs)
    }

    fn queue(&mut self, key: Key) -> &mut Queue {
        let Self { queues, epochs, node, .. } = self;
        queues.entry(key).or_insert_with(|| Queue {
            cut: Sequence::new(name_after(node, epochs)),
            waiting: VecDeque::new(),
        })
    }

    fn number(&mut self, key: &Key, pending: PendingIncrements) -> u64 {
        let (hits, mut empty) = (pending.hits, false);
        let change = self.queue(key.clone()).cut.number(|name, first| {
            let batches = pending.cut(&key.0, key.1, name, first);
            empty = batches.is_empty();
            batches
        });
        self.perform(Op::Batches { key: key.clone(), change });
        if empty { hits } else { 0 }
    }

    /// Batches of a (site, day).
    pub fn batches(&mut self, key: &Key) -> &Sequence<Cut> {
        &self.queue(key.clone()).cut
    }

    /// The store has the front batch of `key`. Returns how many hits that delivers.
    pub fn acknowledge(&mut self, key: &Key, at: Millis) -> u64 {
        let front = self.batches(key).waiting().front();
        let Some(hits) = front.map(|cut| cut.hits) else { return 0 };
        self.perform(Op::Batches { key: key.clone(), change: Change::Acknowledged { at } });
        hits
    }

    /// Gives up on a name of which the store has lost too much.
    pub fn begin_anew(&mut self, key: &Key, name: &Arc<str>) {
        let next = self.next_name();
        for change in self.queue(key.clone()).cut.begin_anew(name, next) {
            self.perform(Op::Batches { key: key.clone(), change });
        }
    }

    /// The (site, day)s of which something was acknowledged that can still be sent again.
    pub fn remembered(&self) -> Vec<Key> {
        let known = self.queues.iter().filter(|(_, queue)| queue.cut.heard().is_some());
        known.map(|(key, _)| key.clone()).collect()
    }

    /// Hits not yet acknowledged.
    pub fn hits(&self) -> u64 {
        let of = |q: &Queue| {
            q.cut.waiting().iter().map(|c| c.hits).sum::<u64>()
                + q.waiting.iter().map(|w| w.pending.hits).sum::<u64>()
        };
        let entries = self.entries.waiting().iter().map(|entry| entry.events);
        self.queues.values().map(of).chain(entries).sum()
    }

    /// Forgets (site, day)s that have been quiet for long.
    pub fn tidy(&mut self, now: Millis) {
        let heard = |queue: &Queue| queue.cut.heard().is_some_and(|at| now - at <= QUIET);
        self.queues.retain(|_, queue| !queue.is_idle() || heard(queue));
    }

    pub(super) fn perform(&mut self, op: Op) {
        if let Some(unwritten) = &mut self.unwritten
            && let Err(error) = rmp_serde::encode::write_named(unwritten, &op)
        {
            tracing::error!("the outbox cannot write down what it does: {error}");
        }
        self.apply(op);
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Add { key, age, pending } => {
                self.newest = self.newest.max(age);
                let cap = self.events_cap;
                let waiting = &mut self.queue(key).waiting;
                if waiting.back().is_none_or(|last| last.age != age) {
                    waiting.push_back(Waiting { age, pending: PendingIncrements::default() });
                }
                if let Some(last) = waiting.back_mut() {
                    last.pending.merge(*pending);
                    last.pending.cap_rows(cap);
                }
            }
            Op::Sealed(marks) => self.marks = marks,
            Op::Batches { key, change } => {
                let queue = self.queue(key);
                if let Change::Added(_) = change {
                    queue.waiting.pop_front();
                }
                queue.cut.apply(change);
            }
            Op::Dropped { key, age, events_only } => {
                let waiting = &mut self.queue(key).waiting;
                if events_only {
                    let pending = waiting.iter_mut().find(|w| w.age == age);
                    pending.into_iter().for_each(|w| w.pending.cap_rows(0));
                } else {
                    waiting.retain(|w| w.age != age);
                }
            }
            Op::Entries(change) => self.entries.apply(change),
            Op::Emptied { name, number } => {
                let of = |entry: &&mut Entry| entry.name == name && entry.number == number;
                self.entries.waiting_mut().iter_mut().find(of).into_iter().for_each(Entry::empty);
            }
        }
    }
}

impl Queue {
    fn is_idle(&self) -> bool {
        self.cut.waiting().is_empty() && self.waiting.is_empty()
    }
}

/// A name that only this run of a node numbers under, each time another.
fn name_after(node: &str, epochs: &mut u64) -> Arc<str> {
    *epochs += 1;
    format!("{node}.{epochs}").into()
}
