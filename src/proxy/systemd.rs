//! What systemd is told (`sd_notify(3)`) and gives (`sd_listen_fds(3)`), and how a process starts
//! the one that takes over from it.

use futures_util::future::join_all;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::getpid;
use socket2::Socket;
use std::collections::HashMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{FromRawFd, RawFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{self, UnixDatagram};
use std::process::{Command, ExitStatus};
use std::time::Duration;
use tokio::runtime::Handle;

/// The flag of a process that takes over.
const UPGRADE: &str = "--upgrade";

/// The first descriptor that systemd gives.
const FIRST: RawFd = 3;

/// Whether a service manager is told which process is the main one. It then does not take the end
/// of a process that has handed over for the end of the service.
pub fn follows() -> bool {
    notify_socket().is_some()
}

/// Visitors are let in, and all settings are in force: by this process, whichever it was before.
pub fn ready() {
    tell(&format!("MAINPID={}\nREADY=1", getpid()));
}

/// This process is the main one from now on, though not ready yet: the one before is about to end,
/// which must not be taken for the service's end.
pub fn takes_over() {
    tell(&format!("MAINPID={}", getpid()));
}

/// Settings are read again, or another process takes over; [`ready`] ends it.
pub fn reloading() {
    let now =
        clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |now| Duration::from(now).as_micros());
    tell(&format!("RELOADING=1\nMONOTONIC_USEC={now}"));
}

/// Tells twice per period that every runtime that serves visitors still does something, for ever.
/// If it is not told for a whole period, systemd ends the process and starts it again
/// (`WatchdogSec=`).
pub async fn keep_watched(serving: Vec<Handle>) {
    // Meant for this process, or for the one that it took over from.
    let period = env::var("WATCHDOG_USEC").ok().and_then(|period| period.parse().ok());
    let Some(period) = period.filter(|period| *period > 0) else { return };
    let mut half = tokio::time::interval(Duration::from_micros(period) / 2);
    loop {
        half.tick().await;
        join_all(serving.iter().map(|runtime| runtime.spawn(async {}))).await;
        tell("WATCHDOG=1");
    }
}

/// Sockets that systemd has opened for this process (`headcount.socket`), by where they listen.
///
/// # Errors
/// What it gave is no listening TCP socket.
pub fn sockets() -> io::Result<HashMap<SocketAddr, TcpListener>> {
    let number = |name| env::var(name).ok().and_then(|number| number.parse::<i32>().ok());
    // A process that takes over has the variables of the one before.
    let given = number("LISTEN_PID").is_some_and(|of| of == getpid().as_raw());
    let count = number("LISTEN_FDS").filter(|_| given).unwrap_or(0);
    (FIRST..FIRST + count)
        .map(|fd| {
            // SAFETY: this descriptor was opened for this process, and this is called once.
            let socket = unsafe { Socket::from_raw_fd(fd) };
            socket.set_cloexec(true)?;
            let listens = socket.is_listener()?.then(|| socket.local_addr()).transpose()?;
            match listens.and_then(|address| address.as_socket()) {
                Some(address) => Ok((address, socket.into())),
                None => Err(io::Error::other("systemd gave something else than listening sockets")),
            }
        })
        .collect()
}

/// This process ends, and no other takes its place.
pub fn stopping() {
    tell("STOPPING=1");
}

/// Nothing, unless it is asked for.
fn tell(state: &str) {
    let Some(to) = notify_socket() else { return };
    let send = || {
        let to = match to.as_bytes() {
            [b'@', name @ ..] => net::SocketAddr::from_abstract_name(name)?,
            path => net::SocketAddr::from_pathname(OsStr::from_bytes(path))?,
        };
        UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &to)
    };
    if let Err(error) = send() {
        tracing::warn!("systemd cannot be told that this is so: {error}");
    }
}

fn notify_socket() -> Option<OsString> {
    env::var_os("NOTIFY_SOCKET").filter(|to| !to.is_empty())
}

/// Starts this program again, as it is on disk by now, to take over. It is nobody's child, so
/// whoever supervises this process is its parent, and is told when it ends.
///
/// # Errors
/// If there is no shell.
pub fn start_successor() -> io::Result<ExitStatus> {
    let own: Vec<_> = env::args_os().collect();
    // One that has taken over itself was started with it.
    let upgrade = (!own.iter().any(|arg| arg == UPGRADE)).then_some(UPGRADE);
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "\"$@\" &", "headcount"]).args(own).args(upgrade).status()
}
