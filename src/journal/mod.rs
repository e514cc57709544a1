//! Hits on disk before anyone is told that they count: restart is replay.
//!
//! A shard is a pure function of the hits it was given, so all that must survive the end of a
//! process is these hits, in order. Each lane (a shard and its queue) has files of its own; a hit
//! is written into the current [`segment`] through memory, together with the ticket that says its
//! place in the lane's queue. Order is the ticket's, wherever in the file a record lies.
//!
//! Three things keep the journal short and the counts exact:
//!
//! - **Marks.** When increments are taken out of the shards, the outbox writes down, in one piece
//!   with them, up to which ticket of each lane they go. Replay discards increments below the mark
//!   and keeps those above: no hit is counted twice, none is missed.
//! - **States.** Claims live for a day, and a day's hits are too many to keep. So now and then
//!   (after [`STATE_AFTER`] of segments, or an hour) a shard writes down all it knows, and the
//!   segments before are deleted. A state is only put in force once the mark is on disk.
//! - **Two keepers.** A thread of the journal makes segments ahead of need, another puts what was
//!   written on disk once a second, which may take long. Requests only copy bytes.
//!
//! A process that has handed over writes what its last requests bring into a late log
//! ([`LateLog`]), from where the process that goes on takes it into its own journal.
//!
//! Where no segment can be made (a full disk), hits count all the same: they are only not safe from
//! a kill, and the journal says so in one line and in `headcount_journal_missed_total`.

mod late;
pub(crate) mod record;
mod release6;
mod replay;
mod segment;

pub use late::{LateLog, LateLogs};
pub use record::{Origin, Record, arrived_as, decode, encoded, format};
pub use release6::FORMAT as RELEASE_6;
pub use replay::Recovered;

use crate::supervise::Task;
use crate::telemetry::Telemetry;
use arc_swap::ArcSwapOption;
use segment::Segment;
use std::fs::File;
use std::io::{self, Write};
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

/// A state is written after this many bytes of segments, or after twice the size of the last state
/// if that is more: writing states costs at most half of what writing hits does.
pub const STATE_AFTER: u64 = 16 << 20;

/// A hit stays in the journal hardly longer than this, however quiet the site.
const STATE_EVERY: Duration = Duration::from_secs(3_600);

/// How often what was written goes to the disk.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// Hits of all lanes, on disk. Dropping it ends its threads; what is written stays.
pub struct Journal {
    files: Arc<Files>,
    keepers: Vec<JoinHandle<()>>,
}

/// What the keepers and those who write share.
pub struct Files {
    dir: PathBuf,
    format: u64,
    lanes: Vec<Lane>,
    telemetry: Arc<Telemetry>,
    state_after: u64,
    /// Off after [`Files::void`] or [`Files::close`]: nothing more is written.
    on: AtomicBool,
    /// Who makes segments.
    maker: OnceLock<Thread>,
    stop: AtomicBool,
}

/// A hit that was written down, and is there as long as this is, whatever becomes of the file.
pub struct Kept {
    segment: Arc<Segment>,
    place: Range<usize>,
}

impl Kept {
    /// As [`encoded`] had it.
    pub fn bytes(&self) -> &[u8] {
        self.segment.payload(&self.place)
    }

    /// The hit is not to be counted, now or after a restart.
    pub fn void(&self) {
        self.segment.void_record(&self.place);
    }
}

struct Lane {
    current: ArcSwapOption<Segment>,
    /// The next one, made ahead.
    spare: Mutex<Option<Arc<Segment>>>,
    /// Full ones, oldest first; kept until a state covers them.
    closed: Mutex<Vec<Closed>>,
    /// Of the first segment of this process, and of the next.
    first_index: u64,
    next_index: AtomicU64,
    /// A hit was not written since the last state was begun: only another makes the lane whole.
    torn: AtomicBool,
    /// The files say all that the shard knows.
    whole: AtomicBool,
    /// When the oldest hit that no state covers may have been written.
    since: Mutex<Instant>,
    state_size: AtomicU64,
    stage: Mutex<Stage>,
}

struct Closed {
    path: PathBuf,
    /// `None` for one that an earlier process wrote.
    segment: Option<Arc<Segment>>,
}

