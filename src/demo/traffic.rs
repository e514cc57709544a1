//! Sample traffic: invented visitors who browse the demo website through the proxy.
//!
//! They speak plain HTTP to one address and to nothing else, whatever host they name; they follow
//! the links they find, and where they have the script, say what it would say. Each of them says in
//! `X-Forwarded-For` who to take them for, which the proxy believes in demo mode only. What they do
//! follows from the seed; when they do it is real time, since that is what the proxy counts by.

use super::arrivals::Arrivals;
use super::outlines;
use super::people::{Machine, Person};
use super::website::{Deed, Website};
use crate::clock::Clock;
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat};
use chrono_tz::Tz;
use fastrand::Rng;
use http::header::{
    ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, ETAG, HOST, IF_NONE_MATCH, ORIGIN, REFERER, USER_AGENT,
};
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Of a hundred visitors so many are machines.
pub(super) const MACHINES: u8 = 15;

/// How often it is looked whether somebody is to come.
const TICK: Duration = Duration::from_secs(1);

/// How fast it all goes where there is no past to be like.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Visitors at once, at the start.
    pub burst: usize,
    /// How long these look at a page, at most.
    pub burst_pause: Duration,
    /// Between later visitors, at most; `None`: nobody comes later.
    pub interval: Option<Duration>,
    /// How long the later ones look at a page, at most.
    pub pause: Duration,
}

/// Where visitors find a website.
#[derive(Debug, Clone)]
pub struct Door {
    /// What they connect to.
    pub address: SocketAddr,
    /// Host and port, as they are typed.
    pub host: String,
    /// Where beacons go.
    pub track: String,
}

/// Sends sample visitors to a website. Ends when nobody comes any more, which by the website's own
/// pace is never. A website that does not answer is forgiven.
pub async fn traffic(website: &'static Website, door: Door, seed: u64, clock: Clock, pace: Pace) {
    let mut rng = Rng::with_seed(seed);
    let world = World::new(website, door, clock);
    let mut visits = JoinSet::new();
    for _ in 0..pace.burst {
        visits.spawn(world.clone().visit(rng.fork(), pace.burst_pause));
    }
    if let Some(interval) = pace.interval {
        loop {
            sleep(interval.mul_f64(rng.f64())).await;
            visits.spawn(world.clone().visit(rng.fork(), pace.pause));
            while visits.try_join_next().is_some() {}
        }
    }
    visits.join_all().await;
}

/// Sends as many sample visitors as the website's past has at this time of day, and some more when
/// somebody begins to watch: `looks` is how often somebody has. Never ends.
pub async fn like_before(
    website: &'static Website,
    door: Door,
    timezone: Tz,
    looks: impl Fn() -> u64,
    clock: Clock,
) {
    let mut rng = Rng::new();
    let mut arrivals = Arrivals::new(&website.rhythm, timezone, rng.fork());
    let world = World::new(website, door, clock);
    let mut visits = JoinSet::new();
    loop {
        sleep(TICK).await;
        for _ in 0..arrivals.due(world.clock.now(), looks()) {
            visits.spawn(world.clone().visit(rng.fork(), website.pace.pause));
        }
        while visits.try_join_next().is_some() {}
    }
}

#[derive(Clone)]
struct World {
    client: Client<HttpConnector, Full<Bytes>>,
    website: &'static Website,
    /// What browsers show before a path.
    base: String,
    door: Door,
    clock: Clock,
}

/// What came back.
struct Answer {
    headers: HeaderMap,
    body: String,
}

impl World {
    fn new(website: &'static Website, door: Door, clock: Clock) -> Self {
        let base = format!("http://{}", door.host);
        tracing::info!("sending sample traffic to {base}: these visitors are made up");
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { client, website, base, door, clock }
    }

