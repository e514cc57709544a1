//! Hooks by hand: `by_hand WEBSITE LISTEN ADMIN`, each an address with a port. For a proxy that
//! decides for itself what is counted: here, everything but what is below `/internal/`.

use async_trait::async_trait;
use bytes::Bytes;
use headcount::capture::{Analytics, Tracking};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::prelude::*;
use pingora::server::RunArgs;
use pingora::server::configuration::ServerConf;
use std::env;
use std::time::Duration;

struct MyProxy {
    website: String,
    analytics: Analytics,
}

/// The proxy's own context. A request that is not begun is not counted.
#[derive(Default)]
struct MyContext {
    tracking: Tracking,
}

#[async_trait]
impl ProxyHttp for MyProxy {
    type CTX = MyContext;

    fn new_ctx(&self) -> MyContext {
        MyContext::default()
    }

    async fn request_filter(&self, session: &mut Session, ctx: &mut MyContext) -> Result<bool> {
        if session.req_header().uri.path().starts_with("/internal/") {
            return Ok(false);
        }
        ctx.tracking = self.analytics.begin(session);
        // The script and beacons are answered here, and go no further.
        self.analytics.answer(&mut ctx.tracking, session).await
    }

    async fn upstream_peer(&self, _: &mut Session, _: &mut MyContext) -> Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(&self.website, false, String::new())))
    }

    async fn upstream_request_filter(
        &self,
        _: &mut Session,
        request: &mut RequestHeader,
        ctx: &mut MyContext,
    ) -> Result<()> {
        self.analytics.on_upstream_request(&mut ctx.tracking, request);
        Ok(())
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        ctx: &mut MyContext,
    ) -> Result<()> {
        self.analytics.on_response(&mut ctx.tracking, session, response);
        Ok(())
    }

    fn response_body_filter(
        &self,
        _: &mut Session,
        body: &mut Option<Bytes>,
        end: bool,
        ctx: &mut MyContext,
    ) -> Result<Option<Duration>> {
        self.analytics.on_body(&mut ctx.tracking, body, end)?;
        Ok(None)
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, ctx: &mut MyContext) {
        self.analytics.finish(&mut ctx.tracking, session, error);
    }
}

fn main() -> anyhow::Result<()> {
    let mut told = env::args().skip(1);
    let (Some(website), Some(listen), Some(admin)) = (told.next(), told.next(), told.next()) else {
        anyhow::bail!("usage: by_hand WEBSITE LISTEN ADMIN");
    };
    // Requests that are under way when it is told to stop get a second.
    let conf = ServerConf {
        grace_period_seconds: Some(0),
        graceful_shutdown_timeout_seconds: Some(1),
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    // Every setting of conf/headcount.toml can be given.
    let settings = "site = 'www.example.org'\n[limits]\nbeacons_per_minute = 60";
    let counting = Analytics::configured(settings).admin(&admin).start()?;
    let my_proxy = MyProxy { website, analytics: counting.analytics() };
    let mut service = http_proxy_service(&server.configuration, my_proxy);
    service.add_tcp(&listen);
    server.add_service(service);
    server.run(RunArgs::default());
    counting.stop();
    Ok(())
}
