//! An event row: one thing that happened, as it is kept.
//!
//! Roll-ups answer questions about one property for all time; rows answer questions about several
//! at once, for as long as they are kept. Both say the same, because what a roll-up counts follows
//! from rows alone, in the order in which they were written (see `aggregate::count`).
//!
//! Columns are the same for every kind; what `page`, `name`, `detail` and the two numbers hold
//! depends on the kind:
//!
//! | kind | page | name | detail | `numbers[0]` | `numbers[1]` |
//! | --- | --- | --- | --- | --- | --- |
//! | [`View`](Kind::View) | path | | screen class | body bytes | time until the answer began: [`bucket`](super::sketch::bucket) + 1 |
//! | [`Confirm`](Kind::Confirm) | path | | screen class | | |
//! | [`Sent`](Kind::Sent) | path | | | bytes beyond those in the view's row | |
//! | [`Activity`](Kind::Activity) | path | event's name | | | |
//! | [`Engagement`](Kind::Engagement) | path | | screen class | milliseconds | depth in percent, and what it was before: [`depth`] |
//! | [`Event`](Kind::Event) | path | event's name | | value in thousandths | |
//! | [`Outbound`](Kind::Outbound), [`File`](Kind::File) | path | URL | | | |
//! | [`Click`](Kind::Click) | path | the page's [outline](super::outline), or nothing | screen class | column | row |
//! | [`Vital`](Kind::Vital) | path | `LCP` … | | [`bucket`](super::sketch::bucket) | |
//! | [`Bot`](Kind::Bot) | path | bot's name | class | status | how it is known: [`Proof::number`](super::Proof::number); 0: unknown |
//! | [`Error`](Kind::Error) | path | where the link was | | status | |
//! | [`Prefetch`](Kind::Prefetch) | path | | | bytes | |
//! | [`Download`](Kind::Download) | path | | | bytes | |
//! | [`Feed`](Kind::Feed) | path | reader | | subscribers beyond those it had named that day | |

use super::rollup::Metric;
use super::traits::Traits;
use super::visitor_hash::VisitorHash;
use crate::clock::Millis;
use crate::words::words;
use serde::{Deserialize, Serialize};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

words! {
    /// What a row tells of. Stored as its place in this list: only add, at the end.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
    #[repr(u8)]
    pub enum Kind {
        /// A pageview. Flags say by whom it was seen.
        View = "view",
        /// A view that the server saw is confirmed by its beacon. `at` is the view's.
        Confirm = "confirm",
        /// A view's body was longer or shorter than its head had said.
        Sent = "sent",
        /// On the first day of a visit that goes on past midnight: something happened in it on the
        /// next day, and has a row there.
        Activity = "activity",
        /// Attention, and how far a page was read.
        Engagement = "engagement",
        /// A custom event.
        Event = "event",
        /// A link away from the site was followed.
        Outbound = "outbound",
        /// A link to a file was followed.
        File = "file",
        Click = "click",
        /// A measure of the browser's own.
        Vital = "vital",
        Bot = "bot",
        Error = "error",
        Prefetch = "prefetch",
        Download = "download",
        Feed = "feed",
    }
}

impl Kind {
    /// The kind with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Whether people's rows are of this kind, or others'.
    pub fn rows_of(self) -> RowsOf {
        match self {
            Self::Bot | Self::Error | Self::Prefetch | Self::Download | Self::Feed => {
                RowsOf::Others
            }
            Self::View
            | Self::Confirm
            | Self::Sent
            | Self::Activity
            | Self::Engagement
            | Self::Event
            | Self::Outbound
            | Self::File
            | Self::Click
            | Self::Vital => RowsOf::People,
        }
    }
}

words! {
    /// Rows of people and of others are kept apart and each within a cap of their own, so that
    /// crawlers cannot push people's out.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum RowsOf {
        /// What people did.
        People = "people",
        /// What all others did: robots, errors, prefetches, feeds, downloads.
        Others = "others",
    }
}

/// More about a row. Each flag names the kinds that have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
pub struct Flags(pub u16);

impl Flags {
    /// View: the server saw it.
    pub const SERVER: Self = Self(1);
    /// View: fetched ahead, and shown by the browser later. What confirms another view is a row of
    /// its own, [`Kind::Confirm`].
    pub const CONFIRMED: Self = Self(1 << 1);
    /// View: only the browser saw it.
    pub const BROWSER: Self = Self(1 << 2);
    /// View: only the browser saw it, and has no valid view id.
    pub const UNVERIFIED: Self = Self(1 << 3);
    /// View: shown from the visitor's own cache …
    pub const CACHED: Self = Self(1 << 4);
    /// … or from one that others share.
    pub const CACHED_BY_OTHERS: Self = Self(1 << 5);
    /// View: a visit begins with it. Download: its first request.
    pub const BEGINS: Self = Self(1 << 6);
    /// Activity: what happened was a pageview …
    pub const VIEWED: Self = Self(1 << 7);
    /// … or an event that ends a bounce.
    pub const INTERACTIVE: Self = Self(1 << 8);
    /// Bot, error, prefetch: it was answered.
    pub const ANSWERED: Self = Self(1 << 9);
    /// Bot, error, prefetch: its beacon came.
    pub const BEACON: Self = Self(1 << 10);
    /// Bot: it was given a page, and not a file, an error or a redirect.
    pub const READ: Self = Self(1 << 11);
    /// Download: with this request all of the file was sent.
    pub const COMPLETE: Self = Self(1 << 12);
    /// Event, activity: an event that ends no bounce.
    pub const PASSIVE: Self = Self(1 << 13);
    /// Bot: the website's robots.txt lets it have the page …
    pub const ALLOWED: Self = Self(1 << 14);
    /// … or does not.
    pub const DISALLOWED: Self = Self(1 << 15);

