//! What waits to be delivered, per (site, day).
//!
//! Increments that were never sent may still grow: while the store is away, later windows merge
//! into waiting segments, so an outage costs memory for distinct rows and not for its length. A
//! segment is cut into numbered batches only when its turn has come; a batch, once cut, never
//! changes, whatever becomes of its answer. Acknowledged batches stay for a while in a ring, for
//! a store that loses its last moments.

use super::batch::{BATCH_MAX, Batch};
use crate::aggregate::{Window, Windows};
use crate::clock::{Millis, SECOND};
use crate::rollup;
use crate::site::{Day, Site};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// How long an acknowledged batch can be asked for again.
const RING: Millis = 120 * SECOND;

/// The cap is shared by this many segments; the oldest goes first.
const SEGMENTS: usize = 16;

/// A (site, day): index of the site, day.
pub type Key = (usize, Day);

pub struct Outbox {
    sites: Arc<Vec<Site>>,
    node: String,
    cap: usize,
    events_cap: usize,
    queues: BTreeMap<Key, Queue>,
    segments: u64,
    epochs: u64,
}

struct Queue {
    node: Arc<str>,
    /// Number of the last batch cut.
    last: u64,
    cut: VecDeque<Cut>,
    waiting: VecDeque<Segment>,
    ring: VecDeque<(Millis, Batch)>,
}

/// A batch on its way, and how many hits are delivered once it is acknowledged.
struct Cut {
    batch: Batch,
    hits: u64,
}

struct Segment {
    /// Older segments have smaller ones.
    age: u64,
    window: Window,
}

impl Outbox {
    /// `node` must be unique per run of a process; `cap` is in bytes, as estimated by
    /// [`weight`]; at most `events_cap` events wait per segment, the newest.
    pub fn new(sites: Arc<Vec<Site>>, node: String, cap: usize, events_cap: usize) -> Self {
        Self { sites, node, cap, events_cap, queues: BTreeMap::new(), segments: 0, epochs: 0 }
    }

    /// Takes windows in. Returns how many hits had to be dropped to stay below the cap.
    pub fn add(&mut self, windows: Windows) -> u64 {
        for (key, window) in windows {
            let queue = self.queues.entry(key).or_insert_with(|| {
                self.epochs += 1;
                Queue::new(format!("{}.{}", self.node, self.epochs).into())
            });
            let full = self.cap / SEGMENTS;
            let segment = match queue.waiting.back_mut() {
                Some(segment) if weight(&segment.window) < full => {
                    segment.window.merge(window);
                    segment
                }
                _ => {
                    self.segments += 1;
                    queue.waiting.push_back(Segment { age: self.segments, window });
                    let Some(segment) = queue.waiting.back_mut() else { continue };
                    segment
                }
            };
            let events = &mut segment.window.events;
            events.drain(..events.len().saturating_sub(self.events_cap));
        }
        self.drop_over_cap()
    }

    fn drop_over_cap(&mut self) -> u64 {
        let segments = self.queues.values().flat_map(|q| &q.waiting);
        let mut total: usize = segments.map(|s| weight(&s.window)).sum();
        let mut dropped = 0;
        while total > self.cap {
            // Events first: the list forgets its oldest anyway, and counts do not come back.
            let told = |s: &&mut Segment| !s.window.events.is_empty();
            let segments = self.queues.values_mut().flat_map(|q| &mut q.waiting);
            if let Some(segment) = segments.filter(told).min_by_key(|s| s.age) {
                total -= segment.window.events.len() * EVENT;
                segment.window.events = Vec::new();
                continue;
            }
            let oldest = self
                .queues
                .values_mut()
                .filter(|q| !q.waiting.is_empty())
                .min_by_key(|q| q.waiting.front().map(|s| s.age));
            let Some(segment) = oldest.and_then(|q| q.waiting.pop_front()) else { break };
            total = total.saturating_sub(weight(&segment.window));
            dropped += segment.window.hits;
        }
        dropped
    }

    /// The (site, day)s with something to deliver, oldest day first.
    pub fn keys(&self) -> Vec<Key> {
        let mut keys: Vec<Key> = self
            .queues
            .iter()
            .filter(|(_, q)| !q.cut.is_empty() || !q.waiting.is_empty())
            .map(|(key, _)| *key)
            .collect();
        keys.sort_by_key(|(site, day)| (*day, *site));
        keys
    }

