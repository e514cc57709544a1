//! Anonymous events, for the rolling list: what happened, and what exactly it added.
//!
//! An event carries its own increments, so that a day can be summed up again from its list without
//! any rule, any order and any memory of visitors: [`Replayed`] is the way back. It never carries a
//! view id. Written per hit, so increments are noted by the armful ([`Added`]) and spelled out only
//! when the event is sealed.
//!
//! As JSON: `{"t":…,"type":"view","page":"/","visitor":"…","device":"Desktop",…,"in":"v","add":
//! [["server 1 visitors 1","total","slot","page","entry_page:/a","*"],…]}`. Each list in `add` is
//! what to add, and to which rows: `dimension:value`, a bare `page`, `entry_page`, `exit_page` or
//! `slot` for the event's own page and time, `*` for every trait of the visit (those in `visit`, or
//! else the event's own). `in` says whose sketches the visitor joins: `v` visitors, `c` confirmed
//! ones.

use crate::model::rollup::{self, Counts, Dimension, Metric, Row, SEPARATOR};
use crate::model::{Traits, VisitorHash};
use once_cell::sync::Lazy;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

/// An anonymous event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Milliseconds since the epoch.
    pub at: i64,
    /// `activity`: nothing to tell, only to add.
    pub kind: &'static str,
    pub page: Arc<str>,
    /// The day's anonymous hash.
    pub visitor: Option<VisitorHash>,
    /// Device, place, source.
    pub traits: Traits,
}

/// Increments of one hit to one (site, day).
#[derive(Debug, Clone, PartialEq)]
pub enum Added {
    One {
        dimension: Dimension,
        value: Arc<str>,
        metric: Metric,
        by: i64,
    },
    Row {
        dimension: Dimension,
        value: Arc<str>,
        row: Box<Row>,
    },
    /// To the total, its slot and a page.
    OnPage {
        slot: Arc<str>,
        page: Arc<str>,
        metric: Metric,
        by: i64,
    },
    /// One of each metric to every row of a view (total, slot, page, entry page, traits), and to
    /// those whose bit is set in `claimed`, in this order, one to `visitors`.
    View {
        slot: Arc<str>,
        page: Arc<str>,
        entry: Option<Arc<str>>,
        traits: Traits,
        metrics: &'static [Metric],
        visitors: Metric,
        claimed: u64,
    },
    /// The same to every row of a visit.
    Visit {
        slot: Arc<str>,
        entry: Arc<str>,
        exit: Arc<str>,
        traits: Traits,
        more: Box<Row>,
    },
    Visitor(VisitorHash),
    Confirmed(VisitorHash),
}

impl Event {
    /// As JSON, with what it has `added` to its day (`None`: it is only told, in the live stream).
    pub fn write(&self, out: &mut String, added: Option<&[Added]>) {
        let mut visitor = self.visitor;
        let (mut seen, mut confirmed) = (false, false);
        let mut of_visit = None;
        for added in added.into_iter().flatten() {
            match added {
                Added::Visitor(v) => (visitor, seen) = (Some(*v), true),
                Added::Confirmed(v) => (visitor, confirmed) = (Some(*v), true),
                Added::View { traits, .. } | Added::Visit { traits, .. } => {
                    of_visit.get_or_insert(traits);
                }
                Added::One { .. } | Added::Row { .. } | Added::OnPage { .. } => {}
            }
        }
        out.push_str("{\"t\":");
        number(out, self.at);
        out.push_str(",\"type\":\"");
        out.push_str(self.kind);
        out.push_str("\",\"page\":\"");
        escape(out, &self.page);
        out.push('"');
        if let Some(visitor) = visitor {
            out.push_str(",\"visitor\":\"");
            out.push_str(visitor.digits(&mut [0; 16]));
            out.push('"');
        }
        members(out, &self.traits);
        if let Some(traits) = of_visit.filter(|traits| **traits != self.traits) {
            out.push_str(",\"visit\":{");
            let begin = out.len();
            members(out, traits);
            // The comma before the first.
            out.drain(begin..(begin + 1).min(out.len()));
            out.push('}');
        }
        out.push_str(match (seen, confirmed) {
            (true, true) => ",\"in\":\"vc\"",
            (true, false) => ",\"in\":\"v\"",
            (false, true) => ",\"in\":\"c\"",
            (false, false) => "",
        });
        if let Some(added) = added {
            out.push_str(",\"add\":[");
            let mut slot = itoa::Buffer::new();
            let own = Own { page: &self.page, slot: slot.format(rollup::slot(self.at)) };
            let mut lists = Lists { out, own, traits: of_visit, first: true, pieces: &PIECES };
            added.iter().for_each(|added| lists.write(added));
            out.push(']');
        }
        out.push('}');
    }
}

