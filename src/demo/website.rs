//! A made-up website: what is on it, who comes and when, and what they do there.
//!
//! It is served as any website is, and knows nothing of the proxy. What it is made of lies in
//! `demo/bakery` and `demo/handbook`; everything that is the same for both is here and beside.

use super::page::{Frame, Page};
use super::people::Crowd;
use super::traffic::Pace;
use crate::model::site::Day;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chrono::{Datelike, NaiveDateTime, Timelike};
use data_encoding::HEXLOWER;
use fastrand::Rng;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, LAST_MODIFIED,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::f64::consts::TAU;
use std::sync::Arc;

/// A website and its visitors.
pub struct Website {
    pub(super) frame: Frame,
    /// All pages, the steps of a single-page section included: each answers on its own, too.
    pub(super) pages: fn() -> Vec<Page>,
    pub(super) not_found: fn() -> Page,
    /// What else there is: path, media type, content.
    pub(super) files: fn() -> Vec<(&'static str, &'static str, Bytes)>,
    pub(super) crowd: Crowd,
    pub(super) rhythm: Rhythm,
    pub(super) pace: Pace,
    /// A file to download, and where a link leads off the website.
    pub(super) download: &'static str,
    pub(super) outbound: &'static str,
    /// A link on every page that leads to none.
    pub(super) broken: &'static str,
    /// A page whose picture is far too large.
    pub(super) slow: &'static str,
    /// Where of a hundred people on a page so many go next: from, to, how many.
    pub(super) leads: &'static [(&'static str, &'static str, u8)],
    pub(super) deeds: &'static [Deed],
}

/// What visitors do that is an event of the website's own.
pub struct Deed {
    pub name: &'static str,
    /// Pages on which it begins, and of a hundred people who look at one how many begin; `None`:
    /// any other page.
    pub on: &'static [(Option<&'static str>, u8)],
    /// Pages that the script shows before, without loading; many stop on the way.
    pub steps: &'static [&'static str],
    pub property: &'static str,
    /// Values of the property, each with what it is worth, in money.
    pub values: &'static [(&'static str, Option<f64>)],
}

impl Deed {
    /// Whether somebody begins with it on a page.
    pub fn begins(&self, page: &str, random: &mut Rng) -> bool {
        let on = self.on.iter().find(|(on, _)| on.is_none_or(|on| on == page));
        on.is_some_and(|(_, chance)| random.u8(..100) < *chance)
    }
}

/// When people come.
pub struct Rhythm {
    /// Visits on a usual day by now.
    pub visits: f64,
    /// The part of them that there was a year ago.
    pub a_year_ago: f64,
    /// How much more goes on at the turn of the year than usually, as a part; in July so much less.
    pub winter: f64,
    /// How much goes on from Monday to Sunday.
    pub week: [f64; 7],
    /// How much goes on from midnight on, by the hour, in the site's time zone.
    pub hours: [u32; 24],
    /// So many days ago everybody read of it.
    pub famous: i64,
    /// So many days ago robots came in crowds, for three days.
    pub robots: Option<i64>,
}

impl Rhythm {
    /// Visits on a day so many days ago, as they are on average.
    pub fn visits_on(&self, day: Day, ago: i64) -> f64 {
        let gone = (ago as f64 / 365.0).min(1.0);
        self.visits
            * (1.0 - (1.0 - self.a_year_ago) * gone)
            * self.week[day.weekday().num_days_from_monday() as usize]
            * (1.0 + self.winter * (TAU * f64::from(day.ordinal()) / 365.0).cos())
    }

    /// Visits in an hour by now, as they are on average.
    pub fn visits_an_hour(&self, now: NaiveDateTime) -> f64 {
        let all: u32 = self.hours.iter().sum();
        let here = self.hours[now.hour() as usize];
        self.visits_on(now.date(), 0) * f64::from(here) / f64::from(all)
    }
}

/// When a website was last worked on, as far as its visitors are told.
const CHANGED: &str = "Mon, 01 Sep 2025 06:30:00 GMT";

impl Website {
    /// The website, to be served.
    pub fn site(&self) -> Router {
        Router::new().fallback(answer).with_state(Arc::new(Content::new(self)))
    }

