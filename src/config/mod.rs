//! Settings: from `conf/headcount.toml`, a file, variables and flags to a [`Config`].
//!
//! Two stages. [`Settings`] are as typed: which keys exist, which value holds, where it was given.
//! A [`Config`] is what they mean, and one that exists is valid; only that reaches the rooms. What
//! is wrong is a [`ConfigError`]: one line that names the key and its place.
//!
//! A new key is a commented line in `conf/headcount.toml` and a field here; its variable, its
//! flag and their help follow from the file.

mod acme;
#[cfg_attr(not(feature = "admin"), path = "without_admin.rs")]
mod admin;
mod catalog;
mod error;
mod listed;
mod rules;
mod settings;
mod site;
#[cfg_attr(not(feature = "cli"), path = "without_upstreams.rs")]
mod upstreams;
mod validate;
mod values;

pub use acme::Acme;
#[cfg(feature = "admin")]
pub use admin::{Address, Alerts, Reports};
pub use admin::{Language, Mail, NotifySettings};
pub use catalog::{DEFAULTS, KEYS, Key, Value};
#[cfg(feature = "admin")]
pub(crate) use error::nearest;
pub use error::{ConfigError, Origin};
pub use rules::{Field, Redirect, Rules};
pub use settings::{FILE_VARIABLE, Settings};
pub use site::SiteConfig;
pub use upstreams::Upstreams;
#[cfg(feature = "cli")]
pub use upstreams::{Health, Method, Route, Scheme, Upstream, Weighted};

use crate::demo_status::DemoStatus;
use crate::model::hosts::{EVERY_HOST, takes_every_host};
use crate::model::site::Site;
use crate::store::StoreUrl;
use http::{HeaderName, HeaderValue, Uri};
use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Everything that can be set, checked. Fields are documented where their defaults are, in
/// `conf/headcount.toml`.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// At least one, each with another name and other hosts.
    pub sites: Vec<SiteConfig>,
    /// They are `[[sites]]`: a host of none is refused. Else there is one, which takes every host.
    pub lists_sites: bool,
    /// Its visitors are made up: what is kept of them lies apart from what is kept of real ones.
    pub demo: Option<DemoStatus>,
    /// Visitors come in by the listeners of this program, and not by another's.
    pub has_listeners: bool,
    pub listen: SocketAddr,
    pub tls: Option<Tls>,
    /// `tls` is there, and there are hosts.
    pub acme: Option<Acme>,
    /// For HTTP/2 without TLS.
    pub h2c_listen: Option<SocketAddr>,
    /// `trusted_proxies` is not empty if it is on.
    pub proxy_protocol: bool,
    pub admin: SocketAddr,
    pub admin_auth: AdminAuth,
    /// How mail is sent, if any is.
    pub mail: Option<Mail>,
    /// What webhooks are signed with.
    pub webhook_secret: Option<Secret>,
    /// Where people find the dashboard: a URL without a slash at its end.
    pub dashboard_url: Option<String>,
    /// Of mails, and of pages for those who ask for none that there is.
    pub language: Language,
    /// Origins of other websites whose scripts may ask the API.
    pub cors_origins: Vec<HeaderValue>,
    /// A URL, its scheme checked, with `store_ca`; may hold a password. A relative SQLite file lies
    /// in `data_dir`.
    pub store: StoreUrl,
    pub flush_interval: Duration,
    /// 0: without limit.
    pub monthly_commands: u64,
    pub data_dir: PathBuf,
    pub trusted_proxies: Vec<IpNet>,
    pub answer_half_closed: bool,
    pub access_log: AccessLog,
    pub compress: bool,
    /// Bytes.
    pub compress_min_size: usize,
    pub geoip: Vec<PathBuf>,
    /// Country, region, city; `trusted_proxies` is not empty if this isn't.
    pub place_headers: Vec<HeaderName>,
    pub crawler_ranges: Option<PathBuf>,
    /// `None`: names of crawlers' addresses are not looked up.
    pub reverse_dns: Option<NameServer>,
    /// Names of machines that may sign, and where their keys are.
    pub bot_signers: Vec<(String, Uri)>,
    /// A database from addresses to the numbers of their networks.
    pub networks: Option<PathBuf>,
    /// Those of data centres.
    pub hosting_networks: Vec<u32>,
    pub shared_sessions: bool,
    /// At least one.
    pub threads: usize,
    /// Levels as `tracing` spells them.
    pub log: String,
    pub limits: Limits,
    pub timeouts: Timeouts,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    pub path: String,
    pub beacon_path: String,
    pub history: bool,
    pub hash: bool,
    pub engagement: bool,
    pub scroll: bool,
    pub outbound: bool,
    pub downloads: bool,
    pub forms: bool,
    pub events: bool,
    pub clicks: bool,
    pub vitals: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Privacy {
    pub respect_gpc: RespectGpc,
    pub opt_out_path: Option<String>,
}

/// Who is asked for names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameServer {
    /// Those of the system.
    System,
    At(SocketAddr),
}

