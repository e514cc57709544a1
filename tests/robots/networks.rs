//! Data centres, by a database of networks: robots from there, and both sides of people's views.

use crate::common::headcount::Headcount;
use crate::common::http::{CHROME, CURL, FIREFOX, GPTBOT, NAVIGATION, get, send};
use crate::common::nginx::Nginx;
use crate::common::wait_for;
use crate::known;
use serde_json::json;

const NETWORKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/geo/networks.mmdb");

#[test]
fn visits_and_robots_from_data_centres_are_told_apart_and_nobody_is_left_out() {
    let website = Nginx::start();
    let flags = ["--flush-interval", "100ms", "--trusted-proxies", "127.0.0.1"];
    let more = ["--networks", NETWORKS, "--hosting-networks", "AS64500,AS64502"];
    let headcount = Headcount::start(&website.url(), &[&flags[..], &more].concat());
    let come = |agent: &str, from: &str| {
        let own = [("Host", "docs.example.org"), ("User-Agent", agent), ("X-Forwarded-For", from)];
        get(headcount.site(), "/index.html", &[&own[..], NAVIGATION].concat())
    };
    // AS64500 and AS64502 are data centres', AS64501 is none, and of the last nothing is known.
    come(CURL, "192.0.2.1");
    come(CURL, "2001:db8::1");
    come(CURL, "198.51.100.1");
    come(CURL, "203.0.113.1");
    come(GPTBOT, "192.0.2.1");
    for from in ["192.0.2.1", "192.0.2.2", "192.0.2.3", "198.51.100.1", "203.0.113.1"] {
        come(FIREFOX, from);
    }
    // A person with a VPN: the script tells of the view.
    let id = come(CHROME, "192.0.2.9").view_id().expect("a view id");
    let beacon = json!([{ "type": "pageview", "pathname": "/index.html", "view": id }]).to_string();
    let headers = [
        ("Host", "docs.example.org"),
        ("User-Agent", CHROME),
        ("X-Forwarded-For", "192.0.2.9"),
        ("Sec-Fetch-Site", "same-origin"),
    ];
    let told = send(headcount.site(), "POST", "/api/track", &headers, beacon.as_bytes());
    assert_eq!(told.status, 202, "{}", told.text());

    wait_for("the views", || (headcount.total("confirmed_pageviews") == 1).then_some(()));
    wait_for("the robots", || (known(&headcount).values().sum::<i64>() == 5).then_some(()));
    let expected = [
        (("GPTBot", "claimed, address not listed"), 1),
        (("curl", "claimed"), 2),
        (("curl", "claimed, data centre"), 2),
    ];
    let expected = expected.map(|((name, proof), n)| ((name.to_owned(), proof.to_owned()), n));
    assert_eq!(known(&headcount), expected.into());
    let metrics = "visitors,server_pageviews,confirmed_pageviews";
    let question = format!("breakdown?period=day&property=visit:network&metrics={metrics}");
    let from_there = json!([{
        "network": "Data centre", "visitors": 4, "server_pageviews": 4, "confirmed_pageviews": 1,
    }]);
    assert_eq!(headcount.stats(&question), from_there);
    assert_eq!(headcount.total("pageviews"), 6);
}
