//! Text that others have written: bytes of no promised encoding.
//!
//! Header values are bytes (RFC 9110 §5.5), and so is what a percent-encoded text decodes to.
//! Browsers and proxies write UTF-8 beyond ASCII; what is no UTF-8 is taken for Latin-1, in which
//! every byte is a character, so nothing is ever taken for missing. Used by all rooms that read a
//! header. Nothing is allocated for ASCII.

use http::{HeaderMap, HeaderValue, header::AsHeaderName};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// UTF-8, else Latin-1.
pub fn lenient(bytes: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}

/// The first header of this name.
pub fn header(headers: &HeaderMap, name: impl AsHeaderName) -> Option<Cow<'_, str>> {
    headers.get(name).map(|value| lenient(value.as_bytes()))
}

/// A header's elements that stand between commas, the last one first and without the blanks around
/// them (RFC 9110 §5.6.1): empty ones are none, and a comma in quotes separates nothing.
///
/// From the end, since a proxy adds to the end: what a client has written before, an unpaired quote
/// for instance, does not change how that is read.
pub fn elements_from_last(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    let elements = value.as_bytes().rsplit(move |byte| {
        quoted ^= *byte == b'"';
        *byte == b',' && !quoted
    });
    elements.map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

/// `%C3%A3` and `%E3` are `ã`.
pub fn percent_decoded(text: &str) -> Cow<'_, str> {
    match percent_decode_str(text).into() {
        // Nothing was encoded.
        Cow::Borrowed(_) => text.into(),
        Cow::Owned(bytes) => lenient(&bytes).into_owned().into(),
    }
}

/// A query's parameters as forms are decoded: their names, and their values as they are written, if
/// they have any. In links that were copied out of HTML `&` may be `&amp;`, even more than once.
pub fn parameters(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Option<&str>)> {
    query.split('&').map(|pair| {
        let (mut name, value) = match pair.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (pair, None),
        };
        while let Some(after) = name.strip_prefix("amp;") {
            name = after;
        }
        (form_decoded(name), value)
    })
}

/// The same as [`percent_decoded`], and `+` is a blank.
pub fn form_decoded(text: &str) -> Cow<'_, str> {
    match text.contains('+') {
        true => percent_decoded(&text.replace('+', " ")).into_owned().into(),
        false => percent_decoded(text),
    }
}

/// Part of what somebody sent, for a message that says what is wrong with it.
pub fn quoted(text: &str) -> String {
    let short: String = text.chars().filter(|c| !c.is_control()).take(60).collect();
    format!("“{short}”")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_a_character() {
        for (bytes, text) in [
            (&b"plain"[..], "plain"),
            ("São Paulo".as_bytes(), "São Paulo"),
            (b"S\xe3o Paulo", "São Paulo"),
            (b"\xff\x80", "ÿ\u{80}"),
        ] {
            assert_eq!(lenient(bytes), text);
        }
        assert!(matches!(lenient(b"plain"), Cow::Borrowed(_)));
    }

    #[test]
    fn what_is_encoded_is_decoded_once() {
        for (encoded, text) in [
            ("plain", "plain"),
            ("S%C3%A3o%20Paulo", "São Paulo"),
            ("S%e3o Paulo", "São Paulo"),
            ("100%", "100%"),
            ("%2525", "%25"),
            ("ã%", "ã%"),
        ] {
            assert_eq!(percent_decoded(encoded), text, "{encoded}");
        }
    }

    #[test]
    fn parameters_are_decoded_as_forms_are() {
        let query = "a%5Fb=%20c&amp;d+e&amp;amp;f==g&h=&";
        let all: Vec<(Cow<'_, str>, Option<&str>)> = parameters(query).collect();
        let expected =
            [("a_b", Some("%20c")), ("d e", None), ("f", Some("=g")), ("h", Some("")), ("", None)];
        assert_eq!(all, expected.map(|(name, value)| (name.into(), value)));
        assert_eq!(form_decoded("a+%2B+%C3%A9"), "a + é");
    }

    #[test]
    fn lists_are_read_from_their_end() {
        for (list, elements) in [
            ("a", &["a"][..]),
            ("a, b ,c", &["c", "b", "a"]),
            (", a,, ,b,", &["b", "a"]),
            ("\"a,b\", c", &["c", "\"a,b\""]),
            ("a\", b", &["b", "a\""]),
            (" ", &[]),
        ] {
            let value = HeaderValue::from_str(list).unwrap();
            let found: Vec<&[u8]> = elements_from_last(&value).collect();
            let elements: Vec<&[u8]> = elements.iter().map(|e| e.as_bytes()).collect();
            assert_eq!(found, elements, "{list}");
        }
    }
}
