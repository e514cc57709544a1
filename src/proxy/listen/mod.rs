//! The layer under Pingora: the listening socket, and each connection until its request is judged.
//!
//! Pingora's hooks begin when a head is read and believed. What has to happen before, or after the
//! last hook, is here: [`head`] judges requests that could be understood in two ways, [`framing`]
//! finds where bodies end, [`output`] is what waits to be sent, [`silence`] bounds how long nothing is,
//! [`websocket`] closes what would not end, [`wire`] is the connection, [`serve`] takes it from request to request, and [`connections`]
//! ends all of them without losing one. It knows nothing of what is counted.

mod connections;
mod framing;
mod head;
mod output;
mod serve;
mod silence;
mod websocket;
mod wire;

pub use connections::Connections;
pub use serve::{Asked, Limits, Shared};
pub use silence::{Silence, Silent};

use crate::visitor::address::is_trusted;
use async_trait::async_trait;
use futures_util::FutureExt;
use pingora::apps::HttpServerApp;
use pingora::server::{ListenFds, ShutdownWatch};
use pingora::services::Service;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::oneshot;
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
    shared: Arc<Shared<A>>,
    /// To be told once visitors are let in.
    ready: Option<oneshot::Sender<()>>,
}

impl<A> Listening<A> {
    pub fn new(address: SocketAddr, shared: Shared<A>, ready: oneshot::Sender<()>) -> Self {
        Self { address, shared: Arc::new(shared), ready: Some(ready) }
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

impl<A> Shared<A>
where
    A: HttpServerApp + Send + Sync + 'static,
{
    /// Lets the next one in, once there is a place.
    async fn accept(self: &Arc<Self>, listener: &TcpListener) -> io::Result<()> {
        let place = self.connections.place().await;
        let (stream, peer) = listener.accept().await?;
        self.let_in(stream, peer, place);
        Ok(())
    }

    /// Lets in who has connected already. They are asked of the system itself: the runtime may not
    /// know yet of one who came a moment ago, and the socket's end would reset that connection.
    fn accept_last(self: &Arc<Self>, listener: TcpListener) -> io::Result<()> {
        let listener = listener.into_std()?;
        while let Some(place) = self.connections.place().now_or_never() {
            let (stream, peer) = listener.accept()?;
            stream.set_nonblocking(true)?;
            self.let_in(TcpStream::from_std(stream)?, peer, place);
        }
        Ok(())
    }

    fn let_in(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr, place: OwnedSemaphorePermit) {
        let trusted = is_trusted(peer.ip(), &self.trusted.now());
        let Some(open) = self.connections.opened(place, peer.ip(), trusted) else {
            self.telemetry.refused.inc();
            return;
        };
        // An answer's last bytes do not wait for an acknowledgement of those before.
        let _ = stream.set_nodelay(true);
        let mut wire = Wire::new(stream, peer, open);
        wire.answer_half_closed = self.limits.answer_half_closed;
        tokio::spawn(serve::serve(wire, self.clone()));
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
                accepted = self.shared.accept(&listener) => accepted,
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
        let _ = self.shared.accept_last(listener);
        self.shared.connections.close();
    }

    fn name(&self) -> &str {
        "website"
    }

    fn listen_addresses(&self) -> Option<Vec<String>> {
        Some(vec![self.address.to_string()])
    }
}
