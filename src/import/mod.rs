//! `headcount import`: access logs of other servers, counted as if they had come through the proxy.
//!
//! A line goes through the same rooms as a request: [`count`] asks `capture`'s rules what it is and
//! `visitor` whose, and [`work`] counts it into the same rows. Only where lines come from is
//! the room's own: [`source`] reads files, [`format`] finds out how their lines are written
//! ([`pattern`], [`json`], [`haproxy`] and [`w3c`] read them, as [`record`]s), [`reading`] puts them
//! in the order of time. [`resume`] is how an import that was stopped goes on, and no line counts
//! twice.

mod count;
mod days;
pub mod format;
mod haproxy;
mod json;
mod lines;
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
mod work;

use crate::clock::Clock;
use crate::config::Config;
use crate::kept::{self, Imports, Kept};
use crate::model::random_name;
use crate::model::site::Site;
use crate::store;
use crate::upkeep::{runtime, tail};
use anyhow::{Context, bail, ensure};
use format::Format;
use reading::{Opened, Reading};
use resume::{Done, Folder, Resume};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use totals::{Program, Totals};
use work::{Work, settled};

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
        let runtime = runtime()?;
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
        let (mut work, lines) = Work::new(config, &folder, store, &runtime, reading, resume)?;
        let logs = work.read(lines)?;
        work.end(&logs, &into)
    }

    /// Keeps what another program has counted, beside our own counts.
    fn take_over(&self, config: &Config, program: Program) -> anyhow::Result<()> {
        let Site { name: site, timezone, .. } = config.only_site()?;
        let mut totals = Totals::new(program, *timezone, config.limits.value_length);
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
