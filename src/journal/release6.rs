//! Hits as release 0.1.0 of November 2026 wrote them. Nothing here is to be changed: what such a
//! process left behind is read with it, by whichever version comes later.
//!
//! Apart from the types of [`crate::capture`], which go on. Field by field and variant by variant
//! this is how they stood, since their order is all that the encoding knows.

use crate::clock::{Micros, Millis};
use crate::model::rollup::{Dimension, SEPARATOR};
use crate::model::site::SiteId;
use crate::model::{
    Answered, Arrived, Hit, IdVerdict, Nav, PageKind, ScriptEvent, ScriptEventKind, Served, Shown,
    Tracker, Traits, VisitorHash, Vital, What,
};
use serde::Deserialize;
use std::sync::Arc;

/// What [`super::format`] was.
pub const FORMAT: u64 = 0x6_2e8b_203d;

/// All dimensions in their order.
pub const DIMENSIONS: &[&str] = &[
    "total",
    "slot",
    "day",
    "page",
    "hostname",
    "entry_page",
    "exit_page",
    "source",
    "referrer",
    "channel",
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_content",
    "utm_term",
    "country",
    "region",
    "city",
    "device",
    "browser",
    "browser_version",
    "os",
    "os_version",
    "screen",
    "language",
    "event",
    "suspected",
    "bot_name",
    "bot_class",
    "bot_page",
    "bot_status",
    "error_page",
    "error_status",
    "error_link",
    "download",
    "prefetch",
    "feed",
    "cached",
    "outbound",
    "file",
    "event_property",
    "goal",
    "funnel_step",
    "click_map",
    "scroll_map",
    "timing",
    "ai_page",
];

/// All metrics in their order.
#[cfg(test)]
pub const METRICS: &[&str] = &[
    "server",
    "confirmed",
    "browser",
    "unverified",
    "visitors",
    "confirmed_visitors",
    "visits",
    "bounces",
    "duration",
    "visit_views",
    "events",
    "engagement",
    "scroll_views",
    "scroll_depth",
    "revenue",
    "subscribers",
    "responses",
    "seen",
    "complete",
    "bytes",
    "beacons",
];

/// A hit, and what stands behind it.
pub fn hit(bytes: &[u8]) -> Option<(Hit, &[u8])> {
    let (hit, rest) = postcard::take_from_bytes::<OldHit>(bytes).ok()?;
    Some((hit.into(), rest))
}

/// Hits on their way into the log that nodes share, each with when it came.
pub fn arrived(bytes: &[u8]) -> Option<Vec<Arrived>> {
    let hits: Vec<(Micros, OldHit)> = postcard::from_bytes(bytes).ok()?;
    Some(hits.into_iter().map(|(at, hit)| Arrived { at, hit: hit.into() }).collect())
}

#[derive(Deserialize)]
struct OldHit {
    at: Millis,
    _site: usize,
    lane: u16,
    visitor: Option<VisitorHash>,
    before_midnight: Option<VisitorHash>,
    what: OldWhat,
}

#[derive(Deserialize)]
enum OldWhat {
    Answered(OldAnswered),
    Served(OldServed),
    Shown(OldShown),
    Told(OldTold),
    Download { path: Arc<str>, complete: bool, bytes: u64 },
    Feed { path: Arc<str>, reader: Arc<str>, subscribers: Option<u32> },
    Bot { name: Arc<str>, class: Arc<str>, page: Arc<str>, status: u16, read: bool },
    BotBeacon { name: Arc<str>, class: Arc<str> },
}

#[derive(Deserialize)]
struct OldAnswered {
    page: Arc<str>,
    nonce: u64,
    kind: OldPageKind,
    status: u16,
    traits: Option<OldTraits>,
    from: Option<Arc<str>>,
    bytes: u64,
    origin: Option<u32>,
}

#[derive(Deserialize)]
struct OldServed {
    page: Arc<str>,
    kind: OldPageKind,
    more: i64,
}

#[derive(Deserialize)]
struct OldShown {
    page: Arc<str>,
    traits: OldTraits,
    received: Millis,
    screen: Option<Arc<str>>,
    nav: OldNav,
    id: OldIdVerdict,
    n: Option<u64>,
}

#[derive(Deserialize)]
struct OldTold {
    page: Arc<str>,
    event: OldEvent,
    n: Option<u64>,
}

#[derive(Deserialize)]
enum OldEvent {
    Custom { name: Arc<str>, properties: Vec<(Arc<str>, Arc<str>)>, value: Option<i64> },
    Outbound { url: Arc<str> },
    File { url: Arc<str> },
    Engagement { millis: u32, scroll: Option<u8>, screen: Option<Arc<str>>, view: u64 },
    Click { screen: Arc<str>, column: u16, row: u16 },
    Vital { name: OldVital, value: f32 },
}

#[derive(Deserialize)]
enum OldVital {
    Ttfb,
    Lcp,
    Inp,
    Cls,
}

#[derive(Deserialize)]
enum OldPageKind {
    View,
    Prefetch,
    Error,
    Unseen,
    Ignored,
}

