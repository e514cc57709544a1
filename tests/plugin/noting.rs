//! A proxy that notes which of its methods are asked, for [`crate::forwarding`].

use async_trait::async_trait;
use bytes::Bytes;
use once_cell::sync::Lazy;
use pingora::cache::key::HashBinary;
use pingora::cache::{
    CacheKey, CacheMeta, CacheMetaDefaults, ForcedFreshness, HitHandler, MemCache, PurgeAction,
    RespCacheable,
};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::prelude::*;
use pingora::protocols::Digest;
use pingora::proxy::{
    FailToProxy, ProxyHttp, ProxyWarnLogContext, PurgeStatus, RangeType, Session,
};
use std::any::Any;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

static STORAGE: Lazy<MemCache> = Lazy::new(MemCache::new);

pub type Calls = Arc<Mutex<BTreeSet<&'static str>>>;

/// Notes what it is asked. It keeps what it forwards in a cache.
pub struct Noting {
    pub calls: Calls,
    pub origin: SocketAddr,
    /// Where the first try of `/lost` goes.
    pub nobody: SocketAddr,
}

impl Noting {
    fn note(&self, method: &'static str) {
        self.calls.lock().unwrap().insert(method);
    }
}

/// How often a peer was chosen for this request.
#[derive(Default)]
pub struct Choices(AtomicUsize);

#[async_trait]
impl ProxyHttp for Noting {
    type CTX = Choices;

    fn new_ctx(&self) -> Choices {
        self.note("new_ctx");
        Choices::default()
    }

    async fn upstream_peer(&self, s: &mut Session, ctx: &mut Choices) -> Result<Box<HttpPeer>> {
        self.note("upstream_peer");
        let first = ctx.0.fetch_add(1, Ordering::Relaxed) == 0;
        let lost = s.req_header().uri.path() == "/lost";
        let to = if first && lost { self.nobody } else { self.origin };
        Ok(Box::new(HttpPeer::new(to, false, String::new())))
    }

    fn init_downstream_modules(&self, _: &mut HttpModules) {
        self.note("init_downstream_modules");
    }

    #[cfg(feature = "upstream_modules")]
    fn init_upstream_modules(&self, _: &mut HttpModules) {
        self.note("init_upstream_modules");
    }

    #[cfg(feature = "upstream_modules")]
    async fn adjust_upstream_modules(
        &self,
        _: &mut Session,
        _: &ResponseHeader,
        _: bool,
        _: &mut Choices,
    ) -> Result<()> {
        self.note("adjust_upstream_modules");
        Ok(())
    }

    async fn request_filter(&self, session: &mut Session, _: &mut Choices) -> Result<bool> {
        self.note("request_filter");
        match session.req_header().uri.path() {
            "/own" => session.respond_error(418).await.map(|()| true),
            _ => Ok(false),
        }
    }

    async fn early_request_filter(&self, _: &mut Session, _: &mut Choices) -> Result<()> {
        self.note("early_request_filter");
        Ok(())
    }

    fn allow_spawning_subrequest(&self, _: &Session, _: &Choices) -> bool {
        self.note("allow_spawning_subrequest");
        false
    }

    async fn request_body_filter(
        &self,
        _: &mut Session,
        _: &mut Option<Bytes>,
        _: bool,
        _: &mut Choices,
    ) -> Result<()> {
        self.note("request_body_filter");
        Ok(())
    }

    fn request_cache_filter(&self, session: &mut Session, _: &mut Choices) -> Result<()> {
        self.note("request_cache_filter");
        if session.req_header().uri.path() != "/lost" {
            session.cache.enable(&*STORAGE, None, None, None, None);
        }
        Ok(())
    }

    fn cache_key_callback(&self, session: &Session, _: &mut Choices) -> Result<CacheKey> {
        self.note("cache_key_callback");
        Ok(CacheKey::new(session.req_header().uri.path(), ""))
    }

    fn cache_miss(&self, session: &mut Session, _: &mut Choices) {
        self.note("cache_miss");
        session.cache.cache_miss();
    }

    async fn cache_hit_filter(
        &self,
        session: &mut Session,
        _: &CacheMeta,
        _: &mut HitHandler,
        _: bool,
        _: &mut Choices,
    ) -> Result<Option<ForcedFreshness>> {
        self.note("cache_hit_filter");
        let stale = session.req_header().headers.contains_key("x-stale");
        Ok(stale.then_some(ForcedFreshness::ForceExpiredServeStale { expired_at: None }))
    }

    async fn proxy_upstream_filter(&self, _: &mut Session, _: &mut Choices) -> Result<bool> {
        self.note("proxy_upstream_filter");
        Ok(true)
    }

    fn response_cache_filter(
        &self,
        _: &Session,
        response: &ResponseHeader,
        _: &mut Choices,
    ) -> Result<RespCacheable> {
        self.note("response_cache_filter");
        let minute = CacheMetaDefaults::new(|_| Some(Duration::from_secs(60)), 60, 60);
        Ok(pingora::cache::filters::resp_cacheable(None, response.clone(), false, &minute))
    }

