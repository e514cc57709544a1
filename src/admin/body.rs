//! What programs send, as JSON, whatever media type it claims to be.

use super::stats::Error;
use crate::report::Invalid;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::Value;

/// The most bytes of it.
pub(super) const LONGEST: usize = 64 * 1024;

/// A request's body.
pub(super) struct Body(pub Value);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let read = Bytes::from_request(request, state).await;
        let bytes = read.map_err(|rejection| match rejection.into_response().status() {
            StatusCode::PAYLOAD_TOO_LARGE => Error::TooLong,
            _ => Invalid::new("the body broke off").into(),
        })?;
        let body = serde_json::from_slice(&bytes);
        Ok(Self(body.map_err(|e| Invalid::new(format!("the body is no JSON: {e}")))?))
    }
}
