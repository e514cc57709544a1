//! Beacons as they come in, whoever's script has sent them: which are taken, and what hits they
//! become.
//!
//! [`beacon`](super::beacon) reads our own, [`foreign`](super::foreign) those of other trackers;
//! from here on they are the same, in limits, in what is ignored, in how they are counted.

use super::analytics::{Analytics, peer_of};
use super::beacon::{self, BeaconEvent, Message};
use super::foreign::{self, Api, Beacon, Taken};
use crate::clock::Millis;
use crate::host;
use crate::model::{
    Hit, ID_LIFETIME, IdVerdict, Nav, PageKind, ScriptEvent, Shown, Tracker, ViewId, What,
};
use crate::telemetry::DropReason;
use crate::visitor::address::told_address;
use crate::visitor::{Proven, Who};
use crate::{page_name, text};
use bytes::BytesMut;
use http::{HeaderMap, HeaderValue, Method, header};
use pingora::proxy::Session;
use std::time::Duration;
use tokio::time::timeout;

/// Body of a beacon's 202: Chromium logs an answer without one as `net::ERR_ABORTED`.
const ACCEPTED: &str = "ok";

/// How long one may take to come: it is small, and whoever sends it byte by byte sends none.
const BEACON_TIME: Duration = Duration::from_secs(60);

