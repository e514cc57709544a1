//! Filters of version 2, as a tree: what rows have to be like.

use crate::model::glob::Glob;
use crate::model::goal::Goal;
use crate::report::filter::{Pattern, pattern, plain_part};
use crate::report::scan::{Expr, Wanted};
use crate::report::{Invalid, Property, Reason};
use serde_json::Value as Json;

/// How deep a filter may be nested.
const DEPTH: usize = 16;

/// What stands for a value that a visit does not have.
const UNSET: [&str; 2] = ["", "(not set)"];

/// Reads a list of filters, all of which must be met; `None` if there is none.
///
/// # Errors
/// If one is no filter, or names a goal that is not configured.
pub(in crate::report) fn read(filters: &[Json], goals: &[Goal]) -> Result<Option<Expr>, Invalid> {
    let tree = Tree { goals };
    let mut exprs: Vec<Expr> =
        filters.iter().map(|filter| tree.expr(filter, 0, false)).collect::<Result<_, _>>()?;
    Ok(match exprs.len() {
        0 => None,
        1 => exprs.pop(),
        _ => Some(Expr::All(exprs)),
    })
}

struct Tree<'g> {
    goals: &'g [Goal],
}

impl Tree<'_> {
    /// `done`: within a condition on something else that the visitor has done.
    fn expr(&self, filter: &Json, depth: usize, done: bool) -> Result<Expr, Invalid> {
        let error = |why: &str| {
            let text: String = filter.to_string().chars().take(200).collect();
            Invalid::new(format!("invalid filter `{text}`: {why}"))
        };
        let simple = || error("a filter is like [\"is\", \"event:page\", [\"/blog\"]]");
        if depth > DEPTH {
            return Err(error("it is nested too deeply"));
        }
        let inner = |filter: &Json| self.expr(filter, depth + 1, done);
        let all = |filters: &[Json]| filters.iter().map(inner).collect::<Result<Vec<_>, _>>();
        let parts = filter.as_array().ok_or_else(simple)?;
        match parts.as_slice() {
            [Json::String(word), Json::Array(filters)] if word == "and" => {
                return Ok(Expr::All(all(filters)?));
            }
            [Json::String(word), Json::Array(filters)] if word == "or" => {
                return Ok(Expr::Any(all(filters)?));
            }
            [Json::String(word), filter] if word == "not" => {
                return Ok(Expr::Not(Box::new(inner(filter)?)));
            }
            [Json::String(word), filter] if word == "has_done" || word == "has_not_done" => {
                if done {
                    return Err(error("conditions on what else was done cannot be nested"));
                }
                let has_done = |expr| Expr::HasDone(Box::new(expr));
                let has_done_it = has_done(self.expr(filter, depth + 1, true)?);
                // Of rows without a visitor nobody can tell what else was done, or not.
                let has_visitor = || has_done(Expr::All(Vec::new()));
                return Ok(match word.as_str() {
                    "has_done" => has_done_it,
                    _ => Expr::All(vec![Expr::Not(Box::new(has_done_it)), has_visitor()]),
                });
            }
            _ => {}
        }
        let (operator, property, clauses, modifiers) = match parts.as_slice() {
            [Json::String(o), Json::String(p), Json::Array(c)] => (o, p, c, None),
            [Json::String(o), Json::String(p), Json::Array(c), Json::Object(m)] => {
                (o, p, c, Some(m))
            }
            _ => return Err(simple()),
        };
        let (kind, negated) = Kind::read(operator).ok_or_else(|| {
            let known = Kind::ALL.iter().map(|(word, ..)| *word);
            Invalid::unknown("operator of a filter", operator, known.chain(MORE))
        })?;
        if property == "segment" {
            return Err(error("`segment` takes a list of segments, by number or name"));
        }
        let property = Property::parse(property)?;
        if done && property.family() != "event" {
            return Err(error("only events are done: ask for a property of events"));
        }
        let case_sensitive = match modifiers.map(|m| (m.len(), m.get("case_sensitive"))) {
            None | Some((0, _)) => true,
            Some((1, Some(Json::Bool(on)))) if matches!(kind, Kind::Is | Kind::Contains) => *on,
            _ => {
                return Err(error(
                    "`is` and `contains` take {\"case_sensitive\": false}, others nothing",
                ));
            }
        };
        let texts = clauses.iter().map(Json::as_str).collect::<Option<Vec<&str>>>();
        let texts = texts.ok_or_else(|| error("what to look for is text"))?;
        if property.is_goal() && kind == Kind::Is {
            let known = |name: &str| self.goals.iter().any(|goal| *goal.name == *name);
            if let Some(unknown) = texts.iter().find(|name| !known(name)) {
                let known = self.goals.iter().map(|goal| &*goal.name);
                let name = (*unknown).to_owned();
                let wrong = Invalid::unknown("goal", unknown, known);
                return Err(wrong.because(Reason::NoGoal { name }));
            }
        }
        let has = has(kind, property, &texts, case_sensitive)?;
        Ok(if negated { Expr::Not(Box::new(has)) } else { has })
    }
}

