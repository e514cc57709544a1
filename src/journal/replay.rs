//! A lane's files, read back: the last state, and the hits since, in order.
//!
//! Hits are read as whichever release wrote them; a state only as this program writes it, for all
//! it costs is that visitors count anew. What cannot be read is set aside under another name, so
//! that nobody reads it by mistake and nothing is destroyed. A record that was never published is
//! skipped: nobody was told that it counts.

use super::record::{self, Record};
use super::segment::Written;
use crate::private;
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Marks a state's file; the format and the ticket follow, the checksum ends it.
const MAGIC: [u8; 8] = *b"hcstate1";
const HEAD: usize = 24;

pub fn segment_name(lane: usize, index: u64) -> String {
    format!("journal-{lane}-{index:010}")
}

pub fn state_name(lane: usize) -> String {
    format!("journal-{lane}.state")
}

/// What a lane had when the last process ended.
#[derive(Default)]
pub struct Recovered {
    /// Up to which ticket the state goes, and the state.
    state: Option<(u64, Vec<u8>)>,
    written: Vec<Written>,
    /// Ticket, file, place of each hit since the state, in the order of tickets.
    hits: Vec<(u64, usize, Range<usize>)>,
    pub(super) segments: Vec<PathBuf>,
    pub(super) next_index: u64,
    pub(super) state_size: u64,
}

impl Recovered {
    pub(super) fn read(dir: &Path, lane: usize, format: u64) -> io::Result<Self> {
        let mut found = Self::default();
        let state = dir.join(state_name(lane));
        if !found.read_state(&state, format)? {
            set_aside(&state)?;
        }
        let mut holes = 0;
        for (index, path) in segments(dir, lane)? {
            found.next_index = index + 1;
            match Written::read(&path, record::is_known)? {
                Some(written) => {
                    holes += written.holes;
                    found.take_in(written);
                    found.segments.push(path);
                }
                None => set_aside(&path)?,
            }
        }
        found.sort();
        if holes > 0 {
            tracing::warn!(
                "{}: {holes} records were cut off in the middle and are skipped; nobody had been \
                 told that they count",
                dir.join(segment_name(lane, 0)).display()
            );
        }
        Ok(found)
    }

    /// Reads the files of a lane that is being written. `None`: one of them makes no sense.
    pub(super) fn read_again(
        state: &Path,
        segments: &[PathBuf],
        format: u64,
    ) -> io::Result<Option<Self>> {
        let mut found = Self::default();
        if !found.read_state(state, format)? {
            return Ok(None);
        }
        for path in segments {
            let Some(written) = Written::read(path, record::is_known)? else { return Ok(None) };
            found.take_in(written);
        }
        found.sort();
        Ok(Some(found))
    }

    fn take_in(&mut self, written: Written) {
        let since = self.state.as_ref().map_or(0, |(ticket, _)| *ticket);
        let file = self.written.len();
        let records = written.records.iter().filter(|(ticket, _)| *ticket >= since);
        self.hits.extend(records.map(|(ticket, at)| (*ticket, file, at.clone())));
        self.written.push(written);
    }

    fn sort(&mut self) {
        self.hits.sort_unstable_by_key(|(ticket, ..)| *ticket);
    }

    /// False: there is one that makes no sense.
    fn read_state(&mut self, path: &Path, format: u64) -> io::Result<bool> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(error),
        };
        self.state_size = bytes.len() as u64;
        self.state = parse_state(&bytes, format);
        Ok(self.state.is_some())
    }

    /// The state to begin with, and the ticket it goes up to.
    pub fn state(&self) -> Option<(u64, &[u8])> {
        self.state.as_ref().map(|(ticket, state)| (*ticket, state.as_slice()))
    }

    /// Hits since the state with their tickets, in order.
    pub fn hits(&self) -> impl Iterator<Item = (u64, Record)> + '_ {
        self.hits.iter().filter_map(|(ticket, file, at)| {
            let written = &self.written[*file];
            Some((*ticket, record::decode_as(written.format, written.payload(at))?))
        })
    }

    /// How many of them have tickets from this one on.
    pub fn hits_from(&self, mark: u64) -> usize {
        self.hits.len() - self.hits.partition_point(|(ticket, ..)| *ticket < mark)
    }

    /// Takes the hit with this ticket out, here and on the disk: no restart counts it.
    pub fn void(&mut self, ticket: u64) {
        let Ok(i) = self.hits.binary_search_by_key(&ticket, |(ticket, ..)| *ticket) else { return };
        let (_, file, place) = self.hits.remove(i);
        if let Err(error) = self.written[file].void_record(&place) {
            tracing::warn!("a hit cannot be taken out of the journal: {error}");
        }
    }

    /// The first ticket that was never given out, as far as is known.
    pub fn next_ticket(&self) -> u64 {
        let hits = self.hits.last().map_or(0, |(ticket, ..)| ticket + 1);
        hits.max(self.state.as_ref().map_or(0, |(ticket, _)| *ticket))
    }
}

/// A lane's segments, oldest first.
fn segments(dir: &Path, lane: usize) -> io::Result<Vec<(u64, PathBuf)>> {
    let prefix = format!("journal-{lane}-");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let index = name.to_str().and_then(|name| name.strip_prefix(&prefix)?.parse().ok());
        found.extend(index.map(|index| (index, entry.path())));
    }
    found.sort_unstable();
    Ok(found)
}

fn set_aside(path: &Path) -> io::Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".unread");
    std::fs::rename(path, &aside)?;
    tracing::warn!(
        "{} was written by another version or is damaged; set aside as {}",
        path.display(),
        Path::new(&aside).display()
    );
    Ok(())
}

fn parse_state(bytes: &[u8], format: u64) -> Option<(u64, Vec<u8>)> {
    let (body, checksum) = bytes.split_last_chunk::<4>()?;
    if crc32fast::hash(body) != u32::from_le_bytes(*checksum) || !body.starts_with(&MAGIC) {
        return None;
    }
    let word = |at: usize| body.get(at..)?.first_chunk().map(|b| u64::from_le_bytes(*b));
    (word(8)? == format).then_some(())?;
    Some((word(16)?, body.get(HEAD..)?.to_vec()))
}

/// Writes a state up to `ticket`; gives its size. Not yet on disk.
pub(super) fn write_state(
    path: &Path,
    format: u64,
    ticket: u64,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<u64> {
    let to = private::create(path)?;
    let file = Checked { to, checksum: crc32fast::Hasher::new(), size: 0 };
    // States come in tiny pieces, and checksums of those are expensive.
    let mut file = BufWriter::with_capacity(1 << 16, file);
    file.write_all(&MAGIC)?;
    file.write_all(&format.to_le_bytes())?;
    file.write_all(&ticket.to_le_bytes())?;
    write(&mut file)?;
    let Checked { mut to, checksum, size } = file.into_inner()?;
    to.write_all(&checksum.finalize().to_le_bytes())?;
    Ok(size)
}

/// Adds up what is written, for the checksum at the end.
struct Checked<W> {
    to: W,
    checksum: crc32fast::Hasher,
    size: u64,
}

impl<W: Write> Write for Checked<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to.write_all(bytes)?;
        self.checksum.update(bytes);
        self.size += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
