//! The operator's commands: what runs the rest of this room once, and says what came of it.

use super::backfill::Outcome;
use super::daily::{Daily, Turn};
use super::{Backfill, Keep, Progress};
use crate::clock::Clock;
use crate::config::Config;
use crate::model::random_name;
use crate::model::site::Site;
use crate::store;
use anyhow::Context;
use std::sync::Arc;

/// `headcount trim`: the daily job, now and for all days.
///
/// # Errors
/// The store's; another node that is at it.
pub fn trim(config: &Config) -> anyhow::Result<()> {
    let store = store::open(&config.store, &config.data_dir)?;
    let sites: Arc<Vec<Site>> = Arc::new(config.sites.iter().map(|own| own.site.clone()).collect());
    let node = format!("trim-{}", random_name());
    let mut daily = Daily::new(store, sites.clone(), Clock::system(), Keep::all(config), node);
    let runtime = runtime()?;
    for (place, Site { name, .. }) in sites.iter().enumerate() {
        match runtime.block_on(daily.by_hand(place, &mut Progress::shown()))? {
            Turn::Done(done) => println!(
                "{name}: {} days kept, {} let go; {} months rolled up; {} counts moved to (other)",
                done.days - done.forgotten.len(),
                done.forgotten.len(),
                done.months.len(),
                done.folded,
            ),
            Turn::Another { node, .. } => {
                anyhow::bail!("{name}: node {node} is doing this job right now")
            }
            Turn::Nothing => {}
        }
    }
    Ok(())
}

/// `headcount backfill`: a range summed up again from its events.
///
/// # Errors
/// The store's; days that were left alone because their events know less.
pub fn backfill(config: &Config, what: Backfill) -> anyhow::Result<()> {
    let store = store::open(&config.store, &config.data_dir)?;
    let (runtime, mut days, mut left) = (runtime()?, 0, 0);
    for own in &config.sites {
        let (site, keep) = (&own.site, Keep::new(config, own));
        let today = site.day(Clock::system().now());
        let mut progress = Progress::shown();
        let run = what.run(store.as_ref(), site, keep, today, &mut progress);
        let outcomes = runtime.block_on(run)?;
        drop(progress);
        for (day, outcome) in &outcomes {
            match config.sites.len() {
                1 => println!("{day}: {outcome}"),
                _ => println!("{}: {day}: {outcome}", site.name),
            }
        }
        let refused = |o: &&(_, Outcome)| matches!(o.1, Outcome::Less { .. } | Outcome::Busy);
        (days, left) = (days + outcomes.len(), left + outcomes.iter().filter(refused).count());
    }
    match left {
        0 => Ok(()),
        n => anyhow::bail!("{n} of {days} days were left alone"),
    }
}

/// `headcount migrate`: keys of the wrong type or an older layout, moved aside and read in.
///
/// # Errors
/// The store's; days whose events know less than what is stored.
pub fn migrate(config: &Config, force: bool) -> anyhow::Result<()> {
    let store = store::open(&config.store, &config.data_dir)?;
    let (runtime, mut left) = (runtime()?, 0);
    for own in &config.sites {
        let (site, keep) = (&own.site, Keep::new(config, own));
        let today = site.day(Clock::system().now());
        let mut progress = Progress::shown();
        let run = super::migrate::run(store.as_ref(), site, keep, today, force, &mut progress);
        let done = runtime.block_on(run)?;
        drop(progress);
        println!("{}: {done}", site.name);
        left += done.left_alone;
    }
    match left {
        0 => Ok(()),
        n => anyhow::bail!("{n} days were left alone; --force replaces them"),
    }
}

/// What a command runs on.
///
/// # Errors
/// There is none to be had.
pub fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")
}
