//! What a user agent says of itself: a browser, its system and device, or a machine.
//!
//! Browser and system are read with uap-core's patterns, which cost some 10 µs; the device class
//! comes from a few words and the client hint, since uap-core's device patterns cost 60 µs more and
//! name models, which nobody counts. Answers are remembered by the whole agent, so nearly every
//! request pays one look-up in a map.

use super::bots::{self, Bot};
use super::device;
use crate::model::Traits;
use crate::model::rollup::Dimension;
use once_cell::sync::Lazy;
use quick_cache::Equivalent;
use quick_cache::sync::Cache;
use serde::Deserialize;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use ua_parser::{os, user_agent};

/// What is not known.
pub const UNKNOWN: &str = "(unknown)";

/// Longest part of an agent that is read, in bytes. Real ones stay below; invented ones may not
/// fill the memory.
const LONGEST: usize = 512;

/// Agents remembered: 20,000 of at most 512 bytes.
const REMEMBERED: usize = 20_000;

/// A user agent, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// `Some`: not a person.
    pub bot: Option<Bot>,
    /// What a visit is told apart by, in one piece for every view of it. Unknown parts are
    /// `(unknown)`.
    ///
    /// - Device: `Desktop`, `Mobile`, `Tablet`, `TV`, `Console`.
    /// - Browser: `Firefox`, `Chrome`, `Safari`, `Edge` …: one name on phones and desktops, the
    ///   device tells them apart. Its version is both and the major number: `Firefox 153`.
    /// - System: `Windows`, `macOS`, `iOS`, `Android`, `GNU/Linux` …, and its version: `Android
    ///   16`. Browsers have frozen some: Windows 11 says 10, macOS says 10.15.
    pub traits: Traits,
}

/// Reads user agents, remembering the answers.
pub struct Agents {
    known: Cache<Key, Arc<Agent>>,
}

type Key = (Box<str>, Option<bool>);

/// A [`Key`] that owns nothing, to look up without allocating.
struct Asked<'a>(&'a str, Option<bool>);

impl Hash for Asked<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // As the tuple does.
        self.0.hash(state);
        self.1.hash(state);
    }
}

impl Equivalent<Key> for Asked<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self.0 == *key.0 && self.1 == key.1
    }
}

impl Default for Agents {
    fn default() -> Self {
        Self::new()
    }
}

impl Agents {
    pub fn new() -> Self {
        Self { known: Cache::new(REMEMBERED) }
    }

    /// Builds the patterns now (some tenths of a second) rather than in the first request.
    pub fn warm(&self) {
        Lazy::force(&PATTERNS);
        bots::judge("warm");
    }

    /// Reads a user agent. `mobile_hint` is `Sec-CH-UA-Mobile` (`?1` is true), if sent.
    pub fn read(&self, user_agent: &str, mobile_hint: Option<bool>) -> Arc<Agent> {
        let user_agent = cut(user_agent);
        let asked = Asked(user_agent, mobile_hint);
        if let Some(known) = self.known.get(&asked) {
            return known;
        }
        let agent = Arc::new(parse(user_agent, mobile_hint));
        self.known.insert((user_agent.into(), mobile_hint), agent.clone());
        agent
    }
}

/// Nobody has written down what it says: a person's, of whose browser nothing is known.
pub fn untold() -> Agent {
    Agent { bot: None, ..parse("", None) }
}

/// What of an agent is read.
fn cut(user_agent: &str) -> &str {
    let mut end = user_agent.len().min(LONGEST);
    while !user_agent.is_char_boundary(end) {
        end -= 1;
    }
    &user_agent[..end]
}

