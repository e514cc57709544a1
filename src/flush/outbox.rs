//! What waits to be delivered, per (site, day).
//!
//! Increments that were never sent may still grow: while the store is away, later ones merge into
//! pending ones, so an outage costs space for distinct rows and not for its length. They are
//! cut into numbered batches only when its turn has come; a batch, once cut, never changes,
//! whatever becomes of its answer. Acknowledged batches stay for a while in a ring, for a store
//! that loses its last moments.
//!
//! All that happens is an [`Op`], first written down (see [`Outbox::unwritten`]), then done. Whoever
//! does the written ops again has the same outbox, which is how one is opened after a restart.
//! Batches are written with all they hold, and every field with its name (MessagePack), so a later
//! version sends them as they were cut: what it does not know it passes over, and what it knows beyond
//! has a default (`#[serde(default)]`). An op or a field that was once released keeps its name.
//!
//! Hits that all nodes count together wait here too, as [`entries`](super::entries): they do not add
//! up, so they are numbered when they come.
//!
//! Numbers begin anew with every process, under a name of its own: a data directory that comes
//! back from a backup can never use a number twice.

use super::entries::{Entries, EntryOp};
use crate::aggregate::{Marks, Sealed};
use crate::clock::{Millis, SECOND};
use crate::model::site::{Day, Site};
use crate::model::{Batch, Cut, PendingIncrements};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;

/// How long an acknowledged batch can be asked for again.
pub const RING: Millis = 120 * SECOND;

/// Bytes of event rows that acknowledged batches of a (site, day) are kept with; older ones keep their
/// counts.
const RING_ROWS: usize = 4 << 20;

/// Bytes of the buffer for ops that outlast a flush.
const UNWRITTEN: usize = 4 << 20;

/// Batches that are sent at once to a store that takes several.
const AT_ONCE: usize = 64;

/// The cap is shared by this many pending increments; the oldest go first.
const PENDING: usize = 16;

/// How long a (site, day) without anything to say is remembered.
const QUIET: Millis = 2 * 24 * 3_600 * SECOND;

/// A site and day.
pub type Key = (Arc<str>, Day);

pub struct Outbox {
    node: String,
    cap: usize,
    events_cap: usize,
    queues: BTreeMap<Key, Queue>,
    pub(super) entries: Entries,
    marks: Marks,
    /// Age of the newest pending increments.
    newest: u64,
    epochs: u64,
    /// Ops done and not yet written down. `None`: nobody writes them.
    unwritten: Option<Vec<u8>>,
}

#[derive(Default)]
struct Queue {
    /// The name this process numbers under, and the number of the last batch it cut.
    name: Option<(Arc<str>, u64)>,
    cut: VecDeque<Cut>,
    waiting: VecDeque<Waiting>,
    ring: VecDeque<(Millis, Batch)>,
    /// When something was last acknowledged.
    heard: Millis,
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

/// Something that happened.
#[derive(Serialize, Deserialize)]
pub(super) enum Op {
    /// Increments are added to the pending ones of this age, or are the first of it.
    Add {
        key: Key,
        age: u64,
        pending: Box<PendingIncrements>,
    },
    /// All increments up to here have been added.
    Sealed(Marks),
    /// The first pending increments were cut into these.
    Cut {
        key: Key,
        batches: Vec<Cut>,
    },
    /// The first batch on its way was acknowledged.
    Acknowledged {
        key: Key,
        at: Millis,
    },
    /// The batches on their way were numbered anew, and the ring is of no use any more.
    Renumbered {
        key: Key,
        batches: Vec<Cut>,
    },
    /// The pending increments of this age were dropped, or only their events.
    Dropped {
        key: Key,
        age: u64,
        events_only: bool,
    },
    /// A batch was acknowledged; for a log that begins anew.
    Remembered {
        key: Key,
        at: Millis,
        batch: Batch,
    },
    /// Acknowledged batches of this name are of no use any more.
    Forgotten {
        key: Key,
        name: Arc<str>,
    },
    Entry(EntryOp),
}

impl Outbox {
    /// `node` must be unique per run of a process; `cap` is in bytes; at most `events_cap` events
    /// wait with the increments of one age, the newest.
    pub fn new(node: String, cap: usize, events_cap: usize) -> Self {
        Self {
            entries: Entries::new(&node),
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

    /// From now on ops are to be written down, or no longer.
    pub fn write(&mut self, on: bool) {
        self.unwritten = on.then(Vec::new);
    }

    /// Ops done since [`Outbox::is_written`], to be written in one piece before anything they led
    /// to is sent.
    pub fn unwritten(&self) -> &[u8] {
        self.unwritten.as_deref().unwrap_or_default()
    }

    /// What was done is on disk.
    pub fn is_written(&mut self) {
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
            for (at, batch) in &queue.ring {
                let (key, at, batch) = (key.clone(), *at, batch.clone());
                piece(&Op::Remembered { key, at, batch })?;
            }
            // As if nothing had been pending before what is on its way.
            if !queue.cut.is_empty() {
                let batches = queue.cut.iter().cloned().collect();
                piece(&Op::Cut { key: key.clone(), batches })?;
            }
            for waiting in &queue.waiting {
                for pending in waiting.pending.pieces() {
                    let pending = Box::new(pending);
                    piece(&Op::Add { key: key.clone(), age: waiting.age, pending })?;
                }
            }
        }
        self.entries.all(&mut |op| piece(&Op::Entry(op)))?;
        piece(&Op::Sealed(self.marks.clone()))
    }

    /// Up to where increments have been added, for [`crate::aggregate::Recovery`].
    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    /// Takes increments in.
    pub fn add(&mut self, sealed: Sealed, sites: &[Site]) -> Taken {
        let mut done = 0;
        for ((site, day), window) in sealed.windows {
            let key = (sites[site].name.clone(), day);
            let mut pending = PendingIncrements::from(window);
            let queue = self.queues.entry(key.clone()).or_default();
            if queue.cut.is_empty() && queue.waiting.is_empty() {
                // Its turn has come already: what is cut need not be written down before.
                pending.cap_rows(self.events_cap);
                done += self.number(&key, pending);
                continue;
            }
            let full = self.cap / PENDING;
            let last = queue.waiting.back();
            let age = match last.filter(|waiting| waiting.pending.weight() < full) {
                Some(waiting) => waiting.age,
                None => self.newest + 1,
            };
            self.perform(Op::Add { key, age, pending: Box::new(pending) });
        }
        for op in self.entries.add(&sealed.hits, sealed.until) {
            self.perform(Op::Entry(op));
        }
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
            } else if let Some((op, events)) = self.entries.give_way() {
                dropped += events;
                self.perform(Op::Entry(op));
            } else {
                break;
            }
        }
        dropped
    }

