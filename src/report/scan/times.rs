//! Steps of time that rows of a day lie in.

use super::groups::Names;
use crate::clock::{MINUTE, Millis};
use crate::model::rollup::SLOT;
use crate::model::site::{Day, Site};
use crate::report::{Interval, Range};
use chrono::NaiveTime;
use foldhash::fast::RandomState;
use std::collections::HashMap;

pub(super) struct Times<'s> {
    site: &'s Site,
    interval: Interval,
    /// Of the step that the day lies in, unless steps are shorter.
    start: Day,
    /// By minute or slot the name's number.
    known: HashMap<i64, u32, RandomState>,
}

impl<'s> Times<'s> {
    pub fn new(site: &'s Site, interval: Interval, (date, range): (Day, Range)) -> Self {
        let start = interval.start(date, range);
        Self { site, interval, start, known: HashMap::default() }
    }

    /// Whether all of the day lies in one step.
    pub fn is_of_day(&self) -> bool {
        !self.interval.is_part_of_day()
    }

    /// The step that a time lies in, by the number of its name.
    pub fn at(&mut self, at: Millis, names: &mut Names) -> u32 {
        let slot = match self.interval {
            Interval::Minute => at.div_euclid(MINUTE),
            Interval::Hour => at.div_euclid(SLOT),
            Interval::Day | Interval::Week | Interval::Month => 0,
        };
        if let Some(known) = self.known.get(&slot) {
            return *known;
        }
        let start = match self.interval {
            Interval::Minute => self.site.minute_start(at),
            Interval::Hour => self.start.and_hms_opt(self.site.hour(at), 0, 0).unwrap_or_default(),
            Interval::Day | Interval::Week | Interval::Month => self.start.and_time(NaiveTime::MIN),
        };
        let name = start.format(self.interval.format()).to_string();
        let number = names.insert_full(name.into()).0 as u32;
        self.known.insert(slot, number);
        number
    }

    pub fn of_day(&mut self, names: &mut Names) -> u32 {
        self.at(0, names)
    }
}
