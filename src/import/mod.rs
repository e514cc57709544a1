//! `headcount import`: access logs of other servers, counted as if they had come through the proxy.
//!
//! A line goes through the same rooms as a request: [`count`] asks `capture`'s rules what it is and
//! `visitor` whose, and [`PastDays`] counts it into the same rows. Only where lines come from is
//! the room's own: [`source`] reads files, [`format`] finds out how their lines are written
//! ([`pattern`], [`json`], [`haproxy`] and [`w3c`] read them, as [`record`]s), [`reading`] puts them
//! in the order of time. [`resume`] is how an import that was stopped goes on, and no line counts
//! twice.

mod count;
mod days;
pub mod format;
mod haproxy;
mod json;
mod pattern;
mod reading;
mod record;
mod resume;
mod source;
mod summary;
pub(crate) mod time;
pub mod totals;
mod types;
mod w3c;

use crate::clock::{Clock, HOUR, Millis};
use crate::config::Config;
use crate::home;
use crate::kept::{self, Imports, Kept};
use crate::model::random_name;
use crate::model::site::{Day, Site};
use crate::past::{PastDays, PastError};
use crate::store::{self, StoreError, Upkeep};
use crate::upkeep::{Keep, Progress, runtime, settle, tail};
use anyhow::{Context, bail, ensure};
use chrono::Days;
use count::Requests;
use days::Calendar;
use format::Format;
use reading::{Opened, Reading, Taken};
use resume::{Done, Folder, Resume, Standing};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use summary::{Summary, Why};
use tokio::runtime::Runtime;
use totals::{Program, Totals};

/// Hits that are sealed at once. Fewer where a day ends.
const SEALED: u64 = 200_000;

/// Lines between looks at the clock and at whether to stop.
const LOOK: u64 = 4_096;

/// How long a store may be away.
const PATIENCE: Duration = Duration::from_secs(60);
const AGAIN: Duration = Duration::from_secs(1);

/// Lines from before this are no log's: 1995-01-01.
const EARLIEST: Millis = 788_918_400_000;

/// A clock may be wrong by this much.
const AHEAD: Millis = 24 * HOUR;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Import {
    /// As typed; `None`: what each log fits.
    pub format: Option<String>,
    /// Empty: standard input.
    pub logs: Vec<PathBuf>,
    /// Add to days that have counts.
    pub force: bool,
    /// Only end what was interrupted.
    pub give_up: bool,
}

impl Import {
    /// Does it, and prints what was counted.
    ///
    /// # Errors
    /// One line: what cannot be read or is not understood; the store's; days that were left alone.
    pub fn run(&self, config: &Config) -> anyhow::Result<()> {
        if let Some(program) = self.format.as_deref().and_then(Program::parse) {
            return self.take_over(config, program);
        }
        let format = match self.format.as_deref().map(Format::new).transpose() {
            Ok(format) => format,
            Err(why) => bail!("--format {}: {why}", self.format.as_deref().unwrap_or_default()),
        };
        let folder = Folder::open(&config.data_dir)?;
        let store = store::open(&config.store, &config.data_dir)?;
        let (runtime, stop) = (runtime()?, stops());
        let now = Clock::system().now();
        let interrupted = folder.interrupted()?;
        if self.give_up {
            let Some(resume) = interrupted else { bail!("no import was interrupted") };
            runtime.block_on(settled(store.as_ref(), config, &resume, now))?;
            folder.end()?;
            println!("The import is ended; what it has counted stays.");
            return Ok(());
        }
        let logs = self.open(config, format.as_ref())?;
        let rules = self.rules(config);
        let into = short(&format!("{} {:?}", config.store, names(config)));
        let (reading, resume) = match interrupted {
            Some(resume) => {
                resume.goes_on_by(&rules, self.force)?;
                eprintln!("An import was interrupted; it goes on.");
                (again(logs, &resume)?, resume)
            }
            None => {
                let reading = Reading::new(new(logs, &folder.imported()?, &into, self.force));
                let resume = Resume {
                    seed: rand::random(),
                    node: format!("import.{}", random_name()),
                    rules,
                    began: now,
                    force: self.force,
                    logs: reading.logs().iter().map(|log| log.log.clone()).collect(),
                    days: BTreeMap::new(),
                };
                if resume.logs.is_empty() {
                    println!("There is nothing to import.");
                    return Ok(());
                }
                folder.begin(&resume)?;
                (reading, resume)
            }
        };
        let mut work = Work::new(config, &folder, store, &runtime, reading, resume)?;
        work.stop = stop;
        work.read()?;
        work.end(&into)
    }

