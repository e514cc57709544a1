//! Where the owners of crawlers say that these come from.
//!
//! Anyone can call itself Googlebot. The owners of large crawlers publish their addresses. A claim
//! from a listed address is true. From any other it is false only by a list that was given: those
//! that the program was built with may lack newer addresses. Apart from [`super::bots`], which
//! knows agents only: this is about an address, so nothing of it may be remembered.
//!
//! What is given is a folder of the documents that owners publish, unchanged, each by its bot's
//! name as reports show it (`Googlebot.json`), or one JSON object of them:
//!
//! ```json
//! {
//!   "Googlebot": { "prefixes": [{ "ipv4Prefix": "66.249.64.0/27" }, { "ipv6Prefix": "2001:4860:4801:10::/64" }] },
//!   "GPTBot": { "prefixes": [{ "ipv4Prefix": "52.230.152.0/24" }] }
//! }
//! ```

use anyhow::Context;
use arc_swap::ArcSwap;
use ipnet::IpNet;
use once_cell::sync::Lazy;
use serde::Deserialize;
use std::collections::HashMap;
use std::iter;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// Lists that the program was built with: names, and networks.
const BUILT_IN: &str = include_str!("data/crawler-ranges.tsv");

/// Published addresses of crawlers.
#[derive(Debug, Default)]
pub struct Ranges {
    /// The file or folder that was given.
    from: Option<PathBuf>,
    given: ArcSwap<HashMap<String, Networks>>,
    /// The files that are in use, each with when it was last written and its size.
    stamp: Mutex<Vec<Stamp>>,
}

type Stamp = (PathBuf, SystemTime, u64);

/// What published addresses say of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    Yes,
    /// Not in the list that was given for this bot: the claim is false.
    No,
    /// None was given for this bot, and it is not in the one that the program was built with.
    NotThen,
    /// Nobody says where this bot comes from.
    Unknown,
}

/// Networks, made for looking up: sorted, and no two have an address in common.
#[derive(Debug, Default)]
struct Networks {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

#[derive(Deserialize)]
struct Published {
    prefixes: Vec<Prefix>,
}

#[derive(Deserialize)]
struct Prefix {
    #[serde(rename = "ipv4Prefix", alias = "ipv6Prefix")]
    network: IpNet,
}

/// Networks by the names of those who come from there.
static KNOWN: Lazy<HashMap<&str, Arc<Networks>>> = Lazy::new(|| {
    let mut known = HashMap::new();
    for (names, networks) in BUILT_IN.lines().filter_map(|line| line.split_once('\t')) {
        let networks = networks.split(' ').filter_map(|network| network.parse().ok());
        let networks = Arc::new(Networks::new(networks.collect()));
        known.extend(names.split(',').map(|name| (name, networks.clone())));
    }
    known
});

/// A bot's name, and those of which it is a kind: `Googlebot-Image` comes from where `Googlebot`
/// does.
pub(super) fn kinds_of(name: &str) -> impl Iterator<Item = &str> {
    iter::successors(Some(name), |name| name.rsplit_once('-').map(|(first, _)| first))
}

impl Ranges {
    /// Those of a file or folder, beside those that the program was built with.
    ///
    /// # Errors
    /// One line that names the file, if it cannot be read or isn't of the form above.
    pub fn open(from: Option<&Path>) -> anyhow::Result<Self> {
        Lazy::force(&KNOWN);
        let ranges = Self { from: from.map(Path::to_owned), ..Self::default() };
        ranges.reload()?;
        Ok(ranges)
    }

