//! Visitors: thousands of addresses, some 200 browsers, the headers that browsers send.
//!
//! One thread writes a request on each of its connections and then reads the answers, so that a
//! proxy always has work and is never waited for.

use super::meter::Child;
use super::website::BODY;
use super::wire::{Answer, Connections, HOST, Wire};
use anyhow::{Context, ensure};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

const VISITORS: usize = 20_000;
const PAGES: usize = 500;
/// Requests made beforehand and sent again and again, but for beacons.
const POOL: usize = 30_000;
/// More newcomers than a case can ask for a page, so that nobody comes twice.
const NEWCOMERS: usize = 400_000;

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Page,
    /// A page, to somebody who has never been there.
    Newcomer,
    NotModified,
    Asset,
    Bot,
    /// A beacon for a page fetched just before.
    Beacon,
}

struct Visitor {
    address: String,
    agent: String,
    language: &'static str,
}

/// All visitors, and their connections to each server.
pub struct Crowd {
    kind: Kind,
    wire: Wire,
    /// The certificate to trust.
    chain: PathBuf,
    random: fastrand::Rng,
    visitors: Vec<Visitor>,
    pool: Vec<Vec<u8>>,
    next: usize,
    connections: HashMap<u16, Connections>,
}

impl Crowd {
    pub fn new(kind: Kind, wire: Wire, chain: PathBuf) -> Self {
        let mut random = fastrand::Rng::with_seed(42);
        let agents = match kind {
            Kind::Bot => bots(),
            _ => browsers(),
        };
        let languages = ["en-US,en;q=0.9", "de-DE,de;q=0.9,en;q=0.8", "fr", "ja,en;q=0.7"];
        let (visitors, pool) = match kind {
            Kind::Newcomer => (NEWCOMERS, NEWCOMERS),
            _ => (VISITORS, POOL),
        };
        let visitors = (0..visitors).map(|_| Visitor {
            address: address(&mut random),
            agent: agents[random.usize(..agents.len())].clone(),
            language: languages[random.usize(..languages.len())],
        });
        let visitors = visitors.collect();
        let (pool_of, connections) = (pool, HashMap::new());
        let pool = Vec::new();
        let mut crowd = Self { kind, wire, chain, random, visitors, pool, next: 0, connections };
        if kind != Kind::Beacon {
            for i in 0..pool_of {
                let visitor = match kind {
                    Kind::Newcomer => i,
                    _ => crowd.random.usize(..VISITORS),
                };
                let page = crowd.page();
                let request = crowd.get(visitor, &page, kind);
                crowd.pool.push(request);
            }
        }
        crowd
    }

    /// What has to happen before a turn: beacons need pages to be about.
    pub fn prepare(&mut self, child: &Child, requests: usize) -> anyhow::Result<()> {
        if self.kind != Kind::Beacon {
            return Ok(());
        }
        let views: Vec<(usize, String)> =
            (0..requests).map(|_| (self.random.usize(..VISITORS), self.page())).collect();
        let gets: Vec<Vec<u8>> = views.iter().map(|(v, p)| self.get(*v, p, Kind::Page)).collect();
        let mut ids = Vec::with_capacity(requests);
        self.connected(child)?.exchange(gets.iter(), |answer| {
            ids.push(view(&answer)?);
            Ok(())
        })?;
        self.next = 0;
        let numbers: Vec<u64> = ids.iter().map(|_| self.random.u64(..1 << 53)).collect();
        let beacon = |((visitor, page), (id, n)): (&(usize, String), (&String, u64))| {
            self.beacon(*visitor, page, id, n)
        };
        self.pool = views.iter().zip(ids.iter().zip(numbers)).map(beacon).collect();
        std::thread::sleep(crate::SETTLE);
        Ok(())
    }

    /// One turn.
    pub fn visit(&mut self, child: &Child, requests: usize) -> anyhow::Result<()> {
        let (expected, length) = match self.kind {
            Kind::NotModified => (304, 0),
            Kind::Beacon => (202, 0),
            Kind::Page | Kind::Newcomer | Kind::Asset | Kind::Bot => (200, BODY),
        };
        let from = self.next;
        self.next = (from + requests) % self.pool.len();
        self.connected(child)?;
        let connections = self.connections.get_mut(&child.port(self.wire));
        let some = self.pool.iter().cycle().skip(from).take(requests);
        connections.context("no connections")?.exchange(some, |answer| {
            ensure!(
                answer.status == expected && answer.body >= length,
                "answered {} with {} bytes:\n{}",
                answer.status,
                answer.body,
                answer.head
            );
            Ok(())
        })
    }

