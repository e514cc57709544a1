//! What a tracker in a page sends, as a browser sends it.

use crate::common::http::{self, Answer, Headers};
use crate::stage::Stage;
use serde_json::{Value, json};

/// All APIs.
pub const ALL: &[&str] = &["--event-apis", "plausible,umami,goatcounter"];

/// A request that a script of the page makes.
pub const SCRIPT: Headers<'static> = &[
    ("Accept", "*/*"),
    ("Content-Type", "text/plain"),
    ("Origin", "http://docs.example.org"),
    ("Sec-Fetch-Dest", "empty"),
    ("Sec-Fetch-Mode", "cors"),
    ("Sec-Fetch-Site", "same-origin"),
];

impl Stage {
    pub fn send(&self, method: &str, path: &str, headers: Headers, body: &[u8]) -> Answer {
        let mut all = self.client.clone();
        all.extend(headers);
        http::send(self.headcount.site(), method, path, &all, body)
    }

    /// Plausible's script tells of something on a page: `n`, `u` and `d` are there already.
    pub fn plausible(&self, path: &str, more: Value) {
        let mut body = json!({
            "n": "pageview", "u": format!("http://docs.example.org{path}"), "d": "docs.example.org",
            "v": 36,
        });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = self.send("POST", "/api/event", SCRIPT, body.to_string().as_bytes());
        assert_eq!((answer.status, &*answer.text()), (202, "ok"), "{body}");
        assert_eq!(answer.header("x-plausible-dropped"), None);
    }

    /// Umami's.
    pub fn umami(&self, path: &str, more: Value) {
        let mut payload = json!({ "website": "w", "hostname": "docs.example.org", "url": path });
        payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let body = json!({ "type": "event", "payload": payload }).to_string();
        let answer = self.send("POST", "/api/send", SCRIPT, body.as_bytes());
        let said: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((answer.status, &said["cache"]), (200, &json!("")), "{body}");
    }

    /// GoatCounter's: a picture, of which the page's script makes the address.
    pub fn goatcounter(&self, page: &str, query: &str) {
        let referrer = format!("http://docs.example.org{page}");
        let headers = [http::ASSET, &[("Referer", &*referrer)]].concat();
        let answer = self.send("GET", &format!("/count?{query}"), &headers, b"");
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("image/gif")));
        assert_eq!(&answer.body[..6], b"GIF89a");
    }
}
