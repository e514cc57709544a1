//! The API's description: OpenAPI 3.1 at `/api/openapi.json`, made from the handlers themselves.
//!
//! A route of the API exists only with its description: both come from [`routes`].

use super::stats::Problem;
use super::{App, export, health, insight, live, segments, sequence, sites, stats};
use crate::report::{Metric, Period, Property};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderName, header};
use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;
use std::sync::Arc;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi as Description, Ref, ResponseBuilder};
use utoipa::{IntoParams, OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "headcount",
        description = "Plausible's Stats API, with more metrics and properties, and reads of our own. \
                       A question that cannot be answered is refused in a line that names why.",
    ),
    components(schemas(Problem)),
    tags(
        (name = "stats", description = "What was counted"),
        (name = "sites", description = "What there is to ask about"),
        (name = "own", description = "What Plausible does not have"),
        (name = "health", description = "Whether it works"),
    ),
)]
struct Head;

/// All routes below `/api`, each with its description.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(Head::openapi())
        .routes(routes!(stats::realtime_visitors))
        .routes(routes!(stats::aggregate))
        .routes(routes!(stats::timeseries))
        .routes(routes!(stats::breakdown))
        .routes(routes!(stats::query))
        .routes(routes!(sequence::journeys))
        .routes(routes!(sequence::funnel))
        .routes(routes!(sequence::time_to_goal))
        .routes(routes!(insight::heatmap))
        .routes(routes!(insight::speed))
        .routes(routes!(insight::steps))
        .routes(routes!(sites::list))
        .routes(routes!(sites::goals))
        .routes(routes!(sites::custom_props))
        .routes(routes!(segments::list, segments::put))
        .routes(routes!(segments::delete))
        .routes(routes!(sites::one))
        .routes(routes!(export::rows))
        .routes(routes!(live::stream))
        .routes(routes!(health::api))
        .routes(routes!(describe))
}

/// The description as it is served.
pub(super) fn told(description: Description) -> Bytes {
    let mut told = serde_json::to_value(complete(description)).unwrap_or_default();
    name_words(&mut told);
    told.to_string().into()
}

/// Says of parameters and keys which words there are, from the lists by which questions are read.
fn name_words(told: &mut Json) {
    let one_of = |words: &[&str]| format!("({})", words.join("|"));
    let metric = one_of(&Metric::ALL.map(Metric::as_str));
    let properties: Vec<&str> = Property::names().chain(["event:props:.+"]).collect();
    let property = one_of(&properties);
    let list = |word: &str| format!("^{word}(,{word})*$");
    for operation in told["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut())
    {
        let parameters = operation.pointer_mut("/get/parameters").and_then(Json::as_array_mut);
        for parameter in parameters.into_iter().flatten() {
            let pattern = match parameter["name"].as_str() {
                Some("metrics") => list(&metric),
                Some("property") => format!("^{property}$"),
                _ => continue,
            };
            parameter["schema"]["pattern"] = pattern.into();
        }
    }
    let words = Period::ALL.into_iter().filter(|period| *period != Period::Custom);
    let words: Vec<&str> = words.map(Period::as_str).chain(["24h", "realtime"]).collect();
    let range = &mut told["components"]["schemas"]["DateRange"]["oneOf"];
    range[0]["pattern"] = format!("^{}$", one_of(&words)).into();
    (range[1]["minItems"], range[1]["maxItems"]) = (2.into(), 2.into());
    let question = &mut told["components"]["schemas"]["Question"]["properties"];
    question["metrics"]["items"]["pattern"] = format!("^{metric}$").into();
    question["dimensions"]["items"]["pattern"] =
        format!("^({property}|time(:(hour|day|week|month))?)$").into();
}

/// Adds what holds for every route: credentials, and the refusals that can meet each.
fn complete(mut description: Description) -> Description {
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
    let bearer = bearer.description(Some(
        "A token of `admin_auth.tokens`, or one made in the dashboard, for what it is made",
    ));
    let components = description.components.get_or_insert_default();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer.build()));
    let paths = description.paths.paths.values_mut();
    for item in paths {
        for operation in
            [&mut item.get, &mut item.post, &mut item.put, &mut item.delete].into_iter().flatten()
        {
            refusals(operation);
        }
    }
    description
}

