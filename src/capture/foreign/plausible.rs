//! Plausible's events API: `POST /api/event`, as its scripts and its documentation have it.
//!
//! A JSON object, whatever its `Content-Type` (the scripts send `text/plain`): `name` (`n`), `url`
//! (`u`), `domain` (`d`), `referrer` (`r`), `props` (`p`, `meta`, `m`) as an object or as JSON in a
//! text, `revenue` (`$`), `interactive` (`i`), `hashMode` (`h`), `screen_width` (`w`), and of
//! `engagement` events `sd`, the depth in percent, and `e`, the milliseconds. The domain may be any: whose site it is,
//! the host says that the beacon comes to.

use super::{Answer, Beacon, Said, Taken, Url, any, message, number, text, worth};
use crate::capture::beacon::Message;
use serde_json::{Map, Value, json};

/// The depth of a page whose height is not known.
const UNKNOWN_DEPTH: f64 = 255.0;

/// What is wrong, behind the field that it is wrong with: Plausible's errors have it so.
const NO_JSON: &str = "request: Unable to parse request body as json";

pub(super) fn read(beacon: Beacon<'_>) -> Message {
    let said = match serde_json::from_slice(beacon.body) {
        Ok(Value::Object(said)) => said,
        _ => return message(Err(NO_JSON.to_owned()), beacon),
    };
    let host = text(&said, &["u", "url"]).map(|url| Url::of(&url).authority.to_owned());
    Message { host, ..message(event(&said, beacon).map(|event| vec![event]), beacon) }
}

fn event(said: &Map<String, Value>, beacon: Beacon<'_>) -> Result<Said, String> {
    let name = text(said, &["n", "name"]).ok_or("event_name: can't be blank")?;
    let url = match any(said, &["u", "url"]) {
        None => return Err("url: is required".to_owned()),
        Some(Value::String(url)) if url.starts_with("data:") => {
            return Err("url: scheme is not allowed".to_owned());
        }
        Some(Value::String(url)) => Url::of(url),
        Some(_) => return Err("url: must be a string".to_owned()),
    };
    let blank = match any(said, &["d", "domain"]) {
        Some(domain) => domain.as_str().is_none_or(|domain| domain.trim().is_empty()),
        None => url.authority.is_empty(),
    };
    if blank {
        return Err("domain: can't be blank".to_owned());
    }
    let props = properties(said);
    let mut event = match (name.as_str(), props.get("url").and_then(Value::as_str)) {
        ("pageview", _) => Said::of("pageview", &url),
        ("engagement", _) => {
            let mut event = Said::of("engagement", &url);
            event.raw.value =
                Some(any(said, &["e"]).and_then(number).unwrap_or(0.0).max(0.0).into());
            let depth = any(said, &["sd"]).and_then(number).filter(|depth| *depth < UNKNOWN_DEPTH);
            event.raw.props = depth.map(|depth| json!({ "scroll": depth }));
            event
        }
        ("Outbound Link: Click", Some(link)) => linked("outbound", link, &url),
        ("File Download", Some(link)) => linked("download", link, &url),
        _ => {
            let mut event = Said::of("event", &url);
            event.raw.interactive = any(said, &["i", "interactive"]).and_then(Value::as_bool);
            if let Some(revenue) = any(said, &["$", "revenue"]).and_then(object) {
                let (amount, currency) = (revenue.get("amount"), revenue.get("currency"));
                event.raw.value = worth(amount, currency, beacon.currency);
            }
            (event.raw.name, event.raw.props) = (Some(name), Some(Value::Object(props)));
            event
        }
    };
    let hash = any(said, &["h", "hashMode"]);
    if hash.is_some_and(|on| *on == json!(1) || *on == json!(true)) {
        event.fragment = url.fragment.map(str::to_owned);
    }
    event.raw.referrer = text(said, &["r", "referrer"]);
    let width = any(said, &["w", "screen_width"]).and_then(number);
    event.raw.screen = width.map(|width| format!("{width:.0}x0"));
    Ok(event)
}

fn linked(kind: &str, link: &str, page: &Url<'_>) -> Said {
    let mut event = Said::of(kind, page);
    event.raw.name = Some(page.link(link));
    event
}

/// Properties as they may be written; empty ones are none.
fn properties(said: &Map<String, Value>) -> Map<String, Value> {
    let mut all = any(said, &["m", "meta", "p", "props"]).and_then(object).unwrap_or_default();
    all.retain(|_, value| *value != json!(""));
    all
}

/// An object, or JSON of one.
fn object(value: &Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(object) => Some(object.clone()),
        Value::String(json) => serde_json::from_str(json).ok(),
        _ => None,
    }
}

pub(super) fn answer(taken: &Taken) -> Answer {
    let Taken { status, reason, dropped, address, .. } = taken;
    let mut answer = Answer {
        status: *status,
        content_type: "text/plain; charset=utf-8",
        more: Vec::new(),
        body: reason.clone().into_bytes(),
    };
    if *dropped > 0 || *status == 400 {
        answer.more.push(("x-plausible-dropped", (*dropped).max(1).to_string()));
    }
    if let (202, Some(address)) = (status, address) {
        (answer.status, answer.body) = (200, address.to_string().into_bytes());
    }
    if *status == 400 {
        let (field, why) = reason.split_once(": ").unwrap_or(("request", reason));
        answer.content_type = "application/json; charset=utf-8";
        answer.body = json!({ "errors": { field: [why] } }).to_string().into_bytes();
    }
    answer
}
