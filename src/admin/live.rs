//! Server-sent events: who is here now, and what happens, straight from this process.

use super::params::Params;
use super::{App, stats};
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream, StreamExt};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::MissedTickBehavior;
use tokio_stream::wrappers::{BroadcastStream, IntervalStream};

/// How often the number of current visitors is looked at; it is sent when it changed.
const LOOK: Duration = Duration::from_secs(2);

/// `visitors` events carry the number of current visitors, unnamed ones what happened, as JSON.
/// A reader too slow for what happens misses some of it.
pub(super) async fn stream(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, stats::Error> {
    let (site, _) = app.site(&params)?;
    let happened = BroadcastStream::new(app.admin.live.subscribe())
        .filter_map(async |message| message.ok().map(|json| Event::default().data(json.as_ref())));
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut closing = app.closing.clone();
    let mut shown = None;
    let visitors = IntervalStream::new(looks).filter_map(move |_| {
        let now = app.admin.live.current_visitors(site);
        let event = (shown.replace(now) != Some(now))
            .then(|| Event::default().event("visitors").data(now.to_string()));
        std::future::ready(event)
    });
    let until = async move {
        let _ = closing.wait_for(|closing| *closing).await;
    };
    let events = stream::select(visitors, happened).map(Ok).take_until(Box::pin(until));
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}
