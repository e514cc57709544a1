//! The file that an outbox is rebuilt from: what happened to it, frame by frame.
//!
//! Reading ends at the first frame that is torn, which is cut off and reported. [`Log::rewrite`]
//! replaces the file by a shorter one that says the same.

use crate::frames;
use crate::journal;
use crate::private;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// The file's first bytes; behind them stand the version of what frames hold, a digit, and then how
/// hits are encoded.
const MAGIC: [u8; 7] = *b"hcoutbx";

/// Bytes of the head. A file of version 2 ends its head with the digit.
const HEAD: usize = 16;
const HEAD_2: usize = 8;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// 2: see [`release2`](super::release2). 3: ops with the names of their fields.
    pub ops: u8,
    /// See [`journal::format`].
    pub hits: u64,
}

impl Version {
    pub fn now() -> Self {
        Self { ops: 3, hits: journal::format() }
    }

    fn head(self) -> Vec<u8> {
        [&MAGIC[..], &[b'0' + self.ops], &self.hits.to_le_bytes()].concat()
    }

    /// The version in a file's head, and where frames begin. `None`: it cannot be read.
    fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let (ops, rest) = bytes.strip_prefix(&MAGIC)?.split_first()?;
        match ops {
            b'2' => Some((Self { ops: 2, hits: journal::RELEASE_6 }, HEAD_2)),
            b'3' => {
                let hits = u64::from_le_bytes(*rest.first_chunk()?);
                Some((Self { ops: 3, hits }, HEAD))
            }
            _ => None,
        }
    }
}

/// The file of an outbox, open for more.
pub struct Log {
    path: PathBuf,
    file: File,
    /// Bytes of whole frames, the head included.
    size: u64,
}

impl Log {
    /// Opens or makes the file and hands each frame in it to `read`, with the version that is
    /// returned: unless it is today's, the file must be written anew before anything is appended.
    ///
    /// # Errors
    /// The disk's. A file of a later version is set aside and reported, as is one that `read`
    /// cannot make sense of (false).
    pub fn open(
        path: &Path,
        mut read: impl FnMut(Version, &[u8]) -> bool,
    ) -> io::Result<(Self, Version)> {
        let mut options = private::options();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let new = Version::now().head();
        if bytes.len() < HEAD && new.starts_with(&bytes) {
            // Just made, if that.
            bytes.clear();
            file.rewind()?;
        }
        let found = Version::read(&bytes);
        let (mut version, mut at) = found.unwrap_or((Version::now(), HEAD));
        let mut sense = bytes.is_empty() || found.is_some();
        while sense && let Some(frame) = frames::at(&bytes, at) {
            sense = read(version, frame);
            at += frames::HEAD + frame.len();
        }
        if !sense {
            let aside = path.with_extension("unread");
            std::fs::rename(path, &aside)?;
            tracing::error!(
                "{} was written by a later version or is damaged; set aside as {}",
                path.display(),
                aside.display()
            );
            file = options.open(path)?;
            bytes.clear();
        }
        if bytes.is_empty() {
            file.write_all(&new)?;
            file.sync_all()?;
            (version, at) = (Version::now(), HEAD);
        } else if at < bytes.len() {
            tracing::warn!(
                "{}: {} bytes at the end were not written to the end and are cut off",
                path.display(),
                bytes.len() - at
            );
            file.set_len(at as u64)?;
        }
        file.seek(io::SeekFrom::Start(at as u64))?;
        Ok((Self { path: path.to_owned(), file, size: at as u64 }, version))
    }

