//! What waits to be sent to a client: a usual page leaves in one piece, head and body, and whatever
//! comes slowly is held back for 20 ms at most.
//!
//! TLS takes more than the socket below it does, and sends the rest only when it is asked to: what
//! was written is not sent before the stream is flushed.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::AsyncWrite;
use tokio::time::Sleep;

/// Bytes that wait for more, at most.
const HELD: usize = 16 * 1024;

/// How long they wait.
const HELD_FOR: Duration = Duration::from_millis(20);

#[derive(Debug, Default)]
pub struct Output {
    bytes: Vec<u8>,
    sent: usize,
    /// The stream has taken bytes since it was flushed.
    unflushed: bool,
    /// Runs while Pingora waits for more of the answer.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Output {
    /// Holds bytes, or sends them with what is held already. Returns how many it has taken.
    pub fn poll_add(
        &mut self,
        stream: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            let held = self.bytes.len();
            if held + bytes.len() <= HELD {
                if held == 0 {
                    self.bytes.reserve_exact(HELD);
                }
                self.bytes.extend_from_slice(bytes);
                return Poll::Ready(Ok(bytes.len()));
            }
            // Both in one call: the head of a large page leaves with the first of its body.
            let rest = [IoSlice::new(&self.bytes[self.sent..]), IoSlice::new(bytes)];
            self.sent += some(ready!(Pin::new(&mut *stream).poll_write_vectored(cx, &rest))?)?;
            self.unflushed = true;
            if let Some(of_bytes) = self.sent.checked_sub(held) {
                *self = Self { unflushed: true, ..Self::default() };
                if of_bytes > 0 {
                    return Poll::Ready(Ok(of_bytes));
                }
            }
        }
    }

    /// Holds bytes, however many are held.
    pub fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Sends all that is held, and what the stream itself still holds.
    pub fn poll_send(
        &mut self,
        stream: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.sent < self.bytes.len() {
            let rest = &self.bytes[self.sent..];
            self.sent += some(ready!(Pin::new(&mut *stream).poll_write(cx, rest))?)?;
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(Pin::new(stream).poll_flush(cx))?;
        }
        // A connection on which nothing happens keeps no buffer.
        *self = Self::default();
        Poll::Ready(Ok(()))
    }

    /// Sends what has waited long enough. To be asked whenever Pingora waits for more.
    pub fn poll_held(&mut self, stream: &mut (impl AsyncWrite + Unpin), cx: &mut Context<'_>) {
        if self.bytes.is_empty() && !self.unflushed {
            return;
        }
        if self.sent < self.bytes.len() {
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(HELD_FOR)));
            if timer.as_mut().poll(cx).is_pending() {
                return;
            }
        }
        // What is wrong with the connection, the next write will say.
        let _ = self.poll_send(stream, cx);
    }

    /// What is left to send.
    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }
}

/// A stream that takes nothing never will.
fn some(sent: usize) -> io::Result<usize> {
    if sent == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(sent) }
}
