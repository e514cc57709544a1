//! The Stats API: Plausible's paths, parameters and shapes.
//!
//! What is wrong with a question is said in `{"error": "…"}`, one line that names it.

use super::App;
use super::openapi::{Answer, Many, One, PeriodParams, SumParams};
use super::params::{PERIOD, Params};
use crate::clock::Millis;
use crate::model::site::Site;
use crate::report::{Days, Invalid, Query, Question, answer};
use crate::store::StoreError;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;
use utoipa::ToSchema;

/// Parameters of all three kinds of sums, beside those of the period.
const SUMS: [&str; 3] = ["metrics", "filters", "with_imported"];

/// Why there is no answer.
pub(super) enum Error {
    Question(Invalid),
    NoSiteId,
    UnknownSite(String),
    /// The path names it.
    NoSuchSite(String),
    Store(StoreError),
    /// The sums panicked, or the process ends.
    Lost,
}

impl From<Invalid> for Error {
    fn from(e: Invalid) -> Self {
        Self::Question(e)
    }
}

impl From<StoreError> for Error {
    fn from(e: StoreError) -> Self {
        Self::Store(e)
    }
}

impl Error {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Question(_) | Self::NoSiteId => StatusCode::BAD_REQUEST,
            // As Plausible has it: a site one may not see and one that is not there look alike.
            Self::UnknownSite(_) => StatusCode::UNAUTHORIZED,
            Self::NoSuchSite(_) => StatusCode::NOT_FOUND,
            Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Lost => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub(super) fn line(&self) -> String {
        match self {
            Self::Question(e) => e.to_string(),
            Self::NoSiteId => "`site_id` is missing: there is more than one site".into(),
            Self::UnknownSite(name) | Self::NoSuchSite(name) => {
                format!("unknown site_id `{}`", name.escape_debug())
            }
            Self::Store(e) => e.to_string(),
            Self::Lost => "this answer was lost; ask again".into(),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        error(self.status(), &self.line())
    }
}

/// Why a question is not answered.
#[derive(Serialize, ToSchema)]
pub(super) struct Problem {
    /// One line that names what is wrong.
    error: String,
}

pub(super) fn error(status: StatusCode, line: &str) -> Response {
    (status, Json(Problem { error: line.to_owned() })).into_response()
}

pub(super) async fn wrong_method() -> Response {
    error(StatusCode::METHOD_NOT_ALLOWED, "this is asked with another method")
}

pub(super) async fn not_found() -> Response {
    error(StatusCode::NOT_FOUND, "there is nothing here")
}

impl App {
    /// The site a request is about, by its place: the only one if it does not say.
    pub(super) fn site(&self, params: &Params) -> Result<(usize, &Site), Error> {
        self.site_named(params.get("site_id"))
    }

    fn site_named(&self, name: Option<&str>) -> Result<(usize, &Site), Error> {
        let sites = &self.admin.sites;
        match name {
            Some(name) => sites
                .iter()
                .enumerate()
                .find(|(_, site)| *site.name == *name)
                .ok_or_else(|| Error::UnknownSite(name.to_owned())),
            None => match sites.as_slice() {
                [only] => Ok((0, only)),
                _ => Err(Error::NoSiteId),
            },
        }
    }
}

/// Visitors of the last five minutes.
#[utoipa::path(get, path = "/api/v1/stats/realtime/visitors", tag = "stats",
    params(("site_id" = Option<String>, Query, description = "The site's name; may be left out where there is one site")),
    responses((status = 200, body = u64)))]
pub(super) async fn realtime_visitors(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Json<u64>, Error> {
    params.only(&[&["site_id"]])?;
    let (site, _) = app.site(&params)?;
    Ok(Json(app.admin.live.current_visitors(site)))
}

/// Totals of a period.
#[utoipa::path(get, path = "/api/v1/stats/aggregate", tag = "stats",
    params(PeriodParams, SumParams,
        ("compare" = Option<String>, Query, description = "`previous_period`: adds how each changed")),
    responses((status = 200, body = One)))]
pub(super) async fn aggregate(
    state: State<Arc<App>>,
    params: Params,
) -> Result<Json<Value>, Error> {
    params.only(&[&PERIOD, &SUMS, &["compare"]])?;
    respond(state, &params, |site, now| Question::aggregate(|name| params.get(name), site, now))
        .await
}

/// A row for each step of a period.
#[utoipa::path(get, path = "/api/v1/stats/timeseries", tag = "stats",
    params(PeriodParams, SumParams,
        ("interval" = Option<String>, Query, description = "`hour`, `day` or `month`")),
    responses((status = 200, body = Many)))]
pub(super) async fn timeseries(
    state: State<Arc<App>>,
    params: Params,
) -> Result<Json<Value>, Error> {
    params.only(&[&PERIOD, &SUMS, &["interval"]])?;
    respond(state, &params, |site, now| Question::timeseries(|name| params.get(name), site, now))
        .await
}

/// A row for each value of a property.
#[utoipa::path(get, path = "/api/v1/stats/breakdown", tag = "stats",
    params(PeriodParams, SumParams,
        ("property" = String, Query, description = "For example `event:page`"),
        ("limit" = Option<u32>, Query, description = "Rows, 100 if left out, 1,000 at most"),
        ("page" = Option<u32>, Query, description = "Counted from 1")),
    responses((status = 200, body = Many)))]
pub(super) async fn breakdown(
    state: State<Arc<App>>,
    params: Params,
) -> Result<Json<Value>, Error> {
    params.only(&[&PERIOD, &SUMS, &["property", "limit", "page"]])?;
    respond(state, &params, |site, now| Question::breakdown(|name| params.get(name), site, now))
        .await
}

async fn respond(
    State(app): State<Arc<App>>,
    params: &Params,
    question: impl FnOnce(&Site, Millis) -> Result<Question, Invalid>,
) -> Result<Json<Value>, Error> {
    let (_, site) = app.site(params)?;
    let question = question(site, app.admin.clock.now())?;
    let days = app.reader.days(&site.name, question.days()).await?;
    let site = site.clone();
    // Summing up years of rows is work for a thread that nobody waits on.
    let answer = tokio::task::spawn_blocking(move || answer(&question, &site, &days));
    Ok(Json(answer.await.map_err(|_| Error::Lost)??))
}

/// Any question, in its body.
///
/// Whatever media type it claims to be.
#[utoipa::path(post, path = "/api/v2/query", tag = "stats",
    request_body = super::openapi::Question, responses((status = 200, body = Answer)))]
pub(super) async fn query(State(app): State<Arc<App>>, body: Bytes) -> Result<Json<Value>, Error> {
    let body: Value = serde_json::from_slice(&body)
        .map_err(|e| Invalid::new(format!("the question is no JSON: {e}")))?;
    let (_, site) = app.site_named(body.get("site_id").and_then(Value::as_str))?;
    let query = Query::read(&body, site, app.admin.clock.now())?;
    let mut days = Days::new();
    for range in query.ranges() {
        days.extend(app.reader.days(&site.name, range).await?);
    }
    let site = site.clone();
    let answer = tokio::task::spawn_blocking(move || query.answer(&site, &days));
    Ok(Json(answer.await.map_err(|_| Error::Lost)??))
}
