//! The one name of a page, however its path was spelled: RFC 3986 §6.2.2.
//!
//! Escapes are in capitals, and stand for nothing that needs none; what a path cannot hold as it
//! is, letters beyond ASCII for instance, is escaped. Segments of dots are resolved. `%2F` stays,
//! for it is no `/`. A session's id in the path (`;jsessionid=…`, `;phpsessid=…`) is no part of a
//! page's name. Only names are made here: what is forwarded is not touched.
//!
//! Rooms that never meet agree here: those that name pages, settings that name pages of interest,
//! filters that look for them, and the dashboard, which shows names decoded.

use crate::text;
use percent_encoding::percent_decode;
use std::borrow::Cow;
use std::fmt::Write;

/// Parameters of a path that tell visitors apart, and not pages.
const SESSIONS: [&str; 2] = [";jsessionid=", ";phpsessid="];

/// The name for a path, behind which a query and a fragment may stand. Nothing is allocated for a
/// path that is its name already.
pub fn plain(path: &str) -> Cow<'_, str> {
    if is_plain(path) {
        return path.into();
    }
    let (path, rest) = path.split_at(path.find(['?', '#']).unwrap_or(path.len()));
    let mut name = String::with_capacity(path.len() + rest.len() + 16);
    spell(&without_session(path), is_of_path, &mut name);
    if name.starts_with('/') && name.contains("/.") {
        name = without_dots(&name[1..]);
    }
    spell(rest, |byte| is_of_path(byte) || matches!(byte, b'?' | b'#'), &mut name);
    name.into()
}

/// The same for a part of a name.
pub fn plain_part(part: &str) -> String {
    let mut name = String::with_capacity(part.len());
    spell(part, |byte| is_of_path(byte) || matches!(byte, b'?' | b'#'), &mut name);
    name
}

/// The same for a URL or a path.
pub fn plain_url(url: &str) -> Cow<'_, str> {
    let path = url.find("://").and_then(|scheme| Some(scheme + 3 + url[scheme + 3..].find('/')?));
    match path.map(|at| url.split_at(at)) {
        Some((host, path)) if !is_plain(path) => format!("{host}{}", plain(path)).into(),
        Some(_) => url.into(),
        None if url.starts_with('/') => plain(url),
        None => url.into(),
    }
}

/// What of a query tells pages apart, in its order; empty if nothing does. A parameter's name is
/// spelled as it is in `keep`.
pub fn kept(query: &str, keep: &[String]) -> String {
    let mut kept = String::new();
    for (name, value) in text::parameters(query) {
        let is_kept = |keep: &&String| text::percent_decoded(keep).eq_ignore_ascii_case(&name);
        if let Some(name) = keep.iter().find(is_kept) {
            kept.push_str(if kept.is_empty() { "" } else { "&" });
            kept.push_str(name);
            if let Some(value) = value {
                kept.push('=');
                spell(value, |byte| is_of_path(byte) || byte == b'?', &mut kept);
            }
        }
    }
    kept
}

/// A name as people read it: letters beyond ASCII are decoded. Escapes of what is not seen, turns
/// the text around it or would pass for a separator stay as they are.
pub fn shown(name: &str) -> Cow<'_, str> {
    if !name.contains('%') {
        return name.into();
    }
    let mut shown = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find('%') {
        shown.push_str(&rest[..at]);
        rest = &rest[at..];
        // A run of escapes, for a letter has up to four.
        let run = rest.as_bytes().chunks(3).take_while(|escape| read(escape).is_some()).count();
        let (escapes, after) = rest.split_at((3 * run).max(1));
        match run {
            0 => shown.push('%'),
            _ => show(escapes, &mut shown),
        }
        rest = after;
    }
    shown.push_str(rest);
    shown.into()
}

/// Escapes, with the letters among them decoded.
fn show(escapes: &str, to: &mut String) {
    let bytes: Vec<u8> = percent_decode(escapes.as_bytes()).collect();
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match is_readable(letter) {
                true => to.push(letter),
                false => letter.encode_utf8(&mut [0; 4]).bytes().for_each(|b| escape(b, to)),
            }
        }
        chunk.invalid().iter().for_each(|byte| escape(*byte, to));
    }
}

/// Beyond ASCII, seen, and harmless to what stands around it.
fn is_readable(letter: char) -> bool {
    let unseen = matches!(letter,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffd}' | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..);
    !letter.is_ascii() && !letter.is_control() && !letter.is_whitespace() && !unseen
}

/// Nothing in it could be spelled in another way.
fn is_plain(path: &str) -> bool {
    let bytes = path.as_bytes();
    let dots = || bytes.windows(2).any(|pair| pair == b"/.");
    bytes.iter().all(|byte| is_of_path(*byte) && *byte != b';') && !dots()
}

/// What a path holds as it is.
fn is_of_path(byte: u8) -> bool {
    is_unreserved(byte) || b"/!$&'()*+,;=:@".contains(&byte)
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Adds a text, escaped where it needs to be and nowhere else.
fn spell(text: &str, stands: impl Fn(u8) -> bool, to: &mut String) {
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        match read(rest) {
            Some(escaped) if is_unreserved(escaped) => to.push(char::from(escaped)),
            Some(escaped) => escape(escaped, to),
            None if stands(*byte) => to.push(char::from(*byte)),
            None => escape(*byte, to),
        }
        rest = if read(rest).is_some() { &rest[3..] } else { after };
    }
}

