//! Pages as the server answers them and as browsers show them: which of the two an event is about,
//! and what that makes of a view.

use super::open::{Awaited, BrokenLink, Open, Pending};
use super::shard::{Counted, Shard};
use super::trackers::Of;
use super::visit::Visit;
use super::visitor::Spot;
use crate::clock::Millis;
use crate::model::row::{EventRow, Flags, Kind};
use crate::model::{Answered, IdVerdict, Nav, PageKind, Shown, VisitorHash, sketch};
use std::sync::Arc;

impl Shard {
    pub(super) fn answered(&mut self, spot: Spot, page: Answered) -> Counted {
        let Answered { page, nonce, kind, status, traits, from, bytes, origin } = page;
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        let row = |kind| spot.row(kind, &page);
        match kind {
            PageKind::View => {
                let bucket = origin.map_or(0, |us| i64::from(sketch::bucket_of_micros(us)) + 1);
                let (flags, numbers) = (Flags::SERVER, [bytes, bucket]);
                let row = EventRow { flags, numbers, ..row(Kind::View) };
                let viewed = self.pageview(spot, row, traits.unwrap_or_default(), Some(nonce));
                let traits = viewed.profile.of().traits.clone();
                let awaited = |visit: Option<&Visit>| Awaited::view(viewed, visit);
                self.opened(spot, page.clone(), nonce, kind, awaited);
                ("view", page, Some(traits))
            }
            PageKind::Prefetch => {
                let (flags, numbers) = (Flags::ANSWERED, [bytes, 0]);
                self.write_of_nobody(spot, EventRow { flags, numbers, ..row(Kind::Prefetch) });
                self.opened(spot, page.clone(), nonce, kind, |_| Awaited::Nothing);
                ("prefetch", page, None)
            }
            PageKind::Error => {
                let from = from.unwrap_or_default();
                let link = BrokenLink { page: page.clone(), from, status };
                self.broken(spot, &link, Flags::ANSWERED);
                self.opened(spot, page.clone(), nonce, kind, |_| Awaited::Error(Box::new(link)));
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
        self.answered_to_nobody(spot, &page, nonce, kind);
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

    /// Takes what is awaited of the page whose beacon has come.
    fn take_awaited(&mut self, answered: Spot, nonce: u64) -> Option<Awaited> {
        let Some(known) = answered.visitor.and_then(|v| self.visitors.peek_mut(&v)) else {
            return self.pending.pop(&nonce).map(|pending| pending.awaited);
        };
        match known.open.take(nonce)? {
            Awaited::Running(page, view) => {
                let viewed = known.visit.as_ref()?.viewed(page, view);
                Some(Awaited::View(Box::new(viewed)))
            }
            awaited => Some(awaited),
        }
    }

    fn broken(&mut self, spot: Spot, link: &BrokenLink, flags: Flags) {
        let BrokenLink { page, from, status } = link;
        let mut row = spot.row(Kind::Error, page);
        (row.flags, row.name, row.numbers[0]) = (flags, from.clone(), i64::from(*status));
        self.write_of_nobody(spot, row);
    }

    /// An error page's beacon has come: somebody saw it.
    fn error_seen(&mut self, answered: Spot, nonce: u64, page: &Arc<str>) -> Counted {
        let link = match self.take_awaited(answered, nonce) {
            Some(Awaited::Error(link)) => *link,
            // Answered by another node, or long forgotten: what the beacon knows is the page.
            _ => BrokenLink { page: page.clone(), from: Arc::default(), status: 0 },
        };
        self.broken(answered, &link, Flags::BEACON);
        ("error confirmed", link.page, None)
    }

    pub(super) fn shown(&mut self, spot: Spot, shown: Shown) -> Counted {
        if !self.is_new(shown.n, spot) {
            return ("", shown.page, None);
        }
        let load = matches!(shown.nav, Nav::Load | Nav::Prerender);
        let fresh = match shown.id {
            IdVerdict::Fresh { nonce, issued, kind } if load => Some((nonce, issued, kind)),
            _ => None,
        };
        if self.is_told_of(spot, &shown, fresh.map(|(nonce, ..)| nonce)) {
            return ("", shown.page, None);
        }
        let claim = match shown.id {
            IdVerdict::Invalid if load => self.open_page(spot, &shown),
            _ => fresh,
        };
        // One that is used already is another showing of the same page.
        let answered = claim.filter(|(nonce, ..)| !self.used.contains(*nonce));
        let answered = answered.map(|(nonce, _, kind)| (nonce, kind));
        self.tell(spot, Of::Page(&shown.page), shown.by, answered);
        let flags = match claim {
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
                        let row = answered.row(Kind::Prefetch, &shown.page);
                        let flags = Flags::BEACON;
                        self.write_of_nobody(answered, EventRow { flags, ..row });
                        Flags::SERVER.with(Flags::CONFIRMED)
                    }
                    PageKind::Error => return self.error_seen(answered, nonce, &shown.page),
                    PageKind::Unseen | PageKind::Ignored => Flags::BROWSER,
                }
            }
            Some(_) => cached(true),
            None => match (shown.nav, shown.id) {
                (Nav::History, _) => Flags::BROWSER,
                (Nav::BackForward, _) => cached(true),
                (_, IdVerdict::Cached { own }) => cached(own),
                _ => Flags::BROWSER.with(Flags::UNVERIFIED),
            },
        };
        let mut row = spot.row(Kind::View, &shown.page);
        (row.flags, row.detail) = (flags, shown.screen.unwrap_or_default());
        let viewed = self.pageview(spot, row, shown.traits, None);
        (word(flags), shown.page, Some(viewed.profile.of().traits.clone()))
    }

