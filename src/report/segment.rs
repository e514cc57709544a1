//! Segments: filters that were given a name. A question that asks for one means its filters.

use super::scan::Expr;
use super::v2::filters;
use super::{Invalid, Property, Reason};
use crate::model::goal::Goal;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

/// How deep filters may be nested.
const DEPTH: usize = 16;

/// Segments of a site, and characters of a segment's name.
const SEGMENTS_MAX: usize = 100;
const NAME_MAX: usize = 100;

/// Bytes of a segment's filters, as JSON.
const FILTERS_MAX: usize = 4_096;

/// Filters of version 2 of the Stats API, all of which must be met, under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    pub id: u64,
    pub name: String,
    pub filters: Vec<Json>,
}

/// The segments of a site, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Segments(Vec<Segment>);

impl Segment {
    /// What it is judged by.
    ///
    /// # Errors
    /// If its filters ask for something that is not configured any more.
    pub fn properties(&self, goals: &[Goal]) -> Result<Vec<Property>, Invalid> {
        let expr = filters::read(&self.filters, goals)?;
        Ok(expr.iter().flat_map(Expr::properties).cloned().collect())
    }
}

impl Segments {
    pub fn iter(&self) -> impl Iterator<Item = &Segment> {
        self.0.iter()
    }

    /// Adds a segment, or gives the one of this name other filters.
    ///
    /// # Errors
    /// If the name or the filters cannot be kept. Whether the filters can be asked is not looked
    /// at.
    pub fn put(&mut self, name: &str, filters: Vec<Json>) -> Result<&Segment, Invalid> {
        let wrong = |why: &str| Err(Invalid::new(why));
        let name = name.trim();
        let length = name.chars().count();
        if length == 0 || length > NAME_MAX || name.chars().any(char::is_control) {
            let line = format!("a segment's name has 1 to {NAME_MAX} characters");
            return Err(Invalid::new(line).because(Reason::Length { most: NAME_MAX }));
        }
        if filters.is_empty() {
            return wrong("a segment needs filters, like [[\"is\", \"event:page\", [\"/\"]]]");
        }
        if filters.iter().any(asks_for_segment) {
            return wrong("a segment cannot be made of segments");
        }
        let bytes = filters.iter().map(|filter| filter.to_string().len()).sum::<usize>();
        if bytes > FILTERS_MAX {
            let line = format!("a segment's filters take at most {FILTERS_MAX} bytes");
            return Err(Invalid::new(line).because(Reason::Long { most: FILTERS_MAX }));
        }
        let known = self.0.iter().position(|segment| segment.name == name);
        if known.is_none() && self.0.len() == SEGMENTS_MAX {
            let line = format!("there are {SEGMENTS_MAX} segments: delete one first");
            return Err(Invalid::new(line).because(Reason::Full { most: SEGMENTS_MAX }));
        }
        let place = known.unwrap_or_else(|| {
            let id = self.0.iter().map(|segment| segment.id).max().unwrap_or_default() + 1;
            self.0.push(Segment { id, name: name.to_owned(), filters: Vec::new() });
            self.0.len() - 1
        });
        self.0[place].filters = filters;
        Ok(&self.0[place])
    }

    /// The segment of a number, as it is written.
    ///
    /// # Errors
    /// If there is none.
    pub fn get(&self, id: &str) -> Result<&Segment, Invalid> {
        self.find(&Json::from(id))
    }

    /// Takes a segment out; `None` if there is none of this number.
    pub fn remove(&mut self, id: u64) -> Option<Segment> {
        let place = self.0.iter().position(|segment| segment.id == id)?;
        Some(self.0.remove(place))
    }

    /// Puts each segment's filters where a filter asks for it, by number or by name.
    ///
    /// # Errors
    /// If there is no such segment, or it is asked for with another operator than `is` or `is_not`.
    pub fn expand(&self, filter: &Json) -> Result<Json, Invalid> {
        self.expand_within(filter, 0)
    }

    fn expand_within(&self, filter: &Json, depth: usize) -> Result<Json, Invalid> {
        let Some(parts) = filter.as_array().filter(|_| depth <= DEPTH) else {
            return Ok(filter.clone());
        };
        match parts.as_slice() {
            [Json::String(operator), Json::String(property), Json::Array(wanted)]
                if property == "segment" =>
            {
                let filters =
                    wanted.iter().map(|wanted| Ok(json!(["and", self.find(wanted)?.filters])));
                let any = json!(["or", filters.collect::<Result<Vec<_>, Invalid>>()?]);
                match operator.as_str() {
                    "is" => Ok(any),
                    "is_not" => Ok(json!(["not", any])),
                    _ => Err(Invalid::new(format!(
                        "invalid operator `{}`: segments are asked for with is or is_not",
                        operator.escape_debug()
                    ))),
                }
            }
            parts => parts.iter().map(|part| self.expand_within(part, depth + 1)).collect(),
        }
    }

