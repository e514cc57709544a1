//! Compresses answers that the website sent uncompressed: gzip, br or zstd, as the client accepts.
//!
//! It stands in the place of Pingora's own module, so that what the website flushes reaches the client
//! at once, events of a stream too. It comes after analytics: a page has its tag by then.

use crate::coding::{Coding, Encoder};
use async_trait::async_trait;
use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_TYPE, ETAG, IF_NONE_MATCH, TRAILER, TRANSFER_ENCODING, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::{HttpModule, HttpModuleBuilder, Module};
use pingora::{Error, ErrorType, Result};
use std::any::Any;
use std::sync::{Mutex, PoisonError};

/// Of codings that the client likes equally, the first: it costs least for what it saves.
const PREFERRED: [Coding; 3] = [Coding::Zstd, Coding::Brotli, Coding::Gzip];

/// Digests of the very bytes that the website sent.
const DIGESTS: [HeaderName; 4] = [
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("repr-digest"),
];

/// Media types beside `text/*`, `*+json` and `*+xml` that are worth it.
const TYPES: [&str; 12] = [
    "application/javascript",
    "application/json",
    "application/manifest",
    "application/vnd.ms-fontobject",
    "application/wasm",
    "application/x-javascript",
    "application/x-ndjson",
    "application/xml",
    "font/otf",
    "font/ttf",
    "image/bmp",
    "image/x-icon",
];

/// Compresses the answers to all requests.
pub struct Compression {
    /// Bytes; shorter answers are not worth it.
    pub min_size: u64,
}

impl HttpModuleBuilder for Compression {
    fn init(&self) -> Module {
        Box::new(Compress { min_size: self.min_size, ..Compress::default() })
    }
}

/// The answer to one request.
#[derive(Default)]
struct Compress {
    min_size: u64,
    /// What the client likes best.
    coding: Option<Coding>,
    is_head: bool,
    if_none_match: Option<HeaderValue>,
    /// The mutex only makes it `Sync`, which a module must be. It is never locked.
    encoder: Option<Mutex<Encoder>>,
}

#[async_trait]
impl HttpModule for Compress {
    async fn request_header_filter(&mut self, request: &mut RequestHeader) -> Result<()> {
        // HTTP/1.0 knows no chunks.
        self.coding = match request.version {
            Version::HTTP_10 => None,
            _ => best(&request.headers),
        };
        self.is_head = request.method == Method::HEAD;
        self.if_none_match = request.headers.get(IF_NONE_MATCH).cloned();
        Ok(())
    }

    async fn response_header_filter(
        &mut self,
        response: &mut ResponseHeader,
        end: bool,
    ) -> Result<()> {
        if response.status == StatusCode::NOT_MODIFIED {
            self.confirm(response);
            return Ok(());
        }
        if (end && !self.is_head) || !self.is_worth_it(response) {
            return Ok(());
        }
        add_vary(response);
        let Some(coding) = self.coding else { return Ok(()) };
        if !self.is_head {
            let Ok(encoder) = Encoder::new(coding) else { return Ok(()) };
            self.encoder = Some(Mutex::new(encoder));
        }
        response.insert_header(CONTENT_ENCODING, coding.as_str())?;
        response.insert_header(TRANSFER_ENCODING, "chunked")?;
        if let Some(weak) = response.headers.get(ETAG).and_then(weakened) {
            response.insert_header(ETAG, weak)?;
        }
        drop_claims_about_bytes(response);
        Ok(())
    }

    fn response_body_filter(&mut self, body: &mut Option<Bytes>, end: bool) -> Result<()> {
        let Some(encoder) = &mut self.encoder else { return Ok(()) };
        let encoder = encoder.get_mut().unwrap_or_else(PoisonError::into_inner);
        let text = body.take().unwrap_or_default();
        let mut out = Vec::new();
        let coded = match (text.is_empty(), end) {
            (true, false) => Ok(()),
            (_, true) => encoder.write(&text, &mut out).and_then(|()| encoder.finish(&mut out)),
            (false, false) => encoder.write(&text, &mut out).and_then(|()| encoder.flush(&mut out)),
        };
        coded.map_err(|error| Error::explain(ErrorType::InternalError, error.to_string()))?;
        if end {
            self.encoder = None;
        }
        *body = Some(out).filter(|out| !out.is_empty()).map(Bytes::from);
        Ok(())
    }

    /// Pingora sends the bytes returned here or the trailers, not both. A body without its end is of
    /// no use, so trailers that were not announced are lost; an answer that announces some is not
    /// compressed.
    fn response_trailer_filter(
        &mut self,
        _trailers: &mut Option<Box<HeaderMap>>,
    ) -> Result<Option<Bytes>> {
        self.response_done_filter()
    }