/// What events are made of, as it stands in their JSON: a text is written the faster, the fewer
/// pieces it has.
struct Pieces {
    /// How a trait begins as a further member of an object, by dimension.
    members: Vec<String>,
    /// The event's own row as a further element of a list, and how any other begins, by dimension.
    own_rows: Vec<String>,
    rows: Vec<String>,
    /// How a list's first count begins, and how a further one does, by metric.
    first_counts: Vec<String>,
    counts: Vec<String>,
}

static PIECES: Lazy<Pieces> = Lazy::new(|| {
    let dimensions = |piece: fn(&str) -> String| {
        Dimension::ALL.iter().map(|dimension| piece(dimension.as_str())).collect()
    };
    let metrics = |piece: fn(&str) -> String| {
        Metric::ALL.iter().map(|metric| piece(metric.as_str())).collect()
    };
    Pieces {
        members: dimensions(|word| format!(",\"{word}\":\"")),
        own_rows: dimensions(|word| format!(",\"{word}\"")),
        rows: dimensions(|word| format!(",\"{word}:")),
        first_counts: metrics(|word| format!("\"{word} ")),
        counts: metrics(|word| format!(" {word} ")),
    }
});

fn members(out: &mut String, traits: &Traits) {
    // All looked at in one go; what separates them is no part of any.
    let plain = is_plain(traits.text(), SEPARATOR as u8);
    let members = &PIECES.members;
    for (dimension, value) in traits.iter() {
        out.push_str(&members[dimension as usize]);
        match plain {
            true => out.push_str(value),
            false => escape(out, value),
        }
        out.push('"');
    }
}

/// Whether a text can stand in a JSON string as it is, in which no character below `lowest` can.
fn is_plain(text: &str, lowest: u8) -> bool {
    // Looked at to the end: without a way out it is done many bytes at a time.
    !text.bytes().fold(false, |odd, b| odd | (b < lowest) | (b == b'"') | (b == b'\\'))
}

/// A text as it is in a JSON string.
fn escape(out: &mut String, text: &str) {
    match is_plain(text, b' ') {
        true => out.push_str(text),
        false => {
            let quoted = serde_json::to_string(text).unwrap_or_default();
            out.push_str(quoted.get(1..quoted.len() - 1).unwrap_or_default());
        }
    }
}

fn number(out: &mut String, number: i64) {
    out.push_str(itoa::Buffer::new().format(number));
}

/// What a bare dimension stands for: the event's own page, its own time.
struct Own<'a> {
    page: &'a str,
    slot: &'a str,
}

impl Own<'_> {
    fn value(&self, dimension: Dimension) -> &str {
        match dimension {
            Dimension::Page | Dimension::EntryPage | Dimension::ExitPage => self.page,
            Dimension::Slot => self.slot,
            _ => "",
        }
    }
}

/// Of every row.
const ALL: u64 = u64::MAX;

/// Writes what was added, list by list.
struct Lists<'a> {
    out: &'a mut String,
    own: Own<'a>,
    /// What `*` stands for.
    traits: Option<&'a Traits>,
    first: bool,
    pieces: &'static Pieces,
}

