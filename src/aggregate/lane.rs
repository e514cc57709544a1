//! A lane: a shard and the queue of hits it is given, and how it is made anew from the journal.
//!
//! What a hit changes in a shard is all or nothing. To note how it was before each hit would cost
//! every page; so a hit that panics in the middle is taken out of the journal instead, and the
//! shard is made anew from there: restart is replay, also without a restart.

use super::happened::{LiveEvent, Watchers};
use super::queue::Queue;
use super::shard::Shard;
use crate::clock::Micros;
use crate::journal::{self, Journal, Kept, Record, Recovered};
use crate::model::site::Site;
use crate::model::{Arrived, Hit, Windows};
use crate::telemetry::{DropReason, Telemetry};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How often a shard is made anew between two seals, and how often a replay begins again: where
/// every hit panics, counting must not stand still for it. Beyond, half of a hit may stay.
const ANEW_MAX: u32 = 16;

/// A hit as it is written down: what one thread makes and another lets go costs both of them.
pub enum Written {
    Down(Kept),
    /// Only here, for there is no journal.
    Here(Box<[u8]>),
}

impl Written {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Down(kept) => kept.bytes(),
            Self::Here(bytes) => bytes,
        }
    }

    /// It is not to be counted, now or after a restart.
    fn void(&self) {
        if let Self::Down(kept) = self {
            kept.void();
        }
    }
}

/// What all lanes of an engine use.
pub struct Around {
    pub journal: Option<Arc<Journal>>,
    pub sites: Arc<Vec<Site>>,
    pub telemetry: Arc<Telemetry>,
    pub live: Watchers,
}

pub struct Lane {
    index: usize,
    pub queue: Queue<Written>,
    owned: Mutex<Owned>,
    around: Arc<Around>,
}

/// What the thread at work on a lane has to itself.
pub struct Owned {
    pub shard: Shard,
    /// What an earlier process wrote down, until the shard is made of it.
    left: Option<Left>,
    /// Hits since the last seal, where they are counted elsewhere.
    taken: Option<Vec<Arrived>>,
    /// Up to which ticket increments were taken.
    sealed: u64,
    /// False while the shard is changed: who finds it so comes after a panic.
    whole: bool,
    /// How often it was made anew since the last seal.
    anew: u32,
}

/// What a shard goes on from.
struct Left {
    found: Recovered,
    /// Increments of hits before this ticket are sealed already.
    mark: u64,
    /// Hits from there on: added to `unflushed` until the replay has counted their events.
    said: i64,
}

impl Owned {
    /// `share`: hits are counted elsewhere.
    pub fn new(shard: Shard, share: bool) -> Self {
        Self { shard, left: None, taken: share.then(Vec::new), sealed: 0, whole: true, anew: 0 }
    }

    /// Of a lane of which an earlier process has written this down; increments of hits before
    /// ticket `mark` are sealed already.
    pub fn left(shard: Shard, found: Recovered, mark: u64, around: &Around, share: bool) -> Self {
        let said = found.hits_from(mark) as i64;
        around.telemetry.unflushed.fetch_add(said, Ordering::Relaxed);
        Self { left: Some(Left { found, mark, said }), ..Self::new(shard, share) }
    }

    /// From now on, hits are to be counted elsewhere.
    pub fn share(&mut self) {
        self.taken = Some(Vec::new());
    }

    /// Makes the shard anew of what was written down of hits before ticket `below`. Increments of
    /// those before `mark` are sealed already. Gives back how many events of the others could not
    /// be counted.
    pub fn replay(
        &mut self,
        mut found: Recovered,
        mark: u64,
        below: u64,
        telemetry: &Telemetry,
    ) -> u64 {
        if let Some(taken) = &mut self.taken {
            let hits = found.hits().filter(|(ticket, ..)| (mark..below).contains(ticket));
            *taken = hits.map(|(_, record)| arrived(record.came, record.hit)).collect();
        }
        (self.sealed, self.whole) = (mark, false);
        let mut lost = 0;
        for pass in 1.. {
            self.shard = self.shard.anew();
            if let Some((_, state)) = found.state()
                && !self.shard.restore(state)
            {
                tracing::warn!(
                    "a shard's state was written by another version; visitors count anew"
                );
            }
            // Where the shard counts nothing, half of a hit does no harm.
            let all_the_same = pass >= ANEW_MAX || self.taken.is_some();
            let Some(panicked) = self.replay_once(&found, mark, below, all_the_same) else { break };
            telemetry.dropped(DropReason::Panic).inc();
            lost += u64::from(panicked.is_event && panicked.ticket >= mark);
            found.void(panicked.ticket);
        }
        self.whole = true;
        lost
    }

    fn replay_once(
        &mut self,
        found: &Recovered,
        mark: u64,
        below: u64,
        all_the_same: bool,
    ) -> Option<Panicked> {
        let mut sealed = false;
        for (ticket, Record { hit, .. }) in found.hits().take_while(|(ticket, ..)| *ticket < below)
        {
            if !sealed && ticket >= mark {
                sealed = true;
                self.shard.seal();
            }
            let is_event = hit.what.is_event();
            let applied = catch_unwind(AssertUnwindSafe(|| self.shard.apply(hit)));
            if applied.is_err() && !all_the_same {
                return Some(Panicked { ticket, is_event });
            }
        }
        if !sealed {
            self.shard.seal();
        }
        None
    }
}

