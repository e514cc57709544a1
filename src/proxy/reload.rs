//! SIGHUP: the settings are read again. What can change while the program runs does, and the access
//! log's file is opened anew.
//!
//! Most of what can be set decides how rooms are built, such as which sites there are. Where a
//! service manager follows ([`systemd::follows`]), the process hands over to itself for such a
//! change, and loses neither a request nor a count; elsewhere its end would be taken for the
//! program's, and one line names what waits for a hand-over or a restart. A mistake changes
//! nothing.

use super::access_log::AccessLog;
use super::app::free;
use super::listen::{Connections, Limits};
use super::stop::{HandOver, hear};
use super::systemd;
use super::tls::Certificates;
use super::website::Website;
use super::websites::Websites;
use crate::config::{Config, Settings};
use crate::open::Open;
use crate::supervise::{Pauses, Task};
use crate::telemetry::Telemetry;
use anyhow::Context;
use arc_swap::ArcSwap;
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

/// What is at work, and may change.
pub(super) struct Running {
    /// As of the start.
    pub config: Config,
    pub open: Open,
    pub websites: Arc<Websites>,
    pub certificates: Option<Arc<Certificates>>,
    pub connections: Arc<Connections>,
    pub limits: Arc<ArcSwap<Limits>>,
    pub access_log: Option<AccessLog>,
    pub hand_over: HandOver,
    pub telemetry: Arc<Telemetry>,
}

/// What has come of it.
struct Read {
    said: String,
    hands_over: bool,
}

impl Reload {
    /// Reads them again at every SIGHUP from now on, within a runtime.
    pub(super) fn run(self, running: Running) -> impl Future<Output = ()> {
        let hup = hear(SignalKind::hangup());
        async move {
            let Some(mut hup) = hup else { return };
            let telemetry = running.telemetry.clone();
            let (running, reload) = (Arc::new(running), Arc::new(Mutex::new(self)));
            let mut pauses = Pauses::default();
            while hup.recv().await.is_some() {
                systemd::reloading();
                // First: whoever has moved the file away is not to wait for a mistake to be mended.
                running.access_log.iter().for_each(AccessLog::reopen);
                let (reload, at_work) = (reload.clone(), running.clone());
                let work = move || {
                    let mut reload = reload.lock().unwrap_or_else(PoisonError::into_inner);
                    reload.reload(&at_work)
                };
                let turn = async {
                    telemetry.tasks.turn(Task::Reload);
                    match tokio::task::spawn_blocking(work).await {
                        Ok(done) => done,
                        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
                    }
                };
                let mut hands_over = false;
                match telemetry.tasks.attempt(Task::Reload, &mut pauses, turn).await {
                    Ok(Ok(read)) => {
                        tracing::info!("settings read again{}", read.said);
                        hands_over = read.hands_over;
                    }
                    Ok(Err(error)) => {
                        tracing::warn!("settings read again, and not taken: {error:#}");
                    }
                    Err(pause) => tokio::time::sleep(pause).await,
                }
                match hands_over {
                    true => running.hand_over.ask(),
                    false => systemd::ready(),
                }
            }
        }
    }

    /// For a thread of a runtime that may block.
    fn reload(&mut self, running: &Running) -> anyhow::Result<Read> {
        let (config, settings) = (self.read)().map_err(anyhow::Error::msg)?;
        let keys = [&["log"][..], &Open::KEYS, &Website::KEYS, &Running::KEYS].concat();
        let changed = self.settings.changed(&settings).into_iter().map(|key| (None, key));
        let of_sites = self.settings.changed_sites(&settings);
        let (taken, kept): (Vec<_>, Vec<_>) =
            changed.chain(of_sites).partition(|(_, key)| keys.contains(key));
        let mut said = String::new();
        let mut name = |what: &str, changed: &[(Option<Arc<str>>, &str)]| {
            let names = changed.iter().map(|(site, key)| match site {
                Some(site) => format!("{site}: {key}"),
                None => (*key).to_owned(),
            });
            let names: Vec<String> = names.collect();
            if !names.is_empty() {
                said.push_str(&format!("; {what}: {}", names.join(", ")));
            }
        };
        // It waits for the next one in the folder.
        let same_folder = running.config.folder() == config.folder();
        if !kept.is_empty() && same_folder && systemd::follows() {
            running.can_move(&config)?;
            // All at once: by half of them a request could go where no settings send it.
            name("handing over for", &[kept, taken].concat());
            return Ok(Read { said, hands_over: true });
        }
        running.change(&config)?;
        (self.log)(&config.log)?;
        name("changed", &taken);
        let until = if same_folder { "a hand-over or a restart" } else { "a restart" };
        name(&format!("kept until {until}"), &kept);
        let taken: Vec<&str> =
            taken.into_iter().filter(|(site, _)| site.is_none()).map(|(_, key)| key).collect();
        self.settings.take(&settings, |key| Website::KEYS.contains(&key) || taken.contains(&key));
        Ok(Read { said, hands_over: false })
    }
}

impl Running {
    /// The settings that may change, beside those of the rooms.
    const KEYS: [&str; 3] =
        ["tls.certificates", "limits.connections_per_address", "limits.header_time"];

    /// Does as `config` says, as far as that can be while it runs.
    fn change(&self, config: &Config) -> anyhow::Result<()> {
        // What can fail comes first: all of it or nothing.
        let websites = Handle::current().block_on(self.websites.prepare(config))?;
        let files = config.tls.as_ref().map(|tls| tls.certificates.clone());
        let certificates = self.certificates.as_ref().zip(files);
        let certificates = certificates.map(|(of, files)| of.prepare(files)).transpose()?;
        self.open.change(config)?;
        self.websites.change(websites);
        if let Some((of, prepared)) = self.certificates.as_ref().zip(certificates) {
            of.change_files(prepared);
        }
        self.connections.limit_addresses(config.limits.connections_per_address);
        let header_time = config.limits.header_time;
        self.limits.rcu(|now| Limits { header_time, ..**now });
        Ok(())
    }

    /// Looks whether a process with these settings could listen where this one does not.
    ///
    /// # Errors
    /// One line that names the address.
    fn can_move(&self, config: &Config) -> anyhow::Result<()> {
        let admin = |config: &Config| ("admin", config.admin);
        let known: Vec<_> = self.config.listens().chain([admin(&self.config)]).collect();
        let all = config.listens().chain([admin(config)]);
        for (name, address) in all.filter(|(_, new)| known.iter().all(|(_, own)| own != new)) {
            free(address).with_context(|| format!("{name} {address} cannot be used"))?;
        }
        Ok(())
    }
}
