//! `[acme]`: from settings as typed to what they mean, and what they need of others.

use super::error::ConfigError;
use super::settings::Settings;
use super::{Config, Secret, values};
use std::net::IpAddr;
use std::path::PathBuf;

/// Certificates by ACME.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acme {
    pub email: String,
    /// An `https://` URL.
    pub directory: String,
    pub profile: Option<String>,
    pub directory_ca: Option<PathBuf>,
    pub shared_secret: Option<Secret>,
}

impl Acme {
    /// `None`: it is off.
    pub(super) fn read(settings: &Settings) -> Result<Option<Self>, ConfigError> {
        let get = |name: &str| settings.get(&format!("acme.{name}"));
        let Some(email) = get("email").read_optional(values::email)? else {
            let idle = ["directory", "profile", "directory_ca", "shared_secret"];
            return match idle.into_iter().find(|name| !get(name).is_default()) {
                Some(name) => Err(get(name).error("is of no use without acme.email")),
                None => Ok(None),
            };
        };
        Ok(Some(Self {
            email,
            directory: get("directory").read(values::https_url)?,
            profile: get("profile").read_optional(values::plain_word)?,
            directory_ca: get("directory_ca").read_optional(values::file)?,
            shared_secret: get("shared_secret").read_optional(values::shared_secret)?.map(Secret),
        }))
    }
}

/// What it needs of other settings.
pub(super) fn together(config: &Config, settings: &Settings) -> Result<(), ConfigError> {
    let wrong = |path: &str, why: &str| Err(settings.get(path).error(why));
    if config.acme.is_none() {
        return Ok(());
    }
    let Some(tls) = &config.tls else {
        return wrong("acme.email", "needs tls.listen, where its certificates are used");
    };
    if config.hosts().next().is_none() {
        return wrong("acme.email", "needs hosts: certificates are for these names");
    }
    let is_address = |host: &&str| host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    if let Some(address) = config.hosts().find(is_address) {
        return wrong("acme.email", &format!("cannot be for {address} of hosts, which is no name"));
    }
    let wildcard = config.hosts().find(|host| host.starts_with('*'));
    if let Some(wildcard) = wildcard.filter(|_| tls.certificates.is_empty()) {
        let why = "of hosts: HTTP-01 proves no wildcards, so tls.certificates must have one for it";
        return wrong("acme.email", &format!("cannot be for {wildcard} {why}"));
    }
    Ok(())
}
