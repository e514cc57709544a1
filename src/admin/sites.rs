//! Which sites there are, their goals and the properties of their events: Plausible's Sites API, as
//! far as it reads. What it would write is in the settings here.

use super::App;
use super::caller::Caller;
use super::error::Error;
use super::params::{InPath, Params};
use crate::model::goal::{Goal, Target};
use crate::model::site::Site;
use crate::report::{Invalid, Metric, Period, Property, breakdown};
use axum::Json;
use serde::Serialize;
use std::ops::RangeInclusive;
use utoipa::ToSchema;

/// Entries of a page of a list, if the request does not say; and at most.
const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1_000;

/// A list's parameters.
const PAGE: [&str; 3] = ["after", "before", "limit"];

/// Where a page of a list stands: what to ask for to get the one after it or before it.
#[derive(Serialize, ToSchema)]
pub(super) struct Meta {
    after: Option<String>,
    before: Option<String>,
    limit: usize,
}

#[derive(Serialize, ToSchema)]
pub(super) struct SiteList {
    sites: Vec<SiteEntry>,
    meta: Meta,
}

#[derive(Serialize, ToSchema)]
struct SiteEntry {
    /// The site's name, its `site_id`.
    domain: String,
    /// IANA name.
    timezone: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct SiteDetail {
    domain: String,
    timezone: String,
    /// Properties that events of the last 30 days had.
    custom_properties: Vec<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct GoalList {
    goals: Vec<GoalEntry>,
    meta: Meta,
}

#[derive(Serialize, ToSchema)]
struct GoalEntry {
    /// Its place in the settings, from 1.
    id: String,
    /// `event` or `page`.
    goal_type: &'static str,
    display_name: String,
    event_name: Option<String>,
    page_path: Option<String>,
    custom_props: std::collections::BTreeMap<String, String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct PropertyList {
    custom_properties: Vec<PropertyEntry>,
}

#[derive(Serialize, ToSchema)]
struct PropertyEntry {
    property: String,
}

impl SiteEntry {
    fn of(site: &Site) -> Self {
        Self { domain: site.name.to_string(), timezone: site.timezone.name().to_owned() }
    }
}

impl GoalEntry {
    fn of(place: usize, goal: &Goal) -> Self {
        let (goal_type, event_name, page_path) = match &goal.target {
            Target::Event(name) => ("event", Some(name.clone()), None),
            Target::Page(path) => ("page", None, Some(path.to_string())),
        };
        Self {
            id: (place + 1).to_string(),
            goal_type,
            display_name: goal.name.to_string(),
            event_name,
            page_path,
            custom_props: Default::default(),
        }
    }
}

/// The page of a list that is asked for. A cursor is the place of the entry that it stands beside.
fn page<T>(mut all: Vec<T>, params: &Params) -> Result<(Vec<T>, Meta), Invalid> {
    let number = |name: &str, default: usize, range: RangeInclusive<usize>| match params.get(name) {
        None => Ok(default),
        Some(text) => text
            .parse()
            .ok()
            .filter(|n| range.contains(n))
            .ok_or_else(|| Invalid::new(format!("invalid {name} `{}`", text.escape_debug()))),
    };
    let limit = number("limit", LIMIT, 1..=LIMIT_MAX)?;
    let end = number("before", 0, 0..=all.len())?;
    let first = match (params.get("before"), params.get("after")) {
        (Some(_), Some(_)) => {
            return Err(Invalid::new("`after` and `before` are asked for together: ask for one"));
        }
        (Some(_), None) => end.saturating_sub(limit),
        (None, _) => number("after", 0, 0..=all.len())?,
    };
    let last = if params.get("before").is_some() { end } else { all.len().min(first + limit) };
    let meta = Meta {
        after: (last < all.len()).then(|| last.to_string()),
        before: (first > 0).then(|| first.to_string()),
        limit,
    };
    all.truncate(last);
    Ok((all.split_off(first), meta))
}

/// Sites that are counted.
#[utoipa::path(get, path = "/api/v1/sites", tag = "sites",
    params(
        ("after" = Option<String>, Query, pattern = r"^\d+$", description = "Cursor: the page after it"),
        ("before" = Option<String>, Query, pattern = r"^\d+$", description = "Cursor: the page before it"),
        ("limit" = Option<usize>, Query, minimum = 1, maximum = 1000, description = "Entries of a page, 100 if left out"),
    ),
    responses(
        (status = 200, body = SiteList),
    ))]
pub(super) async fn list(app: Caller, params: Params) -> Result<Json<SiteList>, Error> {
    params.only(&[&PAGE])?;
    let (sites, meta) = page(app.sites().map(|(_, site)| SiteEntry::of(site)).collect(), &params)?;
    Ok(Json(SiteList { sites, meta }))
}

/// One site.
#[utoipa::path(get, path = "/api/v1/sites/{site_id}", tag = "sites",
    params(("site_id" = String, Path, description = "The site's name")),
    responses(
        (status = 200, body = SiteDetail),
        (status = 404, body = super::stats::Problem, description = "There is no such site"),
    ))]
