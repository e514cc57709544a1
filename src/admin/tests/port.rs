//! A running admin port to test: real HTTP on a port of its own, counts kept in memory.

use crate::admin::{AdminState, Auth, Live, serve};
use crate::aggregate::Happened;
use crate::budget::Budget;
use crate::clock::{Clock, Millis};
use crate::demo_status::DemoStatus;
use crate::kept::Kept;
use crate::language::Language;
use crate::model::DayCounts;
use crate::model::block::Block;
use crate::model::rollup::{Dimension, Metric as Stored};
use crate::model::row::{EventRow, Flags, Kind, RowVisit, RowsOf};
use crate::model::site::{Day, Month, Site};
use crate::model::{Batch, BotClass, PackedRows, RowList, VisitorHash};
use crate::store::{
    Applied, Backend, Batches, Reads, Result, Secret, SharedValues, StoreError, StoredRows,
};
use crate::telemetry::Telemetry;
use crate::visitor::Places;
use crate::visitor::address::Trusted;
use async_trait::async_trait;
use iso_currency::Currency;
use reqwest::{Client, StatusCode, redirect};
use serde_json::Value as Json;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, oneshot};

/// Counts in memory: the real stores have tests of their own.
#[derive(Default)]
pub(super) struct MemoryStore {
    days: Mutex<HashMap<(String, Day), DayCounts>>,
    /// Rows of people.
    rows: Mutex<HashMap<(String, Day), Vec<PackedRows>>>,
    /// Rows of all others.
    others: Mutex<HashMap<(String, Day), Vec<PackedRows>>>,
    /// Months whose days are gone.
    months: Mutex<HashMap<(String, Month), DayCounts>>,
    secrets: Mutex<HashMap<Secret, Vec<u8>>>,
    pub down: AtomicBool,
    commands: AtomicU64,
    pub days_read: AtomicU64,
    pub blocks_read: AtomicU64,
    pub versions_asked: AtomicU64,
}

impl MemoryStore {
    pub(super) fn add(&self, site: &str, day: Day, fields: &[(Dimension, &str, Stored, i64)]) {
        let mut days = self.days.lock().unwrap();
        let counts = days.entry((site.to_owned(), day)).or_default();
        counts.version += 1;
        for (dimension, value, metric, n) in fields {
            counts.add(*dimension, value, *metric, *n);
        }
    }

    /// Puts one block in the place of a day's blocks.
    pub(super) fn merge_rows(&self, site: &str, day: Day) {
        let mut held = self.rows.lock().unwrap();
        let blocks = held.get_mut(&(site.to_owned(), day)).unwrap();
        let merged = Block::merge(blocks.iter().map(|packed| packed.block().unwrap()));
        *blocks = vec![PackedRows::from(&merged)];
    }

    /// Views of one page each, by visitors of their own, and what roll-ups count of them in all.
    pub(super) fn view(&self, site: &str, day: Day, views: &[(&str, &[(Dimension, &str)])]) {
        let mut rows = RowList::default();
        for (nth, (page, traits)) in views.iter().enumerate() {
            let of = Arc::new(RowVisit {
                visitor: Some(VisitorHash::from_stored([nth as u8; 8])),
                visit: nth as u64 + 1,
                entry: (*page).into(),
                traits: traits.iter().copied().collect(),
            });
            let at = NOW - (today() - day).num_milliseconds() - 60_000 * nth as Millis;
            let mut row = EventRow::new(at, Kind::View, of, (*page).into());
            (row.flags, row.view) = (Flags::SERVER.with(Flags::BEGINS), 1);
            rows.push(&row);
        }
        let n = views.len() as i64;
        self.add(site, day, &[(Dimension::Total, "", Stored::Server, n)]);
        let mut held = self.rows.lock().unwrap();
        held.entry((site.to_owned(), day)).or_default().extend(rows.into_packed());
    }

