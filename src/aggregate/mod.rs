//! From hits to increments: sessions, merged views, roll-ups. No I/O at all.
//!
//! One shard owns a visitor, so threads that serve requests share nothing but a [`queue`] they
//! never wait for: [`Engine::push`] is a few atomic operations, a copy into the journal, and no
//! system call. A thread per shard empties its queue four times a second and applies the rules
//! of [`shard`]; the flusher takes what has gathered with [`Engine::seal`].
//!
//! With a [`Journal`] the shards begin where those of the last process ended: see
//! [`Engine::recover`].
//!
//! Where nodes count together ([`crate::shared`]), the shards here only know who is current and tell
//! what happens: [`Engine::seal`] takes the hits themselves.

mod book;
mod claims;
mod event;
mod events;
mod happened;
mod lines;
mod list;
mod named;
mod names;
mod open;
mod prefetch;
mod profile;
mod queue;
mod recent;
mod served;
mod shard;
mod state;
mod suspicion;
mod told;
mod views;
mod visit;
mod visits;
mod window;

use crate::capture::Hit;
use crate::clock::{Clock, MINUTE, Micros};
use crate::journal::{self, Journal, Kept, LateLog, Origin, Record, Recovered};
use crate::site::Site;
use crate::telemetry::{DropReason, Telemetry};
use happened::Watchers;
use queue::Queue;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::broadcast;

pub use event::{Event, Replayed};
pub use events::Events;
pub use happened::Happened;
pub use lines::Lines;
pub use list::{EventList, PACK};
pub use shard::{ID_LIFETIME, Limits, Outcome, Shard};
pub use window::{Window, Windows};

/// How long a queue may fill before its thread looks again. Short enough to stay small and live;
/// long enough to cost nothing when idle, and to take the caches from those who serve but seldom.
const PAUSE: Duration = Duration::from_millis(250);

/// How often somebody looks who waits for a queue to be emptied.
const LOOK: Duration = Duration::from_millis(10);

/// A visitor with a pageview within this time is current.
const CURRENT: i64 = 5 * MINUTE;

/// Hits that are applied together: see [`Shard::look_ahead`].
const TOGETHER: usize = 16;

/// How long a hit may take, at most, from when it came to its place in a queue.
const ON_ITS_WAY: Micros = 250_000;

