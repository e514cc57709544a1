//! Asks upstreams whether they work.

use super::server::Server;
use super::{Current, Website};
use crate::config::Health;
use crate::supervise::{Task, Tasks};
use futures_util::future::join_all;
use http::header;
use pingora::connectors::http::Connector;
use pingora::http::RequestHeader;
use std::sync::atomic::Ordering;

/// What an upstream without a host of its own is asked as.
const NO_HOST: &str = "localhost";

impl Website {
    /// Asks all upstreams as often as is set, for ever.
    pub async fn keep_checked(&self, tasks: &Tasks) {
        let keep = || async {
            loop {
                tasks.turn(Task::Health);
                let current = self.current.load_full();
                let next = async {
                    match &current.health.path {
                        Some(path) => {
                            self.check(&current, path).await;
                            tokio::time::sleep(current.health.interval).await;
                        }
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = next => {}
                    () = self.changed.notified() => {}
                }
            }
        };
        tasks.keep(Task::Health, keep).await
    }

    async fn check(&self, current: &Current, path: &str) {
        let health = &current.health;
        let checks = current.servers().map(async |server| {
            let checked = check(&self.connector, server, path);
            let checked = match tokio::time::timeout(health.timeout, checked).await {
                Ok(checked) => checked,
                Err(_) => Err(format!("no answer in {:?}", health.timeout)),
            };
            take_in(server, health, checked);
        });
        join_all(checks).await;
    }
}

/// # Errors
/// Why it does not work.
async fn check(connector: &Connector, server: &Server, path: &str) -> Result<(), String> {
    // An address that works is enough: requests find it, too.
    let mut failed = "it has no address".to_owned();
    for nth in 0..server.addresses() {
        match ask(connector, server, nth, path).await {
            Ok(status) if status < 400 => return Ok(()),
            Ok(status) => failed = format!("{path} is answered with {status}"),
            Err(error) => failed = error.to_string(),
        }
    }
    Err(failed)
}

async fn ask(
    connector: &Connector,
    server: &Server,
    nth: usize,
    path: &str,
) -> pingora::Result<u16> {
    let none = || pingora::Error::explain(pingora::ErrorType::ConnectNoRoute, "no address");
    let peer = server.peer(nth).ok_or_else(none)?;
    let (mut session, _) = connector.get_http_session(&peer).await?;
    let mut request = RequestHeader::build("GET", path.as_bytes(), Some(3))?;
    let authority = server.upstream.authority().unwrap_or_else(|| NO_HOST.to_owned());
    request.insert_header(header::HOST, authority)?;
    request.insert_header(header::USER_AGENT, "headcount (health check)")?;
    session.write_request_header(Box::new(request)).await?;
    session.finish_request_body().await?;
    let status = loop {
        session.read_response_header().await?;
        match session.response_header().map(|response| response.status) {
            Some(status) if status.is_informational() => {}
            status => break status.map_or(0, |status| status.as_u16()),
        }
    };
    // One whose body was not read is closed.
    connector.release_http_session(session, &peer, peer.options.idle_timeout).await;
    Ok(status)
}

/// Takes a check's outcome in.
fn take_in(server: &Server, health: &Health, checked: Result<(), String>) {
    let status = &server.status;
    if checked.is_err() == status.is_down() {
        server.contrary.store(0, Ordering::Relaxed);
        return;
    }
    let contrary = server.contrary.fetch_add(1, Ordering::Relaxed) + 1;
    let enough = if checked.is_ok() { health.successes } else { health.failures };
    if contrary < enough || !status.set_down(checked.is_err()) {
        return;
    }
    server.contrary.store(0, Ordering::Relaxed);
    match checked {
        Ok(()) => {
            status.resume();
            tracing::info!("upstream {} works again", status.name);
        }
        Err(why) => tracing::warn!("upstream {} is down: {why}", status.name),
    }
}
