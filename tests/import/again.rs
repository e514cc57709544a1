//! An import that is stopped and goes on, and logs that come again.

use super::happened::{DAY, Event, MINUTE, Server, Sums, counted, happened};
use super::{both, command, imported, said, stored};
use fastrand::Rng;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

fn gzip(text: &str) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), Default::default());
    packer.write_all(text.as_bytes()).unwrap();
    packer.finish().unwrap()
}

/// A rotated set, as logrotate leaves it: the oldest has the largest number. Lines stand where
/// their requests ended, a little out of order.
fn rotated(dir: &Path, all: &[Event]) -> Vec<&'static str> {
    let mut lines: Vec<(i64, String)> = Vec::new();
    for (place, event) in all.iter().enumerate() {
        let ended = event.at + (place as i64 * 7 % 20) * 1_000;
        lines.push((ended, Server::Combined.line(event)));
    }
    lines.sort_by_key(|(ended, _)| *ended);
    let lines: Vec<String> = lines.into_iter().map(|(_, line)| line + "\n").collect();
    let quarter = lines.len() / 4;
    let part = |n: usize| match n {
        3 => lines[3 * quarter..].concat(),
        n => lines[n * quarter..(n + 1) * quarter].concat(),
    };
    let write = |name: &str, bytes: &[u8]| std::fs::write(dir.join(name), bytes).unwrap();
    write("access.log.3.gz", &gzip(&part(0)));
    write("access.log.2.zst", &zstd::encode_all(part(1).as_bytes(), 3).unwrap());
    write("access.log.1", part(2).as_bytes());
    write("access.log", part(3).as_bytes());
    vec!["access.log", "access.log.1", "access.log.2.zst", "access.log.3.gz"]
}

/// Everything that is stored, but for what it was numbered under.
fn all_of(dir: &Path, store: &str) -> BTreeMap<i64, Sums> {
    stored(dir, store)
}

#[test]
fn a_rotated_set_is_read_in_the_order_of_time() {
    let all = happened(11, 5, 150);
    both(|dir, store| {
        let logs = rotated(dir, &all);
        imported(dir, store, &logs);
        assert_eq!(all_of(dir, store), counted(&all, true), "{store}");
    });
}

#[test]
fn logs_of_two_servers_are_read_side_by_side() {
    let all = happened(12, 3, 150);
    both(|dir, store| {
        let [mut one, mut other] = [Vec::new(), Vec::new()];
        for (place, event) in all.iter().enumerate() {
            if place % 3 == 0 { one.push(event.clone()) } else { other.push(event.clone()) }
        }
        std::fs::write(dir.join("one.log"), Server::Combined.log(&one)).unwrap();
        std::fs::write(dir.join("other.log"), Server::Caddy.log(&other)).unwrap();
        imported(dir, store, &["other.log", "one.log"]);
        assert_eq!(all_of(dir, store), counted(&all, true), "{store}");
    });
}

/// An import is killed and goes on, until it is through before the next kill; and then another is, until
/// each store has had ten kills.
#[test]
fn killed_again_and_again_it_counts_everything_once() {
    let all = happened(13, 60, 300);
    let expected = counted(&all, true);
    let mut random = Rng::new();
    let mut patience = Duration::from_secs(2);
    let mut had = [(0, 0); 2];
    while had.iter().any(|(kills, partial)| *kills < 10 || *partial == 0) {
        both(|dir, store| {
            let logs = rotated(dir, &all);
            let (kills, partial) = &mut had[usize::from(store.starts_with("redis"))];
            for _ in 0..10 {
                let mut import = command(dir, store, &logs)
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()
                    .unwrap();
                std::thread::sleep(patience.mul_f64(random.f64()));
                if import.try_wait().unwrap().is_some() {
                    patience = patience.mul_f64(0.8);
                    break;
                }
                import.kill().unwrap();
                import.wait().unwrap();
                *kills += 1;
                let so_far = stored(dir, store);
                *partial += usize::from(!so_far.is_empty() && so_far != expected);
                for (day, sums) in &so_far {
                    assert!(sums.views <= expected[day].views, "day {day} after {kills} kills");
                }
            }
            let output = command(dir, store, &logs).output().unwrap();
            assert!(output.status.success(), "{}", said(&output));
            assert_eq!(all_of(dir, store), expected, "{store}");
            // What visitors were recognised by is gone, and so is all that could go on.
            let left = std::fs::read_dir(dir.join("headcount-import")).unwrap();
            let mut left: Vec<_> = left.map(|file| file.unwrap().file_name()).collect();
            left.sort();
            assert_eq!(left, ["done.json", "lock"]);
        });
    }
}

