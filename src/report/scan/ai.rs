//! What AI read, from event rows.

use super::Asked;
use super::count::Matching;
use super::day::DayRows;
use crate::model::BotClass;
use crate::model::row::{Flags, Kind};
use crate::model::site::Site;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::sync::Arc;

/// How often a program of AI read a page.
pub struct AiRead<'d> {
    pub bot: &'d Arc<str>,
    /// What for.
    pub class: BotClass,
    pub page: &'d Arc<str>,
    /// Against the website's robots.txt.
    pub is_disallowed: bool,
    pub n: i64,
}

/// Shows what programs of AI read.
pub fn each_ai_read<'d>(
    site: &Site,
    days: impl IntoIterator<Item = &'d DayRows>,
    asked: &Asked,
    mut show: impl FnMut(AiRead<'d>),
) {
    for day in days {
        let rows = &day.block;
        let class = |i: usize| BotClass::parse(&rows.texts[rows.detail[i] as usize]);
        let is_ai =
            |class: &BotClass| matches!(class, BotClass::AiTraining | BotClass::AiAssistant);
        let mut reads: HashMap<(u32, BotClass, u32, bool), i64, RandomState> = HashMap::default();
        let matching = Matching::new(site, day, asked, Some(&[Kind::Bot]));
        for i in matching.rows.iter().map(|i| *i as usize) {
            let Some(class) = class(i).filter(is_ai) else { continue };
            let flags = rows.flags[i];
            if flags.has(Flags::READ) {
                let is_disallowed = flags.has(Flags::DISALLOWED);
                *reads.entry((rows.name[i], class, rows.page[i], is_disallowed)).or_default() += 1;
            }
        }
        for ((bot, class, page, is_disallowed), n) in reads {
            let text = |number: u32| &rows.texts[number as usize];
            show(AiRead { bot: text(bot), class, page: text(page), is_disallowed, n });
        }
    }
}
