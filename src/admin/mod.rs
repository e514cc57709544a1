//! The admin port: dashboard, Stats API, metrics, and who may see them.
//!
//! Everything here is read-only towards the counts. The room knows HTTP, credentials and pages; it
//! leaves what a question means to [`crate::report`] and where counts lie to [`crate::store`].
//! What only the running process knows, who is here now, it asks through [`Live`].

mod account;
mod assets;
mod attempts;
mod auth;
mod body;
mod caller;
mod dashboard;
mod docs;
mod error;
mod export;
mod guard;
mod health;
mod insight;
mod language;
mod live;
mod login;
mod mcp;
mod metrics;
mod openapi;
mod params;
mod passwords;
mod process;
mod reader;
mod reasons;
mod refusal;
mod routes;
mod rows;
mod segments;
mod sequence;
mod sessions;
mod settings;
mod share;
mod since;
mod sites;
mod stats;
#[cfg(test)]
mod tests;
mod theme;

use crate::aggregate::Happened;
use crate::budget::Budget;
use crate::clock::Clock;
use crate::demo_status::DemoStatus;
use crate::kept::Kept;
use crate::language::Language;
use crate::model::rollup::Dimension;
use crate::model::site::{Day, Site};
use crate::report::{Days, Range};
use crate::store::{self, Store};
use crate::telemetry::Telemetry;
use crate::visitor::Places;
use crate::visitor::address::Trusted;
use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::HeaderValue;
use axum::serve::ListenerExt;
use ipnet::IpNet;
use routes::Routes;
use sessions::Sessions;
use socket2::SockRef;
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

pub use auth::{Auth, AuthError};
pub(crate) use dashboard::{Figures, TOTALS, country, label};

/// How long answers that are under way may take once the process is to end.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// How long a connection is usually kept whose client takes nothing of what it was sent.
pub const UNREAD: Duration = Duration::from_secs(30);

/// What only the running process knows.
pub trait Live: Send + Sync {
    /// Visitors seen in the last five minutes; `site` is its place in [`AdminState::sites`].
    fn current_visitors(&self, site: usize) -> u64;

    /// What happens from now on.
    fn subscribe(&self) -> broadcast::Receiver<Arc<Happened>>;
}

/// What the admin port shows, and to whom.
#[derive(Clone)]
pub struct AdminState {
    pub sites: Arc<Vec<Site>>,
    /// Of each site, in the same order: where its visitors come in, as a URL; `None`: by another
    /// program's proxy.
    pub entrances: Arc<Vec<Option<String>>>,
    /// Likewise: addresses that its settings leave out.
    pub excluded: Arc<Vec<Vec<IpNet>>>,
    pub store: Arc<dyn Store>,
    /// What owners keep in it.
    pub kept: Arc<Kept>,
    pub telemetry: Arc<Telemetry>,
    pub live: Arc<dyn Live>,
    pub auth: Arc<Auth>,
    /// Of pages, for those who ask for none that there is.
    pub language: Language,
    /// Origins of other websites whose scripts may ask the API.
    pub cors_origins: Vec<HeaderValue>,
    /// Proxies whose word on a client's address is taken.
    pub trusted: Trusted,
    /// Whose places are shown has to be said.
    pub places: Arc<Places>,
    pub clock: Clock,
    /// Counts are at most this old; the dashboard refreshes as often.
    pub flush_interval: Duration,
    /// What the store may be asked for in a month, if that is limited.
    pub budget: Option<Arc<Budget>>,
    /// Its visitors are made up.
    pub demo: Option<DemoStatus>,
    /// How long a connection is kept whose client takes nothing of what it was sent; [`UNREAD`].
    pub unread: Duration,
}

/// The state and what the handlers keep beside it.
struct App {
    admin: AdminState,
    reader: reader::Reader,
    rows: rows::RowReader,
    attempts: attempts::Attempts,
    health: health::Health,
    streams: live::Streams,
    exports: export::Exports,
    /// What owners keep in the store.
    kept: Arc<Kept>,
    /// Of those who have a link's password.
    link_sessions: Sessions,
    imported_days: dashboard::imported::ImportedDays,
    first_days: since::FirstDays,
    /// Sites that somebody has seen a page of.
    visited: Mutex<HashSet<Arc<str>>>,
    /// The day on which each token of the store was last used.
    tokens_used: Mutex<HashMap<u64, Day>>,
    /// The API's description, as JSON.
    description: Bytes,
    /// Turns true when the process is to end: streams that would never end do then.
    closing: watch::Receiver<bool>,
}