impl Lists<'_> {
    fn write(&mut self, added: &Added) {
        match added {
            Added::One { dimension, value, metric, by } => {
                self.list(&[(*metric, *by)], &[(*dimension, value)], None, ALL);
            }
            Added::Row { dimension, value, row } => {
                self.list(&row.nonzero(), &[(*dimension, value)], None, ALL);
            }
            Added::OnPage { slot, page, metric, by } => {
                let rows =
                    [(Dimension::Total, ""), (Dimension::Slot, &**slot), (Dimension::Page, page)];
                self.list(&[(*metric, *by)], &rows, None, ALL);
            }
            Added::Visit { slot, entry, exit, traits, more } => {
                let rows = [
                    (Dimension::Total, ""),
                    (Dimension::Slot, &**slot),
                    (Dimension::EntryPage, entry),
                    (Dimension::ExitPage, exit),
                ];
                self.list(&more.nonzero(), &rows, Some(traits), ALL);
            }
            Added::View { slot, page, entry, traits, metrics, visitors, claimed } => {
                let rows = [
                    (Dimension::Total, ""),
                    (Dimension::Slot, &**slot),
                    (Dimension::Page, page),
                    (Dimension::EntryPage, entry.as_deref().unwrap_or_default()),
                ];
                let rows = if entry.is_some() { &rows[..] } else { &rows[..3] };
                let ones = metrics.iter().map(|metric| (*metric, 1));
                let all: Counts = ones.chain([(*visitors, 1)]).collect();
                self.list(&all[..metrics.len()], rows, Some(traits), !claimed);
                self.list(&all, rows, Some(traits), *claimed);
            }
            Added::Visitor(_) | Added::Confirmed(_) => {}
        }
    }

    /// Counts, and the rows they were added to: those of `rows` and `traits`, one after the
    /// other, whose bit is set in `which`. There are fewer dimensions than bits.
    fn list(
        &mut self,
        counts: &[(Metric, i64)],
        rows: &[(Dimension, &str)],
        traits: Option<&Traits>,
        which: u64,
    ) {
        let of_traits = traits.map_or(0, Traits::len);
        let which = which & !ALL.checked_shl((rows.len() + of_traits) as u32).unwrap_or(0);
        if which == 0 || counts.is_empty() {
            return;
        }
        self.out.push_str(if std::mem::take(&mut self.first) { "[" } else { ",[" });
        let mut pieces = &self.pieces.first_counts;
        for (metric, by) in counts {
            self.out.push_str(&pieces[*metric as usize]);
            number(self.out, *by);
            pieces = &self.pieces.counts;
        }
        self.out.push('"');
        let is_in = |i: usize| which >> i & 1 == 1;
        for (_, (dimension, value)) in rows.iter().enumerate().filter(|(i, _)| is_in(*i)) {
            self.row(*dimension, value);
        }
        if let Some(traits) = traits.filter(|traits| !traits.is_empty()) {
            let all = (which >> rows.len()).count_ones() as usize == of_traits;
            if all && self.traits == Some(traits) {
                self.out.push_str(",\"*\"");
            } else {
                let more = traits.iter().enumerate().filter(|(i, _)| is_in(rows.len() + i));
                more.for_each(|(_, (dimension, value))| self.row(dimension, value));
            }
        }
        self.out.push(']');
    }

    fn row(&mut self, dimension: Dimension, value: &str) {
        if value == self.own.value(dimension) {
            self.out.push_str(&self.pieces.own_rows[dimension as usize]);
        } else {
            self.out.push_str(&self.pieces.rows[dimension as usize]);
            escape(self.out, value);
            self.out.push('"');
        }
    }
}

/// What an event had added, read back from the list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Replayed {
    pub counts: Vec<(Dimension, String, Metric, i64)>,
    /// Whose event it was, and which sketches they join.
    pub visitor: Option<VisitorHash>,
    pub seen: bool,
    pub confirmed: bool,
}

