//! A small disk that can be filled up, or made read-only.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A tmpfs of its own size, unmounted with the test.
pub struct Room(TempDir);

impl Room {
    /// A disk of so many MiB. Mounting needs root, which a container has.
    pub fn new(megabytes: usize) -> Self {
        let room = Self(tempfile::tempdir().unwrap());
        mount(&["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "none"], room.path());
        room
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Leaves not a byte.
    pub fn fill(&self) {
        let mut options = OpenOptions::new();
        let filler = options.append(true).create(true).open(self.path().join("filler"));
        let mut file = filler.unwrap();
        let block = vec![1; 4_096];
        while file.write_all(&block).is_ok() {}
    }

    pub fn free(&self) {
        std::fs::remove_file(self.path().join("filler")).unwrap();
    }

    /// Nobody writes here from now on.
    pub fn close(&self) {
        mount(&["-o", "remount,ro"], self.path());
    }
}

fn mount(how: &[&str], path: &Path) {
    let done = Command::new("mount").args(how).arg(path).output().unwrap();
    assert!(done.status.success(), "mount {how:?}: {}", String::from_utf8_lossy(&done.stderr));
}

impl Drop for Room {
    fn drop(&mut self) {
        // Lazily: whoever still has a file open there keeps it.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}
