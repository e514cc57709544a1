//! The frames of one direction of a connection over HTTP/2, as they pass: the head of each, and the
//! entries of the few whose payload has to be known. All other payloads are skipped by their length.
//!
//! The bytes come in any pieces, and may be anything: whether they are right is for the library
//! below Pingora to judge.

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

/// Of DATA and HEADERS.
pub const END_STREAM: u8 = 1;
/// Of SETTINGS.
pub const ACK: u8 = 1;
/// Of HEADERS and CONTINUATION.
pub const END_HEADERS: u8 = 4;

/// Bytes of the preface (RFC 9113 §3.4).
pub const PREFACE: usize = 24;

/// Bytes of a frame's head: length, kind, flags, stream (RFC 9113 §4.1).
pub const HEAD: usize = 9;

/// The head of a frame.
#[derive(Debug, Clone, Copy, Default)]
pub struct Frame {
    /// Bytes of its payload.
    pub length: u32,
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
}

impl Frame {
    fn read(head: [u8; HEAD]) -> Self {
        let [long, middle, short, kind, flags, stream @ ..] = head;
        // One bit is reserved.
        let stream = u32::from_be_bytes(stream) & 0x7fff_ffff;
        Self { length: u32::from_be_bytes([0, long, middle, short]), kind, flags, stream }
    }

    pub fn has(self, flag: u8) -> bool {
        self.flags & flag > 0
    }

    /// Bytes of one entry of its payload; 0: nobody needs them.
    fn entry(self) -> usize {
        match self.kind {
            SETTINGS => 6,
            WINDOW_UPDATE => 4,
            _ => 0,
        }
    }
}

/// What has passed.
#[derive(Debug, Clone, Copy)]
pub enum Passed<'a> {
    /// What a client begins with.
    Preface,
    Head(Frame),
    /// One setting of SETTINGS, or the number of WINDOW_UPDATE.
    Entry(Frame, &'a [u8]),
    /// The payload, whole.
    End(Frame),
}

#[derive(Debug, Clone, Copy)]
enum Part {
    Preface,
    Head,
    Payload,
}

/// Where one direction is.
#[derive(Debug)]
pub struct Frames {
    part: Part,
    frame: Frame,
    /// Bytes to come of the preface or of a payload.
    left: usize,
    /// A head or an entry, as far as it has come.
    held: [u8; HEAD],
    known: usize,
}

impl Frames {
    /// Those that a client sends.
    pub fn of_client() -> Self {
        Self { part: Part::Preface, left: PREFACE, ..Self::of_server() }
    }

    /// Those that a server sends.
    pub fn of_server() -> Self {
        Self { part: Part::Head, frame: Frame::default(), left: 0, held: [0; HEAD], known: 0 }
    }

