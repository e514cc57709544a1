//! Which settings there are: read from `conf/headcount.toml`, the single source of defaults.
//!
//! A key's place, kind, default and help all come from that one file, so that the file, the
//! variables, the flags and their help can never disagree. What a key means is not known here.

use crate::store::hide_passwords;
use once_cell::sync::Lazy;
use std::fmt;
use toml::de::{DeTable, DeValue};

/// The commented file with every default.
pub const DEFAULTS: &str = include_str!("../../conf/headcount.toml");

/// Keys that each of `[[sites]]` may set for itself; and tables all of whose keys it may.
const OF_A_SITE: [&str; 18] = [
    "site",
    "hosts",
    "upstream",
    "language",
    "timezone",
    "goals",
    "funnels",
    "currency",
    "keep_query",
    "new_visit_on_source",
    "inject",
    "inject_compressed",
    "event_apis",
    "retention_days",
    "rows_days",
    "maintenance_page",
    "canonical_host",
    "limits.request_body",
];
const TABLES_OF_A_SITE: [&str; 10] = [
    "script",
    "privacy",
    "upstream_tls",
    "balance",
    "health",
    "paths",
    "headers",
    "exclude",
    "reports",
    "alerts",
];

/// All webhooks are signed alike.
const OF_NO_SITE: &str = "alerts.secret";

/// Look like a user and a host, and are no secrets.
const MAIL_ADDRESSES: [&str; 4] = ["acme.email", "mail.from", "reports.weekly", "reports.monthly"];

/// Every key, in the order of the file.
pub static KEYS: Lazy<Vec<Key>> =
    Lazy::new(|| keys(DEFAULTS).expect("conf/headcount.toml is read by every test"));

/// A setting that exists.
#[derive(Debug)]
pub struct Key {
    /// As in the file: `flush_interval`, `limits.outbox`.
    pub path: String,
    /// The comment above it.
    pub help: String,
    pub default: Value,
}

/// A setting as typed. The kind is right; whether it makes sense is decided later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Text(String),
    Number(i64),
    Switch(bool),
    List(Vec<String>),
}

impl Key {
    pub fn find(path: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.path == path)
    }

    /// The table it stands in; `None` at the root.
    pub fn table(&self) -> Option<&str> {
        self.path.split_once('.').map(|(table, _)| table)
    }

    /// Whether each of `[[sites]]` may set it for itself.
    pub fn is_of_a_site(&self) -> bool {
        self.path != OF_NO_SITE
            && (OF_A_SITE.contains(&self.path.as_str())
                || self.table().is_some_and(|table| TABLES_OF_A_SITE.contains(&table)))
    }

    /// What it is called in `[[sites]]`.
    pub fn name_in_site(&self) -> &str {
        if self.path == "site" { "name" } else { &self.path }
    }

    /// Its flag, without the dashes: `limits-outbox`.
    pub fn flag(&self) -> String {
        self.path.replace(['.', '_'], "-")
    }

    /// Its variable: `HEADCOUNT_LIMITS_OUTBOX`.
    pub fn variable(&self) -> String {
        format!("HEADCOUNT_{}", self.path.replace('.', "_").to_uppercase())
    }

    /// A value as it may be shown: credentials are hidden, in whole or, in a URL, in part.
    pub fn shown(&self, value: &Value) -> Value {
        let hide = |text: &String| {
            let secrets = ["acme.shared_secret", "alerts.secret"];
            if self.table() == Some("admin_auth") || secrets.contains(&self.path.as_str()) {
                return "(hidden)".to_owned();
            }
            // Whoever knows a webhook's path may often write to it.
            if self.path == "alerts.to" {
                let Some((scheme, rest)) = text.split_once("://") else { return text.clone() };
                let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
                let host = rest[..end].rsplit('@').next().unwrap_or_default();
                let path = if matches!(&rest[end..], "" | "/") { "" } else { "/(hidden)" };
                return format!("{scheme}://{host}{path}");
            }
            if MAIL_ADDRESSES.contains(&self.path.as_str()) {
                return text.clone();
            }
            let text = hide_passwords(text);
            // Also of a URL that is none, because its scheme was forgotten.
            let (scheme, rest) = match text.find("://") {
                Some(end) => text.split_at(end + 3),
                None => ("", text.as_str()),
            };
            match rest.rsplit_once('@') {
                Some((_, host)) => format!("{scheme}(hidden)@{host}"),
                None => text,
            }
        };
        match value {
            Value::Text(text) if !text.is_empty() => Value::Text(hide(text)),
            Value::List(items) => Value::List(items.iter().map(hide).collect()),
            other => other.clone(),
        }
    }
}

