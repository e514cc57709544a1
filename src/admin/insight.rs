//! Reads of our own, for what no rival counts: heat maps, speed on both sides, funnels.
//!
//! Same parameters as the Stats API (`site_id`, `period`, `date`), same errors.

use super::caller::Caller;
use super::error::Error;
use super::openapi::{One, PeriodParams};
use super::params::{PERIOD, Params};
use crate::model::outline::{Outline, Thing};
use crate::model::rollup::{GRID, GRID_ROWS};
use crate::model::row::RowsOf;
use crate::model::site::Site;
use crate::report::{
    Days, Invalid, Percentiles, Period, Range, Rows, Timed, Timings, What, clicks, funnel,
    funnel_by_rows, only_totals, outline, scrolls,
};
use axum::Json;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Slow pages in an answer, and the views a page must have to be among them.
const SLOWEST: usize = 100;
const LEAST_VIEWS: i64 = 10;

async fn read(app: &Caller, params: &Params) -> Result<(Arc<Site>, Range, Days), Error> {
    let (_, site) = app.site(params).await?;
    let today = site.day(app.admin.clock.now());
    let (_, range) = Period::read(|name| params.get(name), today)?;
    let days = app.reader.days(&site.name, range).await?;
    only_totals(&days, range)?;
    Ok((site, range, days))
}

async fn reckon(sums: impl FnOnce() -> Value + Send + 'static) -> Result<Json<Value>, Error> {
    tokio::task::spawn_blocking(sums).await.map(Json).map_err(|_| Error::Lost)
}

fn required(params: &Params, name: &str, example: &str) -> Result<String, Invalid> {
    params
        .get(name)
        .map(str::to_owned)
        .ok_or_else(|| Invalid::new(format!("`{name}` is missing, for example {name}={example}")))
}

/// Cells with clicks, or views by the tenth of the page they reached; of one class of screens with
/// the page's outline.
#[utoipa::path(get, path = "/api/v1/stats/heatmap", tag = "own",
    params(PeriodParams,
        ("page" = String, Query, description = "Path of the page"),
        ("kind" = Option<String>, Query, pattern = "^(click|scroll)$", description = "`click` or `scroll`"),
        ("screen" = Option<String>, Query, description = "Class of the screen; all together if left out")),
    responses((status = 200, body = One)))]
pub(super) async fn heatmap(app: Caller, params: Params) -> Result<Json<Value>, Error> {
    params.only(&[&PERIOD, &["page", "kind", "screen"]])?;
    let page = required(&params, "page", "/pricing")?;
    let kind = params.get("kind").unwrap_or("click").to_owned();
    if !matches!(kind.as_str(), "click" | "scroll") {
        return Err(Invalid::new(format!("invalid kind `{kind}`: click or scroll")).into());
    }
    let screen = params.get("screen").filter(|screen| !screen.is_empty()).map(str::to_owned);
    let (_, range, days) = read(&app, &params).await?;
    reckon(move || {
        let screen = screen.as_deref();
        let mut answer = json!({ "page": page, "kind": kind, "screen": screen });
        if kind == "click" {
            let (clicks, screens) = clicks(&days, range, &page, screen);
            answer["columns"] = GRID.into();
            answer["rows"] = GRID_ROWS.into();
            answer["total"] = clicks.total.into();
            answer["screens"] = json!(screens);
            let cell = |((row, column), count): (&(u32, u32), &i64)| {
                json!({ "column": column, "row": row, "count": count })
            };
            answer["cells"] = clicks.cells.iter().map(cell).collect();
        } else {
            let (scrolls, screens) = scrolls(&days, range, &page, screen);
            let all = scrolls.reached[0];
            answer["total"] = all.into();
            answer["screens"] = json!(screens);
            let depth = |(count, nth): (&i64, usize)| {
                let percent = (all > 0).then(|| (*count as f64 / all as f64 * 100.0).round());
                json!({ "depth": nth * 10, "views": count, "percent": percent })
            };
            answer["depths"] = scrolls.reached.iter().zip(1..).map(depth).collect();
        }
        // Layouts differ by class, so that all together have none.
        let known = screen.and_then(|screen| outline(&days, range, &page, screen));
        answer["outline"] = known.as_ref().map(things).into();
        json!({ "results": answer })
    })
    .await
}

