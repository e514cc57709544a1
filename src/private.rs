//! Files and folders that only their owner may read, whatever the umask.
//!
//! What this process writes holds the day's salts, the keys of view ids, or hits with visitors'
//! hashes: whoever reads a salt can find an address by trying all. So every file is made by way of
//! here, and one that an earlier version left open to others is closed to them.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

const FILE: u32 = 0o600;
const FOLDER: u32 = 0o700;

/// Permissions of the group and of everybody.
const OTHERS: u32 = 0o077;

/// How to open a file: one that is made is its owner's alone.
pub fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(FILE);
    options
}

/// Opens a file for writing, made or emptied.
///
/// # Errors
/// The disk's.
pub fn create(path: &Path) -> io::Result<File> {
    let file = options().write(true).create(true).truncate(true).open(path)?;
    // One that was there keeps its permissions.
    close(&file.metadata()?, FILE, |mode| file.set_permissions(mode))?;
    Ok(file)
}

/// Puts a file in the place of another: under its name there is always a whole one, also after a
/// loss of power.
///
/// # Errors
/// The disk's; what was there then stays.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Makes a folder where there is none, and closes it to others.
///
/// # Errors
/// The disk's.
pub fn folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER).create(path)?;
    tighten(path);
    Ok(())
}

/// Whether a process that lives has a file locked.
pub fn is_locked(file: &Path) -> bool {
    let file = File::open(file);
    // Shared, so that those who look are not taken for those who hold it.
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Closes a file or folder to others, if it is there, and says so in a line. Where that cannot be
/// done (it is another user's) the line says that.
pub fn tighten(path: &Path) {
    let closed = path.metadata().and_then(|metadata| {
        let mode = if metadata.is_dir() { FOLDER } else { FILE };
        close(&metadata, mode, |mode| std::fs::set_permissions(path, mode))
    });
    match closed {
        Ok(true) => tracing::warn!("{} was open to other users; closed to them", path.display()),
        Ok(false) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            tracing::warn!("{} cannot be closed to other users: {error}", path.display());
        }
    }
}

/// Takes permissions away from others, if they have some. Whether they had.
fn close(
    metadata: &std::fs::Metadata,
    most: u32,
    set: impl FnOnce(Permissions) -> io::Result<()>,
) -> io::Result<bool> {
    let mode = metadata.permissions().mode();
    if mode & OTHERS == 0 {
        return Ok(false);
    }
    set(Permissions::from_mode(mode & most)).map(|()| true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn what_was_open_to_others_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        let (file, inner) = (dir.path().join("file"), dir.path().join("a/b"));
        std::fs::write(&file, "salt").unwrap();
        for open in [0o644, 0o666, 0o640, 0o601] {
            std::fs::set_permissions(&file, Permissions::from_mode(open)).unwrap();
            tighten(&file);
            assert_eq!(mode(&file), 0o600, "{open:o}");
            std::fs::set_permissions(&file, Permissions::from_mode(open)).unwrap();
            create(&file).unwrap();
            assert_eq!(mode(&file), 0o600, "{open:o}");
        }
        // What its owner has made stricter stays so.
        std::fs::set_permissions(&file, Permissions::from_mode(0o400)).unwrap();
        tighten(&file);
        assert_eq!(mode(&file), 0o400);
        tighten(&dir.path().join("nothing"));

        folder(&inner).unwrap();
        assert_eq!(mode(&inner), 0o700);
        std::fs::set_permissions(&inner, Permissions::from_mode(0o755)).unwrap();
        folder(&inner).unwrap();
        assert_eq!(mode(&inner), 0o700);
    }
}
