//! Pages that a browser gets ahead of time, by speculation rules.
//!
//! - rendered ahead and then shown, rendered ahead and never shown
//! - fetched ahead and then shown, fetched ahead and never shown

use crate::stage::{Counted, Ids, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn pages_ahead_by_their_ids() {
    pages_ahead(Ids::Shown).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_ahead_by_visitor_and_path() {
    pages_ahead(Ids::Hidden).await;
}

async fn pages_ahead(ids: Ids) {
    let stage = Stage::set(ids, &[]).await;

    for (from, page, purpose) in [
        ("/ahead/rendered", "/rendered", "prefetch;prerender"),
        ("/fetching/fetched", "/fetched", "prefetch"),
    ] {
        stage.show(from).await;
        stage.until(|| !stage.site.asked(page).is_empty(), page).await;
        stage.click("#soon").await;
        stage.until(|| stage.views(page) == 1, page).await;
        assert_eq!(stage.site.asked(page), [(200, purpose.to_owned())], "{page}");
    }
    for (from, page) in [("/ahead/unrendered", "/unrendered"), ("/fetching/unseen", "/unseen")] {
        stage.show(from).await;
        stage.until(|| !stage.site.asked(page).is_empty(), page).await;
    }

    let expected = Counted::new(
        &[
            ("/ahead/rendered", [0, 1, 0]),
            ("/rendered", [0, 1, 0]),
            ("/fetching/fetched", [0, 1, 0]),
            ("/fetched", [0, 1, 0]),
            ("/ahead/unrendered", [0, 1, 0]),
            ("/fetching/unseen", [0, 1, 0]),
        ],
        0,
    );
    assert_eq!(stage.counted().await, expected);
    let report = stage.headcount.rows("prefetch:page", ["pageviews", "confirmed_pageviews"]).await;
    let report: Vec<_> = report.iter().map(|(page, counts)| (page.as_str(), *counts)).collect();
    assert_eq!(
        report,
        [("/fetched", [1, 1]), ("/rendered", [1, 1]), ("/unrendered", [1, 0]), ("/unseen", [1, 0])]
    );
    assert_eq!(stage.browser.console().await, Vec::<String>::new());
    assert_eq!(stage.site.complaints(), Vec::<String>::new());
}
