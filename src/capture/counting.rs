//! What an answer counts as: from a request and its response to hits, and to a page's view id.
//!
//! The rules themselves are [`classify`]'s; here they meet the visitor. Called from the hooks of
//! [`Analytics`], so nothing here waits, and what is not counted allocates nothing.

use super::analytics::{Analytics, SiteSettings, Tracking, When, peer_of};
use super::asked::{Asked, is_frame};
use super::classify::{Answer, Class, classify, content_range, is_read};
use super::site_rules::SiteRules;
use crate::host;
use crate::model::{Answered, Hit, PageKind, Served, VIEW_ID_LEN, What};
use crate::text;
use crate::visitor::{Agent, Proven, Who, bots};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use pingora::Error;
use pingora::http::ResponseHeader;
use pingora::proxy::Session;
use std::sync::Arc;
use std::time::Instant;

const ID_PREFIX: &[u8] = b"hc;desc=\"";

/// As long as a page may say it is; what is sent beyond is counted at its end.
pub const BYTES_MAX: u64 = 1 << 40;

/// Who fetches a feed and says nothing of being a reader.
pub const A_BROWSER: &str = "(browser)";

/// What a path turned out to be, if it is no page: remembered for 304s, which don't say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Feed,
    Other,
}

/// What is on its way to a person, to be counted once it is through.
pub(super) enum Sending {
    /// A page that is counted already, as so many bytes as its head says.
    Page { page: Arc<str>, kind: PageKind, bytes: u64, when: When, lane: u16 },
    /// A file, by its path.
    Download(Arc<str>),
}

impl Analytics {
    /// Decides what an answer is and counts it. Returns the view id it is to carry, as a
    /// `Server-Timing` entry.
    pub(super) fn count_response(
        &self,
        site: usize,
        tracking: &mut Tracking,
        session: &Session,
        response: &ResponseHeader,
    ) -> Option<HeaderValue> {
        let request = session.req_header();
        let (headers, path) = (&request.headers, request.uri.path());
        let agent = self.visitors().agent(headers);
        if agent.bot.is_some() || self.visitors().may_be_signed(headers) {
            let who = self.visitors().identify_as(agent.clone(), site, peer_of(session), headers);
            if let Some(machine) = who.bot_of(request, self.now()) {
                return self.count_bot(site, &who, machine, session, response);
            }
        }
        let (mut asked, answer) =
            (Asked::of(headers), Answer::of(response.status, &response.headers));
        if !asked.navigation && answer.html {
            asked.navigation = asked.boosted() && !self.is_scripted(site);
        }
        let known = if asked.navigation { self.known(site, path, answer) } else { None };
        let class = classify(&request.method, asked, path, answer, known.map(|_| false));
        if class == Class::Nothing
            || self.visitors().ignores(site, headers)
            || self.excludes(site, session, path)
        {
            return None;
        }
        match class {
            Class::Nothing => None,
            Class::Download => {
                tracking.sending = Some(Sending::Download(self.rules(site).named(path)));
                None
            }
            Class::Feed => {
                let who = self.visitors().identify_as(agent, site, peer_of(session), headers);
                self.count_feed(site, &who, path, A_BROWSER.into(), None);
                None
            }
            Class::Page(kind) => self.count_page(site, kind, agent, tracking, session, response),
        }
    }

