//! A client, as far as counting may know one: the room's door.
//!
//! [`Who`] holds the address for the time of one request and gives out only what cannot be turned
//! back into it.

use super::address::{Trusted, client_address, is_trusted, network};
use super::agent::{Agent, Agents};
use super::introduced::Introduced;
use super::networks::DATA_CENTRE;
use super::place::{Place, Places};
use super::prove::{Proven, Prover};
use super::repeated::Repeated;
use super::secrets::{Current, Secrets};
use super::source::arrival;
use crate::clock::Millis;
use crate::host;
use crate::model::hosts;
use crate::model::rollup::{self, Dimension};
use crate::model::site::Site;
use crate::model::{Traits, VisitorHash};
use crate::text;
use arc_swap::Guard;
use http::request::Parts;
use http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;
use std::borrow::Cow;
use std::hash::{BuildHasher, Hash};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// As many as there can be threads.
const LANES: u64 = 1_024;

/// Bytes of a host's name, which DNS bounds.
const HOST_MAX: usize = 253;

/// Bytes of a region's or city's name.
const PLACE_MAX: usize = 100;

/// What to do with who asks not to be tracked (`Sec-GPC: 1`, `DNT: 1`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DoNotTrack {
    /// Count their views, without visitor or session.
    Anonymous,
    /// Count them like everyone: nothing personal is kept of anyone.
    Count,
    /// Count nothing of them.
    Ignore,
}

/// The cookie of a visitor who asked not to be counted.
pub const OPT_OUT: &str = "headcount_optout=1";

/// How visitors are told apart.
pub struct Settings {
    /// Peers that are believed about the client.
    pub trusted_proxies: Trusted,
    /// Of each site.
    pub do_not_track: Vec<DoNotTrack>,
    /// Headers in which a trusted proxy tells country, region and city, in that order.
    pub place_headers: Vec<HeaderName>,
    /// Checks what machines say they are.
    pub prover: Arc<Prover>,
    /// As many visitors are surely remembered where views are counted; 0 if that is not said.
    pub remembered: usize,
}

/// Tells clients apart without knowing them.
pub struct Visitors {
    sites: Arc<Vec<Site>>,
    agents: Agents,
    places: Arc<Places>,
    secrets: Arc<Secrets>,
    settings: Settings,
    introduced: Introduced,
    /// Keys lanes and buckets; see [`Visitors::spread`].
    lanes: foldhash::fast::FixedState,
}

/// One request's client.
pub struct Who<'a> {
    visitors: &'a Visitors,
    site: usize,
    peer: IpAddr,
    address: IpAddr,
    agent: Arc<Agent>,
    user_agent: Cow<'a, str>,
    headers: &'a HeaderMap,
    secrets: Guard<Arc<Current>>,
}

impl Visitors {
    pub fn new(
        sites: Arc<Vec<Site>>,
        places: Arc<Places>,
        secrets: Arc<Secrets>,
        settings: Settings,
    ) -> Self {
        let agents = Agents::new();
        let lanes = foldhash::fast::FixedState::with_seed(rand::random());
        agents.warm();
        let introduced = Introduced::new(settings.remembered);
        Self { sites, agents, places, secrets, settings, introduced, lanes }
    }

    /// Spreads clients over lanes as another process did, which knew `key`. Without one, no two
    /// processes do it alike.
    pub fn spread(self, key: u64) -> Self {
        Self { lanes: foldhash::fast::FixedState::with_seed(key), ..self }
    }

    /// A lane of one's own choosing, for what belongs together without being one client's.
    pub fn lane_of(&self, key: impl Hash) -> u16 {
        (self.lanes.hash_one(key) % LANES) as u16
    }

    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Who has no need to be described again.
    pub fn introduced(&self) -> &Introduced {
        &self.introduced
    }

    /// What the request's user agent is.
    pub fn agent(&self, headers: &HeaderMap) -> Arc<Agent> {
        let mobile = headers.get(&MOBILE).map(|v| v.as_bytes() == b"?1");
        self.agents.read(&user_agent(headers), mobile)
    }

    /// What a user agent is, if nothing else is known of the request.
    pub fn agent_of(&self, user_agent: &str) -> Arc<Agent> {
        self.agents.read(user_agent, None)
    }

