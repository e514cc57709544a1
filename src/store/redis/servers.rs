//! The servers a Redis store is made of, and which of them a key is asked of.
//!
//! One server, one that sentinels name, or a cluster: what is asked is the same, and only this room
//! knows the difference.

use super::cluster::Cluster;
use super::dial::{Dialer, address};
use super::link::{Link, Meter, Way};
use super::sentinel::Sentinels;
use crate::store::Troubles;
use redis::{Cmd, ConnectionInfo, Pipeline, RedisResult, Value};
use std::sync::Arc;

/// Servers, as a URL names them.
#[derive(Clone)]
pub enum ServerAddresses {
    One(ConnectionInfo),
    /// Sentinels, the name they know the primary by, and how that is called (but for its address).
    Sentinels(Vec<ConnectionInfo>, String, ConnectionInfo),
    /// Some servers of a cluster.
    Cluster(Vec<ConnectionInfo>),
}

pub enum Servers {
    One(Arc<Link>),
    Cluster(Box<Cluster>),
}

impl Servers {
    /// Connects to none of them yet; `ca` are the certificates (PEM) to trust instead of the
    /// system's.
    ///
    /// # Errors
    /// Settings no server could be reached with (broken TLS).
    pub fn new(
        named: ServerAddresses,
        ca: Option<Vec<u8>>,
        meter: &Arc<Meter>,
        troubles: &Arc<Troubles>,
    ) -> RedisResult<Self> {
        let one = |way| Self::One(Arc::new(Link::new(way, meter.clone())));
        Ok(match named {
            ServerAddresses::One(info) => one(Way::Known(Dialer::new(info, ca).client()?)),
            ServerAddresses::Sentinels(sentinels, name, info) => {
                let client = |info| Dialer::new(info, ca.clone()).client();
                let clients = sentinels.into_iter().map(client).collect::<RedisResult<_>>()?;
                one(Way::Asked(Sentinels { clients, name, dialer: Dialer::new(info, ca) }))
            }
            ServerAddresses::Cluster(servers) => {
                let seeds = servers.iter().filter_map(address).collect();
                let [first, ..] = &servers[..] else { unreachable!("a URL names at least one") };
                let dialer = Dialer::new(first.clone(), ca);
                // Broken TLS is known now.
                dialer.client()?;
                let cluster = Cluster::new(dialer, seeds, meter.clone(), troubles.clone());
                Self::Cluster(Box::new(cluster))
            }
        })
    }

    /// Sends one command, to where its key is.
    pub async fn send(&self, key: &str, cmd: Cmd) -> RedisResult<Value> {
        match self.send_all(vec![(key, cmd)]).await?.pop() {
            Some(answer) => answer.extract_error(),
            None => Ok(Value::Nil),
        }
    }

    /// Sends commands in one go, each to where its key is; an answer may be the error of its own
    /// command.
    pub async fn send_all(&self, commands: Vec<(&str, Cmd)>) -> RedisResult<Vec<Value>> {
        match self {
            Self::One(link) => {
                let mut pipeline = Pipeline::with_capacity(commands.len());
                for (_, command) in commands {
                    pipeline.add_command(command);
                }
                link.send_all(&pipeline).await
            }
            Self::Cluster(cluster) => cluster.send_all(&commands).await,
        }
    }

    /// All that hold keys of their own.
    pub async fn all(&self) -> RedisResult<Vec<Arc<Link>>> {
        match self {
            Self::One(link) => Ok(vec![link.clone()]),
            Self::Cluster(cluster) => cluster.primaries().await,
        }
    }

    /// One of them is not what it was: who is asked, is looked up anew.
    pub fn doubt(&self) {
        match self {
            Self::One(link) => link.doubt(),
            Self::Cluster(cluster) => cluster.doubt(),
        }
    }
}
