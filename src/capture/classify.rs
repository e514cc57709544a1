//! The rules of counting, for what headers alone decide.
//!
//! One table: who asks, how, and what the answer was. Bots come first (see
//! [`crate::visitor::bots`]), then 304s, then the answer's type, then prefetches, then its status.
//! Assets are never consulted: they come from caches and CDNs, and bots fetch them too.

use super::asked::Asked;
use crate::model::PageKind;
use http::{HeaderMap, Method, StatusCode, header};
use mime_guess::mime;

/// What a request to the website was answered with, to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// An HTML page (or a 304 that stands for one): gets a view id of this kind.
    Page(PageKind),
    /// A feed.
    Feed,
    /// A file that a person saves or opens: counted when it is sent.
    Download,
    /// Nothing of interest: assets, 304s of no page, redirects and HEAD without HTML.
    Nothing,
}

/// How the website answered.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    pub status: StatusCode,
    /// With `text/html` or `application/xhtml+xml`, whatever its parameters.
    pub html: bool,
    headers: &'a HeaderMap,
}

impl<'a> Answer<'a> {
    pub fn of(status: StatusCode, headers: &'a HeaderMap) -> Self {
        let html = content_type(headers).is_some_and(|t| {
            t.eq_ignore_ascii_case("text/html") || t.eq_ignore_ascii_case("application/xhtml+xml")
        });
        Self { status, html, headers }
    }

    /// With a feed. They have types of their own; many are sent as plain XML, where only the path
    /// tells.
    pub fn is_feed(self, path: &str) -> bool {
        const FEEDS: [&str; 3] =
            ["application/rss+xml", "application/atom+xml", "application/feed+json"];
        const XML: [&str; 2] = ["application/xml", "text/xml"];
        let kind = if self.html { None } else { content_type(self.headers) };
        let Some(kind) = kind else { return false };
        let is = |kinds: &[&str]| kinds.iter().any(|known| kind.eq_ignore_ascii_case(known));
        is(&FEEDS) || is(&XML) && looks_like_a_feed(path)
    }
}

/// Classifies an answer to a person's request. `known_html`: what this path last turned out to
/// be, for a 304 that doesn't say.
pub fn classify(
    method: &Method,
    asked: Asked<'_>,
    path: &str,
    answer: Answer<'_>,
    known_html: Option<bool>,
) -> Class {
    let Answer { status, html, headers } = answer;
    let page = |kind| Class::Page(kind);
    match (method, status.as_u16()) {
        (&Method::GET, 304) if asked.navigation || asked.prefetch() => {
            match known_html.unwrap_or_else(|| looks_like_html(path)) {
                true if asked.prefetch() => page(PageKind::Prefetch),
                true => page(PageKind::View),
                false => Class::Nothing,
            }
        }
        (_, 304) => Class::Nothing,
        (&Method::GET, 200..=299) if is_attachment(headers) => download(status, headers),
        (&Method::GET, 200) if answer.is_feed(path) => Class::Feed,
        (&Method::GET, 200..=299) if !html => download(status, headers),
        _ if !html => Class::Nothing,
        // Before the status: what is fetched ahead may never be seen, whatever it is.
        (&Method::GET, 200..=203 | 207..=299 | 404 | 410 | 500..=599) if asked.prefetch() => {
            page(PageKind::Prefetch)
        }
        (&Method::GET, 200..=203 | 207..=299) if asked.navigation => page(PageKind::View),
        (&Method::GET, 404 | 410 | 500..=599) if asked.navigation => page(PageKind::Error),
        (&Method::POST, 200..=299) if asked.navigation => page(PageKind::Unseen),
        _ => page(PageKind::Ignored),
    }
}

/// Whether a machine was given a page to read, and not a file, an error or a redirect.
/// `known_html`: as [`classify`] is told.
pub fn is_read(method: &Method, path: &str, answer: Answer<'_>, known_html: Option<bool>) -> bool {
    method == Method::GET
        && match answer.status {
            StatusCode::NOT_MODIFIED => known_html.unwrap_or_else(|| looks_like_html(path)),
            status => answer.html && status.is_success(),
        }
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::CONTENT_TYPE)?.as_bytes();
    let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
    str::from_utf8(value[..end].trim_ascii()).ok()
}

fn is_attachment(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_DISPOSITION).is_some_and(|v| {
        v.as_bytes().get(..10).is_some_and(|d| d.eq_ignore_ascii_case(b"attachment"))
    })
}

