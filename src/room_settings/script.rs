//! From a site's settings to what of it runs in browsers.

use crate::capture::ScriptSettings;
use crate::capture::foreign::script::Manner;
use crate::capture::inject::Compressed;
use crate::capture::script::{Script, ScriptOptions};
use crate::config::{InjectCompressed, SiteConfig};

/// # Errors
/// None, in a program that has scripts.
pub fn settings(site: &SiteConfig) -> anyhow::Result<ScriptSettings> {
    let options = script_options(site);
    let currency = site.site.currency.as_ref().map(|currency| currency.code());
    Ok(ScriptSettings {
        path: site.script.path.clone(),
        scripts_of: Manner::all(&site.site.event_apis, &options, currency),
        script: Script::new(&options),
        beacon_path: site.script.beacon_path.clone(),
        inject: site.inject,
        inject_compressed: compressed(site.inject_compressed),
    })
}

fn script_options(site: &SiteConfig) -> ScriptOptions {
    let script = &site.script;
    ScriptOptions {
        track: script.beacon_path.clone(),
        query: site.keep_query.clone(),
        history: script.history,
        hash: script.hash,
        engagement: script.engagement,
        scroll: script.scroll,
        outbound: script.outbound,
        downloads: script.downloads,
        events: script.events,
        forms: script.forms,
        clicks: script.clicks,
        vitals: script.vitals,
        others: !site.site.event_apis.is_empty(),
    }
}

fn compressed(pages: InjectCompressed) -> Compressed {
    match pages {
        InjectCompressed::Recode => Compressed::Recode,
        InjectCompressed::Identity => Compressed::Identity,
        InjectCompressed::Off => Compressed::Leave,
    }
}
