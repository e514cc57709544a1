//! From hits to event rows, and from rows to increments: sessions, merged views, roll-ups. No I/O
//! at all.
//!
//! One shard owns a visitor, so threads that serve requests share nothing but a [`queue`] they
//! never wait for: [`Engine::push`] is a few atomic operations, a copy into the journal, and no
//! system call. A thread per shard empties its queue four times a second and applies the rules of
//! [`shard`]: which view, visit and visitor a hit is about is decided there, and written as rows;
//! what these add to roll-ups, [`count`] says. The flusher takes what has gathered with
//! [`Engine::seal`].
//!
//! With a [`Journal`] the shards begin where those of the last process ended: see
//! [`Engine::recover`].
//!
//! Where nodes count together ([`crate::shared`]), the shards here only know who is current and
//! tell what happens: [`Engine::seal`] takes the hits themselves.

mod apply;
mod claims;
mod count;
mod day_rollup;
mod downloads;
mod feeds;
mod happened;
mod lane;
mod measures;
mod named_row;
mod names;
mod open;
mod profile;
mod queue;
mod recent;
mod recount;
mod script_events;
mod served;
mod shard;
mod sightings;
mod sites;
mod state;
mod suspicion;
#[cfg(test)]
mod tests;
mod trackers;
mod views;
mod visit;
mod visitor;
mod visits;

use crate::clock::{Clock, MINUTE, Micros};
use crate::journal::{self, Journal, LateLog, Origin, Recovered};
use crate::model::site::Site;
use crate::model::{Arrived, Hit, Windows};
use crate::supervise::Task;
use crate::telemetry::{DropReason, Telemetry};
use happened::Watchers;
use lane::{Around, Lane, Owned, Written};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::broadcast;

pub use apply::Outcome;
pub use happened::Happened;
pub use recount::Recount;
pub use shard::{Limits, Shard};
#[cfg(test)]
pub(crate) use tests::{PANICS, hush};

/// How long a queue may fill before its thread looks again. Short enough to stay small and live;
/// long enough to cost nothing when idle, and to take the caches from those who serve but seldom.
const PAUSE: Duration = Duration::from_millis(250);

/// How often somebody looks who waits for a queue to be emptied.
const LOOK: Duration = Duration::from_millis(10);

/// A visitor with a pageview within this time is current.
const CURRENT: i64 = 5 * MINUTE;

/// How long a hit may take, at most, from when it came to its place in a queue.
const ON_ITS_WAY: Micros = 250_000;

/// All shards, their queues and threads. Dropping it stops the threads.
pub struct Engine {
    lanes: Arc<Vec<Lane>>,
    around: Arc<Around>,
    /// Where hits are written once another process counts them.
    late: OnceLock<Arc<LateLog>>,
    /// Of each late log of an earlier process, up to where its hits are in the journal.
    adopted: HashMap<u64, u64>,
    clock: Clock,
    /// Hits are counted elsewhere.
    sharing: bool,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// What shards begin with after a restart.
pub struct Recovery {
    pub journal: Arc<Journal>,
    /// What the journal had of each lane; there are as many shards.
    pub lanes: Vec<Recovered>,
    /// Of each lane, up to which ticket its increments are sealed already.
    pub marks: Marks,
    /// What the shards number claims with, the same for the life of the journal.
    pub seed: u64,
    /// Hits are counted elsewhere.
    pub share: bool,
}

/// Of each lane the first ticket whose increments are not sealed.
pub type Marks = Vec<u64>;

/// Increments taken out of the shards.
pub struct Sealed {
    pub windows: Windows,
    /// To be kept on disk in one piece with the windows and hits.
    pub marks: Marks,
    /// Instead of windows, where hits are counted elsewhere; in the order in which they came.
    pub hits: Vec<Arrived>,
    /// All hits that came before then are sealed.
    pub until: Micros,
}

impl Engine {
    /// Starts `shards` shards, each with a queue of `queue` hits, and no journal.
    pub fn start(
        sites: Arc<Vec<Site>>,
        limits: Limits,
        shards: usize,
        queue: usize,
        telemetry: Arc<Telemetry>,
        clock: Clock,
    ) -> Self {
        let around = Arc::new(Around { journal: None, sites, telemetry, live: Watchers::new() });
        let lane = |index| {
            let owned = Owned::new(Shard::new(around.sites.clone(), limits), false);
            Lane::new(index, queue, 0, owned, around.clone())
        };
        Self::run((0..shards.max(1)).map(lane).collect(), around.clone(), clock)
    }

