//! What people call the value of a row: places by their names, words of ours in their language.
//! Names that others have given, and paths, stay as they are.

use crate::language::Language;
use crate::model::rollup::{FILE_DOWNLOAD, OTHER, OUTBOUND_LINK, PART};
use crate::model::{AI_CHANNEL, DIRECT, Proof};
use crate::page_name::shown;
use crate::report::{Property, countries};
use std::borrow::Cow;

/// Words that the API has for a property's values, each with the key of ours.
type Words = &'static [(&'static str, &'static str)];

/// Properties all of whose values are words of ours.
const WORDED: [(&str, Words); 10] = [
    (
        "visit:device",
        &[
            ("Desktop", "value-desktop"),
            ("Laptop", "value-laptop"),
            ("Mobile", "value-mobile"),
            ("Tablet", "value-tablet"),
            ("TV", "value-tv"),
            ("Console", "value-console"),
        ],
    ),
    (
        "visit:channel",
        &[
            ("Direct", "value-direct"),
            ("Cross-network", "value-cross-network"),
            ("Display", "value-display"),
            ("Paid Shopping", "value-paid-shopping"),
            ("Paid Search", "value-paid-search"),
            ("Paid Social", "value-paid-social"),
            ("Paid Video", "value-paid-video"),
            ("Paid Other", "value-paid-other"),
            ("Email", "value-email"),
            ("Affiliates", "value-affiliates"),
            ("Audio", "value-audio"),
            ("SMS", "value-sms"),
            ("Mobile Push Notifications", "value-push"),
            ("Organic Shopping", "value-organic-shopping"),
            ("Organic Social", "value-organic-social"),
            ("Organic Video", "value-organic-video"),
            ("Organic Search", "value-organic-search"),
            ("Referral", "value-referral"),
            (AI_CHANNEL, "value-ai-assistants"),
        ],
    ),
    (
        "visit:screen",
        &[
            ("Below 576 px", "value-screen-phone"),
            ("576 to 991 px", "value-screen-tablet"),
            ("992 to 1439 px", "value-screen-laptop"),
            ("1440 px and above", "value-screen-desktop"),
        ],
    ),
    (
        "visit:evidence",
        &[
            ("server only", "value-server-only"),
            ("confirmed", "value-confirmed"),
            ("browser only", "value-browser-only"),
            ("unverified", "value-unverified"),
        ],
    ),
    (
        "visit:cached",
        &[("same visitor", "value-cached-own"), ("other visitor", "value-cached-other")],
    ),
    ("visit:suspected", &[("yes", "value-robot"), ("no", "value-people")]),
    ("visit:network", &[("Data centre", "value-data-centre")]),
    (
        "bot:class",
        &[
            ("AI assistant", "value-ai-assistant"),
            ("Search engine", "value-search-engine"),
            ("AI training", "value-ai-training"),
            ("SEO", "value-seo"),
            ("Monitor", "value-monitor"),
            ("Link preview", "value-link-preview"),
            ("Feed reader", "value-feed-reader"),
            ("Security scanner", "value-scanner"),
            ("Advertising", "value-advertising"),
            ("Archiver", "value-archiver"),
            ("Library or tool", "value-tool"),
            ("Headless browser", "value-headless"),
            ("No user agent", "value-no-user-agent"),
            ("False claim", "value-false-claim"),
            ("Other bot", "value-other-bot"),
        ],
    ),
    (
        PROOF,
        &[
            ("claimed", "value-claimed"),
            ("claimed, address not listed", "value-not-listed"),
            ("claimed, data centre", "value-claimed-data-centre"),
            ("published address", "value-published-address"),
            ("reverse DNS", "value-reverse-dns"),
            ("signature", "value-signature"),
            ("wrong signature", "value-wrong-signature"),
            ("refuted", "value-refuted"),
        ],
    ),
    ("bot:robots_txt", &[("allowed", "value-allowed"), ("disallowed", "value-disallowed")]),
];

/// Properties some of whose values are: events that the script sends by itself, and not by a name
/// that somebody gave; errors without a link.
const PARTLY_WORDED: [(&str, Words); 2] = [
    ("event:name", &[(OUTBOUND_LINK, "value-outbound-click"), (FILE_DOWNLOAD, "value-file-click")]),
    ("error:referrer", &[("", "value-no-referrer")]),
];

