//! The daily job over a store of ours, beside the counting.

use super::parts::Parts;
use crate::config::Config;
use crate::supervise::Task;
use crate::upkeep::{Daily, Keep};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

/// A store of somebody's own is looked after by its owner.
pub fn chore(config: &Config, parts: &Parts) -> Option<BoxFuture<'static, ()>> {
    let (store, keep) = (parts.stored.to_keep.clone()?, Keep::all(config));
    let Parts { sites, telemetry, clock, budget, node, .. } = parts.clone();
    let chore = async move {
        let tasks = &telemetry.tasks;
        let daily = || {
            let (store, sites, clock) = (store.clone(), sites.clone(), clock.clone());
            let daily = Daily::new(store, sites, clock, keep.clone(), node.clone());
            daily.within(budget.clone()).run(tasks)
        };
        tasks.keep(Task::Daily, daily).await;
    };
    Some(chore.boxed())
}
