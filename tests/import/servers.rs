//! A real nginx in front of headcount, in front of a website: what its log comes to when it is
//! imported, beside what headcount has counted of the same requests.
//!
//! nginx writes two logs. By the one that has all headers that rules ask for, everything is counted
//! the same. By the usual one (combined) it is, but for what it does not say: each difference has a
//! rule, as has each one to what GoAccess makes of it.

use super::common::headcount::{Headcount, timezone};
use super::common::nginx::Nginx;
use super::common::redis::RedisServer;
use super::common::wait_for;
use super::{command_in, goaccess, said};
use headcount::model::rollup::{Dimension, Field, Metric};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

const SITE: &str = super::SITE;

/// Everything that rules of counting ask for.
const WHOLE: &str = "$msec $remote_addr $http_host \"$request\" $status $body_bytes_sent \
    \"$http_referer\" \"$http_user_agent\" \"$http_accept\" \"$http_accept_language\" \
    \"$http_sec_fetch_dest\" \"$http_sec_fetch_mode\" \"$http_sec_fetch_site\" \
    \"$http_sec_purpose\" \"$http_purpose\" \"$http_x_requested_with\" \"$http_sec_gpc\" \
    \"$http_sec_ch_ua_mobile\" \"$sent_http_content_type\" \"$sent_http_content_disposition\" \
    \"$sent_http_content_length\" \"$sent_http_content_range\"";

pub const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0";
pub const SAFARI: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.3 Mobile/15E148 Safari/604.1";
pub const GOOGLEBOT: &str =
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";

pub type Headers = &'static [(&'static str, &'static str)];

