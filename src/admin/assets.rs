//! The files of the dashboard's pages: kept by browsers for good, under an address that changes
//! with what they say.

use super::error::Error;
use super::params::InPath;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use once_cell::sync::Lazy;
use sha2::{Digest, Sha256};

/// Name, media type, content.
const ASSETS: [(&str, &str, &str); 5] = [
    ("headcount.css", "text/css; charset=utf-8", include_str!("assets/headcount.css")),
    ("dashboard.js", "text/javascript; charset=utf-8", include_str!("assets/dashboard.js")),
    ("patch.js", "text/javascript; charset=utf-8", include_str!("assets/patch.js")),
    ("icon.svg", "image/svg+xml", include_str!("assets/icon.svg")),
    ("world.svg", "image/svg+xml", include_str!("assets/world.svg")),
];

/// For as long as a year, which stands for always (RFC 9111 §1.2.2).
const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// One for all of them, as one loads another by its place.
static VERSION: Lazy<String> = Lazy::new(|| {
    let mut digest = Sha256::new();
    for (name, _, content) in ASSETS {
        digest.update(name);
        digest.update(content);
    }
    HEXLOWER.encode(&digest.finalize()[..6])
});

/// Where an asset is found.
pub(super) fn path(name: &str) -> String {
    format!("/assets/{}/{name}", *VERSION)
}

/// The route of all of them.
pub(super) const PATH: &str = "/assets/{version}/{name}";

/// A page of another version of the program gets what there is, and does not keep it.
pub(super) async fn show(InPath((version, name)): InPath<(String, String)>) -> Response {
    let Some((_, media_type, content)) = ASSETS.iter().find(|(known, ..)| *known == name) else {
        return Error::NotFound.into_response();
    };
    let answer = ([(header::CONTENT_TYPE, *media_type)], *content);
    if version == *VERSION {
        ([(header::CACHE_CONTROL, FOR_GOOD)], answer).into_response()
    } else {
        answer.into_response()
    }
}
