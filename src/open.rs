//! What may change while the process runs: whom to believe, where addresses are, who may look.
//!
//! Apart from [`crate::plugin`], which builds rooms once: these are handles into rooms that are at
//! work, and a change is all of it or nothing.

use crate::admin::Auth;
use crate::capture::Senders;
use crate::config::Config;
use crate::room_settings::credentials;
use crate::tokens::Tokens;
use crate::visitor::Places;
use crate::visitor::address::Trusted;
use std::net::SocketAddr;
use std::sync::Arc;

/// What may change while it runs.
#[derive(Clone)]
pub struct Open {
    pub trusted: Trusted,
    pub places: Arc<Places>,
    pub auth: Arc<Auth>,
    /// Who may speak for visitors.
    pub senders: Senders,
    /// Where the admin port is.
    pub admin: SocketAddr,
}

impl Open {
    /// The settings that may change; a file that is named is read again as well.
    pub const KEYS: [&str; 4] =
        ["trusted_proxies", "geoip", "admin_auth.password_hash", "admin_auth.tokens"];

    /// Does as `config` says from now on. For a thread that may block.
    ///
    /// # Errors
    /// One line; then nothing has changed.
    pub fn change(&self, config: &Config) -> anyhow::Result<()> {
        // What can fail comes first: all of it or nothing.
        let places = Places::open(&config.geoip)?;
        let (password, tokens) = credentials(config);
        self.auth.replace(password, &tokens, self.admin)?;
        self.senders.replace(Tokens::new(&tokens)?);
        self.places.replace(places);
        self.trusted.replace(config.trusted_proxies.clone());
        Ok(())
    }
}
