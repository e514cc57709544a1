//! The rules of counting, told naively: every view and every visit is kept in a list, with whose
//! it is, and the counts are made from the lists at the very end.

use super::traffic::is_anonymous;
use headcount::capture::{Answered, Hit, IdVerdict, Nav, PageKind, Shown, Traits, What};
use headcount::clock::{MINUTE, Millis, SECOND};
use headcount::rollup::{Dimension, Metric, slot};
use headcount::site::{Day, Site};
use std::collections::{BTreeMap, BTreeSet};

type Counts = BTreeMap<(Day, Dimension, String, Metric), i64>;

/// Everything that happened.
pub struct Model {
    site: Site,
    views: Vec<View>,
    visits: Vec<Visit>,
    answered: Vec<(usize, Millis, Answered)>,
    used: Vec<u64>,
    numbers: Vec<(usize, u64)>,
    events: Vec<(Option<usize>, Day, String, String)>,
    screens: Vec<(Option<usize>, Day, String, &'static [Metric])>,
    /// What is simply counted: errors, prefetches, downloads, engagement.
    others: Vec<(Day, Dimension, String, Metric, i64)>,
}

struct View {
    client: Option<usize>,
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
            events: Vec::new(),
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
                        self.view(
                            client,
                            at,
                            &counted,
                            &page.traits,
                            Some(page.nonce),
                            Evidence::Server,
                        );
                    }
                    PageKind::Prefetch => {
                        self.others.push((day, Dimension::Prefetch, counted, Metric::Responses, 1));
                    }
                    PageKind::Error => {
                        for (dimension, value) in [
                            (Dimension::ErrorPage, counted.clone()),
                            (Dimension::ErrorLink, counted),
                            (Dimension::ErrorStatus, page.status.to_string()),
                        ] {
                            self.others.push((day, dimension, value, Metric::Responses, 1));
                        }
                    }
                    PageKind::Unseen | PageKind::Ignored => {}
                }
            }
            What::Shown(shown) => {
                if self.is_new(client, shown.n) {
                    self.shown(client, at, shown);
                }
            }
            What::Event { page, name, interactive, n } => {
                if self.is_new(client, *n) {
                    self.act(client, at, *interactive);
                    let person = (!is_anonymous(client)).then_some(client);
                    self.events.push((person, day, page.to_string(), name.to_string()));
                }
            }
            What::Engagement { page, millis, .. } => {
                self.act(client, at, false);
                for (dimension, value) in [(Dimension::Total, ""), (Dimension::Page, page)] {
                    let millis = i64::from(*millis);
                    self.others.push((day, dimension, value.into(), Metric::Engagement, millis));
                }
            }
            What::Download { path, complete, bytes } => {
                for (metric, n) in [
                    (Metric::Responses, 1),
                    (Metric::Complete, i64::from(*complete)),
                    (Metric::Bytes, *bytes as i64),
                ] {
                    self.others.push((day, Dimension::Download, path.to_string(), metric, n));
                }
            }
            What::Bot { .. } | What::BotBeacon { .. } => unreachable!("not in this traffic"),
        }
    }

    /// The rules for a pageview beacon, in the order of the table.
    fn shown(&mut self, client: usize, at: Millis, shown: &Shown) {
        let page = shown.page.to_string();
        let load = matches!(shown.nav, Nav::Load | Nav::Prerender);
        let about = match shown.id {
            _ if !load => None,
            IdVerdict::Cached => None,
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
                        && at - when <= patience
                        && !self.used.contains(&a.nonce)
                })
                .map(|i| (i, self.answered[i].1)),
        };
        let evidence = match about {
            None if load && shown.id == IdVerdict::Invalid => Evidence::Unverified,
            None => Evidence::Browser,
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
                    _ if self.used.contains(&answered.nonce) => Evidence::Browser,
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
                                self.others.push((
                                    day,
                                    Dimension::ErrorPage,
                                    page,
                                    Metric::Seen,
                                    1,
                                ));
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
        self.view(client, at, &page, &shown.traits, None, evidence);
        let metrics: &[Metric] = match evidence {
            Evidence::Activated => &[Metric::Server, Metric::Confirmed],
            Evidence::Unverified => &[Metric::Browser, Metric::Unverified],
            Evidence::Browser | Evidence::Server => &[Metric::Browser],
        };
        self.screen(client, self.site.day(at), shown, metrics);
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
            let mut own = self.visits.iter_mut().rev().filter(|v| v.client == client);
            let visit = match own.next().filter(|v| at - v.last <= 30 * MINUTE) {
                Some(running) => {
                    running.last = running.last.max(at);
                    running.pages.push((at, page.to_owned()));
                    running
                }
                None => {
                    self.visits.push(Visit {
                        client,
                        start: at,
                        last: at,
                        pages: vec![(at, page.to_owned())],
                        interacted: false,
                        traits: traits.clone(),
                    });
                    self.visits.last_mut().unwrap()
                }
            };
            view.client = Some(client);
            view.entry = Some(visit.pages[0].1.clone());
            view.traits = visit.traits.clone();
        }
        self.views.push(view);
    }

    fn act(&mut self, client: usize, at: Millis, interactive: bool) {
        let own = self.visits.iter_mut().rev().find(|v| v.client == client);
        if let Some(visit) = own.filter(|v| at - v.last <= 30 * MINUTE) {
            visit.last = visit.last.max(at);
            visit.interacted |= interactive;
        }
    }

    fn is_new(&mut self, client: usize, n: Option<u64>) -> bool {
        let Some(n) = n else { return true };
        let new = !self.numbers.contains(&(client, n));
        self.numbers.push((client, n));
        new
    }

    /// All counts, made from the lists.
    pub fn counts(&self) -> Counts {
        let mut sums = Counts::new();
        let mut add = |day: Day, dimension: Dimension, value: &str, metric: Metric, n: i64| {
            *sums.entry((day, dimension, value.to_owned(), metric)).or_default() += n;
        };
        let mut people = BTreeSet::new();
        for view in &self.views {
            let day = self.site.day(view.at);
            let mut rows =
                vec![(Dimension::Total, String::new()), (Dimension::Page, view.page.clone())];
            rows.extend(view.entry.clone().map(|e| (Dimension::EntryPage, e)));
            rows.extend(view.traits.iter().map(|(d, v)| (*d, v.to_string())));
            rows.push((Dimension::Slot, slot(view.at).to_string()));
            for (dimension, value) in rows {
                // In an hour a person counts once, in the slot seen first.
                let unique = match dimension {
                    Dimension::Slot => format!("hour {}", self.site.hour(view.at)),
                    _ => value.clone(),
                };
                for (metric, counted, who) in [
                    (Metric::Visitors, Metric::Visitors, true),
                    (Metric::ConfirmedVisitors, Metric::ConfirmedVisitors, view.confirmed),
                ] {
                    let first = who
                        && view.client.is_some_and(|client| {
                            people.insert((day, dimension, unique.clone(), metric, client))
                        });
                    add(day, dimension, &value, counted, i64::from(first));
                }
                add(day, dimension, &value, Metric::Server, i64::from(view.server));
                add(day, dimension, &value, Metric::Browser, i64::from(!view.server));
                add(
                    day,
                    dimension,
                    &value,
                    Metric::Confirmed,
                    i64::from(view.server && view.confirmed),
                );
                add(day, dimension, &value, Metric::Unverified, i64::from(view.unverified));
            }
        }
        for visit in &self.visits {
            let day = self.site.day(visit.start);
            let latest = visit.pages.iter().max_by_key(|(at, _)| *at).unwrap();
            let exit = latest.1.clone();
            let mut rows = vec![
                (Dimension::Total, String::new()),
                (Dimension::Slot, slot(visit.start).to_string()),
                (Dimension::EntryPage, visit.pages[0].1.clone()),
                (Dimension::ExitPage, exit.clone()),
            ];
            rows.extend(visit.traits.iter().map(|(d, v)| (*d, v.to_string())));
            let bounced = visit.pages.len() == 1 && !visit.interacted;
            for (dimension, value) in rows {
                add(day, dimension, &value, Metric::Visits, 1);
                add(day, dimension, &value, Metric::Bounces, i64::from(bounced));
                add(day, dimension, &value, Metric::Duration, visit.last - visit.start);
                add(day, dimension, &value, Metric::VisitViews, visit.pages.len() as i64);
            }
            let first = people.insert((
                day,
                Dimension::ExitPage,
                exit.clone(),
                Metric::Visitors,
                visit.client,
            ));
            add(day, Dimension::ExitPage, &exit, Metric::Visitors, i64::from(first));
            let pages: BTreeSet<&String> = visit.pages.iter().map(|(_, page)| page).collect();
            for page in pages {
                add(day, Dimension::Page, page, Metric::Visits, 1);
            }
        }
        for (client, day, page, name) in &self.events {
            add(*day, Dimension::Total, "", Metric::Events, 1);
            add(*day, Dimension::Page, page, Metric::Events, 1);
            add(*day, Dimension::Event, name, Metric::Events, 1);
            let first = client.is_some_and(|c| {
                people.insert((*day, Dimension::Event, name.clone(), Metric::Visitors, c))
            });
            add(*day, Dimension::Event, name, Metric::Visitors, i64::from(first));
        }
        for (client, day, screen, metrics) in &self.screens {
            for metric in *metrics {
                add(*day, Dimension::Screen, screen, *metric, 1);
            }
            let first = client.is_some_and(|c| {
                people.insert((*day, Dimension::Screen, screen.clone(), Metric::Visitors, c))
            });
            add(*day, Dimension::Screen, screen, Metric::Visitors, i64::from(first));
        }
        for (day, dimension, value, metric, n) in &self.others {
            add(*day, *dimension, value, *metric, *n);
        }
        sums.retain(|_, n| *n != 0);
        sums
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Evidence {
    Server,
    Activated,
    Browser,
    Unverified,
}
