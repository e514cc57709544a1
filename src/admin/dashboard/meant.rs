//! What is meant by the names that somebody types: pages call many values by a name in the reader's
//! language, and rows have them in the API's words.
//!
//! Typed conditions are turned into those words, so that what leads to them, links and segments, is
//! the same in every language.

use super::values::{Named, named};
use crate::language::Language;
use crate::report::{Condition, Filter, Operator, Property, api_name, conditions};
use regex::RegexBuilder;

/// Bytes that a pattern may take which is tried on names; larger ones are tried on rows only.
const PATTERN_SIZE: usize = 64 << 10;

/// What is meant by the values of a property that are typed on a page in some language.
pub(super) struct Meaning<'p> {
    say: Language,
    property: &'p Property,
    known: Named,
}

impl<'p> Meaning<'p> {
    pub fn new(say: Language, property: &'p Property) -> Self {
        Self { say, property, known: named(say, property) }
    }

    /// The condition that rows are to meet where this one was typed: by the names of the page's
    /// language, or of another, in which an address may have been made.
    pub fn of(&self, typed: Condition) -> Condition {
        match read(&self.known, &typed) {
            Reading::Named(condition) => condition,
            Reading::Stored => typed,
            Reading::Nothing => self.of_others(&typed).unwrap_or(typed),
        }
    }

    fn of_others(&self, typed: &Condition) -> Option<Condition> {
        // What is typed in part may belong to a value that has no name: other languages' names are
        // tried only where all values have one.
        let is_whole = matches!(typed.operator, Operator::Is | Operator::IsNot);
        let others = Language::ALL.into_iter().filter(|other| *other != self.say);
        let others = others.filter(|_| is_whole || self.known.are_all);
        others.map(|other| read(&named(other, self.property), typed)).find_map(|reading| {
            match reading {
                Reading::Named(condition) => Some(condition),
                Reading::Stored | Reading::Nothing => None,
            }
        })
    }

    /// How to type what finds just this value: by its name, if that does.
    pub fn as_typed(&self, value: &str, name: &str) -> String {
        let typed = Condition::exactly(self.property.clone(), name);
        let text = typed.values.concat();
        let filter = Filter::parse(&conditions::write([&self.of(typed)]));
        let is_found = filter.ok().flatten().is_some_and(|filter| filter.only() == Some(value));
        match is_found {
            true => text,
            false => Condition::exactly(self.property.clone(), value).values.concat(),
        }
    }
}

/// What names make of a condition.
enum Reading {
    /// Names are meant.
    Named(Condition),
    /// Values are typed as they are stored.
    Stored,
    Nothing,
}

fn read(known: &Named, typed: &Condition) -> Reading {
    match typed.operator {
        Operator::Is | Operator::IsNot => read_whole(known, typed),
        Operator::Contains | Operator::ContainsNot => {
            let texts: Vec<(String, String)> =
                typed.texts().map(|text| (folded(&text), text)).collect();
            // Who writes a code means it.
            let is_code = |text: &str| known.names.iter().any(|(value, _)| *value == text);
            // Where some values have no name, the text may be a part of one of them: only the
            // beginning of a name counts then.
            let has = |name: &str, part: &str| match known.are_all {
                true => name.contains(part),
                false => name.starts_with(part),
            };
            let is_named = |name: &str| {
                let name = folded(name);
                texts.iter().any(|(part, text)| {
                    // A flag alone is folded to nothing, which every name contains.
                    !part.is_empty() && !is_code(text) && has(&name, part)
                })
            };
            let is_plain = |value: &str| texts.iter().any(|(_, text)| value.contains(text));
            let is_known = |part: &str, text: &str| {
                known
                    .names
                    .iter()
                    .any(|(value, name)| has(&folded(name), part) || value.contains(text))
            };
            let unknown = texts.iter().filter(|(part, text)| !is_known(part, text));
            let unknown: Vec<&str> = unknown.map(|(_, text)| &**text).collect();
            read_parts(known, typed, (is_named, is_plain), &unknown)
        }
        Operator::Matches | Operator::MatchesNot => {
            // What is left of values that are not known would have to meet the pattern, too.
            if !known.are_all {
                return Reading::Stored;
            }
            // Hundreds of names are looked through while others wait.
            let small =
                |text: String| RegexBuilder::new(&text).size_limit(PATTERN_SIZE).build().ok();
            let Some(plain) = typed.texts().map(small).collect::<Option<Vec<_>>>() else {
                return Reading::Stored;
            };
            let fits = |text: &str| plain.iter().any(|regex| regex.is_match(text));
            read_parts(known, typed, (fits, fits), &[])
        }
    }
}

