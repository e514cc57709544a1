//! One shard: the visitors it owns, and the rules by which their hits merge and count.
//!
//! Pure but for the memory it keeps: time comes with the hit. A server view counts when it is
//! answered; its beacon confirms it; a beacon that confirms nothing is a view only the browser
//! saw. Nothing is ever taken back, so three sums (server, confirmed, browser) tell everything.

use super::event::{Added, Event};
use super::names::Names;
use super::recent::Recent;
use super::visit::Visit;
use super::window::{Window, Windows};
use crate::capture::{Answered, Event as Happening, Hit, IdVerdict, Nav, PageKind, Shown, Told, Traits, What};
use crate::clock::{HOUR, MINUTE, Millis, SECOND};
use crate::rollup::{self, Dimension, Metric};
use crate::site::{Day, Site};
use crate::visitor::VisitorHash;
use foldhash::fast::{FixedState, RandomState};
use lru::LruCache;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::sync::Arc;

/// A view id is honoured for this long.
pub const ID_LIFETIME: Millis = 30 * MINUTE;

/// A beacon without an id finds a page answered to the same visitor this long ago …
const MATCH_WINDOW: Millis = 30 * SECOND;
/// … or fetched ahead this long ago: what browsers keep a prefetched page for.
const MATCH_WINDOW_PREFETCH: Millis = 5 * MINUTE;
/// Pages remembered per visitor for that.
const OPEN_MAX: usize = 16;

/// How much a shard remembers.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Visitors; the longest idle are forgotten first, and would count anew.
    pub visitors: usize,
    /// Rows per dimension and day, see [`Names`].
    pub rows: usize,
}

/// Hours of a day, as claims name them.
const HOURS: [&str; 24] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16",
    "17", "18", "19", "20", "21", "22", "23",
];

pub(super) type Map<K, V> = LruCache<K, V, RandomState>;

pub struct Shard {
    sites: Arc<Vec<Site>>,
    limits: Limits,
    /// Makes the numbers claims are kept as.
    hasher: FixedState,
    visitors: Map<VisitorHash, Visitor>,
    /// Pages answered and not yet confirmed, by nonce.
    pending: Map<u64, Pending>,
    used: Recent,
    numbers: Recent,
    names: HashMap<(usize, Dimension), (Day, Names), foldhash::fast::RandomState>,
    windows: Windows,
    /// The latest time seen in a hit.
    newest: Millis,
}

/// What is known of a visitor on one day (the hash changes with the day).
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Visitor {
    site: usize,
    seen: Millis,
    /// Last pageview: for the number of current visitors.
    viewed: Millis,
    /// Rows that count this visitor.
    claims: HashSet<u64, RandomState>,
    visit: Option<Visit>,
    /// The hash under which the visit goes on after midnight.
    became: Option<VisitorHash>,
    open: Vec<Open>,
}

/// A page answered lately, for a beacon that brings no id.
#[derive(Serialize, Deserialize)]
struct Open {
    page: Arc<str>,
    nonce: u64,
    at: Millis,
    kind: PageKind,
}

/// Which rows a confirmation goes to: those its view was counted in.
#[derive(Serialize, Deserialize)]
pub(super) struct Pending {
    at: Millis,
    rows: ViewRows,
}

/// The rows a view counts in, beside the total and its slot.
#[derive(Clone, Serialize, Deserialize)]
struct ViewRows {
    page: Arc<str>,
    entry: Option<Arc<str>>,
    traits: Arc<Traits>,
}

/// Where and whose a view is.
#[derive(Clone, Copy)]
struct Spot {
    site: usize,
    at: Millis,
    /// The day `at` falls on: asked for by every row, and dear.
    day: Day,
    lane: u16,
    visitor: Option<VisitorHash>,
    before_midnight: Option<VisitorHash>,
}

/// What a hit turned out to be: for the live stream and the process's own counters.
pub struct Outcome {
    pub pageview: bool,
    pub event: Option<Event>,
}

impl Shard {
    pub fn new(sites: Arc<Vec<Site>>, limits: Limits) -> Self {
        Self::seeded(sites, limits, rand::random())
    }

