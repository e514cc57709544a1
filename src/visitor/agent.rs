//! What a user agent says of itself: a browser, its system and device, or a machine.

use super::bots::{self, Bot};
use std::sync::Arc;

/// A user agent, read. Unknown parts are `(unknown)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// `Some`: not a person.
    pub bot: Option<Bot>,
    /// `Desktop`, `Mobile`, `Tablet`, `TV`, `Console`.
    pub device: Arc<str>,
    /// `Firefox`, `Chrome`, `Safari`, `Mobile Safari` …
    pub browser: Arc<str>,
    /// Browser and major version: `Firefox 153`.
    pub browser_version: Arc<str>,
    /// `Windows`, `macOS`, `iOS`, `Android`, `GNU/Linux` …
    pub os: Arc<str>,
    /// System and version: `Android 16`.
    pub os_version: Arc<str>,
}

/// Reads user agents, remembering the answers.
pub struct Agents {}

impl Agents {
    pub fn new() -> Self {
        Self {}
    }

    /// Reads a user agent. `mobile_hint` is `Sec-CH-UA-Mobile` (`?1` is true), if sent.
    pub fn read(&self, user_agent: &str, _mobile_hint: Option<bool>) -> Arc<Agent> {
        let unknown: Arc<str> = "(unknown)".into();
        Arc::new(Agent {
            bot: bots::judge(user_agent),
            device: unknown.clone(),
            browser: unknown.clone(),
            browser_version: unknown.clone(),
            os: unknown.clone(),
            os_version: unknown,
        })
    }
}
