//! Umami's API: `POST /api/send`, and `/api/batch` with a list of the same.
//!
//! `{"type": "event", "payload": {…}}` with `url` (a path or a URL), `hostname`, `referrer`, and for
//! events of the site's own `name` and `data`, where `data.revenue` and `data.currency` are its
//! worth. `type` may be `identify`, which is taken and kept nowhere, or `performance`, whose
//! measures are web vitals. `ip` and `userAgent` are the visitor's, from a sender with a token.
//!
//! Umami's `screen` is that of the display, and ours the page's: it is left out.

use super::{Answer, Beacon, Said, Taken, Url, any, message, number, text, worth};
use crate::capture::beacon::{EVENTS_MAX, Message};
use serde_json::{Map, Value, json};

/// Umami tells visitors and visits apart by these; we tell nobody who a visitor is.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

const VITALS: [(&str, &str); 4] =
    [("lcp", "LCP"), ("inp", "INP"), ("cls", "CLS"), ("ttfb", "TTFB")];

pub(super) fn read(beacon: Beacon<'_>) -> Message {
    match serde_json::from_slice(beacon.body) {
        Ok(said) => one(&said, beacon),
        Err(error) => message(Err(format!("not JSON: {error}")), beacon),
    }
}

pub(super) fn read_batch(beacon: Beacon<'_>) -> Vec<Message> {
    let wrong = |why: String| vec![message(Err(why), beacon)];
    match serde_json::from_slice(beacon.body) {
        Ok(Value::Array(all)) if all.len() > EVENTS_MAX => {
            wrong(format!("{} events, and {EVENTS_MAX} are the most", all.len()))
        }
        Ok(Value::Array(all)) if all.is_empty() => wrong("no events".to_owned()),
        Ok(Value::Array(all)) => all.iter().map(|said| one(said, beacon)).collect(),
        Ok(_) => wrong("not an array of events".to_owned()),
        Err(error) => wrong(format!("not JSON: {error}")),
    }
}

fn one(said: &Value, beacon: Beacon<'_>) -> Message {
    let Some(payload) = said.get("payload").and_then(Value::as_object) else {
        return message(Err("payload is no object".to_owned()), beacon);
    };
    let kind = said.get("type").and_then(Value::as_str).unwrap_or_default();
    Message {
        host: text(payload, &["hostname"]).or_else(|| {
            let url = text(payload, &["url"])?;
            Some(Url::of(&url).authority.to_owned())
        }),
        address: text(payload, &["ip"]).and_then(|ip| ip.parse().ok()),
        user_agent: text(payload, &["userAgent"]),
        ..message(events(kind, payload, beacon), beacon)
    }
}

fn events(
    kind: &str,
    payload: &Map<String, Value>,
    beacon: Beacon<'_>,
) -> Result<Vec<Said>, String> {
    let url = plain_escapes(&text(payload, &["url"]).unwrap_or_default());
    let url = Url::of(&url);
    let said = |kind: &str| {
        let mut said = Said::of(kind, &url);
        said.raw.pathname = url.with_route();
        said.raw.referrer = text(payload, &["referrer"]).map(|from| plain_escapes(&from));
        said.raw.timestamp = any(payload, &["timestamp"]).and_then(time);
        said
    };
    match kind {
        "event" if any(payload, &["url"]).is_none() && any(payload, &["name"]).is_none() => {
            Err("payload has neither url nor name".to_owned())
        }
        "event" => {
            let name = text(payload, &["name"]);
            let mut event = said(if name.is_some() { "event" } else { "pageview" });
            let mut data = match any(payload, &["data"]) {
                Some(Value::Object(data)) => data.clone(),
                _ => Map::new(),
            };
            if let Some(amount) = data.remove("revenue") {
                event.raw.value =
                    worth(Some(&amount), data.remove("currency").as_ref(), beacon.currency);
            }
            (event.raw.name, event.raw.props) = (name, Some(Value::Object(data)));
            Ok(vec![event])
        }
        "identify" => Ok(Vec::new()),
        "performance" => {
            let measured = |(field, vital): &(&str, &str)| {
                let mut event = said("vital");
                event.raw.value = Some(any(payload, &[field]).and_then(number)?.into());
                event.raw.name = Some((*vital).to_owned());
                Some(event)
            };
            Ok(VITALS.iter().filter_map(measured).collect())
        }
        _ => Err("type is none of event, identify, performance".to_owned()),
    }
}

/// Older scripts escape URLs that are escaped already, which Umami takes back: `%25C3` is `%C3`.
fn plain_escapes(url: &str) -> String {
    let mut plain = String::with_capacity(url.len());
    let mut rest = url;
    while let Some(at) = rest.find("%25") {
        let (before, after) = rest.split_at(at + 3);
        let escape =
            after.as_bytes().get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
        plain.push_str(if escape { &before[..at + 1] } else { before });
        rest = after;
    }
    plain.push_str(rest);
    plain
}

/// Seconds, as our own beacons write a time.
fn time(seconds: &Value) -> Option<Value> {
    let millis = (number(seconds)? * 1_000.0) as i64;
    Some(chrono::DateTime::from_timestamp_millis(millis)?.to_rfc3339().into())
}

pub(super) fn answer(taken: &Taken) -> Answer {
    let body = match taken.status {
        200..300 if taken.bot => json!({ "beep": "boop" }),
        200..300 => json!({ "cache": "", "sessionId": NOBODY, "visitId": NOBODY }),
        _ => error(taken),
    };
    json_answer(if taken.status < 300 { 200 } else { taken.status }, &body)
}

pub(super) fn answer_batch(taken: &[Taken]) -> Answer {
    let failed = |(index, taken): (usize, &Taken)| {
        (taken.status >= 300).then(|| json!({ "index": index, "response": error(taken) }))
    };
    let failed: Vec<Value> = taken.iter().enumerate().filter_map(failed).collect();
    if let [only] = taken
        && only.status >= 300
    {
        return json_answer(only.status, &error(only));
    }
    let (size, errors) = (taken.len(), failed.len());
    let body = json!({
        "size": size, "processed": size - errors, "errors": errors, "details": failed, "cache": "",
    });
    json_answer(200, &body)
}

fn error(taken: &Taken) -> Value {
    let Taken { status, reason, .. } = taken;
    let code = match status {
        403 => "forbidden",
        413 => "payload-too-large",
        429 => "too-many-requests",
        _ => "bad-request",
    };
    json!({ "error": { "message": reason, "code": code, "status": status } })
}

fn json_answer(status: u16, body: &Value) -> Answer {
    let content_type = "application/json";
    Answer { status, content_type, more: Vec::new(), body: body.to_string().into_bytes() }
}
