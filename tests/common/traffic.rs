//! Random traffic as hits, in the order they arrive.

use chrono::{Days, NaiveDate};
use headcount::clock::{HOUR, MINUTE, Millis, SECOND};
use headcount::model::goal::{Funnel, Goal};
use headcount::model::rollup::Dimension;
use headcount::model::site::{Day, Site};
use headcount::model::{
    Answered, Hit, IdVerdict, Nav, PageKind, Proof, ScriptEvent, ScriptEventKind, Served, Shown,
    Tracker, Traits, VisitorHash, Vital, What,
};
use rand10::rngs::StdRng;
use rand10::{RngExt, SeedableRng};
use std::sync::Arc;

const PAGES: [&str; 6] = ["/", "/a", "/b", "/c", "/shop", "/docs/x"];
const SOURCES: [&str; 4] = ["Google", "Direct / None", "example.org", "ChatGPT"];

/// Hits with the client that made each. A client is a person behind one browser, whose hash
/// changes with the day.
pub struct Traffic {
    pub site: Site,
    pub hits: Vec<(usize, Hit)>,
}

/// A page a client was answered with: beacons may come for it.
struct Page {
    client: usize,
    page: &'static str,
    nonce: u64,
    at: Millis,
    kind: PageKind,
}

struct Maker {
    rng: StdRng,
    site: Site,
    clients: usize,
    now: Millis,
    pages: Vec<Page>,
    /// Arrival time, order of making, client, hit.
    arriving: Vec<(Millis, usize, usize, Hit)>,
}

impl Traffic {
    pub fn new(seed: u64, length: usize) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let zones = [chrono_tz::UTC, chrono_tz::America::New_York, chrono_tz::Asia::Kathmandu];
        let timezone = zones[rng.random_range(0..zones.len())];
        let site = Site {
            name: "site".into(),
            timezone,
            goals: goals(),
            funnels: funnels(),
            new_visit_on_source: rng.random_bool(0.5),
            ..Site::default()
        };
        let day = NaiveDate::from_ymd_opt(2026, 11, 1).unwrap();
        let midnight =
            site.day_start(day.checked_add_days(Days::new(rng.random_range(0..40))).unwrap());
        // Often close to midnight, where days, salts and visits meet.
        let before =
            if rng.random_bool(0.5) { 20 * MINUTE } else { rng.random_range(0..24) * HOUR };
        let clients = 1 + length / 12;
        let mut maker = Maker {
            rng,
            site,
            clients,
            now: midnight - before,
            pages: Vec::new(),
            arriving: Vec::new(),
        };
        while maker.arriving.len() < length {
            maker.step();
        }
        maker.arriving.sort_by_key(|(at, order, ..)| (*at, *order));
        let hits = maker.arriving.into_iter().map(|(_, _, client, hit)| (client, hit)).collect();
        Self { site: maker.site, hits }
    }
}

impl Maker {
    fn step(&mut self) {
        let pause = match self.rng.random_range(0..20) {
            0 => self.rng.random_range(25..40) * MINUTE,
            1..4 => self.rng.random_range(0..5) * MINUTE,
            _ => self.rng.random_range(0..20_000) / self.clients as i64,
        };
        self.now += pause;
        let client = self.rng.random_range(0..self.clients);
        match self.rng.random_range(0..20) {
            0..9 => self.load(client, 0.7),
            9..13 => {
                let (n, kind) = (Some(self.rng.random()), self.event());
                // Now and then the script could not know that it had been heard.
                for again in 0..self.rng.random_range(1..3) {
                    let received = self.now + again * 10;
                    self.push(client, self.now, received, |page| {
                        let (by, kind) = (Tracker::Own, kind.clone());
                        What::ScriptEvent(ScriptEvent { by, page, kind, received, n })
                    });
                }
            }
            13..15 => {
                let nav = if self.rng.random_bool(0.5) { Nav::History } else { Nav::BackForward };
                self.shown(client, self.now, nav, IdVerdict::Invalid, None);
            }
            15 => self.shown(client, self.now, Nav::Load, IdVerdict::Invalid, None),
            16 => {
                let id = IdVerdict::Cached { own: self.rng.random_bool(0.5) };
                self.shown(client, self.now, Nav::Load, id, None);
            }
            17 => self.machine(client),
            18 if self.rng.random_bool(0.2) => self.robot(client),
            _ => self.beacon_again(),
        }
    }