    /// Takes in the next bytes, and tells what has passed with them.
    pub fn pass(&mut self, mut bytes: &[u8], mut tell: impl FnMut(Passed<'_>)) {
        while !bytes.is_empty() {
            match self.part {
                Part::Preface => {
                    self.skip(&mut bytes);
                    if self.left == 0 {
                        self.part = Part::Head;
                        tell(Passed::Preface);
                    }
                }
                Part::Head => {
                    if !self.hold(&mut bytes, HEAD) {
                        return;
                    }
                    self.frame = Frame::read(self.held);
                    (self.part, self.left) = (Part::Payload, self.frame.length as usize);
                    tell(Passed::Head(self.frame));
                    self.end(&mut tell);
                }
                Part::Payload => {
                    let entry = self.frame.entry();
                    if entry == 0 {
                        self.skip(&mut bytes);
                    } else {
                        // The last may be cut off by the frame's end.
                        let rest = self.left + self.known;
                        let before = bytes.len();
                        let is_whole = self.hold(&mut bytes, entry.min(rest));
                        self.left -= before - bytes.len();
                        if is_whole && rest >= entry {
                            tell(Passed::Entry(self.frame, &self.held[..entry]));
                        }
                    }
                    self.end(&mut tell);
                }
            }
        }
    }

    /// Tells of a payload that is over.
    fn end(&mut self, tell: &mut impl FnMut(Passed<'_>)) {
        if self.left == 0 {
            self.part = Part::Head;
            tell(Passed::End(self.frame));
        }
    }

    fn skip(&mut self, bytes: &mut &[u8]) {
        let skipped = self.left.min(bytes.len());
        self.left -= skipped;
        *bytes = &bytes[skipped..];
    }

    /// Takes bytes until `size` are held. Whether they are.
    fn hold(&mut self, bytes: &mut &[u8], size: usize) -> bool {
        let (taken, rest) = bytes.split_at(bytes.len().min(size - self.known));
        self.held[self.known..self.known + taken.len()].copy_from_slice(taken);
        self.known += taken.len();
        *bytes = rest;
        let is_whole = self.known == size;
        if is_whole {
            self.known = 0;
        }
        is_whole
    }
}

/// For tests: a frame as it is sent.
#[cfg(test)]
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What is told of bytes that come in pieces.
    fn told(frames: &mut Frames, bytes: &[u8], piece: usize) -> Vec<String> {
        let mut told = Vec::new();
        for piece in bytes.chunks(piece) {
            frames.pass(piece, |passed| {
                told.push(match passed {
                    Passed::Preface => "preface".to_owned(),
                    Passed::Head(Frame { length, kind, flags, stream }) => {
                        format!("{kind} {flags} of {stream}, {length}")
                    }
                    Passed::Entry(Frame { kind, .. }, entry) => format!("{kind} has {entry:?}"),
                    Passed::End(Frame { kind, .. }) => format!("{kind} ends"),
                });
            });
        }
        told
    }

    #[test]
    fn heads_and_entries_are_told() {
        let bytes = [
            &[b'x'; PREFACE][..],
            &frame(SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2]),
            &frame(SETTINGS, ACK, 0, &[]),
            &frame(HEADERS, END_STREAM | END_HEADERS, 1, &[7; 300]),
            &frame(WINDOW_UPDATE, 0, 1 << 31 | 5, &[0, 0, 0, 9]),
            // Entries that are cut off, and more than one may be.
            &frame(SETTINGS, 0, 0, &[0, 4, 1]),
            &frame(WINDOW_UPDATE, 0, 3, &[0, 0, 0, 1, 0, 0, 0, 2, 0]),
            &frame(DATA, 0, 3, &[0; 70_000]),
        ];
        let told = told(&mut Frames::of_client(), &bytes.concat(), 7);
        assert_eq!(
            told,
            [
                "preface",
                "4 0 of 0, 12",
                "4 has [0, 4, 0, 1, 0, 0]",
                "4 has [0, 1, 0, 0, 0, 2]",
                "4 ends",
                "4 1 of 0, 0",
                "4 ends",
                "1 5 of 1, 300",
                "1 ends",
                "8 0 of 5, 4",
                "8 has [0, 0, 0, 9]",
                "8 ends",
                "4 0 of 0, 3",
                "4 ends",
                "8 0 of 3, 9",
                "8 has [0, 0, 0, 1]",
                "8 has [0, 0, 0, 2]",
                "8 ends",
                "0 0 of 3, 70000",
                "0 ends",
            ]
        );
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(
            frames in prop::collection::vec((0u8..11, 0u8..8, 0u32..9, 0usize..40), 0..20),
            more in prop::collection::vec(any::<u8>(), 0..200),
            piece in 1usize..60,
        ) {
            let mut bytes: Vec<u8> = frames
                .into_iter()
                .flat_map(|(kind, flags, stream, size)| frame(kind, flags, stream, &vec![4; size]))
                .collect();
            bytes.extend(more);
            let whole = told(&mut Frames::of_server(), &bytes, bytes.len().max(1));
            prop_assert_eq!(told(&mut Frames::of_server(), &bytes, piece), whole);
        }
    }
}
