//! The layer under Pingora: the listening socket, and each connection until its request is judged.
//!
//! Pingora's hooks begin when a head is read and believed. What has to happen before the first hook
//! or after the last is here. This layer knows nothing of what is counted.
//!
//! - [`head`] refuses requests that could be understood in two ways, [`head2`] those over HTTP/2,
//!   and [`framing`] finds where bodies end.
//! - [`stream`] is a connection, encrypted or not, and [`proxy_header`] tells whose it is. [`wire`]
//!   is one over HTTP/1 as Pingora sees it; [`serve`] takes it from request to request.
//! - [`http2`] is one over HTTP/2, which Pingora takes whole. Its [`http2_frames`] tell what a
//!   client has [`begun`] and which answers wait for their [`windows`].
//! - [`output`] holds what waits to be sent, [`silence`] bounds how long nothing is sent, [`pace`]
//!   how slowly an upload comes, and [`taking`] how slowly an answer is taken.
//! - [`websocket`] closes what would not end by itself; [`connections`] ends all connections
//!   without losing a request.

mod begun;
mod connections;
mod framing;
pub(crate) mod head;
mod head2;
mod http2;
mod http2_frames;
mod output;
mod pace;
pub(crate) mod proxy_header;
mod serve;
mod silence;
mod stream;
mod taking;
mod websocket;
mod windows;
mod wire;

pub use connections::Connections;
use connections::Open;
pub use head::Refused;
pub use head2::judge as judge_http2;
pub use pace::{Pace, TooSlow};
pub use serve::{Asked, Limits, Shared};
pub use silence::{Silence, Silent};
pub use windows::MOST_STREAMS;

use crate::visitor::address::is_trusted;
use async_trait::async_trait;
use futures_util::FutureExt;
use http2::Http2;
use pingora::apps::{HttpServerApp, ServerApp};
use pingora::protocols::SocketDigest;
use pingora::protocols::l4::socket::SocketAddr as Peer;
use pingora::proxy::Session;
use pingora::server::{ListenFds, ShutdownWatch};
use pingora::services::Service;
use socket2::SockRef;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};
use stream::Stream;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use wire::Wire;

/// Connections that wait to be let in, at most.
const BACKLOG: u32 = 65_535;

/// How long nobody is let in when the process has no descriptor left.
const NO_DESCRIPTOR: Duration = Duration::from_millis(100);

/// Unsent bytes that the system takes for a client. Without this bound it takes megabytes, and a
/// thousand clients that do not read would use up the memory that all connections share.
const UNSENT: u32 = 128 * 1024;

/// How often it is logged that visitors cannot be let in.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// Whether a request is the last that its connection may bring.
pub fn is_last(session: &Session) -> bool {
    Wire::of(session).is_some_and(|wire| wire.is_last)
}

/// What clients of a socket speak.
#[derive(Clone)]
pub enum Speaks {
    /// HTTP/1.
    Http1,
    /// HTTP/2 without TLS, from the first byte on.
    Http2,
    /// Either, as is agreed on in the handshake.
    Tls(TlsAcceptor),
}

/// The listening socket of the website, as one of Pingora's services.
pub struct Listening<A> {
    address: SocketAddr,
    speaks: Speaks,
    /// From systemd.
    socket: Option<std::net::TcpListener>,
    shared: Arc<Shared<A>>,
    /// To be told once visitors are let in, and by which runtime.
    ready: Option<oneshot::Sender<Handle>>,
}

impl<A> Listening<A> {
    pub fn new(
        address: SocketAddr,
        speaks: Speaks,
        socket: Option<std::net::TcpListener>,
        shared: Arc<Shared<A>>,
        ready: oneshot::Sender<Handle>,
    ) -> Self {
        Self { address, speaks, socket, shared, ready: Some(ready) }
    }

