//! The program: the proxy and what counts behind it, from start to the last flush.

use super::access_log::{AccessLog, Writing};
use super::acme::Acme;
use super::descriptors;
use super::listen::{self, Connections, Listening, Speaks};
use super::memory;
use super::reload::{Reload, Running};
use super::reverse_proxy::{ReverseProxy, upload};
use super::stop::{
    Ended, HandOver, Signals, Stop, answered, drained, drained_behind, farewell, stopped,
};
use super::systemd;
use super::tls::Certificates;
use super::websites::Websites;
use crate::capture::WithAnalytics;
use crate::clock::Clock;
use crate::config::{Config, SiteConfig};
use crate::plugin::Counting;
use crate::private;
use anyhow::{Context, bail};
use arc_swap::ArcSwap;
use futures_util::future::try_join_all;
use pingora::apps::HttpServerOptions;
use pingora::connectors::ConnectorOptions;
use pingora::protocols::http::v2::server::{H2Options, default_h2_options};
use pingora::proxy::http_proxy;
use pingora::server::configuration::{Opt, ServerConf};
use pingora::server::{RunArgs, Server};
use rustls_native_certs::load_native_certs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::TcpSocket;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Requests that take longer than this no longer hold up those that wait for the next process.
const HAND_OVER: Duration = Duration::from_secs(1);

/// Bytes of an answer over HTTP/2 that wait for its client.
const UNTAKEN: usize = 64 * 1024;

/// How long Pingora goes on letting visitors in after it has given the listening socket away.
const GIVEN_AWAY: Duration = Duration::from_secs(5);

