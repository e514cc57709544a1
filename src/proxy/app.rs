//! The program: the gate and what counts behind it, from start to the last flush.

use super::gate::Gate;
use super::stop::{Signals, drained};
use super::website::Website;
use crate::capture::WithAnalytics;
use crate::config::Config;
use crate::plugin::{Counting, bind};
use anyhow::Context;
use pingora::proxy::http_proxy_service_with_name;
use pingora::server::configuration::ServerConf;
use pingora::server::{RunArgs, Server};
use std::sync::Arc;
use tokio::sync::watch;

/// Runs the proxy and the admin port until SIGTERM or SIGINT, then delivers what is left.
///
/// # Errors
/// One line: a port in use, a store or a database that cannot be opened.
pub fn run(config: Config) -> anyhow::Result<()> {
    // Claimed before anything is served: a port in use is one clear line.
    drop(bind(config.listen, "listen")?);
    let counting = Counting::start(&config)?;
    let office = counting.office().context("the office is closed")?;

    let website = Arc::new(Website::new(&config)?);
    if let Err(error) = office.block_on(website.resolve()) {
        tracing::warn!("{error:#}; visitors see an error page until it has");
    }
    office.spawn({
        let website = website.clone();
        async move { website.keep_resolved().await }
    });

    let (stopping, mut stop) = watch::channel(false);
    let gate = Gate::new(website, config.trusted_proxies.clone(), config.timeouts.clone());
    let server = server(&config, WithAnalytics::new(gate, counting.analytics()));
    std::thread::Builder::new()
        .name("proxy".to_owned())
        .spawn(move || server.run(RunArgs { shutdown_signal: Box::new(Signals(stopping)) }))
        .context("no thread for the proxy")?;
    tracing::info!("visitors: http://{}  →  {}", config.listen, config.upstream);
    tracing::info!("numbers:  http://{}", counting.admin());
    tracing::info!("counting {} in {}", config.site.name, counting.store_name());

    office.block_on(async {
        let _ = stop.wait_for(|stopping| *stopping).await;
        let running = drained(counting.telemetry(), config.timeouts.shutdown).await;
        if running > 0 {
            tracing::warn!("{running} requests are still running and will be cut");
        }
    });
    // Pingora's threads would sleep out their grace period; they have nothing left to do.
    counting.stop();
    tracing::info!("stopped");
    Ok(())
}

fn server(config: &Config, proxy: WithAnalytics<Gate>) -> Server {
    let upgrade_sock = config.data_dir.join("headcount-upgrade.sock");
    let conf = ServerConf {
        threads: config.threads,
        max_retries: 4,
        // Longer than ours: Pingora cuts in whole seconds, and would cut first.
        grace_period_seconds: Some(config.timeouts.shutdown.as_secs() + 1),
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
