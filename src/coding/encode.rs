//! From a text to its coded form, which can be sent as far as it is at any time.

use super::{BadCoding, Coding};
use brotli::CompressorWriter;
use flate2::{Compress, Compression, FlushCompress, Status};
use std::io::Write;
use zstd::stream::raw::{self, CParameter, InBuffer, Operation, OutBuffer};

/// How hard it tries: each level beyond these costs a page more time than it saves bytes
/// (`cargo bench --bench codings`).
const GZIP_LEVEL: u32 = 2;
const BROTLI_QUALITY: u32 = 3;
const ZSTD_LEVEL: i32 = 3;

/// Windows: what a page gains beyond is little, and each answer under way holds one.
const GZIP_WINDOW_BITS: u8 = 15;
const BROTLI_WINDOW_BITS: u32 = 18;
const ZSTD_WINDOW_LOG: u32 = 18;

/// Room that is made for output at a time.
const ROOM: usize = 4096;

/// Codes one text.
pub struct Encoder(Kind);

enum Kind {
    Gzip(Compress),
    Brotli(Box<CompressorWriter<Vec<u8>>>),
    Zstd(raw::Encoder<'static>),
}

/// What is wanted of the coded form.
#[derive(Clone, Copy, PartialEq)]
enum Until {
    /// Whatever there is: more input comes.
    More,
    /// All that the input so far stands for.
    Flushed,
    /// The end.
    Finished,
}

impl Encoder {
    /// # Errors
    /// There is no memory for it.
    pub fn new(coding: Coding) -> Result<Self, BadCoding> {
        Ok(Self(match coding {
            Coding::Gzip => {
                Kind::Gzip(Compress::new_gzip(Compression::new(GZIP_LEVEL), GZIP_WINDOW_BITS))
            }
            Coding::Brotli => Kind::Brotli(Box::new(CompressorWriter::new(
                Vec::new(),
                ROOM,
                BROTLI_QUALITY,
                BROTLI_WINDOW_BITS,
            ))),
            Coding::Zstd => {
                let bounded = raw::Encoder::new(ZSTD_LEVEL).and_then(|mut encoder| {
                    encoder.set_parameter(CParameter::WindowLog(ZSTD_WINDOW_LOG))?;
                    Ok(encoder)
                });
                Kind::Zstd(bounded.map_err(|error| BadCoding::new(coding, error))?)
            }
        }))
    }

    /// Takes more of the text, and adds to `out` what of the coded form is there by itself.
    ///
    /// # Errors
    /// The library fails.
    pub fn write(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), BadCoding> {
        self.run(text, Until::More, out)
    }

    /// Adds all that the text so far stands for.
    ///
    /// # Errors
    /// The library fails.
    pub fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), BadCoding> {
        self.run(&[], Until::Flushed, out)
    }

    /// Adds the end. To be called once, and nothing after it.
    ///
    /// # Errors
    /// The library fails.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), BadCoding> {
        self.run(&[], Until::Finished, out)
    }

    /// Adds all that the text so far stands for, and then what no decoder takes: the rest of the
    /// text is not known. To be called once, and nothing after it.
    ///
    /// # Errors
    /// The library fails.
    pub fn spoil(&mut self, out: &mut Vec<u8>) -> Result<(), BadCoding> {
        self.flush(out)?;
        // After a flush the next byte begins a block: each of these is of the reserved kind.
        out.extend_from_slice(match &self.0 {
            Kind::Gzip(_) => &[0b110],
            Kind::Brotli(_) => &[0b1110],
            Kind::Zstd(_) => &[0b110, 0, 0, 0],
        });
        Ok(())
    }

    fn run(&mut self, text: &[u8], until: Until, out: &mut Vec<u8>) -> Result<(), BadCoding> {
        match &mut self.0 {
            Kind::Gzip(state) => {
                gzip(state, text, until, out).map_err(|e| BadCoding::new(Coding::Gzip, e))
            }
            Kind::Brotli(writer) => {
                brotli(writer, text, until, out).map_err(|e| BadCoding::new(Coding::Brotli, e))
            }
            Kind::Zstd(state) => {
                zstd(state, text, until, out).map_err(|e| BadCoding::new(Coding::Zstd, e))
            }
        }
    }
}

fn gzip(
    state: &mut Compress,
    text: &[u8],
    until: Until,
    out: &mut Vec<u8>,
) -> Result<(), flate2::CompressError> {
    let mode = match until {
        Until::More => FlushCompress::None,
        Until::Flushed => FlushCompress::Sync,
        Until::Finished => FlushCompress::Finish,
    };
    let start = state.total_in();
    loop {
        out.reserve(ROOM);
        let rest = &text[(state.total_in() - start) as usize..];
        let status = state.compress_vec(rest, out, mode)?;
        // A full output may hide more of it.
        let full = out.len() == out.capacity();
        let taken = (state.total_in() - start) as usize == text.len();
        let done = match until {
            Until::Finished => status == Status::StreamEnd,
            Until::More | Until::Flushed => taken && !full,
        };
        if done {
            return Ok(());
        }
    }
}

fn brotli(
    writer: &mut CompressorWriter<Vec<u8>>,
    text: &[u8],
    until: Until,
    out: &mut Vec<u8>,
) -> std::io::Result<()> {
    writer.write_all(text)?;
    match until {
        Until::More => {}
        Until::Flushed => writer.flush()?,
        Until::Finished => {
            let spent = CompressorWriter::new(Vec::new(), 1, 0, BROTLI_WINDOW_BITS);
            out.append(&mut std::mem::replace(writer, spent).into_inner());
            return Ok(());
        }
    }
    out.append(writer.get_mut());
    Ok(())
}

fn zstd(
    state: &mut raw::Encoder<'static>,
    text: &[u8],
    until: Until,
    out: &mut Vec<u8>,
) -> std::io::Result<()> {
    let mut input = InBuffer::around(text);
    loop {
        out.reserve(ROOM);
        let start = out.len();
        let mut output = OutBuffer::around_pos(out, start);
        let left = match until {
            _ if input.pos() < text.len() => {
                state.run(&mut input, &mut output)?;
                text.len() - input.pos() + usize::from(until != Until::More)
            }
            Until::More => 0,
            Until::Flushed => state.flush(&mut output)?,
            Until::Finished => state.finish(&mut output, true)?,
        };
        if left == 0 {
            return Ok(());
        }
    }
}
