//! From a line to a hit, by the rules of counting that requests to the proxy are read by.
//!
//! A log says less than a request. What it leaves out is taken as it mostly is: the type of an
//! answer by the extension of its path, as for a 304; a request for a page as one for a tab, unless
//! headers are logged that say otherwise. What is there is used: `Accept`, `Sec-Fetch-*`,
//! `Sec-Purpose`, `X-Forwarded-For` of a trusted proxy, the answer's `Content-Type`.

use super::record::Record;
use super::summary::Why;
use super::types::{Types, why_not};
use crate::capture::asked::Asked;
use crate::capture::classify::{Answer, Class, classify, content_range, is_read, type_by_path};
use crate::capture::{A_BROWSER, BYTES_MAX, SiteRules};
use crate::clock::{HOUR, Millis};
use crate::config::{Config, SiteConfig};
use crate::host;
use crate::model::hosts::Hosts;
use crate::model::site::{Site, SiteId};
use crate::model::{Answered, Hit, PageKind, Traits, What};
use crate::room_settings::visitor_settings;
use crate::text;
use crate::visitor::address::{Trusted, parse_address};
use crate::visitor::{Agent, Places, Proven, Repeated, Secrets, Visitors, Who, bots, untold};
use foldhash::fast::RandomState;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use memchr::memchr;
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

/// User agents remembered.
const REMEMBERED: usize = 20_000;

/// Counts lines of one or more sites.
pub struct Requests {
    sites: Arc<Vec<Site>>,
    of_sites: Vec<OfSite>,
    hosts: Hosts,
    visitors: Visitors,
    value_length: usize,
    agents: HashMap<Box<[u8]>, Named, RandomState>,
    untold: Named,
    types: Types,
    repeated: RefCell<Repeated>,
    /// The hour that salts were last looked after.
    hour: Millis,
    /// Views so far: each has a number.
    views: u64,
}

/// What a user agent is, and the headers of a request of which nothing else is told.
#[derive(Clone)]
struct Named {
    agent: Arc<Agent>,
    headers: Arc<HeaderMap>,
}

struct OfSite {
    id: SiteId,
    config: SiteConfig,
}

/// What a line comes to: a hit, and for a feed that a machine fetches another one.
pub type Hits = (Hit, Option<Box<Hit>>);

impl Requests {
    /// # Errors
    /// A file that a setting names cannot be read.
    pub fn new(config: &Config, sites: Arc<Vec<Site>>, seed: [u8; 32]) -> anyhow::Result<Self> {
        let settings = visitor_settings(config, Trusted::from(config.trusted_proxies.clone()))?;
        // Each view brings what its visit is told apart by.
        let settings = crate::visitor::Settings { remembered: 0, ..settings };
        let secrets = Arc::new(Secrets::derived(sites.clone(), seed));
        let places = Arc::new(Places::open(&config.geoip)?);
        let of_site = |config: &SiteConfig| OfSite {
            id: SiteId::of(&config.site.name),
            config: config.clone(),
        };
        Ok(Self {
            hosts: Hosts::new(&*sites),
            visitors: Visitors::new(sites.clone(), places, secrets, settings),
            of_sites: config.sites.iter().map(of_site).collect(),
            sites,
            value_length: config.limits.value_length,
            agents: HashMap::default(),
            untold: Named { agent: Arc::new(untold()), headers: Arc::default() },
            types: Types::default(),
            repeated: RefCell::default(),
            hour: 0,
            views: 0,
        })
    }

    /// The site a line is of.
    ///
    /// # Errors
    /// Of none.
    pub fn site(&self, record: &Record<'_>) -> Result<usize, Why> {
        if let Some(only) = self.hosts.only() {
            return Ok(only);
        }
        match authority(record) {
            Some(host) => self.hosts.find(&host::plain_bytes(host)).ok_or(Why::OtherHost),
            None if self.sites.len() == 1 => Ok(0),
            None => Err(Why::NoHost),
        }
    }

