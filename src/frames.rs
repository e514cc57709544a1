//! Frames: how files that only grow are written, so that what was torn is told from what is whole.
//!
//! A frame has its length and checksum in front. The process or the machine may end while one is
//! written, so it is whole or it is not there.

use std::io::{self, Write};

/// Length and checksum of a frame.
pub const HEAD: usize = 8;

/// Writes a frame in one piece.
///
/// # Errors
/// Those of `to`.
pub fn write(to: &mut impl Write, frame: &[u8]) -> io::Result<()> {
    let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
    let mut head = [0; HEAD];
    head[..4].copy_from_slice(&length.to_le_bytes());
    head[4..].copy_from_slice(&crc32fast::hash(frame).to_le_bytes());
    to.write_all(&head)?;
    to.write_all(frame)
}

/// The frame at `at`, if there is a whole one.
pub fn at(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let word = |at: usize| bytes.get(at..)?.first_chunk().map(|b| u32::from_le_bytes(*b));
    let (length, checksum) = (word(at)? as usize, word(at + 4)?);
    let frame = bytes.get(at + HEAD..)?.get(..length)?;
    // Zeros would pass: they are their own checksum.
    (length > 0 && crc32fast::hash(frame) == checksum).then_some(frame)
}
