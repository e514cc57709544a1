//! The Stats API: Plausible's paths, parameters and shapes.
//!
//! What is wrong with a question is said in `{"error": "…"}`, one line that names it.

use super::body::Body;
use super::caller::Caller;
use super::error::Error;
use super::openapi::{Aggregate, Answer, Breakdown, Many, One, Timeseries};
use super::params::{PERIOD, Params};
use crate::model::row::RowsOf;
use crate::model::site::{Day, Site};
use crate::report::{Days, Query, Question, Range, Reworded, Rows, answer};
use axum::Json;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// Parameters of all three kinds of sums, beside those of the period.
const SUMS: [&str; 3] = ["metrics", "filters", "with_imported"];

/// The questions of version 1.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sums {
    Aggregate,
    Timeseries,
    Breakdown,
}

/// Why a question is not answered.
#[derive(Serialize, ToSchema)]
pub(super) struct Problem {
    /// One line that names what is wrong.
    pub error: String,
}

impl Caller {
    pub(super) fn visitors_now(&self, params: &Params) -> Result<u64, Error> {
        params.only(&[&["site_id"]])?;
        let (site, _) = self.place(params.get("site_id"))?;
        Ok(self.admin.live.current_visitors(site))
    }

    /// Answers a question of version 1.
    pub(super) async fn sums(&self, kind: Sums, params: &Params) -> Result<Value, Error> {
        let own: &[&str] = match kind {
            Sums::Aggregate => &["compare"],
            Sums::Timeseries => &["interval"],
            Sums::Breakdown => &["property", "limit", "page"],
        };
        params.only(&[&PERIOD, &SUMS, own])?;
        let (_, site) = self.site(params).await?;
        let site = &*site;
        let (get, now) = (|name: &str| params.get(name), self.admin.clock.now());
        let question = match kind {
            Sums::Aggregate => Question::aggregate(get, site, now),
            Sums::Timeseries => Question::timeseries(get, site, now),
            Sums::Breakdown => Question::breakdown(get, site, now),
        };
        // What roll-ups do not tell, or not all of, is asked of event rows.
        let question = match question {
            Ok(question) if question.warning().is_none() => question,
            partly => {
                let reworded = match kind {
                    Sums::Aggregate => Reworded::aggregate(get, site, now),
                    Sums::Timeseries => Reworded::timeseries(get, site, now),
                    Sums::Breakdown => Reworded::breakdown(get, site, now),
                };
                match reworded {
                    Ok(reworded) => return self.reworded(reworded, site).await,
                    Err(_) => partly?,
                }
            }
        };
        let days = self.reader.days(&site.name, question.days()).await?;
        let site = site.clone();
        // Summing up years of rows is work for a thread that nobody waits on.
        let answer = tokio::task::spawn_blocking(move || answer(&question, &site, &days));
        Ok(answer.await.map_err(|_| Error::Lost)??)
    }

    async fn reworded(&self, question: Reworded, site: &Site) -> Result<Value, Error> {
        let query = question.query();
        let (days, rows) = self.read(site, query.ranges(), query.takes_rows_of()).await?;
        let site = site.clone();
        let answer = tokio::task::spawn_blocking(move || question.answer(&site, &days, &rows));
        Ok(answer.await.map_err(|_| Error::Lost)??)
    }

    /// Answers a question of version 2.
    pub(super) async fn query(&self, question: &Value) -> Result<Value, Error> {
        let site = &*self.site_of(question).await?;
        let question = self.with_segments(question.clone(), site).await?;
        let mut query = Query::read(&question, site, self.admin.clock.now())?;
        let (mut days, rows) = self.read(site, query.ranges(), query.takes_rows_of()).await?;
        if query.asks_for_imported() {
            let asked: BTreeSet<Day> = query.ranges().flat_map(|range| range.days()).collect();
            let asked: Vec<Day> = asked.into_iter().collect();
            let imported = self.admin.store.imported(&site.name, &asked).await?;
            for (day, counts) in asked.into_iter().zip(&imported) {
                query.add_imported(&mut days, day, counts);
            }
        }
        let site = site.clone();
        let answer = tokio::task::spawn_blocking(move || query.answer(&site, &days, Some(&rows)));
        Ok(answer.await.map_err(|_| Error::Lost)??)
    }

    /// The days of ranges, and their event rows if any are asked for.
    pub(super) async fn read(
        &self,
        site: &Site,
        ranges: impl Iterator<Item = Range>,
        of: Option<RowsOf>,
    ) -> Result<(Days, Rows), Error> {
        let (mut days, mut rows) = (Days::new(), Rows::default());
        for range in ranges {
            let counted = self.days(&site.name, range).await?;
            if let Some(of) = of {
                let read = self.rows.rows(site, of, range, &counted).await?;
                rows.covered_from = rows.covered_from.max(read.covered_from());
                rows.days.extend(read.days);
            }
            days.join(counted);
        }
        Ok((days, rows))
    }
}

/// Visitors of the last five minutes.
#[utoipa::path(get, path = "/api/v1/stats/realtime/visitors", tag = "stats",
    params(("site_id" = Option<String>, Query, description = "The site's name; may be left out where there is one site")),
    responses((status = 200, body = u64, content_type = "application/json")))]
pub(super) async fn realtime_visitors(app: Caller, params: Params) -> Result<Json<u64>, Error> {
    app.visitors_now(&params).map(Json)
}

/// Totals of a period.
#[utoipa::path(get, path = "/api/v1/stats/aggregate", tag = "stats",
    params(Aggregate),
    responses((status = 200, body = One)))]
pub(super) async fn aggregate(app: Caller, params: Params) -> Result<Json<Value>, Error> {
    app.sums(Sums::Aggregate, &params).await.map(Json)
}

/// A row for each step of a period.
#[utoipa::path(get, path = "/api/v1/stats/timeseries", tag = "stats",
    params(Timeseries),
    responses((status = 200, body = Many)))]
pub(super) async fn timeseries(app: Caller, params: Params) -> Result<Json<Value>, Error> {
    app.sums(Sums::Timeseries, &params).await.map(Json)
}

/// A row for each value of a property.
#[utoipa::path(get, path = "/api/v1/stats/breakdown", tag = "stats",
    params(Breakdown),
    responses((status = 200, body = Many)))]
pub(super) async fn breakdown(app: Caller, params: Params) -> Result<Json<Value>, Error> {
    app.sums(Sums::Breakdown, &params).await.map(Json)
}

/// Any question, in its body.
///
/// Whatever media type it claims to be.
#[utoipa::path(post, path = "/api/v2/query", tag = "stats",
    request_body = super::openapi::Question, responses((status = 200, body = Answer)))]
pub(super) async fn query(app: Caller, Body(body): Body) -> Result<Json<Value>, Error> {
    app.query(&body).await.map(Json)
}
