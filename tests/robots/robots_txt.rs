//! What the website's robots.txt says of robots' requests, for each page and each robot.

use crate::common::headcount::Headcount;
use crate::common::http::{CURL, GOOGLEBOT, GPTBOT, NAVIGATION, get};
use crate::common::wait_for;
use crate::{counts, website};

const FILE: &str = "User-agent: GPTBot\nDisallow: /private\n\nUser-agent: *\nDisallow: /tmp\n";

#[test]
fn each_request_is_allowed_or_not_once_robots_txt_has_passed_by() {
    let page = "<!doctype html><title>A page</title>";
    let url = website(&[
        ("/robots.txt", "text/plain", FILE),
        ("/a", "text/html", page),
        ("/private/b", "text/html", page),
        ("/tmp/c", "text/html", page),
        ("/private/file.txt", "text/plain", "no page"),
    ]);
    let headcount = Headcount::start(&url, &["--flush-interval", "100ms"]);
    let come = |agent: &str, path: &str| {
        let headers = [NAVIGATION, &[("Host", "docs.example.org"), ("User-Agent", agent)]].concat();
        get(headcount.site(), path, &headers).status
    };
    // Nobody has asked for it yet.
    assert_eq!(come(GPTBOT, "/private/b"), 200);
    assert_eq!(come(CURL, "/robots.txt"), 200);
    for (agent, path, status) in [
        (GPTBOT, "/a", 200),
        (GPTBOT, "/private/b", 200),
        (GPTBOT, "/private/b", 200),
        (GPTBOT, "/private/file.txt", 200),
        (GPTBOT, "/private/none", 404),
        (GPTBOT, "/tmp/c", 200),
        (GPTBOT, "/robots.txt", 200),
        (GOOGLEBOT, "/private/b", 200),
        (GOOGLEBOT, "/tmp/c", 200),
    ] {
        assert_eq!(come(agent, path), status, "{path}");
    }
    wait_for("all to be counted", || {
        let all = counts(&headcount, "bot:class", "");
        (all.values().sum::<i64>() == 11).then_some(())
    });
    let rules = |filter: &str| counts(&headcount, "bot:robots_txt", filter);
    let count = |of: &[(&str, i64)]| of.iter().map(|(k, n)| (k.to_string(), *n)).collect();
    assert_eq!(rules(""), count(&[("allowed", 3), ("disallowed", 5)]));
    assert_eq!(rules("bot:name==GPTBot"), count(&[("allowed", 2), ("disallowed", 4)]));
    assert_eq!(rules("bot:name==Googlebot"), count(&[("allowed", 1), ("disallowed", 1)]));
    let names = counts(&headcount, "bot:name", "bot:robots_txt==disallowed");
    assert_eq!(names, count(&[("GPTBot", 4), ("Googlebot", 1)]));
    // Two properties at once: from event rows.
    let pages = counts(&headcount, "bot:page", "bot:robots_txt==disallowed;bot:name==GPTBot");
    let expected = [("/private/b", 2), ("/private/file.txt", 1), ("/private/none", 1)];
    assert_eq!(pages, count(&expected));
    // Pages that AI has read, and so many of them against it.
    let ai = |purpose: &str| counts(&headcount, "ai:page", &format!("ai:purpose=={purpose}"));
    assert_eq!(ai("training"), count(&[("/a", 1), ("/private/b", 3), ("/tmp/c", 1)]));
    assert_eq!(ai("disallowed"), count(&[("/private/b", 2)]));
    let dashboard = headcount.admin_get("/?topic=bots").text();
    assert!(dashboard.contains("Against robots.txt"), "{dashboard}");
}