    /// Keeps what another program has counted, beside our own counts.
    fn take_over(&self, config: &Config, program: Program) -> anyhow::Result<()> {
        let site = &config.only_site()?.name;
        let mut totals = Totals::new(program, config.limits.value_length);
        for path in self.paths() {
            let name = named(&path);
            match path.to_str() {
                Some("-") => totals.add(&name, std::io::stdin().lock())?,
                _ => totals.add(&name, std::fs::File::open(&path).context(name.clone())?)?,
            }
        }
        let store = store::open(&config.store, &config.data_dir)?;
        let (runtime, mut days) = (runtime()?, 0);
        for (day, counts) in totals.days() {
            let counts = tail::top(counts, config.limits.rows_per_dimension);
            runtime.block_on(store.put_imported(site, day, &totals::fields(&counts)))?;
            days += 1;
        }
        let told = totals.days().map(|(day, _)| day);
        if let (Some(first), Some(last)) = (told.clone().min(), told.max()) {
            let kept = Kept::new(store.clone(), None);
            let name = program.name();
            runtime.block_on(kept.change::<Imports, (), kept::Error>(Some(site), |imports| {
                imports.add(name, first, last);
                Ok(())
            }))?;
        }
        let (views, visitors) = totals.sums();
        let Totals { lines, left, .. } = totals;
        println!(
            "{site}: {views} pageviews and {visitors} visitors of {days} days, from {lines} lines; \
             {left} lines are no totals of a day"
        );
        Ok(())
    }

    /// What is read: standard input, if nothing is named.
    fn paths(&self) -> Vec<PathBuf> {
        if self.logs.is_empty() { vec!["-".into()] } else { self.logs.clone() }
    }

    fn open(&self, config: &Config, format: Option<&Format>) -> anyhow::Result<Vec<Opened>> {
        let mut logs = Vec::new();
        for path in self.paths() {
            match Opened::new(&path, format, config.sites[0].site.timezone)? {
                Some(log) => logs.push(log),
                None => eprintln!("{} has no lines", named(&path)),
            }
        }
        Ok(logs)
    }

    /// What decides how lines are read.
    fn rules(&self, config: &Config) -> String {
        let Config { sites, limits, trusted_proxies, place_headers, geoip, .. } = config;
        let Config { crawler_ranges, networks, hosting_networks, .. } = config;
        short(&format!(
            "{} {:?} {} {sites:?} {limits:?} {trusted_proxies:?} {place_headers:?} {geoip:?} \
             {crawler_ranges:?} {networks:?} {hosting_networks:?}",
            env!("CARGO_PKG_VERSION"),
            self.format,
            config.store,
        ))
    }
}

fn named(path: &Path) -> String {
    match path.to_str() {
        Some("-") => "standard input".to_owned(),
        _ => path.display().to_string(),
    }
}

fn names(config: &Config) -> Vec<&str> {
    config.sites.iter().map(|own| &*own.site.name).collect()
}

fn short(text: &str) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(text)[..16])
}

/// Logs of a new import: none twice, and none again.
fn new(logs: Vec<Opened>, imported: &[Done], into: &str, force: bool) -> Vec<Opened> {
    let mut new: Vec<Opened> = Vec::new();
    for mut log in logs {
        if new.iter().any(|other| other.log.mark == log.log.mark) {
            eprintln!("{} is named twice; it is read once", log.log.name);
            continue;
        }
        let first = log.log.mark.first;
        let known = |done: &&Done| done.into == into && log.source.is(&done.mark, first);
        if let Some(done) = imported.iter().rev().find(known) {
            let (left, kept) = match force {
                true => (done.left.clone(), Vec::new()),
                false => (Vec::new(), done.left.clone()),
            };
            let name = &log.log.name;
            if left.is_empty() && log.log.to.is_some_and(|to| to <= done.to) {
                eprintln!("{name} is imported already; it is passed over");
                continue;
            }
            if !left.is_empty() {
                eprintln!("{name} is imported already, but for days that had counts");
            } else {
                eprintln!("{name} is imported up to byte {}; it goes on from there", done.to);
            }
            (log.log.from, log.log.left, log.log.kept) = (done.to, left, kept);
        }
        new.push(log);
    }
    new
}

/// Logs of an import that goes on: those it began with, as they were then.
fn again(mut logs: Vec<Opened>, resume: &Resume) -> anyhow::Result<Reading> {
    let mut same = Vec::new();
    for log in &resume.logs {
        let known = |other: &Opened| other.source.is(&log.mark, other.log.mark.first);
        let Some(at) = logs.iter().position(known) else {
            bail!(
                "the import that was interrupted reads {} too: name it again, or end the import as \
                 it is by --give-up",
                log.name
            );
        };
        let mut found = logs.swap_remove(at);
        let short = log.to.zip(found.log.to).is_some_and(|(to, there)| there < to);
        ensure!(!short, "{} is shorter than when the import began", found.log.name);
        found.log = log.clone();
        same.push(found);
    }
    for other in logs {
        eprintln!("{} is not part of this import; import it afterwards", other.log.name);
    }
    Ok(Reading::new(same))
}

