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

#[cfg(test)]
mod tests {
    use super::super::WEBSITES;
    use super::*;
    use crate::clock::SECOND;
    use crate::model::site::Day;

    /// How many come in a week of seconds, if somebody looks as often as this says.
    fn a_week(rhythm: &'static Rhythm, looks: impl Fn(Millis) -> u64) -> usize {
        let monday = Day::from_ymd_opt(2026, 11, 23).unwrap().and_time(Default::default());
        let monday = monday.and_utc().timestamp_millis();
        let mut arrivals = Arrivals::new(rhythm, Tz::UTC, Rng::with_seed(1));
        let seconds = (0..7 * 24 * HOUR).step_by(SECOND as usize);
        seconds.map(|at| arrivals.due(monday + at, looks(at))).sum()
    }

    #[test]
    fn as_many_come_as_on_the_days_before() {
        for website in WEBSITES {
            let rhythm = &website.rhythm;
            let days = (23..30).map(|day| Day::from_ymd_opt(2026, 11, day).unwrap());
            let people: f64 = days.map(|day| rhythm.visits_on(day, 0)).sum();
            let expected = people / 0.85;
            let came = a_week(rhythm, |_| 0) as f64;
            // Four standard deviations of a Poisson distribution.
            let off = (came - expected).abs();
            assert!(off < 4.0 * expected.sqrt(), "{came} of {expected}");
        }
    }

    #[test]
    fn a_few_more_come_when_somebody_looks() {
        let rhythm = &WEBSITES[0].rhythm;
        let alone = a_week(rhythm, |_| 0);
        assert_eq!(a_week(rhythm, |at| u64::from(at >= HOUR)), alone + MOMENT);
        // However often they look.
        let always = a_week(rhythm, |at| at as u64);
        assert_eq!(always, alone + 7 * 24 * MOMENT);
    }
}