/// Placeholders that any property may have.
const NO_NAMES: Words = &[
    (DIRECT, "value-direct-none"),
    (OTHER, "value-other"),
    (UNKNOWN, "value-unknown"),
    ("(none)", "value-none"),
];

const UNKNOWN: &str = crate::visitor::agent::UNKNOWN;
const PROOF: &str = "bot:proof";

/// Characters of a long name that are shown of its beginning, and of its end.
const HALF: usize = 28;

/// A value in a language if there is a word for it, else unchanged.
pub(super) fn word<'v>(say: Language, property: &str, value: &'v str) -> Cow<'v, str> {
    let all = WORDED.iter().chain(&PARTLY_WORDED).find(|(of, _)| *of == property);
    let mut words = all.into_iter().flat_map(|(_, words)| *words).chain(NO_NAMES);
    let key = words.find_map(|(known, key)| (*known == value).then_some(*key));
    key.map_or(value.into(), |key| say.t(key))
}

/// A property's values that pages translate, each with its name.
pub(super) struct Named {
    pub names: Vec<(&'static str, Cow<'static, str>)>,
    /// Whether no other value can have a part of such a name in it: codes of languages that are not
    /// listed are too short.
    pub are_all: bool,
}

/// The names in one language.
pub(super) fn named(say: Language, of: &Property) -> Named {
    let words = |all: Words| all.iter().map(move |(value, key)| (*value, say.t(key)));
    let all_of = |all: &[(&str, Words)]| {
        let found = all.iter().find(|(name, _)| *name == of.as_str());
        found.map(|(_, all)| words(all).collect::<Vec<_>>())
    };
    let (mut names, are_all): (Vec<_>, bool) = match of.as_str() {
        "visit:country" | "visit:country_name" => {
            let name = |(code, name)| (code, say.country(code).unwrap_or(name).into());
            (countries::countries().map(name).collect(), true)
        }
        "visit:language" => {
            let name = |(code, name)| (code, say.language(code).unwrap_or(name).into());
            (countries::languages().map(name).collect(), true)
        }
        // Not all: some databases of cities have names instead of codes.
        "visit:region" | "visit:region_name" => {
            (countries::regions().map(|(code, name)| (code, name.into())).collect(), false)
        }
        _ => match all_of(&WORDED) {
            Some(names) => (names, true),
            None => (all_of(&PARTLY_WORDED).unwrap_or_default(), false),
        },
    };
    names.extend(words(NO_NAMES));
    Named { names, are_all }
}

/// A row's value as people know it.
pub(crate) fn label(say: Language, property: &Property, value: &str) -> String {
    let flag = match property.as_str() {
        "visit:country" | "visit:country_name" => countries::flag(value),
        "visit:region" => value.split_once('-').and_then(|(code, _)| countries::flag(code)),
        _ => None,
    };
    let name = name(say, property, value);
    flag.map_or_else(|| name.to_string(), |flag| format!("{flag} {name}"))
}

/// The same without a flag.
pub(super) fn name<'v>(say: Language, property: &Property, value: &'v str) -> Cow<'v, str> {
    let of = property.as_str();
    let said = word(say, of, value);
    if said != value {
        return said;
    }
    match of {
        "visit:country" | "visit:country_name" => country(say, value).unwrap_or(value).into(),
        "visit:region" | "visit:region_name" => countries::region(value).unwrap_or(value).into(),
        "visit:language" => {
            let name = say.language(value).or_else(|| countries::language(value));
            name.unwrap_or(value).into()
        }
        "error:link" => {
            let (page, referrer) = value.split_once(PART).unwrap_or((value, ""));
            let referrer = match referrer {
                "" => say.t("value-no-referrer"),
                referrer => shown(referrer),
            };
            format!("{} ← {referrer}", shown(page)).into()
        }
        "bot:identity" => match value.split_once(PART) {
            // The name says so already: "claims to be Bot, isn't".
            Some((name, proof)) if proof == Proof::Refuted.as_str() => name.into(),
            Some((name, proof)) => format!("{name}: {}", word(say, PROOF, proof)).into(),
            None => value.into(),
        },
        _ if value.is_empty() => say.t("value-none"),
        "visit:referrer" => shown(value),
        _ if property.takes_wildcards() => shown(value),
        _ => value.into(),
    }
}

/// A name as a row shows it: of a long one its beginning and its end, since paths often differ only
/// there. All of it belongs into a title.
pub(super) fn cut(name: &str) -> Cow<'_, str> {
    let characters = name.chars().count();
    if characters <= 2 * HALF + 1 {
        return name.into();
    }
    let byte = |nth: usize| name.char_indices().nth(nth).map_or(name.len(), |(at, _)| at);
    format!("{}…{}", &name[..byte(HALF)], &name[byte(characters - HALF)..]).into()
}