pub const TAB: Headers = &[
    ("Sec-Fetch-Dest", "document"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Accept", "text/html,*/*;q=0.8"),
    ("Accept-Language", "de-AT,de;q=0.9"),
];
const FRAME: Headers = &[("Sec-Fetch-Dest", "iframe"), ("Sec-Fetch-Mode", "navigate")];
const SCRIPT: Headers = &[("Sec-Fetch-Dest", "empty"), ("Sec-Fetch-Mode", "cors")];
const AHEAD: Headers = &[("Sec-Fetch-Dest", "document"), ("Sec-Purpose", "prefetch")];
const PLAIN: Headers = &[("Accept", "text/html")];
const STYLE: Headers = &[("Sec-Fetch-Dest", "style"), ("Accept", "text/css")];
const ANY: Headers = &[("Accept", "*/*")];
const GPC: Headers = &[("Sec-Fetch-Dest", "document"), ("Sec-GPC", "1")];

/// Who asks (the last part of the address), with which agent, for what and how.
const ASKED: [(u8, &str, &str, &str, Headers, &str); 30] = [
    (2, FIREFOX, "GET", "/index.html", TAB, "https://www.google.com/search?q=x"),
    (2, FIREFOX, "GET", "/_static/pygments.css", STYLE, "http://docs.example.org/index.html"),
    (
        2,
        FIREFOX,
        "GET",
        "/library/os.html?utm_source=news",
        TAB,
        "http://docs.example.org/index.html",
    ),
    (2, FIREFOX, "GET", "/nowhere.html", TAB, "http://docs.example.org/library/os.html"),
    (2, FIREFOX, "GET", "/made/paper.pdf", TAB, "http://docs.example.org/library/os.html"),
    (3, FIREFOX, "GET", "/index.html", PLAIN, ""),
    (3, FIREFOX, "GET", "/tutorial/index.html", PLAIN, "https://chatgpt.com/"),
    (3, FIREFOX, "GET", "/moved", PLAIN, ""),
    (4, SAFARI, "GET", "/", TAB, "https://www.google.com/"),
    (4, SAFARI, "GET", "/gone", TAB, ""),
    (4, SAFARI, "GET", "/broken", TAB, ""),
    (4, SAFARI, "GET", "/denied", TAB, ""),
    (4, SAFARI, "HEAD", "/index.html", ANY, ""),
    (5, SAFARI, "GET", "/library/json.html", AHEAD, "http://docs.example.org/"),
    (5, SAFARI, "GET", "/made/frame.html", FRAME, "http://docs.example.org/"),
    (5, SAFARI, "GET", "/library/re.html", SCRIPT, "http://docs.example.org/"),
    (5, SAFARI, "GET", "/made/attached.html", TAB, "http://docs.example.org/"),
    (5, SAFARI, "GET", "/form", TAB, "http://docs.example.org/"),
    (5, SAFARI, "POST", "/form", TAB, "http://docs.example.org/"),
    (6, FIREFOX, "GET", "/index.html", GPC, ""),
    (7, GOOGLEBOT, "GET", "/index.html", ANY, ""),
    (7, GOOGLEBOT, "GET", "/nowhere", ANY, ""),
    (7, GOOGLEBOT, "GET", "/_static/pygments.css", ANY, ""),
    (8, "curl/8.14.1", "GET", "/", ANY, ""),
    (8, "", "GET", "/", PLAIN, ""),
    (9, FIREFOX, "GET", "/caf%c3%a9/\"<x>", TAB, ""),
    (
        9,
        "Mozilla/5.0 (X11; rv:153.0) \"200 9\" Gecko/20100101 Firefox/153.0",
        "GET",
        "/index.html",
        TAB,
        "",
    ),
    (9, FIREFOX, "GET", "/objects.inv", TAB, ""),
    (9, FIREFOX, "GET", "/made/frame.html", TAB, "javascript:\"x\""),
    (9, FIREFOX, "GET", "/index.html", TAB, "https://e.org/a\\b?c"),
];

/// Asks from an address of this machine, and reads the answer.
pub fn ask(
    port: u16,
    (from, agent, method, path, headers, referrer): (u8, &str, &str, &str, Headers, &str),
    more: &str,
) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, from], 0)).into()).unwrap();
    socket.connect(&SocketAddr::from(([127, 0, 0, 1], port)).into()).unwrap();
    let mut stream: TcpStream = socket.into();
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nHost: {SITE}\r\nConnection: close\r\n{more}");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    for (name, value) in [("User-Agent", agent), ("Referer", referrer)] {
        if !value.is_empty() {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    if method == "POST" {
        request.push_str("Content-Length: 0\r\n");
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.starts_with(b"HTTP/1.1 "), "{method} {path}: {}", answer.escape_ascii());
}

type Counts = BTreeMap<Field, i64>;

/// All that is counted, but for how long things took and what a clock's second decides.
fn counts(dir: &Path, store: &str) -> Counts {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = headcount::store::open(&store.parse().unwrap(), dir).unwrap();
    runtime.block_on(async {
        let mut all = Counts::new();
        for on in store.kept(SITE).await.unwrap() {
            for (field, n) in store.days(SITE, &[on]).await.unwrap().remove(0).fields() {
                let of_time = matches!(field.dimension, Dimension::Timing | Dimension::FirstSeen)
                    || field.dimension == Dimension::Total && !field.value.is_empty()
                    || matches!(field.metric, Metric::Duration);
                if !of_time {
                    *all.entry(field).or_default() += n;
                }
            }
        }
        all.retain(|_, n| *n != 0);
        all
    })
}

fn of(counts: &Counts, dimension: Dimension, metric: Metric) -> i64 {
    let such = counts.iter().filter(|(f, _)| f.dimension == dimension && f.metric == metric);
    such.map(|(_, n)| n).sum()
}