    /// What a line of a site counts as.
    ///
    /// # Errors
    /// As nothing, and why.
    pub fn count(&mut self, site: usize, record: &Record<'_>) -> Result<Hits, Why> {
        if let Some(why) = self.plainly_nothing(site, record) {
            return Err(why);
        }
        let Ok(method) = Method::from_bytes(&record.method) else { return Err(Why::NoRequest) };
        let status = StatusCode::from_u16(record.status).map_err(|_| Why::NoRequest)?;
        let (path, query) = target(record);
        if path.is_empty() {
            return Err(Why::NoRequest);
        }
        if self.of_sites[site].is_ours(path.as_bytes()) {
            return Err(Why::Ours);
        }
        if record.at / HOUR != self.hour {
            self.hour = record.at / HOUR;
            self.visitors.secrets().make_do(record.at);
        }
        let named = self.agent(record);
        let headers = match told(record, &path) {
            Some(headers) => Arc::new(headers),
            None => self.types.of(&path),
        };
        let answer = Answer::of(status, &headers);
        let request = Request { record, path: &path, query: query.as_deref(), method: &method };
        let line = Line { requests: self, site, request, answer, headers: &headers };
        if named.agent.bot.is_some() {
            return line.machine(named);
        }
        let hits = line.person(named)?;
        self.views += 1;
        Ok(hits)
    }

    /// Why a line counts as nothing, where the name of its file and its user agent tell that alone:
    /// most lines are of assets. `None`: it is to be looked at as a whole.
    fn plainly_nothing(&self, site: usize, record: &Record<'_>) -> Option<Why> {
        let Record { request, answer, tells_accept, tells_type, .. } = record;
        let told = *tells_accept || *tells_type || !request.is_empty() || !answer.is_empty();
        if told || record.status != 200 || *record.method != *b"GET" {
            return None;
        }
        let (path, _) = path_and_query(record);
        let why = self.types.nothing(path)?;
        let agent = match &record.user_agent {
            Some(written) => &self.agents.get(&**written)?.agent,
            None => &self.untold.agent,
        };
        (agent.bot.is_none() && !self.of_sites[site].is_ours(path)).then_some(why)
    }

    /// What the user agent is.
    fn agent(&mut self, record: &Record<'_>) -> Named {
        let Some(written) = &record.user_agent else { return self.untold.clone() };
        if let Some(named) = self.agents.get(&**written) {
            return named.clone();
        }
        let value = value_of(written);
        let agent = self.visitors.agent_of(&text::lenient(value.as_bytes()));
        let headers = Arc::new(HeaderMap::from_iter([(header::USER_AGENT, value)]));
        let named = Named { agent, headers };
        if self.agents.len() >= REMEMBERED {
            self.agents.clear();
        }
        self.agents.insert((&**written).into(), named.clone());
        named
    }
}

impl OfSite {
    /// Whether a path is the script's, the beacons' or the opt-out's.
    fn is_ours(&self, path: &[u8]) -> bool {
        let SiteConfig { script, privacy, .. } = &self.config;
        let ours = [Some(&script.path), Some(&script.beacon_path), privacy.opt_out_path.as_ref()];
        ours.into_iter().flatten().any(|own| own.as_bytes() == path)
    }
}

/// A request, as far as it is told.
struct Request<'l> {
    record: &'l Record<'l>,
    path: &'l str,
    query: Option<&'l str>,
    method: &'l Method,
}

/// A line, with what is needed to judge it.
struct Line<'l> {
    requests: &'l Requests,
    site: usize,
    request: Request<'l>,
    answer: Answer<'l>,
    headers: &'l HeaderMap,
}

impl<'l> Line<'l> {
    fn machine(self, named: Named) -> Result<Hits, Why> {
        let Self { answer, site, .. } = self;
        let Request { path, query, method, .. } = self.request;
        let headers = self.request_headers(&named);
        let who = self.who(named.agent, &headers);
        self.is_counted(&who, &headers)?;
        let Some(Proven { bot, proof }) = who.bot() else { return Err(Why::Asset) };
        let rules = self.rules();
        let what = What::Bot {
            name: bot.name.clone(),
            class: bot.class.as_str().into(),
            page: rules.page(path, query),
            status: answer.status.as_u16(),
            read: is_read(method, path, answer, None),
            proof: Some(proof),
            // A log does not hold it.
            allowed: None,
        };
        let fetches = *method == Method::GET && answer.status == StatusCode::OK;
        let feed = (fetches && answer.is_feed(path)).then(|| What::Feed {
            path: rules.named(path),
            reader: bot.name.clone(),
            subscribers: bots::subscribers(who.user_agent()),
        });
        // Rows of machines are nobody's.
        let hit = |what| Hit {
            at: self.request.record.at,
            site: self.requests.of_sites[site].id,
            lane: 0,
            visitor: None,
            before_midnight: None,
            what,
        };
        Ok((hit(what), feed.map(|feed| Box::new(hit(feed)))))
    }

