//! What the demo has behind it: up to a year of visitors.
//!
//! Nobody waits a year for a demo. So visits of the days before are made up as the proxy would have
//! seen them: people with browsers, addresses and the day's salt, crawlers, feed readers. From
//! there on nothing is special: [`PastDays`] counts the hits in the order of time. Only into a
//! store that has nothing of these days yet.
//!
//! When how many come is each website's own ([`Rhythm`]).

use super::arrivals::MOMENT;
use super::outlines;
use super::people::{Machine, Person, VIEWPORTS};
use super::traffic;
use super::visit::{Guest, PageData, hit};
use super::website::{Rhythm, Website};
use crate::aggregate::Limits;
use crate::capture::beacon::screen_class;
use crate::clock::{HOUR, MINUTE, Millis, SECOND};
use crate::model::site::{Day, Site, SiteId};
use crate::model::{Answered, Hit, PageKind, ScriptEvent, ScriptEventKind, What};
use crate::past::PastDays;
use crate::store::Store;
use crate::visitor::{DoNotTrack, Places, Proven, Secrets, Settings, Visitors};
use crate::visitor::{address::Trusted, bots};
use chrono::TimeDelta;
use fastrand::Rng;
use http::header::{ACCEPT_LANGUAGE, USER_AGENT};
use http::{HeaderMap, HeaderValue};
use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

/// Of a hundred visitors so many come again on the same day.
const COME_AGAIN: u8 = 12;

/// What is written in one go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Pages that people were answered.
    pub views: u64,
    /// Events of the website's own.
    pub deeds: u64,
    /// All that people did, and browsers told of it.
    pub rows: u64,
}

/// Invents the visitors of a website in days gone by.
pub struct Past {
    website: &'static Website,
    sites: Arc<Vec<Site>>,
    /// Which of them it is.
    place: usize,
    secrets: Arc<Secrets>,
    visitors: Visitors,
    /// The website's address, as visitors know it.
    host: String,
    site: SiteId,
    pages: HashMap<&'static str, PageData>,
    random: Rng,
}

impl Past {
    /// Of the website that is the site at `place`, for visitors who know it as `host`. `now`: where
    /// the past ends. The same seed invents the same visitors.
    pub fn new(
        website: &'static Website,
        (sites, place): (Arc<Vec<Site>>, usize),
        host: &str,
        places: Arc<Places>,
        now: Millis,
        seed: u64,
    ) -> Self {
        let secrets = Arc::new(Secrets::new(sites.clone(), now, None));
        let settings = Settings {
            trusted_proxies: Trusted::from(Vec::new()),
            do_not_track: vec![DoNotTrack::Count; sites.len()],
            place_headers: Vec::new(),
            prover: Arc::default(),
            remembered: 0,
        };
        let visitors = Visitors::new(sites.clone(), places, secrets.clone(), settings);
        let pages = (website.pages)().into_iter().map(|page| {
            let html = page.html(&website.frame);
            let (bytes, links) = (html.len() as u64, traffic::links(&html));
            let recorded = |of| outlines::recorded(website.frame.name, page.path, of).into();
            let outlines = VIEWPORTS.map(|of| (of, recorded(of))).into();
            (page.path, PageData { name: page.path.into(), bytes, links, outlines })
        });
        let (host, random) = (host.to_owned(), Rng::with_seed(seed));
        let (site, pages) = (SiteId::of(&sites[place].name), pages.collect());
        Self { website, sites, place, secrets, visitors, host, site, pages, random }
    }

    /// Counts days before `now` into a store, those that are so many days `ago`; 0 is today. `None`:
    /// something is counted there already.
    ///
    /// # Errors
    /// The store's.
    pub async fn write(
        &mut self,
        store: &dyn Store,
        ago: Range<u32>,
        now: Millis,
    ) -> anyhow::Result<Option<Summary>> {
        let limits = Limits { visitors: 20_000, rows: 10_000 };
        let node = format!("history.{:016x}", self.random.u64(..));
        let mut past = PastDays::new(self.sites.clone(), limits, self.random.u64(..), node.into());
        let site = self.sites[self.place].clone();
        let today = site.day(now);
        let ago = i64::from(ago.start)..i64::from(ago.end);
        let all: Vec<Day> = ago.clone().map(|ago| today - TimeDelta::days(ago)).collect();
        if store.versions(&site.name, &all).await?.iter().any(|version| *version > 0) {
            return Ok(None);
        }
        let mut summary = Summary::default();
        for ago in ago.rev() {
            for hit in self.day(today, ago, now) {
                summary.views += u64::from(is_view(&hit.what));
                summary.deeds += u64::from(is_deed(&hit.what));
                summary.rows += u64::from(!is_machine(&hit.what));
                past.count(hit);
            }
            // Others go on meanwhile: live visitors, and the websites that they come to.
            tokio::task::yield_now().await;
        }
        // All at once: a day that visits go on into is written once.
        past.seal();
        past.deliver(store).await?;
        Ok(Some(summary))
    }

