//! Websites and apps that send visitors, by host: their name and what kind of thing they are.
//!
//! Apart from the rules of [`super::channel`] because it is data: `data/sources.tsv`, ours, edited
//! by hand.
//!
//! # Compared with Plausible
//!
//! Plausible names a source by the `referers.yml` of referer-parser and a list of its own
//! (`custom_sources.json`), and finds its channel by that name in Google Analytics' table of source
//! categories (`ga4-source-categories.csv`). This table agrees with them, but for:
//!
//! - Sub-services. Plausible finds no category for names such as `Google News` or `Google Images`,
//!   so they are referrals; and `shopping.naver.com` or `lens.google.com` are `Naver` and `Google`,
//!   so their own categories are never found. Here each has its name and the category that Google
//!   Analytics gives its host, on every country's domain.
//! - Services that Google Analytics has no category for, or one that says too much, are referrals
//!   under their own name: Google Play, Drive and Translate, Yahoo! News, Finance and Sports, and
//!   `sites.google.com`, where anybody's pages are. Plausible counts most of them as search.
//! - Webmail is email. Google Analytics takes `mail.yandex.ru`, `mail.rambler.ru` and
//!   `email.seznam.cz` for search.
//! - Names are today's: X, VK, OK.ru, YouTube, Gemini, for Twitter, Vkontakte, Odnoklassniki,
//!   Youtube, Google Gemini.
//! - GitHub is a referral, Rakuten and Amazon are shops, YouTube and TikTok are video. Google
//!   Analytics has no category for GitHub and says search and social of Rakuten and TikTok.
//! - Services that were closed (Google Blog Search, Altavista, Orkut) and hosts of advertising
//!   networks aren't listed: what was paid for is told by the link's tags. Nor are paths
//!   (`bing.com/images`): browsers send another site the origin alone.

use once_cell::sync::Lazy;
use std::collections::HashMap;
use std::sync::Arc;

/// What kind of thing sends visitors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Search,
    Social,
    Video,
    Ai,
    Email,
    Shopping,
    Audio,
    /// Any other website.
    Site,
    /// Sends no visitors, only wants its name read in reports.
    Spam,
}

/// A known source.
#[derive(Debug)]
pub struct Known {
    pub name: Arc<str>,
    pub kind: Kind,
    /// A word for `utm_source` that is put on advertisements only, such as `adwords` or `fb-ads`.
    pub paid: bool,
}

/// The source a host belongs to: the most specific one listed. `host` is lower case, without port.
pub fn by_host(host: &str) -> Option<&'static Known> {
    let host = host.strip_prefix("www.").unwrap_or(host);
    let suffix = public_suffix(host);
    let mut rest = Some(host);
    while let Some(part) = rest.filter(|part| part.contains('.')) {
        let known = TABLE.names.get(part).or_else(|| {
            let name = part.strip_suffix(suffix?)?.strip_suffix('.')?;
            let anywhere = TABLE.anywhere.get(name)?;
            (anywhere.with_subdomains || part == host).then_some(&anywhere.known)
        });
        if known.is_some() {
            return known;
        }
        rest = part.split_once('.').map(|(_, parent)| parent);
    }
    None
}

/// The source a `utm_source` names: by host (`chatgpt.com`) or by word (`facebook`), in any case.
pub fn by_word(word: &str) -> Option<&'static Known> {
    let word = word.trim().to_ascii_lowercase();
    TABLE.names.get(&*word).or_else(|| TABLE.words.get(&word)).or_else(|| by_host(&word))
}

/// Whether a source is an assistant of AI, by its name as reports show it.
pub fn is_ai(name: &str) -> bool {
    let known = TABLE.words.get(&name.to_lowercase());
    known.is_some_and(|known| known.kind == Kind::Ai && *known.name == *name)
}

/// `co.uk` of `google.co.uk`. `None` under suffixes such as `github.io`, where anyone can have any
/// name.
fn public_suffix(host: &str) -> Option<&str> {
    let suffix = psl::suffix(host.as_bytes())?;
    let is_registry = suffix.typ() == Some(psl::Type::Icann);
    std::str::from_utf8(suffix.as_bytes()).ok().filter(|_| is_registry)
}

#[derive(Default)]
struct Table {
    /// By host, package or word.
    names: Map<&'static str>,
    /// By what stands before any public suffix: `google`, `news.google`.
    anywhere: Map<&'static str, Anywhere>,
    /// By the source's own name, lower case.
    words: Map<String>,
}

