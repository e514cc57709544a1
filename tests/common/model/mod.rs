//! The rules of counting, told naively: every view and every visit is kept in a list, with whose
//! it is, and the counts are made from the lists at the very end.

pub mod counts;

use super::traffic::is_anonymous;
use headcount::clock::{MINUTE, Millis, SECOND};
use headcount::model::goal::Reached;
use headcount::model::rollup::{Dimension, Metric, join, slot};
use headcount::model::site::{Day, Site};
use headcount::model::sketch::bucket;
use headcount::model::{
    Answered, Hit, IdVerdict, Nav, PageKind, ScriptEvent, ScriptEventKind, Served, Shown, What,
};
use std::collections::{BTreeMap, BTreeSet};

/// In the order in which they came.
type Traits = Vec<(Dimension, String)>;

/// Everything that happened.
pub struct Model {
    site: Site,
    views: Vec<View>,
    visits: Vec<Visit>,
    answered: Vec<(usize, Millis, Answered)>,
    used: Vec<u64>,
    numbers: Vec<(usize, u64)>,
    /// What people did: who, when, the row, what it was worth.
    actions: Vec<(Option<usize>, Day, Dimension, String, i64)>,
    /// How far showings were read: whose, of which page and view, on which screen.
    showings: Vec<Showing>,
    downloads: Vec<Download>,
    /// Who had viewed something already when suspicion fell, and who was confirmed.
    suspects: Vec<(usize, Day, Metric)>,
    /// What feeds' readers said.
    subscribers: BTreeMap<(Day, String), u32>,
    screens: Vec<(Option<usize>, Day, String, &'static [Metric])>,
    /// What is simply counted: errors, prefetches, files, feeds, bytes, times, engagement.
    others: Vec<(Day, Dimension, String, Metric, i64)>,
}

struct Download {
    client: usize,
    day: Day,
    path: String,
    last: Millis,
    length: Option<u64>,
    sent: BTreeSet<u64>,
    complete: bool,
}

struct Showing {
    client: usize,
    day: Day,
    page: String,
    view: u64,
    screen: Option<String>,
    depth: u8,
}

struct View {
    client: Option<usize>,
    visit: Option<usize>,
    at: Millis,
    page: String,
    entry: Option<String>,
    traits: Traits,
    nonce: Option<u64>,
    server: bool,
    confirmed: bool,
    unverified: bool,
}

struct Visit {
    client: usize,
    start: Millis,
    last: Millis,
    /// When, and what.
    pages: Vec<(Millis, String)>,
    interacted: bool,
    traits: Traits,
    suspected: bool,
    /// Days on which that was known while something happened.
    suspected_on: BTreeSet<Day>,
    /// Steps done of each funnel.
    steps: Vec<usize>,
}

impl Model {
    pub fn new(site: Site) -> Self {
        Self {
            site,
            views: Vec::new(),
            visits: Vec::new(),
            answered: Vec::new(),
            used: Vec::new(),
            numbers: Vec::new(),
            actions: Vec::new(),
            showings: Vec::new(),
            downloads: Vec::new(),
            suspects: Vec::new(),
            subscribers: BTreeMap::new(),
            screens: Vec::new(),
            others: Vec::new(),
        }
    }

