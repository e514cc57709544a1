//! What is wrong with a beacon is said in one line, in the tracker's own form, and counts nothing;
//! an API that is not switched on is the website's.

use crate::stage::{PAGE, Rule, hold};
use crate::tell::{ALL, SCRIPT};
use serde_json::{Value, json};

#[test]
fn what_is_refused() {
    hold(&[
        Rule {
            says: "malformed",
            settings: ALL,
            happens: |site| {
                let post = |path: &str, body: &[u8]| {
                    let answer = site.send("POST", path, SCRIPT, body);
                    assert_eq!(answer.status, 400, "{path} {}", body.escape_ascii());
                    let text = answer.text();
                    assert!(text.len() < 300 && !text.contains('\n'), "{text}");
                    serde_json::from_slice::<Value>(&answer.body).unwrap()
                };
                let deep = "[".repeat(30_000);
                for body in [&b""[..], b"{", b"[]", b"\xff\xfe", b"null", deep.as_bytes()] {
                    let said = post("/api/event", body);
                    let why = "Unable to parse request body as json";
                    assert_eq!(said["errors"]["request"][0], why);
                    assert_eq!(post("/api/send", body)["error"]["code"], "bad-request");
                    assert_eq!(post("/api/batch", body)["error"]["status"], 400);
                }
                let said = post("/api/event", br#"{"n":"pageview","d":"x"}"#);
                assert_eq!(said["errors"]["url"][0], "is required");
            },
            looks_at: &[],
            counts: "",
        },
        Rule {
            says: "too large, too many",
            settings: &[
                "--event-apis",
                "plausible,umami,goatcounter",
                "--limits-beacons-per-minute",
                "3",
            ],
            happens: |site| {
                let large = vec![b' '; 65 * 1024];
                for path in ["/api/event", "/api/send", "/api/batch", "/count"] {
                    assert_eq!(site.send("POST", path, SCRIPT, &large).status, 413, "{path}");
                }
                let body = json!({ "n": "x", "u": "http://a.example/", "d": "a" }).to_string();
                let post = || site.send("POST", "/api/event", SCRIPT, body.as_bytes()).status;
                let answers: Vec<u16> = (0..5).map(|_| post()).collect();
                assert_eq!(answers, [202, 202, 202, 429, 429]);
            },
            looks_at: &[],
            counts: "total: events 3
                     page /: events 3
                     event x: events 3, visitors 1",
        },
        Rule {
            says: "an API that is not switched on is the website's",
            settings: &["--event-apis", "umami"],
            happens: |site| {
                for path in ["/api/event", "/js/script.js", "/count", "/count.js"] {
                    let answer = site.get(path, &[], "418 | content-type: text/plain");
                    assert_eq!(answer.status, 418, "{path}");
                }
                assert_eq!(site.get("/script.js", &[], PAGE).status, 200);
            },
            looks_at: &[],
            counts: "",
        },
    ]);
}