    /// What the script may tell of a page.
    fn event(&mut self) -> ScriptEventKind {
        let rng = &mut self.rng;
        match rng.random_range(0..6) {
            0 => ScriptEventKind::Custom {
                name: ["Signup", "Purchase"][rng.random_range(0..2)].into(),
                properties: (0..rng.random_range(0..3))
                    .map(|i| {
                        (["plan", "colour"][i].into(), ["a", "b"][rng.random_range(0..2)].into())
                    })
                    .collect(),
                value: rng.random_bool(0.5).then(|| rng.random_range(-500..50_000)),
                interactive: rng.random_bool(0.8),
            },
            1 => ScriptEventKind::Outbound { url: "https://example.com/x".into() },
            2 => ScriptEventKind::File { url: "/files/report.pdf".into() },
            3 => ScriptEventKind::Click {
                screen: "Below 576 px".into(),
                column: rng.random_range(0..2),
                row: rng.random_range(0..2),
                outline: ["", "ACfAoAAAC", "ACfAoAAAChBCAAAB"][rng.random_range(0..3)].into(),
            },
            4 => ScriptEventKind::Vital {
                name: [Vital::Lcp, Vital::Cls][rng.random_range(0..2)],
                value: rng.random_range(0.0..3_000.0),
            },
            _ => ScriptEventKind::Engagement {
                millis: rng.random_range(0..20_000),
                scroll: rng.random_bool(0.8).then(|| rng.random_range(0..=100)),
                screen: rng.random_bool(0.8).then(|| "Below 576 px".into()),
                // With the pages there are, no more showings than are remembered.
                view: rng.random_range(0..2),
            },
        }
    }

    /// Files, feeds, and machines that say so.
    fn machine(&mut self, client: usize) {
        let (at, kind) = (self.now, self.rng.random_range(0..3));
        let subscribers = self.rng.random_bool(0.7).then(|| self.rng.random_range(0..50));
        let read = self.rng.random_bool(0.5);
        match kind {
            // In parts of any size; now and then it is another file, or its length is not known.
            0 => {
                let length = [12, 12, 12, 9][self.rng.random_range(0..4)];
                let first = self.rng.random_range(0..4) * length / 4;
                let bytes = self.rng.random_range(0..=length - first).max(length / 3);
                let (first, bytes) =
                    if bytes > length - first { (0, length) } else { (first, bytes) };
                let length = self.rng.random_bool(0.9).then_some(length);
                self.push(client, at, at, |path| What::Download { path, first, bytes, length });
            }
            // A reader's fetches are all one node's.
            1 => self.push(0, at, at, |_| What::Feed {
                path: "/feed.xml".into(),
                reader: "Feedly".into(),
                subscribers,
            }),
            _ => {
                let class = ["AI training", "AI assistant", "SEO"][self.rng.random_range(0..3)];
                let allowed = [None, Some(true), Some(false)][self.rng.random_range(0..3)];
                let proof = Proof::from_number(self.rng.random_range(0..=Proof::ALL.len() as i64));
                self.push(client, at, at, |page| What::Bot {
                    name: "A bot".into(),
                    class: class.into(),
                    page,
                    status: 200,
                    read,
                    proof,
                    allowed,
                });
            }
        }
    }

    /// Somebody walks through many pages, and no script says anything of most.
    fn robot(&mut self, client: usize) {
        for _ in 0..self.rng.random_range(40..70) {
            self.now += self.rng.random_range(0..1_500);
            self.load(client, 0.1);
        }
    }

    /// A page is answered, and its beacon may come: soon, late, twice, with or without its id.
    fn load(&mut self, client: usize, scripts: f64) {
        let kind = match self.rng.random_range(0..12) {
            0 | 1 => PageKind::Prefetch,
            2 => PageKind::Error,
            3 => PageKind::Unseen,
            4 => PageKind::Ignored,
            _ => PageKind::View,
        };
        let page = PAGES[self.rng.random_range(0..PAGES.len())];
        let nonce = self.rng.random();
        let (at, traits) = (self.now, Some(self.traits()));
        let from = self.rng.random_bool(0.5).then(|| "example.org/links".into());
        let (bytes, origin) = (self.rng.random_range(0..9_999), self.rng.random_bool(0.9));
        let origin = origin.then(|| self.rng.random_range(100..900_000));
        self.push(client, at, at, |_| {
            let status = if kind == PageKind::Error { 404 } else { 200 };
            let page = page.into();
            What::Answered(Answered { page, nonce, kind, status, traits, from, bytes, origin })
        });
        if matches!(kind, PageKind::View | PageKind::Prefetch) && self.rng.random_bool(0.5) {
            let more = self.rng.random_range(-(bytes as i64)..9_999);
            let served = Served { page: page.into(), kind, more };
            self.push(client, at, at + 20, |_| What::Served(served));
        }
        self.pages.push(Page { client, page, nonce, at, kind });
        if self.rng.random_bool(scripts) {
            self.beacon(self.pages.len() - 1);
        }
    }

