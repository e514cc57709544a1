//! What a visit is told apart by, in one piece of memory.
//!
//! Every hit carries a dozen traits from the thread that serves the request to the one that counts,
//! and most are looked at by nobody: the visit that runs knows its own. So they are one text that
//! is written down and handed on as it is, and taken apart only where a visit begins.

use super::rollup::{Dimension, SEPARATOR};
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::fmt;
use std::iter;
use std::sync::Arc;

/// The source of who was sent by nobody.
pub const DIRECT: &str = "Direct / None";

/// The channel of visits that an assistant sent.
pub const AI_CHANNEL: &str = "AI Assistants";

/// Device, place, source of a visit: values by their dimensions, in an order that does not matter,
/// no dimension twice.
#[derive(Clone, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Traits(Arc<str>);

impl Traits {
    /// All in one piece.
    pub fn text(&self) -> &str {
        &self.0
    }

    pub fn iter(&self) -> impl Iterator<Item = (Dimension, &str)> {
        let mut rest = &*self.0;
        let entries = iter::from_fn(move || {
            // Short ones: to look at each byte is quicker than what finds one in a long text.
            let end = rest.bytes().position(|byte| byte == SEPARATOR as u8)?;
            let entry = &rest[..end];
            rest = &rest[end + 1..];
            Some(entry)
        });
        entries.filter_map(|entry| {
            let (letter, value) = entry.split_at_checked(1)?;
            Some((dimension(letter)?, value))
        })
    }

    pub fn get(&self, dimension: Dimension) -> Option<&str> {
        self.iter().find(|(d, _)| *d == dimension).map(|(_, value)| value)
    }

    pub fn len(&self) -> usize {
        self.0.bytes().filter(|byte| *byte == SEPARATOR as u8).count()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These and one more.
    #[must_use]
    pub fn with(&self, dimension: Dimension, value: &str) -> Self {
        self.and([(dimension, value)])
    }

    /// These and others behind them.
    #[must_use]
    pub fn and<V: AsRef<str>>(&self, more: impl IntoIterator<Item = (Dimension, V)>) -> Self {
        let mut text = TEXT.take();
        text.clear();
        text.push_str(&self.0);
        for (dimension, value) in more {
            text.push(letter(dimension));
            // Values are clean when they come; whatever is not must not pass for more traits.
            text.extend(value.as_ref().split(SEPARATOR));
            text.push(SEPARATOR);
        }
        let traits = Self(text.as_str().into());
        TEXT.set(text);
        traits
    }
}

thread_local! {
    /// Each thread's own, to write a text in before its length is known.
    static TEXT: Cell<String> = const { Cell::new(String::new()) };
}

impl<V: AsRef<str>> FromIterator<(Dimension, V)> for Traits {
    fn from_iter<I: IntoIterator<Item = (Dimension, V)>>(traits: I) -> Self {
        Self::default().and(traits)
    }
}

impl<V: AsRef<str>, const N: usize> From<[(Dimension, V); N]> for Traits {
    fn from(traits: [(Dimension, V); N]) -> Self {
        traits.into_iter().collect()
    }
}

impl fmt::Debug for Traits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// The first dimension's letter; there are fewer of them than ASCII has from here on.
const FIRST: u8 = b'0';
const _: () = assert!(FIRST as usize + Dimension::ALL.len() < 0x7f);

fn letter(dimension: Dimension) -> char {
    char::from(FIRST + dimension as u8)
}

fn dimension(letter: &str) -> Option<Dimension> {
    let index = letter.bytes().next()?.checked_sub(FIRST)?;
    Dimension::ALL.get(usize::from(index)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let all: Vec<(Dimension, String)> = Dimension::ALL
            .iter()
            .map(|dimension| (*dimension, format!("0 é {}", dimension.as_str())))
            .collect();
        let traits: Traits = all.iter().map(|(d, v)| (*d, v)).collect();
        let out: Vec<(Dimension, String)> = traits.iter().map(|(d, v)| (d, v.to_owned())).collect();
        assert_eq!((out, traits.len()), (all.clone(), all.len()));
        assert_eq!(traits.get(Dimension::City), Some("0 é city"));
        assert_eq!(Traits::default().iter().next(), None);
        assert!(Traits::default().is_empty() && !traits.is_empty());
    }

    #[test]
    fn no_value_passes_for_two() {
        let smuggled = format!("Firefox{SEPARATOR}{}DE", letter(Dimension::Country));
        let traits = Traits::from([(Dimension::Browser, &*smuggled), (Dimension::Os, "")]);
        assert_eq!((traits.len(), traits.get(Dimension::Country)), (2, None));
        let more = traits.with(Dimension::Country, "FR");
        assert_eq!((more.len(), more.get(Dimension::Country)), (3, Some("FR")));
        assert_eq!(more.get(Dimension::Os), Some(""));
    }
}