    /// The next batch to send for `key`, the same until [`Outbox::acknowledge`].
    pub fn next(&mut self, key: Key) -> Option<&Batch> {
        let queue = self.queues.get_mut(&key)?;
        if queue.cut.is_empty() {
            let segment = queue.waiting.pop_front()?;
            let site = self.sites[key.0].name.clone();
            queue.cut(site, key.1, segment.window);
        }
        queue.cut.front().map(|c| &c.batch)
    }

    /// The store has the front batch of `key`. Returns how many hits that delivers.
    pub fn acknowledge(&mut self, key: Key, now: Millis) -> u64 {
        let Some(queue) = self.queues.get_mut(&key) else { return 0 };
        let Some(cut) = queue.cut.pop_front() else { return 0 };
        queue.ring.push_back((now, cut.batch));
        while queue.ring.front().is_some_and(|(at, _)| now - at > RING) {
            queue.ring.pop_front();
        }
        cut.hits
    }

    /// What to send again to a store that has this node's batches only up to `have`: all that
    /// are missing before the front batch. `None`: they are gone, and the front batch and all
    /// after it are numbered anew under another node's name, since the old one can never go on.
    pub fn replay(&mut self, key: Key, have: u64) -> Option<Vec<Batch>> {
        let queue = self.queues.get_mut(&key)?;
        let missing: Vec<Batch> =
            queue.ring.iter().map(|(_, b)| b).filter(|b| b.number > have).cloned().collect();
        let front = queue.cut.front()?.batch.number;
        let whole = missing.first().is_some_and(|b| b.number == have + 1)
            && missing.last().is_some_and(|b| b.number + 1 == front);
        if whole {
            return Some(missing);
        }
        self.epochs += 1;
        queue.node = format!("{}.{}", self.node, self.epochs).into();
        queue.ring.clear();
        queue.last = 0;
        for cut in &mut queue.cut {
            queue.last += 1;
            cut.batch.number = queue.last;
            cut.batch.node = queue.node.clone();
        }
        None
    }

    /// Hits not yet acknowledged.
    pub fn hits(&self) -> u64 {
        self.queues
            .values()
            .map(|q| {
                q.cut.iter().map(|c| c.hits).sum::<u64>()
                    + q.waiting.iter().map(|s| s.window.hits).sum::<u64>()
            })
            .sum()
    }

    /// Forgets (site, day)s that have been quiet for longer than the ring remembers.
    pub fn tidy(&mut self, now: Millis) {
        self.queues.retain(|_, q| {
            !q.cut.is_empty()
                || !q.waiting.is_empty()
                || q.ring.back().is_some_and(|(at, _)| now - at <= 2 * 24 * 3600 * SECOND)
        });
    }
}

impl Queue {
    fn new(node: Arc<str>) -> Self {
        Self {
            node,
            last: 0,
            cut: VecDeque::new(),
            waiting: VecDeque::new(),
            ring: VecDeque::new(),
        }
    }

    /// Cuts a window into batches; the last one carries its hits.
    fn cut(&mut self, site: Arc<str>, day: Day, window: Window) {
        let mut fields: Vec<(String, i64)> = window
            .rows
            .iter()
            .flat_map(|((dimension, value), row)| {
                row.counts().map(|(metric, n)| (rollup::field(*dimension, value, metric), n))
            })
            .collect();
        fields.sort_unstable();
        let mut fields = fields.into_iter();
        let mut visitors = window.visitors.into_iter();
        let mut confirmed = window.confirmed.into_iter();
        let mut events = window.events.iter().map(|e| serde_json::to_string(e).unwrap_or_default());
        loop {
            let batch = Batch {
                site: site.clone(),
                day,
                node: self.node.clone(),
                number: self.last + 1,
                fields: fields.by_ref().take(BATCH_MAX).collect(),
                visitors: visitors.by_ref().take(BATCH_MAX).collect(),
                confirmed: confirmed.by_ref().take(BATCH_MAX).collect(),
                events: events.by_ref().take(BATCH_MAX).collect(),
            };
            if batch.is_empty() {
                break;
            }
            self.last += 1;
            self.cut.push_back(Cut { batch, hits: 0 });
        }
        if let Some(last) = self.cut.back_mut() {
            last.hits = window.hits;
        }
    }
}

/// About how many bytes an event holds in memory, with what it has added.
const EVENT: usize = 600;

/// About how many bytes a window holds in memory.
fn weight(window: &Window) -> usize {
    window.rows.len() * 240
        + (window.visitors.len() + window.confirmed.len()) * 16
        + window.events.len() * EVENT
}
