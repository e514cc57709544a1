//! Connections to the servers of others, as all rooms have them.

use crate::tls;
use anyhow::Context;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;

/// Connects to `http://` and `https://`, there to those whom the system trusts.
///
/// # Errors
/// A system without certificates to trust.
pub fn connector() -> anyhow::Result<HttpsConnector<HttpConnector>> {
    let builder = HttpsConnectorBuilder::new().with_provider_and_native_roots(tls::provider());
    let builder = builder.context("certificates to trust")?;
    Ok(builder.https_or_http().enable_http1().build())
}
