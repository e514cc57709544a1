//! Gives memory back to the system once it is free.
//!
//! The allocator does so only while it is asked for more, and of what other threads have freed each
//! thread has to take note itself. So who asks for nothing after a crowd has left would keep all that
//! the crowd needed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// How often it is looked for.
const EVERY: Duration = Duration::from_secs(2);

/// So many are a crowd.
const CROWD: usize = 32;

/// How long a thread waits for the others, so that each has its turn.
const TURN: Duration = Duration::from_millis(2);

/// Does so for ever. `present`: how many connections and requests there are, for one connection may
/// have many requests; `runtimes`: those that serve visitors, each of so many threads.
pub async fn keep_small(present: impl Fn() -> usize, runtimes: Vec<Handle>, threads: usize) {
    let mut most = 0;
    loop {
        tokio::time::sleep(EVERY).await;
        let now = present();
        most = most.max(now);
        let has_left = most - now >= CROWD && now <= most / 2;
        if has_left {
            most = now;
            for runtime in &runtimes {
                let begun = Arc::new(AtomicUsize::new(0));
                for _ in 0..threads {
                    let begun = begun.clone();
                    runtime.spawn(async move { together(&begun, threads) });
                }
            }
            // What they find is purged after a second, or at the next turn.
            continue;
        }
        collect(false);
    }
}

/// Has each thread of a runtime take note of what is free, which takes some of them microseconds.
fn together(begun: &AtomicUsize, threads: usize) {
    begun.fetch_add(1, Ordering::Relaxed);
    let began = Instant::now();
    while begun.load(Ordering::Relaxed) < threads && began.elapsed() < TURN {
        std::thread::yield_now();
    }
    collect(true);
}

fn collect(force: bool) {
    // SAFETY: any thread may call it at any time; it touches nothing that is in use. Where another
    // allocator is used, it finds nothing.
    unsafe { libmimalloc_sys::mi_collect(force) };
}
