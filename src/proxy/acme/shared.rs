//! What several nodes share of ACME in the store: state and proofs, encrypted, and a lease for the
//! one node that orders.

use super::challenges::Proofs;
use super::seal::Seal;
use super::state::State;
use crate::clock::{MINUTE, Millis};
use crate::model::random_name;
use crate::store::{CountStore, NEVER, Secret};
use anyhow::Context;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How long a node is believed to order without another word from it: longer than an order may
/// take.
pub const LEASE: Millis = 3 * MINUTE;

/// How long proofs are kept, should nobody take them away.
const PROOFS: Millis = 10 * MINUTE;

pub struct Shared {
    store: Arc<dyn CountStore>,
    seal: Seal,
    /// Of this run of the process.
    node: String,
}

#[derive(Clone, Copy)]
enum Part {
    State,
    Challenges,
    Lease,
}

/// Who orders, until when.
#[derive(Default, Serialize, Deserialize)]
struct Lease {
    node: String,
    until: Millis,
}

/// What the store holds, sealed; to be named when it is replaced.
pub type Stored = Option<Vec<u8>>;

impl Shared {
    /// # Errors
    /// None that a secret could cause.
    pub fn new(store: Arc<dyn CountStore>, secret: &str) -> anyhow::Result<Self> {
        let seal = Seal::new(secret).ok().context("no key can be made of acme.shared_secret")?;
        Ok(Self { store, seal, node: random_name() })
    }

    fn secret(&self, part: Part) -> (Secret, &'static str) {
        let name = match part {
            Part::State => "state",
            Part::Challenges => "challenges",
            Part::Lease => "lease",
        };
        (Secret::Acme { name: format!("{}:{name}", self.seal.group()).into() }, name)
    }

    /// Reads a part. One that cannot be opened counts as none: who wrote it did not know the
    /// secret.
    async fn read<T: DeserializeOwned>(&self, part: Part) -> anyhow::Result<(Option<T>, Stored)> {
        let (which, name) = self.secret(part);
        let stored = self.store.secret(&which).await?;
        let plain = stored.as_deref().and_then(|sealed| self.seal.open(name, sealed));
        let value = plain.and_then(|plain| serde_json::from_slice(&plain).ok());
        if value.is_none() && stored.is_some() {
            tracing::warn!("what {} has of ACME ({name}) is damaged", self.store.name());
        }
        Ok((value, stored))
    }

    /// Writes a part in the place of what was read. Whether it is there now: another node may have
    /// been quicker.
    async fn write(
        &self,
        part: Part,
        before: &Stored,
        value: &impl Serialize,
        until: Millis,
    ) -> anyhow::Result<bool> {
        let (which, name) = self.secret(part);
        let sealed = self.seal.seal(name, &serde_json::to_vec(value)?);
        let sealed = sealed.ok().context("it cannot be sealed")?;
        let now = self.store.put_secret(&which, before.as_deref(), &sealed, until).await?;
        Ok(now == sealed)
    }

    /// # Errors
    /// The store's, as of all others here.
    pub async fn state(&self) -> anyhow::Result<(Option<State>, Stored)> {
        self.read(Part::State).await
    }

    pub async fn put_state(&self, before: &Stored, state: &State) -> anyhow::Result<bool> {
        self.write(Part::State, before, state, NEVER).await
    }

    /// Takes or prolongs the lease. False: another node has it.
    pub async fn lease(&self, now: Millis) -> anyhow::Result<bool> {
        let (held, stored) = self.read::<Lease>(Part::Lease).await?;
        if held.is_some_and(|held| held.until > now && held.node != self.node) {
            return Ok(false);
        }
        let (node, until) = (self.node.clone(), now + LEASE);
        self.write(Part::Lease, &stored, &Lease { node, until }, until).await
    }

    /// Lets others have it.
    pub async fn release(&self, now: Millis) -> anyhow::Result<()> {
        let (held, stored) = self.read::<Lease>(Part::Lease).await?;
        if held.is_some_and(|held| held.node == self.node) {
            self.write(Part::Lease, &stored, &Lease::default(), now + LEASE).await?;
        }
        Ok(())
    }

    pub async fn challenges(&self) -> anyhow::Result<Proofs> {
        Ok(self.read(Part::Challenges).await?.0.unwrap_or_default())
    }

    pub async fn put_challenges(&self, proofs: &Proofs, now: Millis) -> anyhow::Result<bool> {
        let (_, before) = self.read::<Proofs>(Part::Challenges).await?;
        self.write(Part::Challenges, &before, proofs, now + PROOFS).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SECOND;
    use crate::store::SqliteStore;

    const SECRET: &str = "a secret that all of the nodes know";

    #[tokio::test]
    async fn one_node_at_a_time_has_the_lease() {
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn CountStore> =
            Arc::new(SqliteStore::open(&dir.path().join("counts.db")).unwrap());
        let node = |secret| Shared::new(store.clone(), secret).unwrap();
        let (one, two, stranger) = (node(SECRET), node(SECRET), node("of another deployment"));
        assert!(one.lease(0).await.unwrap());
        assert!(!two.lease(SECOND).await.unwrap());
        assert!(stranger.lease(SECOND).await.unwrap(), "it has its own");
        assert!(one.lease(LEASE - SECOND).await.unwrap(), "prolonged");
        assert!(!two.lease(LEASE + SECOND).await.unwrap());
        two.release(LEASE + SECOND).await.unwrap();
        assert!(!two.lease(LEASE + SECOND).await.unwrap(), "another's is not given back");
        assert!(two.lease(2 * LEASE).await.unwrap(), "one that died");
        two.release(2 * LEASE).await.unwrap();
        assert!(one.lease(2 * LEASE).await.unwrap());
    }

    #[tokio::test]
    async fn what_was_written_in_between_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn CountStore> =
            Arc::new(SqliteStore::open(&dir.path().join("counts.db")).unwrap());
        let node = || Shared::new(store.clone(), SECRET).unwrap();
        let (one, two) = (node(), node());
        let (nothing, before) = one.state().await.unwrap();
        assert!(nothing.is_none());
        let state = |version| State { version, ..State::default() };
        assert!(two.put_state(&before, &state(1)).await.unwrap());
        assert!(!one.put_state(&before, &state(2)).await.unwrap());
        let (kept, before) = one.state().await.unwrap();
        assert!(kept == Some(state(1)));
        assert!(one.put_state(&before, &state(3)).await.unwrap());
        assert!(two.state().await.unwrap().0 == Some(state(3)));

        let proofs = Proofs::from([("token".to_owned(), "proof".to_owned())]);
        assert!(one.put_challenges(&proofs, 0).await.unwrap());
        assert_eq!(two.challenges().await.unwrap(), proofs);
    }
}