    pub fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }

    #[must_use]
    pub fn with(self, more: Self) -> Self {
        Self(self.0 | more.0)
    }

    #[must_use]
    pub fn with_if(self, more: Self, condition: bool) -> Self {
        if condition { self.with(more) } else { self }
    }

    /// Activity: whether it was an event, and not a pageview or attention.
    pub fn is_event(self) -> bool {
        self.has(Self::INTERACTIVE) || self.has(Self::PASSIVE)
    }

    /// What a pageview with these flags counts.
    pub fn view_metrics(self) -> &'static [Metric] {
        if self.has(Self::CONFIRMED) {
            &[Metric::Server, Metric::Confirmed]
        } else if self.has(Self::SERVER) {
            &[Metric::Server]
        } else if self.has(Self::UNVERIFIED) {
            &[Metric::Browser, Metric::Unverified]
        } else {
            &[Metric::Browser]
        }
    }
}

/// Whose rows these are: one visit, or one view of somebody who asked not to be followed. Rows of a
/// visit share it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RowVisit {
    /// Under the hash of the row's day. `None`: asked not to be followed, or unknown.
    pub visitor: Option<VisitorHash>,
    /// Random, the same on each day the visit touches; 0: none.
    pub visit: u64,
    /// Page of the visit's first view; empty without a visit.
    pub entry: Arc<str>,
    /// Source, place, device …
    pub traits: Traits,
}

/// Hashes only what tells visits apart: this runs for every row, and the texts are long.
impl Hash for RowVisit {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.visitor, self.visit).hash(state);
        if self.visit == 0 {
            self.traits.hash(state);
        }
    }
}

/// One thing that happened. See the table above.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventRow {
    pub at: Millis,
    pub kind: Kind,
    pub flags: Flags,
    pub of: Arc<RowVisit>,
    /// Which view of its visit it is, or is about, from 1; 0: unknown, or none.
    pub view: u32,
    pub page: Arc<str>,
    pub name: Arc<str>,
    pub detail: Arc<str>,
    /// An event's properties.
    pub properties: Vec<(Arc<str>, Arc<str>)>,
    pub numbers: [i64; 2],
}

impl EventRow {
    /// A row with only these fields set.
    pub fn new(at: Millis, kind: Kind, of: Arc<RowVisit>, page: Arc<str>) -> Self {
        Self {
            at,
            kind,
            flags: Flags::default(),
            of,
            view: 0,
            page,
            name: Arc::default(),
            detail: Arc::default(),
            properties: Vec::new(),
            numbers: [0; 2],
        }
    }
}

/// How far a page was read, as one number: its depth in percent, and the depth that was known
/// before of the same showing, if any. 0: nothing is known.
pub fn depth(before: Option<u8>, depth: u8) -> i64 {
    let before = before.map_or(0, |before| i64::from(before.min(100)) + 1);
    before * 101 + i64::from(depth.min(100)) + 1
}

/// The way back from [`depth`]: `None` if nothing is known.
pub fn read_depth(number: i64) -> Option<(Option<u8>, u8)> {
    let number = u32::try_from(number.checked_sub(1)?).ok()?;
    let before = (number / 101).checked_sub(1).and_then(|before| u8::try_from(before).ok());
    Some((before, (number % 101) as u8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_known_by_their_numbers() {
        // As they are stored: the number of a kind never changes.
        let stored = [
            "view",
            "confirm",
            "sent",
            "activity",
            "engagement",
            "event",
            "outbound",
            "file",
            "click",
            "vital",
            "bot",
            "error",
            "prefetch",
            "download",
            "feed",
        ];
        for (number, word) in (0..).zip(stored) {
            let kind = Kind::from_number(number).unwrap();
            assert_eq!((kind as u8, kind.as_str()), (number, word));
        }
        assert_eq!(Kind::from_number(Kind::ALL.len() as u8), None);
    }

    #[test]
    fn a_depth_comes_back() {
        assert_eq!(read_depth(0), None);
        for before in [None, Some(0), Some(1), Some(99), Some(100)] {
            for now in [0, 1, 50, 100] {
                assert_eq!(read_depth(depth(before, now)), Some((before, now)));
            }
        }
    }
}
