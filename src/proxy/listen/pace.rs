//! How slowly an upload may come.
//!
//! Who sends a byte now and then is never silent, and would keep a connection, here and to the
//! website, for as long as they like. So in each stretch of time that an upload is waited for, it
//! has to bring as many bytes as the slowest of honest clients would.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

/// What an upload has brought in one stretch.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    /// Bytes in a second, at least; 0: any.
    rate: u64,
    stretch: Duration,
    waited: Duration,
    brought: u64,
    /// Since when the next bytes are waited for.
    since: Option<Instant>,
}

impl Pace {
    /// `rate`: bytes in a second, at least, over each `stretch`. `None`: as slow as it likes.
    pub fn new(rate: Option<usize>, stretch: Duration) -> Self {
        Self { rate: rate.unwrap_or(0) as u64, stretch, ..Self::default() }
    }

    /// As at the begin of an upload.
    pub fn anew(self) -> Self {
        Self { rate: self.rate, stretch: self.stretch, ..Self::default() }
    }

    /// The next bytes are waited for.
    pub fn wait(&mut self) {
        if self.rate > 0 && self.since.is_none() {
            self.since = Some(Instant::now());
        }
    }

    /// So many have come.
    ///
    /// # Errors
    /// [`TooSlow`].
    pub fn came(&mut self, bytes: usize) -> io::Result<()> {
        if self.rate == 0 {
            return Ok(());
        }
        self.waited += self.since.take().map_or(Duration::ZERO, |since| since.elapsed());
        self.brought += bytes as u64;
        if self.waited < self.stretch {
            return Ok(());
        }
        let least = u128::from(self.rate) * self.waited.as_millis() / 1_000;
        if u128::from(self.brought) < least {
            return Err(io::Error::new(io::ErrorKind::TimedOut, TooSlow));
        }
        *self = self.anew();
        Ok(())
    }
}

/// An upload comes more slowly than is allowed.
#[derive(Debug)]
pub struct TooSlow;

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the upload is slower than limits.upload_rate")
    }
}

impl std::error::Error for TooSlow {}

#[cfg(test)]
mod tests {
    use super::*;

    fn waited(pace: &mut Pace, millis: u64, bytes: usize) -> bool {
        pace.since = Instant::now().checked_sub(Duration::from_millis(millis));
        pace.came(bytes).is_ok()
    }

    #[test]
    fn an_upload_has_to_bring_something_in_each_stretch() {
        let stretch = Duration::from_secs(60);
        let mut pace = Pace::new(Some(100), stretch);
        // A long silence, and then enough of it.
        assert!(waited(&mut pace, 59_000, 1));
        assert!(waited(&mut pace, 2_000, 6_200));
        for _ in 0..59 {
            assert!(waited(&mut pace, 1_000, 99));
        }
        assert!(!waited(&mut pace, 1_000, 99));
        // What came at once does not count later.
        let mut pace = Pace::new(Some(100), stretch);
        assert!(waited(&mut pace, 60_000, 1_000_000));
        assert!(!waited(&mut pace, 60_000, 5_999));
        let mut any = Pace::new(None, stretch);
        any.wait();
        assert!(any.since.is_none());
        assert!(waited(&mut any, 600_000, 1));
    }
}
