//! One shard: the visitors it owns, and the rules by which their hits merge and count.
//!
//! Pure but for the memory it keeps: time comes with the hit. A server view counts when it is
//! answered; its beacon confirms it; a beacon that confirms nothing is a view only the browser
//! saw. Nothing is ever taken back, so three sums (server, confirmed, browser) tell everything.

use super::event::{Added, Event};
use super::names::Names;
use super::recent::Recent;
use super::served::{FEEDS_MAX, Subscribers};
use super::told::Showing;
use super::visit::Visit;
use super::window::{Window, Windows};
use crate::capture::{Answered, Hit, IdVerdict, Nav, PageKind, Shown, Traits, What};
use crate::clock::{HOUR, MINUTE, Millis, SECOND};
use crate::goal::Reached;
use crate::rollup::{self, Dimension, Metric, OTHER, Row, join};
use crate::site::{Day, Site};
use crate::visitor::{AI_CHANNEL, DIRECT, VisitorHash};
use foldhash::fast::{FixedState, RandomState};
use lru::LruCache;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hash};
use std::num::NonZeroUsize;
use std::sync::Arc;

/// A view id is honoured for this long.
pub const ID_LIFETIME: Millis = 30 * MINUTE;

/// A beacon without an id finds a page answered to the same visitor this long ago …
const MATCH_WINDOW: Millis = 30 * SECOND;
/// … or fetched ahead this long ago: what browsers keep a prefetched page for.
const MATCH_WINDOW_PREFETCH: Millis = 5 * MINUTE;
/// A browser's clock is believed if it is this far ahead: time in a shard may jump by as much.
const AHEAD: Millis = 5 * MINUTE;
/// Pages remembered per visitor for a match.
const OPEN_MAX: usize = 64;

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

const FEEDS: NonZeroUsize = NonZeroUsize::new(FEEDS_MAX).expect("a constant");

pub(super) type Map<K, V> = LruCache<K, V, RandomState>;

pub struct Shard {
    pub(super) sites: Arc<Vec<Site>>,
    pub(super) limits: Limits,
    /// Makes the numbers claims are kept as.
    pub(super) hasher: FixedState,
    pub(super) visitors: Map<VisitorHash, Visitor>,
    /// Pages answered and not yet confirmed, by nonce.
    pub(super) pending: Map<u64, Pending>,
    pub(super) used: Recent,
    pub(super) numbers: Recent,
    pub(super) names: HashMap<(usize, Dimension), (Day, Names), foldhash::fast::RandomState>,
    /// By feed and reader.
    pub(super) feeds: Map<u64, Subscribers>,
    /// Visits begun so far.
    pub(super) visits: u64,
    pub(super) windows: Windows,
    /// The latest time seen in a hit.
    pub(super) newest: Millis,
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
    /// Traits of the visit of which all rows do, by [`Claim`]: most views need no look at each.
    #[serde(skip)]
    claimed: [Option<Arc<Traits>>; 2],
    visit: Option<Visit>,
    /// The hash under which the visit goes on after midnight.
    became: Option<VisitorHash>,
    open: Vec<Open>,
    pub showings: Vec<Showing>,
}

/// A page answered lately, for a beacon that brings no id.
#[derive(Serialize, Deserialize)]
struct Open {
    page: Arc<str>,
    nonce: u64,
    at: Millis,
    kind: PageKind,
}

/// Which rows a confirmation goes to: those its view or its error was counted in.
#[derive(Serialize, Deserialize)]
pub(super) struct Pending {
    at: Millis,
    of: Awaited,
}

#[derive(Serialize, Deserialize)]
enum Awaited {
    View(ViewRows),
    Error { page: Arc<str>, link: Arc<str>, status: Arc<str> },
}

/// The rows a view counts in, beside the total and its slot.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct ViewRows {
    /// Of which visit it was, by [`Visit::number`].
    pub visit: Option<u64>,
    pub page: Arc<str>,
    pub entry: Option<Arc<str>>,
    pub traits: Arc<Traits>,
}

