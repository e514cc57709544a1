//! The unit, and a hand-over that systemd follows.

use super::common::followed::{Followed, runs, status};
use super::common::headcount::Headcount;
use super::common::load::Load;
use super::common::ports::free_port;
use super::common::wait_for;
use super::crowd::{Crowd, compare};
use nix::sys::signal::Signal;
use std::collections::{BTreeSet, HashSet};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

fn conf(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conf").join(file)
}

#[test]
fn the_units_are_some() {
    let dir = tempfile::tempdir().unwrap();
    let unit = std::fs::read_to_string(conf("headcount.service")).unwrap();
    let here = unit.replace("/usr/local/bin/headcount", env!("CARGO_BIN_EXE_headcount"));
    assert_ne!(here, unit);
    let service = dir.path().join("headcount.service");
    std::fs::write(&service, here).unwrap();
    let socket = dir.path().join("headcount.socket");
    std::fs::copy(conf("headcount.socket"), &socket).unwrap();
    for file in [&service, &socket] {
        let output = Command::new("systemd-analyze").arg("verify").arg(file).output();
        let output = output.expect("systemd-analyze, of Debian's systemd");
        let said = String::from_utf8_lossy(&output.stderr);
        // A key that it does not know is ignored, and only told.
        let is_told = said.contains("headcount.s");
        assert!(output.status.success() && !is_told, "{}: {said}", file.display());
    }
    for line in ["Type=notify", "NotifyAccess=all", "UMask=0077", "ExecReload=", "WatchdogSec="] {
        assert!(unit.lines().any(|has| has.starts_with(line)), "{line}");
    }
}

#[test]
fn the_unit_lets_the_program_do_little_else() {
    let output = Command::new("systemd-analyze")
        .args(["security", "--offline=yes", "--no-pager"])
        .arg(conf("headcount.service"))
        .output()
        .expect("systemd-analyze, of Debian's systemd");
    let said = String::from_utf8(output.stdout).unwrap();
    let overall = said.split("Overall exposure level for headcount.service: ").nth(1).expect(&said);
    let level: f64 = overall.split(' ').next().unwrap().parse().unwrap();
    assert!(level <= 1.6, "{said}");
    let unit = std::fs::read_to_string(conf("headcount.service")).unwrap();
    assert!(unit.contains(&format!("calls it {level};")), "the unit's own word of it");
}

