//! Beacons in the words of trackers that a site had before it came to us.
//!
//! A file for each tracker: what its beacons say in the words of our own ([`Raw`]), and how it is
//! answered. What is taken and counted is decided in [`beacons`](super::beacons), for all of them.
//! These trackers know no view id, so their pageviews are matched by visitor and path, as those of
//! our own script without one are.

mod goatcounter;
mod plausible;
pub mod script;
mod umami;

use super::beacon::{BeaconEvent, Message, Raw};
use crate::clock::Millis;
use crate::model::Tracker;
use http::HeaderMap;
use iso_currency::Currency;
use serde_json::{Map, Value};
use std::net::IpAddr;

/// What an answer has beside its status: type, headers of the tracker's own, body.
pub struct Answer {
    pub status: u16,
    pub content_type: &'static str,
    pub more: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// What became of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// As our own beacons are answered.
    pub status: u16,
    /// Why it was refused.
    pub reason: String,
    /// Events that are not counted though nothing is wrong with them: a machine's, or of pages that
    /// are not counted.
    pub dropped: usize,
    /// All of them are a machine's.
    pub bot: bool,
    /// By which the visitor is told apart, where the answer is to tell it.
    pub address: Option<IpAddr>,
}

/// Where a tracker sends its beacons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// `/api/event`
    Plausible,
    /// `/api/send`
    Umami,
    /// `/api/batch`
    UmamiBatch,
    /// `/count`
    GoatCounter,
}

/// A beacon as it came.
#[derive(Clone, Copy)]
pub struct Beacon<'a> {
    pub query: Option<&'a str>,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
    pub received: Millis,
    pub value_max: usize,
    /// What the site's values are amounts of.
    pub currency: Option<Currency>,
}

impl Api {
    pub fn at(tracker: Tracker, path: &str) -> Option<Self> {
        match (tracker, path) {
            (Tracker::Plausible, "/api/event") => Some(Self::Plausible),
            (Tracker::Umami, "/api/send") => Some(Self::Umami),
            (Tracker::Umami, "/api/batch") => Some(Self::UmamiBatch),
            (Tracker::GoatCounter, "/count") => Some(Self::GoatCounter),
            _ => None,
        }
    }

    pub fn tracker(self) -> Tracker {
        match self {
            Self::Plausible => Tracker::Plausible,
            Self::Umami | Self::UmamiBatch => Tracker::Umami,
            Self::GoatCounter => Tracker::GoatCounter,
        }
    }

    /// As `Allow` and `Access-Control-Allow-Methods` name them.
    pub fn methods(self) -> &'static str {
        match self {
            Self::GoatCounter => "GET, POST, OPTIONS",
            _ => "POST, OPTIONS",
        }
    }

    /// What a beacon says; at least one message.
    pub fn read(self, beacon: Beacon<'_>) -> Vec<Message> {
        match self {
            Self::Plausible => vec![plausible::read(beacon)],
            Self::Umami => vec![umami::read(beacon)],
            Self::UmamiBatch => umami::read_batch(beacon),
            Self::GoatCounter => vec![goatcounter::read(beacon)],
        }
    }

    /// How the tracker is answered.
    pub fn answer(self, taken: &[Taken]) -> Answer {
        match self {
            Self::Plausible => plausible::answer(first(taken)),
            Self::Umami => umami::answer(first(taken)),
            Self::UmamiBatch => umami::answer_batch(taken),
            Self::GoatCounter => goatcounter::answer(first(taken)),
        }
    }
}

/// Whether the answer is to tell the visitor's address. Plausible has it for senders that name it in
/// `X-Forwarded-For`, who see by it whether they are believed.
pub fn asks_for_address(by: Tracker, headers: &HeaderMap) -> bool {
    by == Tracker::Plausible && headers.get("x-debug-request").is_some_and(|asks| asks == "true")
}

fn first(taken: &[Taken]) -> &Taken {
    taken.first().expect("a beacon is a message, or several")
}

