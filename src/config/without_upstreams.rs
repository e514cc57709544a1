//! In the place of `upstreams`, for another proxy: its peers are its own.

use super::error::ConfigError;
use super::settings::Settings;
use super::{Config, SiteConfig};

/// Nothing is known of what stands behind a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstreams;

impl Upstreams {
    pub(super) fn of_site(_: &Settings, _: bool) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

pub(super) fn together(_: &Config, _: &SiteConfig, _: &Settings) -> Result<(), ConfigError> {
    Ok(())
}
