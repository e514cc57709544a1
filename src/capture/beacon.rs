//! Beacons: what the script (or a program that follows the same contract) posts.
//!
//! A JSON array of at most 100 events, or one object. Each event is read on its own, so that one
//! bad event costs no other, whatever is wrong with it. What an event means for the counts is
//! decided elsewhere; here it is only read and bounded.

use super::outline;
use crate::clock::{MINUTE, Millis};
use crate::model::rollup::{self, GRID, GRID_ROWS};
use crate::model::{self, Nav, Vital};
use crate::page_name;
use crate::text::quoted;
use chrono::DateTime;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use std::hash::Hasher;
use std::net::IpAddr;
use std::sync::Arc;

/// Events in one beacon.
pub const EVENTS_MAX: usize = 100;

/// A beacon's own time is believed if it is this close to its receipt.
const TIME_MAX: Millis = 5 * MINUTE;

/// Properties of one event.
const PROPERTIES_MAX: usize = 30;

/// An event's value, in thousandths: what a sum of millions of them still holds.
const VALUE_MAX: f64 = 1e12;

/// An event, read.
#[derive(Debug, PartialEq)]
pub struct BeaconEvent {
    pub kind: Kind,
    /// With the fragment, where that is a route.
    pub path: String,
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
    Script(model::ScriptEventKind),
}

/// What one sender says in one beacon.
#[derive(Debug, Default, PartialEq)]
pub struct Message {
    /// Those that are good.
    pub events: Vec<BeaconEvent>,
    /// The first thing that is wrong.
    pub wrong: Option<String>,
    /// Host of the page, where that may be another than the beacon came to.
    pub host: Option<String>,
    /// Whose visit it is, as a sender with a token may say.
    pub address: Option<IpAddr>,
    pub user_agent: Option<String>,
}

/// As sent. Unknown fields are ignored.
#[derive(Default, Deserialize)]
pub(super) struct Raw {
    #[serde(rename = "type")]
    pub kind: String,
    pub pathname: String,
    pub timestamp: Option<Value>,
    pub view: Option<String>,
    pub n: Option<Value>,
    pub nav: Option<String>,
    pub referrer: Option<String>,
    pub screen: Option<String>,
    pub name: Option<String>,
    pub props: Option<Value>,
    pub value: Option<Value>,
    /// Of an event: whether it ends a bounce; `None`: it does.
    pub interactive: Option<bool>,
}

/// Reads a beacon's body: the events that are good, and the first thing that is wrong.
pub fn parse(
    body: &[u8],
    received: Millis,
    value_max: usize,
) -> (Vec<BeaconEvent>, Option<String>) {
    let body = body.trim_ascii();
    let elements = match body.first() {
        Some(b'[') => Elements(Some(&body[1..])),
        Some(b'{') => return read_all([body].into_iter(), received, value_max),
        _ => {
            let why = match serde_json::from_slice::<IgnoredAny>(body) {
                Ok(_) => "neither an array of events nor one event".to_owned(),
                Err(error) => format!("not JSON: {error}"),
            };
            return (Vec::new(), Some(why));
        }
    };
    let (events, wrong) = read_all(elements, received, value_max);
    (events, wrong.or_else(|| (!body.ends_with(b"]")).then(|| "the array has no end".to_owned())))
}

fn read_all<'a>(
    elements: impl Iterator<Item = &'a [u8]>,
    received: Millis,
    value_max: usize,
) -> (Vec<BeaconEvent>, Option<String>) {
    let (mut events, mut wrong, mut count) = (Vec::new(), None, 0);
    for (i, element) in elements.enumerate() {
        count = i + 1;
        if count > EVENTS_MAX {
            continue;
        }
        match read(element).and_then(|raw| raw.read(received, value_max)) {
            Ok(event) => events.push(event),
            Err(why) => wrong = wrong.or_else(|| Some(format!("event {i}: {why}"))),
        }
    }
    let too_many = || format!("{count} events, and {EVENTS_MAX} are the most");
    (events, if count > EVENTS_MAX { Some(too_many()) } else { wrong })
}

fn read(element: &[u8]) -> Result<Raw, String> {
    if !element.starts_with(b"{") {
        return Err("not an object".to_owned());
    }
    serde_json::from_slice(element).map_err(|error| match error.is_data() {
        true => error.to_string(),
        false => format!("not JSON: {error}"),
    })
}

