//! Pages answered to one visitor lately, each until its beacon has come.
//!
//! A view that is confirmed counts in the rows it was counted in. Those are its visit's for as long
//! as that runs and stays as it is, which is nearly always, so a view takes note of its page alone;
//! it is given rows of its own when its visit ends or changes.

use super::recent::Recent;
use super::visit::{Viewed, Visit};
use crate::clock::{MINUTE, Millis, SECOND};
use crate::model::{ID_LIFETIME, PageKind};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A beacon without an id finds a page answered to the same visitor this long ago …
const MATCH_WINDOW: Millis = 30 * SECOND;
/// … or fetched ahead this long ago: what browsers keep a prefetched page for.
const MATCH_WINDOW_PREFETCH: Millis = 5 * MINUTE;
/// Pages remembered of a visitor. A view that was forgotten is confirmed in the rows of the visit
/// that runs by then.
const MOST: usize = 128;

/// A browser's clock is believed if it is this far ahead: time in a shard may jump by as much.
pub(super) const AHEAD: Millis = 5 * MINUTE;

/// A page answered lately.
#[derive(Serialize, Deserialize)]
pub(super) struct Open {
    /// As it was asked for.
    pub page: Arc<str>,
    pub nonce: u64,
    pub at: Millis,
    pub kind: PageKind,
    pub awaited: Awaited,
}

/// A page answered to nobody in particular, until its beacon has come.
#[derive(Serialize, Deserialize)]
pub(super) struct Pending {
    pub at: Millis,
    pub awaited: Awaited,
}

/// Which rows a confirmation goes to: those its view or its error was counted in.
#[derive(Serialize, Deserialize)]
pub(super) enum Awaited {
    Nothing,
    /// Those of the visitor's visit; the page, and which view of the visit it is.
    Running(Arc<str>, u32),
    View(Box<Viewed>),
    Error(Box<BrokenLink>),
}

#[derive(Serialize, Deserialize)]
pub(super) struct BrokenLink {
    pub page: Arc<str>,
    /// Where the link was.
    pub from: Arc<str>,
    pub status: u16,
}

/// Oldest first.
#[derive(Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct OpenPages(Vec<Open>);

impl OpenPages {
    pub fn push(&mut self, open: Open) {
        if self.0.len() == self.0.capacity() || self.0.len() >= MOST {
            self.forget(open.at);
        }
        if self.0.len() >= MOST {
            // The oldest of which nothing is awaited, else the oldest.
            let least = self.0.iter().position(|open| matches!(open.awaited, Awaited::Nothing));
            self.0.remove(least.unwrap_or(0));
        }
        self.0.push(open);
    }

    /// The page with this nonce has had its beacon.
    pub fn take(&mut self, nonce: u64) -> Option<Awaited> {
        let at = self.0.iter().rposition(|open| open.nonce == nonce)?;
        Some(self.0.remove(at).awaited)
    }

    /// The page a beacon without an id is about: the oldest one answered under the same path and
    /// not yet spoken for.
    pub fn find(
        &mut self,
        page: &str,
        now: Millis,
        used: &Recent,
    ) -> Option<(u64, Millis, PageKind)> {
        let at = self.0.iter().position(|open| {
            &*open.page == page
                && now - open.at <= open.match_window()
                && !used.contains(open.nonce)
        })?;
        let Open { nonce, at: answered, kind, .. } = self.0[at];
        if let Awaited::Nothing = self.0[at].awaited {
            self.0.remove(at);
        }
        Some((nonce, answered, kind))
    }

    /// The visit ends or changes: its views keep the rows they were counted in.
    pub fn part(&mut self, visit: &Visit, now: Millis) {
        self.forget(now);
        for open in &mut self.0 {
            if let Awaited::Running(page, view) = &open.awaited {
                open.awaited = Awaited::View(Box::new(visit.viewed(page.clone(), *view)));
            }
        }
    }

    /// Forgets what no beacon can be about any more, however far ahead the clock was that told the
    /// time.
    fn forget(&mut self, now: Millis) {
        self.0.retain(|open| {
            let awaited = !matches!(open.awaited, Awaited::Nothing);
            let lifetime = if awaited { ID_LIFETIME } else { open.match_window() };
            now - open.at <= lifetime + AHEAD
        });
    }
}

impl Awaited {
    /// Of a view; this is the visitor's visit by now.
    pub fn view(viewed: Viewed, visit: Option<&Visit>) -> Self {
        match visit.is_some_and(|visit| Arc::ptr_eq(visit.profile(), &viewed.profile)) {
            true => Self::Running(viewed.page, viewed.view),
            false => Self::View(Box::new(viewed)),
        }
    }
}

impl Open {
    fn match_window(&self) -> Millis {
        if self.kind == PageKind::Prefetch { MATCH_WINDOW_PREFETCH } else { MATCH_WINDOW }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(nonce: u64, page: &str, at: Millis, awaited: Awaited) -> Open {
        Open { page: page.into(), nonce, at, kind: PageKind::View, awaited }
    }

    fn running(nonce: u64, at: Millis) -> Open {
        open(nonce, "/", at, Awaited::Running("/".into(), 1))
    }

    #[test]
    fn the_oldest_under_a_path_is_found_until_it_is_spoken_for() {
        let (mut pages, mut used) = (OpenPages::default(), Recent::new(ID_LIFETIME, 100));
        (1..=3).for_each(|i| pages.push(running(i, i as i64 * SECOND)));
        pages.push(open(9, "/other", 4 * SECOND, Awaited::Nothing));
        let mut find = |page, now, used: &Recent| pages.find(page, now, used).map(|found| found.0);
        assert_eq!(find("/", 5 * SECOND, &used), Some(1));
        assert_eq!(find("/", 5 * SECOND, &used), Some(1), "its beacon has not come by that");
        used.insert(1, 5 * SECOND);
        assert_eq!(find("/", 5 * SECOND, &used), Some(2));
        assert_eq!(find("/", 33 * SECOND, &used), Some(3), "the second is too long ago");
        assert_eq!(find("/other", 5 * SECOND, &used), Some(9));
        assert_eq!(find("/other", 5 * SECOND, &used), None, "nothing more is awaited of it");
        assert!(pages.take(1).is_some() && pages.take(1).is_none());
    }

    #[test]
    fn a_visitors_pages_are_bounded_in_time_and_number() {
        let mut pages = OpenPages::default();
        (0..1_000).for_each(|i| pages.push(running(i, i as i64)));
        assert_eq!(pages.0.len(), MOST);
        assert!(pages.take(1_000 - MOST as u64).is_some() && pages.take(0).is_none());
        (1_000..1_100).for_each(|i| pages.push(open(i, "/", 1_000, Awaited::Nothing)));
        assert_eq!(pages.0.len(), MOST);
        assert!(pages.take(999).is_some(), "a view is kept rather than what is none");
        // Those are too old by then, so the one that comes has all the room.
        pages.push(running(2_000, ID_LIFETIME + AHEAD + 1_000));
        pages.push(running(2_001, ID_LIFETIME + AHEAD + 1_000));
        pages.forget(ID_LIFETIME + AHEAD + 1_000);
        assert_eq!(pages.0.len(), 2);
    }
}
