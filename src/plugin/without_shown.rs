//! In the place of `shown`, where nothing is: who keeps counts in a store of their own reads them
//! there.

use super::parts::Parts;
use crate::config::Config;
use futures_util::future::BoxFuture;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// There is no port to claim.
pub enum Claim {}

impl Claim {
    pub fn new(_: &Config, _: Duration) -> anyhow::Result<Option<Self>> {
        Ok(None)
    }

    pub async fn listener(self) -> anyhow::Result<TcpListener> {
        match self {}
    }
}

pub fn begin(
    _: Option<TcpListener>,
    _: &Config,
    _: &Parts,
    _: watch::Receiver<bool>,
) -> anyhow::Result<(Option<Shown>, Vec<BoxFuture<'static, ()>>)> {
    Ok((None, Vec::new()))
}

/// There is no port.
pub enum Shown {}

impl Shown {
    pub fn address(&self) -> SocketAddr {
        match *self {}
    }

    pub fn end(self, _: &Runtime) {
        match self {}
    }
}
