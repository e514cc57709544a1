//! A page on its way: the tag is added to what it says, whatever it is coded in.
//!
//! A coded page is decoded, added to and coded again, a piece at a time: what the website had
//! flushed can be read by the client, and memory does not grow with the page.

use super::Injector;
use crate::coding::{BadCoding, Coding, Decoder, Encoder};
use crate::telemetry::Untagged;
use bytes::Bytes;
use std::sync::{Mutex, PoisonError};
use tokio::runtime::{Handle, RuntimeFlavor};

/// Bytes that are decoded at a time.
const PIECE: usize = 32 * 1024;

/// As much of a page as is decoded in the way of other requests. A few bytes can stand for
/// gigabytes: the rest is done while others run on another thread.
const IN_THE_WAY: usize = 1 << 20;

/// As much as one chunk of a website's answer may stand for. No page does; a bomb ends here.
const CHUNK_MAX: usize = 512 << 20;

/// Why a page cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    #[error("the website's page cannot be decoded: {0}")]
    Coding(#[from] BadCoding),
    #[error("the website's page breaks off")]
    BreaksOff,
    #[error("the website's page is a decompression bomb")]
    Bomb,
}

/// One page. Feed it every chunk of the body.
pub struct Page {
    injector: Injector,
    /// The libraries' states are `Send`, but not all `Sync`, which a Pingora context must be; the
    /// lock is never taken, only looked through.
    codes: Option<Box<Mutex<Codes>>>,
}

struct Codes {
    decoder: Decoder,
    encoder: Encoder,
    /// Something came.
    begun: bool,
    piece: Box<[u8]>,
}

impl Page {
    /// # Errors
    /// There is no memory for its coding.
    pub fn new(injector: Injector, coding: Option<Coding>) -> Result<Self, BadCoding> {
        let codes = |coding| {
            Ok::<_, BadCoding>(Box::new(Mutex::new(Codes {
                decoder: Decoder::new(coding)?,
                encoder: Encoder::new(coding)?,
                begun: false,
                piece: vec![0; PIECE].into(),
            })))
        };
        Ok(Self { injector, codes: coding.map(codes).transpose()? })
    }

    /// Takes a chunk of the body and leaves what is to be sent instead.
    ///
    /// # Errors
    /// The page cannot go on, and must not end as if it were whole.
    pub fn feed(&mut self, body: &mut Option<Bytes>, end: bool) -> Result<(), Broken> {
        let Some(codes) = &mut self.codes else {
            self.injector.feed(body, end);
            return Ok(());
        };
        let codes = codes.get_mut().unwrap_or_else(PoisonError::into_inner);
        let chunk = body.take().unwrap_or_default();
        codes.begun |= !chunk.is_empty();
        if !codes.begun {
            // No byte is no page.
            return Ok(());
        }
        let mut work = Work {
            codes,
            injector: &mut self.injector,
            input: &chunk,
            decoded: 0,
            text: false,
            out: Vec::new(),
        };
        if !work.run(IN_THE_WAY)? && !aside(|| work.run(CHUNK_MAX))? {
            return Err(Broken::Bomb);
        }
        let out = work.end(end)?;
        *body = Some(out).filter(|out| !out.is_empty()).map(Bytes::from);
        Ok(())
    }

    /// Why the page is left without the tag, once that is known; told once.
    pub fn untagged(&mut self) -> Option<Untagged> {
        self.injector.untagged()
    }
}

/// Does what takes long; the other tasks of this thread go on, where the runtime can do that.
fn aside<T>(work: impl FnOnce() -> T) -> T {
    let threads = Handle::try_current().map(|runtime| runtime.runtime_flavor());
    match threads {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// One chunk's way through.
struct Work<'a> {
    codes: &'a mut Codes,
    injector: &'a mut Injector,
    input: &'a [u8],
    decoded: usize,
    /// Text was given to the encoder.
    text: bool,
    out: Vec<u8>,
}

impl Work<'_> {
    /// Goes on until the input is used up, or has stood for so many bytes. Returns whether it is
    /// used up.
    fn run(&mut self, most: usize) -> Result<bool, Broken> {
        while self.decoded < most {
            let step = self.codes.decoder.step(self.input, &mut self.codes.piece)?;
            self.input = &self.input[step.read..];
            self.decoded += step.written;
            if step.written > 0 {
                self.add(step.written, false)?;
            }
            let full = step.written == self.codes.piece.len();
            if !full && (self.input.is_empty() || step.read == 0) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn add(&mut self, written: usize, end: bool) -> Result<(), Broken> {
        let text = &self.codes.piece[..written];
        if self.injector.is_over() {
            self.text = true;
            return Ok(self.codes.encoder.write(text, &mut self.out)?);
        }
        let mut text = Some(Bytes::copy_from_slice(text));
        self.injector.feed(&mut text, end);
        if let Some(text) = text {
            self.text = true;
            self.codes.encoder.write(&text, &mut self.out)?;
        }
        Ok(())
    }

    /// What the chunk has become: all of it, for the client to see.
    fn end(mut self, end: bool) -> Result<Vec<u8>, Broken> {
        if end {
            if !self.codes.decoder.is_whole() {
                return Err(Broken::BreaksOff);
            }
            self.add(0, true)?;
            self.codes.encoder.finish(&mut self.out)?;
        } else if self.text {
            self.codes.encoder.flush(&mut self.out)?;
        }
        Ok(self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::inject::{Origin, Policies, Tag};

    fn page(coding: Coding) -> Page {
        let tag =
            Tag { markup: "<script></script>".into(), script: "/s".into(), beacon: "/b".into() };
        let origin = Origin { https: true, host: "h".into(), port: None };
        Page::new(Injector::new(tag, origin, Policies::default()), Some(coding)).unwrap()
    }

    fn coded(coding: Coding, texts: impl IntoIterator<Item = Vec<u8>>) -> Bytes {
        let (mut encoder, mut out) = (Encoder::new(coding).unwrap(), Vec::new());
        texts.into_iter().for_each(|text| encoder.write(&text, &mut out).unwrap());
        encoder.finish(&mut out).unwrap();
        out.into()
    }

    #[test]
    fn one_chunk_does_not_stand_for_any_amount() {
        for (megabytes, bomb) in [(1 + CHUNK_MAX / (1 << 20), true), (40, false)] {
            let texts = std::iter::repeat_n(vec![b' '; 1 << 20], megabytes);
            let mut body = Some(coded(Coding::Zstd, texts));
            let fed = page(Coding::Zstd).feed(&mut body, true);
            match bomb {
                true => assert!(matches!(fed, Err(Broken::Bomb)), "{fed:?}"),
                false => assert!(fed.is_ok(), "{fed:?}"),
            }
        }
    }

    #[test]
    fn a_page_of_no_bytes_stays_one_and_one_that_breaks_off_is_told() {
        for coding in Coding::ALL {
            let mut body = None;
            page(coding).feed(&mut body, true).unwrap();
            assert_eq!(body, None);
            let whole = coded(coding, [b"<p>x".to_vec()]);
            let mut body = Some(whole.slice(..whole.len() - 1));
            let fed = page(coding).feed(&mut body, true);
            assert!(matches!(fed, Err(Broken::BreaksOff)), "{coding:?} {fed:?}");
        }
    }
}