/// A source under any public suffix.
struct Anywhere {
    known: Known,
    with_subdomains: bool,
}

/// Filled from our own list only, so nobody can aim for collisions.
type Map<K, V = Known> = HashMap<K, V, foldhash::fast::RandomState>;

static TABLE: Lazy<Table> = Lazy::new(|| {
    let mut table = Table::default();
    let mut shared: HashMap<&str, Arc<str>> = HashMap::new();
    for line in include_str!("data/sources.tsv").lines().filter(|l| !l.starts_with('#')) {
        let mut parts = line.split('\t');
        let (Some(kind), Some(name), Some(host)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let name = shared.entry(name).or_insert_with(|| name.into()).clone();
        let kind = match kind {
            "search" => Kind::Search,
            "social" => Kind::Social,
            "video" => Kind::Video,
            "ai" => Kind::Ai,
            "email" => Kind::Email,
            "shopping" => Kind::Shopping,
            "audio" => Kind::Audio,
            "spam" => Kind::Spam,
            _ => Kind::Site,
        };
        if kind != Kind::Spam {
            let word = Known { name: name.clone(), kind, paid: false };
            table.words.insert(name.to_lowercase(), word);
        }
        let is_word = !host.contains('.');
        let paid = is_word && (host.ends_with("ads") || host.ends_with("ad") || host == "adwords");
        let known = Known { name, kind, paid };
        if let Some(pattern) = host.strip_suffix(".*") {
            let with_subdomains = pattern.contains('.');
            let name = pattern.strip_prefix("*.").unwrap_or(pattern);
            table.anywhere.insert(name, Anywhere { known, with_subdomains });
        } else {
            table.names.insert(host, known);
        }
    }
    table
});

#[cfg(test)]
mod tests {
    use super::*;

    fn name(host: &str) -> Option<&'static str> {
        by_host(host).map(|known| &*known.name)
    }

    #[test]
    fn every_line_of_the_table_is_whole() {
        let lines = include_str!("data/sources.tsv").lines().filter(|l| !l.starts_with('#'));
        for line in lines.clone() {
            assert_eq!(line.split('\t').filter(|part| !part.is_empty()).count(), 3, "{line}");
        }
        assert_eq!(TABLE.names.len() + TABLE.anywhere.len(), lines.count(), "no host twice");
    }

    #[test]
    fn the_most_specific_host_wins() {
        assert_eq!(name("www.google.com"), Some("Google"));
        assert_eq!(name("google.co.uk"), Some("Google"));
        assert_eq!(name("images.google.co.uk"), Some("Google Images"));
        assert_eq!(name("m.news.google.de"), Some("Google News"));
        assert_eq!(name("finance.yahoo.com"), Some("Yahoo! Finance"));
        assert_eq!(name("de.yahoo.com"), Some("Yahoo!"));
        assert_eq!(name("store.shopping.yahoo.co.jp"), Some("Yahoo! Shopping"));
        assert_eq!(name("cr.shopping.naver.com"), Some("Naver Shopping"));
        assert_eq!(name("images.google.example.com"), None);
        assert_eq!(name("news.google.github.io"), None);
        assert_eq!(name("mail.google.com"), Some("Gmail"));
        assert_eq!(name("gemini.google.com"), Some("Gemini"));
        assert_eq!(name("sites.google.com"), None);
        assert_eq!(name("google.github.io"), None, "anyone can have that name");
        assert_eq!(name("notgoogle.com"), None);
        assert_eq!(name("l.facebook.com"), Some("Facebook"));
        assert_eq!(name("com"), None);
        assert_eq!(name(""), None);
    }

    #[test]
    fn words_name_sources_too() {
        for word in ["Facebook", "fb", "facebook.com", " FB ", "www.facebook.com"] {
            assert_eq!(by_word(word).map(|known| &*known.name), Some("Facebook"), "{word}");
        }
        assert_eq!(by_word("hacker news").map(|known| &*known.name), Some("Hacker News"));
        assert!(by_word("spring newsletter").is_none());
        for (word, paid) in [("adwords", true), ("FB-Ads", true), ("google", false), ("fb", false)]
        {
            assert_eq!(by_word(word).map(|known| known.paid), Some(paid), "{word}");
        }
    }
}
