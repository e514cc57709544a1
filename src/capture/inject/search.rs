//! Finds the place for the script's tag in a page that streams by, and what the page says of itself
//! until then.
//!
//! The place is before the first thing in the page that is more than a description of it: the first
//! script, the end of the head, the first of the body. Before any script, so that ours is there
//! when the page's own run; after the `meta` elements before it, since a policy in one of them
//! holds for the scripts that follow.
//!
//! The HTML parser only *finds*; its output is thrown away, so it cannot lose a byte. What it has
//! not understood yet is held back: an unfinished tag, or a comment.

use super::entities;
use lol_html::html_content::{Doctype, EndTag, TextChunk, TextType};
use lol_html::send::{
    DocumentContentHandlers, Element, ElementContentHandlers, HtmlRewriter, Settings,
};
use lol_html::{AsciiCompatibleEncoding, MemorySettings, OutputSink, Selector};
use once_cell::sync::Lazy;
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

/// What the parser may hold, in bytes: an unfinished tag and its stack of open elements.
pub(super) const PARSER_MEMORY: usize = 64 * 1024;

/// A `meta` policy longer than this is taken for one that forbids everything.
const POLICY_MAX: usize = 8 * 1024;

/// The parser takes pages for windows-1252, in which each byte is a character: its offsets are
/// right wherever a page is cut. What is looked for is ASCII, but for these: UTF-8's byte order
/// mark, and ⚡.
const MARK: &str = "ï»¿";
const MARK_BYTES: usize = 3;
const BOLT: &str = "âš¡";

/// The parser, looking for the place.
pub struct Search {
    parser: Option<HtmlRewriter<'static, Nowhere>>,
    seen: Arc<Mutex<Seen>>,
}

/// What has come to light. All offsets are in the page.
#[derive(Debug, Default)]
struct Seen {
    /// The end of the last thing after which the tag could go.
    after: Option<usize>,
    /// In an element whose content is text, and no place for a tag.
    in_text: bool,
    place: Option<usize>,
    policies: Vec<String>,
    amp: bool,
}

/// What a chunk has brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Looked {
    /// Not found: all before this offset can be passed on.
    On(usize),
    /// At this offset.
    Found(usize),
    /// An AMP page, which may have no script of a site's own.
    Amp,
    /// There is no place that is known to be one.
    InVain,
    Panicked,
}

static ENCODING: Lazy<AsciiCompatibleEncoding> = Lazy::new(|| {
    AsciiCompatibleEncoding::new(encoding_rs::WINDOWS_1252).expect("ASCII is ASCII in it")
});

static ANY: Lazy<Selector> = Lazy::new(|| "*".parse().expect("a constant selector"));

impl Search {
    pub fn new() -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (of_element, of_doctype, of_text) = (seen.clone(), seen.clone(), seen.clone());
        let element = ElementContentHandlers::default()
            .element(move |element: &mut Element<'_, '_>| look_at(element, &of_element));
        let others = DocumentContentHandlers::default()
            .doctype(move |doctype: &mut Doctype<'_>| {
                lock(&of_doctype).after = Some(doctype.source_location().bytes().end);
                Ok(())
            })
            .text(move |text: &mut TextChunk<'_>| read(text, &of_text));
        let settings = Settings::new_send()
            .append_element_content_handler((Cow::Borrowed(&*ANY), element))
            .append_document_content_handler(others)
            .with_encoding(*ENCODING)
            .with_memory_settings(
                MemorySettings::new().with_max_allowed_memory_usage(PARSER_MEMORY),
            );
        Self { parser: Some(HtmlRewriter::new(settings, Nowhere)), seen }
    }

    /// Looks at a chunk, which ends at an offset. The first is at least as long as a byte order
    /// mark, if the page is.
    pub fn look(&mut self, chunk: &[u8], end: usize) -> Looked {
        // Out of `self` while it works, so that a parser that panicked is never used again.
        let Some(mut parser) = self.parser.take() else { return Looked::InVain };
        match catch_unwind(AssertUnwindSafe(|| parser.write(chunk).map(|()| parser))) {
            Ok(Ok(parser)) => self.parser = Some(parser),
            // An error, or our own `Stop`.
            Ok(Err(_)) => {}
            Err(_) => return Looked::Panicked,
        }
        let seen = lock(&self.seen);
        match seen.place {
            _ if seen.amp => Looked::Amp,
            Some(place) => Looked::Found(place),
            None if self.parser.is_none() => Looked::InVain,
            None if seen.in_text => Looked::On(end),
            None => Looked::On(seen.after.unwrap_or(0)),
        }
    }

    /// The last place at which the tag could go, where no better one is found.
    pub fn last_place(&self) -> Option<usize> {
        let seen = lock(&self.seen);
        seen.after.filter(|_| !seen.in_text)
    }

    /// Takes the policies that `meta` elements had so far.
    pub fn take_policies(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.seen).policies)
    }
}

