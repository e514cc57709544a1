//! What the path of a request tells of its answer, where a log does not tell more.
//!
//! Most lines of a log are of assets, under few names. So what a name tells is remembered, and also
//! whether it alone makes a line count as nothing: such a line costs one look-up.

use super::summary::Why;
use crate::capture::asked::Asked;
use crate::capture::classify::{Answer, Class, classify, type_by_path};
use crate::model::PageKind;
use foldhash::fast::RandomState;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use memchr::memrchr;
use std::collections::HashMap;
use std::sync::Arc;

/// Names remembered.
const REMEMBERED: usize = 20_000;

/// Bytes of a name that is remembered.
const NAME_MAX: usize = 100;

/// What paths tell of answers.
#[derive(Default)]
pub struct Types {
    /// By the last part of a path, where that has a dot.
    names: HashMap<Box<[u8]>, Named, RandomState>,
    /// The headers that a type stands for.
    headers: HashMap<Option<&'static str>, Arc<HeaderMap>, RandomState>,
}

/// What the name of a file tells.
struct Named {
    headers: Arc<HeaderMap>,
    nothing: Option<Why>,
}

impl Types {
    /// The answer's headers, as far as its path tells.
    pub fn of(&mut self, path: &str) -> Arc<HeaderMap> {
        let name = name(path.as_bytes());
        if let Some(known) = self.names.get(name) {
            return known.headers.clone();
        }
        let kind = type_by_path(path);
        let headers = || {
            let kind = kind.map(|kind| (header::CONTENT_TYPE, HeaderValue::from_static(kind)));
            Arc::new(kind.into_iter().collect())
        };
        let headers = self.headers.entry(kind).or_insert_with(headers).clone();
        if name.contains(&b'.') && name.len() <= NAME_MAX {
            if self.names.len() >= REMEMBERED {
                self.names.clear();
            }
            let nothing = nothing(path, &headers);
            self.names.insert(name.into(), Named { headers: headers.clone(), nothing });
        }
        headers
    }

    /// Why a person's `GET` that was answered with 200 counts as nothing, if a path that was looked
    /// at before tells that, and no headers tell otherwise. `None`: it counts, or is not known.
    pub fn nothing(&self, path: &[u8]) -> Option<Why> {
        self.names.get(name(path))?.nothing
    }
}

fn nothing(path: &str, headers: &HeaderMap) -> Option<Why> {
    let (asking, answer) = (HeaderMap::new(), Answer::of(StatusCode::OK, headers));
    match classify(&Method::GET, Asked::of_some(&asking), path, answer, None) {
        Class::Page(PageKind::Ignored | PageKind::Unseen) | Class::Nothing => {
            Some(why_not(&Method::GET, answer))
        }
        Class::Page(_) | Class::Feed | Class::Download => None,
    }
}

/// Why what is no page, file or feed is none.
pub fn why_not(method: &Method, answer: Answer<'_>) -> Why {
    match answer.status.as_u16() {
        _ if method != Method::GET => Why::Method,
        300..=399 if answer.status != StatusCode::NOT_MODIFIED => Why::Redirect,
        206 => Why::Part,
        400..=599 => Why::Status,
        _ if answer.html => Why::Fetched,
        _ => Why::Asset,
    }
}

/// The last part of a path.
fn name(path: &[u8]) -> &[u8] {
    &path[memrchr(b'/', path).map_or(0, |at| at + 1)..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_name_alone_decides_is_plainly_nothing() {
        let mut types = Types::default();
        assert_eq!(types.nothing(b"/static/a.css"), None, "not seen before");
        for (path, expected) in [
            ("/static/a.css", Some(Why::Asset)),
            ("/a.js", Some(Why::Asset)),
            ("/a.png", Some(Why::Asset)),
            ("/data.json", Some(Why::Asset)),
            // Pages, feeds, and files that people save.
            ("/", None),
            ("/a", None),
            ("/a.html", None),
            ("/a.php", None),
            ("/v1.2", None),
            ("/feed.xml", None),
            ("/blog/index.rss", None),
            ("/a.pdf", None),
            ("/a.zip", None),
            ("/a.mp4", None),
            // Not remembered.
            ("/a.css/", None),
            ("/dir.css/page", None),
        ] {
            types.of(path);
            assert_eq!(types.nothing(path.as_bytes()), expected, "{path}");
        }
        assert_eq!(types.nothing(b"/\xff/a.css"), Some(Why::Asset), "whatever is before it");
        assert_eq!(types.nothing(b"a.css"), Some(Why::Asset));
    }

    #[test]
    fn names_are_bounded() {
        let mut types = Types::default();
        for i in 0..REMEMBERED + 10 {
            types.of(&format!("/{i}.css"));
            types.of(&format!("/{i}{}.css", "x".repeat(NAME_MAX)));
        }
        assert_eq!(types.names.len(), 10);
    }
}
