//! The measure of all things: Pingora, one upstream, nothing else.

use async_trait::async_trait;
use pingora::Result;
use pingora::listeners::tls::TlsSettings;
use pingora::proxy::{ProxyHttp, Session, http_proxy_service};
use pingora::server::configuration::ServerConf;
use pingora::server::{RunArgs, Server};
use pingora::upstreams::peer::HttpPeer;
use std::time::Duration;

struct Bare(HttpPeer);

#[async_trait]
impl ProxyHttp for Bare {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn upstream_peer(&self, _: &mut Session, _: &mut ()) -> Result<Box<HttpPeer>> {
        Ok(Box::new(self.0.clone()))
    }
}

/// Serves on `port`, and on `tls` with a certificate, what the website on `upstream` has, until
/// killed.
///
/// # Errors
/// The certificate cannot be used.
pub fn run(port: u16, tls: u16, upstream: u16, chain: &str, key: &str) -> Result<()> {
    // The provider that headcount has; Pingora would take another.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut peer = HttpPeer::new(("127.0.0.1", upstream), false, String::new());
    // The timeouts headcount sets by default; without any a proxy cannot be run.
    peer.options.connection_timeout = Some(Duration::from_secs(5));
    peer.options.total_connection_timeout = Some(Duration::from_secs(5));
    peer.options.read_timeout = Some(Duration::from_secs(60));
    peer.options.write_timeout = Some(Duration::from_secs(60));
    peer.options.idle_timeout = Some(Duration::from_secs(60));
    let conf = ServerConf { threads: 1, max_retries: 4, ..ServerConf::default() };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let mut service = http_proxy_service(&server.configuration, Bare(peer));
    service.add_tcp(&format!("127.0.0.1:{port}"));
    let mut secure = TlsSettings::intermediate(chain, key)?;
    secure.enable_h2();
    service.add_tls_with_settings(&format!("127.0.0.1:{tls}"), None, secure);
    server.add_service(service);
    server.run(RunArgs::default());
    unreachable!("runs until it is killed")
}