/// Runs the proxy and the admin port until SIGTERM or SIGINT, then delivers what is left; or until
/// SIGQUIT, then another process has taken over. `upgrade`: is that other process. `reload`: what
/// to do at SIGHUP.
///
/// # Errors
/// One line: a port in use, a store or a database that cannot be opened.
pub fn run(config: Config, upgrade: bool, reload: Option<Reload>) -> anyhow::Result<()> {
    let certificates = config.tls.as_ref().map(Certificates::load).transpose()?;
    authorities()?;
    let mut given = systemd::sockets().context("LISTEN_FDS")?;
    let mut server = server(&config, upgrade);
    let mut successor = config.folder().into_os_string();
    successor.push(".successor");
    let successor = PathBuf::from(successor);
    let patience = if upgrade {
        // What can be wrong is said while the process before still serves.
        Counting::check(&config)?;
        // Pingora lets everybody write to its socket: whoever could would have the visitors.
        let socket = upgrade_socket(&config);
        let folder = socket.parent().unwrap_or(&config.data_dir);
        private::folder(folder).with_context(|| folder.display().to_string())?;
        let waiting =
            private::create(&successor).with_context(|| successor.display().to_string())?;
        waiting.try_lock().context("another process waits to take over already")?;
        tracing::info!("waiting for the process before to get SIGQUIT");
        // Ends the process when nobody hands over in time.
        server.bootstrap();
        systemd::takes_over();
        drop(waiting);
        GIVEN_AWAY + HAND_OVER + 2 * config.timeouts.shutdown
    } else {
        server.bootstrap();
        // Asked for before anything else happens: a port in use is one clear line.
        for (name, address) in config.listens().filter(|(_, at)| !given.contains_key(at)) {
            free(address).with_context(|| format!("{name} {address} cannot be used"))?;
        }
        Duration::ZERO
    };
    let mut counting = Counting::start(&config, patience)?;
    let background = counting.background().context("the background runtime has ended")?;

    let telemetry = counting.telemetry().clone();
    let access_log = AccessLog::open(&config, &telemetry, Clock::system())?;
    let connector = ConnectorOptions::from_server_conf(&server.configuration);
    let websites = Arc::new(Websites::new(&config, &connector, &telemetry)?);
    background.block_on(websites.resolve());
    background.spawn({
        let (websites, telemetry) = (websites.clone(), telemetry.clone());
        async move { websites.keep_resolved(&telemetry.tasks).await }
    });
    background.spawn({
        let websites = websites.clone();
        async move { websites.keep_checked(&telemetry.tasks).await }
    });

    let mut acme = None;
    if let Some(certificates) = &certificates {
        let telemetry = counting.telemetry().clone();
        certificates.tell(telemetry.clone());
        acme = Acme::new(&config, certificates.clone(), counting.store().clone(), telemetry)?;
    }

    let most = config.limits.connections.unwrap_or_else(descriptors::connections);
    let connections = Connections::new(
        most,
        config.limits.connections_per_address,
        config.limits.slow_readers,
        counting.telemetry().clone(),
    );
    let trusted = counting.trusted().clone();
    let (access_log, writing) = access_log.unzip();
    let proxy = ReverseProxy::new(
        &config,
        websites.clone(),
        trusted,
        certificates.as_ref(),
        connections.clone(),
        access_log.clone(),
        counting.telemetry().clone(),
    );
    let proxy = WithAnalytics::new(proxy, counting.analytics());
    let mut app = http_proxy(&server.configuration, proxy);
    app.server_options = Some(http_options(config.timeouts.idle));
    app.h2_options = Some(http2_options(config.limits.header_size));
    let limits = Arc::new(ArcSwap::from_pointee(listen::Limits {
        header_time: config.limits.header_time,
        header_size: config.limits.header_size,
        idle: config.timeouts.idle,
        write: config.timeouts.write,
        answer_half_closed: config.answer_half_closed,
        proxy_protocol: config.proxy_protocol,
        upload: upload(&config),
        requests: config.limits.requests_per_connection,
    }));
    let shared = Arc::new(listen::Shared {
        app: Arc::new(app),
        limits: limits.clone(),
        connections: connections.clone(),
        trusted: counting.trusted().clone(),
        telemetry: counting.telemetry().clone(),
        challenges: acme.as_ref().map(Acme::challenges),
    });
    let mut all_listen = Vec::new();
    let mut listen = |address, speaks| {
        let (listening, listens) = oneshot::channel();
        let socket = given.remove(&address);
        server.add_service(Listening::new(address, speaks, socket, shared.clone(), listening));
        all_listen.push(listens);
    };
    listen(config.listen, Speaks::Http1);
    if let Some(address) = config.h2c_listen {
        listen(address, Speaks::Http2);
    }
    if let Some((tls, certificates)) = config.tls.as_ref().zip(certificates.clone()) {
        listen(tls.listen, Speaks::Tls(certificates.acceptor()?));
        let telemetry = counting.telemetry().clone();
        background.spawn(async move { certificates.keep_fresh(&telemetry.tasks).await });
    }
    for address in given.into_keys() {
        tracing::warn!(
            "systemd gave a socket at {address}, where no setting listens; it is closed"
        );
    }
    let (ready, all_ready) = oneshot::channel();
    let (kept, threads) = (connections.clone(), server.configuration.threads.max(1));
    let telemetry = counting.telemetry().clone();
    let present = move || {
        let requests = telemetry.in_flight.load(Ordering::Relaxed).max(0);
        kept.open() + requests as usize
    };
    let watched = background.spawn(async move {
        if let Ok(serving) = try_join_all(all_listen).await {
            systemd::ready();
            tokio::spawn(memory::keep_small(present, serving.clone(), threads));
            // Nobody waits for it without ACME.
            let _ = ready.send(());
            systemd::keep_watched(serving).await;
        }
    });
    let ordering = acme.map(|acme| {
        let telemetry = counting.telemetry().clone();
        background.spawn(async move {
            // Before, an authority that asks for a proof would find nobody.
            if all_ready.await.is_ok() {
                acme.run(&telemetry.tasks).await;
            }
        })
    });
    // Before anybody is let in: a process told to stop at once would cut its first visitors.
    let (signals, ended) = {
        let _within = background.enter();
        let hand_over = HandOver::default();
        if let Some(reload) = reload {
            background.spawn(reload.run(Running {
                config: config.clone(),
                open: counting.open().context("there is no admin port")?,
                websites,
                certificates,
                connections: connections.clone(),
                limits,
                access_log,
                hand_over: hand_over.clone(),
                telemetry: counting.telemetry().clone(),
            }));
        }
        (Signals::hear(successor, hand_over), Ended::hear())
    };
    let phases = server.watch_execution_phase();
    std::thread::Builder::new()
        .name("proxy".to_owned())
        .spawn(move || server.run(RunArgs { shutdown_signal: Box::new(signals) }))
        .context("no thread for the proxy")?;
    for (name, address) in config.listens() {
        let scheme = if name == "tls.listen" { "https" } else { "http" };
        tracing::info!("visitors: {scheme}://{address}{}", to(&config));
    }
    if let Some(admin) = counting.admin() {
        tracing::info!("numbers:  http://{admin}");
    }
    for site in &config.sites {
        let behind = if config.lists_sites { to_upstreams(site) } else { String::new() };
        tracing::info!("counting {} in {}{behind}", site.site.name, counting.store_name());
    }

    let (shutdown, drain) = (config.timeouts.shutdown, config.timeouts.drain);
    let telemetry = counting.telemetry().clone();
    let drained = |patience| drained(&connections, &telemetry, patience);
    let mut running = match background.block_on(stopped(phases)) {
        Stop::End => {
            systemd::stopping();
            background.block_on(drained(shutdown))
        }
        Stop::Replaced => {
            // The authority's questions reach the next process, which orders what is due.
            ordering.iter().for_each(JoinHandle::abort);
            // It is the next process that must be alive.
            watched.abort();
            // Others wait for the next process meanwhile: kept connections do not hold it up.
            background.block_on(answered(&connections, &telemetry, drain.min(HAND_OVER)));
            let late = counting.hand_over(&config);
            let background = counting.background().context("the background runtime has ended")?;
            let running = background.block_on(drained_behind(drained(drain), ended, late));
            running.unwrap_or_else(|| background.block_on(drained(shutdown.min(drain))))
        }
    };
    if running > 0 {
        let background = counting.background().context("the background runtime has ended")?;
        running = background.block_on(farewell(&connections, &telemetry));
    }
    if running > 0 {
        tracing::warn!("{running} requests are still running and will be cut");
    }
    // Pingora's threads would sleep out their grace period; they have nothing left to do.
    counting.stop();
    writing.into_iter().for_each(Writing::end);
    tracing::info!("stopped");
    Ok(())
}

