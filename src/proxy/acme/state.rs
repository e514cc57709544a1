//! What is kept of ACME: the account, certificates, and what must not be tried again yet; in
//! `acme/state.json` of the data directory, and in the store where nodes share it.

use crate::clock::{HOUR, MINUTE, Millis};
use crate::private;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The pause after a name could not be proven; each further one takes twice as long. Authorities
/// allow few failures of a name in an hour (Let's Encrypt: 5).
const FIRST_PAUSE: Millis = 5 * MINUTE;
const LONGEST_PAUSE: Millis = 12 * HOUR;

/// After a start, a name that failed is tried again no later than this after its failure.
const RESTART: Millis = 15 * MINUTE;

/// The year 9999.
const LAST_MOMENT: Millis = 253_370_764_800_000;

#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Raised by each change: of two, the higher one holds.
    pub version: u64,
    /// The authority that all of it, but for older certificates, is about.
    pub directory: String,
    pub account: Option<Account>,
    pub certificates: Vec<Certificate>,
    /// Names that the authority could not be convinced of.
    pub failing: BTreeMap<String, Failing>,
    /// The authority has set a limit.
    pub limited: Option<Limited>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    pub email: String,
    /// As the client library writes them.
    pub credentials: serde_json::Value,
}

/// A certificate with its key.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    pub directory: String,
    pub names: Vec<String>,
    pub from: Millis,
    pub until: Millis,
    /// When it came.
    pub ordered: Millis,
    /// PEM, the site's own first.
    pub chain: String,
    /// PEM.
    pub key: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failing {
    /// In a row.
    pub times: u32,
    /// When it failed last, and when it may be tried again.
    pub at: Millis,
    pub until: Millis,
    pub why: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Limited {
    pub until: Millis,
    pub why: String,
}

impl State {
    /// What of it holds with this authority, at a start.
    #[must_use]
    pub fn begun(mut self, directory: &str) -> Self {
        if self.directory != directory {
            let certificates = std::mem::take(&mut self.certificates);
            let (version, directory) = (self.version, directory.to_owned());
            return Self { version, directory, certificates, ..Self::default() };
        }
        for failing in self.failing.values_mut() {
            failing.until = failing.until.min(failing.at + RESTART);
        }
        self
    }

    /// Whether sums of its numbers stay numbers.
    fn is_plausible(&self) -> bool {
        let moments =
            self.certificates.iter().flat_map(|held| [held.from, held.until, held.ordered]);
        let failing = self.failing.values().flat_map(|failing| [failing.at, failing.until]);
        let limited = self.limited.iter().map(|limited| limited.until);
        self.version < u64::MAX / 2
            && self.failing.values().all(|failing| failing.times < u32::MAX / 2)
            && moments.chain(failing).chain(limited).all(|at| (0..LAST_MOMENT).contains(&at))
    }

    /// Notes that a name has failed now. Gives when to try it again. `jitter` lies between 0 and 1.
    pub fn failed(&mut self, name: &str, why: String, now: Millis, jitter: f64) -> Millis {
        let times = self.failing.get(name).map_or(0, |before| before.times) + 1;
        let pause = FIRST_PAUSE.saturating_mul(1 << (times - 1).min(16)).min(LONGEST_PAUSE);
        let until = now + spread(pause, jitter);
        self.failing.insert(name.to_owned(), Failing { times, at: now, until, why });
        until
    }

    /// Takes a certificate up, and lets go those that it makes superfluous: of the names `wanted`
    /// they have none that a newer one lacks.
    pub fn issued(&mut self, certificate: Certificate, wanted: &[String]) {
        for name in &certificate.names {
            self.failing.remove(name);
        }
        self.limited = None;
        self.certificates.insert(0, certificate);
        let mut newer: Vec<String> = Vec::new();
        self.certificates.retain(|certificate| {
            let own = certificate.names.iter().filter(|name| wanted.contains(*name));
            let own: Vec<String> = own.filter(|name| !newer.contains(*name)).cloned().collect();
            let needed = !own.is_empty();
            newer.extend(own);
            needed
        });
    }
}

/// A pause made up to a quarter longer, so that nodes do not all come back at once.
pub fn spread(pause: Millis, jitter: f64) -> Millis {
    pause + (pause as f64 / 4.0 * jitter) as Millis
}

/// The folder it lies in.
pub struct Folder(PathBuf);

impl Folder {
    pub fn of(data_dir: &Path) -> Self {
        Self(data_dir.join("acme"))
    }

    fn file(&self) -> PathBuf {
        self.0.join("state.json")
    }

    /// `None`: nothing was written yet.
    ///
    /// # Errors
    /// The disk's, or of a file that is damaged (`InvalidData`); both with its name.
    pub fn read(&self) -> io::Result<Option<State>> {
        let file = self.file();
        let named = |kind, error: &dyn std::fmt::Display| {
            io::Error::new(kind, format!("{}: {error}", file.display()))
        };
        let damaged = |error: &dyn std::fmt::Display| named(io::ErrorKind::InvalidData, error);
        match std::fs::read(&file) {
            Ok(bytes) => match serde_json::from_slice::<State>(&bytes) {
                Ok(state) if state.is_plausible() => Ok(Some(state)),
                Ok(_) => Err(damaged(&"it has numbers that were never written")),
                Err(error) => Err(damaged(&error)),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(named(error.kind(), &error)),
        }
    }

    /// Moves a damaged file away, for whoever wants to look at it. Gives where to.
    ///
    /// # Errors
    /// The disk's.
    pub fn put_aside(&self) -> io::Result<PathBuf> {
        let aside = self.file().with_extension("damaged");
        std::fs::rename(self.file(), &aside)?;
        Ok(aside)
    }

    /// Puts it in the place of what was there.
    ///
    /// # Errors
    /// The disk's; what was there then stays.
    pub fn write(&self, state: &State) -> io::Result<()> {
        private::replace(&self.file(), &serde_json::to_vec_pretty(state)?)
    }

    /// Makes the folder, and keeps other processes out of it for as long as the file lives. `None`:
    /// one is in it.
    ///
    /// # Errors
    /// The disk's.
    pub fn lock(&self) -> io::Result<Option<File>> {
        let locked = private::folder(&self.0).and_then(|()| {
            private::tighten(&self.file());
            let mut options = private::options();
            let options = options.write(true).create(true).truncate(false);
            options.open(self.0.join("lock"))
        });
        let file = locked.map_err(|e| io::Error::other(format!("{}: {e}", self.0.display())))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn certificate(names: &[&str], from: Millis) -> Certificate {
        let names = names.iter().map(ToString::to_string).collect();
        let (directory, chain, key) = ("d".to_owned(), String::new(), String::new());
        Certificate { directory, names, from, until: from + HOUR, ordered: from, chain, key }
    }

    #[test]
    fn a_name_that_fails_is_left_alone_for_longer_and_longer() {
        let mut state = State::default();
        let mut pauses = Vec::new();
        let mut now = 0;
        for _ in 0..12 {
            let until = state.failed("a", "why".to_owned(), now, 0.0);
            pauses.push((until - now) / MINUTE);
            now = until;
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 640, 720, 720, 720, 720]);
        assert_eq!(state.failed("b", "why".to_owned(), 0, 1.0), 5 * MINUTE * 5 / 4);
        // A restart is an operator's wish to try again, or a crash in a loop.
        let begun = state.clone().begun("");
        assert_eq!(begun.failing["a"].until, begun.failing["a"].at + RESTART);
        assert_eq!(begun.failing["b"].until, state.failing["b"].until);
        assert!(state.begun("another authority").failing.is_empty());
    }

    #[test]
    fn certificates_go_once_newer_ones_have_their_names() {
        let wanted = ["a", "b", "c"].map(str::to_owned);
        let mut state = State::default();
        state.issued(certificate(&["a", "b", "gone"], 1), &wanted);
        state.issued(certificate(&["c"], 2), &wanted);
        state.issued(certificate(&["a"], 3), &wanted);
        assert_eq!(state.certificates.len(), 3, "the first still has b");
        state.issued(certificate(&["b", "c"], 4), &wanted);
        let left: Vec<Millis> = state.certificates.iter().map(|left| left.from).collect();
        assert_eq!(left, [4, 3]);
    }

    #[test]
    fn the_folder_is_its_owners_alone_and_one_process_at_a_time_works_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::of(dir.path());
        assert!(folder.read().unwrap().is_none());
        let lock = folder.lock().unwrap().expect("nobody has it");
        let state = State { certificates: vec![certificate(&["a"], 1)], ..State::default() };
        folder.write(&state).unwrap();
        assert!(folder.read().unwrap() == Some(state));
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder.0), 0o700);
        for entry in std::fs::read_dir(&folder.0).unwrap() {
            assert_eq!(mode(&entry.unwrap().path()), 0o600);
        }
        assert!(folder.lock().unwrap().is_none());
        drop(lock);
        assert!(folder.lock().unwrap().is_some());
        std::fs::write(folder.file(), "{").unwrap();
        assert!(folder.read().is_err(), "what is damaged is not taken for nothing");
    }
}