/// The elements of a JSON array behind its `[`, as they are written. They are told apart by commas,
/// brackets and quotes alone, so that what is no JSON in one of them, half of a surrogate pair or a
/// byte that is no UTF-8, does not reach the next.
struct Elements<'a>(Option<&'a [u8]>);

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.0.take()?;
        let (mut depth, mut quoted, mut escaped) = (0, false, false);
        let end = rest.iter().position(|byte| {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                _ if quoted => {}
                b',' | b']' if depth == 0 => return true,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = i32::max(depth - 1, 0),
                _ => {}
            }
            false
        });
        let end = end.unwrap_or(rest.len());
        let element = rest[..end].trim_ascii();
        let ends = rest.get(end) != Some(&b',');
        if !ends {
            self.0 = Some(&rest[end + 1..]);
        }
        // Between `[` and `]` nothing is no element.
        (!ends || !element.is_empty()).then_some(element)
    }
}

impl Raw {
    pub fn read(self, received: Millis, value_max: usize) -> Result<BeaconEvent, String> {
        let kind = match self.kind.as_str() {
            "pageview" => Kind::Pageview(match self.nav.as_deref() {
                None | Some("load") => Nav::Load,
                Some("history") => Nav::History,
                Some("bfcache") => Nav::BackForward,
                Some("prerender") => Nav::Prerender,
                Some(other) => return Err(format!("unknown nav {}", quoted(other))),
            }),
            _ => Kind::Script(self.script_event(value_max)?),
        };
        let (path, query) = split(&self.pathname)?;
        Ok(BeaconEvent {
            kind,
            path,
            query: query.map(str::to_owned),
            at: self.timestamp.as_ref().and_then(|t| believable(t, received)).unwrap_or(received),
            view: self.view,
            n: self.n.as_ref().map(number),
            referrer: self.referrer.filter(|r| !r.is_empty()),
            screen: self.screen.as_deref().and_then(screen_class),
        })
    }

    /// What the script tells of a page beside its views.
    fn script_event(&self, value_max: usize) -> Result<model::ScriptEventKind, String> {
        let name = |what: &str| match self.name.as_deref().map(str::trim) {
            Some(name) if !name.is_empty() => Ok(name),
            _ => Err(format!("{what} without a name")),
        };
        let bounded = |name: &str| Arc::from(rollup::clean(name, value_max));
        let link = |what: &str| Ok::<_, String>(bounded(&page_name::plain_url(name(what)?)));
        let value = self.value.as_ref().and_then(Value::as_f64).filter(|v| v.is_finite());
        let screen = || self.screen.as_deref().and_then(screen_class);
        Ok(match self.kind.as_str() {
            "event" => model::ScriptEventKind::Custom {
                name: bounded(name("event")?),
                properties: self.properties(value_max),
                value: value.map(|v| (v * 1_000.0).round().clamp(-VALUE_MAX, VALUE_MAX) as i64),
                interactive: self.interactive.unwrap_or(true),
            },
            "outbound" => model::ScriptEventKind::Outbound { url: link("outbound")? },
            "download" => model::ScriptEventKind::File { url: link("download")? },
            "engagement" => model::ScriptEventKind::Engagement {
                millis: match value {
                    Some(millis) if millis >= 0.0 => millis.min(86_400_000.0) as u32,
                    _ => return Err("engagement without a value in milliseconds".to_owned()),
                },
                scroll: self.prop("scroll").map(|percent| percent.clamp(0.0, 100.0) as u8),
                screen: screen(),
                view: self.view.as_deref().map_or(0, hash),
            },
            "click" => match (screen(), self.prop("x"), self.prop("y")) {
                (Some(screen), Some(x), Some(y)) if x >= 0.0 && y >= 0.0 => {
                    model::ScriptEventKind::Click {
                        screen,
                        column: (x * f64::from(GRID) / 100.0).min(f64::from(GRID - 1)) as u16,
                        row: (y * f64::from(GRID) / 100.0).min(f64::from(GRID_ROWS - 1)) as u16,
                        outline: outline::read(
                            self.props.as_ref().and_then(|p| p.get("boxes")),
                            value_max,
                        )?,
                    }
                }
                _ => return Err("click without screen, x and y".to_owned()),
            },
            "vital" => model::ScriptEventKind::Vital {
                name: {
                    let name = self.name.as_deref().unwrap_or_default();
                    Vital::parse(name).ok_or_else(|| format!("unknown vital {}", quoted(name)))?
                },
                value: match value {
                    Some(value) if value >= 0.0 => value as f32,
                    _ => return Err("vital without a value".to_owned()),
                },
            },
            other => return Err(format!("unknown type {}", quoted(other))),
        })
    }

