//! What happened on a website: a list, from which logs are written, and counted by hand.

use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

pub const SECOND: i64 = 1_000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// 2026-09-07 00:00:00 UTC, a Monday.
pub const MONDAY: i64 = 1_788_739_200_000;

pub const SITE: &str = "docs.example.org";

const BROWSERS: [&str; 4] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.3 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36",
];

const ROBOTS: [&str; 4] = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "curl/8.14.1",
    "",
    "python-requests/2.32.3",
];

/// A request and its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub at: i64,
    pub address: String,
    pub agent: &'static str,
    pub method: &'static str,
    pub target: String,
    pub status: u16,
    pub bytes: u64,
    pub referrer: &'static str,
    /// What it is to a person.
    pub what: What,
    pub robot: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    View,
    Error,
    Download,
    Feed,
    Nothing,
}

/// Sums of a day.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Sums {
    pub views: i64,
    pub visitors: i64,
    pub visits: i64,
    pub bounces: i64,
    pub bytes: i64,
    pub robots: i64,
    pub errors: i64,
    pub downloads: i64,
    pub feeds: i64,
    /// Views by page.
    pub pages: BTreeMap<String, i64>,
}

const ANSWERS: [(What, &str, &str, u16); 24] = [
    (What::View, "GET", "/", 200),
    (What::View, "GET", "/library/os.html", 200),
    (What::View, "GET", "/library/os.html?highlight=a+b%20c", 200),
    (What::View, "GET", "/blog/2026/09/a-long-title", 200),
    (What::View, "GET", "/index.php?id=7", 200),
    (What::View, "GET", "/caf%c3%a9/", 203),
    (What::View, "GET", "/tutorial/", 304),
    (What::View, "GET", "/v1.2", 200),
    (What::Error, "GET", "/missing", 404),
    (What::Error, "GET", "/gone.html", 410),
    (What::Error, "GET", "/broken", 503),
    (What::Download, "GET", "/files/paper.pdf", 200),
    (What::Download, "GET", "/files/all.zip", 200),
    (What::Feed, "GET", "/feed.xml", 200),
    (What::Feed, "GET", "/blog/feed/", 200),
    (What::Nothing, "GET", "/_static/style.css", 200),
    (What::Nothing, "GET", "/_static/app.js?v=3", 200),
    (What::Nothing, "GET", "/logo.png", 304),
    (What::Nothing, "GET", "/logo.png", 404),
    (What::Nothing, "GET", "/moved", 301),
    (What::Nothing, "GET", "/private/", 401),
    (What::Nothing, "HEAD", "/", 200),
    (What::Nothing, "POST", "/form", 200),
    (What::Nothing, "GET", "/files/all.zip", 206),
];

/// What happens over some days, in the order of time.
pub fn happened(seed: u64, days: i64, people: usize) -> Vec<Event> {
    let mut random = Rng::with_seed(seed);
    let mut all = Vec::new();
    for day in 0..days {
        for _ in 0..people {
            let mut at = MONDAY + day * DAY + random.i64(0..DAY);
            let robot = random.u8(..5) == 0;
            let address = match random.u8(..4) {
                0 => format!("2001:db8:0:{:x}::{:x}", random.u16(..40), 1),
                _ => format!("198.51.100.{}", random.u8(1..60)),
            };
            let agent = random.choice(if robot { ROBOTS } else { BROWSERS }).unwrap();
            let referrer =
                ["-", "https://www.google.com/", "https://docs.example.org/"][random.usize(..3)];
            for _ in 0..random.usize(1..8) {
                let (what, method, target, status) = ANSWERS[random.usize(..ANSWERS.len())];
                all.push(Event {
                    at: at / SECOND * SECOND,
                    address: address.clone(),
                    agent,
                    method,
                    target: target.to_owned(),
                    status,
                    bytes: if status == 304 { 0 } else { random.u64(100..50_000) },
                    referrer,
                    what,
                    robot,
                });
                at += match random.u8(..6) {
                    0 => random.i64(25..90) * MINUTE,
                    _ => random.i64(1..200) * SECOND,
                };
            }
        }
    }
    all.sort_by_key(|event| event.at);
    all
}

