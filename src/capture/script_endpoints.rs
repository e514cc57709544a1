//! Answers to requests for the script and to beacons, in the website's name.

use super::analytics::{Analytics, peer_of};
use super::browser::ScriptEndpoint;
use super::endpoints::respond;
use super::foreign::Api;
use super::script::Script;
use crate::{host, text};
use http::{Method, header};
use pingora::http::RequestHeader;
use pingora::proxy::Session;
use std::net::IpAddr;

impl Analytics {
    pub(super) async fn serve_script_endpoint(
        &self,
        endpoint: ScriptEndpoint,
        site: usize,
        session: &mut Session,
    ) -> pingora::Result<()> {
        let settings = &self.settings_of(site).script;
        match endpoint {
            ScriptEndpoint::Script => self.serve_script(&settings.script, session).await,
            ScriptEndpoint::ScriptOf(manner) => match settings.scripts_of.get(&manner) {
                Some(script) => self.serve_script(script, session).await,
                None => respond(session, 404, &[], "no such script").await,
            },
            ScriptEndpoint::Beacon => self.serve_beacon(site, session).await,
            ScriptEndpoint::Api(api) => self.serve_api(site, api, session).await,
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
}

/// What may be sent back in a header.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

fn borrowed<'h>(headers: &'h [(&'static str, String)]) -> Vec<(&'static str, &'h str)> {
    headers.iter().map(|(name, value)| (*name, value.as_str())).collect()
}
