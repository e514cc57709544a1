//! A connection that speaks HTTP/2: Pingora has all of it, until it ends.

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
use tokio::time::{Sleep, sleep};

/// Counted as long as it is open.
#[derive(Debug)]
pub struct Http2 {
    stream: Stream,
    tls: Option<Arc<SslDigest>>,
    digest: Arc<SocketDigest>,
    /// Runs until the client has begun.
    begin: Option<Begin>,
    _open: Open,
}

/// The time a client has to send the first bytes, which are always the same.
#[derive(Debug)]
struct Begin {
    left: usize,
    timer: Pin<Box<Sleep>>,
}

/// Bytes of the preface (RFC 9113 §3.4).
const PREFACE: usize = 24;

impl Http2 {
    /// `begin`: how long the client may take until it begins.
    pub fn new(stream: Stream, digest: SocketDigest, open: Open, begin: Duration) -> Self {
        let begin = Some(Begin { left: PREFACE, timer: Box::pin(sleep(begin)) });
        Self { tls: stream.tls(), stream, digest: Arc::new(digest), begin, _open: open }
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
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
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
