//! Clocks that show another time than it is.

use headcount::clock::Millis;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A clock for several processes that runs, and is set while they do.
pub struct FalseTime {
    file: PathBuf,
    _dir: TempDir,
}

impl FalseTime {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let time = Self { file: dir.path().join("time"), _dir: dir };
        time.set(0);
        time
    }

    /// So much ahead of the true time from now on.
    pub fn set(&self, ahead: Millis) {
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{:+.3}", ahead as f64 / 1_000.0)).unwrap();
        std::fs::rename(new, &self.file).unwrap();
    }

    /// What makes a program believe it. Only what clocks show: waiting takes as long as it does.
    ///
    /// The C library stands before jemalloc, which Debian's Redis is linked to: that asks for the
    /// time before it can give memory, faketime needs memory before it can tell the time, and the
    /// program stands still before it has begun.
    pub fn wrapper(&self) -> Vec<String> {
        let library = std::fs::read_dir("/usr/lib").unwrap();
        let library =
            library.map(|entry| entry.unwrap().path().join("faketime/libfaketimeMT.so.1"));
        let library = library.into_iter().find(|path| path.exists());
        let library = library.expect("Debian's faketime");
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        vec![
            "env".to_owned(),
            format!("LD_PRELOAD={}:libc.so.6", text(&library)),
            format!("FAKETIME_TIMESTAMP_FILE={}", text(&self.file)),
            "FAKETIME_NO_CACHE=1".to_owned(),
            "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
        ]
    }
}
