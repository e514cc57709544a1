//! An import at work: lines that count are counted by days, and what that comes to is delivered.

use super::count::Requests;
use super::days::Calendar;
use super::lines::{Judged, Lines, Piece};
use super::reading::{Opened, Reading};
use super::resume::{Done, Folder, Resume, Standing};
use super::summary::Summary;
use crate::clock::{Clock, Millis};
use crate::config::Config;
use crate::home;
use crate::model::site::{Day, Site};
use crate::past::{PastDays, PastError};
use crate::store::{self, StoreError, Upkeep};
use crate::upkeep::{Keep, Progress, runtime, settle};
use anyhow::{anyhow, bail, ensure};
use chrono::Days;
use std::collections::BTreeSet;
use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Hits that are sealed at once. Fewer where a day ends.
const SEALED: u64 = 200_000;

/// Between looks at whether to stop.
const LOOK: Duration = Duration::from_millis(100);

/// How long a store may be away.
const PATIENCE: Duration = Duration::from_secs(60);
const AGAIN: Duration = Duration::from_secs(1);

const AGAIN_WORDS: &str = "interrupted; run the same command again, and it goes on";

/// An import at work.
pub struct Work<'w> {
    config: &'w Config,
    folder: &'w Folder,
    store: Arc<dyn Upkeep>,
    runtime: &'w Runtime,
    calendar: Calendar<'w>,
    past: PastDays,
    /// The day up to which all was delivered.
    day: Option<Day>,
    summary: Summary,
    stop: Arc<AtomicBool>,
}

impl<'w> Work<'w> {
    /// From now on Ctrl-C has it end where it can go on from.
    ///
    /// # Errors
    /// A file that a setting names cannot be read.
    pub fn new(
        config: &'w Config,
        folder: &'w Folder,
        store: Arc<dyn Upkeep>,
        runtime: &'w Runtime,
        reading: Reading,
        resume: Resume,
    ) -> anyhow::Result<(Self, Lines)> {
        let sites: Arc<Vec<Site>> =
            Arc::new(config.sites.iter().map(|own| own.site.clone()).collect());
        let requests = Requests::new(config, sites.clone(), resume.seed)?;
        let [a, b, c, d, e, f, g, h, ..] = resume.seed;
        let seed = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        let began = resume.began;
        let rows_from = config.sites.iter().map(|own| {
            let days = Keep::new(config, own).rows_days?;
            own.site.day(began).checked_sub_days(Days::new(days.into()))
        });
        let node = resume.node.as_str().into();
        let past = PastDays::new(sites.clone(), home::limits(config, 1), seed, node)
            .with_rows_from(rows_from.collect());
        let calendar = Calendar::new(sites, store.clone(), runtime, folder, resume);
        let (day, summary, stop) = (None, Summary::default(), stops());
        let work = Self { config, folder, store, runtime, calendar, past, day, summary, stop };
        Ok((work, Lines::new(reading, requests, began)))
    }