    /// A server view's beacon has come: the view is confirmed, in the rows it was counted in.
    fn confirm(&mut self, answered: Spot, nonce: u64, shown: Shown) -> Counted {
        let viewed = match self.take_awaited(answered, nonce) {
            Some(Awaited::View(viewed)) => *viewed,
            // Answered by another node, or long forgotten.
            _ => self.viewed(answered, &shown.page, shown.traits),
        };
        let counted = (viewed.page.clone(), viewed.profile.of().traits.clone());
        let mut row = answered.row(Kind::Confirm, &Arc::default());
        row.detail = shown.screen.unwrap_or_default();
        self.write_confirmed(answered, viewed, nonce, row);
        ("confirm", counted.0, Some(counted.1))
    }

    /// Whether another tracker has told of this view already. A beacon with an id that nobody has
    /// used tells of a view for the first time.
    fn is_told_of(&mut self, spot: Spot, shown: &Shown, nonce: Option<u64>) -> bool {
        let (of, by) = (Of::Page(&shown.page), shown.by);
        match nonce {
            Some(nonce) if !self.used.contains(nonce) => false,
            Some(_) if self.is_told(spot, of, by, nonce) => true,
            _ => self.is_told(spot, of, by, None),
        }
    }

    /// The page a beacon without an id is about: the oldest one answered to the same visitor
    /// under the same path and not yet spoken for.
    fn open_page(&mut self, spot: Spot, shown: &Shown) -> Option<(u64, Millis, PageKind)> {
        // A browser's clock may be ahead; what follows a # never reaches the server.
        let now = spot.at.min(spot.received);
        let page = shown.page.split('#').next().unwrap_or_default();
        let (visitors, used) = (&mut self.visitors, &self.used);
        let mut of = |visitor: VisitorHash| visitors.peek_mut(&visitor)?.open.find(page, now, used);
        let found = spot.before_midnight.and_then(&mut of).or_else(|| spot.visitor.and_then(of));
        found
            .or_else(|| if spot.visitor.is_none() { self.page_of_nobody(spot, page) } else { None })
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

/// Of a page from the visitor's own cache, or from one that others share.
fn cached(own: bool) -> Flags {
    Flags::BROWSER.with(if own { Flags::CACHED } else { Flags::CACHED_BY_OTHERS })
}

/// How the live stream calls a beacon that is a pageview of its own.
fn word(flags: Flags) -> &'static str {
    if flags.has(Flags::CONFIRMED) {
        "activated"
    } else if flags.has(Flags::UNVERIFIED) {
        "unverified"
    } else {
        "browser"
    }
}
