//! How the program is asked to stop or to be replaced, and when it may.

use super::listen::Connections;
use super::systemd;
use crate::blocking::blocking;
use crate::journal::LateLog;
use crate::private::is_locked;
use crate::telemetry::Telemetry;
use async_trait::async_trait;
use pingora::server::{ExecutionPhase, ShutdownSignal, ShutdownSignalWatch};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Mutex, Notify, broadcast};

/// How long listeners take to close after the signal, at most; a request may still slip in.
const CLOSING: Duration = Duration::from_millis(100);

/// How long close frames of WebSockets take to be sent, at most.
const FAREWELL: Duration = Duration::from_millis(500);

/// How often an old process looks whether newer ones have handed over.
const NEWER_EVERY: Duration = Duration::from_secs(1);

/// Processes that have handed over, at most; the oldest ends.
const OLD_MAX: usize = 2;

/// How long a process that was started to take over has to say that it can.
const TO_START: Duration = Duration::from_secs(10);

/// How often it is looked whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Asks that another process takes over, as SIGUSR2 does.
#[derive(Debug, Clone, Default)]
pub struct HandOver(Arc<Notify>);

impl HandOver {
    pub fn ask(&self) {
        self.0.notify_one();
    }
}

/// SIGTERM and SIGINT end this process. SIGQUIT hands over to a process that waits to take over;
/// SIGUSR2 starts that process first.
pub struct Signals {
    /// `None`: they cannot be heard.
    heard: Mutex<Option<[Signal; 4]>>,
    asked: HandOver,
    /// What that process has locked while it waits; a file alone may be left by one that died.
    successor: PathBuf,
}

impl Signals {
    /// Hears them from now on, within a runtime.
    pub fn hear(successor: PathBuf, asked: HandOver) -> Self {
        let kinds = [
            SignalKind::terminate(),
            SignalKind::interrupt(),
            SignalKind::quit(),
            SignalKind::user_defined2(),
        ];
        let heard: Vec<Signal> = kinds.into_iter().filter_map(hear).collect();
        Self { heard: Mutex::new(heard.try_into().ok()), asked, successor }
    }

    /// Starts the process that takes over. Whether it waits to.
    async fn start_successor(&self) -> bool {
        if let Err(error) = blocking(systemd::start_successor) {
            tracing::warn!("no other process can be started to take over: {error}; going on");
            return false;
        }
        let waits = async {
            while !is_locked(&self.successor) {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let waits = tokio::time::timeout(TO_START, waits).await.is_ok();
        if !waits {
            tracing::warn!("the process that was to take over does not; going on");
        }
        waits
    }
}

#[async_trait]
impl ShutdownSignalWatch for Signals {
    async fn recv(&self) -> ShutdownSignal {
        let mut heard = self.heard.lock().await;
        let Some([term, int, quit, usr2]) = &mut *heard else {
            return std::future::pending().await;
        };
        loop {
            tokio::select! {
                _ = term.recv() => return ShutdownSignal::GracefulTerminate,
                _ = int.recv() => return ShutdownSignal::GracefulTerminate,
                _ = quit.recv() => {
                    if is_locked(&self.successor) {
                        tracing::info!("handing over");
                        return ShutdownSignal::GracefulUpgrade;
                    }
                    tracing::warn!(
                        "SIGQUIT: nobody waits to take over; start `headcount run --upgrade` first"
                    );
                    continue;
                }
                _ = usr2.recv() => {}
                () = self.asked.0.notified() => {}
            }
            systemd::reloading();
            let waits = tokio::select! {
                waits = self.start_successor() => waits,
                _ = term.recv() => return ShutdownSignal::GracefulTerminate,
                _ = int.recv() => return ShutdownSignal::GracefulTerminate,
            };
            if waits {
                tracing::info!("handing over");
                return ShutdownSignal::GracefulUpgrade;
            }
            systemd::ready();
        }
    }
}

/// A signal to listen for. `None`, with a line that says so: it cannot be heard.
pub fn hear(kind: SignalKind) -> Option<Signal> {
    match signal(kind) {
        Ok(signal) => Some(signal),
        Err(error) => {
            tracing::error!("signals cannot be heard ({error}); only SIGKILL will do");
            None
        }
    }
}

/// SIGTERM and SIGINT for a process that has handed over.
pub struct Ended([Option<Signal>; 2]);

impl Ended {
    /// Hears them from now on, within a runtime.
    pub fn hear() -> Self {
        Self([SignalKind::terminate(), SignalKind::interrupt()].map(hear))
    }

    async fn heard(&mut self) {
        let [term, int] = &mut self.0;
        tokio::select! {
            () = next(term) => {}
            () = next(int) => {}
        }
    }
}

async fn next(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// Why nobody is let in any more.
#[derive(Debug, PartialEq, Eq)]
pub enum Stop {
    End,
    /// Another process has the listening socket.
    Replaced,
}

/// Waits until nobody is let in any more.
pub async fn stopped(mut phases: broadcast::Receiver<ExecutionPhase>) -> Stop {
    let mut stop = Stop::End;
    loop {
        match phases.recv().await {
            Ok(ExecutionPhase::GracefulUpgradeTransferringFds) => stop = Stop::Replaced,
            Ok(ExecutionPhase::ShutdownStarted) | Err(RecvError::Closed) => return stop,
            _ => {}
        }
    }
}

/// Waits until nobody is let in and no request is being answered, or `patience` is over;
/// connections that are kept may go on.
pub async fn answered(connections: &Connections, telemetry: &Telemetry, patience: Duration) {
    let answered = async {
        connections.stopped().await;
        while telemetry.in_flight.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let _ = tokio::time::timeout(patience.max(CLOSING), answered).await;
}

/// Waits until every visitor has the answer and has closed the connection, or `patience` is over.
/// Returns how many requests are still being answered.
pub async fn drained(connections: &Connections, telemetry: &Telemetry, patience: Duration) -> i64 {
    let _ = tokio::time::timeout(patience.max(CLOSING), connections.closed()).await;
    telemetry.in_flight.load(Ordering::Relaxed).max(0)
}

/// Sends a close frame on every WebSocket that is still open. Returns how many requests are still
/// being answered.
pub async fn farewell(connections: &Connections, telemetry: &Telemetry) -> i64 {
    connections.cut();
    drained(connections, telemetry, FAREWELL).await
}

/// As [`drained`], for a process that has handed over. `None`: it was told to end meanwhile, or too
/// many others have handed over since.
pub async fn drained_behind(
    drained: impl Future<Output = i64>,
    mut ended: Ended,
    late: Option<Arc<LateLog>>,
) -> Option<i64> {
    tokio::select! {
        running = drained => Some(running),
        () = ended.heard() => None,
        () = outnumbered(late) => {
            tracing::info!("too many processes have handed over; ending");
            None
        }
    }
}

/// Syncs the late log to disk every second, until too many processes have handed over since.
async fn outnumbered(late: Option<Arc<LateLog>>) {
    let Some(late) = late else { return std::future::pending().await };
    loop {
        tokio::time::sleep(NEWER_EVERY).await;
        let look = || {
            if let Err(error) = late.sync() {
                tracing::warn!("what running requests bring cannot be put on disk: {error}");
            }
            late.younger()
        };
        if blocking(look) >= OLD_MAX {
            return;
        }
    }
}