    fn person(self, named: Named) -> Result<Hits, Why> {
        let Request { record, path, query, method } = self.request;
        let answer = self.answer;
        // What is told of a request beside its user agent is little, and mostly nothing.
        let asking = asking(record);
        let asked = match record.tells_accept {
            true => Asked::of(&asking),
            false => Asked::of_some(&asking),
        };
        let kind = match classify(method, asked, path, answer, None) {
            Class::Page(PageKind::Ignored | PageKind::Unseen) | Class::Nothing => {
                return Err(why_not(method, answer));
            }
            Class::Page(kind) => Some(kind),
            Class::Feed | Class::Download => None,
        };
        let headers = self.request_headers(&named);
        let who = self.who(named.agent, &headers);
        self.is_counted(&who, &headers)?;
        let rules = self.rules();
        let status = answer.status;
        let host = authority(record).map(host::plain_bytes);
        let referrer = || record.referrer.as_deref().map(text::lenient);
        let what = match kind {
            None if answer.status == StatusCode::OK && answer.is_feed(path) => {
                What::Feed { path: rules.named(path), reader: A_BROWSER.into(), subscribers: None }
            }
            None => {
                let (first, length) = content_range(self.headers).unwrap_or_else(|| {
                    let told = text::header(self.headers, header::CONTENT_LENGTH);
                    (0, told.and_then(|length| length.parse().ok()))
                });
                What::Download { path: rules.named(path), first, bytes: record.bytes, length }
            }
            Some(kind) => {
                let is_view = kind == PageKind::View;
                let is_error = kind == PageKind::Error;
                let traits = is_view.then(|| self.traits(&who, host.as_deref(), query));
                let from =
                    is_error.then(|| rules.link_from(referrer().as_deref(), host.as_deref()));
                What::Answered(Answered {
                    page: rules.page(path, query),
                    nonce: self.requests.views,
                    kind,
                    status: status.as_u16(),
                    traits,
                    from: from.flatten(),
                    bytes: match status {
                        StatusCode::NOT_MODIFIED => 0,
                        _ => record.bytes.min(BYTES_MAX),
                    },
                    origin: record.origin,
                })
            }
        };
        let (visitor, before_midnight) = who.at(record.at);
        let site = self.requests.of_sites[self.site].id;
        Ok((Hit { at: record.at, site, lane: 0, visitor, before_midnight, what }, None))
    }

    /// What the visit is told apart by.
    fn traits(&self, who: &Who<'_>, host: Option<&str>, query: Option<&str>) -> Traits {
        let record = self.request.record;
        let referrer = record.referrer.as_deref().map(text::lenient);
        if query.is_some() || !record.request.is_empty() {
            return who.traits(host, referrer.as_deref(), query);
        }
        let mut repeated = self.requests.repeated.borrow_mut();
        who.repeated_traits(&mut repeated, host, referrer.as_deref())
    }

    /// All that is told of the request.
    fn request_headers(&self, named: &Named) -> Arc<HeaderMap> {
        let told = &self.request.record.request;
        if told.is_empty() {
            return named.headers.clone();
        }
        let mut headers = (*named.headers).clone();
        headers.reserve(told.len());
        for (name, value) in told {
            headers.append(name.clone(), value_of(value));
        }
        Arc::new(headers)
    }

    fn who<'h>(&'h self, agent: Arc<Agent>, headers: &'h HeaderMap) -> Who<'h> {
        let record = self.request.record;
        let visitors = &self.requests.visitors;
        // The client hint is asked for where it is told.
        let agent = match headers.contains_key("sec-ch-ua-mobile") {
            true => visitors.agent(headers),
            false => agent,
        };
        visitors.identify_as(agent, self.site, Some(address(&record.address)), headers)
    }

