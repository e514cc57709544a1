//! What runs beside requests, each on a runtime where nothing else is in its way: deliveries, and
//! what is looked after now and then. (The admin port has one more.)
//!
//! A flush takes the processor for as long as it seals, and a thousand readers of the admin port
//! for as long as they like: neither holds up the other, and neither the rest. Every task is
//! supervised by itself ([`crate::supervise`]).

use crate::clock::Clock;
use crate::store::SharedValues;
use crate::supervise::{Task, Tasks};
use crate::visitor::{Networks, Places, Prover, Secrets};
use anyhow::Context;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How long the start waits for a store that does not answer; then it goes on without.
const STORE_PATIENCE: Duration = Duration::from_secs(2);

/// How often secrets are looked after. Without anything to agree on this sends nothing.
const SECRETS_EVERY: Duration = Duration::from_secs(1);

/// How often it is looked whether the GeoIP database has been replaced.
const PLACES_EVERY: Duration = Duration::from_secs(60);

/// A pause before the store is asked again for secrets it could not give.
const SECRETS_RETRY: Duration = Duration::from_secs(5);

/// A thread for each kind of work.
pub struct Runtimes {
    /// Whatever takes little time.
    pub background: Runtime,
    pub flush: Runtime,
}

impl Runtimes {
    /// # Errors
    /// There are no more threads to be had.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self { background: runtime("background")?, flush: runtime("flush")? })
    }

    /// Ends what still runs, without waiting for it.
    pub fn shutdown(self) {
        for runtime in [self.flush, self.background] {
            runtime.shutdown_background();
        }
    }
}

/// # Errors
/// There are no more threads to be had.
pub fn runtime(name: &str) -> anyhow::Result<Runtime> {
    // Not of the current thread: what waits for a disk (`blocking`) lets other tasks go on.
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let built = builder.worker_threads(1).thread_name(name).enable_all().build();
    built.with_context(|| format!("no threads for the {name} runtime"))
}

/// Agrees on secrets with the store, if it answers in time.
pub async fn first_contact(secrets: &Secrets, store: &dyn SharedValues, clock: &Clock) {
    let shared = tokio::time::timeout(STORE_PATIENCE, secrets.share(store, clock.now())).await;
    let trouble = match shared {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("{} does not answer", store.name()),
    };
    tracing::warn!("{trouble}; starting anyway, and trying again");
}

pub async fn keep_secrets(
    secrets: &Secrets,
    store: &dyn SharedValues,
    clock: &Clock,
    tasks: &Tasks,
) {
    tasks
        .keep(Task::Secrets, || async {
            loop {
                tasks.turn(Task::Secrets);
                tokio::time::sleep(SECRETS_EVERY).await;
                if secrets.share(store, clock.now()).await.is_err() {
                    tokio::time::sleep(SECRETS_RETRY).await;
                }
            }
        })
        .await
}

pub async fn keep_places(places: &Arc<Places>, tasks: &Tasks) {
    tasks
        .keep(Task::Places, || async {
            loop {
                tasks.turn(Task::Places);
                tokio::time::sleep(PLACES_EVERY).await;
                let places = places.clone();
                match tokio::task::spawn_blocking(move || places.reload()).await {
                    Ok(Ok(true)) => tracing::info!("the GeoIP database was replaced"),
                    Ok(Ok(false)) => {}
                    Ok(Err(error)) => tracing::warn!("{error:#}; using the one before"),
                    Err(error) => tracing::error!("looking for a new GeoIP database: {error}"),
                }
            }
        })
        .await
}

/// Takes up new lists of crawlers' addresses and of networks.
pub async fn keep_ranges(prover: &Arc<Prover>, tasks: &Tasks) {
    tasks
        .keep(Task::Robots, || async {
            loop {
                tasks.turn(Task::Robots);
                tokio::time::sleep(PLACES_EVERY).await;
                let prover = prover.clone();
                let reload = move || {
                    let networks = || prover.networks.as_ref().map(Networks::reload);
                    [Some(prover.ranges.reload()), networks()]
                };
                match tokio::task::spawn_blocking(reload).await {
                    Ok(found) => found.into_iter().flatten().for_each(|found| match found {
                        Ok(true) => tracing::info!("new lists of crawlers or networks are in use"),
                        Ok(false) => {}
                        Err(error) => tracing::warn!("{error:#}; using the one before"),
                    }),
                    Err(error) => tracing::error!("looking for new lists of crawlers: {error}"),
                }
            }
        })
        .await
}

/// Looks up the names of crawlers' addresses, where that is wanted.
pub async fn keep_names(prover: &Prover, tasks: &Tasks) {
    if let Some(names) = &prover.names {
        tasks.keep(Task::Names, || names.run(|| tasks.turn(Task::Names))).await
    }
}

/// Fetches the keys of machines that may sign, where there are any.
pub async fn keep_keys(prover: &Prover, tasks: &Tasks) {
    if let Some(signatures) = &prover.signatures {
        tasks.keep(Task::Signers, || signatures.keep_keys(|| tasks.turn(Task::Signers))).await
    }
}