fn lock(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn look_at(element: &mut Element<'_, '_>, shared: &Arc<Mutex<Seen>>) -> lol_html::HandlerResult {
    let mut seen = lock(shared);
    let location = element.source_location().bytes();
    let mut passed = || seen.after = Some(location.end);
    match element.tag_name().as_str() {
        "html" => {
            passed();
            let of_amp = |name: String| {
                let kind = name.strip_prefix("amp").or_else(|| name.strip_prefix(BOLT));
                matches!(kind, Some("" | "4ads" | "4email"))
            };
            if element.attributes().iter().any(|attribute| of_amp(attribute.name())) {
                seen.amp = true;
                return Err(Stop.into());
            }
        }
        "head" => {
            passed();
            let shared = shared.clone();
            element.on_end_tag(Box::new(move |end: &mut EndTag<'_>| {
                lock(&shared).place = Some(end.source_location().bytes().start);
                Err(Stop.into())
            }))?;
        }
        "meta" => {
            passed();
            let of_policy = |what: String| what.eq_ignore_ascii_case("content-security-policy");
            if element.get_attribute("http-equiv").is_some_and(of_policy) {
                let policy = element.get_attribute("content").unwrap_or_default();
                // What cannot be read forbids everything.
                let read = (policy.len() <= POLICY_MAX).then(|| entities::decoded(&policy));
                seen.policies.push(read.flatten().unwrap_or_else(|| "default-src 'none'".into()));
            }
        }
        "link" => passed(),
        // After a base of another origin, the script's path would lead there.
        "base" if element.get_attribute("href").is_none_or(|href| is_of_this_origin(&href)) => {
            passed()
        }
        "title" | "style" | "noscript" => {
            seen.in_text = true;
            let shared = shared.clone();
            element.on_end_tag(Box::new(move |end: &mut EndTag<'_>| {
                let mut seen = lock(&shared);
                (seen.after, seen.in_text) = (Some(end.source_location().bytes().end), false);
                Ok(())
            }))?;
        }
        _ => {
            seen.place = Some(location.start);
            return Err(Stop.into());
        }
    }
    Ok(())
}

/// Text that stands by itself begins the body.
fn read(text: &mut TextChunk<'_>, shared: &Mutex<Seen>) -> lol_html::HandlerResult {
    if text.text_type() != TextType::Data {
        return Ok(());
    }
    let start = text.source_location().bytes().start;
    let (written, mark) = match text.as_str().strip_prefix(MARK) {
        Some(written) if start == 0 => (written, MARK_BYTES),
        _ => (text.as_str(), 0),
    };
    let Some(at) = written.bytes().position(|byte| !byte.is_ascii_whitespace()) else {
        return Ok(());
    };
    lock(shared).place = Some(start + mark + at);
    Err(Stop.into())
}

/// Whether paths surely stay on the page's own origin under this base. One with a `:` or a character
/// reference may not. Browsers read `\` as `/`.
fn is_of_this_origin(href: &str) -> bool {
    let href = href.trim_ascii();
    let is_slash = |at| matches!(href.as_bytes().get(at), Some(b'/' | b'\\'));
    !(href.contains(':') || href.contains('&') || is_slash(0) && is_slash(1))
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