    /// Counts a page as what it turned out to be. Returns its view id.
    fn count_page(
        &self,
        site: usize,
        kind: PageKind,
        agent: Arc<Agent>,
        tracking: &mut Tracking,
        session: &Session,
        response: &ResponseHeader,
    ) -> Option<HeaderValue> {
        let request = session.req_header();
        let (headers, query) = (&request.headers, request.uri.query());
        let who = self.visitors().identify_as(agent, site, peer_of(session), headers);
        let (when, nonce) = (self.when(&who), rand::random());
        let page = self.rules(site).page(request.uri.path(), query);
        let id = self.issue(site, when, kind, nonce, &page);
        let lane = who.lane();
        let bytes = match response.status {
            StatusCode::NOT_MODIFIED => 0,
            _ => content_length(&response.headers).map_or(0, |told| told.min(BYTES_MAX)),
        };
        if matches!(kind, PageKind::View | PageKind::Prefetch) {
            let page = page.clone();
            tracking.sending = Some(Sending::Page { page, kind, bytes, when, lane });
        }
        if kind == PageKind::Ignored && !is_frame(headers) {
            return id;
        }
        let came = || (host::of(headers, &request.uri), text::header(headers, header::REFERER));
        let (traits, from) = match kind {
            PageKind::View if !self.is_introduced(site, when) => {
                let (host, referrer) = came();
                (Some(who.traits(host.as_deref(), referrer.as_deref(), query)), None)
            }
            PageKind::Error => {
                let (host, referrer) = came();
                (None, self.rules(site).link_from(referrer.as_deref(), host.as_deref()))
            }
            _ => (None, None),
        };
        let origin = tracking.asked_at.map(micros_since);
        let status = response.status.as_u16();
        let answered = Answered { page, nonce, kind, status, traits, from, bytes, origin };
        self.count(site, lane, when, What::Answered(answered));
        id
    }

    /// What is sent, or as much of it as the client took.
    pub(super) fn count_sent(
        &self,
        site: usize,
        sending: Sending,
        session: &Session,
        error: Option<&Error>,
    ) {
        let bytes = session.body_bytes_sent() as u64;
        match sending {
            Sending::Page { page, kind, bytes: said, when, lane } => {
                if bytes != said {
                    let more = bytes.wrapping_sub(said).cast_signed();
                    let what = What::Served(Served { page, kind, more });
                    self.count(site, lane, when, what);
                }
            }
            Sending::Download(path) => {
                let answer = session.response_written();
                let part = answer.filter(|answer| answer.status == StatusCode::PARTIAL_CONTENT);
                let (first, length) = match part.and_then(|part| content_range(&part.headers)) {
                    Some(part) => part,
                    None => {
                        let said = answer.and_then(|answer| content_length(&answer.headers));
                        // Without an error all of it was sent.
                        (0, said.or_else(|| error.is_none().then_some(bytes)))
                    }
                };
                let headers = &session.req_header().headers;
                let who = self.visitors().identify(site, peer_of(session), headers);
                let what = What::Download { path, first, bytes, length };
                self.count(site, who.lane(), self.when(&who), what);
            }
        }
    }

    fn count_bot(
        &self,
        site: usize,
        who: &Who<'_>,
        Proven { bot, proof }: Proven,
        session: &Session,
        response: &ResponseHeader,
    ) -> Option<HeaderValue> {
        let request = session.req_header();
        let (headers, path) = (&request.headers, request.uri.path());
        if self.visitors().ignores(site, headers) || self.excludes(site, session, path) {
            return None;
        }
        let when = self.when(who);
        let answer = Answer::of(response.status, &response.headers);
        let Answer { status, html, .. } = answer;
        let page = self.rules(site).page(path, request.uri.query());
        let noted = status == StatusCode::NOT_MODIFIED || answer.is_feed(path);
        let known = if noted { self.known(site, path, answer) } else { None };
        let what = What::Bot {
            name: bot.name.clone(),
            class: bot.class.as_str().into(),
            page: page.clone(),
            status: status.as_u16(),
            read: is_read(&request.method, path, answer, known.map(|_| false)),
            proof: Some(proof),
            allowed: self.allows(site, &bot.name, &request.uri),
        };
        self.count(site, who.lane(), when, what);
        if request.method == Method::GET && known == Some(Known::Feed) {
            let subscribers = bots::subscribers(who.user_agent());
            self.count_feed(site, who, path, bot.name.clone(), subscribers);
        }
        html.then(|| self.issue(site, when, PageKind::Ignored, rand::random(), &page))?
    }

    /// A feed's subscribers are the most that its reader has named on a day, so whoever owns that
    /// number must see all of its fetches: the lane is the reader's, not the client's.
    fn count_feed(
        &self,
        site: usize,
        who: &Who<'_>,
        path: &str,
        reader: Arc<str>,
        subscribers: Option<u32>,
    ) {
        let When { at, visitor, before_midnight } = self.when(who);
        let path = self.rules(site).named(path);
        let lane = self.visitors().lane_of((&*reader, &*path));
        let what = What::Feed { path, reader, subscribers };
        let site = self.site_id(site);
        self.push(Hit { at, site, lane, visitor, before_midnight, what });
    }

