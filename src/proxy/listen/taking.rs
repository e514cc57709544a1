//! How slowly a client takes what it is sent, and how many may do so at a time.
//!
//! An answer that its client does not take holds up to 700 KB of memory, or 130 KB if it comes in
//! small pieces ([`small_pieces`](crate::proxy::small_pieces)). One such client costs little; a
//! thousand would hold most of a small machine's memory until they time out. So beyond a number of
//! slow answers, a connection that was slow at the look before, too, is closed early. Over HTTP/1 a
//! connection has one answer; over HTTP/2 it has as many as [`super::windows`] follows, and each of
//! them counts.

use super::connections::Connections;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// As much as Pingora writes at a time over HTTP/1.
const PIECE: usize = 64 * 1024;

/// Who has not taken [`PIECE`] in so long is slow.
pub const SLOW: Duration = Duration::from_secs(2);

/// How often a slow one looks whether there are too many.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long one thing waits to be taken.
#[derive(Debug, Default)]
pub struct Wait {
    /// How long [`PIECE`] has waited, before `since`.
    waited: Duration,
    /// Bytes of it that are taken.
    taken: usize,
    /// Since when nothing can be taken.
    since: Option<Instant>,
}

impl Wait {
    /// Nothing can be taken from now on.
    pub fn begin(&mut self) {
        if self.time().is_zero() {
            // What was taken before does not make up for it.
            self.taken = 0;
        }
        self.since.get_or_insert_with(Instant::now);
    }

