//! Adds the script's constant tag to an HTML page while it streams through.
//!
//! Apart from the rest of `capture` because it is the only part that touches a body, and its rule
//! is its own: what comes out is what went in plus exactly one tag, whatever the page looks like.
//! So the length is known before the first byte, and a page we do not understand is a page with
//! the tag at its end. It knows nothing of sites, visitors or views.
//!
//! The HTML parser only *finds* the place; its output is thrown away. A start tag is complete with
//! its `>`, which always lies in the chunk just fed, so earlier chunks have long left untouched,
//! nothing is held back, and a parser that fails or panics cannot lose a byte. One chunk per page
//! is copied; the others pass as they are.

mod etag;
mod headers;

pub use headers::{Asked, injectable, is_compressed_page, prepare_request, prepare_response};

use bytes::{Bytes, BytesMut};
use lol_html::send::{ElementContentHandlers, HtmlRewriter, Settings};
use lol_html::{MemorySettings, OutputSink, Selector};
use once_cell::sync::Lazy;
use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What the parser may hold, in bytes: an unfinished tag and its stack of open elements.
const PARSER_MEMORY: usize = 64 * 1024;

/// Adds one tag to one page. Feed it every chunk of the body.
pub struct Injector {
    tag: Bytes,
    place: Place,
    mark: ByteOrderMark,
    /// Whether the page has any bytes so far.
    any: bool,
}

/// Where the tag goes.
enum Place {
    /// Not known yet. The parser is `Send` but not `Sync`, which a Pingora context must be; the
    /// lock is never taken, only looked through.
    Searched(Box<Mutex<Search>>),
    /// At the end of the page.
    End,
    /// It went out.
    Written,
}

impl Injector {
    /// `tag` must be ASCII: it then reads the same in every encoding [`injectable`] lets through.
    pub fn new(tag: Bytes) -> Self {
        let place = Place::Searched(Box::new(Mutex::new(Search::new())));
        Self { tag, place, mark: ByteOrderMark::default(), any: false }
    }

    /// Takes a chunk of the page and leaves what is to be sent instead. With `end_of_stream` the
    /// tag is out, here or earlier, unless the page is empty.
    pub fn feed(&mut self, body: &mut Option<Bytes>, end_of_stream: bool) {
        let chunk = body.as_deref().unwrap_or_default();
        if self.mark.says_utf16(chunk) {
            self.blank_tag();
        }
        if let Place::Searched(search) = &mut self.place {
            match search.get_mut().unwrap_or_else(PoisonError::into_inner).look(chunk) {
                Looked::On => (),
                Looked::Found(at) => self.write(body, at),
                Looked::InVain => self.place = Place::End,
            }
        }
        self.finish(body, end_of_stream);
    }

    /// For when [`feed`](Self::feed) panicked over this chunk: passes it on as it is, and the tag
    /// goes to the end of the page unless it is out. Later chunks can be fed again.
    pub fn fallback(&mut self, body: &mut Option<Bytes>, end_of_stream: bool) {
        if !matches!(self.place, Place::Written) {
            self.place = Place::End;
        }
        self.finish(body, end_of_stream);
    }

    fn finish(&mut self, body: &mut Option<Bytes>, end_of_stream: bool) {
        self.any |= body.as_ref().is_some_and(|chunk| !chunk.is_empty());
        // A page of nothing is no page.
        if end_of_stream && self.any && !matches!(self.place, Place::Written) {
            self.write(body, body.as_ref().map_or(0, Bytes::len));
        }
    }

    fn write(&mut self, body: &mut Option<Bytes>, at: usize) {
        self.place = Place::Written;
        let chunk = body.take().unwrap_or_default();
        *body = Some(if chunk.is_empty() {
            self.tag.clone()
        } else {
            let mut out = BytesMut::with_capacity(chunk.len() + self.tag.len());
            out.extend_from_slice(&chunk[..at]);
            out.extend_from_slice(&self.tag);
            out.extend_from_slice(&chunk[at..]);
            out.freeze()
        });
    }