/// The byte that an escape at the beginning stands for.
fn read(text: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = text else { return None };
    let digit = |digit: u8| char::from(digit).to_digit(16);
    u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()
}

fn escape(byte: u8, to: &mut String) {
    // A String takes everything.
    let _ = write!(to, "%{byte:02X}");
}

/// A path without parameters that hold a session's id. They end with their segment, or where the
/// next parameter begins.
fn without_session(path: &str) -> Cow<'_, str> {
    let begins = |rest: &str| {
        SESSIONS.iter().any(|name| {
            rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
        })
    };
    let (mut kept, mut rest) = (String::new(), path);
    while let Some((at, _)) = rest.match_indices(';').find(|(at, _)| begins(&rest[*at..])) {
        kept.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        rest = &after[after.find(['/', ';']).unwrap_or(after.len())..];
    }
    if kept.is_empty() && rest.len() == path.len() {
        return path.into();
    }
    kept.push_str(rest);
    kept.into()
}

/// Resolves `.` and `..` (RFC 3986 §5.2.4), of a path without its first `/`.
fn without_dots(path: &str) -> String {
    let mut kept = Vec::new();
    let mut segments = path.split('/').peekable();
    while let Some(segment) = segments.next() {
        if segment == ".." {
            kept.pop();
        }
        match segment {
            // At the end they name a folder.
            "." | ".." if segments.peek().is_none() => kept.push(""),
            "." | ".." => {}
            segment => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_page_has_one_name() {
        for (path, name) in [
            ("/", "/"),
            ("/a/b.html", "/a/b.html"),
            ("/caf%C3%A9", "/caf%C3%A9"),
            ("/caf%c3%a9", "/caf%C3%A9"),
            ("/café", "/caf%C3%A9"),
            ("/c%61f%C3%a9", "/caf%C3%A9"),
            ("/%7Eme/%2D", "/~me/-"),
            ("/a%2Fb", "/a%2Fb"),
            ("/a%2fb%3F", "/a%2Fb%3F"),
            ("/a%20b", "/a%20b"),
            ("/a b|\"", "/a%20b%7C%22"),
            ("/100%", "/100%25"),
            ("/%zz%4", "/%25zz%254"),
            ("/caf%E9", "/caf%E9"),
            ("/a/./b/../c", "/a/c"),
            ("/a/%2e%2E/b", "/b"),
            ("/a/b/..", "/a/"),
            ("/../..", "/"),
            ("/.well-known/x", "/.well-known/x"),
            ("/a..b/...", "/a..b/..."),
            ("//a//", "//a//"),
            ("/a;jsessionid=1", "/a"),
            ("/a;JSessionID=1.node2/b;x=2;PHPSESSID=3;y=4", "/a/b;x=2;y=4"),
            ("/a;jsessionids", "/a;jsessionids"),
            (&format!("/a{}/b", ";jsessionid=1".repeat(10_000)), "/a/b"),
            ("/;é", "/;%C3%A9"),
            ("/app#/inbox?é", "/app#/inbox?%C3%A9"),
            ("/a?b=c%2f", "/a?b=c%2F"),
            ("*", "*"),
            ("", ""),
        ] {
            assert_eq!(plain(path), name, "{path}");
        }
        assert!(matches!(plain("/blog/2026/a-b_c.html"), Cow::Borrowed(_)));
        assert_eq!(plain_url("https://Example.org/a;jsessionid=1"), "https://Example.org/a");
        assert_eq!(plain_url("https://example.org"), "https://example.org");
        assert_eq!(plain_url("/d%c3%a9.pdf"), "/d%C3%A9.pdf");
        assert_eq!(plain_url("mailto:a b"), "mailto:a b");
    }

    #[test]
    fn parameters_are_kept_by_their_decoded_names() {
        let keep = ["id".to_owned(), "a[]".to_owned()];
        for (query, name) in [
            ("x=1&id=7", "id=7"),
            ("ID=%c3%a9&%69d", "id=%C3%A9&id"),
            ("a%5B%5D=1&amp;id=a+b", "a[]=1&id=a+b"),
            ("idx=1", ""),
        ] {
            assert_eq!(kept(query, &keep), name, "{query}");
        }
    }

    #[test]
    fn letters_are_shown() {
        for (name, text) in [
            ("/plain", "/plain"),
            ("/caf%C3%A9/%E4%B8%AD%E6%96%87", "/café/中文"),
            ("/caf%E9%C3%A9", "/caf%E9é"),
            ("/a%2Fb%20c%25%00", "/a%2Fb%20c%25%00"),
            ("/%E2%80%AEfdp.exe", "/%E2%80%AEfdp.exe"),
            ("/%C2%A0%E2%80%8B%F3%A0%80%81", "/%C2%A0%E2%80%8B%F3%A0%80%81"),
            ("/%F0%9F%98%80%", "/😀%"),
        ] {
            assert_eq!(shown(name), text, "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_name_stays_as_it_is(path in "/[a-c%2eEfF./;?#é \"]{0,20}(;jsessionid=)?[a/;]{0,3}") {
            let name = plain(&path).into_owned();
            prop_assert_eq!(plain(&name), name.as_str());
            // What is shown names the same page.
            let shown = shown(&name);
            prop_assert_eq!(plain(&shown), name.as_str());
        }
    }
}