    /// A visit of a visitor of its own, by its number, with what it did, as event rows: pages that it
    /// viewed and events; and what roll-ups count of these in all.
    pub(super) fn visit(&self, site: &str, day: Day, nth: u8, did: &[(Kind, &str)]) {
        let of = Arc::new(RowVisit {
            visitor: Some(VisitorHash::from_stored([nth; 8])),
            visit: u64::from(nth),
            entry: did[0].1.into(),
            ..RowVisit::default()
        });
        let mut rows = RowList::default();
        for (step, (kind, what)) in did.iter().enumerate() {
            let at = NOW - (today() - day).num_milliseconds() - 3_600_000 + 1_000 * step as Millis;
            let mut row = EventRow::new(at, *kind, of.clone(), (*what).into());
            match kind {
                Kind::View => {
                    row.flags =
                        if step == 0 { Flags::SERVER.with(Flags::BEGINS) } else { Flags::SERVER };
                    row.view = step as u32 + 1;
                    self.add(site, day, &[(Dimension::Total, "", Stored::Server, 1)]);
                }
                _ => {
                    (row.page, row.name) = (did[0].1.into(), (*what).into());
                    self.add(site, day, &[(Dimension::Total, "", Stored::Events, 1)]);
                }
            }
            rows.push(&row);
        }
        let mut held = self.rows.lock().unwrap();
        held.entry((site.to_owned(), day)).or_default().extend(rows.into_packed());
    }

    /// Requests of robots, as event rows: name, class, page, and what else is to be said of each.
    pub(super) fn fetch(&self, site: &str, day: Day, requests: &[(&str, BotClass, &str, Flags)]) {
        let mut rows = RowList::default();
        for (name, class, page, flags) in requests {
            let of = Arc::new(RowVisit::default());
            let at = NOW - (today() - day).num_milliseconds();
            let mut row = EventRow::new(at, Kind::Bot, of, (*page).into());
            (row.name, row.detail) = ((*name).into(), class.as_str().into());
            row.flags = flags.with(Flags::ANSWERED);
            rows.push(&row);
        }
        let mut held = self.others.lock().unwrap();
        held.entry((site.to_owned(), day)).or_default().extend(rows.into_packed());
    }

    /// Lets the days of a month go.
    pub(super) fn freeze(&self, site: &str, month: Month) {
        let mut days = self.days.lock().unwrap();
        let days = month
            .days()
            .filter_map(|day| Some((day, Arc::new(days.remove(&(site.to_owned(), day))?))));
        let mut counts = crate::upkeep::tail::month(days);
        counts.version = 1;
        self.months.lock().unwrap().insert((site.to_owned(), month), counts);
    }

    fn answers(&self) -> Result<()> {
        self.commands.fetch_add(1, Ordering::Relaxed);
        if self.down.load(Ordering::Relaxed) {
            let store = self.name().to_owned();
            return Err(StoreError::Unreachable { store, reason: "it is down".into() });
        }
        Ok(())
    }
}

#[async_trait]
impl Backend for MemoryStore {
    fn name(&self) -> &str {
        "memory:"
    }

    fn commands(&self) -> &AtomicU64 {
        &self.commands
    }

    async fn ping(&self) -> Result<()> {
        self.answers()
    }
}

#[async_trait]
impl Batches for MemoryStore {
    async fn apply(&self, _: &Batch) -> Result<Applied> {
        unreachable!("the admin port applies nothing")
    }

    async fn marker(&self, _: &str, _: Day, _: &str) -> Result<u64> {
        unimplemented!("the admin port only reads")
    }
}

#[async_trait]
impl Reads for MemoryStore {
    async fn versions(&self, site: &str, days: &[Day]) -> Result<Vec<u64>> {
        self.answers()?;
        self.versions_asked.fetch_add(days.len() as u64, Ordering::Relaxed);
        let held = self.days.lock().unwrap();
        let version = |day: &Day| held.get(&(site.to_owned(), *day)).map_or(0, |c| c.version);
        Ok(days.iter().map(version).collect())
    }

    async fn days(&self, site: &str, days: &[Day]) -> Result<Vec<DayCounts>> {
        self.answers()?;
        self.days_read.fetch_add(days.len() as u64, Ordering::Relaxed);
        let held = self.days.lock().unwrap();
        let counts = |day: &Day| held.get(&(site.to_owned(), *day)).cloned().unwrap_or_default();
        Ok(days.iter().map(counts).collect())
    }

