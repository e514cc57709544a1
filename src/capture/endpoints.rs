//! What the proxy answers itself, in the website's name: the script and the beacons.

use super::analytics::{Analytics, Tracking, peer_of};
use super::beacon;
use crate::clock::Millis;
use crate::host;
use crate::model::{Hit, ID_LIFETIME, IdVerdict, Nav, PageKind, ScriptEvent, Shown, ViewId, What};
use crate::telemetry::DropReason;
use crate::visitor::address::is_trusted;
use crate::{page_name, text};
use bytes::{Bytes, BytesMut};
use http::{Method, header};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::Session;
use std::net::IpAddr;

/// Body of a beacon's 202: Chromium logs an answer without one as `net::ERR_ABORTED`.
const ACCEPTED: &str = "ok";

/// Which of ours a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    Script,
    Beacon,
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
            Endpoint::Script => self.serve_script(site, session).await,
            Endpoint::OptOut => self.serve_opt_out(site, session).await,
            Endpoint::Beacon => {
                let (status, reason) = self.take_beacon(site, session).await?;
                let headers = [("cache-control", "no-store"), ("allow", "POST")];
                let headers = &headers[..if status == 405 { 2 } else { 1 }];
                respond(session, status, headers, reason).await
            }
        }
    }

    async fn serve_script(&self, site: usize, session: &mut Session) -> pingora::Result<()> {
        let script = &self.settings_of(site).script;
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

    /// Takes a beacon: the status to answer, and what to say: why it is refused, or `ok`.
    async fn take_beacon(
        &self,
        site: usize,
        session: &mut Session,
    ) -> pingora::Result<(u16, String)> {
        let refuse = |status, reason: &str| Ok((status, reason.to_owned()));
        let request = session.req_header();
        if request.method != Method::POST {
            return refuse(405, "beacons are sent by POST");
        }
        if !self.is_same_site(site, request, peer_of(session)) {
            return refuse(403, "a beacon must come from the site itself");
        }
        let max = self.settings().beacon_body;
        let length = text::header(&request.headers, header::CONTENT_LENGTH);
        if length.and_then(|l| l.parse::<usize>().ok()).is_some_and(|l| l > max) {
            return refuse(413, "the beacon is too large");
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = session.read_request_body().await? {
            if body.len() + chunk.len() > max {
                return refuse(413, "the beacon is too large");
            }
            body.extend_from_slice(&chunk);
        }
        Ok(self.count_beacon(site, session, &body))
    }

    fn count_beacon(&self, site: usize, session: &Session, body: &[u8]) -> (u16, String) {
        let request = session.req_header();
        let (headers, host) = (&request.headers, host::of(&request.headers, &request.uri));
        let now = self.now();
        let (events, wrong) = beacon::parse(body, now, self.settings().value_length);
        self.telemetry().beacons.add(events.len() as u64);
        if self.visitors().ignores(site, headers) || self.excludes(site, session, None) {
            return (202, ACCEPTED.to_owned());
        }
        let who = self.visitors().identify(site, peer_of(session), headers);
        let limit = self.settings().beacons_per_minute;
        if limit > 0 && self.rate().observe(&who.bucket(), events.len().max(1) as isize) > limit {
            self.telemetry().dropped(DropReason::RateLimited).add(events.len() as u64);
            return (429, "too many beacons from this address".to_owned());
        }
        let bot = who.bot();
        if bot.is_none() && !events.is_empty() {
            self.note_script(site);
        }
        let mut limited = false;
        let excluded = &self.settings_of(site).exclude;
        for event in events {
            if excluded.has_page(&page_name::plain(&event.path)) {
                continue;
            }
            if let Some(bot) = bot {
                let (name, class) = (bot.name.clone(), bot.class.as_str().into());
                let what = What::BotBeacon { name, class };
                let (visitor, before_midnight) = (None, None);
                let site = self.site_id(site);
                self.push(Hit { at: now, site, lane: who.lane(), visitor, before_midnight, what });
                continue;
            }
            let id = event.view.as_deref().and_then(|text| self.read_id(site, text));
            if let Some(id) = &id
                && limit > 0
                && self.rate().observe(&id.nonce, 1) > limit
            {
                self.telemetry().dropped(DropReason::RateLimited).inc();
                limited = true;
                continue;
            }
            let (visitor, before_midnight) = who.at(event.at);
            let page = self.page(site, &event.path, event.query.as_deref());
            let what = match event.kind {
                beacon::Kind::Pageview(nav) => {
                    let own = |id: &ViewId| {
                        id.is_of(visitor) || before_midnight.is_some() && id.is_of(before_midnight)
                    };
                    let verdict = match &id {
                        None => IdVerdict::Invalid,
                        Some(id) => match judge(id, own(id), &page, nav, now) {
                            Some(verdict) => verdict,
                            None => continue,
                        },
                    };
                    let referrer = event.referrer.as_deref();
                    let traits = who.traits(host.as_deref(), referrer, event.query.as_deref());
                    let (received, screen, n) = (now, event.screen, event.n);
                    What::Shown(Shown { page, traits, received, screen, nav, id: verdict, n })
                }
                beacon::Kind::Script(kind) => {
                    What::ScriptEvent(ScriptEvent { page, kind, received: now, n: event.n })
                }
            };
            let (at, site) = (event.at, self.site_id(site));
            self.push(Hit { at, site, lane: who.lane(), visitor, before_midnight, what });
        }
        match wrong {
            Some(reason) => {
                self.telemetry().dropped(DropReason::Malformed).inc();
                (400, reason)
            }
            None if limited => (429, "too many beacons for this view".to_owned()),
            None => (202, ACCEPTED.to_owned()),
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

/// What a view's id says of the view that a beacon tells of; `own`: it was issued to this visitor.
/// `None`: an error page is shown from a cache, which is no view.
fn judge(id: &ViewId, own: bool, page: &str, nav: Nav, now: Millis) -> Option<IdVerdict> {
    // What follows a # never reaches the server: the id was issued without.
    let path = page.split('#').next().unwrap_or_default();
    let is_fresh = own && now - id.issued <= ID_LIFETIME && id.is_for(path);
    let is_error_again = id.kind == PageKind::Error
        && match nav {
            Nav::History => false,
            Nav::BackForward => true,
            Nav::Load | Nav::Prerender => !is_fresh,
        };
    match is_fresh {
        _ if is_error_again => None,
        true => Some(id.fresh()),
        false => Some(IdVerdict::Cached { own }),
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
    if status != 304 {
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