    fn beacon_again(&mut self) {
        if !self.pages.is_empty() {
            let recent = self.pages.len().saturating_sub(30);
            let index = self.rng.random_range(recent..self.pages.len());
            self.beacon(index);
        }
    }

    fn beacon(&mut self, index: usize) {
        let delay = match self.rng.random_range(0..10) {
            0 => self.rng.random_range(20_000..50_000),
            1 => self.rng.random_range(1..50) * MINUTE,
            _ => self.rng.random_range(50..2_000),
        };
        let page = &self.pages[index];
        let (client, path, at) = (page.client, page.page, (page.at + delay).max(self.now));
        // Ids know whole seconds.
        let issued = page.at / SECOND * SECOND;
        let fresh = IdVerdict::Fresh { nonce: page.nonce, issued, kind: page.kind };
        let id = match self.rng.random_range(0..10) {
            0..2 => IdVerdict::Invalid,
            _ if at - issued > 30 * MINUTE => IdVerdict::Cached { own: true },
            _ => fresh,
        };
        let nav = if page.kind == PageKind::Prefetch { Nav::Prerender } else { Nav::Load };
        self.shown(client, at, nav, id, Some(path));
    }

    fn shown(
        &mut self,
        client: usize,
        arrival: Millis,
        nav: Nav,
        id: IdVerdict,
        page: Option<&'static str>,
    ) {
        let n = Some(self.rng.random());
        let traits = self.traits();
        let screen = self.rng.random_bool(0.5).then(|| Arc::from("992 to 1439 px"));
        // The browser's clock, or the way here, may be slow.
        let at = match self.rng.random_range(0..10) {
            0 | 1 if nav == Nav::History => arrival - self.rng.random_range(0..4) * MINUTE,
            2 => arrival + self.rng.random_range(0..4) * MINUTE,
            _ => arrival,
        };
        let times = if self.rng.random_bool(0.1) { 2 } else { 1 };
        let own = PAGES[self.rng.random_range(0..PAGES.len())];
        for again in 0..times {
            let shown = Shown {
                by: Tracker::Own,
                page: page.unwrap_or(own).into(),
                traits: traits.clone(),
                received: arrival + again * 300,
                screen: screen.clone(),
                nav,
                id,
                n,
            };
            self.push(client, at, arrival + again * 300, |_| What::Shown(shown));
        }
    }

    fn traits(&mut self) -> Traits {
        let source = SOURCES[self.rng.random_range(0..SOURCES.len())];
        let country = if self.rng.random_bool(0.5) { "DE" } else { "NP" };
        let channel = if source == "ChatGPT" { "AI Assistants" } else { "Something" };
        let mut traits = vec![
            (Dimension::Source, source),
            (Dimension::Channel, channel),
            (Dimension::Country, country),
        ];
        if self.rng.random_bool(0.2) {
            traits.push((Dimension::UtmCampaign, "spring"));
        }
        traits.into_iter().collect()
    }

    fn push(
        &mut self,
        client: usize,
        at: Millis,
        arrival: Millis,
        what: impl FnOnce(Arc<str>) -> What,
    ) {
        let page = PAGES[self.rng.random_range(0..PAGES.len())];
        let (visitor, before_midnight) = hashes(&self.site, client, at);
        let lane = client as u16;
        let hit = Hit {
            at,
            site: Default::default(),
            lane,
            visitor,
            before_midnight,
            what: what(page.into()),
        };
        let order = self.arriving.len();
        self.arriving.push((arrival, order, client, hit));
    }
}

fn goals() -> Vec<Goal> {
    let lines = ["Signup = event Signup", "Documents = page /docs/*", "A = page /a"];
    lines.iter().map(|line| line.parse().unwrap()).collect()
}

fn funnels() -> Vec<Funnel> {
    let lines = ["Buy = page /shop > event Purchase", "Read = page /* > page /a > page /docs/x"];
    lines.iter().map(|line| line.parse().unwrap()).collect()
}

/// Every seventh client asks not to be tracked.
pub fn is_anonymous(client: usize) -> bool {
    client % 7 == 6
}

fn hashes(site: &Site, client: usize, at: Millis) -> (Option<VisitorHash>, Option<VisitorHash>) {
    if is_anonymous(client) {
        return (None, None);
    }
    let hash = |day: Day| {
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&(client as u32).to_le_bytes());
        bytes[4..].copy_from_slice(&chrono::Datelike::num_days_from_ce(&day).to_le_bytes());
        VisitorHash::from_stored(bytes)
    };
    let day = site.day(at);
    let just_after_midnight = at - site.day_start(day) < HOUR;
    (Some(hash(day)), just_after_midnight.then(|| hash(day.pred_opt().unwrap())))
}