/// What becomes of a request that asks not to be tracked (`Sec-GPC: 1`, `DNT: 1`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RespectGpc {
    /// Counts, without visitor or session.
    Anonymous,
    /// Counts like any other.
    Count,
    /// Is not counted.
    Ignore,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessLog {
    /// `None`: there is none.
    pub format: Option<AccessLogFormat>,
    /// `None`: standard output.
    pub file: Option<PathBuf>,
    /// Whole addresses, and not only their networks.
    pub addresses: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessLogFormat {
    Combined,
    Json,
}

/// What becomes of compressed pages that are to get the tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InjectCompressed {
    Recode,
    Identity,
    Off,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Hits per shard.
    pub queue: usize,
    pub rows_per_dimension: usize,
    /// Over all shards.
    pub visitors: usize,
    /// Bytes.
    pub outbox: usize,
    /// `None`: as many as there are descriptors for.
    pub connections: Option<usize>,
    /// 0: no limit.
    pub connections_per_address: usize,
    pub header_time: Duration,
    /// Bytes.
    pub header_size: usize,
    /// Bytes in a second. `None`: as few as they like.
    pub upload_rate: Option<usize>,
    /// 0: no limit.
    pub slow_readers: usize,
    /// `None`: no limit.
    pub requests_per_connection: Option<usize>,
    /// Bytes.
    pub beacon_body: usize,
    pub beacons_per_minute: usize,
    pub events_cap: usize,
    /// Bytes.
    pub value_length: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeouts {
    pub connect: Duration,
    pub read: Duration,
    /// The same within an answer that may be silent: an upgrade, an event stream.
    pub stream: Duration,
    pub write: Duration,
    pub idle: Duration,
    /// May be zero: stop at once.
    pub shutdown: Duration,
    /// The same where another process has taken over.
    pub drain: Duration,
}

/// With neither, `admin` is a loopback address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminAuth {
    /// An argon2 hash in PHC format.
    pub password_hash: Option<Secret>,
    pub tokens: Vec<Secret>,
}

/// HTTPS for visitors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    pub listen: SocketAddr,
    /// At least one, unless there is `acme`.
    pub certificates: Vec<CertificateFiles>,
    pub redirect: bool,
    /// How long browsers are to remember it.
    pub hsts: Option<Duration>,
}

/// A certificate with its chain, and its key, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    pub chain: PathBuf,
    pub key: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamTls {
    pub verify: bool,
    /// `None`: the host of `upstream`.
    pub sni: Option<String>,
    pub ca: Option<PathBuf>,
    /// Offer HTTP/2.
    pub http2: bool,
}

/// A text that no log or message may show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Config {
    /// Where visitors are listened to, each with the name of its setting.
    pub fn listens(&self) -> impl Iterator<Item = (&'static str, SocketAddr)> {
        let tls = self.tls.as_ref().map(|tls| ("tls.listen", tls.listen));
        let h2c = self.h2c_listen.map(|address| ("h2c_listen", address));
        std::iter::once(("listen", self.listen)).chain(tls).chain(h2c)
    }

    /// The site that a command is for, which takes one.
    ///
    /// # Errors
    /// There are several.
    pub fn only_site(&self) -> Result<&Site, ConfigError> {
        match self.sites.as_slice() {
            [only] => Ok(&only.site),
            _ => Err(ConfigError::new("--site", "is missing: name one of [[sites]]")),
        }
    }

    /// The host by which visitors know a site: one of its own, else the address that is listened at.
    pub fn host_of(&self, site: &Site) -> String {
        let listen = self.tls.as_ref().map_or(self.listen, |tls| tls.listen).ip();
        match (site.hosts.first(), listen) {
            (Some(host), _) if !takes_every_host(site) => host.replace('*', "www"),
            (_, address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
            (_, IpAddr::V4(address)) => address.to_string(),
            (_, IpAddr::V6(address)) => format!("[{address}]"),
        }
    }

    /// Where visitors of a site come in, as a URL; `None`: not by a listener of this program.
    pub fn entrance(&self, site: &Site) -> Option<String> {
        let (scheme, port, usual) = match &self.tls {
            Some(tls) => ("https", tls.listen.port(), 443),
            None => ("http", self.listen.port(), 80),
        };
        let host = self.host_of(site);
        self.has_listeners.then(|| match port == usual {
            true => format!("{scheme}://{host}/"),
            false => format!("{scheme}://{host}:{port}/"),
        })
    }

    /// All hosts of all sites that are told, wildcards (`*.example.org`) among them.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        let hosts = self.sites.iter().flat_map(|site| &site.site.hosts);
        hosts.map(String::as_str).filter(|host| *host != EVERY_HOST)
    }

    /// This process's folder in `data_dir`, named after its site unless there are `[[sites]]`.
    pub fn folder(&self) -> PathBuf {
        match self.sites.as_slice() {
            [only] if !self.lists_sites => {
                self.data_dir.join(format!("headcount-{}", only.site.name))
            }
            _ if self.demo.is_some() => self.data_dir.join("headcount-demo"),
            _ => self.data_dir.join("headcount"),
        }
    }
}

impl AdminAuth {
    pub fn is_set(&self) -> bool {
        self.password_hash.is_some() || !self.tokens.is_empty()
    }
}

impl Secret {
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}