/// What the unit allows is what it does, seen by strace: start, requests, a flush, other settings
/// in a process of their own, the end.
#[test]
fn the_program_calls_nothing_that_the_unit_forbids() {
    let load = Load::new();
    let flags = ["--flush-interval", "100ms", "--trusted-proxies", "127.0.0.1"];
    let mut headcount = Headcount::prepare(&load.url(), &flags);
    let calls = headcount.dir.path().join("calls");
    let to = calls.to_str().unwrap().to_owned();
    headcount.choose_ports();
    let strace = ["strace", "-D", "-f", "-qq", "-o", &to, "-E"];
    let mut followed = Followed::start_by(&mut headcount, &strace);
    let crowd = Crowd::enter(headcount.site(), 0);
    crowd.more(200);
    followed.reload(Signal::SIGUSR2);
    crowd.more(200);
    compare(crowd, &headcount);
    assert_eq!(headcount.admin_get("/metrics").status, 200);
    let last = followed.main();
    followed.signal(Signal::SIGTERM);
    wait_for("the end", || (!runs(last)).then_some(()));

    let unit = std::fs::read_to_string(conf("headcount.service")).unwrap();
    let filters = unit.lines().filter_map(|line| line.strip_prefix("SystemCallFilter="));
    let (mut allowed, mut forbidden) = (HashSet::new(), HashSet::new());
    for filter in filters {
        match filter.strip_prefix('~') {
            None => filter.split(' ').for_each(|set| members(set, &mut allowed)),
            Some(filter) => filter.split(' ').for_each(|set| members(set, &mut forbidden)),
        }
    }
    // systemd itself allows what it needs to start a program.
    members("@default", &mut allowed);
    let told = std::fs::read_to_string(&calls).unwrap();
    let called: BTreeSet<&str> = told
        .lines()
        .filter_map(|line| line.split_once(' ')?.1.trim_start().split_once('('))
        .map(|(name, _)| name)
        .filter(|name| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
        .collect();
    assert!(called.len() > 50 && called.contains("accept4"), "{called:?}");
    let outside: Vec<_> = called
        .iter()
        .filter(|call| !allowed.contains(**call) || forbidden.contains(**call))
        // SQLite calls it as root only, which the unit's user is not.
        .filter(|call| **call != "fchown")
        .collect();
    assert!(outside.is_empty(), "{outside:?} of {called:?}");
    // Files of memory that may be written and run are forbidden, too.
    let both = told.lines().find(|line| line.contains("PROT_WRITE|PROT_EXEC"));
    assert_eq!(both, None);
    let families = ["AF_UNIX", "AF_INET", "AF_INET6"];
    let socket = told.lines().filter_map(|line| line.split_once(" socket(")?.1.split(',').next());
    // Where names are looked up, glibc asks for one more and goes on without.
    let others = socket.filter(|family| *family != "AF_NETLINK" && !families.contains(family));
    assert_eq!(others.collect::<Vec<_>>(), <[&str; 0]>::default());
}

/// The system calls of a set that systemd knows by name.
fn members(set: &str, of: &mut HashSet<String>) {
    let output = Command::new("systemd-analyze").args(["syscall-filter", set]).output();
    let said = String::from_utf8(output.unwrap().stdout).unwrap();
    for line in said.lines().skip(1).map(str::trim).filter(|line| !line.starts_with('#')) {
        match line.starts_with('@') {
            true => members(line, of),
            false => _ = of.insert(line.to_owned()),
        }
    }
}

#[test]
fn a_socket_of_systemds_is_taken_and_handed_on() {
    let load = Load::new();
    let flags = ["--flush-interval", "100ms", "--trusted-proxies", "127.0.0.1"];
    let mut headcount = Headcount::prepare(&load.url(), &flags);
    headcount.choose_ports();
    // One that no setting is for, too.
    let other = free_port().to_string();
    let site = headcount.site().to_string();
    let activate =
        ["systemd-socket-activate", "-l", &site, "-l", &format!("127.0.0.1:{other}"), "-E"];
    let mut followed = Followed::start_by(&mut headcount, &activate);
    let told = format!("systemd gave a socket at 127.0.0.1:{other}, where no setting listens");
    assert!(headcount.log().contains(&told), "{}", headcount.log());
    let crowd = Crowd::enter(headcount.site(), 0);
    crowd.more(300);
    followed.reload(Signal::SIGUSR2);
    headcount.ended();
    crowd.more(300);
    compare(crowd, &headcount);
    assert!(TcpStream::connect(format!("127.0.0.1:{other}")).is_err());
    let last = followed.main();
    followed.signal(Signal::SIGTERM);
    wait_for("the end", || (!runs(last)).then_some(()));
    assert!(TcpStream::connect(headcount.site()).is_err(), "nobody has it open any more");
}

#[test]
fn systemd_hears_that_it_lives_also_after_a_hand_over() {
    let load = Load::new();
    let mut headcount = Headcount::prepare(&load.url(), &[]);
    headcount.choose_ports();
    let mut followed = Followed::start_by(&mut headcount, &["env", "WATCHDOG_USEC=400000"]);
    followed.lives();
    followed.lives();
    followed.reload(Signal::SIGUSR2);
    headcount.ended();
    followed.lives();
    followed.lives();
    // One that is stopped says nothing.
    followed.signal(Signal::SIGSTOP);
    assert!(followed.is_silent());
    followed.signal(Signal::SIGCONT);
    followed.lives();
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
