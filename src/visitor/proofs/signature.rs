//! Requests that a machine has signed: Web Bot Auth, on HTTP Message Signatures (RFC 9421).
//!
//! Signing is a claim with its proof: whoever holds the key is the machine, whatever its user agent
//! says. Only keys of signers that the owner trusts count; they are fetched beside requests (see
//! [`super::signers`]). Everything in a request is chosen by whoever sends it, so what is read of it
//! is short, and so is the time spent on signatures in a second.

use super::signers::{self, Keys, Signer};
use crate::clock::{Millis, SECOND};
use crate::visitor::bots::Bot;
use arc_swap::ArcSwap;
use foldhash::fast::RandomState;
use http::request::Parts;
use http::{HeaderMap, HeaderName, header};
use quick_cache::sync::Cache;
use sfv::SerializeValue;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use web_bot_auth::WebBotAuthVerifier;
use web_bot_auth::components::{
    CoveredComponent, DerivedComponent, HTTPField, HTTPFieldParameters,
};
use web_bot_auth::message_signatures::SignedMessage;

static FIELDS: [HeaderName; 3] = [
    HeaderName::from_static("signature-input"),
    HeaderName::from_static("signature"),
    HeaderName::from_static("signature-agent"),
];

/// Bytes of these fields that are read, of each; real ones have some 300.
const LONGEST: usize = 2_048;

/// How far a signer's clock may be ahead, in seconds.
const AHEAD: i64 = 60;

/// How long a signature may hold, in seconds: what holds for ever can be replayed for ever.
const LONGEST_LIFE: i64 = 24 * 3_600;

/// Signatures remembered, so that each is its first sender's. Only true ones are.
const REMEMBERED: usize = 20_000;

/// Signatures that are checked in a second. Each takes some 50 µs.
const CHECKS: u32 = 1_000;

/// What a request's signature says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed<'s> {
    /// It has none, or by nobody who is trusted.
    No,
    /// It names this bot's key, and is wrong, over, or somebody else's.
    Wrong(&'s Bot),
    By(&'s Bot),
}

/// Checks signatures.
#[derive(Debug)]
pub struct Signatures {
    signers: Vec<Signer>,
    keys: ArcSwap<Keys>,
    /// By signature, from where it came first. Both under a key of this process.
    seen: Cache<u64, u64>,
    hashes: RandomState,
    /// The second of the last check, and how many there were in it.
    second: AtomicI64,
    checks: AtomicU32,
}

impl Signatures {
    pub fn new(signers: Vec<Signer>) -> Self {
        Self {
            signers,
            keys: ArcSwap::default(),
            seen: Cache::new(REMEMBERED),
            hashes: RandomState::default(),
            second: AtomicI64::new(0),
            checks: AtomicU32::new(0),
        }
    }

    /// Fetches the keys of those who are trusted, again and again. `turn` is called at each.
    pub async fn keep_keys(&self, turn: impl Fn()) {
        signers::keep_keys(&self.signers, &self.keys, turn).await;
    }

    /// Whether a request may be signed by somebody who is trusted.
    pub fn is_worth_a_look(&self, headers: &HeaderMap) -> bool {
        headers.contains_key(&FIELDS[0]) && !self.keys.load().is_empty()
    }

    /// Judges a request from this address.
    pub fn judge(&self, request: &Parts, address: IpAddr, now: Millis) -> Signed<'_> {
        let (keys, now) = (self.keys.load(), now / SECOND);
        let length = |name: &HeaderName| {
            request.headers.get_all(name).iter().map(|v| v.len()).sum::<usize>()
        };
        if keys.is_empty() || FIELDS.iter().any(|name| length(name) > LONGEST) {
            return Signed::No;
        }
        let Ok(verifier) = WebBotAuthVerifier::parse(&Message(request)) else { return Signed::No };
        let told = &verifier.get_parsed_label().base.parameters.details;
        let owner = told.keyid.as_ref().and_then(|id| keys.owner(id));
        let Some(bot) = owner.and_then(|of| Some(&self.signers.get(of)?.bot)) else {
            return Signed::No;
        };
        let (Some(created), Some(expires)) = (told.created, told.expires) else {
            return Signed::Wrong(bot);
        };
        let holds = created <= now.saturating_add(AHEAD)
            && now < expires
            && expires.saturating_sub(created) <= LONGEST_LIFE;
        if !holds {
            return Signed::Wrong(bot);
        }
        if !self.has_time(now) {
            return Signed::No;
        }
        let signature = self.hashes.hash_one(&verifier.get_parsed_label().signature);
        if verifier.verify(keys.ring(), None).is_err() {
            return Signed::Wrong(bot);
        }
        let from = self.hashes.hash_one(address);
        match self.seen.get(&signature) {
            Some(first) if first != from => Signed::Wrong(bot),
            Some(_) => Signed::By(bot),
            None => {
                self.seen.insert(signature, from);
                Signed::By(bot)
            }
        }
    }

    fn has_time(&self, second: i64) -> bool {
        if self.second.swap(second, Ordering::Relaxed) != second {
            self.checks.store(0, Ordering::Relaxed);
        }
        self.checks.fetch_add(1, Ordering::Relaxed) < CHECKS
    }
}