fn refusals(operation: &mut Operation) {
    const ALL: [(&str, &str); 6] = [
        ("400", "The question is wrong, or cannot be answered"),
        ("401", "No valid token, or no such site"),
        (
            "403",
            "The token is not for this; asked under a foreign name, or by another website's page",
        ),
        ("413", "The question is too long"),
        ("500", "The answer was lost"),
        ("503", "The store does not answer"),
    ];
    let is_open = operation.tags.iter().flatten().any(|tag| tag == "health");
    if is_open {
        return;
    }
    for (status, why) in ALL {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let response = ResponseBuilder::new().description(why);
        let response = response.content("application/json", content).build();
        operation.responses.responses.entry(status.to_owned()).or_insert(response.into());
    }
    let requirement = utoipa::openapi::SecurityRequirement::new("bearer", [""; 0]);
    // Without credentials the port is open to its own machine.
    operation.security = Some(vec![requirement, Default::default()]);
}

/// This description.
#[utoipa::path(get, path = "/api/openapi.json", tag = "health",
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value)))]
async fn describe(State(app): State<Arc<App>>) -> ([(HeaderName, &'static str); 1], Bytes) {
    ([(header::CONTENT_TYPE, "application/json")], app.description.clone())
}

/// The site.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "its fields are a description")]
pub(super) struct SiteOnly {
    /// The site's name; may be left out where there is one site.
    site_id: Option<String>,
}

/// What the questions of version 1 have in common, once for query parameters, once for tools.
macro_rules! questions {
    ($($(#[$doc:meta])* $name:ident { $($own:tt)* })+) => {$(
        $(#[$doc])*
        #[derive(IntoParams, JsonSchema)]
        #[into_params(parameter_in = Query)]
        #[schemars(deny_unknown_fields)]
        #[expect(dead_code, reason = "its fields are a description")]
        pub(super) struct $name {
            /// The site's name; may be left out where there is one site.
            site_id: Option<String>,
            /// `day`, `7d`, `28d`, `30d`, `91d`, `month`, `6mo`, `12mo`, `year`, `all` or `custom`;
            /// `30d` if left out.
            #[param(inline)]
            period: Option<PeriodName>,
            /// The day that the period ends with or holds, today if left out; of `custom` two days,
            /// `FIRST,LAST`.
            #[param(pattern = r"^\d{4}-\d{2}-\d{2}(,\d{4}-\d{2}-\d{2})?$")]
            date: Option<String>,
            /// Adds today to days that end with yesterday.
            include_today: Option<bool>,
            $($own)*
        }
    )+};
}

questions! {
    /// Totals.
    Aggregate {
        /// Names separated by commas; `visitors` if left out.
        metrics: Option<String>,
        /// Conditions like `visit:source==Google`, separated by `;`: `==`, `!=`, `=@` and `!@`
        /// (contains), `=~` and `!~` (regular expressions).
        filters: Option<String>,
        /// Nothing is imported, so it changes nothing.
        with_imported: Option<bool>,
        /// Adds how each changed.
        #[param(inline)]
        compare: Option<Comparison>,
    }
    /// Steps of time.
    Timeseries {
        /// Names separated by commas; `visitors` if left out.
        metrics: Option<String>,
        /// Conditions like `visit:source==Google`, separated by `;`: `==`, `!=`, `=@` and `!@`
        /// (contains), `=~` and `!~` (regular expressions).
        filters: Option<String>,
        /// Nothing is imported, so it changes nothing.
        with_imported: Option<bool>,
        #[param(inline)]
        interval: Option<Step>,
    }
    /// Values of a property.
    Breakdown {
        /// What rows are told apart by, for example `event:page`.
        property: String,
        /// Names separated by commas; `visitors` if left out.
        metrics: Option<String>,
        /// Conditions like `visit:source==Google`, separated by `;`: `==`, `!=`, `=@` and `!@`
        /// (contains), `=~` and `!~` (regular expressions).
        filters: Option<String>,
        /// Nothing is imported, so it changes nothing.
        with_imported: Option<bool>,
        /// Rows, 100 if left out.
        #[param(minimum = 1, maximum = 1000)]
        limit: Option<u32>,
        /// Counted from 1.
        #[param(minimum = 1)]
        page: Option<u64>,
    }
    /// Only the time.
    PeriodParams {}
}

/// How long a period is.
#[derive(ToSchema, JsonSchema, Deserialize)]
enum PeriodName {
    #[serde(rename = "day")]
    Day,
    #[serde(rename = "7d")]
    Days7,
    #[serde(rename = "28d")]
    Days28,
    #[serde(rename = "30d")]
    Days30,
    #[serde(rename = "91d")]
    Days91,
    #[serde(rename = "month")]
    Month,
    #[serde(rename = "6mo")]
    Months6,
    #[serde(rename = "12mo")]
    Months12,
    #[serde(rename = "year")]
    Year,
    #[serde(rename = "all")]
    All,
    #[serde(rename = "custom")]
    Custom,
}

/// What a period is compared with.
#[derive(ToSchema, JsonSchema, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Comparison {
    PreviousPeriod,
}

/// How long a step of time is.
#[derive(ToSchema, JsonSchema, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    Hour,
    Day,
    Month,
}

/// A word, or two dates or date-times.
#[derive(ToSchema, JsonSchema, Deserialize)]
#[serde(untagged)]
#[expect(dead_code, reason = "its variants are a description")]
enum DateRange {
    Word(String),
    Ends(Vec<String>),
}

/// Keys of a question, after those that all questions about the order of events have.
macro_rules! sequences {
    ($($(#[$doc:meta])* $name:ident { $($own:tt)* })+) => {$(
        $(#[$doc])*
        #[derive(ToSchema, JsonSchema)]
        #[schemars(deny_unknown_fields)]
        #[expect(dead_code, reason = "its fields are a description")]
        pub(super) struct $name {
            /// The site's name; may be left out where there is one site.
            site_id: Option<String>,
            date_range: DateRange,
            /// Conditions like `["is", "visit:country", ["DE"]]`, all of which must be met.
            filters: Option<Vec<serde_json::Value>>,
            /// `today`, `partial`: true or false.
            #[schema(value_type = Option<Object>)]
            include: Option<serde_json::Map<String, serde_json::Value>>,
            $($own)*
        }
    )+};
}

sequences! {
    /// Which pages visits viewed before a page, and after it.
    JourneysQuestion {
        /// Path of the page.
        page: String,
        /// Pages of each step, those with most visits; 10 if left out.
        #[schema(minimum = 1, maximum = 100)]
        limit: Option<u32>,
    }
    /// How many visits did the steps of a funnel, in this order.
    FunnelQuestion {
        /// A funnel of the settings.
        name: Option<String>,
        /// In its place 2 to 8 steps, like `page /cart` or `event Purchase`.
        steps: Option<Vec<String>>,
    }
    /// How long visitors took to reach a goal, from their first view of the day.
    TimeToGoalQuestion {
        /// The goal's name.
        goal: String,
    }
}

/// A question of version 2.
#[derive(ToSchema, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "its fields are a description")]
pub(super) struct Question {
    /// The site's name; may be left out where there is one site.
    site_id: Option<String>,
    /// For example `visitors`, `visits`, `pageviews`, `bounce_rate`, `events`, `conversion_rate`.
    #[schema(min_items = 1)]
    metrics: Vec<String>,
    date_range: DateRange,
    /// Properties, and at most one step of time, such as `time:day`.
    dimensions: Option<Vec<String>>,
    /// Conditions like `["is", "event:page", ["/"]]`, all of which must be met.
    filters: Option<Vec<serde_json::Value>>,
    /// Pairs like `["visitors", "desc"]`.
    order_by: Option<Vec<(String, String)>>,
    /// `today`, `total_rows`, `time_labels`, `imports`: true or false; `comparisons`:
    /// `{"mode": "previous_period"}` or `year_over_year`, or `custom` with a `date_range`.
    #[schema(value_type = Option<Object>)]
    include: Option<serde_json::Map<String, serde_json::Value>>,
    pagination: Option<Pagination>,
}

#[derive(ToSchema, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "its fields are a description")]
struct Pagination {
    #[schema(minimum = 1, maximum = 10000)]
    limit: Option<u64>,
    offset: Option<u32>,
}

/// An answer of version 2.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its fields are a description")]
pub(super) struct Answer {
    results: Vec<Row>,
    /// What is to be said of the results.
    #[schema(value_type = Object)]
    meta: serde_json::Value,
    /// The question as it was understood.
    #[schema(value_type = Object)]
    query: serde_json::Value,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "its fields are a description")]
struct Row {
    dimensions: Vec<String>,
    /// Numbers, amounts of money, or `null` where a metric is not known.
    metrics: Vec<serde_json::Value>,
    /// With `include.comparisons`: the row of the time before, and how it changed.
    #[schema(value_type = Option<Object>)]
    comparison: Option<serde_json::Value>,
}

/// A server-sent event.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its fields are a description")]
pub(super) struct Event {
    /// `visitors`; none where something happened on the site.
    event: Option<String>,
    /// The number of current visitors, or what happened, as JSON.
    data: Option<String>,
}

/// An answer of version 1 about totals, and of our own reads: one object.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its fields are a description")]
pub(super) struct One {
    #[schema(value_type = Object)]
    results: serde_json::Value,
    /// Why metrics are `null`.
    warning: Option<String>,
}

/// An answer of version 1 with rows.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its fields are a description")]
pub(super) struct Many {
    #[schema(value_type = Vec<Object>)]
    results: Vec<serde_json::Value>,
    /// Why metrics are `null`.
    warning: Option<String>,
}
