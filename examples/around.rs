//! Five lines around a proxy: `around WEBSITE LISTEN ADMIN`, each an address with a port, stands in
//! front of a website, counts its pages in `headcount.db` and shows the numbers.

use async_trait::async_trait;
use headcount::capture::{Analytics, WithAnalytics};
use pingora::prelude::*;
use pingora::server::RunArgs;
use pingora::server::configuration::ServerConf;
use std::env;

/// A proxy as it was before: it knows nothing of analytics.
struct MyProxy {
    website: String,
}

#[async_trait]
impl ProxyHttp for MyProxy {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn upstream_peer(&self, _: &mut Session, _: &mut ()) -> Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(&self.website, false, String::new())))
    }
}

fn main() -> anyhow::Result<()> {
    let mut told = env::args().skip(1);
    let (Some(website), Some(listen), Some(admin)) = (told.next(), told.next(), told.next()) else {
        anyhow::bail!("usage: around WEBSITE LISTEN ADMIN");
    };
    // Requests that are under way when it is told to stop get a second.
    let conf = ServerConf {
        grace_period_seconds: Some(0),
        graceful_shutdown_timeout_seconds: Some(1),
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let my_proxy = MyProxy { website };

    let counting = Analytics::builder("www.example.org").admin(&admin).start()?;
    let proxy = WithAnalytics::new(my_proxy, counting.analytics());
    let mut service = http_proxy_service(&server.configuration, proxy);
    service.add_tcp(&listen);
    server.add_service(service);
    server.run(RunArgs::default());
    // With the last flush.
    counting.stop();
    Ok(())
}
