//! Pages without documents, and beacons that have a hard time.
//!
//! - a single-page application: `pushState`, `replaceState`, back; what is no other page
//! - a framework that rewrites the address while the page loads
//! - a first beacon that is lost for good, refused, or taken but not acknowledged; then `pushState`
//! - a while offline

use crate::relay::Fate;
use crate::stage::{Counted, Ids, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn apps_by_their_ids() {
    apps(Ids::Shown).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_by_visitor_and_path() {
    apps(Ids::Hidden).await;
}

async fn apps(ids: Ids) {
    let stage = Stage::set(ids, &[]).await;

    stage.show("/app").await;
    stage
        .run(
            "history.pushState({}, '', '/app/a');
             history.pushState({}, '', '/app/a?tab=2');
             history.pushState({}, '', '#part');
             history.replaceState({}, '', '/app/b');",
        )
        .await;
    stage.until(|| stage.views("/app/b") == 1, "/app/b").await;
    stage.run("history.go(-2)").await;
    // There, /app/a has another address than the one left, but first comes its own.
    stage.until(|| stage.views("/app/a") == 2, "back to /app/a").await;
    assert_eq!(stage.site.asked("/app/a").len(), 0);

    stage.show("/rewritten/page?utm_source=letter").await;
    assert_eq!(stage.run("return location.pathname").await, "/another");

    for (page, fate) in [
        ("/lost/swallowed", Fate::Swallowed),
        ("/lost/refused", Fate::Refused),
        ("/lost/unanswered", Fate::Unanswered),
    ] {
        stage.relay.lose(page, fate);
        stage.open(page).await;
        stage.until(|| stage.relay.has_lost_all(), page).await;
        let pushed = format!("{page}/pushed");
        stage.run(&format!("history.pushState({{}}, '', '{pushed}')")).await;
        stage.until(|| stage.views(&pushed) >= 1, &pushed).await;
        // What failed goes again, by the script's clock at the latest.
        let beacons = match fate {
            Fate::Swallowed => 0,
            Fate::Refused => 1,
            Fate::Unanswered => 2,
        };
        stage.until(|| stage.views(page) == beacons, page).await;
    }

    stage.show("/trip").await;
    stage.browser.offline(true).await;
    stage.run("history.pushState({}, '', '/trip/tunnel')").await;
    stage.run("history.pushState({}, '', '/trip/bridge')").await;
    assert_eq!(stage.run("return navigator.onLine").await, false);
    assert_eq!(stage.views("/trip/tunnel"), 0);
    stage.browser.offline(false).await;
    stage.until(|| stage.views("/trip/tunnel") == 1, "back on the net").await;
    stage.until(|| stage.views("/trip/bridge") == 1, "back on the net").await;

    let expected = Counted::new(
        &[
            ("/app", [0, 1, 0]),
            ("/app/a", [0, 0, 2]),
            ("/app/b", [0, 0, 1]),
            ("/rewritten/page", [0, 1, 0]),
            ("/lost/swallowed", [1, 0, 0]),
            ("/lost/swallowed/pushed", [0, 0, 1]),
            ("/lost/refused", [0, 1, 0]),
            ("/lost/refused/pushed", [0, 0, 1]),
            ("/lost/unanswered", [0, 1, 0]),
            ("/lost/unanswered/pushed", [0, 0, 1]),
            ("/trip", [0, 1, 0]),
            ("/trip/tunnel", [0, 0, 1]),
            ("/trip/bridge", [0, 0, 1]),
        ],
        0,
    );
    assert_eq!(stage.counted().await, expected);
    assert_eq!(stage.headcount.total("visits").await, 1);
    assert_eq!(stage.site.complaints(), Vec::<String>::new());
}
