//! Values as the Stats API names them: Plausible's names, ours where it has none.
//!
//! Stored are the names that the dashboard shows. Browsers, systems and their versions are told
//! apart by the user agent, so rows that share a name can be added up: version 155 of all browsers.

use super::{Property, countries};
use crate::model::rollup::{FILE_DOWNLOAD, OUTBOUND_LINK};

/// What Plausible shows where it knows nothing.
const NOT_SET: &str = "(not set)";

/// Stored name, and Plausible's.
const OF_SYSTEMS: [(&str, &str); 1] = [("macOS", "Mac")];
const OF_BROWSERS: [(&str, &str); 3] = [
    ("Edge", "Microsoft Edge"),
    ("DuckDuckGo", "DuckDuckGo Privacy Browser"),
    ("Chrome (in-app)", "Mobile App"),
];
const OF_EVENTS: [(&str, &str); 2] =
    [(OUTBOUND_LINK, "Outbound Link: Click"), (FILE_DOWNLOAD, "File Download")];

/// The API's name of a stored value.
pub fn name<'v>(property: &Property, value: &'v str) -> &'v str {
    naming(property)(value)
}

/// The same for many values of a property.
pub(super) fn naming(property: &Property) -> fn(&str) -> &str {
    match property.as_str() {
        "visit:os" => |value| known(&OF_SYSTEMS, value),
        "visit:browser" => |value| known(&OF_BROWSERS, value),
        "visit:device" => |value| known(&[], value),
        "event:name" => of_event,
        "visit:browser_version" | "visit:os_version" => version,
        "visit:country_name" => |value| countries::country(value).unwrap_or(value),
        "visit:region_name" => |value| countries::region(value).unwrap_or(value),
        _ => |value| value,
    }
}

fn known<'v>(names: &[(&str, &'static str)], value: &'v str) -> &'v str {
    match value {
        "(unknown)" => NOT_SET,
        _ => names.iter().find(|(stored, _)| *stored == value).map_or(value, |(_, name)| name),
    }
}

fn of_event(value: &str) -> &str {
    OF_EVENTS.iter().find(|(stored, _)| *stored == value).map_or(value, |(_, name)| name)
}

/// Stored with the name before it, `Firefox 153`; without one where none is told.
fn version(value: &str) -> &str {
    match value.rsplit_once(' ') {
        Some((_, version)) if version.starts_with(|c: char| c.is_ascii_digit()) => version,
        _ if value == crate::model::rollup::OTHER => value,
        _ => NOT_SET,
    }
}

/// Whether several stored values can have one name.
pub(super) fn are_shared(property: &Property) -> bool {
    matches!(property.as_str(), "visit:browser_version" | "visit:os_version" | "visit:region_name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_named_as_plausible_names_them() {
        for (property, stored, expected) in [
            ("visit:os", "macOS", "Mac"),
            ("visit:os", "GNU/Linux", "GNU/Linux"),
            ("visit:os", "(unknown)", "(not set)"),
            ("visit:browser", "Edge", "Microsoft Edge"),
            ("visit:browser", "Firefox", "Firefox"),
            ("visit:browser_version", "Chrome 155", "155"),
            ("visit:browser_version", "Samsung Browser 28", "28"),
            ("visit:browser_version", "Chrome", "(not set)"),
            ("visit:browser_version", "(other)", "(other)"),
            ("visit:os_version", "macOS 10.15", "10.15"),
            ("visit:os_version", "GNU/Linux", "(not set)"),
            ("visit:device", "Desktop", "Desktop"),
            ("visit:country", "DE", "DE"),
            ("visit:country_name", "DE", "Germany"),
            ("visit:country_name", "ZZ", "ZZ"),
            ("visit:region_name", "DE-BE", "Berlin"),
            ("visit:region_name", "Bavaria", "Bavaria"),
            ("visit:city_name", "Munich", "Munich"),
            ("event:name", "Outbound link", "Outbound Link: Click"),
            ("event:name", "File download", "File Download"),
            ("event:page", "macOS", "macOS"),
        ] {
            assert_eq!(name(&Property::parse(property).unwrap(), stored), expected, "{stored}");
        }
    }
}