/// How far the next state is.
enum Stage {
    Idle,
    /// Segments are closed whose hits all have tickets below `below`; so many of them.
    Due {
        below: u64,
        segments: usize,
    },
    /// Written, and to be put in force once the mark is on disk.
    Written {
        segments: usize,
    },
}

impl Journal {
    /// Opens the journal in `dir`, which the caller has locked, and reads back what is in it, lane
    /// by lane. `state_after` is [`STATE_AFTER`], or less for a test that has no time to wait.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn open(
        dir: &Path,
        lanes: usize,
        state_after: u64,
        telemetry: Arc<Telemetry>,
    ) -> io::Result<(Arc<Self>, Vec<Recovered>)> {
        let format = record::format();
        let mut recovered = Vec::new();
        let mut own = Vec::new();
        for lane in 0..lanes {
            let found = Recovered::read(dir, lane, format)?;
            own.push(Lane::new(&found));
            recovered.push(found);
        }
        let files = Arc::new(Files {
            dir: dir.to_owned(),
            format,
            lanes: own,
            telemetry,
            state_after,
            on: AtomicBool::new(true),
            maker: OnceLock::new(),
            stop: AtomicBool::new(false),
        });
        for lane in 0..lanes {
            // Where the disk is full the keeper tries on, and says so.
            files.lanes[lane].current.store(files.make(lane).ok());
        }
        files.turn(true);
        let spawn = |name: &str, work: fn(&Files) -> io::Result<()>| {
            let kept = files.clone();
            let thread = std::thread::Builder::new().name(name.to_owned());
            thread.spawn(move || keep(&kept, work))
        };
        let maker = spawn("journal", Files::provide)?;
        let _ = files.maker.set(maker.thread().clone());
        // Ends the one if there can be no other.
        let mut journal = Self { files: files.clone(), keepers: vec![maker] };
        journal.keepers.push(spawn("journal-sync", Files::sync)?);
        Ok((Arc::new(journal), recovered))
    }
}

impl Deref for Journal {
    type Target = Files;

    fn deref(&self) -> &Files {
        &self.files
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.files.stop.store(true, Ordering::Relaxed);
        for keeper in self.keepers.drain(..) {
            keeper.thread().unpark();
            let _ = keeper.join();
        }
    }
}

impl Files {
    /// Writes a hit down, as [`encoded`] has it, and says where it can be read from now on; `None`:
    /// it could not be written. No lock, no system call; a segment's end aside.
    pub fn append(&self, lane: usize, ticket: u64, hit: &[u8]) -> Option<Kept> {
        let lane = &self.lanes[lane];
        loop {
            let current = lane.current.load();
            let Some(segment) = &*current else { break };
            if let Some(place) = segment.append(ticket, hit) {
                return Some(Kept { segment: segment.clone(), place });
            }
            if hit.len() > segment::SIZE / 2 {
                break;
            }
            self.roll(lane, segment);
        }
        self.telemetry.journal_missed.inc();
        self.tear(lane);
        None
    }

    /// Puts the spare segment in the place of one that is full.
    fn roll(&self, lane: &Lane, full: &Arc<Segment>) {
        let mut closed = lock(&lane.closed);
        if lane.current.load().as_ref().is_some_and(|current| Arc::ptr_eq(current, full)) {
            let path = full.path().to_owned();
            closed.push(Closed { path, segment: Some(full.clone()) });
            lane.current.store(lock(&lane.spare).take());
            self.wake();
        }
    }

    fn wake(&self) {
        if let Some(maker) = self.maker.get() {
            maker.unpark();
        }
    }

    fn make(&self, lane: usize) -> io::Result<Arc<Segment>> {
        let index = self.lanes[lane].next_index.fetch_add(1, Ordering::Relaxed);
        let path = self.dir.join(replay::segment_name(lane, index));
        // The first two are not filled with zeros, so that a start writes little.
        let fill = index >= self.lanes[lane].first_index + 2;
        Segment::create(&path, self.format, fill).map(Arc::new)
    }

