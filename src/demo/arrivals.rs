//! When live visitors come: as many as on the days before at this time, and a few more when somebody
//! begins to watch.
//!
//! Apart from [`traffic`](super::traffic), which sends them: here is only time and chance.

use super::traffic::MACHINES;
use super::website::Rhythm;
use crate::clock::{HOUR, MINUTE, Millis};
use chrono::DateTime;
use chrono_tz::Tz;
use fastrand::Rng;

/// So many come when somebody begins to watch. The past leaves them out of today.
pub const MOMENT: usize = 5;

/// At most so often: whoever opens page after page sees no day that is unlike the others.
const APART: Millis = HOUR;

pub struct Arrivals {
    rhythm: &'static Rhythm,
    timezone: Tz,
    random: Rng,
    /// Up to when it has been decided.
    decided: Option<Millis>,
    looks: u64,
    /// When somebody was last seen beginning to watch.
    moment: Option<Millis>,
}

impl Arrivals {
    pub fn new(rhythm: &'static Rhythm, timezone: Tz, random: Rng) -> Self {
        Self { rhythm, timezone, random, decided: None, looks: 0, moment: None }
    }

    /// How many come now, if somebody has begun to watch `looks` times so far.
    pub fn due(&mut self, now: Millis, looks: u64) -> usize {
        // A computer that slept does not catch up.
        let since = now - self.decided.replace(now).unwrap_or(now);
        let hours = since.clamp(0, MINUTE) as f64 / HOUR as f64;
        let local = DateTime::from_timestamp_millis(now).unwrap_or_default();
        let local = local.with_timezone(&self.timezone).naive_local();
        let people = self.rhythm.visits_an_hour(local) * hours;
        let all = people / (1.0 - f64::from(MACHINES) / 100.0);
        let mut due = usize::from(self.random.f64() < all);
        if looks > self.looks && self.moment.is_none_or(|at| now - at >= APART) {
            self.moment = Some(now);
            due += MOMENT;
        }
        self.looks = looks;
        due
    }
}
