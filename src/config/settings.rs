//! Settings as typed: defaults, then the file, then variables, then flags.
//!
//! The first of two stages. It knows which keys exist and which kind of value each takes, and
//! remembers where each value was given; what a value means is the second stage's (`validate`).

use super::catalog::{KEYS, Key, Value, line_at};
use super::error::{ConfigError, Origin, did_you_mean, nearest};
use super::listed::{self, Listed, SITES};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::net::{Ipv6Addr, UdpSocket};
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

/// The prefix of every variable.
const PREFIX: &str = "HEADCOUNT_";
/// The variable that names the file; not a setting itself.
pub const FILE_VARIABLE: &str = "HEADCOUNT_CONFIG";

/// The demo's sites, as a file would list them.
const DEMO_SITES: &str = r#"
[[sites]]
name = "demo"
hosts = ["*"]

[[sites]]
name = "handbook"
hosts = ["handbook.localhost"]
timezone = "America/New_York"
goals = ["Helpful = event Helpful", "Starter made = page /starter/make"]
funnels = ["First loaf = page /start > page /starter/make > page /dough/folding > page /bake"]
"#;

/// Lists that mostly have one item, which a file may then name without brackets.
const ALONE: [&str; 2] = ["upstream", "geoip"];

type Result<T> = std::result::Result<T, ConfigError>;

/// Every key with the value that holds and where it was given.
#[derive(Debug, Clone)]
pub struct Settings {
    pub(super) keys: Vec<Typed>,
    /// `[[sites]]`; empty: the keys are of the one site there is.
    pub(super) sites: Vec<Listed>,
}

/// One setting as typed.
#[derive(Clone)]
pub(super) struct Typed {
    pub(super) key: &'static Key,
    pub(super) value: Value,
    pub(super) origin: Origin,
    /// Whose it is: `sites[2] (shop.example.org)`. `None`: all sites'.
    pub(super) of: Option<Arc<str>>,
}