/// Name of a country by its code.
pub(crate) fn country(say: Language, code: &str) -> Option<&'static str> {
    say.country(code).or_else(|| countries::country(code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::BotClass;

    #[test]
    fn values_have_names() {
        let label =
            |property, value| label(Language::English, &Property::parse(property).unwrap(), value);
        assert_eq!(label("visit:country", "FR"), "🇫🇷 France");
        assert_eq!(label("visit:country", "(unknown)"), "(unknown)");
        assert_eq!(label("visit:region", "DE-BY"), "🇩🇪 Bayern");
        assert_eq!(label("visit:region", "Bavaria"), "Bavaria");
        assert_eq!(label("visit:language", "fr"), "French");
        assert_eq!(label("visit:language", "tlh"), "tlh");
        assert_eq!(label("event:page", ""), "(none)");
        assert_eq!(label("event:name", "File download"), "Click on a file's link");
        assert_eq!(label("event:name", "Sign-up"), "Sign-up");
        assert_eq!(label("event:page", "/caf%C3%A9%2F"), "/café%2F");
        assert_eq!(label("download:path", "/%E2%80%AEfdp"), "/%E2%80%AEfdp");
        assert_eq!(label("visit:referrer", "a.example/%C3%A9"), "a.example/é");
        assert_eq!(label("visit:utm_term", "%C3%A9"), "%C3%A9");
        assert_eq!(label("error:link", "/a\u{1e}/b"), "/a ← /b");
        assert_eq!(label("error:link", "/a\u{1e}"), "/a ← no referrer");
        assert_eq!(
            label("bot:identity", "Bot\u{1e}reverse DNS"),
            "Bot: address named by its maker"
        );
        let refuted = "claims to be Bot, isn't\u{1e}refuted";
        assert_eq!(label("bot:identity", refuted), "claims to be Bot, isn't");
    }

    #[test]
    fn long_names_keep_their_ends() {
        assert_eq!(cut("/short"), "/short");
        let whole = "ä".repeat(2 * HALF + 1);
        assert_eq!(cut(&whole), whole);
        let one = cut(&format!("/{}one", "long/".repeat(20))).into_owned();
        let other = cut(&format!("/{}other", "long/".repeat(20))).into_owned();
        assert_ne!(one, other);
        assert!(one.starts_with("/long/") && one.ends_with("/one"), "{one}");
        assert_eq!(one.chars().count(), 2 * HALF + 1);
    }

    #[test]
    fn words_of_ours_are_said_in_the_language() {
        let label =
            |property, value| label(Language::German, &Property::parse(property).unwrap(), value);
        assert_eq!(label("visit:channel", "Organic Search"), "Organische Suche");
        assert_eq!(label("visit:country", "FR"), "🇫🇷 Frankreich");
        assert_eq!(label("visit:language", "fr"), "Französisch");
        assert_eq!(label("visit:device", "(unknown)"), "(unbekannt)");
        assert_eq!(label("visit:source", "(other)"), "(andere)");
        // Names are left alone, also those that look like a word.
        assert_eq!(label("visit:source", "Direct"), "Direct");
        assert_eq!(label("event:name", "Email"), "Email");
        for class in BotClass::ALL {
            let said = word(Language::Marked, "bot:class", class.as_str());
            assert!(said.starts_with('⟦'), "{said}");
        }
        for proof in Proof::ALL {
            let said = word(Language::Marked, PROOF, proof.as_str());
            assert!(said.starts_with('⟦'), "{said}");
        }
        assert_eq!(label("visit:screen", "Below 576 px"), "Unter 576 px");
        assert_eq!(label("visit:cached", "same visitor"), "selber Besucher");
        // In English they are the API's own, but for a capital letter, and for how bots are known
        // and what robots.txt says, which is said in plainer words here.
        let plainer = [PROOF, "visit:suspected"];
        let all = WORDED.iter().filter(|(of, _)| !plainer.contains(of));
        for (value, key) in all.flat_map(|(_, words)| *words).chain(NO_NAMES) {
            let word = if *value == "disallowed" { "not allowed" } else { value };
            assert_eq!(Language::English.t(key).to_lowercase(), word.to_lowercase());
        }
    }
}
