//! Who sends what: a note in the store for each report or alert and each who gets it.
//!
//! A node writes that it is sending before it sends, and what became of it after. So no two nodes
//! send the same. If a node dies in between, nobody knows whether the message arrived. It is not sent
//! again, for it could arrive twice; the log and the dashboard say so instead.

use super::send::Outcome;
use crate::clock::{HOUR, MINUTE, Millis};
use crate::model::site::Site;
use crate::store::{Result, Secret, SharedValues};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How long a note is kept: longer than anything is due.
const KEPT: Millis = 40 * 24 * HOUR;

/// After so long whoever is sending has died.
const LEASE: Millis = 10 * MINUTE;

/// How often something is tried that a server turns down for now, and the pause after the first.
const TRIES: u32 = 6;
const PAUSE: Millis = 5 * MINUTE;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    state: State,
    node: String,
    at: Millis,
    tries: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Sending,
    /// Turned down for now.
    Waiting,
    Sent,
    Refused,
    /// Nobody knows whether it arrived.
    Unknown,
}

/// What a look at the note says.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is this node's to send.
    Now(Mine),
    /// Another node is sending it, or it is to be tried later.
    Later,
    /// It is sent, or never will be.
    Done,
    /// A node ended while it sent it. Said to one node only.
    Lost { node: String },
}

/// A note of this node's, as it is stored.
#[derive(Debug, PartialEq, Eq)]
pub struct Mine {
    stored: Vec<u8>,
    tries: u32,
}

pub struct Claim<'s> {
    store: &'s dyn SharedValues,
    which: Secret,
    node: &'s str,
}

impl<'s> Claim<'s> {
    /// `name`: what is sent to whom, the same on all nodes.
    pub fn new(store: &'s dyn SharedValues, site: &Site, name: &str, node: &'s str) -> Self {
        // Whom it goes to is nothing to put into a key's name.
        let name = HEXLOWER.encode(&Sha256::digest(name)[..12]).into();
        Self { store, which: Secret::Notice { site: site.name.clone(), name }, node }
    }

    pub async fn take(&self, now: Millis) -> Result<Taken> {
        let stored = self.store.secret(&self.which).await?;
        let Some(bytes) = stored else { return self.begin(None, 1, now).await };
        // A note that cannot be read was written by a later version, which sends the message itself.
        let Ok(note) = serde_json::from_slice::<Note>(&bytes) else { return Ok(Taken::Later) };
        match note.state {
            State::Sent | State::Refused | State::Unknown => Ok(Taken::Done),
            State::Waiting if note.tries >= TRIES => Ok(Taken::Done),
            State::Waiting if now < note.at + PAUSE * Millis::from(note.tries) => Ok(Taken::Later),
            State::Waiting => self.begin(Some(bytes), note.tries + 1, now).await,
            State::Sending if now < note.at + LEASE => Ok(Taken::Later),
            State::Sending => {
                // The node's name makes the note unique: of nodes that write at once, one finds its
                // own stored.
                let own = self.node.to_owned();
                let lost = Note { state: State::Unknown, node: own, ..note.clone() };
                let written = self.write(Some(&bytes), &lost, now).await?;
                Ok(if written { Taken::Lost { node: note.node } } else { Taken::Done })
            }
        }
    }

    async fn begin(&self, before: Option<Vec<u8>>, tries: u32, now: Millis) -> Result<Taken> {
        let note = Note { state: State::Sending, node: self.node.to_owned(), at: now, tries };
        let stored = bytes(&note);
        let written = self.write(before.as_deref(), &note, now).await?;
        Ok(if written { Taken::Now(Mine { stored, tries }) } else { Taken::Later })
    }

    /// Writes down what became of it.
    pub async fn settle(&self, mine: &Mine, outcome: &Outcome, now: Millis) -> Result<()> {
        let state = match outcome {
            Outcome::Sent => State::Sent,
            Outcome::NotNow(_) => State::Waiting,
            Outcome::Refused(_) => State::Refused,
            Outcome::Unknown(_) => State::Unknown,
        };
        let note = Note { state, node: self.node.to_owned(), at: now, tries: mine.tries };
        self.write(Some(&mine.stored), &note, now).await.map(drop)
    }

    async fn write(&self, before: Option<&[u8]>, note: &Note, now: Millis) -> Result<bool> {
        let new = bytes(note);
        let stored = self.store.put_secret(&self.which, before, &new, now + KEPT).await?;
        Ok(stored == new)
    }
}

fn bytes(note: &Note) -> Vec<u8> {
    serde_json::to_vec(note).expect("a note is plain text and numbers")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Backend, SqliteStore};
    use async_trait::async_trait;
    use std::sync::atomic::AtomicU64;
    use tokio::sync::Barrier;

    /// Two nodes have read a note before either writes it.
    struct Raced {
        store: SqliteStore,
        both: Barrier,
    }

    #[async_trait]
    impl Backend for Raced {
        fn name(&self) -> &str {
            self.store.name()
        }

        fn commands(&self) -> &AtomicU64 {
            self.store.commands()
        }

        async fn ping(&self) -> Result<()> {
            self.store.ping().await
        }
    }

    #[async_trait]
    impl SharedValues for Raced {
        async fn secret(&self, which: &Secret) -> Result<Option<Vec<u8>>> {
            let read = self.store.secret(which).await;
            self.both.wait().await;
            read
        }

        async fn put_secret(
            &self,
            which: &Secret,
            expected: Option<&[u8]>,
            new: &[u8],
            expires: Millis,
        ) -> Result<Vec<u8>> {
            self.store.put_secret(which, expected, new, expires).await
        }
    }

    #[tokio::test]
    async fn of_two_nodes_at_the_same_moment_one_sends_and_one_tells_what_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("counts.db")).unwrap();
        let (raced, site) = (Raced { store, both: Barrier::new(2) }, Site::default());
        let [one, other] = ["one", "other"].map(|node| Claim::new(&raced, &site, "a week", node));
        let now = crate::clock::Clock::system().now();

        let taken = tokio::join!(one.take(now), other.take(now));
        let taken = [taken.0.unwrap(), taken.1.unwrap()];
        let sends = |taken: &&Taken| matches!(taken, Taken::Now(_));
        assert_eq!(taken.iter().filter(sends).count(), 1, "{taken:?}");
        assert!(taken.contains(&Taken::Later), "{taken:?}");

        // Whoever had it never says what became of it.
        let later = now + LEASE;
        let taken = tokio::join!(one.take(later), other.take(later));
        let taken = [taken.0.unwrap(), taken.1.unwrap()];
        let tells = |taken: &&Taken| matches!(taken, Taken::Lost { .. });
        assert_eq!(taken.iter().filter(tells).count(), 1, "{taken:?}");
        assert!(taken.contains(&Taken::Done), "{taken:?}");
    }
}