#[test]
fn what_was_imported_is_not_counted_again() {
    let all = happened(14, 4, 100);
    let (first, later) = all.split_at(all.len() / 2);
    both(|dir, store| {
        let log = dir.join("access.log");
        std::fs::write(&log, Server::Combined.log(first)).unwrap();
        imported(dir, store, &["access.log", "./access.log"]);
        let before = all_of(dir, store);
        assert_eq!(before, counted(first, true));
        for name in ["access.log", "renamed.log"] {
            std::fs::copy(&log, dir.join("renamed.log")).unwrap();
            let again = command(dir, store, &[name]).output().unwrap();
            assert!(said(&again).contains("is imported already"), "{}", said(&again));
            assert_eq!(all_of(dir, store), before);
        }
        // It has grown since: only what is new counts, and only on days that have nothing yet.
        std::fs::write(&log, Server::Combined.log(&all)).unwrap();
        let grown = command(dir, store, &["access.log"]).output().unwrap();
        assert_eq!(grown.status.code(), Some(1));
        assert!(said(&grown).contains("1 days were left alone"), "{}", said(&grown));
        let after = all_of(dir, store);
        let last = before.keys().last().unwrap();
        assert_eq!(after[last], before[last], "it has counts already");
        let expected: Vec<Event> = later
            .iter()
            .filter(|e| (e.at - super::MONDAY).div_euclid(DAY) > *last)
            .cloned()
            .collect();
        for (day, sums) in counted(&expected, true).iter().filter(|(day, _)| *day > last) {
            assert_eq!(after[day].views, sums.views, "day {day}");
        }
        // By force the rest of that day is added.
        std::fs::write(&log, Server::Combined.log(&all)).unwrap();
        imported(dir, store, &["--force", "access.log"]);
        let forced = all_of(dir, store);
        let whole = counted(&all, true);
        for (day, sums) in &forced {
            assert_eq!((sums.views, sums.robots), (whole[day].views, whole[day].robots), "{day}");
        }
    });
}

#[test]
fn standard_input_goes_on_too() {
    let all = happened(15, 10, 100);
    let log = Server::Combined.log(&all);
    both(|dir, store| {
        let piped = |bytes: &[u8], wait: bool| {
            let mut import = command(dir, store, &[])
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            let mut input = import.stdin.take().unwrap();
            let written = input.write_all(bytes).and_then(|()| input.flush());
            if wait {
                drop(input);
                assert!(import.wait().unwrap().success());
                return;
            }
            written.unwrap();
            std::thread::sleep(Duration::from_millis(700));
            import.kill().unwrap();
            import.wait().unwrap();
        };
        piped(&log.as_bytes()[..log.len() / 2], false);
        piped(log.as_bytes(), true);
        assert_eq!(all_of(dir, store), counted(&all, true), "{store}");
    });
}

/// `tail -f access.log | headcount import`: no line comes, and no end.
#[test]
fn it_stops_also_while_no_line_comes() {
    let all = happened(18, 10, 100);
    let log = Server::Combined.log(&all);
    assert!(log.len() > 128 << 10, "more than it reads before it counts");
    let dir = tempfile::tempdir().unwrap();
    let (dir, store) = (dir.path(), "sqlite:headcount.db");
    let mut import = command(dir, store, &[]);
    import.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut import = import.spawn().unwrap();
    let mut input = import.stdin.take().unwrap();
    input.write_all(log.as_bytes()).unwrap();
    interrupt(&import);
    let stopped = import.wait_with_output().unwrap();
    assert_eq!(stopped.status.code(), Some(1));
    let line = "headcount: interrupted; run the same command again, and it goes on";
    assert!(said(&stopped).contains(line), "{}", said(&stopped));
    drop(input);

    let mut again = command(dir, store, &[]);
    let mut again = again.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    again.stdin.take().unwrap().write_all(log.as_bytes()).unwrap();
    assert!(again.wait().unwrap().success());
    assert_eq!(all_of(dir, store), counted(&all, true));
}

