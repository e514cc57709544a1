//! Websites and apps that send visitors, by host: their name and what kind of thing they are.
//!
//! Apart from the rules of [`super::channel`] because it is data: `data/sources.tsv`, ours, edited
//! by hand.

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
}

/// The source a host belongs to: the most specific one listed. `host` is lower case, without port.
pub fn by_host(host: &str) -> Option<&'static Known> {
    let host = host.strip_prefix("www.").unwrap_or(host);
    let mut rest = Some(host);
    while let Some(part) = rest.filter(|part| part.contains('.')) {
        if let Some(known) = TABLE.names.get(part) {
            return Some(known);
        }
        rest = part.split_once('.').map(|(_, parent)| parent);
    }
    TABLE.anywhere.get(label_under_public_suffix(host)?)
}

/// The source a `utm_source` names: by host (`chatgpt.com`) or by word (`facebook`), in any case.
pub fn by_word(word: &str) -> Option<&'static Known> {
    let word = word.trim().to_ascii_lowercase();
    TABLE.names.get(&*word).or_else(|| TABLE.words.get(&word)).or_else(|| by_host(&word))
}

/// `google` of `google.co.uk`, if the host is just that; not of `docs.google.com`, which is another
/// service, nor of `google.github.io`, which is another owner.
fn label_under_public_suffix(host: &str) -> Option<&str> {
    let suffix = psl::suffix(host.as_bytes())?;
    if suffix.typ() != Some(psl::Type::Icann) {
        return None;
    }
    let label =
        host.strip_suffix(std::str::from_utf8(suffix.as_bytes()).ok()?)?.strip_suffix('.')?;
    (!label.contains('.')).then_some(label)
}

#[derive(Default)]
struct Table {
    /// By host, package or word.
    names: Map<&'static str>,
    /// By the label before any public suffix.
    anywhere: Map<&'static str>,
    /// By the source's own name, lower case.
    words: Map<String>,
}

/// Filled from our own list only, so nobody can aim for collisions.
type Map<K> = HashMap<K, Known, foldhash::fast::RandomState>;

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
            table.words.insert(name.to_lowercase(), Known { name: name.clone(), kind });
        }
        match host.strip_suffix(".*") {
            Some(label) => table.anywhere.insert(label, Known { name, kind }),
            None => table.names.insert(host, Known { name, kind }),
        };
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
    }
}
