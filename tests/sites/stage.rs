//! Three sites with three websites behind one program, and a plain list of what visitors did.

use crate::common::headcount::Headcount;
use crate::common::http::{self, Answer, BEACON, CHROME, FIREFOX, NAVIGATION};
use crate::common::redis::RedisServer;
use crate::common::wait_for;
use axum::Router;
use axum::extract::Request;
use axum::response::Html;
use headcount::clock::{Clock, MINUTE};
use headcount::model::site::Site;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tokio::runtime::Runtime;

/// A site as the tests know it.
pub struct Known {
    pub name: &'static str,
    pub host: &'static str,
    pub script: &'static str,
    pub beacons: &'static str,
}

pub const BLOG: Known = Known {
    name: "blog.example",
    host: "www.blog.example",
    script: "/headcount.js",
    beacons: "/api/track",
};
pub const SHOP: Known =
    Known { name: "shop", host: "shop.blog.example", script: "/s.js", beacons: "/s-events" };
pub const DOCS: Known =
    Known { name: "docs", host: "v2.docs.example", script: "/headcount.js", beacons: "/api/track" };
pub const ALL: [Known; 3] = [BLOG, SHOP, DOCS];

/// Visitors, each by address and agent. They are the same on all sites.
pub const VISITORS: [(&str, &str); 3] =
    [("81.2.69.142", FIREFOX), ("81.2.69.142", CHROME), ("2.125.160.216", FIREFOX)];

/// Websites on a runtime of their own.
pub struct Origins {
    pub urls: Vec<String>,
    _runtime: Runtime,
}

impl Origins {
    /// As many as there are names; each answers any request with a page that has its name and the
    /// host that it was asked for.
    pub fn start(names: &[&'static str]) -> Self {
        let runtime = Runtime::new().unwrap();
        let urls = names.iter().copied().map(|name| {
            let page = async move |request: Request| {
                let host = request.headers()["host"].to_str().unwrap();
                Html(format!("<!doctype html><title>{name}</title><p>{name} as {host}"))
            };
            let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let site = Router::new().fallback(page);
            runtime.spawn(async move { axum::serve(listener, site).await });
            url
        });
        Self { urls: urls.collect(), _runtime: runtime }
    }
}

/// The program, or several that share a store, and what visitors did.
pub struct Stage {
    pub nodes: Vec<Headcount>,
    /// By site: visitor and page of each view.
    pub views: BTreeMap<&'static str, Vec<(usize, String)>>,
    pub origins: Origins,
}

impl Stage {
    /// `store`: a Redis server, or else SQLite. With two nodes they count together, and list the
    /// sites in another order.
    pub fn start(store: Option<&RedisServer>, nodes: usize, more: &str) -> Self {
        let origins = Origins::start(&ALL.map(|known| known.name));
        let mut stage = Self { nodes: Vec::new(), views: BTreeMap::new(), origins };
        for node in 0..nodes {
            let mut headcount = Headcount::prepare("http://127.0.0.1:9", &[]);
            headcount.list_sites(&stage.settings(store, nodes > 1, node % 2 == 1, more));
            headcount.start_again();
            stage.nodes.push(headcount);
        }
        stage
    }

    pub fn settings(
        &self,
        store: Option<&RedisServer>,
        shared: bool,
        turned: bool,
        more: &str,
    ) -> String {
        let mut settings =
            format!("flush_interval = '100ms'\ntrusted_proxies = ['127.0.0.1']\n{more}\n");
        if let Some(redis) = store {
            settings += &format!("store = '{}'\nshared_sessions = {shared}\n", redis.url());
        }
        let zones = zones();
        let mut sites = [
            format!(
                "[[sites]]\nname = '{}'\nhosts = ['blog.example', 'www.blog.example']\n\
                 upstream = '{}'\ntimezone = '{}'\ninject = true\ngoals = ['Read = page /read*']\n",
                BLOG.name, self.origins.urls[0], zones[0],
            ),
            format!(
                "[[sites]]\nname = '{}'\nhosts = ['shop.blog.example']\nupstream = '{}'\n\
                 timezone = '{}'\nkeep_query = ['id']\ngoals = ['Order = event Order']\n\
                 [sites.script]\npath = '{}'\nbeacon_path = '{}'\n",
                SHOP.name, self.origins.urls[1], zones[1], SHOP.script, SHOP.beacons,
            ),
            format!(
                "[[sites]]\nname = '{}'\nhosts = ['*.docs.example', 'docs.example']\n\
                 upstream = '{}'\ntimezone = '{}'\n",
                DOCS.name, self.origins.urls[2], zones[2],
            ),
        ];
        if turned {
            sites.reverse();
        }
        settings + &sites.concat()
    }

