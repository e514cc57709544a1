//! Texts by their keys. The files are read once, when a language is first spoken; tests hold them
//! against each other and against the code, so a key that is asked for exists.

use super::Language;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use maud::{Markup, PreEscaped};
use once_cell::sync::Lazy;
use std::borrow::Cow;

type Bundle = FluentBundle<FluentResource>;

const EN: &str = include_str!("en.ftl");
const DE: &str = include_str!("de.ftl");
const ES: &str = include_str!("es.ftl");

static ENGLISH: Lazy<Bundle> = Lazy::new(|| {
    let mut bundle = bundle("en", EN);
    bundle.set_formatter(Some(|value, _| number(Language::English, value)));
    bundle
});

static GERMAN: Lazy<Bundle> = Lazy::new(|| {
    let mut bundle = bundle("de", DE);
    bundle.set_formatter(Some(|value, _| number(Language::German, value)));
    bundle
});

static SPANISH: Lazy<Bundle> = Lazy::new(|| {
    let mut bundle = bundle("es", ES);
    bundle.set_formatter(Some(|value, _| number(Language::Spanish, value)));
    bundle
});

#[cfg(test)]
static MARKED: Lazy<Bundle> = Lazy::new(|| {
    let mut bundle = bundle("en", EN);
    bundle.set_formatter(Some(|value, _| number(Language::English, value)));
    bundle.set_transform(Some(|text| format!("⟦{text}⟧").into()));
    bundle
});

fn bundle(tag: &str, source: &str) -> Bundle {
    let mut bundle = Bundle::new_concurrent(vec![tag.parse().unwrap_or_default()]);
    // What cannot be read is left out; the tests read all of it.
    let resource = FluentResource::try_new(source.to_owned()).unwrap_or_else(|(read, _)| read);
    let _ = bundle.add_resource(resource);
    // Marks of direction around values would be seen where texts become file names and mails.
    bundle.set_use_isolating(false);
    bundle
}

/// A whole number within a text.
fn number(language: Language, value: &FluentValue<'_>) -> Option<String> {
    match value {
        FluentValue::Number(number) => Some(language.grouped(number.value as i64)),
        _ => None,
    }
}

impl Language {
    /// The file.
    #[cfg(test)]
    pub(super) fn source(self) -> &'static str {
        match self {
            Self::German => DE,
            Self::Spanish => ES,
            _ => EN,
        }
    }

    fn bundle(self) -> &'static Bundle {
        match self {
            Self::English => &ENGLISH,
            Self::German => &GERMAN,
            Self::Spanish => &SPANISH,
            #[cfg(test)]
            Self::Marked => &MARKED,
        }
    }

    /// The text of a key.
    pub fn t(self, key: &'static str) -> Cow<'static, str> {
        self.format(key, None)
    }

    /// The text of a key with what it names in it. Numbers are whole; they choose the text's form
    /// and are written as the language does it.
    pub fn with<const N: usize>(
        self,
        key: &'static str,
        values: [(&'static str, FluentValue<'_>); N],
    ) -> String {
        let values: FluentArgs<'_> = values.into_iter().collect();
        self.format(key, Some(&values)).into_owned()
    }

    /// The same with markup in it. A test makes sure that texts have no signs that HTML would take
    /// for its own.
    pub fn markup<const N: usize>(
        self,
        key: &'static str,
        values: [(&'static str, Markup); N],
    ) -> Markup {
        PreEscaped(self.with(key, values.map(|(name, PreEscaped(html))| (name, html.into()))))
    }

    fn format(self, key: &'static str, values: Option<&FluentArgs<'_>>) -> Cow<'static, str> {
        let bundle = self.bundle();
        let pattern = bundle.get_message(key).and_then(|message| message.value());
        let Some(pattern) = pattern else {
            debug_assert!(false, "no text has the key {key}");
            return key.into();
        };
        let mut wrong = Vec::new();
        let text = bundle.format_pattern(pattern, values, &mut wrong);
        debug_assert!(wrong.is_empty(), "{key}: {wrong:?}");
        match text {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }
    }
}
