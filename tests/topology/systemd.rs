//! The unit, and a hand-over that systemd follows.

use super::common::followed::Followed;
use super::common::headcount::Headcount;
use super::common::load::Load;
use super::common::ports::free_port;
use super::common::wait_for;
use super::crowd::{Crowd, compare};
use nix::sys::signal::Signal;
use std::net::{TcpListener, TcpStream};
use std::process::Command;

const UNIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/conf/headcount.service");

/// A line of what the system says of a process.
fn status(process: i32, of: &str) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    Some(status.lines().find_map(|line| line.strip_prefix(of))?.trim().to_owned())
}

/// Whether it has not ended, or waits for its parent to notice.
fn runs(process: i32) -> bool {
    status(process, "State:").is_some_and(|state| !state.starts_with('Z'))
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
    let flags = ["--flush-interval", "100ms", "--trusted-proxies", "127.0.0.1"];
    let mut headcount = Headcount::prepare(&load.url(), &flags);
    let mut followed = Followed::start(&mut headcount);
    let first = followed.main();

    let crowd = Crowd::enter(headcount.site(), 0);
    crowd.more(500);
    let second = followed.reload(Signal::SIGUSR2);
    assert!(second != first && status(second, "PPid:").unwrap() != first.to_string());
    headcount.ended();
    crowd.more(500);
    // And once more: it was started with `--upgrade` itself.
    let third = followed.reload(Signal::SIGUSR2);
    wait_for("the second to end", || (!runs(second)).then_some(()));
    crowd.more(500);
    compare(crowd, &headcount);
    followed.signal(Signal::SIGTERM);
    assert_eq!(followed.next(), "STOPPING=1");
    wait_for("the third to end", || (!runs(third)).then_some(()));
}

#[test]
fn what_cannot_change_while_it_runs_is_taken_up_by_a_hand_over() {
    let load = Load::new();
    let mut headcount = Headcount::prepare(&load.url(), &[]);
    let file = headcount.dir.path().join("headcount.toml");
    let write = |more: &str| {
        let always = "flush_interval = '100ms'\ntrusted_proxies = ['127.0.0.1']\n";
        std::fs::write(&file, format!("{always}{more}")).unwrap();
    };
    write("");
    headcount.add(&["--config", file.to_str().unwrap()]);
    let mut followed = Followed::start(&mut headcount);
    let first = followed.main();
    let crowd = Crowd::enter(headcount.site(), 0);
    crowd.more(300);

    // What can change needs no other process.
    write("log = 'debug'\n");
    assert_eq!(followed.reload(Signal::SIGHUP), first);
    // Neither does what cannot be: the address is in use.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    write(&format!("h2c_listen = '{address}'\ninject = true\n"));
    assert_eq!(followed.reload(Signal::SIGHUP), first);
    let refused = format!("not taken: h2c_listen {address} cannot be used");
    assert!(headcount.log().contains(&refused), "{}", headcount.log());
    write("");
    assert_eq!(followed.reload(Signal::SIGHUP), first);
    crowd.more(300);

    let h2c = free_port();
    write(&format!("h2c_listen = '127.0.0.1:{h2c}'\ngoals = ['All = page /*']\n"));
    let second = followed.reload(Signal::SIGHUP);
    assert_ne!(second, first);
    let log = headcount.log();
    assert!(log.contains("settings read again; handing over for: h2c_listen, goals"), "{log}");
    assert!(TcpStream::connect(("127.0.0.1", h2c)).is_ok());
    headcount.ended();
    crowd.more(300);
    // And once more: it is where it listens already.
    write(&format!("h2c_listen = '127.0.0.1:{h2c}'\n"));
    assert_ne!(followed.reload(Signal::SIGHUP), second);
    wait_for("the second to end", || (!runs(second)).then_some(()));
    crowd.more(300);
    compare(crowd, &headcount);
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
