//! What waits to be sent to a client: a usual page leaves in one piece, head and body. Over HTTP/1
//! whatever comes slowly is held back for 20 ms at most, over HTTP/2 until the connection is polled
//! again.
//!
//! TLS takes more than the socket below it does, and sends the rest only when it is asked to: what
//! was written is not sent before the stream is flushed. So there nothing has to be copied to be
//! held: TLS keeps it while its socket is corked.

use super::stream::Stream;
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
    /// What is held here, of which some may be sent.
    bytes: Vec<u8>,
    sent: usize,
    /// Bytes that TLS was given since it was flushed.
    given: usize,
    /// Nothing of what is held was offered to the socket.
    is_new: bool,
    /// Runs while Pingora waits for more of the answer.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Output {
    /// Holds bytes, or sends them with what is held already. Returns how many it has taken.
    pub fn poll_add(
        &mut self,
        stream: &mut Stream,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = pieces.iter().map(|piece| piece.len()).sum::<usize>();
        if stream.is_tls() {
            self.is_new = self.given + length <= HELD && (self.is_new || self.given == 0);
            stream.cork(self.is_new);
            let taken = ready!(Pin::new(stream).poll_write_vectored(cx, pieces))?;
            self.given += taken;
            return Poll::Ready(Ok(taken));
        }
        loop {
            let held = self.bytes.len();
            if held + length <= HELD {
                if held == 0 {
                    self.bytes.reserve_exact(HELD);
                    self.is_new = true;
                }
                pieces.iter().for_each(|piece| self.bytes.extend_from_slice(piece));
                return Poll::Ready(Ok(length));
            }
            self.is_new = false;
            // All in one call: the head of a large page leaves with the first of its body.
            let rest = [&[IoSlice::new(&self.bytes[self.sent..])][..], pieces].concat();
            self.sent += some(ready!(Pin::new(&mut *stream).poll_write_vectored(cx, &rest))?)?;
            if let Some(of_pieces) = self.sent.checked_sub(held) {
                *self = Self::default();
                if of_pieces > 0 {
                    return Poll::Ready(Ok(of_pieces));
                }
            }
        }
    }

    /// Holds bytes, however many are held. They are the last.
    pub fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub fn is_empty(&self) -> bool {
        self.sent == self.bytes.len() && self.given == 0
    }

    /// Whether what is held waits for more.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Sends all that is held, and what the stream itself still holds.
    pub fn poll_send(&mut self, stream: &mut Stream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_new = false;
        stream.cork(false);
        while self.sent < self.bytes.len() {
            let rest = &self.bytes[self.sent..];
            let taken = some(ready!(Pin::new(&mut *stream).poll_write(cx, rest))?)?;
            self.sent += taken;
            self.given += if stream.is_tls() { taken } else { 0 };
        }
        if self.given > 0 {
            ready!(Pin::new(stream).poll_flush(cx))?;
        }
        // A connection on which nothing happens keeps no buffer.
        *self = Self::default();
        Poll::Ready(Ok(()))
    }

    /// Sends what has waited long enough. To be asked whenever Pingora waits for more.
    pub fn poll_held(&mut self, stream: &mut Stream, cx: &mut Context<'_>) {
        if self.is_empty() {
            return;
        }
        if self.is_new {
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(HELD_FOR)));
            if timer.as_mut().poll(cx).is_pending() {
                return;
            }
        }
        // What is wrong with the connection, the next write will say.
        let _ = self.poll_send(stream, cx);
    }
}

/// A stream that takes nothing never will.
fn some(sent: usize) -> io::Result<usize> {
    if sent == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(sent) }
}
