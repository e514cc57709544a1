//! What systemd is told (`sd_notify(3)`), and how a process starts the one that takes over from it.

use rustix::process::getpid;
use std::env;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::{Command, ExitStatus};

/// The flag of a process that takes over.
const UPGRADE: &str = "--upgrade";

/// Visitors are let in: by this process, whichever it was before.
pub fn ready() {
    tell(&format!("MAINPID={}\nREADY=1", getpid()));
}

/// This process ends, and no other takes its place.
pub fn stopping() {
    tell("STOPPING=1");
}

/// Nothing, unless it is asked for.
fn tell(state: &str) {
    let Some(to) = env::var_os("NOTIFY_SOCKET").filter(|to| !to.is_empty()) else { return };
    let send = || {
        let to = match to.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            path => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(path))?,
        };
        UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &to)
    };
    if let Err(error) = send() {
        tracing::warn!("systemd cannot be told that this is so: {error}");
    }
}

/// Starts this program again, as it is on disk by now, to take over. It is nobody's child, so whoever
/// supervises this process is its parent, and is told when it ends.
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
