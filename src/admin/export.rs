//! Event rows of a range of days as a file: `/api/v1/export`.

use super::caller::Caller;
use super::error::Error;
use super::params::Params;
use crate::export::{Format, Pass, pass};
use crate::report::{Invalid, Period};
use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Exports under way at a time, for each holds blocks of a day.
const MOST: usize = 2;

/// Room for the exports that are under way.
pub(super) struct Exports(Arc<Semaphore>);

impl Default for Exports {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST)))
    }
}

/// An export that is sent.
struct Sent {
    pass: Pass,
    /// What is known already of whether it goes well.
    first: Option<Bytes>,
    _place: OwnedSemaphorePermit,
}

/// Event rows, oldest day first.
///
/// One row a line, without anything that recognises a visitor; the columns are those of
/// `headcount export --help`. If it ends before its end, the connection breaks.
#[utoipa::path(get, path = "/api/v1/export", tag = "own",
    params(
        ("site_id" = Option<String>, Query, description = "The site's name; may be left out where there is one site"),
        ("date_from" = String, Query, format = Date, description = "First day, like 2026-11-24"),
        ("date_to" = String, Query, format = Date, description = "Last day"),
        ("format" = Option<String>, Query, pattern = "^(csv|ndjson|parquet)$", description = "`csv`, as it is if left out, `ndjson`, or `parquet` where the program was built with it"),
    ),
    responses(
        (status = 200, description = "The rows", content(
            (String = "text/csv"),
            (String = "application/x-ndjson"),
            (String = "application/vnd.apache.parquet"),
        )),
    ))]
pub(super) async fn rows(app: Caller, params: Params) -> Result<Response, Error> {
    params.only(&[&["site_id", "date_from", "date_to", "format"]])?;
    let (_, site) = app.place(params.get("site_id"))?;
    let day = |name| {
        let line = || Invalid::new(format!("`{name}` is missing: a day, like 2026-11-24"));
        params.get(name).ok_or_else(line)
    };
    let range = format!("{},{}", day("date_from")?, day("date_to")?);
    let today = site.day(app.admin.clock.now());
    let range = Period::Custom.range(Some(&range), today, false)?;
    let format = params.get("format").unwrap_or("csv");
    let known = Format::ALL.iter().map(|format| format.as_str());
    let format = Format::parse(format).ok_or_else(|| Invalid::unknown("format", format, known))?;
    let days: Vec<_> = range.days().collect();
    // A question for each day's version, and for each of its lists one at least.
    let commands = 3 * days.len() as u64;
    if app.admin.budget.as_ref().is_some_and(|budget| !budget.may_read(commands)) {
        return Ok(busy("the store's allowance of commands is used up for now; ask again later"));
    }
    let Ok(place) = app.exports.0.clone().try_acquire_owned() else {
        return Ok(busy("other exports are under way; ask again later"));
    };
    let store = app.admin.store.clone();
    let mut pass = Pass::new(store, site.name.clone(), format, days).await?;
    let first = pass.next().await?.map(|piece| piece.bytes.into());
    let sent = Sent { pass, first, _place: place };
    let body = Body::from_stream(stream::try_unfold(sent, next));
    let name =
        format!("attachment; filename=\"{}_{}.{}\"", range.first, range.last, format.as_str());
    let headers =
        [(header::CONTENT_TYPE, format.media_type()), (header::CONTENT_DISPOSITION, &name)];
    Ok((headers, body).into_response())
}

async fn next(mut sent: Sent) -> Result<Option<(Bytes, Sent)>, pass::Error> {
    if let Some(first) = sent.first.take() {
        return Ok(Some((first, sent)));
    }
    match sent.pass.next().await {
        Ok(piece) => Ok(piece.map(|piece| (piece.bytes.into(), sent))),
        Err(error) => {
            tracing::error!("an export ends before its end: {error}");
            Err(error)
        }
    }
}

fn busy(line: &str) -> Response {
    let retry = [(header::RETRY_AFTER, "60")];
    (retry, Error::Busy(line.into())).into_response()
}

impl From<pass::Error> for Error {
    fn from(e: pass::Error) -> Self {
        match e {
            pass::Error::Store(e) => Self::Store(e),
            e => {
                tracing::error!("{e}");
                Self::Lost
            }
        }
    }
}