fn parse(user_agent: &str, mobile_hint: Option<bool>) -> Agent {
    let (browser, browser_version) = match PATTERNS.browsers.extract(user_agent) {
        Some(found) => {
            let name = browser_name(&found.family);
            (name.to_owned(), versioned(name, found.major.filter(|v| !v.is_empty()), None))
        }
        None => unknown(),
    };
    let (os, os_version) = match PATTERNS.systems.extract(user_agent) {
        Some(found) => {
            let name = os_name(&found.os);
            // macOS was 10 for twenty years.
            let minor = found.minor.as_deref().filter(|_| name == "macOS");
            // Chrome OS counts its builds, a distribution its own releases.
            let major = found.major.as_deref().filter(|v| !v.is_empty());
            let major = major.filter(|_| name != "Chrome OS" && name != "GNU/Linux");
            let minor = minor.filter(|_| major == Some("10"));
            (name.to_owned(), versioned(name, major, minor))
        }
        None => unknown(),
    };
    let traits = Traits::from([
        (Dimension::Device, device::class(user_agent, &os, mobile_hint)),
        (Dimension::Browser, &browser),
        (Dimension::BrowserVersion, &browser_version),
        (Dimension::Os, &os),
        (Dimension::OsVersion, &os_version),
    ]);
    Agent { bot: bots::judge(user_agent), traits }
}

fn unknown() -> (String, String) {
    (UNKNOWN.to_owned(), UNKNOWN.to_owned())
}

fn versioned(name: &str, major: Option<&str>, minor: Option<&str>) -> String {
    match (major, minor) {
        (Some(major), Some(minor)) => format!("{name} {major}.{minor}"),
        (Some(major), None) => format!("{name} {major}"),
        (None, _) => name.to_owned(),
    }
}

/// uap-core's name of a browser as people know it.
fn browser_name(family: &str) -> &str {
    match family {
        "Chrome Mobile" | "Chrome Mobile iOS" => "Chrome",
        "Chrome Mobile WebView" => "Chrome (in-app)",
        "Mobile Safari" => "Safari",
        "Mobile Safari UI/WKWebView" => "Safari (in-app)",
        "Firefox Mobile" | "Firefox iOS" | "Firefox Alpha" | "Firefox Beta" => "Firefox",
        "Firefox Focus" | "Klar" => "Firefox Focus",
        "Edge Mobile" => "Edge",
        "Opera Mobile" | "Opera Tablet" => "Opera",
        "Samsung Internet" => "Samsung Browser",
        "IE" | "IE Mobile" | "IE Large Screen" => "Internet Explorer",
        "DuckDuckGo Mobile" => "DuckDuckGo",
        "QQ Browser Mobile" | "QQ Browser Mini" => "QQ Browser",
        "Android" => "Android Browser",
        "Google" => "Google app",
        other => other,
    }
}

/// uap-core's name of a system as people know it.
fn os_name(family: &str) -> &str {
    match family {
        "Mac OS X" | "Mac OS" => "macOS",
        "Linux" | "Ubuntu" | "Debian" | "Fedora" | "Red Hat" | "SUSE" | "CentOS" | "Gentoo"
        | "Mandriva" | "Linux Mint" | "Arch Linux" | "Kubuntu" | "Puppy" | "Slackware"
        | "PCLinuxOS" | "Mageia" => "GNU/Linux",
        "Windows CE" | "Windows Mobile" => "Windows Mobile",
        "ATV OS X" => "tvOS",
        "Web0S" => "webOS",
        other => other,
    }
}

/// uap-core's patterns, compiled.
struct Patterns {
    browsers: user_agent::Extractor<'static>,
    systems: os::Extractor<'static>,
}

static PATTERNS: Lazy<Patterns> = Lazy::new(|| {
    // The file is compiled in, so one test that gets here has shown that this cannot fail.
    Patterns::compile(include_str!("data/regexes.yaml")).expect("our own data file")
});

