//! Whether a crawler comes from where its owner says it does.
//!
//! Anyone can call itself Googlebot. The owners of large crawlers publish their address ranges; a
//! file with these, when given, tells false claims from true ones. Apart from [`super::bots`],
//! which knows agents only: this is about an address, so nothing of it may be remembered.
//!
//! The file is a JSON object of bot names, as reports show them, each with the document its owner
//! publishes, unchanged:
//!
//! ```json
//! {
//!   "Googlebot": { "prefixes": [{ "ipv4Prefix": "66.249.64.0/27" }, { "ipv6Prefix": "2001:4860:4801:10::/64" }] },
//!   "GPTBot": { "prefixes": [{ "ipv4Prefix": "52.230.152.0/24" }] }
//! }
//! ```

use super::bots::Bot;
use crate::model::BotClass;
use anyhow::Context;
use ipnet::IpNet;
use serde::Deserialize;
use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;

/// Published address ranges of crawlers.
#[derive(Debug, Default)]
pub struct Ranges {
    crawlers: Vec<Crawler>,
}

#[derive(Debug)]
struct Crawler {
    name: String,
    networks: Vec<IpNet>,
    /// What is reported of those who only say they are this crawler.
    impostor: Bot,
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

impl Ranges {
    /// Reads a file of ranges.
    ///
    /// # Errors
    /// One line that names the file, if it cannot be read or isn't of the form above.
    pub fn open(file: &Path) -> anyhow::Result<Self> {
        let what = || format!("crawler ranges {}", file.display());
        let text = std::fs::read_to_string(file).with_context(what)?;
        Self::parse(&text).with_context(what)
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let documents: HashMap<String, Published> = serde_json::from_str(text)?;
        let crawlers = documents.into_iter().map(|(name, published)| Crawler {
            networks: published.prefixes.into_iter().map(|prefix| prefix.network).collect(),
            impostor: Bot {
                name: format!("claims to be {name}, isn't").into(),
                class: BotClass::Impostor,
            },
            name,
        });
        Ok(Self { crawlers: crawlers.collect() })
    }

    /// What a bot that comes from `address` is instead, if its claim is false. `None`: the claim is
    /// true, or nobody published where this bot comes from.
    pub fn impostor(&self, bot: &Bot, address: IpAddr) -> Option<&Bot> {
        let address = address.to_canonical();
        let crawler = self.crawlers.iter().find(|crawler| crawler.is_claimed_by(&bot.name))?;
        let true_claim = crawler.networks.iter().any(|net| net.contains(&address));
        (!true_claim).then_some(&crawler.impostor)
    }
}

impl Crawler {
    /// `Googlebot-Image` comes from where `Googlebot` does.
    fn is_claimed_by(&self, name: &str) -> bool {
        let rest = name.strip_prefix(self.name.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }
}

#[cfg(test)]
mod tests {
    use super::super::bots::judge;
    use super::*;

    const FILE: &str = r#"{
        "Googlebot": {
            "creationTime": "2026-10-01T00:00:00",
            "prefixes": [{"ipv4Prefix": "66.249.64.0/27"}, {"ipv6Prefix": "2001:4860:4801:10::/64"}]
        },
        "GPTBot": {"prefixes": [{"ipv4Prefix": "52.230.152.0/24"}]}
    }"#;

    #[test]
    fn false_claims_are_told_from_true_ones() {
        let ranges = Ranges::parse(FILE).unwrap();
        let is = |agent: &str, address: &str| {
            let bot = judge(agent).unwrap();
            let impostor = ranges.impostor(&bot, address.parse().unwrap());
            impostor.map(|bot| (bot.name.to_string(), bot.class))
        };
        let google = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
        let false_google = Some(("claims to be Googlebot, isn't".into(), BotClass::Impostor));
        assert_eq!(is(google, "66.249.64.31"), None);
        assert_eq!(is(google, "::ffff:66.249.64.31"), None);
        assert_eq!(is(google, "2001:4860:4801:10::1"), None);
        assert_eq!(is(google, "66.249.64.32"), false_google);
        assert_eq!(is(google, "2001:4860:4801:11::1"), false_google);
        assert_eq!(is("Googlebot-Image/1.0", "66.249.64.1"), None);
        assert_eq!(is("Googlebot-Image/1.0", "192.0.2.1"), false_google);
        assert_eq!(is("GPTBot/1.2", "52.230.152.9"), None);
        assert_eq!(is("curl/8.5.0", "192.0.2.1"), None, "nobody says where curl comes from");
    }

    #[test]
    fn what_is_no_such_file_is_one_line_that_names_it() {
        let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        let line = format!("{:#}", Ranges::open(file).unwrap_err());
        assert!(line.contains("Cargo.toml") && !line.contains('\n'), "{line}");
        let wrong = r#"{"Googlebot": {"prefixes": [{"ipv4Prefix": "66.249.64.0/99"}]}}"#;
        assert!(Ranges::parse(wrong).is_err());
    }
}
