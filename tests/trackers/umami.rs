//! Umami's API.

use crate::stage::{Rule, hold};
use crate::tell::SCRIPT;
use serde_json::{Value, json};

const SET: &[&str] = &["--event-apis", "umami"];

#[test]
fn what_its_script_sends() {
    hold(&[
        Rule {
            says: "pageviews and events, each once",
            settings: SET,
            happens: |site| {
                site.open("/caf%C3%A9");
                // As version 2.10 writes it, and as 3 does.
                site.umami("/caf%25C3%25A9", json!({}));
                site.open("/caf%C3%A9");
                site.umami("http://docs.example.org/caf%C3%A9", json!({}));
                let data = json!({ "plan": "pro", "revenue": 9.5, "currency": "EUR" });
                site.umami("/caf%C3%A9", json!({ "name": "Buy", "data": data }));
            },
            looks_at: &[],
            counts: "total: confirmed 2, confirmed_visitors 1, events 1, revenue 9500, server 2, visitors 1
                     page /caf%C3%A9: confirmed 2, confirmed_visitors 1, events 1, revenue 9500, server 2, visitors 1
                     event Buy: events 1, revenue 9500, visitors 1
                     event_property Buy | plan | pro: events 1, visitors 1",
        },
        Rule {
            says: "a batch: what is good counts, and each that is not is told",
            settings: SET,
            happens: |site| {
                let event = |payload: Value| json!({ "type": "event", "payload": payload });
                let batch = json!([
                    event(json!({ "url": "/a" })),
                    event(json!({})),
                    event(json!({ "url": "/a", "name": "Buy" })),
                    { "type": "identify", "payload": { "id": "me" } },
                ]);
                let batch = batch.to_string();
                let answer = site.send("POST", "/api/batch", SCRIPT, batch.as_bytes());
                let said: Value = serde_json::from_slice(&answer.body).unwrap();
                assert_eq!(answer.status, 200);
                let sums = ["size", "processed", "errors"].map(|name| said[name].as_i64().unwrap());
                assert_eq!(sums, [4, 3, 1]);
                assert_eq!(said["details"][0]["index"], 1);
            },
            looks_at: &[],
            counts: "total: browser 1, events 1, unverified 1, visitors 1
                     page /a: browser 1, events 1, unverified 1, visitors 1
                     event Buy: events 1, visitors 1",
        },
        Rule {
            says: "a machine is told so, as Umami tells it",
            settings: SET,
            happens: |site| {
                site.come_as("curl/8.12.1");
                let body = json!({ "type": "event", "payload": { "url": "/a" } }).to_string();
                let answer = site.send("POST", "/api/send", SCRIPT, body.as_bytes());
                assert_eq!((answer.status, &*answer.text()), (200, r#"{"beep":"boop"}"#));
            },
            looks_at: &[],
            counts: "bot_name curl: beacons 1
                     bot_class Library or tool: beacons 1
                     bot_proof curl | claimed: beacons 1",
        },
    ]);
}