    /// Makes what is missing: spares, and a current segment where there was no spare.
    fn provide(&self) -> io::Result<()> {
        for (index, lane) in self.lanes.iter().enumerate() {
            if !self.on.load(Ordering::Relaxed) {
                return Ok(());
            }
            let made = if lock(&lane.spare).is_none() { Some(self.make(index)?) } else { None };
            // Under the lock that `roll` and `void` take, so that none undoes another.
            let _closed = lock(&lane.closed);
            let on = self.on.load(Ordering::Relaxed);
            match made {
                Some(late) if !on => late.void(),
                Some(made) => *lock(&lane.spare) = Some(made),
                None => {}
            }
            if on && lane.current.load().is_none() {
                lane.current.store(lock(&lane.spare).take());
            }
        }
        Ok(())
    }

    /// Puts on disk all that was written so far.
    ///
    /// # Errors
    /// The disk's.
    pub fn sync(&self) -> io::Result<()> {
        for lane in &self.lanes {
            // The current one last: what is closed meanwhile was written before.
            let closed: Vec<Arc<Segment>> =
                lock(&lane.closed).iter().filter_map(|c| c.segment.clone()).collect();
            for segment in closed {
                if segment.sync()? {
                    segment.release();
                }
            }
            if let Some(current) = &*lane.current.load() {
                current.sync()?;
            }
        }
        Ok(())
    }

    /// Reads back what a lane has written so far. `None`: that is not all that its shard knows.
    pub fn read_again(&self, lane: usize) -> Option<Recovered> {
        let own = &self.lanes[lane];
        // No state is put in force meanwhile, and no segment deleted.
        let _stage = lock(&own.stage);
        if !self.on.load(Ordering::Relaxed) || !own.whole.load(Ordering::Relaxed) {
            return None;
        }
        let segments: Vec<PathBuf> = {
            let closed = lock(&own.closed);
            let current = own.current.load().as_ref().map(|current| current.path().to_owned());
            closed.iter().map(|closed| closed.path.clone()).chain(current).collect()
        };
        let state = self.dir.join(replay::state_name(lane));
        Recovered::read_again(&state, &segments, self.format).unwrap_or_else(|error| {
            tracing::error!("{}: {error}", self.dir.display());
            None
        })
    }

    /// Called where a lane's increments have just been taken: all tickets below `applied` are in
    /// the shard, `next` is the next to be given out. Writes a state with `write` if one is due.
    pub fn offer(
        &self,
        lane: usize,
        applied: u64,
        next: u64,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) {
        // Once closed, the folder may be another process's.
        if !self.on.load(Ordering::Relaxed) {
            return;
        }
        let own = &self.lanes[lane];
        let mut stage = lock(&own.stage);
        if let Stage::Idle = *stage
            && own.wants_state(self.state_after)
            && lock(&own.spare).is_some()
            && let Some(current) = &*own.current.load()
        {
            own.torn.store(false, Ordering::Relaxed);
            if current.len() > 0 {
                self.roll(own, current);
            }
            // Whoever still writes into a closed segment took a ticket before now.
            *stage = Stage::Due { below: next, segments: lock(&own.closed).len() };
        }
        if let Stage::Due { below, segments } = *stage
            && applied >= below
        {
            let path = self.dir.join(replay::state_name(lane)).with_extension("new");
            *stage = match replay::write_state(&path, self.format, applied, write) {
                Ok(size) => {
                    own.state_size.store(size, Ordering::Relaxed);
                    Stage::Written { segments }
                }
                Err(error) => {
                    tracing::warn!("{}: {error}; the journal keeps its hits", path.display());
                    let _ = std::fs::remove_file(&path);
                    Stage::Idle
                }
            };
        }
    }