    /// Something can be taken.
    pub fn end(&mut self) {
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
        }
    }

    /// The same, where the whole wait is bounded.
    ///
    /// # Errors
    /// It was longer; the wait then goes on.
    pub fn end_within(&mut self, limit: Duration) -> io::Result<()> {
        if self.waits() && self.time() > limit {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.end();
        Ok(())
    }

    /// So many bytes are taken. Returns whether a piece is; less makes no difference.
    pub fn take(&mut self, bytes: usize) -> bool {
        self.taken = self.taken.saturating_add(bytes);
        let is_whole = self.taken >= PIECE;
        if is_whole {
            (self.taken, self.waited) = (0, Duration::ZERO);
            self.since = self.since.map(|_| Instant::now());
        }
        is_whole
    }

    pub fn waits(&self) -> bool {
        self.since.is_some()
    }

    /// How long [`PIECE`] has waited.
    pub fn time(&self) -> Duration {
        self.waited + self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Whether it waits now, and has for too long.
    pub fn is_slow(&self) -> bool {
        self.waits() && self.time() >= SLOW
    }
}

/// How many of those that are slow a connection is.
#[derive(Debug)]
pub struct Share {
    connections: Arc<Connections>,
    count: usize,
    /// Runs while something waits.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Share {
    pub fn new(connections: Arc<Connections>) -> Self {
        Self { connections, count: 0, timer: None }
    }

    pub fn is_none(&self) -> bool {
        self.count == 0
    }

    /// Counts again, if it is time to: `slow` says how many there are now. To be asked whenever the
    /// connection is polled, as long as something waits.
    ///
    /// # Errors
    /// There are too many, and it was among them before. Or `slow`'s.
    pub fn look(
        &mut self,
        cx: &mut Context<'_>,
        slow: impl Fn() -> io::Result<usize>,
    ) -> io::Result<()> {
        loop {
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(LOOK_EVERY)));
            if timer.as_mut().poll(cx).is_pending() {
                return Ok(());
            }
            timer.as_mut().reset(Instant::now() + LOOK_EVERY);
            // It is not the last to come who goes.
            let is_new = self.is_none();
            self.set(slow()?);
            if !is_new && !self.is_none() && self.connections.have_too_many_slow() {
                self.connections.note_closed_slow(self.count);
                // The next one that looks finds fewer.
                self.set(0);
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }

    fn set(&mut self, count: usize) {
        self.connections.change_slow(self.count, count);
        self.count = count;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// How a connection over HTTP/1 takes what it is sent.
#[derive(Debug)]
pub struct Taking {
    wait: Wait,
    /// How long a piece may wait.
    limit: Duration,
    share: Share,
}

impl Taking {
    /// `limit`: how long a piece may wait.
    pub fn new(connections: Arc<Connections>, limit: Duration) -> Self {
        Self { wait: Wait::default(), limit, share: Share::new(connections) }
    }

    /// Takes note of what became of a write: how many bytes were taken.
    ///
    /// # Errors
    /// The client has let it wait for too long, or too many do so.
    pub fn after(&mut self, written: Poll<usize>, cx: &mut Context<'_>) -> io::Result<()> {
        let Self { wait, limit, share } = self;
        let Poll::Ready(bytes) = written else {
            wait.begin();
            return share.look(cx, || Ok(usize::from(wait.is_slow())));
        };
        wait.end_within(*limit)?;
        if wait.take(bytes) {
            share.set(0);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Telemetry;
    use std::future::poll_fn;

    async fn write(taking: &mut Taking, written: Poll<usize>) -> bool {
        poll_fn(|cx| Poll::Ready(taking.after(written, cx).is_ok())).await
    }

    #[tokio::test(start_paused = true)]
    async fn of_too_many_those_go_that_wait_for_longest() {
        let connections = Connections::new(10, 0, 1, Arc::default());
        let mut all = [(); 2].map(|()| Taking::new(connections.clone(), Duration::from_secs(60)));
        let pass = |millis| tokio::time::advance(Duration::from_millis(millis));
        let [first, second] = &mut all;
        assert!(write(first, Poll::Pending).await);
        pass(1_000).await;
        assert!(write(second, Poll::Pending).await);
        pass(5_000).await;
        // One is put up with.
        assert!(write(first, Poll::Pending).await);
        pass(1_500).await;
        assert!(write(first, Poll::Pending).await);
        assert!(write(second, Poll::Pending).await, "it is slow by now, and first of all noted");
        pass(1_500).await;
        assert!(!write(first, Poll::Pending).await);
        assert!(write(second, Poll::Pending).await, "there are not too many any more");
        assert!(first.wait.waits() && second.wait.waits());
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_a_piece_is_not_slow() {
        let connections = Connections::new(10, 0, 1, Arc::default());
        let mut taking = Taking::new(connections.clone(), Duration::from_secs(60));
        for _ in 0..100 {
            assert!(write(&mut taking, Poll::Pending).await);
            tokio::time::advance(Duration::from_secs(3)).await;
            assert!(write(&mut taking, Poll::Pending).await);
            assert!(!taking.share.is_none());
            assert!(write(&mut taking, Poll::Ready(PIECE)).await);
            assert!(taking.share.is_none() && !taking.wait.waits());
        }
        // A little now and then is too little.
        for _ in 0..20 {
            assert!(write(&mut taking, Poll::Pending).await);
            tokio::time::advance(Duration::from_secs(3)).await;
            assert!(write(&mut taking, Poll::Ready(100)).await);
        }
        assert!(write(&mut taking, Poll::Pending).await);
        tokio::time::advance(Duration::from_secs(3)).await;
        assert!(!write(&mut taking, Poll::Ready(100)).await);
        drop(taking);
        connections.change_slow(0, 1);
        assert!(!connections.have_too_many_slow(), "it is counted no longer");
    }

    #[tokio::test(start_paused = true)]
    async fn each_answer_of_a_connection_counts() {
        let telemetry = Arc::<Telemetry>::default();
        let connections = Connections::new(10, 0, 50, telemetry.clone());
        let [mut many, mut one] = [(); 2].map(|()| Share::new(connections.clone()));
        // A second later, for that is how often it looks.
        let look = async |share: &mut Share, slow: usize| {
            tokio::time::advance(LOOK_EVERY).await;
            poll_fn(|cx| Poll::Ready(share.look(cx, || Ok(slow)).is_ok())).await
        };
        for share in [&mut many, &mut one] {
            assert!(look(share, 0).await, "it begins");
        }
        for _ in 0..3 {
            assert!(look(&mut one, 1).await);
            assert!(look(&mut many, 49).await);
        }
        assert!(!look(&mut many, 60).await, "there are more than 50");
        assert!(look(&mut one, 1).await);
        assert!(look(&mut many, 100).await, "it comes anew");
        assert!(look(&mut many, 0).await, "and is slow no more");
        assert!(!connections.have_too_many_slow());
        assert!(look(&mut one, 1).await);
        assert_eq!(telemetry.slow_readers.get(), 60);
    }
}
