//! Beacons: what the script (or a program that follows the same contract) posts.
//!
//! A JSON array of at most 100 events, or one object. Each event is read on its own, so that one
//! bad event costs no other. What an event means for the counts is decided elsewhere; here it is
//! only read and bounded.

use super::hit::Nav;
use crate::clock::{MINUTE, Millis};
use crate::rollup;
use chrono::DateTime;
use serde::Deserialize;
use serde_json::Value;
use std::hash::Hasher;
use std::sync::Arc;

/// Events in one beacon.
pub const EVENTS_MAX: usize = 100;

/// A beacon's own time is believed if it is this close to its receipt.
const TIME_MAX: Millis = 5 * MINUTE;

/// An event, read.
#[derive(Debug, PartialEq)]
pub struct Event {
    pub kind: Kind,
    pub page: Arc<str>,
    /// The page's query, without `?`: for the campaign.
    pub query: Option<String>,
    pub at: Millis,
    /// The view id's text.
    pub view: Option<String>,
    pub n: Option<u64>,
    pub referrer: Option<String>,
    /// Class of the viewport's width.
    pub screen: Option<Arc<str>>,
}

#[derive(Debug, PartialEq)]
pub enum Kind {
    Pageview(Nav),
    Engagement {
        millis: u32,
    },
    /// `interactive` events end a bounce.
    Named {
        name: Arc<str>,
        interactive: bool,
    },
    /// Known, and not counted: clicks for heat maps, web vitals.
    Unused,
}

/// As sent. Unknown fields are ignored.
#[derive(Deserialize)]
struct Raw {
    #[serde(rename = "type")]
    kind: String,
    pathname: String,
    timestamp: Option<Value>,
    view: Option<String>,
    n: Option<Value>,
    nav: Option<String>,
    referrer: Option<String>,
    screen: Option<String>,
    name: Option<String>,
    value: Option<Value>,
}

/// Reads a beacon's body: the events that are good, and the first thing that is wrong.
pub fn parse(body: &[u8], received: Millis, value_max: usize) -> (Vec<Event>, Option<String>) {
    let values = match serde_json::from_slice::<Value>(body) {
        Ok(Value::Array(values)) => values,
        Ok(object @ Value::Object(_)) => vec![object],
        Ok(_) => return (Vec::new(), Some("neither an array of events nor one event".to_owned())),
        Err(error) => return (Vec::new(), Some(format!("not JSON: {error}"))),
    };
    let mut wrong = (values.len() > EVENTS_MAX)
        .then(|| format!("{} events, and {EVENTS_MAX} are the most", values.len()));
    let mut events = Vec::with_capacity(values.len().min(EVENTS_MAX));
    for (i, value) in values.into_iter().take(EVENTS_MAX).enumerate() {
        let raw = serde_json::from_value::<Raw>(value).map_err(|e| e.to_string());
        match raw.and_then(|raw| raw.read(received, value_max)) {
            Ok(event) => events.push(event),
            Err(why) => wrong = wrong.or_else(|| Some(format!("event {i}: {why}"))),
        }
    }
    (events, wrong)
}

impl Raw {
    fn read(self, received: Millis, value_max: usize) -> Result<Event, String> {
        let named = |name: &str| rollup::clean(name, value_max).into();
        let kind = match self.kind.as_str() {
            "pageview" => Kind::Pageview(match self.nav.as_deref() {
                None | Some("load") => Nav::Load,
                Some("history") => Nav::History,
                Some("bfcache") => Nav::BackForward,
                Some("prerender") => Nav::Prerender,
                Some(other) => return Err(format!("unknown nav {}", quoted(other))),
            }),
            "engagement" => Kind::Engagement {
                millis: match self.value.as_ref().and_then(Value::as_f64) {
                    Some(millis) if millis >= 0.0 => millis.min(86_400_000.0) as u32,
                    _ => return Err("engagement without a value in milliseconds".to_owned()),
                },
            },
            "event" => match self.name.as_deref().map(str::trim) {
                Some(name) if !name.is_empty() => {
                    Kind::Named { name: named(name), interactive: true }
                }
                _ => return Err("event without a name".to_owned()),
            },
            "outbound" => Kind::Named { name: "Outbound link".into(), interactive: true },
            "download" => Kind::Named { name: "File download".into(), interactive: true },
            "click" | "vital" => Kind::Unused,
            other => return Err(format!("unknown type {}", quoted(other))),
        };
        let (path, query) = split(&self.pathname)?;
        Ok(Event {
            kind,
            page: rollup::clean(path, value_max).into(),
            query: query.map(str::to_owned),
            at: self.timestamp.as_ref().and_then(|t| believable(t, received)).unwrap_or(received),
            view: self.view,
            n: self.n.as_ref().map(number),
            referrer: self.referrer.filter(|r| !r.is_empty()),
            screen: self.screen.as_deref().and_then(screen_class),
        })
    }
}

