//! The one protocol by which anything is delivered: numbered, in order, exactly once.
//!
//! Who delivers keeps a [`Sequence`]: what waits, under a name and numbers without gaps, and for a
//! while what was acknowledged. Who receives keeps the number of the last one it has of each name:
//! it takes the next, and answers `Before` to what it has and `Gap` to what comes too early. So a
//! lost answer, a retry or a restart counts nothing twice, and a store that lost its last moments
//! is sent them again. What it lost and nobody has any more is given up: what follows goes on under
//! another name ([`Delivery::begin_anew`]).
//!
//! Batches of the flush, hits on their way into the shared log, and batches of those who count for
//! all nodes are all delivered like this.

use crate::clock::{Millis, SECOND};
use crate::model::{Cut, Entry};
use crate::store::{Applied, Result, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::sync::Arc;

/// How long something acknowledged can be asked for again.
pub const RING: Millis = 120 * SECOND;

/// What is delivered under a number, and never changes under it.
pub trait Numbered: Clone {
    /// Weight of acknowledged ones that are kept.
    const RING_WEIGHT: usize;

    /// Its name and number.
    fn id(&self) -> (&Arc<str>, u64);

    fn renumber(&mut self, name: Arc<str>, number: u64);

    /// Bytes that it takes, as far as they can be saved.
    fn weight(&self) -> usize;

    /// Gives up what a store that has lost it can do without. False: it is whole or nothing.
    fn lighten(&mut self) -> bool {
        false
    }
}

/// What waits to be delivered in order, and what was acknowledged lately.
pub struct Sequence<T> {
    /// The name this process numbers under, and its last number. What an earlier process left is
    /// numbered under names of its own.
    own: (Arc<str>, u64),
    waiting: VecDeque<T>,
    ring: VecDeque<(Millis, T)>,
}

/// Something that happened to a sequence.
#[derive(Serialize, Deserialize)]
pub enum Change<T> {
    Added(Vec<T>),
    /// The first one was acknowledged.
    Acknowledged {
        at: Millis,
    },
    /// All that waits is now this.
    Renumbered(Vec<T>),
    /// Acknowledged ones of this name are of no use any more.
    Forgotten {
        name: Arc<str>,
    },
    /// One was acknowledged; for a sequence that is written down from its beginning.
    Remembered {
        at: Millis,
        item: T,
    },
}

impl<T: Numbered> Sequence<T> {
    /// `name` has to be of its own.
    pub fn new(name: Arc<str>) -> Self {
        Self { own: (name, 0), waiting: VecDeque::new(), ring: VecDeque::new() }
    }

    /// Under which this process numbers.
    pub fn name(&self) -> &Arc<str> {
        &self.own.0
    }

    /// What waits, the next to send first. It stays the first until it is acknowledged.
    pub fn waiting(&self) -> &VecDeque<T> {
        &self.waiting
    }

    /// The same, for its owner to change what was never sent.
    pub fn waiting_mut(&mut self) -> &mut VecDeque<T> {
        &mut self.waiting
    }

    /// What was acknowledged, oldest first.
    pub fn acknowledged(&self) -> impl Iterator<Item = &T> {
        self.ring.iter().map(|(_, item)| item)
    }

    /// When something was last acknowledged, of what is still known.
    pub fn heard(&self) -> Option<Millis> {
        self.ring.back().map(|(at, _)| *at)
    }

    /// Names of acknowledged ones, each with the number of the last.
    pub fn remembered(&self) -> BTreeMap<Arc<str>, u64> {
        self.acknowledged().map(Numbered::id).map(|(name, n)| (name.clone(), n)).collect()
    }

    /// Numbers what `make` makes of a name and the first number.
    pub fn number(&mut self, make: impl FnOnce(&Arc<str>, u64) -> Vec<T>) -> Change<T> {
        let (name, last) = &mut self.own;
        let items = make(name, *last + 1);
        *last += items.len() as u64;
        Change::Added(items)
    }

    /// What a store lacks that has those of `name` up to `have`. `None`: it is not all there.
    pub fn missing(&self, name: &str, have: u64) -> Option<Vec<T>> {
        let lacks = |item: &&T| **item.id().0 == *name && item.id().1 > have;
        let missing: Vec<T> = self.acknowledged().filter(lacks).cloned().collect();
        missing.first().is_some_and(|item| item.id().1 == have + 1).then_some(missing)
    }

    /// Gives up on a name; what would follow under it goes on under `next`.
    pub fn begin_anew(&mut self, name: &Arc<str>, next: Arc<str>) -> Vec<Change<T>> {
        let goes_on = self.own.0 == *name || self.waiting.iter().any(|item| item.id().0 == name);
        let forgotten = Change::Forgotten { name: name.clone() };
        [forgotten].into_iter().chain(goes_on.then(|| self.renumbered(next))).collect()
    }

    /// What waits, under another name, as what comes next will be.
    pub fn renumbered(&mut self, name: Arc<str>) -> Change<T> {
        let mut items: Vec<T> = self.waiting.iter().cloned().collect();
        for (number, item) in (1..).zip(&mut items) {
            item.renumber(name.clone(), number);
        }
        self.own = (name, items.len() as u64);
        Change::Renumbered(items)
    }

    /// Changes that make this sequence of an empty one.
    pub fn all(&self) -> impl Iterator<Item = Change<T>> {
        let ring = self.ring.iter();
        let ring = ring.map(|(at, item)| Change::Remembered { at: *at, item: item.clone() });
        ring.chain(self.waiting.iter().map(|item| Change::Added(vec![item.clone()])))
    }

    pub fn apply(&mut self, change: Change<T>) {
        match change {
            Change::Added(items) => self.waiting.extend(items),
            Change::Acknowledged { at } => {
                self.ring.extend(self.waiting.pop_front().map(|item| (at, item)));
                self.thin_ring(at);
            }
            Change::Renumbered(items) => self.waiting = items.into(),
            Change::Forgotten { name } => self.ring.retain(|(_, item)| *item.id().0 != name),
            Change::Remembered { at, item } => self.ring.push_back((at, item)),
        }
    }

    /// Only when there is news: while nothing is said to the store, nobody learns that it lost
    /// something.
    fn thin_ring(&mut self, now: Millis) {
        while self.ring.front().is_some_and(|(then, _)| now - then > RING) {
            self.ring.pop_front();
        }
        let mut room = T::RING_WEIGHT;
        for place in (0..self.ring.len()).rev() {
            let item = &mut self.ring[place].1;
            if item.weight() > room && !item.lighten() {
                self.ring.drain(..=place);
                return;
            }
            room -= self.ring[place].1.weight();
        }
    }
}

/// A sequence on its way to a store.
pub trait Delivery {
    type Item: Numbered;

    fn sequence(&mut self) -> &Sequence<Self::Item>;

    /// Sends the first ones that wait, and says what became of each; none: nothing waits.
    async fn send_next(&mut self) -> Result<Vec<Applied>>;

    /// Sends one that was acknowledged before.
    async fn send_again(&mut self, item: &Self::Item) -> Result<()>;

    /// The number of the last one of a name that the store has.
    async fn marker(&mut self, name: &str) -> Result<u64>;

    /// The store has the first one that waits.
    fn acknowledge(&mut self);

    /// The store has lost what came after `have` under `name`, and nobody has it any more: what
    /// follows goes on under another name.
    async fn begin_anew(&mut self, name: &Arc<str>, have: u64) -> Result<()>;

    /// The store's address, and what is delivered, for messages.
    fn words(&self) -> (String, String);

    /// Delivers all that waits, in order.
    async fn deliver(&mut self) -> Result<()> {
        let mut filled = false;
        loop {
            let applied = self.send_next().await?;
            if applied.is_empty() {
                return Ok(());
            }
            for applied in applied {
                match applied {
                    Applied::Now | Applied::Before => self.acknowledge(),
                    // A store that says so of what it was just sent again is broken.
                    Applied::Gap { .. } if mem::replace(&mut filled, true) => {
                        let (store, what) = self.words();
                        let reason = format!("it forgets {what} as soon as it is given them");
                        return Err(StoreError::Refused { store, reason });
                    }
                    Applied::Gap { have } => {
                        let first = self.sequence().waiting().front();
                        let Some(name) = first.map(|item| item.id().0.clone()) else { break };
                        self.fill(&name, have).await?;
                        // Those behind it have the same gap before them.
                        break;
                    }
                }
            }
        }
    }

    /// After a reconnect the store may have lost its last moments: sends again what it has not got.
    async fn make_whole(&mut self) -> Result<()> {
        for (name, last) in self.sequence().remembered() {
            let have = self.marker(&name).await?;
            if have < last {
                self.fill(&name, have).await?;
            }
        }
        Ok(())
    }

    /// The store has those of a name only up to `have`.
    async fn fill(&mut self, name: &Arc<str>, have: u64) -> Result<()> {
        let Some(missing) = self.sequence().missing(name, have) else {
            return self.begin_anew(name, have).await;
        };
        let ((store, what), count) = (self.words(), missing.len());
        tracing::warn!("{store} lost the last {count} {what}; sending them again");
        for item in &missing {
            self.send_again(item).await?;
        }
        Ok(())
    }
}

impl Numbered for Cut {
    /// Of event rows: older batches keep their counts.
    const RING_WEIGHT: usize = 4 << 20;

    fn id(&self) -> (&Arc<str>, u64) {
        (&self.batch.node, self.batch.number)
    }

    fn renumber(&mut self, name: Arc<str>, number: u64) {
        (self.batch.node, self.batch.number) = (name, number);
    }

    fn weight(&self) -> usize {
        self.batch.rows_size()
    }

    fn lighten(&mut self) -> bool {
        (self.batch.people, self.batch.others) = Default::default();
        true
    }
}

impl Numbered for Entry {
    const RING_WEIGHT: usize = 16 << 20;

    fn id(&self) -> (&Arc<str>, u64) {
        (&self.name, self.number)
    }

    fn renumber(&mut self, name: Arc<str>, number: u64) {
        (self.name, self.number) = (name, number);
    }

    fn weight(&self) -> usize {
        Entry::weight(self)
    }
}
