//! How often one may try a password.
//!
//! Apart from the form because of what it promises: whoever guesses is slowed down, and never keeps
//! the owner out. So nothing is locked. Tries are limited by where they come from; beyond a few
//! they wait for their turn; and a browser that has signed in before has tries of its own, wherever
//! it is, for who signed in there. The right password makes nothing good that was tried before: who
//! has one of their own, or a link's, could else guess another's between two of theirs.
//!
//! `governor` 0.10.4 was tried with the same limits: it rounds waits up to whole steps, and a clock
//! that is put back by an hour refuses every try for that hour. It would also need a clock, a
//! limiter per origin and the same bound on origins, which is more than the five lines of
//! arithmetic here.

use crate::clock::{Millis, SECOND};
use lru::LruCache;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, Once, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Wrong passwords that cost no time.
const FREE: Millis = 10;

/// Then one try in this time.
const EVERY: Millis = 6 * SECOND;

/// The longest a try waits for its turn. What would have to wait longer is refused.
const PATIENCE: Millis = 30 * SECOND;

/// Origins of tries remembered; one more forgets the one that has been quiet for longest.
const ORIGINS: NonZeroUsize = NonZeroUsize::new(10_000).expect("a constant");

/// Passwords of strangers hashed at one time: each takes a core and 19 MiB. Known browsers have
/// one place for themselves.
const HASHING: usize = 2;

/// Where a try comes from.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Origin {
    /// A client's address; of an IPv6 address its /64.
    Network(u128),
    /// A browser in which the one who is asked for has signed in before.
    Browser(u64),
}

/// Who tried how often, and how many tries are being judged.
pub(super) struct Attempts {
    /// When all tries so far will have had their time.
    paid: Mutex<LruCache<Origin, Millis>>,
    strangers: Arc<Semaphore>,
    known: Arc<Semaphore>,
    warned: Once,
}

impl Default for Attempts {
    fn default() -> Self {
        Self {
            paid: Mutex::new(LruCache::new(ORIGINS)),
            strangers: Arc::new(Semaphore::new(HASHING)),
            known: Arc::new(Semaphore::new(1)),
            warned: Once::new(),
        }
    }
}

impl Attempts {
    /// How long this try has to wait.
    ///
    /// # Errors
    /// Too many wait already: how long until one more may.
    pub(super) fn turn(&self, origin: Origin, now: Millis) -> Result<Millis, Millis> {
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        let paid = paid.get_or_insert_mut(origin, || now);
        // In no more than this from now all have had their turn, unless the clock was put back.
        let start = (*paid).clamp(now, now + FREE * EVERY + PATIENCE);
        let wait = (start - now - (FREE - 1) * EVERY).max(0);
        if wait > PATIENCE {
            return Err(wait - PATIENCE);
        }
        *paid = start + EVERY;
        Ok(wait)
    }

    /// The password was right: this try costs nothing.
    pub(super) fn refund(&self, origin: Origin) {
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(paid) = paid.get_mut(&origin) {
            *paid -= EVERY;
        }
    }

    pub(super) fn warn_once(&self, warning: impl FnOnce()) {
        self.warned.call_once(warning);
    }

    /// A place to hash in. `None` never happens: they are not closed.
    pub(super) async fn place(&self, origin: Origin) -> Option<OwnedSemaphorePermit> {
        let places = match origin {
            Origin::Network(_) => &self.strangers,
            Origin::Browser(_) => &self.known,
        };
        places.clone().acquire_owned().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn tries_cost_time_and_are_never_locked_out() {
        let attempts = Attempts::default();
        let who = Origin::Network(1);
        assert!((0..FREE).all(|_| attempts.turn(who, 0) == Ok(0)));
        for waiting in 1..=PATIENCE / EVERY {
            assert_eq!(attempts.turn(who, 0), Ok(waiting * EVERY));
        }
        assert_eq!(attempts.turn(who, 0), Err(EVERY));
        // What is refused costs nothing: the next turn comes as promised.
        assert_eq!(attempts.turn(who, EVERY), Ok(PATIENCE));
        assert_eq!(attempts.turn(who, EVERY), Err(EVERY));
        assert_eq!(attempts.turn(Origin::Network(2), 0), Ok(0), "others have their own");
        assert_eq!(attempts.turn(Origin::Browser(1), 0), Ok(0));
        assert_eq!(attempts.turn(who, FREE * EVERY + PATIENCE + EVERY), Ok(0));
        // Nor by a clock that is put back.
        assert!(attempts.turn(who, -3_600 * SECOND).is_err_and(|wait| wait <= EVERY));
    }

    #[test]
    fn the_right_password_costs_nothing_and_makes_nothing_good() {
        let attempts = Attempts::default();
        let who = Origin::Network(1);
        let right = || {
            let wait = attempts.turn(who, 0);
            attempts.refund(who);
            wait
        };
        assert!((0..10 * FREE).all(|_| right() == Ok(0)));
        assert!((0..FREE).all(|_| attempts.turn(who, 0) == Ok(0)));
        assert_eq!(right(), Ok(EVERY));
        assert_eq!(attempts.turn(who, 0), Ok(EVERY));
        attempts.refund(Origin::Network(2));
    }

    #[test]
    fn many_origins_fill_no_memory_and_keep_nobody_out() {
        let attempts = Attempts::default();
        for n in 0..2 * ORIGINS.get() as u128 {
            assert_eq!(attempts.turn(Origin::Network(n), 0), Ok(0));
        }
        assert_eq!(attempts.paid.lock().unwrap().len(), ORIGINS.get());
        assert_eq!(attempts.turn(Origin::Network(u128::MAX), 0), Ok(0));
    }

    #[tokio::test]
    async fn a_known_browser_waits_for_no_strangers() {
        let attempts = Attempts::default();
        let mut strangers = Vec::new();
        for n in 0..HASHING as u128 {
            strangers.push(attempts.place(Origin::Network(n)).await);
        }
        assert!(attempts.place(Origin::Network(u128::MAX)).now_or_never().is_none());
        assert!(attempts.place(Origin::Browser(1)).now_or_never().is_some());
    }
}