    /// With the seed of an earlier shard it can take over that one's state.
    pub fn seeded(sites: Arc<Vec<Site>>, limits: Limits, seed: u64) -> Self {
        let cap = NonZeroUsize::new(limits.visitors).unwrap_or(NonZeroUsize::MIN);
        Self {
            sites,
            limits,
            hasher: FixedState::with_seed(seed),
            visitors: LruCache::with_hasher(cap, RandomState::default()),
            pending: LruCache::with_hasher(cap, RandomState::default()),
            used: Recent::new(ID_LIFETIME, limits.visitors.saturating_mul(4)),
            numbers: Recent::new(ID_LIFETIME, limits.visitors.saturating_mul(4)),
            names: HashMap::default(),
            windows: Windows::default(),
            newest: 0,
        }
    }

    /// Counts a hit.
    pub fn apply(&mut self, hit: Hit) -> Outcome {
        let Hit { at, site, visitor, before_midnight, what, lane } = hit;
        // By the time in the hits and not by the call of `seal`, so that the same hits make the
        // same shard.
        if at / MINUTE > self.newest / MINUTE {
            self.forget(at);
        }
        self.newest = self.newest.max(at);
        let day = self.sites[site].day(at);
        let spot = Spot { site, at, day, lane, visitor, before_midnight };
        let (kind, page, traits) = match what {
            What::Answered(answered) => self.answered(spot, answered),
            What::Shown(shown) => self.shown(spot, shown),
            What::Told(told) => self.told(spot, told),
            What::Served(_) | What::Feed { .. } => ("", Arc::default(), None),
            What::Download { path, complete, bytes } => {
                let path = self.admit(spot, Dimension::Download, &path);
                let window = self.window(spot);
                window.add(Dimension::Download, &path, Metric::Responses, 1);
                window.add(Dimension::Download, &path, Metric::Complete, i64::from(complete));
                window.add(Dimension::Download, &path, Metric::Bytes, bytes as i64);
                ("download", path, None)
            }
            What::Bot { name, class, page, status, read: _ } => {
                let page = self.admit(spot, Dimension::BotPage, &page);
                let name = self.admit(spot, Dimension::BotName, &name);
                let status = status.to_string().into();
                let window = self.window(spot);
                for (dimension, value) in [
                    (Dimension::BotName, &name),
                    (Dimension::BotClass, &class),
                    (Dimension::BotPage, &page),
                    (Dimension::BotStatus, &status),
                ] {
                    window.add(dimension, value, Metric::Responses, 1);
                }
                let traits = vec![(Dimension::BotName, name), (Dimension::BotClass, class)];
                ("bot", page, Some(Arc::new(traits)))
            }
            What::BotBeacon { name, class } => {
                let name = self.admit(spot, Dimension::BotName, &name);
                let window = self.window(spot);
                window.add(Dimension::BotName, &name, Metric::Beacons, 1);
                window.add(Dimension::BotClass, &class, Metric::Beacons, 1);
                ("", name, None)
            }
        };
        let told = !kind.is_empty();
        let traits = traits.unwrap_or_default();
        let event = Event {
            at,
            kind: if told { kind } else { "activity" },
            page,
            visitor,
            traits,
            added: None,
        };
        let window = self.window(spot);
        window.hits += 1;
        window.record(told, event.clone());
        if self.windows.len() > 1 {
            // What belongs to the day before is noted there.
            for ((of, _), window) in &mut self.windows {
                if *of == site {
                    window.record(false, Event { kind: "activity", ..event.clone() });
                }
            }
        }
        let event = told.then_some(event);
        Outcome { pageview: matches!(kind, "view" | "browser" | "unverified" | "activated"), event }
    }

    /// Forgets what is too old at `now` to matter.
    fn forget(&mut self, now: Millis) {
        while let Some((_, idle)) = self.visitors.peek_lru() {
            // A hash lives for its day and the hour after.
            if now - idle.seen <= 25 * HOUR {
                break;
            }
            self.visitors.pop_lru();
        }
        while let Some((_, old)) = self.pending.peek_lru() {
            if now - old.at <= ID_LIFETIME {
                break;
            }
            self.pending.pop_lru();
        }
    }

