//! Connections for answers that go on for long and may be silent meanwhile: upgrades (WebSocket) and
//! event streams.
//!
//! The timeout that guards answers would cut them. So until their answer is there it is kept here, and
//! Pingora is told the longer one of streams.
//!
//! Pingora (0.9.1) takes the end of an upgrade request, which has no body, for the end of all that
//! the visitor says, if it reads the website's `101` before it has looked at that end: see its
//! [issue 946](https://github.com/cloudflare/pingora/issues/946). It looks at both in one place and
//! takes one at random if both are there. Here an answer is not there yet: after a write, a
//! connection has nothing to read until whoever waits for it was asked once more.

use crate::config::Timeouts;
use async_trait::async_trait;
use http::header;
use pingora::connectors::L4Connect;
use pingora::protocols::l4::socket::SocketAddr;
use pingora::protocols::l4::stream::Stream;
use pingora::protocols::l4::virt::{VirtualSockOpt, VirtualSocket, VirtualSocketStream};
use pingora::proxy::Session;
use pingora::upstreams::peer::HttpPeer;
use pingora::{ErrorType, OrErr, Result};
use std::fmt::Debug;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, Sleep};

/// Connections of one group are kept for each other: for a stream, none of a usual request is.
const GROUP: u64 = 1;

/// Whether the answer to a request may be silent for long.
pub fn is_stream(session: &Session) -> bool {
    session.is_upgrade_req() || {
        let accepted = session.req_header().headers.get(header::ACCEPT);
        accepted.is_some_and(|types| types.as_bytes().starts_with(b"text/event-stream"))
    }
}

/// Makes a peer one for a single stream. To be told of its answer.
pub fn for_stream(peer: &mut HttpPeer, timeouts: &Timeouts) -> Arc<AtomicBool> {
    let answered = Arc::new(AtomicBool::new(false));
    let connect = Connect { answered: answered.clone(), patience: timeouts.read };
    peer.group_key = GROUP;
    peer.options.custom_l4 = Some(Arc::new(connect));
    peer.options.idle_timeout = Some(Duration::ZERO);
    peer.options.read_timeout = Some(timeouts.stream);
    answered
}

#[derive(Debug)]
struct Connect {
    answered: Arc<AtomicBool>,
    /// How long to wait for an answer.
    patience: Duration,
}

#[async_trait]
impl L4Connect for Connect {
    async fn connect(&self, address: &SocketAddr) -> Result<Stream> {
        let connected: io::Result<Box<dyn VirtualSocket>> = match address {
            SocketAddr::Inet(address) => match TcpStream::connect(address).await {
                Ok(stream) => stream.set_nodelay(true).map(|()| self.patient(stream)),
                Err(error) => Err(error),
            },
            SocketAddr::Unix(address) => match address.as_pathname() {
                Some(path) => UnixStream::connect(path).await.map(|stream| self.patient(stream)),
                None => Err(io::ErrorKind::AddrNotAvailable.into()),
            },
        };
        let socket = connected
            .or_err_with(ErrorType::ConnectError, || format!("connecting to {address}"))?;
        Ok(VirtualSocketStream::new(socket).into())
    }
}

impl Connect {
    fn patient(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + Sync + Debug + 'static,
    ) -> Box<dyn VirtualSocket> {
        let deadline = Box::pin(tokio::time::sleep(self.patience));
        let (answered, patience) = (self.answered.clone(), self.patience);
        Box::new(Patient { stream, wrote: false, answered, patience, deadline })
    }
}

/// A connection on which who has just written reads a turn later.
#[derive(Debug)]
struct Patient<S> {
    stream: S,
    wrote: bool,
    answered: Arc<AtomicBool>,
    patience: Duration,
    /// For the website's next bytes, until it has answered.
    deadline: Pin<Box<Sleep>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + Sync + Debug> VirtualSocket for Patient<S> {
    fn set_socket_option(&self, _: VirtualSockOpt) -> io::Result<()> {
        // What there is to set is set when it connects.
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if std::mem::take(&mut self.wrote) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let this = &mut *self;
        let read = Pin::new(&mut this.stream).poll_read(cx, to);
        if read.is_pending()
            && !this.answered.load(Ordering::Relaxed)
            && this.deadline.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.wrote = true;
        if !self.answered.load(Ordering::Relaxed) {
            let deadline = Instant::now() + self.patience;
            self.deadline.as_mut().reset(deadline);
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