    async fn frozen(&self, site: &str, months: &[Month]) -> Result<Vec<u64>> {
        self.answers()?;
        let held = self.months.lock().unwrap();
        let version = |m: &Month| held.get(&(site.to_owned(), *m)).map_or(0, |c| c.version);
        Ok(months.iter().map(version).collect())
    }

    async fn months(&self, site: &str, months: &[Month]) -> Result<Vec<DayCounts>> {
        self.answers()?;
        let held = self.months.lock().unwrap();
        let counts = |m: &Month| held.get(&(site.to_owned(), *m)).cloned().unwrap_or_default();
        Ok(months.iter().map(counts).collect())
    }

    async fn uniques(&self, _: &str, _: Day) -> Result<(u64, u64)> {
        unreachable!("the admin port reads roll-ups")
    }

    async fn rows_after(
        &self,
        site: &str,
        day: Day,
        of: RowsOf,
        known: usize,
    ) -> Result<StoredRows> {
        self.answers()?;
        let held = match of {
            RowsOf::People => self.rows.lock().unwrap(),
            RowsOf::Others => self.others.lock().unwrap(),
        };
        let blocks = held.get(&(site.to_owned(), day));
        let blocks: Vec<_> = blocks.into_iter().flatten().skip(known).cloned().collect();
        self.blocks_read.fetch_add(blocks.len() as u64, Ordering::Relaxed);
        Ok(StoredRows { blocks, foreign: 0 })
    }
}

#[async_trait]
impl SharedValues for MemoryStore {
    async fn secret(&self, which: &Secret) -> Result<Option<Vec<u8>>> {
        self.answers()?;
        Ok(self.secrets.lock().unwrap().get(which).cloned())
    }

    async fn put_secret(
        &self,
        which: &Secret,
        expected: Option<&[u8]>,
        new: &[u8],
        _: Millis,
    ) -> Result<Vec<u8>> {
        self.answers()?;
        let mut secrets = self.secrets.lock().unwrap();
        if secrets.get(which).map(Vec::as_slice) == expected {
            secrets.insert(which.clone(), new.to_vec());
        }
        Ok(secrets.get(which).cloned().unwrap_or_default())
    }
}

pub(super) struct Here {
    pub visitors: AtomicU64,
    pub happened: broadcast::Sender<Arc<Happened>>,
}

impl Live for Here {
    fn current_visitors(&self, _: usize) -> u64 {
        self.visitors.load(Ordering::Relaxed)
    }

    fn subscribe(&self) -> broadcast::Receiver<Arc<Happened>> {
        self.happened.subscribe()
    }
}

/// A running admin port.
pub(super) struct Port {
    pub address: SocketAddr,
    pub store: Arc<MemoryStore>,
    pub telemetry: Arc<Telemetry>,
    pub live: Arc<Here>,
    pub clock: Clock,
    pub budget: Option<Arc<Budget>>,
    pub demo: DemoStatus,
    pub client: Client,
    pub stop: oneshot::Sender<()>,
    pub served: tokio::task::JoinHandle<std::io::Result<()>>,
}

/// Goals of every site.
const GOALS: [&str; 3] =
    ["Signup = event Signup", "Pricing = page /pricing", "Tried = event Trial"];

const FUNNEL: &str = "Checkout = page /cart > page /checkout > event Purchase";

/// A website whose scripts may ask the API.
pub(super) const FRIEND: &str = "https://friend.example";

/// 2026-11-24, 15:30 in Berlin.
pub(super) const NOW: Millis = 1_795_530_600_000;

pub(super) fn today() -> Day {
    "2026-11-24".parse().unwrap()
}

fn site(name: &&str) -> Site {
    Site {
        name: (*name).into(),
        hosts: Vec::new(),
        timezone: chrono_tz::Europe::Berlin,
        goals: GOALS.map(|goal| goal.parse().unwrap()).into(),
        funnels: vec![FUNNEL.parse().unwrap()],
        ..Site::default()
    }
}

