//! Time as an argument: milliseconds since the Unix epoch, from the system or from a test.
//!
//! Every room that needs to know the time is given a [`Clock`], so that midnight, a month's end or
//! a 30-minute pause can be tested without waiting for one.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Millis = i64;

/// Microseconds since then: for what comes close upon another.
pub type Micros = i64;

/// In milliseconds.
pub const SECOND: Millis = 1_000;
/// In milliseconds.
pub const MINUTE: Millis = 60 * SECOND;
/// In milliseconds.
pub const HOUR: Millis = 60 * MINUTE;

/// The time of day, real or set by hand.
#[derive(Clone, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that stands still until [`Clock::set`].
    pub fn fixed(at: Millis) -> Self {
        Self(Some(Arc::new(AtomicI64::new(at))))
    }

    /// Sets a fixed clock; the system's is left alone.
    pub fn set(&self, at: Millis) {
        if let Some(fixed) = &self.0 {
            fixed.store(at, Ordering::Relaxed);
        }
    }

    /// Milliseconds since 1970.
    pub fn now(&self) -> Millis {
        self.micros().div_euclid(1_000)
    }

    /// Microseconds since 1970.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
    pub fn micros(&self) -> Micros {
        match &self.0 {
            Some(fixed) => fixed.load(Ordering::Relaxed) * 1_000,
            None => {
                SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as Micros)
            }
        }
    }
}