/// Whole, or a part.
fn download(status: StatusCode, answer: &HeaderMap) -> Class {
    let counts = match status.as_u16() {
        200 => true,
        206 => content_range(answer).is_some(),
        _ => false,
    };
    if counts && (is_attachment(answer) || content_type(answer).is_some_and(is_file_type)) {
        Class::Download
    } else {
        Class::Nothing
    }
}

/// The first byte of a part of a file, and the whole file's length where it is known:
/// `bytes 0-99/1000`. Several parts in one answer have none.
pub fn content_range(answer: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let range = str::from_utf8(answer.get(header::CONTENT_RANGE)?.as_bytes()).ok()?;
    let (unit, range) = range.trim().split_once(' ')?;
    let (part, length) = range.split_once('/')?;
    let (first, _) = part.split_once('-')?;
    let first = first.trim().parse().ok()?;
    unit.eq_ignore_ascii_case("bytes").then(|| (first, length.trim().parse().ok()))
}

/// `/feed/`, `/blog/rss.xml`, `/atom`.
fn looks_like_a_feed(path: &str) -> bool {
    let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    ["feed", "feeds", "rss", "rss2", "atom"].iter().any(|f| stem.eq_ignore_ascii_case(f))
        || name.rsplit_once('.').is_some_and(|(_, end)| {
            ["rss", "atom", "rdf"].iter().any(|f| end.eq_ignore_ascii_case(f))
        })
}

/// Documents, archives, programs and media: what people download rather than what pages are
/// made of.
fn is_file_type(content_type: &str) -> bool {
    const FILES: &[&str] = &[
        "pdf",
        "epub+zip",
        "rtf",
        "msword",
        "zip",
        "gzip",
        "x-gzip",
        "x-tar",
        "x-bzip2",
        "x-xz",
        "zstd",
        "x-7z-compressed",
        "x-rar-compressed",
        "vnd.rar",
        "java-archive",
        "octet-stream",
        "x-msdownload",
        "x-apple-diskimage",
        "x-iso9660-image",
        "x-debian-package",
        "vnd.debian.binary-package",
        "vnd.android.package-archive",
    ];
    const FAMILIES: &[&str] =
        &["vnd.ms-", "vnd.openxmlformats-officedocument", "vnd.oasis.opendocument"];
    let Some((kind, of)) = content_type.split_once('/') else { return false };
    let is = |known: &str| of.eq_ignore_ascii_case(known);
    let begins = |known: &&str| {
        of.as_bytes().get(..known.len()).is_some_and(|of| of.eq_ignore_ascii_case(known.as_bytes()))
    };
    // Nothing is allocated: every asset is asked.
    if kind.eq_ignore_ascii_case("application") {
        FILES.iter().any(|known| is(known)) || FAMILIES.iter().any(begins)
    } else if kind.eq_ignore_ascii_case("text") {
        is("csv") || is("calendar")
    } else {
        kind.eq_ignore_ascii_case("audio") || kind.eq_ignore_ascii_case("video")
    }
}

/// Whether a path's extension allows it to be a page. None, or one that is no known type
/// (`/v1.2`), does.
fn looks_like_html(path: &str) -> bool {
    const SCRIPTS: &[&str] = &["php", "asp", "aspx", "jsp", "cgi", "pl", "do", "cfm"];
    let name = path.rsplit('/').next().unwrap_or(path);
    let Some((_, extension)) = name.rsplit_once('.') else { return true };
    if SCRIPTS.iter().any(|s| extension.eq_ignore_ascii_case(s)) {
        return true;
    }
    match mime_guess::from_ext(extension).first() {
        None => true,
        Some(guess) => guess == mime::TEXT_HTML || guess.essence_str() == "application/xhtml+xml",
    }
}

