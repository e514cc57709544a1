//! Analytics for a Pingora proxy, whole: from settings to a running [`Analytics`] handle.
//!
//! Puts the rooms behind the handle together (store, secrets, aggregators, flusher, admin port) and
//! takes them down in the right order. Our own binary uses it as any other proxy would:
//!
//! ```no_run
//! # use pingora::prelude::*;
//! # use headcount::capture::{Analytics, WithAnalytics};
//! # fn with<P: pingora::proxy::ProxyHttp + Send + Sync + 'static>(
//! #     mut server: Server,
//! #     my_proxy: P,
//! # ) -> anyhow::Result<()>
//! # where
//! #     P::CTX: Send + Sync,
//! # {
//! let counting = Analytics::builder("www.example.org").store("redis://127.0.0.1").start()?;
//! let proxy = WithAnalytics::new(my_proxy, counting.analytics());
//! let mut service = http_proxy_service(&server.configuration, proxy);
//! service.add_tcp("0.0.0.0:8080");
//! server.add_service(service);
//! server.run(pingora::server::RunArgs::default());
//! counting.stop(); // with the last flush
//! # Ok(())
//! # }
//! ```
//!
//! What is shown (the admin port, reports, alerts) can be left out, by [`Builder::without_admin`] or
//! from the program (the feature `admin`), and counts can go to a store of one's own
//! ([`Builder::own_store`]). It knows nothing of the proxy itself: peers, listeners and signals are
//! the proxy's own.

mod counting;
#[cfg_attr(not(feature = "upkeep"), path = "without_daily.rs")]
mod daily;
mod parts;
#[cfg(feature = "cli")]
mod program;
#[cfg_attr(not(feature = "admin"), path = "without_shown.rs")]
mod shown;
mod stored;

pub use counting::Counting;

use crate::capture::Analytics;
use crate::config::{Config, ConfigError, Key, Settings};
use crate::store::CountStore;
#[cfg(feature = "admin")]
use crate::store::Store;
use std::sync::Arc;
use std::time::Duration;
use stored::Stored;

impl Analytics {
    /// Starts to say what is to be counted: a site by its name, everything else as
    /// `conf/headcount.toml` has it until it is set.
    pub fn builder(site: &str) -> Builder {
        Builder::new(Settings::defaults(), None).set("site", site)
    }

    /// The same as a file of settings says it, of which this is the text: several sites are its
    /// `[[sites]]`, each with its `hosts`.
    pub fn configured(toml: &str) -> Builder {
        let mut settings = Settings::defaults();
        let wrong = settings.toml("settings", toml).err();
        Builder::new(settings, wrong)
    }
}

/// What is to be counted, where to and how.
#[must_use = "nothing is counted before `start`"]
pub struct Builder {
    settings: Settings,
    /// The first setting that was refused; `start` says so.
    wrong: Option<ConfigError>,
    /// A store of one's own.
    own: Option<Stored>,
    shows: bool,
}

impl Builder {
    fn new(settings: Settings, wrong: Option<ConfigError>) -> Self {
        Self { settings, wrong, own: None, shows: true }
    }

    /// Where counts are kept: `sqlite:FILE`, `redis://HOST` …, by the features `sqlite` and `redis`.
    pub fn store(self, url: &str) -> Self {
        self.set("store", url)
    }

    /// Keeps counts in a store of one's own, and opens no admin port: what is counted is read where
    /// it is kept. How long it stays there is the store's to decide; salts must be forgotten when
    /// [`SharedValues::put_secret`](crate::store::SharedValues::put_secret) says so.
    pub fn own_store(mut self, store: Arc<dyn CountStore>) -> Self {
        self.own = Some(Stored::own(store));
        self
    }

    /// The same for a store that can be read from: the admin port shows what it answers.
    #[cfg(feature = "admin")]
    pub fn own_store_to_show(mut self, store: Arc<dyn Store>) -> Self {
        self.own = Some(Stored::own_to_show(store));
        self
    }

    /// Opens no admin port.
    pub fn without_admin(mut self) -> Self {
        self.shows = false;
        self
    }

    /// Where the numbers are read.
    pub fn admin(self, address: &str) -> Self {
        self.set("admin", address)
    }

    /// Sets any key of `conf/headcount.toml`, written as for a flag: `("limits.outbox", "16MB")`.
    /// What is about the proxy itself (`upstream`, `listen`, `timeouts.read` …) has no effect.
    pub fn set(mut self, key: &str, value: &str) -> Self {
        let set = match Key::find(key) {
            Some(found) => self.settings.flag(found, value),
            None => Err(ConfigError::new(key, "there is no such setting")),
        };
        self.wrong = self.wrong.or(set.err());
        self
    }

    /// Opens the store and the admin port, and starts to count. For a thread that may block.
    ///
    /// # Errors
    /// One line that names what is wrong: a setting, a port in use, a database that cannot be
    /// opened. A Redis that cannot be reached is none.
    pub fn start(self) -> anyhow::Result<Counting> {
        if let Some(wrong) = self.wrong {
            return Err(wrong.into());
        }
        let config = Config::for_plugin(&self.settings)?;
        match self.own {
            Some(own) => Counting::start_with(&config, own, self.shows),
            None if self.shows => Counting::start(&config, Duration::ZERO),
            None => Counting::start_with(&config, Stored::open(&config)?, false),
        }
    }
}