#[derive(Deserialize)]
enum OldNav {
    Load,
    History,
    BackForward,
    Prerender,
}

#[derive(Deserialize)]
enum OldIdVerdict {
    Fresh { nonce: u64, issued: Millis, kind: OldPageKind },
    Cached { own: bool },
    Invalid,
}

/// Values, each behind its dimension as a letter and before a separator.
#[derive(Deserialize)]
#[serde(transparent)]
struct OldTraits(Arc<str>);

/// The letter of the first dimension.
const FIRST: u8 = b'0';

impl From<OldTraits> for Traits {
    fn from(OldTraits(text): OldTraits) -> Self {
        let entries = text.split_terminator(SEPARATOR).filter_map(|entry| {
            let (letter, value) = entry.split_at_checked(1)?;
            let index = letter.bytes().next()?.checked_sub(FIRST)?;
            let word = DIMENSIONS.get(usize::from(index))?;
            Some((Dimension::parse(word)?, value))
        });
        entries.collect()
    }
}

impl From<OldHit> for Hit {
    fn from(hit: OldHit) -> Self {
        let OldHit { at, lane, mut visitor, mut before_midnight, what, .. } = hit;
        if let OldWhat::Download { .. } = what {
            // Each request for a file was a download, as it still is without a visitor.
            (visitor, before_midnight) = (None, None);
        }
        // There was one only.
        let site = SiteId::default();
        Self { at, site, lane, visitor, before_midnight, what: what.read(at) }
    }
}

impl OldWhat {
    /// What happened `at` a time; it came about then.
    fn read(self, at: Millis) -> What {
        match self {
            OldWhat::Answered(OldAnswered {
                page,
                nonce,
                kind,
                status,
                traits,
                from,
                bytes,
                origin,
            }) => {
                let (kind, traits) = (kind.into(), traits.map(Into::into));
                What::Answered(Answered { page, nonce, kind, status, traits, from, bytes, origin })
            }
            OldWhat::Served(OldServed { page, kind, more }) => {
                What::Served(Served { page, kind: kind.into(), more })
            }
            OldWhat::Shown(OldShown { page, traits, received, screen, nav, id, n }) => {
                let (traits, nav, id) = (traits.into(), nav.into(), id.into());
                let by = Tracker::Own;
                What::Shown(Shown { by, page, traits, received, screen, nav, id, n })
            }
            OldWhat::Told(OldTold { page, event, n }) => {
                let (by, kind) = (Tracker::Own, event.into());
                What::ScriptEvent(ScriptEvent { by, page, kind, received: at, n })
            }
            OldWhat::Download { path, complete, bytes } => {
                What::Download { path, first: 0, bytes, length: complete.then_some(bytes) }
            }
            OldWhat::Feed { path, reader, subscribers } => What::Feed { path, reader, subscribers },
            OldWhat::Bot { name, class, page, status, read } => {
                What::Bot { name, class, page, status, read, proof: None, allowed: None }
            }
            OldWhat::BotBeacon { name, class } => What::BotBeacon { name, class, proof: None },
        }
    }
}

impl From<OldEvent> for ScriptEventKind {
    fn from(event: OldEvent) -> Self {
        match event {
            OldEvent::Custom { name, properties, value } => {
                Self::Custom { name, properties, value, interactive: true }
            }
            OldEvent::Outbound { url } => Self::Outbound { url },
            OldEvent::File { url } => Self::File { url },
            OldEvent::Engagement { millis, scroll, screen, view } => {
                Self::Engagement { millis, scroll, screen, view }
            }
            OldEvent::Click { screen, column, row } => {
                Self::Click { screen, column, row, outline: Arc::default() }
            }
            OldEvent::Vital { name, value } => Self::Vital { name: name.into(), value },
        }
    }
}

impl From<OldVital> for Vital {
    fn from(vital: OldVital) -> Self {
        match vital {
            OldVital::Ttfb => Self::Ttfb,
            OldVital::Lcp => Self::Lcp,
            OldVital::Inp => Self::Inp,
            OldVital::Cls => Self::Cls,
        }
    }
}

impl From<OldPageKind> for PageKind {
    fn from(kind: OldPageKind) -> Self {
        match kind {
            OldPageKind::View => Self::View,
            OldPageKind::Prefetch => Self::Prefetch,
            OldPageKind::Error => Self::Error,
            OldPageKind::Unseen => Self::Unseen,
            OldPageKind::Ignored => Self::Ignored,
        }
    }
}

impl From<OldNav> for Nav {
    fn from(nav: OldNav) -> Self {
        match nav {
            OldNav::Load => Self::Load,
            OldNav::History => Self::History,
            OldNav::BackForward => Self::BackForward,
            OldNav::Prerender => Self::Prerender,
        }
    }
}

impl From<OldIdVerdict> for IdVerdict {
    fn from(id: OldIdVerdict) -> Self {
        match id {
            OldIdVerdict::Fresh { nonce, issued, kind } => {
                Self::Fresh { nonce, issued, kind: kind.into() }
            }
            OldIdVerdict::Cached { own } => Self::Cached { own },
            OldIdVerdict::Invalid => Self::Invalid,
        }
    }
}