    /// The socket that a process before or systemd has given us, or a new one, which is offered to
    /// the next.
    fn listen(&mut self, given: Option<&ListenFds>) -> io::Result<TcpListener> {
        let name = self.address.to_string();
        if let Some(fd) = given.and_then(|given| given.lock().get(&name).copied()) {
            return inherited(fd);
        }
        let listener = match self.socket.take() {
            Some(socket) => {
                socket.set_nonblocking(true)?;
                TcpListener::from_std(socket)?
            }
            None => listen(self.address)?,
        };
        if let Some(given) = given {
            given.lock().add(name, listener.as_raw_fd());
        }
        Ok(listener)
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn inherited(fd: RawFd) -> io::Result<TcpListener> {
    // SAFETY: the process before has sent this descriptor, and nothing else in this one uses it.
    let listener = unsafe { std::net::TcpListener::from_raw_fd(fd) };
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

impl<A> Listening<A>
where
    A: HttpServerApp + Send + Sync + 'static,
{
    /// Lets the next one in, once there is a place.
    async fn accept(&self, listener: &TcpListener) -> io::Result<()> {
        let place = self.shared.connections.place().await;
        let (stream, peer) = listener.accept().await?;
        self.let_in(stream, peer, place);
        Ok(())
    }

    /// Lets in who has connected already. They are asked of the system itself: the runtime may not
    /// know yet of one who came a moment ago, and the socket's end would reset that connection.
    fn accept_last(&self, listener: TcpListener) -> io::Result<()> {
        let listener = listener.into_std()?;
        while let Some(place) = self.shared.connections.place().now_or_never() {
            let (stream, peer) = listener.accept()?;
            stream.set_nonblocking(true)?;
            self.let_in(TcpStream::from_std(stream)?, peer, place);
        }
        Ok(())
    }

    fn let_in(&self, stream: TcpStream, peer: SocketAddr, place: OwnedSemaphorePermit) {
        tokio::spawn(self.shared.clone().enter(self.speaks.clone(), stream, peer, place));
    }
}

impl<A> Shared<A>
where
    A: HttpServerApp + Send + Sync + 'static,
{
    /// Finds out who connects, and serves them in the protocol that they speak. A PROXY header and
    /// a TLS handshake may each take as long as a head.
    async fn enter(
        self: Arc<Self>,
        speaks: Speaks,
        mut stream: TcpStream,
        mut peer: SocketAddr,
        place: OwnedSemaphorePermit,
    ) {
        let limits = **self.limits.load();
        let deadline = limits.header_time;
        let is_proxy = |peer: SocketAddr| is_trusted(peer.ip(), &self.trusted.now());
        if limits.proxy_protocol && is_proxy(peer) {
            match timeout(deadline, proxy_header::read(&mut stream)).await {
                Ok(Ok(told)) => peer = told.unwrap_or(peer),
                Ok(Err(_)) | Err(_) => return self.telemetry.proxy_headers_missing.inc(),
            }
        }
        let Some(open) = self.connections.opened(place, peer.ip(), is_proxy(peer)) else {
            return self.telemetry.refused.inc();
        };
        // An answer's last bytes do not wait for an acknowledgement of those before.
        let _ = stream.set_nodelay(true);
        let _ = SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT);
        let digest = SocketDigest::from_raw_fd(stream.as_raw_fd());
        let _ = digest.peer_addr.set(Some(Peer::Inet(peer)));
        match speaks {
            Speaks::Http1 => self.http1(Stream::Plain(stream), digest, open).await,
            Speaks::Http2 => self.http2(Stream::Plain(stream), digest, open).await,
            Speaks::Tls(acceptor) => {
                match timeout(deadline, acceptor.accept(stream.into())).await {
                    Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
                        self.http2(Stream::Tls(Box::new(stream)), digest, open).await;
                    }
                    Ok(Ok(stream)) => self.http1(Stream::Tls(Box::new(stream)), digest, open).await,
                    Ok(Err(_)) | Err(_) => self.telemetry.handshakes_failed.inc(),
                }
            }
        }
    }

    async fn http1(self: Arc<Self>, stream: Stream, digest: SocketDigest, open: Open) {
        let limits = **self.limits.load();
        let mut wire = Wire::new(stream, digest, open, limits.write);
        wire.answer_half_closed = limits.answer_half_closed;
        wire.pace = limits.upload;
        serve::serve(wire, self).await;
    }

    async fn http2(self: Arc<Self>, stream: Stream, digest: SocketDigest, open: Open) {
        let mut closing = self.connections.watch();
        let (last, is_last) = watch::channel(false);
        let last = Arc::new(last);
        let limits = **self.limits.load();
        let connection = Http2::new(stream, digest, open, &limits, last.clone());
        let closed = async {
            // An error says that the program has ended.
            let _ = closing.wait_for(|closing| *closing).await;
            last.send_replace(true);
            std::future::pending().await
        };
        tokio::select! {
            _ = self.app.process_new(Box::new(connection), &is_last) => {}
            () = closed => {}
        }
    }
}

#[async_trait]
impl<A> Service for Listening<A>
where
    A: HttpServerApp + Send + Sync + 'static,
{
    async fn start_service(&mut self, given: Option<ListenFds>, mut stop: ShutdownWatch, _: usize) {
        let listener = match self.listen(given.as_ref()) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!("listen {} cannot be used: {error}", self.address);
                return;
            }
        };
        // Nobody waits for it where the program ends already.
        let _ = self.ready.take().map(|ready| ready.send(Handle::current()));
        let mut warned: Option<Instant> = None;
        loop {
            let accepted = tokio::select! {
                accepted = self.accept(&listener) => accepted,
                _ = stop.wait_for(|stopping| *stopping) => break,
            };
            let Err(error) = accepted else { continue };
            if warned.is_none_or(|warned| warned.elapsed() > WARN_EVERY) {
                tracing::warn!("visitors cannot be let in: {error}");
                warned = Some(Instant::now());
            }
            tokio::time::sleep(NO_DESCRIPTOR).await;
        }
        // An error says that nobody is left in the queue.
        let _ = self.accept_last(listener);
        self.shared.connections.close();
    }

    fn name(&self) -> &str {
        "website"
    }

    fn listen_addresses(&self) -> Option<Vec<String>> {
        Some(vec![self.address.to_string()])
    }
}
