//! A certificate of the test's own, and what makes a redis-server use it.

use super::ports::free_port;
use std::path::PathBuf;
use tempfile::TempDir;

/// A certificate that vouches for itself, with its key, in files.
pub struct Pair {
    dir: TempDir,
}

impl Pair {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let pair = Self { dir };
        std::fs::write(pair.certificate(), made.cert.pem()).unwrap();
        std::fs::write(pair.key(), made.signing_key.serialize_pem()).unwrap();
        pair
    }

    pub fn certificate(&self) -> PathBuf {
        self.dir.path().join("certificate.pem")
    }

    fn key(&self) -> PathBuf {
        self.dir.path().join("key.pem")
    }

    /// Settings of a server that speaks TLS at a port of its own, and with its peers; without at
    /// its other port, for the test.
    pub fn settings(&self) -> Vec<String> {
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        let (certificate, key) = (text(self.certificate()), text(self.key()));
        [
            ("--tls-port", free_port().to_string()),
            ("--tls-ca-cert-file", certificate.clone()),
            ("--tls-cert-file", certificate),
            ("--tls-key-file", key),
            ("--tls-auth-clients", "no".to_owned()),
            ("--tls-replication", "yes".to_owned()),
            ("--tls-cluster", "yes".to_owned()),
        ]
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value])
        .collect()
    }
}
