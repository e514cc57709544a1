//! From an event row to its day's roll-up.
//!
//! What a roll-up counts follows from rows alone, in the order in which they were written, so the
//! same code counts as things happen and when a day is summed up again.

use super::claims::Claim;
use super::day_rollup::{DayRollup, RowPlace, TOTAL};
use super::measures::{VisitOnDay, VisitorOnDay};
use super::named_row::NamedRow;
use super::names::Admission;
use super::profile::Profile;
use crate::model::goal::Reached;
use crate::model::rollup::{Dimension, FILE_DOWNLOAD, Metric, OUTBOUND_LINK, Row, join};
use crate::model::row::{EventRow, Flags, Kind, read_depth};
use crate::model::site::{Day, Site, SiteId};
use crate::model::{AI_CHANNEL, BotClass, Proof};
use std::sync::Arc;

/// Hours of a day, as claims name them.
const HOURS: [&str; 24] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16",
    "17", "18", "19", "20", "21", "22", "23",
];

/// Where rows of one (site, day) count.
pub struct Counting<'c> {
    pub site: &'c Site,
    pub whose: (SiteId, Day),
    pub names: &'c mut Admission,
    pub rollup: &'c mut DayRollup,
}

/// What is known of those whose row it is, on its day.
#[derive(Default)]
pub struct OnDay<'c> {
    pub visitor: Option<&'c mut VisitorOnDay>,
    pub visit: Option<&'c mut VisitOnDay>,
}