/// Answers on `listener` until `shutdown`, then finishes what is under way.
///
/// # Errors
/// If the listener fails.
pub async fn serve(
    listener: TcpListener,
    state: AdminState,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let (close, closing) = watch::channel(false);
    let mut closed = closing.clone();
    let unread = Some(state.unread);
    let service = router(state, closing).into_make_service_with_connect_info::<SocketAddr>();
    let listener = listener.tap_io(move |connection| {
        if let Err(error) = SockRef::from(&*connection).set_tcp_user_timeout(unread) {
            tracing::debug!("a reader that stops reading will be waited for: {error}");
        }
    });
    let server = axum::serve(listener, service).with_graceful_shutdown(async move {
        shutdown.await;
        let _ = close.send(true);
    });
    let too_late = async move {
        let _ = closed.wait_for(|closing| *closing).await;
        tokio::time::sleep(LAST_ANSWERS).await;
    };
    tokio::select! {
        ended = server => ended,
        () = too_late => Ok(()),
    }
}

fn router(admin: AdminState, closing: watch::Receiver<bool>) -> Router {
    let cors_origins = admin.cors_origins.clone();
    let routes = Routes::all();
    let app = Arc::new(App::new(admin, openapi::told(routes.description.clone()), closing));
    let Routes { router, needs, .. } = routes.with_assistants(app.clone());
    let router = routes::guarded(router, app.clone(), needs);
    // Outside of the guard, for a browser asks what it may send before it sends a token.
    let router = match cors_origins.as_slice() {
        [] => router,
        origins => router.layer(guard::cors(origins)),
    };
    routes::probes(router)
        .layer(axum::middleware::from_fn_with_state(app.clone(), refusal::told))
        .layer(axum::middleware::from_fn_with_state(app.clone(), language::add_fields))
        .layer(axum::middleware::map_response(guard::harden))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .layer(DefaultBodyLimit::max(body::LONGEST))
        .with_state(app)
}

impl App {
    fn new(admin: AdminState, description: Bytes, closing: watch::Receiver<bool>) -> Self {
        let (attempts, health, streams, exports) = Default::default();
        Self {
            reader: reader::Reader::new(
                admin.store.clone(),
                admin.budget.clone(),
                admin.clock.clone(),
            ),
            rows: rows::RowReader::new(admin.store.clone(), admin.budget.clone()),
            kept: admin.kept.clone(),
            admin,
            attempts,
            health,
            streams,
            exports,
            link_sessions: Sessions::default(),
            imported_days: Default::default(),
            first_days: Default::default(),
            visited: Mutex::default(),
            tokens_used: Mutex::default(),
            description,
            closing,
        }
    }

    /// Whether nobody has seen a page of a site in the last year, of which `days` are known.
    async fn is_new(&self, site: &Site, days: &Days) -> store::Result<bool> {
        let visited = || self.visited.lock().unwrap_or_else(PoisonError::into_inner);
        if visited().contains(&site.name) {
            return Ok(false);
        }
        let seen = |days: &Days| {
            days.values().any(|counts| counts.row(Dimension::Total, "").pageviews() > 0)
        };
        let today = site.day(self.admin.clock.now());
        let year = Range { first: today - chrono::Days::new(365), last: today };
        let is_new = !seen(days) && !seen(&self.reader.days(&site.name, year).await?);
        if !is_new {
            visited().insert(site.name.clone());
        }
        Ok(is_new)
    }

    /// Whether it is the first time, as far as this process knows, that a token is used on a day.
    fn is_first_use(&self, token: u64, day: Day) -> bool {
        let mut used = self.tokens_used.lock().unwrap_or_else(PoisonError::into_inner);
        used.insert(token, day) != Some(day)
    }
}
