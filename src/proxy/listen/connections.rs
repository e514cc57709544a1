//! The connections of visitors, and how they end when the program stops.
//!
//! A client that keeps its connection may send a request at any moment. If the server closes at that
//! moment, the client gets a reset, and must not repeat a request that is not idempotent. So once the
//! listeners are closed, every answer says `Connection: close`, an idle connection may send one more
//! request, and a connection is closed after the client has closed it or a time limit is over.

use crate::telemetry::Telemetry;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

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
    /// True once no new connections are taken.
    closing: watch::Sender<bool>,
    /// True once WebSockets must end.
    cut: watch::Sender<bool>,
    /// A copy of `closing` that every answer can read cheaply.
    is_closing: AtomicBool,
    /// One for each connection that may be open.
    places: Arc<Semaphore>,
    most: usize,
    /// 0: no limit.
    most_per_address: AtomicUsize,
    by_address: Mutex<HashMap<IpAddr, usize>>,
    /// Answers whose clients read too slowly.
    slow: AtomicUsize,
    /// 0: no limit.
    most_slow: usize,
    telemetry: Arc<Telemetry>,
}

/// One open connection.
#[derive(Debug)]
pub struct Open {
    connections: Arc<Connections>,
    /// Whose it is, where that is counted.
    address: Option<IpAddr>,
    is_proxy: bool,
    _place: OwnedSemaphorePermit,
}

impl Connections {
    /// At most `most` connections, `most_per_address` of one address, and `most_slow` slow answers; 0
    /// for the last two: no limit.
    pub fn new(
        most: usize,
        most_per_address: usize,
        most_slow: usize,
        telemetry: Arc<Telemetry>,
    ) -> Arc<Self> {
        Arc::new(Self {
            closing: watch::Sender::new(false),
            cut: watch::Sender::new(false),
            is_closing: AtomicBool::new(false),
            places: Arc::new(Semaphore::new(most)),
            most,
            most_per_address: AtomicUsize::new(most_per_address),
            by_address: Mutex::default(),
            slow: AtomicUsize::new(0),
            most_slow,
            telemetry,
        })
    }

    /// Waits until one more may be open.
    pub async fn place(&self) -> OwnedSemaphorePermit {
        match self.places.clone().acquire_owned().await {
            Ok(place) => place,
            // Nobody closes it.
            Err(_) => std::future::pending().await,
        }
    }

    /// Counts a connection until what is returned is dropped. A `trusted` proxy has no limit of its
    /// own. `None`: the address has its most.
    pub fn opened(
        self: &Arc<Self>,
        place: OwnedSemaphorePermit,
        peer: IpAddr,
        trusted: bool,
    ) -> Option<Open> {
        let mut address = None;
        let most = self.most_per_address.load(Ordering::Relaxed);
        if most > 0 && !trusted {
            let key = household(peer);
            let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
            let open = by_address.entry(key).or_default();
            if *open >= most {
                return None;
            }
            *open += 1;
            address = Some(key);
        }
        Some(Open { connections: self.clone(), address, is_proxy: trusted, _place: place })
    }

    /// A connection had `before` slow answers and has so many `now`.
    pub fn change_slow(&self, before: usize, now: usize) {
        // Atomic numbers wrap around, so a negative difference can be added.
        self.slow.fetch_add(now.wrapping_sub(before), Ordering::Relaxed);
    }

    /// Whether there are too many slow answers: a connection that has some has to go.
    pub fn have_too_many_slow(&self) -> bool {
        self.most_slow > 0 && self.slow.load(Ordering::Relaxed) > self.most_slow
    }

    /// A connection with so many slow answers is closed.
    pub fn note_closed_slow(&self, count: usize) {
        self.telemetry.slow_readers.add(count as u64);
    }

    /// From now on one address may have so many; those that are open stay.
    pub fn limit_addresses(&self, most_per_address: usize) {
        self.most_per_address.store(most_per_address, Ordering::Relaxed);
    }

    /// Whether each answer ends its connection.
    pub fn are_closing(&self) -> bool {
        self.is_closing.load(Ordering::Relaxed)
    }

    /// From now on each answer ends its connection. To be called after the listening socket was
    /// closed: a client whose connection ends comes back at once.
    pub fn close(&self) {
        self.is_closing.store(true, Ordering::Relaxed);
        self.closing.send_replace(true);
    }

    /// Sends a close frame on every WebSocket that is still open.
    pub fn cut(&self) {
        self.cut.send_replace(true);
    }

    pub fn watch(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }

    /// Whether there are more requests than connections may be open. Over HTTP/1 there cannot be.
    pub fn have_too_many_requests(&self) -> bool {
        let requests = self.telemetry.in_flight.load(Ordering::Relaxed);
        usize::try_from(requests).is_ok_and(|requests| requests > self.most)
    }

    /// Connections that are open or about to be taken: a listener holds a place while it waits.
    pub fn open(&self) -> usize {
        self.most - self.places.available_permits()
    }

    /// Waits until nobody is let in any more.
    pub async fn stopped(&self) {
        // An error would mean that nobody can say so any more.
        let _ = self.watch().wait_for(|closing| *closing).await;
    }

    /// Waits until nobody is let in and none is open. To be bounded by the caller.
    pub async fn closed(&self) {
        self.stopped().await;
        while self.open() > 0 {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

impl Open {
    /// Ends when WebSockets must end.
    pub fn cut(&self) -> impl Future<Output = ()> + Send + Sync + use<> {
        let mut cut = self.connections.cut.subscribe();
        async move {
            let _ = cut.wait_for(|cut| *cut).await;
        }
    }

    pub fn connections(&self) -> Arc<Connections> {
        self.connections.clone()
    }

    /// Many come through it.
    pub fn is_proxy(&self) -> bool {
        self.is_proxy
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let Some(address) = self.address else { return };
        let by_address = &self.connections.by_address;
        let mut by_address = by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = by_address.get_mut(&address) {
            *open -= 1;
            if *open == 0 {
                by_address.remove(&address);
            }
        }
    }
}

/// An address as one client has it: of IPv6, a household has a whole /64.
fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(connections: &Arc<Connections>, peer: &str) -> Option<Open> {
        let place = connections.places.clone().try_acquire_owned().ok()?;
        connections.opened(place, peer.parse().unwrap(), peer == "127.0.0.1")
    }

    #[test]
    fn an_address_has_its_share() {
        let connections = Connections::new(6, 2, 0, Arc::default());
        let first = open(&connections, "2001:db8::1");
        let _second = open(&connections, "2001:db8::2");
        assert!(open(&connections, "2001:db8:0:0:ffff::3").is_none(), "one household");
        assert!(open(&connections, "2001:db8:0:1::1").is_some(), "another");
        assert_eq!(connections.open(), 2);
        drop(first);
        assert_eq!(connections.open(), 1);
        let _again = open(&connections, "2001:db8::4").unwrap();
        let _proxy = [(); 4].map(|()| open(&connections, "127.0.0.1").unwrap());
        assert!(open(&connections, "192.0.2.1").is_none(), "nobody has a place");
        assert_eq!(connections.by_address.lock().unwrap().len(), 1);
    }
}