    fn is_counted(&self, who: &Who<'_>, headers: &HeaderMap) -> Result<(), Why> {
        let host = || authority(self.request.record).map(host::plain_bytes);
        if self.requests.visitors.ignores(self.site, headers)
            || self.rules().excludes(self.request.path, host, |n, c| who.is_among(n, c))
        {
            return Err(Why::Excluded);
        }
        Ok(())
    }

    fn rules(&self) -> SiteRules<'l> {
        let requests = self.requests;
        let SiteConfig { keep_query, exclude, .. } = &requests.of_sites[self.site].config;
        let (site, value_length) = (&requests.sites[self.site], requests.value_length);
        SiteRules { site, keep_query, exclude, value_length }
    }
}

/// The host a request was for.
fn authority<'r>(record: &'r Record<'_>) -> Option<&'r [u8]> {
    record.host.as_deref().or_else(|| absolute(&record.target).map(|(host, _)| host))
}

/// Host and rest of a target with a scheme, as a request to a proxy has it.
fn absolute(target: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = target.strip_prefix(b"http://").or_else(|| target.strip_prefix(b"https://"))?;
    Some(rest.split_at(memchr(b'/', rest).unwrap_or(rest.len())))
}

/// Path and query. Bytes that no URL holds are escaped, as on their way through the proxy.
fn target<'r>(record: &'r Record<'_>) -> (Cow<'r, str>, Option<Cow<'r, str>>) {
    let (path, query) = path_and_query(record);
    (escaped(path), query.map(escaped))
}

/// The same as they are written.
fn path_and_query<'r>(record: &'r Record<'_>) -> (&'r [u8], Option<&'r [u8]>) {
    let target = absolute(&record.target).map_or(&*record.target, |(_, rest)| rest);
    match memchr(b'?', target) {
        Some(at) => (&target[..at], Some(&target[at + 1..])),
        None => (target, record.query.as_deref().map(|q| q.strip_prefix(b"?").unwrap_or(q))),
    }
}

fn escaped(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = str::from_utf8(bytes) {
        return text.into();
    }
    let mut text = String::with_capacity(bytes.len() + 16);
    for byte in bytes {
        match byte.is_ascii() {
            true => text.push(char::from(*byte)),
            false => text.push_str(percent_encoding::percent_encode_byte(*byte)),
        }
    }
    text.into()
}

/// What a log calls a client: an address, or the name of a machine, which stands for an address
/// that is in no country.
fn address(written: &[u8]) -> IpAddr {
    parse_address(written).unwrap_or_else(|| {
        use std::hash::{BuildHasher, Hasher};
        let mut hasher = foldhash::fast::FixedState::with_seed(0).build_hasher();
        hasher.write(written);
        // Of the private ones; a household has the first half.
        IpAddr::V6(Ipv6Addr::from_bits(0xfd_u128 << 120 | u128::from(hasher.finish() >> 8) << 64))
    })
}

/// What is told of how the browser asked.
fn asking(record: &Record<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in &record.request {
        headers.append(name.clone(), value_of(value));
    }
    headers
}

/// What the log tells of the answer's headers, if it does; the type that it does not tell, the path
/// does.
fn told(record: &Record<'_>, path: &str) -> Option<HeaderMap> {
    if !record.tells_type && record.answer.is_empty() {
        return None;
    }
    let mut headers = HeaderMap::with_capacity(record.answer.len() + 1);
    for (name, value) in &record.answer {
        headers.append(name.clone(), value_of(value));
    }
    if !record.tells_type
        && let Some(kind) = type_by_path(path)
    {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    Some(headers)
}

/// Bytes that no header holds are blanks.
fn value_of(written: &[u8]) -> HeaderValue {
    HeaderValue::from_bytes(written).unwrap_or_else(|_| {
        let plain = |byte: &u8| if *byte < 32 || *byte == 127 { b' ' } else { *byte };
        let plain: Vec<u8> = written.iter().map(plain).collect();
        HeaderValue::from_bytes(&plain).unwrap_or(HeaderValue::from_static(""))
    })
}
