//! Owners, people, programs and strangers: who is given what, used by browsers, on both stores.
//!
//! - the list of sites has the API's numbers, and their sum
//! - a note stands on the chart, a goal tells its number of the past, whatever they are called
//! - who accepts an invitation sees one site; who is signed out everywhere sees none
//! - a link with a password and a segment shows that only; a frame only where it is allowed
//! - a token reads what it is for until it is revoked; an address that is left out counts no more
//! - what was acknowledged is there after a kill, and on another node

use crate::browser::Browser;
use crate::common::redis::RedisServer;
use crate::dashboard::{press, run, until, visit_from};
use crate::program::{Headcount, TOKEN};
use crate::site::Site;
use argon2::{Argon2, PasswordHasher};
use fantoccini::Locator;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::time::Duration;

const PASSWORD: &str = "correct horse";
const HOSTILE: &str = "<img src=x onerror=alert(1)>\"'&\u{202e}=cmd";

#[tokio::test(flavor = "multi_thread")]
async fn owners_give_rights_in_sqlite() {
    drive("sqlite:counts.db", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_give_rights_in_redis() {
    let redis = RedisServer::start();
    drive(&redis.url(), Some(redis)).await;
}

/// The program with two sites and a password.
fn start(site: &Site, store: &str, folder: &tempfile::TempDir) -> Headcount {
    let file = folder.path().join("headcount.toml");
    let sites = "[[sites]]\nname = 'a.test'\nhosts = ['*']\n\
                 [[sites]]\nname = 'b.test'\nhosts = ['b.test']\n";
    std::fs::write(&file, sites).unwrap();
    let hash = Argon2::default().hash_password(PASSWORD.as_bytes()).unwrap().to_string();
    let more = [
        "--config",
        file.to_str().unwrap(),
        "--trusted-proxies",
        "127.0.0.1",
        "--place-headers",
        "CF-IPCountry",
        "--admin-auth-password-hash",
        &hash,
        "--admin-auth-tokens",
        TOKEN,
    ];
    Headcount::start(&site.url(), store, &more)
}

async fn drive(store: &str, redis: Option<RedisServer>) {
    let (site, folder) = (Site::start().await, tempfile::tempdir().unwrap());
    let mut headcount = start(&site, store, &folder);
    for (nth, country, page) in
        [(1, "DE", "/a"), (1, "DE", "/b"), (2, "FR", "/b"), (3, "FR", "/c"), (4, "DE", "/a")]
    {
        visit_from(&headcount, &format!("192.0.2.{nth}"), Some(country), page).await;
    }
    headcount.settle().await;
    let owner = Browser::reader().await;
    owner.goto(&headcount.admin_url("/")).await.unwrap();
    sign_in(&owner, "", PASSWORD).await;

    // The list of sites: both, and what they have together, as the API tells it.
    let shown = "return [...document.querySelectorAll('.sites .card')].map((card) =>
        [...card.querySelectorAll('dd')].slice(0, 2).map((n) => Number(n.textContent)))";
    until(&owner, shown, json!([[4, 5], [4, 5], [0, 0]])).await;
    let told = headcount
        .stats("aggregate?site_id=a.test&period=30d&include_today=true&metrics=visitors,pageviews")
        .await;
    assert_eq!((&told["visitors"]["value"], &told["pageviews"]["value"]), (&json!(4), &json!(5)));

    // A note, on the chart, below it and in the list.
    go(&owner, &headcount, "/settings/notes?site_id=a.test").await;
    fill(&owner, "input[name=text]", HOSTILE).await;
    press(&owner, Locator::XPath("//button[text()='Save']")).await;
    let lines =
        "return [...document.querySelectorAll('.lines li > span')].map((n) => n.textContent)";
    until(&owner, lines, json!([HOSTILE])).await;
    go(&owner, &headcount, "/?site_id=a.test&period=7d").await;
    let note = "return [document.querySelectorAll('.step circle.pin').length,
        document.querySelector('.notes span')?.textContent,
        document.querySelector('.step:has(.pin)')?.getAttribute('aria-label').split('; note: ')[1]]";
    until(&owner, note, json!([1, HOSTILE, HOSTILE])).await;

    // A goal, which tells of the past: two visitors viewed /b once each.
    go(&owner, &headcount, "/settings/goals?site_id=a.test").await;
    fill(&owner, "input[name=name]", "Read <b>").await;
    fill(&owner, "input[name=target]", "/b").await;
    press(&owner, Locator::XPath("//button[text()='Add']")).await;
    until(&owner, lines, json!(["Read <b> = page /b"])).await;
    go(&owner, &headcount, "/?site_id=a.test&period=7d").await;
    let goal = "return [...document.querySelectorAll('#goals tbody tr')].map((row) =>
        [...row.children].slice(0, 3).map((cell) => cell.textContent.trim()))";
    until(&owner, goal, json!([["Read <b>", "2", "2"]])).await;
    let rows = headcount
        .stats("breakdown?site_id=a.test&period=day&property=event:goal&metrics=visitors,events")
        .await;
    assert_eq!(rows, json!([{ "goal": "Read <b>", "visitors": 2, "events": 2 }]));

    // Somebody is invited, comes in with a browser of their own, and sees one site.
    go(&owner, &headcount, "/settings/people?site_id=a.test").await;
    fill(&owner, "input[name=name]", "Ann <i>").await;
    press(&owner, Locator::XPath("//button[text()='Make an invitation']")).await;
    let secret = "return document.querySelector('.secret')?.value ?? ''";
    until(&owner, "return !!document.querySelector('.secret')", json!(true)).await;
    let invitation = run(&owner, secret).await.as_str().unwrap().to_owned();
    let viewer = Browser::reader().await;
    viewer.goto(&invitation).await.unwrap();
    fill(&viewer, "#password", "a password of Ann").await;
    press(&viewer, Locator::Css("button")).await;
    let name = "return [document.querySelector('.who h1')?.textContent,
        document.querySelector('a[href=\"/account\"]')?.textContent,
        !!document.querySelector('a[href^=\"/settings\"]')]";
    until(&viewer, name, json!(["a.test", "Ann <i>", false])).await;
    for (path, why) in [
        ("/?site_id=b.test", "There is no site b.test"),
        ("/settings/goals?site_id=a.test", "Your rights do not reach so far"),
    ] {
        go(&viewer, &headcount, path).await;
        let text = run(&viewer, "return document.body.textContent").await;
        assert!(text.as_str().unwrap().contains(why), "{path}: {text}");
    }
    viewer.goto(&invitation).await.unwrap();
    let text = run(&viewer, "return document.body.textContent").await;
    assert!(text.as_str().unwrap().contains("This invitation is not good"), "{text}");

    // A link with a password that shows a segment, in a browser that knows nothing.
    headcount.put_segment("a.test", "Germans", json!([["is", "visit:country", ["DE"]]])).await;
    go(&owner, &headcount, "/settings/sharing?site_id=a.test").await;
    fill(&owner, "input[name=name]", HOSTILE).await;
    fill(&owner, "input[name=password]", "open sesame").await;
    run(&owner, "document.querySelector('select[name=segment]').selectedIndex = 1").await;
    press(&owner, Locator::XPath("//button[text()='Make the link']")).await;
    until(&owner, "return document.querySelectorAll('.lines a.deeper').length", json!(1)).await;
    let link = run(&owner, "return document.querySelector('.lines a.deeper').href").await;
    let stranger = Browser::reader_with(&[
        "--host-resolver-rules=MAP friend.test 127.0.0.1, MAP foe.test 127.0.0.1",
    ])
    .await;
    stranger.goto(link.as_str().unwrap()).await.unwrap();
    fill(&stranger, "#password", "open sesame").await;
    press(&stranger, Locator::Css("button")).await;
    let pages = "return [...document.querySelectorAll('#pages tbody tr')].map((row) =>
        [...row.children].map((cell) => cell.textContent.trim()))";
    let german = json!([["/a", "2", "2"], ["/b", "1", "1"]]);
    until(&stranger, pages, german.clone()).await;
    press(&stranger, Locator::LinkText("7d")).await;
    until(&stranger, "return location.search", json!("?period=7d")).await;
    until(&stranger, pages, german).await;
    let seen = run(&stranger, "return document.body.textContent").await;
    assert!(!seen.as_str().unwrap().contains("/c"), "{seen}");

    // In a frame of a website that may show it, and of one that may not.
    let frames = frames();
    let allowed = format!("http://friend.test:{frames}");
    go(&owner, &headcount, "/settings/sharing?site_id=a.test").await;
    fill(&owner, "input[name=name]", "Framed").await;
    run(
        &owner,
        &format!("document.querySelectorAll('input[name=origins]')[1].value = '{allowed}'"),
    )
    .await;
    press(&owner, Locator::XPath("//button[text()='Make the link']")).await;
    until(&owner, "return document.querySelectorAll('.lines a.deeper').length", json!(2)).await;
    let link =
        run(&owner, "return [...document.querySelectorAll('.lines a.deeper')].pop().href").await;
    for (host, expected) in [("friend.test", true), ("foe.test", false)] {
        let address = format!("http://{host}:{frames}/?{}?embed=true", link.as_str().unwrap());
        stranger.goto(&address).await.unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        stranger.enter_frame(0).await.unwrap();
        let shown = "return !!document.querySelector('.totals .figure')";
        if expected {
            until(&stranger, shown, json!(true)).await;
        } else {
            assert_eq!(run(&stranger, shown).await, json!(false));
        }
        stranger.enter_parent_frame().await.unwrap();
    }

    // A token reads its site until it is revoked.
    go(&owner, &headcount, "/settings/tokens?site_id=a.test").await;
    fill(&owner, "input[name=name]", "Report").await;
    press(&owner, Locator::XPath("//button[text()='Make the token']")).await;
    until(&owner, "return !!document.querySelector('.secret')", json!(true)).await;
    let token = run(&owner, secret).await.as_str().unwrap().to_owned();
    let ask = async |site: &str| {
        let url = format!("/api/v1/stats/aggregate?period=day&site_id={site}");
        let url = headcount.admin_url(&url);
        reqwest::Client::new().get(url).bearer_auth(&token).send().await.unwrap().status().as_u16()
    };
    assert_eq!((ask("a.test").await, ask("b.test").await), (200, 401));
    let used = "return [...document.querySelectorAll('.lines small')].some((n) =>
        n.textContent.startsWith('last used on'))";
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        go(&owner, &headcount, "/settings/tokens?site_id=a.test").await;
        if run(&owner, used).await == json!(true) {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "its use is not noted");
    }
    press(&owner, Locator::XPath("//button[text()='Revoke']")).await;
    until(&owner, "return document.querySelectorAll('.lines li').length", json!(1)).await;
    assert_eq!(ask("a.test").await, 401);

    // All of that is on another node at once, and there after a kill.
    if redis.is_some() {
        let other_folder = tempfile::tempdir().unwrap();
        let other = start(&site, store, &other_folder);
        viewer.goto(&other.admin_url("/")).await.unwrap();
        sign_in(&viewer, "ann <I>", "a password of Ann").await;
        until(&viewer, name, json!(["a.test", "Ann <i>", false])).await;
        go(&owner, &headcount, "/settings/people?site_id=a.test").await;
        press(&owner, Locator::XPath("//button[text()='Take out']")).await;
        until(&owner, "return document.querySelectorAll('.lines li').length", json!(1)).await;
        let deadline = std::time::Instant::now() + Duration::from_secs(5);
        loop {
            viewer.goto(&other.admin_url("/?period=day")).await.unwrap();
            if viewer.current_url().await.unwrap().path() == "/login" {
                break;
            }
            assert!(std::time::Instant::now() < deadline, "who was taken out goes on");
        }
    }
    headcount.kill();
    headcount.start_again();
    go(&owner, &headcount, "/").await;
    sign_in(&owner, "", PASSWORD).await;
    go(&owner, &headcount, "/?site_id=a.test&period=7d").await;
    until(&owner, note, json!([1, HOSTILE, HOSTILE])).await;
    until(&owner, goal, json!([["Read <b>", "2", "2"]])).await;

    // An address that is left out is not counted from then on.
    go(&owner, &headcount, "/settings/exclusions?site_id=a.test").await;
    fill(&owner, "input[name=network]", "192.0.2.50").await;
    press(&owner, Locator::XPath("//button[text()='Leave out']")).await;
    until(&owner, lines, json!(["192.0.2.50/32"])).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    for (nth, page) in [(50, "/own"), (51, "/other")] {
        visit_from(&headcount, &format!("192.0.2.{nth}"), None, page).await;
    }
    headcount.settle().await;
    let question = "breakdown?site_id=a.test&period=day&property=event:page&metrics=pageviews";
    let pages = headcount.stats(question).await.to_string();
    assert!(pages.contains("/other") && !pages.contains("/own"), "{pages}");

    // Signed out everywhere: here too.
    go(&owner, &headcount, "/account").await;
    press(&owner, Locator::XPath("//button[text()='Sign out everywhere']")).await;
    until(&owner, "return location.pathname", json!("/login")).await;
    go(&owner, &headcount, "/?site_id=a.test").await;
    until(&owner, "return location.pathname", json!("/login")).await;

    // While the store is away the file's password works, and says what the trouble is.
    if let Some(mut redis) = redis {
        redis.stop();
        go(&owner, &headcount, "/login").await;
        sign_in(&owner, "", PASSWORD).await;
        go(&owner, &headcount, "/account").await;
        until(&owner, "return document.querySelector('h1')?.textContent", json!("Account")).await;
        go(&owner, &headcount, "/?site_id=a.test").await;
        until(&owner, "return !!document.getElementById('why')", json!(true)).await;
    }
    for browser in [&owner, &viewer] {
        let alerts = browser.console().await;
        let wrong = alerts.iter().filter(|line| line.contains("Content Security Policy"));
        assert_eq!(wrong.count(), 0, "{alerts:?}");
    }
}