impl Counting<'_> {
    /// Adds what a row adds. `profile` is that of its visit.
    pub fn count(&mut self, row: &EventRow, profile: &Arc<Profile>, mut known: OnDay<'_>) {
        let known = &mut known;
        self.suspect(profile, known);
        match row.kind {
            Kind::View => self.view(row, profile, known),
            Kind::Confirm => self.confirm(row, profile, known),
            Kind::Sent => {
                let (_, page) = self.page(row);
                self.rollup.add_on_page(row.at, page, Metric::Bytes, row.numbers[0]);
            }
            Kind::Activity => self.activity(row, known),
            Kind::Engagement => self.engagement(row, known),
            Kind::Event => self.event(row, &row.name, known),
            Kind::Outbound => {
                self.action(Dimension::Outbound, &row.name, 0, known);
                self.event(row, OUTBOUND_LINK, known);
            }
            Kind::File => {
                self.action(Dimension::File, &row.name, 0, known);
                self.event(row, FILE_DOWNLOAD, known);
            }
            Kind::Click => {
                self.act(row, false, known);
                let page = self.admit(Dimension::Page, &row.page);
                let [column, line] = row.numbers.map(|n| n.to_string());
                let cell = join([&row.detail, &column, &line, &page]);
                self.add_one(Dimension::ClickMap, &cell, Metric::Events);
                if !row.name.is_empty() {
                    let outline = join([&row.detail, &row.name, &page]);
                    self.add_one(Dimension::Outline, &outline, Metric::Events);
                }
            }
            Kind::Vital => {
                let page = self.admit(Dimension::Page, &row.page);
                self.time(&row.name, row.numbers[0], &page);
            }
            Kind::Bot => self.bot(row),
            Kind::Error => self.error(row),
            Kind::Prefetch => {
                let seen = [(Flags::ANSWERED, Metric::Responses), (Flags::BEACON, Metric::Seen)];
                self.transfer(Dimension::Prefetch, row, seen);
            }
            Kind::Download => {
                let sent =
                    [(Flags::BEGINS, Metric::Responses), (Flags::COMPLETE, Metric::Complete)];
                self.transfer(Dimension::Download, row, sent);
            }
            Kind::Feed => {
                let feed = self.admit(Dimension::Feed, &join([&row.page, &row.name]));
                self.rollup.add(Dimension::Feed, &feed, Metric::Responses, 1);
                self.rollup.add(Dimension::Feed, &feed, Metric::Subscribers, row.numbers[0]);
            }
        }
    }

    fn view(&mut self, row: &EventRow, profile: &Arc<Profile>, known: &mut OnDay<'_>) {
        let metrics = row.flags.view_metrics();
        let mut page = NamedRow::from(self.admit(Dimension::Page, &row.page));
        let mut visit_more = Row::default();
        if let (Some(visit), Some(visitor)) = (&mut known.visit, &mut known.visitor) {
            visit_more = match row.flags.has(Flags::BEGINS) {
                true => visit.begin(self.rollup, row.at, &mut page, profile, visitor),
                false => visit.view(self.rollup, row.at, &mut page, visitor),
            };
            visit.advance(self.rollup, &self.site.funnels, Reached::Page(&row.page));
            visit.remember(metrics);
        }
        let place = page.place(self.rollup, Dimension::Page);
        let first = self.each_row(row, place, profile, metrics, Claim::Seen, &visit_more, known);
        if let Some(visitor) = row.of.visitor.filter(|_| first) {
            self.rollup.seen(visitor);
        }
        if row.flags.has(Flags::CONFIRMED) {
            self.confirmed(row, place, profile, &[], known);
        }
        let page = page.value();
        if row.flags.has(Flags::BEGINS) && profile.has(Dimension::Channel, AI_CHANNEL) {
            self.ai("referral", page);
        }
        for (flag, whose) in
            [(Flags::CACHED, "same visitor"), (Flags::CACHED_BY_OTHERS, "other visitor")]
        {
            let cached = i64::from(row.flags.has(flag));
            self.rollup.add(Dimension::Cached, whose, Metric::Browser, cached);
        }
        self.rollup.add_on_page(row.at, place, Metric::Bytes, row.numbers[0]);
        if row.numbers[1] != 0 {
            self.time("origin", row.numbers[1] - 1, page);
        }
        self.screen(row, metrics, known);
        self.reached(Reached::Page(&row.page), 0, known);
    }

    fn confirm(&mut self, row: &EventRow, profile: &Arc<Profile>, known: &mut OnDay<'_>) {
        let (_, place) = self.page(row);
        self.confirmed(row, place, profile, &[Metric::Confirmed], known);
        if let Some(visit) = &mut known.visit {
            visit.remember(&[Metric::Confirmed]);
        }
        self.screen(row, &[Metric::Server, Metric::Confirmed], known);
    }

    fn confirmed(
        &mut self,
        row: &EventRow,
        page: RowPlace,
        profile: &Arc<Profile>,
        metrics: &[Metric],
        known: &mut OnDay<'_>,
    ) {
        let none = Row::default();
        let first = self.each_row(row, page, profile, metrics, Claim::Confirmed, &none, known);
        if let Some(visitor) = row.of.visitor.filter(|_| first) {
            self.rollup.confirmed(visitor);
        }
    }

    /// What happened in a visit on a later day than it began on.
    fn activity(&mut self, row: &EventRow, known: &mut OnDay<'_>) {
        let (Some(visit), Some(visitor)) = (&mut known.visit, &mut known.visitor) else { return };
        let what = if row.flags.has(Flags::VIEWED) {
            let admitted = self.names.admit(self.whose, Dimension::Page, &row.page);
            let mut page = NamedRow::from(admitted);
            let more = visit.view(self.rollup, row.at, &mut page, visitor);
            visit.count_shared(self.rollup, &more);
            Reached::Page(&row.page)
        } else {
            visit.act(self.rollup, row.at, row.flags.has(Flags::INTERACTIVE));
            Reached::Event(&row.name)
        };
        if row.flags.has(Flags::VIEWED) || row.flags.is_event() {
            visit.advance(self.rollup, &self.site.funnels, what);
        }
    }

    /// Adds one of each metric to every row a view belongs to, and to those where its visitor is
    /// first seen, a visitor. What the view changes in its visit, `visit`, is added to those rows
    /// that both count in. True: the day counts the visitor since now.
    #[expect(clippy::too_many_arguments, reason = "a view's rows are found once")]
    fn each_row(
        &mut self,
        row: &EventRow,
        page: RowPlace,
        profile: &Arc<Profile>,
        metrics: &[Metric],
        kind: Claim,
        visit: &Row,
        known: &mut OnDay<'_>,
    ) -> bool {
        let rollup = &mut *self.rollup;
        let visitors = kind.metric();
        let visit = visit.nonzero();
        let visit = Some(&*visit).filter(|visit| !visit.is_empty());
        let mut visitor = known.visitor.as_deref_mut();
        let all_claimed = visitor.as_ref().is_some_and(|visitor| {
            let of = visitor.claimed[kind as usize].as_ref();
            of.is_some_and(|claimed| Arc::ptr_eq(claimed, profile))
        });
        let mut count = |rollup: &mut DayRollup, place, visit, claim: Option<u64>, always| {
            let counts = rollup.at(place);
            for metric in metrics {
                counts.add(*metric, 1);
            }
            if let Some(visit) = visit {
                counts.add_all(visit);
            }
            let (Some(visitor), Some(claim)) = (&mut visitor, claim) else { return false };
            let first_seen = match always {
                true => visitor.claims.insert_always(claim),
                false => visitor.claims.insert(claim),
            };
            if first_seen {
                counts.add(visitors, 1);
            }
            first_seen
        };
        let claim = rollup.claim(TOTAL, kind);
        let first = count(rollup, TOTAL, visit, Some(claim), true);
        // Visitors are claimed by the hour of the site's day: its four slots add up.
        let hour = HOURS[self.site.hour(row.at) as usize % HOURS.len()];
        let claim = rollup.claim_on(Dimension::Slot, hour, kind);
        let slot = rollup.slot(row.at);
        count(rollup, slot, None, Some(claim), true);
        let claim = rollup.claim(page, kind);
        count(rollup, page, None, Some(claim), false);
        if let Some(entry) = profile.entry(rollup) {
            let claim = rollup.claim(entry, kind);
            count(rollup, entry, visit, Some(claim), false);
        }
        #[cfg(test)]
        assert!(*row.page != *super::tests::PANICS, "on purpose");
        for place in profile.places(rollup) {
            let claim = (!all_claimed).then(|| rollup.claim(place, kind));
            count(rollup, place, visit, claim, false);
        }
        if let Some(visitor) = visitor.filter(|_| !all_claimed) {
            visitor.claimed[kind as usize] = Some(profile.clone());
        }
        if kind == Claim::Seen && first {
            let slot = rollup.slot_name();
            rollup.add(Dimension::FirstSeen, &slot, Metric::Visitors, 1);
        }
        first
    }

    /// From the first row on that says a visit behaves like a robot, what it has counted on this
    /// day counts under that trait too. (A later confirmation of one of its views stays out.)
    fn suspect(&mut self, profile: &Arc<Profile>, known: &mut OnDay<'_>) {
        let Some(visit) = &mut known.visit else { return };
        if !visit.falls_under_suspicion(profile) {
            return;
        }
        let mut counted = visit.suspect(profile);
        let suspected = self.rollup.place(Dimension::Suspected, "yes");
        if let Some(visitor) = &mut known.visitor {
            for (claim, if_any) in [
                (Claim::Seen, [Metric::Server, Metric::Browser]),
                (Claim::Confirmed, [Metric::Confirmed; 2]),
            ] {
                if if_any.iter().any(|metric| counted.get(*metric) > 0) {
                    let first = visitor.claims.insert(self.rollup.claim(suspected, claim));
                    counted.add(claim.metric(), i64::from(first));
                }
            }
        }
        self.rollup.at(suspected).merge(&counted);
    }

    /// Views whose beacon told the viewport's class, by that class.
    fn screen(&mut self, row: &EventRow, metrics: &[Metric], known: &mut OnDay<'_>) {
        if row.detail.is_empty() {
            return;
        }
        let screen = self.admit(Dimension::Screen, &row.detail);
        let place = self.rollup.place(Dimension::Screen, &screen);
        let first = self.is_first_in(place, known);
        let counts = self.rollup.at(place);
        metrics.iter().for_each(|metric| counts.add(*metric, 1));
        counts.add(Metric::Visitors, i64::from(first));
    }

    fn is_first_in(&self, place: RowPlace, known: &mut OnDay<'_>) -> bool {
        let claim = self.rollup.claim(place, Claim::Seen);
        known.visitor.as_mut().is_some_and(|visitor| visitor.claims.insert(claim))
    }

    fn engagement(&mut self, row: &EventRow, known: &mut OnDay<'_>) {
        self.act(row, false, known);
        let (page, place) = self.page(row);
        self.rollup.add_on_page(row.at, place, Metric::Engagement, row.numbers[0]);
        let Some((before, depth)) = read_depth(row.numbers[1]) else { return };
        self.rollup.add_on_page(row.at, place, Metric::ScrollViews, i64::from(before.is_none()));
        let deeper = i64::from(depth) - i64::from(before.unwrap_or(0));
        self.rollup.add_on_page(row.at, place, Metric::ScrollDepth, deeper);
        let (from, to) = (before.map(tenth), tenth(depth));
        if row.detail.is_empty() || from == Some(to) {
            return;
        }
        for (tenth, by) in from.map(|from| (from, -1)).into_iter().chain([(to, 1)]) {
            let value = join([&row.detail, &tenth.to_string(), &page]);
            self.rollup.add(Dimension::ScrollMap, &value, Metric::Events, by);
        }
    }

    /// An event, of whichever kind: ends a bounce, unless it says that it does not.
    fn event(&mut self, row: &EventRow, name: &str, known: &mut OnDay<'_>) {
        self.act(row, !row.flags.has(Flags::PASSIVE), known);
        let (_, page) = self.page(row);
        let worth = row.numbers[0];
        self.rollup.add_on_page(row.at, page, Metric::Events, 1);
        self.rollup.add_on_page(row.at, page, Metric::Revenue, worth);
        let event = self.action(Dimension::Event, name, worth, known);
        for (property, value) in &row.properties {
            let value = join([&event, property, value]);
            let value = self.admit(Dimension::EventProperty, &value);
            self.count_action(Dimension::EventProperty, &value, 0, known);
        }
        self.reached(Reached::Event(name), worth, known);
        if let Some(visit) = &mut known.visit {
            visit.advance(self.rollup, &self.site.funnels, Reached::Event(name));
        }
    }

    fn act(&mut self, row: &EventRow, interactive: bool, known: &mut OnDay<'_>) {
        if let Some(visit) = &mut known.visit {
            visit.act(self.rollup, row.at, interactive);
        }
    }

    /// Something a visitor did, in its own row; gives the row's name.
    fn action(
        &mut self,
        dimension: Dimension,
        value: &str,
        worth: i64,
        known: &mut OnDay<'_>,
    ) -> Arc<str> {
        let value = self.admit(dimension, value);
        self.count_action(dimension, &value, worth, known);
        value
    }

    fn count_action(
        &mut self,
        dimension: Dimension,
        value: &Arc<str>,
        worth: i64,
        known: &mut OnDay<'_>,
    ) {
        let place = self.rollup.place(dimension, value);
        let first = self.is_first_in(place, known);
        let counts = self.rollup.at(place);
        counts.add(Metric::Events, 1);
        counts.add(Metric::Visitors, i64::from(first));
        counts.add(Metric::Revenue, worth);
    }

    /// Goals that a page or an event is.
    fn reached(&mut self, what: Reached<'_>, worth: i64, known: &mut OnDay<'_>) {
        let site = self.site;
        for goal in site.goals.iter().filter(|goal| goal.target.is(what)) {
            self.count_action(Dimension::Goal, &goal.name, worth, known);
        }
    }

    fn bot(&mut self, row: &EventRow) {
        let name = self.admit(Dimension::BotName, &row.name);
        let proof = Proof::from_number(row.numbers[1]);
        let proof = proof.map(|proof| join([&row.name, proof.as_str()]));
        if row.flags.has(Flags::BEACON) {
            self.rollup.add(Dimension::BotName, &name, Metric::Beacons, 1);
            self.rollup.add(Dimension::BotClass, &row.detail, Metric::Beacons, 1);
            proof.iter().for_each(|of| self.add_one(Dimension::BotProof, of, Metric::Beacons));
        }
        if !row.flags.has(Flags::ANSWERED) {
            return;
        }
        let status = row.numbers[0].to_string();
        self.rollup.add(Dimension::BotName, &name, Metric::Responses, 1);
        self.rollup.add(Dimension::BotClass, &row.detail, Metric::Responses, 1);
        proof.iter().for_each(|of| self.add_one(Dimension::BotProof, of, Metric::Responses));
        for (flag, word) in [(Flags::ALLOWED, "allowed"), (Flags::DISALLOWED, "disallowed")] {
            if row.flags.has(flag) {
                self.add_one(Dimension::BotRules, &join([&row.name, word]), Metric::Responses);
            }
        }
        self.add_one(Dimension::BotPage, &row.page, Metric::Responses);
        self.rollup.add(Dimension::BotStatus, &status, Metric::Responses, 1);
        let purpose = match &*row.detail {
            class if class == BotClass::AiTraining.as_str() => "training",
            class if class == BotClass::AiAssistant.as_str() => "assistant",
            _ => return,
        };
        if row.flags.has(Flags::READ) {
            self.ai(purpose, &row.page);
            if row.flags.has(Flags::DISALLOWED) {
                self.ai("disallowed", &row.page);
            }
        }
    }

    /// Bytes that were sent under a path, and one of each metric whose flag the row has.
    fn transfer(&mut self, dimension: Dimension, row: &EventRow, ones: [(Flags, Metric); 2]) {
        let path = self.admit(dimension, &row.page);
        self.rollup.add(dimension, &path, Metric::Bytes, row.numbers[0]);
        for (flag, metric) in ones {
            self.rollup.add(dimension, &path, metric, i64::from(row.flags.has(flag)));
        }
    }

    /// What AI had to do with a page.
    fn ai(&mut self, purpose: &str, page: &str) {
        self.add_one(Dimension::AiPage, &join([purpose, page]), Metric::Responses);
    }

    fn error(&mut self, row: &EventRow) {
        for (flag, metric) in [(Flags::ANSWERED, Metric::Responses), (Flags::BEACON, Metric::Seen)]
        {
            if !row.flags.has(flag) {
                continue;
            }
            self.add_one(Dimension::ErrorPage, &row.page, metric);
            // Of an error that is long forgotten, or that another node answered, a beacon knows
            // the page alone.
            if row.numbers[0] != 0 {
                self.add_one(Dimension::ErrorLink, &join([&row.page, &row.name]), metric);
                let status = row.numbers[0].to_string();
                self.rollup.add(Dimension::ErrorStatus, &status, metric, 1);
            }
        }
    }

    /// Counts how long something of a page took, by the bucket of the time.
    fn time(&mut self, what: &str, bucket: i64, page: &str) {
        let bucket = bucket.to_string();
        self.add_one(Dimension::Timing, &join([what, &bucket, page]), Metric::Events);
        let all = join([what, &bucket, ""]);
        self.rollup.add(Dimension::Timing, &all, Metric::Events, 1);
    }

    /// Counts one of a value that comes from outside.
    fn add_one(&mut self, dimension: Dimension, value: &str, metric: Metric) {
        let value = self.admit(dimension, value);
        self.rollup.add(dimension, &value, metric, 1);
    }

    /// The name of the row's page, and the place of that.
    fn page(&mut self, row: &EventRow) -> (Arc<str>, RowPlace) {
        let page = self.admit(Dimension::Page, &row.page);
        let place = self.rollup.place(Dimension::Page, &page);
        (page, place)
    }

    fn admit(&mut self, dimension: Dimension, value: &str) -> Arc<str> {
        self.names.admit(self.whose, dimension, value)
    }
}

/// The tenth of a page that a depth in percent lies in, 1 to 10.
fn tenth(depth: u8) -> u8 {
    depth.div_ceil(10).clamp(1, 10)
}
