//! How the program is asked to stop, and when it may.

use crate::telemetry::Telemetry;
use async_trait::async_trait;
use pingora::server::{ShutdownSignal, ShutdownSignalWatch};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::Instant;

/// How long listeners take to close after the signal, at most; a request may still slip in.
const CLOSING: Duration = Duration::from_millis(100);

/// How often running requests are counted.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Hears SIGTERM and SIGINT, for Pingora and for everyone else.
pub struct Signals(pub watch::Sender<bool>);

#[async_trait]
impl ShutdownSignalWatch for Signals {
    async fn recv(&self) -> ShutdownSignal {
        let (term, int) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
        match (term, int) {
            (Ok(mut term), Ok(mut int)) => {
                tokio::select! {
                    _ = term.recv() => {}
                    _ = int.recv() => {}
                }
            }
            _ => {
                tracing::error!("signals cannot be heard; only SIGKILL will end this process");
                std::future::pending::<()>().await;
            }
        }
        self.0.send_replace(true);
        ShutdownSignal::GracefulTerminate
    }
}

/// Waits until no request is being answered, or `patience` is over. Returns how many still are.
pub async fn drained(telemetry: &Telemetry, patience: Duration) -> i64 {
    let deadline = Instant::now() + patience;
    tokio::time::sleep(CLOSING).await;
    loop {
        let running = telemetry.in_flight.load(Ordering::Relaxed);
        if running <= 0 || Instant::now() >= deadline {
            return running.max(0);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