/// Each text for itself.
fn read_whole(known: &Named, typed: &Condition) -> Reading {
    let mut reading = Reading::Nothing;
    let mut values = Vec::new();
    for (pattern, text) in typed.values.iter().zip(typed.texts()) {
        let is_stored = known.names.iter().any(|(value, _)| *value == text);
        let name = folded(&text);
        let mut of_name = known.names.iter().filter(|(_, of)| folded(of) == name).peekable();
        if is_stored || of_name.peek().is_none() {
            if is_stored && matches!(reading, Reading::Nothing) {
                reading = Reading::Stored;
            }
            values.push(pattern.clone());
            continue;
        }
        reading = Reading::Named(typed.clone());
        values.extend(of_name.flat_map(|(value, _)| exactly(typed, value)));
    }
    match reading {
        Reading::Named(condition) => Reading::Named(Condition { values, ..condition }),
        reading => reading,
    }
}

/// Names that are like what was typed, and values that are, as they are stored or as the API has
/// them. `unknown`: of what was typed, what is a part of neither.
fn read_parts(
    known: &Named,
    typed: &Condition,
    (is_named, is_plain): (impl Fn(&str) -> bool, impl Fn(&str) -> bool),
    unknown: &[&str],
) -> Reading {
    let is_stored = |value: &str| is_plain(value) || is_plain(api_name(&typed.property, value));
    let all = || known.names.iter();
    if !all().any(|(value, name)| is_named(name) && !is_stored(value)) {
        let is_found = all().any(|(value, _)| is_stored(value));
        return if is_found { Reading::Stored } else { Reading::Nothing };
    }
    let meant = all().filter(|(value, name)| is_named(name) || known.are_all && is_stored(value));
    let values = meant.map(|(value, _)| *value);
    Reading::Named(match known.are_all {
        // One of those, and not what contains its word: `allowed` is a part of `disallowed`.
        true => Condition {
            operator: match typed.operator.is_negated() {
                true => Operator::IsNot,
                false => Operator::Is,
            },
            values: {
                let values = values.chain(unknown.iter().copied());
                values.flat_map(|value| exactly(typed, value)).collect()
            },
            property: typed.property.clone(),
        },
        false => {
            let values: Vec<&str> = values.collect();
            let is_part_of =
                |one: &str| all().any(|(other, _)| *other != one && other.contains(one));
            match values.iter().any(|value| is_part_of(value)) {
                true => typed.or_whole(&values),
                false => {
                    let values =
                        typed.values.iter().cloned().chain(values.into_iter().map(str::to_owned));
                    Condition { values: values.collect(), ..typed.clone() }
                }
            }
        }
    })
}

fn exactly(typed: &Condition, value: &str) -> Vec<String> {
    Condition::exactly(typed.property.clone(), value).values
}

