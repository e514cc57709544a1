//! Certificates by ACME (RFC 8555): ordered for the names of the settings, proven by HTTP-01,
//! renewed in time, and given to [`tls`](super::tls).
//!
//! [`plan`] decides what to order and when, also from what the authority suggests ([`windows`]);
//! [`order`] does it, by way of [`client`]; [`challenges`] answers the authority meanwhile.
//! [`state`] is what outlives the process; [`shared`] keeps it in the store for several nodes,
//! encrypted by [`seal`]. [`work`] puts these together in a task of its own: no request waits for
//! it.

mod challenges;
mod client;
mod order;
mod plan;
mod seal;
mod shared;
pub(crate) mod state;
mod windows;
mod work;

pub use challenges::{Challenges, token};

use super::tls::{Certificate, Certificates};
use crate::clock::{Clock, Millis};
use crate::config::{self, Config};
use crate::store::CountStore;
use crate::supervise::Tasks;
use crate::telemetry::Telemetry;
use chrono::DateTime;
use plan::{Fingerprint, fingerprint};
use shared::Shared;
use state::{Folder, State};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

/// Everything that orders certificates and keeps them.
pub struct Acme {
    settings: config::Acme,
    /// Sorted, each once.
    names: Vec<String>,
    folder: Folder,
    shared: Option<Arc<Shared>>,
    challenges: Arc<Challenges>,
    certificates: Arc<Certificates>,
    telemetry: Arc<Telemetry>,
    clock: Clock,
    /// Since when an order is under way; 0: none is. One that ends in a panic is not begun again at
    /// once.
    ordering: AtomicI64,
}

impl Acme {
    /// Gives visitors the certificates that an earlier process has left. `None`: it is not turned
    /// on.
    ///
    /// # Errors
    /// None that a setting could cause.
    pub fn new(
        config: &Config,
        certificates: Arc<Certificates>,
        store: Arc<dyn CountStore>,
        telemetry: Arc<Telemetry>,
    ) -> anyhow::Result<Option<Self>> {
        let Some(settings) = config.acme.clone() else { return Ok(None) };
        let shared = match &settings.shared_secret {
            Some(secret) => Some(Arc::new(Shared::new(store, secret.expose())?)),
            None => None,
        };
        let folder = Folder::of(&config.data_dir);
        // Where it cannot be read, the first turn says so.
        if let Ok(Some(kept)) = folder.read() {
            let kept = usable(&kept);
            certificates.issue(kept.into_iter().map(|(_, certificate)| certificate).collect());
        }
        Ok(Some(Self {
            names: names(config),
            folder,
            challenges: Challenges::new(shared.clone()),
            shared,
            settings,
            certificates,
            telemetry,
            clock: Clock::system(),
            ordering: AtomicI64::new(0),
        }))
    }

    /// What the authority is answered with.
    pub fn challenges(&self) -> Arc<Challenges> {
        self.challenges.clone()
    }

    /// Orders and renews, for ever.
    pub async fn run(&self, tasks: &Tasks) {
        work::run(self, tasks).await;
    }
}

/// Names that HTTP-01 can prove. For others there are files: the settings were checked.
fn names(config: &Config) -> Vec<String> {
    let mut names: Vec<String> =
        config.hosts().filter(|host| !host.starts_with('*')).map(str::to_owned).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// What of the state can be used, the newest first.
fn usable(state: &State) -> Vec<(Fingerprint, Certificate)> {
    let read = |kept: &state::Certificate| match Certificate::from_pem(&kept.chain, &kept.key) {
        Ok(certificate) => Some((fingerprint(kept), certificate)),
        Err(error) => {
            tracing::warn!("the certificate for {}: {error:#}", kept.names.join(", "));
            None
        }
    };
    state.certificates.iter().filter_map(read).collect()
}

/// For `headcount check`: each name and how it stands with it, in comments.
pub fn status(config: &Config) -> String {
    let Some(settings) = &config.acme else { return String::new() };
    let mut text = "\n# Certificates by ACME:\n".to_owned();
    let state = match Folder::of(&config.data_dir).read() {
        Ok(state) => state.unwrap_or_default().begun(&settings.directory),
        Err(error) => return text + &format!("# {error}\n"),
    };
    for name in names(config) {
        let held = state.certificates.iter().find(|held| held.names.contains(&name));
        let standing = match held {
            Some(held) => format!("valid until {}", date(held.until)),
            None => "none yet".to_owned(),
        };
        let _ = write!(text, "# {name}: {standing}");
        if let Some(failing) = state.failing.get(&name) {
            let _ = write!(text, "; {}: {}", date(failing.at), failing.why);
        }
        text.push('\n');
    }
    if let Some(limited) = &state.limited {
        let _ =
            writeln!(text, "# Nothing is ordered before {}: {}", date(limited.until), limited.why);
    }
    text
}

/// A moment, to the minute.
fn date(at: Millis) -> String {
    let at = DateTime::from_timestamp_millis(at).unwrap_or_default();
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}