/// Counted by hand, by day in UTC. `agents`: the log tells user agents.
pub fn counted(all: &[Event], agents: bool) -> BTreeMap<i64, Sums> {
    let mut days: BTreeMap<i64, Sums> = BTreeMap::new();
    let mut visitors = BTreeSet::new();
    let mut files = BTreeMap::new();
    // By address and agent: the day on which the visit began, its last view, its views.
    let mut visits: BTreeMap<(&str, &str), (i64, i64, i64)> = BTreeMap::new();
    for event in all {
        let day = (event.at - MONDAY).div_euclid(DAY);
        let sums = days.entry(day).or_default();
        if event.robot && agents {
            sums.robots += 1;
            // Feed readers are machines mostly.
            sums.feeds += i64::from(event.what == What::Feed);
            continue;
        }
        let who = (network(&event.address), if agents { event.agent } else { "" });
        match event.what {
            What::View => {}
            What::Error => sums.errors += 1,
            What::Download => {
                // One download, however often a visitor asks without a pause.
                let last = files.insert((who, event.target.as_str()), event.at);
                let begins = last.is_none_or(|last| event.at - last > 30 * MINUTE);
                sums.downloads += i64::from(begins);
            }
            What::Feed => sums.feeds += 1,
            What::Nothing => {}
        }
        if event.what != What::View {
            continue;
        }
        sums.views += 1;
        sums.bytes += event.bytes as i64;
        let page = event.target.split('?').next().unwrap().replace("%c3%a9", "%C3%A9");
        *sums.pages.entry(page).or_default() += 1;
        if visitors.insert((day, who)) {
            sums.visitors += 1;
        }
        match visits.get_mut(&who).filter(|(_, last, _)| event.at - *last <= 30 * MINUTE) {
            Some((begun, last, views)) => {
                (*last, *views) = (event.at, *views + 1);
                if *views == 2 {
                    days.get_mut(begun).unwrap().bounces -= 1;
                }
            }
            None => {
                sums.visits += 1;
                sums.bounces += 1;
                visits.insert(who, (day, event.at, 1));
            }
        }
    }
    days.retain(|_, sums| *sums != Sums::default());
    days
}

/// Of IPv6 a household has a /64: what stands before `::` here.
fn network(address: &str) -> &str {
    address.split("::").next().unwrap()
}

/// How a server writes what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    Combined,
    Main,
    Common,
    Vhost,
    Caddy,
    Traefik,
    TraefikCommon,
    HaProxy,
    CloudFront,
    Alb,
    Iis,
    /// nginx with a format of its own.
    Own,
}

impl Server {
    pub const ALL: [Self; 12] = [
        Self::Combined,
        Self::Main,
        Self::Common,
        Self::Vhost,
        Self::Caddy,
        Self::Traefik,
        Self::TraefikCommon,
        Self::HaProxy,
        Self::CloudFront,
        Self::Alb,
        Self::Iis,
        Self::Own,
    ];