    fn find(&self, wanted: &Json) -> Result<&Segment, Invalid> {
        let is_it = |segment: &&Segment| match wanted {
            Json::String(text) => segment.name == *text || segment.id.to_string() == *text,
            other => other.as_u64() == Some(segment.id),
        };
        self.0.iter().find(is_it).ok_or_else(|| {
            let text = wanted.as_str().map_or_else(|| wanted.to_string(), str::to_owned);
            let known = self.0.iter().map(|segment| &*segment.name);
            Invalid::unknown("segment", &text, known).because(Reason::NoSegment { name: text })
        })
    }
}

/// Whether a filter, or one within it, asks for a segment.
pub fn asks_for_segment(filter: &Json) -> bool {
    let Some(parts) = filter.as_array() else { return false };
    matches!(parts.as_slice(), [_, Json::String(property), ..] if property == "segment")
        || parts.iter().any(asks_for_segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn germans() -> Segments {
        let mut segments = Segments::default();
        segments.put("Germans", vec![json!(["is", "visit:country", ["DE"]])]).unwrap();
        segments
    }

    #[test]
    fn a_segment_stands_for_its_filters() {
        let mut segments = germans();
        let both = vec![json!(["is", "event:page", ["/a"]]), json!(["is", "visit:os", ["Mac"]])];
        assert_eq!(segments.put(" Fans ", both.clone()).unwrap().id, 2);
        let asked = json!(["not", ["is", "segment", [1, "Fans"]]]);
        let german = json!(["is", "visit:country", ["DE"]]);
        let expected = json!(["not", ["or", [["and", [german]], ["and", both]]]]);
        assert_eq!(segments.expand(&asked).unwrap(), expected);
        let none = json!(["is_not", "segment", ["1"]]);
        let expected = json!(["not", ["or", [["and", [german]]]]]);
        assert_eq!(segments.expand(&none).unwrap(), expected);
        let other = json!(["is", "visit:source", ["segment"]]);
        assert_eq!(segments.expand(&other).unwrap(), other);
    }

    #[test]
    fn numbers_are_not_given_twice_and_names_are_kept_once() {
        let mut segments = germans();
        let french = vec![json!(["is", "visit:country", ["FR"]])];
        assert_eq!(segments.put("French", french.clone()).unwrap().id, 2);
        assert_eq!(segments.put("Germans", french.clone()).unwrap().id, 1);
        assert_eq!(segments.iter().count(), 2);
        assert_eq!(segments.remove(1).unwrap().filters, french);
        assert_eq!(segments.remove(1), None);
        assert_eq!(segments.put("Others", french).unwrap().id, 3);
    }

    #[test]
    fn what_is_no_segment_is_named() {
        let mut segments = germans();
        let error = |filter: Json| germans().expand(&filter).unwrap_err().to_string();
        let unknown = error(json!(["and", [["is", "segment", ["German"]]]]));
        assert_eq!(unknown, "unknown segment `German`; did you mean `Germans`?");
        assert!(error(json!(["is", "segment", [7]])).contains("unknown segment `7`"));
        assert!(error(json!(["contains", "segment", [1]])).contains("is or is_not"));
        let filter = || vec![json!(["is", "event:page", ["/"]])];
        let mut put = |name: &str, filters| segments.put(name, filters).unwrap_err().to_string();
        assert!(put(" ", filter()).contains("1 to 100 characters"));
        assert!(put("a\nb", filter()).contains("1 to 100 characters"));
        assert!(put("None", Vec::new()).contains("needs filters"));
        let nested = vec![json!(["not", ["is", "segment", [1]]])];
        assert!(put("Nested", nested).contains("made of segments"));
        let long = vec![json!(["is", "event:page", ["x".repeat(5_000)]])];
        assert!(put("Long", long).contains("at most 4096 bytes"));
        for nth in 1..100 {
            segments.put(&nth.to_string(), filter()).unwrap();
        }
        assert!(segments.put("100", filter()).unwrap_err().to_string().contains("delete one"));
    }
}
