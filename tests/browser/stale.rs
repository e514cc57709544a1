//! The dashboard, left open while something dies, and while somebody works with it.
//!
//! - the process or the store ends: the numbers stay, with the time they are of, and the pulse is
//!   grey; when it is back they follow again, by themselves
//! - a page that could not be shown asks again by itself, without JavaScript too
//! - a refresh leaves focus, selection, scroll positions, what is open and what is being typed
//!   alone
//! - menus close by Escape, switches turn by the space bar

use crate::browser::Browser;
use crate::common::redis::RedisServer;
use crate::dashboard::{run, stage, until, visit};
use crate::program::Headcount;
use crate::site::Site;
use fantoccini::Locator;
use fantoccini::key::Key;
use serde_json::json;

const VIEWS: &str = "return document.querySelectorAll('.totals .figure')[2].textContent";
const STALE: &str = "const stale = document.getElementById('stale').textContent;
    return [stale.includes('numbers of ' + document.getElementById('read').textContent + '.'),
        document.querySelector('.pulse').matches('.quiet')]";

#[tokio::test(flavor = "multi_thread")]
async fn says_that_the_process_has_ended() {
    let (browser, mut headcount) = stage().await;
    visit(&headcount, "192.0.2.1", "/early").await;
    headcount.settle().await;
    browser.goto(&headcount.admin_url("/")).await.unwrap();
    run(&browser, "window.kept = 1").await;
    until(&browser, VIEWS, json!("1")).await;
    until(&browser, STALE, json!([false, false])).await;

    headcount.kill();
    until(&browser, STALE, json!([true, true])).await;
    let said = "return document.getElementById('stale').textContent";
    let said = run(&browser, said).await.as_str().unwrap().to_owned();
    assert!(said.contains("headcount does not answer"), "{said}");
    assert_eq!(run(&browser, VIEWS).await, "1", "the numbers stay");
    // A link followed meanwhile is followed when that is possible.
    run(&browser, "document.querySelector('.periods a[href*=\"30d\"]').click()").await;

    headcount.start_again();
    visit(&headcount, "192.0.2.2", "/late").await;
    until(&browser, VIEWS, json!("2")).await;
    until(&browser, STALE, json!([false, false])).await;
    assert_eq!(run(&browser, "return location.search").await, "?period=30d");
    assert_eq!(run(&browser, "return window.kept").await, 1, "still the same document");
}

