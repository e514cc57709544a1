//! From a coded text to the text itself, in steps whose size the caller decides.
//!
//! A few bytes may stand for gigabytes. So a step fills a buffer at most, and who asks for the next
//! one decides how much is enough.

use super::{BadCoding, Coding};
use brotli::enc::StandardAlloc;
use brotli::{BrotliDecompressStream, BrotliResult, BrotliState};
use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::raw::{self, DParameter, Operation};

/// The largest window that clients of zstd over HTTP must have: 8 MiB (RFC 9659).
const ZSTD_WINDOW_LOG: u32 = 23;

/// The largest window of gzip, and its only usual one.
const GZIP_WINDOW_BITS: u8 = 15;
/// What a further gzip member begins with.
const GZIP_MAGIC: u8 = 0x1f;

type Brotli = BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>;

/// Decodes one text.
pub struct Decoder {
    kind: Kind,
    /// All that was begun has come to its end.
    ended: bool,
    /// Of zstd: there was a frame.
    begun: bool,
    /// What is said once all that came before it has been given out.
    damage: Option<BadCoding>,
}

enum Kind {
    Gzip(Decompress),
    Brotli(Box<Brotli>),
    Zstd(raw::Decoder<'static>),
}

/// How far a step has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Bytes of the input that need not be given again.
    pub read: usize,
    /// Bytes of the output. If it is full there may be more, even without further input.
    pub written: usize,
}

impl Decoder {
    /// # Errors
    /// There is no memory for it.
    pub fn new(coding: Coding) -> Result<Self, BadCoding> {
        let kind = match coding {
            Coding::Gzip => Kind::Gzip(Decompress::new_gzip(GZIP_WINDOW_BITS)),
            Coding::Brotli => {
                let alloc = StandardAlloc::default;
                let mut state = Brotli::new(alloc(), alloc(), alloc());
                // An extension that HTTP does not have: windows of up to 1 GiB.
                state.large_window = false;
                Kind::Brotli(Box::new(state))
            }
            Coding::Zstd => {
                let bounded = raw::Decoder::new().and_then(|mut decoder| {
                    decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))?;
                    Ok(decoder)
                });
                Kind::Zstd(bounded.map_err(|error| BadCoding::new(coding, error))?)
            }
        };
        Ok(Self { kind, ended: true, begun: false, damage: None })
    }

    /// Decodes as much of the input as fits into the output.
    ///
    /// # Errors
    /// The input is not of this coding. What could be decoded before came with the step before; the
    /// libraries of br and zstd give out only what earlier input stood for.
    pub fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, BadCoding> {
        if let Some(damage) = &self.damage {
            return Err(damage.clone());
        }
        match &mut self.kind {
            Kind::Gzip(state) => {
                if self.ended && !input.is_empty() {
                    if state.total_in() > 0 {
                        if input[0] != GZIP_MAGIC {
                            // What follows the last member is nobody's, as gzip itself has it.
                            return Ok(Step { read: input.len(), written: 0 });
                        }
                        *state = Decompress::new_gzip(GZIP_WINDOW_BITS);
                    }
                    self.ended = false;
                }
                let (read, written) = (state.total_in(), state.total_out());
                let decoded = state.decompress(input, output, FlushDecompress::None);
                let since = |now: u64, before: u64| (now - before) as usize;
                let read = since(state.total_in(), read);
                let written = since(state.total_out(), written);
                match decoded {
                    Ok(status) => {
                        self.ended |= status == Status::StreamEnd;
                        Ok(Step { read, written })
                    }
                    Err(error) => self.damaged(BadCoding::new(Coding::Gzip, error), written),
                }
            }
            Kind::Brotli(state) => {
                let (mut left, mut read) = (input.len(), 0);
                let (mut room, mut written, mut total) = (output.len(), 0, 0);
                let result = BrotliDecompressStream(
                    &mut left,
                    &mut read,
                    input,
                    &mut room,
                    &mut written,
                    output,
                    &mut total,
                    state,
                );
                match result {
                    BrotliResult::ResultFailure => {
                        let damage = BadCoding::new(Coding::Brotli, "this is no such text");
                        self.damaged(damage, written)
                    }
                    BrotliResult::ResultSuccess => {
                        self.ended = true;
                        // What follows the text is nobody's.
                        Ok(Step { read: input.len(), written })
                    }
                    BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {
                        self.ended &= read == 0;
                        Ok(Step { read, written })
                    }
                }
            }
            Kind::Zstd(state) => {
                let done = match state.run_on_buffers(input, output) {
                    Ok(done) => done,
                    // What follows the last frame is nobody's.
                    Err(_) if self.ended && self.begun => {
                        return Ok(Step { read: input.len(), written: 0 });
                    }
                    Err(error) => return Err(BadCoding::new(Coding::Zstd, error)),
                };
                // Without input nothing has begun.
                if done.bytes_read + done.bytes_written > 0 {
                    (self.ended, self.begun) = (done.remaining == 0, true);
                }
                Ok(Step { read: done.bytes_read, written: done.bytes_written })
            }
        }
    }

    /// Says that the input is damaged, once all that was decoded is given out.
    fn damaged(&mut self, damage: BadCoding, written: usize) -> Result<Step, BadCoding> {
        self.ended = false;
        if written == 0 {
            return Err(damage);
        }
        self.damage = Some(damage);
        Ok(Step { read: 0, written })
    }

    /// Whether the input so far is whole: nothing, or a text up to its end.
    pub fn is_whole(&self) -> bool {
        self.ended
    }
}