    /// Takes up the files again if one of them has changed since; says whether one has. For a
    /// thread that may block.
    ///
    /// # Errors
    /// As [`Ranges::open`]; what is in use stays.
    pub fn reload(&self) -> anyhow::Result<bool> {
        let Some(from) = &self.from else { return Ok(false) };
        let what = || format!("crawler ranges {}", from.display());
        let is_folder = from.is_dir();
        let mut files = vec![from.clone()];
        if is_folder {
            let entries = std::fs::read_dir(from).with_context(what)?;
            let paths = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>();
            files = paths.with_context(what)?;
            files.retain(|file| file.extension().is_some_and(|end| end == "json"));
            files.sort();
        }
        let stamp = |file: &PathBuf| -> anyhow::Result<Stamp> {
            let metadata = std::fs::metadata(file)?;
            Ok((file.clone(), metadata.modified()?, metadata.len()))
        };
        let found = files.iter().map(stamp).collect::<anyhow::Result<Vec<_>>>();
        let found = found.with_context(what)?;
        let mut stamp = self.stamp.lock().unwrap_or_else(PoisonError::into_inner);
        if *stamp == found {
            return Ok(false);
        }
        let mut given = HashMap::new();
        for file in &files {
            let what = || format!("crawler ranges {}", file.display());
            let text = std::fs::read_to_string(file).with_context(what)?;
            if is_folder {
                let published: Published = serde_json::from_str(&text).with_context(what)?;
                let name = file.file_stem().unwrap_or_default().to_string_lossy();
                given.insert(name.into_owned(), published.into());
            } else {
                given = parse(&text).with_context(what)?;
            }
        }
        self.given.store(Arc::new(given));
        *stamp = found;
        Ok(true)
    }

    /// Whether a bot of this name comes from where its owner says.
    pub fn judge(&self, name: &str, address: IpAddr) -> Listed {
        let address = address.to_canonical();
        let given = self.given.load();
        if let Some(networks) = kinds_of(name).find_map(|name| given.get(name)) {
            return if networks.contain(address) { Listed::Yes } else { Listed::No };
        }
        match kinds_of(name).find_map(|name| KNOWN.get(name)) {
            Some(networks) if networks.contain(address) => Listed::Yes,
            Some(_) => Listed::NotThen,
            None => Listed::Unknown,
        }
    }
}

fn parse(text: &str) -> anyhow::Result<HashMap<String, Networks>> {
    let documents: HashMap<String, Published> = serde_json::from_str(text)?;
    Ok(documents.into_iter().map(|(name, published)| (name, published.into())).collect())
}

impl Networks {
    fn new(networks: Vec<IpNet>) -> Self {
        let mut sorted = Self::default();
        for network in IpNet::aggregate(&networks) {
            match network {
                IpNet::V4(net) => {
                    sorted.v4.push((net.network().to_bits(), net.broadcast().to_bits()));
                }
                IpNet::V6(net) => {
                    sorted.v6.push((net.network().to_bits(), net.broadcast().to_bits()));
                }
            }
        }
        sorted.v4.sort_unstable();
        sorted.v6.sort_unstable();
        sorted
    }

    /// Some 20 ns among hundreds.
    fn contain(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => is_in(&self.v4, v4.to_bits()),
            IpAddr::V6(v6) => is_in(&self.v6, v6.to_bits()),
        }
    }
}

/// Whether a number is in one of these spans, which are sorted and apart.
fn is_in<N: Ord>(spans: &[(N, N)], number: N) -> bool {
    let after = spans.partition_point(|(first, _)| *first <= number);
    after.checked_sub(1).is_some_and(|at| number <= spans[at].1)
}

impl From<Published> for Networks {
    fn from(published: Published) -> Self {
        Self::new(published.prefixes.into_iter().map(|prefix| prefix.network).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::bots::judge;
    use super::*;
    use std::fs;

    const FILE: &str = r#"{
        "Googlebot": {
            "creationTime": "2026-10-01T00:00:00",
            "prefixes": [{"ipv4Prefix": "66.249.64.0/27"}, {"ipv6Prefix": "2001:4860:4801:10::/64"}]
        },
        "GPTBot": {"prefixes": [{"ipv4Prefix": "52.230.152.0/24"}]}
    }"#;

    const GOOGLE: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";

    fn is(ranges: &Ranges, agent: &str, address: &str) -> Listed {
        ranges.judge(&judge(agent).unwrap().name, address.parse().unwrap())
    }

    #[test]
    fn false_claims_are_told_from_true_ones() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ranges.json");
        fs::write(&file, FILE).unwrap();
        let ranges = Ranges::open(Some(&file)).unwrap();
        let is = |agent, address| is(&ranges, agent, address);
        assert_eq!(is(GOOGLE, "66.249.64.31"), Listed::Yes);
        assert_eq!(is(GOOGLE, "::ffff:66.249.64.31"), Listed::Yes);
        assert_eq!(is(GOOGLE, "2001:4860:4801:10::1"), Listed::Yes);
        assert_eq!(is(GOOGLE, "66.249.64.32"), Listed::No);
        assert_eq!(is(GOOGLE, "2001:4860:4801:11::1"), Listed::No);
        assert_eq!(is("Googlebot-Image/1.0", "66.249.64.1"), Listed::Yes);
        assert_eq!(is("Googlebot-Image/1.0", "192.0.2.1"), Listed::No);
        assert_eq!(is("GPTBot/1.2", "52.230.152.9"), Listed::Yes);
        assert_eq!(is("curl/8.5.0", "192.0.2.1"), Listed::Unknown);
    }

