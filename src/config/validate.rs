//! From settings as typed to a [`Config`]: what each key means, and what cannot be together.
//!
//! The second of two stages, and the only way to a `Config`. It opens nothing; it only looks
//! whether named files are there, so that a wrong name is found before any port is open.

use super::acme::{self, Acme};
use super::error::{ConfigError, did_you_mean};
use super::settings::Settings;
use super::site::SiteConfig;
use super::{
    AccessLog, AccessLogFormat, AdminAuth, Config, Limits, Mail, Secret, Timeouts, Tls, admin,
    upstreams, values,
};
use crate::budget;
use crate::demo_status::DemoStatus;
use crate::model::site::Site;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Enough for any machine; above, a number is a slip of the finger.
pub(super) const MANY: usize = 1_000_000_000;
/// What a timeout may be: above, a connection would as good as never end.
pub(super) const WAIT: RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(24 * 3_600);

/// How long browsers may be told to remember something.
const YEARS: Duration = Duration::from_secs(3 * 365 * 24 * 3_600);

impl Config {
    /// For `run`: there must be a website.
    ///
    /// # Errors
    /// The first setting that won't do.
    pub fn for_run(settings: &Settings) -> Result<Self, ConfigError> {
        Self::new(settings, true)
    }

    /// For the demo, which brings its own websites: `upstream` names port 0, and the demo puts the
    /// port that it was given in its place.
    ///
    /// # Errors
    /// The first setting that won't do.
    pub fn for_demo(settings: &Settings) -> Result<Self, ConfigError> {
        let config = Self::new(&settings.of_demo(), false)?;
        Ok(Self { demo: Some(DemoStatus::new(config.sites.len())), ..config })
    }

    /// For commands that only look after the store, and need no website: of all sites, or of the
    /// one that `site` names.
    ///
    /// # Errors
    /// The first setting that won't do.
    pub fn for_upkeep(settings: &Settings) -> Result<Self, ConfigError> {
        let (settings, asked) = settings.asked_for_site();
        let mut config = Self::new(&settings, false)?;
        if let Some(asked) = asked {
            let name = asked.read(values::site_name)?;
            let names: Vec<_> = config.sites.iter().map(|site| site.site.name.clone()).collect();
            config.sites.retain(|site| *site.site.name == *name);
            if config.sites.is_empty() {
                let near = did_you_mean(&name, names.iter().map(|name| &**name));
                return Err(asked.error(format!("is none of [[sites]]{near}")));
            }
        }
        Ok(config)
    }

    /// For another proxy, which has peers and listeners of its own.
    ///
    /// # Errors
    /// The first setting that won't do.
    pub fn for_plugin(settings: &Settings) -> Result<Self, ConfigError> {
        Ok(Self { has_listeners: false, ..Self::new(settings, false)? })
    }

    /// Where the numbers are read; no other setting is looked at.
    ///
    /// # Errors
    /// If it is no address.
    pub fn admin_address(settings: &Settings) -> Result<SocketAddr, ConfigError> {
        settings.get("admin").read(values::socket)
    }