    /// Takes the increments gathered since the last call.
    pub fn seal(&mut self) -> Windows {
        std::mem::take(&mut self.windows)
    }

    /// Visitors of a site with a pageview since `since`.
    pub fn current_visitors(&self, site: usize, since: Millis) -> usize {
        let recent = self.visitors.iter().take_while(|(_, v)| v.seen >= since);
        recent.filter(|(_, v)| v.site == site && v.viewed >= since).count()
    }

    /// Hits counted since the last [`Shard::seal`].
    pub fn unsealed(&self) -> u64 {
        self.windows.values().map(|w| w.hits).sum()
    }

    fn answered(&mut self, spot: Spot, page: Answered) -> Counted {
        let Answered { page, nonce, kind, status, traits, from: _ } = page;
        if let Some(visitor) = spot.visitor {
            let open = &mut self.visitor(visitor, spot).open;
            if open.len() >= OPEN_MAX {
                open.remove(0);
            }
            open.push(Open { page: page.clone(), nonce, at: spot.at, kind });
        }
        match kind {
            PageKind::View => {
                let rows = self.pageview(spot, &page, traits, &[Metric::Server]);
                let counted = ("view", rows.page.clone(), Some(rows.traits.clone()));
                self.pending.push(nonce, Pending { at: spot.at, rows });
                counted
            }
            PageKind::Prefetch => {
                let page = self.admit(spot, Dimension::Prefetch, &page);
                self.window(spot).add(Dimension::Prefetch, &page, Metric::Responses, 1);
                ("prefetch", page, None)
            }
            PageKind::Error => {
                let page = self.admit(spot, Dimension::ErrorPage, &page);
                let referrer = traits.iter().find(|(d, _)| *d == Dimension::Referrer);
                let link: Arc<str> = match referrer {
                    Some((_, from)) => format!("{page} ← {from}").into(),
                    None => page.clone(),
                };
                let link = self.admit(spot, Dimension::ErrorLink, &link);
                let status = status.to_string().into();
                let window = self.window(spot);
                window.add(Dimension::ErrorPage, &page, Metric::Responses, 1);
                window.add(Dimension::ErrorLink, &link, Metric::Responses, 1);
                window.add(Dimension::ErrorStatus, &status, Metric::Responses, 1);
                ("error", page, None)
            }
            PageKind::Unseen | PageKind::Ignored => ("", page, None),
        }
    }

    fn shown(&mut self, spot: Spot, shown: Shown) -> Counted {
        if !self.is_new(shown.n, spot) {
            return ("", shown.page, None);
        }
        let load = matches!(shown.nav, Nav::Load | Nav::Prerender);
        let claim = match shown.id {
            _ if !load => None,
            IdVerdict::Fresh { nonce, issued, kind } => Some((nonce, issued, kind)),
            IdVerdict::Cached { .. } => None,
            IdVerdict::Invalid => self.open_page(spot, &shown.page),
        };
        let evidence = match claim {
            Some((_, _, PageKind::Ignored)) => return ("", shown.page, None),
            // An error page shown again is never a pageview either.
            Some((nonce, _, PageKind::Error)) if self.used.contains(nonce) => {
                return ("", shown.page, None);
            }
            Some((nonce, issued, kind)) if self.used.insert(nonce, spot.at) => {
                let answered = self.at_issue(spot, issued);
                match kind {
                    PageKind::View => return self.confirm(answered, nonce, shown),
                    PageKind::Prefetch => {
                        let page = self.admit(answered, Dimension::Prefetch, &shown.page);
                        self.window(answered).add(Dimension::Prefetch, &page, Metric::Seen, 1);
                        Evidence::Activated
                    }
                    PageKind::Error => {
                        let page = self.admit(answered, Dimension::ErrorPage, &shown.page);
                        self.window(answered).add(Dimension::ErrorPage, &page, Metric::Seen, 1);
                        return ("error confirmed", page, None);
                    }
                    PageKind::Unseen | PageKind::Ignored => Evidence::Browser,
                }
            }
            Some(_) => Evidence::Browser,
            None if load && shown.id == IdVerdict::Invalid => Evidence::Unverified,
            None => Evidence::Browser,
        };
        let rows = self.pageview(spot, &shown.page, shown.traits, evidence.metrics());
        if evidence == Evidence::Activated {
            self.confirm_rows(spot, &rows, false);
        }
        self.screen(spot, shown.screen, evidence.metrics());
        (evidence.word(), rows.page, Some(rows.traits))
    }

