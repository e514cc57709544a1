//! Two small websites to try headcount on, and sample visitors for them.
//!
//! `headcount demo` puts them behind the proxy and lets the sample visitors browse them, so that a
//! newcomer sees a living dashboard within a minute. They are ordinary websites that know nothing
//! of the proxy, all of them inside the binary; their pages say that they are a demo. The visitors
//! are invented: those of today come to it ([`traffic`]), those of the year before are only counted
//! ([`history`]).

mod bakery;
mod handbook;
pub mod history;
pub mod outlines;
mod page;
mod pdf;
mod people;
pub mod traffic;
mod visit;
pub mod website;

pub use bakery::BAKERY;
pub use handbook::HANDBOOK;
pub use traffic::traffic;

use crate::clock::{Clock, Millis};
use crate::config::{Config, Scheme, Upstream, Weighted};
use crate::model::site::Site;
use crate::proxy;
use crate::store::{self, Store};
use anyhow::Context;
use history::Past;
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use traffic::Door;
use website::Website;

/// Days of history that a demo has behind it.
pub const DAYS: u32 = 365;

/// So many of them are made up before anybody is let in, the others while it runs: nobody waits.
const AT_ONCE: u32 = 30;

/// What stands behind the sites of a demo, in turns.
pub static WEBSITES: [&Website; 2] = [&BAKERY, &HANDBOOK];

/// Runs the websites behind the proxy, with sample visitors, until SIGTERM or SIGINT. `days`: so
/// many have passed already, as far as the numbers tell.
///
/// # Errors
/// Those of [`crate::proxy::run`].
pub fn run(mut config: Config, days: u32) -> anyhow::Result<()> {
    let town = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("demo")
        .enable_all()
        .build()
        .context("no threads for the demo")?;
    // Sample visitors come from here and say where they pretend to be.
    config.trusted_proxies.push(IpNet::from(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    let websites = WEBSITES.into_iter().cycle();
    for (own, website) in config.sites.iter_mut().zip(websites.clone()) {
        let listener = town
            .block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .context("no port for the demo's website")?;
        let port = listener.local_addr().context("no port for the demo's website")?.port();
        let (scheme, host) = (Scheme::Http, Ipv4Addr::LOCALHOST.to_string());
        let upstream = Upstream::Tcp { scheme, host, port };
        own.upstreams.all = vec![Weighted { upstream, weight: 1 }];
        town.spawn(website.serve(listener));
    }
    match Before::new(&config, days) {
        Ok(mut before) => match town.block_on(before.count()) {
            Ok(false) => before.tell(),
            Ok(true) => drop(town.spawn(before.count_all())),
            Err(error) => without(&error),
        },
        Err(error) => without(&error),
    }
    for (own, website) in config.sites.iter().zip(websites) {
        let address = config.listen;
        let host = format!("{}:{}", config.host_of(&own.site), address.port());
        let door = Door { address, host, track: own.script.beacon_path.clone() };
        town.spawn(async move {
            while tokio::net::TcpStream::connect(address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            traffic(website, door, rand::random(), Clock::system(), website.pace).await;
        });
    }
    proxy::run(config, false, None)
}

/// Without its past it is a demo, too.
fn without(error: &anyhow::Error) {
    tracing::warn!("{error:#}; not all days before today were made up");
}

/// The days before today, as far as they have been counted.
struct Before {
    store: Arc<dyn Store>,
    /// Of each site, with the pageviews that were made up.
    pasts: Vec<(Arc<str>, Past, u64)>,
    days: u32,
    counted: u32,
    now: Millis,
    began: Instant,
}

impl Before {
    fn new(config: &Config, days: u32) -> anyhow::Result<Self> {
        let store: Arc<dyn Store> = store::open(&config.store, &config.data_dir)?;
        let sites = Arc::new(config.sites.iter().map(|own| own.site.clone()).collect::<Vec<_>>());
        let now = Clock::system().now();
        let websites = WEBSITES.into_iter().cycle();
        let past = |(place, (site, website)): (usize, (&Site, &'static Website))| {
            let (host, here) = (config.host_of(site), (sites.clone(), place));
            let past = Past::new(website, here, &host, now, rand::random())?;
            Ok::<_, anyhow::Error>((site.name.clone(), past, 0))
        };
        let pasts = sites.iter().zip(websites).enumerate().map(past).collect::<Result<_, _>>()?;
        Ok(Self { store, pasts, days, counted: 0, now, began: Instant::now() })
    }

    /// Counts some more of them, the nearest first. `false`: there are no more.
    async fn count(&mut self) -> anyhow::Result<bool> {
        let ago = self.counted..self.days.min(self.counted + AT_ONCE);
        if ago.is_empty() {
            return Ok(false);
        }
        for (site, past, views) in &mut self.pasts {
            match past.write(self.store.as_ref(), ago.clone(), self.now).await? {
                Some(summary) => *views += summary.views,
                None if ago.start == 0 => tracing::info!("{site}: going on with what is stored"),
                None => {}
            }
        }
        self.counted = ago.end;
        Ok(self.counted < self.days)
    }

    async fn count_all(mut self) {
        loop {
            match self.count().await {
                Ok(true) => {}
                Ok(false) => return self.tell(),
                Err(error) => return without(&error),
            }
        }
    }

    fn tell(&self) {
        let seconds = self.began.elapsed().as_secs_f64();
        for (site, _, views) in self.pasts.iter().filter(|(_, _, views)| *views > 0) {
            let days = self.days;
            tracing::info!(
                "{site}: {views} pageviews of {days} days were made up in {seconds:.1} s"
            );
        }
    }
}
