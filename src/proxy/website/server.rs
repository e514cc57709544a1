//! One upstream: its addresses, resolved ahead of any request, and what is known of its health.
//!
//! Pingora resolves names while a request waits, and panics over names it cannot resolve. So
//! names are looked up here, in the background, and a request finds peers that are ready.

use crate::config::{Scheme, Timeouts, Upstream, UpstreamTls, Weighted};
use crate::telemetry::{Telemetry, UpstreamStatus};
use anyhow::{Context, ensure};
use arc_swap::ArcSwap;
use pingora::protocols::l4::socket::SocketAddr as Address;
use pingora::protocols::tls::CaType;
use pingora::upstreams::peer::HttpPeer;
use pingora::utils::tls::{WrappedX509, parse_x509};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::time::Duration;
use x509_parser::parse_x509_certificate;

/// Bytes of an answer over HTTP/2 that come before a visitor has taken those before; Pingora's own
/// bound is 8 MiB.
const WINDOW: u32 = 512 * 1024;

/// An upstream in use.
pub struct Server {
    pub upstream: Upstream,
    pub weight: u32,
    /// Its own number, the same in every process.
    pub key: u64,
    pub status: Arc<UpstreamStatus>,
    /// Checks in a row that told the contrary of what is known.
    pub contrary: AtomicU32,
    /// The last look-up failed.
    unresolved: AtomicBool,
    template: HttpPeer,
    peers: ArcSwap<Vec<HttpPeer>>,
}

impl Server {
    /// Knows no address until [`Server::resolve`].
    ///
    /// # Errors
    /// A Unix socket's path that cannot be one, certificates that cannot be read.
    pub fn new(
        weighted: &Weighted,
        tls: &UpstreamTls,
        timeouts: &Timeouts,
        telemetry: &Telemetry,
    ) -> anyhow::Result<Self> {
        let Weighted { upstream, weight } = weighted;
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut template = match upstream {
            Upstream::Tcp { scheme, host, .. } => {
                let sni = tls.sni.clone().unwrap_or_else(|| host.clone());
                HttpPeer::new(nowhere, *scheme == Scheme::Https, sni)
            }
            Upstream::Unix(path) => {
                let text = path.to_str().context("the path of a socket must be valid UTF-8")?;
                HttpPeer::new_uds(text, false, String::new())
                    .map_err(|e| anyhow::anyhow!("{text}: {e}"))?
            }
        };
        let ca = tls.ca.as_deref().map(authorities).transpose()?;
        // Pingora does not tell connections apart by whom they trust.
        template.group_key = ca.as_ref().map_or(0, |ca| group_of(ca));
        let options = &mut template.options;
        options.connection_timeout = Some(timeouts.connect);
        options.total_connection_timeout = Some(timeouts.connect);
        // How long it may be silent depends on its answer: the layer under Pingora measures that.
        options.read_timeout = None;
        options.write_timeout = Some(timeouts.write);
        options.idle_timeout = Some(timeouts.idle);
        options.verify_cert = tls.verify;
        options.verify_hostname = tls.verify;
        options.ca = ca;
        // For one that is slow to take its answer, which nobody else's is to wait for.
        options.h2_stream_window_size = Some(WINDOW);
        options.h2_connection_window_size = Some(WINDOW);
        match upstream {
            Upstream::Tcp { scheme: Scheme::H2c, .. } => options.set_http_version(2, 2),
            Upstream::Tcp { scheme: Scheme::Https, .. } if tls.http2 => {
                options.set_http_version(2, 1);
            }
            _ => {}
        }
        let known = match upstream {
            Upstream::Unix(_) => vec![template.clone()],
            Upstream::Tcp { .. } => Vec::new(),
        };
        let name = upstream.to_string();
        let digest = Sha256::digest(name.as_bytes());
        Ok(Self {
            upstream: upstream.clone(),
            weight: *weight,
            key: digest.iter().take(8).fold(0, |key, byte| key << 8 | u64::from(*byte)),
            status: telemetry.upstream(&name),
            contrary: AtomicU32::new(0),
            unresolved: AtomicBool::new(false),
            template,
            peers: ArcSwap::from_pointee(known),
        })
    }

    /// Takes over what another that is set anew has found out about the same upstream.
    pub fn learn(&self, before: &Self) {
        for peer in before.peers.load().iter() {
            self.add(peer._address.clone());
        }
    }

    fn add(&self, address: Address) {
        let mut peer = self.template.clone();
        peer._address = address;
        let peers = self.peers.load();
        self.peers.store(Arc::new(peers.iter().cloned().chain([peer]).collect()));
    }

    /// The peer with its `nth` address.
    pub fn peer(&self, nth: usize) -> Option<HttpPeer> {
        self.peers.load().get(nth).cloned()
    }

    /// How many addresses it has.
    pub fn addresses(&self) -> usize {
        self.peers.load().len()
    }

    /// Whether it may be asked at all.
    pub fn is_usable(&self) -> bool {
        !self.status.is_down() && self.addresses() > 0
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
            peer._address = Address::Inet(address);
            peers.push(peer);
        }
        if !peers.is_empty() {
            self.peers.store(Arc::new(peers));
        }
        Ok(())
    }

    /// The same once more, if it has a name. A failure is logged when it is new.
    pub async fn resolve_again(&self) {
        let Upstream::Tcp { host, .. } = &self.upstream else { return };
        if host.parse::<IpAddr>().is_ok() && self.addresses() > 0 {
            return;
        }
        let resolved = self.resolve().await;
        let before = self.unresolved.swap(resolved.is_err(), Ordering::Relaxed);
        if let Err(error) = resolved
            && !before
        {
            tracing::warn!("{error:#}; using the addresses known so far");
        }
    }

    /// Notes a request that it did not answer. Returns whether it was not known to fail.
    pub fn failed(&self, pause: Duration) -> bool {
        self.status.failures.inc();
        self.status.pause(pause)
    }
}

/// The certificates to trust.
fn authorities(file: &Path) -> anyhow::Result<Arc<CaType>> {
    let named = || format!("upstream_tls.ca {}", file.display());
    let mut all = Vec::new();
    for certificate in CertificateDer::pem_file_iter(file).with_context(named)? {
        let certificate = certificate.with_context(named)?;
        // What Pingora would panic over.
        parse_x509_certificate(&certificate).with_context(named)?;
        RootCertStore::empty().add(certificate.clone()).with_context(named)?;
        all.push(WrappedX509::new(certificate.to_vec(), parse_x509));
    }
    ensure!(!all.is_empty(), "upstream_tls.ca {} has no certificate", file.display());
    Ok(all.into())
}

/// What tells these certificates from others.
fn group_of(all: &CaType) -> u64 {
    let mut digest = Sha256::new();
    for certificate in all {
        digest.update(certificate.borrow_raw_cert());
    }
    digest.finalize().iter().take(8).fold(0, |group, byte| group << 8 | u64::from(*byte))
}

/// A request that an upstream has to answer.
pub struct Taken(pub Arc<Server>);

impl Taken {
    pub fn new(server: Arc<Server>) -> Self {
        server.status.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(server)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let in_flight: &AtomicI64 = &self.0.status.in_flight;
        in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