/// A message that says this, read and bounded as our own are.
fn message(said: Result<Vec<Said>, String>, beacon: Beacon<'_>) -> Message {
    let read = |said: Vec<Said>| {
        said.into_iter().map(|said| said.read(beacon)).collect::<Result<Vec<_>, _>>()
    };
    match said.and_then(read) {
        Ok(events) => Message { events, ..Message::default() },
        Err(wrong) => Message { wrong: Some(wrong), ..Message::default() },
    }
}

/// An event in our words, before it is bounded.
#[derive(Default)]
struct Said {
    raw: Raw,
    /// Of the page's URL, where it tells pages apart.
    fragment: Option<String>,
}

impl Said {
    fn of(kind: &str, page: &Url<'_>) -> Self {
        let raw = Raw { kind: kind.to_owned(), pathname: page.target(), ..Raw::default() };
        Self { raw, fragment: None }
    }

    fn read(self, beacon: Beacon<'_>) -> Result<BeaconEvent, String> {
        let mut event = self.raw.read(beacon.received, beacon.value_max)?;
        if let Some(fragment) = self.fragment {
            event.path.truncate(event.path.find('#').unwrap_or(event.path.len()));
            event.path.push('#');
            event.path.push_str(&fragment);
        }
        Ok(event)
    }
}

/// A page's URL as a tracker tells it, in parts: also of an app (`app://host/login`), also a path
/// alone.
struct Url<'a> {
    /// With the port.
    authority: &'a str,
    path: &'a str,
    query: Option<&'a str>,
    fragment: Option<&'a str>,
}

impl<'a> Url<'a> {
    fn of(url: &'a str) -> Self {
        let url = url.trim();
        let (rest, fragment) = match url.split_once('#') {
            Some((rest, fragment)) => (rest, Some(fragment)),
            None => (url, None),
        };
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query)),
            None => (rest, None),
        };
        let (authority, path) = match rest.split_once("://") {
            Some((_, rest)) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
            None => ("", rest),
        };
        Self { authority, path, query, fragment }
    }

    /// Path and query, as a request for the page names them.
    fn target(&self) -> String {
        let slash = if self.path.starts_with('/') { "" } else { "/" };
        let (mark, query) = self.query.map_or(("", ""), |query| ("?", query));
        format!("{slash}{}{mark}{query}", self.path)
    }

    /// The same, with the fragment where it is a route.
    fn with_route(&self) -> String {
        let (mark, fragment) = self.fragment.map_or(("", ""), |fragment| ("#", fragment));
        format!("{}{mark}{fragment}", self.target())
    }

    /// What a link on this page is called: as our own script calls it, a path where it stays on
    /// the page's host, and never with a query.
    fn link(&self, url: &str) -> String {
        let link = Url::of(url);
        let own = link.authority.is_empty() || link.authority == self.authority;
        match url.split_once("://") {
            Some((scheme, _)) if !own => {
                format!(
                    "{scheme}://{}{}",
                    link.authority,
                    if link.path.is_empty() { "/" } else { link.path }
                )
            }
            _ => link.path.to_owned(),
        }
    }
}

/// A field under any of its names, the first that is there and not null.
fn any<'a>(object: &'a Map<String, Value>, names: &[&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| object.get(*name).filter(|value| !value.is_null()))
}

/// The same, if it is a text that says something.
fn text(object: &Map<String, Value>, names: &[&str]) -> Option<String> {
    any(object, names)?.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A number, also as a text.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|n| n.is_finite())
}

/// An event's worth, if it is in the site's currency: amounts of two are never added up.
fn worth(amount: Option<&Value>, told: Option<&Value>, site: Option<Currency>) -> Option<Value> {
    let amount = number(amount?)?;
    let other = |code: &str| site.is_some_and(|site| !code.eq_ignore_ascii_case(site.code()));
    (!told.and_then(Value::as_str).is_some_and(other)).then(|| amount.into())
}

#[cfg(test)]
mod tests;
