//! What programs send, as JSON, and what forms send, whatever media type it claims to be.

use super::error::Error;
use super::params::Params;
use crate::report::Invalid;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::Value;

/// The most bytes of it.
pub(super) const LONGEST: usize = 64 * 1024;

/// A program's.
pub(super) struct Body(pub Value);

/// The fields of a form.
pub(super) struct Fields(pub Params);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let body = serde_json::from_slice(&bytes(request, state).await?);
        Ok(Self(body.map_err(|e| Invalid::new(format!("the body is no JSON: {e}")))?))
    }
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let bytes = bytes(request, state).await?;
        Ok(Self(Params::of(form_urlencoded::parse(&bytes).into_owned().collect())))
    }
}

async fn bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Error> {
    let read = Bytes::from_request(request, state).await;
    read.map_err(|rejection| match rejection.into_response().status() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::TooLong,
        _ => Invalid::new("the body broke off").into(),
    })
}
