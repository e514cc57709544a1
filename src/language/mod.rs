//! The languages of pages and mails: which there are, and which of them somebody reads.
//!
//! A room of its own because the admin port and the mails use it, and the configuration names a
//! language. Their texts are in a file each, `en.ftl` and so on, in the syntax of Project Fluent;
//! code names keys ([`texts`]). [`numbers`] and [`dates`] write what has no text of its own. What
//! programs read, the API, metrics and logs, is English and does not come here.

mod dates;
mod names;
mod numbers;
#[cfg(test)]
mod tests;
mod texts;

pub use numbers::NOTHING;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    English,
    German,
    Spanish,
    /// English in which each text stands between marks, so that tests find what has none.
    #[cfg(test)]
    Marked,
}

impl Language {
    pub const ALL: [Self; 3] = [Self::English, Self::German, Self::Spanish];

    /// As `lang` attributes and header fields name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::Spanish => "es",
            #[cfg(test)]
            Self::Marked => "en-x-marked",
        }
    }

    /// What those call it who speak it.
    pub fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::German => "Deutsch",
            Self::Spanish => "Español",
            #[cfg(test)]
            Self::Marked => "Marked",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        #[cfg(test)]
        if word == Self::Marked.as_str() {
            return Some(Self::Marked);
        }
        Self::ALL.into_iter().find(|language| language.as_str() == word)
    }

    /// The language of ours that an `Accept-Language` field wants most (RFC 9110 §12.5.4): `es` of
    /// `fr, es-MX;q=0.8, de;q=0.5`.
    pub fn accepted(field: &str) -> Option<Self> {
        let weighed = field.split(',').filter_map(|range| {
            let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
            let primary = tag.split('-').next().unwrap_or_default().trim();
            let language = Self::parse(&primary.to_ascii_lowercase())?;
            let weight = match parameters.trim().strip_prefix("q=") {
                Some(weight) => weight.trim().parse().unwrap_or(0.0),
                None => 1.0,
            };
            (weight > 0.0).then_some((language, weight))
        });
        // Of those that are wanted as much the first.
        let most = weighed.reduce(|a: (Self, f32), b| if b.1 > a.1 { b } else { a });
        most.map(|(language, _)| language)
    }
}