/// Leaves the days that were counted as the daily jobs would.
async fn settled(
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

/// An import at work.
struct Work<'w> {
    config: &'w Config,
    folder: &'w Folder,
    store: Arc<dyn Upkeep>,
    runtime: &'w Runtime,
    reading: Reading,
    calendar: Calendar<'w>,
    requests: Requests,
    past: PastDays,
    summary: Summary,
    stop: Arc<AtomicBool>,
}

impl<'w> Work<'w> {
    fn new(
        config: &'w Config,
        folder: &'w Folder,
        store: Arc<dyn Upkeep>,
        runtime: &'w Runtime,
        reading: Reading,
        resume: Resume,
    ) -> anyhow::Result<Self> {
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
        let (summary, stop) = (Summary::default(), Arc::default());
        Ok(Self {
            config,
            folder,
            store,
            runtime,
            reading,
            calendar,
            requests,
            past,
            summary,
            stop,
        })
    }

    /// Reads all lines, and delivers what they come to.
    fn read(&mut self) -> anyhow::Result<()> {
        let (_, total) = self.reading.progress();
        let mut progress = Progress::of_bytes(total);
        let mut day = None;
        loop {
            let Self { reading, calendar, requests, past, summary, .. } = self;
            let more = reading.next(summary, |taken, summary| {
                let counted = count(taken, calendar, requests, past, summary)?;
                if let Err(why) = counted {
                    summary.not(why);
                }
                Ok(())
            })?;
            if !more {
                break;
            }
            if self.summary.lines.is_multiple_of(LOOK) {
                ensure!(!self.stop.load(Ordering::Relaxed), AGAIN_WORDS);
                let (done, _) = self.reading.progress();
                let lines = self.summary.lines;
                progress.reach(done, |took| {
                    let rate = lines as f64 / took.as_secs_f64().max(0.001);
                    format!("{lines} lines, {rate:.0} a second")
                });
            }
            let newest = self.calendar.newest();
            if self.past.unsealed() >= SEALED || newest != day {
                day = newest;
                self.deliver()?;
            }
        }
        self.deliver()
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

    /// All is delivered.
    fn end(mut self, into: &str) -> anyhow::Result<()> {
        let now = Clock::system().now();
        let resume = self.calendar.resume();
        self.runtime.block_on(settled(self.store.as_ref(), self.config, resume, now))?;
        let logs = self.reading.logs().iter().enumerate();
        let done = logs.map(|(which, log)| Done {
            into: into.to_owned(),
            mark: log.log.mark.clone(),
            to: log.source.at().max(log.log.from),
            left: self.calendar.left_of(which),
        });
        self.folder.remember(done.collect::<Vec<_>>())?;
        self.folder.end()?;
        let mut logs = self.reading.logs().iter();
        self.summary.without_agents = logs.any(|log| !log.tells_agent());
        let days: BTreeSet<Day> = self.past.days().map(|(_, day)| day).collect();
        print!("{}", self.summary.told(self.past.sums(), days.len()));
        let failed: Vec<String> = self
            .reading
            .logs()
            .iter()
            .filter_map(|log| {
                let why = log.failed.as_ref()?;
                Some(format!("{} ends after {} lines: {why}", log.log.name, log.source.lines))
            })
            .collect();
        ensure!(failed.is_empty(), "{}", failed.join("; "));
        let left = self.calendar.left();
        ensure!(
            left == 0,
            "{left} days were left alone, for they have counts; --force adds to them"
        );
        Ok(())
    }
}

const AGAIN_WORDS: &str = "interrupted; run the same command again, and it goes on";

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

/// Counts a line, or says why not.
fn count(
    taken: Taken<'_>,
    calendar: &mut Calendar<'_>,
    requests: &mut Requests,
    past: &mut PastDays,
    summary: &mut Summary,
) -> anyhow::Result<Result<(), Why>> {
    let Taken { record, log, at } = taken;
    if record.at < EARLIEST || record.at > calendar.began() + AHEAD {
        return Ok(Err(Why::TimeBeyond));
    }
    let counted = requests
        .site(&record)
        .and_then(|site| requests.count(site, &record).map(|hits| (site, hits)));
    let (site, (hit, more)) = match counted {
        Ok(counted) => counted,
        Err(why) => return Ok(Err(why)),
    };
    if let Err(why) = calendar.judge(site, record.at, log, at)? {
        return Ok(Err(why));
    }
    for hit in [Some(hit), more].into_iter().flatten() {
        summary.counted(&hit);
        past.count(hit);
    }
    Ok(Ok(()))
}
