//! A visit of days gone by: what somebody did, and what their browser told of it, as hits.
//!
//! Apart from [`history`](super::history), which says who came and when.

use super::outlines;
use super::people::Person;
use super::website::{Deed, Website};
use crate::clock::{MINUTE, Millis, SECOND};
use crate::model::site::SiteId;
use crate::model::{
    Answered, Hit, IdVerdict, Nav, PageKind, ScriptEvent, ScriptEventKind, Shown, Tracker, Traits,
    Vital, What,
};
use crate::visitor::Who;
use fastrand::Rng;
use std::collections::HashMap;
use std::sync::Arc;

/// Bytes of the file there is to download.
const FILE: u64 = 48_000;

/// A page of the website.
pub struct PageData {
    pub name: Arc<str>,
    pub bytes: u64,
    pub links: Vec<String>,
    /// By viewport.
    pub outlines: Vec<(&'static str, Arc<str>)>,
}

/// A visitor's day.
pub struct Guest<'a> {
    pub site: SiteId,
    pub website: &'static Website,
    pub who: &'a Who<'a>,
    pub person: &'a Person,
    pub traits: Traits,
    pub screen: Option<Arc<str>>,
}

impl Guest<'_> {
    /// One visit. Returns when it ended.
    pub fn browse(
        &self,
        pages: &HashMap<&'static str, PageData>,
        mut at: Millis,
        random: &mut Rng,
        hits: &mut Vec<Hit>,
    ) -> Millis {
        let landing = self.person.origin.landing.split('?').next().unwrap_or_default();
        let mut path = landing.to_owned();
        let mut traits = Some(self.traits.clone());
        let mut left = random.usize(..6);
        loop {
            let Some(page) = pages.get(path.as_str()) else { return at };
            let nonce = random.u64(..);
            let slow = if &*page.name == self.website.slow { 4.0 } else { 1.0 };
            let origin = (slow * (20.0 + 60.0 * random.f64().powi(3)) * 1_000.0) as u32;
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
                let kind = PageKind::View;
                let shown = Showing { page, nonce, kind, answered: at, screen, slow };
                shown.tell(self, looked, random, hits);
                at = shown.do_deed(self, at + looked, random, hits);
            } else {
                at += looked;
            }
            let Some((next, is_led)) = self.website.next(&path, &page.links, random) else {
                return at;
            };
            if !is_led && left == 0 {
                return at;
            }
            left -= usize::from(!is_led);
            if next == self.website.broken {
                let nonce = random.u64(..);
                self.did(
                    at,
                    hits,
                    What::Answered(Answered {
                        page: self.website.broken.into(),
                        nonce,
                        kind: PageKind::Error,
                        status: 404,
                        traits: None,
                        from: Some(page.name.clone()),
                        bytes: 1_500,
                        origin: Some(18_000),
                    }),
                );
                if let Some(screen) = &self.screen {
                    let page = PageData {
                        name: self.website.broken.into(),
                        bytes: 0,
                        links: Vec::new(),
                        outlines: Vec::new(),
                    };
                    let shown = Showing {
                        page: &page,
                        nonce,
                        kind: PageKind::Error,
                        answered: at,
                        screen,
                        slow: 1.0,
                    };
                    let name = page.name.clone();
                    shown.shown(self, at + SECOND / 2, name, Nav::Load, random, hits);
                }
                return at;
            }
            next.clone_into(&mut path);
        }
    }

    fn did(&self, at: Millis, hits: &mut Vec<Hit>, what: What) {
        hits.push(hit(self.site, self.who, at, self.who.lane(), what));
    }
}

/// A page that is looked at in a browser with the script.
struct Showing<'a> {
    page: &'a PageData,
    nonce: u64,
    kind: PageKind,
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
        let known = self.page.outlines.iter().find(|(of, _)| *of == guest.person.viewport);
        let known = known.map(|(_, outline)| outline.clone()).unwrap_or_default();
        let mut outline = known.clone();
        for _ in 0..random.usize(..3) {
            let (column, row) = outlines::click(&known, random);
            let (column, row) = (column as u16, row as u16);
            let (screen, outline) = (self.screen.clone(), std::mem::take(&mut outline));
            let click = ScriptEventKind::Click { screen, column, row, outline };
            self.event(guest, left, click, random, hits);
        }
        // Browsers tell of a quarter of their pages how fast they were.
        if random.u8(..4) == 0 {
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
            let url = guest.website.download.into();
            self.event(guest, left, ScriptEventKind::File { url }, random, hits);
            // Some only look at its first pages.
            let bytes = if random.u8(..5) == 0 { FILE / 3 } else { FILE };
            let path = guest.website.download.into();
            guest.did(left, hits, What::Download { path, first: 0, bytes, length: Some(FILE) });
        }
        if random.u8(..100) < 3 {
            let url = guest.website.outbound.into();
            self.event(guest, left, ScriptEventKind::Outbound { url }, random, hits);
        }
    }

    /// What visitors do besides reading, its steps without loading. Returns when it ended.
    fn do_deed(
        &self,
        guest: &Guest<'_>,
        mut at: Millis,
        random: &mut Rng,
        hits: &mut Vec<Hit>,
    ) -> Millis {
        let begins = |deed: &&Deed| deed.begins(&self.page.name, random);
        let Some(deed) = guest.website.deeds.iter().find(begins) else { return at };
        let mut name = self.page.name.clone();
        for step in deed.steps {
            if random.u8(..100) < 35 {
                return at;
            }
            at += 4 * SECOND + random.i64(0..MINUTE);
            name = (*step).into();
            self.shown(guest, at, name.clone(), Nav::History, random, hits);
        }
        let Some((value, worth)) = random.choice(deed.values) else { return at };
        let event = ScriptEventKind::Custom {
            name: deed.name.into(),
            properties: vec![(deed.property.into(), (*value).into())],
            value: worth.map(|worth| (worth * 1_000.0).round() as i64),
            interactive: true,
        };
        let done = PageData { name, bytes: 0, links: Vec::new(), outlines: Vec::new() };
        Showing { page: &done, ..*self }.event(guest, at, event, random, hits);
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
        let (nonce, issued, kind) = (self.nonce, self.answered, self.kind);
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

pub fn hit(site: SiteId, who: &Who<'_>, at: Millis, lane: u16, what: What) -> Hit {
    let (visitor, before_midnight) = who.at(at);
    Hit { at, site, lane, visitor, before_midnight, what }
}