impl Patterns {
    fn compile(yaml: &'static str) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct File {
            user_agent_parsers: Vec<user_agent::Parser<'static>>,
            os_parsers: Vec<os::Parser<'static>>,
        }
        let file: File = serde_yaml_ng::from_str(yaml)?;
        let mut browsers = user_agent::Builder::new();
        for parser in file.user_agent_parsers {
            browsers = browsers.push(parser)?;
        }
        let mut systems = os::Builder::new();
        for parser in file.os_parsers {
            systems = systems.push(parser)?;
        }
        Ok(Self { browsers: browsers.build()?, systems: systems.build()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(user_agent: &str, mobile_hint: Option<bool>) -> [String; 5] {
        let agent = Agents::new().read(user_agent, mobile_hint);
        assert_eq!(agent.bot, None);
        let parts = [
            Dimension::Browser,
            Dimension::BrowserVersion,
            Dimension::Os,
            Dimension::OsVersion,
            Dimension::Device,
        ];
        parts.map(|part| agent.traits.get(part).unwrap().to_owned())
    }

    #[test]
    fn todays_browsers_are_read() {
        for (agent, hint, expected) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0",
                None,
                ["Firefox", "Firefox 153", "GNU/Linux", "GNU/Linux", "Desktop"],
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/156.0.0.0 Safari/537.36",
                Some(false),
                ["Chrome", "Chrome 156", "Windows", "Windows 10", "Desktop"],
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0",
                None,
                ["Edge", "Edge 156", "Windows", "Windows 10", "Desktop"],
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/154.0.0.0 Safari/537.36 OPR/125.0.0.0",
                None,
                ["Opera", "Opera 125", "Windows", "Windows 10", "Desktop"],
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like \
                 Gecko) Version/18.3 Safari/605.1.15",
                None,
                ["Safari", "Safari 18", "macOS", "macOS 10.15", "Desktop"],
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 \
                 (KHTML, like Gecko) Version/18.3 Mobile/15E148 Safari/604.1",
                None,
                ["Safari", "Safari 18", "iOS", "iOS 18", "Mobile"],
            ),
            (
                "Mozilla/5.0 (iPad; CPU OS 18_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like \
                 Gecko) CriOS/156.0.0.0 Mobile/15E148 Safari/604.1",
                None,
                ["Chrome", "Chrome 156", "iOS", "iOS 18", "Tablet"],
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/156.0.0.0 Mobile Safari/537.36",
                Some(true),
                ["Chrome", "Chrome 156", "Android", "Android 10", "Mobile"],
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/156.0.0.0 Safari/537.36",
                Some(false),
                ["Chrome", "Chrome 156", "Android", "Android 10", "Tablet"],
            ),
            (
                "Mozilla/5.0 (Linux; Android 15; SAMSUNG SM-S931B) AppleWebKit/537.36 (KHTML, like \
                 Gecko) SamsungBrowser/29.0 Chrome/136.0.0.0 Mobile Safari/537.36",
                None,
                ["Samsung Browser", "Samsung Browser 29", "Android", "Android 15", "Mobile"],
            ),
            (
                "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/156.0.0.0 Safari/537.36",
                None,
                ["Chrome", "Chrome 156", "Chrome OS", "Chrome OS", "Desktop"],
            ),
            (
                "Mozilla/5.0 (Linux; Android 11; AFTKA Build/RS8149.3268N) AppleWebKit/537.36 \
                 (KHTML, like Gecko) Silk/130.4.1 like Chrome/130.0.6723.102 Safari/537.36",
                None,
                ["Amazon Silk", "Amazon Silk 130", "Android", "Android 11", "TV"],
            ),
            (
                "Mozilla/5.0 (PlayStation 5 3.11) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 Version/13.0 Safari/605.1.15",
                None,
                ["Safari", "Safari 13", "(unknown)", "(unknown)", "Console"],
            ),
        ] {
            assert_eq!(told(agent, hint), expected, "{agent}");
        }
    }

    #[test]
    fn answers_are_remembered_by_agent_and_hint() {
        let agents = Agents::new();
        let odd = "Acme/1 (Unheard-of)";
        let first = agents.read(odd, None);
        assert!(Arc::ptr_eq(&first, &agents.read(odd, None)));
        assert_eq!(first.traits.get(Dimension::Device), Some(UNKNOWN));
        let device = |hint| agents.read(odd, hint).traits.get(Dimension::Device).map(str::to_owned);
        assert_eq!(device(Some(true)).as_deref(), Some("Mobile"));
        assert_eq!(device(None).as_deref(), Some(UNKNOWN));
    }

    #[test]
    fn endless_agents_are_cut() {
        let agents = Agents::new();
        let endless = "é".repeat(10_000);
        let first = agents.read(&endless, None);
        assert!(!Arc::ptr_eq(&first, &agents.read(&endless[..20], None)));
        assert!(Arc::ptr_eq(&first, &agents.read(&endless[..LONGEST + 2], None)));
        assert_eq!(first.traits.get(Dimension::Browser), Some(UNKNOWN));
    }
}
