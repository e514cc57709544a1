//! Programs that speak for visitors: whose address and whose user agent is believed, and of whom.

use crate::common::http::{Answer, CHROME, Headers};
use crate::stage::{Rule, Stage, hold};
use serde_json::json;

const TOKEN: &str = "a-token-of-the-tests";

const SET: &[&str] = &["--event-apis", "plausible,umami", "--admin-auth-tokens", TOKEN];

impl Stage {
    fn speak(&self, agent: &'static str, address: &str, more: Headers) -> Answer {
        let mut speaking = self.client.clone();
        speaking[1].1 = agent;
        speaking.push(("X-Forwarded-For", address.to_owned().leak()));
        speaking.extend(more.iter().map(|(name, value)| {
            let value: &'static str = (*value).to_owned().leak();
            let name: &'static str = (*name).to_owned().leak();
            (name, value)
        }));
        let body =
            json!({ "name": "pageview", "url": "app://host/a", "domain": "app" }).to_string();
        let to = self.headcount.site();
        crate::common::http::send(to, "POST", "/api/event", &speaking, body.as_bytes())
    }
}

#[test]
fn whom_is_believed() {
    hold(&[
        Rule {
            says: "with a token, X-Forwarded-For names the visitor; the first address, as Plausible \
                   has it",
            settings: SET,
            happens: |site| {
                let token: Headers = &[("Authorization", "Bearer a-token-of-the-tests")];
                for address in ["198.51.100.1", "198.51.100.2", "198.51.100.1, 10.0.0.1"] {
                    assert_eq!(site.speak(CHROME, address, token).status, 202);
                }
            },
            looks_at: &[],
            counts: "total: browser 3, unverified 3, visitors 2
                     page /a: browser 3, unverified 3, visitors 2",
        },
        Rule {
            says: "without one, or with a wrong one, it says nothing",
            settings: SET,
            happens: |site| {
                let wrong: Headers = &[("Authorization", "Bearer another")];
                for (address, more) in [("198.51.100.1", &[][..]), ("198.51.100.2", wrong)] {
                    assert_eq!(site.speak(CHROME, address, more).status, 202);
                }
            },
            looks_at: &[],
            counts: "total: browser 2, unverified 2, visitors 1
                     page /a: browser 2, unverified 2, visitors 1",
        },
        Rule {
            says: "of a trusted proxy, the last address that is no proxy",
            settings: &["--event-apis", "plausible", "--trusted-proxies", "127.0.0.0/8,10.0.0.0/8"],
            happens: |site| {
                for address in
                    ["198.51.100.1", "198.51.100.2", "198.51.100.9, 198.51.100.2, 10.0.0.1"]
                {
                    assert_eq!(site.speak(CHROME, address, &[]).status, 202);
                }
            },
            looks_at: &[],
            counts: "total: browser 3, unverified 3, visitors 2
                     page /a: browser 3, unverified 3, visitors 2",
        },
        Rule {
            says: "who asks is told which address is believed",
            settings: SET,
            happens: |site| {
                let debug = ("X-Debug-Request", "true");
                let token = ("Authorization", "Bearer a-token-of-the-tests");
                let told = |more: Headers| {
                    let answer = site.speak(CHROME, "198.51.100.7, 10.0.0.1", more);
                    (answer.status, answer.text())
                };
                assert_eq!(told(&[token, debug]), (200, "198.51.100.7".to_owned()));
                assert_eq!(told(&[debug]), (200, "127.0.0.1".to_owned()));
                assert_eq!(told(&[("X-Debug-Request", "false")]), (202, "ok".to_owned()));
            },
            looks_at: &[],
            counts: "total: browser 3, unverified 3, visitors 2
                     page /a: browser 3, unverified 3, visitors 2",
        },
        Rule {
            says: "the user agent is the visitor's, and may be a machine's, token or not",
            settings: SET,
            happens: |site| {
                let token: Headers = &[("Authorization", "Bearer a-token-of-the-tests")];
                for more in [&[][..], token] {
                    assert_eq!(site.speak("curl/8.12.1", "198.51.100.1", more).status, 202);
                }
            },
            looks_at: &[],
            counts: "bot_name curl: beacons 2
                     bot_class Library or tool: beacons 2
                     bot_proof curl | claimed: beacons 2",
        },
        Rule {
            says: "Umami's payload may name address and user agent; with a token they are believed",
            settings: SET,
            happens: |site| {
                site.come_as("curl/8.12.1");
                let body = |n: u8| {
                    let payload = json!({
                        "url": "/a", "ip": format!("198.51.100.{n}"), "userAgent": CHROME,
                    });
                    json!({ "type": "event", "payload": payload })
                };
                let token = ("Authorization", "Bearer a-token-of-the-tests");
                let post = |path: &str, body: serde_json::Value, more: Headers| {
                    let body = body.to_string();
                    assert_eq!(site.send("POST", path, more, body.as_bytes()).status, 200);
                };
                post("/api/send", body(1), &[token]);
                post("/api/batch", json!([body(2), body(3), body(1)]), &[token]);
                post("/api/send", body(4), &[]);
            },
            looks_at: &[],
            counts: "total: browser 4, unverified 4, visitors 3
                     page /a: browser 4, unverified 4, visitors 3
                     bot_name curl: beacons 1
                     bot_class Library or tool: beacons 1
                     bot_proof curl | claimed: beacons 1",
        },
    ]);
}
