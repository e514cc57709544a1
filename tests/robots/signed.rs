//! Web Bot Auth: requests signed with a key whose directory is served here.

use crate::common::headcount::Headcount;
use crate::common::http::{CHROME, CURL, NAVIGATION, get};
use crate::common::nginx::Nginx;
use crate::common::wait_for;
use crate::{known, website};
use ::headcount::clock::{Clock, SECOND};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use std::collections::BTreeMap;

const HOST: &str = "docs.example.org";
const AGENT: &str = "\"https://agent.example\"";

struct Key {
    pair: Ed25519KeyPair,
    x: String,
    id: String,
}

impl Key {
    fn new() -> Self {
        let pair = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(pair.as_ref()).unwrap();
        let x = BASE64URL_NOPAD.encode(pair.public_key().as_ref());
        let thumb = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
        let id = BASE64URL_NOPAD.encode(digest(&SHA256, thumb.as_bytes()).as_ref());
        Self { pair, x, id }
    }

    /// The fields of a signature that holds from so many seconds ago to so many ahead.
    fn sign(&self, ago: i64, ahead: i64) -> [(String, String); 3] {
        let now = Clock::system().now() / SECOND;
        let parameters = format!(
            "(\"@authority\" \"signature-agent\");created={};keyid=\"{}\";alg=\"ed25519\";\
             expires={};nonce=\"{}\";tag=\"web-bot-auth\"",
            now - ago,
            self.id,
            now + ahead,
            rand::random::<u64>()
        );
        let base = format!(
            "\"@authority\": {HOST}\n\"signature-agent\": {AGENT}\n\"@signature-params\": {parameters}"
        );
        let signature = BASE64.encode(self.pair.sign(base.as_bytes()).as_ref());
        [
            ("Signature-Agent".to_owned(), AGENT.to_owned()),
            ("Signature-Input".to_owned(), format!("sig1={parameters}")),
            ("Signature".to_owned(), format!("sig1=:{signature}:")),
        ]
    }
}

/// Serves a directory with this key at its well-known place; gives its address.
fn directory(key: &Key) -> String {
    let body = format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{}"}}]}}"#, key.x);
    website(&[("/.well-known/http-message-signatures-directory", "application/json", &body)])
}

#[test]
fn who_signs_is_known_and_who_signs_wrongly_is_not() {
    let (key, stranger) = (Key::new(), Key::new());
    let website = Nginx::start();
    let signer = format!("ChatGPT-User={}", directory(&key));
    let flags = ["--flush-interval", "100ms", "--trusted-proxies", "127.0.0.1"];
    let flags = [&flags[..], &["--bot-signers", &signer]].concat();
    let headcount = Headcount::start(&website.url(), &flags);
    let come = |agent: &str, from: &str, fields: &[(String, String)]| {
        let mut headers = vec![("Host", HOST), ("User-Agent", agent), ("X-Forwarded-For", from)];
        headers.extend(NAVIGATION);
        headers.extend(fields.iter().map(|(name, value)| (&**name, &**value)));
        assert_eq!(get(headcount.site(), "/index.html", &headers).status, 200);
    };
    let chatgpt = "Mozilla/5.0 (compatible; ChatGPT-User/1.0; +https://openai.com/bot)";
    let by_key = ("ChatGPT-User".to_owned(), "signature".to_owned());
    let signed = || known(&headcount).get(&by_key).copied().unwrap_or_default();
    // The keys are fetched beside.
    wait_for("the keys", || {
        come(chatgpt, "198.51.100.1", &key.sign(0, 60));
        (signed() > 0).then_some(())
    });
    wait_for("all to be counted", || {
        let quiet = |metric: &str| headcount.metric(metric) == 0;
        let all = ["headcount_requests_in_flight", "headcount_unflushed_events"];
        all.into_iter().all(quiet).then_some(())
    });
    let mut expected: BTreeMap<(String, String), i64> = known(&headcount);
    let mut expect = |name: &str, proof: &str| {
        *expected.entry((name.to_owned(), proof.to_owned())).or_default() += 1;
    };

    // Right, also where the user agent is a browser's.
    let replayed = key.sign(0, 60);
    come(chatgpt, "198.51.100.1", &replayed);
    expect("ChatGPT-User", "signature");
    come(CHROME, "198.51.100.2", &key.sign(0, 60));
    expect("ChatGPT-User", "signature");
    // Replayed from elsewhere.
    come(chatgpt, "198.51.100.9", &replayed);
    expect("ChatGPT-User", "wrong signature");
    // Expired.
    come(chatgpt, "198.51.100.1", &key.sign(120, -60));
    expect("ChatGPT-User", "wrong signature");
    // Not what was signed.
    let mut wrong = key.sign(0, 60);
    wrong[2] = key.sign(0, 60)[2].clone();
    come(chatgpt, "198.51.100.1", &wrong);
    expect("ChatGPT-User", "wrong signature");
    // Another bot's claim is not proven by it.
    come(CURL, "198.51.100.1", &key.sign(0, 60));
    expect("curl", "claimed");
    // By nobody who is trusted.
    come(chatgpt, "198.51.100.1", &stranger.sign(0, 60));
    expect("ChatGPT-User", "claimed, address not listed");

    // A browser is innocent, whatever it signs.
    let views = headcount.total("pageviews");
    come(CHROME, "198.51.100.3", &wrong);
    come(CHROME, "198.51.100.4", &stranger.sign(0, 60));
    wait_for("people to be counted", || (headcount.total("pageviews") == views + 2).then_some(()));
    wait_for(&format!("{expected:?}"), || (known(&headcount) == expected).then_some(()));
}
