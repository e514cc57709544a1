//! Forwards every request to the website, unharmed.
//!
//! It says who asked, keeps what is of one connection to itself (both in
//! [`fields`](super::fields)), bounds how long anyone may wait, and shows a plain page when the
//! website fails. It counts nothing: that is what it is wrapped in for. Its connections must be
//! those of [`listen`](super::listen), which knows how long the website was silent.

use super::access_log::AccessLog;
use super::compress::Compression;
use super::failure::{Failure, is_too_slow, status};
use super::fields::{end_connection, forward, level};
use super::instead::{HttpsRedirect, RETRY_AFTER, answer, instead, is_encrypted, write_page};
use super::listen::{Asked, Connections, Pace, Refused, Silence, is_last, judge_http2};
use super::page::page;
use super::rules::Instead;
use super::small_pieces::{Answer, Answers};
use super::tls::Certificates;
use super::tunnel::for_tunnel;
use super::website::{Attempts, Website};
use super::websites::{ForNone, Websites};
use crate::config::{Config, Timeouts};
use crate::telemetry::Telemetry;
use crate::visitor::address::Trusted;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorType, OrErr, Result};
use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// A failure that goes on is reported this often.
const REPORT_EVERY: Duration = Duration::from_secs(60);

pub struct ReverseProxy {
    websites: Arc<Websites>,
    trusted: Trusted,
    timeouts: Timeouts,
    /// The port that plain requests are sent to by HTTPS, if they are.
    redirect: Option<HttpsRedirect>,
    /// What encrypted answers say in `Strict-Transport-Security`.
    hsts: Option<HeaderValue>,
    connections: Arc<Connections>,
    answers: Answers,
    access_log: Option<AccessLog>,
    /// Answers of so many bytes and more are compressed, if any are.
    compress: Option<u64>,
    /// How slowly an upload may come.
    upload: Pace,
    telemetry: Arc<Telemetry>,
    started: Instant,
    /// Seconds after `started` at which each kind of failure was last reported.
    reported: [AtomicI64; Failure::COUNT],
}

/// What is remembered of one request.
#[derive(Default)]
pub struct RequestContext {
    /// The place of the website that it is for.
    website: usize,
    attempts: Attempts,
    /// As long as it may have much in memory.
    answer: Option<Answer>,
    /// Bytes of its body that the website was sent.
    body: u64,
    /// What the layer below knows of the request.
    asked: Option<Box<Asked>>,
    /// When it began, where that is logged.
    began: Option<Instant>,
    /// Of its body, over HTTP/2: there the layer below does not measure uploads.
    pace: Option<Pace>,
}

impl ReverseProxy {
    pub fn new(
        config: &Config,
        websites: Arc<Websites>,
        trusted: Trusted,
        certificates: Option<&Arc<Certificates>>,
        connections: Arc<Connections>,
        access_log: Option<AccessLog>,
        telemetry: Arc<Telemetry>,
    ) -> Self {
        let never = -(REPORT_EVERY.as_secs() as i64);
        let tls = config.tls.as_ref().zip(certificates);
        Self {
            websites,
            trusted,
            timeouts: config.timeouts.clone(),
            redirect: tls.and_then(|(tls, certificates)| HttpsRedirect::new(tls, certificates)),
            hsts: tls
                .and_then(|(tls, _)| tls.hsts)
                .and_then(|age| HeaderValue::from_str(&format!("max-age={}", age.as_secs())).ok()),
            connections,
            answers: Answers::new(config.limits.slow_readers),
            access_log,
            compress: config.compress.then_some(config.compress_min_size as u64),
            upload: upload(config),
            telemetry,
            started: Instant::now(),
            reported: std::array::from_fn(|_| AtomicI64::new(never)),
        }
    }

    fn website(&self, context: &RequestContext) -> &Website {
        self.websites.get(context.website)
    }

    /// Says what failed, but not for every visitor.
    fn report(&self, failure: Failure, error: &Error) {
        let reported = &self.reported[failure as usize];
        let now = self.started.elapsed().as_secs() as i64;
        let last = reported.load(Ordering::Relaxed);
        if now - last >= REPORT_EVERY.as_secs() as i64
            && reported.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            tracing::warn!("{}: {error}", failure.as_str());
        }
    }
}

#[async_trait]
impl ProxyHttp for ReverseProxy {
    type CTX = RequestContext;

    fn new_ctx(&self) -> RequestContext {
        let began = self.access_log.as_ref().map(|_| Instant::now());
        RequestContext { began, ..RequestContext::default() }
    }