    fn cache_vary_filter(
        &self,
        _: &CacheMeta,
        _: &mut Choices,
        _: &RequestHeader,
    ) -> Option<HashBinary> {
        self.note("cache_vary_filter");
        None
    }

    fn cache_not_modified_filter(
        &self,
        _: &Session,
        _: &ResponseHeader,
        _: &mut Choices,
    ) -> Result<bool> {
        self.note("cache_not_modified_filter");
        Ok(false)
    }

    fn range_header_filter(
        &self,
        _: &mut Session,
        _: &mut ResponseHeader,
        _: &mut Choices,
    ) -> RangeType {
        self.note("range_header_filter");
        RangeType::None
    }

    async fn upstream_request_filter(
        &self,
        _: &mut Session,
        _: &mut RequestHeader,
        _: &mut Choices,
    ) -> Result<()> {
        self.note("upstream_request_filter");
        Ok(())
    }

    async fn upstream_response_filter(
        &self,
        _: &mut Session,
        _: &mut ResponseHeader,
        _: &mut Choices,
    ) -> Result<()> {
        self.note("upstream_response_filter");
        Ok(())
    }

    async fn response_filter(
        &self,
        _: &mut Session,
        _: &mut ResponseHeader,
        _: &mut Choices,
    ) -> Result<()> {
        self.note("response_filter");
        Ok(())
    }

    fn upstream_response_body_filter(
        &self,
        _: &mut Session,
        _: &mut Option<Bytes>,
        _: bool,
        _: &mut Choices,
    ) -> Result<Option<Duration>> {
        self.note("upstream_response_body_filter");
        Ok(None)
    }

    fn response_body_filter(
        &self,
        _: &mut Session,
        _: &mut Option<Bytes>,
        _: bool,
        _: &mut Choices,
    ) -> Result<Option<Duration>> {
        self.note("response_body_filter");
        Ok(None)
    }

    async fn logging(&self, _: &mut Session, _: Option<&Error>, _: &mut Choices) {
        self.note("logging");
    }

    fn persist_connection_context(
        &self,
        _: &Session,
        _: &Choices,
    ) -> Option<Box<dyn Any + Send + Sync>> {
        self.note("persist_connection_context");
        Some(Box::new(7_u8))
    }

    fn on_connection_reuse(
        &self,
        _: &mut Session,
        _: &mut Choices,
        previous: Box<dyn Any + Send + Sync>,
    ) {
        assert!(previous.is::<u8>());
        self.note("on_connection_reuse");
    }

    fn suppress_error_log(&self, _: &Session, _: &Choices, _: &Error) -> bool {
        self.note("suppress_error_log");
        false
    }

    fn suppress_proxy_warn_log(
        &self,
        _: &Session,
        _: &Choices,
        _: &Error,
        _: ProxyWarnLogContext,
    ) -> bool {
        self.note("suppress_proxy_warn_log");
        true
    }

    fn error_while_proxy(
        &self,
        _: &HttpPeer,
        _: &mut Session,
        error: Box<Error>,
        ctx: &mut Choices,
        _: bool,
    ) -> Box<Error> {
        self.note("error_while_proxy");
        let mut error = error;
        error.set_retry(ctx.0.load(Ordering::Relaxed) < 2);
        error
    }

    fn fail_to_connect(
        &self,
        _: &mut Session,
        _: &HttpPeer,
        _: &mut Choices,
        mut error: Box<Error>,
    ) -> Box<Error> {
        self.note("fail_to_connect");
        error.set_retry(true);
        error
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        _: &Error,
        _: &mut Choices,
    ) -> FailToProxy {
        self.note("fail_to_proxy");
        session.respond_error(521).await.unwrap();
        FailToProxy { error_code: 521, can_reuse_downstream: false }
    }

    fn should_serve_stale(&self, _: &mut Session, _: &mut Choices, _: Option<&Error>) -> bool {
        self.note("should_serve_stale");
        false
    }

    async fn connected_to_upstream(
        &self,
        _: &mut Session,
        _: bool,
        _: &HttpPeer,
        _: std::os::fd::RawFd,
        _: Option<&Digest>,
        _: &mut Choices,
    ) -> Result<()> {
        self.note("connected_to_upstream");
        Ok(())
    }

    fn request_summary(&self, _: &Session, _: &Choices) -> String {
        self.note("request_summary");
        "a request".to_owned()
    }

    fn is_purge(&self, session: &Session, _: &Choices) -> bool {
        self.note("is_purge");
        session.req_header().method == "PURGE"
    }

    fn purge_action(&self, _: &Session, _: &Choices) -> PurgeAction {
        self.note("purge_action");
        PurgeAction::Delete
    }

    fn purge_response_filter(
        &self,
        _: &Session,
        _: &mut Choices,
        _: PurgeStatus,
        response: &mut Cow<'static, ResponseHeader>,
    ) -> Result<()> {
        self.note("purge_response_filter");
        response.to_mut().insert_header("x-purged", "yes")
    }
}
