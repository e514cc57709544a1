//! Content security policies, as Chromium has them: under each that allows the script it runs,
//! reports, and violates nothing; where it may not run, the page is as the website sent it. All
//! pages come compressed.

use crate::common::wire::visit;
use crate::stage::{Ids, Stage};
use flate2::read::GzDecoder;
use serde_json::json;
use std::io::Read;

#[tokio::test(flavor = "multi_thread")]
async fn the_script_runs_where_it_may_and_only_there() {
    let stage = Stage::set(Ids::Shown, &[]).await;
    let _ = stage.browser.console().await;
    for (number, (headers, meta, allowed)) in crate::site::POLICIES.iter().enumerate() {
        let what = format!("{headers:?}, meta {meta:?}");
        let path = format!("/policy/{number}");
        match allowed {
            true => stage.show(&path).await,
            false => stage.open(&path).await,
        }
        let tags = stage.run("return document.querySelectorAll('script[src]').length").await;
        assert_eq!(tags, json!(usize::from(*allowed)), "{what}");
        let mut console = stage.browser.console().await;
        // A remark on the policy itself.
        console.retain(|line| !line.contains("can escape its sandboxing"));
        assert_eq!(console, Vec::<String>::new(), "{what}");
        if !allowed {
            assert_eq!(stage.views(&path), 0, "{what}");
            let sent = stage.site.policy_page(number);
            let proxy = stage.headcount.url("")["http://".len()..].parse().unwrap();
            let got = visit(proxy, &path);
            let mut text = String::new();
            GzDecoder::new(&got.body[..]).read_to_string(&mut text).unwrap();
            assert_eq!(text, sent, "{what}");
        }
    }
    assert_eq!(stage.site.complaints(), Vec::<String>::new());
}
