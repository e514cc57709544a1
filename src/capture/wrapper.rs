//! A whole Pingora proxy with analytics: every method goes to the wrapped proxy, and some of them
//! call the [`Analytics`] handle too.
//!
//! The wrapped proxy's response filters run first: what they add or change is what is counted. Its
//! `request_filter` does not see what is answered here: the script, beacons, the opt-out page.
//!
//! Methods that every request passes hand on the wrapped proxy's own future where they can: an
//! `async fn` would put it into a box of its own, and the request waits for both.

use super::analytics::{Analytics, Tracking};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::HeaderMap;
use pingora::cache::key::HashBinary;
use pingora::cache::{
    CacheKey, CacheMeta, ForcedFreshness, HitHandler, PurgeAction, RespCacheable,
};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::protocols::Digest;
use pingora::proxy::{
    FailToProxy, ProxyHttp, ProxyWarnLogContext, PurgeStatus, RangeType, Session,
};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, Result};
use std::any::Any;
use std::borrow::Cow;
use std::os::fd::RawFd;
use std::time::Duration;
use tokio::sync::mpsc;

/// A proxy that counts.
pub struct WithAnalytics<P> {
    analytics: Analytics,
    inner: P,
}

/// The wrapped proxy's CTX, and what analytics remembers of the request.
pub struct WithTracking<C> {
    /// What analytics remembers.
    pub tracking: Tracking,
    /// The wrapped proxy's own.
    pub inner: C,
}

impl<P> WithAnalytics<P> {
    /// Wraps a proxy.
    pub fn new(inner: P, analytics: Analytics) -> Self {
        Self { analytics, inner }
    }
}