    /// None, unless answers are to be compressed: one would be asked about every request.
    fn init_downstream_modules(&self, modules: &mut HttpModules) {
        if let Some(min_size) = self.compress {
            modules.add_module(Box::new(Compression { min_size }));
        }
    }

    /// Called for a connection's first request too: what is handed over is the layer's below.
    fn on_connection_reuse(
        &self,
        _: &mut Session,
        context: &mut RequestContext,
        from_below: Box<dyn Any + Send + Sync>,
    ) {
        context.asked = from_below.downcast().ok();
    }

    async fn early_request_filter(
        &self,
        session: &mut Session,
        context: &mut RequestContext,
    ) -> Result<()> {
        if session.is_http2() {
            judge_http2(session.req_header()).map_err(|Refused(status)| {
                Error::explain(ErrorType::HTTPStatus(status), "the request is none of HTTP/1.1")
            })?;
        }
        context.website = self.websites.find(session.req_header()).map_err(|none| {
            let (status, why) = match none {
                ForNone::Unclear => (400, "the request names several hosts"),
                ForNone::Unknown => (421, "no site has this host"),
            };
            Error::explain(ErrorType::HTTPStatus(status), why)
        })?;
        if session.is_http2() {
            // A stream of calls may be silent for long.
            let is_grpc =
                session.req_header().headers.get(header::CONTENT_TYPE).is_some_and(is_grpc);
            context.pace = (!is_grpc).then_some(self.upload);
            context.pace.iter_mut().for_each(Pace::wait);
            level(session.req_header_mut())?;
        }
        // Less than the website gets, which waits for the upload, too: a client that stops sending
        // is noticed first.
        let read = self.timeouts.read;
        session.set_read_timeout(Some(read - (read / 10).min(Duration::from_secs(1))));
        session.set_write_timeout(Some(self.timeouts.write));
        if is_last(session) {
            session.set_keepalive(None);
        } else if session.get_keepalive().is_some() {
            session.set_keepalive(Some(self.timeouts.idle.as_secs().max(1)));
        }
        Ok(())
    }

    /// Answers what is not for the website.
    async fn request_filter(
        &self,
        session: &mut Session,
        context: &mut RequestContext,
    ) -> Result<bool> {
        if session.is_http2() && self.connections.have_too_many_requests() {
            // Each may need a descriptor for the website, and there are as many as connections.
            self.telemetry.requests_refused.inc();
            return answer(session, Instead::Busy).await.map(|()| true);
        }
        let https = self.redirect.as_ref().and_then(|redirect| redirect.port(session));
        let rules = self.website(context).rules();
        if https.is_none() && rules.is_none() {
            return Ok(false);
        }
        match instead(session, rules.as_deref(), https, &self.trusted).await {
            Some(instead) => answer(session, instead).await.map(|()| true),
            None => Ok(false),
        }
    }

