//! The headers of a page that gets the tag: may it be added, and what is then true of the page.

use super::etag;
use crate::text;
use encoding_rs::Encoding;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH,
    CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use pingora::http::{RequestHeader, ResponseHeader};

/// Digests of the very bytes sent; with the tag in between they are wrong.
const DIGESTS: [HeaderName; 4] = [
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("repr-digest"),
];

/// What the client asked with, where the website was asked with something else.
#[derive(Debug, Default)]
pub struct Asked {
    /// Its `If-None-Match`, if that held an ETag of ours.
    if_none_match: Vec<HeaderValue>,
}

/// Turns our ETags in a request for the website back into its own. Not in `If-Range`: a part of the
/// website's page is none of the client's, so the website must not find them equal.
pub fn prepare_request(request: &mut RequestHeader) -> Asked {
    restore(request, IF_MATCH);
    Asked { if_none_match: restore(request, IF_NONE_MATCH) }
}

/// The lines of a header as they came, if one of them held an ETag of ours.
fn restore(request: &mut RequestHeader, name: HeaderName) -> Vec<HeaderValue> {
    let lines = request.headers.get_all(&name);
    if lines.iter().all(|line| etag::restore(line).is_none()) {
        return Vec::new();
    }
    let sent: Vec<HeaderValue> = lines.iter().cloned().collect();
    request.remove_header(&name);
    for line in &sent {
        // Refused only by a map that is full, and one of its entries has just gone.
        let restored = etag::restore(line).unwrap_or_else(|| line.clone());
        let _ = request.append_header(name.clone(), restored);
    }
    sent
}

/// Makes a response's headers those of the page with a tag of `tag_len` bytes. True: its body,
/// which an answer to HEAD lacks, is to go through an [`Injector`](super::Injector). False: it is
/// left alone, but for a 304 that confirms a page with the tag in it.
pub fn prepare_response(response: &mut ResponseHeader, tag_len: usize, asked: &Asked) -> bool {
    if response.status == StatusCode::NOT_MODIFIED {
        prepare_not_modified(response, asked);
        return false;
    }
    let Some(length) = length_with(&response.headers, tag_len) else { return false };
    if !carries_a_page(response.status) || !may_be_changed(&response.headers) {
        return false;
    }
    if let Some(length) = length {
        insert(response, CONTENT_LENGTH, length.into());
    }
    if let Some(marked) = response.headers.get(ETAG).and_then(etag::mark) {
        insert(response, ETAG, marked);
    }
    drop_claims_about_bytes(response);
    true
}

/// The client's copy has the tag in it and goes by our ETag; so must what confirms it, or its
/// next question would be with the website's.
fn prepare_not_modified(response: &mut ResponseHeader, asked: &Asked) {
    let Some(marked) = response.headers.get(ETAG).and_then(etag::mark) else { return };
    if asked.if_none_match.iter().any(|list| etag::holds(list, &marked)) {
        insert(response, ETAG, marked);
        // It would speak of the website's page (RFC 9110 §8.6).
        response.remove_header(&CONTENT_LENGTH);
        drop_claims_about_bytes(response);
    }
}

fn drop_claims_about_bytes(response: &mut ResponseHeader) {
    // A range of the website's page would not fit the client's.
    response.remove_header(&ACCEPT_RANGES);
    for digest in &DIGESTS {
        response.remove_header(digest);
    }
}

fn insert(response: &mut ResponseHeader, name: HeaderName, value: HeaderValue) {
    // Only replaces what is there, so the map cannot be full.
    let _ = response.insert_header(name, value);
}

/// Also error pages: the script's beacon tells that a person saw them.
fn carries_a_page(status: StatusCode) -> bool {
    match status {
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::PARTIAL_CONTENT => false,
        _ => status.is_success() || status.is_client_error() || status.is_server_error(),
    }
}

/// Whether a page is left without the tag for no other reason than that it comes compressed.
pub fn is_compressed_page(response: &ResponseHeader) -> bool {
    let headers = &response.headers;
    carries_a_page(response.status) && is_coded(headers) && may_be_changed_once_decoded(headers)
}

fn is_coded(headers: &HeaderMap) -> bool {
    !listed(headers, CONTENT_ENCODING).all(|coding| is(coding, "identity"))
}

fn may_be_changed(headers: &HeaderMap) -> bool {
    !is_coded(headers) && may_be_changed_once_decoded(headers)
}

fn may_be_changed_once_decoded(headers: &HeaderMap) -> bool {
    let content_type = text::header(headers, CONTENT_TYPE);
    content_type.is_some_and(|kind| injectable(&kind))
        && !listed(headers, CACHE_CONTROL).any(|directive| is(directive, "no-transform"))
        && !headers.get_all(CONTENT_DISPOSITION).iter().any(is_attachment)
}