    pub fn apply(&mut self, client: usize, hit: &Hit) {
        let (at, day) = (hit.at, self.site.day(hit.at));
        match &hit.what {
            What::Answered(page) => {
                self.answered.push((client, at, page.clone()));
                let counted = page.page.to_string();
                match page.kind {
                    PageKind::View => {
                        self.sent(at, page.kind, &page.page, page.bytes as i64);
                        if let Some(micros) = page.origin {
                            let millis = f64::from(micros.max(1_000)) / 1e3;
                            self.timed(day, "origin", millis, &page.page);
                        }
                        self.view(
                            client,
                            at,
                            &counted,
                            &plain(page.traits.as_ref().expect("a whole hit")),
                            Some(page.nonce),
                            Evidence::Server,
                        );
                    }
                    PageKind::Prefetch => {
                        self.sent(at, page.kind, &page.page, page.bytes as i64);
                        self.others.push((day, Dimension::Prefetch, counted, Metric::Responses, 1));
                    }
                    PageKind::Error => {
                        self.error(day, page, Metric::Responses);
                    }
                    PageKind::Unseen | PageKind::Ignored => {}
                }
            }
            What::Shown(shown) => {
                if self.is_new(client, shown.n) {
                    self.shown(client, at, shown);
                }
            }
            What::ScriptEvent(told) => {
                if self.is_new(client, told.n) {
                    self.told(client, at, told);
                }
            }
            What::Served(Served { page, kind, more }) => {
                if *kind != PageKind::Prefetch {
                    self.happens(client, at);
                }
                self.sent(at, *kind, page, *more);
            }
            What::Feed { path, reader, subscribers } => {
                let row = join([path, reader]);
                self.others.push((day, Dimension::Feed, row.clone(), Metric::Responses, 1));
                if let Some(told) = subscribers {
                    // What was said of a day that is over comes too late.
                    let latest = self.subscribers.keys().map(|(day, _)| *day).max();
                    if latest.is_none_or(|latest| day >= latest) {
                        let most = self.subscribers.entry((day, row)).or_default();
                        *most = (*most).max(*told);
                    }
                }
            }
            What::Download { path, first, bytes, length } => {
                let sent = (Metric::Bytes, *bytes as i64);
                self.others.push((day, Dimension::Download, path.to_string(), sent.0, sent.1));
                let running = self.downloads.iter().position(|known| {
                    !is_anonymous(client)
                        && (known.client, &*known.path) == (client, path)
                        && at - known.last <= 30 * MINUTE
                });
                let known = running.unwrap_or_else(|| {
                    let (path, last, length) = (path.to_string(), at, *length);
                    let (sent, complete) = (BTreeSet::new(), false);
                    let begun = Download { client, day, path, last, length, sent, complete };
                    self.downloads.push(begun);
                    self.downloads.len() - 1
                });
                let known = &mut self.downloads[known];
                known.last = at;
                if length.is_some() && *length != known.length {
                    if known.length.is_some() {
                        known.sent.clear();
                    }
                    known.length = *length;
                }
                known.sent.extend(*first..first + bytes);
                let whole = |length| (0..length).all(|byte| known.sent.contains(&byte));
                known.complete |= known.length.is_some_and(whole);
            }
            What::Bot { name, class, page, status, read, proof, allowed } => {
                for (dimension, value) in [
                    (Dimension::BotName, name.to_string()),
                    (Dimension::BotClass, class.to_string()),
                    (Dimension::BotPage, page.to_string()),
                    (Dimension::BotStatus, status.to_string()),
                ] {
                    self.others.push((day, dimension, value, Metric::Responses, 1));
                }
                if let Some(proof) = proof {
                    let value = join([name, proof.as_str()]);
                    self.others.push((day, Dimension::BotProof, value, Metric::Responses, 1));
                }
                if let Some(allowed) = allowed {
                    let word = if *allowed { "allowed" } else { "disallowed" };
                    let value = join([name, word]);
                    self.others.push((day, Dimension::BotRules, value, Metric::Responses, 1));
                }
                let purpose = match &**class {
                    "AI training" => "training",
                    "AI assistant" => "assistant",
                    _ => return,
                };
                if *read {
                    self.ai(day, purpose, page);
                    if *allowed == Some(false) {
                        self.ai(day, "disallowed", page);
                    }
                }
            }
            What::BotBeacon { .. } => unreachable!("not in this traffic"),
        }
    }