/// A request's body. `None`: it is larger than may be.
async fn read(session: &mut Session, max: usize) -> pingora::Result<Option<BytesMut>> {
    let mut body = BytesMut::new();
    while let Some(chunk) = session.read_request_body().await? {
        if body.len() + chunk.len() > max {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

impl Taken {
    fn refused(status: u16, reason: &str) -> Self {
        Self { status, reason: reason.to_owned(), dropped: 0, bot: false, address: None }
    }
}

impl Default for Taken {
    fn default() -> Self {
        Self::refused(202, ACCEPTED)
    }
}

impl Analytics {
    /// Takes a beacon: what becomes of each of its messages, of which there is at least one.
    pub(super) async fn take_beacon(
        &self,
        site: usize,
        api: Option<Api>,
        session: &mut Session,
    ) -> pingora::Result<Vec<Taken>> {
        let refuse = |status, reason: &str| Ok(vec![Taken::refused(status, reason)]);
        let request = session.req_header();
        let by_get = request.method == Method::GET && api == Some(Api::GoatCounter);
        if request.method != Method::POST && !by_get {
            return refuse(405, "beacons are sent by POST");
        }
        if !self.is_of_site(site, request, peer_of(session)) {
            return refuse(403, "a beacon must come from the site itself");
        }
        let max = self.settings().beacon_body;
        let length = text::header(&request.headers, header::CONTENT_LENGTH);
        if length.and_then(|l| l.parse::<usize>().ok()).is_some_and(|l| l > max) {
            return refuse(413, "the beacon is too large");
        }
        let body = match timeout(BEACON_TIME, read(session, max)).await {
            Ok(Ok(Some(body))) => body,
            Ok(Ok(None)) => return refuse(413, "the beacon is too large"),
            Ok(Err(error)) => return Err(error),
            Err(_) => return refuse(408, "the beacon did not come in time"),
        };
        let request = session.req_header();
        let (received, value_max) = (self.now(), self.settings().value_length);
        let messages = match api {
            None => {
                let (events, wrong) = beacon::parse(&body, received, value_max);
                vec![Message { events, wrong, ..Message::default() }]
            }
            Some(api) => api.read(Beacon {
                query: request.uri.query(),
                headers: &request.headers,
                body: &body,
                received,
                value_max,
                currency: self.site(site).currency,
            }),
        };
        let by = api.map_or(Tracker::Own, Api::tracker);
        let count = |message| self.count_message(site, session, by, message, received);
        Ok(messages.into_iter().map(count).collect())
    }

    fn count_message(
        &self,
        site: usize,
        session: &Session,
        by: Tracker,
        message: Message,
        now: Millis,
    ) -> Taken {
        let Message { events, wrong, host, address, user_agent } = message;
        let request = session.req_header();
        self.telemetry().beacons.add(events.len() as u64);
        // A sender with a token speaks for a visitor; of all others it is the request that tells.
        let sender = by != Tracker::Own && self.is_sender(&request.headers);
        let spoken = user_agent.filter(|_| sender).and_then(|agent| {
            let mut headers = request.headers.clone();
            headers.insert(header::USER_AGENT, HeaderValue::from_str(&agent).ok()?);
            Some(headers)
        });
        let headers = spoken.as_ref().unwrap_or(&request.headers);
        if self.visitors().ignores(site, headers) {
            return Taken { dropped: events.len(), ..Taken::default() };
        }
        let mut who = self.visitors().identify(site, peer_of(session), headers);
        if sender && let Some(address) = address.or_else(|| told_address(headers)) {
            who = who.at_address(address);
        }
        let address = foreign::asks_for_address(by, &request.headers).then(|| who.address());
        let mut taken = Taken { address, ..Taken::default() };
        let host = host.map(|host| host::plain(&host).into_owned());
        let host = host.filter(|host| self.is_named_by(site, host));
        let host = host.or_else(|| Some(host::of(headers, &request.uri)?.into_owned()));
        if self.excludes_visitor(site, host.as_deref(), &who) {
            return Taken { dropped: events.len(), ..taken };
        }
        let limit = self.settings().beacons_per_minute;
        if limit > 0 && self.rate().observe(&who.bucket(), events.len().max(1) as isize) > limit {
            self.telemetry().dropped(DropReason::RateLimited).add(events.len() as u64);
            return Taken::refused(429, "too many beacons from this address");
        }
        // Whom a sender speaks for has signed nothing.
        let bot = if sender { who.bot() } else { who.bot_of(request, now) };
        if bot.is_none() && !events.is_empty() && !sender {
            self.note_script(site);
        }
        taken.bot = bot.is_some();
        let mut limited = false;
        let excluded = &self.settings_of(site).exclude;
        for event in events {
            if excluded.has_page(&page_name::plain(&event.path)) {
                taken.dropped += 1;
                continue;
            }
            if let Some(Proven { bot, proof }) = &bot {
                taken.dropped += 1;
                let (name, class) = (bot.name.clone(), bot.class.as_str().into());
                let what = What::BotBeacon { name, class, proof: Some(*proof) };
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
            self.count_event(site, &who, by, event, id.as_ref(), host.as_deref(), now);
        }
        match wrong {
            Some(reason) => {
                self.telemetry().dropped(DropReason::Malformed).inc();
                Taken { status: 400, reason, ..taken }
            }
            None if limited => Taken::refused(429, "too many beacons for this view"),
            None => taken,
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "what a beacon has told, and what is known of it"
    )]
    fn count_event(
        &self,
        site: usize,
        who: &Who<'_>,
        by: Tracker,
        event: BeaconEvent,
        id: Option<&ViewId>,
        host: Option<&str>,
        now: Millis,
    ) {
        let (visitor, before_midnight) = who.at(event.at);
        let page = self.rules(site).page(&event.path, event.query.as_deref());
        let what = match event.kind {
            beacon::Kind::Pageview(nav) => {
                let own = |id: &ViewId| {
                    id.is_of(visitor) || before_midnight.is_some() && id.is_of(before_midnight)
                };
                let verdict = match id {
                    None => IdVerdict::Invalid,
                    Some(id) => match judge(id, own(id), &page, nav, now) {
                        Some(verdict) => verdict,
                        None => return,
                    },
                };
                let referrer = event.referrer.as_deref();
                let traits = who.traits(host, referrer, event.query.as_deref());
                let (received, screen, n) = (now, event.screen, event.n);
                What::Shown(Shown { by, page, traits, received, screen, nav, id: verdict, n })
            }
            // Nobody views an error page: how it is read, clicked and timed is of no page.
            beacon::Kind::Script(kind)
                if kind.is_of_view() && id.is_some_and(|id| is_of_error(id, &page)) =>
            {
                return;
            }
            beacon::Kind::Script(kind) => {
                What::ScriptEvent(ScriptEvent { by, page, kind, received: now, n: event.n })
            }
        };
        let (at, site) = (event.at, self.site_id(site));
        self.push(Hit { at, site, lane: who.lane(), visitor, before_midnight, what });
    }

    /// Whether a program has sent this that may speak for visitors: it shows a token.
    fn is_sender(&self, headers: &HeaderMap) -> bool {
        let told = text::header(headers, header::AUTHORIZATION);
        told.is_some_and(|told| self.settings().senders.accept(&told))
    }
}

/// Whether it is this page that an error was answered for, and not one that was shown after it within
/// the same document.
fn is_of_error(id: &ViewId, page: &str) -> bool {
    id.kind == PageKind::Error && is_for(id, page)
}

/// What follows a # never reaches the server: ids are issued without.
fn is_for(id: &ViewId, page: &str) -> bool {
    id.is_for(page.split('#').next().unwrap_or_default())
}

/// What a view's id says of the view that a beacon tells of; `own`: it was issued to this visitor.
/// `None`: an error page is shown from a cache, which is no view.
fn judge(id: &ViewId, own: bool, page: &str, nav: Nav, now: Millis) -> Option<IdVerdict> {
    let is_fresh = own && now - id.issued <= ID_LIFETIME && is_for(id, page);
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
