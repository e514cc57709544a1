//! A database of addresses in MaxMind's format (`.mmdb`), which is replaced while running.

use anyhow::Context;
use arc_swap::{ArcSwapOption, Guard};
use maxminddb::Reader;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// A file, and what was last read of it.
pub(super) struct Database {
    /// What it is called where something is wrong with it.
    what: &'static str,
    file: PathBuf,
    reader: ArcSwapOption<Reader<Vec<u8>>>,
    /// When the file that is in use was last written, and its size.
    stamp: Mutex<Option<Stamp>>,
}

type Stamp = (SystemTime, u64);

impl Database {
    /// # Errors
    /// One line that names the file, if it cannot be read or is no such database.
    pub fn open(what: &'static str, file: &Path) -> anyhow::Result<Self> {
        let database = Self {
            what,
            file: file.to_owned(),
            reader: ArcSwapOption::empty(),
            stamp: Mutex::new(None),
        };
        database.reload()?;
        Ok(database)
    }

    /// Takes up the file again if it was replaced since; says whether it was. To be called now and
    /// then from a thread that may block: it reads the whole file, look-ups go on meanwhile.
    ///
    /// # Errors
    /// As [`Database::open`]; what is in use stays.
    pub fn reload(&self) -> anyhow::Result<bool> {
        let what = || format!("{} {}", self.what, self.file.display());
        let mut stamp = self.stamp.lock().unwrap_or_else(PoisonError::into_inner);
        let metadata = std::fs::metadata(&self.file).with_context(what)?;
        let found = (metadata.modified().with_context(what)?, metadata.len());
        if *stamp == Some(found) {
            return Ok(false);
        }
        let reader = Reader::open_readfile(&self.file).with_context(what)?;
        self.reader.store(Some(Arc::new(reader)));
        *stamp = Some(found);
        Ok(true)
    }

    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What was last read.
    pub fn now(&self) -> Guard<Option<Arc<Reader<Vec<u8>>>>> {
        self.reader.load()
    }
}
