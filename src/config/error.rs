//! What is wrong with a setting, in one line: where it was given, which one it is, why it won't do
//! and what was probably meant.
//!
//! Apart because every stage of reading settings reports through it. It knows nothing of what a
//! setting means.

use std::fmt;

/// A setting that cannot be used. Always one line, never with a secret in it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl ConfigError {
    /// `place` is where the setting was given, see [`Origin`].
    pub(crate) fn new(place: impl fmt::Display, why: impl fmt::Display) -> Self {
        let line = format!("{place}: {why}");
        Self(line.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

/// Where a setting was given; later ones overrule earlier ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// `conf/headcount.toml`, as compiled in.
    Default,
    /// What the demo says differently.
    Demo,
    File {
        name: String,
        line: usize,
    },
    Variable(String),
    Flag(String),
    /// Another setting, from which it follows.
    Setting(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Demo => f.write_str("demo"),
            Self::File { name, line } => write!(f, "{name}:{line}"),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => write!(f, "--{name}"),
            Self::Setting(path) => f.write_str(path),
        }
    }
}

/// ` (did you mean …?)` if one of the candidates is near, else nothing.
pub(super) fn did_you_mean<'a>(
    wrong: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> String {
    nearest(wrong, candidates)
        .map_or_else(String::new, |candidate| format!(" (did you mean {candidate}?)"))
}

/// The candidate that was probably meant. A third of the letters wrong is a typing error; more is
/// another word.
pub(crate) fn nearest<'a>(
    wrong: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let near = (wrong.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(wrong, candidate), candidate))
        .filter(|(distance, _)| *distance <= near)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edits from one to the other. The right name in the wrong table is as near as can be.
fn distance(wrong: &str, candidate: &str) -> usize {
    fn last(path: &str) -> &str {
        path.rsplit('.').next().unwrap_or(path)
    }
    if last(wrong) == last(candidate) {
        0
    } else {
        strsim::damerau_levenshtein(&wrong.to_lowercase(), &candidate.to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_what_is_near_and_nothing_else() {
        let known = ["listen", "limits.outbox", "store"];
        assert_eq!(did_you_mean("lisen", known), " (did you mean listen?)");
        assert_eq!(did_you_mean("LISTEN", known), " (did you mean listen?)");
        assert_eq!(did_you_mean("outbox", known), " (did you mean limits.outbox?)");
        assert_eq!(did_you_mean("limits.store", known), " (did you mean store?)");
        assert_eq!(did_you_mean("database", known), "");
    }

    #[test]
    fn an_error_is_one_line() {
        let error = ConfigError::new("a.toml:1", "two\nlines");
        assert_eq!(error.to_string(), "a.toml:1: two lines");
    }
}
