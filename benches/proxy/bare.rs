//! The measure of all things: Pingora, one upstream, nothing else.

use async_trait::async_trait;
use pingora::Result;
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

/// Serves on `port` what the website on `upstream` has, until killed.
pub fn run(port: u16, upstream: u16) -> ! {
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
    server.add_service(service);
    server.run(RunArgs::default());
    unreachable!("runs until it is killed")
}
