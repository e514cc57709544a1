//! The authority over HTTPS, as the client library wants to be given it: bounded in time and size,
//! and with a memory for how long it has asked to be left alone, which the library does not tell.

use crate::clock::{Clock, Millis, SECOND};
use crate::config::Acme;
use crate::tls::provider;
use anyhow::Context;
use bytes::Bytes;
use chrono::DateTime;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::time::timeout;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Bytes of an answer: chains of certificates are a few thousand.
const MOST_BYTES: usize = 1 << 20;

/// One conversation with the authority.
#[derive(Clone)]
pub struct Client {
    http: HyperClient<HttpsConnector<HttpConnector>, BodyWrapper<Bytes>>,
    clock: Clock,
    /// Until when it asks not to be asked; 0: it does not.
    limited: Arc<AtomicI64>,
}

impl Client {
    /// # Errors
    /// A file of trusted certificates that cannot be read, or a system without any.
    pub fn new(settings: &Acme, clock: Clock) -> anyhow::Result<Self> {
        let provider = provider();
        let builder = HttpsConnectorBuilder::new();
        let builder = match &settings.directory_ca {
            Some(file) => builder.with_tls_config(
                ClientConfig::builder_with_provider(provider)
                    .with_safe_default_protocol_versions()?
                    .with_root_certificates(roots(file)?)
                    .with_no_client_auth(),
            ),
            None => builder.with_provider_and_native_roots(provider)?,
        };
        let connector = builder.https_only().enable_http1().build();
        let http = HyperClient::builder(TokioExecutor::new()).build(connector);
        Ok(Self { http, clock, limited: Arc::default() })
    }

    /// Until when the authority has asked to be left alone.
    pub fn limited(&self) -> Option<Millis> {
        Some(self.limited.load(Ordering::Relaxed)).filter(|until| *until > 0)
    }
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let (answer, this) = (self.http.request(request), self.clone());
        Box::pin(async move {
            let whole = async {
                let (head, body) = answer.await?.into_parts();
                let body = Limited::new(body, MOST_BYTES).collect().await;
                let body = body.map_err(anyhow::Error::from_boxed)?.to_bytes();
                anyhow::Ok((head, body))
            };
            let whole = timeout(PATIENCE, whole).await;
            let whole = whole.unwrap_or_else(|_| {
                Err(anyhow::anyhow!("there was no answer within {PATIENCE:?}"))
            });
            let (parts, body) = whole.map_err(|error| Error::Other(error.into()))?;
            if matches!(
                parts.status,
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
            ) && let Some(until) = retry_after(&parts.headers, this.clock.now())
            {
                this.limited.store(until, Ordering::Relaxed);
            }
            // A problem is an object; what is none is a page of something in between.
            if !parts.status.is_success() && !body.trim_ascii().starts_with(b"{") {
                return Err(Error::Other(format!("the answer was {}", parts.status).into()));
            }
            Ok(BytesResponse { parts, body: Box::new(body) })
        })
    }
}

fn roots(file: &Path) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let named = || file.display().to_string();
    for certificate in CertificateDer::pem_file_iter(file).with_context(named)? {
        roots.add(certificate.with_context(named)?).with_context(named)?;
    }
    anyhow::ensure!(!roots.is_empty(), "{}: there is no certificate in it", named());
    Ok(roots)
}

/// RFC 9110 §10.2.3: seconds from now, or a date.
fn retry_after(fields: &HeaderMap, now: Millis) -> Option<Millis> {
    let text = fields.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse::<u32>() {
        Ok(seconds) => Some(now + Millis::from(seconds) * SECOND),
        Err(_) => DateTime::parse_from_rfc2822(text).ok().map(|at| at.timestamp_millis()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_to_wait_is_seconds_or_a_date() {
        let until = |text: &str| {
            let mut fields = HeaderMap::new();
            fields.insert(header::RETRY_AFTER, text.parse().unwrap());
            retry_after(&fields, 1_000)
        };
        assert_eq!(until("120"), Some(121_000));
        assert_eq!(until("Thu, 01 Jan 1970 00:10:00 GMT"), Some(600_000));
        for wrong in ["", "-1", "soon"] {
            assert_eq!(until(wrong), None, "{wrong}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), 0), None);
    }
}
