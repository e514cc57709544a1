//! What an import leaves for the one that goes on with it, and for those that come later.
//!
//! The same lines, read by the same rules with the same salts, make the same batches. So all that
//! an import has to keep is what they are made of: a seed, the logs it reads and up to where, the
//! days it counts. With that it is begun anew and passes over what the store has. It is written
//! before anything is sent. The seed is as good as a salt: the file is its owner's alone, and is
//! overwritten when the import ends.
//!
//! What has been imported is known again by [`Mark`]s: a log is not counted twice.

use super::source::Mark;
use crate::clock::Millis;
use crate::model::site::Day;
use crate::private;
use anyhow::{Context, bail, ensure};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Logs remembered that were imported, the latest.
const DONE_MAX: usize = 100_000;

/// What becomes of the lines of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    Counted,
    /// It has other counts.
    HasCounts,
    /// Only its month is left, which stays as it is.
    Gone,
}

/// An import that goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resume {
    /// In a file of its own, which is never written anew.
    #[serde(skip)]
    pub seed: [u8; 32],
    /// Under which batches are numbered.
    pub node: String,
    /// The program and the settings: others might read a line in another way.
    pub rules: String,
    /// When it began.
    pub began: Millis,
    pub force: bool,
    /// In the order in which they are read.
    pub logs: Vec<Log>,
    /// By site.
    pub days: BTreeMap<String, BTreeMap<Day, Standing>>,
}

/// A log that an import reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// As it was called.
    pub name: String,
    pub mark: Mark,
    /// It is read from this byte on: an earlier import has read what is before.
    pub from: u64,
    /// Days that the earlier import left alone: their lines before `from` are read, too.
    pub left: Vec<Left>,
    /// Days that the earlier import left alone: their lines before `from` are left alone again.
    pub kept: Vec<Left>,
    /// The byte where reading ends. `None`: it is not known before.
    pub to: Option<u64>,
}

/// A day of which a log's lines were left alone, for it has other counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    pub site: String,
    pub day: Day,
    /// From this byte on; what is before it was counted.
    pub from: u64,
}

/// A log that was imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Into which store, for which sites.
    pub into: String,
    pub mark: Mark,
    /// Bytes of it.
    pub to: u64,
    /// But for these days.
    pub left: Vec<Left>,
}

/// The folder in which imports keep what they have to know.
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Opens it, for one import at a time.
    ///
    /// # Errors
    /// Another import runs; the disk's.
    pub fn open(data_dir: &Path) -> anyhow::Result<Self> {
        let path = data_dir.join("headcount-import");
        let opened = private::folder(&path).and_then(|()| {
            let mut options = private::options();
            options.read(true).write(true).create(true).truncate(false).open(path.join("lock"))
        });
        let lock = opened.with_context(|| path.display().to_string())?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => bail!("another import runs in {}", path.display()),
            Err(TryLockError::Error(error)) => Err(error).context(path.display().to_string()),
        }
    }

    fn resume(&self) -> PathBuf {
        self.path.join("resume.json")
    }

    fn seed(&self) -> PathBuf {
        self.path.join("seed")
    }

    fn done(&self) -> PathBuf {
        self.path.join("done.json")
    }

    /// The import that was interrupted, if one was.
    ///
    /// # Errors
    /// The disk's; a file is damaged.
    pub fn interrupted(&self) -> anyhow::Result<Option<Resume>> {
        let Some(mut resume) = read::<Resume>(&self.resume())? else {
            // One that was stopped before it began, or behind its end.
            self.destroy_seed()?;
            return Ok(None);
        };
        let file = self.seed();
        let seed = std::fs::read(&file).with_context(|| file.display().to_string())?;
        let seed = seed.try_into().ok().with_context(|| format!("{} is damaged", file.display()));
        resume.seed = seed?;
        Ok(Some(resume))
    }

    /// Keeps what a new import is made of.
    ///
    /// # Errors
    /// The disk's.
    pub fn begin(&self, resume: &Resume) -> anyhow::Result<()> {
        let file = self.seed();
        let written = private::replace(&file, &resume.seed);
        written.with_context(|| file.display().to_string())?;
        self.keep(resume)
    }

    /// Keeps what more is known of it.
    ///
    /// # Errors
    /// The disk's.
    pub fn keep(&self, resume: &Resume) -> anyhow::Result<()> {
        write(&self.resume(), resume)
    }

    /// The import is through, or given up: its seed is no more.
    ///
    /// # Errors
    /// The disk's.
    pub fn end(&self) -> anyhow::Result<()> {
        let file = self.resume();
        std::fs::remove_file(&file).with_context(|| file.display().to_string())?;
        self.destroy_seed()
    }

    fn destroy_seed(&self) -> anyhow::Result<()> {
        let file = self.seed();
        let gone = || {
            let mut old = File::options().write(true).open(&file)?;
            let length = old.metadata()?.len() as usize;
            old.write_all(&vec![0; length])?;
            old.sync_data()?;
            std::fs::remove_file(&file)
        };
        match gone() {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).context(file.display().to_string())
            }
            _ => Ok(()),
        }
    }

    /// Logs that were imported.
    ///
    /// # Errors
    /// The disk's; the file is damaged.
    pub fn imported(&self) -> anyhow::Result<Vec<Done>> {
        Ok(read(&self.done())?.unwrap_or_default())
    }

    /// Remembers logs that were imported.
    ///
    /// # Errors
    /// The disk's.
    pub fn remember(&self, more: impl IntoIterator<Item = Done>) -> anyhow::Result<()> {
        let mut all = self.imported()?;
        for done in more {
            all.retain(|known| (&known.into, &known.mark) != (&done.into, &done.mark));
            all.push(done);
        }
        all.drain(..all.len().saturating_sub(DONE_MAX));
        write(&self.done(), &all)
    }
}

