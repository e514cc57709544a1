//! Where a WebSocket's frames end (RFC 6455 §5.2), so that the program can say goodbye between two.
//!
//! A WebSocket that just ends tells its client nothing, and is taken for a broken network. A frame
//! that closes it may stand between any two others, also within a message that has several.

use std::fmt;
use std::pin::Pin;
use std::task::Context;

/// A frame that closes the connection with code 1001: the server goes away.
pub const GOING_AWAY: [u8; 4] = [0x88, 2, 0x03, 0xe9];

/// A WebSocket, which is closed with a frame when the program cannot wait for its end.
pub struct WebSocket {
    frames: Frames,
    /// Ends when it cannot.
    cut: Pin<Box<dyn Future<Output = ()> + Send + Sync>>,
    farewell: Farewell,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Farewell {
    NotYet,
    /// Once the current frame is whole.
    Due,
    Said,
}

impl WebSocket {
    pub fn new(cut: impl Future<Output = ()> + Send + Sync + 'static) -> Self {
        let (frames, farewell) = (Frames::default(), Farewell::NotYet);
        Self { frames, cut: Box::pin(cut), farewell }
    }

    /// Follows what was sent to the client.
    pub fn sent(&mut self, bytes: &[u8]) {
        self.frames.pass(bytes, false);
    }

    /// Looks whether the program can wait no longer.
    pub fn poll_cut(&mut self, cx: &mut Context<'_>) {
        if self.farewell == Farewell::NotYet && self.cut.as_mut().poll(cx).is_ready() {
            self.farewell = Farewell::Due;
        }
    }

    /// How many of the `next` bytes still belong to the current frame, if it ends in them and
    /// [`GOING_AWAY`] is to be sent after it.
    pub fn last_frame(&mut self, next: &[u8]) -> Option<usize> {
        if self.farewell != Farewell::Due {
            return None;
        }
        let mut after = self.frames.clone();
        let frame = after.pass(next, true);
        after.are_whole().then(|| {
            self.farewell = Farewell::Said;
            frame
        })
    }

    /// Whether it is closed: nothing more is sent.
    pub fn is_closed(&self) -> bool {
        self.farewell == Farewell::Said
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket").field("farewell", &self.farewell).finish_non_exhaustive()
    }
}

/// Follows the frames that are sent to a client.
#[derive(Debug, Default, Clone)]
struct Frames {
    /// What is known of the next frame's head: at most two bytes, eight of length, four of mask.
    head: [u8; 14],
    known: usize,
    /// Bytes to come of the current frame's payload.
    payload: u64,
}

impl Frames {
    /// Whether the last frame is whole.
    fn are_whole(&self) -> bool {
        self.known == 0 && self.payload == 0
    }

    /// Takes in bytes. Returns how many: all, or with `one`, no more than the current frame has.
    fn pass(&mut self, bytes: &[u8], one: bool) -> usize {
        let mut at = 0;
        while at < bytes.len() && !(one && self.are_whole()) {
            if self.payload > 0 {
                let left = usize::try_from(self.payload).unwrap_or(usize::MAX);
                let passed = left.min(bytes.len() - at);
                self.payload -= passed as u64;
                at += passed;
                continue;
            }
            self.head[self.known] = bytes[at];
            self.known += 1;
            at += 1;
            if let Some(payload) = payload(&self.head[..self.known]) {
                (self.known, self.payload) = (0, payload);
            }
        }
        at
    }
}

/// How long the payload is, once the head is whole.
fn payload(head: &[u8]) -> Option<u64> {
    let [_, second, rest @ ..] = head else { return None };
    let (short, masked) = (second & 0x7f, second & 0x80 != 0);
    let long = match short {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let whole = rest.len() >= long + if masked { 4 } else { 0 };
    let length = rest.iter().take(long).fold(0, |length, byte| (length << 8) | u64::from(*byte));
    whole.then_some(if long > 0 { length } else { u64::from(short) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(first: u8, length: usize, masked: bool) -> Vec<u8> {
        let mask = if masked { 0x80 } else { 0 };
        let mut frame = match length {
            0..=125 => vec![first, mask | length as u8],
            126..=0xffff => [&[first, mask | 126][..], &(length as u16).to_be_bytes()].concat(),
            _ => [&[first, mask | 127][..], &(length as u64).to_be_bytes()].concat(),
        };
        frame.extend(std::iter::repeat_n(0x88, length + if masked { 4 } else { 0 }));
        frame
    }

    #[test]
    fn frames_end_where_their_payload_does() {
        for (length, masked) in
            [(0, false), (1, false), (125, true), (126, false), (65_535, true), (65_536, false)]
        {
            let both = [frame(0x02, length, masked), frame(0x81, 3, false)].concat();
            let first = both.len() - 5;
            let mut frames = Frames::default();
            let ends = (1..=both.len()).filter(|end| {
                frames.pass(&both[end - 1..*end], false);
                frames.are_whole()
            });
            assert_eq!(ends.collect::<Vec<_>>(), [first, both.len()], "{length}, byte by byte");
            for size in [2, 3, 7, both.len()] {
                let mut frames = Frames::default();
                both.chunks(size)
                    .for_each(|piece| assert_eq!(frames.pass(piece, false), piece.len()));
                assert!(frames.are_whole(), "{length}, in pieces of {size}");
            }
            let mut frames = Frames::default();
            frames.pass(&both[..1], false);
            assert!(!frames.are_whole());
            assert_eq!(frames.pass(&both[1..], true), first - 1, "{length}");
            assert_eq!(frames.pass(&both[first..], true), 0, "the next one is not begun");
        }
    }
}
