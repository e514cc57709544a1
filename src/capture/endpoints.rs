//! What the proxy answers itself, in the website's name: the page where a visitor opts out, and
//! what [`browser`](super::browser) has.

use super::analytics::{Analytics, Tracking};
use super::browser::ScriptEndpoint;
use crate::visitor::address::is_trusted;
use crate::{host, text};
use bytes::Bytes;
use http::{Method, header};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::Session;
use std::net::IpAddr;

/// Which of ours a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// Where a visitor asks not to be counted, or to be counted again.
    OptOut,
    /// The script's, or a beacon's.
    Script(ScriptEndpoint),
}

impl Analytics {
    /// Which of ours a path of a site is.
    pub(super) fn endpoint(&self, site: usize, path: &str) -> Option<Endpoint> {
        if let Some(endpoint) = self.script_endpoint(site, path) {
            return Some(Endpoint::Script(endpoint));
        }
        let opts_out = self.settings_of(site).opt_out_path.as_deref() == Some(path);
        opts_out.then_some(Endpoint::OptOut)
    }

    pub(super) async fn serve(
        &self,
        endpoint: Endpoint,
        tracking: &Tracking,
        session: &mut Session,
    ) -> pingora::Result<()> {
        let Some(site) = tracking.site else {
            return respond(session, 404, &[], "no such site").await;
        };
        match endpoint {
            Endpoint::OptOut => self.serve_opt_out(site, session).await,
            Endpoint::Script(endpoint) => self.serve_script_endpoint(endpoint, site, session).await,
        }
    }

    /// Whether a request comes from a page of the site: browsers say so in `Sec-Fetch-Site`, and
    /// older ones in `Origin`. A program may send neither.
    pub(super) fn is_same_site(
        &self,
        site: usize,
        request: &RequestHeader,
        peer: Option<IpAddr>,
    ) -> bool {
        let host = host::of(&request.headers, &request.uri);
        let text = |name: &str| text::header(&request.headers, name);
        match text("sec-fetch-site").as_deref() {
            Some("same-origin" | "none") => return true,
            Some("cross-site") => return false,
            _ => {}
        }
        let Some(origin) = text("origin") else { return true };
        let Some((_, origin)) = origin.split_once("://") else { return false };
        let origin = host::plain(origin);
        let forwarded = text("x-forwarded-host").filter(|_| {
            peer.is_some_and(|p| is_trusted(p, &self.settings().trusted_proxies.now()))
        });
        host.is_some_and(|host| host == origin)
            || forwarded.is_some_and(|list| list.split(',').any(|h| host::plain(h) == origin))
            || self.is_named_by(site, &origin)
    }
}

pub(super) async fn respond(
    session: &mut Session,
    status: u16,
    headers: &[(&'static str, &str)],
    body: impl Into<Bytes>,
) -> pingora::Result<()> {
    let body = body.into();
    let mut response = ResponseHeader::build(status, Some(headers.len() + 2))?;
    for (name, value) in headers {
        response.insert_header(*name, *value)?;
    }
    if status != 304 && status != 204 {
        response.insert_header(header::CONTENT_LENGTH, body.len())?;
        if !body.is_empty() && !response.headers.contains_key(header::CONTENT_TYPE) {
            response.insert_header(header::CONTENT_TYPE, "text/plain; charset=utf-8")?;
        }
    }
    let bodiless = body.is_empty() || status == 304 || session.req_header().method == Method::HEAD;
    session.write_response_header(Box::new(response), bodiless).await?;
    if !bodiless {
        session.write_response_body(Some(body), true).await?;
    }
    Ok(())
}