    /// A server view's beacon has come: the view is confirmed, in the rows it was counted in.
    fn confirm(&mut self, answered: Spot, nonce: u64, shown: Shown) -> Counted {
        let rows = match self.pending.pop(&nonce) {
            Some(pending) => pending.rows,
            // Answered by another node, or long forgotten.
            None => self.rows_of(answered, &shown.page, shown.traits),
        };
        self.confirm_rows(answered, &rows, true);
        self.screen(answered, shown.screen, &[Metric::Server, Metric::Confirmed]);
        ("confirm", rows.page, Some(rows.traits))
    }

    /// Counts a view as confirmed (`count`), and its visitor.
    fn confirm_rows(&mut self, spot: Spot, rows: &ViewRows, count: bool) {
        self.each_row(spot, rows, if count { &[Metric::Confirmed] } else { &[] }, Claim::Confirmed);
        if let Some(visitor) = spot.visitor {
            self.window(spot).confirmed(visitor);
        }
    }

    /// Counts a pageview: in its visit, and `metrics` in every row it belongs to.
    fn pageview(
        &mut self,
        spot: Spot,
        page: &Arc<str>,
        traits: Traits,
        metrics: &'static [Metric],
    ) -> ViewRows {
        let page = self.admit(spot, Dimension::Page, page);
        let rows = match spot.visitor {
            Some(visitor) => self.in_visit(spot, visitor, page, traits),
            None => ViewRows { page, entry: None, traits: Arc::new(self.admit_all(spot, traits)) },
        };
        self.each_row(spot, &rows, metrics, Claim::Seen);
        if let Some(visitor) = spot.visitor {
            self.window(spot).seen(visitor);
        }
        rows
    }

    /// Puts a view into the visitor's running visit, or begins one.
    fn in_visit(
        &mut self,
        spot: Spot,
        visitor: VisitorHash,
        page: Arc<str>,
        traits: Traits,
    ) -> ViewRows {
        let owner = self.visit_owner(spot, visitor);
        let mut visit = self.visitor(owner, spot).visit.take();
        self.visitor(owner, spot).viewed = spot.at;
        match &mut visit {
            Some(running) if running.runs(spot.at) => {
                let window = self.windows.entry((spot.site, running.day)).or_default();
                running.view(window, spot.at, page.clone());
            }
            _ => {
                let day = spot.day;
                let slot = slot_value(spot.at);
                let traits = Arc::new(self.admit_all(spot, traits));
                let window = self.window(spot);
                let before = visit.take();
                let begun = Visit::begin(window, day, slot, spot.at, page.clone(), traits, before);
                visit = Some(begun);
            }
        }
        let rows = visit.as_ref().map(|v| (v.entry.clone(), v.traits.clone()));
        self.visitor(owner, spot).visit = visit;
        let (entry, traits) = rows.unzip();
        ViewRows { page, entry, traits: traits.unwrap_or_default() }
    }

    /// Whose entry holds the visit: the visitor's, or the one it became at midnight. The visit of
    /// yesterday's hash moves over when it still runs.
    fn visit_owner(&mut self, spot: Spot, visitor: VisitorHash) -> VisitorHash {
        if let Some(became) = self.visitors.peek(&visitor).and_then(|v| v.became) {
            return became;
        }
        if let Some(old) = spot.before_midnight {
            let visits_today = self.visitors.peek(&visitor).is_some_and(|v| v.visit.is_some());
            let yesterday = self.visitor(old, spot);
            // Also without a visit: what is late from yesterday belongs to today's.
            yesterday.became = Some(visitor);
            if !visits_today && let Some(visit) = yesterday.visit.take_if(|v| v.runs(spot.at)) {
                self.visitor(visitor, spot).visit = Some(visit);
            }
        }
        visitor
    }

