//! What the demo has behind it: up to a year of visitors, counted before the first live one comes.
//!
//! Nobody waits a year for a demo. So visits of the days before are made up as the proxy would have
//! seen them: people with browsers, addresses and the day's salt, crawlers, feed readers. From
//! there on nothing is special: [`PastDays`] counts the hits in the order of time. Only into a
//! store that has nothing of these days yet.
//!
//! The days have seasons and weekends. One is the day the bakery was on everybody's front page, and
//! there is a week in which robots came in crowds.

use super::people::{Machine, Origin, Person, draw_machine};
use super::{pages, traffic};
use crate::aggregate::Limits;
use crate::capture::beacon::screen_class;
use crate::clock::{HOUR, MINUTE, Millis, SECOND};
use crate::model::rollup::GRID;
use crate::model::site::{Day, Site, SiteId};
use crate::model::{
    Answered, Hit, IdVerdict, Nav, PageKind, ScriptEvent, ScriptEventKind, Shown, Tracker, Traits,
    Vital, What,
};
use crate::past::PastDays;
use crate::store::Store;
use crate::visitor::{DoNotTrack, Places, Proven, Secrets, Settings, Visitors, Who};
use crate::visitor::{address::Trusted, bots};
use chrono::{Datelike, TimeDelta};
use fastrand::Rng;
use http::header::{ACCEPT_LANGUAGE, USER_AGENT};
use http::{HeaderMap, HeaderValue};
use std::collections::HashMap;
use std::f64::consts::TAU;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// Visits on a usual day by now; a year ago there were half as many.
const VISITS: f64 = 130.0;

/// Of a hundred visitors so many come again on the same day.
const COME_AGAIN: u8 = 12;

/// How much goes on from Monday to Sunday: bread is bought on Saturday.
const WEEK: [f64; 7] = [0.9, 1.0, 1.0, 1.05, 1.2, 1.35, 0.55];

/// How much goes on from midnight on, by the hour.
const HOURS: [u32; 24] =
    [2, 1, 1, 1, 1, 2, 6, 12, 14, 13, 13, 12, 11, 10, 10, 10, 11, 12, 13, 15, 16, 13, 8, 4];

/// So many days ago everybody read of the oven …
const FRONT_PAGE: i64 = 118;
/// … and so many days ago robots came in crowds, for three days.
const ROBOTS: i64 = 41;

/// A page whose picture is far too large.
const SLOW_PAGE: &str = "/journal/the-oven";

/// What is written in one go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Pages that people were answered.
    pub views: u64,
    pub orders: u64,
}

/// Invents the visitors of days gone by.
pub struct Past {
    sites: Arc<Vec<Site>>,
    secrets: Arc<Secrets>,
    visitors: Visitors,
    /// The demo's address, as visitors know it.
    host: String,
    site: SiteId,
    pages: HashMap<&'static str, PageData>,
    random: Rng,
}

/// A page of the website.
struct PageData {
    name: Arc<str>,
    bytes: u64,
    links: Vec<String>,
}

/// A visitor's day.
struct Guest<'a> {
    site: SiteId,
    who: &'a Who<'a>,
    person: &'a Person,
    traits: Traits,
    screen: Option<Arc<str>>,
}

impl Past {
    /// `now`: where the past ends. The same seed invents the same visitors.
    ///
    /// # Errors
    /// None that is expected: countries are known without a file.
    pub fn new(sites: Arc<Vec<Site>>, host: &str, now: Millis, seed: u64) -> anyhow::Result<Self> {
        let secrets = Arc::new(Secrets::new(sites.clone(), now, None));
        let settings = Settings {
            trusted_proxies: Trusted::from(Vec::new()),
            do_not_track: vec![DoNotTrack::Count; sites.len()],
            place_headers: Vec::new(),
            prover: Arc::default(),
            remembered: 0,
        };
        let places = Arc::new(Places::open(&[])?);
        let visitors = Visitors::new(sites.clone(), places, secrets.clone(), settings);
        let pages = pages::all().into_iter().map(|page| {
            let html = page.html();
            let (bytes, links) = (html.len() as u64, traffic::links(&html));
            (page.path, PageData { name: page.path.into(), bytes, links })
        });
        let (host, random) = (host.to_owned(), Rng::with_seed(seed));
        let site = SiteId::of(&sites[0].name);
        Ok(Self { site, secrets, visitors, host, pages: pages.collect(), random, sites })
    }

