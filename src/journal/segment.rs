//! One file of a journal: a fixed piece of disk, written through memory by several threads at once.
//!
//! The space is allocated before the first byte is written, so a full disk is an error when a
//! segment is made and never a SIGBUS in a request. A writer reserves its place with one atomic
//! addition, copies, and publishes with one store of the record's length and checksum: no lock, no
//! system call. What the kernel has in its page cache survives the end of the process at any
//! moment; [`Segment::sync`] makes it survive the machine's.
//!
//! A writer that died between reserving and publishing leaves a hole; records behind it are found
//! by looking on from there. Checksums begin with a secret of the segment, so nobody can pass off
//! a path as a record.

use crate::private;
use crc32fast::Hasher;
use memmap2::{Mmap, MmapRaw, UncheckedAdvice};
use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};
use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::slice;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Bytes of a segment.
pub const SIZE: usize = 4 << 20;

/// The header: magic and format, the secret checksums begin with, whether it still counts.
const HEAD: usize = 32;
const MAGIC: u64 = u64::from_le_bytes(*b"hcjourn1");
const VOID_AT: usize = 24;

/// What is looked over at once where nothing was written.
const PAGE: usize = 4_096;

/// Length and checksum, then the ticket.
const RECORD_HEAD: usize = 16;

/// Beside a record's length, which is smaller: the record counts for nothing.
const VOID: u32 = 1 << 31;

/// A segment that is being written.
pub struct Segment {
    path: PathBuf,
    file: File,
    map: MmapRaw,
    secret: u32,
    /// The next free byte; beyond the end once it is full.
    tail: AtomicUsize,
    /// How far it was when it was last synced.
    synced: AtomicUsize,
}

impl Segment {
    /// Makes a file with all its space; `format` says how records are encoded. Space that is only
    /// allocated is made ready page by page while it is written, which is expensive, and at a
    /// visitor's expense; with `fill` it is written here once, with zeros, at a fifth of that.
    ///
    /// # Errors
    /// A full or read-only disk, mostly. Nothing is left behind then.
    pub fn create(path: &Path, format: u64, fill: bool) -> io::Result<Self> {
        let file = private::options().read(true).write(true).create_new(true).open(path)?;
        Self::prepare(path, file, format, fill).inspect_err(|_| drop(std::fs::remove_file(path)))
    }

    fn prepare(path: &Path, mut file: File, format: u64, fill: bool) -> io::Result<Self> {
        match fallocate(&file, FallocateFlags::empty(), 0, SIZE as i64) {
            Ok(()) if !fill => {}
            // Or a file system that cannot promise space: written zeros are space all the same.
            Ok(()) | Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => {
                let zeros = vec![0; 1 << 18];
                for _ in 0..SIZE / zeros.len() {
                    file.write_all(&zeros)?;
                }
            }
            Err(error) => return Err(error.into()),
        }
        let map = MmapRaw::map_raw(&file)?;
        let secret: u32 = rand::random();
        let segment = Self {
            path: path.to_owned(),
            file,
            map,
            secret,
            tail: AtomicUsize::new(HEAD),
            synced: AtomicUsize::new(HEAD),
        };
        segment.word(8).store(format.to_le(), Ordering::Relaxed);
        segment.word(16).store(u64::from(secret).to_le(), Ordering::Relaxed);
        segment.word(0).store(MAGIC.to_le(), Ordering::Release);
        Ok(segment)
    }

    /// Writes a record; where its payload is. `None`: it does not fit, the segment is full.
    pub fn append(&self, ticket: u64, payload: &[u8]) -> Option<Range<usize>> {
        let size = (RECORD_HEAD + payload.len()).next_multiple_of(8);
        let ticket = ticket.to_le_bytes();
        let checksum = checksum(self.secret, &ticket, payload);
        let at = self.tail.fetch_add(size, Ordering::Relaxed);
        if at.saturating_add(size) > SIZE {
            return None;
        }
        // SAFETY: `at..at + size` lies inside the map and is this call's alone: `tail` only grows.
        unsafe {
            let to = self.map.as_mut_ptr().add(at);
            to.add(8).copy_from_nonoverlapping(ticket.as_ptr(), ticket.len());
            to.add(RECORD_HEAD).copy_from_nonoverlapping(payload.as_ptr(), payload.len());
        }
        let head = (u64::from(checksum) << 32) | (payload.len() as u64 + 1);
        self.word(at).store(head.to_le(), Ordering::Release);
        Some(at + RECORD_HEAD..at + RECORD_HEAD + payload.len())
    }

    /// What [`Segment::append`] has written at a place that it gave.
    pub fn payload(&self, place: &Range<usize>) -> &[u8] {
        assert!(place.start <= place.end && place.end <= SIZE);
        // SAFETY: inside the map, and a record is never written again.
        unsafe { slice::from_raw_parts(self.map.as_ptr().add(place.start), place.len()) }
    }

