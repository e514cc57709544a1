//! View ids: how a beacon proves which answered page it is about.
//!
//! Every HTML page carries one in `Server-Timing`. An id describes itself and cannot be forged:
//! time, kind, a random part, short tags of the visitor and the path, and a MAC over all of it
//! with a key that all nodes share. So any node judges any id without a look-up. It is never
//! stored or logged.

use super::hit::{IdVerdict, PageKind};
use crate::clock::{Millis, SECOND};
use crate::visitor::VisitorHash;
use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Length of an id in text.
pub const TEXT_LEN: usize = 39;

const BODY: usize = 21;
const LEN: usize = BODY + 8;

/// A key for view ids, ready for use.
#[derive(Clone)]
pub struct ViewKey(Hmac<Sha256>);

/// What an authentic id says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ViewId {
    /// Whole seconds, in milliseconds.
    pub issued: Millis,
    pub kind: PageKind,
    pub nonce: u64,
    visitor_tag: u32,
    page_tag: u32,
}

impl ViewKey {
    pub fn new(key: &[u8; 32]) -> Self {
        // HMAC pads a key to its block with zeros.
        let mut block = [0; 64];
        block[..32].copy_from_slice(key);
        Self(Hmac::new(&block.into()))
    }

    /// Issues an id, as text. `nonce` must be random.
    pub fn issue(
        &self,
        now: Millis,
        kind: PageKind,
        nonce: u64,
        visitor: Option<VisitorHash>,
        page: &str,
    ) -> [u8; TEXT_LEN] {
        let mut id = [0; LEN];
        id[..4].copy_from_slice(&((now / SECOND) as u32).to_be_bytes());
        id[4] = kind_to_byte(kind);
        id[5..13].copy_from_slice(&nonce.to_be_bytes());
        id[13..17].copy_from_slice(&visitor_tag(nonce, visitor).to_be_bytes());
        id[17..21].copy_from_slice(&page_tag(nonce, page).to_be_bytes());
        let mac = self.mac(&id[..BODY]).finalize().into_bytes();
        id[BODY..].copy_from_slice(&mac[..8]);
        let mut text = [0; TEXT_LEN];
        BASE64URL_NOPAD.encode_mut(&id, &mut text);
        text
    }

    /// Reads an id; `None` unless this key made it.
    pub fn read(&self, text: &str) -> Option<ViewId> {
        if text.len() != TEXT_LEN {
            return None;
        }
        let mut id = [0; LEN];
        BASE64URL_NOPAD.decode_mut(text.as_bytes(), &mut id).ok()?;
        self.mac(&id[..BODY]).verify_truncated_left(&id[BODY..]).ok()?;
        let word =
            |at: usize| id[at..at + 4].iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte));
        Some(ViewId {
            issued: Millis::from(word(0)) * SECOND,
            kind: kind_from_byte(id[4])?,
            nonce: u64::from(word(5)) << 32 | u64::from(word(9)),
            visitor_tag: word(13),
            page_tag: word(17),
        })
    }

    fn mac(&self, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(body);
        mac
    }
}

impl ViewId {
    /// Whether it was issued to this visitor.
    pub fn is_of(&self, visitor: Option<VisitorHash>) -> bool {
        self.visitor_tag == visitor_tag(self.nonce, visitor)
    }

    /// Whether it was issued for this path.
    pub fn is_for(&self, page: &str) -> bool {
        self.page_tag == page_tag(self.nonce, page)
    }

    /// As the aggregator needs it.
    pub fn fresh(&self) -> IdVerdict {
        IdVerdict::Fresh { nonce: self.nonce, issued: self.issued, kind: self.kind }
    }
}

/// Tags bind an id to what the MAC covers; salted with the nonce, they say nothing across ids.
fn visitor_tag(nonce: u64, visitor: Option<VisitorHash>) -> u32 {
    match visitor {
        Some(visitor) => tag(nonce, visitor.bytes()),
        None => tag(nonce, &[]),
    }
}

fn page_tag(nonce: u64, page: &str) -> u32 {
    tag(!nonce, page.as_bytes())
}

/// FNV-1a, folded to 32 bits: the same on every node.
fn tag(nonce: u64, bytes: &[u8]) -> u32 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in nonce.to_be_bytes().iter().chain(bytes) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    (hash >> 32) as u32 ^ hash as u32
}

fn kind_to_byte(kind: PageKind) -> u8 {
    match kind {
        PageKind::View => 1,
        PageKind::Prefetch => 2,
        PageKind::Error => 3,
        PageKind::Unseen => 4,
        PageKind::Ignored => 5,
    }
}

fn kind_from_byte(byte: u8) -> Option<PageKind> {
    Some(match byte {
        1 => PageKind::View,
        2 => PageKind::Prefetch,
        3 => PageKind::Error,
        4 => PageKind::Unseen,
        5 => PageKind::Ignored,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(byte: u8) -> ViewKey {
        ViewKey::new(&[byte; 32])
    }

    fn visitor(byte: u8) -> Option<VisitorHash> {
        Some(VisitorHash::from_stored([byte; 8]))
    }

    fn issue(key: &ViewKey, nonce: u64) -> String {
        let id = key.issue(1_800_000_000_123, PageKind::View, nonce, visitor(1), "/a");
        String::from_utf8(id.to_vec()).unwrap()
    }

    #[test]
    fn says_what_it_was_issued_with() {
        let id = key(1).read(&issue(&key(1), 42)).unwrap();
        assert_eq!((id.issued, id.kind, id.nonce), (1_800_000_000_000, PageKind::View, 42));
        assert!(id.is_of(visitor(1)) && id.is_for("/a"));
        assert!(!id.is_of(visitor(2)) && !id.is_of(None) && !id.is_for("/b"));
    }

    #[test]
    fn another_key_does_not_read_it() {
        assert_eq!(key(2).read(&issue(&key(1), 42)), None);
    }

    proptest! {
        #[test]
        fn no_change_goes_unnoticed(nonce: u64, at in 0..TEXT_LEN, to in "[A-Za-z0-9_-]") {
            let text = issue(&key(1), nonce);
            let mut forged = text.clone();
            forged.replace_range(at..=at, &to);
            prop_assert_eq!(key(1).read(&forged).is_some(), forged == text);
        }

        #[test]
        fn garbage_is_no_id(text in ".{0,60}") {
            prop_assert_eq!(key(1).read(&text), None);
        }
    }
}
