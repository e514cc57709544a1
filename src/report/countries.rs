//! Names for codes: countries with their flags, regions, languages.

use once_cell::sync::Lazy;

/// Code, tab, usual English name; from the tz database's table (public domain), with some names as
/// people search for them.
const COUNTRIES: &str = include_str!("assets/countries.tsv");

/// By their codes, which are in order.
static REGIONS: Lazy<Vec<(&str, &str)>> = Lazy::new(|| {
    let lines = include_str!("assets/regions.tsv").lines();
    lines.filter_map(|line| line.split_once('\t')).collect()
});

/// The languages that browsers ask for most.
const LANGUAGES: &[(&str, &str)] = &[
    ("ar", "Arabic"),
    ("bg", "Bulgarian"),
    ("bn", "Bengali"),
    ("ca", "Catalan"),
    ("cs", "Czech"),
    ("da", "Danish"),
    ("de", "German"),
    ("el", "Greek"),
    ("en", "English"),
    ("es", "Spanish"),
    ("et", "Estonian"),
    ("eu", "Basque"),
    ("fa", "Persian"),
    ("fi", "Finnish"),
    ("fil", "Filipino"),
    ("fr", "French"),
    ("ga", "Irish"),
    ("gl", "Galician"),
    ("gu", "Gujarati"),
    ("he", "Hebrew"),
    ("hi", "Hindi"),
    ("hr", "Croatian"),
    ("hu", "Hungarian"),
    ("hy", "Armenian"),
    ("id", "Indonesian"),
    ("is", "Icelandic"),
    ("it", "Italian"),
    ("ja", "Japanese"),
    ("ka", "Georgian"),
    ("kk", "Kazakh"),
    ("ko", "Korean"),
    ("lt", "Lithuanian"),
    ("lv", "Latvian"),
    ("mr", "Marathi"),
    ("ms", "Malay"),
    ("nb", "Norwegian Bokmål"),
    ("nl", "Dutch"),
    ("nn", "Norwegian Nynorsk"),
    ("no", "Norwegian"),
    ("pa", "Punjabi"),
    ("pl", "Polish"),
    ("pt", "Portuguese"),
    ("ro", "Romanian"),
    ("ru", "Russian"),
    ("sk", "Slovak"),
    ("sl", "Slovenian"),
    ("sq", "Albanian"),
    ("sr", "Serbian"),
    ("sv", "Swedish"),
    ("sw", "Swahili"),
    ("ta", "Tamil"),
    ("te", "Telugu"),
    ("th", "Thai"),
    ("tr", "Turkish"),
    ("uk", "Ukrainian"),
    ("ur", "Urdu"),
    ("uz", "Uzbek"),
    ("vi", "Vietnamese"),
    ("zh", "Chinese"),
];

/// Codes of all countries, with their names.
pub fn countries() -> impl Iterator<Item = (&'static str, &'static str)> {
    COUNTRIES.lines().filter_map(|line| line.split_once('\t'))
}

/// Codes of languages, with their names.
pub fn languages() -> impl Iterator<Item = (&'static str, &'static str)> {
    LANGUAGES.iter().copied()
}

/// English name of a country by its ISO 3166-1 alpha-2 code.
pub fn country(code: &str) -> Option<&'static str> {
    countries().find_map(|(known, name)| (known == code).then_some(name))
}

/// Codes of all regions, with their names.
pub fn regions() -> impl Iterator<Item = (&'static str, &'static str)> {
    REGIONS.iter().copied()
}

/// Usual name of a country's region by its ISO 3166-2 code.
pub fn region(code: &str) -> Option<&'static str> {
    let at = REGIONS.binary_search_by_key(&code, |(known, _)| known).ok()?;
    Some(REGIONS[at].1)
}

/// The flag of a country: its code in regional indicator letters.
pub fn flag(code: &str) -> Option<String> {
    country(code)?;
    code.bytes().map(|letter| char::from_u32(0x1_f1e6 + u32::from(letter - b'A'))).collect()
}

/// English name of a language by its ISO 639 code.
pub fn language(code: &str) -> Option<&'static str> {
    LANGUAGES.iter().find_map(|(known, name)| (*known == code).then_some(*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_those_of_the_library() {
        assert_eq!(REGIONS.len(), rust_iso3166::iso3166_2::SUBDIVISION_MAP.len());
        assert!(REGIONS.is_sorted());
        for (code, known) in &rust_iso3166::iso3166_2::SUBDIVISION_MAP {
            assert_eq!(region(code), Some(known.name), "{code}");
        }
        assert_eq!(region("DE-XX"), None);
    }

    #[test]
    fn codes_have_names_and_flags() {
        assert_eq!(country("DE"), Some("Germany"));
        assert_eq!(flag("DE").as_deref(), Some("🇩🇪"));
        assert_eq!(language("de"), Some("German"));
        assert_eq!(
            (region("US-CA"), region("US"), region("US-XX")),
            (Some("California"), None, None)
        );
        for unknown in ["", "de", "(unknown)", "ZZ", "D", "\u{df}\u{df}"] {
            assert_eq!((country(unknown), flag(unknown)), (None, None), "{unknown}");
        }
        for line in COUNTRIES.lines() {
            let (code, name) = line.split_once('\t').unwrap();
            assert!(code.len() == 2 && !name.is_empty(), "{line}");
            assert!(flag(code).is_some(), "{line}");
        }
    }
}
