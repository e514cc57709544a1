//! A store of one's own: `own_store WEBSITE LISTEN`, each an address with a port. Counts are kept in
//! memory, there is no admin port, and at the end each page is printed with its pageviews. Needs
//! no feature: `cargo run --no-default-features --example own_store -- 127.0.0.1:3000 127.0.0.1:8080`.

use async_trait::async_trait;
use headcount::capture::{Analytics, WithAnalytics};
use headcount::clock::{Clock, Millis};
use headcount::model::Batch;
use headcount::model::rollup::{Dimension, Metric};
use headcount::model::site::Day;
use headcount::store::{Applied, Backend, Batches, Result, Secret, SharedValues};
use pingora::prelude::{HttpPeer, ProxyHttp, Server, Session, http_proxy_service};
use pingora::server::RunArgs;
use pingora::server::configuration::ServerConf;
use std::collections::{BTreeMap, HashMap};
use std::env;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Default)]
struct InMemory {
    asked: AtomicU64,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// The last batch of each node that was applied to a site's day.
    markers: HashMap<(String, Day, String), u64>,
    pageviews: BTreeMap<String, i64>,
    /// Salts and the like, until when.
    secrets: HashMap<Secret, (Vec<u8>, Millis)>,
}

impl InMemory {
    /// A database would begin a transaction here.
    fn ask<T>(&self, question: impl FnOnce(&mut Kept) -> T) -> T {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Clock::system().now();
        // What visitors are hashed with must not outlive its day.
        kept.secrets.retain(|_, (_, expires)| *expires > now);
        question(&mut kept)
    }
}

#[async_trait]
impl Backend for InMemory {
    fn name(&self) -> &str {
        "memory"
    }

    fn commands(&self) -> &AtomicU64 {
        &self.asked
    }

    async fn ping(&self) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl Batches for InMemory {
    /// Whole or not at all, and each number once: a batch may come again after a lost answer.
    async fn apply(&self, batch: &Batch) -> Result<Applied> {
        Ok(self.ask(|kept| {
            let key = (batch.site.to_string(), batch.day, batch.node.to_string());
            let have = kept.markers.entry(key).or_default();
            if batch.number <= *have {
                return Applied::Before;
            }
            if batch.number > *have + 1 {
                return Applied::Gap { have: *have };
            }
            *have = batch.number;
            for (field, more) in &batch.fields {
                // Pages that the server saw, and those that only the browser did.
                let counts = matches!(field.metric, Metric::Server | Metric::Browser);
                if field.dimension == Dimension::Page && counts {
                    *kept.pageviews.entry(field.value.to_string()).or_default() += more;
                }
            }
            Applied::Now
        }))
    }

    async fn marker(&self, site: &str, day: Day, node: &str) -> Result<u64> {
        let key = (site.to_owned(), day, node.to_owned());
        Ok(self.ask(|kept| kept.markers.get(&key).copied().unwrap_or_default()))
    }
}

#[async_trait]
impl SharedValues for InMemory {
    async fn secret(&self, which: &Secret) -> Result<Option<Vec<u8>>> {
        Ok(self.ask(|kept| kept.secrets.get(which).map(|(value, _)| value.clone())))
    }

    /// Whoever is first decides; all others take what is there.
    async fn put_secret(
        &self,
        which: &Secret,
        expected: Option<&[u8]>,
        new: &[u8],
        expires: Millis,
    ) -> Result<Vec<u8>> {
        Ok(self.ask(|kept| match kept.secrets.get(which) {
            Some((stored, _)) if expected != Some(stored.as_slice()) => stored.clone(),
            None if expected.is_some() => Vec::new(),
            _ => {
                kept.secrets.insert(which.clone(), (new.to_vec(), expires));
                new.to_vec()
            }
        }))
    }
}

/// A proxy as it was before.
struct MyProxy {
    website: String,
}

#[async_trait]
impl ProxyHttp for MyProxy {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn upstream_peer(&self, _: &mut Session, _: &mut ()) -> pingora::Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(&self.website, false, String::new())))
    }
}

fn main() -> anyhow::Result<()> {
    let mut told = env::args().skip(1);
    let (Some(website), Some(listen)) = (told.next(), told.next()) else {
        anyhow::bail!("usage: own_store WEBSITE LISTEN");
    };
    // Requests that are under way when it is told to stop get a second.
    let conf = ServerConf {
        grace_period_seconds: Some(0),
        graceful_shutdown_timeout_seconds: Some(1),
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();

    let store = Arc::new(InMemory::default());
    let counting = Analytics::builder("www.example.org").own_store(store.clone()).start()?;
    let proxy = WithAnalytics::new(MyProxy { website }, counting.analytics());
    let mut service = http_proxy_service(&server.configuration, proxy);
    service.add_tcp(&listen);
    server.add_service(service);
    server.run(RunArgs::default());
    // With the last flush.
    counting.stop();
    for (page, pageviews) in store.ask(|kept| kept.pageviews.clone()) {
        println!("{pageviews}\t{page}");
    }
    Ok(())
}
