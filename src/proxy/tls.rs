//! TLS towards visitors: certificates by name, taken up anew when their files change.
//!
//! They come from ACME ([`acme`](super::acme)) or from files, and say themselves which names they
//! are for. Where both have a name, ACME's is used. A client that asks for another name, or for
//! none, gets the first of the files, or ACME's first if there are no files; without any the
//! handshake fails. If a changed file cannot be read, the certificates before stay in use.

use crate::clock::{Millis, SECOND};
use crate::config::{CertificateFiles, Tls};
use crate::supervise::{Task, Tasks};
use crate::telemetry::Telemetry;
use crate::tls::provider;
use anyhow::{Context, ensure};
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};
use tokio_rustls::TlsAcceptor;

/// How often it is looked whether files have changed.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Certificates in use.
#[derive(Debug)]
pub struct Certificates {
    files: ArcSwap<Vec<CertificateFiles>>,
    sources: Mutex<Sources>,
    by_name: ArcSwap<ByName>,
    telemetry: OnceLock<Arc<Telemetry>>,
}

/// A certificate with its key, read and found good.
#[derive(Debug, Clone)]
pub struct Certificate {
    pub key: Arc<CertifiedKey>,
    /// In lower case.
    pub names: Vec<String>,
    pub from: Millis,
    pub until: Millis,
}

/// Where certificates come from.
#[derive(Debug, Default)]
struct Sources {
    files: Vec<Certificate>,
    /// ACME's.
    issued: Vec<Certificate>,
}

#[derive(Debug)]
struct ByName {
    /// Whole names, and of wildcards what follows the first label: `.example.org`.
    names: HashMap<String, Certificate>,
    /// For all others. `None`: there is no certificate at all.
    first: Option<Certificate>,
    /// Some come from files.
    has_files: bool,
}

/// Certificates of files that are to be in use.
pub struct Prepared(Vec<Certificate>, Vec<CertificateFiles>);

/// Tells files of another content apart.
type Stamp = Vec<Option<(SystemTime, u64)>>;

impl Certificates {
    /// # Errors
    /// One line that names the file.
    pub fn load(tls: &Tls) -> anyhow::Result<Arc<Self>> {
        let sources = Sources { files: read(&tls.certificates)?, ..Sources::default() };
        Ok(Arc::new(Self {
            files: ArcSwap::from_pointee(tls.certificates.clone()),
            by_name: ArcSwap::from_pointee(ByName::new(&sources)),
            sources: Mutex::new(sources),
            telemetry: OnceLock::new(),
        }))
    }

    /// Puts certificates in the place of those that ACME brought before. A name gets the first of
    /// them that is for it, and else a file's.
    pub fn issue(&self, issued: Vec<Certificate>) {
        self.change(|sources| sources.issued = issued);
    }

    /// What is to be in force from [`Certificates::change_files`] on.
    ///
    /// # Errors
    /// One line that names the file.
    pub fn prepare(&self, files: Vec<CertificateFiles>) -> anyhow::Result<Prepared> {
        Ok(Prepared(read(&files)?, files))
    }

    /// Does as was prepared.
    pub fn change_files(&self, Prepared(certificates, files): Prepared) {
        self.change(|sources| {
            self.files.store(Arc::new(files));
            sources.files = certificates;
        });
    }

    /// Whether a host gets a certificate that is for it, or a file's, which is for whom none is.
    pub fn are_for(&self, host: &str) -> bool {
        let by_name = self.by_name.load();
        by_name.named(host).is_some() || (by_name.has_files && by_name.first.is_some())
    }

    /// From now on it tells until when they are valid.
    pub fn tell(&self, telemetry: Arc<Telemetry>) {
        let _ = self.telemetry.set(telemetry);
        self.change(|_| {});
    }

