//! Subscribers of feeds: of what their readers say on a day, the most.

use crate::model::site::Day;
use serde::{Deserialize, Serialize};

/// Feeds and their readers remembered for a day's most subscribers.
pub const FEEDS_MAX: usize = 10_000;

/// The most subscribers a reader has named of a feed on a day.
#[derive(Serialize, Deserialize)]
pub(super) struct Subscribers {
    day: Day,
    most: u32,
}

impl Subscribers {
    pub fn new(day: Day) -> Self {
        Self { day, most: 0 }
    }

    /// So many were named on a day: how many more these are than before.
    pub fn more(&mut self, day: Day, named: u32) -> u32 {
        if day > self.day {
            *self = Self::new(day);
        }
        let more = if day == self.day { named.saturating_sub(self.most) } else { 0 };
        self.most += more;
        more
    }
}
