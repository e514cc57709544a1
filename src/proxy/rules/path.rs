//! The paths that rules go by.
//!
//! A website may read `/a/../admin` and `/%61dmin` as `/admin`, so rules must, too: like nginx they
//! compare paths decoded, with slashes in a row as one and dots resolved. Where a rule protects a
//! path that is not enough: `/admin/..%2fx` and `/admin//../secret` are below `/admin` to some
//! websites and not to others. There each of the [`readings`] counts. What is forwarded stays as it
//! was sent.

use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// A request's path as rules have it. Nothing is allocated for a plain one.
pub fn plain(path: &str) -> Cow<'_, [u8]> {
    if is_plain(path) { path.as_bytes().into() } else { read(path, Reading::default()).into() }
}

/// All ways in which a website may read a path; one of a plain path.
pub fn readings(path: &str) -> Vec<Cow<'_, [u8]>> {
    // Of a server as a whole: what holds for all of its paths holds for it.
    let path = if path == "*" { "/" } else { path };
    if is_plain(path) {
        return vec![path.as_bytes().into()];
    }
    // To who reads it as a URL, what stands behind two slashes is a host.
    let behind_host = path.strip_prefix("//").and_then(|rest| Some(&rest[rest.find('/')?..]));
    let mut all = Vec::new();
    for path in [path].into_iter().chain(behind_host) {
        for way in 0..32 {
            let is = |bit: u8| way >> bit & 1 == 1;
            let reading = Reading {
                keeps_encoded_slashes: is(0),
                keeps_backslashes: is(1),
                keeps_empty_segments: is(2),
                keeps_dots: is(3),
                keeps_parameters: !is(4),
            };
            all.push(Cow::from(read(path, reading)));
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// What a reader of a path leaves as it is.
#[derive(Clone, Copy)]
struct Reading {
    /// `%2f` and `%5c`.
    keeps_encoded_slashes: bool,
    keeps_backslashes: bool,
    keeps_empty_segments: bool,
    /// `.` and `..`.
    keeps_dots: bool,
    /// What stands behind a `;` in a segment.
    keeps_parameters: bool,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            keeps_encoded_slashes: false,
            keeps_backslashes: false,
            keeps_empty_segments: false,
            keeps_dots: false,
            keeps_parameters: true,
        }
    }
}

fn is_plain(path: &str) -> bool {
    let bytes = path.as_bytes();
    !bytes.iter().any(|byte| matches!(byte, b'%' | b'\\' | b';'))
        && !bytes.windows(2).any(|pair| pair == b"//" || pair == b"/.")
}

fn read(path: &str, reading: Reading) -> Vec<u8> {
    let path = match reading.keeps_encoded_slashes {
        true => ["2f", "2F", "5c", "5C"].iter().fold(path.to_owned(), |path, digits| {
            path.replace(&format!("%{digits}"), &format!("%25{digits}"))
        }),
        false => path.to_owned(),
    };
    let decoded: Vec<u8> = percent_decode_str(&path).collect();
    let separates = |byte: &u8| *byte == b'/' || (*byte == b'\\' && !reading.keeps_backslashes);
    let mut segments: Vec<&[u8]> = Vec::new();
    let mut ends_open = true;
    // The first is what stands before the first slash: nothing.
    let first = usize::from(decoded.first().is_some_and(separates));
    for part in decoded.split(separates).skip(first) {
        let end = part.iter().position(|byte| *byte == b';' && !reading.keeps_parameters);
        let part = &part[..end.unwrap_or(part.len())];
        ends_open = match part {
            b".." if !reading.keeps_dots => {
                segments.pop();
                true
            }
            b"." if !reading.keeps_dots => true,
            b"" if !reading.keeps_empty_segments => true,
            segment => {
                segments.push(segment);
                false
            }
        };
    }
    let mut plain = Vec::with_capacity(decoded.len());
    for segment in &segments {
        plain.push(b'/');
        plain.extend_from_slice(segment);
    }
    if plain.is_empty() || ends_open {
        plain.push(b'/');
    }
    plain
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

    /// Each was read as a path below `/admin` by some website: nginx, nginx without
    /// `merge_slashes`, or Node's `URL`; the last by servlets.
    #[test]
    fn what_a_website_may_take_for_another_path_is_read_in_all_ways() {
        for sent in [
            "/admin/x",
            "/admin/%5c..%5c..%5cx",
            "/admin/\\..\\..\\x",
            "/admin//../secret",
            "/admin//..//x",
            "/admin/..%2fx",
            "/admin/..%2Fx",
            "/admin/%5c..",
            "//x/admin/",
            "/a\\..\\admin",
            "/a/%2e%2e/admin/",
            "/%61dmin",
            "/x/..;/admin/",
            "/admin;x/y",
        ] {
            let all = readings(sent);
            assert!(all.iter().any(|path| is_under(path, "/admin")), "{sent}");
            assert!(all.contains(&plain(sent)), "{sent}");
        }
        assert_eq!(readings("/a.b/c"), [plain("/a.b/c")]);
        assert_eq!(readings("*"), [plain("/")]);
        let elsewhere = readings("/administration//%2e;/x%20y");
        assert!(!elsewhere.iter().any(|path| is_under(path, "/admin")));
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
