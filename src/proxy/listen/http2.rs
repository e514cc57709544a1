//! A connection that speaks HTTP/2: Pingora has all of it, until it ends.
//!
//! Pingora bounds how long a stream waits for room, but whoever makes a little room each time keeps
//! all of them waiting. So the time that the connection itself waits is bounded as well. So is the
//! time for what a client has begun, which the library below Pingora waits for without a bound, and
//! the number of requests.

use super::begun::Begun;
use super::connections::Open;
use super::serve::Limits;
use super::stream::Stream;
use super::taking::Taking;
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
use tokio::sync::watch;
use tokio::time::{Sleep, sleep};

/// Counted as long as it is open.
#[derive(Debug)]
pub struct Http2 {
    stream: Stream,
    tls: Option<Arc<SslDigest>>,
    digest: Arc<SocketDigest>,
    begun: Begun,
    /// For the end of what has begun.
    begin_time: Duration,
    /// Runs while that is waited for.
    timer: Option<Pin<Box<Sleep>>>,
    taking: Taking,
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
            digest: Arc::new(digest),
            begun: Begun::new(),
            begin_time: limits.header_time,
            timer: None,
            taking: Taking::new(open.connections(), limits.write),
            most: limits.requests.map(|most| (most, last)),
            _open: open,
        }
    }

    /// Takes in what was read.
    fn follow(&mut self, bytes: &[u8]) {
        self.begun.pass(bytes);
        if let Some((_, last)) = self.most.take_if(|(most, _)| self.begun.requests() >= *most) {
            last.send_replace(true);
        }
    }
}

impl Drop for Http2 {
    fn drop(&mut self) {
        if self.taking.waits() {
            self.stream.reset();
        }
    }
}

impl Http2 {
    /// Takes note of what became of a write.
    fn after(
        &mut self,
        written: Poll<io::Result<usize>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let bytes = match &written {
            Poll::Ready(Ok(bytes)) => Poll::Ready(*bytes),
            Poll::Ready(Err(_)) => return written,
            Poll::Pending => Poll::Pending,
        };
        match self.taking.after(bytes, cx) {
            Ok(()) => written,
            Err(error) => Poll::Ready(Err(error)),
        }
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
        self.follow(&to.filled()[before..]);
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
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.after(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.after(written, cx)
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
