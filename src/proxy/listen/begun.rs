//! What a client of HTTP/2 has begun to say, as far as the heads of its frames tell.
//!
//! The library below waits for the end of a request's fields as long as the connection lives, and
//! tells of a request only then. How long that may take, and how many requests a connection brings,
//! is for the layer here to know.

use super::http2_frames::{CONTINUATION, END_HEADERS, HEADERS, Passed};

/// Where a connection is.
#[derive(Debug)]
pub struct Begun {
    /// The preface or a request's fields have begun, and not ended.
    waits: bool,
    last_stream: u32,
    requests: usize,
}

impl Begun {
    pub fn new() -> Self {
        Self { waits: true, last_stream: 0, requests: 0 }
    }

    /// Whether something is begun that has to come to its end.
    pub fn waits(&self) -> bool {
        self.waits
    }

    /// How many requests have begun.
    pub fn requests(&self) -> usize {
        self.requests
    }

    /// Takes in what the client has sent. Returns the stream of a request that begins with it.
    pub fn pass(&mut self, passed: Passed<'_>) -> Option<u32> {
        match passed {
            Passed::Preface => self.waits = false,
            Passed::Head(frame) if frame.kind == HEADERS => {
                self.waits = true;
                // Trailers are of a stream that is known.
                if frame.stream > self.last_stream {
                    self.last_stream = frame.stream;
                    self.requests += 1;
                    return Some(frame.stream);
                }
            }
            Passed::End(frame) if matches!(frame.kind, HEADERS | CONTINUATION) => {
                self.waits &= !frame.has(END_HEADERS);
            }
            Passed::Head(_) | Passed::Entry(..) | Passed::End(_) => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::http2_frames::{DATA, Frames, PREFACE, SETTINGS, frame};
    use super::*;

    #[test]
    fn what_is_begun_waits_for_its_end() {
        let preface = [b'x'; PREFACE];
        let settings = frame(SETTINGS, 0, 0, &[0; 6]);
        let get = frame(HEADERS, END_HEADERS, 1, &[0; 10]);
        let begun = frame(HEADERS, 0, 3, &[0; 10]);
        let more = frame(CONTINUATION, 0, 3, &[]);
        let end = frame(CONTINUATION, END_HEADERS, 3, &[0; 5]);
        let trailers = frame(HEADERS, END_HEADERS, 1, &[0; 4]);
        let data = frame(DATA, 0, 1, &[0; 100]);
        let (mut frames, mut to) = (Frames::of_client(), Begun::new());
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
            frames.pass(bytes, |passed| {
                to.pass(passed);
            });
            assert_eq!((to.waits(), to.requests()), expected, "{bytes:?}");
        }
    }
}
