//! What people call the value of a row: places by their names, words of ours in their language.
//! Names that others have given, and paths, stay as they are.

use crate::language::Language;
use crate::model::rollup::{FILE_DOWNLOAD, OTHER, OUTBOUND_LINK, PART};
use crate::model::{AI_CHANNEL, DIRECT, Proof};
use crate::page_name::shown;
use crate::report::{Property, countries};
use std::borrow::Cow;

/// Words that the API has for values, each with the key of ours.
const WORDS: [(&str, &str); 59] = [
    ("Desktop", "value-desktop"),
    ("Laptop", "value-laptop"),
    ("Mobile", "value-mobile"),
    ("Tablet", "value-tablet"),
    ("TV", "value-tv"),
    ("Console", "value-console"),
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
    ("server only", "value-server-only"),
    ("confirmed", "value-confirmed"),
    ("browser only", "value-browser-only"),
    ("unverified", "value-unverified"),
    ("claimed", "value-claimed"),
    ("claimed, address not listed", "value-not-listed"),
    ("claimed, data centre", "value-claimed-data-centre"),
    ("published address", "value-published-address"),
    ("reverse DNS", "value-reverse-dns"),
    ("signature", "value-signature"),
    ("wrong signature", "value-wrong-signature"),
    ("refuted", "value-refuted"),
    ("allowed", "value-allowed"),
    ("disallowed", "value-disallowed"),
    ("Data centre", "value-data-centre"),
    (DIRECT, "value-direct-none"),
    (OTHER, "value-other"),
    (UNKNOWN, "value-unknown"),
    ("(none)", "value-none"),
];

/// Characters of a long name that are shown of its beginning, and of its end.
const HALF: usize = 28;

const UNKNOWN: &str = crate::visitor::agent::UNKNOWN;

/// Values of these are words of ours. Of other properties only those are that stand for no name.
const WORDED: [&str; 8] = [
    "visit:channel",
    "visit:device",
    "visit:screen",
    "visit:evidence",
    "visit:network",
    "bot:class",
    "bot:proof",
    "bot:robots_txt",
];
const NO_NAMES: [&str; 4] = [DIRECT, OTHER, UNKNOWN, "(none)"];

/// A word of the API's in a language.
pub(super) fn word(say: Language, value: &str) -> Cow<'_, str> {
    match WORDS.iter().find(|(known, _)| *known == value) {
        Some((_, key)) => say.t(key),
        None => value.into(),
    }
}

/// A row's value as people know it.
pub(crate) fn label(say: Language, property: &Property, value: &str) -> String {
    let no_referrer = || say.t("value-no-referrer");
    let said: Cow<'_, str> = match property.as_str() {
        _ if NO_NAMES.contains(&value) => word(say, value),
        "visit:country" => match (countries::flag(value), country(say, value)) {
            (Some(flag), Some(name)) => format!("{flag} {name}").into(),
            _ => value.into(),
        },
        "visit:region" => match value.split_once('-').and_then(|(code, _)| countries::flag(code)) {
            Some(flag) => format!("{flag} {value}").into(),
            None => value.into(),
        },
        "visit:language" => {
            let name = say.language(value).or_else(|| countries::language(value));
            name.unwrap_or(value).into()
        }
        "visit:suspected" => say.t(if value == "yes" { "value-robot" } else { "value-people" }),
        "error:link" => {
            let (page, referrer) = value.split_once(PART).unwrap_or((value, ""));
            let referrer = if referrer.is_empty() { no_referrer() } else { shown(referrer) };
            format!("{} ← {referrer}", shown(page)).into()
        }
        // Events that the script sends by itself, and not by a name that somebody gave.
        "event:name" if value == OUTBOUND_LINK => say.t("value-outbound-click"),
        "event:name" if value == FILE_DOWNLOAD => say.t("value-file-click"),
        "bot:identity" => match value.split_once(PART) {
            // What it is called says so.
            Some((name, proof)) if proof == Proof::Refuted.as_str() => name.into(),
            Some((name, proof)) => format!("{name}: {}", word(say, proof)).into(),
            None => value.into(),
        },
        "error:referrer" if value.is_empty() => no_referrer(),
        _ if value.is_empty() => say.t("value-none"),
        name if WORDED.contains(&name) => word(say, value),
        "visit:referrer" => shown(value),
        _ if property.takes_wildcards() => shown(value),
        _ => value.into(),
    };
    said.into_owned()
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
        assert_eq!(label("visit:region", "DE-BY"), "🇩🇪 DE-BY");
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
            let said = word(Language::Marked, class.as_str());
            assert!(said.starts_with('⟦'), "{said}");
        }
        // In English they are the API's own, but for a capital letter, and for how bots are known
        // and what robots.txt says, which is said in plainer words here.
        let is_plain = |value: &&str| Proof::ALL.iter().any(|proof| proof.as_str() == *value);
        for (value, key) in WORDS.iter().filter(|(value, _)| !is_plain(value)) {
            let word = if *value == "disallowed" { "not allowed" } else { value };
            assert_eq!(Language::English.t(key).to_lowercase(), word.to_lowercase());
        }
    }
}
