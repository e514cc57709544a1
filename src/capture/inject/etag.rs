//! Entity tags of pages that have been added to, so that the website's own can be told from them.
//!
//! A page with the script's tag in it is no longer, byte for byte, what its ETag stands for; it is
//! equivalent, which is what a weak ETag says (RFC 9110 §8.8.1). So `"abc"` becomes `W/"abc-hc"`,
//! and `W/"abc"` becomes `W/"abc-hcw"`; when a client asks `If-None-Match` with one of these, the
//! website is asked with its own.

use bytes::{BufMut, BytesMut};
use http::HeaderValue;

const STRONG: &[u8] = b"-hc";
const WEAK: &[u8] = b"-hcw";

/// The ETag of the page with the tag in it. `None` if this is no entity tag.
pub fn mark(etag: &HeaderValue) -> Option<HeaderValue> {
    let tag = EntityTag::read_alone(etag)?;
    tag.marked(if tag.weak { WEAK } else { STRONG })
}

/// The ETag under which a client has the page with the tag in it, of those that it asked with. A
/// website may confirm with a strong one what it had sent with a weak one, compressed.
pub fn held(list: &HeaderValue, etag: &HeaderValue) -> Option<HeaderValue> {
    let tag = EntityTag::read_alone(etag)?;
    [STRONG, WEAK].into_iter().filter_map(|mark| tag.marked(mark)).find(|form| holds(list, form))
}

/// An `If-None-Match` with our entries turned back into the website's. `None` if none is ours, or
/// if it cannot be read: then it is the website's to judge.
pub fn restore(list: &HeaderValue) -> Option<HeaderValue> {
    let mut restored = BytesMut::with_capacity(list.len());
    let mut any = false;
    let mut rest = list.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if matches!(first, b' ' | b'\t' | b',' | b'*') {
            restored.put_u8(first);
            rest = after;
            continue;
        }
        let (tag, after) = EntityTag::read(rest)?;
        let ours = match tag.weak {
            true => tag.original(),
            // Never made by us as a strong one, so it is the website's own.
            false => None,
        };
        any |= ours.is_some();
        ours.unwrap_or(tag).put(&mut restored);
        rest = after;
    }
    any.then(|| HeaderValue::from_maybe_shared(restored.freeze()).ok())?
}

/// Whether an `If-None-Match` holds this ETag, weakly compared (RFC 9110 §13.1.2).
fn holds(list: &HeaderValue, etag: &HeaderValue) -> bool {
    let opaque = etag.as_bytes().strip_prefix(b"W/").unwrap_or(etag.as_bytes());
    list.as_bytes().windows(opaque.len()).any(|part| part == opaque)
}

#[derive(Clone, Copy)]
struct EntityTag<'a> {
    weak: bool,
    opaque: &'a [u8],
}

impl<'a> EntityTag<'a> {
    /// Reads one at the start; the opaque part may hold commas, so the quotes decide.
    fn read(text: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (weak, quoted) = match text.strip_prefix(b"W/") {
            Some(quoted) => (true, quoted),
            None => (false, text),
        };
        let inner = quoted.strip_prefix(b"\"")?;
        let end = inner.iter().position(|&b| b == b'"')?;
        Some((Self { weak, opaque: &inner[..end] }, &inner[end + 1..]))
    }

    /// One that is all of a field.
    fn read_alone(etag: &'a HeaderValue) -> Option<Self> {
        let (tag, rest) = Self::read(etag.as_bytes())?;
        rest.is_empty().then_some(tag)
    }

    fn marked(self, mark: &[u8]) -> Option<HeaderValue> {
        let text = [b"W/\"", self.opaque, mark, b"\""].concat();
        HeaderValue::from_maybe_shared(bytes::Bytes::from(text)).ok()
    }

    /// The website's own, if this is one of ours.
    fn original(self) -> Option<Self> {
        let original =
            |weak, mark| self.opaque.strip_suffix(mark).map(|opaque| EntityTag { weak, opaque });
        original(true, WEAK).or_else(|| original(false, STRONG))
    }

    fn put(self, out: &mut BytesMut) {
        if self.weak {
            out.put_slice(b"W/");
        }
        out.put_u8(b'"');
        out.put_slice(self.opaque);
        out.put_u8(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(text: &str) -> HeaderValue {
        HeaderValue::from_str(text).unwrap()
    }

    #[test]
    fn marking_weakens_and_remembers_what_it_was() {
        assert_eq!(mark(&value(r#""abc""#)).unwrap(), r#"W/"abc-hc""#);
        assert_eq!(mark(&value(r#"W/"abc""#)).unwrap(), r#"W/"abc-hcw""#);
        assert_eq!(mark(&value(r#""""#)).unwrap(), r#"W/"-hc""#);
        for broken in ["abc", r#""abc"#, r#""a"b"#, "W/", ""] {
            assert_eq!(mark(&value(broken)), None, "{broken}");
        }
    }

    #[test]
    fn only_our_own_are_restored() {
        for (sent, restored) in [
            (r#"W/"abc-hc""#, Some(r#""abc""#)),
            (r#"W/"abc-hcw""#, Some(r#"W/"abc""#)),
            (r#""x", W/"a,b-hc",W/"c-hcw" , W/"d""#, Some(r#""x", "a,b",W/"c" , W/"d""#)),
            // The website's own strong one, whatever it ends with.
            (r#""abc-hc""#, None),
            (r#""abc", W/"def""#, None),
            ("*", None),
            ("", None),
            // Not a list of entity tags: not ours to mend.
            (r#"W/"abc-hc", oops"#, None),
            (r#"W/"abc-hc"#, None),
        ] {
            assert_eq!(restore(&value(sent)), restored.map(value), "{sent}");
        }
    }

    #[test]
    fn a_list_holds_a_tag_whole() {
        let list = value(r#"W/"a-hc", "b""#);
        assert!(holds(&list, &value(r#"W/"a-hc""#)));
        assert!(holds(&list, &value(r#"W/"b""#)));
        assert!(!holds(&list, &value(r#"W/"hc""#)));
        assert!(!holds(&list, &value(r#"W/"a""#)));
    }

    proptest! {
        #[test]
        fn what_was_marked_comes_back(
            weak in any::<bool>(),
            opaque in r#"[\x21\x23-\x7e]{0,20}(-hcw?)?"#,
        ) {
            let etag = value(&format!("{}\"{opaque}\"", if weak { "W/" } else { "" }));
            prop_assert_eq!(restore(&mark(&etag).unwrap()), Some(etag));
        }
    }
}
