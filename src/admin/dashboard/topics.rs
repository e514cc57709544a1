//! The topics of the dashboard, each a page: what people came for first, the rest each with room of
//! its own.

use super::table::{BOTS, Card, ERRORS, FILES, OVERVIEW, REALTIME};
use super::view::{Subject, View};
use crate::report::Invalid;
use maud::{Markup, html};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    Overview,
    Realtime,
    Bots,
    Errors,
    Speed,
    Files,
}

impl Topic {
    const ALL: [Self; 6] =
        [Self::Overview, Self::Realtime, Self::Bots, Self::Errors, Self::Speed, Self::Files];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Realtime => "realtime",
            Self::Bots => "bots",
            Self::Errors => "errors",
            Self::Speed => "speed",
            Self::Files => "files",
        }
    }

    /// The key of its name.
    fn name(self) -> &'static str {
        match self {
            Self::Overview => "topic-overview",
            Self::Realtime => "topic-realtime",
            Self::Bots => "topic-bots",
            Self::Errors => "topic-errors",
            Self::Speed => "topic-speed",
            Self::Files => "topic-files",
        }
    }

    /// The key that leads to it.
    fn key(self) -> Option<&'static str> {
        match self {
            Self::Overview => Some("o"),
            Self::Realtime => Some("r"),
            _ => None,
        }
    }

    /// # Errors
    /// If there is no such topic.
    pub fn parse(word: &str) -> Result<Self, Invalid> {
        let found = Self::ALL.into_iter().find(|topic| topic.as_str() == word);
        found.ok_or_else(|| Invalid::unknown("topic", word, Self::ALL.map(Self::as_str)))
    }

    /// Where rows of a family of properties are shown.
    pub fn of_family(family: &str) -> Self {
        match family {
            "bot" | "ai" => Self::Bots,
            "error" => Self::Errors,
            "download" | "feed" | "prefetch" => Self::Files,
            _ => Self::Overview,
        }
    }

    pub fn cards(self) -> &'static [Card] {
        match self {
            Self::Overview => OVERVIEW,
            Self::Realtime => REALTIME,
            Self::Bots => BOTS,
            Self::Errors => ERRORS,
            Self::Speed => &[],
            Self::Files => FILES,
        }
    }

    /// What it is about, in a sentence or two: a text's key.
    pub fn about(self) -> Option<&'static str> {
        match self {
            Self::Overview | Self::Realtime => None,
            Self::Bots => Some("topic-about-bots"),
            Self::Errors => Some("topic-about-errors"),
            Self::Speed => Some("topic-about-speed"),
            Self::Files => Some("topic-about-files"),
        }
    }

    /// Whether what is filtered by says anything of it.
    fn keeps_filters(self, view: &View) -> bool {
        match self {
            Self::Overview | Self::Realtime | Self::Speed => view.subject() != Subject::Responses,
            _ => view.subject() == Subject::Responses && self == view.topic,
        }
    }

    pub fn link(self, view: &View) -> String {
        let topic = (self != Self::Overview).then_some(self.as_str());
        let mut changes =
            vec![("topic", topic), ("page", None), ("metric", None), ("details", None)];
        if !self.keeps_filters(view) {
            changes.extend([("filters", None), ("segment", None)]);
        }
        view.link(&changes)
    }
}

/// Topics that have room side by side on a phone; the others are in a menu there.
const SIDE_BY_SIDE: usize = 2;

pub(super) fn nav(view: &View) -> Markup {
    let say = view.say();
    let (first, others) = Topic::ALL.split_at(SIDE_BY_SIDE);
    let open = others.iter().find(|topic| **topic == view.topic);
    let current = |topic: Topic| (topic == view.topic).then_some("page");
    html! {
        nav.sections aria-label=(say.t("topic-nav")) {
            @for topic in first {
                a href=(topic.link(view)) data-key=[topic.key()]
                    aria-current=[current(*topic)] { (say.t(topic.name())) }
            }
            @for topic in others {
                a.wide href=(topic.link(view)) aria-current=[current(*topic)] { (say.t(topic.name())) }
            }
            // The style shows either these or the menu.
            details.menu.narrow #topics {
                summary aria-current=[open.map(|_| "true")] { (say.t(open.map_or("card-more", |topic| topic.name()))) }
                div.panel {
                    @for topic in others {
                        a href=(topic.link(view)) aria-current=[current(*topic)] { (say.t(topic.name())) }
                    }
                }
            }
        }
    }
}
