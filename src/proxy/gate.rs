//! The gate: forwards every request to the website, unharmed.
//!
//! It says who asked, keeps what is of one connection to itself (both in [`fields`](super::fields)),
//! bounds how long anyone may wait, and shows a plain page
//! when the website cannot be reached. It counts nothing: that is what it is wrapped in for.

use super::fields::{end_connection, forward};
use super::listen::{Asked, Connections};
use super::page::page;
use super::stream::{for_stream, is_stream};
use super::website::Website;
use crate::config::Timeouts;
use crate::visitor::address::Trusted;
use async_trait::async_trait;
use bytes::Bytes;
use http::{StatusCode, Version, header};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorSource, ErrorType, Result};
use std::any::Any;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// A website that stays away is reported this often.
const REPORT_EVERY: Duration = Duration::from_secs(60);

pub struct Gate {
    website: Arc<Website>,
    trusted: Trusted,
    timeouts: Timeouts,
    connections: Arc<Connections>,
    answer_half_closed: bool,
    started: Instant,
    /// Seconds after `started` at which the website's absence was last reported.
    reported: AtomicI64,
}

/// What is remembered of one request.
#[derive(Default)]
pub struct Passage {
    attempts: usize,
    /// To be set when the answer of a stream is there.
    answered: Option<Arc<AtomicBool>>,
    /// What the layer below knows of the request.
    asked: Option<Box<Asked>>,
}

impl Gate {
    pub fn new(
        website: Arc<Website>,
        trusted: Trusted,
        timeouts: Timeouts,
        connections: Arc<Connections>,
        answer_half_closed: bool,
    ) -> Self {
        let never = -(REPORT_EVERY.as_secs() as i64);
        Self {
            website,
            trusted,
            timeouts,
            connections,
            answer_half_closed,
            started: Instant::now(),
            reported: AtomicI64::new(never),
        }
    }

    /// Says how the website failed, but not for every visitor.
    fn report(&self, error: &Error) {
        let now = self.started.elapsed().as_secs() as i64;
        let last = self.reported.load(Ordering::Relaxed);
        if now - last >= REPORT_EVERY.as_secs() as i64
            && self
                .reported
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            tracing::warn!("{}: {error}", failure(error));
        }
    }
}

#[async_trait]
impl ProxyHttp for Gate {
    type CTX = Passage;

    fn new_ctx(&self) -> Passage {
        Passage::default()
    }

    /// None: what is forwarded is not to be compressed, and the one that could would be asked about
    /// every request.
    fn init_downstream_modules(&self, _: &mut HttpModules) {}

    /// Called for a connection's first request too: what is handed over is the layer's below.
    fn on_connection_reuse(
        &self,
        _: &mut Session,
        passage: &mut Passage,
        from_below: Box<dyn Any + Send + Sync>,
    ) {
        passage.asked = from_below.downcast().ok();
    }

    async fn early_request_filter(&self, session: &mut Session, _: &mut Passage) -> Result<()> {
        // Found out before the website is, which waits for the upload as long.
        let read = self.timeouts.read;
        session.set_read_timeout(Some(read - (read / 10).min(Duration::from_secs(1))));
        session.set_write_timeout(Some(self.timeouts.write));
        session.as_downstream_mut().set_abort_on_close(!self.answer_half_closed);
        if session.get_keepalive().is_some() {
            session.set_keepalive(Some(self.timeouts.idle.as_secs().max(1)));
        }
        Ok(())
    }

    async fn upstream_peer(
        &self,
        session: &mut Session,
        passage: &mut Passage,
    ) -> Result<Box<HttpPeer>> {
        let mut peer = self.website.peer(passage.attempts).ok_or_else(|| {
            let error = Error::explain(ErrorType::ConnectNoRoute, "the website has no address");
            error.into_up()
        })?;
        if is_stream(session) {
            passage.answered = Some(for_stream(&mut peer, &self.timeouts));
        }
        Ok(peer)
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        request: &mut RequestHeader,
        passage: &mut Passage,
    ) -> Result<()> {
        if let Some(asked) = &passage.asked {
            request.set_raw_path(&asked.raw_target)?;
        }
        let peer = session.client_addr().and_then(|a| a.as_inet()).map(|a| a.ip());
        forward(request, peer, &self.trusted.now())
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        passage: &mut Passage,
    ) -> Result<()> {
        let upgraded = response.status == StatusCode::SWITCHING_PROTOCOLS;
        if response.status.is_informational() && !upgraded {
            return Ok(());
        }
        if let Some(answered) = &passage.answered {
            answered.store(true, Ordering::Relaxed);
            session.set_read_timeout(Some(self.timeouts.stream));
        }
        if upgraded {
            return Ok(());
        }
        end_connection(response);
        // HTTP/1.0 knows no chunks: there the end of the connection is the end of the body.
        let in_chunks = response.headers.contains_key(&header::TRANSFER_ENCODING);
        if in_chunks && session.req_header().version == Version::HTTP_10 {
            response.remove_header(&header::TRANSFER_ENCODING);
            session.set_keepalive(None);
        }
        if self.connections.are_closing() {
            session.set_keepalive(None);
        }
        Ok(())
    }