    /// The rules for a pageview beacon, in the order of the table.
    fn shown(&mut self, client: usize, at: Millis, shown: &Shown) {
        let page = shown.page.to_string();
        let load = matches!(shown.nav, Nav::Load | Nav::Prerender);
        let about = match shown.id {
            _ if !load => None,
            IdVerdict::Cached { .. } => None,
            IdVerdict::Fresh { nonce, issued, .. } => {
                self.answered.iter().position(|(.., a)| a.nonce == nonce).map(|i| (i, issued))
            }
            IdVerdict::Invalid if is_anonymous(client) => None,
            IdVerdict::Invalid => self
                .answered
                .iter()
                .position(|(whose, when, a)| {
                    let patience =
                        if a.kind == PageKind::Prefetch { 5 * MINUTE } else { 30 * SECOND };
                    *whose == client
                        && *a.page == *page
                        && at.min(shown.received) - when <= patience
                        && !self.used.contains(&a.nonce)
                })
                .map(|i| (i, self.answered[i].1)),
        };
        let mut cached = None;
        let evidence = match about {
            None if load && shown.id == IdVerdict::Invalid => Evidence::Unverified,
            None => {
                cached = match (shown.nav, shown.id) {
                    (Nav::History, _) => None,
                    (_, IdVerdict::Cached { own: false }) if load => Some("other visitor"),
                    _ => Some("same visitor"),
                };
                Evidence::Browser
            }
            Some((index, issued)) => {
                let answered = self.answered[index].2.clone();
                let day = self.site.day(issued);
                match answered.kind {
                    PageKind::Ignored => {
                        // A page speaks for one beacon; an id says itself that it is of a frame.
                        if shown.id == IdVerdict::Invalid {
                            self.used.push(answered.nonce);
                        }
                        return;
                    }
                    PageKind::Error if self.used.contains(&answered.nonce) => return,
                    _ if self.used.contains(&answered.nonce) => {
                        cached = Some("same visitor");
                        Evidence::Browser
                    }
                    kind => {
                        self.used.push(answered.nonce);
                        match kind {
                            PageKind::View => {
                                let view = self.views.iter_mut();
                                let mut view = view.filter(|v| v.nonce == Some(answered.nonce));
                                view.next().unwrap().confirmed = true;
                                self.screen(
                                    client,
                                    day,
                                    shown,
                                    &[Metric::Server, Metric::Confirmed],
                                );
                                return;
                            }
                            PageKind::Error => {
                                self.error(day, &answered, Metric::Seen);
                                return;
                            }
                            PageKind::Prefetch => {
                                self.others.push((
                                    day,
                                    Dimension::Prefetch,
                                    page.clone(),
                                    Metric::Seen,
                                    1,
                                ));
                                Evidence::Activated
                            }
                            PageKind::Unseen | PageKind::Ignored => Evidence::Browser,
                        }
                    }
                }
            }
        };
        self.view(client, at, &page, &plain(&shown.traits), None, evidence);
        if let Some(whose) = cached {
            let row = (self.site.day(at), Dimension::Cached, whose.into(), Metric::Browser, 1);
            self.others.push(row);
        }
        let metrics: &[Metric] = match evidence {
            Evidence::Activated => &[Metric::Server, Metric::Confirmed],
            Evidence::Unverified => &[Metric::Browser, Metric::Unverified],
            Evidence::Browser | Evidence::Server => &[Metric::Browser],
        };
        self.screen(client, self.site.day(at), shown, metrics);
    }

    fn error(&mut self, day: Day, page: &Answered, metric: Metric) {
        let from = page.from.as_deref().unwrap_or_default();
        for (dimension, value) in [
            (Dimension::ErrorPage, page.page.to_string()),
            (Dimension::ErrorLink, join([&page.page, from])),
            (Dimension::ErrorStatus, page.status.to_string()),
        ] {
            self.others.push((day, dimension, value, metric, 1));
        }
    }

    fn told(&mut self, client: usize, at: Millis, told: &ScriptEvent) {
        let (day, page) = (self.site.day(at), &told.page);
        match &told.kind {
            ScriptEventKind::Custom { name, properties, value, interactive } => {
                self.act(client, at, *interactive, true);
                self.event(client, at, page, name, value.unwrap_or(0));
                for (property, value) in properties {
                    let row = join([name, property, value]);
                    self.action(client, day, Dimension::EventProperty, &row, 0);
                }
            }
            ScriptEventKind::Outbound { url } => {
                self.action(client, day, Dimension::Outbound, url, 0);
                self.act(client, at, true, true);
                self.event(client, at, page, "Outbound link", 0);
            }
            ScriptEventKind::File { url } => {
                self.action(client, day, Dimension::File, url, 0);
                self.act(client, at, true, true);
                self.event(client, at, page, "File download", 0);
            }
            ScriptEventKind::Engagement { millis, scroll, screen, view } => {
                self.act(client, at, false, false);
                self.on_page(at, page, Metric::Engagement, (*millis).into());
                if let Some(depth) = scroll.filter(|_| !is_anonymous(client)) {
                    let known = self.showings.iter_mut().find(|s| {
                        (s.client, s.day, &*s.page, s.view) == (client, day, &**page, *view)
                    });
                    match known {
                        Some(known) => {
                            let deeper = depth.max(known.depth);
                            let more = i64::from(deeper - known.depth);
                            known.depth = deeper;
                            self.on_page(at, page, Metric::ScrollDepth, more);
                        }
                        None => {
                            self.on_page(at, page, Metric::ScrollViews, 1);
                            self.on_page(at, page, Metric::ScrollDepth, depth.into());
                            let (page, view) = (page.to_string(), *view);
                            let screen = screen.as_ref().map(ToString::to_string);
                            self.showings.push(Showing { client, day, page, view, screen, depth });
                        }
                    }
                }
            }
            ScriptEventKind::Click { screen, column, row, outline } => {
                self.act(client, at, false, false);
                let cell = join([screen, &column.to_string(), &row.to_string(), page]);
                self.others.push((day, Dimension::ClickMap, cell, Metric::Events, 1));
                if !outline.is_empty() {
                    let outline = join([screen, outline, page]);
                    self.others.push((day, Dimension::Outline, outline, Metric::Events, 1));
                }
            }
            ScriptEventKind::Vital { name, value } => {
                self.happens(client, at);
                self.timed(day, name.as_str(), f64::from(*value), page);
            }
        }
    }