    fn weight(&self) -> usize {
        let pending = self.queues.values().flat_map(|q| &q.waiting).map(|w| w.pending.weight());
        pending.sum::<usize>() + self.entries.weight()
    }

    /// The (site, day)s with something to deliver, oldest day first.
    pub fn keys(&self) -> Vec<Key> {
        let busy = self.queues.iter().filter(|(_, q)| !q.cut.is_empty() || !q.waiting.is_empty());
        let mut keys: Vec<Key> = busy.map(|(key, _)| key.clone()).collect();
        keys.sort_by_key(|(_, day)| *day);
        keys
    }

    /// Cuts the first pending increments of `key` if no batch of it is on its way. Returns how many hits that
    /// delivers already, because they add nothing.
    pub fn cut(&mut self, key: &Key) -> u64 {
        let Some(queue) = self.queues.get_mut(key).filter(|q| q.cut.is_empty()) else { return 0 };
        let Some(first) = queue.waiting.front_mut() else { return 0 };
        let pending = std::mem::take(&mut first.pending);
        self.number(key, pending)
    }

    /// Another name to number under.
    pub(super) fn next_name(&mut self) -> Arc<str> {
        self.epochs += 1;
        format!("{}.{}", self.node, self.epochs).into()
    }

    fn number(&mut self, key: &Key, pending: PendingIncrements) -> u64 {
        let hits = pending.hits;
        let epochs = &mut self.epochs;
        let queue = self.queues.entry(key.clone()).or_default();
        let (name, last) = queue.name.get_or_insert_with(|| {
            *epochs += 1;
            (format!("{}.{epochs}", self.node).into(), 0)
        });
        let batches = pending.cut(&key.0, key.1, name, *last + 1);
        *last += batches.len() as u64;
        let done = if batches.is_empty() { hits } else { 0 };
        self.perform(Op::Cut { key: key.clone(), batches });
        done
    }

    /// The next batches to send for `key`, the same until [`Outbox::acknowledge`]; not all if there
    /// are very many.
    pub fn next(&self, key: &Key) -> Vec<&Batch> {
        let cut = self.queues.get(key).into_iter().flat_map(|queue| &queue.cut);
        cut.take(AT_ONCE).map(|cut| &cut.batch).collect()
    }

    /// The store has the front batch of `key`. Returns how many hits that delivers.
    pub fn acknowledge(&mut self, key: &Key, at: Millis) -> u64 {
        let front = self.queues.get(key).and_then(|queue| queue.cut.front());
        let Some(hits) = front.map(|cut| cut.hits) else { return 0 };
        self.perform(Op::Acknowledged { key: key.clone(), at });
        hits
    }

    /// What to send again to a store that has the batches of the front one's name only up to
    /// `have`: all that are missing before it. `None`: they are gone, and the front batch and all
    /// after it are numbered anew under another name, since the old one can never go on.
    pub fn replay(&mut self, key: &Key, have: u64) -> Option<Vec<Batch>> {
        let queue = self.queues.get_mut(key)?;
        let front = queue.cut.front()?.batch.clone();
        let missing = queue.since(&front.node, have);
        let whole = missing.first().is_some_and(|b| b.number == have + 1)
            && missing.last().is_some_and(|b| b.number + 1 == front.number);
        if whole {
            return Some(missing);
        }
        let mut batches: Vec<Cut> = queue.cut.iter().cloned().collect();
        let name = self.next_name();
        for (number, cut) in (1..).zip(&mut batches) {
            (cut.batch.node, cut.batch.number) = (name.clone(), number);
        }
        let queue = self.queues.entry(key.clone()).or_default();
        queue.name = Some((name, batches.len() as u64));
        self.perform(Op::Renumbered { key: key.clone(), batches });
        None
    }

