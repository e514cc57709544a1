//! Conditions as they are written in a URL.
//!
//! Plausible's language of version 1: `property==value`, `!=`, alternatives joined by `|`,
//! conditions joined by `;`, and for paths and hosts `*` for any characters. Beyond it: `=@` and
//! `!@` for text that is contained or not, `=~` and `!~` for regular expressions that match or not.
//! A backslash makes `|`, `;`, `*` and itself plain characters.

use super::filter::plain_part;
use super::{Invalid, Property, Reason};
use crate::model::rollup::parts;
use serde_json::{Value as Json, json};

/// How values are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Is,
    IsNot,
    Contains,
    ContainsNot,
    Matches,
    MatchesNot,
}

impl Operator {
    pub const ALL: [Self; 6] =
        [Self::Is, Self::IsNot, Self::Contains, Self::ContainsNot, Self::Matches, Self::MatchesNot];

    /// As it stands between a property and its values.
    fn sign(self) -> &'static str {
        match self {
            Self::Is => "==",
            Self::IsNot => "!=",
            Self::Contains => "=@",
            Self::ContainsNot => "!@",
            Self::Matches => "=~",
            Self::MatchesNot => "!~",
        }
    }

    /// As version 2 of the API has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Is => "is",
            Self::IsNot => "is_not",
            Self::Contains => "contains",
            Self::ContainsNot => "contains_not",
            Self::Matches => "matches",
            Self::MatchesNot => "matches_not",
        }
    }

    /// # Errors
    /// If the word is no operator.
    pub fn parse(word: &str) -> Result<Self, Invalid> {
        let known = || Self::ALL.iter().map(|operator| operator.as_str());
        let found = Self::ALL.into_iter().find(|operator| operator.as_str() == word);
        found.ok_or_else(|| Invalid::unknown("operator", word, known()))
    }

    pub fn is_negated(self) -> bool {
        matches!(self, Self::IsNot | Self::ContainsNot | Self::MatchesNot)
    }

    /// Its values are patterns, in which backslashes and stars mean something.
    fn takes_patterns(self) -> bool {
        matches!(self, Self::Is | Self::IsNot)
    }
}

/// What a property's value has to be like, or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    pub property: Property,
    pub operator: Operator,
    /// One of these. Of `is` and `is_not` patterns, else plain texts.
    pub values: Vec<String>,
}

impl Condition {
    /// This value and no other.
    pub fn exactly(property: Property, value: &str) -> Self {
        Self { property, operator: Operator::Is, values: vec![escaped(value, &SPECIAL)] }
    }

    /// A condition on parts of values, or on values that are one of these as a whole.
    pub fn or_whole(&self, values: &[&str]) -> Self {
        let parts = self.texts().map(|part| regex::escape(&plain_part(&part, &self.property)));
        let wholes = values.iter().map(|value| format!("^{}$", regex::escape(value)));
        let pattern = parts.chain(wholes).collect::<Vec<_>>().join("|");
        let operator = match self.operator.is_negated() {
            true => Operator::MatchesNot,
            false => Operator::Matches,
        };
        Self { property: self.property.clone(), operator, values: vec![pattern] }
    }

    /// A value of this pattern.
    pub fn like(property: Property, pattern: &str) -> Self {
        let value = escaped(pattern, &['\\', '|', ';']);
        Self { property, operator: Operator::Is, values: vec![value] }
    }

    /// The conditions that a row of a property meets and no other does.
    pub fn of_row(property: &Property, value: &str) -> Vec<Self> {
        let Some(halves) = property.halves() else {
            return vec![Self::exactly(property.clone(), value)];
        };
        let names = halves.map(Property::parse).into_iter().flatten();
        let values = parts(value, 2).chain([""]);
        names.zip(values).map(|(property, value)| Self::exactly(property, value)).collect()
    }

    /// As somebody typed it. Alternatives are joined by `|`; in a regular expression these are its
    /// own.
    ///
    /// # Errors
    /// If there is no such property or operator, or no value.
    pub fn typed(property: &str, operator: &str, values: &str) -> Result<Self, Invalid> {
        let (property, operator) = (Property::parse(property)?, Operator::parse(operator)?);
        let values = match operator {
            Operator::Matches | Operator::MatchesNot => vec![values.to_owned()],
            _ => split(values, '|').map(|value| read_value(value, operator)).collect(),
        };
        if values.iter().all(String::is_empty) {
            let line = format!("a filter by `{}` needs a value", property.as_str());
            return Err(Invalid::new(line).because(Reason::NoValue { property }));
        }
        Ok(Self { property, operator, values })
    }

    /// Its values as they are, without backslashes.
    pub fn texts(&self) -> impl Iterator<Item = String> {
        self.values.iter().map(|value| match self.operator.takes_patterns() {
            true => unescaped(value),
            false => value.clone(),
        })
    }

    /// As version 2 of the API has it.
    pub fn to_json(&self) -> Json {
        json!([self.operator.as_str(), self.property.as_str(), self.values])
    }