struct Panicked {
    ticket: u64,
    is_event: bool,
}

impl Lane {
    /// With a queue of `size` hits, whose tickets begin with `first`.
    pub fn new(index: usize, size: usize, first: u64, owned: Owned, around: Arc<Around>) -> Self {
        Self { index, queue: Queue::new(size, first), owned: Mutex::new(owned), around }
    }

    /// Whoever comes first waits until the shard is made of what an earlier process left.
    pub fn lock(&self) -> MutexGuard<'_, Owned> {
        let mut owned = self.owned.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Left { found, mark, said }) = owned.left.take() {
            let below = found.next_ticket();
            owned.replay(found, mark, below, &self.around.telemetry);
            let more = owned.shard.unsealed() as i64 - said;
            self.around.telemetry.unflushed.fetch_add(more, Ordering::Relaxed);
        }
        owned
    }

    /// Whether nobody has to wait for that any more.
    #[cfg(test)]
    pub fn is_begun(&self) -> bool {
        self.owned.try_lock().is_ok_and(|owned| owned.left.is_none())
    }

    pub fn drain(&self) {
        let mut owned = self.lock();
        if !self.queue.is_empty() {
            self.drain_into(&mut owned);
        }
    }

    /// The shard stays locked while hits are taken from the queue, so that they are applied in
    /// order also when the flusher drains at the same time.
    pub fn drain_into(&self, owned: &mut Owned) {
        if !owned.whole {
            self.make_anew(owned, self.queue.read());
        }
        owned.whole = false;
        while let Some((ticket, written)) = self.queue.pop() {
            let Some(record) = journal::decode(written.bytes()) else {
                self.around.telemetry.dropped(DropReason::Panic).inc();
                self.around.telemetry.unflushed.fetch_sub(1, Ordering::Relaxed);
                continue;
            };
            if let Some(event) = self.apply(owned, ticket, &written, record) {
                self.around.live.tell(&self.around.sites, event);
            }
        }
        owned.whole = true;
    }

    /// Counts a hit. What it turned out to be, if there is something to tell.
    fn apply(
        &self,
        owned: &mut Owned,
        ticket: u64,
        written: &Written,
        record: Record,
    ) -> Option<LiveEvent> {
        let Record { hit, came, .. } = record;
        let events = i64::from(hit.what.is_event());
        if let Some(taken) = &mut owned.taken {
            taken.push(arrived(came, hit.clone()));
        }
        match catch_unwind(AssertUnwindSafe(|| owned.shard.apply(hit))) {
            Ok(outcome) => {
                if outcome.pageview {
                    self.around.telemetry.pageviews.inc();
                }
                outcome.event
            }
            Err(_) => {
                // Unless it still waits to be counted elsewhere.
                if owned.taken.is_none() {
                    self.around.telemetry.dropped(DropReason::Panic).inc();
                    self.around.telemetry.unflushed.fetch_sub(events, Ordering::Relaxed);
                    written.void();
                    self.make_anew(owned, ticket);
                }
                None
            }
        }
    }

    /// Makes the shard anew, as of all hits before ticket `below`. Where the journal does not have
    /// them all it stays as it is.
    fn make_anew(&self, owned: &mut Owned, below: u64) {
        owned.anew += 1;
        let found = (owned.anew <= ANEW_MAX).then(|| self.read_again()).flatten();
        let Some(found) = found else {
            tracing::error!("a hit could not be counted, and half of it may have been");
            return;
        };
        let lost = owned.replay(found, owned.sealed, below, &self.around.telemetry);
        self.around.telemetry.unflushed.fetch_sub(lost as i64, Ordering::Relaxed);
    }

    /// What the journal has of this lane. `None`: not all.
    pub fn read_again(&self) -> Option<Recovered> {
        self.around.journal.as_ref()?.read_again(self.index)
    }

    /// Increments of hits from ticket `mark` on are to be sealed once more: so many more events.
    pub fn go_back(&self, owned: &mut Owned, found: Recovered, mark: u64) -> i64 {
        let before = owned.shard.unsealed();
        owned.replay(found, mark, self.queue.read(), &self.around.telemetry);
        owned.shard.unsealed() as i64 - before as i64
    }

    /// Applies what is queued and takes the increments since the last call, the hits where they are
    /// counted elsewhere, and up to which ticket these go.
    pub fn seal(&self) -> (Windows, Vec<Arrived>, u64) {
        let mut owned = self.lock();
        self.drain_into(&mut owned);
        owned.whole = false;
        let applied = self.queue.read();
        let windows = owned.shard.seal();
        let (mut hits, mut counted) = (Vec::new(), windows);
        if let Some(taken) = &mut owned.taken {
            (hits, counted) = (std::mem::take(taken), Windows::default());
        }
        (owned.sealed, owned.anew, owned.whole) = (applied, 0, true);
        if let Some(journal) = &self.around.journal {
            let next = self.queue.next();
            journal.offer(self.index, applied, next, |to| owned.shard.save(to));
        }
        (counted, hits, applied)
    }
}

fn arrived(came: Option<Micros>, hit: Hit) -> Arrived {
    // Written down by a process that counted for itself: by its own time, about then.
    let at = came.unwrap_or(hit.at * 1_000);
    Arrived { at, hit }
}
