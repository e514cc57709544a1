//! Filters: which rows count.
//!
//! A filter that exists can be answered from roll-ups. How one is written in a URL is told in
//! [`super::conditions`].

use super::conditions::{self, Operator, SPECIAL};
use super::{Invalid, Property, Selection, names};
use crate::model::glob::Glob;
use crate::model::goal::{Goal, Target};
use crate::model::rollup::OTHER;
use crate::{host, page_name};
use serde_json::Value as Json;

/// Conditions that a row must all meet. Their properties can be of the same rows: see
/// [`super::Selection`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    conditions: Vec<Criterion>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Criterion {
    pub property: Property,
    pub negated: bool,
    pub any_of: Vec<Pattern>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pattern {
    Is(String),
    Like(Glob),
}

impl Pattern {
    fn fits(&self, value: &str) -> bool {
        match self {
            Self::Is(whole) => whole == value,
            Self::Like(glob) => glob.matches(value),
        }
    }
}

impl Criterion {
    fn of(written: conditions::Condition) -> Result<Self, Invalid> {
        let conditions::Condition { property, operator, values } = written;
        let read = |text: &String| match operator {
            Operator::Is | Operator::IsNot => Ok(pattern(text, &property)),
            Operator::Contains | Operator::ContainsNot => Ok(containing(text, &property)),
            Operator::Matches | Operator::MatchesNot => {
                Err(Invalid::new("counts are kept by whole names: regular expressions need rows"))
            }
        };
        let any_of = values.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { property, negated: operator.is_negated(), any_of })
    }

    fn takes(&self, value: &str) -> bool {
        // By the API's name, or as stored and as the dashboard has it.
        let name = names::name(&self.property, value);
        let fits = |pattern: &Pattern| pattern.fits(value) || pattern.fits(name);
        self.any_of.iter().any(fits) != self.negated
    }

    /// Whether nobody knows if the values counted as `value` match: it is `(other)`, and a pattern
    /// is asked for, but none that everything matches.
    fn is_doubtful(&self, value: &str) -> bool {
        let any = |pattern: &Pattern| matches!(pattern, Pattern::Like(glob) if glob.is_any());
        let is_pattern = |pattern: &Pattern| matches!(pattern, Pattern::Like(_));
        value == OTHER && self.any_of.iter().any(is_pattern) && !self.any_of.iter().any(any)
    }
}

impl Filter {
    /// Reads `filters=`; `None` if it holds nothing.
    ///
    /// # Errors
    /// If it cannot be read, names an unknown property, or several that are not counted together.
    pub fn parse(text: &str) -> Result<Option<Self>, Invalid> {
        let conditions = conditions::read(text)?.into_iter().map(Criterion::of);
        Self::of(conditions.collect::<Result<_, _>>()?)
    }

    /// # Errors
    /// If the conditions are about properties that are not counted together.
    pub(super) fn of(conditions: Vec<Criterion>) -> Result<Option<Self>, Invalid> {
        if conditions.is_empty() {
            return Ok(None);
        }
        let filter = Self { conditions };
        Selection::new(None, Some(&filter))?;
        Ok(Some(filter))
    }

    /// The same with its goals checked. `among_events`: the rows are of events' properties, so
    /// goals are replaced by their events.
    ///
    /// # Errors
    /// If a goal is not configured; among events, if it is a page; else, if no roll-up counts it.
    pub fn with_goals(mut self, goals: &[Goal], among_events: bool) -> Result<Self, Invalid> {
        let among_events =
            among_events || self.properties().iter().any(|property| property.event_key().is_some());
        let of_goals = |condition: &&mut Criterion| condition.property.is_goal();
        for pattern in
            self.conditions.iter_mut().filter(of_goals).flat_map(|condition| &mut condition.any_of)
        {
            let Pattern::Is(name) = pattern else { continue };
            let Some(goal) = goals.iter().find(|goal| *goal.name == **name) else {
                return Err(Invalid::unknown("goal", name, goals.iter().map(|goal| &*goal.name)));
            };
            if goal.is_kept && !among_events {
                return Err(not_rolled_up(name));
            }
            match &goal.target {
                Target::Event(event) if among_events => name.clone_from(event),
                Target::Page(_) if among_events => {
                    return Err(Invalid::new(format!(
                        "goal `{name}` is a page, and only events have properties"
                    )));
                }
                Target::Event(_) | Target::Page(_) => {}
            }
        }
        Ok(self)
    }

    /// The rows that have exactly this value.
    pub fn exactly(property: Property, value: &str) -> Self {
        let any_of = vec![Pattern::Is(value.to_owned())];
        Self { conditions: vec![Criterion { property, negated: false, any_of }] }
    }

    /// Of each condition the property.
    pub fn properties(&self) -> Vec<&Property> {
        self.conditions.iter().map(|condition| &condition.property).collect()
    }