/// All shards, their queues and threads. Dropping it stops the threads.
pub struct Engine {
    lanes: Arc<Vec<Lane>>,
    journal: Option<Arc<Journal>>,
    /// Where hits are written once another process counts them.
    late: OnceLock<Arc<LateLog>>,
    /// Of each late log of an earlier process, up to where its hits are in the journal.
    adopted: HashMap<u64, u64>,
    sites: Arc<Vec<Site>>,
    telemetry: Arc<Telemetry>,
    live: Watchers,
    clock: Clock,
    /// Hits are counted elsewhere.
    sharing: bool,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

struct Lane {
    queue: Queue<Written>,
    owned: Mutex<Owned>,
}

/// A hit as it is written down: what one thread makes and another lets go costs both of them.
enum Written {
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
}

/// What the thread at work on a lane has to itself.
struct Owned {
    shard: Shard,
    /// Hits since the last seal, where they are counted elsewhere.
    taken: Option<Vec<Arrived>>,
}

/// A hit on its way to where it is counted with those of other nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Arrived {
    /// When it came, by the clock of the machine it came to: the order in which one process would
    /// have seen it.
    pub at: Micros,
    pub hit: Hit,
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
        let lanes = (0..shards.max(1))
            .map(|_| Lane {
                queue: Queue::new(queue, 0),
                owned: Mutex::new(Owned { shard: Shard::new(sites.clone(), limits), taken: None }),
            })
            .collect();
        Self::run(lanes, None, sites, telemetry, clock)
    }

    /// Hits are to be counted elsewhere. Before there are any.
    #[must_use]
    pub fn sharing(mut self) -> Self {
        self.sharing = true;
        self.lanes.iter().for_each(|lane| lane.lock().taken = Some(Vec::new()));
        self
    }

    /// Starts shards that know what those of an earlier process knew. Hits are applied in the
    /// order in which that process did; increments sealed by it are left out, the others are
    /// sealed next.
    pub fn recover(
        sites: Arc<Vec<Site>>,
        limits: Limits,
        queue: usize,
        telemetry: Arc<Telemetry>,
        clock: Clock,
        recovery: Recovery,
    ) -> Self {
        let Recovery { journal, lanes, marks, seed, share } = recovery;
        let mut adopted = HashMap::new();
        let lanes = lanes
            .iter()
            .enumerate()
            .map(|(i, found)| {
                let mark = marks.get(i).copied().unwrap_or(0);
                let shard = Shard::seeded(sites.clone(), limits, seed);
                let mut owned = Owned { shard, taken: share.then(Vec::new) };
                replay(&mut owned, found, mark, &telemetry, &mut adopted);
                let unsealed = i64::try_from(owned.shard.unsealed()).unwrap_or(0);
                telemetry.unflushed.fetch_add(unsealed, Ordering::Relaxed);
                let first = found.next_ticket().max(mark);
                Lane { queue: Queue::new(queue, first), owned: Mutex::new(owned) }
            })
            .collect();
        let mut engine = Self::run(lanes, Some(journal), sites, telemetry, clock);
        (engine.sharing, engine.adopted) = (share, adopted);
        engine
    }

    fn run(
        lanes: Vec<Lane>,
        journal: Option<Arc<Journal>>,
        sites: Arc<Vec<Site>>,
        telemetry: Arc<Telemetry>,
        clock: Clock,
    ) -> Self {
        let lanes = Arc::new(lanes);
        let live = Watchers::new();
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..lanes.len())
            .filter_map(|i| {
                let (lanes, stop) = (lanes.clone(), stop.clone());
                let (telemetry, live, sites) = (telemetry.clone(), live.clone(), sites.clone());
                let run = move || {
                    while !stop.load(Ordering::Relaxed) {
                        lanes[i].drain(&telemetry, &live, &sites);
                        std::thread::park_timeout(PAUSE);
                    }
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
        Self {
            lanes,
            journal,
            late,
            adopted,
            sites,
            telemetry,
            live,
            clock,
            sharing,
            stop,
            threads,
        }
    }

    /// Hands over a hit; it is in the journal when this returns. Never waits: with the queue full
    /// the hit is dropped, and that is counted. Whether it was taken.
    pub fn push(&self, hit: &Hit) -> bool {
        if let Some(late) = self.late.get()
            && journal::encoded(hit, None, None, |bytes| late.append(bytes)) == Some(true)
        {
            return true;
        }
        // First of all: what another node sees of what this leads to, comes later.
        let came = self.sharing.then(|| self.clock.micros());
        let taken = self.take(hit, came, None);
        if let Err(reason) = taken {
            self.telemetry.dropped(reason).add(u64::from(hit.what.is_event()));
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
            let down = self.journal.as_ref().and_then(|j| j.append(index, ticket.number(), bytes));
            let written = down.map_or_else(|| Written::Here(bytes.into()), Written::Down);
            let events = i64::from(hit.what.is_event());
            self.telemetry.unflushed.fetch_add(events, Ordering::Relaxed);
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
        for (i, lane) in self.lanes.iter().enumerate() {
            let mut owned = lane.lock();
            lane.drain_into(&mut owned, &self.telemetry, &self.live, &self.sites);
            let applied = lane.queue.read();
            sealed.marks.push(applied);
            let Owned { shard, taken } = &mut *owned;
            let windows = shard.seal();
            match taken {
                Some(taken) => sealed.hits.append(taken),
                None => {
                    for (key, window) in windows {
                        sealed.windows.entry(key).or_default().merge(window);
                    }
                }
            }
            if let Some(journal) = &self.journal {
                journal.offer(i, applied, lane.queue.next(), |to| shard.save(to));
            }
        }
        // Stable: hits of a lane that came together stay as they are.
        sealed.hits.sort_by_key(|hit| hit.at);
        sealed
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
        self.journal.as_ref()
    }

    /// Visitors of a site with a pageview within the last 5 minutes.
    pub fn current_visitors(&self, site: usize) -> u64 {
        let since = self.clock.now() - CURRENT;
        self.lanes.iter().map(|l| l.lock().shard.current_visitors(site, since) as u64).sum()
    }

    /// Events as they are counted; a slow reader misses some.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Happened>> {
        self.live.subscribe()
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

impl Lane {
    fn lock(&self) -> MutexGuard<'_, Owned> {
        self.owned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drain(&self, telemetry: &Telemetry, live: &Watchers, sites: &[Site]) {
        if !self.queue.is_empty() {
            self.drain_into(&mut self.lock(), telemetry, live, sites);
        }
    }

    /// The shard stays locked while hits are taken from the queue, so that they are applied in
    /// order also when the flusher drains at the same time.
    fn drain_into(
        &self,
        owned: &mut Owned,
        telemetry: &Telemetry,
        live: &Watchers,
        sites: &[Site],
    ) {
        let mut some = Vec::with_capacity(TOGETHER);
        loop {
            while some.len() < TOGETHER
                && let Some((_, written)) = self.queue.pop()
            {
                match journal::decode(written.bytes()) {
                    Some(record) => some.push(record),
                    None => {
                        telemetry.dropped(DropReason::Panic).inc();
                        telemetry.unflushed.fetch_sub(1, Ordering::Relaxed);
                    }
                }
            }
            if some.is_empty() {
                return;
            }
            owned.shard.look_ahead(some.iter().map(|record| &record.hit));
            for Record { hit, came, .. } in some.drain(..) {
                let site = hit.site;
                if let Some(event) = owned.apply(hit, came, telemetry) {
                    live.tell(sites, site, event);
                }
            }
        }
    }
}

impl Owned {
    /// Counts a hit. What it turned out to be, if there is something to tell.
    fn apply(&mut self, hit: Hit, came: Option<Micros>, telemetry: &Telemetry) -> Option<Event> {
        let events = i64::from(hit.what.is_event());
        self.take(came, &hit);
        match catch_unwind(AssertUnwindSafe(|| self.shard.apply(hit))) {
            Ok(outcome) => {
                if outcome.pageview {
                    telemetry.pageviews.inc();
                }
                outcome.event
            }
            Err(_) => {
                telemetry.dropped(DropReason::Panic).inc();
                // Unless it still waits to be counted elsewhere.
                if self.taken.is_none() {
                    telemetry.unflushed.fetch_sub(events, Ordering::Relaxed);
                }
                None
            }
        }
    }

    fn take(&mut self, came: Option<Micros>, hit: &Hit) {
        if let Some(taken) = &mut self.taken {
            // Written down by a process that counted for itself: by its own time, about then.
            let at = came.unwrap_or(hit.at * 1_000);
            taken.push(Arrived { at, hit: hit.clone() });
        }
    }
}

/// Gives a shard what was written down. Increments of hits below `mark` are sealed already. Notes in
/// `adopted` how far late logs are among it.
fn replay(
    owned: &mut Owned,
    found: &Recovered,
    mark: u64,
    telemetry: &Telemetry,
    adopted: &mut HashMap<u64, u64>,
) {
    let shard = &mut owned.shard;
    if let Some((_, state)) = found.state()
        && !shard.restore(state)
    {
        tracing::warn!("a shard's state was written by another version; visitors count anew");
    }
    let mut sealed = false;
    for (ticket, Record { hit, came, origin }) in found.hits() {
        if let Some(Origin { log, upto }) = origin {
            let known = adopted.entry(log).or_default();
            *known = upto.max(*known);
        }
        if !sealed && ticket >= mark {
            sealed = true;
            owned.shard.seal();
        }
        if ticket >= mark {
            owned.take(came, &hit);
        }
        if catch_unwind(AssertUnwindSafe(|| owned.shard.apply(hit))).is_err() {
            telemetry.dropped(DropReason::Panic).inc();
        }
    }
    if !sealed {
        owned.shard.seal();
    }
}
