//! How slowly a client takes what it is sent, and how many may do so at a time.
//!
//! Pingora reads up to ten pieces of 64 KiB of an answer ahead of its client, and has no setting for
//! that. One client that takes nothing costs little; a thousand would have most of a small machine's
//! memory until their time is over. So beyond a number of them, those who have kept an answer waiting
//! for longest are let go before that.

use super::connections::Connections;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// As much as Pingora writes at a time over HTTP/1.
const PIECE: usize = 64 * 1024;

/// Who has not taken [`PIECE`] in so long is slow.
const SLOW: Duration = Duration::from_secs(2);

/// How often a slow one looks whether there are too many.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How one connection takes what it is sent.
#[derive(Debug)]
pub struct Taking {
    connections: Arc<Connections>,
    /// How long [`PIECE`] may wait.
    limit: Duration,
    /// How long it has waited.
    waited: Duration,
    /// Bytes of it that are taken.
    taken: usize,
    /// Since when nothing is taken.
    since: Option<Instant>,
    /// Runs while nothing is taken.
    timer: Option<Pin<Box<Sleep>>>,
    is_slow: bool,
}

impl Taking {
    /// `limit`: how long a piece may wait.
    pub fn new(connections: Arc<Connections>, limit: Duration) -> Self {
        Self {
            connections,
            limit,
            waited: Duration::ZERO,
            taken: 0,
            since: None,
            timer: None,
            is_slow: false,
        }
    }

    /// Whether something waits to be taken.
    pub fn waits(&self) -> bool {
        self.since.is_some()
    }

    /// Takes note of what became of a write: how many bytes were taken.
    ///
    /// # Errors
    /// The client has let it wait for too long, or too many do so.
    pub fn after(&mut self, written: Poll<usize>, cx: &mut Context<'_>) -> io::Result<()> {
        let Poll::Ready(bytes) = written else { return self.wait(cx) };
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
            if self.waited > self.limit {
                self.since = Some(since);
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        self.taken += bytes;
        if self.taken >= PIECE {
            (self.taken, self.waited) = (0, Duration::ZERO);
            self.is_no_longer_slow();
        }
        Ok(())
    }

    fn wait(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let now = Instant::now();
        let begins = self.since.is_none();
        self.since.get_or_insert(now);
        let at = now + SLOW.saturating_sub(self.waited);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if begins {
            timer.as_mut().reset(at);
        }
        loop {
            let Some(timer) = &mut self.timer else { return Ok(()) };
            if timer.as_mut().poll(cx).is_pending() {
                return Ok(());
            }
            timer.as_mut().reset(Instant::now() + LOOK_EVERY);
            if !std::mem::replace(&mut self.is_slow, true) {
                // It is not the last to come who goes.
                self.connections.add_slow();
            } else if self.connections.has_too_many_slow() {
                // The next one that looks finds one fewer.
                self.is_no_longer_slow();
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }

    fn is_no_longer_slow(&mut self) {
        if std::mem::take(&mut self.is_slow) {
            self.connections.remove_slow();
        }
    }
}

impl Drop for Taking {
    fn drop(&mut self) {
        self.is_no_longer_slow();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        assert!(first.waits() && second.waits());
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_a_piece_is_not_slow() {
        let connections = Connections::new(10, 0, 1, Arc::default());
        let mut taking = Taking::new(connections.clone(), Duration::from_secs(60));
        for _ in 0..100 {
            assert!(write(&mut taking, Poll::Pending).await);
            tokio::time::advance(Duration::from_secs(3)).await;
            assert!(write(&mut taking, Poll::Pending).await);
            assert!(taking.is_slow);
            assert!(write(&mut taking, Poll::Ready(PIECE)).await);
            assert!(!taking.is_slow && !taking.waits());
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
        connections.add_slow();
        assert!(!connections.has_too_many_slow(), "it is counted no longer");
    }
}
