//! Pages as the server answers them and as browsers show them: which of the two an event is about,
//! and what that makes of a view.

use super::claims::Claim;
use super::open::{Awaited, ErrorRows, Open};
use super::shard::{Counted, Shard, Spot, ViewRows};
use super::visit::Visit;
use crate::clock::Millis;
use crate::model::rollup::{Dimension, Metric, Row, join};
use crate::model::{Answered, IdVerdict, Nav, PageKind, Shown, VisitorHash, sketch};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A page answered to nobody in particular, until its beacon has come.
#[derive(Serialize, Deserialize)]
pub(super) struct Pending {
    pub at: Millis,
    awaited: Awaited,
}

impl Shard {
    pub(super) fn answered(&mut self, spot: Spot, page: Answered) -> Counted {
        let Answered { page, nonce, kind, status, traits, from, bytes, origin } = page;
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        match kind {
            PageKind::View => {
                let traits = traits.unwrap_or_default();
                let mut rows = self.pageview(spot, &page, traits, &[Metric::Server], Some(nonce));
                let book = self.book(spot);
                let place = rows.page.place(book, Dimension::Page);
                book.add_on_page(spot.at, place, Metric::Bytes, bytes);
                if let Some(micros) = origin {
                    book.time(spot.at, "origin", place, sketch::bucket_of_micros(micros));
                }
                let traits = rows.profile.traits().clone();
                let counted = ("view", rows.page.value().clone(), Some(traits));
                // Nearly always the row has the page's name: to be kept once.
                let page = if page == counted.1 { counted.1.clone() } else { page };
                let awaited = |visit: Option<&Visit>| Awaited::view(rows, visit);
                self.opened(spot, page, nonce, kind, awaited);
                counted
            }
            PageKind::Prefetch => {
                let path = page;
                let page = self.admit(spot, Dimension::Prefetch, &path);
                self.book(spot).add(Dimension::Prefetch, &page, Metric::Responses, 1);
                self.sent(spot, Dimension::Prefetch, &page, bytes);
                self.opened(spot, path, nonce, kind, |_| Awaited::Nothing);
                ("prefetch", page, None)
            }
            PageKind::Error => {
                let link = join([&page, from.as_deref().unwrap_or_default()]);
                let link = self.admit(spot, Dimension::ErrorLink, &link);
                let path = page;
                let page = self.admit(spot, Dimension::ErrorPage, &path);
                let rows = ErrorRows { page, link, status: status.to_string().into() };
                self.error(spot, &rows, Metric::Responses);
                let page = rows.page.clone();
                self.opened(spot, path, nonce, kind, |_| Awaited::Error(Box::new(rows)));
                ("error", page, None)
            }
            PageKind::Unseen | PageKind::Ignored => {
                self.opened(spot, page.clone(), nonce, kind, |_| Awaited::Nothing);
                ("", page, None)
            }
        }
    }

    /// Remembers a page for its beacon, which may be about `awaited`: that may depend on the visit
    /// which now runs.
    fn opened(
        &mut self,
        spot: Spot,
        page: Arc<str>,
        nonce: u64,
        kind: PageKind,
        awaited: impl FnOnce(Option<&Visit>) -> Awaited,
    ) {
        let at = spot.at;
        match spot.visitor.map(|visitor| self.visitor(visitor, spot)) {
            Some(known) => {
                let awaited = awaited(known.visit.as_deref());
                known.open.push(Open { page, nonce, at, kind, awaited });
            }
            None => match awaited(None) {
                Awaited::Nothing => {}
                awaited => drop(self.pending.push(nonce, Pending { at, awaited })),
            },
        }
    }

    /// What is awaited of a page, which is the beacon that has come.
    fn take_awaited(&mut self, answered: Spot, nonce: u64) -> Option<Awaited> {
        let Some(known) = answered.visitor.and_then(|v| self.visitors.peek_mut(&v)) else {
            return self.pending.pop(&nonce).map(|pending| pending.awaited);
        };
        match known.open.take(nonce)? {
            Awaited::Running(page) => {
                let rows = known.visit.as_ref()?.rows(page.into());
                Some(Awaited::View(Box::new(rows)))
            }
            awaited => Some(awaited),
        }
    }

    fn error(&mut self, spot: Spot, rows: &ErrorRows, metric: Metric) {
        let ErrorRows { page, link, status } = rows;
        let book = self.book(spot);
        book.add(Dimension::ErrorPage, page, metric, 1);
        book.add(Dimension::ErrorLink, link, metric, 1);
        book.add(Dimension::ErrorStatus, status, metric, 1);
    }

