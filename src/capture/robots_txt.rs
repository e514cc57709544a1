//! The website's robots.txt as it sends it, and what that says to a machine (RFC 9309).
//!
//! It is read on its way to whoever asks for it, so nothing is fetched for it; until somebody has
//! asked, nothing is known. What is long is not read: the rest of a file, and the paths of requests.

use crate::page_name;
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, StatusCode, header};
use std::io::Read;
use std::iter;

/// Where it is.
pub const PATH: &str = "/robots.txt";

/// Bytes of it that are read, as RFC 9309 asks for.
const LONGEST: usize = 500 << 10;

/// Lines with rules, and bytes of a request's path and query, that are looked at.
const RULES: usize = 5_000;
const TARGET: usize = 2_048;

/// What a website asks of machines.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RobotsTxt {
    groups: Vec<Group>,
}

/// Rules, and the names of those for whom they are, in lower case.
#[derive(Debug, Default, PartialEq, Eq)]
struct Group {
    agents: Vec<String>,
    rules: Vec<Rule>,
}

#[derive(Debug, PartialEq, Eq)]
struct Rule {
    allows: bool,
    pattern: String,
}

/// One that is on its way.
#[derive(Debug)]
pub struct Reading {
    body: Vec<u8>,
    gzip: bool,
}

impl Reading {
    /// Begins with an answer's head. `Err`: that says already what there is, which is nothing.
    /// `None`: it cannot be read.
    pub fn begin(status: StatusCode, headers: &HeaderMap) -> Option<Result<Self, RobotsTxt>> {
        if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS {
            return Some(Err(RobotsTxt::default()));
        }
        let coding = headers.get(header::CONTENT_ENCODING).map(|value| value.as_bytes());
        let gzip = coding.is_some_and(|coding| coding.eq_ignore_ascii_case(b"gzip"));
        let readable = coding.is_none() || gzip;
        (status == StatusCode::OK && readable).then(|| Ok(Self { body: Vec::new(), gzip }))
    }

    pub fn take(&mut self, more: &Bytes) {
        let room = LONGEST.saturating_sub(self.body.len());
        self.body.extend_from_slice(&more[..more.len().min(room)]);
    }

    pub fn end(self) -> RobotsTxt {
        match self.gzip {
            false => RobotsTxt::read(&self.body),
            true => {
                let mut text = Vec::new();
                // Of one that is cut off, what there is of it.
                let decoder = MultiGzDecoder::new(&*self.body);
                let _ = decoder.take(LONGEST as u64).read_to_end(&mut text);
                RobotsTxt::read(&text)
            }
        }
    }
}

