//! `[[sites]]`: what each site sets for itself, as typed. What it does not, the root of the file
//! says.
//!
//! Part of the first of two stages, as [`settings`](super::settings) is.

use super::catalog::{KEYS, Key, Value};
use super::error::{ConfigError, Origin, did_you_mean};
use super::settings::{Settings, Typed, of_kind};
use std::fmt;
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

/// The list's key.
pub const SITES: &str = "sites";

/// One of `[[sites]]`.
#[derive(Debug, Clone)]
pub struct Listed {
    /// For messages: `sites[2] (shop.example.org)`.
    pub label: Arc<str>,
    /// What it sets for itself, its name (`site`) among it.
    own: Vec<Typed>,
}

impl Settings {
    /// Those of each site: what it sets for itself over what the root says.
    ///
    /// # Errors
    /// `site` or `hosts` is set at the root, beside `[[sites]]`.
    pub(super) fn of_sites(&self) -> Result<Vec<Self>, ConfigError> {
        if self.sites.is_empty() {
            return Ok(vec![self.clone()]);
        }
        for path in ["site", "hosts"] {
            let typed = self.get(path);
            if !typed.is_default() {
                let name = typed.key.name_in_site();
                return Err(typed.error(format!("stands beside [[sites]]: each has its {name}")));
            }
        }
        Ok(self.sites.iter().map(|site| self.of_site(site)).collect())
    }

    fn of_site(&self, site: &Listed) -> Self {
        let mut keys = self.keys.clone();
        for typed in keys.iter_mut().filter(|typed| typed.key.is_of_a_site()) {
            typed.of = Some(site.label.clone());
            if let Some(own) = site.own.iter().find(|own| own.key.path == typed.key.path) {
                typed.clone_from(own);
            }
        }
        Self { keys, sites: Vec::new() }
    }

    /// Beside `[[sites]]`, `site` names the one that a command is for: returns the settings without
    /// it, and what it was. Without `[[sites]]` it is the name of the only site, and stays.
    pub(super) fn asked_for_site(&self) -> (Self, Option<Typed>) {
        let mut settings = self.clone();
        let site = settings.keys.iter_mut().find(|typed| typed.key.path == "site");
        let Some(site) = site.filter(|site| !self.sites.is_empty() && !site.is_default()) else {
            return (settings, None);
        };
        let asked = site.clone();
        site.value = site.key.default.clone();
        (settings, Some(asked))
    }

    /// Whether a site is one of `[[sites]]`.
    pub(super) fn lists_sites(&self) -> bool {
        !self.sites.is_empty()
    }

    /// Paths of settings of sites that have another value in `other`, each with its site; of
    /// `None`: which sites there are.
    pub fn changed_sites(&self, other: &Self) -> Vec<(Option<Arc<str>>, &'static str)> {
        let mut changed = Vec::new();
        if !self.sites.iter().map(Listed::name).eq(other.sites.iter().map(Listed::name)) {
            changed.push((None, SITES));
        }
        let all = self.changed(other);
        for site in &self.sites {
            let Some(new) = other.sites.iter().find(|new| new.name() == site.name()) else {
                continue;
            };
            let pairs = self.of_site(site).keys.into_iter().zip(other.of_site(new).keys);
            let paths = pairs.filter(|(own, new)| own.value != new.value).map(|(own, _)| own.key);
            let paths = paths.map(|key| key.path.as_str()).filter(|path| !all.contains(path));
            changed.extend(paths.map(|path| (Some(site.label.clone()), path)));
        }
        changed
    }
}

/// Reads the list. `at`: where it begins; `origin`: the place of a byte of the file.
pub(super) fn read(
    list: &DeValue<'_>,
    at: Origin,
    origin: &dyn Fn(usize) -> Origin,
) -> Result<Vec<Listed>, ConfigError> {
    let DeValue::Array(items) = list else {
        return Err(ConfigError::new(at, "sites is a list of tables: write [[sites]]"));
    };
    let mut sites = Vec::with_capacity(items.len());
    for (place, item) in items.iter().enumerate() {
        let DeValue::Table(table) = item.get_ref() else {
            return Err(ConfigError::new(at, "sites is a list of tables: write [[sites]]"));
        };
        sites.push(Listed::read(place + 1, table, &origin(item.span().start), origin)?);
    }
    Ok(sites)
}