    /// Counts the last `days` days up to `now` into a store, the last of them today. `None`:
    /// something is counted there already.
    ///
    /// # Errors
    /// The store's.
    pub async fn write(
        &mut self,
        store: &dyn Store,
        days: u32,
        now: Millis,
    ) -> anyhow::Result<Option<Summary>> {
        let limits = Limits { visitors: 100_000, rows: 10_000 };
        let node = format!("history.{:016x}", self.random.u64(..));
        let mut past = PastDays::new(self.sites.clone(), limits, self.random.u64(..), node.into());
        let site = self.sites[0].clone();
        let today = site.day(now);
        let all: Vec<Day> = (0..i64::from(days)).map(|ago| today - TimeDelta::days(ago)).collect();
        if store.versions(&site.name, &all).await?.iter().any(|version| *version > 0) {
            return Ok(None);
        }
        let mut summary = Summary::default();
        for ago in (0..i64::from(days)).rev() {
            for hit in self.day(today, ago, now) {
                summary.views += u64::from(is_view(&hit.what));
                summary.orders += u64::from(is_order(&hit.what));
                past.count(hit);
            }
            past.seal();
            past.deliver(store).await?;
        }
        Ok(Some(summary))
    }

    /// What happened on the day so many days `ago`, before `now`, in the order of time.
    fn day(&mut self, today: Day, ago: i64, now: Millis) -> Vec<Hit> {
        let day = today - TimeDelta::days(ago);
        let start = self.sites[0].day_start(day);
        let famous = famous(ago);
        let visits = VISITS
            * (1.0 - 0.5 * ago as f64 / 365.0)
            * WEEK[day.weekday().num_days_from_monday() as usize]
            * (1.0 + 0.2 * (TAU * f64::from(day.ordinal()) / 365.0).cos())
            * (0.85 + 0.3 * self.random.f64())
            * (1.0 + famous);
        let mut hits = Vec::new();
        for _ in 0..visits as usize {
            let at = start + self.time_of_day();
            let mut person = Person::draw(&mut self.random);
            if self.random.f64() < famous / (1.0 + famous) {
                person.origin = Origin::front_page();
            }
            self.visits(at, &person, &mut hits);
        }
        let crowd = if (ROBOTS - 3..ROBOTS).contains(&ago) { 20.0 } else { 1.0 };
        for _ in 0..(visits / (1.0 + famous) * 0.18 * crowd) as usize {
            let at = start + self.random.i64(0..24 * HOUR);
            let machine = draw_machine(&mut self.random);
            self.machine(at, machine, &mut hits);
        }
        hits.retain(|hit| hit.received() < now);
        hits.sort_by_key(Hit::received);
        hits
    }

    fn time_of_day(&mut self) -> Millis {
        let all: u32 = HOURS.iter().sum();
        let mut left = self.random.u32(..all);
        let hour = HOURS.iter().position(|weight| {
            let here = left < *weight;
            left = left.saturating_sub(*weight);
            here
        });
        hour.unwrap_or_default() as Millis * HOUR + self.random.i64(0..HOUR)
    }

    /// All visits of somebody on a day, the first at `at`.
    fn visits(&mut self, at: Millis, person: &Person, hits: &mut Vec<Hit>) {
        self.secrets.make_do(at);
        let mut headers = request(person.agent.user_agent);
        headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static(person.language));
        if let Some(mobile) = person.agent.mobile_hint() {
            headers.insert("sec-ch-ua-mobile", HeaderValue::from_static(mobile));
        }
        let random = &mut self.random;
        let who = self.visitors.identify(0, Some(IpAddr::V4(person.address)), &headers);
        let query = person.origin.landing.split_once('?').map(|(_, query)| query);
        let traits = who.traits(Some(&self.host), person.origin.referrer, query);
        let screen = person.script.then(|| screen_class(person.viewport)).flatten();
        let guest = Guest { site: self.site, who: &who, person, traits, screen };
        let mut at = at;
        loop {
            at = guest.browse(&self.pages, at, random, hits);
            if random.u8(..100) >= COME_AGAIN {
                return;
            }
            at += 40 * MINUTE + random.i64(0..6 * HOUR);
        }
    }

    fn machine(&mut self, at: Millis, machine: &Machine, hits: &mut Vec<Hit>) {
        self.secrets.make_do(at);
        let headers = request(machine.user_agent);
        let address = Ipv4Addr::new(192, 0, 2, self.random.u8(1..255));
        let who = self.visitors.identify(0, Some(IpAddr::V4(address)), &headers);
        let Some(Proven { bot, proof }) = who.bot() else { return };
        for (nth, path) in (0..).zip(machine.paths) {
            let at = at + nth * 2 * SECOND;
            let known = self.pages.contains_key(path);
            let is_feed = *path == "/feed.xml";
            hits.push(hit(
                self.site,
                &who,
                at,
                who.lane(),
                What::Bot {
                    name: bot.name.clone(),
                    class: bot.class.as_str().into(),
                    page: (*path).into(),
                    status: if known || is_feed { 200 } else { 404 },
                    read: known && machine.method == "GET",
                    proof: Some(proof),
                    allowed: None,
                },
            ));
            if is_feed {
                let reader = bot.name.clone();
                let lane = self.visitors.lane_of((&*reader, *path));
                let subscribers = bots::subscribers(machine.user_agent);
                let what = What::Feed { path: (*path).into(), reader, subscribers };
                hits.push(hit(self.site, &who, at, lane, what));
            }
        }
    }
}

