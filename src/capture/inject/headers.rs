//! The headers of a page that gets the tag: may it be added, and what is then true of the page.

use super::{Policies, etag};
use crate::coding::Coding;
use crate::telemetry::Untagged;
use crate::text;
use encoding_rs::Encoding;
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING,
    CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY_REPORT_ONLY, CONTENT_TYPE,
    ETAG, IF_MATCH, IF_NONE_MATCH,
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

/// What becomes of pages that come compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compressed {
    /// They are decoded and coded again.
    Recode,
    /// The website is asked for pages that are not; what comes compressed all the same is recoded.
    Identity,
    /// They are left alone.
    Leave,
}

/// Asks the website for a page as it is.
pub fn ask_for_identity(request: &mut RequestHeader) {
    let _ = request.insert_header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
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

/// What is to become of a response's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prepared {
    /// No page, or none that is whole.
    NoPage,
    /// A page that stays as it is.
    Left(Untagged),
    /// A page that is to go through a [`Page`](super::Page), coded in this way.
    Page(Option<Coding>),
}

/// Decides whether a page may get the tag, but for its policies: from its headers.
pub fn judge_response(response: &ResponseHeader, compressed: Compressed) -> Prepared {
    let headers = &response.headers;
    if !carries_a_page(response.status)
        || !has_body(headers)
        || headers.get_all(CONTENT_DISPOSITION).iter().any(is_attachment)
    {
        return Prepared::NoPage;
    }
    let content_type = text::header(headers, CONTENT_TYPE).unwrap_or_default();
    if let Err(why) = injectable(&content_type) {
        return why.map_or(Prepared::NoPage, Prepared::Left);
    }
    if listed(headers, CACHE_CONTROL).any(|directive| is(directive, "no-transform")) {
        return Prepared::Left(Untagged::NoTransform);
    }
    let mut codings = listed(headers, CONTENT_ENCODING).filter(|coding| !is(coding, "identity"));
    match (codings.next(), codings.next(), compressed) {
        (None, ..) => Prepared::Page(None),
        (Some(coding), None, Compressed::Recode | Compressed::Identity) => {
            let coding = Coding::named(coding.trim_ascii());
            coding.map_or(Prepared::Left(Untagged::Coding), |coding| Prepared::Page(Some(coding)))
        }
        _ => Prepared::Left(Untagged::Coding),
    }
}

/// The policies that hold for a page, by its headers.
pub fn policies(headers: &HeaderMap) -> Policies {
    let all = |name| {
        let lines = headers.get_all(name).iter();
        lines.map(|line| text::lenient(line.as_bytes()).into_owned()).collect()
    };
    Policies {
        enforced: all(CONTENT_SECURITY_POLICY),
        reported: all(CONTENT_SECURITY_POLICY_REPORT_ONLY),
    }
}

/// Makes a response's headers those of the page with the tag. How long it becomes is not known
/// ahead: what the page's own markup says of scripts decides.
pub fn prepare_response(response: &mut ResponseHeader) {
    response.remove_header(&CONTENT_LENGTH);
    if let Some(marked) = response.headers.get(ETAG).and_then(etag::mark) {
        insert(response, ETAG, marked);
    }
    drop_claims_about_bytes(response);
}

/// The client's copy has the tag in it and goes by our ETag; so must what confirms it, or its
/// next question would be with the website's.
pub fn prepare_not_modified(response: &mut ResponseHeader, asked: &Asked) {
    let Some(etag) = response.headers.get(ETAG) else { return };
    if let Some(held) = asked.if_none_match.iter().find_map(|list| etag::held(list, etag)) {
        insert(response, ETAG, held);
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

/// Whether a body of this `Content-Type` can take the tag: `text/html` in an encoding in which
/// ASCII is ASCII. Not XHTML, where a browser shows an error page in place of a page that is not
/// well-formed to the last byte.
fn injectable(content_type: &str) -> Result<(), Option<Untagged>> {
    let mut parts = content_type.split(';');
    let kind = parts.next().unwrap_or_default().as_bytes();
    if is(kind, "application/xhtml+xml") {
        return Err(Some(Untagged::Xhtml));
    }
    if !is(kind, "text/html") {
        return Err(None);
    }
    let charset = parts.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        is(name.as_bytes(), "charset").then(|| value.trim().trim_matches('"'))
    });
    // A label that no browser knows decides nothing there either.
    let encoding = charset.and_then(|label| Encoding::for_label(label.as_bytes()));
    match encoding.is_none_or(Encoding::is_ascii_compatible) {
        true => Ok(()),
        false => Err(Some(Untagged::Charset)),
    }
}

