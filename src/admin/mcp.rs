//! The same questions for assistants: a server of the Model Context Protocol at `/mcp`, by
//! streamable HTTP. It reads only, keeps no sessions, and lets in whom the API lets in: see
//! [`super::guard`].

use super::App;
use super::caller::{Caller, Granted};
use super::error::Error;
use super::openapi::{
    Aggregate, Breakdown, FunnelQuestion, JourneysQuestion, Question, SiteOnly, TimeToGoalQuestion,
    Timeseries,
};
use super::params::Params;
use super::sequence::Read;
use super::stats::Sums;
use crate::language::Language;
use crate::report::Sequence;
use axum::http::request::Parts;
use rmcp::handler::server::common::Extension;
use rmcp::handler::server::tool::schema_for_type;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{
    CallToolResult, ContentBlock, Implementation, JsonObject, ServerCapabilities, ServerConfig,
};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ServerHandler, tool, tool_handler, tool_router};
use serde_json::{Value, json};
use std::sync::Arc;

/// Bytes of a request; as long as a question of the API may be.
const BODY: usize = 64 * 1024;

const INSTRUCTIONS: &str = "\
Web analytics of one or more sites. `sites` lists their names, which are the `site_id` of the other \
tools; with one site it may be left out. `query` answers anything: metrics such as visitors, visits, \
pageviews, bounce_rate, visit_duration, events, conversion_rate; dimensions such as event:page, \
visit:source, visit:country_name, visit:browser, event:goal, time:day. The answer is refused, with \
the reason, where a number cannot be given rightly; a value of null is not known.";

/// The tools, which ask as whoever the guard let in with the request.
#[derive(Clone)]
pub(super) struct Tools(Arc<App>);

pub(super) fn service(app: Arc<App>) -> StreamableHttpService<Tools, NeverSessionManager> {
    let mut config = StreamableHttpServerConfig::default();
    config.legacy_session_mode = false;
    config.json_response = true;
    config.max_request_body_bytes = BODY;
    // The guard has looked at the host and at the origin.
    config.allowed_hosts.clear();
    StreamableHttpService::new(move || Ok(Tools(app.clone())), Arc::default(), config)
}

#[tool_router]
impl Tools {
    /// Totals of a period, for example visitors and pageviews of the last 30 days.
    #[tool(input_schema = schema_for_type::<Aggregate>(), annotations(read_only_hint = true))]
    async fn aggregate(
        &self,
        Extension(parts): Extension<Parts>,
        Parameters(given): Parameters<JsonObject>,
    ) -> CallToolResult {
        self.sums(&parts, Sums::Aggregate, given).await
    }

    /// A row for each hour, day or month of a period.
    #[tool(input_schema = schema_for_type::<Timeseries>(), annotations(read_only_hint = true))]
    async fn timeseries(
        &self,
        Extension(parts): Extension<Parts>,
        Parameters(given): Parameters<JsonObject>,
    ) -> CallToolResult {
        self.sums(&parts, Sums::Timeseries, given).await
    }

    /// A row for each value of a property: pages, sources, countries, browsers, goals.
    #[tool(input_schema = schema_for_type::<Breakdown>(), annotations(read_only_hint = true))]
    async fn breakdown(
        &self,
        Extension(parts): Extension<Parts>,
        Parameters(given): Parameters<JsonObject>,
    ) -> CallToolResult {
        self.sums(&parts, Sums::Breakdown, given).await
    }

    /// Any question: metrics over a time, told apart by dimensions, under filters, compared.
    #[tool(input_schema = schema_for_type::<Question>(), annotations(read_only_hint = true))]
    async fn query(
        &self,
        Extension(parts): Extension<Parts>,
        Parameters(given): Parameters<JsonObject>,
    ) -> CallToolResult {
        match self.caller(&parts) {
            Ok(caller) => told(caller.query(&Value::Object(given)).await),
            Err(e) => told(Err(e)),
        }
    }

