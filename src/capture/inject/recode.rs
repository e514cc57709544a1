//! A page on its way: the tag is added to what it says, whatever it is coded in.
//!
//! A coded page is decoded, added to and coded again, a piece at a time: what the website had
//! flushed can be read by the client, and memory does not grow with the page. A page that comes
//! damaged or cut off is sent on as such, after all of it that could be read: the client's decoder
//! notices, as it would without us.

use super::Injector;
use crate::coding::{BadCoding, Coding, Decoder, Encoder};
use crate::telemetry::Untagged;
use bytes::Bytes;
use std::sync::{Mutex, PoisonError};
use tokio::runtime::{Handle, RuntimeFlavor};

/// Bytes that are decoded at a time.
const PIECE: usize = 32 * 1024;

/// Bytes that are decoded of a chunk while the thread's other requests wait. A few bytes can stand
/// for gigabytes: for the rest of them, the others are moved to another thread.
const IN_THE_WAY: usize = 1 << 20;

/// As much as one chunk of a website's answer may stand for. No page does; a bomb ends here.
const CHUNK_MAX: usize = 512 << 20;

/// Why a page cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    #[error("the website's page cannot be coded again: {0}")]
    Coding(#[from] BadCoding),
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
    /// Nothing was sent yet.
    is_silent: bool,
    /// What came cannot be decoded, and so nothing that follows.
    is_damaged: bool,
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
                is_silent: true,
                is_damaged: false,
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
        // No byte is no page.
        if !codes.begun || codes.is_damaged {
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
            let Ok(step) = self.codes.decoder.step(self.input, &mut self.codes.piece) else {
                self.codes.is_damaged = true;
                return Ok(true);
            };
            self.input = &self.input[step.read..];
            self.decoded += step.written;
            if step.written > 0 {
                self.add(step.written, false)?;
            }
            let full = step.written == self.codes.piece.len();
            if !full && (self.input.is_empty() || step.read + step.written == 0) {
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
        let is_damaged = self.codes.is_damaged;
        if end || is_damaged {
            self.add(0, true)?;
        }
        let Codes { decoder, encoder, is_silent, .. } = &mut *self.codes;
        if is_damaged {
            encoder.spoil(&mut self.out)?;
        } else if end && decoder.is_whole() {
            encoder.finish(&mut self.out)?;
        } else if end || self.text {
            encoder.flush(&mut self.out)?;
            if end && *is_silent && self.out.is_empty() {
                // Without a byte it would be a page of none, and whole.
                encoder.spoil(&mut self.out)?;
            }
        }
        *is_silent &= self.out.is_empty();
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

    /// All that can be decoded, a byte at a time, and whether it is whole; `None`: a decoder
    /// refuses it.
    fn decoded(coding: Coding, coded: &[u8]) -> (Vec<u8>, Option<bool>) {
        let mut decoder = Decoder::new(coding).unwrap();
        let (mut text, mut piece) = (Vec::new(), [0; 4096]);
        for mut rest in coded.chunks(1) {
            loop {
                let Ok(step) = decoder.step(rest, &mut piece) else { return (text, None) };
                text.extend_from_slice(&piece[..step.written]);
                rest = &rest[step.read..];
                if rest.is_empty() && step.written < piece.len() {
                    break;
                }
            }
        }
        (text, Some(decoder.is_whole()))
    }

    #[test]
    fn a_page_of_no_bytes_stays_one() {
        for coding in Coding::ALL {
            let mut body = None;
            page(coding).feed(&mut body, true).unwrap();
            assert_eq!(body, None);
        }
    }

    #[test]
    fn what_breaks_off_or_is_damaged_comes_as_far_as_it_can_be_read() {
        // Random letters: each cut or damage is amid text.
        let letters = (0..40_000).map(|_| rand10::random_range(b'a'..=b'z'));
        let text = [b"<p>".to_vec(), letters.collect()].concat();
        let tagged = [b"<script></script>".to_vec(), text.clone()].concat();
        for coding in Coding::ALL {
            let whole = coded(coding, [text.clone()]);
            let (readable, is_whole) = decoded(coding, &whole[..whole.len() / 2]);
            assert_eq!(is_whole, Some(false));
            for all_at_once in [true, false] {
                let mut cut = Some(whole.slice(..whole.len() / 2));
                let (mut page, mut out) = (page(coding), Vec::new());
                page.feed(&mut cut, all_at_once).unwrap();
                out.extend(cut.into_iter().flatten());
                if !all_at_once {
                    let mut end = None;
                    page.feed(&mut end, true).unwrap();
                    out.extend(end.into_iter().flatten());
                }
                let (came, is_whole) = decoded(coding, &out);
                assert_ne!(is_whole, Some(true), "{coding:?}");
                assert!(came.len() >= readable.len() && tagged.starts_with(&came), "{coding:?}");
            }

            let (mut encoder, mut begun) = (Encoder::new(coding).unwrap(), Vec::new());
            encoder.write(&text, &mut begun).unwrap();
            encoder.flush(&mut begun).unwrap();
            let mut damaged = begun.clone();
            encoder.spoil(&mut damaged).unwrap();
            let damage = damaged.split_off(begun.len());
            let one = [&begun[..], &damage].concat();
            for damaged in [vec![one], vec![begun, damage]] {
                let (mut page, mut out) = (page(coding), Vec::new());
                for chunk in damaged {
                    let mut chunk = Some(Bytes::from(chunk));
                    page.feed(&mut chunk, false).unwrap();
                    out.extend(chunk.into_iter().flatten());
                }
                let mut more = Some(Bytes::from("more"));
                page.feed(&mut more, true).unwrap();
                assert_eq!(more, None);
                let (came, is_whole) = decoded(coding, &out);
                assert!(is_whole.is_none() && tagged.starts_with(&came), "{coding:?}");
                // The libraries of the others give out nothing of a chunk that is damaged.
                assert!(came == tagged || coding != Coding::Gzip, "{coding:?}");
            }
        }
    }

    #[test]
    fn gzip_without_its_last_bytes_is_still_all_of_the_page() {
        let whole = coded(Coding::Gzip, [b"<p>x".to_vec()]);
        let mut body = Some(whole.slice(..whole.len() - 8));
        page(Coding::Gzip).feed(&mut body, true).unwrap();
        let (came, is_whole) = decoded(Coding::Gzip, &body.unwrap());
        assert_eq!((came, is_whole), (b"<script></script><p>x".to_vec(), Some(false)));
    }
}
