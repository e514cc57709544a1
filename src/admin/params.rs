//! What stands in an address: query parameters, as they came, and what a route leaves open in its
//! path.

use super::error::Error;
use crate::report::Invalid;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use std::convert::Infallible;

/// Parameters that say which days a question is about, beside the site.
pub(super) const PERIOD: [&str; 4] = ["site_id", "period", "date", "include_today"];

/// Decoded pairs; of a name given twice the last counts. Never fails: what is not UTF-8 becomes
/// a value that nothing accepts.
#[derive(Clone)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    pub(super) fn of(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find_map(|(known, value)| (known == name).then_some(value.as_str()))
    }

    /// Every value of a name that may be given several times.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All but one.
    pub(super) fn without(&self, name: &str) -> Self {
        Self(self.0.iter().filter(|(known, _)| known != name).cloned().collect())
    }

    /// Every handler says what it reads: a parameter that is ignored would be answered wrongly.
    ///
    /// # Errors
    /// If there is another than those in `known`.
    pub(super) fn only(&self, known: &[&[&str]]) -> Result<(), Invalid> {
        let known: Vec<&str> = known.concat();
        match self.0.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, _)) => Err(Invalid::unknown("parameter", name, known)),
        }
    }
}

/// What a route leaves open in its path, decoded. What is no UTF-8 is no page's address.
pub(super) struct InPath<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for InPath<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let read = Path::from_request_parts(parts, state).await;
        read.map(|Path(read)| Self(read)).map_err(|_| Error::NotFound)
    }
}

/// A path with these parameters.
pub(super) fn address<'a>(
    path: &str,
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> String {
    let start = format!("{path}?");
    let length = start.len();
    form_urlencoded::Serializer::for_suffix(start, length).extend_pairs(pairs).finish()
}

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect()))
    }
}
