//! What a process begins with, and leaves to the next: its node's folder, if it has one.
//!
//! Everything in the folder or nothing: journal and outbox are only exact together. Where they
//! cannot be had (a read-only disk, a folder that another process uses), counting goes on in
//! memory, and one line says so.

use crate::aggregate::{Engine, Limits, Recovery};
use crate::clock::{Clock, Millis};
use crate::config::{Config, SiteConfig};
use crate::flush::DurableOutbox;
use crate::journal::{Journal, LateLog, LateLogs, STATE_AFTER};
use crate::model::random_name;
use crate::model::site::{Site, together};
use crate::node::{self, Node};
use crate::private::is_locked;
use crate::store::SharedValues;
use crate::telemetry::Telemetry;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A node's folder while the process lives.
pub struct Home {
    folder: PathBuf,
    node: Option<Node>,
    journal: Option<Arc<Journal>>,
}

impl Home {
    /// Opens the folder of the configured sites; for `patience` it may still be another process's.
    /// `shared`: a store that nodes share, in which each has a lease.
    pub async fn open(
        config: &Config,
        shared: Option<&dyn SharedValues>,
        clock: &Clock,
        patience: Duration,
    ) -> Self {
        let folder = config.folder();
        if !patience.is_zero() {
            node::free(&folder, patience).await;
        }
        if let Err(error) = take_over(config, &folder) {
            tracing::warn!("{error}; what it has waiting is not delivered");
        }
        let node = match Node::open(&folder, config.threads, shared, clock.now()).await {
            Ok(node) => Some(node),
            Err(error) => {
                without(&folder, &error);
                None
            }
        };
        Self { folder, node, journal: None }
    }

    /// Starts to aggregate where the last process ended.
    pub fn begin(
        &mut self,
        config: &Config,
        sites: &Arc<Vec<Site>>,
        telemetry: &Arc<Telemetry>,
        clock: &Clock,
    ) -> (Engine, DurableOutbox) {
        let begun = self.node.as_ref().map(|node| self.recover(node, config, telemetry));
        let (recovery, durable) = match begun {
            Some(Ok(begun)) => begun,
            other => {
                if let Some(Err(error)) = other {
                    without(&self.folder, &error);
                }
                let (cap, events) = (config.limits.outbox, config.limits.events_cap);
                let engine = Engine::start(
                    sites.clone(),
                    limits(config, config.threads),
                    config.threads,
                    config.limits.queue,
                    telemetry.clone(),
                    clock.clone(),
                );
                let engine = if config.shared_sessions { engine.sharing() } else { engine };
                return (engine, DurableOutbox::in_memory(random_name(), cap, events));
            }
        };
        self.journal = Some(recovery.journal.clone());
        let engine = Engine::recover(
            sites.clone(),
            limits(config, recovery.lanes.len()),
            config.limits.queue,
            telemetry.clone(),
            clock.clone(),
            recovery,
        );
        (engine, durable)
    }

    fn recover(
        &self,
        node: &Node,
        config: &Config,
        telemetry: &Arc<Telemetry>,
    ) -> io::Result<(Recovery, DurableOutbox)> {
        let (cap, events) = (config.limits.outbox, config.limits.events_cap);
        let durable =
            DurableOutbox::on_disk(&node.path().join("outbox"), node.name(), cap, events)?;
        let (journal, lanes) =
            Journal::open(node.path(), node.lanes(), STATE_AFTER, telemetry.clone())?;
        let marks = durable.marks().clone();
        let (seed, share) = (node.claims(), config.shared_sessions);
        Ok((Recovery { journal, lanes, marks, seed, share }, durable))
    }

    /// The folder, if there is one to use.
    pub fn folder(&self) -> Option<&Path> {
        self.node.as_ref().map(Node::path)
    }

    /// What clients are spread over lanes with.
    pub fn spread(&self) -> u64 {
        self.node.as_ref().map_or_else(rand::random, Node::spread)
    }

    /// The same where nodes count together: agreed on with the store, or as it was the last time.
    pub async fn shared_spread(
        &mut self,
        store: &dyn SharedValues,
        sites: &[Site],
        now: Millis,
    ) -> u64 {
        let own = self.spread();
        let shared = node::shared_spread(store, &together(sites), own, now).await.unwrap_or(own);
        if let Some(Err(error)) = self.node.as_mut().map(|node| node.spread_as(shared)) {
            tracing::warn!("{}: {error}", self.folder.display());
        }
        shared
    }

    /// What earlier processes write after they handed over, for this one to count.
    pub fn late_logs(&self, engine: &Engine) -> Option<LateLogs> {
        self.folder().map(|folder| LateLogs::new(folder, engine.adopted().clone()))
    }

    /// Where to write what happens from now on, for the process that takes over.
    pub fn late_log(&self, clock: &Clock) -> Option<Arc<LateLog>> {
        let created = LateLog::create(self.folder()?, clock.micros());
        if let Err(error) = &created {
            tracing::warn!(
                "{}: {error}; what running requests still bring is lost if this process is killed",
                self.folder.display()
            );
        }
        created.ok().map(Arc::new)
    }

    /// What happens from now on is not written down here.
    pub fn close(&self) {
        if let Some(journal) = &self.journal {
            journal.close();
        }
    }

    /// The process ends in order: all is delivered, or in the folder.
    pub fn leave(self) {
        self.close();
        if let Some(Err(error)) = self.node.map(Node::end) {
            tracing::warn!("{}: {error}", self.folder.display());
        }
    }
}

pub fn limits(config: &Config, shards: usize) -> Limits {
    Limits {
        visitors: (config.limits.visitors / shards.max(1)).max(1),
        rows: config.limits.rows_per_dimension,
    }
}

/// A process that had one of several sites alone has left a folder: the first goes on as that of
/// all.
fn take_over(config: &Config, folder: &Path) -> io::Result<()> {
    if !config.lists_sites {
        return Ok(());
    }
    for SiteConfig { site, .. } in &config.sites {
        let alone = config.data_dir.join(format!("headcount-{}", site.name));
        let told = |why: &str| io::Error::other(format!("{}: {why}", alone.display()));
        if !alone.join("node.json").exists() {
            continue;
        }
        if folder.join("node.json").exists() {
            return Err(told("is of a process that had this site alone; start that once more"));
        }
        if is_locked(&alone.join("lock")) {
            return Err(told("is in use by a process that has this site alone"));
        }
        std::fs::rename(&alone, folder).map_err(|error| told(&error.to_string()))?;
        tracing::info!("{} is now {}, for all sites", alone.display(), folder.display());
    }
    Ok(())
}

fn without(folder: &Path, error: &io::Error) {
    tracing::warn!(
        "{} cannot be used: {error}; going on without a journal, so a kill now loses what the store \
         does not have yet",
        folder.display()
    );
}
