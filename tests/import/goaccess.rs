//! The same log by GoAccess: what it counts otherwise, and by which rule.

use super::happened::{DAY, Event, MONDAY, Server, What, counted, happened};
use super::{imported, stored};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// By GoAccess a visitor is an address and a user agent on a day, whatever it asked for, unless all
/// it was answered is 4xx.
fn visitors<'e>(all: impl IntoIterator<Item = &'e Event>) -> BTreeSet<(i64, &'e str, &'e str)> {
    let day = |event: &Event| (event.at - MONDAY).div_euclid(DAY);
    let all = all.into_iter().filter(|event| event.status / 100 != 4);
    all.map(|event| (day(event), &*event.address, event.agent)).collect()
}

/// What GoAccess counts.
pub struct Told {
    pub hits: usize,
    pub failed: usize,
    pub visitors: usize,
    /// Hits of crawlers, which it has among browsers.
    pub crawlers: usize,
}

/// Has GoAccess read a log of the format combined.
pub fn told(log: &Path) -> Told {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new("goaccess")
        .current_dir(dir.path())
        .arg(log)
        .args(["--log-format=COMBINED", "--no-global-config", "--no-progress"])
        .args(["--tz=UTC", "-o", "goaccess.json"])
        .output()
        .expect("goaccess is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = std::fs::read(dir.path().join("goaccess.json")).unwrap();
    let told: serde_json::Value = serde_json::from_slice(&told).unwrap();
    let number = |value: &serde_json::Value| value.as_u64().unwrap() as usize;
    let general = |name: &str| number(&told["general"][name]);
    let browsers = told["browsers"]["data"].as_array().unwrap();
    let crawlers = browsers.iter().find(|browser| browser["data"] == "Crawlers");
    Told {
        hits: general("total_requests"),
        failed: general("failed_requests"),
        visitors: general("unique_visitors"),
        crawlers: crawlers.map_or(0, |row| number(&row["hits"]["count"])),
    }
}

#[test]
fn each_difference_to_goaccess_has_a_rule() {
    let all = happened(31, 5, 300);
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    std::fs::write(&log, Server::Combined.log(&all)).unwrap();
    let told = told(&log);

    let printed = imported(dir.path(), "sqlite:headcount.db", &["access.log"]);
    let ours = stored(dir.path(), "sqlite:headcount.db");
    assert_eq!(ours, counted(&all, true));
    let sum = |of: fn(&super::Sums) -> i64| ours.values().map(of).sum::<i64>() as usize;

    // Hits: both have read every line.
    assert_eq!((told.hits, told.failed), (all.len(), 0));
    assert!(printed.starts_with(&format!("{} lines", all.len())), "{printed}");

    // Visitors: GoAccess counts robots too, and whoever has only asked for something else than a
    // page: an asset, a file, a feed, a page that is not there.
    let robots = visitors(all.iter().filter(|event| event.robot));
    let viewers = visitors(all.iter().filter(|e| !e.robot && e.what == What::View));
    let others: BTreeSet<_> = visitors(all.iter().filter(|event| !event.robot));
    let others = others.difference(&viewers).count();
    assert_eq!(viewers.len(), sum(|day| day.visitors));
    assert_eq!(
        told.visitors,
        sum(|day| day.visitors) + robots.len() + others,
        "{} robots, {others} without a view",
        robots.len()
    );

    // Robots: GoAccess names crawlers among browsers; a program and an empty agent are none to it.
    let named = |name: &str| all.iter().filter(|e| e.robot && e.agent.contains(name)).count();
    let [google, curl, python] = ["Googlebot", "curl", "python"].map(named);
    let silent = all.iter().filter(|event| event.agent.is_empty()).count();
    assert_eq!(sum(|day| day.robots), google + curl + python + silent);
    assert_eq!(told.crawlers, google);
}
