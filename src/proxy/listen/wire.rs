//! A visitor's connection as Pingora sees it during one request.
//!
//! Pingora reads and writes a stream of bytes; this one knows which of them belong to the request.
//! It gives Pingora no byte beyond the body, holds an answer back until it is worth sending or
//! 20 ms old, and does not end while the client may still be reading.

use super::connections::{LINGER, Open};
use super::framing::Framing;
use super::head::Upgrade;
use super::output::Output;
use super::pace::Pace;
use super::silence::Silence;
use super::stream::Stream;
use super::taking::Taking;
use super::websocket::{GOING_AWAY, WebSocket};
use async_trait::async_trait;
use bytes::BytesMut;
use pingora::protocols::tls::SslDigest;
use pingora::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl,
    TimingDigest, UniqueID, UniqueIDType, raw_connect::ProxyDigest,
};
use pingora::proxy::Session;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

/// How an interim answer begins, and how the one that agrees to an upgrade does.
const INTERIM: &[u8] = b"HTTP/1.1 1";
const SWITCHING: &[u8] = b"HTTP/1.1 101";

/// Bytes read of the next request while one is answered.
const BEGUN: usize = 512;

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
    /// What the next head of an answer may agree to.
    upgrade: Upgrade,
    websocket: Option<Box<WebSocket>>,
    output: Output,
    pub silence: Silence,
    /// A client that has ended its side is still answered, as is a tunnel until the website ends
    /// its own.
    pub answer_half_closed: bool,
    /// Of the body that is read.
    pub pace: Pace,
    /// The request is the connection's last.
    pub is_last: bool,
    tls: Option<Arc<SslDigest>>,
    digest: Arc<SocketDigest>,
}

/// The connection itself, counted as long as it is open.
#[derive(Debug)]
struct Link {
    stream: Stream,
    /// The client has ended its side.
    ended: bool,
    /// It does not take what it is sent.
    blocked: bool,
    taking: Taking,
    open: Open,
}

impl Wire {
    /// `write`: how long an answer may wait for the client to take more of it.
    pub fn new(stream: Stream, digest: SocketDigest, open: Open, write: Duration) -> Self {
        let taking = Taking::new(open.connections(), write);
        Self {
            tls: stream.tls(),
            link: Some(Link { stream, ended: false, blocked: false, taking, open }),
            input: BytesMut::new(),
            reading: Reading::Nothing,
            upgrade: Upgrade::No,
            websocket: None,
            output: Output::default(),
            silence: Silence::default(),
            answer_half_closed: false,
            pace: Pace::default(),
            is_last: false,
            digest: Arc::new(digest),
        }
    }

