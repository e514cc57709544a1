//! TLS as all rooms have it: by one provider.

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use std::sync::Arc;

/// What encrypts. AWS-LC, for it agrees on keys that a quantum computer does not find.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Makes it the provider of libraries that are given none; between several they could not choose.
/// `false`: the application has one already, and keeps it.
pub fn install() -> bool {
    aws_lc_rs::default_provider().install_default().is_ok()
}
