//! A visitor's connection as Pingora sees it during one request.
//!
//! Pingora reads and writes a stream of bytes; this one knows which of them belong to the request.
//! It gives Pingora no byte beyond the body, holds an answer back until it is worth sending or
//! 20 ms old, and does not end while the client may still be reading.

use super::connections::{LINGER, Open};
use super::framing::Framing;
use async_trait::async_trait;
use bytes::BytesMut;
use pingora::protocols::l4::socket::SocketAddr;
use pingora::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl,
    TimingDigest, UniqueID, UniqueIDType, raw_connect::ProxyDigest,
};
use std::io::{self, IoSlice};
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// Bytes of an answer that wait for more of it: a usual page leaves in one piece, head and body.
const HELD: usize = 16 * 1024;

/// How long they wait at most.
const HELD_FOR: Duration = Duration::from_millis(20);

/// What an answer begins with that is not the last, and that of an upgrade among them.
const INTERIM: &[u8] = b"HTTP/1.1 1";
const SWITCHING: &[u8] = b"HTTP/1.1 101";

/// Which bytes of the client Pingora may have.
#[derive(Debug)]
enum Reading {
    /// Those of the body.
    Body(Framing),
    /// None: what comes is the next request.
    Nothing,
    /// All, after an upgrade.
    Tunnel,
}

/// A connection. Dropped or shut down, it lingers in a task of its own.
#[derive(Debug)]
pub struct Wire {
    link: Option<Link>,
    /// Read, and not given to Pingora.
    pub input: BytesMut,
    reading: Reading,
    /// The next head of an answer may be that of an upgrade, which the client has asked for.
    may_upgrade: bool,
    output: Output,
    digest: Arc<SocketDigest>,
}

/// The connection itself, counted as long as it is open.
#[derive(Debug)]
struct Link {
    stream: TcpStream,
    /// The client has ended its side.
    ended: bool,
    _open: Open,
}

/// What waits to be sent.
#[derive(Debug, Default)]
struct Output {
    bytes: Vec<u8>,
    sent: usize,
    /// Runs while Pingora waits for more of the answer.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Wire {
    pub fn new(stream: TcpStream, peer: std::net::SocketAddr, open: Open) -> Self {
        let digest = SocketDigest::from_raw_fd(stream.as_raw_fd());
        let _ = digest.peer_addr.set(Some(SocketAddr::Inet(peer)));
        Self {
            link: Some(Link { stream, ended: false, _open: open }),
            input: BytesMut::new(),
            reading: Reading::Nothing,
            may_upgrade: false,
            output: Output::default(),
            digest: Arc::new(digest),
        }
    }

    /// Reads more of a head into [`Wire::input`]. Returns how many bytes; 0: the client has ended.
    ///
    /// # Errors
    /// The connection is broken.
    pub async fn read_more(&mut self) -> io::Result<usize> {
        let link = self.link.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let read = link.stream.read_buf(&mut self.input).await?;
        link.ended |= read == 0;
        Ok(read)
    }

    /// Gives Pingora the body of the next request, and all that comes after an upgrade.
    pub fn begin(&mut self, body: Framing, may_upgrade: bool) {
        self.may_upgrade = may_upgrade;
        self.reading = if body.is_over() { Reading::Nothing } else { Reading::Body(body) };
    }

    fn link(&mut self) -> io::Result<&mut Link> {
        self.link.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Sends what waits, without waiting itself.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(link) = &mut self.link else { return Poll::Ready(Ok(())) };
        while self.output.sent < self.output.bytes.len() {
            let rest = &self.output.bytes[self.output.sent..];
            let sent = ready!(Pin::new(&mut link.stream).poll_write(cx, rest))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.output.sent += sent;
        }
        // A connection on which nothing happens keeps no buffer.
        self.output = Output::default();
        Poll::Ready(Ok(()))
    }