    /// Whether a request may be a machine's though its user agent is a browser's: it is signed.
    pub fn may_be_signed(&self, headers: &HeaderMap) -> bool {
        let signatures = self.settings.prover.signatures.as_ref();
        signatures.is_some_and(|signatures| signatures.is_worth_a_look(headers))
    }

    /// Whether this client is not to be counted at all: it asked for that, and is heard.
    pub fn ignores(&self, site: usize, headers: &HeaderMap) -> bool {
        self.settings.do_not_track[site] == DoNotTrack::Ignore && asks_not_to_be_tracked(headers)
            || has_opted_out(headers)
    }

    /// Whose request this is. `peer` is `None` for a client without an address (a Unix socket).
    pub fn identify<'a>(
        &'a self,
        site: usize,
        peer: Option<IpAddr>,
        headers: &'a HeaderMap,
    ) -> Who<'a> {
        self.identify_as(self.agent(headers), site, peer, headers)
    }

    /// The same, with the user agent read already.
    pub fn identify_as<'a>(
        &'a self,
        agent: Arc<Agent>,
        site: usize,
        peer: Option<IpAddr>,
        headers: &'a HeaderMap,
    ) -> Who<'a> {
        let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        Who {
            visitors: self,
            site,
            peer,
            address: client_address(peer, headers, &self.settings.trusted_proxies.now()),
            agent,
            user_agent: user_agent(headers),
            headers,
            secrets: self.secrets.load(),
        }
    }
}