/// The type that an answer under a path has, as far as the path tells: where nothing else does.
pub fn type_by_path(path: &str) -> Option<&'static str> {
    if !looks_like_html(path) {
        let (_, extension) = path.rsplit_once('.')?;
        return mime_guess::from_ext(extension).first_raw();
    }
    Some(if looks_like_a_feed(path) { "application/rss+xml" } else { "text/html" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn headers(list: &[(&str, &str)]) -> HeaderMap {
        list.iter()
            .map(|(n, v)| {
                let name = HeaderName::from_bytes(n.as_bytes()).unwrap();
                (name, HeaderValue::from_str(v).unwrap())
            })
            .collect()
    }

    const NAVIGATE: &[(&str, &str)] =
        &[("sec-fetch-dest", "document"), ("sec-fetch-mode", "navigate")];
    const HTML: &[(&str, &str)] = &[("content-type", "text/html; charset=utf-8")];

    fn class(
        method: &str,
        ask: &[(&str, &str)],
        path: &str,
        status: u16,
        answer: &[(&str, &str)],
    ) -> Class {
        let asking = headers(ask);
        let asked = Asked::of(&asking);
        let status = StatusCode::from_u16(status).unwrap();
        let sent = headers(answer);
        classify(&method.parse().unwrap(), asked, path, Answer::of(status, &sent), None)
    }

    #[test]
    fn the_table() {
        use Class::{Download, Feed, Nothing, Page};
        use PageKind::{Error, Ignored, Prefetch, Unseen, View};
        type Row<'a> =
            (&'a str, &'a [(&'a str, &'a str)], &'a str, u16, &'a [(&'a str, &'a str)], Class);
        let prefetch = &[("sec-purpose", "prefetch;prerender"), ("sec-fetch-dest", "document")];
        let pdf = &[("content-type", "application/pdf")];
        let attached =
            &[("content-type", "text/html"), ("content-disposition", "Attachment; filename=x")];
        let rows: &[Row] = &[
            ("GET", NAVIGATE, "/", 200, HTML, Page(View)),
            ("GET", NAVIGATE, "/", 203, HTML, Page(View)),
            ("GET", NAVIGATE, "/", 200, &[("content-type", "application/xhtml+xml")], Page(View)),
            ("GET", NAVIGATE, "/", 200, &[("content-type", "TEXT/HTML")], Page(View)),
            ("GET", NAVIGATE, "/", 200, &[("content-type", "application/json")], Nothing),
            ("GET", NAVIGATE, "/", 204, HTML, Page(Ignored)),
            ("GET", NAVIGATE, "/", 205, HTML, Page(Ignored)),
            ("GET", NAVIGATE, "/", 206, HTML, Page(Ignored)),
            ("GET", NAVIGATE, "/a", 304, &[], Page(View)),
            ("GET", NAVIGATE, "/a.html", 304, &[], Page(View)),
            ("GET", NAVIGATE, "/a.php", 304, &[], Page(View)),
            ("GET", NAVIGATE, "/v1.2", 304, &[], Page(View)),
            ("GET", NAVIGATE, "/a.pdf", 304, &[], Nothing),
            ("GET", NAVIGATE, "/a.png", 304, &[], Nothing),
            ("GET", &[("sec-fetch-dest", "image")], "/a", 304, &[], Nothing),
            ("GET", prefetch, "/", 200, HTML, Page(Prefetch)),
            ("GET", &[("x-moz", "prefetch"), ("accept", "*/*")], "/", 200, HTML, Page(Prefetch)),
            ("GET", &[("purpose", "prefetch")], "/a", 304, &[], Page(Prefetch)),
            ("GET", prefetch, "/", 404, HTML, Page(Prefetch)),
            ("GET", prefetch, "/", 403, HTML, Page(Ignored)),
            ("GET", prefetch, "/a.css", 200, &[("content-type", "text/css")], Nothing),
            ("GET", NAVIGATE, "/", 404, HTML, Page(Error)),
            ("GET", NAVIGATE, "/", 410, HTML, Page(Error)),
            ("GET", NAVIGATE, "/", 503, HTML, Page(Error)),
            ("GET", NAVIGATE, "/", 403, HTML, Page(Ignored)),
            ("GET", NAVIGATE, "/", 404, &[("content-type", "text/plain")], Nothing),
            ("GET", &[("sec-fetch-dest", "image")], "/x.png", 404, HTML, Page(Ignored)),
            ("GET", NAVIGATE, "/", 302, HTML, Page(Ignored)),
            ("HEAD", NAVIGATE, "/", 200, HTML, Page(Ignored)),
            ("POST", NAVIGATE, "/", 200, HTML, Page(Unseen)),
            ("POST", NAVIGATE, "/", 404, HTML, Page(Ignored)),
            ("GET", &[("sec-fetch-dest", "iframe")], "/", 200, HTML, Page(Ignored)),
            ("GET", &[("sec-fetch-dest", "empty")], "/", 200, HTML, Page(Ignored)),
            ("GET", &[("accept", "text/html,*/*;q=0.8")], "/", 200, HTML, Page(View)),
            ("GET", &[("accept", "application/xml, Text/HTML")], "/", 200, HTML, Page(View)),
            ("GET", &[("accept", "*/*")], "/", 200, HTML, Page(Ignored)),
            (
                "GET",
                &[("accept", "text/html"), ("x-requested-with", "XMLHttpRequest")],
                "/",
                200,
                HTML,
                Page(Ignored),
            ),
            (
                "GET",
                &[("accept", "text/html"), ("x-requested-with", "com.facebook.katana")],
                "/",
                200,
                HTML,
                Page(View),
            ),
            ("GET", &[("accept", "text/html"), ("x-pjax", "true")], "/", 200, HTML, Page(Ignored)),
            ("GET", &[("hx-preloaded", "true"), ("accept", "*/*")], "/", 200, HTML, Page(Prefetch)),
            (
                "GET",
                &[("hx-preloaded", "true"), ("hx-request", "true"), ("sec-fetch-dest", "empty")],
                "/",
                200,
                HTML,
                Page(Ignored),
            ),
            (
                "GET",
                &[("accept", "text/html"), ("sec-fetch-site", "same-origin")],
                "/",
                200,
                HTML,
                Page(Ignored),
            ),
            ("GET", NAVIGATE, "/a.pdf", 200, pdf, Download),
            ("GET", NAVIGATE, "/a", 200, attached, Download),
            (
                "GET",
                &[("sec-fetch-dest", "video")],
                "/a.mp4",
                206,
                &[("content-type", "video/mp4"), ("content-range", "bytes 0-99/1000")],
                Download,
            ),
            (
                "GET",
                &[("sec-fetch-dest", "video")],
                "/a.mp4",
                206,
                &[("content-type", "video/mp4"), ("content-range", "bytes 100-199/*")],
                Download,
            ),
            (
                "GET",
                NAVIGATE,
                "/a.mp4",
                206,
                &[("content-type", "video/mp4"), ("content-range", "bytes */1000")],
                Nothing,
            ),
            ("HEAD", NAVIGATE, "/a.pdf", 200, pdf, Nothing),
            ("GET", NAVIGATE, "/x", 200, &[("content-type", "application/atom+xml; a=b")], Feed),
            ("HEAD", NAVIGATE, "/x", 200, &[("content-type", "application/rss+xml")], Nothing),
            ("GET", NAVIGATE, "/blog/rss.xml", 200, &[("content-type", "text/xml")], Feed),
            ("GET", NAVIGATE, "/feed/", 200, &[("content-type", "application/xml")], Feed),
            ("GET", NAVIGATE, "/sitemap.xml", 200, &[("content-type", "text/xml")], Nothing),
            ("GET", NAVIGATE, "/a.pdf", 404, pdf, Nothing),
            (
                "GET",
                &[("sec-fetch-dest", "script")],
                "/a.js",
                200,
                &[("content-type", "text/javascript")],
                Nothing,
            ),
        ];
        for (method, ask, path, status, answer, expected) in rows {
            let got = class(method, ask, path, *status, answer);
            assert_eq!(got, *expected, "{method} {path} {ask:?} → {status} {answer:?}");
        }
    }

    #[test]
    fn turbo_and_htmx_swap_pages() {
        let boosted = |list| Asked::of(&headers(list)).boosted();
        assert!(boosted(&[("x-turbo-request-id", "1"), ("sec-fetch-dest", "empty")]));
        assert!(!boosted(&[("x-turbo-request-id", "1"), ("turbo-frame", "comments")]));
        assert!(boosted(&[("hx-request", "true"), ("hx-boosted", "true")]));
        assert!(!boosted(&[("hx-request", "true")]));
    }

    #[test]
    fn what_a_path_was_last_decides_a_304() {
        let asking = headers(NAVIGATE);
        let asked = Asked::of(&asking);
        let nothing = HeaderMap::new();
        let answer = Answer::of(StatusCode::NOT_MODIFIED, &nothing);
        let not_modified = |path, known| classify(&Method::GET, asked, path, answer, known);
        assert_eq!(not_modified("/report", Some(false)), Class::Nothing);
        assert_eq!(not_modified("/page.pdf", Some(true)), Class::Page(PageKind::View));
    }
}