    /// The rows a view of this visitor would have counted in.
    fn rows_of(&mut self, spot: Spot, page: &Arc<str>, traits: Traits) -> ViewRows {
        let page = self.admit(spot, Dimension::Page, page);
        let visit = spot.visitor.and_then(|visitor| {
            let owner = self.visit_owner(spot, visitor);
            self.visitors.peek(&owner)?.visit.as_ref()
        });
        match visit {
            Some(visit) => {
                ViewRows { page, entry: Some(visit.entry.clone()), traits: visit.traits.clone() }
            }
            None => ViewRows { page, entry: None, traits: Arc::new(self.admit_all(spot, traits)) },
        }
    }

    fn told(&mut self, spot: Spot, told: Told) -> Counted {
        let Told { page, event, n } = told;
        match event {
            Happening::Custom { name, .. } => self.event(spot, page, name, true, n),
            Happening::Outbound { .. } => self.event(spot, page, "Outbound link".into(), true, n),
            Happening::File { .. } => self.event(spot, page, "File download".into(), true, n),
            Happening::Engagement { millis, .. } => self.engagement(spot, page, millis, n),
            Happening::Click { .. } | Happening::Vital { .. } => ("", page, None),
        }
    }

    fn event(
        &mut self,
        spot: Spot,
        page: Arc<str>,
        name: Arc<str>,
        interactive: bool,
        n: Option<u64>,
    ) -> Counted {
        if !self.is_new(n, spot) {
            return ("", page, None);
        }
        let page = self.admit(spot, Dimension::Page, &page);
        let name = self.admit(spot, Dimension::Event, &name);
        let visitors = self.claim(spot, Dimension::Event, &name, Claim::Seen);
        self.act(spot, interactive);
        let window = self.window(spot);
        window.add(Dimension::Total, &Arc::default(), Metric::Events, 1);
        window.add(Dimension::Page, &page, Metric::Events, 1);
        window.add(Dimension::Event, &name, Metric::Events, 1);
        window.add(Dimension::Event, &name, Metric::Visitors, i64::from(visitors));
        ("event", page, Some(Arc::new(vec![(Dimension::Event, name)])))
    }

    fn engagement(&mut self, spot: Spot, page: Arc<str>, millis: u32, n: Option<u64>) -> Counted {
        if self.is_new(n, spot) {
            let page = self.admit(spot, Dimension::Page, &page);
            self.act(spot, false);
            let window = self.window(spot);
            window.add(Dimension::Total, &Arc::default(), Metric::Engagement, millis.into());
            window.add(Dimension::Page, &page, Metric::Engagement, millis.into());
        }
        ("", page, None)
    }

    /// Activity in the running visit, if there is one.
    fn act(&mut self, spot: Spot, interactive: bool) {
        let Some(visitor) = spot.visitor else { return };
        let owner = self.visit_owner(spot, visitor);
        if let Some(known) = self.visitors.get_mut(&owner)
            && let Some(visit) = known.visit.as_mut().filter(|v| v.runs(spot.at))
        {
            known.seen = known.seen.max(spot.at);
            let window = self.windows.entry((spot.site, visit.day)).or_default();
            visit.act(window, spot.at, interactive);
        }
    }

    /// Views whose beacon told the viewport's class, by that class.
    fn screen(&mut self, spot: Spot, screen: Option<Arc<str>>, metrics: &[Metric]) {
        let Some(screen) = screen else { return };
        let screen = self.admit(spot, Dimension::Screen, &screen);
        let visitors = self.claim(spot, Dimension::Screen, &screen, Claim::Seen);
        let window = self.window(spot);
        for metric in metrics {
            window.add(Dimension::Screen, &screen, *metric, 1);
        }
        window.add(Dimension::Screen, &screen, Metric::Visitors, i64::from(visitors));
    }

