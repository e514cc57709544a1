//! `[mail]`, `[reports]` and `[alerts]`: who is told what, and by which way.

use crate::config::error::ConfigError;
use crate::config::settings::Settings;
use crate::config::{Config, Secret, validate, values};
use crate::language::Language;
use lettre::message::Mailbox;
use lettre::{AsyncSmtpTransport, Tokio1Executor};
use std::fmt;
use std::str::FromStr;
use url::{Host, Url};

/// Percent; above, nothing would ever be unusual.
const PERCENT_MAX: usize = 100_000;

/// The way that mail takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// A URL as lettre reads it: `smtps://USER:PASSWORD@HOST`.
    pub server: Secret,
    pub from: Mailbox,
}

/// Whoever is told something.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    Mail(lettre::Address),
    /// A webhook.
    Hook(Url),
}

/// What is told of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotifySettings {
    pub reports: Reports,
    pub alerts: Alerts,
    /// In which it is told.
    pub language: Language,
}

/// Who gets which report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reports {
    pub weekly: Vec<Address>,
    pub monthly: Vec<Address>,
}

/// Who gets alerts, and of what. Percentages are of what is usual; 0: never.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alerts {
    pub to: Vec<Address>,
    pub spike: i64,
    pub drop: i64,
    pub robots: i64,
    /// Views below which nothing is worth a word.
    pub least: i64,
}

impl Address {
    /// What tells it from every other: of a webhook its whole URL, which no message may show.
    pub fn whole(&self) -> &str {
        match self {
            Self::Mail(address) => address.as_ref(),
            Self::Hook(url) => url.as_str(),
        }
    }
}

impl NotifySettings {
    pub(in crate::config) fn read(settings: &Settings) -> Result<Self, ConfigError> {
        let mails = |path: &str| settings.get(path).read_each(|text| values::email(text)?.parse());
        let percent = |path: &str| settings.get(path).number(0..=PERCENT_MAX).map(|n| n as i64);
        let spike = percent("alerts.spike")?;
        if (1..=100).contains(&spike) {
            return Err(settings.get("alerts.spike").error("must be above 100, or 0"));
        }
        let drop = percent("alerts.drop")?;
        if drop >= 100 {
            return Err(settings.get("alerts.drop").error("must be below 100"));
        }
        let robots = percent("alerts.robots")?;
        if (1..=100).contains(&robots) {
            return Err(settings.get("alerts.robots").error("must be above 100, or 0"));
        }
        Ok(Self {
            reports: Reports {
                weekly: mails("reports.weekly")?,
                monthly: mails("reports.monthly")?,
            },
            alerts: Alerts {
                to: settings.get("alerts.to").read_each(str::parse)?,
                spike,
                drop,
                robots,
                least: settings.get("alerts.least").number(1..=validate::MANY)? as i64,
            },
            language: super::language(settings)?,
        })
    }

    fn everybody(&self) -> impl Iterator<Item = &Address> {
        let Self { reports: Reports { weekly, monthly }, alerts, .. } = self;
        weekly.iter().chain(monthly).chain(&alerts.to)
    }

    pub fn tells_anybody(&self) -> bool {
        self.everybody().next().is_some()
    }
}

impl Mail {
    /// `None`: no mail can be sent.
    pub(in crate::config) fn read(settings: &Settings) -> Result<Option<Self>, ConfigError> {
        let (server, from) = (settings.get("mail.server"), settings.get("mail.from"));
        let Some(server) = server.read_optional(|text| {
            // It says nothing of the URL, in which a password may be.
            AsyncSmtpTransport::<Tokio1Executor>::from_url(text)
                .map(|_| Secret(text.to_owned()))
                .map_err(|e| format!("is no address of a mail server: {e}"))
        })?
        else {
            return match from.is_default() {
                true => Ok(None),
                false => Err(from.error("is of no use without mail.server")),
            };
        };
        if from.value.is_empty() {
            return Err(from.error("is missing: who mail is from, such as stats@example.org"));
        }
        let from = from.read(|text| {
            text.parse().map_err(|e| format!("is no address to send mail from: {e}"))
        })?;
        Ok(Some(Self { server, from }))
    }
}

/// What they need of each other.
pub(in crate::config) fn together(config: &Config, settings: &Settings) -> Result<(), ConfigError> {
    let all = config.sites.iter().flat_map(|site| site.notify.everybody());
    let by_mail = all.filter(|to| matches!(to, Address::Mail(_))).count() > 0;
    if by_mail && config.mail.is_none() {
        let why = "is not set: reports and alerts by mail need a server, such as smtp://localhost";
        return Err(ConfigError::new("mail.server", why));
    }
    let hooks = config
        .sites
        .iter()
        .any(|site| site.notify.alerts.to.iter().any(|to| matches!(to, Address::Hook(_))));
    if hooks && config.webhook_secret.is_none() {
        let why = "is not set: webhooks are signed with it, so that they can be told from others";
        return Err(ConfigError::new("alerts.secret", why));
    }
    let idle = config.webhook_secret.is_some() && !hooks;
    if idle {
        return Err(settings.get("alerts.secret").error("is of no use without a webhook"));
    }
    Ok(())
}

impl FromStr for Address {
    type Err = String;

    /// An address of mail, or the URL of a webhook: by HTTPS, unless it is on this machine.
    fn from_str(text: &str) -> Result<Self, String> {
        if !text.contains("://") {
            let mail = text.parse().map_err(|e| format!("is no address of mail: {e}"));
            return mail.map(Self::Mail);
        }
        let url = Url::parse(text).map_err(|e| format!("is no URL: {e}"))?;
        let is_local = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        match url.scheme() {
            "https" if url.has_host() => Ok(Self::Hook(url)),
            "http" if is_local => Ok(Self::Hook(url)),
            _ => Err("is no https:// URL".to_owned()),
        }
    }
}

/// As a message may show it: of a webhook no more than its host, for the rest may be its secret.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mail(address) => address.fmt(f),
            Self::Hook(url) => write!(f, "{}://{}", url.scheme(), url.host_str().unwrap_or("?")),
        }
    }
}
