//! A card's own page in a browser, with JavaScript and without: opened, searched, sorted, turned
//! over and left, with the API's numbers.

use crate::dashboard::{press, run, stage, until, visit};
use fantoccini::Locator;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_card_opens_to_a_page_of_its_own() {
    let (browser, headcount) = stage().await;
    for n in 1..=110 {
        visit(&headcount, &format!("192.0.2.{n}"), &format!("/page/{n}")).await;
    }
    visit(&headcount, "192.0.2.1", "/page/77").await;
    headcount.settle().await;
    let counted = headcount.rows("event:page", ["visitors", "pageviews"]).await;
    assert_eq!((counted.len(), counted["/page/77"]), (110, [2, 2]));

    let shown = "const names = [...document.querySelectorAll('.details tbody th')]
            .map((name) => name.textContent.trim());
        return [names.length, names[0], document.querySelector('.details [aria-sort]')?.textContent]";
    for javascript in [true, false] {
        let off = json!({ "value": !javascript });
        browser.devtools("Emulation.setScriptExecutionDisabled", off).await;
        browser.goto(&headcount.admin_url("/?period=day")).await.unwrap();
        run(&browser, "window.kept = 1").await;
        let more = "document.querySelector('#pages .more').scrollIntoView({ block: 'end' });
            return Math.round(scrollY)";
        let down = run(&browser, more).await;
        assert!(down.as_i64().unwrap() > 0, "the page is longer than the window");
        press(&browser, Locator::Css("#pages .more")).await;
        until(&browser, shown, json!([100, "/page/77", "Visitors ↓"])).await;
        // It begins at its top, and the way back leads to where the link was.
        let place = "return [!document.querySelector('.details'), Math.round(scrollY)]";
        until(&browser, place, json!([false, 0])).await;
        browser.back().await.unwrap();
        until(&browser, place, json!([true, down])).await;
        browser.forward().await.unwrap();
        until(&browser, place, json!([false, 0])).await;
        press(&browser, Locator::LinkText("Next ›")).await;
        until(&browser, shown, json!([10, "/page/90", "Visitors ↓"])).await;
        press(&browser, Locator::LinkText("Page")).await;
        until(&browser, shown, json!([100, "/page/1", "Page ↑"])).await;
        let search = browser.find(Locator::Css(".search input[type=search]")).await.unwrap();
        search.send_keys("/page/7").await.unwrap();
        press(&browser, Locator::Css(".search button")).await;
        until(&browser, shown, json!([11, "/page/7", "Page ↑"])).await;
        press(&browser, Locator::Css(".details [aria-sort] a")).await;
        until(&browser, shown, json!([11, "/page/79", "Page ↓"])).await;
        let row = "return [...document.querySelectorAll('.details tbody tr')]
            .map((row) => [...row.children].slice(0, 3).map((cell) => cell.textContent.trim()))";
        let rows = run(&browser, row).await;
        for row in rows.as_array().unwrap() {
            let [visitors, views] = counted[row[0].as_str().unwrap()];
            assert_eq!(*row, json!([row[0], visitors.to_string(), views.to_string()]));
        }
        press(&browser, Locator::LinkText("/page/77")).await;
        let chip = "return (document.querySelector('.chip span') || {}).textContent || ''";
        until(&browser, chip, json!("/page/77")).await;
        let left =
            "return [!document.querySelector('.details'), location.search.includes('search')]";
        assert_eq!(run(&browser, left).await, json!([true, false]));
        if javascript {
            assert_eq!(run(&browser, "return window.kept").await, 1, "still the same document");
        }
    }
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_shows_who_came_to_it_and_where_they_went() {
    let (browser, headcount) = stage().await;
    for (visitor, pages) in
        [(1, &["/a", "/b", "/c"][..]), (2, &["/a", "/b"]), (3, &["/b", "/d", "/b"]), (4, &["/a"])]
    {
        for page in pages {
            visit(&headcount, &format!("192.0.2.{visitor}"), page).await;
        }
    }
    headcount.settle().await;
    let ways = "return [...document.querySelectorAll('.journey > div')].map((step) =>
        [...step.querySelectorAll('h3, li')].map((part) => part.textContent))";
    let journeys = json!([
        ["The page before", "/a 2", "no page before 1"],
        ["2 pages before", "no page before 2"],
        ["The page after", "/c 1", "/d 1", "no page after 1"],
        ["2 pages after", "/b 1", "no page after 1"],
        ["3 pages after", "no page after 1"]
    ]);
    let rows = "return ['sources', 'devices'].map((card) =>
        [...document.querySelectorAll(`#${card} tbody tr`)].map((row) =>
            [...row.children].map((cell) => cell.textContent.trim())))";
    let visitors = json!([[["Direct", "3", "3"]], [["Desktop", "3", "4"]]]);
    for javascript in [true, false] {
        let off = json!({ "value": !javascript });
        browser.devtools("Emulation.setScriptExecutionDisabled", off).await;
        browser.goto(&headcount.admin_url("/?period=day&page=/b")).await.unwrap();
        until(&browser, ways, journeys.clone()).await;
        assert_eq!(run(&browser, rows).await, visitors);
        press(&browser, Locator::Css(".journey a[title='/a']")).await;
        let chip = "return document.querySelector('.chip span').textContent";
        until(&browser, chip, json!("/a")).await;
        let left = "return [location.search, document.querySelectorAll('.journey').length]";
        assert_eq!(run(&browser, left).await, json!(["?period=day&page=%2Fa", 2]));
    }
    // What a card has of it is in its details, and nothing else.
    browser.goto(&headcount.admin_url("/?period=day&page=/b")).await.unwrap();
    press(&browser, Locator::Css("#sources .more")).await;
    let details = "return [...document.querySelectorAll('.details tbody tr')].map((row) =>
        [...row.children].slice(0, 3).map((cell) => cell.textContent.trim()))";
    until(&browser, details, json!([["Direct", "3", "3"]])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_without_a_link_stands_on_its_bar() {
    let (browser, headcount) = stage().await;
    let agent = "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; \
                 +https://openai.com/gptbot)";
    let request = reqwest::Client::new().get(headcount.url("/a")).header("user-agent", agent);
    assert_eq!(request.send().await.unwrap().status(), 200);
    headcount.settle().await;
    let path = "/?period=day&topic=bots&details=ai-makers";
    browser.goto(&headcount.admin_url(path)).await.unwrap();
    let above = "const name = document.querySelector('.details tbody th > span');
        const { left, top, height } = name.getBoundingClientRect();
        return [name.textContent, document.elementFromPoint(left + 12, top + height / 2) === name]";
    assert_eq!(run(&browser, above).await, json!(["OpenAI (ChatGPT)", true]));
}