    /// `forwards`: each site has a website.
    fn new(settings: &Settings, forwards: bool) -> Result<Self, ConfigError> {
        let get = |path| settings.get(path);
        let config = Self {
            sites: SiteConfig::all(settings, forwards)?,
            lists_sites: settings.lists_sites(),
            demo: None,
            has_listeners: true,
            listen: get("listen").read(values::socket)?,
            tls: tls(settings)?,
            acme: Acme::read(settings)?,
            h2c_listen: get("h2c_listen").read_optional(values::socket)?,
            proxy_protocol: get("proxy_protocol").on(),
            admin: get("admin").read(values::socket)?,
            admin_auth: AdminAuth {
                password_hash: admin::password_hash(settings)?,
                tokens: get("admin_auth.tokens")
                    .read_each(|token| values::token(token).map(Secret))?,
            },
            mail: Mail::read(settings)?,
            webhook_secret: get("alerts.secret").read_optional(values::shared_secret)?.map(Secret),
            dashboard_url: get("mail.dashboard").read_optional(values::web_url)?,
            language: admin::language(settings)?,
            cors_origins: get("cors_origins").read_each(values::origin)?,
            store: get("store")
                .read(values::store)?
                .trusting(get("store_ca").read_optional(values::file)?),
            flush_interval: duration(
                settings,
                "flush_interval",
                Duration::from_millis(10)..=Duration::from_secs(3_600),
            )?,
            monthly_commands: get("monthly_commands").number(0..=MANY)? as u64,
            data_dir: get("data_dir").read(values::folder)?,
            trusted_proxies: get("trusted_proxies").read_each(values::network)?,
            answer_half_closed: get("answer_half_closed").on(),
            access_log: AccessLog {
                format: get("access_log").read(|text| {
                    let words = [
                        ("off", None),
                        ("combined", Some(AccessLogFormat::Combined)),
                        ("json", Some(AccessLogFormat::Json)),
                    ];
                    values::word(text, &words)
                })?,
                file: get("access_log_file").read_optional(values::new_file)?,
                addresses: get("access_log_addresses").on(),
            },
            compress: get("compress").on(),
            compress_min_size: get("compress_min_size").read(values::size)?,
            geoip: get("geoip").read_each_alone(values::file)?,
            place_headers: get("place_headers").read_each(values::header_name)?,
            crawler_ranges: get("crawler_ranges").read_optional(values::file_or_folder)?,
            reverse_dns: get("reverse_dns").read_optional(values::name_server)?,
            bot_signers: get("bot_signers").read_each(values::bot_signer)?,
            networks: get("networks").read_optional(values::file)?,
            hosting_networks: get("hosting_networks").read_each(values::as_number)?,
            shared_sessions: get("shared_sessions").on(),
            threads: match get("threads").number(0..=1_024)? {
                0 => std::thread::available_parallelism().map_or(1, usize::from),
                threads => threads,
            },
            log: get("log").read(values::log)?,
            limits: limits(settings)?,
            timeouts: timeouts(settings)?,
        };
        together(&config, settings)?;
        for (site, settings) in config.sites.iter().zip(settings.of_sites()?) {
            site_together(&config, site, &settings)?;
        }
        Ok(config)
    }
}

fn limits(settings: &Settings) -> Result<Limits, ConfigError> {
    let get = |name: &str| settings.get(&format!("limits.{name}"));
    Ok(Limits {
        // Allocated ahead, so bounded more tightly than the others.
        queue: get("queue").number(1..=1 << 24)?,
        rows_per_dimension: get("rows_per_dimension").number(1..=MANY)?,
        visitors: get("visitors").number(1..=MANY)?,
        outbox: get("outbox").read(values::size)?,
        // As many as a semaphore has, at most.
        connections: Some(get("connections").number(0..=MANY)?).filter(|most| *most > 0),
        connections_per_address: get("connections_per_address").number(0..=MANY)?,
        header_time: duration(settings, "limits.header_time", WAIT)?,
        header_size: get("header_size").read(values::size)?,
        upload_rate: get("upload_rate").read_optional(values::size)?,
        slow_readers: get("slow_readers").number(0..=MANY)?,
        requests_per_connection: Some(get("requests_per_connection").number(0..=MANY)?)
            .filter(|most| *most > 0),
        beacon_body: get("beacon_body").read(values::size)?,
        beacons_per_minute: get("beacons_per_minute").number(1..=MANY)?,
        events_cap: get("events_cap").number(0..=MANY)?,
        value_length: get("value_length").number(16..=65_536)?,
    })
}

/// `None`: visitors are not listened to by TLS.
fn tls(settings: &Settings) -> Result<Option<Tls>, ConfigError> {
    let get = |name: &str| settings.get(&format!("tls.{name}"));
    let Some(listen) = get("listen").read_optional(values::socket)? else {
        let idle =
            ["certificates", "redirect", "hsts"].into_iter().find(|name| !get(name).is_default());
        return match idle {
            Some(name) => Err(get(name).error("is of no use without tls.listen")),
            None => Ok(None),
        };
    };
    let certificates = get("certificates").read_each(values::certificate)?;
    if certificates.is_empty() && settings.get("acme.email").value.is_empty() {
        return Err(get("listen")
            .error("needs tls.certificates, such as [\"CERT.pem:KEY.pem\"], or acme.email"));
    }
    let hsts = duration(settings, "tls.hsts", Duration::ZERO..=YEARS)?;
    let hsts = Some(hsts).filter(|age| !age.is_zero());
    Ok(Some(Tls { listen, certificates, redirect: get("redirect").on(), hsts }))
}