impl Guest<'_> {
    /// One visit. Returns when it ended.
    fn browse(
        &self,
        pages: &HashMap<&'static str, PageData>,
        mut at: Millis,
        random: &mut Rng,
        hits: &mut Vec<Hit>,
    ) -> Millis {
        let landing = self.person.origin.landing.split('?').next().unwrap_or_default();
        let mut path = landing.to_owned();
        let mut traits = Some(self.traits.clone());
        for _ in 0..=random.usize(..6) {
            let Some(page) = pages.get(path.as_str()) else { return at };
            let nonce = random.u64(..);
            let slow = if &*page.name == SLOW_PAGE { 4.0 } else { 1.0 };
            let origin = (slow * (20.0 + 60.0 * random.f64()) * 1_000.0) as u32;
            self.did(
                at,
                hits,
                What::Answered(Answered {
                    page: page.name.clone(),
                    nonce,
                    kind: PageKind::View,
                    status: 200,
                    traits: traits.take(),
                    from: None,
                    bytes: page.bytes,
                    origin: Some(origin),
                }),
            );
            let looked = SECOND + (random.f64().powi(2) * 150_000.0) as Millis;
            if let Some(screen) = &self.screen {
                let shown = Showing { page, nonce, answered: at, screen, slow };
                shown.tell(self, looked, random, hits);
                if &*page.name == "/order" {
                    at = shown.order(self, at + looked, random, hits);
                }
            }
            at += looked;
            let links: Vec<&String> = page.links.iter().filter(|link| **link != path).collect();
            let Some(next) = random.choice(links) else { return at };
            if next == "/specials" {
                self.did(
                    at,
                    hits,
                    What::Answered(Answered {
                        page: "/specials".into(),
                        nonce: random.u64(..),
                        kind: PageKind::Error,
                        status: 404,
                        traits: None,
                        from: Some(page.name.clone()),
                        bytes: 1_500,
                        origin: Some(18_000),
                    }),
                );
                return at;
            }
            path.clone_from(next);
        }
        at
    }

    fn did(&self, at: Millis, hits: &mut Vec<Hit>, what: What) {
        hits.push(hit(self.site, self.who, at, self.who.lane(), what));
    }
}

/// A page that is looked at in a browser with the script.
struct Showing<'a> {
    page: &'a PageData,
    nonce: u64,
    answered: Millis,
    screen: &'a Arc<str>,
    slow: f64,
}