    /// What `--format` must be told.
    pub fn format(self) -> Option<&'static str> {
        match self {
            Self::HaProxy => Some("haproxy:Host|User-Agent|Referer"),
            Self::Own => Some(
                "$msec $http_host \"$request_method $scheme\" $request_uri $status $remote_addr \
                 <$body_bytes_sent> \"$http_referer\" \"$http_user_agent\"",
            ),
            _ => None,
        }
    }

    pub fn tells_agents(self) -> bool {
        self != Self::Common
    }

    /// A log of all of it.
    pub fn log(self, all: &[Event]) -> String {
        let mut log = match self {
            Self::CloudFront => "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip \
                 cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query \
                 cs(Cookie) x-edge-result-type x-edge-request-id x-host-header\n"
                .to_owned(),
            Self::Iis => "#Software: Microsoft Internet Information Services 10.0\n#Fields: date \
                 time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip \
                 cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status sc-bytes\n"
                .to_owned(),
            _ => String::new(),
        };
        for event in all {
            log.push_str(&self.line(event));
            log.push('\n');
        }
        log
    }

    pub fn line(self, event: &Event) -> String {
        let Event { at, address, agent, method, target, status, bytes, referrer, .. } = event;
        let time = chrono::DateTime::from_timestamp_millis(*at).unwrap();
        let clf = time.format("%d/%b/%Y:%H:%M:%S +0000");
        let iso = time.format("%Y-%m-%dT%H:%M:%S");
        let day = time.format("%Y-%m-%d");
        let clock = time.format("%H:%M:%S");
        let told = if agent.is_empty() { "-" } else { agent };
        let (stem, query) = target.split_once('?').unwrap_or((target, "-"));
        let request = format!("{method} {target} HTTP/1.1");
        let common = format!("{address} - - [{clf}] \"{request}\" {status} {bytes}");
        let combined = format!("{common} \"{referrer}\" \"{told}\"");
        match self {
            Self::Combined => combined,
            Self::Main => format!("{combined} \"-\""),
            Self::Common => common,
            Self::Vhost => format!("{SITE}:443 {combined}"),
            Self::TraefikCommon => format!("{combined} 17 \"web@file\" \"http://10.0.0.2:80\" 3ms"),
            Self::Caddy => {
                let mut headers = serde_json::json!({
                    "Accept": ["text/html,*/*;q=0.8"], "Accept-Language": ["de"],
                });
                if !agent.is_empty() {
                    headers["User-Agent"] = serde_json::json!([agent]);
                }
                if *referrer != "-" {
                    headers["Referer"] = serde_json::json!([referrer]);
                }
                let kind = kind_of(stem);
                serde_json::json!({
                    "level": "info", "ts": *at as f64 / 1e3, "logger": "http.log.access",
                    "msg": "handled request",
                    "request": {
                        "remote_ip": "10.0.0.1", "client_ip": address, "proto": "HTTP/2.0",
                        "method": method, "host": SITE, "uri": target, "headers": headers,
                    },
                    "duration": 0.001, "size": bytes, "status": status,
                    "resp_headers": {"Content-Type": [kind], "Server": ["Caddy"]},
                })
                .to_string()
            }
            Self::Traefik => serde_json::json!({
                "ClientHost": address, "RequestHost": SITE, "RequestMethod": method,
                "RequestPath": target, "DownstreamStatus": status, "DownstreamContentSize": bytes,
                "StartUTC": format!("{iso}.000000000Z"), "OriginDuration": 1_200_000,
                "request_User-Agent": told, "request_Referer": referrer,
                "time": format!("{iso}Z"),
            })
            .to_string(),
            Self::HaProxy => {
                let date = time.format("%d/%b/%Y:%H:%M:%S.000");
                let referrer = if *referrer == "-" { "" } else { referrer };
                let client = if address.contains(':') {
                    format!("{address}:4711")
                } else {
                    format!("{address}:80")
                };
                format!(
                    "Sep  7 10:00:00 lb haproxy[14389]: {client} [{date}] web static/srv1 \
                     10/0/30/69/109 {status} {bytes} - - ---- 1/1/1/1/0 0/0 \
                     {{{SITE}|{agent}|{referrer}}} \"{request}\""
                )
            }
            Self::CloudFront => {
                let agent = told.replace(' ', "%20");
                format!(
                    "{day}\t{clock}\tFRA56-P1\t{bytes}\t{address}\t{method}\td1.cloudfront.net\t\
                     {stem}\t{status}\t{referrer}\t{agent}\t{query}\t-\tHit\tabc\t{SITE}"
                )
            }
            Self::Alb => {
                let client = if address.contains(':') {
                    format!("[{address}]:443")
                } else {
                    format!("{address}:443")
                };
                format!(
                    "h2 {iso}.186641Z app/lb/50dc {client} 10.0.0.1:80 0.000 0.001 0.000 {status} \
                     {status} 34 {bytes} \"{method} https://{SITE}:443{target} HTTP/2.0\" \
                     \"{told}\" ECDHE TLSv1.2 arn:aws:x \"Root=1-58\" \"-\" \"-\" 0"
                )
            }
            Self::Iis => {
                let agent = told.replace(' ', "+");
                format!(
                    "{day} {clock} 10.0.0.1 {method} {stem} {query} 443 - {address} {agent} \
                     {referrer} {status} 0 0 {bytes}"
                )
            }
            Self::Own => {
                let mut line = String::new();
                let seconds = *at as f64 / 1e3;
                write!(
                    line,
                    "{seconds:.3} {SITE} \"{method} https\" {target} {status} {address} <{bytes}> \
                     \"{referrer}\" \"{told}\""
                )
                .unwrap();
                line
            }
        }
    }
}

/// The type that such a website sends.
fn kind_of(stem: &str) -> &'static str {
    match stem.rsplit('.').next() {
        Some("css") => "text/css",
        Some("js") => "text/javascript",
        Some("png") => "image/png",
        Some("pdf") => "application/pdf",
        Some("zip") => "application/zip",
        Some("xml") => "application/rss+xml",
        _ if stem.ends_with("/feed/") => "application/rss+xml",
        _ => "text/html; charset=utf-8",
    }
}
