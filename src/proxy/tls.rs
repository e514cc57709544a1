//! TLS towards visitors: certificates by name, taken up anew when their files change.
//!
//! Which names a certificate is for, it says itself. A client that names none of them, or none at
//! all, gets the first. A file that cannot be read when it has changed leaves the certificate before
//! it in use.

use crate::config::{CertificateFiles, Tls};
use crate::supervise::{Task, Tasks};
use anyhow::{Context, bail, ensure};
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio_rustls::TlsAcceptor;

/// How often it is looked whether files have changed.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Certificates in use.
#[derive(Debug)]
pub struct Certificates {
    files: Vec<CertificateFiles>,
    by_name: ArcSwap<ByName>,
}

#[derive(Debug)]
struct ByName {
    /// Whole names, and of wildcards what follows the first label: `.example.org`.
    names: HashMap<String, Arc<CertifiedKey>>,
    first: Arc<CertifiedKey>,
}

/// Tells files of another content apart.
type Stamp = Vec<Option<(SystemTime, u64)>>;

impl Certificates {
    /// # Errors
    /// One line that names the file.
    pub fn load(tls: &Tls) -> anyhow::Result<Arc<Self>> {
        let by_name = ArcSwap::from_pointee(ByName::load(&tls.certificates)?);
        Ok(Arc::new(Self { files: tls.certificates.clone(), by_name }))
    }

    /// What handshakes are made with: HTTP/2 and HTTP/1.1 over TLS 1.3 and 1.2, sessions resumed by
    /// tickets.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn acceptor(self: &Arc<Self>) -> anyhow::Result<TlsAcceptor> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.ticketer = rustls::crypto::ring::Ticketer::new()?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Takes up files that change, for ever.
    pub async fn keep_fresh(&self, tasks: &Tasks) {
        let keep = || async {
            let mut seen = self.stamp();
            loop {
                tasks.turn(Task::Certificates);
                tokio::time::sleep(LOOK_EVERY).await;
                let now = self.stamp();
                if now == seen {
                    continue;
                }
                // Who writes them may be in the midst of it: then they change once more.
                match ByName::load(&self.files) {
                    Ok(new) => {
                        self.by_name.store(Arc::new(new));
                        tracing::info!("certificates were read again");
                    }
                    Err(error) => {
                        tracing::warn!("{error:#}; the certificates before stay in use");
                    }
                }
                seen = now;
            }
        };
        tasks.keep(Task::Certificates, keep).await
    }

    fn stamp(&self) -> Stamp {
        let stamp = |file: &Path| {
            let meta = fs::metadata(file).ok()?;
            Some((meta.modified().ok()?, meta.len()))
        };
        self.files.iter().flat_map(|files| [stamp(&files.chain), stamp(&files.key)]).collect()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let by_name = self.by_name.load();
        Some(by_name.find(hello.server_name()).clone())
    }
}

impl ByName {
    fn load(files: &[CertificateFiles]) -> anyhow::Result<Self> {
        let (mut names, mut first) = (HashMap::new(), None);
        for files in files {
            let key = Arc::new(certified(files)?);
            for name in dns_names(&key).with_context(|| files.chain.display().to_string())? {
                let name = name.strip_prefix('*').unwrap_or(&name).to_lowercase();
                names.entry(name).or_insert_with(|| key.clone());
            }
            first.get_or_insert(key);
        }
        let first = first.context("tls.certificates is empty")?;
        Ok(Self { names, first })
    }

    /// `name` is in lower case, as rustls gives it.
    fn find(&self, name: Option<&str>) -> &Arc<CertifiedKey> {
        let wildcard = |name: &str| self.names.get(&name[name.find('.')?..]);
        let found = name.and_then(|name| self.names.get(name).or_else(|| wildcard(name)));
        found.unwrap_or(&self.first)
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// # Errors
/// If a file is not what it should be, or the key is another certificate's.
fn certified(files: &CertificateFiles) -> anyhow::Result<CertifiedKey> {
    let CertificateFiles { chain, key } = files;
    let certificates = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| chain.display().to_string())?;
    if certificates.is_empty() {
        bail!("{}: there is no certificate in it", chain.display());
    }
    let secret = PrivateKeyDer::from_pem_file(key).with_context(|| key.display().to_string())?;
    let signing = provider().key_provider.load_private_key(secret);
    let signing = signing.with_context(|| key.display().to_string())?;
    let certified = CertifiedKey::new(certificates, signing);
    let same = certified.keys_match();
    ensure!(
        !matches!(
            same,
            Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch))
        ),
        "{} is not the key of {}",
        key.display(),
        chain.display()
    );
    Ok(certified)
}

fn dns_names(key: &CertifiedKey) -> anyhow::Result<Vec<String>> {
    let leaf = key.end_entity_cert()?;
    let leaf = webpki::EndEntityCert::try_from(leaf)?;
    Ok(leaf.valid_dns_names().map(str::to_owned).collect())
}
