//! What visitors, operators and programs write: each form that is read is read the same again.

use super::split_byte;
use crate::capture::SiteRules;
use crate::capture::beacon::{self, EVENTS_MAX};
use crate::capture::foreign::{Api, Beacon, Taken};
use crate::config::{Config, Settings};
use crate::import::format::{Format, Line, NAMES};
use crate::import::time::Times;
use crate::model::exclude::Exclude;
use crate::model::site::Site;
use crate::proxy::listen::{head, proxy_header};
use crate::report::{Filter, Query};
use crate::visitor::agent::Agents;
use crate::visitor::{bots, source};
use crate::{host, page_name, text};
use bytes::BytesMut;
use chrono_tz::Tz;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderValue};
use iso_currency::Currency;
use once_cell::sync::Lazy;
use serde::de::IgnoredAny;

const NOW: i64 = 1_800_000_000_000;

pub fn beacons(bytes: &[u8]) {
    const MAX: usize = 64;
    let (events, _) = beacon::parse(bytes, NOW, MAX);
    assert!(events.len() <= EVENTS_MAX);
    let (site, exclude, keep_query) = (Site::default(), Exclude::default(), ["a".to_owned()]);
    let rules =
        SiteRules { site: &site, keep_query: &keep_query, exclude: &exclude, value_length: MAX };
    for event in events {
        assert!(event.path.starts_with('/'), "{}", event.path);
        let page = rules.page(&event.path, event.query.as_deref());
        assert!(page.len() <= MAX, "{page}");
        assert!((event.at - NOW).abs() <= 300_000, "{}", event.at);
    }
}

/// The first byte chooses whose beacon it is.
pub fn trackers(bytes: &[u8]) {
    const APIS: [Api; 4] = [Api::Plausible, Api::Umami, Api::UmamiBatch, Api::GoatCounter];
    let (which, body) = split_byte(bytes);
    let (api, headers) = (APIS[which % APIS.len()], HeaderMap::new());
    let query = str::from_utf8(body).ok().filter(|_| api == Api::GoatCounter);
    let currency = Some(Currency::EUR);
    let beacon = Beacon { query, headers: &headers, body, received: NOW, value_max: 64, currency };
    let messages = api.read(beacon);
    assert!((1..=EVENTS_MAX).contains(&messages.len()));
    let taken = messages.into_iter().map(|message| {
        for event in message.events {
            assert!(event.path.starts_with('/'), "{}", event.path);
            assert!((event.at - NOW).abs() <= 300_000, "{}", event.at);
        }
        let status = if message.wrong.is_some() { 400 } else { 202 };
        let reason = message.wrong.unwrap_or_default();
        Taken { status, reason, dropped: 0, bot: false, address: None }
    });
    let answer = api.answer(&taken.collect::<Vec<_>>());
    if answer.content_type.starts_with("application/json") {
        serde_json::from_slice::<IgnoredAny>(&answer.body).expect("JSON");
    }
    for (name, value) in answer.more {
        HeaderValue::from_str(&value).unwrap_or_else(|e| panic!("{name}: {value}: {e}"));
    }
}

pub fn hosts(bytes: &[u8]) {
    let plain = host::plain_bytes(bytes);
    // Others are compared as they are.
    if url::Host::parse(&plain).is_ok() && !plain.ends_with('.') {
        assert_eq!(host::plain(&plain), plain, "it stays as it is");
    }
    let text = text::lenient(bytes);
    let name = page_name::plain(&text);
    assert_eq!(page_name::plain(&name), name, "it stays as it is");
    page_name::shown(&name);
    page_name::plain_url(&text);
    page_name::kept(&text, &["id".to_owned()]);
}

pub fn referrers(bytes: &[u8]) {
    let text = text::lenient(bytes);
    let (referrer, query) = text.split_once('\n').unwrap_or((&text, ""));
    source::arrival(Some(referrer), Some(query), |host| host == "example.org");
}

pub fn agents(bytes: &[u8]) {
    static AGENTS: Lazy<Agents> = Lazy::new(Agents::new);
    let text = text::lenient(bytes);
    AGENTS.read(&text, None);
    bots::judge(&text);
    bots::subscribers(&text);
}

pub fn proxy_headers(bytes: &[u8]) {
    let mut left = bytes;
    // All there is, is there: it never waits.
    let told = proxy_header::read(&mut left).now_or_never().expect("an answer");
    if let Ok(Some(address)) = told {
        assert!(left.len() < bytes.len(), "{address} out of nothing");
    }
}

pub fn heads(bytes: &[u8]) {
    let Some(end) = head::end(bytes, 0) else { return };
    let mut judged = BytesMut::from(&bytes[..end]);
    if head::judge(&mut judged).is_ok() {
        let line = judged[..].split(|byte| *byte == b'\n').next().unwrap_or_default();
        assert_eq!(line.iter().filter(|byte| **byte == b' ').count(), 2, "three words");
    }
}

pub fn config(bytes: &[u8]) {
    let mut settings = Settings::defaults();
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if settings.toml("fuzz", text).is_ok() {
        let _ = Config::for_run(&settings).map_err(|error| error.to_string());
    }
}

pub fn queries(bytes: &[u8]) {
    static SITE: Lazy<Site> = Lazy::new(|| Site {
        name: "example.org".into(),
        goals: ["Buy = event Buy", "Thanks = page /thanks"].map(|g| g.parse().unwrap()).into(),
        ..Site::default()
    });
    let (form, rest) = split_byte(bytes);
    let Ok(text) = std::str::from_utf8(rest) else { return };
    if form % 2 == 0 {
        let _ = Filter::parse(text).map_err(|error| error.to_string());
    } else if let Ok(body) = serde_json::from_str(text) {
        let _ = Query::read(&body, &SITE, NOW).map_err(|error| error.to_string());
    }
}

/// Lines of a log, in the format that the first byte chooses, or by a pattern, which is the first
/// line.
pub fn logs(bytes: &[u8]) {
    let (form, rest) = split_byte(bytes);
    let (format, rest) = match NAMES.get(form % (NAMES.len() + 1)) {
        Some((name, _)) => (Format::new(name), rest),
        None => {
            let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            (Format::new(&String::from_utf8_lossy(&rest[..end])), &rest[end..])
        }
    };
    let Ok(mut format) = format else { return };
    let mut times = Times::new(Tz::Europe__Berlin);
    for line in rest.split(|byte| *byte == b'\n') {
        if let Line::Request(record) = format.read(line, &mut times) {
            assert!(record.at > 0 && record.status > 0 && !record.address.is_empty());
            let again = format.clone().read(line, &mut Times::new(Tz::Europe__Berlin));
            assert!(matches!(again, Line::Request(again) if again == record));
        }
    }
    let lines: Vec<&[u8]> = rest.split(|byte| *byte == b'\n').take(50).collect();
    let _ = Format::found(&lines, &times);
}