/// Whether a body of this `Content-Type` can take the tag: `text/html` in an encoding in which
/// ASCII is ASCII. Not XHTML, where a browser shows an error page in place of a page that is not
/// well-formed to the last byte.
pub fn injectable(content_type: &str) -> bool {
    let mut parts = content_type.split(';');
    let html = parts.next().is_some_and(|kind| is(kind.as_bytes(), "text/html"));
    let charset = parts.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        is(name.as_bytes(), "charset").then(|| value.trim().trim_matches('"'))
    });
    // A label that no browser knows decides nothing there either.
    let encoding = charset.and_then(|label| Encoding::for_label(label.as_bytes()));
    html && encoding.is_none_or(Encoding::is_ascii_compatible)
}

/// `Some(None)`: no length given. `None`: one that cannot be added to, or is that of nothing: then
/// there is no body into which the tag could go.
fn length_with(headers: &HeaderMap, tag_len: usize) -> Option<Option<usize>> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    match (lengths.next(), lengths.next()) {
        (None, _) => Some(None),
        (Some(length), None) => {
            let length = length.to_str().ok()?.trim().parse::<usize>().ok()?;
            (length > 0).then(|| length.checked_add(tag_len)).flatten().map(Some)
        }
        (Some(_), Some(_)) => None,
    }
}

