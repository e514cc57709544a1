//! A log as lines: a file, plain or packed (`.gz`, `.zst`, told by its first bytes), or standard
//! input.
//!
//! A line is given as a part of the buffer it was read into. One that is longer than any server
//! writes is passed over without being kept.

use crate::clock::Millis;
use flate2::read::MultiGzDecoder;
use memchr::memchr;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Chain, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of the longest line that is read.
pub const LINE_MAX: usize = 64 << 10;

const BUFFER: usize = 4 * LINE_MAX;

/// A log is recognised by its first bytes, at most this many: lines of several people.
const MARK: usize = 4_096;

/// Bytes that a packed file begins with.
const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// A log that is read.
pub struct Source {
    pub name: String,
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    /// What of the buffer is not consumed, and up to where it is filled.
    from: usize,
    to: usize,
    /// Bytes of the log, unpacked, before `from`.
    at: u64,
    /// No more than so many bytes are read of it.
    limit: u64,
    ended: bool,
    /// Lines before the present one.
    pub lines: u64,
    /// Bytes read of the file as it is.
    read: Arc<AtomicU64>,
    size: Option<u64>,
}

/// A piece of a log.
#[derive(Debug, PartialEq)]
pub enum Next {
    /// A line, by its place in the buffer, without what ends it.
    Line(usize, usize),
    /// It is longer than [`LINE_MAX`], and gone.
    TooLong,
    End,
}

/// Recognises a log, whatever its name is by then and whether it is packed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Mark {
    /// The time of its first line.
    pub first: Millis,
    /// How many bytes `hash` is of. It is too short for anybody to find an address from it.
    covers: usize,
    hash: u16,
}

impl Mark {
    fn of(bytes: &[u8], first: Millis) -> Self {
        let hash = Sha256::digest(bytes);
        Self { first, covers: bytes.len(), hash: u16::from_le_bytes([hash[0], hash[1]]) }
    }
}

