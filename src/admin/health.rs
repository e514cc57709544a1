//! Probes: is the process alive, does its store answer.

use super::App;
use axum::extract::State;
use axum::http::StatusCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How long the store may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// An answer serves this long: the port is open to all, the store should not feel it.
const FRESH: Duration = Duration::from_secs(1);

/// Where every command is billed.
const FRESH_ON_A_BUDGET: Duration = Duration::from_secs(60);

/// What the store last said.
#[derive(Default)]
pub(super) struct Health(Mutex<Option<(Instant, Result<(), String>)>>);

pub(super) async fn alive() -> &'static str {
    "ok"
}

pub(super) async fn ready(State(app): State<Arc<App>>) -> (StatusCode, String) {
    let mut last = app.health.0.lock().await;
    let fresh = if app.admin.budget.is_some() { FRESH_ON_A_BUDGET } else { FRESH };
    let result = match &*last {
        Some((at, result)) if at.elapsed() < fresh => result.clone(),
        _ => {
            let store = &app.admin.store;
            let result = match tokio::time::timeout(PATIENCE, store.ping()).await {
                Ok(pong) => pong.map_err(|e| e.to_string()),
                Err(_) => Err(format!("{} does not answer", store.name())),
            };
            *last = Some((Instant::now(), result.clone()));
            result
        }
    };
    match result {
        Ok(()) => (StatusCode::OK, "ok".into()),
        Err(line) => (StatusCode::SERVICE_UNAVAILABLE, line),
    }
}
