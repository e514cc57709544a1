//! The layer under Pingora: the listening socket, and each connection until its request is judged.
//!
//! Pingora's hooks begin when a head is read and believed. What has to happen before, or after the
//! last hook, is here: [`head`] judges requests that could be understood in two ways, [`framing`]
//! finds where bodies end, [`output`] is what waits to be sent, [`silence`] bounds how long nothing is,
//! [`websocket`] closes what would not end. [`stream`] is the connection, encrypted or not; [`wire`] is
//! one as Pingora sees it, which [`serve`] takes from request to request; [`http2`] is one that Pingora
//! takes whole; and [`connections`] ends all of them without losing one. It knows nothing of what is counted.

mod connections;
mod framing;
mod head;
mod http2;
mod output;
mod serve;
mod silence;
mod stream;
mod websocket;
mod wire;

pub use connections::Connections;
use connections::Open;
pub use serve::{Asked, Limits, Shared};
pub use silence::{Silence, Silent};

use crate::visitor::address::is_trusted;
use async_trait::async_trait;
use futures_util::FutureExt;
use http2::Http2;
use pingora::apps::{HttpServerApp, ServerApp};
use pingora::protocols::SocketDigest;
use pingora::protocols::l4::socket::SocketAddr as Peer;
use pingora::server::{ListenFds, ShutdownWatch};
use pingora::services::Service;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};
use stream::Stream;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use wire::Wire;

/// Connections that wait to be let in, at most.
const BACKLOG: u32 = 65_535;

/// How long nobody is let in when the process has no descriptor left.
const NO_DESCRIPTOR: Duration = Duration::from_millis(100);

/// How often a line says so.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// The listening socket of the website, as one of Pingora's services.
pub struct Listening<A> {
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared<A>>,
    /// To be told once visitors are let in.
    ready: Option<oneshot::Sender<()>>,
}

impl<A> Listening<A> {
    /// `tls`: what comes is encrypted.
    pub fn new(
        address: SocketAddr,
        tls: Option<TlsAcceptor>,
        shared: Arc<Shared<A>>,
        ready: oneshot::Sender<()>,
    ) -> Self {
        Self { address, tls, shared, ready: Some(ready) }
    }

    /// The socket that a process before has given us, or a new one, which is offered to the next.
    fn listen(&self, given: Option<&ListenFds>) -> io::Result<TcpListener> {
        let name = self.address.to_string();
        if let Some(fd) = given.and_then(|given| given.lock().get(&name).copied()) {
            return inherited(fd);
        }
        let socket = match self.address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }?;
        socket.set_reuseaddr(true)?;
        socket.bind(self.address)?;
        let listener = socket.listen(BACKLOG)?;
        if let Some(given) = given {
            given.lock().add(name, listener.as_raw_fd());
        }
        Ok(listener)
    }
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
        let shared = &self.shared;
        let trusted = is_trusted(peer.ip(), &shared.trusted.now());
        let Some(open) = shared.connections.opened(place, peer.ip(), trusted) else {
            shared.telemetry.refused.inc();
            return;
        };
        // An answer's last bytes do not wait for an acknowledgement of those before.
        let _ = stream.set_nodelay(true);
        let digest = SocketDigest::from_raw_fd(stream.as_raw_fd());
        let _ = digest.peer_addr.set(Some(Peer::Inet(peer)));
        let shared = shared.clone();
        match &self.tls {
            None => drop(tokio::spawn(shared.serve(Stream::Plain(stream), digest, open))),
            Some(acceptor) => {
                let handshake = acceptor.accept(stream);
                tokio::spawn(async move {
                    // As long as a head may take.
                    let done = tokio::time::timeout(shared.limits.header_time, handshake).await;
                    match done {
                        Ok(Ok(stream)) => {
                            shared.serve(Stream::Tls(Box::new(stream)), digest, open).await;
                        }
                        Ok(Err(_)) | Err(_) => shared.telemetry.handshakes_failed.inc(),
                    }
                });
            }
        }
    }
}

impl<A> Shared<A>
where
    A: HttpServerApp + Send + Sync + 'static,
{
    /// Answers a client, in the protocol that was agreed on.
    async fn serve(self: Arc<Self>, stream: Stream, digest: SocketDigest, open: Open) {
        if stream.is_http2() {
            let stop = self.connections.watch();
            let connection = Http2::new(stream, digest, open);
            self.app.process_new(Box::new(connection), &stop).await;
        } else {
            let mut wire = Wire::new(stream, digest, open);
            wire.answer_half_closed = self.limits.answer_half_closed;
            serve::serve(wire, self).await;
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
        let _ = self.ready.take().map(|ready| ready.send(()));
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