    /// The property of the first condition, whose rows' metrics are known.
    pub fn property(&self) -> &Property {
        &self.conditions[0].property // a filter has at least one
    }

    /// Whether the rows of `property` can be filtered so.
    pub fn applies_to(&self, property: &Property) -> bool {
        Selection::new(Some(property), Some(self)).is_ok()
    }

    /// `values`: what each condition's property has in a row.
    pub(super) fn matches<'v>(&self, values: impl IntoIterator<Item = &'v str>) -> bool {
        self.conditions.iter().zip(values).all(|(condition, value)| condition.takes(value))
    }

    /// Whether nobody knows if a row matches: it has `(other)` where a pattern is asked for, and
    /// meets the other conditions. `values`: for each condition the row's value, and whether rows
    /// are told apart by its property, which leaves no doubt.
    pub(super) fn may_match<'v>(&self, values: impl Iterator<Item = (&'v str, bool)>) -> bool {
        let mut in_doubt = false;
        let may = self.conditions.iter().zip(values).all(|(condition, (value, apart))| {
            let doubtful = !apart && condition.is_doubtful(value);
            in_doubt |= doubtful;
            doubtful || condition.takes(value)
        });
        may && in_doubt
    }

    /// Of each condition whether it is met by one value only, and that one that is told apart.
    pub(super) fn is_exact(&self) -> impl Iterator<Item = bool> + '_ {
        self.conditions.iter().map(|condition| match condition.any_of.as_slice() {
            [Pattern::Is(value)] => {
                !condition.negated && !names::are_shared(&condition.property) && value != OTHER
            }
            _ => false,
        })
    }

    /// Whether a value meets every condition, whatever it is about.
    pub(super) fn takes_all(&self, value: &str) -> bool {
        self.matches(self.conditions.iter().map(|_| value))
    }

    /// The one value that can match, if the filter is a plain equality.
    pub fn only(&self) -> Option<&str> {
        match self.conditions.as_slice() {
            [Criterion { negated: false, any_of, .. }] => match any_of.as_slice() {
                [Pattern::Is(value)] => Some(value),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Reads a filter as Plausible's v2 has it, `["is", "event:page", ["/a", "/b"]]`, into conditions
/// that must all be met.
pub(super) fn read(filter: &Json, negate: bool, to: &mut Vec<Criterion>) -> Result<(), Invalid> {
    let wrong = |why: &str| Invalid::new(format!("invalid filter `{filter}`: {why}"));
    let simple = || wrong("a filter is like [\"is\", \"event:page\", [\"/blog\"]]");
    let parts = filter.as_array().ok_or_else(simple)?;
    let operator = parts.first().and_then(Json::as_str).ok_or_else(simple)?;
    match (operator, &parts[1..]) {
        ("not", [inner]) => return read(inner, !negate, to),
        // Conditions must all be met. A negated "and" is an "or", a negated "or" is an "and".
        ("and", [Json::Array(all)]) if !negate || all.len() == 1 => {
            return all.iter().try_for_each(|inner| read(inner, negate, to));
        }
        ("or", [Json::Array(any)]) if negate || any.len() == 1 => {
            return any.iter().try_for_each(|inner| read(inner, negate, to));
        }
        ("and" | "or", _) => {
            return Err(wrong(
                "conditions must all be met; alternatives go in one condition's list",
            ));
        }
        _ => {}
    }
    let (part, negated) = match operator {
        "is" => (false, negate),
        "is_not" => (false, !negate),
        "contains" => (true, negate),
        "contains_not" => (true, !negate),
        _ => return Err(wrong("it is one of is, is_not, contains, contains_not, and, not")),
    };
    let [_, Json::String(property), Json::Array(clauses)] = parts.as_slice() else {
        return Err(simple());
    };
    let property = Property::parse(property)?;
    let any_of = clauses
        .iter()
        .map(|clause| match clause {
            Json::String(text) if part => Ok(containing(text, &property)),
            Json::String(text) => Ok(pattern(text, &property)),
            _ => Err(wrong("what to look for is text")),
        })
        .collect::<Result<_, _>>()?;
    to.push(Criterion { property, negated, any_of });
    Ok(())
}

fn containing(text: &str, property: &Property) -> Pattern {
    spelled(vec![String::new(), text.to_owned(), String::new()], property)
}

pub(super) fn pattern(text: &str, property: &Property) -> Pattern {
    let wildcards = property.takes_wildcards();
    let mut pieces = vec![String::new()];
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let last = pieces.len() - 1;
        match c {
            '\\' => match chars.next_if(|next| SPECIAL.contains(next)) {
                Some(plain) => pieces[last].push(plain),
                None => pieces[last].push('\\'),
            },
            '*' if wildcards => pieces.push(String::new()),
            c => pieces[last].push(c),
        }
    }
    spelled(pieces, property)
}

/// A part of a value, in the form in which values are kept.
pub(super) fn plain_part(part: &str, property: &Property) -> String {
    match property.takes_wildcards() && (!part.is_ascii() || part.contains('%')) {
        true => page_name::plain_part(part),
        false => part.to_owned(),
    }
}

/// A pattern for names and hosts, in the one form in which these are kept.
fn spelled(mut pieces: Vec<String>, property: &Property) -> Pattern {
    match pieces.as_mut_slice() {
        [host] if property.key() == "hostname" => *host = host::plain(host).into_owned(),
        pieces if property.takes_wildcards() => {
            for piece in pieces {
                *piece = plain_part(piece, property);
            }
        }
        _ => {}
    }
    match <[String; 1]>::try_from(pieces) {
        Ok([value]) => Pattern::Is(value),
        Err(pieces) => Pattern::Like(Glob::between(pieces.iter().map(String::as_str))),
    }
}

/// # Errors
/// If the rows are of goals and one was added while the program ran: no roll-up counts it.
pub(super) fn check_goals(rows: Option<&Property>, goals: &[Goal]) -> Result<(), Invalid> {
    let is_of_goals = rows.is_some_and(Property::is_goal);
    match goals.iter().find(|goal| goal.is_kept && is_of_goals) {
        Some(goal) => Err(not_rolled_up(&goal.name)),
        None => Ok(()),
    }
}

fn not_rolled_up(goal: &str) -> Invalid {
    Invalid::new(format!(
        "the goal `{goal}` was added while the program ran, so no roll-up counts it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn says(filter: &str, value: &str) -> bool {
        Filter::parse(filter).unwrap().unwrap().takes_all(value)
    }

    #[test]
    fn the_language() {
        for (filter, yes, no) in [
            ("event:page==/", "/", "/a"),
            ("event:page!=/", "/a", "/"),
            ("event:page==/a|/b", "/b", "/c"),
            ("event:page!=/a|/b", "/c", "/b"),
            ("event:page==/blog/*", "/blog/a/b", "/blog"),
            ("event:page==/blog**", "/blog", "/blo"),
            ("event:page==*/x", "/a/b/x", "/a/x/"),
            ("event:page==/a*c*e", "/abcde", "/abde"),
            ("event:page==/a*a", "/aa", "/a"),
            ("event:page==/a*;event:page!=/ab", "/ac", "/ab"),
            (r"event:page==/a\*", "/a*", "/ab"),
            (r"visit:utm_campaign==one\|two", "one|two", "one"),
            ("visit:source==Direct / None", "Direct / None", "Direct"),
            // Outside of paths and hosts a star is a star.
            ("visit:utm_term==c*", "c*", "cd"),
            ("visit:utm_term==a==b", "a==b", "a"),
            ("event:name==", "", "x"),
            ("event:page=@b", "/abc", "/ac"),
            ("visit:source!@b|c*", "ac", "xc*"),
            // Pages and hosts are found by whatever they are called.
            ("event:page==/café|/%c3%9f", "/caf%C3%A9", "/caf"),
            ("event:page==/café*", "/caf%C3%A9/a", "/caf%C3"),
            ("event:hostname==Example.org.", "example.org", "Example.org."),
            ("visit:utm_term==%c3", "%c3", "%C3"),
        ] {
            assert!(says(filter, yes), "{filter} refuses {yes}");
            assert!(!says(filter, no), "{filter} takes {no}");
        }
    }

    #[test]
    fn nothing_is_no_filter_and_what_is_wrong_is_named() {
        assert_eq!(Filter::parse(""), Ok(None));
        assert_eq!(Filter::parse(" ; "), Ok(None));
        for (filter, names) in [
            ("event:page", "`event:page`"),
            ("event:mood==x", "`event:mood`"),
            ("event:page=~x", "regular expressions"),
            ("event:page==/;visit:country==DE", "`event:page` and `visit:country`"),
            ("error:page==/;error:status==404", "`error:page` and `error:status`"),
            ("event:props:a==1;event:props:b==2", "`event:props:a` and `event:props:b`"),
            ("event:name==a;event:goal==b", "`event:name` and `event:goal`"),
            ("visit:suspected==no;event:page==/", "`visit:suspected` and `event:page`"),
        ] {
            let error = Filter::parse(filter).unwrap_err().to_string();
            assert!(error.contains(names), "{error}");
        }
    }

    proptest! {
        /// Whatever an attacker names a page, the link on its row finds that page and no other.
        #[test]
        fn a_rows_own_filter_matches_only_it(value in r"[a*|;\\=!/]{0,8}", other in r"[a*|;\\=!/]{0,8}") {
            let page = Property::parse("event:page").unwrap();
            let text = conditions::write(&conditions::Condition::of_row(&page, &value));
            let filter = Filter::parse(&text).unwrap().unwrap();
            prop_assert_eq!(filter.only(), Some(value.as_str()));
            prop_assert_eq!(filter.matches([other.as_str()]), value == other);
        }
    }
}