fn timeouts(settings: &Settings) -> Result<Timeouts, ConfigError> {
    Ok(Timeouts {
        connect: duration(settings, "timeouts.connect", WAIT)?,
        read: duration(settings, "timeouts.read", WAIT)?,
        stream: duration(settings, "timeouts.stream", WAIT)?,
        write: duration(settings, "timeouts.write", WAIT)?,
        idle: duration(settings, "timeouts.idle", WAIT)?,
        shutdown: duration(settings, "timeouts.shutdown", Duration::ZERO..=*WAIT.end())?,
        drain: duration(settings, "timeouts.drain", Duration::ZERO..=*WAIT.end())?,
    })
}

pub(super) fn duration(
    settings: &Settings,
    path: &str,
    bounds: RangeInclusive<Duration>,
) -> Result<Duration, ConfigError> {
    settings.get(path).read(|text| {
        let duration = values::duration(text)?;
        if bounds.contains(&duration) {
            Ok(duration)
        } else {
            Err(format!("must lie between {:?} and {:?}", bounds.start(), bounds.end()))
        }
    })
}

/// What each setting alone cannot see.
fn together(config: &Config, settings: &Settings) -> Result<(), ConfigError> {
    let wrong = |path: &str, why: &str| Err(settings.get(path).error(why));
    if !config.admin.ip().to_canonical().is_loopback() && !config.admin_auth.is_set() {
        return wrong(
            "admin",
            "is not a loopback address, so admin_auth.password_hash or admin_auth.tokens \
             must be set (`headcount passwd` makes a hash)",
        );
    }
    let listens: Vec<_> = config.listens().filter(|(_, address)| address.port() != 0).collect();
    if listens.iter().any(|(_, address)| *address == config.admin) {
        return wrong("admin", "is also where the site listens");
    }
    for (i, (name, address)) in listens.iter().enumerate() {
        if let Some((before, _)) = listens[..i].iter().find(|(_, before)| before == address) {
            return wrong(name, &format!("is also the address of {before}"));
        }
    }
    acme::together(config, settings)?;
    if config.proxy_protocol && config.trusted_proxies.is_empty() {
        return wrong("proxy_protocol", "needs trusted_proxies: only these are believed");
    }
    if (1..budget::LEAST).contains(&config.monthly_commands) {
        return wrong(
            "monthly_commands",
            "is less than 25000, so flushes would be more than half an hour apart; 0 sets no limit",
        );
    }
    if config.place_headers.len() > 3 {
        return wrong("place_headers", "names more than a country, a region and a city");
    }
    if !config.place_headers.is_empty() && config.trusted_proxies.is_empty() {
        return wrong("place_headers", "needs trusted_proxies: anybody can send such headers");
    }
    if config.shared_sessions && !config.store.is_shared() {
        return wrong("shared_sessions", "needs a Redis store, which nodes can share");
    }
    if config.shared_sessions && config.monthly_commands > 0 {
        return wrong(
            "shared_sessions",
            "does not go with monthly_commands: nodes must deliver in time what others wait for",
        );
    }
    admin::together(config, settings)
}

/// What of a site each of its settings alone cannot see.
fn site_together(
    config: &Config,
    site: &SiteConfig,
    settings: &Settings,
) -> Result<(), ConfigError> {
    let wrong = |path: &str, why: &str| Err(settings.get(path).error(why));
    upstreams::together(config, site, settings)?;
    if (1..31).contains(&site.retention_days) {
        return wrong("retention_days", "is less than a month; 0 keeps all days");
    }
    if site.script.path == site.script.beacon_path {
        return wrong("script.beacon_path", "is also the path of the script");
    }
    let opt_out = site.privacy.opt_out_path.as_ref();
    if opt_out.is_some_and(|p| *p == site.script.path || *p == site.script.beacon_path) {
        return wrong("privacy.opt_out_path", "is also the path of the script or of its reports");
    }
    let own = [&site.script.path, &site.script.beacon_path].into_iter().chain(opt_out);
    let taken = || site.site.event_apis.iter().flat_map(|tracker| tracker.paths());
    if let Some(path) = own.into_iter().find(|own| taken().any(|path| path == own)) {
        let why = format!("has a tracker whose path, {path}, is also set for our own script");
        return wrong("event_apis", &why);
    }
    let Site { goals, funnels, .. } = &site.site;
    if let Some(twice) = first_twice(goals.iter().map(|goal| &*goal.name)) {
        return wrong("goals", &format!("has two goals called {twice}"));
    }
    if let Some(twice) = first_twice(funnels.iter().map(|funnel| &*funnel.name)) {
        return wrong("funnels", &format!("has two funnels called {twice}"));
    }
    Ok(())
}