    /// One visit, by a person or a machine.
    async fn visit(self, mut rng: Rng, pause: Duration) {
        sleep(pause.mul_f64(rng.f64())).await;
        if rng.u8(..100) < MACHINES {
            self.crawl(self.website.crowd.machine(&mut rng), &mut rng).await;
        } else {
            let person = self.website.crowd.person(&mut rng);
            Visit { world: self, person, rng, pause, etags: HashMap::new() }.browse().await;
        }
    }

    async fn crawl(&self, machine: &Machine, rng: &mut Rng) {
        let address = machine.address(rng).to_string();
        for path in machine.paths {
            let request = self
                .request(path)
                .method(machine.method)
                .header("x-forwarded-for", &address)
                .header(ACCEPT, "*/*");
            let request = match machine.user_agent {
                "" => request,
                agent => request.header(USER_AGENT, agent),
            };
            self.send(request, String::new()).await;
        }
    }

    fn request(&self, target: &str) -> http::request::Builder {
        let Door { address, host, .. } = &self.door;
        Request::builder().uri(format!("http://{address}{target}")).header(HOST, host)
    }

    /// `None`: no answer in time, or none that makes sense.
    async fn send(&self, request: http::request::Builder, body: String) -> Option<Answer> {
        const PATIENCE: Duration = Duration::from_secs(10);
        const LARGEST: usize = 1 << 20;
        let request = request.body(Full::from(body)).ok()?;
        let answer = async {
            let (parts, body) = self.client.request(request).await.ok()?.into_parts();
            let body = Limited::new(body, LARGEST).collect().await.ok()?.to_bytes();
            let body = String::from_utf8_lossy(&body).into_owned();
            Some(Answer { headers: parts.headers, body })
        };
        timeout(PATIENCE, answer).await.ok()?
    }
}

/// A person's visit, under way.
struct Visit {
    world: World,
    person: Person,
    rng: Rng,
    pause: Duration,
    /// The browser's cache: what it would ask with when it comes again.
    etags: HashMap<String, HeaderValue>,
}

/// A page that is shown.
struct Shown {
    /// Path and query.
    target: String,
    view: Option<String>,
    /// Where its links lead, on the site.
    links: Vec<String>,
}

impl Shown {
    fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

impl Visit {
    async fn browse(mut self) {
        let mut referrer = self.person.origin.referrer.map(str::to_owned);
        let mut next = self.person.origin.landing.to_owned();
        let mut before: Option<Shown> = None;
        let mut left = self.rng.usize(..6);
        for number in 0.. {
            let Some(mut page) = self.open(&next, referrer.as_deref(), None).await else { return };
            if number == 0 {
                self.load_assets(&page).await;
            }
            // A page not modified has the links it had.
            if page.links.is_empty()
                && let Some(before) = &before
            {
                page.links.clone_from(&before.links);
            }
            self.look_at(&page).await;
            match self.rng.u8(..100) {
                // Back, from the browser's own store: no request.
                0..10 if before.is_some() => {
                    let back = before.take().unwrap_or(page);
                    self.tell(&back, &[pageview(back.path(), "bfcache", "")]).await;
                    self.look_at(&back).await;
                    page = back;
                }
                10..16 => self.download(&page).await,
                16..19 => {
                    let name = self.world.website.outbound;
                    let left = json!({"type": "outbound", "pathname": page.path(), "name": name});
                    return self.tell(&page, &[left]).await;
                }
                19..29 if self.person.agent.chromium => self.prefetch(&page).await,
                _ => self.do_deed(&page).await,
            }
            let Some((link, is_led)) = self.choose(&page) else { return };
            if !is_led && left == 0 {
                return;
            }
            left -= usize::from(!is_led);
            referrer = Some(format!("{}{}", self.world.base, page.target));
            before = Some(page);
            next = link;
        }
    }

    /// A link to another page; now and then the broken one, since it is there.
    fn choose(&mut self, page: &Shown) -> Option<(String, bool)> {
        let website = self.world.website;
        let (link, is_led) = website.next(page.path(), &page.links, &mut self.rng)?;
        let leaves = link == website.broken && self.rng.bool();
        (!leaves).then(|| (link.to_owned(), is_led))
    }

