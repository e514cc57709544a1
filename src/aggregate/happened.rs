//! What happens, for those who watch it live.
//!
//! Apart because of its price: an event costs its aggregator a few nanoseconds to hand over,
//! whether anybody reads it or not. It is written as JSON once, when the first reader takes it, and
//! readers look for news by themselves, so that none has to be woken.

use crate::clock::Millis;
use crate::model::Traits;
use crate::model::site::Site;
use once_cell::sync::Lazy;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::broadcast;

/// Events that may wait for a reader; one that is slower misses the oldest.
const WAITING: usize = 1_024;

/// What a hit turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveEvent {
    pub at: Millis,
    /// The site's place among all.
    pub site: usize,
    pub kind: &'static str,
    pub page: Arc<str>,
    /// Device, place, source.
    pub traits: Traits,
}

/// One event of a site, without the visitor's hash.
#[derive(Debug)]
pub struct Happened {
    /// The site's place among all.
    pub site: usize,
    json: Lazy<String, Box<dyn FnOnce() -> String + Send>>,
}

impl Happened {
    /// One that `write` turns into JSON if anybody asks for it.
    pub fn new(site: usize, write: impl FnOnce() -> String + Send + 'static) -> Arc<Self> {
        Arc::new(Self { site, json: Lazy::new(Box::new(write)) })
    }

    /// One JSON object, with the site's name.
    pub fn json(&self) -> &str {
        &self.json
    }
}

/// Those who watch what is counted.
#[derive(Clone)]
pub(super) struct Watchers(broadcast::Sender<Arc<Happened>>);

impl Watchers {
    pub fn new() -> Self {
        Self(broadcast::channel(WAITING).0)
    }

    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Happened>> {
        self.0.subscribe()
    }

    pub fn tell(&self, sites: &[Site], event: LiveEvent) {
        if self.0.receiver_count() > 0 {
            let name = sites[event.site].name.clone();
            let _ = self.0.send(Happened::new(event.site, move || write(&name, event)));
        }
    }
}

fn write(site: &str, LiveEvent { at, kind, page, traits, .. }: LiveEvent) -> String {
    let mut json = json!({ "site": site, "t": at, "type": kind, "page": page });
    for (dimension, value) in traits.iter() {
        json[dimension.as_str()] = value.into();
    }
    json.to_string()
}