impl Value {
    /// Reads a value of a TOML file; `None` if it is of a kind no setting has.
    pub fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        match value {
            DeValue::String(text) => Some(Self::Text(text.to_string())),
            DeValue::Integer(digits) => {
                i64::from_str_radix(digits.as_str(), digits.radix()).ok().map(Self::Number)
            }
            DeValue::Boolean(on) => Some(Self::Switch(*on)),
            DeValue::Array(items) => items
                .iter()
                .map(|item| item.get_ref().as_str().map(str::to_owned))
                .collect::<Option<_>>()
                .map(Self::List),
            DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => None,
        }
    }

    /// Reads a variable or a flag as the kind `self` is of; `None` if it is of another.
    pub fn parse_like(&self, text: &str) -> Option<Self> {
        match self {
            Self::Text(_) => Some(Self::Text(text.to_owned())),
            Self::Number(_) => text.parse().ok().map(Self::Number),
            Self::Switch(_) => text.parse().ok().map(Self::Switch),
            Self::List(_) => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Some(Self::List(items.map(str::to_owned).collect()))
            }
        }
    }

    pub fn same_kind(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    /// The kind in words, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text in quotes",
            Self::Number(_) => "a whole number",
            Self::Switch(_) => "true or false",
            Self::List(_) => "a list of texts in quotes",
        }
    }

    pub fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Number(_) | Self::Switch(_) => false,
        }
    }
}

/// As TOML writes it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.clone() {
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::Number(number) => number.fmt(f),
            Self::Switch(on) => on.fmt(f),
            Self::List(items) => {
                let items: Vec<String> = items.into_iter().map(quoted).collect();
                write!(f, "[{}]", items.join(", "))
            }
        }
    }
}

/// A text in quotes, as JSON has it: TOML reads the same, but for one character.
fn quoted(text: String) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

/// The line of a byte in a text, from 1.
pub(super) fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

/// Reads the keys of the default file; `None` if it holds a kind of value no setting has.
fn keys(file: &'static str) -> Option<Vec<Key>> {
    let lines: Vec<&str> = file.lines().collect();
    let mut found = Vec::new();
    let mut add = |path: String, name_at: usize, value: &DeValue<'_>| {
        let help = comment_above(&lines, line_at(file, name_at));
        found.push((name_at, Key { path, help, default: Value::from_toml(value)? }));
        Some(())
    };
    for (name, value) in DeTable::parse(file).ok()?.get_ref() {
        match value.get_ref() {
            DeValue::Table(table) => {
                for (inner, value) in table {
                    let path = format!("{}.{}", name.get_ref(), inner.get_ref());
                    add(path, inner.span().start, value.get_ref())?;
                }
            }
            value => add(name.get_ref().to_string(), name.span().start, value)?,
        }
    }
    found.sort_by_key(|(at, _)| *at);
    Some(found.into_iter().map(|(_, key)| key).collect())
}

