//! A connection that speaks HTTP/2: Pingora has all of it, until it ends.
//!
//! Pingora bounds how long a stream waits for room, but whoever makes a little room each time keeps
//! all of them waiting. So the time that the connection itself waits is bounded as well, and every
//! answer that waits on it counts among those that are too many. Bounded is also the time for what a
//! client has begun, which the library below Pingora waits for without end, and the number of
//! requests.
//!
//! The library below writes each frame by itself, and each would be a packet. What it writes in one
//! turn leaves together, at the beginning of the next.

use super::begun::Begun;
use super::connections::Open;
use super::http2_frames::Frames;
use super::output::Output;
use super::serve::Limits;
use super::stream::Stream;
use super::taking::{SLOW, Share, Wait};
use super::windows::Windows;
use async_trait::async_trait;
use pingora::protocols::tls::SslDigest;
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl,
    TimingDigest, UniqueID, UniqueIDType, raw_connect::ProxyDigest,
};
use std::io::{self, IoSlice};
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::watch;
use tokio::time::{Sleep, sleep};

/// Counted as long as it is open.
#[derive(Debug)]
pub struct Http2 {
    stream: Stream,
    output: Output,
    /// The next turn sends what this one has written.
    has_next_turn: bool,
    tls: Option<Arc<SslDigest>>,
    digest: Arc<SocketDigest>,
    from_client: Frames,
    to_client: Frames,
    begun: Begun,
    /// For the end of what has begun.
    begin_time: Duration,
    /// Runs while that is waited for.
    timer: Option<Pin<Box<Sleep>>>,
    windows: Windows,
    /// While the socket takes nothing.
    wait: Wait,
    /// The most streams there were meanwhile.
    blocked: usize,
    /// How long a piece of an answer may wait.
    write_time: Duration,
    /// `None`: a proxy, through which many come.
    share: Option<Share>,
    /// How many requests there may be, and who is told to end the connection then.
    most: Option<(usize, Arc<watch::Sender<bool>>)>,
    _open: Open,
}

impl Http2 {
    /// `last`: is told once there were as many requests as there may be.
    pub fn new(
        stream: Stream,
        digest: SocketDigest,
        open: Open,
        limits: &Limits,
        last: Arc<watch::Sender<bool>>,
    ) -> Self {
        Self {
            tls: stream.tls(),
            stream,
            output: Output::default(),
            has_next_turn: false,
            digest: Arc::new(digest),
            from_client: Frames::of_client(),
            to_client: Frames::of_server(),
            begun: Begun::new(),
            begin_time: limits.header_time,
            timer: None,
            windows: Windows::new(),
            wait: Wait::default(),
            blocked: 0,
            write_time: limits.write,
            share: (!open.is_proxy()).then(|| Share::new(open.connections())),
            most: limits.requests.map(|most| (most, last)),
            _open: open,
        }
    }

    /// Takes in what was read.
    fn receive(&mut self, bytes: &[u8]) {
        let Self { from_client, begun, windows, most, .. } = self;
        from_client.pass(bytes, |passed| {
            if let Some(stream) = begun.pass(passed) {
                windows.open(stream);
            }
            windows.received(passed);
        });
        if let Some((_, last)) = most.take_if(|(most, _)| begun.requests() >= *most) {
            last.send_replace(true);
        }
    }

    /// Takes note of what became of a write: how many bytes were taken.
    fn after(&mut self, written: Poll<usize>, cx: &mut Context<'_>) -> io::Result<()> {
        match written {
            Poll::Ready(bytes) => {
                self.wait.end_within(self.write_time)?;
                self.wait.take(bytes);
                self.blocked = 0;
            }
            Poll::Pending => self.wait.begin(),
        }
        self.look(cx)
    }

    /// Sends all that is held.
    fn send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sent = self.output.poll_send(&mut self.stream, cx)?;
        self.after(sent.map(|()| 0), cx)?;
        sent.map(Ok)
    }

    /// Counts the answers that wait. A timer sees to it that this is done as long as there are any.
    ///
    /// # Errors
    /// They are too many, or one has waited for too long.
    fn look(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let Self { windows, wait, blocked, write_time, share, .. } = self;
        let Some(share) = share else { return Ok(()) };
        if wait.waits() {
            *blocked = windows.streams().max(*blocked).max(1);
        } else if !windows.wait() && share.is_none() {
            return Ok(());
        }
        share.look(cx, || {
            // Pingora has ended those streams by then. What is left, only the library below waits for.
            if windows.longest() > *write_time + 2 * SLOW {
                return Err(io::ErrorKind::TimedOut.into());
            }
            Ok(if wait.is_slow() { *blocked } else { windows.slow() })
        })
    }
}

impl Drop for Http2 {
    fn drop(&mut self) {
        if self.wait.waits() {
            self.stream.reset();
        }
    }
}

impl AsyncRead for Http2 {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Every turn begins with reading.
        if std::mem::take(&mut self.has_next_turn) {
            let _waits_or_is_sent = self.send(cx)?;
        }
        let before = to.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, to);
        self.receive(&to.filled()[before..]);
        self.look(cx)?;
        if !self.begun.waits() {
            self.timer = None;
        } else if read.is_pending() {
            let time = self.begin_time;
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(time)));
            return timer.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl AsyncWrite for Http2 {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let written = this.output.poll_add(&mut this.stream, cx, pieces)?;
        if let Poll::Ready(mut taken) = written {
            for piece in pieces {
                let piece = &piece[..piece.len().min(taken)];
                taken -= piece.len();
                this.to_client.pass(piece, |passed| this.windows.sent(passed));
            }
        }
        this.after(written, cx)?;
        written.map(Ok)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.output.is_new() {
            return self.send(cx);
        }
        if !self.has_next_turn {
            self.has_next_turn = true;
            cx.waker().wake_by_ref();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.send(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[async_trait]
impl Shutdown for Http2 {
    async fn shutdown(&mut self) {
        // A client that is gone is no error: the connection ends either way.
        let _ = self.stream.shutdown().await;
    }
}

impl UniqueID for Http2 {
    fn id(&self) -> UniqueIDType {
        self.stream.as_raw_fd()
    }
}

impl Ssl for Http2 {
    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.tls.clone()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        Some(ALPN::H2)
    }
}

impl Peek for Http2 {}

impl GetTimingDigest for Http2 {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        Vec::new()
    }
}

impl GetProxyDigest for Http2 {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        None
    }
}

impl GetSocketDigest for Http2 {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        Some(self.digest.clone())
    }
}
