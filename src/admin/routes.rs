//! Which routes there are, and what each needs of who asks.
//!
//! A route is added here with what it needs, and only so: the guard lets nobody through to one that
//! says nothing, and a test asks every one of them as every kind of visitor.

use super::caller::Granted;
use super::error::Error;
use super::{
    App, account, assets, dashboard, docs, guard, health, language, login, mcp, metrics, openapi,
    settings, share, theme,
};
use crate::kept::Scope;
use axum::Router;
use axum::http::Method;
use axum::routing::{MethodRouter, get, post};
use std::collections::HashMap;
use std::sync::Arc;
use utoipa::openapi::OpenApi as Description;

/// What a route needs of who asks. Which sites they may see, its handler looks at besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing: it tells of no site, or looks at what is shown itself.
    Nothing,
    /// To read numbers.
    Stats,
    /// To know what there is to ask about.
    Sites,
    /// To change what is kept of a site.
    WriteSites,
    /// To read the process's own metrics.
    Metrics,
    /// To be somebody: a person who is signed in, or who has the file's credentials.
    Somebody,
}

impl Need {
    pub(super) fn is_met_by(self, granted: &Granted) -> bool {
        match self {
            Self::Nothing => true,
            Self::Stats => granted.has(Scope::ReadStats),
            Self::Sites => granted.has(Scope::ReadSites),
            Self::WriteSites => granted.has(Scope::WriteSites),
            Self::Metrics => granted.rights.everything && granted.has(Scope::ReadMetrics),
            Self::Somebody => granted.is_somebody(),
        }
    }
}

const SHARED: [&str; 4] =
    ["/share/{key}", "/share/{key}/details.csv", "/share/{key}/details.json", "/share/{key}/live"];
const PUBLIC: [&str; 4] = [
    "/public/{site}",
    "/public/{site}/details.csv",
    "/public/{site}/details.json",
    "/public/{site}/live",
];

/// What each route needs.
pub(super) type Needs = HashMap<(String, Method), Need>;

/// All routes, and the API's description.
pub(super) struct Routes {
    pub router: Router<Arc<App>>,
    pub needs: Needs,
    pub description: Description,
}

impl Routes {
    /// Those behind the guard.
    pub(super) fn all() -> Self {
        let (router, description) = openapi::routes().split_for_parts();
        let needs = api(&description);
        Self { router, needs, description }
            .get("/", Need::Stats, get(dashboard::show))
            .get("/details.csv", Need::Stats, get(dashboard::as_csv))
            .get("/details.json", Need::Stats, get(dashboard::as_json))
            .post(dashboard::segments::KEEP, Need::Somebody, post(dashboard::segments::keep))
            .post(dashboard::segments::FORGET, Need::Somebody, post(dashboard::segments::forget))
            .both("/settings/{part}", Need::Somebody, get(settings::show).post(settings::change))
            .both("/account", Need::Somebody, get(account::show).post(account::change))
            .both(
                "/invitation/{secret}",
                Need::Nothing,
                get(account::invited).post(account::accept),
            )
            .links::<share::Shared>(SHARED)
            .links::<share::Public>(PUBLIC)
            .get("/metrics", Need::Metrics, get(metrics::show))
            .both("/login", Need::Nothing, get(login::show).post(login::enter))
            .post("/logout", Need::Nothing, post(login::leave))
            .get(assets::PATH, Need::Nothing, get(assets::show))
            .get(theme::STYLE, Need::Nothing, get(theme::style))
            .post(theme::CHOOSE, Need::Nothing, post(theme::choose))
            .post(language::CHOOSE, Need::Nothing, post(language::choose))
            .get("/docs", Need::Nothing, get(docs::contents))
            .get("/docs/{page}", Need::Nothing, get(docs::show))
            .get("/docs/files/{*path}", Need::Nothing, get(docs::file))
    }

    /// The service for assistants, which asks as whoever was let in.
    pub(super) fn with_assistants(mut self, app: Arc<App>) -> Self {
        self.router = self.router.route_service("/mcp", mcp::service(app));
        for method in [Method::GET, Method::POST, Method::DELETE] {
            self.needs.insert(("/mcp".to_owned(), method), Need::Stats);
        }
        self
    }

    /// What a link leads to. Each looks at the link itself.
    fn links<K: share::Kind>(self, paths: [&str; 4]) -> Self {
        let [page, csv, json, live] = paths;
        self.both(page, Need::Nothing, get(share::show::<K>).post(share::enter::<K>))
            .get(csv, Need::Nothing, get(share::csv::<K>))
            .get(json, Need::Nothing, get(share::json::<K>))
            .get(live, Need::Nothing, get(share::live::<K>))
    }

    fn get(self, path: &str, need: Need, handler: MethodRouter<Arc<App>>) -> Self {
        self.add(path, &[Method::GET], need, handler)
    }

    fn post(self, path: &str, need: Need, handler: MethodRouter<Arc<App>>) -> Self {
        self.add(path, &[Method::POST], need, handler)
    }

    fn both(self, path: &str, need: Need, handler: MethodRouter<Arc<App>>) -> Self {
        self.add(path, &[Method::GET, Method::POST], need, handler)
    }

    fn add(
        mut self,
        path: &str,
        methods: &[Method],
        need: Need,
        handler: MethodRouter<Arc<App>>,
    ) -> Self {
        self.router = self.router.route(path, handler);
        for method in methods {
            self.needs.insert((path.to_owned(), method.clone()), need);
        }
        self
    }
}

/// What the routes of the API need. One that is described and not named here needs what nobody
/// brings: it is not in the list.
fn api(description: &Description) -> Needs {
    let need = |path: &str, method: &Method| match path {
        "/api/health" => Some(Need::Nothing),
        "/api/openapi.json" | "/api/v1/sites" | "/api/v1/sites/{site_id}" => Some(Need::Sites),
        "/api/v1/sites/goals" | "/api/v1/sites/custom-props" => Some(Need::Sites),
        "/api/v1/sites/segments" if method == Method::GET => Some(Need::Sites),
        "/api/v1/sites/segments" | "/api/v1/sites/segments/{id}" => Some(Need::WriteSites),
        "/api/live" | "/api/v1/export" | "/api/v2/query" => Some(Need::Stats),
        "/api/v2/journeys" | "/api/v2/funnel" | "/api/v2/time-to-goal" => Some(Need::Stats),
        path if path.starts_with("/api/v1/stats/") => Some(Need::Stats),
        _ => None,
    };
    let mut needs = Needs::new();
    for (path, item) in &description.paths.paths {
        for (method, operation) in [
            (Method::GET, &item.get),
            (Method::POST, &item.post),
            (Method::PUT, &item.put),
            (Method::DELETE, &item.delete),
        ] {
            if let (Some(_), Some(need)) = (operation, need(path, &method)) {
                needs.insert((path.clone(), method), need);
            }
        }
    }
    needs
}

/// Puts the guard in front of them.
pub(super) fn guarded(routes: Router<Arc<App>>, app: Arc<App>, needs: Needs) -> Router<Arc<App>> {
    let routes = routes
        .fallback(async || Error::NotFound)
        .method_not_allowed_fallback(async || Error::WrongMethod);
    let state = (app, Arc::new(needs));
    routes.layer(axum::middleware::from_fn_with_state(state, guard::admit))
}

/// Probes stand outside of the guard: an orchestrator's Host is an address.
pub(super) fn probes(routes: Router<Arc<App>>) -> Router<Arc<App>> {
    routes.route("/healthz", get(health::alive)).route("/readyz", get(health::ready))
}