/// A request as signatures see it. Parts that are not supported are not there, so a signature that
/// covers them is none.
struct Message<'r>(&'r Parts);

impl SignedMessage for Message<'_> {
    fn lookup_component(&self, component: &CoveredComponent) -> Vec<String> {
        let Self(Parts { method, uri, .. }) = self;
        let text = match component {
            CoveredComponent::HTTP(field) => return self.field(field),
            CoveredComponent::Derived(DerivedComponent::Authority { req: false }) => {
                let host = || self.0.headers.get(header::HOST)?.to_str().ok();
                let authority = uri.authority().map(|authority| authority.as_str());
                authority.or_else(host).map(str::to_ascii_lowercase)
            }
            CoveredComponent::Derived(DerivedComponent::Method { req: false }) => {
                Some(method.as_str().to_owned())
            }
            CoveredComponent::Derived(DerivedComponent::Path { req: false }) => {
                Some(uri.path().to_owned())
            }
            CoveredComponent::Derived(DerivedComponent::Query { req: false }) => {
                Some(format!("?{}", uri.query().unwrap_or_default()))
            }
            CoveredComponent::Derived(_) => None,
        };
        text.into_iter().collect()
    }
}

impl Message<'_> {
    fn field(&self, HTTPField { name, parameters }: &HTTPField) -> Vec<String> {
        let values = self.0.headers.get_all(name.as_str()).iter();
        let texts = values.map(|value| value.to_str().map(|text| text.trim().to_owned()));
        let Ok(texts) = texts.collect::<Result<Vec<_>, _>>() else { return Vec::new() };
        match &*parameters.0 {
            [] => texts,
            [HTTPFieldParameters::Key(key)] => member(&texts, key).into_iter().collect(),
            _ => Vec::new(),
        }
    }
}

