//! Connections to the website for upgrades (WebSocket).
//!
//! An upgrade request has no body. If Pingora (0.9.1) reads the website's `101` before it has seen
//! the end of the request, it takes that end for the end of all that the visitor sends: see its
//! [issue 946](https://github.com/cloudflare/pingora/issues/946). It waits for both in one place
//! and takes one at random if both are ready. Here the answer is not ready yet: after a write, the
//! first read of a connection is pending, and is polled again at once.

use async_trait::async_trait;
use pingora::connectors::L4Connect;
use pingora::protocols::l4::socket::SocketAddr;
use pingora::protocols::l4::stream::Stream;
use pingora::protocols::l4::virt::{VirtualSockOpt, VirtualSocket, VirtualSocketStream};
use pingora::upstreams::peer::HttpPeer;
use pingora::{ErrorType, OrErr, Result};
use std::fmt::Debug;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// Connections of one group are kept for each other: for a tunnel, none of a usual request is.
const GROUP: u64 = 1;

/// Makes a peer one for a single upgrade.
pub fn for_tunnel(peer: &mut HttpPeer) {
    peer.group_key = GROUP;
    if peer.is_tls() {
        // Only HTTP/1.1 has upgrades.
        peer.options.set_http_version(1, 1);
    }
    peer.options.custom_l4 = Some(Arc::new(Connect));
    peer.options.idle_timeout = Some(Duration::ZERO);
}

#[derive(Debug)]
struct Connect;

#[async_trait]
impl L4Connect for Connect {
    async fn connect(&self, address: &SocketAddr) -> Result<Stream> {
        let connected: io::Result<Box<dyn VirtualSocket>> = match address {
            SocketAddr::Inet(address) => match TcpStream::connect(address).await {
                Ok(stream) => stream.set_nodelay(true).map(|()| a_turn_later(stream)),
                Err(error) => Err(error),
            },
            SocketAddr::Unix(address) => match address.as_pathname() {
                Some(path) => UnixStream::connect(path).await.map(a_turn_later),
                None => Err(io::ErrorKind::AddrNotAvailable.into()),
            },
        };
        let socket = connected
            .or_err_with(ErrorType::ConnectError, || format!("connecting to {address}"))?;
        Ok(VirtualSocketStream::new(socket).into())
    }
}

fn a_turn_later(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + Sync + Debug + 'static,
) -> Box<dyn VirtualSocket> {
    Box::new(TurnLater { stream, wrote: false })
}

/// A connection on which who has just written reads a turn later.
#[derive(Debug)]
struct TurnLater<S> {
    stream: S,
    wrote: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + Sync + Debug> VirtualSocket for TurnLater<S> {
    fn set_socket_option(&self, _: VirtualSockOpt) -> io::Result<()> {
        // What there is to set is set when it connects.
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TurnLater<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if std::mem::take(&mut self.wrote) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_read(cx, to)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TurnLater<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.wrote = true;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