/// Without what people leave out: capital letters, and the flag before a country's name.
fn folded(text: &str) -> String {
    let is_flag = |c: char| ('\u{1f1e6}'..='\u{1f1ff}').contains(&c);
    text.trim_start_matches(is_flag).trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{English, German, Spanish};

    /// What the filter is that somebody typed.
    fn filter(say: Language, property: &str, operator: &str, typed: &str) -> String {
        let typed = Condition::typed(property, operator, typed).unwrap();
        let property = typed.property.clone();
        conditions::write([&Meaning::new(say, &property).of(typed)])
    }

    #[test]
    fn names_of_the_page_are_understood() {
        for (say, property, typed, expected) in [
            (German, "visit:country", "Deutschland", "visit:country==DE"),
            (German, "visit:country", "🇩🇪 deutschland ", "visit:country==DE"),
            (German, "visit:country", "DE", "visit:country==DE"),
            (German, "visit:country", "Österreich|DE|Nirgendwo", "visit:country==AT|DE|Nirgendwo"),
            (German, "visit:country_name", "Deutschland", "visit:country_name==DE"),
            (Spanish, "visit:country", "Alemania", "visit:country==DE"),
            // An address that was made in another language.
            (Spanish, "visit:country", "Deutschland", "visit:country==DE"),
            (German, "visit:country", "Germany", "visit:country==DE"),
            (German, "visit:device", "Smartphone", "visit:device==Mobile"),
            (German, "visit:device", "Mobile", "visit:device==Mobile"),
            (German, "visit:device", "(unbekannt)", "visit:device==(unknown)"),
            (German, "visit:channel", "organische suche", "visit:channel==Organic Search"),
            (German, "visit:language", "Französisch", "visit:language==fr"),
            (German, "visit:language", "gsw", "visit:language==gsw"),
            (German, "visit:region", "berlin", "visit:region==DE-BE"),
            (German, "visit:screen", "Unter 576 px", "visit:screen==Below 576 px"),
            (German, "visit:evidence", "Nur Server", "visit:evidence==server only"),
            (German, "visit:cached", "selber Besucher", "visit:cached==same visitor"),
            (German, "visit:network", "Rechenzentrum", "visit:network==Data centre"),
            (German, "visit:suspected", "verhält sich wie ein Mensch", "visit:suspected==no"),
            (German, "visit:source", "Direkt / keine", "visit:source==Direct / None"),
            (German, "visit:source", "(andere)", "visit:source==(other)"),
            (German, "bot:class", "Suchmaschine", "bot:class==Search engine"),
            (German, "bot:proof", "nachweislich falsch", "bot:proof==refuted"),
            (German, "bot:robots_txt", "nicht erlaubt", "bot:robots_txt==disallowed"),
            (German, "error:referrer", "kein Verweis", "error:referrer=="),
            (German, "event:name", "Klick auf den Link einer Datei", "event:name==File download"),
            // Names that somebody gave stay as they are.
            (German, "event:name", "Suchmaschine", "event:name==Suchmaschine"),
            (German, "visit:city", "Deutschland", "visit:city==Deutschland"),
            (German, "event:page", "/Deutschland*", "event:page==/Deutschland*"),
        ] {
            assert_eq!(filter(say, property, "is", typed), expected);
            let not = expected.replace("==", "!=");
            assert_eq!(filter(say, property, "is_not", typed), not);
        }
    }

    #[test]
    fn a_part_of_a_name_finds_what_is_called_so() {
        for (say, property, typed, expected) in [
            (German, "visit:country", "Deutsch", "visit:country==DE"),
            (German, "visit:country", "eutschl|öster", "visit:country==AT|DE"),
            (English, "visit:country", "Niger", "visit:country==NE|NG"),
            (German, "visit:country", "DE", "visit:country=@DE"),
            (German, "visit:country", "Atlantis", "visit:country=@Atlantis"),
            // A flag alone names nothing.
            (German, "visit:country", "🇩🇪", "visit:country=@🇩🇪"),
            // A language that has no name here.
            (German, "visit:language", "Slowak|mk", "visit:language==sk|mk"),
            (German, "visit:language", "finnisch", "visit:language==fi"),
            (German, "visit:channel", "Bezahltes", "visit:channel==Paid Shopping|Paid Video"),
            (English, "visit:channel", "Organic", "visit:channel=@Organic"),
            (German, "visit:channel", "Organic", "visit:channel=@Organic"),
            (Spanish, "visit:channel", "Bezahltes", "visit:channel==Paid Shopping|Paid Video"),
            // What is called by its opposite's name and a word before it is another.
            (English, "bot:robots_txt", "not", "bot:robots_txt==disallowed"),
            (German, "bot:proof", "unbewiesen, aus", "bot:proof==claimed, data centre"),
            // Other values may contain it, too.
            (English, "visit:region", "Berli", "visit:region=@Berli|DE-BE"),
            // And a code may be a part of another.
            (English, "visit:region", "Bavar", "visit:region=@Bavar"),
            (English, "visit:region", "Středoč", r"visit:region=~Středoč\|^CZ\\-20$"),
            (German, "visit:source", "Direkt", "visit:source=@Direkt|Direct / None"),
            // Of another language only names as a whole.
            (English, "visit:source", "direkt", "visit:source=@direkt"),
            // No name at all is a part of all that there are.
            (English, "error:referrer", "no ref", r"error:referrer=~no ref\|^$"),
            (English, "visit:source", "none", "visit:source=@none"),
            (German, "event:page", "Deutsch", "event:page=@Deutsch"),
        ] {
            assert_eq!(filter(say, property, "contains", typed), expected);
            let not = expected.replace("==", "!=").replace("=@", "!@").replace("=~", "!~");
            assert_eq!(filter(say, property, "contains_not", typed), not);
        }
        for (property, typed, expected) in [
            ("visit:country", "^Deutsch|^AT$", "visit:country==AT|DE"),
            ("visit:country", "^(DE|AT)$", r"visit:country=~^(DE\|AT)$"),
            ("visit:country", "(", "visit:country=~("),
            ("visit:country", r"(?:\w){99}|Deutsch", r"visit:country=~(?:\\w){99}\|Deutsch"),
            ("visit:source", "^Direkt", "visit:source=~^Direkt"),
        ] {
            assert_eq!(filter(German, property, "matches", typed), expected);
        }
    }

    #[test]
    fn what_is_suggested_finds_just_that_value() {
        for (property, value, name, typed) in [
            ("visit:country", "DE", "Deutschland", "Deutschland"),
            ("event:page", "/caf%C3%A9", "/café", "/café"),
            ("event:page", "/a|b*", "/a|b*", r"/a\|b\*"),
            ("visit:referrer", "a.example/%C3%A9", "a.example/é", "a.example/%C3%A9"),
            ("visit:os", "macOS", "macOS", "macOS"),
            ("visit:region", "DE-BE", "Berlin", "Berlin"),
            ("visit:region_name", "DE-BE", "Berlin", "Berlin"),
            // There are two of this name.
            ("visit:region", "NL-LI", "Limburg", "NL-LI"),
            ("visit:browser_version", "Firefox 153", "Firefox 153", "Firefox 153"),
        ] {
            let property = Property::parse(property).unwrap();
            assert_eq!(Meaning::new(German, &property).as_typed(value, name), typed);
        }
    }
}