    /// UTF-16 that only its byte order mark tells of. ASCII would show as rubbish, but the length
    /// has been promised: zeros are nothing a reader sees, in either byte order.
    fn blank_tag(&mut self) {
        self.tag = vec![0; self.tag.len()].into();
        self.place = Place::End;
    }
}

/// The first two bytes of a page, however they are cut.
#[derive(Default)]
struct ByteOrderMark {
    first: Option<u8>,
    passed: bool,
}

impl ByteOrderMark {
    /// Whether the mark is complete with this chunk, and one of UTF-16's.
    fn says_utf16(&mut self, chunk: &[u8]) -> bool {
        if self.passed || chunk.is_empty() {
            return false;
        }
        let (first, second) = match self.first {
            None => (chunk[0], chunk.get(1)),
            Some(first) => (first, chunk.first()),
        };
        self.first = Some(first);
        self.passed = second.is_some();
        matches!((first, second), (0xFE, Some(0xFF)) | (0xFF, Some(0xFE)))
    }
}

/// The parser, looking for the start tag after which the script's tag goes.
struct Search {
    parser: Option<HtmlRewriter<'static, Nowhere>>,
    /// Offset in the page, [`NOT_FOUND`] until then; set by the parser's handler.
    found: Arc<AtomicUsize>,
    /// Bytes of the page fed before this chunk.
    fed: usize,
}

const NOT_FOUND: usize = usize::MAX;

enum Looked {
    /// Not found so far.
    On,
    /// At this offset in the chunk.
    Found(usize),
    /// There is no such place.
    InVain,
}

/// The first of these has the tag put at the start of its content.
static ANCHOR: Lazy<Selector> = Lazy::new(|| selector("head, body"));
/// What looks like an anchor in here is inert, and so would the script be.
static INERT: Lazy<Selector> = Lazy::new(|| selector("template"));

fn selector(text: &str) -> Selector {
    text.parse().expect("a constant selector")
}

impl Search {
    fn new() -> Self {
        let found = Arc::new(AtomicUsize::new(NOT_FOUND));
        let offset = found.clone();
        // Leaving with an error spares parsing the rest of the chunk. `Stop` has no size, so
        // boxing it allocates nothing.
        let anchor = ElementContentHandlers::default().element(
            move |element: &mut lol_html::send::Element<'_, '_>| {
                offset.store(element.source_location().bytes().end, Ordering::Relaxed);
                Err(Stop.into())
            },
        );
        let inert = ElementContentHandlers::default()
            .element(|_: &mut lol_html::send::Element<'_, '_>| Err(Stop.into()));
        let settings = Settings::new_send()
            .append_element_content_handler((Cow::Borrowed(&*ANCHOR), anchor))
            .append_element_content_handler((Cow::Borrowed(&*INERT), inert))
            .with_memory_settings(
                MemorySettings::new().with_max_allowed_memory_usage(PARSER_MEMORY),
            );
        Self { parser: Some(HtmlRewriter::new(settings, Nowhere)), found, fed: 0 }
    }

    fn look(&mut self, chunk: &[u8]) -> Looked {
        // Out of `self` while it works: one that panicked must not be asked again.
        let Some(mut parser) = self.parser.take() else { return Looked::InVain };
        let start = self.fed;
        self.fed += chunk.len();
        if parser.write(chunk).is_ok() {
            self.parser = Some(parser);
            return Looked::On;
        }
        match self.found.load(Ordering::Relaxed).checked_sub(start) {
            Some(at) if at <= chunk.len() => Looked::Found(at),
            _ => Looked::InVain,
        }
    }
}

/// Ends the search.
#[derive(Debug, thiserror::Error)]
#[error("the search is over")]
struct Stop;

/// Where the parser's output goes.
struct Nowhere;

impl OutputSink for Nowhere {
    fn handle_chunk(&mut self, _chunk: &[u8]) {}
}

#[cfg(test)]
mod tests;