impl Settings {
    /// What `conf/headcount.toml` says.
    pub fn defaults() -> Self {
        let typed = |key: &'static Key| Typed {
            key,
            value: key.default.clone(),
            origin: Origin::Default,
            of: None,
        };
        Self { keys: KEYS.iter().map(typed).collect(), sites: Vec::new() }
    }

    /// The demo's defaults: its sample traffic never lands among the counts of a real site.
    pub fn demo_defaults() -> Self {
        let mut settings = Self::defaults();
        let list = |items: &[&str]| Value::List(items.iter().map(ToString::to_string).collect());
        for (path, value) in [
            ("site", Value::Text("demo".to_owned())),
            ("store", Value::Text("sqlite:headcount-demo.db".to_owned())),
            // A newcomer need not wait.
            ("flush_interval", Value::Text("2s".to_owned())),
            ("inject", Value::Switch(true)),
            ("script.scroll", Value::Switch(true)),
            ("script.clicks", Value::Switch(true)),
            ("script.vitals", Value::Switch(true)),
            ("currency", Value::Text("EUR".to_owned())),
            (
                "goals",
                list(&[
                    "Order = event Order",
                    "Sign-up = event Sign-up",
                    "Directions = page /visit",
                ]),
            ),
            ("funnels", list(&["Ordering = page /order > page /order/pickup > event Order"])),
        ] {
            settings.set(path, value, Origin::Demo);
        }
        settings
    }

    /// With the sites of the demo: those that a file lists, the one that is named, else its own.
    pub(super) fn of_demo(&self) -> Self {
        let mut settings = self.clone();
        let is_named = ["site", "hosts"]
            .into_iter()
            .any(|path| !matches!(settings.get(path).origin, Origin::Default | Origin::Demo));
        if settings.sites.is_empty() && is_named {
            return settings;
        }
        if settings.sites.is_empty() {
            settings.sites = listed::of_text(DEMO_SITES, Origin::Demo);
        }
        // The name of the only site, where nothing else is said.
        let name = settings.keys.iter_mut().find(|typed| typed.key.path == "site");
        if let Some(name) = name.filter(|name| name.origin == Origin::Demo) {
            (name.value, name.origin) = (name.key.default.clone(), Origin::Default);
        }
        settings
    }

    /// Lays a file over what is there.
    ///
    /// # Errors
    /// If it cannot be read, is not TOML, holds an unknown key or a value of the wrong kind.
    pub fn file(&mut self, file: &Path) -> Result<()> {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file).map_err(|e| ConfigError::new(&name, e))?;
        self.toml(&name, &text)
    }

    /// Lays the text of a file over what is there; `name` is for messages.
    ///
    /// # Errors
    /// As [`Settings::file`].
    pub fn toml(&mut self, name: &str, text: &str) -> Result<()> {
        let origin = |offset| Origin::File { name: name.to_owned(), line: line_at(text, offset) };
        let document = DeTable::parse(text).map_err(|e| {
            ConfigError::new(origin(e.span().map_or(0, |span| span.start)), e.message())
        })?;
        for (key, value) in document.get_ref() {
            match value.get_ref() {
                sites if key.get_ref() == SITES => {
                    self.sites = listed::read(sites, origin(key.span().start), &origin)?;
                }
                DeValue::Table(table) if is_table(key.get_ref()) => {
                    for (inner, value) in table {
                        let path = format!("{}.{}", key.get_ref(), inner.get_ref());
                        self.toml_value(&path, value.get_ref(), origin(inner.span().start))?;
                    }
                }
                value => self.toml_value(key.get_ref(), value, origin(key.span().start))?,
            }
        }
        Ok(())
    }

    fn toml_value(&mut self, path: &str, value: &DeValue<'_>, origin: Origin) -> Result<()> {
        let Some(key) = Key::find(path) else {
            return Err(ConfigError::new(origin, unknown_key(path, value)));
        };
        match of_kind(key, value) {
            Some(value) => self.set(path, value, origin),
            None => {
                let why = format!("{path} must be {}", key.default.kind());
                return Err(ConfigError::new(origin, why));
            }
        }
        Ok(())
    }

    /// Lays the process's variables over what is there. Names without our prefix are not looked
    /// at, and neither is what an orchestrator sets by itself.
    ///
    /// # Errors
    /// If one with our prefix is unknown, or of the wrong kind.
    pub fn variables<'a>(
        &mut self,
        variables: impl IntoIterator<Item = &'a (OsString, OsString)>,
    ) -> Result<()> {
        for (name, value) in variables {
            let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
                continue;
            };
            if name == FILE_VARIABLE || is_service_link(name, value) {
                continue;
            }
            let Some(key) = KEYS.iter().find(|key| key.variable() == name) else {
                let known: Vec<String> = KEYS.iter().map(Key::variable).collect();
                let bare = known.iter().filter_map(|name| name.strip_prefix(PREFIX));
                let hint = nearest(&name[PREFIX.len()..], bare)
                    .map_or_else(String::new, |near| format!(" (did you mean {PREFIX}{near}?)"));
                return Err(ConfigError::new(name, format!("unknown variable{hint}")));
            };
            let text = value.to_str().ok_or_else(|| ConfigError::new(name, "is not UTF-8"))?;
            self.text(key, text, Origin::Variable(name.to_owned()))?;
        }
        Ok(())
    }

    /// Lays a flag over what is there.
    ///
    /// # Errors
    /// If the value is of the wrong kind.
    pub fn flag(&mut self, key: &'static Key, value: &str) -> Result<()> {
        self.text(key, value, Origin::Flag(key.flag()))
    }

    fn text(&mut self, key: &'static Key, text: &str, origin: Origin) -> Result<()> {
        match key.default.parse_like(text) {
            Some(value) => {
                self.set(&key.path, value, origin);
                Ok(())
            }
            None => Err(ConfigError::new(
                origin,
                format!("{} must be {}, not {text:?}", key.path, key.default.kind()),
            )),
        }
    }

    fn set(&mut self, path: &str, value: Value, origin: Origin) {
        for typed in self.keys.iter_mut().filter(|typed| typed.key.path == path) {
            (typed.value, typed.origin) = (value.clone(), origin.clone());
        }
    }

    /// Settles what follows from other settings, once all layers are there: with ACME, visitors are
    /// listened to where they look for a website.
    pub fn settle(&mut self) {
        if self.get("acme.email").value.is_empty() {
            return;
        }
        // Both versions of IP, unless the system has only the older one.
        let any = match UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)) {
            Ok(_) => "[::]",
            Err(_) => "0.0.0.0",
        };
        for (path, port) in [("listen", 80), ("tls.listen", 443)] {
            if self.get(path).origin == Origin::Default {
                let address = Value::Text(format!("{any}:{port}"));
                self.set(path, address, Origin::Setting("acme.email"));
            }
        }
    }

    /// Paths of the settings that have another value in `other`.
    pub fn changed(&self, other: &Self) -> Vec<&'static str> {
        let pairs = self.keys.iter().zip(&other.keys);
        pairs.filter(|(a, b)| a.value != b.value).map(|(a, _)| a.key.path.as_str()).collect()
    }

    /// Takes the values that `other` has of some settings, also of sites that both list.
    pub fn take(&mut self, other: &Self, paths: impl Fn(&str) -> bool) {
        for (own, new) in self.keys.iter_mut().zip(&other.keys) {
            if paths(&own.key.path) {
                own.clone_from(new);
            }
        }
        for own in &mut self.sites {
            if let Some(new) = other.sites.iter().find(|new| new.name() == own.name()) {
                own.take(new, &paths);
            }
        }
    }

    /// A setting by its path, which must be one of the default file's.
    pub(super) fn get(&self, path: &str) -> &Typed {
        let found = self.keys.iter().find(|typed| typed.key.path == path);
        found.unwrap_or_else(|| panic!("conf/headcount.toml has no {path}"))
    }
}

