//! Two small websites to try headcount on, and sample visitors for them.
//!
//! `headcount demo` puts them behind the proxy and lets the sample visitors browse them, so that a
//! newcomer sees a living dashboard within a minute. They are ordinary websites that know nothing
//! of the proxy, all of them inside the binary; their pages say that they are a demo. The visitors
//! are invented: live ones come to it ([`traffic`]), those of the year before are only counted
//! ([`history`]).

mod arrivals;
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
use crate::demo_status::DemoStatus;
use crate::proxy;
use crate::store::{self, Store};
use crate::visitor::Places;
use anyhow::Context;
use history::Past;
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::timeout;
use traffic::{Door, like_before};
use website::Website;

/// Days of history that a demo has behind it.
pub const DAYS: u32 = 365;

/// Days that are counted before what they come to is stored, all at once.
const AT_ONCE: u32 = 15;

/// How long nobody is let in while the past is made up. Whoever comes before its end is told so.
const PATIENCE: Duration = Duration::from_secs(6);

/// What stands behind the sites of a demo, in turns.
pub static WEBSITES: [&Website; 2] = [&BAKERY, &HANDBOOK];

/// What a demo is to have.
#[derive(Debug, Clone, Copy)]
pub struct Scene {
    /// So many days have passed already, as far as the numbers tell.
    pub days: u32,
    /// Live visitors come in crowds, unlike those of the past. Without a past they do anyway.
    pub crowd: bool,
}

/// Runs the websites behind the proxy, with sample visitors, until SIGTERM or SIGINT.
///
/// # Errors
/// Those of [`crate::proxy::run`].
pub fn run(mut config: Config, scene: Scene) -> anyhow::Result<()> {
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
    let status = config.demo.get_or_insert_with(|| DemoStatus::new(config.sites.len())).clone();
    let mut past = town.spawn(count_past(config.clone(), status.clone(), scene.days));
    let _ = town.block_on(async { timeout(PATIENCE, &mut past).await });
    for (place, (own, website)) in config.sites.iter().zip(websites).enumerate() {
        let address = config.listen;
        let host = format!("{}:{}", config.host_of(&own.site), address.port());
        let door = Door { address, host, track: own.script.beacon_path.clone() };
        let (timezone, status) = (own.site.timezone, status.clone());
        town.spawn(async move {
            while tokio::net::TcpStream::connect(address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            let clock = Clock::system();
            if scene.crowd || scene.days == 0 {
                traffic(website, door, rand::random(), clock, website.pace).await;
            } else {
                let looks = move || status.looks(place);
                like_before(website, door, timezone, looks, clock).await;
            }
        });
    }
    proxy::run(config, false, None)
}

/// Counts what happened before now, of all sites at the same time. Without its past it is a demo,
/// too.
async fn count_past(config: Config, status: DemoStatus, days: u32) {
    if days == 0 {
        return;
    }
    let (began, now) = (Instant::now(), Clock::system().now());
    tracing::info!("making up {days} days of visitors");
    let without = |error: &anyhow::Error| {
        tracing::warn!("{error:#}; not all days before today were made up");
    };
    let open = || -> anyhow::Result<(Arc<dyn Store>, _)> {
        let store = store::open(&config.store, &config.data_dir)?;
        Ok((store, Arc::new(Places::open(&config.geoip)?)))
    };
    let (store, places) = match open() {
        Ok(opened) => opened,
        Err(error) => return without(&error),
    };
    let sites = Arc::new(config.sites.iter().map(|own| own.site.clone()).collect::<Vec<_>>());
    let mut counting = JoinSet::new();
    for (place, website) in (0..sites.len()).zip(WEBSITES.into_iter().cycle()) {
        let (host, here) = (config.host_of(&sites[place]), (sites.clone(), place));
        let (name, store, status) = (sites[place].name.clone(), store.clone(), status.clone());
        let mut past = Past::new(website, here, &host, places.clone(), now, rand::random());
        status.makes_up(days);
        counting.spawn(async move {
            let mut counted = 0;
            let tell = |more| {
                counted += more;
                status.made_up(more);
            };
            let views = count_days(&mut past, &*store, (days, now), &name, tell).await;
            // What has failed will not come.
            status.made_up(days - counted);
            (name, views)
        });
    }
    for (site, views) in counting.join_all().await {
        let seconds = began.elapsed().as_secs_f64();
        match views {
            Ok(0) => {}
            Ok(views) => tracing::info!(
                "{site}: {views} pageviews of {days} days were made up in {seconds:.1} s"
            ),
            Err(error) => without(&error),
        }
    }
}

/// Counts the days of a site before `now`, the nearest first; `counted` is told how many more there
/// are. Gives their pageviews.
async fn count_days(
    past: &mut Past,
    store: &dyn Store,
    (days, now): (u32, Millis),
    site: &str,
    mut counted: impl FnMut(u32),
) -> anyhow::Result<u64> {
    let mut views = 0;
    for first in (0..days).step_by(AT_ONCE as usize) {
        let ago = first..days.min(first + AT_ONCE);
        match past.write(store, ago.clone(), now).await? {
            Some(summary) => views += summary.views,
            None if first == 0 => tracing::info!("{site}: going on with what is stored"),
            None => {}
        }
        counted(ago.end - ago.start);
    }
    Ok(views)
}