    /// Whether the site does not want a request counted.
    fn excludes(&self, site: usize, session: &Session, path: &str) -> bool {
        let left_out = self.settings_of(site).left_out.now();
        let request = session.req_header();
        let host = || host::of(&request.headers, &request.uri);
        let who = || self.visitors().identify(site, peer_of(session), &request.headers);
        self.rules(site)
            .excludes(path, host, |networks, countries| who().is_among(networks, countries))
            || !left_out.is_empty() && who().is_among(&left_out, &[])
    }

    /// Whether the site does not want this visitor counted on this host, whatever it sees.
    pub(super) fn excludes_visitor(&self, site: usize, host: Option<&str>, who: &Who<'_>) -> bool {
        let SiteSettings { exclude, left_out, .. } = self.settings_of(site);
        host.is_some_and(|host| exclude.has_host(host))
            || exclude.has_visitors() && who.is_among(&exclude.addresses, &exclude.countries)
            || who.is_among(&left_out.now(), &[])
    }

    /// What the site's settings make of requests.
    pub(super) fn rules(&self, site: usize) -> SiteRules<'_> {
        let SiteSettings { keep_query, exclude, .. } = self.settings_of(site);
        let value_length = self.settings().value_length;
        SiteRules { site: self.site(site), keep_query, exclude, value_length }
    }

    /// A page's view id, as a `Server-Timing` entry.
    fn issue(
        &self,
        site: usize,
        when: When,
        kind: PageKind,
        nonce: u64,
        page: &str,
    ) -> Option<HeaderValue> {
        let secrets = self.visitors().secrets().load();
        let (key, site) = (secrets.view_keys().next()?, self.site_id(site));
        let id = key.issue(site, when.at, kind, nonce, when.visitor, page);
        let mut value = [0; ID_PREFIX.len() + VIEW_ID_LEN + 1];
        value[..ID_PREFIX.len()].copy_from_slice(ID_PREFIX);
        value[ID_PREFIX.len()..][..VIEW_ID_LEN].copy_from_slice(&id);
        value[ID_PREFIX.len() + VIEW_ID_LEN] = b'"';
        let mut value = HeaderValue::from_bytes(&value).ok()?;
        // No two are the same: HTTP/2 would push the other fields out of its table for them.
        value.set_sensitive(true);
        Some(value)
    }

    /// What is known of a path that is no page: by this answer, which is noted, or, of a 304, by
    /// the last one.
    fn known(&self, site: usize, path: &str, answer: Answer<'_>) -> Option<Known> {
        match answer.status.as_u16() {
            304 => self.noted(site, path),
            200 => {
                let known = match () {
                    () if answer.html => None,
                    () if answer.is_feed(path) => Some(Known::Feed),
                    () => Some(Known::Other),
                };
                self.note(site, path, known);
                known
            }
            _ => None,
        }
    }

    /// Now, and who that is by today's salt: worked out once for a request.
    fn when(&self, who: &Who<'_>) -> When {
        let at = self.now();
        let (visitor, before_midnight) = who.at(at);
        When { at, visitor, before_midnight }
    }

    /// Whether a view of this visitor goes on with a visit, whatever it brings.
    fn is_introduced(&self, site: usize, when: When) -> bool {
        !self.site(site).new_visit_on_source
            && when.visitor.is_some_and(|v| self.visitors().introduced().knows(v, when.at))
    }

    fn count(&self, site: usize, lane: u16, when: When, what: What) {
        let When { at, visitor, before_midnight } = when;
        let site = self.site_id(site);
        self.push(Hit { at, site, lane, visitor, before_midnight, what });
    }
}

/// As far as 32 bits reach: over an hour.
fn micros_since(then: Instant) -> u32 {
    u32::try_from(then.elapsed().as_micros()).unwrap_or(u32::MAX)
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    str::from_utf8(headers.get(header::CONTENT_LENGTH)?.as_bytes()).ok()?.parse().ok()
}