    /// The page a beacon without an id is about: the oldest one answered to the same visitor
    /// under the same path and not yet spoken for.
    fn open_page(&mut self, spot: Spot, page: &str) -> Option<(u64, Millis, PageKind)> {
        let (visitors, used) = (&mut self.visitors, &self.used);
        let mut of = |visitor: VisitorHash| {
            let open = &mut visitors.get_mut(&visitor)?.open;
            open.retain(|o| spot.at - o.at <= o.match_window() && !used.contains(o.nonce));
            let found = open.iter().position(|o| *o.page == *page)?;
            let open = open.remove(found);
            Some((open.nonce, open.at, open.kind))
        };
        spot.before_midnight.and_then(&mut of).or_else(|| spot.visitor.and_then(of))
    }

    /// Adds one of each metric to every row a view belongs to, and to those where its visitor is
    /// first seen, a visitor.
    fn each_row(&mut self, spot: Spot, rows: &ViewRows, metrics: &'static [Metric], kind: Claim) {
        if let Some(visitor) = spot.visitor {
            self.visitor(visitor, spot);
        }
        let hour = HOURS[self.sites[spot.site].hour(spot.at) as usize % HOURS.len()];
        let window = self.windows.entry((spot.site, spot.day)).or_default();
        let mut claims =
            spot.visitor.and_then(|v| self.visitors.get_mut(&v)).map(|v| &mut v.claims);
        let hasher = &self.hasher;
        let visitors = kind.metric();
        // Which rows claimed the visitor, by their order.
        let (mut row, mut claimed) = (0, 0u64);
        let mut count = |window: &mut Window, dimension, value: &Arc<str>, claim: &str| {
            let counts = window.row(dimension, value);
            for metric in metrics {
                counts.add(*metric, 1);
            }
            if claims.as_mut().is_some_and(|c| c.insert(hasher.hash_one((dimension, claim, kind))))
            {
                counts.add(visitors, 1);
                claimed |= 1u64.checked_shl(row).unwrap_or(0);
            }
            row += 1;
        };
        let slot = slot_value(spot.at);
        count(window, Dimension::Total, &Arc::default(), "");
        // Visitors are claimed by the hour of the site's day: its four slots add up.
        count(window, Dimension::Slot, &slot, hour);
        count(window, Dimension::Page, &rows.page, &rows.page);
        if let Some(entry) = &rows.entry {
            count(window, Dimension::EntryPage, entry, entry);
        }
        for (dimension, value) in rows.traits.iter() {
            count(window, *dimension, value, value);
        }
        window.note(Added::View {
            slot,
            page: rows.page.clone(),
            entry: rows.entry.clone(),
            traits: rows.traits.clone(),
            metrics,
            visitors,
            claimed,
        });
    }

    /// Whether this visitor is first seen in a row.
    fn claim(&mut self, spot: Spot, dimension: Dimension, value: &str, kind: Claim) -> bool {
        let key = self.hasher.hash_one((dimension, value, kind));
        spot.visitor.is_some_and(|v| self.visitor(v, spot).claims.insert(key))
    }

    /// Whether an event's number is new; an event without one always is.
    fn is_new(&mut self, n: Option<u64>, spot: Spot) -> bool {
        n.is_none_or(|n| self.numbers.insert(self.hasher.hash_one((n, spot.lane)), spot.at))
    }

    /// The same visitor when a page was answered, which may have been yesterday.
    fn at_issue(&self, spot: Spot, issued: Millis) -> Spot {
        let day = self.sites[spot.site].day(issued);
        let visitor = match spot.before_midnight {
            Some(old) if day < spot.day => Some(old),
            _ => spot.visitor,
        };
        Spot { at: issued, day, visitor, ..spot }
    }

    fn visitor(&mut self, visitor: VisitorHash, spot: Spot) -> &mut Visitor {
        let known = self.visitors.get_or_insert_mut(visitor, Visitor::default);
        known.site = spot.site;
        known.seen = known.seen.max(spot.at);
        known
    }