    /// That of a request. `None`: it is not one of this layer's.
    pub fn of(session: &Session) -> Option<&Self> {
        let stream = session.as_downstream().stream()?;
        (**stream).as_any().downcast_ref()
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
    pub fn begin(&mut self, body: Framing, upgrade: Upgrade) {
        self.upgrade = upgrade;
        self.silence.end();
        self.pace = self.pace.anew();
        self.reading = if body.is_over() { Reading::Nothing } else { Reading::Body(body) };
    }

    fn link(&mut self) -> io::Result<&mut Link> {
        self.link.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    fn begin_tunnel(&mut self) {
        self.reading = Reading::Tunnel;
        if let (Upgrade::WebSocket, Some(link)) = (self.upgrade, &self.link) {
            self.websocket = Some(Box::new(WebSocket::new(link.open.cut())));
        }
    }

    /// Closes a WebSocket that is to be cut, if the frame that `next` goes on with ends there. What
    /// comes after is not sent. Returns whether it is closed.
    fn close(&mut self, next: &[u8]) -> bool {
        let Some(websocket) = &mut self.websocket else { return false };
        if let Some(frame) = websocket.last_frame(next) {
            self.output.add(&next[..frame]);
            self.output.add(&GOING_AWAY);
        }
        websocket.is_closed()
    }

    /// Gives Pingora what was read ahead, or reads, as far as the body goes.
    fn poll_body(&mut self, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { link: Some(link), input, reading: Reading::Body(framing), pace, .. } = self
        else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let start = to.filled().len();
        if input.is_empty() {
            // Into Pingora's own buffer: what is not of the body is taken out again below.
            let read = Pin::new(&mut link.stream).poll_read(cx, to);
            if read.is_pending() {
                pace.wait();
            }
            ready!(read)?;
            let new = &to.filled()[start..];
            pace.came(new.len())?;
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

    /// Waits for the client to end its side, or to begin the next request, which is kept.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.input.is_empty() {
            return Poll::Pending;
        }
        let answer = self.answer_half_closed;
        let Self { link: Some(link), input, .. } = self else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let mut begun = [0; BEGUN];
        let mut begun = ReadBuf::new(&mut begun);
        ready!(Pin::new(&mut link.stream).poll_read(cx, &mut begun))?;
        if !begun.filled().is_empty() {
            input.extend_from_slice(begun.filled());
            return Poll::Pending;
        }
        link.ended = true;
        if answer { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    /// Gives Pingora what it may have of what the client says.
    fn poll_client(&mut self, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.reading {
            Reading::Body(_) => self.poll_body(cx, to),
            Reading::Nothing => self.poll_end(cx),
            Reading::Tunnel if !self.input.is_empty() => {
                let ahead = self.input.len().min(to.remaining());
                to.put_slice(&self.input.split_to(ahead));
                Poll::Ready(Ok(()))
            }
            Reading::Tunnel => {
                let (before, answer) = (to.filled().len(), self.answer_half_closed);
                let link = self.link()?;
                ready!(Pin::new(&mut link.stream).poll_read(cx, to))?;
                link.ended |= to.filled().len() == before;
                if link.ended && answer { Poll::Pending } else { Poll::Ready(Ok(())) }
            }
        }
    }

    /// Ends the connection in a task of its own.
    fn end(&mut self) {
        let Some(mut link) = self.link.take() else { return };
        let output = std::mem::take(&mut self.output);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            let _ = tokio::time::timeout(LINGER, link.linger(output)).await;
            if link.blocked {
                link.stream.reset();
            }
        });
    }
}

impl Link {
    /// Sends what is left, says that no more comes, and reads until the client says the same.
    async fn linger(&mut self, mut output: Output) -> io::Result<()> {
        if !output.is_empty() {
            self.blocked = true;
            poll_fn(|cx| output.poll_send(&mut self.stream, cx)).await?;
            self.blocked = false;
        }
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
        let this = &mut *self;
        if let Some(link) = &mut this.link {
            this.output.poll_held(&mut link.stream, cx);
        }
        if let Some(websocket) = &mut this.websocket {
            websocket.poll_cut(cx);
            if this.close(&[]) {
                // As if the client had ended: Pingora ends the connection to the website.
                return Poll::Ready(Ok(()));
            }
        }
        if let read @ Poll::Ready(_) = this.poll_client(cx, to) {
            this.silence.broken();
            return read;
        }
        this.silence.poll(cx).map(Err)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let is_tunnel = matches!(this.reading, Reading::Tunnel);
        // Pingora writes a head with a call of its own.
        if this.upgrade != Upgrade::No {
            if bytes.starts_with(SWITCHING) {
                this.begin_tunnel();
            }
            if !bytes.starts_with(INTERIM) || matches!(this.reading, Reading::Tunnel) {
                this.upgrade = Upgrade::No;
            }
        } else if this.close(bytes) {
            cx.waker().wake_by_ref();
            return Poll::Ready(Ok(bytes.len()));
        }
        let Some(link) = &mut this.link else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let taken = this.output.poll_add(&mut link.stream, cx, &[IoSlice::new(bytes)]);
        link.blocked = taken.is_pending();
        let taken = taken?;
        link.taking.after(taken, cx)?;
        let taken = ready!(taken);
        if let Some(websocket) = this.websocket.as_mut().filter(|_| is_tunnel) {
            websocket.sent(&bytes[..taken]);
        }
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let Some(link) = &mut this.link else { return Poll::Ready(Ok(())) };
        let sent = this.output.poll_send(&mut link.stream, cx);
        link.blocked = sent.is_pending();
        let sent = sent?;
        link.taking.after(sent.map(|()| 0), cx)?;
        sent.map(Ok)
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

impl Ssl for Wire {
    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.tls.clone()
    }
}

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

#[cfg(test)]
mod tests {
    use super::super::Connections;
    use super::*;
    use std::future::poll_fn;
    use tokio::net::{TcpListener, TcpStream};

    /// A connection as the proxy has it, its client, and what counts it.
    async fn connected() -> (Wire, TcpStream, Arc<Connections>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, peer) = listener.accept().await.unwrap();
        let connections = Connections::new(1, 0, 0, Arc::default());
        let place = connections.place().await;
        let open = connections.opened(place, peer.ip(), false).unwrap();
        let digest = SocketDigest::from_raw_fd(stream.as_raw_fd());
        let write = Duration::from_secs(60);
        (Wire::new(Stream::Plain(stream), digest, open, write), client, connections)
    }

    #[tokio::test]
    async fn a_websocket_is_closed_between_two_frames() {
        let (mut wire, mut client, connections) = connected().await;
        wire.begin(Framing::length(0), Upgrade::WebSocket);
        let head = b"HTTP/1.1 101 Switching Protocols\r\n\r\n";
        wire.write_all(head).await.unwrap();
        wire.write_all(b"\x81\x05hel").await.unwrap();
        connections.cut();
        let mut nothing = [0; 1];
        poll_fn(|cx| {
            // It is told, and the frame is not whole.
            let read = Pin::new(&mut wire).poll_read(cx, &mut ReadBuf::new(&mut nothing));
            assert!(read.is_pending());
            Poll::Ready(())
        })
        .await;
        wire.write_all(b"lo\x81\x05never").await.unwrap();
        assert_eq!(wire.read(&mut nothing).await.unwrap(), 0, "the client is gone, to Pingora");
        wire.write_all(b"\x81\x05never").await.unwrap();
        drop(wire);
        let mut got = Vec::new();
        client.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, [&head[..], b"\x81\x05hello", &GOING_AWAY].concat());
    }

    #[tokio::test]
    async fn an_upgrade_to_something_else_just_ends() {
        let (mut wire, mut client, connections) = connected().await;
        wire.begin(Framing::length(0), Upgrade::Other);
        let head = b"HTTP/1.1 101 Switching Protocols\r\n\r\n";
        wire.write_all(head).await.unwrap();
        connections.cut();
        wire.write_all(b"\x81\x05hello").await.unwrap();
        drop(wire);
        let mut got = Vec::new();
        client.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, [&head[..], b"\x81\x05hello"].concat());
    }
}
