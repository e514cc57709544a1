//! Who is behind AI: whose programs read websites, and whose assistants send visitors there.
//!
//! Apart from the lists of programs and of sources, which know nothing of each other: this joins
//! both by who makes them (`data/ai.tsv`, ours, edited by hand). What the list leaves out is its own
//! maker.

use super::bots::LISTS;
use super::known_sources;
use crate::model::BotClass;
use foldhash::fast::RandomState;
use once_cell::sync::Lazy;
use std::collections::HashMap;

/// Names of ours, so nobody can aim for collisions.
type Map<V> = HashMap<&'static str, V, RandomState>;

/// What a program of AI reads for, by its name as reports show it; `None`: it is none.
pub fn purpose(bot: &str) -> Option<BotClass> {
    static CLASSES: Lazy<Map<BotClass>> = Lazy::new(|| {
        let mut classes = Map::default();
        for line in LISTS.iter().flat_map(|list| list.lines()).filter(|l| !l.starts_with('#')) {
            let mut parts = line.split('\t');
            // The first line of a name is the one that names a bot.
            if let (Some(class), Some(name)) = (parts.next(), parts.next()) {
                classes.entry(name).or_insert_with(|| BotClass::in_data(class));
            }
        }
        classes.retain(|_, class| matches!(class, BotClass::AiTraining | BotClass::AiAssistant));
        classes
    });
    CLASSES.get(bot).copied()
}

/// Who makes a program of AI.
pub fn maker_of_bot(bot: &str) -> &str {
    MAKERS.bots.get(bot).copied().unwrap_or(bot)
}

/// Who makes the assistant that a source is; `None`: it is none.
pub fn maker_of_source(source: &str) -> Option<&str> {
    let is_ai = known_sources::is_ai(source);
    is_ai.then(|| MAKERS.sources.get(source).copied().unwrap_or(source))
}

#[derive(Default)]
struct Makers {
    bots: Map<&'static str>,
    sources: Map<&'static str>,
}

static MAKERS: Lazy<Makers> = Lazy::new(|| {
    let mut makers = Makers::default();
    for (maker, what, name) in lines() {
        let of = if what == "bot" { &mut makers.bots } else { &mut makers.sources };
        of.insert(name, maker);
    }
    makers
});

fn lines() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let lines = include_str!("data/ai.tsv").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| {
        let mut parts = line.split('\t');
        Some((parts.next()?, parts.next()?, parts.next()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_names_what_there_is() {
        for (maker, what, name) in lines() {
            let is_known = match what {
                "bot" => purpose(name).is_some(),
                "source" => known_sources::is_ai(name),
                other => panic!("{maker}: {other}"),
            };
            assert!(is_known, "{maker}: no {what} of AI is called {name}");
        }
        let all = lines().count();
        assert_eq!(MAKERS.bots.len() + MAKERS.sources.len(), all, "no name twice");
        assert_eq!(include_str!("data/ai.tsv").lines().count(), all + 2, "no line is cut short");
    }

    #[test]
    fn programs_and_sources_have_a_maker() {
        use BotClass::{AiAssistant, AiTraining};
        for (bot, class, maker) in [
            ("GPTBot", Some(AiTraining), "OpenAI (ChatGPT)"),
            // The public list takes it for training, ours comes first.
            ("ChatGPT-User", Some(AiAssistant), "OpenAI (ChatGPT)"),
            ("Diffbot", Some(AiTraining), "Diffbot"),
            ("Googlebot", None, "Googlebot"),
            ("claims to be GPTBot, isn't", None, "claims to be GPTBot, isn't"),
        ] {
            assert_eq!((purpose(bot), maker_of_bot(bot)), (class, maker), "{bot}");
        }
        for (source, maker) in [
            ("ChatGPT", Some("OpenAI (ChatGPT)")),
            ("Perplexity", Some("Perplexity")),
            ("Poe", Some("Poe")),
            ("Google", None),
            ("chatgpt.com", None),
        ] {
            assert_eq!(maker_of_source(source), maker, "{source}");
        }
    }
}