    /// A visitor looks at a page; by which node.
    pub fn view_by(&mut self, node: usize, site: &Known, visitor: usize, path: &str) -> Answer {
        let (address, agent) = VISITORS[visitor];
        let mut headers =
            vec![("Host", site.host), ("User-Agent", agent), ("X-Forwarded-For", address)];
        headers.extend(NAVIGATION);
        let answer = http::get(self.nodes[node].site(), path, &headers);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let expected = format!("{} as {}", site.name, site.host);
        assert!(answer.text().contains(&expected), "{}", answer.text());
        self.views.entry(site.name).or_default().push((visitor, path.to_owned()));
        answer
    }

    pub fn view(&mut self, site: &Known, visitor: usize, path: &str) -> Answer {
        self.view_by(0, site, visitor, path)
    }

    /// Sends what a script would; the status.
    pub fn beacon(&self, site: &Known, path: &str, visitor: usize, events: &Value) -> u16 {
        let (address, agent) = VISITORS[visitor];
        let mut headers =
            vec![("Host", site.host), ("User-Agent", agent), ("X-Forwarded-For", address)];
        headers.extend(BEACON);
        let body = events.to_string();
        http::send(self.nodes[0].site(), "POST", path, &headers, body.as_bytes()).status
    }

    pub fn ask(&self, site: &str, question: &str) -> Value {
        let answer =
            self.nodes[0].admin_get(&format!("/api/v1/stats/{question}&period=day&site_id={site}"));
        assert_eq!(answer.status, 200, "{question}: {}", answer.text());
        serde_json::from_slice::<Value>(&answer.body).unwrap()["results"].take()
    }

    pub fn total(&self, site: &str, metric: &str) -> i64 {
        self.ask(site, &format!("aggregate?metrics={metric}"))[metric]["value"].as_i64().unwrap()
    }

    /// Waits until all views are stored, and compares what is told of each site with the list.
    pub fn compare(&self) {
        for Known { name, .. } in &ALL {
            let views = self.views.get(name).map_or(&[][..], Vec::as_slice);
            let count = i64::try_from(views.len()).unwrap();
            wait_for(&format!("{count} views of {name}"), || {
                (self.total(name, "pageviews") >= count).then_some(())
            });
            assert_eq!(self.total(name, "pageviews"), count, "{name}");
            let visitors: BTreeSet<usize> = views.iter().map(|(visitor, _)| *visitor).collect();
            assert_eq!(self.total(name, "visitors"), visitors.len() as i64, "{name}");
            assert_eq!(self.total(name, "visits"), visitors.len() as i64, "{name}");
            let mut expected: BTreeMap<&str, (i64, BTreeSet<usize>)> = BTreeMap::new();
            for (visitor, path) in views {
                let page = expected.entry(path).or_default();
                page.0 += 1;
                page.1.insert(*visitor);
            }
            let expected: BTreeSet<String> = expected
                .into_iter()
                .map(|(page, (views, of))| json!([page, views, of.len()]).to_string())
                .collect();
            let pages = "breakdown?property=event:page&metrics=pageviews,visitors&limit=100";
            let told: BTreeSet<String> = self
                .ask(name, pages)
                .as_array()
                .unwrap()
                .iter()
                .map(|row| json!([row["page"], row["pageviews"], row["visitors"]]).to_string())
                .collect();
            assert_eq!(told, expected, "{name}");
        }
    }
}

/// Three time zones, in none of which a day ends soon.
pub fn zones() -> Vec<&'static str> {
    let now = Clock::system().now();
    let zones = [
        "UTC",
        "Asia/Tokyo",
        "America/New_York",
        "Europe/Berlin",
        "Pacific/Honolulu",
        "Asia/Kolkata",
    ];
    let good = zones.into_iter().filter(|zone| {
        let site = Site { timezone: zone.parse().unwrap(), ..Site::default() };
        let minute = (now - site.day_start(site.day(now))) / MINUTE;
        (30..23 * 60 + 30).contains(&minute)
    });
    good.take(3).collect()
}