    /// Sends what has waited long enough. Pingora reads from the client while it waits for the
    /// website, so this is asked often enough.
    fn poll_held(&mut self, cx: &mut Context<'_>) {
        if self.output.bytes.is_empty() {
            return;
        }
        let timer = self.output.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(HELD_FOR)));
        if timer.as_mut().poll(cx).is_ready() {
            // What is wrong with the connection, the next write will say.
            let _ = self.poll_send(cx);
        }
    }

    /// Gives Pingora what was read ahead, or reads, as far as the body goes.
    fn poll_body(&mut self, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { link: Some(link), input, reading: Reading::Body(framing), .. } = self else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let start = to.filled().len();
        if input.is_empty() {
            // Into Pingora's own buffer: what is not of the body is taken out again below.
            ready!(Pin::new(&mut link.stream).poll_read(cx, to))?;
            let new = &to.filled()[start..];
            link.ended |= new.is_empty();
            let taken = framing.pass(new)?;
            input.extend_from_slice(&new[taken..]);
            to.set_filled(start + taken);
        } else {
            let ahead = input.len().min(to.remaining());
            let taken = framing.pass(&input[..ahead])?;
            to.put_slice(&input.split_to(taken));
        }
        if framing.is_over() {
            self.reading = Reading::Nothing;
        }
        Poll::Ready(Ok(()))
    }

    /// Waits for the client to end its side; the next request is left where it is.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.input.is_empty() {
            return Poll::Pending;
        }
        let link = self.link()?;
        let mut byte = [0];
        match ready!(link.stream.poll_peek(cx, &mut ReadBuf::new(&mut byte)))? {
            0 => {
                link.ended = true;
                Poll::Ready(Ok(()))
            }
            _ => Poll::Pending,
        }
    }

    /// Ends the connection in a task of its own.
    fn end(&mut self) {
        let Some(link) = self.link.take() else { return };
        let output = std::mem::take(&mut self.output);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            let _ = tokio::time::timeout(LINGER, link.linger(output)).await;
        });
    }
}

impl Link {
    /// Sends what is left, says that no more comes, and reads until the client says the same.
    async fn linger(mut self, output: Output) -> io::Result<()> {
        self.stream.write_all(&output.bytes[output.sent..]).await?;
        drop(output);
        self.stream.shutdown().await?;
        if !self.ended {
            let mut nowhere = [0; 4096];
            while self.stream.read(&mut nowhere).await? > 0 {}
        }
        Ok(())
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.end();
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_held(cx);
        match self.reading {
            Reading::Body(_) => self.poll_body(cx, to),
            Reading::Nothing => self.poll_end(cx),
            Reading::Tunnel if !self.input.is_empty() => {
                let ahead = self.input.len().min(to.remaining());
                to.put_slice(&self.input.split_to(ahead));
                Poll::Ready(Ok(()))
            }
            Reading::Tunnel => {
                let before = to.filled().len();
                let link = self.link()?;
                ready!(Pin::new(&mut link.stream).poll_read(cx, to))?;
                link.ended |= to.filled().len() == before;
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        // Pingora writes a head with a call of its own.
        if this.may_upgrade {
            if bytes.starts_with(SWITCHING) {
                this.reading = Reading::Tunnel;
            }
            this.may_upgrade = bytes.starts_with(INTERIM);
        }
        loop {
            let held = this.output.bytes.len();
            if held + bytes.len() <= HELD {
                if held == 0 {
                    this.output.bytes.reserve_exact(HELD);
                }
                this.output.bytes.extend_from_slice(bytes);
                return Poll::Ready(Ok(bytes.len()));
            }
            // Both in one call: the head of a large page leaves with the first of its body.
            let rest = [IoSlice::new(&this.output.bytes[this.output.sent..]), IoSlice::new(bytes)];
            let Some(link) = &mut this.link else {
                return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
            };
            let sent = ready!(Pin::new(&mut link.stream).poll_write_vectored(cx, &rest))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            this.output.sent += sent;
            if let Some(of_bytes) = this.output.sent.checked_sub(held) {
                this.output = Output::default();
                if of_bytes > 0 {
                    return Poll::Ready(Ok(of_bytes));
                }
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_send(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end();
        Poll::Ready(Ok(()))
    }
}

#[async_trait]
impl Shutdown for Wire {
    async fn shutdown(&mut self) {
        self.end();
    }
}

impl UniqueID for Wire {
    fn id(&self) -> UniqueIDType {
        self.link.as_ref().map_or(-1, |link| link.stream.as_raw_fd())
    }
}

impl Ssl for Wire {}

impl Peek for Wire {}

impl GetTimingDigest for Wire {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        Vec::new()
    }
}

impl GetProxyDigest for Wire {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        None
    }
}

impl GetSocketDigest for Wire {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        Some(self.digest.clone())
    }
}