    fn prop(&self, name: &str) -> Option<f64> {
        self.props.as_ref()?.get(name)?.as_f64().filter(|v| v.is_finite())
    }

    /// An event's properties: texts, numbers and truths; what is nested has no row to go to.
    fn properties(&self, value_max: usize) -> Vec<(Arc<str>, Arc<str>)> {
        let Some(Value::Object(props)) = &self.props else { return Vec::new() };
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(truth) => Some(truth.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        };
        let bounded = |text: &str| Arc::from(rollup::clean(text, value_max));
        props
            .iter()
            .filter_map(|(key, value)| Some((bounded(key), bounded(&text(value)?))))
            .take(PROPERTIES_MAX)
            .collect()
    }
}

/// Path and query of a pathname, which may be a whole URL. A fragment belongs to the path only
/// where it is a route (`#/`, `#!`).
fn split(pathname: &str) -> Result<(String, Option<&str>), String> {
    let path = match pathname.split_once("://") {
        Some(("http" | "https", rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        _ => pathname,
    };
    if !path.starts_with('/') {
        return Err(format!("pathname {} is no path", quoted(pathname)));
    }
    let (path, fragment) = path.split_at(path.find('#').unwrap_or(path.len()));
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path, None),
    };
    let route = fragment.starts_with("#/") || fragment.starts_with("#!");
    Ok((if route { format!("{path}{fragment}") } else { path.to_owned() }, query))
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
        None => hash(&n.to_string()),
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(text.as_bytes());
    hasher.finish()
}

/// The class of a viewport's width, from `WIDTHxHEIGHT` in CSS pixels.
pub(crate) fn screen_class(screen: &str) -> Option<Arc<str>> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: Millis = 1_800_000_000_000;

    fn one(event: Value) -> Result<BeaconEvent, String> {
        let (mut events, wrong) = parse(event.to_string().as_bytes(), NOW, 1024);
        match wrong {
            Some(wrong) => Err(wrong),
            None => Ok(events.remove(0)),
        }
    }

    fn pageview(more: Value) -> Result<BeaconEvent, String> {
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
    fn whatever_is_wrong_stays_in_its_event() {
        let good = br#"{"type":"pageview","pathname":"/a,]}\"[{","title":"\ud83d"}"#;
        for bad in [
            &br#"{"type":"event","pathname":"/","name":"\ud83d"}"#[..],
            b"{\"type\":\"event\",\"pathname\":\"/\",\"name\":\"\xff\"}",
            br#"{"type":}"#,
            br#"{"type":"pageview","pathname":"/"}}"#,
            b"nonsense",
            b"7",
            b"[]",
            b"",
            b"{\"type\":\"pageview\",\"pathname\":\"/\", 0x10}",
        ] {
            let body = [&b" [\n"[..], good, b" , ", bad, b",", good, b"] "].concat();
            let (events, wrong) = parse(&body, NOW, 1024);
            let bad = String::from_utf8_lossy(bad);
            assert_eq!(events.len(), 2, "{bad}");
            assert_eq!(events[1].path, "/a,]}\"[{");
            assert!(wrong.unwrap().starts_with("event 1: "), "{bad}");
        }
        // One that is cut off takes what follows with it, and nothing else.
        let body = [&b"["[..], good, b",{\"type\":\"page,", good].concat();
        let (events, wrong) = parse(&body, NOW, 1024);
        assert!(events.len() == 1 && wrong.unwrap().starts_with("event 1: not JSON"));
        assert_eq!(parse(b" [ ] ", NOW, 1024), (Vec::new(), None));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (body, reason) in [
            ("{", "not JSON"),
            ("", "not JSON"),
            ("[{},", "event 0: missing field"),
            ("[", "the array has no end"),
            ("[] 7", "the array has no end"),
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
            ("/app?a=1#/inbox?b", "/app#/inbox?b", Some("a=1")),
            ("https://example.org/a?b", "/a", Some("b")),
            ("https://example.org", "/", None),
        ] {
            let event = pageview(json!({"pathname": sent})).unwrap();
            assert_eq!((event.path.as_str(), event.query.as_deref()), (page, query), "{sent}");
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
