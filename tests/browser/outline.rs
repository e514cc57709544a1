//! A page's outline, from a real browser's first click to the Stats API; and those of the demo's
//! pages, which sample visitors tell of.

use crate::browser::Browser;
use crate::dashboard::run;
use crate::stage::{Ids, Stage};
use headcount::capture::beacon::{Kind, parse};
use headcount::capture::script::{Script, ScriptOptions};
use headcount::demo::{WEBSITES, outlines};
use headcount::model::ScriptEventKind;
use headcount::model::outline::Outline;
use serde_json::json;
use std::collections::HashSet;
use std::fmt::Write as _;

/// Puts elements at these places, in cells of a fortieth of the page's width, and in another.
const LAY_OUT: &str = "
    document.body.replaceChildren();
    var cell = document.documentElement.scrollWidth / 40;
    arguments[0].forEach(function (one) {
      var element = document.createElement(one[0]);
      Object.assign(element.style, { position: 'absolute', margin: 0, padding: 0, border: 0,
        boxSizing: 'border-box', overflow: 'hidden', display: one[2] || 'block' });
      ['left', 'top', 'width', 'height'].forEach(function (side, i) {
        element.style[side] = one[1][i] * cell + 'px';
      });
      element.textContent = 'Nobody is to know this';
      element.id = element.className = element.title = 'secret-name';
      document.body.append(element);
    });
    scrollTo(0, 3 * cell);";

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_outlined_by_its_first_click() {
    let stage = Stage::set(Ids::Shown, &["--script-clicks"]).await;
    stage.show("/tall/page").await;
    let laid_out = json!([
        ["section", [0, 0, 40, 30]],
        ["header", [0, 0, 40, 2]],
        ["h1", [4, 5, 20, 2]],
        ["p", [4, 8, 20, 3]],
        ["ul", [4, 12, 20, 3]],
        ["svg", [28, 5, 10, 10]],
        ["svg", [26, 6, 0.4, 0.4]],
        ["button", [4, 17, 6, 1]],
        ["p", [-30, 20, 10, 3]],
        ["p", [4, 20, 10, 3], "none"],
        ["footer", [0, 50, 40, 4]],
    ]);
    stage.browser.execute(LAY_OUT, vec![laid_out]).await.unwrap();
    stage.click("button").await;
    stage.click("button").await;
    let clicks = || stage.relay.events("click", "/tall/page");
    stage.until(|| clicks().len() == 2, "clicks").await;
    let told = clicks();
    assert_eq!(told[1]["props"]["boxes"], json!([]), "only the first");
    assert_eq!(told[0]["props"]["boxes"].as_array().unwrap().len(), 10);
    let all = json!(told).to_string();
    assert!(!all.contains("secret-name") && !all.contains("Nobody"), "{all}");

    stage.headcount.settle().await;
    let screen = told[0]["screen"].as_str().unwrap();
    let width: u32 = screen.split('x').next().unwrap().parse().unwrap();
    let class = if width < 992 { "576 to 991 px" } else { "992 to 1439 px" };
    let question = format!("heatmap?period=day&page=/tall/page&screen={class}");
    let map = stage.headcount.stats(&question).await;
    assert_eq!(map["total"], 2, "{map}");
    let thing = |part: &str, [column, row, columns, rows]: [u32; 4]| json!({ "part": part, "column": column, "row": row, "columns": columns, "rows": rows });
    // The two texts are one below the other; what is out of sight is not there.
    let things = [
        thing("frame", [0, 0, 40, 2]),
        thing("frame", [0, 50, 40, 4]),
        thing("image", [28, 5, 10, 10]),
        thing("text", [4, 8, 20, 7]),
        thing("heading", [4, 5, 20, 2]),
        thing("control", [4, 17, 6, 1]),
    ];
    assert_eq!(map["outline"], json!({ "rows": 54, "things": things }));
    assert_eq!(stage.site.complaints(), Vec::<String>::new());
}

/// Has the page tell of a click, and gives the event.
const CLICK: &str = "
    var told = [];
    window.fetch = function (url, sent) {
      told = told.concat(JSON.parse(sent.body));
      return Promise.resolve({ status: 202 });
    };
    document.body.dispatchEvent(new MouseEvent('click', { detail: 1, bubbles: true }));
    dispatchEvent(new Event('pagehide'));
    return told.filter(function (event) { return event.type == 'click'; })[0]";

#[tokio::test(flavor = "multi_thread")]
async fn the_demos_pages_are_outlined_as_they_are() {
    let browser = Browser::reader().await;
    let script = Script::new(&ScriptOptions { clicks: true, ..Default::default() });
    let mut recorded = String::new();
    let mut pages = HashSet::new();
    for website in WEBSITES {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(website.serve(listener));
        for page in website.page_paths() {
            for width in [393, 1_440, 1_920] {
                browser.look("light", width).await;
                browser.goto(&format!("http://127.0.0.1:{port}{page}")).await.unwrap();
                run(&browser, std::str::from_utf8(&script.body).unwrap()).await;
                let event = run(&browser, CLICK).await;
                let (mut events, wrong) = parse(event.to_string().as_bytes(), 0, 1_024);
                let Some(Kind::Script(ScriptEventKind::Click { outline, .. })) =
                    events.pop().map(|event| event.kind)
                else {
                    panic!("{page}: {wrong:?} in {event}");
                };
                let name = website.name();
                writeln!(recorded, "{name}\t{page}\t{width}\t{outline}").unwrap();
                let measured = Outline::parse(&outline).unwrap();
                let known = Outline::parse(outlines::recorded(name, page, &format!("{width}x1")));
                let known = known.unwrap_or_default();
                // Fonts differ from system to system, so that lines break elsewhere.
                let same = measured.things.iter().filter(|it| known.things.contains(it)).count();
                pages.insert((name, page, width, same * 2 >= measured.things.len()));
            }
        }
    }
    if std::env::var_os("HEADCOUNT_RECORD").is_some() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/demo/outlines.tsv");
        return std::fs::write(file, recorded).unwrap();
    }
    let others: Vec<_> = pages.iter().filter(|(.., same)| !same).collect();
    assert!(pages.len() > 80 && others.len() * 10 < pages.len(), "changed: {others:?}");
}