#[test]
fn a_log_of_nginx_comes_to_what_was_counted_live() {
    let (website, redis) = (Nginx::start(), RedisServer::start());
    let flags =
        ["--flush-interval", "100ms", "--trusted-proxies", "127.0.0.1/32", "--store", &redis.url()];
    let headcount = Headcount::start(&website.url(), &flags);
    let nginx = Nginx::logging_before(&format!("http://{}", headcount.site()), WHOLE);
    for asked in ASKED {
        ask(nginx.port, asked, "");
    }
    // A second visit of a page that is known, and a part of a file.
    let since = "If-Modified-Since: Tue, 19 Jan 2038 03:14:07 GMT\r\n";
    ask(nginx.port, (2, FIREFOX, "GET", "/index.html", TAB, ""), since);
    ask(nginx.port, (2, FIREFOX, "GET", "/made/huge.zip", ANY, ""), "Range: bytes=0-99\r\n");
    let requests = ASKED.len() + 2;
    let (combined, whole) = (nginx.file("combined.log"), nginx.file("whole.log"));
    for log in [&combined, &whole] {
        wait_for("nginx to write its log", || {
            let written = std::fs::read_to_string(log).unwrap_or_default();
            (written.lines().count() == requests).then_some(())
        });
    }
    let dir = tempfile::tempdir().unwrap();
    // What a person was answered last is a part of a file, which is counted when it is through.
    let live = wait_for("everything to be counted", || {
        let live = counts(dir.path(), &redis.url());
        (of(&live, Dimension::Download, Metric::Responses) == 3).then_some(live)
    });

    let import = |name: &str, words: &[&str]| {
        let dir = tempfile::tempdir().unwrap();
        let store = "sqlite:headcount.db";
        let output = command_in(timezone(), dir.path(), store, words).output().unwrap();
        assert!(output.status.success(), "{name}: {}", said(&output));
        let printed = String::from_utf8(output.stdout).unwrap();
        (counts(dir.path(), store), printed)
    };
    let (imported, printed) = import("whole", &["--format", WHOLE, whole.to_str().unwrap()]);
    let differ: Vec<_> = live
        .keys()
        .chain(imported.keys())
        .filter(|field| live.get(field) != imported.get(field))
        .map(|field| (field, live.get(field), imported.get(field)))
        .collect();
    assert!(differ.is_empty(), "{differ:#?}\n{printed}");

    let (imported, printed) = import("combined", &[combined.to_str().unwrap()]);
    let total = |counts: &Counts, metric| of(counts, Dimension::Total, metric);
    let more = |dimension, metric| of(&imported, dimension, metric) - of(&live, dimension, metric);
    // Prefetched, framed, fetched by a script, attached, of a type with an unknown extension: pages
    // by their paths.
    assert_eq!(total(&imported, Metric::Server) - total(&live, Metric::Server), 5, "{printed}");
    assert_eq!(more(Dimension::Prefetch, Metric::Responses), -1);
    // The attached page and the part of a file are no downloads.
    assert_eq!(more(Dimension::Download, Metric::Responses), -2);
    // 6 asked not to be tracked.
    assert_eq!(total(&imported, Metric::Visitors) - total(&live, Metric::Visitors), 1);
    for dimension in
        [Dimension::BotName, Dimension::BotPage, Dimension::ErrorPage, Dimension::ErrorLink]
    {
        assert_eq!(more(dimension, Metric::Responses), 0, "{dimension:?}");
    }

    // GoAccess, of the same log: whoever has an address and a user agent of their own is a visitor
    // to it, robots too, and of robots it knows those that call themselves one.
    let theirs = goaccess::told(&combined);
    assert_eq!((theirs.hits, theirs.failed), (requests, 0));
    let (robots, people): (Vec<_>, Vec<_>) = ASKED
        .iter()
        .map(|(from, agent, ..)| (from, *agent))
        .partition(|(from, _)| matches!(from, 7 | 8));
    let apart = |all: &[(&u8, &str)]| all.iter().collect::<BTreeSet<_>>().len();
    assert_eq!(total(&imported, Metric::Visitors), apart(&people) as i64);
    assert_eq!(theirs.visitors, apart(&people) + apart(&robots));
    assert_eq!(of(&imported, Dimension::BotName, Metric::Responses), robots.len() as i64);
    let google = robots.iter().filter(|(_, agent)| *agent == GOOGLEBOT).count();
    assert_eq!(theirs.crawlers, google);
}
