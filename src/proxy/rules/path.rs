//! The paths that rules go by.
//!
//! A website may read `/a/../admin` and `/%61dmin` as `/admin`, so rules must, too: like nginx they
//! compare paths decoded, with slashes in a row as one and dots resolved. What is forwarded stays as it
//! was sent.

use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// A request's path as rules have it. Nothing is allocated for a plain one.
pub fn plain(path: &str) -> Cow<'_, [u8]> {
    let bytes = path.as_bytes();
    let is_plain = !bytes.contains(&b'%')
        && !bytes.contains(&b'\\')
        && !bytes.windows(2).any(|pair| pair == b"//" || pair == b"/.");
    if is_plain {
        return bytes.into();
    }
    let decoded: Vec<u8> = percent_decode_str(path).collect();
    let mut segments: Vec<&[u8]> = Vec::new();
    // Some websites take one for the other.
    let mut parts = decoded.split(|byte| matches!(byte, b'/' | b'\\')).peekable();
    let mut plain = Vec::with_capacity(decoded.len());
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        match part {
            b".." => drop(segments.pop()),
            b"" | b"." => {}
            segment => segments.push(segment),
        }
        if last {
            for segment in &segments {
                plain.push(b'/');
                plain.extend_from_slice(segment);
            }
            if plain.is_empty() || matches!(part, b"" | b"." | b"..") {
                plain.push(b'/');
            }
        }
    }
    plain.into()
}

/// Whether a plain path is `rule` or under it.
pub fn is_under(path: &[u8], rule: &str) -> bool {
    let Some(rest) = path.strip_prefix(rule.as_bytes()) else { return false };
    rule.ends_with('/') || rest.is_empty() || rest[0] == b'/'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_one_form() {
        for (sent, path) in [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a/", "/a/"),
            ("//a//b/", "/a/b/"),
            ("/a/../admin/x", "/admin/x"),
            ("/../../admin", "/admin"),
            ("/%61dmin%2Fx", "/admin/x"),
            ("/a/%2e%2E/admin", "/admin"),
            ("/a\\..\\admin", "/admin"),
            ("/a/.", "/a/"),
            ("/a/b/..", "/a/"),
            ("/.well-known/x", "/.well-known/x"),
            ("*", "*"),
        ] {
            assert_eq!(plain(sent).as_ref(), path.as_bytes(), "{sent}");
        }
    }

    #[test]
    fn what_is_under_a_path() {
        for (path, rule, under) in [
            ("/admin", "/admin", true),
            ("/admin/x", "/admin", true),
            ("/administration", "/admin", false),
            ("/admin/x", "/admin/", true),
            ("/admin", "/admin/", false),
            ("/x", "/", true),
        ] {
            assert_eq!(is_under(path.as_bytes(), rule), under, "{path} {rule}");
        }
    }
}