/// What is where on a page.
fn things(outline: &Outline) -> Value {
    let thing = |it: &Thing| {
        json!({
            "part": it.part.as_str(), "column": it.left, "row": it.top,
            "columns": it.width, "rows": it.height,
        })
    };
    let things: Vec<Value> = outline.things.iter().map(thing).collect();
    json!({ "rows": outline.height, "things": things })
}

/// How fast a page, or all of them, and which pages are slowest.
#[utoipa::path(get, path = "/api/v1/stats/timings", tag = "own",
    params(PeriodParams,
        ("page" = Option<String>, Query, description = "Path of the page; all of them if left out"),
        ("metric" = Option<String>, Query, pattern = "^(origin|TTFB|LCP|INP|CLS)$", description = "What pages are slow by; `LCP` if left out")),
    responses((status = 200, body = One)))]
pub(super) async fn speed(app: Caller, params: Params) -> Result<Json<Value>, Error> {
    params.only(&[&PERIOD, &["page", "metric"]])?;
    let rank = match params.get("metric") {
        None => What::Lcp,
        Some(word) => What::parse(word)
            .ok_or_else(|| Invalid::unknown("metric", word, What::ALL.map(What::as_str)))?,
    };
    let page = params.get("page").map(str::to_owned);
    let (_, range, days) = read(&app, &params).await?;
    reckon(move || {
        let timed = Timed::of_days(&days, range);
        let timings = timed.timings(page.as_deref().unwrap_or_default());
        let mut answer = json!({ "page": page, "timings": told(&timings) });
        if page.is_none() {
            answer["slowest"] = timed
                .slowest(rank, LEAST_VIEWS, SLOWEST)
                .iter()
                .map(|(page, timings)| json!({ "page": page, "timings": told(timings) }))
                .collect();
        }
        json!({ "results": answer })
    })
    .await
}

fn told(timings: &Timings) -> Map<String, Value> {
    let value = |of: &Percentiles| json!(of);
    timings.iter().map(|(what, of)| (what.as_str().to_owned(), value(of))).collect()
}

/// Event rows of a range, all of it.
async fn rows_of(app: &Caller, site: &Site, range: Range) -> Result<Rows, Error> {
    let ranges = std::iter::once(range);
    let (_, rows) = app.read(site, ranges, Some(RowsOf::People)).await?;
    match rows.covered_from.filter(|first| *first > range.first) {
        None => Ok(rows),
        Some(first) => Err(Invalid::new(format!(
            "event rows tell a funnel that was added while the program ran, and all of them are \
             kept from {first} on: ask for days since then"
        ))
        .into()),
    }
}

/// The steps of one funnel.
#[utoipa::path(get, path = "/api/v1/stats/funnel", tag = "own",
    params(PeriodParams, ("name" = String, Query, description = "The funnel's name")),
    responses((status = 200, body = One)))]
pub(super) async fn steps(app: Caller, params: Params) -> Result<Json<Value>, Error> {
    params.only(&[&PERIOD, &["name"]])?;
    let name = required(&params, "name", "Checkout")?;
    let (site, range, days) = read(&app, &params).await?;
    let known = site.funnels.iter().find(|known| *known.name == *name);
    let known = known.cloned().ok_or_else(|| {
        Invalid::unknown("funnel", &name, site.funnels.iter().map(|known| &*known.name))
    })?;
    let rows = match known.is_kept {
        true => Some(rows_of(&app, &site, range).await?),
        false => None,
    };
    reckon(move || {
        let steps = match &rows {
            Some(rows) => funnel_by_rows(&site, rows.days.values().map(|day| &**day), &known, None),
            None => funnel(&days, range, &known),
        };
        let conversion = steps.last().and_then(|step| step.of_all);
        json!({ "results": { "name": name, "conversion_rate": conversion, "steps": steps } })
    })
    .await
}