    /// What happened on the day so many days `ago`, before `now`, in the order of time.
    fn day(&mut self, today: Day, ago: i64, now: Millis) -> Vec<Hit> {
        let day = today - TimeDelta::days(ago);
        let start = self.sites[self.place].day_start(day);
        let Website { crowd, rhythm, .. } = self.website;
        let famous = famous(rhythm, ago);
        let visits = rhythm.visits_on(day, ago) * (0.85 + 0.3 * self.random.f64()) * (1.0 + famous);
        let mut times: Vec<Millis> =
            (0..visits as usize).map(|_| start + self.time_of_day()).collect();
        if ago == 0 {
            // Some of today are still to come, when somebody looks.
            times.retain(|at| *at < now);
            self.random.shuffle(&mut times);
            times.truncate(times.len().saturating_sub(MOMENT));
        }
        let mut hits = Vec::new();
        for at in times {
            let mut person = crowd.person(&mut self.random);
            if self.random.f64() < famous / (1.0 + famous) {
                person.origin = &crowd.fame;
            }
            self.visits(at, &person, &mut hits);
        }
        let come = |robots: i64| (robots - 3..robots).contains(&ago);
        let often = if rhythm.robots.is_some_and(come) { 20.0 } else { 1.0 };
        for _ in 0..(visits / (1.0 + famous) * 0.18 * often) as usize {
            let at = start + self.random.i64(0..24 * HOUR);
            let machine = crowd.machine(&mut self.random);
            self.machine(at, machine, &mut hits);
        }
        hits.retain(|hit| hit.received() < now);
        hits.sort_by_key(Hit::received);
        hits
    }

    fn time_of_day(&mut self) -> Millis {
        let hours = &self.website.rhythm.hours;
        let all: u32 = hours.iter().sum();
        let mut left = self.random.u32(..all);
        let hour = hours.iter().position(|weight| {
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
        let who = self.visitors.identify(self.place, Some(IpAddr::V4(person.address)), &headers);
        let query = person.origin.landing.split_once('?').map(|(_, query)| query);
        let traits = who.traits(Some(&self.host), person.origin.referrer, query);
        let screen = person.script.then(|| screen_class(person.viewport)).flatten();
        let guest =
            Guest { site: self.site, website: self.website, who: &who, person, traits, screen };
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
        let address = machine.address(&mut self.random);
        let who = self.visitors.identify(self.place, Some(IpAddr::V4(address)), &headers);
        let Some(Proven { bot, proof }) = who.bot() else { return };
        for (nth, path) in (0..).zip(machine.paths) {
            let at = at + nth * 2 * SECOND;
            let known = self.pages.contains_key(path);
            let is_feed = *path == self.website.frame.feed;
            let is_there = known || is_feed || *path == self.website.download;
            hits.push(hit(
                self.site,
                &who,
                at,
                who.lane(),
                What::Bot {
                    name: bot.name.clone(),
                    class: bot.class.as_str().into(),
                    page: (*path).into(),
                    status: if is_there { 200 } else { 404 },
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

/// How many more came so many days ago than usually, as a part of these.
fn famous(rhythm: &Rhythm, ago: i64) -> f64 {
    let since = (rhythm.famous - ago) as f64;
    if since < 0.0 { 0.0 } else { 7.0 * (-since / 1.4).exp() }
}

fn request(user_agent: &'static str) -> HeaderMap {
    let agent = (USER_AGENT, HeaderValue::from_static(user_agent));
    [agent].into_iter().filter(|(_, agent)| !agent.is_empty()).collect()
}

fn is_view(what: &What) -> bool {
    matches!(what, What::Answered(Answered { kind: PageKind::View, .. }))
}

fn is_deed(what: &What) -> bool {
    matches!(what, What::ScriptEvent(ScriptEvent { kind: ScriptEventKind::Custom { .. }, .. }))
}

fn is_machine(what: &What) -> bool {
    matches!(what, What::Bot { .. } | What::Feed { .. })
}
