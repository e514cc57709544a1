//! Sends requests at random, from a seed, and tells the book what each of them is by the rules.
//!
//! One request at a time, so that what comes first is known. Every request is printed, so that a
//! failed run shows its ledger.

use super::book::{Book, Evidence, View};
use super::common::http::{self, Answer, BEACON, NAVIGATION};
use super::common::nginx::DOCS;
use super::people::{BROWSERS, Person, people};
use chrono::{DateTime, TimeDelta, Utc};
use headcount::clock::Clock;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Where people come from, and what it is called.
const SENDERS: &[(&str, &str)] = &[
    ("", "Direct / None"),
    ("", "Direct / None"),
    ("http://docs.example.org/index.html", "Direct / None"),
    ("https://www.google.com/", "Google"),
    ("https://chatgpt.com/c/1?q=secret", "ChatGPT"),
    ("https://www.blog.example.net/post?secret", "blog.example.net"),
];

/// Viewports, and their classes.
const SCREENS: &[(&str, Option<&str>)] = &[
    ("390x844", Some("Below 576 px")),
    ("1280x900", Some("992 to 1439 px")),
    ("2560x1440", Some("1440 px and above")),
    ("", None),
];

/// A view id that was handed out.
#[derive(Clone)]
pub struct Ticket {
    pub id: String,
    pub person: usize,
    pub page: String,
    pub for_what: ForWhat,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ForWhat {
    View(usize),
    Prefetch,
    Error,
    Posted,
    /// Never a view: a frame, a fragment, a machine's page.
    Ignored,
}

pub struct Drive {
    pub site: SocketAddr,
    pub book: Book,
    pub rng: fastrand::Rng,
    pub people: Vec<Person>,
    /// How many of them come again.
    regulars: usize,
    /// Pages of the documentation that are gone through at random.
    pub pages: Vec<String>,
    /// Pages that are used once only.
    pub spare: Vec<String>,
    pub fresh: Vec<Ticket>,
    pub used: Vec<Ticket>,
    /// Beacons that were taken, for retries.
    pub sent: Vec<(usize, Value)>,
}

impl Drive {
    pub fn new(site: SocketAddr, seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut all: Vec<String> = ["", "howto", "library", "tutorial"]
            .iter()
            .flat_map(|folder| std::fs::read_dir(format!("{DOCS}/{folder}")).unwrap())
            .map(|entry| entry.unwrap().path().display().to_string())
            .filter(|file| file.ends_with(".html"))
            .map(|file| file.trim_start_matches(DOCS).replace("//", "/"))
            .collect();
        all.sort();
        rng.shuffle(&mut all);
        let spare = all.split_off(25);
        Self {
            site,
            book: Book::default(),
            rng,
            regulars: people().len(),
            people: people(),
            pages: all,
            spare,
            fresh: Vec::new(),
            used: Vec::new(),
            sent: Vec::new(),
        }
    }

    pub fn anyone(&mut self) -> usize {
        self.rng.usize(..self.regulars)
    }

    /// Another visitor than this one.
    pub fn somebody_else(&mut self, than: usize) -> usize {
        loop {
            let other = self.anyone();
            if self.people[other].visitor() != self.people[than].visitor() {
                return other;
            }
        }
    }

    /// Someone who was never here.
    pub fn somebody_new(&mut self) -> usize {
        let address = format!("198.51.100.{}", self.people.len() - self.regulars).leak();
        self.people.push(Person { address, browser: &BROWSERS[0], do_not_track: None });
        self.people.len() - 1
    }

    pub fn any_page(&mut self) -> String {
        let pages = &self.pages;
        self.rng.choice(pages).unwrap().clone()
    }

    pub fn spare_page(&mut self) -> String {
        self.spare.pop().expect("the documentation has enough pages")
    }

    /// Sends a request of a person's with more headers.
    pub fn ask(
        &self,
        person: usize,
        method: &str,
        path: &str,
        more: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut headers: Vec<(&str, &str)> = self.people[person].headers();
        headers.extend(more.iter().filter(|(_, value)| !value.is_empty()));
        let answer = http::send(self.site, method, path, &headers, body);
        let shown = String::from_utf8_lossy(body);
        println!("{person:2} {method} {path} {more:?} {shown} → {}", answer.status);
        answer
    }

    /// What a browser of this person sends to open a page.
    pub fn navigation(&self, person: usize) -> Vec<(&'static str, &'static str)> {
        let modern = self.people[person].browser.modern;
        let fit = |(name, _): &&(&str, &str)| modern || !name.starts_with("Sec-");
        NAVIGATION.iter().filter(fit).copied().collect()
    }