    fn window(&mut self, spot: Spot) -> &mut Window {
        self.windows.entry((spot.site, spot.day)).or_default()
    }

    fn admit(&mut self, spot: Spot, dimension: Dimension, value: &Arc<str>) -> Arc<str> {
        let (day, cap) = (spot.day, self.limits.rows);
        let (since, names) =
            self.names.entry((spot.site, dimension)).or_insert_with(|| (day, Names::new(cap)));
        if day > *since {
            (*since, *names) = (day, Names::new(cap));
        }
        names.admit(value)
    }

    fn admit_all(&mut self, spot: Spot, mut traits: Traits) -> Traits {
        for (dimension, value) in &mut traits {
            *value = self.admit(spot, *dimension, value);
        }
        traits
    }
}

impl Shard {
    /// Writes down all it knows; increments are not part of it, so they are to be sealed before.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn save(&self, to: impl Write) -> io::Result<()> {
        let oldest_first = State {
            hasher: self.hasher.hash_one(CANARY),
            newest: self.newest,
            visitors: self.visitors.iter().rev().collect(),
            pending: self.pending.iter().rev().collect(),
            used: &self.used,
            numbers: &self.numbers,
            names: self.names.iter().collect(),
        };
        postcard::to_io(&oldest_first, to).map(drop).map_err(io::Error::other)
    }

    /// Takes over what another shard of the same seed has saved. False: it cannot be read, and
    /// nothing has changed.
    pub fn restore(&mut self, saved: &[u8]) -> bool {
        type Saved = State<(VisitorHash, Visitor), (u64, Pending), Recent, Known>;
        let Ok(state) = postcard::from_bytes::<Saved>(saved) else { return false };
        if state.hasher != self.hasher.hash_one(CANARY) {
            return false;
        }
        self.newest = state.newest;
        for (visitor, known) in state.visitors {
            self.visitors.push(visitor, known);
        }
        for (nonce, pending) in state.pending {
            self.pending.push(nonce, pending);
        }
        self.used = state.used.capped(self.limits.visitors.saturating_mul(4));
        self.numbers = state.numbers.capped(self.limits.visitors.saturating_mul(4));
        self.names = state.names.into_iter().collect();
        true
    }
}

/// Tells whether claims were numbered as this program numbers them.
const CANARY: &str = "headcount";

/// Names with whose they are.
type Known = ((usize, Dimension), (Day, Names));

/// A shard's memory as it is written down: lists oldest first.
#[derive(Serialize, Deserialize)]
struct State<V, P, R, N> {
    hasher: u64,
    newest: Millis,
    visitors: Vec<V>,
    pending: Vec<P>,
    used: R,
    numbers: R,
    names: Vec<N>,
}

/// What a hit counted as (empty: nothing to tell), its page, its traits.
type Counted = (&'static str, Arc<str>, Option<Arc<Traits>>);

/// What a visitor's claim on a row is for.
#[derive(Clone, Copy, Hash)]
enum Claim {
    Seen,
    Confirmed,
}

impl Claim {
    /// What a claimed row counts.
    fn metric(self) -> Metric {
        match self {
            Self::Seen => Metric::Visitors,
            Self::Confirmed => Metric::ConfirmedVisitors,
        }
    }
}

/// What a beacon that is a pageview of its own is evidence of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Evidence {
    /// A page fetched ahead is now shown: server and browser know.
    Activated,
    Browser,
    Unverified,
}

impl Evidence {
    fn metrics(self) -> &'static [Metric] {
        match self {
            Self::Activated => &[Metric::Server, Metric::Confirmed],
            Self::Browser => &[Metric::Browser],
            Self::Unverified => &[Metric::Browser, Metric::Unverified],
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Activated => "activated",
            Self::Browser => "browser",
            Self::Unverified => "unverified",
        }
    }
}

impl Open {
    fn match_window(&self) -> Millis {
        if self.kind == PageKind::Prefetch { MATCH_WINDOW_PREFETCH } else { MATCH_WINDOW }
    }
}

fn slot_value(at: Millis) -> Arc<str> {
    rollup::slot(at).to_string().into()
}
