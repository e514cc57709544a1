//! Segments: a site's named filters. They are kept in the store, so all nodes know them, and looked
//! up only for a question that asks for one.

use super::App;
use super::body::Body;
use super::caller::Caller;
use super::error::Error;
use super::params::{InPath, Params};
use crate::model::site::Site;
use crate::report::{Invalid, Query, Segment, Segments, asks_for_segment};
use axum::Json;
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub(super) struct SegmentList {
    segments: Vec<SegmentEntry>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct SegmentEntry {
    id: u64,
    name: String,
    /// Filters of version 2, all of which must be met.
    #[schema(value_type = Vec<Object>)]
    filters: Vec<Value>,
}

/// A segment that is to be kept; one of this name gets these filters.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its fields are a description")]
pub(super) struct NewSegment {
    /// The site's name; may be left out where there is one site.
    site_id: Option<String>,
    /// 1 to 100 characters.
    name: String,
    /// Filters of version 2, all of which must be met.
    #[schema(value_type = Vec<Object>)]
    filters: Vec<Value>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Deleted {
    deleted: bool,
}

impl From<&Segment> for SegmentEntry {
    fn from(Segment { id, name, filters }: &Segment) -> Self {
        Self { id: *id, name: name.clone(), filters: filters.clone() }
    }
}

/// A site's segments.
#[utoipa::path(get, path = "/api/v1/sites/segments", tag = "sites",
    params(("site_id" = Option<String>, Query, description = "The site's name; may be left out where there is one site")),
    responses((status = 200, body = SegmentList)))]
pub(super) async fn list(app: Caller, params: Params) -> Result<Json<SegmentList>, Error> {
    params.only(&[&["site_id"]])?;
    let (_, site) = app.place(params.get("site_id"))?;
    let segments = app.segments(site).await?;
    Ok(Json(SegmentList { segments: segments.iter().map(SegmentEntry::from).collect() }))
}

/// Keeps a segment.
#[utoipa::path(put, path = "/api/v1/sites/segments", tag = "sites",
    request_body = NewSegment, responses((status = 200, body = SegmentEntry)))]
pub(super) async fn put(app: Caller, Body(body): Body) -> Result<Json<SegmentEntry>, Error> {
    const KEYS: [&str; 3] = ["site_id", "name", "filters"];
    let keys = body.as_object().into_iter().flat_map(|body| body.keys());
    if let Some(key) = keys.into_iter().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(Invalid::unknown("key", key, KEYS).into());
    }
    let site = &*app.site_of(&body).await?;
    app.check_owns(site)?;
    let (Some(name), Some(filters)) = (body["name"].as_str(), body["filters"].as_array()) else {
        return Err(Invalid::new("a segment has a `name` and `filters`, which is a list").into());
    };
    let id = app.put_segment(site, name, filters).await?;
    Ok(Json(SegmentEntry { id, name: name.trim().to_owned(), filters: filters.clone() }))
}

/// Forgets a segment.
#[utoipa::path(delete, path = "/api/v1/sites/segments/{id}", tag = "sites",
    params(
        ("id" = u64, Path, description = "The segment's number"),
        ("site_id" = Option<String>, Query, description = "The site's name; may be left out where there is one site"),
    ),
    responses(
        (status = 200, body = Deleted),
        (status = 404, body = super::stats::Problem, description = "There is no such segment"),
    ))]
pub(super) async fn delete(
    app: Caller,
    InPath(id): InPath<String>,
    params: Params,
) -> Result<Json<Deleted>, Error> {
    params.only(&[&["site_id"]])?;
    let (_, site) = app.place(params.get("site_id"))?;
    app.check_owns(site)?;
    app.delete_segment(site, &id).await?;
    Ok(Json(Deleted { deleted: true }))
}

impl App {
    /// A site's segments.
    pub(super) async fn segments(&self, site: &Site) -> Result<Arc<Segments>, Error> {
        Ok(self.kept.get::<Segments>(Some(&site.name)).await?)
    }

    /// The same for a page that offers them: those of before, if the store may not be asked now.
    pub(super) async fn segments_to_choose_from(
        &self,
        site: &Site,
    ) -> Result<Arc<Segments>, Error> {
        match &self.admin.budget {
            Some(budget) if !budget.may_read(1) => {
                Ok(self.kept.last::<Segments>(Some(&site.name)).unwrap_or_default())
            }
            _ => self.segments(site).await,
        }
    }

    /// A question in which each segment that it asks for has been replaced by its filters.
    pub(super) async fn with_segments(&self, mut body: Value, site: &Site) -> Result<Value, Error> {
        let filters = body.get("filters").and_then(Value::as_array);
        if filters.is_some_and(|filters| filters.iter().any(asks_for_segment)) {
            let segments = self.segments(site).await?;
            let expanded = filters.into_iter().flatten().map(|filter| segments.expand(filter));
            body["filters"] = expanded.collect::<Result<Vec<_>, _>>()?.into();
        }
        Ok(body)
    }

    /// Keeps filters that can be asked under a name, and gives the segment's number.
    pub(super) async fn put_segment(
        &self,
        site: &Site,
        name: &str,
        filters: &[Value],
    ) -> Result<u64, Error> {
        if !filters.iter().any(asks_for_segment) {
            // Events are known of whatever rows tell, robots and files too.
            let question =
                json!({ "metrics": ["events"], "date_range": "day", "filters": filters });
            Query::read(&question, site, self.admin.clock.now())?;
        }
        self.change_segments(site, |segments| Ok(segments.put(name, filters.to_vec())?.id)).await
    }

    pub(super) async fn delete_segment(&self, site: &Site, id: &str) -> Result<(), Error> {
        let change = |segments: &mut Segments| {
            let gone = id.parse().ok().and_then(|id| segments.remove(id));
            gone.map(drop).ok_or_else(|| Error::NoSuchSegment(id.to_owned()))
        };
        self.change_segments(site, change).await
    }

    async fn change_segments<T>(
        &self,
        site: &Site,
        change: impl Fn(&mut Segments) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.kept.change(Some(&site.name), change).await
    }
}