/// The settings in force as TOML, secrets hidden; what is not a default says where it came from.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = None;
        for Typed { key, value, origin, .. } in &self.keys {
            if key.table() != table {
                table = key.table();
                writeln!(f, "\n[{}]", table.unwrap_or_default())?;
            }
            let name = key.path.rsplit('.').next().unwrap_or_default();
            write!(f, "{name} = {}", key.shown(value))?;
            match origin {
                Origin::Default => writeln!(f)?,
                // A comment ends at the line's end, whatever the file is called.
                origin => writeln!(f, "  # {}", origin.to_string().escape_debug())?,
            }
        }
        self.sites.iter().try_for_each(|site| site.fmt(f))
    }
}

/// As it may be shown.
impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, origin, .. } = self;
        write!(f, "{} = {} ({origin})", key.path, key.shown(value))
    }
}

impl Typed {
    /// Reads a text.
    ///
    /// # Errors
    /// What `read` has to say, behind the key, its value and its place.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&str) -> std::result::Result<T, String>,
    ) -> Result<T> {
        let Value::Text(text) = &self.value else { self.other_kind() };
        read(text).map_err(|why| self.error(why))
    }

    /// As [`Typed::read`]; an empty text is nothing.
    pub(super) fn read_optional<T>(
        &self,
        read: impl FnOnce(&str) -> std::result::Result<T, String>,
    ) -> Result<Option<T>> {
        if self.value.is_empty() { Ok(None) } else { self.read(read).map(Some) }
    }

    /// Reads each text of a list.
    ///
    /// # Errors
    /// As [`Typed::read`].
    pub(super) fn read_each<T>(
        &self,
        read: impl Fn(&str) -> std::result::Result<T, String>,
    ) -> Result<Vec<T>> {
        let Value::List(items) = &self.value else { self.other_kind() };
        items.iter().map(|item| read(item).map_err(|why| self.error(why))).collect()
    }

    /// As [`Typed::read_each`]; what is wrong is said of the item alone.
    pub(super) fn read_each_alone<T>(
        &self,
        read: impl Fn(&str) -> std::result::Result<T, String>,
    ) -> Result<Vec<T>> {
        let Value::List(items) = &self.value else { self.other_kind() };
        let alone = |item: &String| Self { value: Value::Text(item.clone()), ..self.clone() };
        items.iter().map(|item| read(item).map_err(|why| alone(item).error(why))).collect()
    }

    /// Whether it has the value that it has where nobody says anything.
    pub(super) fn is_default(&self) -> bool {
        self.value == self.key.default
    }

    pub(super) fn on(&self) -> bool {
        let Value::Switch(on) = self.value else { self.other_kind() };
        on
    }

    /// Reads a number within bounds.
    ///
    /// # Errors
    /// If it lies outside.
    pub(super) fn number(&self, bounds: RangeInclusive<usize>) -> Result<usize> {
        let Value::Number(number) = self.value else { self.other_kind() };
        usize::try_from(number).ok().filter(|number| bounds.contains(number)).ok_or_else(|| {
            self.error(format!("must lie between {} and {}", bounds.start(), bounds.end()))
        })
    }

    /// An error about this setting.
    pub(super) fn error(&self, why: impl fmt::Display) -> ConfigError {
        let Self { key, value, origin, of } = self;
        match of {
            None => ConfigError::new(origin, format!("{} = {} {why}", key.path, key.shown(value))),
            Some(site) => {
                let (name, value) = (key.name_in_site(), key.shown(value));
                ConfigError::new(origin, format!("{site}: {name} = {value} {why}"))
            }
        }
    }

    /// No layer lets in a value of another kind than the default's.
    fn other_kind(&self) -> ! {
        panic!("conf/headcount.toml has another kind of value for {}", self.key.path)
    }
}