    fn event(&mut self, client: usize, at: Millis, page: &str, name: &str, worth: i64) {
        self.on_page(at, page, Metric::Events, 1);
        self.on_page(at, page, Metric::Revenue, worth);
        self.action(client, self.site.day(at), Dimension::Event, name, worth);
        self.reached(client, at, Reached::Event(name), worth);
    }

    fn action(&mut self, client: usize, day: Day, dimension: Dimension, value: &str, worth: i64) {
        let person = (!is_anonymous(client)).then_some(client);
        self.actions.push((person, day, dimension, value.to_owned(), worth));
    }

    fn reached(&mut self, client: usize, at: Millis, what: Reached<'_>, worth: i64) {
        for goal in self.site.goals.clone() {
            if goal.target.is(what) {
                self.action(client, self.site.day(at), Dimension::Goal, &goal.name, worth);
            }
        }
        let own = self.visits.iter_mut().rev().find(|v| v.client == client);
        if let Some(visit) = own.filter(|v| at - v.last <= 30 * MINUTE) {
            for (funnel, done) in self.site.funnels.iter().zip(&mut visit.steps) {
                if funnel.steps.get(*done).is_some_and(|next| next.is(what)) {
                    *done += 1;
                }
            }
        }
    }

    fn sent(&mut self, at: Millis, kind: PageKind, page: &str, bytes: i64) {
        let day = self.site.day(at);
        match kind {
            PageKind::Prefetch => {
                self.others.push((day, Dimension::Prefetch, page.to_owned(), Metric::Bytes, bytes));
            }
            _ => self.on_page(at, page, Metric::Bytes, bytes),
        }
    }

    fn on_page(&mut self, at: Millis, page: &str, metric: Metric, n: i64) {
        let day = self.site.day(at);
        for (dimension, value) in [
            (Dimension::Total, String::new()),
            (Dimension::Slot, slot(at).to_string()),
            (Dimension::Page, page.to_owned()),
        ] {
            self.others.push((day, dimension, value, metric, n));
        }
    }

    fn timed(&mut self, day: Day, what: &str, value: f64, page: &str) {
        for of in [page, ""] {
            let row = join([what, &bucket(value).to_string(), of]);
            self.others.push((day, Dimension::Timing, row, Metric::Events, 1));
        }
    }

    fn ai(&mut self, day: Day, purpose: &str, page: &str) {
        let row = join([purpose, page]);
        self.others.push((day, Dimension::AiPage, row, Metric::Responses, 1));
    }

    fn screen(&mut self, client: usize, day: Day, shown: &Shown, metrics: &'static [Metric]) {
        if let Some(screen) = &shown.screen {
            let person = (!is_anonymous(client)).then_some(client);
            self.screens.push((person, day, screen.to_string(), metrics));
        }
    }

    /// A pageview, in the client's visit if one runs or can begin.
    fn view(
        &mut self,
        client: usize,
        at: Millis,
        page: &str,
        traits: &Traits,
        nonce: Option<u64>,
        evidence: Evidence,
    ) {
        let mut view = View {
            client: None,
            visit: None,
            at,
            page: page.to_owned(),
            entry: None,
            traits: traits.clone(),
            nonce,
            server: matches!(evidence, Evidence::Server | Evidence::Activated),
            confirmed: evidence == Evidence::Activated,
            unverified: evidence == Evidence::Unverified,
        };
        if !is_anonymous(client) {
            let own = self.visits.iter().rposition(|v| v.client == client);
            let running = own.filter(|i| {
                let visit = &self.visits[*i];
                let elsewhere = self.site.new_visit_on_source && comes_anew(traits, &visit.traits);
                at - visit.last <= 30 * MINUTE && !elsewhere
            });
            match running {
                Some(i) => {
                    let running = &mut self.visits[i];
                    running.last = running.last.max(at);
                    running.pages.push((at, page.to_owned()));
                    self.visits[i].suspected |= self.is_suspect(i, at, nonce);
                    self.suspect(i, at, true);
                }
                None => {
                    if traits.contains(&(Dimension::Channel, "AI Assistants".to_owned())) {
                        self.ai(self.site.day(at), "referral", page);
                    }
                    self.visits.push(Visit {
                        client,
                        start: at,
                        last: at,
                        pages: vec![(at, page.to_owned())],
                        interacted: false,
                        traits: traits.clone(),
                        suspected: false,
                        suspected_on: BTreeSet::new(),
                        steps: vec![0; self.site.funnels.len()],
                    });
                }
            }
            let index = running.unwrap_or(self.visits.len() - 1);
            let visit = &self.visits[index];
            (view.client, view.visit) = (Some(client), Some(index));
            view.entry = Some(visit.pages[0].1.clone());
            view.traits = visit.traits();
        }
        self.views.push(view);
        self.reached(client, at, Reached::Page(page), 0);
    }