impl Who<'_> {
    /// The machine this is, where all of its request is known.
    pub fn bot_of(&self, request: &Parts, now: Millis) -> Option<Proven> {
        let claimed = self.agent.bot.as_ref();
        self.visitors.settings.prover.judge(claimed, request, self.address, now)
    }

    /// The machine this is, by its own word, and how far that is proven; or what it is instead, if
    /// that word is false.
    pub fn bot(&self) -> Option<Proven> {
        let claimed = self.agent.bot.as_ref()?;
        Some(self.visitors.settings.prover.prove(claimed, self.address))
    }

    /// Whether the address is in one of these networks, or the client in one of these countries.
    pub fn is_among(&self, networks: &[IpNet], countries: &[String]) -> bool {
        networks.iter().any(|network| network.contains(&self.address))
            || !countries.is_empty()
                && self.place().country.is_some_and(|here| countries.iter().any(|c| **c == *here))
    }

    /// The same client at another address, where whoever has sent the request may say so.
    #[must_use]
    pub fn at_address(self, address: IpAddr) -> Self {
        Self { address, ..self }
    }

    /// By which, with the user agent, the client is told apart.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    pub fn user_agent(&self) -> &str {
        &self.user_agent
    }

    /// Chooses the shard: one client, one lane, whatever the day's salt. There are few lanes, so
    /// that a lane that is written down tells nobody apart.
    pub fn lane(&self) -> u16 {
        self.visitors.lane_of((network(self.address), &*self.user_agent))
    }

    /// For limits per address: one household, one bucket.
    pub fn bucket(&self) -> u64 {
        self.visitors.lanes.hash_one(network(self.address))
    }

    /// The visitor by the salt of the day `at` falls on, and in the hour after midnight by that of
    /// the day before. Nobody for who asks not to be tracked, if that is [`DoNotTrack::Anonymous`].
    pub fn at(&self, at: Millis) -> (Option<VisitorHash>, Option<VisitorHash>) {
        if self.visitors.settings.do_not_track[self.site] == DoNotTrack::Anonymous
            && asks_not_to_be_tracked(self.headers)
        {
            return (None, None);
        }
        let site = &self.visitors.sites[self.site].name;
        let hash = |salt| VisitorHash::new(salt, site, self.address, self.user_agent.as_bytes());
        let Some(today) = self.secrets.salt(self.site, at) else {
            // The clock has jumped into a day that nobody has made a salt for yet.
            self.visitors.secrets.make_do(at);
            return (self.visitors.secrets.load().salt(self.site, at).map(hash), None);
        };
        (Some(hash(today)), self.secrets.yesterdays_salt(self.site, at).map(hash))
    }

    /// What the visit is told apart by, as this request says; `host` as [`host::plain`] has it.
    pub fn traits(
        &self,
        host: Option<&str>,
        referrer: Option<&str>,
        query: Option<&str>,
    ) -> Traits {
        self.traits_at(self.place(), self.is_hosted(), host, referrer, query)
    }

    /// The same, with what the address says.
    fn traits_at(
        &self,
        place: Place,
        hosting: bool,
        host: Option<&str>,
        referrer: Option<&str>,
        query: Option<&str>,
    ) -> Traits {
        let site = &self.visitors.sites[self.site];
        let own = |other: &str| {
            host.is_some_and(|own| host::is_same(own, other)) || hosts::is_own(site, other)
        };
        let from = arrival(referrer, query, own);
        let hostname = host.map(|host| rollup::clean(host, HOST_MAX));
        let language = text::header(self.headers, header::ACCEPT_LANGUAGE);
        let language = language.and_then(|asked| super::language::language(&asked));
        let all = [
            (Dimension::Source, Some(&*from.source)),
            (Dimension::Channel, Some(from.channel)),
            (Dimension::Referrer, from.referrer.as_deref()),
            (Dimension::UtmSource, from.utm_source.as_deref()),
            (Dimension::UtmMedium, from.utm_medium.as_deref()),
            (Dimension::UtmCampaign, from.utm_campaign.as_deref()),
            (Dimension::UtmContent, from.utm_content.as_deref()),
            (Dimension::UtmTerm, from.utm_term.as_deref()),
            (Dimension::Country, place.country.as_deref()),
            (Dimension::Region, place.region.as_deref()),
            (Dimension::City, place.city.as_deref()),
            (Dimension::Language, language.as_deref()),
            (Dimension::Hostname, hostname.as_deref()),
            (Dimension::Network, hosting.then_some(DATA_CENTRE)),
        ];
        let known = all.into_iter().filter_map(|(dimension, value)| Some((dimension, value?)));
        self.agent.traits.and(known)
    }

    /// The traits of a request without a query, of whose headers only user agent, host and referrer
    /// are known: many say the same.
    pub fn repeated_traits(
        &self,
        known: &mut Repeated,
        host: Option<&str>,
        referrer: Option<&str>,
    ) -> Traits {
        let (place, hosting) = (self.place(), self.is_hosted());
        let Place { country, region, city } = &place;
        let texts = [country, region, city].map(|text| text.as_deref());
        let texts = texts.into_iter().chain([host, referrer]);
        known.get(self.site, &self.agent, hosting, texts, || {
            self.traits_at(place.clone(), hosting, host, referrer, None)
        })
    }

    fn is_hosted(&self) -> bool {
        self.visitors.settings.prover.is_in_data_centre(self.address)
    }

    /// Where the client is: what a trusted proxy says of it, else what the address does.
    fn place(&self) -> Place {
        let Settings { place_headers, trusted_proxies, .. } = &self.visitors.settings;
        let told = |i: usize| {
            let value = text::header(self.headers, place_headers.get(i)?)?;
            let value = text::percent_decoded(&value);
            (!value.is_empty()).then(|| Arc::from(rollup::clean(&value, PLACE_MAX)))
        };
        if !place_headers.is_empty()
            && is_trusted(self.peer, &trusted_proxies.now())
            && let Some(country) = told(0).filter(|country| is_country(country))
        {
            return Place { country: Some(country), region: told(1), city: told(2) };
        }
        self.visitors.places.locate(self.address)
    }
}

static MOBILE: HeaderName = HeaderName::from_static("sec-ch-ua-mobile");
static DO_NOT_TRACK: [HeaderName; 2] = [HeaderName::from_static("sec-gpc"), header::DNT];

/// Two capital letters; but Cloudflare says XX where it does not know.
fn is_country(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase()) && code != "XX"
}

/// Whether the visitor has asked, by the site's own page, not to be counted.
pub fn has_opted_out(headers: &HeaderMap) -> bool {
    let mut cookies = headers.get_all(header::COOKIE).iter();
    cookies
        .any(|v| v.as_bytes().split(|b| *b == b';').any(|c| c.trim_ascii() == OPT_OUT.as_bytes()))
}

/// `Sec-GPC: 1` or `DNT: 1`.
fn asks_not_to_be_tracked(headers: &HeaderMap) -> bool {
    DO_NOT_TRACK.iter().any(|name| headers.get(name).is_some_and(|v| v == "1"))
}

fn user_agent(headers: &HeaderMap) -> Cow<'_, str> {
    text::header(headers, header::USER_AGENT).unwrap_or_default()
}
