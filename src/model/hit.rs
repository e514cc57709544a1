//! A hit: what happened, in our words. The only thing that goes from `capture` to `aggregate`.

use super::site::SiteId;
use super::{Proof, Tracker, Traits, VisitorHash};
use crate::clock::{Micros, Millis};
use crate::words::words;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Something that happened on a site, with everything that is needed to count it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    pub at: Millis,
    pub site: SiteId,
    /// Chooses the shard: the same for all hits of a client, whatever the day's salt; a feed's is
    /// its reader's. There are few lanes, so a lane tells nobody apart.
    pub lane: u16,
    /// The visitor of the day `at` falls on.
    /// `None`: asked not to be followed (`Sec-GPC`, `DNT`); counts, without visitor or session.
    pub visitor: Option<VisitorHash>,
    /// The same visitor under yesterday's salt, in the hour after midnight: finds the session
    /// that is still running.
    pub before_midnight: Option<VisitorHash>,
    pub what: What,
}

impl Hit {
    /// When it came, which only of beacons is another time than when it happened.
    pub fn received(&self) -> Millis {
        match &self.what {
            What::Shown(shown) => shown.received,
            What::ScriptEvent(event) => event.received,
            _ => self.at,
        }
    }
}

impl What {
    /// Whether it is something that happened, and not only more of it: what is waiting or lost is
    /// told in these.
    pub fn is_event(&self) -> bool {
        !matches!(self, Self::Served(_))
    }
}

/// A hit on its way to where it is counted with those of other nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Arrived {
    /// When it came, by the clock of the machine it came to: the order in which one process would
    /// have seen it.
    pub at: Micros,
    pub hit: Hit,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum What {
    /// An HTML page was answered, with a view id.
    Answered(Answered),
    /// And more or less of it has been sent than its head said.
    Served(Served),
    /// The script says that a page was shown.
    Shown(Shown),
    /// The script says what happened on a page.
    ScriptEvent(ScriptEvent),
    /// Of a file `bytes` were sent, from `first` on; `length` is the whole file's, if it is known.
    Download { path: Arc<str>, first: u64, bytes: u64, length: Option<u64> },
    /// A feed was fetched, by a reader that may say for how many subscribers.
    Feed { path: Arc<str>, reader: Arc<str>, subscribers: Option<u32> },
    /// A machine was answered.
    Bot {
        name: Arc<str>,
        class: Arc<str>,
        page: Arc<str>,
        status: u16,
        /// It was given a page, and not a file, an error or a redirect.
        read: bool,
        /// `None`: an earlier version has written this, which did not know.
        proof: Option<Proof>,
        /// Whether the website's robots.txt lets it have the page. `None`: that is not known.
        allowed: Option<bool>,
    },
    /// A machine's beacon.
    BotBeacon { name: Arc<str>, class: Arc<str>, proof: Option<Proof> },
}

/// A page that was answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    pub page: Arc<str>,
    /// The random part of its view id.
    pub nonce: u64,
    pub kind: PageKind,
    pub status: u16,
    /// Of a view, what its visit is told apart by; `None` where that is known already, for it goes
    /// on with a visit: see [`Introduced`](crate::visitor::Introduced).
    pub traits: Option<Traits>,
    /// Of an error: where the link was, host and path, or the path on the site itself.
    pub from: Option<Arc<str>>,
    /// Body bytes it is to have; 0 if its head does not say.
    pub bytes: u64,
    /// Until the website's answer began, in microseconds; `None`: it was not asked.
    pub origin: Option<u32>,
}

/// A page that is through, and was not as long as its head said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Served {
    pub page: Arc<str>,
    pub kind: PageKind,
    /// Body bytes sent beyond [`Answered::bytes`]; less than none if the client left.
    pub more: i64,
}

/// Something on a page, as the script tells it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScriptEvent {
    pub by: Tracker,
    pub page: Arc<str>,
    pub kind: ScriptEventKind,
    /// When the beacon came.
    pub received: Millis,
    /// The event's own random number: the same again is a retry.
    pub n: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ScriptEventKind {
    /// The site's own. `value` in thousandths; `interactive`: it ends a bounce.
    Custom {
        name: Arc<str>,
        properties: Vec<(Arc<str>, Arc<str>)>,
        value: Option<i64>,
        interactive: bool,
    },
    /// A link away from the site was followed.
    Outbound { url: Arc<str> },
    /// A link to a file was followed.
    File { url: Arc<str> },
    /// The page had the visitor's attention for so long, and was read down to so many percent.
    /// `view` tells one showing of a page from the next.
    Engagement { millis: u32, scroll: Option<u8>, screen: Option<Arc<str>>, view: u64 },
    /// A click, in cells of [`super::rollup::GRID`] to the page's width. `outline`: text of the
    /// page's [`Outline`](super::outline::Outline), or empty.
    Click { screen: Arc<str>, column: u16, row: u16, outline: Arc<str> },
    /// A measure of the browser's own.
    Vital { name: Vital, value: f32 },
}

impl ScriptEventKind {
    /// It tells how a page is viewed, and not what its visitor does.
    pub fn is_of_view(&self) -> bool {
        matches!(self, Self::Engagement { .. } | Self::Click { .. } | Self::Vital { .. })
    }
}

words! {
    /// Web vitals: milliseconds, but for the layout shift's score.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
    pub enum Vital {
        Ttfb = "TTFB",
        Lcp = "LCP",
        Inp = "INP",
        Cls = "CLS",
    }
}

/// What an answered page is counted as. Its view id says so too, for any node to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PageKind {
    /// A pageview the server saw.
    View,
    /// Fetched ahead: pending until its beacon comes, which may be never.
    Prefetch,
    /// An HTML 404, 410 or 5xx to a navigation.
    Error,
    /// A page that is not a view until its beacon says so (the answer to a POST).
    Unseen,
    /// Never a view, nor are its beacons (a frame, a fragment fetched by a script).
    Ignored,
}

/// A pageview beacon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    pub by: Tracker,
    pub page: Arc<str>,
    /// As the beacon and its headers say; used where no server view is known.
    pub traits: Traits,
    /// When the beacon came; a browser's clock may say another time.
    pub received: Millis,
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
    /// Ours, fresh, of this visitor (yesterday's hash counts) and path.
    Fresh { nonce: u64, issued: Millis, kind: PageKind },
    /// Ours once, but too old, or another visitor's: the page came from a cache, `own` (the
    /// browser's) or one that others share.
    Cached { own: bool },
    /// None, or not ours.
    Invalid,
}
