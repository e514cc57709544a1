//! From hits to increments: sessions, merged views, roll-ups. No I/O at all.
//!
//! One shard owns a visitor, so threads that serve requests share nothing but a queue they never
//! wait for: [`Engine::push`] is a few atomic operations and no system call. A thread per shard
//! empties its queue a hundred times a second and applies the rules of [`shard`]; the flusher
//! takes what has gathered with [`Engine::seal`].

mod event;
mod names;
mod recent;
mod shard;
mod visit;
mod window;

use crate::capture::Hit;
use crate::clock::{Clock, MINUTE};
use crate::site::Site;
use crate::telemetry::{DropReason, Telemetry};
use crossbeam_queue::ArrayQueue;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::broadcast;

pub use event::{Event, Replayed};
pub use shard::{ID_LIFETIME, Limits, Outcome, Shard};
pub use window::{Window, Windows};

/// How long a queue may fill before its thread looks again. Short enough to stay small and live,
/// long enough to cost nothing when idle.
const PAUSE: Duration = Duration::from_millis(10);

/// A visitor with a pageview within this time is current.
const CURRENT: i64 = 5 * MINUTE;

/// All shards, their queues and threads. Dropping it stops the threads.
pub struct Engine {
    lanes: Arc<Vec<Lane>>,
    sites: Arc<Vec<Site>>,
    telemetry: Arc<Telemetry>,
    live: broadcast::Sender<Arc<str>>,
    clock: Clock,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

struct Lane {
    queue: ArrayQueue<Hit>,
    shard: Mutex<Shard>,
}

impl Engine {
    /// Starts `shards` shards, each with a queue of `queue` hits.
    pub fn start(
        sites: Arc<Vec<Site>>,
        limits: Limits,
        shards: usize,
        queue: usize,
        telemetry: Arc<Telemetry>,
        clock: Clock,
    ) -> Self {
        let lanes: Arc<Vec<Lane>> = Arc::new(
            (0..shards.max(1))
                .map(|_| Lane {
                    queue: ArrayQueue::new(queue.max(1)),
                    shard: Mutex::new(Shard::new(sites.clone(), limits)),
                })
                .collect(),
        );
        let (live, _) = broadcast::channel(256);
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
        Self { lanes, sites, telemetry, live, clock, stop, threads }
    }

    /// Hands over a hit. Never waits: with the queue full the hit is dropped, and that is
    /// counted.
    pub fn push(&self, hit: Hit) {
        let lane = &self.lanes[usize::from(hit.lane) % self.lanes.len()];
        match lane.queue.push(hit) {
            Ok(()) => {
                self.telemetry.unflushed.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => self.telemetry.dropped(DropReason::QueueFull).inc(),
        }
    }

    /// Applies what is queued and takes the increments gathered since the last call.
    pub fn seal(&self) -> Windows {
        let mut all = Windows::default();
        for lane in self.lanes.iter() {
            lane.drain(&self.telemetry, &self.live, &self.sites);
            for (key, window) in lane.lock().seal() {
                all.entry(key).or_default().merge(window);
            }
        }
        all
    }

    /// Visitors of a site with a pageview within the last 5 minutes.
    pub fn current_visitors(&self, site: usize) -> u64 {
        let since = self.clock.now() - CURRENT;
        self.lanes.iter().map(|l| l.lock().current_visitors(site, since) as u64).sum()
    }

    /// Events as they are counted, as JSON with the site's name; a slow reader misses some.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<str>> {
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
    fn lock(&self) -> MutexGuard<'_, Shard> {
        self.shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drain(&self, telemetry: &Telemetry, live: &broadcast::Sender<Arc<str>>, sites: &[Site]) {
        if self.queue.is_empty() {
            return;
        }
        // Held while taking from the queue, so that hits of a visitor are applied in order also
        // when the flusher drains at the same time.
        let mut shard = self.lock();
        while let Some(hit) = self.queue.pop() {
            let site = hit.site;
            match catch_unwind(AssertUnwindSafe(|| shard.apply(hit))) {
                Ok(outcome) => {
                    if outcome.pageview {
                        telemetry.pageviews.inc();
                    }
                    if live.receiver_count() > 0
                        && let Some(event) = outcome.event
                    {
                        let _ = live.send(live_event(&sites[site], &event));
                    }
                }
                Err(_) => {
                    telemetry.dropped(DropReason::Panic).inc();
                    telemetry.unflushed.fetch_sub(1, Ordering::Relaxed);
                }
            }
        }
    }
}

/// An event as the live stream shows it: without the visitor's hash.
fn live_event(site: &Site, event: &Event) -> Arc<str> {
    #[derive(serde::Serialize)]
    struct Live<'a> {
        site: &'a str,
        #[serde(flatten)]
        event: Event,
    }
    let event = Event { visitor: None, ..event.clone() };
    serde_json::to_string(&Live { site: &site.name, event }).unwrap_or_default().into()
}
