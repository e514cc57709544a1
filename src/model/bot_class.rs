//! What machines are for.

use crate::words::words;
use serde::Deserialize;
use serde::de::{IntoDeserializer, value};

words! {
    /// What a machine is for, as reports show it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    pub enum BotClass {
        Search = "Search engine",
        AiTraining = "AI training",
        /// Somebody asked an assistant about this page.
        AiAssistant = "AI assistant",
        Seo = "SEO",
        Monitor = "Monitor",
        Preview = "Link preview",
        #[serde(rename = "feed")]
        FeedReader = "Feed reader",
        Scanner = "Security scanner",
        Advertising = "Advertising",
        Archiver = "Archiver",
        /// Libraries and command-line tools: curl, python-requests.
        Tool = "Library or tool",
        Headless = "Headless browser",
        /// No user agent at all.
        Empty = "No user agent",
        /// Says it is a crawler that it isn't: see `visitor::ranges`.
        Impostor = "False claim",
        OtherBot = "Other bot",
    }
}

impl BotClass {
    /// The class as the data files write it; one that they do not know is another bot.
    pub fn in_data(word: &str) -> Self {
        let known: Result<Self, value::Error> = Self::deserialize(word.into_deserializer());
        known.unwrap_or(Self::OtherBot)
    }
}