async fn go(browser: &Browser, headcount: &Headcount, path: &str) {
    browser.goto(&headcount.admin_url(path)).await.unwrap();
}

async fn fill(browser: &Browser, selector: &str, text: &str) {
    let set = "const field = document.querySelector(arguments[0]);
        field.value = arguments[1];
        field.dispatchEvent(new Event('input'))";
    browser.execute(set, vec![selector.into(), text.into()]).await.unwrap();
}

async fn sign_in(browser: &Browser, name: &str, password: &str) {
    if !name.is_empty() {
        fill(browser, "#name", name).await;
    }
    fill(browser, "#password", password).await;
    press(browser, Locator::Css(".login button")).await;
    until(browser, "return location.pathname", Value::from("/")).await;
}

/// A website that frames what its query names; its port.
fn frames() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(mut connection) = connection else { return };
            let mut lines = BufReader::new(connection.try_clone().unwrap()).lines();
            let Some(Ok(line)) = lines.next() else { continue };
            let framed = line.split(' ').nth(1).and_then(|target| target.split_once('?'));
            let framed = framed.map_or("about:blank", |(_, framed)| framed);
            let page =
                format!("<!doctype html><iframe width=900 height=600 src=\"{framed}\"></iframe>");
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n";
            let length = format!("content-length: {}\r\n\r\n", page.len());
            let _ = connection.write_all(format!("{head}{length}{page}").as_bytes());
        }
    });
    port
}
