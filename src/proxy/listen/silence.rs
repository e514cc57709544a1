//! How long the website may be silent.
//!
//! Pingora's own read timeout is fixed before the website answers, and only the answer says whether
//! it may be silent for long: an event stream, an upgrade. While Pingora waits for the website it
//! also reads from the client, so the time is measured there, and that read fails when it is over.

use super::wire::Wire;
use pingora::proxy::Session;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// How long bytes may take to be noticed that came in time, while the whole process stood still.
const GRACE: Duration = Duration::from_millis(20);

/// Ends a connection on which nothing happens. One timer serves all requests of the connection, and
/// it is set when Pingora begins to wait, not with every byte.
#[derive(Debug, Default)]
pub struct Silence {
    /// In milliseconds; 0: nobody waits for the website.
    limit: AtomicU64,
    /// Something was sent since the timer was set.
    broken: AtomicBool,
    timer: Option<Pin<Box<Sleep>>>,
    /// The time is over, and the timer runs for [`GRACE`].
    over: bool,
}

impl Silence {
    /// Of the connection that a request came on. `None`: it is not one of this layer's.
    pub fn of(session: &Session) -> Option<&Self> {
        Wire::of(session).map(|wire| &wire.silence)
    }

    /// From now on the website, and in a tunnel the client too, may be silent for so long.
    pub fn allow(&self, limit: Duration) {
        let millis = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        self.limit.store(millis.max(1), Ordering::Relaxed);
        self.broken();
    }

    /// Something was sent: the time begins anew.
    pub fn broken(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }

    /// Nobody waits for the website.
    pub fn end(&mut self) {
        *self.limit.get_mut() = 0;
    }

    /// Whether it has lasted too long. To be asked whenever Pingora waits.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let limit = *self.limit.get_mut();
        if limit == 0 {
            return Poll::Pending;
        }
        let limit = Duration::from_millis(limit);
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        if std::mem::take(self.broken.get_mut()) {
            timer.as_mut().reset(Instant::now() + limit);
            self.over = false;
        }
        ready!(timer.as_mut().poll(cx));
        if !std::mem::replace(&mut self.over, true) {
            timer.as_mut().reset(Instant::now() + GRACE);
            ready!(timer.as_mut().poll(cx));
        }
        Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, Silent))
    }
}

/// The website, and in a tunnel the client too, was silent for too long.
#[derive(Debug)]
pub struct Silent;

impl fmt::Display for Silent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing was sent for as long as is allowed")
    }
}

impl std::error::Error for Silent {}
