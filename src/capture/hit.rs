//! A hit: what happened, in our words. The only thing that goes from `capture` to `aggregate`.

use crate::clock::Millis;
use crate::rollup::Dimension;
use crate::visitor::VisitorHash;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Something that happened on a site, with everything that is needed to count it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    pub at: Millis,
    /// Which of the configured sites.
    pub site: usize,
    /// `None`: asked not to be followed (`Sec-GPC`, `DNT`); counts, without visitor or session.
    pub visitor: Option<VisitorHash>,
    /// The same visitor under yesterday's salt, in the hour after midnight: finds the session
    /// that is still running.
    pub before_midnight: Option<VisitorHash>,
    pub what: What,
}

/// What a visit is told apart by: device, place, source. Order does not matter; no dimension
/// twice.
pub type Traits = Vec<(Dimension, Arc<str>)>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum What {
    /// A page was answered to a navigation: a pageview the server saw.
    View {
        page: Arc<str>,
        traits: Traits,
        /// The random part of its view id.
        nonce: u64,
    },
    /// A page was fetched ahead; nobody may ever see it.
    Prefetch { page: Arc<str>, bytes: u64 },
    /// The script says that a page was shown.
    Shown(Shown),
    /// The script says what happened on a page.
    Event { page: Arc<str>, name: Arc<str>, interactive: bool, n: Option<u64> },
    /// The page had the visitor's attention for so long.
    Engagement { page: Arc<str>, millis: u64, n: Option<u64> },
    /// An HTML error was answered to a navigation.
    Error { page: Arc<str>, status: u16, referrer: Option<Arc<str>> },
    /// A file was sent, or what of it the client took.
    Download { path: Arc<str>, complete: bool, bytes: u64 },
    /// A machine asked.
    Bot { name: Arc<str>, class: Arc<str>, page: Arc<str>, status: u16 },
    /// A machine's beacon.
    BotBeacon { name: Arc<str>, class: Arc<str> },
}

/// A pageview beacon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    pub page: Arc<str>,
    /// As the beacon and its headers say; used where no server view is known.
    pub traits: Traits,
    /// Class of the viewport's width.
    pub screen: Option<Arc<str>>,
    pub nav: Nav,
    pub id: IdVerdict,
    /// The event's own random number: the same again is a retry.
    pub n: Option<u64>,
}

/// How the browser came to show the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Nav {
    Load,
    /// `pushState`, `replaceState`, a hash route.
    History,
    /// Back from the back/forward cache.
    BackForward,
    /// A prerendered page, now activated.
    Prerender,
}

/// What a beacon's view id is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum IdVerdict {
    /// Ours, fresh, of this visitor and path.
    Fresh { nonce: u64, issued: Millis, of: IdOf },
    /// Ours once, but too old, or another visitor's: the page came from a cache.
    Cached,
    /// None, or not ours.
    Invalid,
}

/// What kind of response an id was issued with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum IdOf {
    /// A pageview, counted when it was answered.
    View,
    /// A prefetch or prerender, pending.
    Prefetch,
    /// An error page.
    Error,
    /// A page that was not counted when it was answered (to a POST).
    Unseen,
    /// A frame: its beacons are ignored.
    Frame,
}
