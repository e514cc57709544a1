//! SIGHUP: the settings are read again, and what may change while the program runs, does. The access
//! log's file is opened anew.
//!
//! Most of what can be set decides how rooms are built, and is kept until a restart or a hand-over;
//! one line names it. A mistake changes nothing.

use super::access_log::AccessLog;
use super::stop::hear;
use super::website::Website;
use super::websites::Websites;
use crate::config::{Config, Settings};
use crate::open::Open;
use crate::supervise::{Pauses, Task};
use crate::telemetry::Telemetry;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Handle;
use tokio::signal::unix::SignalKind;

/// Sets what is logged.
pub type SetLog = Box<dyn Fn(&str) -> anyhow::Result<()> + Send>;

/// How to read the settings again, as at the start: file, variables, flags.
pub struct Reload {
    /// Those in force.
    pub settings: Settings,
    pub read: Box<dyn Fn() -> Result<(Config, Settings), String> + Send>,
    pub log: SetLog,
}

impl Reload {
    /// Reads them again at every SIGHUP from now on, within a runtime.
    pub(super) fn run(
        self,
        open: Open,
        websites: Arc<Websites>,
        access_log: Option<AccessLog>,
        telemetry: Arc<Telemetry>,
    ) -> impl Future<Output = ()> {
        let hup = hear(SignalKind::hangup());
        async move {
            let Some(mut hup) = hup else { return };
            let (reload, tasks) = (Arc::new(Mutex::new(self)), &telemetry.tasks);
            let mut pauses = Pauses::default();
            while hup.recv().await.is_some() {
                // First: whoever has moved the file away is not to wait for a mistake to be mended.
                access_log.iter().for_each(AccessLog::reopen);
                let (reload, open, websites) = (reload.clone(), open.clone(), websites.clone());
                let work = move || {
                    let mut reload = reload.lock().unwrap_or_else(PoisonError::into_inner);
                    reload.reload(&open, &websites)
                };
                let turn = async {
                    tasks.turn(Task::Reload);
                    match tokio::task::spawn_blocking(work).await {
                        Ok(done) => done,
                        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
                    }
                };
                match tasks.attempt(Task::Reload, &mut pauses, turn).await {
                    Ok(Ok(said)) => tracing::info!("settings read again{said}"),
                    Ok(Err(error)) => {
                        tracing::warn!("settings read again, and not taken: {error:#}");
                    }
                    Err(pause) => tokio::time::sleep(pause).await,
                }
            }
        }
    }

    /// For a thread of a runtime that may block.
    fn reload(&mut self, open: &Open, websites: &Websites) -> anyhow::Result<String> {
        let (config, settings) = (self.read)().map_err(anyhow::Error::msg)?;
        let changed = self.settings.changed(&settings);
        // What can fail comes first: all of it or nothing.
        let behind = Handle::current().block_on(websites.prepare(&config))?;
        open.change(&config)?;
        websites.change(behind);
        (self.log)(&config.log)?;
        let keys = [&["log"][..], &Open::KEYS, &Website::KEYS].concat();
        let may = |key: &&str| keys.contains(key);
        let (taken, kept): (Vec<&str>, Vec<&str>) = changed.into_iter().partition(may);
        let (taken_of_sites, kept_of_sites): (Vec<_>, Vec<_>) =
            self.settings.changed_sites(&settings).into_iter().partition(|(_, key)| may(key));
        let mut said = String::new();
        for (what, keys, of_sites) in
            [("changed", &taken, &taken_of_sites), ("kept until a restart", &kept, &kept_of_sites)]
        {
            let keys = keys.iter().map(ToString::to_string);
            let of_sites = of_sites.iter().map(|(site, key)| match site {
                Some(site) => format!("{site}: {key}"),
                None => (*key).to_owned(),
            });
            let keys: Vec<String> = keys.chain(of_sites).collect();
            if !keys.is_empty() {
                said.push_str(&format!("; {what}: {}", keys.join(", ")));
            }
        }
        self.settings.take(&settings, |key| Website::KEYS.contains(&key) || taken.contains(&key));
        Ok(said)
    }
}