    /// With this view the server saw 30 in a minute that no script has confirmed.
    fn is_suspect(&self, visit: usize, at: Millis, nonce: Option<u64>) -> bool {
        let unconfirmed = self.views.iter().filter(|v| {
            v.visit == Some(visit) && v.nonce.is_some() && !v.confirmed && at - v.at < 60 * SECOND
        });
        nonce.is_some() && !self.visits[visit].suspected && unconfirmed.count() + 1 >= 30
    }

    /// Something happens in a visit. If it is suspected by now, what it did until now on the day
    /// counts as a suspect's; so on the day it began on, if that is another and the visit's
    /// measures change.
    fn suspect(&mut self, visit: usize, at: Millis, changes: bool) {
        if !self.visits[visit].suspected {
            return;
        }
        let begun = self.site.day(self.visits[visit].start);
        for day in [self.site.day(at)].into_iter().chain(changes.then_some(begun)) {
            if self.visits[visit].suspected_on.insert(day) {
                self.suspect_on(visit, day);
            }
        }
    }

    fn suspect_on(&mut self, visit: usize, day: Day) {
        let of_visit = |v: &&View| v.visit == Some(visit) && self.site.day(v.at) == day;
        for view in self.views.iter().filter(of_visit) {
            for (metric, n) in [
                (Metric::Server, view.server),
                (Metric::Browser, !view.server),
                (Metric::Confirmed, view.server && view.confirmed),
                (Metric::Unverified, view.unverified),
            ] {
                let row = (day, Dimension::Suspected, "yes".to_owned(), metric, i64::from(n));
                self.others.push(row);
            }
            let client = self.visits[visit].client;
            self.suspects.push((client, day, Metric::Visitors));
            if view.confirmed {
                self.suspects.push((client, day, Metric::ConfirmedVisitors));
            }
        }
    }

    /// `event`: it is one, which also counts on the day that the visit began on; `interactive`: it
    /// ends a bounce.
    fn act(&mut self, client: usize, at: Millis, interactive: bool, event: bool) {
        if let Some(running) = self.running(client, at) {
            let visit = &mut self.visits[running];
            let longer = at > visit.last;
            visit.last = visit.last.max(at);
            visit.interacted |= interactive;
            self.suspect(running, at, event || longer);
        }
    }

    /// Something that changes nothing of its visit.
    fn happens(&mut self, client: usize, at: Millis) {
        if let Some(running) = self.running(client, at) {
            self.suspect(running, at, false);
        }
    }

    fn running(&self, client: usize, at: Millis) -> Option<usize> {
        let own = self.visits.iter().rposition(|v| v.client == client);
        own.filter(|own| at - self.visits[*own].last <= 30 * MINUTE)
    }

    fn is_new(&mut self, client: usize, n: Option<u64>) -> bool {
        let Some(n) = n else { return true };
        let new = !self.numbers.contains(&(client, n));
        self.numbers.push((client, n));
        new
    }
}

impl Visit {
    fn traits(&self) -> Traits {
        let mut traits = self.traits.clone();
        traits.extend(self.suspected.then(|| (Dimension::Suspected, "yes".to_owned())));
        traits
    }
}

fn plain(traits: &headcount::model::Traits) -> Traits {
    traits.iter().map(|(dimension, value)| (dimension, value.to_owned())).collect()
}

/// From another source or campaign than the visit has; who comes from nowhere goes on.
fn comes_anew(view: &Traits, visit: &Traits) -> bool {
    let of = |traits: &Traits, dimension| {
        traits.iter().find(|(d, _)| *d == dimension).map(|(_, v)| v.clone())
    };
    [Dimension::Source, Dimension::UtmCampaign].into_iter().any(|dimension| {
        let own = of(view, dimension);
        own.as_deref().is_some_and(|own| own != "Direct / None") && own != of(visit, dimension)
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Evidence {
    Server,
    Activated,
    Browser,
    Unverified,
}
