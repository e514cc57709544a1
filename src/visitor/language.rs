//! The visitor's language, from `Accept-Language`.

use once_cell::sync::Lazy;
use std::sync::Arc;

/// The primary language a browser asks for first: `de` of `de-AT,de;q=0.9,en`. `None` if there is
/// none, or no such thing as a language: two or three letters (ISO 639).
pub fn language(accept_language: &str) -> Option<Arc<str>> {
    static TWO_LETTERS: Lazy<Vec<Arc<str>>> = Lazy::new(|| {
        let letters = b'a'..=b'z';
        letters
            .clone()
            .flat_map(|a| letters.clone().map(move |b| String::from_iter([a as char, b as char])))
            .map(Arc::from)
            .collect()
    });
    let first = accept_language.split([',', ';']).next()?;
    let primary = first.split(['-', '_']).next()?.trim();
    if !primary.bytes().all(|b| b.is_ascii_alphabetic()) {
        return None;
    }
    let index = |letter: u8| usize::from(letter.to_ascii_lowercase() - b'a');
    match *primary.as_bytes() {
        // Nearly all: shared, without allocating.
        [a, b] => Some(TWO_LETTERS[index(a) * 26 + index(b)].clone()),
        [_, _, _] => Some(primary.to_ascii_lowercase().into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_language_counts() {
        for (header, expected) in [
            ("de", Some("de")),
            ("de-AT,de;q=0.9,en;q=0.8", Some("de")),
            ("EN-us", Some("en")),
            ("zh_CN", Some("zh")),
            (" fr ; q=0.5", Some("fr")),
            ("fil-PH,fil;q=0.9", Some("fil")),
            ("gsw", Some("gsw")),
            ("", None),
            ("*", None),
            ("e", None),
            ("english", None),
            ("d3", None),
            ("'; DROP", None),
            ("éa", None),
        ] {
            assert_eq!(language(header).as_deref(), expected, "{header}");
        }
        assert!(Arc::ptr_eq(&language("de").unwrap(), &language("DE-de").unwrap()));
    }
}
