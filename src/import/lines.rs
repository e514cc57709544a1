//! Lines, read and judged by a thread of their own while another counts those before them.
//!
//! They come in the order in which they are read, so what is counted does not depend on which of the
//! two is faster.

use super::count::{Hits, Requests};
use super::reading::{Opened, Reading, Taken};
use super::summary::{Summary, Why};
use crate::clock::{HOUR, Millis};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

/// Lines of a piece.
const LINES: u64 = 4_096;

/// Of those that count there is room for so many at first: most are of assets.
const ROOM: usize = 1_500;

/// Pieces that wait to be counted.
const WAITING: usize = 8;

/// Lines from before this are no log's: 1995-01-01.
const EARLIEST: Millis = 788_918_400_000;

/// A clock may be wrong by this much.
const AHEAD: Millis = 24 * HOUR;

/// Lines that follow each other.
#[derive(Default)]
pub struct Piece {
    pub judged: Vec<Judged>,
    /// Of all its lines, those that count as nothing.
    pub summary: Summary,
    /// Bytes read so far of the files as they are.
    pub done: u64,
}

/// A line that counts, if its day does.
pub struct Judged {
    pub site: usize,
    /// Which of the logs.
    pub log: usize,
    /// The byte of the log that it begins with.
    pub at: u64,
    pub hits: Hits,
}

/// Reads lines, and judges each by itself.
pub struct Lines {
    reading: Reading,
    requests: Requests,
    /// When the import began.
    began: Millis,
}

impl Lines {
    pub fn new(reading: Reading, requests: Requests, began: Millis) -> Self {
        Self { reading, requests, began }
    }

    /// Bytes that there are to be read, where that is known.
    pub fn size(&self) -> Option<u64> {
        self.reading.progress().1
    }

    /// Reads all of them. The thread ends with the last line, or once nobody takes its pieces; it
    /// gives back the logs.
    pub fn read(mut self) -> (Receiver<Piece>, JoinHandle<Vec<Opened>>) {
        let (pieces, taken) = sync_channel(WAITING);
        let reader = thread::spawn(move || {
            while let (piece, more) = self.piece()
                && pieces.send(piece).is_ok()
                && more
            {}
            self.reading.into_logs()
        });
        (taken, reader)
    }

    /// The next lines, and whether there are more.
    fn piece(&mut self) -> (Piece, bool) {
        let Self { reading, requests, began } = self;
        let mut piece = Piece { judged: Vec::with_capacity(ROOM), ..Piece::default() };
        let mut more = true;
        while more && piece.summary.lines < LINES {
            let Piece { judged, summary, .. } = &mut piece;
            more = reading.next(summary, |taken, summary| match judge(taken, requests, *began) {
                Ok(line) => judged.push(line),
                Err(why) => summary.not(why),
            });
        }
        piece.done = reading.progress().0;
        (piece, more)
    }
}

/// What a line counts as.
///
/// # Errors
/// As nothing, and why.
fn judge(taken: Taken<'_>, requests: &mut Requests, began: Millis) -> Result<Judged, Why> {
    let Taken { record, log, at } = taken;
    if record.at < EARLIEST || record.at > began + AHEAD {
        return Err(Why::TimeBeyond);
    }
    let site = requests.site(&record)?;
    let hits = requests.count(site, &record)?;
    Ok(Judged { site, log, at, hits })
}