/// Where and whose a view is.
#[derive(Clone, Copy)]
pub(super) struct Spot {
    pub site: usize,
    pub at: Millis,
    /// The day `at` falls on: asked for by every row, and dear.
    pub day: Day,
    lane: u16,
    pub visitor: Option<VisitorHash>,
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
            feeds: LruCache::with_hasher(FEEDS, RandomState::default()),
            visits: 0,
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
            What::Served(served) => self.served(spot, served),
            What::Download { path, complete, bytes } => self.download(spot, &path, complete, bytes),
            What::Feed { path, reader, subscribers } => {
                self.feed(spot, &path, &reader, subscribers)
            }
            What::Bot { name, class, page, status, read } => {
                self.bot(spot, &name, class, &page, status, read)
            }
            What::BotBeacon { name, class } => self.bot_beacon(spot, &name, &class),
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
            if now - old.at <= ID_LIFETIME + AHEAD {
                break;
            }
            self.pending.pop_lru();
        }
    }

    /// Takes the increments gathered since the last call.
    pub fn seal(&mut self) -> Windows {
        let mut windows = std::mem::take(&mut self.windows);
        windows.values_mut().for_each(Window::tell_gathered);
        windows
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
        let Answered { page, nonce, kind, status, traits, from } = page;
        if let Some(visitor) = spot.visitor {
            let open = &mut self.visitor(visitor, spot).open;
            if open.len() >= OPEN_MAX {
                open.retain(|o| spot.at - o.at <= o.match_window());
            }
            if open.len() >= OPEN_MAX {
                open.remove(0);
            }
            open.push(Open { page: page.clone(), nonce, at: spot.at, kind });
        }
        match kind {
            PageKind::View => {
                let rows = self.pageview(spot, &page, traits, &[Metric::Server], Some(nonce));
                let counted = ("view", rows.page.clone(), Some(rows.traits.clone()));
                self.pending.push(nonce, Pending { at: spot.at, of: Awaited::View(rows) });
                counted
            }
            PageKind::Prefetch => {
                let page = self.admit(spot, Dimension::Prefetch, &page);
                self.window(spot).add(Dimension::Prefetch, &page, Metric::Responses, 1);
                ("prefetch", page, None)
            }
            PageKind::Error => {
                let link = join([&page, from.as_deref().unwrap_or_default()]).into();
                let link = self.admit(spot, Dimension::ErrorLink, &link);
                let page = self.admit(spot, Dimension::ErrorPage, &page);
                let status: Arc<str> = status.to_string().into();
                self.error(spot, [&page, &link, &status], Metric::Responses);
                let of = Awaited::Error { page: page.clone(), link, status };
                self.pending.push(nonce, Pending { at: spot.at, of });
                ("error", page, None)
            }
            PageKind::Unseen | PageKind::Ignored => ("", page, None),
        }
    }

    fn error(&mut self, spot: Spot, rows: [&Arc<str>; 3], metric: Metric) {
        let window = self.window(spot);
        let of = [Dimension::ErrorPage, Dimension::ErrorLink, Dimension::ErrorStatus];
        for (dimension, value) in of.into_iter().zip(rows) {
            window.add(dimension, value, metric, 1);
        }
    }

    /// An error page's beacon has come: somebody saw it.
    fn error_seen(&mut self, answered: Spot, nonce: u64, page: &Arc<str>) -> Counted {
        match self.pending.pop(&nonce) {
            Some(Pending { of: Awaited::Error { page, link, status }, .. }) => {
                self.error(answered, [&page, &link, &status], Metric::Seen);
                ("error confirmed", page, None)
            }
            // Answered by another node, or long forgotten: what the beacon knows is the page.
            _ => {
                let page = self.admit(answered, Dimension::ErrorPage, page);
                self.window(answered).add(Dimension::ErrorPage, &page, Metric::Seen, 1);
                ("error confirmed", page, None)
            }
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
            IdVerdict::Invalid => self.open_page(spot, &shown),
        };
        let evidence = match claim {
            Some((_, _, PageKind::Ignored)) => return ("", shown.page, None),
            // An error page shown again is never a pageview either.
            Some((nonce, _, PageKind::Error)) if self.used.contains(nonce) => {
                return ("", shown.page, None);
            }
            // By the time of receipt: a browser's clock that is ahead would let ids be forgotten.
            Some((nonce, issued, kind)) if self.used.insert(nonce, shown.received) => {
                let answered = self.at_issue(spot, issued);
                match kind {
                    PageKind::View => return self.confirm(answered, nonce, shown),
                    PageKind::Prefetch => {
                        let page = self.admit(answered, Dimension::Prefetch, &shown.page);
                        self.window(answered).add(Dimension::Prefetch, &page, Metric::Seen, 1);
                        Evidence::Activated
                    }
                    PageKind::Error => return self.error_seen(answered, nonce, &shown.page),
                    PageKind::Unseen | PageKind::Ignored => Evidence::Browser,
                }
            }
            Some(_) => Evidence::Cached { own: true },
            None => match (shown.nav, shown.id) {
                (Nav::History, _) => Evidence::Browser,
                (Nav::BackForward, _) => Evidence::Cached { own: true },
                (_, IdVerdict::Cached { own }) => Evidence::Cached { own },
                _ => Evidence::Unverified,
            },
        };
        let metrics = evidence.metrics();
        let rows = self.pageview(spot, &shown.page, shown.traits, metrics, None);
        match evidence {
            Evidence::Activated => self.confirm_rows(spot, &rows, false),
            Evidence::Cached { own } => {
                let whose = if own { "same visitor" } else { "other visitor" };
                self.window(spot).add(Dimension::Cached, &whose.into(), Metric::Browser, 1);
            }
            Evidence::Browser | Evidence::Unverified => {}
        }
        self.screen(spot, shown.screen, metrics);
        (evidence.word(), rows.page, Some(rows.traits))
    }

    /// A server view's beacon has come: the view is confirmed, in the rows it was counted in.
    fn confirm(&mut self, answered: Spot, nonce: u64, shown: Shown) -> Counted {
        let rows = match self.pending.pop(&nonce) {
            Some(Pending { of: Awaited::View(rows), .. }) => rows,
            // Answered by another node, or long forgotten.
            _ => self.rows_of(answered, &shown.page, shown.traits),
        };
        self.confirm_rows(answered, &rows, true);
        if let Some(visitor) = answered.visitor {
            let became = self.visitors.peek(&visitor).and_then(|known| known.became);
            let owner = self.visitors.peek_mut(&became.unwrap_or(visitor));
            let visit = owner.and_then(|owner| owner.visit.as_mut());
            if let Some(visit) = visit.filter(|visit| rows.visit == Some(visit.number)) {
                visit.watch.confirm(answered.day, nonce);
            }
        }
        self.screen(answered, shown.screen, &[Metric::Server, Metric::Confirmed]);
        ("confirm", rows.page, Some(rows.traits))
    }

    /// Counts a view as confirmed (`count`), and its visitor.
    fn confirm_rows(&mut self, spot: Spot, rows: &ViewRows, count: bool) {
        let metrics: &[_] = if count { &[Metric::Confirmed] } else { &[] };
        self.each_row(spot, rows, metrics, Claim::Confirmed, &Row::default());
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
        unconfirmed: Option<u64>,
    ) -> ViewRows {
        let path = page;
        let page = self.admit(spot, Dimension::Page, path);
        let (rows, visit) = match spot.visitor {
            Some(visitor) => self.in_visit(spot, visitor, page, traits, |visit| {
                visit.watch.view(spot.at, spot.day, metrics, unconfirmed)
            }),
            None => (self.visitless(spot, page, traits), Row::default()),
        };
        self.each_row(spot, &rows, metrics, Claim::Seen, &visit);
        if let Some(visitor) = spot.visitor {
            self.window(spot).seen(visitor);
        }
        self.reached(spot, Reached::Page(path), 0);
        rows
    }

    /// Puts a view into the visitor's running visit, or begins one. Returns what the visit adds to
    /// the rows of the view.
    fn in_visit(
        &mut self,
        spot: Spot,
        visitor: VisitorHash,
        page: Arc<str>,
        traits: Traits,
        suspicion: impl FnOnce(&mut Visit) -> bool,
    ) -> (ViewRows, Row) {
        let owner = self.visit_owner(spot, visitor);
        let known = self.visitor(owner, spot);
        known.viewed = spot.at;
        let before = known.visit.take();
        let goes_on =
            |visit: &Visit| visit.runs(spot.at) && !self.arrives_anew(spot, &traits, visit);
        let (visit, more) = match before {
            Some(mut running) if goes_on(&running) => {
                let window = self.windows.entry((spot.site, running.day)).or_default();
                let mut more = running.view(window, spot.at, page.clone());
                let suspected = suspicion(&mut running);
                if suspected || running.day != spot.day {
                    running.book_shared(window, &more);
                    more = Row::default();
                }
                if suspected {
                    running.suspect(window);
                    self.suspect(spot, &running.watch.so_far(spot.day));
                }
                (running, more)
            }
            before => {
                let day = spot.day;
                let slot = slot_value(spot.at);
                let traits = Arc::new(self.admit_all(spot, traits));
                let window = self.window(spot);
                let (mut begun, more) =
                    Visit::begin(window, day, slot, spot.at, page.clone(), traits, before);
                self.visits += 1;
                begun.number = self.visits;
                suspicion(&mut begun);
                if has(&begun.traits, Dimension::Channel, AI_CHANNEL) {
                    self.ai(spot, "referral", &page);
                }
                (begun, more)
            }
        };
        let rows = visit.rows(page);
        self.visitor(owner, spot).visit = Some(visit);
        (rows, more)
    }

    /// Whether a view comes from elsewhere than its visit did, where that begins a new one.
    fn arrives_anew(&self, spot: Spot, traits: &Traits, visit: &Visit) -> bool {
        let differs = |dimension| {
            let of = |traits: &Traits| {
                traits.iter().find(|(d, _)| *d == dimension).map(|(_, value)| value.clone())
            };
            of(traits).is_some_and(|value| {
                &*value != DIRECT && of(&visit.traits).is_none_or(|known| known != value)
            })
        };
        self.sites[spot.site].new_visit_on_source
            && (differs(Dimension::Source) || differs(Dimension::UtmCampaign))
    }

    /// Suspicion falls on a visit: what its views have counted today counts under the trait too.
    /// (A later confirmation of one of these stays out.)
    fn suspect(&mut self, spot: Spot, views: &Row) {
        let confirmed = views.get(Metric::Confirmed) > 0
            && self.claim(spot, Dimension::Suspected, "yes", Claim::Confirmed);
        let mut row = *views;
        row.add(Metric::ConfirmedVisitors, i64::from(confirmed));
        self.window(spot).add_row(Dimension::Suspected, &"yes".into(), &row);
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
            Some(visit) => visit.rows(page),
            None => self.visitless(spot, page, traits),
        }
    }

    fn visitless(&mut self, spot: Spot, page: Arc<str>, traits: Traits) -> ViewRows {
        let traits = Arc::new(self.admit_all(spot, traits));
        ViewRows { visit: None, page, entry: None, traits }
    }

    /// Activity in the running visit, if there is one.
    pub(super) fn act(&mut self, spot: Spot, interactive: bool) {
        self.in_running_visit(spot, |visit, window| visit.act(window, spot.at, interactive));
    }

    /// Does something to the running visit, if there is one, with the window of its day.
    pub(super) fn in_running_visit(
        &mut self,
        spot: Spot,
        run: impl FnOnce(&mut Visit, &mut Window),
    ) {
        let Some(visitor) = spot.visitor else { return };
        let owner = self.visit_owner(spot, visitor);
        if let Some(known) = self.visitors.get_mut(&owner)
            && let Some(visit) = known.visit.as_mut().filter(|v| v.runs(spot.at))
        {
            known.seen = known.seen.max(spot.at);
            run(visit, self.windows.entry((spot.site, visit.day)).or_default());
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
    fn open_page(&mut self, spot: Spot, shown: &Shown) -> Option<(u64, Millis, PageKind)> {
        // A browser's clock may be ahead; what follows a # never reaches the server.
        let now = spot.at.min(shown.received);
        let page = shown.page.split('#').next().unwrap_or_default();
        let (visitors, used) = (&mut self.visitors, &self.used);
        let mut of = |visitor: VisitorHash| {
            let open = &mut visitors.get_mut(&visitor)?.open;
            open.retain(|o| now - o.at <= o.match_window() && !used.contains(o.nonce));
            let found = open.iter().position(|o| &*o.page == page)?;
            let open = open.remove(found);
            Some((open.nonce, open.at, open.kind))
        };
        spot.before_midnight.and_then(&mut of).or_else(|| spot.visitor.and_then(of))
    }

    /// Adds one of each metric to every row a view belongs to, and to those where its visitor is
    /// first seen, a visitor. What the view changes in its visit, `visit`, is added to those rows
    /// that both count in.
    fn each_row(
        &mut self,
        spot: Spot,
        rows: &ViewRows,
        metrics: &'static [Metric],
        kind: Claim,
        visit: &Row,
    ) {
        let hour = HOURS[self.sites[spot.site].hour(spot.at) as usize % HOURS.len()];
        let mut known = spot.visitor.map(|visitor| known(&mut self.visitors, visitor, spot));
        let window = self.windows.entry((spot.site, spot.day)).or_default();
        let hasher = &self.hasher;
        let visitors = kind.metric();
        // Which rows claimed the visitor, by their order.
        let (mut row, mut claimed) = (0, 0u64);
        let visit = Some(visit).filter(|visit| **visit != Row::default());
        let all_claimed = known.as_ref().is_some_and(|known| {
            let of = known.claimed[kind as usize].as_ref();
            of.is_some_and(|traits| Arc::ptr_eq(traits, &rows.traits))
        });
        let mut count = |window: &mut Window, dimension, value, visit, claim: Option<&str>| {
            let counts = window.row(dimension, value);
            for metric in metrics {
                counts.add(*metric, 1);
            }
            if let Some(visit) = visit {
                counts.merge(visit);
            }
            if let (Some(known), Some(claim)) = (&mut known, claim)
                && known.claims.insert(hasher.hash_one((dimension, claim, kind)))
            {
                counts.add(visitors, 1);
                claimed |= 1u64.checked_shl(row).unwrap_or(0);
            }
            row += 1;
        };
        let (all, slot) = (Arc::default(), slot_value(spot.at));
        count(window, Dimension::Total, &all, visit, Some(""));
        // Visitors are claimed by the hour of the site's day: its four slots add up.
        count(window, Dimension::Slot, &slot, None, Some(hour));
        count(window, Dimension::Page, &rows.page, None, Some(&*rows.page));
        if let Some(entry) = &rows.entry {
            count(window, Dimension::EntryPage, entry, visit, Some(&**entry));
        }
        for (dimension, value) in rows.traits.iter() {
            count(window, *dimension, value, visit, (!all_claimed).then_some(&**value));
        }
        if let Some(known) = known.filter(|_| !all_claimed) {
            known.claimed[kind as usize] = Some(rows.traits.clone());
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
    pub(super) fn claim(
        &mut self,
        spot: Spot,
        dimension: Dimension,
        value: &str,
        kind: Claim,
    ) -> bool {
        let key = self.hasher.hash_one((dimension, value, kind));
        spot.visitor.is_some_and(|v| self.visitor(v, spot).claims.insert(key))
    }

    /// Whether an event's number is new; an event without one always is.
    pub(super) fn is_new(&mut self, n: Option<u64>, spot: Spot) -> bool {
        n.is_none_or(|n| self.numbers.insert(self.hasher.hash_one((n, spot.lane)), spot.at))
    }

    /// A number for what is only to be found again.
    pub(super) fn number(&self, of: impl Hash) -> u64 {
        self.hasher.hash_one(of)
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

    pub(super) fn visitor(&mut self, visitor: VisitorHash, spot: Spot) -> &mut Visitor {
        known(&mut self.visitors, visitor, spot)
    }

    pub(super) fn window(&mut self, spot: Spot) -> &mut Window {
        self.windows.entry((spot.site, spot.day)).or_default()
    }

    pub(super) fn admit(&mut self, spot: Spot, dimension: Dimension, value: &Arc<str>) -> Arc<str> {
        let (day, cap) = (spot.day, self.limits.rows);
        let (since, names) =
            self.names.entry((spot.site, dimension)).or_insert_with(|| (day, Names::new(cap)));
        if day > *since {
            (*since, *names) = (day, Names::new(cap));
        }
        names.admit(value)
    }

    /// The same for a value in parts, of which some may be kept: see [`rollup::rest`].
    pub(super) fn admit_parts(
        &mut self,
        spot: Spot,
        dimension: Dimension,
        value: String,
    ) -> Arc<str> {
        let value = value.into();
        let admitted = self.admit(spot, dimension, &value);
        if &*admitted != OTHER {
            return admitted;
        }
        let rest = rollup::rest(dimension, &value).into();
        // Names of events and their properties come from outside too.
        match dimension {
            Dimension::EventProperty => self.admit(spot, dimension, &rest),
            _ => rest,
        }
    }

    fn admit_all(&mut self, spot: Spot, mut traits: Traits) -> Traits {
        for (dimension, value) in &mut traits {
            *value = self.admit(spot, *dimension, value);
        }
        traits
    }
}

/// What a hit counted as (empty: nothing to tell), its page, its traits.
pub(super) type Counted = (&'static str, Arc<str>, Option<Arc<Traits>>);

/// What a visitor's claim on a row is for.
#[derive(Clone, Copy, Hash)]
pub(super) enum Claim {
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
    /// From the visitor's own cache, or from one that others share.
    Cached {
        own: bool,
    },
    Browser,
    Unverified,
}

impl Evidence {
    fn metrics(self) -> &'static [Metric] {
        match self {
            Self::Activated => &[Metric::Server, Metric::Confirmed],
            Self::Cached { .. } | Self::Browser => &[Metric::Browser],
            Self::Unverified => &[Metric::Browser, Metric::Unverified],
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Activated => "activated",
            Self::Cached { .. } | Self::Browser => "browser",
            Self::Unverified => "unverified",
        }
    }
}

impl Open {
    fn match_window(&self) -> Millis {
        if self.kind == PageKind::Prefetch { MATCH_WINDOW_PREFETCH } else { MATCH_WINDOW }
    }
}

/// Whether these traits say so.
fn has(traits: &Traits, dimension: Dimension, value: &str) -> bool {
    traits.iter().any(|(d, v)| *d == dimension && **v == *value)
}

fn known(
    visitors: &mut Map<VisitorHash, Visitor>,
    visitor: VisitorHash,
    spot: Spot,
) -> &mut Visitor {
    let known = visitors.get_or_insert_mut(visitor, Visitor::default);
    known.site = spot.site;
    known.seen = known.seen.max(spot.at);
    known
}

pub(super) fn slot_value(at: Millis) -> Arc<str> {
    rollup::slot(at).to_string().into()
}
