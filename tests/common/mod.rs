//! What several test programs need: real servers, started and stopped by the test.

// Each test program uses its own part of this.
#![allow(dead_code)]

pub mod busy;
pub mod cluster;
pub mod curl;
pub mod false_time;
pub mod followed;
pub mod headcount;
pub mod http;
pub mod load;
pub mod mail;
pub mod nginx;
pub mod pebble;
pub mod pingora;
pub mod ports;
pub mod process;
pub mod redis;
pub mod relay;
pub mod sentinel;
pub mod server;
pub mod tls;
pub mod traffic;
pub mod wire;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Does `then` while others are busy, each with what `begin` gives it to do again and again. They
/// end with it, also if it panics. Gives how often they did it.
pub fn while_busy<W: FnMut()>(
    others: usize,
    begin: impl Fn() -> W + Sync,
    then: impl FnOnce(),
) -> usize {
    struct Ended<'a>(&'a AtomicBool);
    impl Drop for Ended<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let ends = Ended(&ended);
        let work = || {
            let (mut work, mut times) = (begin(), 0);
            while !ended.load(Ordering::Relaxed) {
                work();
                times += 1;
            }
            times
        };
        let busy: Vec<_> = (0..others).map(|_| scope.spawn(work)).collect();
        then();
        drop(ends);
        busy.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

/// Calls `look` until it finds something; panics with `what` when that takes longer than a minute.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "waited in vain for {what}");
        std::thread::sleep(pause(begun));
    }
}

/// How long to wait before one looks again: a tenth of what was waited so far. To look costs, and
/// takes processors from what is waited for.
pub fn pause(begun: Instant) -> Duration {
    (begun.elapsed() / 10).clamp(Duration::from_millis(10), Duration::from_millis(250))
}