    /// Appends a frame; with `sync` it is on disk when this returns.
    ///
    /// # Errors
    /// The disk's; the file then ends where it did before.
    pub fn append(&mut self, frame: &[u8], sync: bool) -> io::Result<()> {
        let written = frames::write(&mut self.file, frame);
        let written = written.and_then(|()| if sync { self.file.sync_data() } else { Ok(()) });
        match written {
            Ok(()) => self.size += (frames::HEAD + frame.len()) as u64,
            Err(_) => {
                let _ = self.file.set_len(self.size);
                let _ = self.file.seek(io::SeekFrom::Start(self.size));
            }
        }
        written
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// How many bytes a file of these frames has.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn size_of(
        write: impl FnOnce(&mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()>,
    ) -> io::Result<u64> {
        let mut size = HEAD as u64;
        write(&mut |frame| {
            size += (frames::HEAD + frame.len()) as u64;
            Ok(())
        })?;
        Ok(size)
    }

    /// Replaces the file by one of these frames, or leaves it as it is.
    ///
    /// # Errors
    /// The disk's, and those of `write`.
    pub fn rewrite(
        &mut self,
        write: impl FnOnce(&mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()>,
    ) -> io::Result<()> {
        let path = self.path.with_extension("new");
        let file = private::create(&path)?;
        let mut to = BufWriter::new(file);
        to.write_all(&Version::now().head())?;
        let mut size = HEAD as u64;
        write(&mut |frame| {
            size += (frames::HEAD + frame.len()) as u64;
            frames::write(&mut to, frame)
        })?;
        let mut file = to.into_inner()?;
        file.sync_data()?;
        std::fs::rename(&path, &self.path)?;
        if let Some(dir) = self.path.parent() {
            File::open(dir)?.sync_all()?;
        }
        file.seek(io::SeekFrom::Start(size))?;
        (self.file, self.size) = (file, size);
        Ok(())
    }

    /// Makes the file say nothing, so that nothing in it is counted a second time.
    ///
    /// # Errors
    /// The disk's.
    pub fn void(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(io::SeekFrom::Start(0))?;
        self.size = 0;
        std::fs::remove_file(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path) -> (Log, Vec<Vec<u8>>) {
        let mut frames = Vec::new();
        let opened = Log::open(path, |version, frame| {
            assert_eq!(version, Version::now());
            frames.push(frame.to_vec());
            true
        });
        let (log, version) = opened.unwrap();
        assert_eq!(version, Version::now());
        (log, frames)
    }

    #[test]
    fn frames_come_back_and_a_torn_tail_is_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("outbox");
        let (mut log, _) = read(&path);
        log.append(b"one", false).unwrap();
        log.append(b"two", true).unwrap();
        assert_eq!(read(&path).1, [b"one", b"two"]);
        let whole = std::fs::read(&path).unwrap();
        for cut in 1..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let (mut log, frames) = read(&path);
            assert!(frames.len() <= 1);
            log.append(b"three", false).unwrap();
            assert_eq!(read(&path).1.last().unwrap(), b"three", "after {cut} bytes");
        }
        let mut damaged = whole.clone();
        damaged[HEAD + frames::HEAD + 1] ^= 1;
        std::fs::write(&path, [&damaged[..], &[0; 64]].concat()).unwrap();
        assert_eq!(read(&path).1.len(), 0);
    }

    #[test]
    fn rewritten_or_as_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("outbox");
        let (mut log, _) = read(&path);
        log.append(b"one", false).unwrap();
        log.rewrite(|_| Err(io::Error::other("full"))).unwrap_err();
        assert_eq!(read(&path).1, [b"one"]);
        log.rewrite(|frame| frame(b"all")).unwrap();
        log.append(b"more", false).unwrap();
        assert_eq!(read(&path).1, [&b"all"[..], b"more"]);
        log.void().unwrap();
        assert_eq!(read(&path).1.len(), 0);
    }

    #[test]
    fn a_file_says_how_it_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("outbox");
        for (head, expected) in [
            (b"hcoutbx2".to_vec(), Version { ops: 2, hits: journal::RELEASE_6 }),
            (b"hcoutbx3hits ...".to_vec(), Version { ops: 3, hits: 0x2e2e_2e20_7374_6968 }),
        ] {
            let mut bytes = head;
            frames::write(&mut bytes, b"ops").unwrap();
            std::fs::write(&path, bytes).unwrap();
            let mut seen = Vec::new();
            let read = |version, frame: &[u8]| {
                seen.push((version, frame.to_vec()));
                true
            };
            let (mut log, version) = Log::open(&path, read).unwrap();
            assert_eq!(version, expected);
            assert_eq!(seen, [(expected, b"ops".to_vec())]);
            log.rewrite(|frame| frame(b"anew")).unwrap();
            assert_eq!(self::read(&path).1, [b"anew"]);
        }
    }

    #[test]
    fn what_makes_no_sense_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("outbox");
        std::fs::write(&path, b"hcoutbx9 of another version").unwrap();
        assert_eq!(read(&path).1.len(), 0);
        assert!(dir.path().join("outbox.unread").exists());
        assert_eq!(read(&path).1.len(), 0);
    }
}