/// Where requests go on to, if all go to the same.
fn to(config: &Config) -> String {
    match config.sites.as_slice() {
        [only] if !config.lists_sites => to_upstreams(only),
        sites => format!("  →  {} sites", sites.len()),
    }
}

fn to_upstreams(site: &SiteConfig) -> String {
    format!("  →  {}", site.upstreams)
}

fn http_options(idle: Duration) -> HttpServerOptions {
    let mut options = HttpServerOptions::default();
    options.h2_idle_timeout = Some(idle);
    options
}

/// Pingora's own bounds, with ours on the fields of a request.
fn http2_options(header_size: usize) -> H2Options {
    let mut options = default_h2_options();
    // For an answer that its client does not take; the rest of it waits with the website.
    options.max_send_buffer_size(UNTAKEN);
    options.max_concurrent_streams(listen::MOST_STREAMS);
    options.max_header_list_size(u32::try_from(header_size).unwrap_or(u32::MAX));
    options
}

/// Reads the certificates of the authorities that the system trusts. Pingora does the same, whether
/// a website speaks TLS or not, and panics where it cannot.
fn authorities() -> anyhow::Result<()> {
    match load_native_certs() {
        Ok(_) => Ok(()),
        Err(error) => bail!(
            "the certificates of authorities cannot be read: {error}; install ca-certificates, or \
             name a file in SSL_CERT_FILE"
        ),
    }
}

/// Whether a port can be taken. It is not listened on: whoever came in meanwhile would be cut.
pub(super) fn free(address: SocketAddr) -> io::Result<()> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)
}

/// Where the next process waits for the listening socket.
fn upgrade_socket(config: &Config) -> PathBuf {
    config.folder().join("upgrade")
}

fn server(config: &Config, upgrade: bool) -> Server {
    let (shutdown, drain) = (config.timeouts.shutdown, config.timeouts.drain);
    let conf = ServerConf {
        threads: config.threads,
        // Of several upstreams, each with several addresses, all may be tried.
        max_retries: 16,
        // Longer than ours: Pingora cuts in whole seconds, and would cut first.
        grace_period_seconds: Some((2 * HAND_OVER + shutdown + drain).as_secs() + 1),
        upgrade_sock: upgrade_socket(config).to_string_lossy().into_owned(),
        ..ServerConf::default()
    };
    Server::new_with_opt_and_conf(Opt { upgrade, ..Opt::default() }, conf)
}
