//! What a client of HTTP/2 has begun to say: its frames are followed as far as their heads go.
//!
//! The library below waits for the end of a request's fields as long as the connection lives, and
//! tells of a request only then. How long that may take, and how many requests a connection brings,
//! is for the layer here to know.

/// Bytes of the preface (RFC 9113 §3.4).
const PREFACE: u32 = 24;

/// Bytes of a frame's head: length, kind, flags, stream (RFC 9113 §4.1).
const HEAD: usize = 9;

const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

#[derive(Debug, Clone, Copy)]
enum Part {
    Preface,
    Head,
    Payload,
}

/// Where a connection is.
#[derive(Debug)]
pub struct Begun {
    part: Part,
    head: [u8; HEAD],
    /// Bytes of it that are there.
    known: usize,
    /// Bytes to come of the preface, or of a frame's payload.
    left: u32,
    /// The preface or a request's fields have begun, and not ended.
    waits: bool,
    last_stream: u32,
    requests: usize,
}

impl Begun {
    pub fn new() -> Self {
        Self {
            part: Part::Preface,
            head: [0; HEAD],
            known: 0,
            left: PREFACE,
            waits: true,
            last_stream: 0,
            requests: 0,
        }
    }

    /// Whether something is begun that has to come to its end.
    pub fn waits(&self) -> bool {
        self.waits
    }

    /// How many requests have begun.
    pub fn requests(&self) -> usize {
        self.requests
    }

    /// Takes in what was read.
    pub fn pass(&mut self, mut bytes: &[u8]) {
        loop {
            let skipped = bytes.len().min(self.left as usize);
            // No more than `left`.
            self.left -= skipped as u32;
            bytes = &bytes[skipped..];
            if self.left > 0 {
                return;
            }
            self.end_part();
            if bytes.is_empty() {
                return;
            }
            let (head, rest) = bytes.split_at(bytes.len().min(HEAD - self.known));
            self.head[self.known..self.known + head.len()].copy_from_slice(head);
            self.known += head.len();
            bytes = rest;
            if self.known == HEAD {
                self.begin_frame();
            }
        }
    }

    fn begin_frame(&mut self) {
        let [long, middle, short, kind, _, stream @ ..] = self.head;
        (self.part, self.known) = (Part::Payload, 0);
        self.left = u32::from_be_bytes([0, long, middle, short]);
        if kind != HEADERS {
            return;
        }
        self.waits = true;
        // Trailers are of a stream that is known.
        let stream = u32::from_be_bytes(stream);
        if stream > self.last_stream {
            self.last_stream = stream;
            self.requests += 1;
        }
    }

    /// A payload or the preface is over.
    fn end_part(&mut self) {
        let [_, _, _, kind, flags, ..] = self.head;
        let ends = match self.part {
            Part::Preface => true,
            Part::Head => false,
            Part::Payload => matches!(kind, HEADERS | CONTINUATION) && flags & END_HEADERS > 0,
        };
        self.waits &= !ends;
        self.part = Part::Head;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(kind: u8, flags: u8, stream: u8, payload: usize) -> Vec<u8> {
        let mut frame = vec![0, 0, payload as u8, kind, flags, 0, 0, 0, stream];
        frame.resize(HEAD + payload, b'x');
        frame
    }

    /// Whether something waits and how many requests there were, after all of it, in pieces.
    fn followed(bytes: &[u8], piece: usize) -> (bool, usize) {
        let mut begun = Begun::new();
        bytes.chunks(piece).for_each(|piece| begun.pass(piece));
        (begun.waits(), begun.requests())
    }

    #[test]
    fn what_is_begun_waits_for_its_end() {
        let preface = [b'x'; PREFACE as usize];
        let settings = frame(4, 0, 0, 6);
        let get = frame(HEADERS, END_HEADERS, 1, 10);
        let begun = frame(HEADERS, 0, 3, 10);
        let more = frame(CONTINUATION, 0, 3, 0);
        let end = frame(CONTINUATION, END_HEADERS, 3, 5);
        let trailers = frame(HEADERS, END_HEADERS, 1, 4);
        let data = frame(0, 0, 1, 100);
        let mut to = Begun::new();
        assert!(to.waits());
        for (bytes, expected) in [
            (&preface[..23], (true, 0)),
            (&preface[23..], (false, 0)),
            (&settings, (false, 0)),
            (&get[..8], (false, 0)),
            (&get[8..18], (true, 1)),
            (&get[18..], (false, 1)),
            (&data, (false, 1)),
            (&begun, (true, 2)),
            (&more, (true, 2)),
            (&end[..13], (true, 2)),
            (&end[13..], (false, 2)),
            (&trailers, (false, 2)),
        ] {
            to.pass(bytes);
            assert_eq!((to.waits(), to.requests()), expected, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(
            frames in prop::collection::vec((0u8..11, 0u8..8, 0u8..9, 0usize..40), 0..20),
            piece in 1usize..60,
        ) {
            let mut bytes = vec![b'x'; PREFACE as usize];
            for (kind, flags, stream, payload) in frames {
                bytes.extend(frame(kind, flags, stream, payload));
            }
            prop_assert_eq!(followed(&bytes, piece), followed(&bytes, bytes.len()));
        }
    }
}
