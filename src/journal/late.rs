//! Hits of a process that another has taken over from, while its last requests run.
//!
//! Visits are the new process's by then, so the old one counts nothing any more: it writes what
//! still happens into a file of its own, `late/…` in the node's folder, and the new process counts
//! it with all else. The file is locked for as long as its process lives; a file that is not locked
//! and has been read to its end is removed.
//!
//! How far a file is counted stands in its head. It is written after the hits are in the new
//! process's journal, each with its [`Origin`], and before any of them can leave that journal. So
//! whichever process is killed at whichever moment, each hit counts once.

use super::record::{self, Origin};
use crate::clock::Micros;
use crate::frames;
use crate::model::Hit;
use crate::private;
use crate::private::is_locked;
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The folder within a node's.
const DIR: &str = "late";

/// A file that is being made.
const NEW: &str = "new";

/// Magic, format, the file's own number, and up to where its hits are counted.
const HEAD: usize = 32;
const MAGIC: [u8; 8] = *b"hclate01";
const COUNTED_AT: u64 = 24;

/// What an old process writes.
pub struct LateLog {
    path: PathBuf,
    /// Locked until the process ends.
    file: Mutex<File>,
}

impl LateLog {
    /// Begins a file in a node's folder, which the caller has locked.
    ///
    /// # Errors
    /// The disk's.
    pub fn create(node: &Path, now: Micros) -> io::Result<Self> {
        let dir = node.join(DIR);
        private::folder(&dir)?;
        let number: u64 = rand::random();
        // By name the older one comes first.
        let path = dir.join(format!("{now:020}-{number:016x}"));
        let new = path.with_extension(NEW);
        let mut file = private::options().write(true).create_new(true).open(&new)?;
        let words = [record::format(), number, HEAD as u64].map(u64::to_le_bytes);
        file.write_all(&[&MAGIC[..], words.as_flattened()].concat())?;
        // Nobody sees it unlocked.
        file.try_lock()?;
        std::fs::rename(&new, &path)?;
        Ok(Self { path, file: Mutex::new(file) })
    }

    /// Writes a hit down, as [`record::encoded`] has it. False: it could not be written.
    pub fn append(&self, hit: &[u8]) -> bool {
        let mut frame = Vec::with_capacity(frames::HEAD + hit.len());
        if frames::write(&mut frame, hit).is_err() {
            return false;
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let end = file.stream_position();
        let written = file.write_all(&frame);
        if written.is_err() {
            // What follows must not stand behind a torn frame.
            let _ = end
                .and_then(|end| file.set_len(end).and_then(|()| file.seek(SeekFrom::Start(end))));
        }
        written.is_ok()
    }

    /// Puts on disk all that was written so far.
    ///
    /// # Errors
    /// The disk's.
    pub fn sync(&self) -> io::Result<()> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).sync_data()
    }

    /// How many processes that live have handed over later than this one.
    pub fn younger(&self) -> usize {
        let all = self.path.parent().and_then(|dir| files(dir).ok()).unwrap_or_default();
        all.iter().filter(|path| **path > self.path && is_locked(path)).count()
    }
}

/// What the process that has taken over reads.
pub struct LateLogs {
    dir: PathBuf,
    /// By a file's number, up to where its hits are in the journal.
    counted: HashMap<u64, u64>,
    /// Files that are told of already: they cannot be read.
    unread: Vec<PathBuf>,
}

impl LateLogs {
    /// Those in a node's folder, which the caller has locked. `counted`: see [`Origin`].
    pub fn new(node: &Path, counted: HashMap<u64, u64>) -> Self {
        let dir = node.join(DIR);
        for path in paths(&dir).unwrap_or_default() {
            // Its process ended before it was made, or there is no one else who could make it.
            if path.extension().is_some_and(|new| new == NEW) {
                let _ = std::fs::remove_file(path);
            }
        }
        Self { dir, counted, unread: Vec::new() }
    }

    /// Hands on the hits that are new, in order, until one is not taken. `safe` puts on disk what
    /// was taken before.
    ///
    /// # Errors
    /// The disk's; what was not handed on is the next time.
    pub fn read(
        &mut self,
        mut take: impl FnMut(&Hit, Origin) -> bool,
        safe: impl Fn() -> io::Result<()>,
    ) -> io::Result<()> {
        for path in files(&self.dir)? {
            // Before it is read: then nothing is written behind what is read.
            let ended = !is_locked(&path);
            let mut file = OpenOptions::new().read(true).write(true).open(&path)?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            let Some((format, number, counted)) = head(&bytes) else {
                self.leave(path);
                continue;
            };
            let before = self.counted.get(&number).copied().unwrap_or(0).max(counted);
            let (mut upto, mut taken) = (before, true);
            while taken && let Some(frame) = frames::at(&bytes, upto as usize) {
                let next = upto + (frames::HEAD + frame.len()) as u64;
                taken = match record::decode_as(format, frame) {
                    Some(record) => take(&record.hit, Origin { log: number, upto: next }),
                    None => {
                        tracing::error!("{}: a hit is damaged and cannot be read", path.display());
                        true
                    }
                };
                upto = if taken { next } else { upto };
            }
            if upto > counted {
                file.write_all_at(&upto.to_le_bytes(), COUNTED_AT)?;
                self.counted.insert(number, upto);
            }
            if ended && taken {
                safe()?;
                std::fs::remove_file(&path)?;
                self.counted.remove(&number);
            }
        }
        Ok(())
    }

    fn leave(&mut self, path: PathBuf) {
        if !self.unread.contains(&path) {
            tracing::warn!(
                "{} was written by a later version or is damaged; left as it is",
                path.display()
            );
            self.unread.push(path);
        }
    }
}

/// Format, number, and up to where it is counted. `None`: it cannot be read.
fn head(bytes: &[u8]) -> Option<(u64, u64, u64)> {
    let word = |at: usize| bytes.get(at..)?.first_chunk().map(|b| u64::from_le_bytes(*b));
    let format = word(8)?;
    (bytes.starts_with(&MAGIC) && record::is_known(format)).then_some(())?;
    Some((format, word(16)?, word(COUNTED_AT as usize)?))
}

/// Files that are made, oldest first.
fn files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = paths(dir)?;
    files.retain(|path| path.extension().is_none());
    files.sort_unstable();
    Ok(files)
}

fn paths(dir: &Path) -> io::Result<Vec<PathBuf>> {
    match std::fs::read_dir(dir) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
