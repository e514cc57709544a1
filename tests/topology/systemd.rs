//! The unit, and a hand-over that systemd follows.

use super::common::headcount::Headcount;
use super::common::load::Load;
use super::common::wait_for;
use super::crowd::{Crowd, compare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const UNIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/conf/headcount.service");

/// What systemd listens on.
struct Notified(UnixDatagram);

impl Notified {
    fn at(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self(socket)
    }

    fn next(&self) -> String {
        let mut bytes = [0; 256];
        let length = self.0.recv(&mut bytes).expect("something is told");
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    /// Whose visitors are let in.
    fn ready(&self) -> i32 {
        let told = self.next();
        let (main, ready) = told.split_once('\n').unwrap();
        assert_eq!(ready, "READY=1");
        main.strip_prefix("MAINPID=").unwrap().parse().unwrap()
    }
}

/// A process that nobody here is the parent of; ended with the test.
struct Stranger(i32);

impl Stranger {
    /// Whether it has not ended, or waits for its parent to notice.
    fn runs(&self) -> bool {
        self.status("State:").is_some_and(|state| !state.starts_with('Z'))
    }

    fn parent(&self) -> i32 {
        self.status("PPid:").unwrap().parse().unwrap()
    }

    fn status(&self, of: &str) -> Option<String> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0)).ok()?;
        Some(status.lines().find_map(|line| line.strip_prefix(of))?.trim().to_owned())
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.0), Signal::SIGKILL);
    }
}

#[test]
fn the_unit_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let unit = std::fs::read_to_string(UNIT).unwrap();
    let here = unit.replace("/usr/local/bin/headcount", env!("CARGO_BIN_EXE_headcount"));
    assert_ne!(here, unit);
    let file = dir.path().join("headcount.service");
    std::fs::write(&file, here).unwrap();
    let output = Command::new("systemd-analyze").arg("verify").arg(&file).output();
    let output = output.expect("systemd-analyze, of Debian's systemd");
    let said = String::from_utf8_lossy(&output.stderr);
    // A key that it does not know is ignored, and only told.
    assert!(output.status.success() && !said.contains("headcount.service"), "{said}");
    for line in ["Type=notify", "NotifyAccess=all", "UMask=0077", "ExecReload="] {
        assert!(unit.lines().any(|has| has.starts_with(line)), "{line}");
    }
}

#[test]
fn a_new_version_takes_the_old_ones_place_and_systemd_follows() {
    let load = Load::new();
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("notify");
    let notified = Notified::at(&socket);
    let flags = ["--flush-interval", "100ms", "--trusted-proxies", "127.0.0.1"];
    let mut headcount = Headcount::prepare(&load.url(), &flags);
    headcount.wrap(&["env", &format!("NOTIFY_SOCKET={}", socket.display())]);
    headcount.start_again();
    let first = headcount.pid() as i32;
    assert_eq!(notified.ready(), first);

    let crowd = Crowd::enter(headcount.site(), 0);
    crowd.more(500);
    headcount.signal(Signal::SIGUSR2);
    let second = Stranger(notified.ready());
    assert!(second.0 != first && second.parent() != first);
    headcount.ended();
    crowd.more(500);
    // And once more: it was started with `--upgrade` itself.
    kill(Pid::from_raw(second.0), Signal::SIGUSR2).unwrap();
    let third = Stranger(notified.ready());
    wait_for("the second to end", || (!second.runs()).then_some(()));
    crowd.more(500);
    compare(crowd, &headcount);
    kill(Pid::from_raw(third.0), Signal::SIGTERM).unwrap();
    assert_eq!(notified.next(), "STOPPING=1");
    wait_for("the third to end", || (!third.runs()).then_some(()));
}

#[test]
fn a_new_version_that_does_not_start_changes_nothing() {
    let load = Load::new();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("headcount.toml");
    std::fs::write(&file, "flush_interval = '100ms'\n").unwrap();
    let headcount = Headcount::start(&load.url(), &["--config", file.to_str().unwrap()]);
    std::fs::write(&file, "flush_intervall = '100ms'\n").unwrap();
    headcount.signal(Signal::SIGUSR2);
    wait_for("a line that says so", || headcount.log().contains("going on").then_some(()));
    assert!(headcount.log().contains("flush_intervall"));
    let crowd = Crowd::enter(headcount.site(), 0);
    crowd.more(100);
    crowd.leave();
}
