//! The program: all rooms put together, from start to the last flush.

use super::gate::Gate;
use super::stop::{Signals, drained};
use super::website::Website;
use crate::admin::{self, AdminState, Auth, Live};
use crate::aggregate::{self, Engine};
use crate::capture::script::{Script, ScriptOptions};
use crate::capture::{self, Analytics, WithAnalytics};
use crate::clock::Clock;
use crate::config::{Config, RespectGpc};
use crate::flush::{self, Flusher};
use crate::site::Site;
use crate::store::{self, Store};
use crate::telemetry::Telemetry;
use crate::upkeep::{Daily, Keep};
use crate::visitor::{Places, Reluctant, Secrets, Visitors};
use anyhow::Context;
use pingora::proxy::http_proxy_service_with_name;
use pingora::server::configuration::ServerConf;
use pingora::server::{RunArgs, Server};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, watch};

/// How long the start waits for a store that does not answer; then it goes on without.
const STORE_PATIENCE: Duration = Duration::from_secs(2);

/// How often secrets are looked after. Without anything to agree on this sends nothing.
const SECRETS_EVERY: Duration = Duration::from_secs(1);

/// How often it is looked whether the GeoIP database has been replaced.
const PLACES_EVERY: Duration = Duration::from_secs(60);

/// A pause before the store is asked again for secrets it could not give.
const SECRETS_RETRY: Duration = Duration::from_secs(5);

/// Runs the proxy and the admin port until SIGTERM or SIGINT, then delivers what is left.
///
/// # Errors
/// One line: a port in use, a store or a database that cannot be opened.
pub fn run(config: Config) -> anyhow::Result<()> {
    let office = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("office")
        .enable_all()
        .build()
        .context("no threads for the office")?;
    let (stopping, stop) = watch::channel(false);

    let kept = store::open(&config.store, &config.data_dir)?;
    let store: Arc<dyn Store> = kept.clone();
    let clock = Clock::system();
    let telemetry = Arc::new(Telemetry::default());
    let sites = Arc::new(vec![config.site.clone()]);
    let secrets = Arc::new(Secrets::new(sites.clone(), clock.now()));
    office.block_on(first_contact(&secrets, store.as_ref(), &clock));

    let places = Arc::new(Places::open(config.geoip.as_deref())?);
    let limits = aggregate::Limits {
        visitors: (config.limits.visitors / config.threads).max(1),
        rows: config.limits.rows_per_dimension,
    };
    let engine = Arc::new(Engine::start(
        sites.clone(),
        limits,
        config.threads,
        config.limits.queue,
        telemetry.clone(),
        clock.clone(),
    ));
    let analytics = Analytics::new(
        sites.clone(),
        capture_settings(&config),
        Visitors::new(
            sites.clone(),
            places.clone(),
            secrets.clone(),
            config.trusted_proxies.clone(),
            reluctant(config.privacy.respect_gpc),
        ),
        engine.clone(),
        telemetry.clone(),
        clock.clone(),
        Script::new(&script_options(&config)),
    );
    let website = Arc::new(Website::new(&config)?);
    if let Err(error) = office.block_on(website.resolve()) {
        tracing::warn!("{error:#}; visitors see an error page until it has");
    }

    // Both ports are claimed before anything is served: one in use is one clear line.
    let admin_listener = bind(config.admin, "admin")?;
    drop(bind(config.listen, "listen")?);

    let settings = flush::Settings {
        interval: config.flush_interval,
        outbox: config.limits.outbox,
        events_cap: config.limits.events_cap,
        last: config.timeouts.shutdown,
    };
    let flusher = Flusher::new(
        engine.clone(),
        store.clone(),
        sites.clone(),
        telemetry.clone(),
        clock.clone(),
        node_name(),
        settings,
    );
    let state = AdminState {
        sites: sites.clone(),
        store: store.clone(),
        telemetry: telemetry.clone(),
        live: engine.clone(),
        auth: auth(&config)?,
        clock: clock.clone(),
        flush_interval: config.flush_interval,
    };
    let daily = Daily::new(kept, sites.clone(), clock.clone(), Keep::new(&config), node_name());
    office.spawn(daily.run());
    office.spawn({
        let (website, secrets) = (website.clone(), secrets.clone());
        let (store, clock) = (store.clone(), clock.clone());
        async move {
            tokio::join!(
                website.keep_resolved(),
                keep_secrets(&secrets, store.as_ref(), &clock),
                keep_places(places),
            );
        }
    });
    let (last_flush, flushed) = (watch::channel(false), stop.clone());
    let flushing = office.spawn(flusher.run(last_flush.1));
    office.spawn(serve_admin(admin_listener, state, flushed));

    let gate = Gate::new(website, config.trusted_proxies.clone(), config.timeouts.clone());
    let server = server(&config, WithAnalytics::new(gate, analytics));
    std::thread::Builder::new()
        .name("proxy".to_owned())
        .spawn(move || server.run(RunArgs { shutdown_signal: Box::new(Signals(stopping)) }))
        .context("no thread for the proxy")?;
    announce(&config, &sites, store.name());

    office.block_on(async {
        let mut stop = stop;
        let _ = stop.wait_for(|stopping| *stopping).await;
        let running = drained(&telemetry, config.timeouts.shutdown).await;
        if running > 0 {
            tracing::warn!("{running} requests are still running and will be cut");
        }
        last_flush.0.send_replace(true);
        let _ = flushing.await;
    });
    tracing::info!("stopped");
    // Neither this nor Pingora's threads, which would sleep out their grace period, have anything
    // left to do.
    office.shutdown_background();
    Ok(())
}

