//! Countries and languages as people call them, where that is not English: its names are the API's,
//! and [`crate::report`] has them.

use super::Language;

/// Code, and the name in German and in Spanish: see `update.sh`, which makes them.
const COUNTRIES: &str = include_str!("countries.tsv");
const LANGUAGES: &str = include_str!("languages.tsv");

impl Language {
    /// Name of a country by its ISO 3166-1 alpha-2 code.
    pub fn country(self, code: &str) -> Option<&'static str> {
        self.find(COUNTRIES, code)
    }

    /// Name of a language by its ISO 639 code.
    pub fn language(self, code: &str) -> Option<&'static str> {
        self.find(LANGUAGES, code)
    }

    fn find(self, table: &'static str, code: &str) -> Option<&'static str> {
        let column = match self {
            Self::German => 1,
            Self::Spanish => 2,
            _ => return None,
        };
        let mut lines = table.lines().map(|line| line.split('\t'));
        lines.find_map(|mut line| (line.next() == Some(code)).then(|| line.nth(column - 1))?)
    }
}

#[cfg(test)]
mod tests {
    use super::Language::{English, German, Spanish};

    #[test]
    fn codes_have_names() {
        assert_eq!(German.country("DE"), Some("Deutschland"));
        assert_eq!(Spanish.country("DE"), Some("Alemania"));
        assert_eq!(Spanish.language("de"), Some("Alemán"));
        for unknown in ["", "de", "(unknown)", "ZZ", "D"] {
            assert_eq!(German.country(unknown), None, "{unknown}");
        }
        assert_eq!(English.country("DE"), None);
        for table in [super::COUNTRIES, super::LANGUAGES] {
            for line in table.lines() {
                assert_eq!(line.split('\t').filter(|name| !name.is_empty()).count(), 3, "{line}");
            }
        }
    }
}
