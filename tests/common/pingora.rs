//! Other Pingora proxies than ours, run in the test program.

use super::ports::free_address;
use super::process::wait_for;
use pingora::proxy::{ProxyHttp, http_proxy_service};
use pingora::server::configuration::ServerConf;
use pingora::server::{RunArgs, Server};
use std::net::{SocketAddr, TcpStream};

/// Runs a proxy on a free port until the test program ends.
pub fn serve<P>(proxy: P) -> SocketAddr
where
    P: ProxyHttp + Send + Sync + 'static,
    P::CTX: Send + Sync,
{
    let address = free_address();
    std::thread::spawn(move || {
        let mut server = Server::new_with_opt_and_conf(None, ServerConf::default());
        server.bootstrap();
        let mut service = http_proxy_service(&server.configuration, proxy);
        service.add_tcp(&address.to_string());
        server.add_service(service);
        server.run(RunArgs::default());
    });
    wait_for("the proxy takes connections", || TcpStream::connect(address).is_ok());
    address
}