    /// Reads all lines, and delivers what they come to. Gives back the logs.
    ///
    /// # Errors
    /// One line: the store's, the disk's; it was stopped.
    pub fn read(&mut self, lines: Lines) -> anyhow::Result<Vec<Opened>> {
        let mut progress = Progress::of_bytes(lines.size());
        let (pieces, reader) = lines.read();
        loop {
            let piece = pieces.recv_timeout(LOOK);
            ensure!(!self.stop.load(Ordering::Relaxed), AGAIN_WORDS);
            match piece {
                Ok(Piece { judged, summary, done }) => {
                    for line in judged {
                        self.count(line)?;
                    }
                    self.summary.add(summary);
                    let lines = self.summary.lines;
                    progress.reach(done, |took| {
                        let rate = lines as f64 / took.as_secs_f64().max(0.001);
                        format!("{lines} lines, {rate:.0} a second")
                    });
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.deliver()?;
        reader.join().map_err(|_| anyhow!("the thread that reads lines has failed"))
    }

    /// Counts a line if its day counts.
    fn count(&mut self, line: Judged) -> anyhow::Result<()> {
        let Judged { site, log, at, hits: (hit, more) } = line;
        match self.calendar.judge(site, hit.at, log, at)? {
            Ok(()) => {
                for hit in iter::once(hit).chain(more.map(|more| *more)) {
                    self.summary.counted(&hit);
                    self.past.count(hit);
                }
            }
            Err(why) => self.summary.not(why),
        }
        let newest = self.calendar.newest();
        if self.past.unsealed() >= SEALED || newest != self.day {
            self.day = newest;
            self.deliver()?;
        }
        Ok(())
    }

    /// Delivers what was counted, and waits for a store that is away.
    fn deliver(&mut self) -> anyhow::Result<()> {
        self.past.seal();
        let began = Instant::now();
        loop {
            match self.runtime.block_on(self.past.deliver(self.store.as_ref())) {
                Ok(()) => break,
                Err(PastError::Store(StoreError::Unreachable { .. }))
                    if began.elapsed() < PATIENCE && !self.stop.load(Ordering::Relaxed) =>
                {
                    std::thread::sleep(AGAIN);
                }
                Err(error) => bail!("{error}; {AGAIN_WORDS}"),
            }
        }
        for own in &self.config.sites {
            let cap = self.config.limits.events_cap;
            let held = self.store.rows_held(&own.site.name).unwrap_or_default();
            if cap > 0 && held > (cap + cap / 4) as u64 {
                let now = Clock::system().now();
                self.runtime.block_on(self.store.trim(&own.site.name, cap, now))?;
            }
        }
        Ok(())
    }

    /// All of these logs is delivered.
    ///
    /// # Errors
    /// One line: the store's, the disk's; a log could not be read to its end; days were left alone.
    pub fn end(mut self, logs: &[Opened], into: &str) -> anyhow::Result<()> {
        let now = Clock::system().now();
        self.runtime.block_on(async {
            let resume = self.calendar.resume();
            tokio::select! {
                settled = settled(self.store.as_ref(), self.config, resume, now) => Ok(settled?),
                () = stopped(&self.stop) => Err(anyhow!(AGAIN_WORDS)),
            }
        })?;
        let done = logs.iter().enumerate().map(|(which, log)| Done {
            into: into.to_owned(),
            mark: log.log.mark.clone(),
            to: log.source.at().max(log.log.from),
            left: self.calendar.left_of(which),
        });
        self.folder.remember(done.collect::<Vec<_>>())?;
        self.folder.end()?;
        self.summary.without_agents = logs.iter().any(|log| !log.tells_agent());
        let days: BTreeSet<Day> = self.past.days().map(|(_, day)| day).collect();
        print!("{}", self.summary.told(self.past.sums(), days.len()));
        let failed = logs.iter().filter_map(|log| {
            let why = log.failed.as_ref()?;
            Some(format!("{} ends after {} lines: {why}", log.log.name, log.source.lines))
        });
        let failed: Vec<String> = failed.collect();
        ensure!(failed.is_empty(), "{}", failed.join("; "));
        let left = self.calendar.left();
        ensure!(
            left == 0,
            "{left} days were left alone, for they have counts; --force adds to them"
        );
        Ok(())
    }
}

/// Leaves the days that were counted as the daily jobs would.
pub async fn settled(
    store: &dyn Upkeep,
    config: &Config,
    resume: &Resume,
    now: Millis,
) -> store::Result<()> {
    let mut progress = Progress::shown();
    for own in &config.sites {
        let counted =
            |(day, standing): (&Day, &Standing)| (*standing == Standing::Counted).then_some(*day);
        let days = resume.days.get(&*own.site.name);
        let days: BTreeSet<Day> = days.into_iter().flatten().filter_map(counted).collect();
        let keep = Keep::new(config, own);
        settle(store, &own.site, keep, &days, now, &mut progress).await?;
    }
    Ok(())
}

/// Set once the import is to stop.
fn stops() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let set = stop.clone();
    std::thread::spawn(move || {
        let Ok(runtime) = runtime() else { return };
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            set.store(true, Ordering::Relaxed);
        }
    });
    stop
}

async fn stopped(stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep(LOOK).await;
    }
}
