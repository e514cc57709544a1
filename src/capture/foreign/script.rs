//! Other trackers' scripts: our own, in the manner of the one that a page's snippet asks for.
//!
//! It counts as our own does, by view ids and with its beacons. What the page calls, the snippet's
//! functions, attributes and class names, is translated in the browser.

use crate::capture::script::{Script, ScriptOptions};
use crate::model::Tracker;
use std::collections::HashMap;

/// Which script a page asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Manner {
    tracker: Tracker,
    /// Of Plausible's, what its name asks for beside pageviews, a bit for each of [`EXTENSIONS`].
    extensions: u8,
    /// It begins when the page calls `plausible.init`.
    waits: bool,
}

/// Parts of the names of Plausible's scripts that change what they do here.
const EXTENSIONS: [&str; 5] =
    ["manual", "hash", "outbound-links", "file-downloads", "tagged-events"];
const MANUAL: u8 = 1;
const HASH: u8 = 1 << 1;
const OUTBOUND: u8 = 1 << 2;
const DOWNLOADS: u8 = 1 << 3;
const TAGGED: u8 = 1 << 4;

/// Other parts, which it has anyway, or which say something of old browsers or of localhost.
const ANYWAY: [&str; 8] = [
    "compat",
    "dimensions",
    "exclusions",
    "local",
    "pageleave",
    "pageview-props",
    "pageprops",
    "revenue",
];

impl Manner {
    /// The script at a path, if a tracker has one there.
    pub fn at(tracker: Tracker, path: &str) -> Option<Self> {
        let plain = Self { tracker, extensions: 0, waits: false };
        match tracker {
            Tracker::Own => None,
            Tracker::Umami => (path == "/script.js").then_some(plain),
            Tracker::GoatCounter => (path == "/count.js").then_some(plain),
            Tracker::Plausible => {
                let name = path.strip_prefix("/js/")?.strip_suffix(".js")?;
                if let Some(id) = name.strip_prefix("pa-") {
                    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
                    let good = !id.is_empty() && id.bytes().all(fits);
                    return good.then_some(Self { extensions: TAGGED, waits: true, ..plain });
                }
                let mut parts = name.split('.');
                if !["script", "plausible", "analytics"].contains(&parts.next()?) {
                    return None;
                }
                let mut extensions = 0;
                for part in parts {
                    match EXTENSIONS.iter().position(|known| *known == part) {
                        Some(bit) => extensions |= 1 << bit,
                        None if ANYWAY.contains(&part) => {}
                        None => return None,
                    }
                }
                Some(Self { extensions, ..plain })
            }
        }
    }

    /// Every script that these trackers' snippets may ask for, for a site whose own script has
    /// these options.
    pub fn all(
        trackers: &[Tracker],
        options: &ScriptOptions,
        currency: Option<&str>,
    ) -> HashMap<Self, Script> {
        let each = trackers.iter().flat_map(|tracker| {
            let extensions = if *tracker == Tracker::Plausible { 1 << EXTENSIONS.len() } else { 1 };
            let plain = move |extensions| Self { tracker: *tracker, extensions, waits: false };
            let waits = Self { extensions: TAGGED, waits: true, ..plain(0) };
            let waits = (*tracker == Tracker::Plausible).then_some(waits);
            (0..extensions).map(plain).chain(waits)
        });
        each.map(|manner| (manner, manner.script(options, currency))).collect()
    }

    fn script(self, options: &ScriptOptions, currency: Option<&str>) -> Script {
        let asked = |bit| self.extensions & bit != 0;
        let options = ScriptOptions {
            others: true,
            events: true,
            hash: options.hash || asked(HASH),
            outbound: options.outbound || asked(OUTBOUND),
            downloads: options.downloads || asked(DOWNLOADS),
            ..options.clone()
        };
        let source = match self.tracker {
            Tracker::Plausible => include_str!("plausible.js"),
            Tracker::Umami => include_str!("umami.js"),
            Tracker::GoatCounter | Tracker::Own => include_str!("goatcounter.js"),
        };
        let on = |word: &str| match word {
            "manual" => asked(MANUAL),
            "tagged" => asked(TAGGED),
            _ => self.waits,
        };
        let currency = serde_json::Value::from(currency.unwrap_or_default()).to_string();
        Script::in_manner(&options, source, on, &[("'CURRENCY'", &currency)])
    }
}