/// The comment that ends right above a line (counted from 1), as one paragraph.
fn comment_above(lines: &[&str], line: usize) -> String {
    let mut comment: Vec<&str> = lines[..line - 1]
        .iter()
        .rev()
        .map_while(|line| line.strip_prefix('#'))
        .map(str::trim)
        .collect();
    comment.reverse();
    comment.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn keys_come_in_the_order_of_the_file_with_their_comments() {
        assert_eq!(KEYS[0].path, "upstream");
        assert!(KEYS[0].help.starts_with("The website behind the proxy:"), "{}", KEYS[0].help);
        assert!(KEYS[0].help.ends_with("the demo brings its own sites."), "{}", KEYS[0].help);
        let outbox = Key::find("limits.outbox").unwrap();
        assert_eq!(outbox.table(), Some("limits"));
        assert_eq!(outbox.flag(), "limits-outbox");
        assert_eq!(outbox.variable(), "HEADCOUNT_LIMITS_OUTBOX");
        assert_eq!(outbox.default, Value::Text("1GiB".into()));
    }

    #[test]
    fn every_key_says_what_it_is_for_and_has_a_flag_and_a_variable_of_its_own() {
        for key in KEYS.iter() {
            assert!(key.help.ends_with('.'), "{}: {:?}", key.path, key.help);
        }
        let flags: HashSet<String> = KEYS.iter().map(Key::flag).collect();
        let variables: HashSet<String> = KEYS.iter().map(Key::variable).collect();
        assert_eq!((flags.len(), variables.len()), (KEYS.len(), KEYS.len()));
        assert!(!flags.contains("config"), "that flag names the file");
    }

    #[test]
    fn what_a_site_may_set_is_listed_where_people_read() {
        let file = DEFAULTS.split("# A site may set: ").nth(1).unwrap();
        let file = file.split("\n\n").next().unwrap();
        let docs = include_str!("../../docs/proxy.md").split("A site may set for itself: ").nth(1);
        let docs = docs.unwrap().split("A file").next().unwrap();
        for key in KEYS.iter().filter(|key| key.is_of_a_site()) {
            let table = key.table().filter(|table| TABLES_OF_A_SITE.contains(table));
            let (in_file, in_docs) = match table {
                Some(table) => (format!("[{table}]"), format!("`[sites.{table}]`")),
                None => (key.name_in_site().to_owned(), format!("`{}`", key.name_in_site())),
            };
            // The file's example has shown the name.
            assert!(in_file == "name" || file.contains(&in_file), "{in_file}");
            assert!(docs.contains(&in_docs), "{in_docs}");
        }
    }

    #[test]
    fn credentials_are_hidden_wherever_they_stand() {
        let shown = |path, value| Key::find(path).unwrap().shown(&value).to_string();
        let text = |text: &str| Value::Text(text.into());
        assert_eq!(shown("admin_auth.password_hash", text("$argon2id$x")), r#""(hidden)""#);
        assert_eq!(shown("admin_auth.password_hash", text("")), r#""""#);
        assert_eq!(shown("admin_auth.tokens", Value::List(vec!["t".into()])), r#"["(hidden)"]"#);
        assert_eq!(shown("acme.shared_secret", text("s")), r#""(hidden)""#);
        assert_eq!(shown("acme.email", text("you@example.org")), r#""you@example.org""#);
        assert_eq!(shown("store", text("redis://u:p@ss@h/1")), r#""redis://(hidden)@h/1""#);
        let sentinels = text("redis+sentinel://u:p@h/n?sentinel_password=s@cret");
        let hidden = r#""redis+sentinel://(hidden)@h/n?sentinel_password=(hidden)""#;
        assert_eq!(shown("store", sentinels), hidden);
        assert_eq!(shown("store", text("redis:u:p@ss@h/1")), r#""(hidden)@h/1""#);
        assert_eq!(
            shown("store", text("redis+unix:///s?pass=p")),
            r#""redis+unix:///s?pass=(hidden)""#
        );
        assert_eq!(shown("upstream", text("u:p@h")), r#""(hidden)@h""#);
        assert_eq!(shown("store", text("redis://h:1/1")), r#""redis://h:1/1""#);
    }

    #[test]
    fn a_value_printed_reads_back() {
        for text in
            ["", "plain", "a \"quoted\" \\ path", "tab\tand\nnewline", "'''", "ünï", "\u{7f}\u{1}"]
        {
            for value in [Value::Text(text.into()), Value::List(vec![text.into(), text.into()])] {
                let printed = format!("key = {value}");
                let table = DeTable::parse(&printed).unwrap();
                assert_eq!(Value::from_toml(table.get_ref()["key"].get_ref()), Some(value));
            }
        }
    }
}