    /// Names under which `key` has acknowledged batches that can still be sent again, each with the
    /// number of the last.
    pub fn remembered(&self) -> Vec<(Key, Arc<str>, u64)> {
        let mut names = Vec::new();
        for (key, queue) in &self.queues {
            let mut last: BTreeMap<&Arc<str>, u64> = BTreeMap::new();
            for (_, batch) in &queue.ring {
                last.insert(&batch.node, batch.number);
            }
            names.extend(last.into_iter().map(|(name, n)| (key.clone(), name.clone(), n)));
        }
        names
    }

    /// Acknowledged batches of `name` after number `have`, if they begin right after it.
    pub fn lost(&self, key: &Key, name: &str, have: u64) -> Option<Vec<Batch>> {
        let missing = self.queues.get(key)?.since(name, have);
        missing.first().is_some_and(|b| b.number == have + 1).then_some(missing)
    }

    /// Gives up on acknowledged batches of a name that the store has lost too much of; what comes
    /// next goes under another.
    pub fn forget(&mut self, key: &Key, name: &Arc<str>) {
        if let Some(queue) = self.queues.get_mut(key)
            && queue.cut.is_empty()
            && queue.name.as_ref().is_some_and(|(own, _)| own == name)
        {
            queue.name = None;
        }
        self.perform(Op::Forgotten { key: key.clone(), name: name.clone() });
    }

    /// Hits not yet acknowledged.
    pub fn hits(&self) -> u64 {
        let of = |q: &Queue| {
            q.cut.iter().map(|c| c.hits).sum::<u64>()
                + q.waiting.iter().map(|w| w.pending.hits).sum::<u64>()
        };
        self.queues.values().map(of).sum::<u64>() + self.entries.events()
    }

    /// Forgets (site, day)s that have been quiet for long.
    pub fn tidy(&mut self, now: Millis) {
        self.queues.retain(|_, queue| {
            !queue.cut.is_empty() || !queue.waiting.is_empty() || now - queue.heard <= QUIET
        });
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
                let waiting = &mut self.queues.entry(key).or_default().waiting;
                if waiting.back().is_none_or(|last| last.age != age) {
                    waiting.push_back(Waiting { age, pending: PendingIncrements::default() });
                }
                if let Some(last) = waiting.back_mut() {
                    last.pending.merge(*pending);
                    last.pending.cap_rows(self.events_cap);
                }
            }
            Op::Sealed(marks) => self.marks = marks,
            Op::Cut { key, batches } => {
                let queue = self.queues.entry(key).or_default();
                queue.waiting.pop_front();
                queue.cut.extend(batches);
            }
            Op::Acknowledged { key, at } => {
                let queue = self.queues.entry(key).or_default();
                queue.heard = at;
                queue.ring.extend(queue.cut.pop_front().map(|cut| (at, cut.batch)));
                queue.thin_ring();
                // Only when there is news: while nothing is said to the store, nobody learns that
                // it lost something.
                while queue.ring.front().is_some_and(|(then, _)| at - then > RING) {
                    queue.ring.pop_front();
                }
            }
            Op::Renumbered { key, batches } => {
                let queue = self.queues.entry(key).or_default();
                queue.ring.clear();
                queue.cut = batches.into();
            }
            Op::Dropped { key, age, events_only } => {
                let waiting = &mut self.queues.entry(key).or_default().waiting;
                if events_only {
                    let pending = waiting.iter_mut().find(|w| w.age == age);
                    pending.into_iter().for_each(|w| w.pending.cap_rows(0));
                } else {
                    waiting.retain(|w| w.age != age);
                }
            }
            Op::Forgotten { key, name } => {
                let queue = self.queues.entry(key).or_default();
                queue.ring.retain(|(_, batch)| batch.node != name);
            }
            Op::Remembered { key, at, batch } => {
                let queue = self.queues.entry(key).or_default();
                queue.heard = at;
                queue.ring.push_back((at, batch));
            }
            Op::Entry(op) => self.entries.apply(op),
        }
    }
}

impl Queue {
    /// Lets go of rows of acknowledged batches, the oldest first.
    fn thin_ring(&mut self) {
        let mut room = RING_ROWS;
        for (_, batch) in self.ring.iter_mut().rev() {
            if batch.rows_size() > room {
                (batch.people, batch.others) = Default::default();
            }
            room -= batch.rows_size();
        }
    }

    /// Acknowledged batches of a name after number `have`.
    fn since(&self, name: &str, have: u64) -> Vec<Batch> {
        let batches = self.ring.iter().map(|(_, batch)| batch);
        batches.filter(|b| *b.node == *name && b.number > have).cloned().collect()
    }
}
