//! A connection that speaks HTTP/2: Pingora has all of it, until it ends.
//!
//! Pingora bounds how long a stream waits for room, but whoever makes a little room each time keeps
//! all of them waiting. So the time that the connection itself waits is bounded as well.

use super::connections::Open;
use super::stream::Stream;
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
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// Counted as long as it is open.
#[derive(Debug)]
pub struct Http2 {
    stream: Stream,
    tls: Option<Arc<SslDigest>>,
    digest: Arc<SocketDigest>,
    /// Runs until the client has begun.
    begin: Option<Begin>,
    slow: Slow,
    _open: Open,
}

/// How slowly the client takes what it is sent.
#[derive(Debug)]
struct Slow {
    /// How long it may let [`PIECE`] wait.
    limit: Duration,
    /// How long it has done so.
    waited: Duration,
    /// Bytes of it that are taken.
    taken: usize,
    /// Since when nothing is taken.
    since: Option<Instant>,
}

/// As much as Pingora writes at a time over HTTP/1.
const PIECE: usize = 64 * 1024;

/// The time a client has to send the first bytes, which are always the same.
#[derive(Debug)]
struct Begin {
    left: usize,
    timer: Pin<Box<Sleep>>,
}

/// Bytes of the preface (RFC 9113 §3.4).
const PREFACE: usize = 24;

impl Http2 {
    /// `begin`: how long the client may take until it begins; `write`: to take what it is sent.
    pub fn new(
        stream: Stream,
        digest: SocketDigest,
        open: Open,
        begin: Duration,
        write: Duration,
    ) -> Self {
        let slow = Slow { limit: write, waited: Duration::ZERO, taken: 0, since: None };
        let begin = Some(Begin { left: PREFACE, timer: Box::pin(sleep(begin)) });
        Self { tls: stream.tls(), stream, digest: Arc::new(digest), begin, slow, _open: open }
    }
}

impl Drop for Http2 {
    fn drop(&mut self) {
        if self.slow.since.is_some() {
            self.stream.reset();
        }
    }
}

impl Slow {
    /// Takes note of what became of a write.
    fn after(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let Poll::Ready(Ok(bytes)) = written else {
            if written.is_pending() {
                self.since.get_or_insert_with(Instant::now);
            }
            return written;
        };
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
            if self.waited > self.limit {
                self.since = Some(since);
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        self.taken += bytes;
        if self.taken >= PIECE {
            (self.taken, self.waited) = (0, Duration::ZERO);
        }
        written
    }
}

impl AsyncRead for Http2 {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = to.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, to);
        let Some(begin) = &mut self.begin else { return read };
        begin.left = begin.left.saturating_sub(to.filled().len() - before);
        if begin.left == 0 {
            self.begin = None;
        } else if read.is_pending() {
            return begin.timer.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl AsyncWrite for Http2 {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.slow.after(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.slow.after(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
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