pub(super) async fn one(
    app: Caller,
    InPath(name): InPath<String>,
    params: Params,
) -> Result<Json<SiteDetail>, Error> {
    params.only(&[])?;
    let Ok((_, site)) = app.place(Some(&name)) else { return Err(Error::NoSuchSite(name)) };
    let SiteEntry { domain, timezone } = SiteEntry::of(site);
    let custom_properties = app.properties(site).await?;
    Ok(Json(SiteDetail { domain, timezone, custom_properties }))
}

/// A site's goals.
#[utoipa::path(get, path = "/api/v1/sites/goals", tag = "sites",
    params(
        ("site_id" = Option<String>, Query, description = "The site's name; may be left out where there is one site"),
        ("after" = Option<String>, Query, pattern = r"^\d+$", description = "Cursor: the page after it"),
        ("before" = Option<String>, Query, pattern = r"^\d+$", description = "Cursor: the page before it"),
        ("limit" = Option<usize>, Query, minimum = 1, maximum = 1000, description = "Entries of a page, 100 if left out"),
    ),
    responses(
        (status = 200, body = GoalList),
    ))]
pub(super) async fn goals(app: Caller, params: Params) -> Result<Json<GoalList>, Error> {
    params.only(&[&["site_id"], &PAGE])?;
    let (_, site) = app.site(&params).await?;
    let goals = site.goals.iter().enumerate().map(|(place, goal)| GoalEntry::of(place, goal));
    let (goals, meta) = page(goals.collect(), &params)?;
    Ok(Json(GoalList { goals, meta }))
}

/// Properties that a site's events of the last 30 days had.
#[utoipa::path(get, path = "/api/v1/sites/custom-props", tag = "sites",
    params(("site_id" = Option<String>, Query, description = "The site's name; may be left out where there is one site")),
    responses(
        (status = 200, body = PropertyList),
    ))]
pub(super) async fn custom_props(app: Caller, params: Params) -> Result<Json<PropertyList>, Error> {
    params.only(&[&["site_id"]])?;
    let (_, site) = app.site(&params).await?;
    let properties = app.properties(&site).await?.into_iter();
    let custom_properties = properties.map(|property| PropertyEntry { property }).collect();
    Ok(Json(PropertyList { custom_properties }))
}

impl App {
    /// Names of the properties of a site's events, in their order.
    async fn properties(&self, site: &Site) -> Result<Vec<String>, Error> {
        let range = Period::Days30.range(None, site.day(self.admin.clock.now()), true)?;
        let days = self.reader.days(&site.name, range).await?;
        let property = Property::parse("event:property")?;
        let mut names: Vec<String> =
            breakdown(&days, site, range, &property, &[Metric::Events], None)
                .into_iter()
                .map(|slice| slice.value)
                .filter(|name| name != crate::model::rollup::OTHER)
                .collect();
        names.sort_unstable();
        Ok(names)
    }
}
