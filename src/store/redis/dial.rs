//! How a server is called: with which user, database and certificates, and for how long to wait.
//!
//! Apart because in a cluster, and behind sentinels, the same words go to servers whose addresses
//! are only learnt later.

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, RedisResult, TlsCertificates,
};
use std::io;
use std::time::Duration;

/// How long to wait for a connection, greeting included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long to wait for an answer. A server that is slow is not down: an answer after this long
/// still took effect.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Host and port.
pub type Address = (String, u16);

pub async fn dial(client: &Client) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT));
    client.get_multiplexed_async_connection_with_config(&config).await
}

/// What an attempt comes to, unless it takes longer than this.
pub async fn within<T>(
    time: Duration,
    attempt: impl Future<Output = RedisResult<T>>,
) -> RedisResult<T> {
    let late = |_| Err(io::Error::from(io::ErrorKind::TimedOut).into());
    tokio::time::timeout(time, attempt).await.unwrap_or_else(late)
}

/// Calls any server of a store.
pub struct Dialer {
    info: ConnectionInfo,
    ca: Option<Vec<u8>>,
}

impl Dialer {
    /// As `info` says, but for the address; `ca` are the certificates (PEM) to trust instead of the
    /// system's.
    pub fn new(info: ConnectionInfo, ca: Option<Vec<u8>>) -> Self {
        // Saves two commands a connection; a metered server bills them.
        let settings = info.redis_settings().clone().set_skip_set_lib_name();
        Self { info: info.set_redis_settings(settings), ca }
    }

    /// To the server that was named.
    pub fn client(&self) -> RedisResult<Client> {
        self.build(self.info.clone())
    }

    /// To a server that was learnt of.
    pub fn client_to(&self, (host, port): &Address) -> RedisResult<Client> {
        let mut addr = self.info.addr().clone();
        match &mut addr {
            ConnectionAddr::TcpTls { host: named, port: at, .. } => {
                (*named, *at) = (host.clone(), *port);
            }
            other => *other = ConnectionAddr::Tcp(host.clone(), *port),
        }
        self.build(self.info.clone().set_addr(addr))
    }

    fn build(&self, info: ConnectionInfo) -> RedisResult<Client> {
        match &self.ca {
            Some(pem) => {
                let root_cert = Some(pem.clone());
                Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert })
            }
            None => Client::open(info),
        }
    }
}

/// Where a server was named to be. `None`: a socket, which is no place for others.
pub fn address(info: &ConnectionInfo) -> Option<Address> {
    match info.addr() {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            Some((host.clone(), *port))
        }
        _ => None,
    }
}
