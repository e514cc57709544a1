//! Sentinels: they know which server is the primary, and make another one it when that dies.
//!
//! They are asked for every new connection, so whoever reconnects has followed a fail-over. What
//! the old primary had acknowledged and not yet passed on is lost with it; `flush` finds that out
//! after every reconnect and sends it again.
//!
//! The client library (redis 1.8) has a sentinel client of its own. It asks servers for their ROLE
//! or INFO and sentinels for ROLE and for all primaries: rights that the user in docs/stores.md
//! does not have, and need not have. The tests of users with few rights fail with it.

use super::dial::{Address, Dialer, dial, within};
use redis::aio::MultiplexedConnection;
use redis::{
    Client, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value, cmd, from_redis_value,
};
use std::time::Duration;

/// How long one sentinel may take; there are others.
const PATIENCE: Duration = Duration::from_secs(1);

pub struct Sentinels {
    /// To each of them.
    pub clients: Vec<Client>,
    /// The name they know the primary by.
    pub name: String,
    /// To the primary.
    pub dialer: Dialer,
}

impl Sentinels {
    /// A connection to the primary, if there is one. A sentinel may be the last to learn of a
    /// fail-over, so what one says need not be the end.
    pub async fn primary(&self) -> RedisResult<MultiplexedConnection> {
        let mut error = RedisError::from((ErrorKind::Client, "no sentinels are named"));
        let mut tried: Vec<Address> = Vec::new();
        for client in &self.clients {
            match within(PATIENCE, self.ask(client)).await {
                Ok(address) if tried.contains(&address) => {}
                Ok(address) => match self.connect(&address).await {
                    Ok(connection) => return Ok(connection),
                    Err(e) => {
                        error = e;
                        tried.push(address);
                    }
                },
                Err(e) => error = e,
            }
        }
        Err(error)
    }

    async fn ask(&self, sentinel: &Client) -> RedisResult<Address> {
        let mut connection = dial(sentinel).await?;
        let ask = cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(&self.name).take();
        let known: Option<Address> = ask.query_async(&mut connection).await?;
        known.ok_or_else(|| {
            let kind = ErrorKind::MasterNameNotFoundBySentinel;
            (kind, "the sentinels know no primary of this name", self.name.clone()).into()
        })
    }

    async fn connect(&self, address: &Address) -> RedisResult<MultiplexedConnection> {
        let mut connection = dial(&self.dialer.client_to(address)?).await?;
        // A primary that came back as a replica answers reads with what it had. HELLO tells, and
        // needs no rights as ROLE does; servers before 6.0 do not know it.
        let greeting: RedisResult<Vec<(String, Value)>> =
            cmd("HELLO").query_async(&mut connection).await;
        let role = greeting.unwrap_or_default().into_iter().find(|(what, _)| what == "role");
        let role = role.and_then(|(_, role)| from_redis_value::<String>(role).ok());
        if matches!(role.as_deref(), Some("replica" | "slave")) {
            let kind = ErrorKind::Server(ServerErrorKind::ReadOnly);
            return Err((kind, "the primary has become a replica").into());
        }
        Ok(connection)
    }
}
