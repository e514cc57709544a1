//! Proofs for HTTP-01 (RFC 8555 §8.3): what `/.well-known/acme-challenge/TOKEN` is answered with
//! while an order waits for it. Any other token is the website's to answer.

use super::shared::Shared;
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// What an authority's request begins with.
const REQUEST: &[u8] = b"GET /.well-known/acme-challenge/";

/// Tokens are shorter.
const LONGEST: usize = 256;

/// How often it is asked what other nodes have in flight, at most; and how long that may take.
const ASK_EVERY: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(2);

/// How long an order waits before it lets the authority ask any node: those that have just asked
/// the store ask it again.
pub const SETTLE: Duration = Duration::from_secs(2);

/// By token: what proves to the authority that it is ours.
pub type Proofs = HashMap<String, String>;

#[derive(Default)]
pub struct Challenges {
    own: ArcSwap<Proofs>,
    elsewhere: Option<Elsewhere>,
}

/// Those of other nodes.
struct Elsewhere {
    shared: Arc<Shared>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    asked: Option<Instant>,
    proofs: Proofs,
}

/// An order's proofs, until it is dropped.
pub struct InFlight<'a>(&'a Challenges);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.own.store(Arc::default());
    }
}

impl Challenges {
    pub fn new(shared: Option<Arc<Shared>>) -> Arc<Self> {
        let elsewhere = shared.map(|shared| Elsewhere { shared, known: Mutex::default() });
        Arc::new(Self { elsewhere, ..Self::default() })
    }

    /// Answers with these from now on. One order is in flight at a time.
    pub fn begin(&self, proofs: Proofs) -> InFlight<'_> {
        self.own.store(Arc::new(proofs));
        InFlight(self)
    }

    /// The whole answer to a request for a token, if there is a proof.
    pub async fn answer(&self, token: &str) -> Option<Vec<u8>> {
        let own = self.own.load().get(token).cloned();
        let proof = match own {
            Some(proof) => proof,
            None => self.elsewhere.as_ref()?.find(token).await?,
        };
        let length = proof.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\
             Content-Length: {length}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n{proof}"
        );
        Some(answer.into_bytes())
    }
}

impl Elsewhere {
    /// Asks the store, but not for everybody who makes up a token.
    async fn find(&self, token: &str) -> Option<String> {
        let mut known = self.known.lock().await;
        if known.asked.is_none_or(|asked| asked.elapsed() >= ASK_EVERY) {
            let asked = timeout(PATIENCE, self.shared.challenges()).await;
            match asked.ok().and_then(Result::ok) {
                Some(proofs) => known.proofs = proofs,
                None => tracing::debug!("the store does not tell what other nodes have in flight"),
            }
            known.asked = Some(Instant::now());
        }
        known.proofs.get(token).cloned()
    }
}

/// The token that a request asks for, by its head.
pub fn token(head: &[u8]) -> Option<&str> {
    let rest = head.strip_prefix(REQUEST)?;
    let end = rest.iter().take(LONGEST).position(|byte| *byte == b' ')?;
    let token = str::from_utf8(&rest[..end]).ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (!token.is_empty() && token.bytes().all(plain)).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"GET /.well-known/acme-challenge/to-ken_1 HTTP/1.1\r\nHost: a\r\n\r\n";

    #[test]
    fn only_what_can_be_a_token_is_one() {
        assert_eq!(token(HEAD), Some("to-ken_1"));
        let long = format!("GET /.well-known/acme-challenge/{} HTTP/1.1\r\n", "a".repeat(LONGEST));
        for other in [
            "GET / HTTP/1.1\r\n",
            "POST /.well-known/acme-challenge/token HTTP/1.1\r\n",
            "GET /.well-known/acme-challenge/ HTTP/1.1\r\n",
            "GET /.well-known/acme-challenge/a/b HTTP/1.1\r\n",
            "GET /.well-known/acme-challenge/token?q HTTP/1.1\r\n",
            "GET /.well-known/acme-challenge/token",
            &long,
        ] {
            assert_eq!(token(other.as_bytes()), None, "{other}");
        }
    }

    #[tokio::test]
    async fn a_token_is_answered_while_it_is_in_flight() {
        let challenges = Challenges::new(None);
        assert_eq!(challenges.answer("to-ken_1").await, None);
        let proofs = Proofs::from([("to-ken_1".to_owned(), "to-ken_1.proof".to_owned())]);
        let in_flight = challenges.begin(proofs);
        let answer = String::from_utf8(challenges.answer("to-ken_1").await.unwrap()).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("Content-Length: 14\r\nCache-Control: no-store\r\nConnection: close\r\n\r\nto-ken_1.proof"), "{answer}");
        drop(in_flight);
        assert_eq!(challenges.answer("to-ken_1").await, None);
    }
}
