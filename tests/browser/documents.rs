//! Pages of a website, as browsers show them.
//!
//! - pages from the network, one after the other; by a name over plain HTTP, which is no secure
//!   context; one that holds a frame
//! - back to a page in the back/forward cache; to one that is in no cache; to a page in the HTTP
//!   cache by a link; to one that a 304 says is still good
//! - JavaScript off
//! - all of it under a strict content security policy, and the console stays empty

use crate::stage::{Counted, Ids, Stage};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn documents_by_their_ids() {
    documents(Ids::Shown).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_by_visitor_and_path() {
    documents(Ids::Hidden).await;
}

async fn documents(ids: Ids) {
    let stage = Stage::set(ids, &[]).await;

    stage.show("/a").await;
    stage.follow("/b").await;
    stage.follow("/c").await;

    // From the back/forward cache: the website hears nothing.
    stage.browser.back().await.unwrap();
    stage.until(|| stage.views("/b") == 2, "back to /b").await;
    assert_eq!(stage.site.asked("/b").len(), 1);

    // From the HTTP cache: neither.
    stage.show("/cached/page").await;
    stage.follow("/d").await;
    stage.follow("/cached/page").await;
    assert_eq!(stage.site.asked("/cached/page").len(), 1);

    // Asked for again, unchanged: the website's 304 is a view.
    stage.show("/etag/page").await;
    stage.follow("/e").await;
    stage.follow("/etag/page").await;
    let statuses: Vec<u16> = stage.site.asked("/etag/page").iter().map(|(s, _)| *s).collect();
    assert_eq!(statuses, [200, 304]);

    // What is in no cache is asked for again.
    stage.show("/fresh/page").await;
    stage.follow("/f").await;
    stage.follow("/fresh/page").await;
    assert_eq!(stage.site.asked("/fresh/page").len(), 2);

    stage.show("/framing/page").await;
    stage.until(|| !stage.site.asked("/framed").is_empty(), "the frame").await;

    let complaints = stage.browser.console().await;
    stage.browser.goto(&stage.relay.named_url("/plain")).await.unwrap();
    stage.until(|| stage.views("/plain") == 1, "/plain").await;
    assert_eq!(stage.run("return isSecureContext").await, json!(false));

    stage.browser.goto("about:blank").await.unwrap();
    let script = |off: bool| {
        stage.browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": off }))
    };
    script(true).await;
    stage.open("/silent/a").await;
    stage.open("/silent/b").await;
    script(false).await;

    // Without an id a page from the cache is a page of which the server knows nothing.
    let unverified = if ids == Ids::Shown { 0 } else { 1 };
    let expected = Counted::new(
        &[
            ("/a", [0, 1, 0]),
            ("/b", [0, 1, 1]),
            ("/c", [0, 1, 0]),
            ("/cached/page", [0, 1, 1]),
            ("/d", [0, 1, 0]),
            ("/etag/page", [0, 2, 0]),
            ("/e", [0, 1, 0]),
            ("/fresh/page", [0, 2, 0]),
            ("/f", [0, 1, 0]),
            ("/framing/page", [0, 1, 0]),
            ("/plain", [0, 1, 0]),
            ("/silent/a", [1, 0, 0]),
            ("/silent/b", [1, 0, 0]),
        ],
        unverified,
    );
    assert_eq!(stage.counted().await, expected);
    assert_eq!(stage.headcount.total("visitors").await, 1);
    assert_eq!(stage.headcount.total("visits").await, 1);
    assert_eq!(stage.site.complaints(), Vec::<String>::new());
    assert_eq!(complaints, Vec::<String>::new());
}
