//! Which answers over HTTP/2 wait for their client: the windows of flow control, followed from
//! outside (RFC 9113 §5.2 and §6.9).
//!
//! A client that opens no window is sent nothing, so its socket is never blocked, and each of its
//! answers waits in memory all the same. An answer waits when its head was sent and its stream's
//! window, or that of the whole connection, is used up. One that has nothing to say has a window
//! that is open, and does not wait.
//!
//! A stream whose own window is used up is judged by what is taken of itself: another that is taken
//! quickly makes no difference. While the window of the connection is used up, all of them share
//! what little is taken, as they share a slow line: what is taken of any of them counts for all.

use super::http2_frames::{
    ACK, DATA, END_STREAM, Frame, HEADERS, Passed, RST_STREAM, SETTINGS, WINDOW_UPDATE,
};
use super::taking::Wait;
use std::collections::BTreeMap;
use std::time::Duration;

/// Streams that a connection may have at a time.
pub const MOST_STREAMS: u32 = 100;

/// Streams that are remembered. The library below refuses those beyond [`MOST_STREAMS`], and ends a
/// connection on which it has refused 1,024; until it says so they cannot be told from others.
const REMEMBERED: usize = MOST_STREAMS as usize + 1_024;

/// What a window begins with (RFC 9113 §6.9.2).
const INITIAL: i64 = 65_535;

/// The largest that a window may be. The library below ends what goes beyond.
const LARGEST: i64 = (1 << 31) - 1;

const INITIAL_WINDOW_SIZE: [u8; 2] = [0, 4];

/// A request, until its answer is sent.
#[derive(Debug, Default)]
struct Stream {
    /// How much larger its window is than a new one, or smaller.
    gained: i64,
    /// The answer's head was sent.
    answered: bool,
    /// While its own window is used up.
    wait: Wait,
}

/// Those of one connection.
#[derive(Debug)]
pub struct Windows {
    streams: BTreeMap<u32, Stream>,
    /// Streams that wait for their own window.
    waiting: usize,
    /// The window of a new stream.
    initial: i64,
    /// The same, of a frame of settings that is not over.
    next_initial: Option<i64>,
    /// The window of the connection.
    window: i64,
    /// While that is used up, and there are answers.
    wait: Wait,
}

impl Windows {
    pub fn new() -> Self {
        Self {
            streams: BTreeMap::new(),
            waiting: 0,
            initial: INITIAL,
            next_initial: None,
            window: INITIAL,
            wait: Wait::default(),
        }
    }

    /// Whether any answer waits.
    pub fn wait(&self) -> bool {
        self.waiting > 0 || self.wait.waits()
    }

    /// How many answers have waited for too long.
    pub fn slow(&self) -> usize {
        let all = self.wait.is_slow();
        self.answers().filter(|stream| all || stream.wait.is_slow()).count()
    }

    /// How long an answer has waited, of those that wait the longest.
    pub fn longest(&self) -> Duration {
        let waits = self.streams.values().map(|stream| &stream.wait).chain([&self.wait]);
        waits.filter(|wait| wait.waits()).map(Wait::time).max().unwrap_or_default()
    }

    /// How many streams there are, answered or not.
    pub fn streams(&self) -> usize {
        self.streams.len().min(MOST_STREAMS as usize)
    }

    fn answers(&self) -> impl Iterator<Item = &Stream> {
        self.streams.values().filter(|stream| stream.answered)
    }

    /// A client begins a request.
    pub fn open(&mut self, stream: u32) {
        if self.streams.len() < REMEMBERED {
            self.streams.insert(stream, Stream::default());
        }
    }

    /// Takes in what the client has sent.
    pub fn received(&mut self, passed: Passed<'_>) {
        match passed {
            Passed::Head(Frame { kind: RST_STREAM, stream, .. }) => {
                self.forget(stream);
                self.settle();
            }
            Passed::Entry(Frame { kind: WINDOW_UPDATE, stream, .. }, entry) => {
                self.widen(stream, number(entry) & LARGEST);
            }
            Passed::Entry(frame @ Frame { kind: SETTINGS, .. }, entry) if !frame.has(ACK) => {
                if let Some(value) = entry.strip_prefix(&INITIAL_WINDOW_SIZE) {
                    self.next_initial = Some(number(value));
                }
            }
            Passed::End(Frame { kind: SETTINGS, .. }) => {
                let Some(initial) = self.next_initial.take() else { return };
                if initial != self.initial {
                    self.initial = initial;
                    for stream in self.streams.values_mut() {
                        stream.settle(initial, &mut self.waiting);
                    }
                }
            }
            Passed::Preface | Passed::Head(_) | Passed::Entry(..) | Passed::End(_) => {}
        }
    }

    /// Takes in what the client was sent.
    pub fn sent(&mut self, passed: Passed<'_>) {
        let Passed::Head(frame) = passed else { return };
        if !matches!(frame.kind, DATA | HEADERS | RST_STREAM) {
            return;
        }
        let length = if frame.kind == DATA { frame.length } else { 0 };
        self.window = self.window.saturating_sub(i64::from(length));
        self.wait.take(length as usize);
        if frame.kind == RST_STREAM || frame.has(END_STREAM) {
            self.forget(frame.stream);
        } else if let Some(stream) = self.streams.get_mut(&frame.stream) {
            // What comes first is its head.
            stream.answered = true;
            stream.gained = stream.gained.saturating_sub(i64::from(length));
            stream.wait.take(length as usize);
            stream.settle(self.initial, &mut self.waiting);
        }
        // What was sent of a stream that is gone by now has used it up as well.
        self.settle();
    }

    /// A window becomes so much larger; that of stream 0 is the connection's.
    fn widen(&mut self, stream: u32, more: i64) {
        if stream == 0 {
            self.window = self.window.saturating_add(more).min(LARGEST);
            self.settle();
        } else if let Some(stream) = self.streams.get_mut(&stream) {
            stream.gained = stream.gained.saturating_add(more);
            stream.settle(self.initial, &mut self.waiting);
        }
    }

    fn forget(&mut self, stream: u32) {
        if let Some(stream) = self.streams.remove(&stream) {
            self.waiting -= usize::from(stream.wait.waits());
        }
    }

    /// After a change of the connection's window, or of its answers.
    fn settle(&mut self) {
        if self.window > 0 {
            self.wait.end();
        } else if self.answers().next().is_some() {
            self.wait.begin();
        } else {
            self.wait = Wait::default();
        }
    }
}

impl Stream {
    /// After a change of its window.
    fn settle(&mut self, initial: i64, waiting: &mut usize) {
        let waits = self.answered && initial.saturating_add(self.gained) <= 0;
        match (self.wait.waits(), waits) {
            (false, true) => {
                self.wait.begin();
                *waiting += 1;
            }
            (true, false) => {
                self.wait.end();
                *waiting -= 1;
            }
            _ => {}
        }
    }
}

/// Of four bytes; more or fewer do not come.
fn number(bytes: &[u8]) -> i64 {
    bytes.first_chunk().map_or(0, |bytes| i64::from(u32::from_be_bytes(*bytes)))
}

#[cfg(test)]
mod tests;
