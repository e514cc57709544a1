//! Background tasks, each with a fate of its own: one that panics is counted, and begun again after
//! a pause, while the others go on.
//!
//! Apart because everything that runs for as long as the process does is started through here; it
//! knows nothing of what a task does.

use crate::counter::Counter;
use crate::words::words;
use futures_util::FutureExt;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The pause after a panic; each further one takes twice as long …
const PAUSE: Duration = Duration::from_millis(100);
/// … and no longer than this.
const LONGEST: Duration = Duration::from_secs(30);

/// A task that went so long without a panic is well again.
const WELL_AFTER: Duration = Duration::from_secs(60);

words! {
    /// What runs beside requests, as `headcount_task_restarts_total{task}` names it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Task {
        /// Counts hits.
        Aggregate = "aggregate",
        /// Makes and writes the journal's files.
        Journal = "journal",
        /// Delivers counts.
        Flush = "flush",
        /// The admin port.
        Admin = "admin",
        /// Agrees on salts and keys with other nodes.
        Secrets = "secrets",
        /// Looks for a new GeoIP database.
        Places = "places",
        /// Looks for new lists of crawlers' addresses.
        Robots = "robots",
        /// Looks up names of crawlers' addresses.
        Names = "names",
        /// Fetches keys of machines that sign.
        Signers = "signers",
        /// The daily job.
        Daily = "daily",
        /// Looks for addresses that owners leave out.
        Exclusions = "exclusions",
        /// Resolves the upstreams' names.
        Resolve = "resolve",
        /// Asks the upstreams whether they work.
        Health = "health",
        /// Looks for changed certificates.
        Certificates = "certificates",
        /// Orders certificates.
        Acme = "acme",
        /// Reads the settings again at SIGHUP.
        Reload = "reload",
        /// Sends reports and alerts.
        Notify = "notify",
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Supervises the tasks of a process.
#[derive(Debug, Default)]
pub struct Tasks {
    restarts: [Counter; Task::ALL.len()],
}

/// Is called at each turn of each task.
static PROBE: OnceLock<fn(&Tasks, Task)> = OnceLock::new();

/// Has `probe` called at each turn of each task from now on. For tests, which panic in it.
#[doc(hidden)]
pub fn probe(probe: fn(&Tasks, Task)) {
    let _ = PROBE.set(probe);
}

/// How long the next pause of a task takes.
#[derive(Debug, Default)]
pub struct Pauses {
    last: Option<(Instant, Duration)>,
}

impl Pauses {
    fn next(&mut self) -> Duration {
        let now = Instant::now();
        let again = self.last.filter(|(then, _)| now.duration_since(*then) < WELL_AFTER);
        let pause = again.map_or(PAUSE, |(_, pause)| (2 * pause).min(LONGEST));
        self.last = Some((now, pause));
        pause
    }
}

impl Tasks {
    /// How often a task has panicked.
    pub fn restarts(&self, task: Task) -> u64 {
        self.restarts[task as usize].get()
    }

    /// To be called by a task at each turn of its work.
    pub fn turn(&self, task: Task) {
        if let Some(probe) = PROBE.get() {
            probe(self, task);
        }
    }

    /// Runs a task to its end, and begins it again as often as it panics.
    pub async fn keep<F: Future>(&self, task: Task, mut begin: impl FnMut() -> F) -> F::Output {
        let mut pauses = Pauses::default();
        loop {
            match self.attempt(task, &mut pauses, async { begin().await }).await {
                Ok(done) => return done,
                Err(pause) => tokio::time::sleep(pause).await,
            }
        }
    }

    /// Does a piece of a task's work.
    ///
    /// # Errors
    /// It panicked: the pause to make before it is tried again.
    pub async fn attempt<F: Future>(
        &self,
        task: Task,
        pauses: &mut Pauses,
        work: F,
    ) -> Result<F::Output, Duration> {
        AssertUnwindSafe(work).catch_unwind().await.map_err(|_| self.panicked(task, pauses))
    }

    /// The same for a thread: `turn` by `turn`, each of which says how long to park, until `stop`.
    pub fn keep_thread(&self, task: Task, stop: &AtomicBool, mut turn: impl FnMut() -> Duration) {
        let mut pauses = Pauses::default();
        while !stop.load(Ordering::Relaxed) {
            let turn = AssertUnwindSafe(|| {
                self.turn(task);
                turn()
            });
            let pause = catch_unwind(turn).unwrap_or_else(|_| self.panicked(task, &mut pauses));
            std::thread::park_timeout(pause);
        }
    }

    fn panicked(&self, task: Task, pauses: &mut Pauses) -> Duration {
        self.restarts[task as usize].inc();
        let pause = pauses.next();
        tracing::error!("the task `{task}` has panicked; it goes on in {pause:?}");
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    #[tokio::test(start_paused = true)]
    async fn a_task_is_begun_again_after_longer_and_longer_pauses() {
        let (tasks, begun) = (Tasks::default(), AtomicU32::new(0));
        let start = tokio::time::Instant::now();
        let done = tasks.keep(Task::Daily, || async {
            let n = begun.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            assert!(n >= 12, "on purpose");
            n
        });
        assert_eq!(done.await, 12);
        assert_eq!(tasks.restarts(Task::Daily), 12);
        assert_eq!(tasks.restarts(Task::Flush), 0);
        let pauses =
            [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000, 30_000];
        let all = Duration::from_millis(pauses.iter().sum());
        let took = start.elapsed();
        assert!(took >= all && took < all + Duration::from_secs(1), "{took:?}");
    }

    #[test]
    fn a_thread_goes_on() {
        let (tasks, stop, mut turns) = (Tasks::default(), AtomicBool::new(false), 0);
        tasks.keep_thread(Task::Journal, &stop, || {
            turns += 1;
            assert!(turns != 2, "on purpose");
            stop.store(turns == 4, Ordering::Relaxed);
            Duration::ZERO
        });
        assert_eq!((turns, tasks.restarts(Task::Journal)), (4, 1));
    }
}
