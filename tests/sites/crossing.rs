//! Attempts to have something of one site land at another.

use super::common::http::{self, BEACON, FIREFOX, NAVIGATION};
use super::common::ports::free_port;
use super::common::wait_for;
use super::stage::{ALL, BLOG, DOCS, SHOP, Stage, VISITORS};
use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The status, and who answered: a website's name, or nobody.
fn answered(status: u16, body: &str) -> (u16, Option<&'static str>) {
    let title = |name: &&str| body.contains(&format!("<title>{name}</title>"));
    (status, ALL.map(|known| known.name).into_iter().find(title))
}

#[test]
fn a_host_leads_to_its_site_or_to_none() {
    let stage = Stage::start(None, 1, "");
    let ask = |host: &str, target: &str| {
        let mut headers = vec![("Host", host), ("User-Agent", FIREFOX)];
        headers.extend(NAVIGATION);
        let answer = http::get(stage.nodes[0].site(), target, &headers);
        answered(answer.status, &answer.text())
    };
    for (host, name) in [
        ("blog.example", BLOG.name),
        ("WWW.Blog.example.:8080", BLOG.name),
        ("shop.blog.example", SHOP.name),
        ("docs.example", DOCS.name),
        ("a.b.docs.example", DOCS.name),
    ] {
        assert_eq!(ask(host, "/"), (200, Some(name)), "{host}");
        assert_eq!(ask(host, &format!("http://{host}/")), (200, Some(name)), "{host}");
    }
    for host in [
        "example.org",
        "127.0.0.1",
        "localhost",
        "notblog.example",
        "a.blog.example",
        "blog.example.evil",
        "docs.example.evil",
        "*.docs.example.",
        "",
    ] {
        assert_eq!(ask(host, "/").0, if host.contains('*') { 200 } else { 421 }, "{host}");
    }
    let foreign = http::get(stage.nodes[0].site(), "/", &[("Host", "example.org")]);
    assert!(foreign.text().contains("There is no website of this name here"), "{}", foreign.text());
    // A request line may name a host, too: not another one.
    for (host, target) in [
        ("www.blog.example", "http://shop.blog.example/"),
        ("shop.blog.example", "http://www.blog.example/"),
        ("example.org", "http://www.blog.example/"),
        ("www.blog.example", "http://example.org/"),
    ] {
        assert_eq!(ask(host, target), (400, None), "{host} {target}");
    }
}

#[tokio::test]
async fn over_http2_two_hosts_are_refused() {
    let port = free_port();
    let settings = format!("h2c_listen = '127.0.0.1:{port}'");
    let stage =
        tokio::task::spawn_blocking(move || Stage::start(None, 1, &settings)).await.unwrap();
    let ask = async |authority: &str, host: Option<&str>| {
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let (client, connection) = h2::client::handshake(stream).await.unwrap();
        let driven = tokio::spawn(connection);
        let mut request = ::http::Request::get(format!("http://{authority}/"));
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let mut client = client.ready().await.unwrap();
        let (answer, _) = client.send_request(request.body(()).unwrap(), true).unwrap();
        let answer = answer.await.unwrap();
        let status = answer.status().as_u16();
        let mut body = answer.into_body();
        let mut text = Vec::new();
        while let Some(piece) = body.data().await {
            text.extend(piece.unwrap());
        }
        driven.abort();
        answered(status, &String::from_utf8(text).unwrap())
    };
    for known in &ALL {
        assert_eq!(ask(known.host, None).await, (200, Some(known.name)));
        assert_eq!(ask(known.host, Some(known.host)).await, (200, Some(known.name)));
    }
    assert_eq!(ask("example.org", None).await, (421, None));
    assert_eq!(ask(BLOG.host, Some(SHOP.host)).await, (400, None));
    assert_eq!(ask(SHOP.host, Some(BLOG.host)).await, (400, None));
    assert_eq!(ask("example.org", Some(BLOG.host)).await, (400, None));
    tokio::task::spawn_blocking(move || drop(stage)).await.unwrap();
}

#[test]
fn a_view_is_confirmed_on_its_own_site_only() {
    let mut stage = Stage::start(None, 1, "");
    let id = stage.view(&BLOG, 0, "/page").view_id().expect("a page has one");
    let pageview = |n: u32| json!({ "type": "pageview", "nav": "load", "pathname": "/page", "view": id, "n": n });
    // On another site it is worth as much as none: a view that only the browser saw.
    assert_eq!(stage.beacon(&SHOP, SHOP.beacons, 0, &pageview(1)), 202);
    wait_for("the shop's view", || (stage.total(SHOP.name, "pageviews") == 1).then_some(()));
    assert_eq!(stage.total(SHOP.name, "browser_pageviews"), 1);
    let evidence = stage.ask(SHOP.name, "breakdown?property=visit:evidence&metrics=pageviews");
    assert!(evidence.to_string().contains("unverified"), "{evidence}");
    stage.view(&BLOG, 1, "/other");
    wait_for("the blog's views", || (stage.total(BLOG.name, "pageviews") == 2).then_some(()));
    assert_eq!(stage.total(BLOG.name, "confirmed_pageviews"), 0);
    // And at home it is still good.
    assert_eq!(stage.beacon(&BLOG, BLOG.beacons, 0, &pageview(2)), 202);
    wait_for("the view to be confirmed", || {
        (stage.total(BLOG.name, "confirmed_pageviews") == 1).then_some(())
    });
    assert_eq!(stage.total(BLOG.name, "pageviews"), 2);
}

#[test]
fn a_page_of_another_site_may_send_nothing() {
    let stage = Stage::start(None, 1, "");
    let event = json!({ "type": "event", "name": "Order", "pathname": "/", "n": 1 }).to_string();
    let send = |origin: &str| {
        let mut headers = vec![
            ("Host", BLOG.host),
            ("User-Agent", FIREFOX),
            ("Origin", origin),
            ("X-Forwarded-For", VISITORS[0].0),
        ];
        headers.extend(BEACON.iter().filter(|(name, _)| *name != "Sec-Fetch-Site"));
        let to = stage.nodes[0].site();
        http::send(to, "POST", BLOG.beacons, &headers, event.as_bytes()).status
    };
    assert_eq!(send("https://www.blog.example"), 202);
    assert_eq!(send("https://blog.example"), 202, "another host of the site");
    for other in ["https://shop.blog.example", "https://v2.docs.example", "https://example.org"] {
        assert_eq!(send(other), 403, "{other}");
    }
}

#[test]
fn live_events_are_of_one_site() {
    let mut stage = Stage::start(None, 1, "");
    let admin = stage.nodes[0].admin();
    let mut stream = TcpStream::connect(admin).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    write!(stream, "GET /api/live?site_id=shop HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().contains("200"));
    lines.find(|line| line == "data: 0").expect("the number of current visitors");
    for n in 0..5 {
        stage.view(&BLOG, 0, &format!("/secret/{n}"));
    }
    stage.compare();
    stage.view(&SHOP, 0, "/item");
    // What happened before is told before.
    let told: Vec<String> = lines.by_ref().take_while(|line| !line.contains("/item")).collect();
    assert!(!told.iter().any(|line| line.contains("secret")), "{told:?}");
    let answer = stage.nodes[0].admin_get("/api/live?site_id=nobody");
    assert_eq!(answer.status, 401);
}