    fn change(&self, change: impl FnOnce(&mut Sources)) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut sources);
        let by_name = ByName::new(&sources);
        if let Some(telemetry) = self.telemetry.get() {
            telemetry.certificates.store(Arc::new(by_name.expiries()));
        }
        self.by_name.store(Arc::new(by_name));
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
        // The last for clients that say no more than that: without it they are sent away.
        config.alpn_protocols = ["h2", "http/1.1", "http/1.0"].map(Into::into).to_vec();
        config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()?;
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
                let files = self.files.load_full();
                match read(&files) {
                    Ok(new) => {
                        self.change(|sources| {
                            // Others may have been set meanwhile.
                            if Arc::ptr_eq(&files, &self.files.load()) {
                                sources.files = new;
                            }
                        });
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
        let files = self.files.load();
        files.iter().flat_map(|files| [stamp(&files.chain), stamp(&files.key)]).collect()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let by_name = self.by_name.load();
        Some(by_name.find(hello.server_name())?.key.clone())
    }
}

impl ByName {
    fn new(sources: &Sources) -> Self {
        let mut names = HashMap::new();
        for certificate in sources.issued.iter().chain(&sources.files) {
            for name in &certificate.names {
                let name = name.strip_prefix('*').unwrap_or(name);
                names.entry(name.to_owned()).or_insert_with(|| certificate.clone());
            }
        }
        let first = sources.files.first().or(sources.issued.first()).cloned();
        Self { names, first, has_files: !sources.files.is_empty() }
    }

    /// `name` is in lower case, as rustls gives it.
    fn find(&self, name: Option<&str>) -> Option<&Certificate> {
        name.and_then(|name| self.named(name)).or(self.first.as_ref())
    }

    fn named(&self, name: &str) -> Option<&Certificate> {
        let wildcard = || self.names.get(&name[name.find('.')?..]);
        self.names.get(name).or_else(wildcard)
    }

    /// By name: until when the certificate that is used for it is valid.
    fn expiries(&self) -> Vec<(String, Millis)> {
        let whole = |name: &String| match name.starts_with('.') {
            true => format!("*{name}"),
            false => name.clone(),
        };
        let mut all: Vec<(String, Millis)> =
            self.names.iter().map(|(name, found)| (whole(name), found.until)).collect();
        all.sort_unstable();
        all
    }
}

impl Certificate {
    /// # Errors
    /// If they are no certificate and key, or do not belong together.
    pub fn from_pem(chain: &str, key: &str) -> anyhow::Result<Self> {
        let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<_, _>>()?;
        Self::new(chain, PrivateKeyDer::from_pem_slice(key.as_bytes())?)
    }

    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> anyhow::Result<Self> {
        let leaf = chain.first().context("there is no certificate in it")?;
        let names = webpki::EndEntityCert::try_from(leaf)?.valid_dns_names().map(str::to_lowercase);
        let names = names.collect();
        let (_, parsed) = x509_parser::parse_x509_certificate(leaf)?;
        let validity = parsed.validity();
        let [from, until] =
            [validity.not_before, validity.not_after].map(|at| at.timestamp() * SECOND);
        let certified = CertifiedKey::new(chain, provider().key_provider.load_private_key(key)?);
        let same = certified.keys_match();
        let mismatch = rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch);
        ensure!(same != Err(mismatch), "its key is not the key of its certificate");
        Ok(Self { key: Arc::new(certified), names, from, until })
    }
}

/// # Errors
/// If a file is not what it should be, or the key is another certificate's.
fn read(files: &[CertificateFiles]) -> anyhow::Result<Vec<Certificate>> {
    files.iter().map(read_pair).collect()
}

fn read_pair(files: &CertificateFiles) -> anyhow::Result<Certificate> {
    let CertificateFiles { chain, key } = files;
    let certificates = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| chain.display().to_string())?;
    let secret = PrivateKeyDer::from_pem_file(key).with_context(|| key.display().to_string())?;
    Certificate::new(certificates, secret)
        .with_context(|| format!("{}:{}", chain.display(), key.display()))
}
