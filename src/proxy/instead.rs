//! What visitors are answered in the website's place: redirects, refusals, and pages that say what
//! failed.

use super::page::page;
use super::rules::{Instead, Rules, readings};
use super::tls::Certificates;
use crate::config::Tls;
use crate::host;
use crate::visitor::address::{Trusted, came_by_https, client_address};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};
use pingora::Result;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::Session;
use std::sync::Arc;

/// Seconds after which somebody who found no upstream may ask again.
pub const RETRY_AFTER: &str = "10";

/// Where plain requests are sent, unless HTTPS would fail there.
pub struct HttpsRedirect {
    port: u16,
    certificates: Arc<Certificates>,
}

impl HttpsRedirect {
    /// None, unless the settings want it.
    pub fn new(tls: &Tls, certificates: &Arc<Certificates>) -> Option<Self> {
        tls.redirect.then(|| Self { port: tls.listen.port(), certificates: certificates.clone() })
    }

    /// The port of HTTPS, for a request that came in plain and is sent there. One that names no
    /// host is refused there.
    pub fn port(&self, session: &Session) -> Option<u16> {
        if is_encrypted(session) {
            return None;
        }
        let works = |host| self.certificates.are_for(&host::plain(host));
        authority(session.req_header()).is_none_or(works).then_some(self.port)
    }
}

/// What a request is answered with instead of the website's answer. `https`: the port it has to
/// come by.
pub async fn instead(
    session: &Session,
    rules: Option<&Rules>,
    https: Option<u16>,
    trusted: &Trusted,
) -> Option<Instead> {
    let request = session.req_header();
    let peer = session.client_addr().and_then(|a| a.as_inet()).map(|a| a.ip());
    let canonical = rules.and_then(|rules| rules.canonical(authority(request)?));
    if https.is_some() || canonical.is_some() {
        let https = https.or_else(|| {
            let encrypted = is_encrypted(session);
            let https = came_by_https(encrypted, peer, &request.headers, &trusted.now());
            // On the port that it came by.
            https.then_some(0)
        });
        let location = elsewhere(request, https, canonical);
        return Some(location.map_or(Instead::Malformed, |to| Instead::Moved(308, to)));
    }
    let rules = rules?;
    let (path, query) = (request.uri.path(), request.uri.query());
    if let Some(moved) = rules.moved(path, query) {
        return Some(moved);
    }
    if rules.protects() {
        let readings = readings(path);
        if rules.has_addresses()
            && let Some(peer) = peer
        {
            let address = client_address(peer, &request.headers, &trusted.now());
            if rules.forbids(&readings, address) {
                return Some(Instead::Forbidden);
            }
        }
        if let Some(instead) = rules.asks_who(&readings, &request.headers).await {
            return Some(instead);
        }
    }
    let told = request.headers.get(header::CONTENT_LENGTH).and_then(|l| l.to_str().ok());
    let told = told.and_then(|length| length.parse::<u64>().ok()).unwrap_or(0);
    rules.request_body().filter(|limit| told > *limit).map(|_| Instead::TooLarge)
}

pub fn is_encrypted(session: &Session) -> bool {
    session.digest().is_some_and(|digest| digest.ssl_digest.is_some())
}

/// The host, perhaps with a port, that is asked.
fn authority(request: &RequestHeader) -> Option<&str> {
    match request.headers.get(header::HOST) {
        Some(host) => host.to_str().ok(),
        None => request.uri.authority().map(|authority| authority.as_str()),
    }
}

/// The same at another host or by HTTPS, on its port; 0: on the one that is asked. `None`: the
/// request names no host.
fn elsewhere(request: &RequestHeader, https: Option<u16>, host: Option<&str>) -> Option<String> {
    let authority: http::uri::Authority = authority(request)?.parse().ok()?;
    let (scheme, port) = match https {
        Some(0) => ("https", authority.port_u16().unwrap_or(443)),
        Some(port) => ("https", port),
        None => ("http", authority.port_u16().unwrap_or(80)),
    };
    let usual = if scheme == "https" { 443 } else { 80 };
    let port = if port == usual { String::new() } else { format!(":{port}") };
    // `*` is no path: the server as a whole.
    let path = request.uri.path_and_query().map(|path| path.as_str());
    let path = path.filter(|path| path.starts_with('/')).unwrap_or("/");
    Some(format!("{scheme}://{}{port}{path}", host.unwrap_or(authority.host())))
}

/// Answers in the website's place.
pub async fn answer(session: &mut Session, instead: Instead) -> Result<()> {
    let (status, field) = match instead {
        Instead::Moved(status, location) => {
            let Ok(location) = HeaderValue::from_maybe_shared(Bytes::from(location)) else {
                return write_page(session, 400, page(400, None), None).await;
            };
            let mut response = ResponseHeader::build(status, Some(2))?;
            response.insert_header(header::LOCATION, location)?;
            response.insert_header(header::CONTENT_LENGTH, 0)?;
            return session.write_response_header(Box::new(response), true).await;
        }
        Instead::Malformed => (400, None),
        Instead::Forbidden => (403, None),
        Instead::TooLarge => (413, None),
        Instead::Busy => (503, Some((header::RETRY_AFTER, RETRY_AFTER))),
        Instead::Unknown => {
            let basic = "Basic realm=\"website\", charset=\"UTF-8\"";
            (401, Some((header::WWW_AUTHENTICATE, basic)))
        }
    };
    write_page(session, status, page(status, None), field).await
}

/// Answers with a page of the proxy's, and a field that says more.
pub async fn write_page(
    session: &mut Session,
    status: u16,
    page: Bytes,
    field: Option<(HeaderName, &'static str)>,
) -> Result<()> {
    let mut response = ResponseHeader::build(status, Some(5))?;
    response.insert_header(header::CONTENT_TYPE, "text/html; charset=utf-8")?;
    response.insert_header(header::CONTENT_LENGTH, page.len())?;
    response.insert_header(header::CACHE_CONTROL, "no-store")?;
    if let Some((name, value)) = field {
        response.insert_header(name, value)?;
    }
    let body = if session.req_header().method == http::Method::HEAD { Bytes::new() } else { page };
    session.as_downstream_mut().write_error_response(response, body).await
}
