//! Looking after what is stored: the hourly and the daily job, and the operator's commands.
//!
//! Beside the line of rooms: nothing here counts. [`daily`] trims, rolls closed days into months
//! and lets go what retention says; [`compact`] merges blocks of event rows and ages those of days
//! that are over; [`backfill`] sums a day up again from its events; [`migrate`] moves aside what is
//! of the wrong type or an older layout and reads it in; [`tail`] says what of a day or a month
//! keeps a row of its own. The room knows no key and no table: it asks [`crate::store::Upkeep`].

pub mod backfill;
mod command;
pub mod compact;
pub mod copy;
pub mod daily;
pub mod delete;
mod export;
pub mod migrate;
pub mod progress;
pub mod tail;

pub use backfill::Backfill;
pub use command::{backfill, migrate, runtime, trim};
pub use copy::Copy;
pub use daily::{Daily, settle};
pub use delete::Delete;
pub use export::Export;
pub use progress::Progress;

use crate::config::{Config, SiteConfig};

/// What is kept, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Event rows of a site over all days, of people and of others each.
    pub events: usize,
    /// Rows of a dimension on a day.
    pub rows: usize,
    /// Days before a day's event rows go; `None`: they stay with the day.
    pub rows_days: Option<u32>,
    /// Days before a month's days go; `None`: they stay.
    pub days: Option<u32>,
}

impl Keep {
    pub fn new(config: &Config, site: &SiteConfig) -> Self {
        Self {
            events: config.limits.events_cap,
            rows: config.limits.rows_per_dimension,
            rows_days: (site.rows_days > 0).then_some(site.rows_days),
            days: (site.retention_days > 0).then_some(site.retention_days),
        }
    }

    /// Of each site.
    pub fn all(config: &Config) -> Vec<Self> {
        config.sites.iter().map(|site| Self::new(config, site)).collect()
    }
}
