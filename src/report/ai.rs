//! What AI did: which pages it read and for what, who is behind it, and the visits that it sent.
//!
//! Roll-ups count pages that were read by what for, but not by whom, and requests by the program's
//! name, whatever they were for; so pages have reads and makers have requests. Event rows tell both
//! at once, as long as they are kept.

use super::Days;
use super::Range;
use super::scan::{AiRead, Asked, DayRows, each_ai_read};
use crate::model::BotClass;
use crate::model::rollup::{Dimension, Metric as Stored, OTHER, parts};
use crate::model::site::Site;
use crate::visitor::ai;
use std::collections::{BTreeSet, HashMap};

/// What AI did with a page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AiPage {
    pub page: String,
    /// Read to train models.
    pub training: i64,
    /// Fetched to answer someone.
    pub assistant: i64,
    /// Of both, so many against the website's robots.txt.
    pub disallowed: i64,
    /// Visits that an assistant sent.
    pub referral: i64,
}

/// What the programs and assistants of one maker did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AiMaker {
    pub name: String,
    /// Its programs that came, and its assistants that sent visits, by name.
    pub bots: BTreeSet<String>,
    pub sources: BTreeSet<String>,
    /// Requests to train models, robots.txt and files included, or pages that were read for it.
    pub training: i64,
    /// The same to answer someone.
    pub assistant: i64,
    /// Visits that an assistant sent.
    pub visits: i64,
}

impl AiMaker {
    fn count(&mut self, class: BotClass, n: i64) {
        match class {
            BotClass::AiTraining => self.training += n,
            BotClass::AiAssistant => self.assistant += n,
            _ => {}
        }
    }
}

/// Pages that AI had to do with, most visitors sent first, then most read. `page`: only that.
pub fn ai_pages(days: &Days, range: Range, page: Option<&str>) -> Vec<AiPage> {
    let mut pages: HashMap<&str, AiPage> = HashMap::new();
    for (_, counts) in days.range(range.first..=range.last) {
        for (value, row) in counts.rows(Dimension::AiPage) {
            let mut parts = parts(value, 2);
            let purpose = parts.next().unwrap_or_default();
            let Some(of) = parts.next().filter(|of| page.is_none_or(|page| page == *of)) else {
                continue;
            };
            let sum = pages.entry(of).or_default();
            let sum = match purpose {
                "training" => &mut sum.training,
                "assistant" => &mut sum.assistant,
                "disallowed" => &mut sum.disallowed,
                "referral" => &mut sum.referral,
                _ => continue,
            };
            *sum += row.get(Stored::Responses);
        }
    }
    in_order_of_pages(pages)
}

/// Makers by the requests of their programs and the visits of their assistants, most visits first;
/// and how many requests of programs stand under no name, since too many names came.
pub fn ai_makers(days: &Days, range: Range) -> (Vec<AiMaker>, i64) {
    let mut makers: HashMap<String, AiMaker> = HashMap::new();
    let mut unnamed = 0;
    for (_, counts) in days.range(range.first..=range.last) {
        for (bot, row) in counts.rows(Dimension::BotName) {
            let requests = row.get(Stored::Responses);
            if bot == OTHER {
                unnamed += requests;
            }
            let Some(class) = ai::purpose(bot).filter(|_| requests > 0) else { continue };
            let maker = makers.entry(ai::maker_of_bot(bot).to_owned()).or_default();
            maker.count(class, requests);
            maker.bots.insert(bot.to_owned());
        }
        for (source, row) in counts.rows(Dimension::Source) {
            let Some(maker) = ai::maker_of_source(source) else { continue };
            let maker = makers.entry(maker.to_owned()).or_default();
            maker.visits += row.get(Stored::Visits);
            maker.sources.insert(source.to_owned());
        }
    }
    (in_order_of_makers(makers), unnamed)
}

/// Pages that AI read and who read them, from the event rows that match.
pub fn ai_reads<'d>(
    site: &Site,
    days: impl IntoIterator<Item = &'d DayRows>,
    asked: &Asked,
) -> (Vec<AiMaker>, Vec<AiPage>) {
    let mut makers: HashMap<String, AiMaker> = HashMap::new();
    let mut pages: HashMap<&str, AiPage> = HashMap::new();
    each_ai_read(site, days, asked, |AiRead { bot, class, page, is_disallowed, n }| {
        let maker = makers.entry(ai::maker_of_bot(bot).to_owned()).or_default();
        maker.count(class, n);
        maker.bots.insert(bot.to_string());
        let page = pages.entry(page).or_default();
        match class {
            BotClass::AiTraining => page.training += n,
            _ => page.assistant += n,
        }
        page.disallowed += if is_disallowed { n } else { 0 };
    });
    (in_order_of_makers(makers), in_order_of_pages(pages))
}

fn in_order_of_makers(makers: HashMap<String, AiMaker>) -> Vec<AiMaker> {
    let named = makers.into_iter().map(|(name, of)| AiMaker { name, ..of });
    let mut all: Vec<AiMaker> =
        named.filter(|of| of.training + of.assistant + of.visits > 0).collect();
    let rank = |of: &AiMaker| (of.visits, of.assistant, of.training);
    all.sort_by(|a, b| rank(b).cmp(&rank(a)).then_with(|| a.name.cmp(&b.name)));
    all
}

fn in_order_of_pages(pages: HashMap<&str, AiPage>) -> Vec<AiPage> {
    let named = pages.into_iter().map(|(page, of)| AiPage { page: page.to_owned(), ..of });
    let mut all: Vec<AiPage> =
        named.filter(|of| of.training + of.assistant + of.referral > 0).collect();
    let rank = |of: &AiPage| (of.referral, of.assistant, of.training);
    all.sort_by(|a, b| rank(b).cmp(&rank(a)).then_with(|| a.page.cmp(&b.page)));
    all
}