    /// An error page's beacon has come: somebody saw it.
    fn error_seen(&mut self, answered: Spot, nonce: u64, page: &Arc<str>) -> Counted {
        match self.take_awaited(answered, nonce) {
            Some(Awaited::Error(rows)) => {
                self.error(answered, &rows, Metric::Seen);
                ("error confirmed", rows.page, None)
            }
            // Answered by another node, or long forgotten: what the beacon knows is the page.
            _ => {
                let page = self.admit(answered, Dimension::ErrorPage, page);
                self.book(answered).add(Dimension::ErrorPage, &page, Metric::Seen, 1);
                ("error confirmed", page, None)
            }
        }
    }

    pub(super) fn shown(&mut self, spot: Spot, shown: Shown) -> Counted {
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
            Some((nonce, issued, kind)) if self.used.insert(nonce, spot.received) => {
                let answered = self.at_issue(spot, issued);
                match kind {
                    PageKind::View => return self.confirm(answered, nonce, shown),
                    PageKind::Prefetch => {
                        let page = self.admit(answered, Dimension::Prefetch, &shown.page);
                        self.book(answered).add(Dimension::Prefetch, &page, Metric::Seen, 1);
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
        let mut rows = self.pageview(spot, &shown.page, shown.traits, metrics, None);
        match evidence {
            Evidence::Activated => self.confirm_rows(spot, &mut rows, false),
            Evidence::Cached { own } => {
                let whose = if own { "same visitor" } else { "other visitor" };
                self.book(spot).add(Dimension::Cached, &whose.into(), Metric::Browser, 1);
            }
            Evidence::Browser | Evidence::Unverified => {}
        }
        self.screen(spot, shown.screen, metrics);
        (evidence.word(), rows.page.value().clone(), Some(rows.profile.traits().clone()))
    }

    /// A server view's beacon has come: the view is confirmed, in the rows it was counted in.
    fn confirm(&mut self, answered: Spot, nonce: u64, shown: Shown) -> Counted {
        let mut rows = match self.take_awaited(answered, nonce) {
            Some(Awaited::View(rows)) => *rows,
            // Answered by another node, or long forgotten.
            _ => self.rows_of(answered, &shown.page, shown.traits),
        };
        self.confirm_rows(answered, &mut rows, true);
        if let Some(visitor) = answered.visitor {
            let became = self.visitors.peek(&visitor).and_then(|known| known.became);
            let owner = self.visitors.peek_mut(&became.unwrap_or(visitor));
            let visit = owner.and_then(|owner| owner.visit.as_mut());
            if let Some(visit) = visit.filter(|visit| rows.visit == Some(visit.number)) {
                visit.watch.confirm(answered.day, nonce);
            }
        }
        self.screen(answered, shown.screen, &[Metric::Server, Metric::Confirmed]);
        ("confirm", rows.page.value().clone(), Some(rows.profile.traits().clone()))
    }

    /// Counts a view as confirmed (`count`), and its visitor.
    pub(super) fn confirm_rows(&mut self, spot: Spot, rows: &mut ViewRows, count: bool) {
        let metrics: &[_] = if count { &[Metric::Confirmed] } else { &[] };
        let first = self.each_row(spot, rows, metrics, Claim::Confirmed, &Row::default());
        if let Some(visitor) = spot.visitor.filter(|_| first) {
            self.book(spot).confirmed(visitor);
        }
    }

    /// Views whose beacon told the viewport's class, by that class.
    fn screen(&mut self, spot: Spot, screen: Option<Arc<str>>, metrics: &[Metric]) {
        let Some(screen) = screen else { return };
        let screen = self.admit(spot, Dimension::Screen, &screen);
        let visitors = self.claim(spot, Dimension::Screen, &screen, Claim::Seen);
        let book = self.book(spot);
        for metric in metrics {
            book.add(Dimension::Screen, &screen, *metric, 1);
        }
        book.add(Dimension::Screen, &screen, Metric::Visitors, i64::from(visitors));
    }

    /// The page a beacon without an id is about: the oldest one answered to the same visitor
    /// under the same path and not yet spoken for.
    fn open_page(&mut self, spot: Spot, shown: &Shown) -> Option<(u64, Millis, PageKind)> {
        // A browser's clock may be ahead; what follows a # never reaches the server.
        let now = spot.at.min(spot.received);
        let page = shown.page.split('#').next().unwrap_or_default();
        let (visitors, used) = (&mut self.visitors, &self.used);
        let mut of = |visitor: VisitorHash| visitors.peek_mut(&visitor)?.open.find(page, now, used);
        spot.before_midnight.and_then(&mut of).or_else(|| spot.visitor.and_then(of))
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