impl Showing<'_> {
    /// What the script says until the visitor leaves the page.
    fn tell(&self, guest: &Guest<'_>, looked: Millis, random: &mut Rng, hits: &mut Vec<Hit>) {
        self.shown(
            guest,
            self.answered + SECOND / 2,
            self.page.name.clone(),
            Nav::Load,
            random,
            hits,
        );
        let left = self.answered + looked;
        for _ in 0..random.usize(..3) {
            let (x, y) = match random.bool() {
                true => (random.f64() * 0.55 + 0.05, random.f64() * 0.04 + 0.02),
                false => (random.f64() * 0.3 + 0.2, random.f64() * 0.7 + 0.2),
            };
            let [column, row] = [x, y].map(|part| (part * f64::from(GRID)) as u16);
            let click = ScriptEventKind::Click { screen: self.screen.clone(), column, row };
            self.event(guest, left, click, random, hits);
        }
        // Browsers tell of a third of their pages how fast they were.
        if random.u8(..3) == 0 {
            let phone = if guest.person.agent.mobile { 1.7 } else { 1.0 };
            for (name, least, most) in [
                (Vital::Ttfb, 30.0, 400.0),
                (Vital::Lcp, 300.0, 2_400.0),
                (Vital::Inp, 16.0, 180.0),
                (Vital::Cls, 0.0, 0.2),
            ] {
                let value = phone * self.slow * (least + (most - least) * random.f64().powi(3));
                let vital = ScriptEventKind::Vital { name, value: value as f32 };
                self.event(guest, left, vital, random, hits);
            }
        }
        let engagement = ScriptEventKind::Engagement {
            millis: looked as u32,
            scroll: Some(random.u8(20..=100)),
            screen: Some(self.screen.clone()),
            view: self.nonce,
        };
        self.event(guest, left, engagement, random, hits);
        if random.u8(..100) < 6 {
            self.event(
                guest,
                left,
                ScriptEventKind::File { url: "/menu.pdf".into() },
                random,
                hits,
            );
        }
        if random.u8(..100) < 3 {
            let url = "https://example.org/mill".into();
            self.event(guest, left, ScriptEventKind::Outbound { url }, random, hits);
        }
    }

    /// The steps of an order, without loading; many stop on the way. Returns when it ended.
    fn order(
        &self,
        guest: &Guest<'_>,
        mut at: Millis,
        random: &mut Rng,
        hits: &mut Vec<Hit>,
    ) -> Millis {
        for step in ["/order/pickup", "/order/done"] {
            if random.u8(..100) < 35 {
                return at;
            }
            at += 4 * SECOND + random.i64(0..MINUTE);
            self.shown(guest, at, step.into(), Nav::History, random, hits);
        }
        let (bread, price) = pages::PRICES[random.usize(..4)];
        let price: f64 = price.parse().unwrap_or_default();
        let order = ScriptEventKind::Custom {
            name: "Order".into(),
            properties: vec![("bread".into(), bread.into())],
            value: Some((price * 1_000.0) as i64),
            interactive: true,
        };
        let done = PageData { name: "/order/done".into(), bytes: 0, links: Vec::new() };
        Showing { page: &done, ..*self }.event(guest, at, order, random, hits);
        at
    }

    fn shown(
        &self,
        guest: &Guest<'_>,
        at: Millis,
        page: Arc<str>,
        nav: Nav,
        random: &mut Rng,
        hits: &mut Vec<Hit>,
    ) {
        let (nonce, issued, kind) = (self.nonce, self.answered, PageKind::View);
        guest.did(
            at,
            hits,
            What::Shown(Shown {
                by: Tracker::Own,
                page,
                traits: guest.traits.clone(),
                received: at,
                screen: Some(self.screen.clone()),
                nav,
                id: IdVerdict::Fresh { nonce, issued, kind },
                n: Some(random.u64(..)),
            }),
        );
    }

    fn event(
        &self,
        guest: &Guest<'_>,
        at: Millis,
        kind: ScriptEventKind,
        random: &mut Rng,
        hits: &mut Vec<Hit>,
    ) {
        let (by, page, n) = (Tracker::Own, self.page.name.clone(), Some(random.u64(..)));
        guest.did(at, hits, What::ScriptEvent(ScriptEvent { by, page, kind, received: at, n }));
    }
}

/// How many more came so many days ago than usually, as a part of these.
fn famous(ago: i64) -> f64 {
    let since = (FRONT_PAGE - ago) as f64;
    if since < 0.0 { 0.0 } else { 7.0 * (-since / 1.4).exp() }
}

fn hit(site: SiteId, who: &Who<'_>, at: Millis, lane: u16, what: What) -> Hit {
    let (visitor, before_midnight) = who.at(at);
    Hit { at, site, lane, visitor, before_midnight, what }
}

fn request(user_agent: &'static str) -> HeaderMap {
    let agent = (USER_AGENT, HeaderValue::from_static(user_agent));
    [agent].into_iter().filter(|(_, agent)| !agent.is_empty()).collect()
}

fn is_view(what: &What) -> bool {
    matches!(what, What::Answered(Answered { kind: PageKind::View, .. }))
}

fn is_order(what: &What) -> bool {
    matches!(what, What::ScriptEvent(ScriptEvent { kind: ScriptEventKind::Custom { .. }, .. }))
}