    /// What it calls itself.
    pub fn name(&self) -> &'static str {
        self.frame.name
    }

    /// Paths of its pages.
    pub fn page_paths(&self) -> Vec<&'static str> {
        (self.pages)().into_iter().map(|page| page.path).collect()
    }

    /// A link that somebody follows from a page, and whether it is where most go from there.
    pub(super) fn next<'l>(
        &self,
        from: &str,
        links: &'l [String],
        random: &mut Rng,
    ) -> Option<(&'l str, bool)> {
        let lead = self.leads.iter().find(|(on, ..)| *on == from);
        if let Some((_, to, chance)) = lead
            && random.u8(..100) < *chance
        {
            return Some((to, true));
        }
        let links: Vec<&String> = links.iter().filter(|link| *link != from).collect();
        random.choice(links).map(|link| (link.as_str(), false))
    }

    /// Serves the website until the task is dropped.
    ///
    /// # Errors
    /// Only if the listener cannot be used.
    pub async fn serve(&self, listener: tokio::net::TcpListener) -> std::io::Result<()> {
        axum::serve(listener, self.site()).await
    }
}

/// Everything there is, made once.
struct Content {
    resources: HashMap<&'static str, Resource>,
    not_found: Bytes,
}

struct Resource {
    content_type: &'static str,
    /// Pages are asked for again each time, which a 304 answers; the rest keeps for an hour.
    cache_control: &'static str,
    attachment: Option<HeaderValue>,
    body: Bytes,
    etag: HeaderValue,
}

impl Content {
    fn new(website: &Website) -> Self {
        let page = |page: Page| {
            let html = Resource::new("text/html; charset=utf-8", page.html(&website.frame));
            (page.path, Resource { cache_control: "no-cache", ..html })
        };
        let file = |(path, kind, body)| {
            let name = format!("attachment; filename={}", website.download.trim_start_matches('/'));
            let attachment = (path == website.download).then(|| HeaderValue::try_from(name).ok());
            (path, Resource { attachment: attachment.flatten(), ..Resource::new(kind, body) })
        };
        let style: Bytes = include_str!("style.css").into();
        let mut resources: HashMap<_, _> = (website.pages)().into_iter().map(page).collect();
        resources.extend((website.files)().into_iter().map(file));
        resources.insert("/style.css", Resource::new("text/css", style));
        Self { resources, not_found: (website.not_found)().html(&website.frame).into() }
    }
}

impl Resource {
    fn new(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let hash = HEXLOWER.encode(&Sha256::digest(&body)[..6]);
        let etag = HeaderValue::try_from(format!("\"{hash}\"")).expect("hexadecimal digits");
        Self { content_type, cache_control: "max-age=3600", attachment: None, body, etag }
    }

    /// Whether the client has it already (RFC 9110 §13.2.2: the ETag decides where one is named).
    fn is_known(&self, request: &HeaderMap) -> bool {
        match request.get(IF_NONE_MATCH).and_then(|list| list.to_str().ok()) {
            Some(list) => {
                let weak = |tag: &str| tag.trim().trim_start_matches("W/") == self.etag;
                list.trim() == "*" || list.split(',').any(weak)
            }
            None => request.get(IF_MODIFIED_SINCE).is_some_and(|since| since == CHANGED),
        }
    }
}

async fn answer(
    State(content): State<Arc<Content>>,
    method: Method,
    uri: Uri,
    request: HeaderMap,
) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET, HEAD")]).into_response();
    }
    let Some(resource) = content.resources.get(uri.path()) else {
        let html = [(CONTENT_TYPE, "text/html; charset=utf-8")];
        return (StatusCode::NOT_FOUND, html, content.not_found.clone()).into_response();
    };
    let mut response = match resource.is_known(&request) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => ([(CONTENT_TYPE, resource.content_type)], resource.body.clone()).into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(ETAG, resource.etag.clone());
    headers.insert(LAST_MODIFIED, HeaderValue::from_static(CHANGED));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(resource.cache_control));
    if let Some(attachment) = &resource.attachment {
        headers.insert(CONTENT_DISPOSITION, attachment.clone());
    }
    response
}
