//! In the place of `admin`, where there is no admin port, and nobody who is written to: what is set
//! for them is refused, as it would have no effect.

use super::error::ConfigError;
use super::settings::Settings;
use super::{Config, Secret};

/// Settings of the admin port and of those whom it writes to.
const KEYS: [&str; 9] = [
    "language",
    "admin_auth.password_hash",
    "cors_origins",
    "mail.server",
    "mail.from",
    "mail.dashboard",
    "reports.weekly",
    "reports.monthly",
    "alerts.to",
];

/// Nobody is told anything of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotifySettings;

/// There is no way for mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mail {}

/// Nothing is shown in any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Language;

impl NotifySettings {
    pub(super) fn read(settings: &Settings) -> Result<Self, ConfigError> {
        match KEYS.map(|key| settings.get(key)).iter().find(|setting| !setting.is_default()) {
            Some(set) => Err(set.error("needs the feature `admin`, which was left out")),
            None => Ok(Self),
        }
    }
}

impl Mail {
    pub(super) fn read(_: &Settings) -> Result<Option<Self>, ConfigError> {
        Ok(None)
    }
}

pub(super) fn language(_: &Settings) -> Result<Language, ConfigError> {
    Ok(Language)
}

pub(super) fn password_hash(_: &Settings) -> Result<Option<Secret>, ConfigError> {
    Ok(None)
}

pub(super) fn together(_: &Config, _: &Settings) -> Result<(), ConfigError> {
    Ok(())
}