    async fn request_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        is_last: bool,
        context: &mut RequestContext,
    ) -> Result<()> {
        if is_last && body.as_ref().is_some_and(Bytes::is_empty) {
            // Pingora would write it as a chunk, and so end the body twice: as uploads by HTTP/2
            // end.
            *body = None;
        }
        let Some(body) = body else { return Ok(()) };
        if let Some(pace) = &mut context.pace {
            let came = pace.came(body.len());
            pace.wait();
            // Once it is answered, who sends has no reason to hurry.
            if session.response_written().is_none() {
                came.or_err(ErrorType::ReadTimedout, "reading the body")
                    .map_err(Error::into_down)?;
            }
        }
        context.body += body.len() as u64;
        let limit = self.website(context).rules().and_then(|rules| rules.request_body());
        if limit.is_some_and(|limit| context.body > limit) && !session.was_upgraded() {
            let too_large = ErrorType::HTTPStatus(StatusCode::PAYLOAD_TOO_LARGE.as_u16());
            return Error::e_explain(too_large, "the body is larger than limits.request_body");
        }
        Ok(())
    }

    async fn upstream_peer(
        &self,
        session: &mut Session,
        context: &mut RequestContext,
    ) -> Result<Box<HttpPeer>> {
        let path = session.req_header().uri.path();
        let peer = self.website(context).peer(path, &mut context.attempts);
        let mut peer = peer.ok_or_else(|| {
            Error::explain(ErrorType::ConnectNoRoute, "the website has no address").into_up()
        })?;
        if session.is_upgrade_req() {
            for_tunnel(&mut peer);
        } else {
            context.answer.get_or_insert_with(|| self.answers.begin()).prepare(&mut peer);
        }
        if peer.is_tls() && session.req_header().version == Version::HTTP_10 {
            // An answer from HTTP/2 may have a form that it does not know.
            peer.options.set_http_version(1, 1);
        }
        if session.is_http2() {
            // Silence is not measured on streams of one connection: whether the website may be
            // silent is known from what is asked for.
            let Timeouts { read, stream, .. } = self.timeouts;
            let fields = &session.req_header().headers;
            let is_stream = fields.get(header::ACCEPT).is_some_and(is_of_events);
            peer.options.read_timeout = Some(if is_stream { stream } else { read });
        }
        Ok(peer)
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        request: &mut RequestHeader,
        context: &mut RequestContext,
    ) -> Result<()> {
        if let Some(silence) = Silence::of(session) {
            silence.allow(self.timeouts.read);
        }
        // It may be sent again.
        context.body = 0;
        // HTTP/2 has only targets in UTF-8, which is what Pingora was given instead.
        if let Some(asked) = context.asked.as_ref().filter(|_| request.version != Version::HTTP_2) {
            request.set_raw_path(&asked.raw_target)?;
        }
        let peer = session.client_addr().and_then(|a| a.as_inet()).map(|a| a.ip());
        let scheme = if is_encrypted(session) { "https" } else { "http" };
        forward(request, scheme, peer, &self.trusted.now())?;
        if request.version == Version::HTTP_2 {
            // It has no request without a host …
            if request.headers.get(header::HOST).is_none_or(HeaderValue::is_empty)
                && let Some(authority) = context.attempts.authority()
            {
                request.insert_header(header::HOST, authority)?;
            }
            // … and of its interim answers Pingora reads none, for which visitors would wait.
            if request.remove_header(&header::EXPECT).is_some() && !session.is_http2() {
                session.as_downstream_mut().write_continue_response().await?;
            }
        }
        self.website(context).rules().map_or(Ok(()), |rules| rules.change_request(request))
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        context: &mut RequestContext,
    ) -> Result<()> {
        self.website(context).answered(&mut context.attempts);
        let upgraded = response.status == StatusCode::SWITCHING_PROTOCOLS;
        let interim = response.status.is_informational() && !upgraded;
        let may_be_silent = upgraded || (!interim && is_event_stream(&response.headers));
        if let Some(silence) = Silence::of(session) {
            let Timeouts { read, stream, .. } = self.timeouts;
            silence.allow(if may_be_silent { stream } else { read });
        }
        if may_be_silent {
            // The same time holds for the client: it is measured for both sides together.
            session.set_read_timeout(None);
            // It lasts, and has little to say at a time.
            context.answer = None;
        }
        if interim || upgraded {
            return Ok(());
        }
        let by_http2 = response.version == Version::HTTP_2;
        end_connection(response, by_http2 && session.is_http2());
        if let Some(rules) = self.website(context).rules() {
            rules.change_response(response)?;
        }
        if let Some(hsts) = self.hsts.as_ref().filter(|_| is_encrypted(session))
            && !response.headers.contains_key(header::STRICT_TRANSPORT_SECURITY)
        {
            response.insert_header(header::STRICT_TRANSPORT_SECURITY, hsts.clone())?;
        }
        if session.req_header().version == Version::HTTP_10 {
            let bodiless = session.req_header().method == Method::HEAD
                || matches!(response.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
            // It knows no chunks, which Pingora makes of a body from HTTP/2 whose length is unknown
            // …
            if by_http2 && !bodiless && !response.headers.contains_key(&header::CONTENT_LENGTH) {
                let unknown =
                    ErrorType::HTTPStatus(StatusCode::HTTP_VERSION_NOT_SUPPORTED.as_u16());
                return Error::e_explain(unknown, "an answer without length for HTTP/1.0");
            }
            // … and where they can be left out, the end of the connection is the end of the body.
            if response.headers.contains_key(&header::TRANSFER_ENCODING) {
                response.remove_header(&header::TRANSFER_ENCODING);
                session.set_keepalive(None);
            }
        }
        if self.connections.are_closing() {
            session.set_keepalive(None);
        }
        Ok(())
    }

    fn upstream_response_body_filter(
        &self,
        session: &mut Session,
        _: &mut Option<Bytes>,
        _: bool,
        _: &mut RequestContext,
    ) -> Result<Option<Duration>> {
        if let Some(silence) = Silence::of(session) {
            silence.broken();
        }
        Ok(None)
    }

    fn fail_to_connect(
        &self,
        _: &mut Session,
        _: &HttpPeer,
        context: &mut RequestContext,
        mut error: Box<Error>,
    ) -> Box<Error> {
        // Nothing was sent yet: another may be tried whatever the request is.
        error.set_retry(self.website(context).not_connected(&mut context.attempts));
        error
    }

    fn error_while_proxy(
        &self,
        peer: &HttpPeer,
        session: &mut Session,
        error: Box<Error>,
        context: &mut RequestContext,
        reused: bool,
    ) -> Box<Error> {
        let mut error = error.more_context(format!("Peer: {peer}"));
        let late = *error.etype() == ErrorType::ReadTimedout;
        if late && session.is_http2() && !session.as_downstream_mut().is_body_done() {
            // Pingora waits for a body over HTTP/2 without a bound of its own: it is not the
            // website that was waited for.
            error = error.into_down();
        }
        let failure = Failure::of(&error, session.was_upgraded());
        let unanswered = session.response_written().is_none();
        let broken = matches!(failure, Some(Failure::BrokenOff | Failure::Malformed));
        // A kept connection may end at any time.
        let failed = unanswered && (failure == Some(Failure::Late) || broken && !reused);
        if failed {
            self.website(context).failed(&context.attempts);
        }
        let repeatable = unanswered
            && session.req_header().method.is_idempotent()
            && !session.as_ref().retry_buffer_truncated();
        if repeatable {
            // As Pingora has it: over a new connection to the same upstream.
            error.retry.decide_reuse(reused);
            let elsewhere = broken && !error.retry();
            if elsewhere && self.website(context).move_on(&mut context.attempts) {
                error.set_retry(true);
            }
        } else {
            error.set_retry(false);
        }
        error
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        context: &mut RequestContext,
    ) -> FailToProxy {
        let failure = Failure::of(error, session.was_upgraded());
        if let Some(failure) = failure {
            self.report(failure, error);
        }
        if is_too_slow(error) {
            self.telemetry.slow_uploads.inc();
        }
        let status = status(error, failure);
        let unreachable = failure == Some(Failure::Unreachable);
        let maintenance = unreachable.then(|| self.website(context).maintenance_page()).flatten();
        let why = failure.and_then(Failure::for_visitor);
        let page = maintenance.unwrap_or_else(|| page(status, why));
        let retry_after = unreachable.then_some((header::RETRY_AFTER, RETRY_AFTER));
        if status > 0
            && let Err(error) = write_page(session, status, page, retry_after).await
        {
            tracing::debug!("an error page could not be sent: {error}");
        }
        FailToProxy { error_code: status, can_reuse_downstream: false }
    }

    fn logging<'s, 't, 'e, 'c, 'f>(
        &'s self,
        session: &'t mut Session,
        _: Option<&'e Error>,
        context: &'c mut RequestContext,
    ) -> BoxFuture<'f, ()>
    where
        's: 'f,
        't: 'f,
        'e: 'f,
        'c: 'f,
        Self: 'f,
    {
        if let (Some(log), Some(began)) = (&self.access_log, context.began) {
            let raw_target = context.asked.as_ref().map(|asked| &*asked.raw_target);
            log.add(session, raw_target, &self.trusted.now(), began.elapsed());
        }
        // Of no size, so that boxing it allocates nothing.
        Box::pin(async {})
    }

    fn suppress_error_log(&self, _: &Session, _: &RequestContext, _: &Error) -> bool {
        // A line per broken request would be the attacker's to write; `report` tells enough.
        true
    }

    fn suppress_proxy_warn_log(
        &self,
        _: &Session,
        _: &RequestContext,
        _: &Error,
        _: ProxyWarnLogContext,
    ) -> bool {
        true
    }
}

/// How slowly an upload may come: the time for its next bytes is also that for enough of them.
pub fn upload(config: &Config) -> Pace {
    Pace::new(config.limits.upload_rate, config.timeouts.read)
}

fn is_grpc(media_type: &HeaderValue) -> bool {
    media_type.as_bytes().starts_with(b"application/grpc")
}

/// Whether an answer is a stream of events, whatever was asked for.
fn is_event_stream(fields: &HeaderMap) -> bool {
    fields.get(header::CONTENT_TYPE).is_some_and(is_of_events)
}

/// Whether the media type is that of events.
fn is_of_events(media_type: &HeaderValue) -> bool {
    const EVENTS: &[u8] = b"text/event-stream";
    let media_type = media_type.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    media_type.trim_ascii().eq_ignore_ascii_case(EVENTS)
}
