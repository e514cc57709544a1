//! What the demo and the admin port tell each other: how much of its past the demo has made up, and
//! where somebody has begun to look.
//!
//! Apart from both: the demo may be left out of a build, and the admin port knows nothing of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Shared by all its clones.
#[derive(Debug, Clone)]
pub struct DemoStatus(Arc<Status>);

#[derive(Debug)]
struct Status {
    /// Days of sites that are to be made up, and those that are.
    days: AtomicU32,
    made_up: AtomicU32,
    /// Of each site: how often somebody began to watch it.
    looks: Vec<AtomicU64>,
}

impl DemoStatus {
    pub fn new(sites: usize) -> Self {
        let looks = (0..sites).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Status { days: AtomicU32::new(0), made_up: AtomicU32::new(0), looks }))
    }

    /// So many more days are to be made up.
    pub fn makes_up(&self, days: u32) {
        self.0.days.fetch_add(days, Ordering::Relaxed);
    }

    /// So many of them are stored, or never will be.
    pub fn made_up(&self, days: u32) {
        self.0.made_up.fetch_add(days, Ordering::Relaxed);
    }

    /// How much of the past is there, in per cent; `None`: all of it.
    pub fn percent(&self) -> Option<u32> {
        let made_up = self.0.made_up.load(Ordering::Relaxed);
        let days = self.0.days.load(Ordering::Relaxed);
        (made_up < days).then(|| made_up * 100 / days)
    }

    /// Somebody begins to watch the site at this place.
    pub fn look(&self, site: usize) {
        if let Some(looks) = self.0.looks.get(site) {
            looks.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often somebody began to.
    pub fn looks(&self, site: usize) -> u64 {
        self.0.looks.get(site).map_or(0, |looks| looks.load(Ordering::Relaxed))
    }
}

/// Settings are compared, and this is none: every demo is like another.
impl PartialEq for DemoStatus {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
