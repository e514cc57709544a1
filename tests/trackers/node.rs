//! `@umami/node` as it is published, in Node, beside the pages that a browser opens.
//!
//! It is put beside the compiled tests by `.ci/trackers`, which `make test` runs.

use crate::common::http::CHROME;
use crate::stage::{Rule, Stage, hold};
use serde_json::json;
use std::path::Path;
use std::process::Command;

const FOLDER: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/../trackers");

/// Runs it; `umami` is the tracker, sending to the program.
fn run(site: &Stage, options: &serde_json::Value, script: &str) {
    let folder = Path::new(FOLDER).canonicalize();
    let folder = folder.unwrap_or_else(|e| panic!("no trackers: `make test` installs them ({e})"));
    let mut options = options.clone();
    options["websiteId"] = "50429a93-8479-4073-be80-d5d29c09c2ec".into();
    options["hostUrl"] = format!("http://{}", site.headcount.site()).into();
    let program = format!(
        "import {{ Umami }} from '@umami/node';\nconst umami = new Umami({options});\n{script}"
    );
    let file = folder.join(format!("{}.mjs", site.headcount.site().port()));
    std::fs::write(&file, program).unwrap();
    let done = Command::new("node").arg(&file).output().expect("node is installed by `make test`");
    std::fs::remove_file(&file).unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn a_program_in_node() {
    hold(&[
        Rule {
            says: "with a browser's user agent its pages and events are a visitor's",
            settings: &["--event-apis", "umami"],
            happens: |site| {
                let script = "
                    for (const answer of [
                        await umami.track({ url: '/a', title: 'A' }),
                        await umami.track({ url: '/b' }),
                        await umami.track('Signup', { plan: 'pro' }),
                        await umami.track({ url: '/b', name: 'Buy', data: { revenue: 9.5 } }),
                        await umami.identify({ name: 'me' }),
                    ]) {
                        if (answer.status != 200 || !('sessionId' in await answer.json())) throw answer;
                    }";
                run(site, &json!({ "userAgent": CHROME }), script);
            },
            looks_at: &[],
            counts: "total: browser 2, events 2, revenue 9500, unverified 2, visitors 1
                     page /: events 1
                     page /a: browser 1, unverified 1, visitors 1
                     page /b: browser 1, events 1, revenue 9500, unverified 1, visitors 1
                     event Signup: events 1, visitors 1
                     event Buy: events 1, revenue 9500, visitors 1
                     event_property Signup | plan | pro: events 1, visitors 1",
        },
        Rule {
            says: "with its own it is a machine, which it is told",
            settings: &["--event-apis", "umami"],
            happens: |site| {
                let script = "
                    const said = await (await umami.track({ url: '/a' })).json();
                    if (said.beep != 'boop') throw said;";
                run(site, &json!({}), script);
            },
            looks_at: &[],
            counts: "bot_name Umami: beacons 1
                     bot_class Other bot: beacons 1
                     bot_proof Umami | claimed: beacons 1",
        },
    ]);
}