/// The first that was there before.
fn first_twice<'a>(all: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = HashSet::new();
    all.into_iter().find(|one| !seen.insert(*one))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(toml: &str) -> Result<Config, String> {
        let mut settings = Settings::defaults();
        settings.toml("a.toml", "upstream = 'http://h'").unwrap();
        settings.toml("b.toml", toml).unwrap();
        Config::for_run(&settings).map_err(|e| e.to_string())
    }

    #[test]
    fn the_defaults_are_a_config_once_there_is_a_website() {
        let config = config("").unwrap();
        assert_eq!(config.sites[0].upstreams.to_string(), "http://h:80");
        assert_eq!(config.store.to_string(), "sqlite:headcount.db");
        assert_eq!(config.limits.outbox, 1 << 30);
        assert!(config.threads >= 1);
        let without = Config::for_run(&Settings::defaults()).unwrap_err().to_string();
        assert!(without.starts_with("upstream: is not set"), "{without}");
    }

    #[test]
    fn the_demo_counts_apart_and_needs_no_website() {
        let config = Config::for_demo(&Settings::demo_defaults()).unwrap();
        let names = |config: &Config| -> Vec<String> {
            config.sites.iter().map(|own| own.site.name.to_string()).collect()
        };
        assert_eq!(names(&config), ["demo", "handbook"]);
        assert_eq!(config.sites[0].site.goals.len(), 3);
        assert_eq!(&*config.sites[1].site.goals[0].name, "Helpful");
        assert!(config.sites.iter().all(|own| own.inject && own.script.vitals));
        assert_eq!(config.store.to_string(), "sqlite:headcount-demo.db");
        assert_eq!(config.folder(), config.data_dir.join("headcount-demo"));

        let with = |text: &str| {
            let mut settings = Settings::demo_defaults();
            settings.toml("f", text).unwrap();
            Config::for_demo(&settings).unwrap()
        };
        // Whoever names sites has these.
        assert_eq!(names(&with("site = 'shop'")), ["shop"]);
        assert_eq!(with("site = 'shop'").folder(), config.data_dir.join("headcount-shop"));
        assert_eq!(names(&with("hosts = ['shop.localhost']")), ["demo"]);
        let two = "[[sites]]\nname = 'a'\n[[sites]]\nname = 'b'\nhosts = ['b.localhost']";
        assert_eq!(names(&with(two)), ["a", "b"]);
        assert_eq!(names(&with("timezone = 'Asia/Tokyo'")), ["demo", "handbook"]);
    }

    #[test]
    fn an_admin_port_for_all_needs_credentials() {
        let open = "admin = '0.0.0.0:8090'\n";
        let error = config(open).unwrap_err();
        assert!(error.starts_with("b.toml:1: admin = \"0.0.0.0:8090\" is not a loop"), "{error}");
        config("admin = '[::]:8090'").unwrap_err();
        config(&format!("{open}admin_auth.tokens = ['0123456789abcdef']")).unwrap();
        config("admin = '127.1.2.3:1'").unwrap();
        config("admin = '[::1]:1'").unwrap();
    }

    #[test]
    fn settings_that_cannot_be_together() {
        for (toml, why) in [
            ("admin = '127.0.0.1:8080'", "is also where the site listens"),
            ("script.beacon_path = '/headcount.js'", "is also the path of the script"),
            ("privacy.opt_out_path = '/api/track'", "is also the path of the script"),
            ("place_headers = ['CF-IPCountry']", "needs trusted_proxies"),
            ("goals = ['A = event a', 'A = event b']", "two goals called A"),
            ("event_apis = ['umammi']", "did you mean umami?"),
            (
                "event_apis = ['umami']\nscript.path = '/script.js'",
                "is also set for our own script",
            ),
            ("goals = ['A = click']", "is neither `page /PATH` nor `event NAME`"),
            ("funnels = ['A = page /']", "has 1 steps"),
            ("cors_origins = ['https://example.org/']", "is no origin"),
            ("cors_origins = ['*']", "is no origin"),
            ("currency = 'euro'", "is no ISO 4217 code of a currency"),
            ("keep_query = ['a=b']", "is no parameter's name"),
            ("shared_sessions = true", "needs a Redis store"),
            (
                "shared_sessions = true\nmonthly_commands = 50000\nstore = 'redis://h'",
                "does not go",
            ),
            ("monthly_commands = 24999", "is less than 25000"),
            ("retention_days = 30", "is less than a month"),
            ("upstream = ['http://a', 'http://a:80 weight=2']", "has http://a:80 twice"),
            ("upstream = ['http://a', 'b']", "upstream = \"b\" is not a URL"),
            ("balance.method = 'random'", "must be one of round_robin"),
            ("health.path = 'health'", "is no path"),
            ("health.failures = 0", "must lie between 1 and"),
            ("maintenance_page = '/nowhere.html'", "is no file"),
            ("paths.upstreams = ['/a = http://b/c']", "has a path or a query"),
            ("paths.upstreams = ['/a = http://b', '/a = http://b:80']", "has http://b:80 twice"),
            ("paths.redirects = ['/a']", "is not written /FROM = /TO"),
            ("paths.allow = ['/a = b']", "no address or network"),
            ("paths.passwords = ['/a = /nowhere']", "has /nowhere, which is no file"),
            ("headers.response = ['Content-Length: 1']", "which the proxy itself writes"),
            ("canonical_host = 'a b'", "no host"),
            ("limits.request_body = '1'", "is no size"),
        ] {
            let error = config(toml).unwrap_err();
            assert!(error.starts_with("b.toml:1: ") && error.contains(why), "{error}");
        }
        config("shared_sessions = true\nstore = 'redis://h'").unwrap();
        config("admin = '127.0.0.1:0'\nlisten = '127.0.0.1:0'").unwrap();
    }

    #[test]
    fn numbers_and_durations_have_bounds() {
        for toml in [
            "threads = -1",
            "limits.queue = 0",
            "limits.value_length = 1",
            "limits.beacon_body = '0B'",
            "timeouts.read = '0s'",
            "flush_interval = '2h'",
        ] {
            let error = config(toml).unwrap_err();
            let key = toml.split(' ').next().unwrap();
            assert!(error.starts_with(&format!("b.toml:1: {key} = ")), "{error}");
        }
        config("timeouts.shutdown = '0s'").unwrap();
    }

    #[test]
    fn no_secret_is_printed() {
        let toml = "store = 'redis://u:hunter2@h'\nadmin_auth.tokens = ['hunter2hunter2hunter2']";
        assert!(!format!("{:?}", config(toml).unwrap()).contains("hunter2"));
        let error = config("admin_auth.tokens = ['hunter2']").unwrap_err();
        assert!(error.contains("admin_auth.tokens") && !error.contains("hunter2"), "{error}");
        for (key, value) in [
            ("store", "mysql://u:hunter2@h"),
            ("store", "redis:u:hunter2@h"),
            ("store", "redis+unix:///run/redis.sock?pass=hunter2"),
            ("store", "redis+sentinel://a/?sentinel_password=hunter2"),
            ("upstream", "http://u:hunter2@h"),
            ("upstream", "u:hunter2@h"),
            ("admin_auth.password_hash", "hunter2"),
        ] {
            let error = config(&format!("{key} = '{value}'")).unwrap_err();
            assert!(error.contains(key) && !error.contains("hunter2"), "{error}");
        }
    }

    /// As typed, valid or not, in whatever way they are printed.
    #[test]
    fn no_secret_of_settings_is_printed() {
        let toml = "store = 'redis://u:hunter2@h'\nupstream = 'http://u:hunter2@h'\n[admin_auth]\n\
                    tokens = ['hunter2hunter2hunter2']\npassword_hash = '$argon2id$hunter2'";
        let mut settings = Settings::defaults();
        settings.toml("a.toml", toml).unwrap();
        for printed in [settings.to_string(), format!("{settings:?}"), format!("{settings:#?}")] {
            assert!(printed.contains("tokens") && !printed.contains("hunter2"), "{printed}");
        }
    }
}