impl Resume {
    /// Whether it may go on by these rules.
    ///
    /// # Errors
    /// It was begun by others.
    pub fn goes_on_by(&self, rules: &str, force: bool) -> anyhow::Result<()> {
        ensure!(
            self.rules == rules && self.force == force,
            "an import that was interrupted was begun with other flags, settings or another \
             version; go on as it was begun, or end it as it is by --give-up"
        );
        Ok(())
    }
}

fn write(file: &Path, what: &impl Serialize) -> anyhow::Result<()> {
    let written = serde_json::to_vec(what).map_err(io::Error::other);
    let written = written.and_then(|bytes| private::replace(file, &bytes));
    written.with_context(|| file.display().to_string())
}

fn read<T: DeserializeOwned>(file: &Path) -> anyhow::Result<Option<T>> {
    match std::fs::read(file) {
        Ok(bytes) => {
            let known = serde_json::from_slice(&bytes);
            known.map(Some).with_context(|| format!("{} is damaged", file.display()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).context(file.display().to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn an_import_that_ends_leaves_no_seed() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        assert!(Folder::open(dir.path()).is_err(), "one at a time");
        assert_eq!(folder.interrupted().unwrap(), None);
        let resume = Resume {
            seed: [7; 32],
            node: "import.x".to_owned(),
            rules: "rules".to_owned(),
            began: 1,
            force: false,
            logs: Vec::new(),
            days: BTreeMap::new(),
        };
        folder.begin(&resume).unwrap();
        let [file, seed] =
            ["resume.json", "seed"].map(|name| dir.path().join("headcount-import").join(name));
        assert_eq!(seed.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(folder.interrupted().unwrap().as_ref(), Some(&resume));
        assert!(resume.goes_on_by("rules", false).is_ok());
        assert!(resume.goes_on_by("rules", true).is_err());
        assert!(resume.goes_on_by("others", false).is_err());
        // Another name for the same bytes on disk.
        let old = dir.path().join("old");
        std::fs::hard_link(&seed, &old).unwrap();
        folder.end().unwrap();
        assert!(!seed.exists());
        assert_eq!(folder.interrupted().unwrap(), None);
        assert!(std::fs::read(&old).unwrap().iter().all(|byte| *byte == 0));
        std::fs::write(&file, "{").unwrap();
        assert!(folder.interrupted().unwrap_err().to_string().contains("is damaged"));
    }
}
