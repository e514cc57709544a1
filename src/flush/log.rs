//! The file that an outbox is rebuilt from: what happened to it, frame by frame.
//!
//! Reading ends at the first frame that is torn, which is cut off and reported. [`Log::rewrite`]
//! replaces the file by a shorter one that says the same.

use crate::frames::{self, HEAD};
use crate::private;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// The file's first bytes; the last of them is the version of what frames hold.
const MAGIC: [u8; 8] = *b"hcoutbx2";

/// The file of an outbox, open for more.
pub struct Log {
    path: PathBuf,
    file: File,
    /// Bytes of whole frames, the head included.
    size: u64,
}

impl Log {
    /// Opens or makes the file and hands each frame in it to `read`.
    ///
    /// # Errors
    /// The disk's. A file of another version is set aside and reported, as is one that `read`
    /// cannot make sense of (false).
    pub fn open(path: &Path, mut read: impl FnMut(&[u8]) -> bool) -> io::Result<Self> {
        let mut options = private::options();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        if bytes.len() < MAGIC.len() && MAGIC.starts_with(&bytes) {
            // Just made, if that.
            bytes.clear();
            file.rewind()?;
        }
        let mut at = MAGIC.len();
        let mut sense = bytes.is_empty() || bytes.starts_with(&MAGIC);
        while sense && let Some(frame) = frames::at(&bytes, at) {
            sense = read(frame);
            at += HEAD + frame.len();
        }
        if !sense {
            let aside = path.with_extension("unread");
            std::fs::rename(path, &aside)?;
            tracing::error!(
                "{} was written by another version or is damaged; set aside as {}",
                path.display(),
                aside.display()
            );
            file = options.open(path)?;
            bytes.clear();
        }
        if bytes.is_empty() {
            file.write_all(&MAGIC)?;
            file.sync_all()?;
            at = MAGIC.len();
        } else if at < bytes.len() {
            tracing::warn!(
                "{}: {} bytes at the end were not written to the end and are cut off",
                path.display(),
                bytes.len() - at
            );
            file.set_len(at as u64)?;
        }
        file.seek(io::SeekFrom::Start(at as u64))?;
        Ok(Self { path: path.to_owned(), file, size: at as u64 })
    }

    /// Appends a frame; with `sync` it is on disk when this returns.
    ///
    /// # Errors
    /// The disk's; the file then ends where it did before.
    pub fn append(&mut self, frame: &[u8], sync: bool) -> io::Result<()> {
        let written = frames::write(&mut self.file, frame);
        let written = written.and_then(|()| if sync { self.file.sync_data() } else { Ok(()) });
        match written {
            Ok(()) => self.size += (HEAD + frame.len()) as u64,
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
        to.write_all(&MAGIC)?;
        let mut size = MAGIC.len() as u64;
        write(&mut |frame| {
            size += (HEAD + frame.len()) as u64;
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
        let log = Log::open(path, |frame| {
            frames.push(frame.to_vec());
            true
        });
        (log.unwrap(), frames)
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
        damaged[17] ^= 1;
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
    fn what_makes_no_sense_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("outbox");
        std::fs::write(&path, b"hcoutbx0 of another version").unwrap();
        assert_eq!(read(&path).1.len(), 0);
        assert!(dir.path().join("outbox.unread").exists());
        assert_eq!(read(&path).1.len(), 0);
    }
}