    fn connected(&mut self, child: &Child) -> anyhow::Result<&mut Connections> {
        let port = child.port(self.wire);
        Ok(match self.connections.entry(port) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(none) => none.insert(Connections::open(self.wire, port, &self.chain)?),
        })
    }

    /// Some pages are asked for more often than others.
    fn page(&mut self) -> String {
        let skewed = self.random.f64() * self.random.f64() * PAGES as f64;
        format!("/articles/{}/what-happened-next", skewed as usize)
    }

    fn get(&mut self, visitor: usize, page: &str, kind: Kind) -> Vec<u8> {
        let referrer = match self.random.usize(..10) {
            0..6 => format!("referer: https://www.example.org{}\r\n", self.page()),
            6 | 7 => "referer: https://www.google.com/\r\n".to_owned(),
            _ => String::new(),
        };
        let Visitor { address, agent, language } = &self.visitors[visitor];
        let (path, accept, fetch, extra) = match kind {
            Kind::Asset => ("/style.css", "text/css,*/*;q=0.1", ("style", "no-cors"), ""),
            Kind::NotModified => (page, DOCUMENT, NAVIGATE, "if-none-match: \"695cdd80-2800\"\r\n"),
            _ => (page, DOCUMENT, NAVIGATE, "upgrade-insecure-requests: 1\r\n"),
        };
        let browser = match kind {
            Kind::Bot => "from: crawler(at)example.com\r\n".to_owned(),
            _ => format!(
                "sec-ch-ua: \"Chromium\";v=\"140\", \"Not=A?Brand\";v=\"24\"\r\n\
                 sec-ch-ua-mobile: ?{}\r\nsec-ch-ua-platform: \"Windows\"\r\n\
                 sec-fetch-site: same-origin\r\nsec-fetch-mode: {}\r\nsec-fetch-dest: {}\r\n\
                 accept-language: {language}\r\ncookie: theme=dark; consent=1\r\n{extra}",
                u8::from(agent.contains("Mobile")),
                fetch.1,
                fetch.0,
            ),
        };
        format!(
            "GET {path} HTTP/1.1\r\nhost: {HOST}\r\nuser-agent: {agent}\r\n\
             accept: {accept}\r\naccept-encoding: gzip, deflate, br, zstd\r\n{browser}{referrer}\
             x-forwarded-for: {address}\r\n\r\n"
        )
        .into_bytes()
    }

    fn beacon(&self, visitor: usize, page: &str, id: &str, n: u64) -> Vec<u8> {
        let Visitor { address, agent, language } = &self.visitors[visitor];
        let body = format!(
            "[{{\"nav\":\"load\",\"referrer\":\"https://www.google.com/\",\"title\":\"A page\",\
             \"type\":\"pageview\",\"pathname\":\"{page}\",\
             \"timestamp\":\"2026-01-06T10:00:00.000Z\",\"view\":\"{id}\",\"n\":{n},\
             \"screen\":\"1280x720\"}}]"
        );
        format!(
            "POST /api/track HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: {}\r\n\
             user-agent: {agent}\r\naccept: */*\r\ncontent-type: application/json\r\n\
             origin: https://www.example.org\r\nsec-fetch-site: same-origin\r\n\
             sec-fetch-mode: cors\r\nsec-fetch-dest: empty\r\n\
             sec-ch-ua-mobile: ?{}\r\naccept-encoding: gzip, deflate, br, zstd\r\n\
             referer: https://www.example.org{page}\r\naccept-language: {language}\r\n\
             x-forwarded-for: {address}\r\n\r\n{body}",
            body.len(),
            u8::from(agent.contains("Mobile")),
        )
        .into_bytes()
    }
}

/// The page's view id.
fn view(answer: &Answer) -> anyhow::Result<String> {
    let (_, id) = answer.head.split_once("hc;desc=\"").context("a page without a view id")?;
    Ok(id.split('"').next().unwrap_or_default().to_owned())
}

const DOCUMENT: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,\
                        image/webp,*/*;q=0.8";
/// `Sec-Fetch-Dest` and `-Mode`.
const NAVIGATE: (&str, &str) = ("document", "navigate");

fn address(random: &mut fastrand::Rng) -> String {
    match random.usize(..10) {
        0..3 => {
            let network = 0x2a00_0000_0000_0000 | random.u64(..1 << 56);
            let address = u128::from(network) << 64 | u128::from(random.u64(..));
            Ipv6Addr::from_bits(address).to_string()
        }
        _ => Ipv4Addr::new(random.u8(1..224), random.u8(..), random.u8(..), random.u8(..))
            .to_string(),
    }
}

fn browsers() -> Vec<String> {
    let systems = [
        "Windows NT 10.0; Win64; x64",
        "Macintosh; Intel Mac OS X 10_15_7",
        "X11; Linux x86_64",
        "Linux; Android 10; K",
    ];
    let mut agents = Vec::new();
    for version in 121..145 {
        for (i, system) in systems.iter().enumerate() {
            let mobile = if i == 3 { " Mobile" } else { "" };
            agents.push(format!(
                "Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/{version}.0.0.0{mobile} Safari/537.36"
            ));
        }
        agents.push(format!(
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
             Chrome/{version}.0.0.0 Safari/537.36 Edg/{version}.0.0.0"
        ));
        for system in ["Windows NT 10.0; Win64; x64", "X11; Linux x86_64", "Android 15; Mobile"] {
            agents.push(format!(
                "Mozilla/5.0 ({system}; rv:{version}.0) Gecko/20100101 Firefox/{version}.0"
            ));
        }
    }
    for minor in 0..8 {
        agents.push(format!(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_{minor} like Mac OS X) AppleWebKit/605.1.15 \
             (KHTML, like Gecko) Version/18.{minor} Mobile/15E148 Safari/604.1"
        ));
    }
    agents
}

fn bots() -> Vec<String> {
    [
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Googlebot/2.1; \
         +http://www.google.com/bot.html) Chrome/140.0.0.0 Safari/537.36",
        "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko); compatible; GPTBot/1.2; \
         +https://openai.com/gptbot",
        "curl/8.14.1",
        "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    ]
    .map(str::to_owned)
    .to_vec()
}