#[test]
fn days_with_counts_are_left_alone() {
    let all = happened(16, 3, 80);
    both(|dir, store| {
        std::fs::write(dir.join("live.log"), Server::Combined.log(&all[..3])).unwrap();
        let live: Vec<Event> =
            all.iter().filter(|event| event.at - all[0].at < 300 * MINUTE).cloned().collect();
        std::fs::write(dir.join("live.log"), Server::Main.log(&live)).unwrap();
        imported(dir, store, &["live.log"]);
        let before = all_of(dir, store);
        std::fs::write(dir.join("access.log"), Server::Combined.log(&all)).unwrap();
        let output = command(dir, store, &["access.log"]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        let line = "1 days were left alone, for they have counts; --force adds to them";
        assert!(said(&output).contains(line), "{}", said(&output));
        assert!(String::from_utf8_lossy(&output.stdout).contains("of days that have counts"));
        let (after, whole) = (all_of(dir, store), counted(&all, true));
        assert_eq!(after[&0], before[&0]);
        assert_eq!(after[&2].views, whole[&2].views);
    });
}

#[test]
fn an_import_goes_on_only_as_it_began_or_is_given_up() {
    let all = happened(17, 30, 200);
    let dir = tempfile::tempdir().unwrap();
    let (dir, store) = (dir.path(), "sqlite:headcount.db");
    let logs = rotated(dir, &all);
    let mut import = command(dir, store, &logs);
    let import = import.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    super::common::wait_for("an import to count", || {
        let begun = dir.join("headcount-import/resume.json").exists();
        (begun && !stored(dir, store).is_empty()).then_some(())
    });
    let other = command(dir, store, &logs).output().unwrap();
    assert!(said(&other).contains("another import runs in"), "{}", said(&other));
    interrupt(&import);
    let stopped = import.wait_with_output().unwrap();
    assert_eq!(stopped.status.code(), Some(1));
    let line = "headcount: interrupted; run the same command again, and it goes on";
    assert!(said(&stopped).contains(line), "{}", said(&stopped));
    no_address_is_in(dir);

    for (words, line) in [
        (&["--force", "access.log"][..], "was begun with other flags"),
        (&["--exclude-pages", "/a*", "access.log"], "was begun with other flags"),
        (&["access.log"], "reads access.log.3.gz too"),
    ] {
        let output = command(dir, store, words).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains(line), "{words:?}: {}", said(&output));
    }
    let seed = dir.join("headcount-import/seed");
    assert_eq!(std::fs::read(&seed).unwrap().len(), 32);
    imported(dir, store, &["--give-up"]);
    assert!(!seed.exists());
    let output = command(dir, store, &["--give-up"]).output().unwrap();
    assert!(said(&output).contains("no import was interrupted"), "{}", said(&output));
    no_address_is_in(dir);
}

/// Ctrl-C, once it is waited for.
fn interrupt(import: &Child) {
    let status = format!("/proc/{}/status", import.id());
    super::common::wait_for("an import to heed Ctrl-C", || {
        let status = std::fs::read_to_string(&status).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        let caught = u64::from_str_radix(caught.trim(), 16).unwrap();
        (caught >> (Signal::SIGINT as u32 - 1) & 1 == 1).then_some(())
    });
    kill(Pid::from_raw(import.id() as i32), Signal::SIGINT).unwrap();
}

/// But for the logs themselves.
fn no_address_is_in(dir: &Path) {
    let mut looked = 0;
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.to_str().unwrap().contains("access.log") {
                let bytes = std::fs::read(&path).unwrap();
                for text in [&b"198.51.100."[..], b"2001:db8"] {
                    let found = memchr::memmem::find(&bytes, text);
                    assert_eq!(found, None, "{}", path.display());
                }
                looked += 1;
            }
        }
    }
    assert!(looked >= 2, "there is nothing to look at");
}
