//! Secrets as a node's folder keeps them, for a start while the store is away.
//!
//! Without them such a start would make up its own: everybody would be somebody else, and no view
//! id given out before would be honoured. The file holds what is in force and nothing longer; what
//! it replaces is overwritten, so that a salt whose day is over is not found on the disk.

use super::secrets::StoredKey;
use crate::model::site::Day;
use crate::private;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// What the file holds.
#[derive(Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
pub struct Kept {
    pub salts: Vec<KeptSalt>,
    /// Newest first.
    pub keys: Vec<StoredKey>,
}

#[derive(PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
pub struct KeptSalt {
    pub site: String,
    pub day: Day,
    pub salt: [u8; 32],
}

impl Kept {
    /// Nothing where there is no file, or none that makes sense.
    pub fn read(path: &Path) -> Self {
        match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!("{}: {error}; made anew", path.display());
                Self::default()
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::default(),
            Err(error) => {
                tracing::warn!("{}: {error}", path.display());
                Self::default()
            }
        }
    }

    /// Puts this in the file's place.
    ///
    /// # Errors
    /// The disk's. The file is then as it was, or is new and the old one was not overwritten.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let new = path.with_extension("new");
        let mut file = private::create(&new)?;
        serde_json::to_writer(&mut file, self)?;
        file.sync_data()?;
        let old = File::options().write(true).open(path).ok();
        std::fs::rename(&new, path)?;
        old.map_or(Ok(()), overwrite)
    }
}

fn overwrite(mut file: File) -> io::Result<()> {
    let length = file.metadata()?.len() as usize;
    file.write_all(&vec![0; length])?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(byte: u8) -> Kept {
        let (site, day) = ("a.com".to_owned(), "2026-11-24".parse().unwrap());
        Kept { salts: vec![KeptSalt { site, day, salt: [byte; 32] }], keys: Vec::new() }
    }

    #[test]
    fn what_is_replaced_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secrets");
        assert_eq!(Kept::read(&path), Kept::default());
        kept(1).write(&path).unwrap();
        assert_eq!(Kept::read(&path), kept(1));
        // Another name for the same bytes on disk.
        let old = dir.path().join("old");
        std::fs::hard_link(&path, &old).unwrap();
        kept(2).write(&path).unwrap();
        assert_eq!(Kept::read(&path), kept(2));
        assert!(std::fs::read(&old).unwrap().iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_damaged_file_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secrets");
        std::fs::write(&path, b"{\"salts\":").unwrap();
        assert_eq!(Kept::read(&path), Kept::default());
    }
}