    /// Which pages visits viewed before a page and after it, three steps each way.
    #[tool(input_schema = schema_for_type::<JourneysQuestion>(), annotations(read_only_hint = true))]
    async fn journeys(
        &self,
        Extension(parts): Extension<Parts>,
        Parameters(given): Parameters<JsonObject>,
    ) -> CallToolResult {
        self.sequence(&parts, Sequence::journeys, given).await
    }

    /// How many visits did the steps of a funnel, one after the other.
    #[tool(input_schema = schema_for_type::<FunnelQuestion>(), annotations(read_only_hint = true))]
    async fn funnel(
        &self,
        Extension(parts): Extension<Parts>,
        Parameters(given): Parameters<JsonObject>,
    ) -> CallToolResult {
        self.sequence(&parts, Sequence::funnel, given).await
    }

    /// How long visitors took to reach a goal, from their first view of the day.
    #[tool(input_schema = schema_for_type::<TimeToGoalQuestion>(), annotations(read_only_hint = true))]
    async fn time_to_goal(
        &self,
        Extension(parts): Extension<Parts>,
        Parameters(given): Parameters<JsonObject>,
    ) -> CallToolResult {
        self.sequence(&parts, Sequence::time_to_goal, given).await
    }

    /// The sites that are counted, with the names of their goals.
    #[tool(annotations(read_only_hint = true))]
    async fn sites(&self, Extension(parts): Extension<Parts>) -> CallToolResult {
        told(self.all_sites(&parts).await)
    }

    /// How many visitors are on a site now: those of the last five minutes.
    #[tool(input_schema = schema_for_type::<SiteOnly>(), annotations(read_only_hint = true))]
    async fn realtime_visitors(
        &self,
        Extension(parts): Extension<Parts>,
        Parameters(given): Parameters<JsonObject>,
    ) -> CallToolResult {
        let visitors = self.caller(&parts).and_then(|caller| caller.visitors_now(&params(given)));
        told(visitors.map(|visitors| json!({ "visitors": visitors })))
    }
}

impl Tools {
    /// Whoever the guard let in.
    fn caller(&self, parts: &Parts) -> Result<Caller, Error> {
        let granted = parts.extensions.get::<Arc<Granted>>().ok_or(Error::NoRight)?;
        Ok(Caller::of(self.0.clone(), granted.clone(), Language::English))
    }

    async fn sums(&self, parts: &Parts, kind: Sums, given: JsonObject) -> CallToolResult {
        match self.caller(parts) {
            Ok(caller) => told(caller.sums(kind, &params(given)).await),
            Err(e) => told(Err(e)),
        }
    }

    async fn sequence(&self, parts: &Parts, read: Read, given: JsonObject) -> CallToolResult {
        match self.caller(parts) {
            Ok(caller) => told(caller.sequence(read, Value::Object(given)).await),
            Err(e) => told(Err(e)),
        }
    }

    async fn all_sites(&self, parts: &Parts) -> Result<Value, Error> {
        let caller = self.caller(parts)?;
        let mut sites = Vec::new();
        for (_, site) in caller.sites() {
            let (_, site) = caller.site_named(Some(&site.name)).await?;
            let goals: Vec<&str> = site.goals.iter().map(|goal| &*goal.name).collect();
            let timezone = site.timezone.name();
            sites.push(json!({ "site_id": *site.name, "timezone": timezone, "goals": goals }));
        }
        Ok(json!({ "sites": sites }))
    }
}

#[tool_handler]
impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("headcount", env!("CARGO_PKG_VERSION")))
            .with_instructions(INSTRUCTIONS)
    }
}

/// Arguments as if they were query parameters, so that both are read alike.
fn params(given: JsonObject) -> Params {
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let given = given.into_iter().filter(|(_, value)| !value.is_null());
    Params::of(given.map(|(name, value)| (name, text(value))).collect())
}

/// A refusal is an answer too: who asked can ask better.
fn told(answer: Result<Value, Error>) -> CallToolResult {
    match answer {
        Ok(answer) => CallToolResult::structured(answer),
        Err(error) => CallToolResult::error(vec![ContentBlock::text(error.line())]),
    }
}
