//! Goals and funnels: what a site's owner hopes that visitors do.
//!
//! Written in the settings as one line each, matched while visits happen.

use super::glob::Glob;
use super::rollup::{FILE_DOWNLOAD, OUTBOUND_LINK};
use crate::page_name;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Steps a funnel may have.
pub const STEPS_MAX: usize = 8;

/// `Signup = event Signup`, `Pricing = page /pricing*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goal {
    pub name: Arc<str>,
    pub target: Target,
    /// It was added while the program ran, and is kept in the store: no roll-up counts it, event
    /// rows tell it, also of the past.
    pub is_kept: bool,
}

/// `Checkout = page /cart > page /checkout > event Purchase`: targets reached in this order
/// within one visit, whatever happens between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Funnel {
    pub name: Arc<str>,
    pub steps: Vec<Target>,
    /// As of [`Goal`].
    pub is_kept: bool,
}

/// What is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A page whose name fits; the pattern is in the form of [`page_name`].
    Page(Glob),
    /// A custom event of this name.
    Event(String),
}

/// What a visitor has come to.
#[derive(Debug, Clone, Copy)]
pub enum Reached<'a> {
    Page(&'a str),
    /// A custom event, by its name.
    Event(&'a str),
}

impl Target {
    pub fn is(&self, what: Reached<'_>) -> bool {
        match (self, what) {
            (Self::Page(pattern), Reached::Page(page)) => pattern.matches(page),
            (Self::Event(own), Reached::Event(name)) => own == name,
            _ => false,
        }
    }
}

/// Why a line is no goal or funnel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    #[error("has no name: write NAME = page /PATH or NAME = event NAME")]
    NoName,
    #[error("`{0}`: a page's path begins with /")]
    Path(String),
    #[error("`{0}` is neither `page /PATH` nor `event NAME`")]
    Target(String),
    #[error("has {0} steps; a funnel has 2 to {most}", most = STEPS_MAX)]
    Steps(usize),
}

impl FromStr for Goal {
    type Err = Wrong;

    fn from_str(line: &str) -> Result<Self, Wrong> {
        let (name, target) = named(line)?;
        Ok(Self { name, target: target.parse()?, is_kept: false })
    }
}

impl FromStr for Funnel {
    type Err = Wrong;

    fn from_str(line: &str) -> Result<Self, Wrong> {
        let (name, steps) = named(line)?;
        let steps: Vec<Target> = steps.split('>').map(str::parse).collect::<Result<_, _>>()?;
        match steps.len() {
            2..=STEPS_MAX => Ok(Self { name, steps, is_kept: false }),
            n => Err(Wrong::Steps(n)),
        }
    }
}

impl FromStr for Target {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let what = text.trim();
        match what.split_once(' ').map(|(kind, what)| (kind, what.trim())) {
            Some(("page", path)) if path.starts_with(['/', '*']) => {
                Ok(Self::Page(Glob::new(&page_name::plain(path))))
            }
            Some(("page", _)) => Err(Wrong::Path(what.to_owned())),
            // By either name, the dashboard's or the API's.
            Some(("event", "Outbound Link: Click")) => Ok(Self::Event(OUTBOUND_LINK.into())),
            Some(("event", "File Download")) => Ok(Self::Event(FILE_DOWNLOAD.into())),
            Some(("event", name)) if !name.is_empty() => Ok(Self::Event(name.to_owned())),
            _ => Err(Wrong::Target(what.to_owned())),
        }
    }
}

/// The name in front of the `=`, and what follows.
fn named(line: &str) -> Result<(Arc<str>, &str), Wrong> {
    match line.split_once('=').map(|(name, rest)| (name.trim(), rest)) {
        Some((name, rest)) if !name.is_empty() && !name.chars().any(char::is_control) => {
            Ok((name.into(), rest))
        }
        _ => Err(Wrong::NoName),
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Page(pattern) => pattern.fmt(f),
            Self::Event(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_and_funnels_are_read() {
        let goal: Goal = "Sign up = event Signup".parse().unwrap();
        assert_eq!((&*goal.name, goal.target), ("Sign up", Target::Event("Signup".into())));
        let funnel: Funnel = "Buy = page /cart > page /pay/* > event Purchase".parse().unwrap();
        assert_eq!(funnel.steps.len(), 3);
        let coffee: Goal = "Coffee = page /café/*/..*".parse().unwrap();
        assert!(coffee.target.is(Reached::Page("/caf%C3%A9/a/..b")), "{:?}", coffee.target);
        let pay = &funnel.steps[1];
        assert!(pay.is(Reached::Page("/pay/card")) && !pay.is(Reached::Page("/pay")));
        assert!(!pay.is(Reached::Event("/pay/card")));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, why) in [
            ("event Signup", "has no name"),
            (" = event Signup", "has no name"),
            ("A = click", "neither"),
            ("A = page pricing", "begins with /"),
            ("A = event ", "neither"),
        ] {
            let error = line.parse::<Goal>().unwrap_err().to_string();
            assert!(error.contains(why), "{line}: {error}");
        }
        assert!("A = page /".parse::<Funnel>().unwrap_err().to_string().contains("1 steps"));
    }
}