    /// Hits are to be counted elsewhere. Before there are any.
    #[must_use]
    pub fn sharing(mut self) -> Self {
        self.sharing = true;
        self.lanes.iter().for_each(|lane| lane.lock().share());
        self
    }

    /// Starts shards that will know what those of an earlier process knew. Hits are applied in the
    /// order in which that process did; increments sealed by it are left out, the others are
    /// sealed next. The shards' own threads do so, while hits that come meanwhile wait in the
    /// queues: visitors do not.
    pub fn recover(
        sites: Arc<Vec<Site>>,
        limits: Limits,
        queue: usize,
        telemetry: Arc<Telemetry>,
        clock: Clock,
        recovery: Recovery,
    ) -> Self {
        let Recovery { journal, lanes: found, marks, seed, share } = recovery;
        let (journal, live) = (Some(journal), Watchers::new());
        let around = Arc::new(Around { journal, sites, telemetry, live });
        let mut lanes = Vec::with_capacity(found.len());
        let mut adopted = HashMap::new();
        for (index, found) in found.into_iter().enumerate() {
            let mark = marks.get(index).copied().unwrap_or(0);
            let first = found.next_ticket().max(mark);
            for Origin { log, upto } in found.hits().filter_map(|(_, record)| record.origin) {
                let known = adopted.entry(log).or_default();
                *known = upto.max(*known);
            }
            let shard = Shard::seeded(around.sites.clone(), limits, seed);
            let owned = Owned::left(shard, found, mark, &around, share);
            lanes.push(Lane::new(index, queue, first, owned, around.clone()));
        }
        let mut engine = Self::run(lanes, around, clock);
        (engine.sharing, engine.adopted) = (share, adopted);
        engine
    }

    fn run(lanes: Vec<Lane>, around: Arc<Around>, clock: Clock) -> Self {
        let lanes = Arc::new(lanes);
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..lanes.len())
            .filter_map(|i| {
                let (lanes, stop, telemetry) =
                    (lanes.clone(), stop.clone(), around.telemetry.clone());
                let run = move || {
                    telemetry.tasks.keep_thread(Task::Aggregate, &stop, || {
                        lanes[i].drain();
                        PAUSE
                    });
                };
                let name = format!("aggregate-{i}");
                match std::thread::Builder::new().name(name).spawn(run) {
                    Ok(thread) => Some(thread),
                    Err(error) => {
                        // The flusher drains queues too, so counts are late but not lost.
                        tracing::error!("no thread for aggregator {i}: {error}");
                        None
                    }
                }
            })
            .collect();
        let (late, adopted, sharing) = (OnceLock::new(), HashMap::new(), false);
        Self { lanes, around, late, adopted, clock, sharing, stop, threads }
    }

    /// Hands over a hit; it is in the journal when this returns. Never waits: with the queue full
    /// the hit is dropped, and that is counted. Whether it was taken.
    pub fn push(&self, hit: &Hit) -> bool {
        if let Some(late) = self.late.get()
            && journal::encoded(hit, None, None, |bytes| late.append(bytes)) == Some(true)
        {
            return true;
        }
        // Before all else: what this hit leads to on other nodes must have a later time.
        let came = self.sharing.then(|| self.clock.micros());
        let taken = self.take(hit, came, None);
        if let Err(reason) = taken {
            self.around.telemetry.dropped(reason).add(u64::from(hit.what.is_event()));
        }
        taken.is_ok()
    }