    /// Puts written states in force. Called once the marks of the increments taken with them are on
    /// disk.
    ///
    /// # Errors
    /// The disk's; hits are kept then.
    pub fn settle(&self) -> io::Result<()> {
        for (index, lane) in self.lanes.iter().enumerate() {
            let mut stage = lock(&lane.stage);
            let Stage::Written { segments } = *stage else { continue };
            *stage = Stage::Idle;
            let path = self.dir.join(replay::state_name(index));
            let new = path.with_extension("new");
            File::open(&new)?.sync_data()?;
            std::fs::rename(&new, &path)?;
            File::open(&self.dir)?.sync_all()?;
            let mut closed = lock(&lane.closed);
            let covered = segments.min(closed.len());
            for old in closed.drain(..covered) {
                let _ = std::fs::remove_file(&old.path);
            }
            *lock(&lane.since) = Instant::now();
            lane.whole.store(!lane.torn.load(Ordering::Relaxed), Ordering::Relaxed);
            self.tell();
        }
        Ok(())
    }

    /// Makes everything written count for nothing, and writes nothing more: for when the outbox
    /// cannot note its marks, so that nothing is counted a second time after a restart.
    pub fn void(&self) {
        self.turn(false);
        for (index, lane) in self.lanes.iter().enumerate() {
            let mut closed = lock(&lane.closed);
            let current = lane.current.swap(None);
            for segment in current.into_iter().chain(lock(&lane.spare).take()) {
                segment.void();
            }
            for old in closed.drain(..) {
                match old.segment {
                    Some(segment) => segment.void(),
                    None => drop(std::fs::remove_file(&old.path)),
                }
            }
            *lock(&lane.stage) = Stage::Idle;
            let _ = std::fs::remove_file(self.dir.join(replay::state_name(index)));
            self.tear(lane);
        }
    }

    /// Writes again after [`Journal::void`]; whole once every lane has had its state written.
    pub fn resume(&self) {
        self.turn(true);
        self.wake();
    }

    /// Writes nothing more; what is written stays for the next start.
    pub fn close(&self) {
        self.turn(false);
        for lane in &self.lanes {
            lane.current.store(None);
        }
    }

    fn turn(&self, on: bool) {
        self.on.store(on, Ordering::Relaxed);
        self.tell();
    }

    fn tear(&self, lane: &Lane) {
        lane.torn.store(true, Ordering::Relaxed);
        lane.whole.store(false, Ordering::Relaxed);
        self.tell();
    }

    /// Tells whether a kill now would lose nothing.
    fn tell(&self) {
        let safe = self.on.load(Ordering::Relaxed)
            && self.lanes.iter().all(|lane| lane.whole.load(Ordering::Relaxed));
        self.telemetry.journal_on.store(i64::from(safe), Ordering::Relaxed);
    }
}

impl Lane {
    fn new(found: &Recovered) -> Self {
        let closed = found.segments.iter().cloned();
        Self {
            current: ArcSwapOption::empty(),
            spare: Mutex::new(None),
            closed: Mutex::new(closed.map(|path| Closed { path, segment: None }).collect()),
            first_index: found.next_index,
            next_index: AtomicU64::new(found.next_index),
            torn: AtomicBool::new(false),
            whole: AtomicBool::new(true),
            since: Mutex::new(Instant::now()),
            state_size: AtomicU64::new(found.state_size),
            stage: Mutex::new(Stage::Idle),
        }
    }

    fn wants_state(&self, after: u64) -> bool {
        let current = self.current.load().as_ref().map_or(0, |current| current.len());
        let written = lock(&self.closed).len() * segment::SIZE + current;
        written as u64 > after.max(2 * self.state_size.load(Ordering::Relaxed))
            || written > 0 && lock(&self.since).elapsed() > STATE_EVERY
            || self.torn.load(Ordering::Relaxed)
    }
}

/// A keeper's work, every second and when it is woken, for as long as there is a journal.
fn keep(files: &Files, work: fn(&Files) -> io::Result<()>) {
    let mut trouble: Option<String> = None;
    files.telemetry.tasks.keep_thread(Task::Journal, &files.stop, || {
        let began = Instant::now();
        let now = work(files).err().map(|error| error.to_string());
        let dir = files.dir.display();
        match &now {
            Some(said) if trouble.as_ref() != Some(said) => {
                tracing::warn!("{dir}: {said}; going on without a journal until it is well");
            }
            None if trouble.is_some() => tracing::info!("{dir}: the journal goes on"),
            _ => {}
        }
        trouble = now;
        SYNC_EVERY.saturating_sub(began.elapsed())
    });
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
