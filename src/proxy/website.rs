//! Where the website is: its addresses, resolved ahead of any request.
//!
//! Pingora resolves names while a request waits, and panics over names it cannot resolve. So
//! names are looked up here, in the background, and a request finds peers that are ready.

use crate::config::{Config, Upstream};
use crate::supervise::{Task, Tasks};
use anyhow::Context;
use arc_swap::ArcSwap;
use pingora::upstreams::peer::HttpPeer;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How often a name is looked up again.
const REFRESH: Duration = Duration::from_secs(30);

/// The website behind the proxy.
pub struct Website {
    upstream: Upstream,
    template: HttpPeer,
    peers: ArcSwap<Vec<HttpPeer>>,
}

impl Website {
    /// Knows no address until [`Website::resolve`].
    ///
    /// # Errors
    /// A Unix socket's path that cannot be one.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut template = match &config.upstream {
            Upstream::Tcp { tls, host, .. } => {
                let sni = config.upstream_tls.sni.clone().unwrap_or_else(|| host.clone());
                HttpPeer::new(nowhere, *tls, sni)
            }
            Upstream::Unix(path) => {
                let text = path.to_str().context("the path of a socket must be valid UTF-8")?;
                HttpPeer::new_uds(text, false, String::new())
                    .map_err(|e| anyhow::anyhow!("{text}: {e}"))?
            }
        };
        let options = &mut template.options;
        options.connection_timeout = Some(config.timeouts.connect);
        options.total_connection_timeout = Some(config.timeouts.connect);
        // How long it may be silent depends on its answer: the layer under Pingora measures that.
        options.read_timeout = None;
        options.write_timeout = Some(config.timeouts.write);
        options.idle_timeout = Some(config.timeouts.idle);
        options.verify_cert = config.upstream_tls.verify;
        options.verify_hostname = config.upstream_tls.verify;
        let known = match &config.upstream {
            Upstream::Unix(_) => vec![template.clone()],
            Upstream::Tcp { .. } => Vec::new(),
        };
        Ok(Self {
            upstream: config.upstream.clone(),
            template,
            peers: ArcSwap::from_pointee(known),
        })
    }

    /// The peer for the `attempt`th try of a request, counted from 0.
    pub fn peer(&self, attempt: usize) -> Option<Box<HttpPeer>> {
        let peers = self.peers.load();
        peers.get(attempt % peers.len().max(1)).cloned().map(Box::new)
    }

    /// How many addresses there are to try.
    pub fn addresses(&self) -> usize {
        self.peers.load().len()
    }

    /// Looks its name up once.
    ///
    /// # Errors
    /// The name has no address now; the last ones known stay.
    pub async fn resolve(&self) -> anyhow::Result<()> {
        let Upstream::Tcp { host, port, .. } = &self.upstream else { return Ok(()) };
        let found = tokio::net::lookup_host((host.as_str(), *port))
            .await
            .with_context(|| format!("{host} has no address"))?;
        let mut peers: Vec<HttpPeer> = Vec::new();
        for address in found {
            let mut peer = self.template.clone();
            peer._address = pingora::protocols::l4::socket::SocketAddr::Inet(address);
            peers.push(peer);
        }
        if !peers.is_empty() {
            self.peers.store(Arc::new(peers));
        }
        Ok(())
    }

    /// Keeps its addresses fresh, for ever.
    pub async fn keep_resolved(&self, tasks: &Tasks) {
        let Upstream::Tcp { host, .. } = &self.upstream else { return };
        if host.parse::<std::net::IpAddr>().is_ok() {
            return;
        }
        let keep = || async {
            let mut known = true;
            loop {
                tasks.turn(Task::Resolve);
                tokio::time::sleep(REFRESH).await;
                match self.resolve().await {
                    Ok(()) => known = true,
                    Err(error) if known => {
                        tracing::warn!("{error:#}; using the addresses known so far");
                        known = false;
                    }
                    Err(_) => {}
                }
            }
        };
        tasks.keep(Task::Resolve, keep).await
    }
}