#[async_trait]
impl<P> ProxyHttp for WithAnalytics<P>
where
    P: ProxyHttp + Send + Sync,
    P::CTX: Send + Sync,
{
    type CTX = WithTracking<P::CTX>;

    fn new_ctx(&self) -> Self::CTX {
        WithTracking { tracking: Tracking::default(), inner: self.inner.new_ctx() }
    }

    fn upstream_peer<'s, 't, 'c, 'f>(
        &'s self,
        session: &'t mut Session,
        ctx: &'c mut Self::CTX,
    ) -> BoxFuture<'f, Result<Box<HttpPeer>>>
    where
        's: 'f,
        't: 'f,
        'c: 'f,
        Self: 'f,
    {
        self.inner.upstream_peer(session, &mut ctx.inner)
    }

    fn init_downstream_modules(&self, modules: &mut HttpModules) {
        self.inner.init_downstream_modules(modules);
    }

    #[cfg(feature = "upstream_modules")]
    fn init_upstream_modules(&self, modules: &mut HttpModules) {
        self.inner.init_upstream_modules(modules);
    }

    fn request_filter<'s, 't, 'c, 'f>(
        &'s self,
        session: &'t mut Session,
        ctx: &'c mut Self::CTX,
    ) -> BoxFuture<'f, Result<bool>>
    where
        's: 'f,
        't: 'f,
        'c: 'f,
        Self: 'f,
    {
        if !ctx.tracking.is_ours() {
            return self.inner.request_filter(session, &mut ctx.inner);
        }
        Box::pin(async move {
            if self.analytics.answer(&mut ctx.tracking, session).await? {
                return Ok(true);
            }
            self.inner.request_filter(session, &mut ctx.inner).await
        })
    }

    fn early_request_filter<'s, 't, 'c, 'f>(
        &'s self,
        session: &'t mut Session,
        ctx: &'c mut Self::CTX,
    ) -> BoxFuture<'f, Result<()>>
    where
        's: 'f,
        't: 'f,
        'c: 'f,
        Self: 'f,
    {
        ctx.tracking = self.analytics.begin(session);
        self.inner.early_request_filter(session, &mut ctx.inner)
    }

    fn allow_spawning_subrequest(&self, session: &Session, ctx: &Self::CTX) -> bool {
        self.inner.allow_spawning_subrequest(session, &ctx.inner)
    }

    fn request_body_filter<'s, 't, 'b, 'c, 'f>(
        &'s self,
        session: &'t mut Session,
        body: &'b mut Option<Bytes>,
        end_of_stream: bool,
        ctx: &'c mut Self::CTX,
    ) -> BoxFuture<'f, Result<()>>
    where
        's: 'f,
        't: 'f,
        'b: 'f,
        'c: 'f,
        Self: 'f,
    {
        self.inner.request_body_filter(session, body, end_of_stream, &mut ctx.inner)
    }

    fn request_cache_filter(&self, session: &mut Session, ctx: &mut Self::CTX) -> Result<()> {
        self.inner.request_cache_filter(session, &mut ctx.inner)
    }

    fn cache_key_callback(&self, session: &Session, ctx: &mut Self::CTX) -> Result<CacheKey> {
        self.inner.cache_key_callback(session, &mut ctx.inner)
    }

    fn cache_miss(&self, session: &mut Session, ctx: &mut Self::CTX) {
        self.inner.cache_miss(session, &mut ctx.inner);
    }

    async fn cache_hit_filter(
        &self,
        session: &mut Session,
        meta: &CacheMeta,
        hit_handler: &mut HitHandler,
        is_fresh: bool,
        ctx: &mut Self::CTX,
    ) -> Result<Option<ForcedFreshness>> {
        self.inner.cache_hit_filter(session, meta, hit_handler, is_fresh, &mut ctx.inner).await
    }

    fn proxy_upstream_filter<'s, 't, 'c, 'f>(
        &'s self,
        session: &'t mut Session,
        ctx: &'c mut Self::CTX,
    ) -> BoxFuture<'f, Result<bool>>
    where
        's: 'f,
        't: 'f,
        'c: 'f,
        Self: 'f,
    {
        self.inner.proxy_upstream_filter(session, &mut ctx.inner)
    }

    fn response_cache_filter(
        &self,
        session: &Session,
        response: &ResponseHeader,
        ctx: &mut Self::CTX,
    ) -> Result<RespCacheable> {
        self.inner.response_cache_filter(session, response, &mut ctx.inner)
    }

    fn cache_vary_filter(
        &self,
        meta: &CacheMeta,
        ctx: &mut Self::CTX,
        request: &RequestHeader,
    ) -> Option<HashBinary> {
        self.inner.cache_vary_filter(meta, &mut ctx.inner, request)
    }

    fn cache_not_modified_filter(
        &self,
        session: &Session,
        response: &ResponseHeader,
        ctx: &mut Self::CTX,
    ) -> Result<bool> {
        self.inner.cache_not_modified_filter(session, response, &mut ctx.inner)
    }

    fn range_header_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        ctx: &mut Self::CTX,
    ) -> RangeType {
        self.inner.range_header_filter(session, response, &mut ctx.inner)
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        request: &mut RequestHeader,
        ctx: &mut Self::CTX,
    ) -> Result<()> {
        self.inner.upstream_request_filter(session, request, &mut ctx.inner).await?;
        self.analytics.on_upstream_request(&mut ctx.tracking, request);
        Ok(())
    }

    #[cfg(feature = "upstream_modules")]
    async fn adjust_upstream_modules(
        &self,
        session: &mut Session,
        response: &ResponseHeader,
        end_of_stream: bool,
        ctx: &mut Self::CTX,
    ) -> Result<()> {
        let ctx = &mut ctx.inner;
        self.inner.adjust_upstream_modules(session, response, end_of_stream, ctx).await
    }

    fn upstream_response_filter<'s, 't, 'r, 'c, 'f>(
        &'s self,
        session: &'t mut Session,
        response: &'r mut ResponseHeader,
        ctx: &'c mut Self::CTX,
    ) -> BoxFuture<'f, Result<()>>
    where
        's: 'f,
        't: 'f,
        'r: 'f,
        'c: 'f,
        Self: 'f,
    {
        self.inner.upstream_response_filter(session, response, &mut ctx.inner)
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        ctx: &mut Self::CTX,
    ) -> Result<()> {
        self.inner.response_filter(session, response, &mut ctx.inner).await?;
        self.analytics.on_response(&mut ctx.tracking, session, response);
        Ok(())
    }

    async fn custom_forwarding(
        &self,
        session: &mut Session,
        ctx: &mut Self::CTX,
        to_upstream: Option<mpsc::Sender<Bytes>>,
        to_downstream: mpsc::Sender<Bytes>,
    ) -> Result<()> {
        self.inner.custom_forwarding(session, &mut ctx.inner, to_upstream, to_downstream).await
    }

    async fn downstream_custom_message_proxy_filter(
        &self,
        session: &mut Session,
        message: Bytes,
        ctx: &mut Self::CTX,
        final_hop: bool,
    ) -> Result<Option<Bytes>> {
        let ctx = &mut ctx.inner;
        self.inner.downstream_custom_message_proxy_filter(session, message, ctx, final_hop).await
    }

    async fn upstream_custom_message_proxy_filter(
        &self,
        session: &mut Session,
        message: Bytes,
        ctx: &mut Self::CTX,
        final_hop: bool,
    ) -> Result<Option<Bytes>> {
        let ctx = &mut ctx.inner;
        self.inner.upstream_custom_message_proxy_filter(session, message, ctx, final_hop).await
    }

    fn upstream_response_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        end_of_stream: bool,
        ctx: &mut Self::CTX,
    ) -> Result<Option<Duration>> {
        self.inner.upstream_response_body_filter(session, body, end_of_stream, &mut ctx.inner)
    }

    fn upstream_response_trailer_filter(
        &self,
        session: &mut Session,
        trailers: &mut HeaderMap,
        ctx: &mut Self::CTX,
    ) -> Result<()> {
        self.inner.upstream_response_trailer_filter(session, trailers, &mut ctx.inner)
    }

    fn response_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        end_of_stream: bool,
        ctx: &mut Self::CTX,
    ) -> Result<Option<Duration>> {
        let pause =
            self.inner.response_body_filter(session, body, end_of_stream, &mut ctx.inner)?;
        self.analytics.on_body(&mut ctx.tracking, body, end_of_stream)?;
        Ok(pause)
    }

    async fn response_trailer_filter(
        &self,
        session: &mut Session,
        trailers: &mut HeaderMap,
        ctx: &mut Self::CTX,
    ) -> Result<Option<Bytes>> {
        let mut rest =
            self.inner.response_trailer_filter(session, trailers, &mut ctx.inner).await?;
        // No chunk before said that it was the last one. Where something is left, the library sends
        // that in the place of the trailers.
        self.analytics.on_body(&mut ctx.tracking, &mut rest, true)?;
        Ok(rest)
    }

    fn logging<'s, 't, 'e, 'c, 'f>(
        &'s self,
        session: &'t mut Session,
        error: Option<&'e Error>,
        ctx: &'c mut Self::CTX,
    ) -> BoxFuture<'f, ()>
    where
        's: 'f,
        't: 'f,
        'e: 'f,
        'c: 'f,
        Self: 'f,
    {
        self.analytics.finish(&mut ctx.tracking, session, error);
        self.inner.logging(session, error, &mut ctx.inner)
    }

    fn persist_connection_context(
        &self,
        session: &Session,
        ctx: &Self::CTX,
    ) -> Option<Box<dyn Any + Send + Sync>> {
        self.inner.persist_connection_context(session, &ctx.inner)
    }

    fn on_connection_reuse(
        &self,
        session: &mut Session,
        ctx: &mut Self::CTX,
        previous: Box<dyn Any + Send + Sync>,
    ) {
        self.inner.on_connection_reuse(session, &mut ctx.inner, previous);
    }

    fn suppress_error_log(&self, session: &Session, ctx: &Self::CTX, error: &Error) -> bool {
        self.inner.suppress_error_log(session, &ctx.inner, error)
    }

    fn suppress_proxy_warn_log(
        &self,
        session: &Session,
        ctx: &Self::CTX,
        error: &Error,
        context: ProxyWarnLogContext,
    ) -> bool {
        self.inner.suppress_proxy_warn_log(session, &ctx.inner, error, context)
    }

    fn error_while_proxy(
        &self,
        peer: &HttpPeer,
        session: &mut Session,
        error: Box<Error>,
        ctx: &mut Self::CTX,
        client_reused: bool,
    ) -> Box<Error> {
        self.inner.error_while_proxy(peer, session, error, &mut ctx.inner, client_reused)
    }

    fn fail_to_connect(
        &self,
        session: &mut Session,
        peer: &HttpPeer,
        ctx: &mut Self::CTX,
        error: Box<Error>,
    ) -> Box<Error> {
        self.inner.fail_to_connect(session, peer, &mut ctx.inner, error)
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        ctx: &mut Self::CTX,
    ) -> FailToProxy {
        self.inner.fail_to_proxy(session, error, &mut ctx.inner).await
    }

    fn should_serve_stale(
        &self,
        session: &mut Session,
        ctx: &mut Self::CTX,
        error: Option<&Error>,
    ) -> bool {
        self.inner.should_serve_stale(session, &mut ctx.inner, error)
    }

    fn connected_to_upstream<'s, 't, 'p, 'd, 'c, 'f>(
        &'s self,
        session: &'t mut Session,
        reused: bool,
        peer: &'p HttpPeer,
        fd: RawFd,
        digest: Option<&'d Digest>,
        ctx: &'c mut Self::CTX,
    ) -> BoxFuture<'f, Result<()>>
    where
        's: 'f,
        't: 'f,
        'p: 'f,
        'd: 'f,
        'c: 'f,
        Self: 'f,
    {
        let ctx = &mut ctx.inner;
        self.inner.connected_to_upstream(session, reused, peer, fd, digest, ctx)
    }

    fn request_summary(&self, session: &Session, ctx: &Self::CTX) -> String {
        self.inner.request_summary(session, &ctx.inner)
    }

    fn is_purge(&self, session: &Session, ctx: &Self::CTX) -> bool {
        self.inner.is_purge(session, &ctx.inner)
    }

    fn purge_action(&self, session: &Session, ctx: &Self::CTX) -> PurgeAction {
        self.inner.purge_action(session, &ctx.inner)
    }

    fn purge_response_filter(
        &self,
        session: &Session,
        ctx: &mut Self::CTX,
        status: PurgeStatus,
        response: &mut Cow<'static, ResponseHeader>,
    ) -> Result<()> {
        self.inner.purge_response_filter(session, &mut ctx.inner, status, response)
    }
}
