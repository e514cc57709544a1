//! Server-sent events: who is here now, and what happens, straight from this process.
//!
//! Every stream looks for news by itself, ten times a second: so the aggregators never wake a
//! reader, and one that does not read costs nothing once its buffers are full.

use super::App;
use super::caller::Caller;
use super::error::Error;
use super::openapi::Event;
use super::params::Params;
use crate::aggregate::Happened;
use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt};
use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

/// Streams at a time. A page that is being looked at holds one.
const MOST: usize = 100;

/// How often a stream looks for what happened.
const LOOK: Duration = Duration::from_millis(100);

/// How often it checks whether its reader may still read, and the number of current visitors, which
/// is sent when it has changed.
const CHECK_EVERY: Duration = Duration::from_secs(2);

/// How long a number of current visitors serves all streams.
const FRESH: Duration = Duration::from_secs(1);

/// A comment is sent after this much silence, so that nobody takes the stream for dead.
const SILENCE: Duration = Duration::from_secs(15);

/// What streams share.
pub(super) struct Streams {
    places: Arc<Semaphore>,
    /// By site: current visitors, and when they were counted.
    current: Mutex<HashMap<usize, (Instant, u64)>>,
}

impl Default for Streams {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(MOST)), current: Mutex::default() }
    }
}

/// A reader's stream.
struct Reader {
    /// What opened the stream must go on being valid.
    caller: Caller,
    site: usize,
    happened: broadcast::Receiver<Arc<Happened>>,
    looks: Interval,
    checked: Option<Instant>,
    visitors: Option<u64>,
    sent: Instant,
    _place: OwnedSemaphorePermit,
}

/// `visitors` events carry the number of current visitors, unnamed ones what happened on the site,
/// as JSON. A reader too slow for what happens misses some of it.
#[utoipa::path(get, path = "/api/live", tag = "own",
    params(("site_id" = Option<String>, Query, description = "The site's name; may be left out where there is one site")),
    responses((status = 200, description = "Server-sent events", content_type = "text/event-stream", body = Event)))]
pub(super) async fn stream(app: Caller, params: Params) -> Result<Response, Error> {
    params.only(&[&["site_id"]])?;
    let (site, _) = app.place(params.get("site_id"))?;
    app.streamed(site)
}

impl Caller {
    /// What happens on a site, by its place, for as long as they may see it.
    pub(super) fn streamed(self, site: usize) -> Result<Response, Error> {
        let Ok(place) = self.streams.places.clone().try_acquire_owned() else {
            let line = format!("{MOST} live streams are open already; close one");
            let retry = [(header::RETRY_AFTER, "10")];
            return Ok((retry, Error::Busy(line)).into_response());
        };
        if let Some(demo) = &self.admin.demo {
            demo.look(site);
        }
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut closing = self.closing.clone();
        let reader = Reader {
            happened: self.admin.live.subscribe(),
            caller: self,
            site,
            looks,
            checked: None,
            visitors: None,
            sent: Instant::now(),
            _place: place,
        };
        let events = stream::unfold(reader, async |mut reader| {
            let news = reader.news().await?;
            Some((Ok::<_, Infallible>(news), reader))
        });
        let until = async move {
            let _ = closing.wait_for(|closing| *closing).await;
        };
        let body = Body::from_stream(events.take_until(Box::pin(until)));
        Ok(([(header::CONTENT_TYPE, "text/event-stream")], body).into_response())
    }
}

impl Reader {
    /// The next events, as they are written; `None` once the reader may read no more.
    async fn news(&mut self) -> Option<String> {
        let mut news = String::new();
        while news.is_empty() {
            let now = self.looks.tick().await;
            if self.checked.is_none_or(|at| now - at >= CHECK_EVERY) {
                self.checked = Some(now);
                let site = &self.caller.admin.sites[self.site].name;
                if !self.caller.may_still_see(site).await {
                    return None;
                }
                let visitors = self.caller.current_visitors(self.site, now);
                if self.visitors.replace(visitors) != Some(visitors) {
                    let _ = write!(news, "event: visitors\ndata: {visitors}\n\n");
                }
            }
            self.read(&mut news);
            if news.is_empty() && now - self.sent >= SILENCE {
                news.push_str(":\n\n");
            }
        }
        self.sent = Instant::now();
        Some(news)
    }

    /// What has happened since the last look, at most as much as may wait.
    fn read(&mut self, news: &mut String) {
        for _ in 0..self.happened.len() {
            match self.happened.try_recv() {
                Ok(happened) if happened.site == self.site => {
                    let _ = write!(news, "data: {}\n\n", happened.json());
                }
                Ok(_) | Err(broadcast::error::TryRecvError::Lagged(_)) => {}
                Err(_) => return,
            }
        }
    }
}

impl App {
    /// Counted at most once in [`FRESH`], however many streams ask: aggregators stand still
    /// meanwhile.
    fn current_visitors(&self, site: usize, now: Instant) -> u64 {
        let mut current = self.streams.current.lock().unwrap_or_else(PoisonError::into_inner);
        match current.get(&site) {
            Some((at, visitors)) if now.saturating_duration_since(*at) < FRESH => *visitors,
            _ => {
                let visitors = self.admin.live.current_visitors(site);
                current.insert(site, (now, visitors));
                visitors
            }
        }
    }
}