    fn response_done_filter(&mut self) -> Result<Option<Bytes>> {
        let mut rest = None;
        self.response_body_filter(&mut rest, true)?;
        Ok(rest)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

impl Compress {
    /// Whether an answer may be compressed, for whoever accepts it.
    fn is_worth_it(&self, response: &ResponseHeader) -> bool {
        let headers = &response.headers;
        let has_body = !response.status.is_informational()
            && !matches!(
                response.status,
                StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::PARTIAL_CONTENT
            );
        let length = headers.get(CONTENT_LENGTH).map(|length| {
            length.to_str().ok().and_then(|length| length.trim().parse::<u64>().ok())
        });
        has_body
            && length.is_none_or(|length| length.is_some_and(|length| length >= self.min_size))
            && headers.get(CONTENT_TYPE).is_some_and(is_compressible)
            && !headers.contains_key(CONTENT_RANGE)
            && !headers.contains_key(TRAILER)
            && listed(headers, CONTENT_ENCODING).all(|c| c.eq_ignore_ascii_case(b"identity"))
            && !listed(headers, CACHE_CONTROL).any(|d| d.eq_ignore_ascii_case(b"no-transform"))
    }

    /// A client that has a compressed copy goes by its weak ETag; so must what confirms it, and it
    /// has the fields of that copy (RFC 9110 §15.4.5).
    fn confirm(&self, response: &mut ResponseHeader) {
        let Some(weak) = response.headers.get(ETAG).and_then(weakened) else { return };
        let asked = self.if_none_match.as_ref().map_or(&b""[..], HeaderValue::as_bytes);
        if asked.windows(weak.len()).any(|part| part == weak.as_bytes()) {
            // Replaces what is there, so the map cannot be full.
            let _ = response.insert_header(ETAG, weak);
            add_vary(response);
            drop_claims_about_bytes(response);
        }
    }
}

/// The weak form of a strong ETag.
fn weakened(etag: &HeaderValue) -> Option<HeaderValue> {
    let bytes = etag.as_bytes();
    let weak = bytes.starts_with(b"\"").then(|| [b"W/", bytes].concat())?;
    HeaderValue::from_bytes(&weak).ok()
}

fn drop_claims_about_bytes(response: &mut ResponseHeader) {
    for gone in [CONTENT_LENGTH, ACCEPT_RANGES].iter().chain(&DIGESTS) {
        response.remove_header(gone);
    }
}

fn add_vary(response: &mut ResponseHeader) {
    let is_said = |word: &[u8]| word == b"*" || word.eq_ignore_ascii_case(b"accept-encoding");
    if !listed(&response.headers, VARY).any(is_said) {
        // Refused only by a map that is full: then the answer has Pingora's most fields.
        let _ = response.append_header(VARY, "Accept-Encoding");
    }
}

fn is_compressible(content_type: &HeaderValue) -> bool {
    let kind = content_type.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    let kind = String::from_utf8_lossy(kind.trim_ascii()).to_ascii_lowercase();
    kind.starts_with("text/")
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
        || TYPES.contains(&kind.as_str())
}

/// What the client likes best of what there is (RFC 9110 §12.5.3).
fn best(headers: &HeaderMap) -> Option<Coding> {
    let quality = |wanted: &[u8]| {
        listed(headers, ACCEPT_ENCODING).find_map(|element| {
            let mut parts = element.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
            let name = parts.next().unwrap_or_default();
            let is_same = match (Coding::named(name), Coding::named(wanted)) {
                (Some(named), Some(wanted)) => named == wanted,
                _ => name == wanted,
            };
            is_same.then(|| {
                let q = parts.find_map(|part| {
                    let (name, value) = part.split_at_checked(2)?;
                    name.eq_ignore_ascii_case(b"q=").then_some(value)
                });
                let q = q.map_or(Ok("1"), str::from_utf8).map(|q| q.trim().parse::<f32>());
                match q {
                    Ok(Ok(q)) if (0.0..=1.0).contains(&q) => q,
                    // No valid quality: not accepted.
                    _ => 0.0,
                }
            })
        })
    };
    let any = quality(b"*").unwrap_or(0.0);
    let mut best = None;
    for coding in PREFERRED {
        let quality = quality(coding.as_str().as_bytes()).unwrap_or(any);
        if quality > 0.0 && best.is_none_or(|(most, _)| quality > most) {
            best = Some((quality, coding));
        }
    }
    // A client that prefers the plain body gets it.
    let identity = quality(b"identity").unwrap_or(0.0);
    best.filter(|(quality, _)| *quality >= identity).map(|(_, coding)| coding)
}

/// The elements of a comma-separated field, over all its lines.
fn listed(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &[u8]> {
    let lines = headers.get_all(name).into_iter();
    lines.flat_map(|line| line.as_bytes().split(|b| *b == b',')).map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(lines: &[&'static str]) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(ACCEPT_ENCODING, HeaderValue::from_static(line));
        }
        best(&headers).map(Coding::as_str)
    }

    #[test]
    fn the_client_says_which_it_likes_best() {
        for (lines, coding) in [
            (&["gzip, deflate, br, zstd"][..], Some("zstd")),
            (&["gzip, deflate, br"], Some("br")),
            (&["gzip"], Some("gzip")),
            (&["X-GZIP"], Some("gzip")),
            (&["gzip;q=1, br;q=0.9"], Some("gzip")),
            (&["gzip; q=0.2", "BR ;Q=0.3"], Some("br")),
            (&["*"], Some("zstd")),
            (&["*;q=0.5, zstd;q=0, br;q=0"], Some("gzip")),
            (&["gzip;q=0"], None),
            (&["gzip;q=x, br;q=2, zstd;q=-1"], None),
            (&["identity;q=1, gzip;q=0.5"], None),
            (&["identity;q=0.5, gzip"], Some("gzip")),
            (&["identity"], None),
            (&["deflate"], None),
            (&[""], None),
            (&[], None),
        ] {
            assert_eq!(accepts(lines), coding, "{lines:?}");
        }
    }

    #[test]
    fn text_is_worth_it_and_what_is_compressed_by_itself_is_not() {
        let is = |kind: &'static str| is_compressible(&HeaderValue::from_static(kind));
        for yes in [
            "text/html; charset=utf-8",
            "Text/CSS",
            "application/json",
            "image/svg+xml",
            "application/ld+json;x",
            "text/event-stream",
            "application/wasm",
        ] {
            assert!(is(yes), "{yes}");
        }
        for no in [
            "image/png",
            "video/mp4",
            "font/woff2",
            "application/zip",
            "application/grpc",
            "application/octet-stream",
            "",
            "multipart/form-data",
        ] {
            assert!(!is(no), "{no}");
        }
    }
}