/// Reads a value of a file; `None` if it is of another kind than the key's.
pub(super) fn of_kind(key: &Key, value: &DeValue<'_>) -> Option<Value> {
    match Value::from_toml(value)? {
        Value::Text(text) if ALONE.contains(&key.path.as_str()) => {
            let item = Some(text).filter(|text| !text.is_empty());
            Some(Value::List(item.into_iter().collect()))
        }
        // `[]` is of every list's kind, and nothing else is of two.
        value => value.same_kind(&key.default).then_some(value),
    }
}

fn is_table(name: &str) -> bool {
    KEYS.iter().any(|key| key.table() == Some(name))
}

fn unknown_key(path: &str, value: &DeValue<'_>) -> String {
    if is_table(path) {
        return format!("{path} is a table: write [{path}]");
    }
    let tables = KEYS.iter().filter_map(Key::table);
    if matches!(value, DeValue::Table(_)) {
        return format!("unknown table [{path}]{}", did_you_mean(path, tables));
    }
    let known = KEYS.iter().map(|key| key.path.as_str()).chain([SITES]);
    format!("unknown key {path}{}", did_you_mean(path, known))
}

/// Kubernetes sets such variables in every pod beside a service called `headcount…`
/// (`HEADCOUNT_SERVICE_HOST`, `HEADCOUNT_PORT=tcp://…`, `HEADCOUNT_PORT_80_TCP_ADDR`); nobody
/// typed them.
fn is_service_link(name: &str, value: &OsStr) -> bool {
    let is_port = name.split_once("_PORT_").is_some_and(|(_, rest)| {
        rest.starts_with(|first: char| first.is_ascii_digit())
            && ["_TCP", "_UDP", "_SCTP"].iter().any(|protocol| rest.contains(protocol))
    });
    let is_url = name.ends_with("_PORT") && value.to_str().is_some_and(|v| v.contains("://"));
    name.contains("_SERVICE_HOST") || name.contains("_SERVICE_PORT") || is_port || is_url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str, value: &str) -> (OsString, OsString) {
        (name.into(), value.into())
    }

    fn file_error(text: &str) -> String {
        Settings::defaults().toml("site.toml", text).unwrap_err().to_string()
    }

    #[test]
    fn each_layer_overrules_the_one_before() {
        let mut settings = Settings::defaults();
        let value = |settings: &Settings| settings.get("site").value.to_string();
        assert_eq!(value(&settings), r#""localhost""#);
        settings.toml("f", "site = 'file'").unwrap();
        assert_eq!(value(&settings), r#""file""#);
        settings.variables(&[pair("HEADCOUNT_SITE", "variable")]).unwrap();
        assert_eq!(value(&settings), r#""variable""#);
        settings.flag(Key::find("site").unwrap(), "flag").unwrap();
        assert_eq!(value(&settings), r#""flag""#);
        assert_eq!(settings.get("listen").origin, Origin::Default);
    }

    #[test]
    fn a_file_error_names_line_and_key() {
        for (text, expected) in [
            ("\n\nlisen = 'x'", "site.toml:3: unknown key lisen (did you mean listen?)"),
            ("outbox = '1MB'", "site.toml:1: unknown key outbox (did you mean limits.outbox?)"),
            (
                "[limits]\noutbx = 1",
                "site.toml:2: unknown key limits.outbx (did you mean limits.outbox?)",
            ),
            ("[limit]\nqueue = 1", "site.toml:1: unknown table [limit] (did you mean limits?)"),
            ("[zzz]\nqueue = 1", "site.toml:1: unknown table [zzz]"),
            ("limits = 1", "site.toml:1: limits is a table: write [limits]"),
            ("[site]\nname = 'x'", "site.toml:1: site must be text in quotes"),
            ("flush_interval = 10", "site.toml:1: flush_interval must be text in quotes"),
            ("threads = 1.5", "site.toml:1: threads must be a whole number"),
            ("inject = 'yes'", "site.toml:1: inject must be true or false"),
            ("hosts = 'a'", "site.toml:1: hosts must be a list of texts in quotes"),
            ("hosts = [1]", "site.toml:1: hosts must be a list of texts in quotes"),
        ] {
            assert_eq!(file_error(text), expected);
        }
        assert!(file_error("site = 'a'\nsite = 'b'").starts_with("site.toml:2: duplicate key"));
        assert!(file_error("site = 'a'\n= 'b'").starts_with("site.toml:2: "));
    }

    #[test]
    fn variables_of_others_are_left_alone() {
        let mut settings = Settings::defaults();
        settings
            .variables(&[
                pair("PATH", "/bin"),
                pair("HEADCOUNT_CONFIG", "some.toml"),
                pair("HEADCOUNT_SERVICE_HOST", "10.0.0.1"),
                pair("HEADCOUNT_SERVICE_PORT_HTTP", "80"),
                pair("HEADCOUNT_ADMIN_PORT", "tcp://10.0.0.1:80"),
                pair("HEADCOUNT_PORT_80_TCP_ADDR", "10.0.0.1"),
            ])
            .unwrap();
        assert_eq!(settings.to_string(), Settings::defaults().to_string());
        for (name, expected) in [
            ("HEADCOUNT_PORT", "HEADCOUNT_PORT: unknown variable"),
            (
                "HEADCOUNT_LISTEM",
                "HEADCOUNT_LISTEM: unknown variable (did you mean HEADCOUNT_LISTEN?)",
            ),
        ] {
            let error = settings.variables(&[pair(name, "80")]).unwrap_err().to_string();
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn lists_in_a_variable_are_separated_by_commas() {
        let mut settings = Settings::defaults();
        settings.variables(&[pair("HEADCOUNT_HOSTS", "a.org, b.org,")]).unwrap();
        assert_eq!(settings.get("hosts").value.to_string(), r#"["a.org", "b.org"]"#);
        settings.variables(&[pair("HEADCOUNT_HOSTS", "")]).unwrap();
        assert_eq!(settings.get("hosts").value.to_string(), "[]");
    }
}