/// A member of a dictionary, as RFC 9421 has it in §2.1.2.
fn member(texts: &[String], key: &str) -> Option<String> {
    let all = sfv::Parser::new(&texts.join(", ")).parse_dictionary().ok()?;
    match all.get(key)? {
        sfv::ListEntry::Item(item) => Some(item.serialize_value()),
        sfv::ListEntry::InnerList(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::BotClass;
    use crate::visitor::proofs::signers::Directory;
    use aws_lc_rs::digest::{SHA256, digest};
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    use data_encoding::{BASE64, BASE64URL_NOPAD};
    use http::Request;
    use std::sync::Arc;

    const NOW: Millis = 1_800_000_000_000;

    struct Key {
        pair: Ed25519KeyPair,
        id: String,
        directory: String,
    }

    fn key() -> Key {
        let pair = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(pair.as_ref()).unwrap();
        let x = BASE64URL_NOPAD.encode(pair.public_key().as_ref());
        let thumb = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
        let id = BASE64URL_NOPAD.encode(digest(&SHA256, thumb.as_bytes()).as_ref());
        let directory = format!(r#"{{"keys": [{{"kty": "OKP", "crv": "Ed25519", "x": "{x}"}}]}}"#);
        Key { pair, id, directory }
    }

    /// Trusts the signers of these names and keys.
    fn trusting(signers: &[(&str, &Key)]) -> Signatures {
        let signer = |(name, _): &(&str, &Key)| Signer {
            bot: Bot { name: (*name).into(), class: BotClass::AiAssistant },
            url: "https://example.org".parse().unwrap(),
        };
        let signatures = Signatures::new(signers.iter().map(signer).collect());
        let read =
            |(_, key): &(&str, &Key)| Some(Directory::read(key.directory.as_bytes()).unwrap());
        signatures.keys.store(Arc::new(Keys::new(signers.iter().map(read))));
        signatures
    }

    /// A request signed with `key` as the specification says, written down here again: the base is
    /// put together by hand.
    fn signed(key: &Key, created: i64, expires: i64, host: &str) -> Parts {
        let agent = "\"https://agent.example\"";
        let parameters = format!(
            "(\"@authority\" \"signature-agent\");created={created};keyid=\"{}\";alg=\"ed25519\";\
             expires={expires};tag=\"web-bot-auth\"",
            key.id
        );
        let base = format!(
            "\"@authority\": {host}\n\"signature-agent\": {agent}\n\"@signature-params\": {parameters}"
        );
        let signature = BASE64.encode(key.pair.sign(base.as_bytes()).as_ref());
        let request = Request::get("/a?b=c")
            .header("host", host)
            .header("signature-agent", agent)
            .header("signature-input", format!("sig1={parameters}"))
            .header("signature", format!("sig1=:{signature}:"));
        request.body(()).unwrap().into_parts().0
    }

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn a_right_signature_and_those_that_are_not() {
        let (one, other, unknown) = (key(), key(), key());
        let signatures = trusting(&[("One", &one), ("Other", &other)]);
        let judge = |parts: &Parts, from: u8| match signatures.judge(parts, ip(from), NOW) {
            Signed::By(bot) => format!("by {}", bot.name),
            Signed::Wrong(bot) => format!("not by {}", bot.name),
            Signed::No => "no".to_owned(),
        };
        let now = NOW / SECOND;
        let right = signed(&one, now - 5, now + 60, "example.org");
        assert_eq!(judge(&right, 1), "by One");
        assert_eq!(judge(&right, 1), "by One", "its sender may send it again");
        assert_eq!(judge(&right, 2), "not by One", "a replay");
        assert_eq!(judge(&signed(&other, now, now + 60, "example.org"), 1), "by Other");
        assert_eq!(judge(&signed(&unknown, now, now + 60, "example.org"), 1), "no");
        // Over, not begun, and for too long.
        assert_eq!(judge(&signed(&one, now - 60, now, "example.org"), 1), "not by One");
        assert_eq!(judge(&signed(&one, now + 90, now + 120, "example.org"), 1), "not by One");
        assert_eq!(judge(&signed(&one, now, now + 100_000, "example.org"), 1), "not by One");
        assert_eq!(judge(&signed(&one, i64::MIN >> 8, i64::MAX >> 8, "example.org"), 1), "no");
        // For another website, or with another key.
        let mut elsewhere = signed(&one, now, now + 60, "example.org");
        elsewhere.headers.insert("host", "example.com".parse().unwrap());
        assert_eq!(judge(&elsewhere, 1), "not by One");
        let mut mixed = signed(&one, now, now + 60, "example.org");
        let of_other = signed(&other, now, now + 60, "example.org");
        mixed.headers.insert("signature", of_other.headers["signature"].clone());
        assert_eq!(judge(&mixed, 1), "not by One");
    }

    #[test]
    fn what_is_no_signature_is_none() {
        let one = key();
        let signatures = trusting(&[("One", &one)]);
        let now = NOW / SECOND;
        let right = || signed(&one, now, now + 60, "example.org");
        for name in ["signature", "signature-input", "signature-agent"] {
            for value in
                ["", "x", "sig1=()", "sig1=::", "sig1=:====:", "\u{fffd}", &"a".repeat(9_000)]
            {
                let mut parts = right();
                let value = http::HeaderValue::from_bytes(value.as_bytes()).unwrap();
                parts.headers.insert(name, value);
                let judged = signatures.judge(&parts, ip(1), NOW);
                assert!(!matches!(judged, Signed::By(_)), "{name}: {judged:?}");
            }
            let mut parts = right();
            parts.headers.remove(name);
            assert!(!matches!(signatures.judge(&parts, ip(1), NOW), Signed::By(_)), "{name}");
        }
        assert!(matches!(signatures.judge(&right(), ip(1), NOW), Signed::By(_)));
        let nobody = Signatures::new(Vec::new());
        assert!(!nobody.is_worth_a_look(&right().headers));
        assert_eq!(nobody.judge(&right(), ip(1), NOW), Signed::No);
    }

    #[test]
    fn no_more_than_so_many_are_checked_in_a_second() {
        let one = key();
        let signatures = trusting(&[("One", &one)]);
        let wrong = {
            let now = NOW / SECOND;
            let mut parts = signed(&one, now, now + 60, "example.org");
            parts.headers.insert("host", "example.com".parse().unwrap());
            parts
        };
        let judged = |now| (0..CHECKS + 10).map(move |_| now);
        let wrongs = |now| {
            let all = judged(now).map(|now| signatures.judge(&wrong, ip(1), now));
            all.filter(|judged| matches!(judged, Signed::Wrong(_))).count()
        };
        assert_eq!(
            [wrongs(NOW), wrongs(NOW), wrongs(NOW + SECOND)].map(|n| n as u32),
            [CHECKS, 0, CHECKS]
        );
    }
}
