//! In the place of `script`, where nothing is to run in browsers.

use crate::capture::ScriptSettings;
use crate::config::SiteConfig;

/// # Errors
/// What is set has no effect without a script.
pub fn settings(site: &SiteConfig) -> anyhow::Result<ScriptSettings> {
    let set = [("inject", site.inject), ("event_apis", !site.site.event_apis.is_empty())];
    match set.iter().find(|(_, is_set)| *is_set) {
        Some((key, _)) => anyhow::bail!("{key} needs the feature `script`, which was left out"),
        None => Ok(ScriptSettings),
    }
}