impl Source {
    /// Opens a file; `-` is standard input.
    ///
    /// # Errors
    /// The disk's.
    pub fn open(path: &Path) -> io::Result<Self> {
        if path == Path::new("-") {
            return Self::new("standard input".to_owned(), io::stdin(), None);
        }
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::other("is a folder"));
        }
        let size = metadata.is_file().then_some(metadata.len());
        Self::new(path.display().to_string(), file, size)
    }

    fn new(
        name: String,
        reader: impl Read + Send + 'static,
        size: Option<u64>,
    ) -> io::Result<Self> {
        let read = Arc::new(AtomicU64::new(0));
        let mut reader = Counted { reader, read: read.clone() };
        let mut head = [0; 4];
        let mut there = 0;
        while there < head.len() {
            match reader.read(&mut head[there..])? {
                0 => break,
                n => there += n,
            }
        }
        let head = head[..there].to_vec();
        let whole: Whole<_> = Cursor::new(head.clone()).chain(reader);
        let packed = head.starts_with(GZIP) || head.starts_with(ZSTD);
        let reader: Box<dyn Read + Send> = if head.starts_with(GZIP) {
            Box::new(MultiGzDecoder::new(whole))
        } else if head.starts_with(ZSTD) {
            Box::new(zstd::stream::read::Decoder::new(whole)?)
        } else {
            Box::new(whole)
        };
        Ok(Self {
            name,
            reader,
            buffer: vec![0; BUFFER],
            from: 0,
            to: 0,
            at: 0,
            // A log that is written to has an end all the same: where it is now.
            limit: size.filter(|_| !packed).unwrap_or(u64::MAX),
            ended: false,
            lines: 0,
            read,
            size,
        })
    }

    /// Whole lines that the log begins with, as many as there are at hand; nothing is consumed.
    ///
    /// # Errors
    /// The disk's.
    pub fn first_lines(&mut self, most: usize) -> io::Result<Vec<&[u8]>> {
        while self.to - self.from < LINE_MAX && self.fill()? {}
        let there = &self.buffer[self.from..self.to];
        let end = memchr::memrchr(b'\n', there).map_or(there.len(), |at| at + 1);
        let lines = there[..end].split(|byte| *byte == b'\n').take(most);
        Ok(lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).collect())
    }

    /// What recognises it; `first` is the time of its first line.
    ///
    /// # Errors
    /// The disk's.
    pub fn mark(&mut self, first: Millis) -> io::Result<Mark> {
        while self.to - self.from < MARK && self.fill()? {}
        let there = &self.buffer[self.from..self.to];
        Ok(Mark::of(&there[..there.len().min(MARK)], first))
    }

    /// Whether it is the one of this mark. Before anything is consumed.
    pub fn is(&self, mark: &Mark, first: Millis) -> bool {
        let there = &self.buffer[self.from..self.to];
        there.get(..mark.covers).is_some_and(|bytes| Mark::of(bytes, first) == *mark)
    }

    /// Up to where it goes, in bytes, unless that is not known before.
    pub fn limit(&self) -> Option<u64> {
        (self.limit < u64::MAX).then_some(self.limit)
    }

    /// It goes no further than this.
    pub fn end_at(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// Bytes consumed, unpacked.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Bytes read of the file as it is, and how many it has, where that is known.
    pub fn progress(&self) -> (u64, Option<u64>) {
        (self.read.load(Ordering::Relaxed), self.size)
    }

    /// Finds the next line. It is there until [`Source::consume`].
    ///
    /// # Errors
    /// The disk's; a packed file is damaged.
    pub fn next(&mut self) -> io::Result<Next> {
        let mut looked = self.from;
        loop {
            let end = memchr(b'\n', &self.buffer[looked..self.to]).map(|end| looked + end);
            // However much of it is at hand, which depends on how it was read.
            if end.unwrap_or(self.to) - self.from > LINE_MAX {
                self.pass_over()?;
                return Ok(Next::TooLong);
            }
            if let Some(end) = end {
                return Ok(Next::Line(self.from, end));
            }
            looked = self.to;
            let before = self.from;
            if !self.fill()? {
                return Ok(match self.from == self.to {
                    true => Next::End,
                    false => Next::Line(self.from, self.to),
                });
            }
            looked -= before - self.from;
        }
    }

    /// The bytes of a line that was found.
    pub fn line(&self, from: usize, to: usize) -> &[u8] {
        let line = &self.buffer[from..to];
        line.strip_suffix(b"\r").unwrap_or(line)
    }

    /// The line that ends there is done with.
    pub fn consume(&mut self, to: usize) {
        // With what ends it, unless the log ends without.
        let to = (to + 1).min(self.to);
        self.at += (to - self.from) as u64;
        self.from = to;
        self.lines += 1;
    }

    /// Lets go a line up to its end, of which only a part fits.
    fn pass_over(&mut self) -> io::Result<()> {
        loop {
            let end = memchr(b'\n', &self.buffer[self.from..self.to]);
            let gone = end.map_or(self.to - self.from, |end| end + 1);
            self.at += gone as u64;
            self.from += gone;
            if end.is_some() || !self.fill()? {
                self.lines += 1;
                return Ok(());
            }
        }
    }

    /// Reads more behind what is there. False: there is no more, or no room.
    fn fill(&mut self) -> io::Result<bool> {
        if self.from > 0 {
            self.buffer.copy_within(self.from..self.to, 0);
            self.to -= self.from;
            self.from = 0;
        }
        let left = self.limit.saturating_sub(self.at + self.to as u64);
        let room = (self.buffer.len() - self.to).min(usize::try_from(left).unwrap_or(usize::MAX));
        if self.ended || room == 0 {
            return Ok(false);
        }
        loop {
            match self.reader.read(&mut self.buffer[self.to..self.to + room]) {
                Ok(0) => {
                    self.ended = true;
                    return Ok(false);
                }
                Ok(n) => {
                    self.to += n;
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

type Whole<R> = Chain<Cursor<Vec<u8>>, R>;

/// Counts what is read.
struct Counted<R> {
    reader: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buffer)?;
        self.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn lines(mut source: Source) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            match source.next().unwrap() {
                Next::End => return lines,
                Next::TooLong => lines.push("(too long)".to_owned()),
                Next::Line(from, to) => {
                    lines.push(String::from_utf8_lossy(source.line(from, to)).into_owned());
                    source.consume(to);
                }
            }
        }
    }

    fn source(bytes: &[u8]) -> Source {
        Source::new("test".to_owned(), Cursor::new(bytes.to_vec()), None).unwrap()
    }

    #[test]
    fn lines_come_whole_from_whatever_they_are_packed_in() {
        let long = "x".repeat(3 * BUFFER);
        let edge = "y".repeat(LINE_MAX);
        let many: Vec<String> = (0..50_000).map(|i| format!("line {i}")).collect();
        let text = format!("one\r\n\n{long}\ntwo\n{edge}\n{}\nlast", many.join("\n"));
        let mut expected = vec!["one", "", "(too long)", "two", &edge];
        expected.extend(many.iter().map(String::as_str));
        expected.push("last");
        assert_eq!(lines(source(text.as_bytes())), expected);

        let mut gzip = Vec::new();
        // As rotated logs are put together: more than one member.
        for half in [&text[..text.len() / 2], &text[text.len() / 2..]] {
            let mut packer = flate2::write::GzEncoder::new(&mut gzip, Default::default());
            packer.write_all(half.as_bytes()).unwrap();
            packer.finish().unwrap();
        }
        assert_eq!(lines(source(&gzip)), expected);
        assert_eq!(lines(source(&zstd::encode_all(text.as_bytes(), 1).unwrap())), expected);
        assert!(lines(source(b"")).is_empty());
        assert_eq!(lines(source(b"\n")), [""]);
        assert_eq!(lines(source(b"ab")), ["ab"]);
    }

    #[test]
    fn a_log_ends_where_it_is_told_to() {
        let mut short = source(b"one\ntwo\nthree\n");
        short.end_at(8);
        assert_eq!(lines(short), ["one", "two"]);
    }

    #[test]
    fn a_damaged_file_is_an_error() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), Default::default());
        gzip.write_all(&vec![b'\n'; 100_000]).unwrap();
        let gzip = gzip.finish().unwrap();
        let mut damaged = source(&gzip[..gzip.len() / 2]);
        let failed = loop {
            match damaged.next() {
                Ok(Next::Line(_, to)) => damaged.consume(to),
                Ok(_) => break false,
                Err(_) => break true,
            }
        };
        assert!(failed);
    }

    #[test]
    fn a_log_is_known_again_when_it_has_grown() {
        let [mut short, mut long] = [source(b"one\n"), source(b"one\ntwo\n")];
        let mark = short.mark(7).unwrap();
        long.mark(7).unwrap();
        assert!(long.is(&mark, 7) && !long.is(&mark, 8));
        assert!(!short.is(&long.mark(7).unwrap(), 7));
        let mut other = source(b"ONE\ntwo\n");
        other.mark(7).unwrap();
        assert!(!other.is(&mark, 7));
    }
}