    /// Navigates; `purpose` names a navigation that nobody may see.
    async fn open(
        &mut self,
        target: &str,
        referrer: Option<&str>,
        purpose: Option<&str>,
    ) -> Option<Shown> {
        let site = match referrer {
            None => "none",
            Some(page) if page.starts_with(&self.world.base) => "same-origin",
            Some(_) => "cross-site",
        };
        let mut request = self
            .request(target)
            .header(ACCEPT, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
            .header("sec-fetch-dest", "document")
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-site", site)
            .header("upgrade-insecure-requests", "1");
        if let Some(referrer) = referrer {
            request = request.header(REFERER, referrer);
        }
        if let Some(purpose) = purpose {
            request = request.header("sec-purpose", purpose);
        } else {
            request = request.header("sec-fetch-user", "?1");
        }
        if let Some(etag) = self.etags.get(target) {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let answer = self.world.send(request, String::new()).await?;
        if let Some(etag) = answer.headers.get(ETAG) {
            self.etags.insert(target.to_owned(), etag.clone());
        }
        let page = Shown {
            target: target.to_owned(),
            view: view_id(&answer.headers),
            links: links(&answer.body),
        };
        if purpose.is_none() {
            self.tell(&page, &[pageview(target, "load", referrer.unwrap_or_default())]).await;
        }
        Some(page)
    }

    async fn load_assets(&self, page: &Shown) {
        for (path, dest) in [("/style.css", "style"), ("/favicon.svg", "image")] {
            let request = self
                .request(path)
                .header(ACCEPT, "*/*")
                .header("sec-fetch-dest", dest)
                .header("sec-fetch-mode", "no-cors")
                .header("sec-fetch-site", "same-origin")
                .header(REFERER, format!("{}{}", self.world.base, page.target));
            self.world.send(request, String::new()).await;
        }
    }

    async fn look_at(&mut self, page: &Shown) {
        let time = self.pause.mul_f64(self.rng.f64());
        sleep(time).await;
        let path = page.path();
        let mut events = vec![json!({
            "type": "engagement", "pathname": path, "value": time.as_millis() as u64,
            "props": {"scroll": self.rng.u8(20..=100)},
        })];
        let (website, viewport) = (self.world.website.frame.name, self.person.viewport);
        let outline = outlines::recorded(website, path, viewport);
        for nth in 0..self.rng.usize(..3) {
            let props = outlines::told_click(outline, nth == 0, &mut self.rng);
            events.push(json!({"type": "click", "pathname": path, "props": props}));
        }
        let slow = if self.person.agent.mobile { 2.0 } else { 1.0 };
        for (name, least, most) in [
            ("TTFB", 30.0, 400.0),
            ("LCP", 300.0, 2_400.0),
            ("INP", 16.0, 180.0),
            ("CLS", 0.0, 0.2),
        ] {
            let value = slow * (least + (most - least) * self.rng.f64().powi(3));
            events.push(json!({"type": "vital", "pathname": path, "name": name, "value": value}));
        }
        self.tell(page, &events).await;
    }

    async fn download(&mut self, page: &Shown) {
        let file = self.world.website.download;
        let event = json!({"type": "download", "pathname": page.path(), "name": file});
        self.tell(page, &[event]).await;
        let request = self
            .request(file)
            .header(ACCEPT, "*/*")
            .header("sec-fetch-dest", "document")
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-site", "same-origin")
            .header(REFERER, format!("{}{}", self.world.base, page.target));
        self.world.send(request, String::new()).await;
    }

    /// Fetches a page ahead, and shows it half of the time.
    async fn prefetch(&mut self, page: &Shown) {
        let Some((link, _)) = self.choose(page) else { return };
        let referrer = format!("{}{}", self.world.base, page.target);
        let ahead = self.open(&link, Some(&referrer), Some("prefetch")).await;
        if let Some(ahead) = ahead.filter(|_| self.rng.bool()) {
            self.tell(&ahead, &[pageview(&ahead.target, "load", &referrer)]).await;
            self.look_at(&ahead).await;
        }
    }

    /// What visitors do besides reading; its steps load no documents.
    async fn do_deed(&mut self, page: &Shown) {
        let begins = |deed: &&Deed| deed.begins(page.path(), &mut self.rng);
        let Some(deed) = self.world.website.deeds.iter().find(begins) else { return };
        let mut path = page.path();
        for step in deed.steps {
            if self.rng.u8(..100) < 35 {
                return;
            }
            self.tell(page, &[pageview(step, "history", "")]).await;
            sleep(self.pause.mul_f64(self.rng.f64() / 2.0)).await;
            path = step;
        }
        let Some((value, worth)) = self.rng.choice(deed.values) else { return };
        let event = json!({
            "type": "event", "pathname": path, "name": deed.name,
            "props": {deed.property: value}, "value": worth,
        });
        self.tell(page, &[event]).await;
    }

    /// Says what the script would, where it runs.
    async fn tell(&mut self, page: &Shown, events: &[Value]) {
        if !self.person.script {
            return;
        }
        let now = DateTime::from_timestamp_millis(self.world.clock.now()).unwrap_or_default();
        let mut events = events.to_vec();
        for event in &mut events {
            event["view"] = page.view.clone().into();
            event["n"] = self.rng.u64(..1 << 53).into();
            event["timestamp"] = now.to_rfc3339_opts(SecondsFormat::Millis, true).into();
            event["screen"] = self.person.viewport.into();
        }
        let request = self
            .request(&self.world.door.track)
            .method(Method::POST)
            .header(CONTENT_TYPE, "text/plain;charset=UTF-8")
            .header(ACCEPT, "*/*")
            .header(ORIGIN, &self.world.base)
            .header(REFERER, format!("{}{}", self.world.base, page.target))
            .header("sec-fetch-dest", "empty")
            .header("sec-fetch-mode", "cors")
            .header("sec-fetch-site", "same-origin");
        self.world.send(request, Value::from(events).to_string()).await;
    }

    /// What every request of this browser says.
    fn request(&self, target: &str) -> http::request::Builder {
        let agent = self.person.agent;
        let request = self.world.request(target);
        let mut request = request
            .header("x-forwarded-for", self.person.address.to_string())
            .header(USER_AGENT, agent.user_agent)
            .header(ACCEPT_LANGUAGE, self.person.language);
        if let Some(mobile) = agent.mobile_hint() {
            request = request.header("sec-ch-ua-mobile", mobile);
        }
        request
    }
}

fn pageview(pathname: &str, nav: &str, referrer: &str) -> Value {
    json!({"type": "pageview", "pathname": pathname, "nav": nav, "referrer": referrer})
}

/// The view id, as a browser hands it to the script.
fn view_id(headers: &HeaderMap) -> Option<String> {
    headers.get_all("server-timing").iter().find_map(|line| {
        let (_, id) = line.to_str().ok()?.split_once("hc;desc=\"")?;
        Some(id.split('"').next()?.to_owned())
    })
}

/// Pages of the site that a page links to.
pub(super) fn links(html: &str) -> Vec<String> {
    html.split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter(|link| link.starts_with('/') && !link.contains('.'))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_id_is_found_beside_others() {
        let mut headers = HeaderMap::new();
        assert_eq!(view_id(&headers), None);
        headers.append("server-timing", HeaderValue::from_static("db;dur=1"));
        headers.append("server-timing", HeaderValue::from_static("hc;desc=\"a.b\", x"));
        assert_eq!(view_id(&headers), Some("a.b".to_owned()));
    }

    #[test]
    fn only_pages_of_the_site_are_followed() {
        let html =
            r##"<a href="/a"> <link href="/style.css"> <a href="https://x/"> <a href="#b">"##;
        assert_eq!(links(html), ["/a"]);
    }
}
