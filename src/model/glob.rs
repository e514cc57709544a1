//! Patterns for the names of pages and hosts: `*` stands for any characters, `/` among them, as
//! both `*` and `**` do in Plausible.
//!
//! One kind for all that match names: goals, funnels and filters.

use std::fmt;
use wildmatch::WildMatchPattern;

/// How patterns hold their `*`: a noncharacter of Unicode, so that the star in a name is a
/// character like any other.
const ANY: char = '\u{ffff}';

/// What would stand for exactly one character. Nobody can write it.
const ONE: char = '\u{fffe}';

/// A pattern, ready to match.
#[derive(Debug, Clone, PartialEq)]
pub struct Glob(WildMatchPattern<ANY, ONE>);

impl Eq for Glob {}

impl Glob {
    /// Every `*` in the text stands for any characters.
    pub fn new(text: &str) -> Self {
        Self::between(text.split('*'))
    }

    /// Any characters between the pieces.
    pub fn between<'p>(pieces: impl IntoIterator<Item = &'p str>) -> Self {
        let pieces: Vec<&str> = pieces.into_iter().collect();
        Self(WildMatchPattern::new(&pieces.join(ANY.encode_utf8(&mut [0; 4]))))
    }

    /// Whether every name matches.
    pub fn is_any(&self) -> bool {
        self.0.pattern().chars().all(|c| c == ANY)
    }

    pub fn matches(&self, name: &str) -> bool {
        self.0.matches(name)
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.pattern().replace(ANY, "*"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_fit() {
        for (pattern, fit, unfit) in [
            ("/a", "/a", "/ab"),
            ("/a*", "/abc", "/b"),
            ("/a**", "/a", "/b"),
            ("*.pdf", "/x/y.pdf", "/x/y.pdfx"),
            ("/a*b", "/axxb", "/ab/c"),
            ("/a*a", "/aa", "/a"),
            ("/*/x/*/y", "/1/x/2/y", "/1/x/y"),
            ("/a?", "/a?", "/ab"),
        ] {
            let glob = Glob::new(pattern);
            assert!(glob.matches(fit), "{pattern} {fit}");
            assert!(!glob.matches(unfit), "{pattern} {unfit}");
        }
        assert!(Glob::new("*").matches("/anything") && Glob::new("*").matches(""));
        assert_eq!(Glob::new("/a*b").to_string(), "/a*b");
        assert!(!Glob::between(["/*", ""]).matches("/a"));
    }

    #[test]
    fn hostile_patterns_end_soon() {
        let started = std::time::Instant::now();
        let name = "a".repeat(1_024);
        for piece in 1..512 {
            let pattern = format!("*{}b", format!("{}*", "a".repeat(piece)).repeat(1_024 / piece));
            assert!(!Glob::new(&pattern).matches(&name));
        }
        assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    }

    proptest! {
        #[test]
        fn it_matches_as_the_same_regular_expression(
            pattern in r"[ab*?/]{0,8}", name in r"[ab*?/é]{0,8}"
        ) {
            let pieces: Vec<String> = pattern.split('*').map(regex::escape).collect();
            let expression = regex::Regex::new(&format!("^{}$", pieces.join(".*"))).unwrap();
            prop_assert_eq!(Glob::new(&pattern).matches(&name), expression.is_match(&name));
        }
    }
}