/// Whether there is a body into which the tag could go. Of a length that cannot be read nothing is
/// known.
fn has_body(headers: &HeaderMap) -> bool {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let length = lengths.next();
    let length =
        length.map(|length| length.to_str().ok().and_then(|n| n.trim().parse::<u64>().ok()));
    lengths.next().is_none() && length.is_none_or(|length| length.is_some_and(|n| n > 0))
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
        prepare_response(&mut page);
        assert_eq!(
            shown(&page.headers),
            [
                "cache-control: max-age=60",
                "content-type: text/html; charset=utf-8",
                "etag: W/\"v1-hc\"",
                "last-modified: Tue, 01 Apr 2025 00:00:00 GMT",
            ]
        );
    }

    #[test]
    fn pages_are_told_from_what_is_none_and_what_must_stay() {
        const HTML: (&str, &str) = ("content-type", "text/html");
        const fn coded(coding: &'static str) -> (&'static str, &'static str) {
            ("content-encoding", coding)
        }
        let left = Prepared::Left;
        type Fields<'a> = &'a [(&'static str, &'a str)];
        let answers: &[(u16, Fields<'_>, Prepared)] = &[
            (200, &[HTML], Prepared::Page(None)),
            (201, &[HTML, ("content-length", "9")], Prepared::Page(None)),
            (404, &[HTML], Prepared::Page(None)),
            (503, &[HTML], Prepared::Page(None)),
            (200, &[HTML, coded("Identity")], Prepared::Page(None)),
            (200, &[HTML, ("content-disposition", "inline")], Prepared::Page(None)),
            (200, &[HTML, coded("GZip")], Prepared::Page(Some(Coding::Gzip))),
            (200, &[HTML, coded("identity, br")], Prepared::Page(Some(Coding::Brotli))),
            (200, &[HTML, coded("zstd")], Prepared::Page(Some(Coding::Zstd))),
            (200, &[HTML, coded("deflate")], left(Untagged::Coding)),
            (200, &[HTML, coded("gzip, br")], left(Untagged::Coding)),
            (200, &[HTML, coded("gzip"), coded("br")], left(Untagged::Coding)),
            (200, &[("content-type", "application/xhtml+xml")], left(Untagged::Xhtml)),
            (200, &[("content-type", "text/html; charset=UTF-16LE")], left(Untagged::Charset)),
            (
                200,
                &[HTML, ("cache-control", "public"), ("cache-control", "max-age=1, No-Transform")],
                left(Untagged::NoTransform),
            ),
            (200, &[], Prepared::NoPage),
            (200, &[("content-type", "text/css"), coded("br")], Prepared::NoPage),
            (
                200,
                &[HTML, ("content-disposition", "Attachment; filename=\"a.html\"")],
                Prepared::NoPage,
            ),
            (200, &[HTML, ("content-length", "0")], Prepared::NoPage),
            (404, &[HTML, ("content-length", "0")], Prepared::NoPage),
            (200, &[HTML, ("content-length", "7 bytes")], Prepared::NoPage),
            (204, &[HTML], Prepared::NoPage),
            (206, &[HTML, coded("gzip"), ("content-range", "bytes 0-1/9")], Prepared::NoPage),
            (301, &[HTML, ("content-length", "9")], Prepared::NoPage),
        ];
        for (status, headers, expected) in answers {
            let judged = judge_response(&response(*status, headers), Compressed::Recode);
            assert_eq!(judged, *expected, "{status} {headers:?}");
        }
        let page = response(200, &[HTML, coded("gzip")]);
        assert_eq!(judge_response(&page, Compressed::Leave), left(Untagged::Coding));
        let page = response(200, &[HTML]);
        assert_eq!(judge_response(&page, Compressed::Leave), Prepared::Page(None));
    }

    #[test]
    fn revalidation_goes_there_and_back() {
        for (own, marked, confirms) in [
            ("\"v1\"", "W/\"v1-hc\"", "\"v1\""),
            ("W/\"v1\"", "W/\"v1-hcw\"", "W/\"v1\""),
            ("W/\"v1\"", "W/\"v1-hcw\"", "\"v1\""),
            ("\"v1\"", "W/\"v1-hc\"", "W/\"v1\""),
        ] {
            let mut asking = request(&[("if-none-match", marked), ("accept", "text/html")]);
            let asked = prepare_request(&mut asking);
            assert_eq!(
                shown(&asking.headers),
                ["accept: text/html".to_owned(), format!("if-none-match: {own}")]
            );

            let mut confirmed = response(304, &[("etag", confirms), ("content-length", "100")]);
            prepare_not_modified(&mut confirmed, &asked);
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
        prepare_not_modified(&mut confirmed, &asked);
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
            assert_eq!(injectable(yes), Ok(()), "{yes}");
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
            assert!(injectable(no).is_err(), "{no}");
        }
    }
}
