//! The way to a Redis server: one connection for all, made on first use, thrown away when it fails.
//!
//! Apart because how a connection dies says nothing about counts. Unlike the client library's own
//! manager it starts no task before the first call (so a store can be made outside a runtime),
//! tries anew after every kind of failed connection (a full server, a wrong password, not only an
//! I/O error), drops a connection that timed out (the other end may be gone without a word), and,
//! where sentinels know the server, asks them anew for every connection. Everything sent through it
//! must be safe to repeat.

use super::dial::{CONNECT_TIMEOUT, dial, within};
use super::sentinel::Sentinels;
use redis::aio::MultiplexedConnection;
use redis::{Client, Cmd, Pipeline, RedisResult, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::Mutex;

/// What a store's links have in common.
#[derive(Default)]
pub struct Meter {
    /// Commands sent, as a metered server would bill them.
    pub commands: AtomicU64,
    /// Connections made, and other servers taking a server's place.
    pub connections: AtomicU64,
}

pub struct Link {
    way: Way,
    meter: Arc<Meter>,
    current: Mutex<Option<Arc<MultiplexedConnection>>>,
    doubted: AtomicBool,
}

/// Where the server is.
pub enum Way {
    Known(Client),
    Asked(Sentinels),
}

impl Link {
    pub fn new(way: Way, meter: Arc<Meter>) -> Self {
        Self { way, meter, current: Mutex::default(), doubted: AtomicBool::new(false) }
    }

    /// The server at the other end may no longer be the one to ask: the next call connects anew, to
    /// where the name or the sentinels then lead.
    pub fn doubt(&self) {
        self.doubted.store(true, Ordering::Relaxed);
    }

    /// Sends one command.
    pub async fn send(&self, cmd: Cmd) -> RedisResult<Value> {
        let mut pipeline = Pipeline::with_capacity(1);
        pipeline.add_command(cmd);
        match self.send_all(&pipeline).await?.pop() {
            Some(answer) => answer.extract_error(),
            None => Ok(Value::Nil),
        }
    }

    /// Sends commands in one go; an answer may be the error of its own command.
    ///
    /// If the connection was an old one that turns out to be closed, they go once more over a new
    /// one: a server restarted between two flushes costs no failed flush.
    pub async fn send_all(&self, pipeline: &Pipeline) -> RedisResult<Vec<Value>> {
        let count = pipeline.len();
        loop {
            let (connection, reused) = self.connection().await?;
            self.meter.commands.fetch_add(count as u64, Ordering::Relaxed);
            let mut exchange = connection.as_ref().clone();
            match exchange.send_packed_commands(pipeline, 0, count).await {
                Err(error) if error.is_io_error() || error.is_unrecoverable_error() => {
                    self.discard(&connection).await;
                    if !(reused && error.is_connection_dropped()) {
                        return Err(error);
                    }
                }
                answers => return answers,
            }
        }
    }

    /// The connection, and whether it was there already.
    async fn connection(&self) -> RedisResult<(Arc<MultiplexedConnection>, bool)> {
        // Whoever waits behind another's attempt waits no longer than for an attempt of their own.
        let mut current = within(CONNECT_TIMEOUT, async { Ok(self.current.lock().await) }).await?;
        if self.doubted.swap(false, Ordering::Relaxed) {
            *current = None;
        }
        if let Some(connection) = &*current {
            return Ok((connection.clone(), true));
        }
        let new = Arc::new(match &self.way {
            Way::Known(client) => dial(client).await?,
            Way::Asked(sentinels) => sentinels.primary().await?,
        });
        self.meter.connections.fetch_add(1, Ordering::Relaxed);
        *current = Some(new.clone());
        Ok((new, false))
    }

    /// Forgets a broken connection, unless another already took its place.
    async fn discard(&self, broken: &Arc<MultiplexedConnection>) {
        let mut current = self.current.lock().await;
        if current.as_ref().is_some_and(|c| Arc::ptr_eq(c, broken)) {
            *current = None;
        }
    }
}