    /// Makes the record at a place that [`Segment::append`] gave count for nothing.
    pub fn void_record(&self, place: &Range<usize>) {
        self.word(place.start - RECORD_HEAD).fetch_or(u64::from(VOID).to_le(), Ordering::Release);
    }

    /// How many bytes were written.
    pub fn len(&self) -> usize {
        self.tail.load(Ordering::Relaxed).min(SIZE) - HEAD
    }

    /// Puts on disk what was written since the last time, and says whether there was anything. If
    /// not, there is no system call.
    pub fn sync(&self) -> io::Result<bool> {
        let tail = self.tail.load(Ordering::Relaxed);
        let more = tail > self.synced.load(Ordering::Relaxed);
        if more {
            self.file.sync_data()?;
            self.synced.store(tail, Ordering::Relaxed);
        }
        Ok(more)
    }

    /// Gives back the memory of a segment that nobody writes any more; the kernel has the bytes.
    pub fn release(&self) {
        // SAFETY: a shared mapping of a file: pages come back from it as they were.
        let _ = unsafe { self.map.unchecked_advise(UncheckedAdvice::DontNeed) };
    }

    /// Makes the segment count for nothing, also where it cannot be deleted.
    pub fn void(&self) {
        self.word(VOID_AT).store(1, Ordering::Release);
        let _ = std::fs::remove_file(&self.path);
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn word(&self, at: usize) -> &AtomicU64 {
        assert!(at.is_multiple_of(8) && at < SIZE);
        // SAFETY: inside the map, aligned (maps are by the page), and only touched as an atomic.
        unsafe { AtomicU64::from_ptr(self.map.as_mut_ptr().add(at).cast()) }
    }
}

fn checksum(secret: u32, ticket: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = Hasher::new_with_initial(secret);
    hasher.update(ticket);
    hasher.update(payload);
    hasher.finalize()
}

/// A segment read back.
pub struct Written {
    path: PathBuf,
    map: Mmap,
    /// How its records are encoded.
    pub format: u64,
    /// Ticket and place of each record, as they lie in the file.
    pub records: Vec<(u64, Range<usize>)>,
    /// Records that were begun and never published.
    pub holes: usize,
}

impl Written {
    /// Reads a segment. `None`: not one of a `known` format, or one that counts for nothing.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn read(path: &Path, known: fn(u64) -> bool) -> io::Result<Option<Self>> {
        let file = File::open(path)?;
        if file.metadata()?.len() != SIZE as u64 {
            return Ok(None);
        }
        // SAFETY: the folder is locked; no other process of ours cuts or writes the file.
        let map = unsafe { Mmap::map(&file)? };
        let word = |at: usize| word(&map, at);
        let format = word(8);
        if word(0) != MAGIC || !known(format) || word(VOID_AT) != 0 {
            return Ok(None);
        }
        let secret = word(16) as u32;
        let (mut records, mut holes) = (Vec::new(), 0);
        // Where the next record should be, where it is looked for, and whether something is there.
        let (mut end, mut at, mut torn) = (HEAD, HEAD, false);
        while at + RECORD_HEAD <= SIZE {
            let page = (at + 1).next_multiple_of(PAGE);
            if map[at..page] == [0; PAGE][..page - at] {
                at = page;
            } else if let Some(Record { ticket, payload, void }) = record(&map, secret, at) {
                holes += usize::from(at > end);
                end = payload.end.next_multiple_of(8);
                (at, torn) = (end, false);
                if !void {
                    records.push((ticket, payload));
                }
            } else {
                torn |= word(at) != 0;
                at += 8;
            }
        }
        holes += usize::from(torn);
        Ok(Some(Self { path: path.to_owned(), map, format, records, holes }))
    }

    /// As [`Segment::void_record`], in the file.
    ///
    /// # Errors
    /// The disk's.
    pub fn void_record(&self, place: &Range<usize>) -> io::Result<()> {
        let at = place.start - RECORD_HEAD;
        let head = word(&self.map, at) | u64::from(VOID);
        let file = File::options().write(true).open(&self.path)?;
        file.write_all_at(&head.to_le_bytes(), at as u64)
    }

    pub fn payload(&self, place: &Range<usize>) -> &[u8] {
        &self.map[place.clone()]
    }
}

fn word(map: &[u8], at: usize) -> u64 {
    map[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

struct Record {
    ticket: u64,
    payload: Range<usize>,
    void: bool,
}

/// The record at `at`, if there is a whole one.
fn record(map: &[u8], secret: u32, at: usize) -> Option<Record> {
    let head = word(map, at);
    let void = head as u32 & VOID != 0;
    let length = (head as u32 & !VOID).checked_sub(1)? as usize;
    let start = at + RECORD_HEAD;
    let payload = map.get(start..start.checked_add(length)?)?;
    let whole = checksum(secret, &map[at + 8..start], payload) == (head >> 32) as u32;
    whole.then(|| Record { ticket: word(map, at + 8), payload: start..start + length, void })
}