impl Replayed {
    /// Reads an event; `None` if it does not say what it added (it is of an older version, or was
    /// not written by us).
    pub fn read(json: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Stored {
            t: i64,
            page: String,
            #[serde(default)]
            visitor: Option<String>,
            #[serde(default)]
            visit: Option<serde_json::Map<String, Value>>,
            #[serde(default, rename = "in")]
            joins: String,
            add: Vec<Vec<String>>,
            #[serde(flatten)]
            more: serde_json::Map<String, Value>,
        }
        let stored: Stored = serde_json::from_str(json).ok()?;
        let traits = stored.visit.as_ref().unwrap_or(&stored.more);
        let own = Own { page: &stored.page, slot: &rollup::slot(stored.t).to_string() };
        let mut counts = Vec::new();
        for list in &stored.add {
            let (sum, rows) = list.split_first()?;
            let sum = read_sum(sum)?;
            let mut add = |dimension: Dimension, value: &str| {
                counts.extend(sum.iter().map(|(m, by)| (dimension, value.to_owned(), *m, *by)));
            };
            for row in rows {
                match row.split_once(':') {
                    Some((word, value)) => add(Dimension::parse(word)?, value),
                    None if row == "*" => {
                        for (word, value) in traits {
                            if let Some(dimension) = Dimension::parse(word) {
                                add(dimension, value.as_str()?);
                            }
                        }
                    }
                    None => {
                        let dimension = Dimension::parse(row)?;
                        add(dimension, own.value(dimension));
                    }
                }
            }
        }
        let (seen, confirmed) = (stored.joins.contains('v'), stored.joins.contains('c'));
        let visitor = match stored.visitor {
            Some(text) => Some(VisitorHash::parse(&text)?),
            None => None,
        };
        Some(Self { counts, visitor, seen, confirmed })
    }
}

fn read_sum(text: &str) -> Option<Vec<(Metric, i64)>> {
    let words: Vec<&str> = text.split(' ').collect();
    let pairs = words.chunks(2).map(|pair| match pair {
        [metric, by] => Some((Metric::parse(metric)?, by.parse().ok()?)),
        _ => None,
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values come from outside: none may end its string, in whichever place it stands.
    #[test]
    fn what_json_cannot_bear_comes_back_as_it_was() {
        let traits = |browser: &str| {
            Traits::from([(Dimension::Browser, browser), (Dimension::UtmCampaign, "a\tb")])
        };
        for odd in ["plain", "a \"quote\"", "back\\slash", "\\", "a\nline"] {
            let (page, of_visit): (Arc<str>, _) = (odd.into(), traits("its \"visit\""));
            let (at, kind, visitor) = (0, "view", Some(VisitorHash::from_stored([0xab; 8])));
            let event = Event { at, kind, page: page.clone(), visitor, traits: traits(odd) };
            let view = Added::View {
                slot: "0".into(),
                page: "another \"page\"".into(),
                entry: None,
                traits: of_visit.clone(),
                metrics: &[Metric::Server],
                visitors: Metric::Visitors,
                claimed: 1,
            };
            let mut line = String::new();
            event.write(&mut line, Some(&[view]));
            let json: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
            assert_eq!((&json["page"], &json["browser"]), (&odd.into(), &odd.into()), "{line}");
            assert_eq!(json["visit"]["browser"], "its \"visit\"");
            let mut counts = Replayed::read(&line).expect("an event of ours").counts;
            counts.sort();
            let mut rows = vec![
                (Dimension::Total, "", Metric::Server),
                (Dimension::Total, "", Metric::Visitors),
                (Dimension::Slot, "0", Metric::Server),
                (Dimension::Page, "another \"page\"", Metric::Server),
            ];
            rows.extend(of_visit.iter().map(|(d, value)| (d, value, Metric::Server)));
            rows.sort();
            let expected: Vec<_> =
                rows.iter().map(|(d, v, m)| (*d, (*v).to_owned(), *m, 1)).collect();
            assert_eq!(counts, expected, "{line}");
        }
    }
}