    #[test]
    fn the_lists_of_the_program_itself_confirm_and_never_refute() {
        let ranges = Ranges::open(None).unwrap();
        assert!(KNOWN.len() > 20 && KNOWN.values().all(|n| n.v4.len() + n.v6.len() > 2));
        assert_eq!(is(&ranges, GOOGLE, "66.249.66.1"), Listed::Yes);
        assert_eq!(is(&ranges, GOOGLE, "2001:4860:4801:10::7"), Listed::Yes);
        assert_eq!(is(&ranges, GOOGLE, "192.0.2.1"), Listed::NotThen);
        assert_eq!(is(&ranges, "GPTBot/1.2", "66.249.66.1"), Listed::NotThen);
        // Each is a name that one of our lists gives to an agent.
        let names = concat!(include_str!("data/bots.tsv"), include_str!("data/crawlers.tsv"));
        for name in KNOWN.keys() {
            assert!(names.contains(&format!("\t{name}\t")), "no bot is called {name}");
        }
    }

    #[test]
    fn every_address_is_found_as_by_looking_at_each_network() {
        for (names, text) in BUILT_IN.lines().filter_map(|line| line.split_once('\t')) {
            let nets: Vec<IpNet> = text.split(' ').map(|net| net.parse().unwrap()).collect();
            let name = names.split(',').next().unwrap();
            let near = nets.iter().flat_map(|net| match net {
                IpNet::V4(net) => {
                    let [first, last] = [net.network(), net.broadcast()].map(|a| a.to_bits());
                    [first.wrapping_sub(1), first, last, last.wrapping_add(1)]
                        .map(|bits| IpAddr::V4(bits.into()))
                }
                IpNet::V6(net) => {
                    let [first, last] = [net.network(), net.broadcast()].map(|a| a.to_bits());
                    [first.wrapping_sub(1), first, last, last.wrapping_add(1)]
                        .map(|bits| IpAddr::V6(bits.into()))
                }
            });
            for address in near {
                let expected = nets.iter().any(|net| net.contains(&address));
                assert_eq!(KNOWN[name].contain(address), expected, "{name}: {address}");
            }
        }
    }

    #[test]
    fn a_folder_is_read_again_when_it_has_changed() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, prefix: &str| {
            let text = format!(r#"{{"prefixes": [{{"ipv4Prefix": "{prefix}"}}]}}"#);
            fs::write(dir.path().join(name), text).unwrap();
        };
        write("Googlebot.json", "192.0.2.0/25");
        write("README.md", "not a list");
        let ranges = Ranges::open(Some(dir.path())).unwrap();
        assert_eq!(is(&ranges, GOOGLE, "192.0.2.1"), Listed::Yes);
        assert!(!ranges.reload().unwrap());
        write("GPTBot.json", "198.51.100.0/24");
        write("Googlebot.json", "203.0.113.0/24");
        assert!(ranges.reload().unwrap());
        assert_eq!(is(&ranges, GOOGLE, "192.0.2.1"), Listed::No);
        assert_eq!(is(&ranges, "GPTBot/1.2", "198.51.100.9"), Listed::Yes);
        fs::write(dir.path().join("GPTBot.json"), "[").unwrap();
        let line = format!("{:#}", ranges.reload().unwrap_err());
        assert!(line.contains("GPTBot.json") && !line.contains('\n'), "{line}");
        assert_eq!(is(&ranges, GOOGLE, "203.0.113.1"), Listed::Yes, "what was in use stays");
    }

    #[test]
    fn what_is_no_such_file_is_one_line_that_names_it() {
        let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        let line = format!("{:#}", Ranges::open(Some(file)).unwrap_err());
        assert!(line.contains("Cargo.toml") && !line.contains('\n'), "{line}");
        let wrong = r#"{"Googlebot": {"prefixes": [{"ipv4Prefix": "66.249.64.0/99"}]}}"#;
        assert!(parse(wrong).is_err());
    }
}
