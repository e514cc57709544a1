//! The paths of the trackers' scripts: ours, in their manner.

use crate::stage::{Rule, hold};
use crate::tell::ALL;

#[test]
fn each_is_answered_with_a_script() {
    hold(&[Rule {
        says: "as a script that may be kept, and asked about",
        settings: ALL,
        happens: |site| {
            for (path, has) in [
                ("/js/script.js", "plausible"),
                ("/js/script.hash.outbound-links.js", "plausible"),
                ("/js/script.manual.js", "plausible"),
                ("/js/plausible.js", "plausible"),
                ("/js/pa-Xy_9-z.js", "plausible.init"),
                ("/script.js", "umami"),
                ("/count.js", "goatcounter"),
            ] {
                let answer = site.send("GET", path, &[], b"");
                assert_eq!(answer.status, 200, "{path}");
                assert_eq!(answer.header("content-type"), Some("text/javascript; charset=utf-8"));
                let has = has.split('.').next_back().unwrap();
                assert!(
                    answer.text().contains(has) && answer.text().contains("/api/track"),
                    "{path}"
                );
                let tag = answer.header("etag").unwrap();
                assert_eq!(site.send("GET", path, &[("If-None-Match", tag)], b"").status, 304);
            }
        },
        looks_at: &[],
        counts: "",
    }]);
}
