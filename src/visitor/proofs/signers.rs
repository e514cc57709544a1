//! Who may sign requests: machines, and the directories in which their keys are.
//!
//! A directory is a JSON Web Key Set at a place that the owner of a website trusts, at most so
//! large, fetched beside requests. It is fetched again once a day, so that a key that was taken out
//! is not believed for longer; one that cannot be fetched stays as it was.

use crate::https;
use crate::model::BotClass;
use crate::visitor::bots::{self, Bot};
use anyhow::{Context, ensure};
use arc_swap::ArcSwap;
use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use web_bot_auth::keyring::{JSONWebKeySet, KeyRing, Thumbprintable};

/// Where a directory is, at an address that names no path.
const WELL_KNOWN: &str = "/.well-known/http-message-signatures-directory";

/// Bytes of a directory.
const LONGEST: usize = 64 << 10;

/// Keys that are taken from one.
const KEYS: usize = 64;

/// How long one may take to come.
const PATIENCE: Duration = Duration::from_secs(15);

/// How often they are fetched, and again where one could not be.
const EVERY: Duration = Duration::from_secs(24 * 3_600);
const AGAIN: Duration = Duration::from_secs(60);

/// A machine that signs.
#[derive(Debug)]
pub struct Signer {
    pub bot: Bot,
    /// Its directory.
    pub url: Uri,
}

/// The keys of one directory.
#[derive(Debug, Clone)]
pub(super) struct Directory(Vec<Thumbprintable>);

/// Keys of all signers, by their ids.
#[derive(Debug, Default)]
pub(super) struct Keys {
    ring: KeyRing,
    owners: HashMap<String, usize>,
}

impl Signer {
    /// One that is counted under `name`, with its directory.
    pub fn new(name: &str, url: Uri) -> Self {
        let url = if url.path() == "/" { well_known(url) } else { url };
        // One that our lists know is of its own class.
        let known = bots::judge(name).filter(|bot| *bot.name == *name);
        let class = known.map_or(BotClass::OtherBot, |bot| bot.class);
        Self { bot: Bot { name: name.into(), class }, url }
    }
}

/// Where a directory is at this address.
fn well_known(address: Uri) -> Uri {
    let mut parts = address.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::from_static(WELL_KNOWN));
    Uri::from_parts(parts).unwrap_or(address)
}

impl Directory {
    /// Keys of a kind that is not known are left out.
    pub fn read(json: &[u8]) -> anyhow::Result<Self> {
        let all: Value = serde_json::from_slice(json)?;
        let keys = all["keys"].as_array().context("there are no keys in it")?;
        let keys = keys.iter().filter_map(|key| serde_json::from_value(key.clone()).ok());
        let keys: Vec<Thumbprintable> = keys.take(KEYS).collect();
        ensure!(keys.iter().any(|key| key.public_key().is_ok()), "no key in it is of Ed25519");
        Ok(Self(keys))
    }
}

impl Keys {
    /// Of signers in their order. A key that two have is the first's.
    pub fn new(directories: impl Iterator<Item = Option<Directory>>) -> Self {
        let mut keys = Self::default();
        for (nth, Directory(all)) in directories.enumerate().filter_map(|(i, d)| Some((i, d?))) {
            for key in &all {
                keys.owners.entry(key.b64_thumbprint()).or_insert(nth);
            }
            keys.ring.import_jwks(JSONWebKeySet { keys: all });
        }
        keys
    }

    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    /// Whose key that is, by its place among signers.
    pub fn owner(&self, id: &str) -> Option<usize> {
        self.owners.get(id).copied()
    }

    pub fn ring(&self) -> &KeyRing {
        &self.ring
    }
}

/// Fetches signers' directories again and again, into `keys`. `turn` is called at each.
pub(super) async fn keep_keys(signers: &[Signer], keys: &ArcSwap<Keys>, turn: impl Fn()) {
    let mut known: Vec<Option<Directory>> = vec![None; signers.len()];
    loop {
        turn();
        let mut next = EVERY;
        for (signer, known) in signers.iter().zip(&mut known) {
            match fetch(&signer.url).await {
                Ok(directory) => *known = Some(directory),
                Err(error) => {
                    tracing::warn!("keys of {}: {}: {error:#}", signer.bot.name, signer.url);
                    next = AGAIN;
                }
            }
        }
        keys.store(Arc::new(Keys::new(known.iter().cloned())));
        sleep(next).await;
    }
}

async fn fetch(url: &Uri) -> anyhow::Result<Directory> {
    let client: Client<_, Empty<Bytes>> =
        Client::builder(TokioExecutor::new()).build(https::connector()?);
    let request = Request::get(url)
        .header("accept", "application/http-message-signatures-directory+json, application/json")
        .header("user-agent", concat!("headcount/", env!("CARGO_PKG_VERSION")))
        .body(Empty::new())?;
    let answer = async {
        let answer = client.request(request).await?;
        ensure!(answer.status() == StatusCode::OK, "the answer was {}", answer.status());
        let body = Limited::new(answer.into_body(), LONGEST).collect().await;
        Ok(body.map_err(anyhow::Error::from_boxed)?.to_bytes())
    };
    Directory::read(&timeout(PATIENCE, answer).await.context("no answer in time")??)
}
