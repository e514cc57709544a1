//! What several test programs need: real servers, started and stopped by the test.

// Each test program uses its own part of this.
#![allow(dead_code)]

pub mod cluster;
pub mod curl;
pub mod headcount;
pub mod http;
pub mod load;
pub mod nginx;
pub mod pingora;
pub mod ports;
pub mod process;
pub mod redis;
pub mod relay;
pub mod sentinel;
pub mod tls;
pub mod traffic;
pub mod wire;

use std::time::{Duration, Instant};

/// Calls `look` until it finds something; panics with `what` when that takes longer than a minute.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
