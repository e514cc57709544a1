//! What the proxy answers itself, in the website's name: the script and the beacons.

use super::analytics::{Analytics, Tracking, peer_of};
use super::foreign::Api;
use super::foreign::script::Manner;
use super::script::Script;
use crate::visitor::address::is_trusted;
use crate::{host, text};
use bytes::Bytes;
use http::{Method, header};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::Session;
use std::net::IpAddr;

/// Which of ours a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    Script,
    Beacon,
    /// Where another tracker sends its beacons.
    Api(Api),
    /// Another tracker's script.
    ScriptOf(Manner),
    /// Where a visitor asks not to be counted, or to be counted again.
    OptOut,
}

impl Analytics {
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
            Endpoint::Script => self.serve_script(&self.settings_of(site).script, session).await,
            Endpoint::ScriptOf(manner) => {
                let script = self.settings_of(site).scripts_of.get(&manner);
                let Some(script) = script else {
                    return respond(session, 404, &[], "no such script").await;
                };
                self.serve_script(script, session).await
            }
            Endpoint::OptOut => self.serve_opt_out(site, session).await,
            Endpoint::Beacon => self.serve_beacon(site, session).await,
            Endpoint::Api(api) => self.serve_api(site, api, session).await,
        }
    }

    async fn serve_script(&self, script: &Script, session: &mut Session) -> pingora::Result<()> {
        let request = session.req_header();
        if !matches!(request.method, Method::GET | Method::HEAD) {
            return respond(session, 405, &[("allow", "GET, HEAD")], String::new()).await;
        }
        let headers = [
            ("content-type", "text/javascript; charset=utf-8"),
            ("cache-control", "public, max-age=3600"),
            ("etag", script.etag.as_str()),
            ("x-content-type-options", "nosniff"),
        ];
        let asked = text::header(&request.headers, header::IF_NONE_MATCH);
        let known = |list: &str| {
            list.split(',')
                .any(|e| e.trim().trim_start_matches("W/") == script.etag || e.trim() == "*")
        };
        if asked.as_deref().is_some_and(known) {
            return respond(session, 304, &headers[1..], String::new()).await;
        }
        respond(session, 200, &headers, script.body.clone()).await
    }

    async fn serve_beacon(&self, site: usize, session: &mut Session) -> pingora::Result<()> {
        if session.req_header().method == Method::OPTIONS && self.takes_others(site) {
            return self.serve_preflight(site, "POST, OPTIONS", session).await;
        }
        let taken = self.take_beacon(site, None, session).await?;
        let taken = taken.into_iter().next().unwrap_or_default();
        let mut headers = self.cross_origin(site, session);
        headers.push(("cache-control", "no-store".to_owned()));
        if taken.status == 405 {
            headers.push(("allow", "POST".to_owned()));
        }
        respond(session, taken.status, &borrowed(&headers), taken.reason).await
    }

    async fn serve_api(&self, site: usize, api: Api, session: &mut Session) -> pingora::Result<()> {
        if session.req_header().method == Method::OPTIONS {
            return self.serve_preflight(site, api.methods(), session).await;
        }
        let taken = self.take_beacon(site, Some(api), session).await?;
        let answer = api.answer(&taken);
        let mut headers = self.cross_origin(site, session);
        headers.push(("cache-control", "no-store".to_owned()));
        headers.push(("content-type", answer.content_type.to_owned()));
        headers.extend(answer.more);
        if answer.status == 405 {
            headers.push(("allow", api.methods().to_owned()));
        }
        respond(session, answer.status, &borrowed(&headers), answer.body).await
    }

    /// What a browser asks before a page of one host sends to another.
    async fn serve_preflight(
        &self,
        site: usize,
        methods: &str,
        session: &mut Session,
    ) -> pingora::Result<()> {
        let request = session.req_header();
        if !self.is_of_site(site, request, peer_of(session)) {
            return respond(session, 403, &[], "a beacon must come from the site itself").await;
        }
        let mut headers = self.cross_origin(site, session);
        headers.push(("allow", methods.to_owned()));
        headers.push(("access-control-allow-methods", methods.to_owned()));
        let asked = text::header(&request.headers, "access-control-request-headers");
        if let Some(asked) = asked.filter(|asked| is_plain(asked)) {
            headers.push(("access-control-allow-headers", asked.into_owned()));
        }
        headers.push(("access-control-max-age", "86400".to_owned()));
        respond(session, 204, &borrowed(&headers), "").await
    }

    /// Headers that let a page of another host of the site read the answer.
    fn cross_origin(&self, site: usize, session: &Session) -> Vec<(&'static str, String)> {
        let request = session.req_header();
        let origin = text::header(&request.headers, header::ORIGIN);
        let own = |origin: &str| {
            let host = origin.split_once("://").map(|(_, host)| host::plain(host));
            host.is_some_and(|host| self.is_named_by(site, &host))
        };
        match origin.filter(|origin| self.takes_others(site) && is_plain(origin) && own(origin)) {
            Some(origin) => vec![
                ("access-control-allow-origin", origin.into_owned()),
                ("access-control-allow-credentials", "true".to_owned()),
                ("access-control-expose-headers", "x-plausible-dropped".to_owned()),
                ("vary", "Origin".to_owned()),
            ],
            None => Vec::new(),
        }
    }

    /// Whether a site takes the beacons of other trackers.
    pub(super) fn takes_others(&self, site: usize) -> bool {
        !self.site(site).event_apis.is_empty()
    }

    /// Whether a beacon comes from a page of the site. Where those of other trackers are taken,
    /// also from a page of another of its hosts: a picture that is asked for tells that in
    /// `Referer` alone.
    pub(super) fn is_of_site(
        &self,
        site: usize,
        request: &RequestHeader,
        peer: Option<IpAddr>,
    ) -> bool {
        let told = |name| text::header(&request.headers, name);
        let named = || {
            let page = told(header::ORIGIN).or_else(|| told(header::REFERER))?;
            let (_, rest) = page.split_once("://")?;
            let host = host::plain(rest.split('/').next().unwrap_or_default()).into_owned();
            Some(self.is_named_by(site, &host))
        };
        self.takes_others(site) && named() == Some(true) || self.is_same_site(site, request, peer)
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

/// What may be sent back in a header.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

fn borrowed<'h>(headers: &'h [(&'static str, String)]) -> Vec<(&'static str, &'h str)> {
    headers.iter().map(|(name, value)| (*name, value.as_str())).collect()
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