#[tokio::test(flavor = "multi_thread")]
async fn says_that_the_store_is_away_and_asks_again() {
    let mut redis = RedisServer::start();
    let (browser, site) = (Browser::reader().await, Site::start().await);
    let headcount =
        Headcount::start(&site.url(), &redis.url(), &["--trusted-proxies", "127.0.0.1"]);
    visit(&headcount, "192.0.2.1", "/early").await;
    headcount.settle().await;
    browser.goto(&headcount.admin_url("/")).await.unwrap();
    until(&browser, VIEWS, json!("1")).await;

    // It can be read, and takes nothing.
    let bound = |bytes| redis.command::<()>(&["config", "set", "maxmemory", bytes]);
    let behind = "return [document.getElementById('stale').textContent.includes('counted since'),
        document.querySelector('.pulse').matches('.quiet')]";
    bound("1");
    visit(&headcount, "192.0.2.2", "/late").await;
    until(&browser, behind, json!([true, true])).await;
    bound("0");
    until(&browser, behind, json!([false, false])).await;
    until(&browser, VIEWS, json!("2")).await;

    redis.kill();
    until(&browser, STALE, json!([true, true])).await;
    // Its own words stand apart: on what was read before, and on what was not.
    let said = "const stale = document.getElementById('stale');
        const detail = stale.querySelector('code[lang=en]')?.textContent ?? '';
        const line = stale.textContent.slice(0, stale.textContent.length - detail.length);
        return [line.endsWith('. The store cannot be read. Trying again. '), detail.includes('redis')]";
    until(&browser, said, json!([true, true])).await;
    let other = "document.getElementById('stale').replaceChildren();
        document.querySelector('.periods a[href*=\"12mo\"]').click()";
    run(&browser, other).await;
    until(&browser, said, json!([true, true])).await;
    // This store forgets what it had.
    redis.restart();
    until(&browser, STALE, json!([false, false])).await;

    redis.kill();
    for script in [true, false] {
        let off = json!({ "value": !script });
        browser.devtools("Emulation.setScriptExecutionDisabled", off).await;
        // Of a time that was not looked at before.
        let path = if script { "/?period=7d" } else { "/?period=30d" };
        browser.goto(&headcount.admin_url(path)).await.unwrap();
        let away = browser.source().await.unwrap();
        assert!(away.contains("out of reach") && !away.contains("Nothing is lost"), "{away}");
        redis.restart();
        let period = Locator::Css(".periods [aria-current]");
        let shown = browser.wait().at_most(std::time::Duration::from_secs(20));
        let shown = shown.for_element(period).await.unwrap().text().await.unwrap();
        assert!(path.ends_with(&shown), "{path}: {shown}");
        redis.kill();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_is_in_nobodys_way() {
    let (browser, headcount) = stage().await;
    for (i, page) in ["/a", "/b", "/c"].iter().enumerate() {
        visit(&headcount, &format!("192.0.2.{i}"), page).await;
    }
    headcount.settle().await;
    browser.look("light", 390).await;
    browser.goto(&headcount.admin_url("/")).await.unwrap();
    let begin = "document.getElementById('numbers').open = true;
        document.getElementById('custom').open = true;
        const first = document.querySelector('[name=first]');
        first.value = '2020-02-02';
        const row = [...document.querySelectorAll('#pages tbody a')]
            .find((link) => link.textContent === '/c');
        row.focus();
        window.kept = row;
        window.left = 0;
        row.addEventListener('blur', () => window.left++);
        const scrolled = document.querySelector('.scroll');
        scrolled.scrollTop = 20;
        const words = document.querySelector('footer p').firstChild;
        getSelection().setBaseAndExtent(words, 2, words, 9);
        scrollTo(0, 300);
        window.before = [scrolled.scrollTop, scrollY, String(getSelection())]";
    run(&browser, begin).await;

    // The rows change places.
    for (address, page) in [("192.0.2.1", "/c"), ("192.0.2.7", "/c"), ("192.0.2.8", "/new")] {
        visit(&headcount, address, page).await;
    }
    let rows = "return [...document.querySelectorAll('#pages tbody a')].map((a) => a.textContent)
        .slice(0, 2).concat(document.querySelectorAll('.totals .figure')[2].textContent)";
    until(&browser, rows, json!(["/c", "/a", "6"])).await;
    let now = "const scrolled = document.querySelector('.scroll');
        return [document.activeElement === window.kept, window.kept.textContent, window.left,
            String([scrolled.scrollTop, scrollY, getSelection()]) === String(window.before),
            document.getElementById('numbers').open, document.getElementById('custom').open,
            document.querySelector('[name=first]').value]";
    let kept = json!([true, "/c", 0, true, true, true, "2020-02-02"]);
    assert_eq!(run(&browser, now).await, kept);
    let before = run(&browser, "return window.before").await;
    assert!(before[1].as_i64() > Some(0) && before[2] != "", "{before}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_do_what_they_do_elsewhere() {
    let (browser, headcount) = stage().await;
    visit(&headcount, "192.0.2.1", "/a").await;
    headcount.settle().await;
    browser.goto(&headcount.admin_url("/?period=7d")).await.unwrap();
    run(&browser, "window.kept = 1").await;
    let focused = async |selector: &str| {
        run(&browser, &format!("document.querySelector('{selector}').focus()")).await;
        browser.active_element().await.unwrap()
    };
    let escape = char::from(Key::Escape).to_string();

    // A switch in a menu, which closes and has the focus then.
    let checked = "return document.querySelector('.switch').getAttribute('aria-checked')";
    let closed = "return !document.getElementById('compare').open
        && document.activeElement.matches('#compare summary')";
    for (state, address) in [("true", "?period=7d&match_day_of_week=true"), ("false", "?period=7d")]
    {
        focused("#compare summary").await.send_keys(" ").await.unwrap();
        focused(".switch").await.send_keys(" ").await.unwrap();
        until(&browser, checked, json!(state)).await;
        assert_eq!(run(&browser, "return location.search").await, address);
        assert_eq!(run(&browser, closed).await, true);
    }

    let open = "return [document.getElementById('custom').open,
        document.activeElement.matches('#custom summary')]";
    focused("#custom summary").await.send_keys(" ").await.unwrap();
    assert_eq!(run(&browser, open).await, json!([true, true]));
    focused("#custom button").await.send_keys(&escape).await.unwrap();
    assert_eq!(run(&browser, open).await, json!([false, true]));

    // A period of one's own, in place.
    focused("#custom summary").await.send_keys(" ").await.unwrap();
    focused("#custom button").await.send_keys(" ").await.unwrap();
    until(&browser, "return location.search.includes('first=')", json!(true)).await;
    until(&browser, open, json!([false, true])).await;
    assert_eq!(run(&browser, "return window.kept").await, 1, "still the same document");
    assert_eq!(browser.console().await, Vec::<String>::new());
}
