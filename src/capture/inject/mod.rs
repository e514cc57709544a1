//! Adds the script's tag to an HTML page while it streams through.
//!
//! Apart from the rest of `capture` because it is the only part that touches a body, and its rule
//! is its own: what comes out is what went in plus exactly one tag, or what went in. A page that
//! comes compressed is decoded and coded again ([`recode`]) on its way. Whether the tag may be
//! there is the page's to say, in its headers ([`headers`]), and in its markup before the tag's
//! place ([`search`]), by its content security policies ([`policy`]) above all. It knows nothing of
//! sites, visitors or views.
//!
//! What the website has sent is passed on as it comes, but for the few bytes in front of which the
//! tag may have to go. One chunk per page is copied; the others pass as they are.

mod entities;
mod etag;
mod headers;
mod policy;
mod recode;
mod search;

pub use headers::{
    Asked, Compressed, Prepared, ask_for_identity, judge_response, policies, prepare_not_modified,
    prepare_request, prepare_response,
};
pub use policy::{Origin, Verdict};
pub use recode::{Broken, Page};

use crate::telemetry::Untagged;
use bytes::{Bytes, BytesMut};
use policy::Wanted;
use search::{Looked, Search};
use std::sync::{Mutex, PoisonError};

/// Bytes that are held back, at most: comments in a head are seldom longer.
const HELD_MAX: usize = 16 * 1024;

/// Bytes of the longest byte order mark.
const MARK_MAX: usize = 3;

/// The script's tag, and what it stands for.
#[derive(Debug, Clone)]
pub struct Tag {
    /// ASCII, with `<script` at its start: it reads the same in every encoding that is let through.
    pub markup: Bytes,
    /// The script's path.
    pub script: String,
    /// Where it reports to.
    pub beacon: String,
}

impl Tag {
    fn with_nonce(&self, nonce: &str) -> Bytes {
        const NAME: &[u8] = b"<script";
        let rest = self.markup.strip_prefix(NAME).unwrap_or_default();
        [NAME, b" nonce=\"", nonce.as_bytes(), b"\"", rest].concat().into()
    }
}

/// What the headers of a page say of scripts: its policies.
#[derive(Debug, Default)]
pub struct Policies {
    pub enforced: Vec<String>,
    pub reported: Vec<String>,
}

impl Policies {
    pub fn judge(&self, tag: &Tag, origin: &Origin) -> Verdict {
        let wanted = Wanted { origin, script: &tag.script, beacon: &tag.beacon };
        let [enforced, reported] = [&self.enforced, &self.reported]
            .map(|texts| texts.iter().flat_map(|text| policy::policies(text)).collect::<Vec<_>>());
        policy::judge(&enforced, &reported, wanted)
    }
}

/// Adds one tag to one page. Feed it every chunk of the body.
pub struct Injector {
    tag: Tag,
    origin: Origin,
    policies: Policies,
    state: State,
    /// What has come, and may have to go behind the tag.
    held: BytesMut,
    /// The offset in the page at which that begins.
    held_from: usize,
    start: Start,
    untagged: Option<Untagged>,
}

/// The first bytes of a page, however they are cut: a byte order mark may say that it is UTF-16.
enum Start {
    /// Those that have come.
    Waits(Bytes),
    Passed,
}

enum State {
    /// The parser is `Send` but not `Sync`, which a Pingora context must be; the lock is never
    /// taken, only looked through.
    Looking(Box<Mutex<Search>>),
    /// The tag went out, or never will.
    Over,
}

impl Injector {
    pub fn new(tag: Tag, origin: Origin, policies: Policies) -> Self {
        Self {
            tag,
            origin,
            policies,
            state: State::Looking(Box::new(Mutex::new(Search::new()))),
            held: BytesMut::new(),
            held_from: 0,
            start: Start::Waits(Bytes::new()),
            untagged: None,
        }
    }

    /// Takes a chunk of the page and leaves what is to be sent instead.
    pub fn feed(&mut self, body: &mut Option<Bytes>, end_of_stream: bool) {
        let State::Looking(search) = &mut self.state else { return };
        let search = search.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut chunk = body.take().unwrap_or_default();
        if let Start::Waits(first) = &mut self.start {
            if !first.is_empty() {
                chunk = [std::mem::take(first), chunk].concat().into();
            }
            if chunk.len() < MARK_MAX && !end_of_stream {
                *first = chunk;
                return;
            }
            self.start = Start::Passed;
            if chunk.starts_with(&[0xFE, 0xFF]) || chunk.starts_with(&[0xFF, 0xFE]) {
                return self.leave(Untagged::Charset, chunk, body);
            }
        }
        let is_held = !self.held.is_empty();
        if is_held {
            self.held.extend_from_slice(&chunk);
        }
        let end = self.held_from + if is_held { self.held.len() } else { chunk.len() };
        let mut looked = search.look(&chunk, end);
        if let Looked::On(from) = looked
            && (end_of_stream || end - from > HELD_MAX)
        {
            looked = search.last_place().map_or(Looked::InVain, Looked::Found);
        }
        // What is cut below is `held`, or the chunk if nothing is held.
        let place = match looked {
            Looked::On(from) => return self.pass_up_to(from, chunk, body),
            Looked::Found(place) => place,
            Looked::Amp => return self.leave(Untagged::Amp, chunk, body),
            Looked::InVain => return self.leave(Untagged::Markup, chunk, body),
            Looked::Panicked => return self.leave(Untagged::Panic, chunk, body),
        };
        let metas = search.take_policies();
        // Looked at already, if the markup says nothing.
        self.policies.enforced.extend(metas);
        let tag = match self.policies.judge(&self.tag, &self.origin) {
            Verdict::Allowed => self.tag.markup.clone(),
            Verdict::WithNonce(nonce) => self.tag.with_nonce(&nonce),
            Verdict::Forbidden => return self.leave(Untagged::Policy, chunk, body),
        };
        self.write(&tag, place, chunk, body);
    }

    /// Whether what comes passes as it is.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Why the page is left without the tag, once that is known; told once.
    pub fn untagged(&mut self) -> Option<Untagged> {
        self.untagged.take()
    }

    /// Passes what comes before an offset, and holds what comes after it.
    fn pass_up_to(&mut self, from: usize, mut chunk: Bytes, body: &mut Option<Bytes>) {
        let passed = from.saturating_sub(self.held_from);
        self.held_from += passed;
        let out = if self.held.is_empty() {
            let out = chunk.split_to(passed.min(chunk.len()));
            self.held.extend_from_slice(&chunk);
            out
        } else {
            self.held.split_to(passed).freeze()
        };
        *body = Some(out).filter(|out| !out.is_empty());
    }

    fn leave(&mut self, why: Untagged, chunk: Bytes, body: &mut Option<Bytes>) {
        self.untagged = Some(why);
        self.state = State::Over;
        let held = std::mem::take(&mut self.held);
        // The chunk is at its end, if there is any.
        let out = if held.is_empty() { chunk } else { held.freeze() };
        *body = Some(out).filter(|out| !out.is_empty());
    }

    fn write(&mut self, tag: &[u8], place: usize, chunk: Bytes, body: &mut Option<Bytes>) {
        self.state = State::Over;
        let held = std::mem::take(&mut self.held);
        let rest: &[u8] = if held.is_empty() { &chunk } else { &held };
        let (before, after) = rest.split_at(place - self.held_from);
        let mut out = BytesMut::with_capacity(rest.len() + tag.len());
        for part in [before, tag, after] {
            out.extend_from_slice(part);
        }
        *body = Some(out.freeze());
    }
}

#[cfg(test)]
mod tests;