impl RobotsTxt {
    fn read(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text);
        let mut groups: Vec<Group> = Vec::new();
        let mut rules = 0;
        for line in text.trim_start_matches('\u{feff}').split(['\n', '\r']) {
            let line = line.split('#').next().unwrap_or_default();
            let Some((key, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            match &*key.trim().to_ascii_lowercase() {
                "user-agent" => {
                    // Lines that follow each other are of one group.
                    if groups.last().is_none_or(|group| !group.rules.is_empty()) {
                        groups.push(Group::default());
                    }
                    let agents = groups.last_mut().map(|group| &mut group.agents);
                    agents.into_iter().for_each(|all| all.push(value.to_ascii_lowercase()));
                }
                key @ ("allow" | "disallow") if rules < RULES => {
                    rules += 1;
                    if let Some(group) = groups.last_mut() {
                        let pattern = page_name::plain_part(value);
                        group.rules.push(Rule { allows: key == "allow", pattern });
                    }
                }
                _ => {}
            }
        }
        Self { groups }
    }

    /// Whether a machine of this name may have a path with its query: by the rules for it, else by
    /// those for what it is a kind of (`Googlebot-Image`, `Googlebot`), else by those for all.
    /// `None`: that is too long to say.
    pub fn allows(&self, bot: &str, target: &str) -> Option<bool> {
        if target.len() > TARGET {
            return None;
        }
        let target = page_name::plain_part(target);
        let bot = bot.to_ascii_lowercase();
        let kinds =
            iter::successors(Some(&*bot), |name| name.rsplit_once('-').map(|(first, _)| first));
        for name in kinds.chain(["*"]) {
            let is_for = |group: &&Group| group.agents.iter().any(|agent| agent == name);
            let mut own = self.groups.iter().filter(is_for).peekable();
            if own.peek().is_some() {
                let rules = own.flat_map(|group| &group.rules);
                let fitting = rules.filter(|rule| rule.fits(&target));
                let longest = fitting.max_by_key(|rule| (rule.pattern.len(), rule.allows));
                return Some(longest.is_none_or(|rule| rule.allows));
            }
        }
        Some(true)
    }
}

impl Rule {
    /// Whether a path begins as the pattern says: `*` stands for anything, and `$` at its end for
    /// the path's. An empty one fits nothing.
    fn fits(&self, target: &str) -> bool {
        let (pattern, whole) = match self.pattern.strip_suffix('$') {
            Some(pattern) => (pattern, true),
            None => (&*self.pattern, false),
        };
        let mut parts = pattern.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = target.strip_prefix(first).filter(|_| !self.pattern.is_empty()) else {
            return false;
        };
        let mut parts = parts.peekable();
        if parts.peek().is_none() {
            return !whole || rest.is_empty();
        }
        while let Some(part) = parts.next() {
            if whole && parts.peek().is_none() {
                return rest.ends_with(part);
            }
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const FILE: &str = "
        User-agent: GPTBot
        User-agent: CCBot   # both
        Disallow: /

        User-Agent: googlebot
        Allow: /private/open
        Disallow: /private/
        disallow: /*.pdf$
        Disallow: /search?*q=
        Disallow: /caf%c3%a9
        Disallow:

        user-agent: *
        Disallow: /tmp
        Sitemap: https://example.org/sitemap.xml

        User-agent: googlebot
        Disallow: /also";

    #[test]
    fn rules_are_for_their_own_and_the_longest_wins() {
        let robots = RobotsTxt::read(FILE.as_bytes());
        for (bot, target, allowed) in [
            ("GPTBot", "/", false),
            ("gptbot", "/a", false),
            ("CCBot", "/a", false),
            ("Googlebot", "/", true),
            ("Googlebot", "/private/a", false),
            ("Googlebot", "/private/open/a", true),
            ("Googlebot-Image", "/private/a", false),
            ("Googlebot", "/a.pdf", false),
            ("Googlebot", "/a.pdf?b", true),
            ("Googlebot", "/search?a=b&q=c", false),
            ("Googlebot", "/search?a=b", true),
            ("Googlebot", "/caf%C3%A9/menu", false),
            ("Googlebot", "/café", false),
            ("Googlebot", "/%63af%C3%A9", false),
            ("Googlebot", "/also/this", false),
            ("Googlebot", "/tmp", true),
            ("ClaudeBot", "/tmp/a", false),
            ("ClaudeBot", "/a", true),
        ] {
            assert_eq!(robots.allows(bot, target), Some(allowed), "{bot} {target}");
        }
        assert_eq!(robots.allows("GPTBot", &"/a".repeat(2_000)), None);
        assert_eq!(RobotsTxt::default().allows("GPTBot", "/"), Some(true));
    }

    #[test]
    fn it_is_read_as_it_comes_compressed_or_not() {
        let head = |coding: Option<&'static str>| {
            let value = coding.map(|coding| (header::CONTENT_ENCODING, coding.parse().unwrap()));
            value.into_iter().collect::<HeaderMap>()
        };
        let read = |coding, body: &[u8]| {
            let mut reading = Reading::begin(StatusCode::OK, &head(coding))?.unwrap();
            body.chunks(7).for_each(|piece| reading.take(&Bytes::copy_from_slice(piece)));
            Some(reading.end())
        };
        let expected = Some(RobotsTxt::read(FILE.as_bytes()));
        assert_eq!(read(None, FILE.as_bytes()), expected);
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Default::default());
        encoder.write_all(FILE.as_bytes()).unwrap();
        assert_eq!(read(Some("gzip"), &encoder.finish().unwrap()), expected);
        assert_eq!(read(Some("br"), b""), None);
        let none = Reading::begin(StatusCode::NOT_FOUND, &head(None));
        assert_eq!(none.unwrap().unwrap_err(), RobotsTxt::default());
        assert!(Reading::begin(StatusCode::SERVICE_UNAVAILABLE, &head(None)).is_none());
        // However much comes, no more than so much is kept.
        let mut endless = Reading::begin(StatusCode::OK, &head(None)).unwrap().unwrap();
        (0..100).for_each(|_| endless.take(&Bytes::from(vec![b'a'; 10_000])));
        assert_eq!(endless.body.len(), LONGEST);
        let bomb = {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Default::default());
            (0..100).for_each(|_| encoder.write_all(&[b'\n'; 1 << 20]).unwrap());
            encoder.finish().unwrap()
        };
        assert_eq!(read(Some("gzip"), &bomb), Some(RobotsTxt::default()));
        let many = "User-agent: a\n".to_owned() + &"Disallow: /b\n".repeat(2 * RULES);
        assert_eq!(RobotsTxt::read(many.as_bytes()).groups[0].rules.len(), RULES);
    }
}