    fn fail_to_connect(
        &self,
        _: &mut Session,
        _: &HttpPeer,
        passage: &mut Passage,
        mut error: Box<Error>,
    ) -> Box<Error> {
        passage.attempts += 1;
        // Nothing was sent yet: another address may be tried whatever the request is.
        error.set_retry(passage.attempts < self.website.addresses());
        error
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        _: &mut Passage,
    ) -> FailToProxy {
        let status = status_of(error);
        if matches!(error.esource(), ErrorSource::Upstream) {
            self.report(error);
        }
        if status > 0
            && let Err(error) = write_page(session, status).await
        {
            tracing::debug!("an error page could not be sent: {error}");
        }
        FailToProxy { error_code: status, can_reuse_downstream: false }
    }

    fn suppress_error_log(&self, _: &Session, _: &Passage, _: &Error) -> bool {
        // A line per broken request would be the attacker's to write; `report` tells enough.
        true
    }

    fn suppress_proxy_warn_log(
        &self,
        _: &Session,
        _: &Passage,
        _: &Error,
        _: ProxyWarnLogContext,
    ) -> bool {
        true
    }
}

/// What is wrong with a website, by the error of a request to it.
fn failure(error: &Error) -> &'static str {
    let parsing = error.root_cause().downcast_ref::<httparse::Error>();
    if parsing == Some(&httparse::Error::TooManyHeaders) {
        return "the website's answer has more than 256 header fields, which is the limit";
    }
    match error.etype() {
        ErrorType::ReadTimedout | ErrorType::WriteTimedout => "the website did not answer in time",
        ErrorType::InvalidHTTPHeader => "the website's answer is malformed",
        ErrorType::ReadError | ErrorType::WriteError | ErrorType::ConnectionClosed => {
            "the website broke the connection off"
        }
        _ => "the website cannot be reached",
    }
}

/// The status a request that failed is answered with; 0: nobody is there to read it.
fn status_of(error: &Error) -> u16 {
    match (cause(error), error.esource()) {
        // The layer below has found the body's framing malformed.
        (Some(io::ErrorKind::InvalidData), ErrorSource::Downstream) => return 400,
        // A stream has no answer yet.
        (Some(io::ErrorKind::TimedOut), ErrorSource::Upstream) => return 504,
        _ => {}
    }
    match (error.etype(), error.esource()) {
        (ErrorType::HTTPStatus(status), _) => *status,
        (
            ErrorType::ConnectTimedout | ErrorType::ReadTimedout | ErrorType::WriteTimedout,
            ErrorSource::Upstream,
        ) => 504,
        (_, ErrorSource::Upstream) => 502,
        (
            ErrorType::WriteError
            | ErrorType::ReadError
            | ErrorType::ConnectionClosed
            | ErrorType::WriteTimedout,
            ErrorSource::Downstream,
        ) => 0,
        (ErrorType::ReadTimedout, ErrorSource::Downstream) => 408,
        (_, ErrorSource::Downstream) => 400,
        (_, ErrorSource::Internal | ErrorSource::Unset) => 500,
    }
}

fn cause(error: &Error) -> Option<io::ErrorKind> {
    error.root_cause().downcast_ref::<io::Error>().map(io::Error::kind)
}

async fn write_page(session: &mut Session, status: u16) -> Result<()> {
    let page = page(status);
    let mut response = ResponseHeader::build(status, Some(4))?;
    response.insert_header(header::CONTENT_TYPE, "text/html; charset=utf-8")?;
    response.insert_header(header::CONTENT_LENGTH, page.len())?;
    response.insert_header(header::CACHE_CONTROL, "no-store")?;
    let body = if session.req_header().method == http::Method::HEAD { Bytes::new() } else { page };
    session.as_downstream_mut().write_error_response(response, body).await
}
