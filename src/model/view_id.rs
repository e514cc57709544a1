//! View ids: how a beacon proves which answered page it is about.
//!
//! Every HTML page carries one in `Server-Timing`. An id describes itself and cannot be forged:
//! time, kind, a random part, a short MAC of the visitor and one of the path, and a MAC of all of
//! it and of the site, with a key that all nodes share. So any node judges any id without a
//! look-up. It is never stored or logged.

use super::VisitorHash;
use super::hit::{IdVerdict, PageKind};
use super::site::SiteId;
use crate::clock::{MINUTE, Millis, SECOND};
use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// A view id is honoured for this long.
pub const ID_LIFETIME: Millis = 30 * MINUTE;

/// Length of an id in text.
pub const VIEW_ID_LEN: usize = 39;

const BODY: usize = 21;
const LEN: usize = BODY + 8;

/// A key for view ids, ready for use.
#[derive(Debug, Clone)]
pub struct ViewKey(Hmac<Sha256>);

/// An authentic id.
#[derive(Debug)]
pub struct ViewId {
    /// Whole seconds, in milliseconds.
    pub issued: Millis,
    pub kind: PageKind,
    pub nonce: u64,
    visitor_mac: [u8; 4],
    page_mac: [u8; 4],
    key: ViewKey,
}

/// What a MAC is of. It is the first byte that the MAC covers, so a MAC of one is none of another.
#[derive(Clone, Copy)]
enum Of {
    Id,
    Visitor,
    Page,
}

impl ViewKey {
    pub fn new(key: &[u8; 32]) -> Self {
        // HMAC pads a key to its block with zeros.
        let mut block = [0; 64];
        block[..32].copy_from_slice(key);
        Self(Hmac::new(&block.into()))
    }

    /// Issues an id of a site's page, as text. `nonce` must be random.
    pub fn issue(
        &self,
        site: SiteId,
        now: Millis,
        kind: PageKind,
        nonce: u64,
        visitor: Option<VisitorHash>,
        page: &str,
    ) -> [u8; VIEW_ID_LEN] {
        let mut id = [0; LEN];
        id[..4].copy_from_slice(&((now / SECOND) as u32).to_be_bytes());
        id[4] = kind_to_byte(kind);
        id[5..13].copy_from_slice(&nonce.to_be_bytes());
        write(self.mac(Of::Visitor, nonce, bytes(&visitor)), &mut id[13..17]);
        write(self.mac(Of::Page, nonce, page.as_bytes()), &mut id[17..BODY]);
        write(self.mac_of_id(site, nonce, &id[..BODY]), &mut id[BODY..]);
        let mut text = [0; VIEW_ID_LEN];
        BASE64URL_NOPAD.encode_mut(&id, &mut text);
        text
    }

    /// Reads an id; `None` unless this key made it for a page of the same site.
    pub fn read(&self, site: SiteId, text: &str) -> Option<ViewId> {
        if text.len() != VIEW_ID_LEN {
            return None;
        }
        let mut id = [0; LEN];
        BASE64URL_NOPAD.decode_mut(text.as_bytes(), &mut id).ok()?;
        let word = |at: usize| [id[at], id[at + 1], id[at + 2], id[at + 3]];
        let number = |at: usize| u32::from_be_bytes(word(at));
        let nonce = u64::from(number(5)) << 32 | u64::from(number(9));
        self.mac_of_id(site, nonce, &id[..BODY]).verify_truncated_left(&id[BODY..]).ok()?;
        Some(ViewId {
            issued: Millis::from(number(0)) * SECOND,
            kind: kind_from_byte(id[4])?,
            nonce,
            visitor_mac: word(13),
            page_mac: word(17),
            key: self.clone(),
        })
    }

    fn mac_of_id(&self, site: SiteId, nonce: u64, id: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.mac(Of::Id, nonce, id);
        mac.update(site.bytes());
        mac
    }

    /// With the nonce in it, what two ids have of one visitor or page is not the same.
    fn mac(&self, of: Of, nonce: u64, content: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(&[of as u8]);
        mac.update(&nonce.to_be_bytes());
        mac.update(content);
        mac
    }
}

