//! What machines are for.

use serde::{Deserialize, Serialize};

/// What a machine is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum BotClass {
    Search,
    AiTraining,
    /// Somebody asked an assistant about this page.
    AiAssistant,
    Seo,
    Monitor,
    Preview,
    FeedReader,
    Scanner,
    Advertising,
    Archiver,
    /// Libraries and command-line tools: curl, python-requests.
    Tool,
    Headless,
    /// No user agent at all.
    Empty,
    /// Says it is a crawler that it isn't: see [`super::Ranges`].
    Impostor,
    OtherBot,
}

impl BotClass {
    /// The class as reports show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Search => "Search engine",
            Self::AiTraining => "AI training",
            Self::AiAssistant => "AI assistant",
            Self::Seo => "SEO",
            Self::Monitor => "Monitor",
            Self::Preview => "Link preview",
            Self::FeedReader => "Feed reader",
            Self::Scanner => "Security scanner",
            Self::Advertising => "Advertising",
            Self::Archiver => "Archiver",
            Self::Tool => "Library or tool",
            Self::Headless => "Headless browser",
            Self::Empty => "No user agent",
            Self::Impostor => "False claim",
            Self::OtherBot => "Other bot",
        }
    }

    /// The class as the data files write it.
    pub fn parse(word: &str) -> Self {
        match word {
            "search" => Self::Search,
            "ai-training" => Self::AiTraining,
            "ai-assistant" => Self::AiAssistant,
            "seo" => Self::Seo,
            "monitor" => Self::Monitor,
            "preview" => Self::Preview,
            "feed" => Self::FeedReader,
            "scanner" => Self::Scanner,
            "advertising" => Self::Advertising,
            "archiver" => Self::Archiver,
            "tool" => Self::Tool,
            "headless" => Self::Headless,
            _ => Self::OtherBot,
        }
    }
}