    /// Opens a page that was reached from anywhere.
    pub fn navigate(&mut self, person: usize, path: &str, more: &[(&str, &str)]) -> (Answer, View) {
        let (referrer, source) = *self.rng.choice(SENDERS).unwrap();
        let mut headers: Vec<(&str, &str)> = self.navigation(person);
        headers.push(("Referer", referrer));
        headers.extend(more);
        let answer = self.ask(person, "GET", path, &headers, b"");
        let page = path.split('?').next().unwrap();
        (answer, self.a_view(person, page, source, Evidence::Server))
    }

    /// Opens a page that is there; gives its view's place and id.
    pub fn open(&mut self, person: usize, path: &str) -> Ticket {
        let (answer, view) = self.navigate(person, path, &[]);
        assert_eq!(answer.status, 200, "{path}");
        let view = self.book.view(view);
        self.ticket(&answer, person, path, ForWhat::View(view))
    }

    pub fn ticket(&self, answer: &Answer, person: usize, page: &str, for_what: ForWhat) -> Ticket {
        let id = answer.view_id().unwrap_or_else(|| panic!("{page}: no view id"));
        Ticket { id, person, page: page.split('?').next().unwrap().to_owned(), for_what }
    }

    pub fn a_view(&self, person: usize, page: &str, source: &str, evidence: Evidence) -> View {
        let who = &self.people[person];
        let mut traits = BTreeMap::from([
            ("visit:source", source.to_owned()),
            ("visit:browser", who.browser.name.to_owned()),
            ("visit:os", who.browser.os.to_owned()),
            ("visit:device", who.browser.device.to_owned()),
        ]);
        traits.extend(who.country().map(|country| ("visit:country", country)));
        let (visitor, page) = (who.visitor(), page.to_owned());
        View { visitor, page, traits, evidence, confirmed: false, screen: None }
    }

    /// A pageview's beacon with more fields, and what it says of itself: source and screen.
    pub fn beacon(
        &mut self,
        page: &str,
        more: Value,
    ) -> (Value, &'static str, Option<&'static str>) {
        let (referrer, source) = *self.rng.choice(SENDERS).unwrap();
        let (size, screen) = *self.rng.choice(SCREENS).unwrap();
        let mut event = json!({
            "type": "pageview",
            "pathname": page,
            "timestamp": self.now(0).to_rfc3339(),
            "n": self.rng.u64(..1 << 53),
            "referrer": referrer,
            "screen": size,
            "title": "A page",
            "unknown": {"field": [1, 2]},
        });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        (event, source, screen)
    }

    /// Posts events as one beacon, which must be taken.
    pub fn post(&mut self, person: usize, events: Vec<Value>) {
        let body = match events.as_slice() {
            [one] if self.rng.bool() => one.to_string(),
            all => json!(all).to_string(),
        };
        let answer = self.ask(person, "POST", "/api/track", BEACON, body.as_bytes());
        assert_eq!((answer.status, answer.text().as_str()), (202, "ok"), "{}", answer.text());
        self.sent.extend(events.into_iter().map(|event| (person, event)));
    }

    /// A beacon that is a pageview of its own.
    pub fn show(&mut self, person: usize, page: &str, more: Value, evidence: Evidence) {
        let (event, source, screen) = self.beacon(page, more);
        self.post(person, vec![event]);
        let view = self.a_view(person, page, source, evidence);
        self.book.view(View { screen, ..view });
    }

    /// The beacon of a page that was loaded, with what identifies its view in `more`; it is the
    /// first for this view.
    pub fn load(&mut self, ticket: &Ticket, more: Value) {
        let Ticket { person, page, .. } = ticket;
        let (event, source, screen) = self.beacon(page, more);
        self.post(*person, vec![event]);
        match ticket.for_what {
            ForWhat::View(view) => self.book.confirm(view, screen),
            ForWhat::Prefetch => {
                let view = self.a_view(*person, page, source, Evidence::Server);
                self.book.view(View { confirmed: true, screen, ..view });
                self.book.seen("prefetch:page", page);
            }
            ForWhat::Error => {
                self.book.listed += 1;
                self.book.seen("error:page", page);
            }
            ForWhat::Posted => {
                let view = self.a_view(*person, page, source, Evidence::Browser);
                self.book.view(View { screen, ..view });
            }
            ForWhat::Ignored => {}
        }
    }

    /// The time now, or so many seconds later.
    pub fn now(&self, later: i64) -> DateTime<Utc> {
        let now = DateTime::from_timestamp_millis(Clock::system().now()).unwrap();
        now + TimeDelta::seconds(later)
    }
}
