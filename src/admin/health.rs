//! Probes: is the process alive, does its store answer.

use super::App;
use crate::store::StoreError;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use utoipa::ToSchema;

/// How long the store may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// An answer serves this long: the port is open to all, the store should not feel it.
const FRESH: Duration = Duration::from_secs(1);

/// Where every command is billed.
const FRESH_ON_A_BUDGET: Duration = Duration::from_secs(60);

/// What the store last said.
#[derive(Default)]
pub(super) struct Health(Mutex<Option<(Instant, Result<(), &'static str>)>>);

pub(super) async fn alive() -> &'static str {
    "ok"
}

/// Needs no credentials, so it says nothing of where the store is: the log does.
pub(super) async fn ready(State(app): State<Arc<App>>) -> (StatusCode, &'static str) {
    match store(&app).await {
        Ok(()) => (StatusCode::OK, "ok"),
        Err(line) => (StatusCode::SERVICE_UNAVAILABLE, line),
    }
}

/// Whether the store answers.
#[derive(Serialize, ToSchema)]
pub(super) struct Parts {
    /// `ok`, or why not.
    store: &'static str,
}

/// Whether questions can be answered.
#[utoipa::path(get, path = "/api/health", tag = "health",
    responses((status = 200, body = Parts), (status = 503, body = Parts)))]
pub(super) async fn api(State(app): State<Arc<App>>) -> (StatusCode, Json<Parts>) {
    let (status, store) = ready(State(app)).await;
    (status, Json(Parts { store }))
}

async fn store(app: &App) -> Result<(), &'static str> {
    let mut last = app.health.0.lock().await;
    let fresh = if app.admin.budget.is_some() { FRESH_ON_A_BUDGET } else { FRESH };
    match &*last {
        Some((at, result)) if at.elapsed() < fresh => *result,
        _ => {
            let result = match tokio::time::timeout(PATIENCE, app.admin.store.ping()).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(StoreError::Unreachable { .. })) => Err("the store is unreachable"),
                Ok(Err(_)) => Err("the store refuses to answer"),
                Err(_) => Err("the store does not answer"),
            };
            *last = Some((Instant::now(), result));
            result
        }
    }
}