/// Path and query of a pathname, which may be a whole URL. A fragment belongs to the path only
/// where it is a route (`#/`, `#!`).
fn split(pathname: &str) -> Result<(&str, Option<&str>), String> {
    let path = match pathname.split_once("://") {
        Some(("http" | "https", rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        _ => pathname,
    };
    if !path.starts_with('/') {
        return Err(format!("pathname {} is no path", quoted(pathname)));
    }
    match path.split_once('?') {
        Some((path, query)) => Ok((path, query.split('#').next())),
        None if path.contains("#/") || path.contains("#!") => Ok((path, None)),
        None => Ok((path.split('#').next().unwrap_or(path), None)),
    }
}

/// A beacon's own time, if it is close enough to its receipt to be true.
fn believable(timestamp: &Value, received: Millis) -> Option<Millis> {
    let at = DateTime::parse_from_rfc3339(timestamp.as_str()?).ok()?.timestamp_millis();
    ((at - received).abs() <= TIME_MAX).then_some(at)
}

/// An event's random number, whatever JSON it came as.
fn number(n: &Value) -> u64 {
    match n.as_u64() {
        Some(n) => n,
        None => {
            let mut hasher = std::hash::DefaultHasher::new();
            hasher.write(n.to_string().as_bytes());
            hasher.finish()
        }
    }
}

/// The class of a viewport's width, from `WIDTHxHEIGHT` in CSS pixels.
fn screen_class(screen: &str) -> Option<Arc<str>> {
    let width: u32 = screen.split(['x', '×']).next()?.trim().parse().ok()?;
    let class = match width {
        0 => return None,
        1..576 => "Below 576 px",
        576..992 => "576 to 991 px",
        992..1440 => "992 to 1439 px",
        _ => "1440 px and above",
    };
    Some(class.into())
}

fn quoted(text: &str) -> String {
    let short: String = text.chars().filter(|c| !c.is_control()).take(60).collect();
    format!("“{short}”")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: Millis = 1_800_000_000_000;

    fn one(event: Value) -> Result<Event, String> {
        let (mut events, wrong) = parse(event.to_string().as_bytes(), NOW, 1024);
        match wrong {
            Some(wrong) => Err(wrong),
            None => Ok(events.remove(0)),
        }
    }

    fn pageview(more: Value) -> Result<Event, String> {
        let mut event = json!({"type": "pageview", "pathname": "/a"});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        one(event)
    }

    #[test]
    fn an_object_an_array_and_the_cap() {
        assert!(one(json!({"type": "pageview", "pathname": "/", "unknown": [1]})).is_ok());
        let event = json!({"type": "pageview", "pathname": "/"});
        let (events, wrong) = parse(json!(vec![event.clone(); 100]).to_string().as_bytes(), NOW, 9);
        assert_eq!((events.len(), wrong), (100, None));
        let (events, wrong) = parse(json!(vec![event; 101]).to_string().as_bytes(), NOW, 9);
        assert_eq!(events.len(), 100);
        assert!(wrong.unwrap().contains("101 events"));
    }

    #[test]
    fn one_bad_event_costs_no_other() {
        let body = json!([
            {"type": "pageview", "pathname": "/a"},
            {"type": "dance", "pathname": "/a"},
            {"type": "pageview"},
            {"type": "event", "pathname": "/a", "name": "Signup"},
        ]);
        let (events, wrong) = parse(body.to_string().as_bytes(), NOW, 1024);
        assert_eq!(events.len(), 2);
        assert_eq!(wrong.unwrap(), "event 1: unknown type “dance”");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (body, reason) in [
            ("{", "not JSON"),
            ("7", "neither an array"),
            (r#"{"type":"pageview","pathname":"x"}"#, "pathname “x” is no path"),
            (r#"{"type":"pageview","pathname":"/","nav":"fly"}"#, "unknown nav “fly”"),
            (r#"{"type":"event","pathname":"/","name":" "}"#, "event without a name"),
            (r#"{"type":"engagement","pathname":"/"}"#, "engagement without"),
            (r#"{"pathname":"/"}"#, "missing field `type`"),
        ] {
            let (events, wrong) = parse(body.as_bytes(), NOW, 1024);
            assert!(events.is_empty());
            assert!(wrong.as_deref().unwrap().contains(reason), "{body}: {wrong:?}");
        }
    }

    #[test]
    fn paths_lose_query_and_fragment() {
        for (sent, page, query) in [
            ("/a", "/a", None),
            ("/a?utm_source=x#top", "/a", Some("utm_source=x")),
            ("/a#top", "/a", None),
            ("/app#/inbox", "/app#/inbox", None),
            ("https://example.org/a?b", "/a", Some("b")),
            ("https://example.org", "/", None),
        ] {
            let event = pageview(json!({"pathname": sent})).unwrap();
            assert_eq!((&*event.page, event.query.as_deref()), (page, query), "{sent}");
        }
    }

    #[test]
    fn time_is_believed_within_five_minutes() {
        let at = |millis: Millis| {
            let text = DateTime::from_timestamp_millis(millis).unwrap().to_rfc3339();
            pageview(json!({"timestamp": text})).unwrap().at
        };
        assert_eq!(at(NOW - TIME_MAX), NOW - TIME_MAX);
        assert_eq!(at(NOW - TIME_MAX - 1), NOW);
        assert_eq!(at(NOW + TIME_MAX + 1), NOW);
        assert_eq!(pageview(json!({"timestamp": "yesterday"})).unwrap().at, NOW);
        assert_eq!(pageview(json!({"timestamp": 5})).unwrap().at, NOW);
    }

    #[test]
    fn numbers_of_any_kind_tell_events_apart() {
        let n = |n: Value| pageview(json!({"n": n})).unwrap().n;
        assert_eq!(n(json!(5)), Some(5));
        assert_eq!(n(json!("abc")), n(json!("abc")));
        assert_ne!(n(json!("abc")), n(json!("abd")));
        assert_eq!(n(Value::Null), None);
    }
}