/// The elements of a comma-separated header, over all its lines.
fn listed(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &[u8]> {
    headers.get_all(name).into_iter().flat_map(|line| line.as_bytes().split(|&b| b == b','))
}

fn is_attachment(disposition: &HeaderValue) -> bool {
    disposition.as_bytes().split(|&b| b == b';').next().is_some_and(|kind| is(kind, "attachment"))
}

fn is(text: &[u8], word: &str) -> bool {
    text.trim_ascii().eq_ignore_ascii_case(word.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: usize = 43;

    fn response(status: u16, headers: &[(&'static str, &str)]) -> ResponseHeader {
        let mut response = ResponseHeader::build(status, None).unwrap();
        for (name, value) in headers {
            response.append_header(*name, *value).unwrap();
        }
        response
    }

    fn request(headers: &[(&'static str, &str)]) -> RequestHeader {
        let mut request = RequestHeader::build("GET", b"/", None).unwrap();
        for (name, value) in headers {
            request.append_header(*name, *value).unwrap();
        }
        request
    }

    fn shown(headers: &HeaderMap) -> Vec<String> {
        let mut shown: Vec<_> =
            headers.iter().map(|(k, v)| format!("{k}: {}", v.to_str().unwrap())).collect();
        shown.sort();
        shown
    }

    #[test]
    fn a_page_gets_the_headers_of_the_page_with_the_tag() {
        let mut page = response(
            200,
            &[
                ("content-type", "text/html; charset=utf-8"),
                ("content-length", "100"),
                ("etag", "\"v1\""),
                ("last-modified", "Tue, 01 Apr 2025 00:00:00 GMT"),
                ("accept-ranges", "bytes"),
                ("content-md5", "x"),
                ("digest", "x"),
                ("repr-digest", "x"),
                ("content-digest", "x"),
                ("cache-control", "max-age=60"),
            ],
        );
        assert!(prepare_response(&mut page, TAG, &Asked::default()));
        assert_eq!(
            shown(&page.headers),
            [
                "cache-control: max-age=60",
                "content-length: 143",
                "content-type: text/html; charset=utf-8",
                "etag: W/\"v1-hc\"",
                "last-modified: Tue, 01 Apr 2025 00:00:00 GMT",
            ]
        );
    }

    #[test]
    fn a_page_without_length_or_etag_gets_none() {
        for status in [200, 201, 404, 410, 500, 503] {
            let mut page = response(status, &[("content-type", "text/html")]);
            assert!(prepare_response(&mut page, TAG, &Asked::default()), "{status}");
            assert_eq!(shown(&page.headers), ["content-type: text/html"]);
        }
    }

    #[test]
    fn everything_else_is_left_alone() {
        let html = ("content-type", "text/html");
        let others: &[(u16, &[(&'static str, &str)])] = &[
            (200, &[]),
            (200, &[("content-type", "text/css")]),
            (200, &[("content-type", "application/xhtml+xml")]),
            (200, &[("content-type", "text/html; charset=UTF-16LE")]),
            (200, &[html, ("content-encoding", "gzip")]),
            (200, &[html, ("content-encoding", "identity, br")]),
            (
                200,
                &[html, ("cache-control", "public"), ("cache-control", "max-age=1, No-Transform")],
            ),
            (200, &[html, ("content-disposition", "Attachment; filename=\"a.html\"")]),
            (200, &[html, ("content-length", "0")]),
            (404, &[html, ("content-length", "0")]),
            (200, &[html, ("content-length", "7 bytes")]),
            (200, &[html, ("content-length", "18446744073709551615")]),
            (204, &[html]),
            (206, &[html, ("content-range", "bytes 0-1/9"), ("content-length", "2")]),
            (301, &[html, ("content-length", "9")]),
            (304, &[html, ("etag", "\"v1\"")]),
        ];
        for (status, headers) in others {
            let headers = [*headers, &[("accept-ranges", "bytes")]].concat();
            let mut left = response(*status, &headers);
            assert!(!prepare_response(&mut left, TAG, &Asked::default()), "{status} {headers:?}");
            assert_eq!(shown(&left.headers), shown(&response(*status, &headers).headers));
        }
        let mut identity = response(200, &[html, ("content-encoding", "Identity")]);
        assert!(prepare_response(&mut identity, TAG, &Asked::default()));
        let mut inline = response(200, &[html, ("content-disposition", "inline")]);
        assert!(prepare_response(&mut inline, TAG, &Asked::default()));
    }

    #[test]
    fn only_a_page_that_would_get_the_tag_is_missed() {
        let html = ("content-type", "text/html");
        let coded = |coding| ("content-encoding", coding);
        let answers = [
            (200, &[html, coded("gzip")][..], true),
            (404, &[html, coded("identity, zstd")], true),
            (200, &[html], false),
            (200, &[html, coded("identity")], false),
            (206, &[html, coded("br")], false),
            (200, &[("content-type", "text/css"), coded("br")], false),
            (200, &[html, coded("br"), ("cache-control", "no-transform")], false),
        ];
        for (status, headers, missed) in answers {
            let page = response(status, headers);
            assert_eq!(is_compressed_page(&page), missed, "{status} {headers:?}");
        }
    }

    #[test]
    fn revalidation_goes_there_and_back() {
        for (own, marked) in [("\"v1\"", "W/\"v1-hc\""), ("W/\"v1\"", "W/\"v1-hcw\"")] {
            let mut asking = request(&[("if-none-match", marked), ("accept", "text/html")]);
            let asked = prepare_request(&mut asking);
            assert_eq!(
                shown(&asking.headers),
                ["accept: text/html".to_owned(), format!("if-none-match: {own}")]
            );

            let mut confirmed = response(304, &[("etag", own), ("content-length", "100")]);
            assert!(!prepare_response(&mut confirmed, TAG, &asked));
            assert_eq!(shown(&confirmed.headers), [format!("etag: {marked}")]);
        }
    }

    #[test]
    fn what_is_changed_only_if_unchanged_is_the_websites_page() {
        let mut asking =
            request(&[("if-match", "\"x\", W/\"v1-hc\""), ("if-range", "W/\"v1-hc\"")]);
        prepare_request(&mut asking);
        assert_eq!(shown(&asking.headers), ["if-match: \"x\", \"v1\"", "if-range: W/\"v1-hc\""]);
    }

    #[test]
    fn several_lines_keep_their_order() {
        let mut asking =
            request(&[("if-none-match", "\"a\", W/\"b-hc\""), ("if-none-match", "W/\"c\"")]);
        let asked = prepare_request(&mut asking);
        let lines: Vec<_> = asking.headers.get_all(IF_NONE_MATCH).iter().collect();
        assert_eq!(lines, ["\"a\", \"b\"", "W/\"c\""]);

        // The copy without the tag was confirmed: its ETag is the website's own.
        let mut confirmed = response(304, &[("etag", "\"a\"")]);
        prepare_response(&mut confirmed, TAG, &asked);
        assert_eq!(confirmed.headers[ETAG], "\"a\"");
    }

    #[test]
    fn a_request_without_our_etags_is_left_alone() {
        for sent in ["*", "\"a\"", "W/\"a\"", "\"a-hc\"", "rubbish"] {
            let mut asking = request(&[("if-none-match", sent)]);
            assert!(prepare_request(&mut asking).if_none_match.is_empty());
            assert_eq!(asking.headers[IF_NONE_MATCH], sent);
        }
    }

    #[test]
    fn html_in_an_ascii_compatible_encoding_is_injectable() {
        for yes in [
            "text/html",
            "Text/HTML ; Charset=\"utf-8\"",
            "text/html; charset=windows-1252",
            "text/html; charset=Shift_JIS",
            "text/html; charset=no-such-thing",
            "text/html; profile=x; charset=gb18030",
        ] {
            assert!(injectable(yes), "{yes}");
        }
        for no in [
            "",
            "text/plain",
            "text/htmlx",
            "application/xhtml+xml",
            "text/html; charset=utf-16",
            "text/html;charset=UTF-16BE",
            "text/html; charset=\"unicode\"",
            "text/html; charset=iso-2022-jp",
            "text/html; charset=hz-gb-2312",
        ] {
            assert!(!injectable(no), "{no}");
        }
    }
}
