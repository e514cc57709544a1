//! The layer under Pingora: the listening socket, and each connection until its request is judged.
//!
//! Pingora's hooks begin when a head is read and believed. What has to happen before, or after the
//! last hook, is here: [`head`] judges requests that could be understood in two ways, [`framing`]
//! finds where bodies end, [`wire`] is the connection, [`serve`] takes it from request to request,
//! and [`connections`] ends all of them without losing one. It knows nothing of what is counted.

mod connections;
mod framing;
mod head;
mod serve;
mod wire;

pub use connections::Connections;
pub use serve::Asked;

use crate::telemetry::Telemetry;
use async_trait::async_trait;
use pingora::apps::HttpServerApp;
use pingora::server::{ListenFds, ShutdownWatch};
use pingora::services::Service;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use wire::Wire;

/// Connections that wait to be let in, at most.
const BACKLOG: u32 = 65_535;

/// How long nobody is let in when the process has no descriptor left.
const NO_DESCRIPTOR: Duration = Duration::from_millis(100);

/// What a client is allowed before its request is forwarded.
#[derive(Debug, Clone)]
pub struct Limits {
    /// For a head to arrive, from its first byte on.
    pub header_time: Duration,
    /// Bytes of a head.
    pub header_size: usize,
    /// For the first byte of a request.
    pub idle: Duration,
}

/// What all connections share.
pub struct Shared<A> {
    pub app: Arc<A>,
    pub limits: Limits,
    pub connections: Arc<Connections>,
    pub telemetry: Arc<Telemetry>,
}

/// The listening socket of the website, as one of Pingora's services.
pub struct Listening<A> {
    address: SocketAddr,
    shared: Arc<Shared<A>>,
}

impl<A> Listening<A> {
    pub fn new(address: SocketAddr, shared: Shared<A>) -> Self {
        Self { address, shared: Arc::new(shared) }
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
    fn let_in(self: &Arc<Self>, accepted: io::Result<(TcpStream, SocketAddr)>) -> io::Result<()> {
        let (stream, peer) = accepted?;
        // An answer's last bytes do not wait for an acknowledgement of those before.
        let _ = stream.set_nodelay(true);
        let wire = Wire::new(stream, peer, self.connections.opened());
        tokio::spawn(serve::serve(wire, self.clone()));
        Ok(())
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
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.wait_for(|stopping| *stopping) => break,
            };
            if let Err(error) = self.shared.let_in(accepted) {
                tracing::warn!("a visitor could not be let in: {error}");
                tokio::time::sleep(NO_DESCRIPTOR).await;
            }
        }
        // Who waits in the queue would be reset with the socket.
        while let Some(accepted) = futures_util::FutureExt::now_or_never(listener.accept()) {
            if self.shared.let_in(accepted).is_err() {
                break;
            }
        }
        drop(listener);
        self.shared.connections.close();
    }

    fn name(&self) -> &str {
        "website"
    }

    fn listen_addresses(&self) -> Option<Vec<String>> {
        Some(vec![self.address.to_string()])
    }
}