    fn to_text(&self) -> String {
        let value = |value: &String| match self.operator.takes_patterns() {
            true => guarded(value),
            false => escaped(value, &['\\', '|', ';']),
        };
        let values: Vec<String> = self.values.iter().map(value).collect();
        format!("{}{}{}", self.property.as_str(), self.operator.sign(), values.join("|"))
    }
}

/// Reads conditions that must all be met.
///
/// # Errors
/// If one cannot be read or names an unknown property.
pub fn read(text: &str) -> Result<Vec<Condition>, Invalid> {
    let mut conditions = Vec::new();
    for part in split(text, ';').filter(|part| !part.trim().is_empty()) {
        let signs = Operator::ALL.iter().filter_map(|o| Some((part.find(o.sign())?, *o)));
        let Some((at, operator)) = signs.min_by_key(|(at, _)| *at) else {
            return Err(Invalid::new(format!(
                "invalid filter `{part}`: a filter is like event:page==/blog"
            )));
        };
        let values = split(&part[at + operator.sign().len()..], '|');
        conditions.push(Condition {
            property: Property::parse(part[..at].trim())?,
            operator,
            values: values.map(|value| read_value(value, operator)).collect(),
        });
    }
    Ok(conditions)
}

/// The text that [`read`] reads so.
pub fn write<'c>(conditions: impl IntoIterator<Item = &'c Condition>) -> String {
    conditions.into_iter().map(Condition::to_text).collect::<Vec<_>>().join(";")
}

fn read_value(value: &str, operator: Operator) -> String {
    if operator.takes_patterns() { value.to_owned() } else { unescaped(value) }
}

/// Characters that a backslash makes plain.
pub(super) const SPECIAL: [char; 4] = ['\\', '|', ';', '*'];

fn escaped(value: &str, special: &[char]) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        if special.contains(&c) {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

/// A pattern that ends no condition.
fn guarded(pattern: &str) -> String {
    split(pattern, ';').collect::<Vec<_>>().join("\\;")
}

fn unescaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        let plain = if c == '\\' { chars.next_if(|next| SPECIAL.contains(next)) } else { None };
        text.push(plain.unwrap_or(c));
    }
    text
}

/// Splits at `separator` where no backslash stands before it; backslashes stay.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut escaped = false;
    text.split(move |c: char| {
        let splits = c == separator && !escaped;
        escaped = c == '\\' && !escaped;
        splits
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn conditions_are_read_and_written() {
        for (text, json) in [
            ("event:page==/a", json!([["is", "event:page", ["/a"]]])),
            ("event:page!=/a|/b", json!([["is_not", "event:page", ["/a", "/b"]]])),
            ("event:page=@a==b", json!([["contains", "event:page", ["a==b"]]])),
            (r"visit:source!@a\|b|c", json!([["contains_not", "visit:source", ["a|b", "c"]]])),
            (r"event:page=~^/(a\|b)\;\\d", json!([["matches", "event:page", [r"^/(a|b);\d"]]])),
            ("visit:city!~x", json!([["matches_not", "visit:city", ["x"]]])),
            (
                r"visit:utm_term==a\;b\*;visit:country==DE",
                json!([["is", "visit:utm_term", [r"a\;b\*"]], ["is", "visit:country", ["DE"]]]),
            ),
        ] {
            let conditions = read(text).unwrap();
            let told: Json = conditions.iter().map(Condition::to_json).collect();
            assert_eq!(told, json, "{text}");
            assert_eq!(write(&conditions), text);
        }
        for (text, names) in [("event:page", "`event:page`"), ("event:mood==x", "`event:mood`")] {
            assert!(read(text).unwrap_err().to_string().contains(names), "{text}");
        }
    }

    #[test]
    fn what_is_typed_is_understood() {
        for (operator, typed, texts) in [
            ("is", "/a|/b", &["/a", "/b"][..]),
            ("is", "a;b", &["a;b"]),
            ("contains", "x|y", &["x", "y"]),
            ("matches", r"^(x|y);\d\.$", &[r"^(x|y);\d\.$"]),
        ] {
            let condition = Condition::typed("event:page", operator, typed).unwrap();
            assert_eq!(condition.texts().collect::<Vec<_>>(), texts);
            assert_eq!(read(&write([&condition])).unwrap()[0].texts().collect::<Vec<_>>(), texts);
        }
        assert!(Condition::typed("event:page", "is", "").is_err());
        assert!(Condition::typed("event:page", "like", "x").is_err());
    }

    proptest! {
        #[test]
        fn a_row_is_found_whatever_its_value(value: String, other: String) {
            for property in ["visit:source", "event:page", "error:link"] {
                let property = Property::parse(property).unwrap();
                let conditions = Condition::of_row(&property, &value);
                prop_assert_eq!(&read(&write(&conditions)).unwrap(), &conditions);
            }
            let typed = Condition::typed("visit:source", "contains", &other);
            if let Ok(condition) = typed {
                prop_assert_eq!(read(&write([&condition])).unwrap(), vec![condition]);
            }
        }
    }
}
