//! What visits did one after the other: journeys, funnels, the time until a goal. Answered from
//! event rows, with the filters of version 2 of the Stats API.

use super::body::Body;
use super::caller::Caller;
use super::error::Error;
use super::openapi::{FunnelQuestion, JourneysQuestion, One, TimeToGoalQuestion};
use crate::clock::Millis;
use crate::model::row::RowsOf;
use crate::model::site::Site;
use crate::report::{Invalid, Rows, Sequence};
use axum::Json;
use serde_json::Value;

/// Reads a question of one kind.
pub(super) type Read = fn(&Value, &Site, Millis) -> Result<Sequence, Invalid>;

impl Caller {
    pub(super) async fn sequence(&self, read: Read, question: Value) -> Result<Value, Error> {
        let site = &*self.site_of(&question).await?;
        let question = self.with_segments(question, site).await?;
        let question = read(&question, site, self.admin.clock.now())?;
        let counted = self.reader.days(&site.name, question.range()).await?;
        let read = self.rows.rows(site, RowsOf::People, question.range(), &counted).await?;
        let rows = Rows { covered_from: read.covered_from(), days: read.days };
        let site = site.clone();
        let answer = tokio::task::spawn_blocking(move || question.answer(&site, &rows));
        Ok(answer.await.map_err(|_| Error::Lost)??)
    }
}

async fn answered(app: &Caller, read: Read, body: Value) -> Result<Json<Value>, Error> {
    app.sequence(read, body).await.map(Json)
}

/// Which pages visits viewed before a page, and after it, three steps each way.
///
/// Each step has the pages with most visits. Views of one page in a row count as one.
#[utoipa::path(post, path = "/api/v2/journeys", tag = "own",
    request_body = JourneysQuestion, responses((status = 200, body = One)))]
pub(super) async fn journeys(app: Caller, Body(body): Body) -> Result<Json<Value>, Error> {
    answered(&app, Sequence::journeys, body).await
}

/// How many visits did the steps of a funnel, whatever they did between.
#[utoipa::path(post, path = "/api/v2/funnel", tag = "own",
    request_body = FunnelQuestion, responses((status = 200, body = One)))]
pub(super) async fn funnel(app: Caller, Body(body): Body) -> Result<Json<Value>, Error> {
    answered(&app, Sequence::funnel, body).await
}

/// How many seconds visitors took from their first view of a day until they reached a goal on it.
#[utoipa::path(post, path = "/api/v2/time-to-goal", tag = "own",
    request_body = TimeToGoalQuestion, responses((status = 200, body = One)))]
pub(super) async fn time_to_goal(app: Caller, Body(body): Body) -> Result<Json<Value>, Error> {
    answered(&app, Sequence::time_to_goal, body).await
}
