//! The connections of visitors, and how they end when the program stops.
//!
//! A client that keeps its connection may send a request at any moment. A connection that is
//! simply closed at that moment resets it, and a client must not repeat what is not idempotent. So
//! once nobody is let in any more, every answer says `Connection: close`, an idle connection is
//! answered once more, and each is closed only after the client has closed it or a bound is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// How long an idle connection is still listened to after the program was asked to stop.
pub const LAST_REQUEST: Duration = Duration::from_secs(1);

/// How long a connection that we end is still read from, so that what the client has sent meanwhile
/// does not reset it before it has read its answer.
pub const LINGER: Duration = Duration::from_secs(2);

/// How often open connections are counted.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Counts connections, and tells them that the program stops.
#[derive(Debug)]
pub struct Connections {
    /// Wakes those who wait.
    closing: watch::Sender<bool>,
    /// The same for those who only look: every answer does.
    is_closing: AtomicBool,
    open: AtomicUsize,
}

/// One open connection.
#[derive(Debug)]
pub struct Open(Arc<Connections>);

impl Connections {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            closing: watch::Sender::new(false),
            is_closing: AtomicBool::new(false),
            open: AtomicUsize::new(0),
        })
    }

    /// Counts a connection until what is returned is dropped.
    pub fn opened(self: &Arc<Self>) -> Open {
        self.open.fetch_add(1, Ordering::Relaxed);
        Open(self.clone())
    }

    /// Whether answers are the last of their connections.
    pub fn are_closing(&self) -> bool {
        self.is_closing.load(Ordering::Relaxed)
    }

    /// From now on answers are. To be called after the listening socket was closed: a client whose
    /// connection ends comes back at once.
    pub fn close(&self) {
        self.is_closing.store(true, Ordering::Relaxed);
        self.closing.send_replace(true);
    }

    pub fn watch(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }

    /// How many are open.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Waits until nobody is let in and none is open. To be bounded by the caller.
    pub async fn closed(&self) {
        // An error would mean that nobody can say so any more.
        let _ = self.watch().wait_for(|closing| *closing).await;
        while self.open() > 0 {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