/// Agrees on secrets with the store, if it answers in time.
async fn first_contact(secrets: &Secrets, store: &dyn Store, clock: &Clock) {
    let shared = tokio::time::timeout(STORE_PATIENCE, secrets.share(store, clock.now())).await;
    let trouble = match shared {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("{} does not answer", store.name()),
    };
    tracing::warn!("{trouble}; starting anyway, and trying again");
}

async fn keep_secrets(secrets: &Secrets, store: &dyn Store, clock: &Clock) {
    loop {
        tokio::time::sleep(SECRETS_EVERY).await;
        if secrets.share(store, clock.now()).await.is_err() {
            tokio::time::sleep(SECRETS_RETRY).await;
        }
    }
}

async fn keep_places(places: Arc<Places>) {
    loop {
        tokio::time::sleep(PLACES_EVERY).await;
        let places = places.clone();
        match tokio::task::spawn_blocking(move || places.reload()).await {
            Ok(Ok(true)) => tracing::info!("the GeoIP database was replaced"),
            Ok(Ok(false)) => {}
            Ok(Err(error)) => tracing::warn!("{error:#}; using the one before"),
            Err(error) => tracing::error!("looking for a new GeoIP database: {error}"),
        }
    }
}

async fn serve_admin(listener: TcpListener, state: AdminState, mut stop: watch::Receiver<bool>) {
    let served = async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let stopped = async move {
            let _ = stop.wait_for(|stopping| *stopping).await;
        };
        admin::serve(listener, state, stopped).await
    };
    if let Err(error) = served.await {
        tracing::error!("the admin port has stopped: {error}");
    }
}

fn server(config: &Config, proxy: WithAnalytics<Gate>) -> Server {
    let upgrade_sock = config.data_dir.join("headcount-upgrade.sock");
    let conf = ServerConf {
        threads: config.threads,
        max_retries: 4,
        grace_period_seconds: Some(config.timeouts.shutdown.as_secs()),
        upgrade_sock: upgrade_sock.to_string_lossy().into_owned(),
        ca_file: config.upstream_tls.ca.as_ref().map(|f| f.to_string_lossy().into_owned()),
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let mut service = http_proxy_service_with_name(&server.configuration, proxy, "website");
    service.add_tcp(&config.listen.to_string());
    server.add_service(service);
    server
}

fn bind(address: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    bound.with_context(|| format!("{key} {address} cannot be used"))
}

fn announce(config: &Config, sites: &[Site], store: &str) {
    tracing::info!("visitors: http://{}  →  {}", config.listen, config.upstream);
    tracing::info!("numbers:  http://{}", config.admin);
    let names: Vec<&str> = sites.iter().map(|s| &*s.name).collect();
    tracing::info!("counting {} in {store}", names.join(", "));
}

fn capture_settings(config: &Config) -> capture::Settings {
    capture::Settings {
        script_path: config.script.path.clone(),
        beacon_path: config.script.beacon_path.clone(),
        inject: config.inject,
        trusted_proxies: config.trusted_proxies.clone(),
        beacon_body: config.limits.beacon_body,
        beacons_per_minute: config.limits.beacons_per_minute as isize,
        value_length: config.limits.value_length,
    }
}

fn script_options(config: &Config) -> ScriptOptions {
    let script = &config.script;
    ScriptOptions {
        track: script.beacon_path.clone(),
        history: script.history,
        hash: script.hash,
        engagement: script.engagement,
        scroll: script.scroll,
        outbound: script.outbound,
        downloads: script.downloads,
        events: script.events,
        forms: script.forms,
        clicks: script.clicks,
        vitals: script.vitals,
    }
}

fn auth(config: &Config) -> anyhow::Result<Auth> {
    let password = config.admin_auth.password_hash.as_ref().map(|hash| hash.expose());
    let tokens: Vec<String> =
        config.admin_auth.tokens.iter().map(|t| t.expose().to_owned()).collect();
    Ok(Auth::new(password, &tokens)?)
}

fn reluctant(respect: RespectGpc) -> Reluctant {
    match respect {
        RespectGpc::Anonymous => Reluctant::Anonymous,
        RespectGpc::Count => Reluctant::Count,
        RespectGpc::Ignore => Reluctant::Ignore,
    }
}

/// Unique per run: numbering begins anew with every process.
fn node_name() -> String {
    format!("{:016x}", rand::random::<u64>())
}

impl Live for Engine {
    fn current_visitors(&self, site: usize) -> u64 {
        Engine::current_visitors(self, site)
    }

    fn subscribe(&self) -> broadcast::Receiver<Arc<str>> {
        Engine::subscribe(self)
    }
}