/// Those of a text of the program's own.
pub(super) fn of_text(text: &str, origin: Origin) -> Vec<Listed> {
    let document = DeTable::parse(text).expect("TOML");
    let list = document.get_ref().get(SITES).expect("a list of sites");
    let at = |_| origin.clone();
    read(list.get_ref(), origin.clone(), &at).expect("sites that can be")
}

impl Listed {
    fn read(
        number: usize,
        table: &DeTable<'_>,
        at: &Origin,
        origin: &dyn Fn(usize) -> Origin,
    ) -> Result<Self, ConfigError> {
        let name = table.get("name").and_then(|name| name.get_ref().as_str());
        let Some(name) = name else {
            let why = match table.contains_key("name") {
                true => "name must be text in quotes",
                false => "name is missing: each site has one of its own",
            };
            return Err(ConfigError::new(at, format!("sites[{number}]: {why}")));
        };
        let label = format!("sites[{number}] ({})", name.to_ascii_lowercase().escape_debug());
        let mut site = Self { label: label.into(), own: Vec::new() };
        for (name, value) in table {
            let at = |offset| origin(offset);
            match value.get_ref() {
                DeValue::Table(inner) if is_table(name.get_ref()) => {
                    for (key, value) in inner {
                        let path = format!("{}.{}", name.get_ref(), key.get_ref());
                        site.set(&path, value.get_ref(), at(key.span().start))?;
                    }
                }
                value => site.set(name.get_ref(), value, at(name.span().start))?,
            }
        }
        Ok(site)
    }

    /// As typed.
    pub fn name(&self) -> Option<&Value> {
        self.own.iter().find(|typed| typed.key.path == "site").map(|typed| &typed.value)
    }

    /// Takes what `other` says of some settings.
    pub fn take(&mut self, other: &Self, paths: impl Fn(&str) -> bool) {
        self.own.retain(|typed| !paths(&typed.key.path));
        self.own.extend(other.own.iter().filter(|typed| paths(&typed.key.path)).cloned());
    }

    fn set(&mut self, name: &str, value: &DeValue<'_>, origin: Origin) -> Result<(), ConfigError> {
        let wrong = |why: String| Err(ConfigError::new(&origin, format!("{}: {why}", self.label)));
        let Some(key) = own_keys().find(|key| key.name_in_site() == name) else {
            let of_all = |key: &&Key| key.path == name || key.table() == Some(name);
            if name != "site" && KEYS.iter().find(of_all).is_some() {
                return wrong(format!("{name} is of all sites: write it above [[sites]]"));
            }
            let near = match name {
                "site" => " (did you mean name?)".to_owned(),
                name => did_you_mean(name, own_keys().map(Key::name_in_site)),
            };
            return wrong(format!("unknown key {name}{near}"));
        };
        let Some(value) = of_kind(key, value) else {
            return wrong(format!("{name} must be {}", key.default.kind()));
        };
        let of = Some(self.label.clone());
        self.own.push(Typed { key, value, origin, of });
        Ok(())
    }
}

/// As it is read: name first, tables last.
impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n[[sites]]")?;
        let mut own: Vec<&Typed> = self.own.iter().collect();
        let place = |typed: &Typed| KEYS.iter().position(|key| key.path == typed.key.path);
        own.sort_by_key(|typed| {
            (typed.key.table().is_some(), typed.key.path != "site", place(typed))
        });
        let mut table = None;
        for Typed { key, value, origin, .. } in own {
            if key.table() != table {
                table = key.table();
                writeln!(f, "[sites.{}]", table.unwrap_or_default())?;
            }
            let name = key.name_in_site().rsplit('.').next().unwrap_or_default();
            let origin = origin.to_string();
            writeln!(f, "{name} = {}  # {}", key.shown(value), origin.escape_debug())?;
        }
        Ok(())
    }
}