    /// Hands over a hit that an old process has written into a [`LateLog`]. False: not now.
    pub fn adopt(&self, hit: &Hit, origin: Origin) -> bool {
        self.take(hit, Some(self.clock.micros()), Some(origin)).is_ok()
    }

    fn take(
        &self,
        hit: &Hit,
        came: Option<Micros>,
        origin: Option<Origin>,
    ) -> Result<(), DropReason> {
        let index = usize::from(hit.lane) % self.lanes.len();
        let lane = &self.lanes[index];
        let written = journal::encoded(hit, came, origin, |bytes| {
            let ticket = lane.queue.ticket().ok_or(DropReason::QueueFull)?;
            let journal = self.around.journal.as_ref();
            let down = journal.and_then(|journal| journal.append(index, ticket.number(), bytes));
            let written = down.map_or_else(|| Written::Here(bytes.into()), Written::Down);
            let events = i64::from(hit.what.is_event());
            self.around.telemetry.unflushed.fetch_add(events, Ordering::Relaxed);
            ticket.redeem(written);
            Ok(())
        });
        written.unwrap_or(Err(DropReason::Panic))
    }

    /// From now on another process counts what happens, and finds it there. What cannot be written
    /// there is counted here.
    pub fn hand_over(&self, late: Arc<LateLog>) {
        let _ = self.late.set(late);
    }

    /// Of each late log of an earlier process, up to where its hits are in the journal.
    pub fn adopted(&self) -> &HashMap<u64, u64> {
        &self.adopted
    }

    /// Applies what is queued and takes the increments gathered since the last call.
    pub fn seal(&self) -> Sealed {
        let until = self.clock.micros() - ON_ITS_WAY;
        let (windows, marks, hits) = (Windows::default(), Marks::new(), Vec::new());
        let mut sealed = Sealed { windows, marks, hits, until };
        for lane in self.lanes.iter() {
            let (windows, mut hits, applied) = lane.seal();
            for (key, window) in windows {
                sealed.windows.entry(key).or_default().merge(window);
            }
            sealed.hits.append(&mut hits);
            sealed.marks.push(applied);
        }
        // Stable: hits of a lane that came together stay as they are.
        sealed.hits.sort_by_key(|hit| hit.at);
        sealed
    }

    /// What was sealed since `marks` is lost: it is to be sealed once more. All lanes or none;
    /// `None`: the journal does not have what it takes. Else how many more events are to be sealed
    /// now.
    pub fn go_back(&self, marks: &Marks) -> Option<i64> {
        let mut owned: Vec<_> = self.lanes.iter().map(Lane::lock).collect();
        let found = self.lanes.iter().map(Lane::read_again).collect::<Option<Vec<Recovered>>>()?;
        let mut more = 0;
        for (index, (owned, found)) in owned.iter_mut().zip(found).enumerate() {
            let mark = marks.get(index).copied().unwrap_or(0);
            more += self.lanes[index].go_back(owned, found, mark);
        }
        Some(more)
    }

    /// Waits until all hits that were handed over before now are taken from their queues, and so in
    /// what is sealed next, or `patience` is over.
    pub async fn caught_up(&self, patience: Duration) {
        let deadline = tokio::time::Instant::now() + patience;
        let tickets: Vec<u64> = self.lanes.iter().map(|lane| lane.queue.next()).collect();
        self.threads.iter().for_each(|thread| thread.thread().unpark());
        let behind = || self.lanes.iter().zip(&tickets).any(|(l, ticket)| l.queue.read() < *ticket);
        while behind() && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Where hits are written down, if they are.
    pub fn journal(&self) -> Option<&Arc<Journal>> {
        self.around.journal.as_ref()
    }

    /// Visitors of a site with a pageview within the last 5 minutes.
    pub fn current_visitors(&self, site: usize) -> u64 {
        let since = self.clock.now() - CURRENT;
        self.lanes.iter().map(|l| l.lock().shard.current_visitors(site, since) as u64).sum()
    }

    /// Events as they are counted; a slow reader misses some.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Happened>> {
        self.around.live.subscribe()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}