/// A condition on one property. Of a property of visits, one that a visit does not have can be
/// asked for as well.
fn has(
    kind: Kind,
    property: Property,
    texts: &[&str],
    case_sensitive: bool,
) -> Result<Expr, Invalid> {
    let wanted = texts.iter().map(|text| kind.wanted(text, &property, case_sensitive));
    let wanted = wanted.collect::<Result<Vec<_>, _>>()?;
    let unset = kind == Kind::Is && texts.iter().any(|text| UNSET.contains(text));
    if !unset || property.family() != "visit" {
        return Ok(Expr::Has(property, wanted));
    }
    let any = Expr::Has(property.clone(), vec![Wanted::of_glob(Glob::new("*"))]);
    Ok(Expr::Any(vec![Expr::Has(property, wanted), Expr::Not(Box::new(any))]))
}

/// How values are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Is,
    Contains,
    Matches,
    Wildcard,
}

/// Operators that hold other filters.
const MORE: [&str; 5] = ["and", "or", "not", "has_done", "has_not_done"];

impl Kind {
    const ALL: [(&str, Self, bool); 8] = [
        ("is", Self::Is, false),
        ("is_not", Self::Is, true),
        ("contains", Self::Contains, false),
        ("contains_not", Self::Contains, true),
        ("matches", Self::Matches, false),
        ("matches_not", Self::Matches, true),
        ("matches_wildcard", Self::Wildcard, false),
        ("matches_wildcard_not", Self::Wildcard, true),
    ];

    fn read(word: &str) -> Option<(Self, bool)> {
        Self::ALL
            .iter()
            .find(|(known, ..)| *known == word)
            .map(|&(_, kind, negated)| (kind, negated))
    }

    fn wanted(
        self,
        text: &str,
        property: &Property,
        case_sensitive: bool,
    ) -> Result<Wanted, Invalid> {
        match self {
            Self::Contains => Ok(Wanted::containing(&plain_part(text, property), case_sensitive)),
            Self::Matches => Wanted::matching(text, true),
            Self::Wildcard => {
                let pieces: Vec<String> =
                    text.split('*').map(|piece| plain_part(piece, property)).collect();
                Ok(Wanted::of_glob(Glob::between(pieces.iter().map(String::as_str))))
            }
            Self::Is => match pattern(text, property) {
                Pattern::Is(value) => Ok(Wanted::whole(&value, case_sensitive)),
                Pattern::Like(glob) if case_sensitive => Ok(Wanted::of_glob(glob)),
                Pattern::Like(glob) => {
                    let text = glob.to_string();
                    let pieces: Vec<String> = text.split('*').map(regex::escape).collect();
                    Wanted::matching(&format!("^(?s:{})$", pieces.join(".*")), false)
                }
            },
        }
    }
}

/// The same without conditions on goals, events and links (those within `or` and `not` stay): it
/// finds the visitors that a goal's conversions are measured against.
pub(super) fn without_actions(expr: &Expr) -> Option<Expr> {
    match expr {
        Expr::Has(property, _) if property.counts_actions() => None,
        Expr::All(exprs) => {
            let mut rest: Vec<Expr> = exprs.iter().filter_map(without_actions).collect();
            match rest.len() {
                0 | 1 => rest.pop(),
                _ => Some(Expr::All(rest)),
            }
        }
        other => Some(other.clone()),
    }
}

/// The same with one property in the place of another, but for what else visitors have done.
pub(super) fn with_other(expr: &Expr, from: &str, to: &Property) -> Expr {
    let all = |exprs: &[Expr]| exprs.iter().map(|expr| with_other(expr, from, to)).collect();
    match expr {
        Expr::All(exprs) => Expr::All(all(exprs)),
        Expr::Any(exprs) => Expr::Any(all(exprs)),
        Expr::Not(expr) => Expr::Not(Box::new(with_other(expr, from, to))),
        Expr::Has(property, wanted) if property.as_str() == from => {
            Expr::Has(to.clone(), wanted.clone())
        }
        Expr::Has(..) | Expr::HasDone(_) => expr.clone(),
    }
}
