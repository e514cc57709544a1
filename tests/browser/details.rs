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
        press(&browser, Locator::Css("#pages .more")).await;
        until(&browser, shown, json!([100, "/page/77", "Visitors ↓"])).await;
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
