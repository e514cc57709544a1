//! What several trackers tell of the same page, or of the same link: of which of its showings, or
//! clicks, each of them has seen.
//!
//! A site that has changed to us keeps the snippet it had, and our own script runs beside it. Both
//! tell of everything they see, so each thing is counted when the first tells of it, and what
//! another then says of the same thing adds nothing. Kept only for sites that take the beacons of
//! other trackers.

use crate::clock::{Millis, SECOND};
use crate::model::{ID_LIFETIME, PageKind, Tracker};
use serde::{Deserialize, Serialize};

/// What two trackers tell of within this time is the same thing.
const WINDOW: Millis = 30 * SECOND;

/// Showings remembered of one page and visitor.
const MOST: usize = 32;

/// Showings of a page, or clicks on a link, by one visitor; oldest first.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Sightings {
    showings: Vec<Sighting>,
    /// Who tells of attention, and when it last did.
    attention: Option<(Tracker, Millis)>,
}

#[derive(Serialize, Deserialize)]
struct Sighting {
    at: Millis,
    /// Of a page that the server has answered.
    nonce: Option<u64>,
    kind: PageKind,
    /// Who has told of it, a bit for each tracker; 0: nobody yet.
    by: u8,
}

impl Sightings {
    /// A page was answered to somebody who asked not to be followed.
    pub fn answered(&mut self, nonce: u64, kind: PageKind, at: Millis) {
        self.push(Sighting { at, nonce: Some(nonce), kind, by: 0 });
    }

    /// The oldest page answered lately that nobody has told of.
    pub fn find(&self, now: Millis) -> Option<(u64, Millis, PageKind)> {
        let waits = |showing: &&Sighting| showing.by == 0 && now - showing.at <= WINDOW;
        let Sighting { nonce, at, kind, .. } = self.showings.iter().find(waits)?;
        Some(((*nonce)?, *at, *kind))
    }

    /// A tracker tells of something that counts.
    pub fn tell(&mut self, by: Tracker, nonce: Option<u64>, kind: PageKind, at: Millis) {
        let known = |showing: &&mut Sighting| nonce.is_some() && showing.nonce == nonce;
        match self.showings.iter_mut().find(known) {
            Some(known) => known.by |= bit(by),
            None => self.push(Sighting { at, nonce, kind, by: bit(by) }),
        }
    }

    /// Whether another tracker has told of this already: of the page with this nonce, or lately.
    /// From then on this one has too.
    pub fn is_known(&mut self, by: Tracker, nonce: Option<u64>, now: Millis) -> bool {
        let same = |showing: &&mut Sighting| {
            let meant = match nonce {
                Some(_) => showing.nonce == nonce,
                None => now - showing.at <= WINDOW,
            };
            meant && showing.by != 0 && showing.by & bit(by) == 0
        };
        match self.showings.iter_mut().find(same) {
            Some(showing) => {
                showing.by |= bit(by);
                true
            }
            None => false,
        }
    }

    /// Whether a tracker is the one that tells of attention: the first that did, as long as it goes
    /// on.
    pub fn takes_attention(&mut self, by: Tracker, now: Millis) -> bool {
        match self.attention {
            Some((other, at)) if other != by && now - at <= ID_LIFETIME => false,
            _ => {
                self.attention = Some((by, now));
                true
            }
        }
    }

    /// Which showing a tracker has told of last: a number that no other of the page has. `None`: it
    /// was an error, which nobody views.
    pub fn showing(&self, by: Tracker) -> Option<u64> {
        match self.showings.iter().rfind(|showing| showing.by & bit(by) != 0) {
            Some(last) => (last.kind != PageKind::Error).then(|| last.at.cast_unsigned()),
            None => Some(0),
        }
    }

    /// Whether nothing of it matters any more.
    pub fn is_over(&self, now: Millis) -> bool {
        let attended = self.attention.map(|(_, at)| at);
        let last = self.showings.last().map(|showing| showing.at).max(attended);
        last.is_none_or(|last| now - last > ID_LIFETIME)
    }

    fn push(&mut self, showing: Sighting) {
        let now = showing.at;
        self.showings.retain(|showing| now - showing.at <= ID_LIFETIME);
        if self.showings.len() >= MOST {
            self.showings.remove(0);
        }
        self.showings.push(showing);
    }
}

fn bit(by: Tracker) -> u8 {
    1 << by as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use Tracker::{Own, Plausible, Umami};

    const VIEW: PageKind = PageKind::View;

    #[test]
    fn each_tracker_tells_of_each_showing_once() {
        let mut seen = Sightings::default();
        assert!(!seen.is_known(Own, None, 0), "nothing is known yet");
        seen.tell(Own, Some(1), VIEW, 0);
        assert!(!seen.is_known(Own, None, SECOND), "it says so itself: another showing");
        assert!(seen.is_known(Plausible, None, SECOND));
        assert!(!seen.is_known(Plausible, None, 2 * SECOND), "that one it has told of");
        seen.tell(Plausible, None, VIEW, 2 * SECOND);
        assert!(seen.is_known(Umami, None, 3 * SECOND) && seen.is_known(Umami, None, 3 * SECOND));
        assert!(!seen.is_known(Umami, None, 3 * SECOND));
    }

    #[test]
    fn by_number_at_any_time_else_within_the_window() {
        let mut seen = Sightings::default();
        seen.tell(Plausible, Some(1), VIEW, 0);
        assert!(!seen.is_known(Umami, None, WINDOW + 1));
        assert!(!seen.is_known(Own, Some(2), 0));
        assert!(seen.is_known(Own, Some(1), WINDOW + 1));
    }

    #[test]
    fn what_nobody_has_told_of_is_found_but_not_known() {
        let mut seen = Sightings::default();
        seen.answered(7, VIEW, 0);
        assert!(!seen.is_known(Plausible, None, 1));
        assert_eq!(seen.find(1), Some((7, 0, VIEW)));
        seen.tell(Plausible, Some(7), VIEW, 1);
        assert_eq!(seen.find(1), None);
        assert!(seen.is_known(Own, Some(7), 1));
    }

    #[test]
    fn one_tracker_tells_of_attention() {
        let mut seen = Sightings::default();
        assert!(seen.takes_attention(Plausible, 0) && !seen.takes_attention(Own, 1));
        assert!(seen.takes_attention(Plausible, SECOND));
        assert!(seen.takes_attention(Own, 2 * SECOND + ID_LIFETIME));
    }

    #[test]
    fn an_error_that_was_shown_last_is_no_showing() {
        let mut seen = Sightings::default();
        assert_eq!(seen.showing(Plausible), Some(0), "nothing is known of it");
        seen.tell(Plausible, Some(1), VIEW, 5);
        assert_eq!(seen.showing(Plausible), Some(5));
        seen.tell(Plausible, Some(2), PageKind::Error, 9);
        assert_eq!((seen.showing(Plausible), seen.showing(Own)), (None, Some(0)));
    }

    #[test]
    fn bounded_in_time_and_number() {
        let mut seen = Sightings::default();
        (0..100).for_each(|i| seen.tell(Own, Some(i), VIEW, i as i64));
        assert_eq!(seen.showings.len(), MOST);
        assert!(!seen.is_over(ID_LIFETIME) && seen.is_over(ID_LIFETIME + 100));
    }
}
