//! What of the settings is the admin port's, and of those whom it writes to.
//!
//! Apart so that it can be left out (the feature `admin`): then `without_admin` stands in its
//! place, which refuses these settings.

mod notify;

pub(super) use notify::together;
pub use notify::{Address, Alerts, Mail, NotifySettings, Reports};

pub use crate::language::Language;

use super::error::ConfigError;
use super::settings::Settings;
use super::{Secret, values};

/// The password of the admin port, as an argon2 hash.
pub(super) fn password_hash(settings: &Settings) -> Result<Option<Secret>, ConfigError> {
    let hash = settings.get("admin_auth.password_hash").read_optional(argon2_hash)?;
    Ok(hash.map(Secret))
}

pub(super) fn language(settings: &Settings) -> Result<Language, ConfigError> {
    settings.get("language").read(|text| {
        let words = Language::ALL.map(|language| (language.as_str(), language));
        values::word(text, &words)
    })
}

fn argon2_hash(text: &str) -> Result<String, String> {
    let hash = argon2::PasswordHash::new(text).ok();
    match hash.filter(|hash| hash.hash.is_some() && hash.algorithm.as_str().starts_with("argon2")) {
        Some(_) => Ok(text.to_owned()),
        None => Err("is no argon2 hash: `headcount passwd` makes one".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes() {
        for wrong in ["", "secret", "$argon2id$v=19$m=16,t=2,p=1$c29tZXNhbHQ", "$scrypt$a$b"] {
            argon2_hash(wrong).unwrap_err();
        }
    }
}
