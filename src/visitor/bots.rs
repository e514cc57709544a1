//! Which user agents are machines, by name and class.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

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
    /// Libraries and command-line tools: curl, python-requests.
    Tool,
    Headless,
    /// No user agent at all.
    Empty,
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
            Self::Tool => "Library or tool",
            Self::Headless => "Headless browser",
            Self::Empty => "No user agent",
            Self::OtherBot => "Other bot",
        }
    }
}

/// A machine by its own word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bot {
    /// `Googlebot`, `GPTBot`, `curl` …
    pub name: Arc<str>,
    pub class: BotClass,
}

/// Judges a user agent; `None` is a person's browser, as far as its own word goes.
pub fn judge(user_agent: &str) -> Option<Bot> {
    if user_agent.trim().is_empty() {
        return Some(Bot { name: "(empty)".into(), class: BotClass::Empty });
    }
    None
}
