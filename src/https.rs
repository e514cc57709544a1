//! TLS as all rooms have it: one provider, and connections to the servers of others.

use anyhow::Context;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use std::sync::Arc;

/// What encrypts. AWS-LC, for it agrees on keys that a quantum computer does not find.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Connects to `http://` and `https://`, there to those whom the system trusts.
///
/// # Errors
/// A system without certificates to trust.
pub fn connector() -> anyhow::Result<HttpsConnector<HttpConnector>> {
    let builder = HttpsConnectorBuilder::new().with_provider_and_native_roots(provider());
    let builder = builder.context("certificates to trust")?;
    Ok(builder.https_or_http().enable_http1().build())
}