impl Port {
    pub(super) async fn open(auth: Auth, sites: &[&str]) -> Self {
        Self::within(auth, sites, None).await
    }

    /// With places from a file.
    pub(super) async fn with_places(file: &str) -> Self {
        let places = Places::open(&[file.into()]).unwrap();
        Self::with(Auth::new(None, &[]).unwrap(), vec![site(&"example.org")], None, places).await
    }

    /// Of a site that sells in a currency.
    pub(super) async fn selling(currency: Currency) -> Self {
        let site = Site { currency: Some(currency), ..site(&"example.org") };
        let places = Places::open(&[]).unwrap();
        Self::with(Auth::new(None, &[]).unwrap(), vec![site], None, places).await
    }

    /// With so many store commands for a month.
    pub(super) async fn within(auth: Auth, sites: &[&str], monthly: Option<u64>) -> Self {
        let sites = sites.iter().map(site).collect();
        Self::with(auth, sites, monthly, Places::open(&[]).unwrap()).await
    }

    async fn with(auth: Auth, sites: Vec<Site>, monthly: Option<u64>, places: Places) -> Self {
        let store = Arc::new(MemoryStore::default());
        let telemetry = Arc::new(Telemetry::default());
        let live =
            Arc::new(Here { visitors: AtomicU64::new(3), happened: broadcast::channel(8).0 });
        let clock = Clock::fixed(NOW);
        let budget = monthly.map(|monthly| {
            let store = store.clone();
            let spent = move || store.commands().load(Ordering::Relaxed);
            Arc::new(Budget::new(monthly, clock.clone(), spent))
        });
        let demo = DemoStatus::new(sites.len());
        let state = AdminState {
            entrances: Arc::new(vec![Some("http://127.0.0.1:8080/".to_owned()); sites.len()]),
            excluded: Arc::new(vec![Vec::new(); sites.len()]),
            sites: Arc::new(sites),
            kept: Arc::new(Kept::new(store.clone(), budget.as_ref())),
            store: store.clone(),
            telemetry: telemetry.clone(),
            live: live.clone(),
            auth: Arc::new(auth),
            language: Language::English,
            cors_origins: vec![FRIEND.parse().unwrap()],
            trusted: Trusted::from(vec!["127.0.0.2/32".parse().unwrap()]),
            places: Arc::new(places),
            clock: clock.clone(),
            flush_interval: Duration::from_secs(10),
            unread: Duration::from_secs(1),
            demo: Some(demo.clone()),
            budget: budget.clone(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(serve(listener, state, async {
            let _ = stopped.await;
        }));
        let client = Client::builder().redirect(redirect::Policy::none()).build().unwrap();
        Self { address, store, telemetry, live, clock, budget, demo, client, stop, served }
    }

    pub(super) async fn local() -> Self {
        Self::open(Auth::new(None, &[]).unwrap(), &["example.org"]).await
    }

    /// Something happens on a site, by its place.
    pub(super) fn happens(&self, site: usize, json: &'static str) {
        let _ = self.live.happened.send(Happened::new(site, move || json.to_owned()));
    }

    pub(super) fn request(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(format!("http://{}{path}", self.address))
    }

    /// A page in a language.
    pub(super) async fn get_in(&self, say: Language, path: &str) -> (StatusCode, String) {
        let chosen = format!("headcount_language={}", say.as_str());
        let response = self.request(path).header("cookie", chosen).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    pub(super) async fn get(&self, path: &str) -> (StatusCode, String) {
        let response = self.request(path).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    /// Asks a question of v2.
    pub(super) async fn query(&self, question: &Json) -> (u16, Json) {
        let url = format!("http://{}/api/v2/query", self.address);
        let response = self.client.post(url).body(question.to_string()).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    pub(super) async fn json(&self, path: &str) -> (u16, Json) {
        let (status, body) = self.get(path).await;
        (status.as_u16(), serde_json::from_str(&body).unwrap())
    }
}