impl ViewId {
    /// Whether it was issued to this visitor.
    pub fn is_of(&self, visitor: Option<VisitorHash>) -> bool {
        let mac = self.key.mac(Of::Visitor, self.nonce, bytes(&visitor));
        mac.verify_truncated_left(&self.visitor_mac).is_ok()
    }

    /// Whether it was issued for this path.
    pub fn is_for(&self, page: &str) -> bool {
        let mac = self.key.mac(Of::Page, self.nonce, page.as_bytes());
        mac.verify_truncated_left(&self.page_mac).is_ok()
    }

    /// As the aggregator needs it.
    pub fn fresh(&self) -> IdVerdict {
        IdVerdict::Fresh { nonce: self.nonce, issued: self.issued, kind: self.kind }
    }
}

/// Nothing for a view without a visitor.
fn bytes(visitor: &Option<VisitorHash>) -> &[u8] {
    visitor.as_ref().map_or(&[], |visitor| visitor.bytes())
}

/// As much of a MAC as there is room for.
fn write(mac: Hmac<Sha256>, to: &mut [u8]) {
    to.copy_from_slice(&mac.finalize().into_bytes()[..to.len()]);
}

/// The byte of each kind, which an id holds: from 1, in this order.
const KINDS: [PageKind; 5] =
    [PageKind::View, PageKind::Prefetch, PageKind::Error, PageKind::Unseen, PageKind::Ignored];

fn kind_to_byte(kind: PageKind) -> u8 {
    1 + KINDS.iter().take_while(|known| **known != kind).count() as u8
}

fn kind_from_byte(byte: u8) -> Option<PageKind> {
    KINDS.get(usize::from(byte).checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(byte: u8) -> ViewKey {
        ViewKey::new(&[byte; 32])
    }

    fn site() -> SiteId {
        SiteId::of("example.org")
    }

    fn visitor(byte: u8) -> Option<VisitorHash> {
        Some(VisitorHash::from_stored([byte; 8]))
    }

    fn issue(key: &ViewKey, nonce: u64) -> String {
        let id = key.issue(site(), 1_800_000_000_123, PageKind::View, nonce, visitor(1), "/a");
        String::from_utf8(id.to_vec()).unwrap()
    }

    #[test]
    fn says_what_it_was_issued_with() {
        let id = key(1).read(site(), &issue(&key(1), 42)).unwrap();
        assert_eq!((id.issued, id.kind, id.nonce), (1_800_000_000_000, PageKind::View, 42));
        assert!(id.is_of(visitor(1)) && id.is_for("/a"));
        assert!(!id.is_of(visitor(2)) && !id.is_of(None) && !id.is_for("/b"));
    }

    #[test]
    fn another_key_does_not_read_it() {
        assert!(key(2).read(site(), &issue(&key(1), 42)).is_none());
    }

    #[test]
    fn another_site_does_not_read_it() {
        let other = SiteId::of("example.com");
        assert!(key(1).read(other, &issue(&key(1), 42)).is_none());
    }

    #[test]
    fn without_the_key_nobody_knows_what_a_page_has_in_its_ids() {
        let bound_to = |byte| {
            let id = key(byte).read(site(), &issue(&key(byte), 42)).unwrap();
            (id.visitor_mac, id.page_mac)
        };
        let (one, other) = (bound_to(1), bound_to(2));
        assert!(one.0 != other.0 && one.1 != other.1);
    }

    proptest! {
        #[test]
        fn no_change_goes_unnoticed(nonce: u64, at in 0..VIEW_ID_LEN, to in "[A-Za-z0-9_-]") {
            let text = issue(&key(1), nonce);
            let mut forged = text.clone();
            forged.replace_range(at..=at, &to);
            prop_assert_eq!(key(1).read(site(), &forged).is_some(), forged == text);
        }

        #[test]
        fn garbage_is_no_id(text in ".{0,60}") {
            prop_assert!(key(1).read(site(), &text).is_none());
        }
    }
}