fn own_keys() -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(|key| key.is_of_a_site())
}

fn is_table(name: &str) -> bool {
    own_keys().any(|key| key.table() == Some(name))
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    const TWO: &str = "upstream = 'http://h'\ntimezone = 'Europe/Berlin'\ngoals = ['A = event A']\n\
        [limits]\nqueue = 10\n[script]\nvitals = true\n\
        [[sites]]\nname = 'example.org'\nhosts = ['example.org', '*.Example.org']\n\
        [[sites]]\nname = 'Shop'\nupstream = 'http://shop'\ntimezone = 'Asia/Tokyo'\ngoals = []\n\
        [sites.script]\npath = '/s.js'\n[sites.upstream_tls]\nverify = false";

    fn settings(text: &str) -> Result<Settings, String> {
        let mut settings = Settings::defaults();
        settings.toml("f", text).map_err(|e| e.to_string())?;
        Ok(settings)
    }

    fn config(text: &str) -> Result<Config, String> {
        Config::for_run(&settings(text)?).map_err(|e| e.to_string())
    }

    #[test]
    fn the_root_says_what_a_site_does_not() {
        let config = config(TWO).unwrap();
        let [first, shop] = &config.sites[..] else { panic!("{:?}", config.sites) };
        assert_eq!((&*first.site.name, &*shop.site.name), ("example.org", "shop"));
        assert_eq!(first.site.hosts, ["example.org", "*.example.org"]);
        assert_eq!(first.site.timezone.name(), "Europe/Berlin");
        assert_eq!(shop.site.timezone.name(), "Asia/Tokyo");
        assert_eq!((first.site.goals.len(), shop.site.goals.len()), (1, 0));
        let upstreams = |of: &super::super::SiteConfig| of.upstreams.to_string();
        assert_eq!(
            (upstreams(first), upstreams(shop)),
            ("http://h:80".into(), "http://shop:80".into())
        );
        assert_eq!((&*first.script.path, &*shop.script.path), ("/headcount.js", "/s.js"));
        assert!(first.script.vitals && shop.script.vitals);
        assert!(first.upstreams.tls.verify && !shop.upstreams.tls.verify);
        assert_eq!(config.hosts().collect::<Vec<_>>(), ["example.org", "*.example.org"]);
        assert_eq!(config.folder(), config.data_dir.join("headcount"));
    }

    #[test]
    fn what_is_printed_means_the_same() {
        let first = settings(TWO).unwrap();
        let again = settings(&first.to_string()).unwrap();
        assert_eq!(Config::for_run(&first).unwrap(), Config::for_run(&again).unwrap());
        assert!(first.to_string().contains("\n[[sites]]\nname = \"Shop\"  # f:12\n"), "{first}");
    }

    #[test]
    fn an_error_names_the_key_and_the_site() {
        let site = |lines: &str| format!("upstream = 'http://h'\n[[sites]]\nname = 'a'\n{lines}");
        let two = |lines: &str| site(&format!("hosts = ['a.org']\n[[sites]]\nname = 'b'\n{lines}"));
        for (text, expected) in [
            (site("zone = 'UTC'"), "f:4: sites[1] (a): unknown key zone"),
            (
                site("timezon = 'UTC'"),
                "f:4: sites[1] (a): unknown key timezon (did you mean timezone?)",
            ),
            (site("site = 'b'"), "f:4: sites[1] (a): unknown key site (did you mean name?)"),
            (
                site("listen = '[::]:80'"),
                "f:4: sites[1] (a): listen is of all sites: write it above [[sites]]",
            ),
            (site("[sites.limits]\nqueue = 1"), "f:5: sites[1] (a): limits.queue is of all sites"),
            (
                site("[sites.script]\npth = '/'"),
                "f:5: sites[1] (a): unknown key script.pth (did you mean script.path?)",
            ),
            (site("inject = 'yes'"), "f:4: sites[1] (a): inject must be true or false"),
            (
                site("timezone = 'Mars'"),
                "f:4: sites[1] (a): timezone = \"Mars\" is no IANA time zone",
            ),
            (
                site("hosts = ['a.org:80']"),
                "f:4: sites[1] (a): hosts = [\"a.org:80\"] has \"a.org:80\", no host",
            ),
            (
                site("hosts = ['*.*.org']"),
                "f:4: sites[1] (a): hosts = [\"*.*.org\"] has \"*.*.org\", no host",
            ),
            (
                site("retention_days = 3"),
                "f:4: sites[1] (a): retention_days = 3 is less than a month",
            ),
            (
                two("hosts = ['b.org', 'A.org.']"),
                "f:7: sites[2] (b): hosts = [\"b.org\", \"A.org.\"] has \"a.org\", which is a host of a",
            ),
            (
                two("hosts = ['b.org', 'b.org']"),
                "f:7: sites[2] (b): hosts = [\"b.org\", \"b.org\"] has \"b.org\" twice",
            ),
            (
                two("[[sites]]\nname = 'c'"),
                "default: sites[3] (c): hosts = [] takes every host, as b does already",
            ),
            (
                two("[[sites]]\nname = 'A'\nhosts = ['c.org']"),
                "f:8: sites[3] (a): name = \"A\" is the name of two sites",
            ),
            ("[[sites]]\nname = 'a'".into(), "sites[1] (a): upstream: is not set"),
            ("[[sites]]\nhosts = ['a']".into(), "f:1: sites[1]: name is missing"),
            ("[[sites]]\nname = 1".into(), "f:1: sites[1]: name must be text in quotes"),
            ("[sites]\nname = 'a'".into(), "f:1: sites is a list of tables: write [[sites]]"),
            ("sites = ['a']".into(), "f:1: sites is a list of tables: write [[sites]]"),
            ("sitess = []".into(), "f:1: unknown key sitess (did you mean sites?)"),
            (
                "site = 'x'\n[[sites]]\nname = 'a'".into(),
                "f:1: site = \"x\" stands beside [[sites]]: each has its name",
            ),
            (
                "hosts = ['x']\n[[sites]]\nname = 'a'".into(),
                "f:1: hosts = [\"x\"] stands beside [[sites]]: each has its hosts",
            ),
        ] {
            let error = config(&text).unwrap_err();
            assert!(error.starts_with(expected), "{text}\n{error}\n{expected}");
        }
    }

    #[test]
    fn a_command_is_for_all_sites_or_for_one() {
        let named = |name: Option<&str>| {
            let mut settings = settings(TWO).unwrap();
            if let Some(name) = name {
                settings.flag(Key::find("site").unwrap(), name).unwrap();
            }
            let config = Config::for_upkeep(&settings).map_err(|e| e.to_string())?;
            Ok(config.sites.iter().map(|own| own.site.name.to_string()).collect::<Vec<_>>())
        };
        assert_eq!(named(None).unwrap(), ["example.org", "shop"]);
        assert_eq!(named(Some("SHOP")).unwrap(), ["shop"]);
        let error: String = named(Some("shp")).unwrap_err();
        assert_eq!(error, "--site: site = \"shp\" is none of [[sites]] (did you mean shop?)");
    }

    #[test]
    fn what_changed_of_which_site_is_told_and_taken() {
        let mut before = settings(TWO).unwrap();
        let after = TWO.replace("http://shop", "http://other").replace("Asia/Tokyo", "UTC");
        let after = settings(&after).unwrap();
        let shop: Arc<str> = "sites[2] (shop)".into();
        let changed = before.changed_sites(&after);
        assert_eq!(changed, [(Some(shop.clone()), "upstream"), (Some(shop.clone()), "timezone")]);
        before.take(&after, |path| path == "upstream");
        assert_eq!(before.changed_sites(&after), [(Some(shop), "timezone")]);
        let more = settings(&format!("{TWO}\n[[sites]]\nname = 'third'\nhosts = ['h']")).unwrap();
        assert_eq!(settings(TWO).unwrap().changed_sites(&more), [(None, "sites")]);
    }
}
