//! Texts of one line each, in one piece of memory.
//!
//! Events come by the thousand and go through outbox, disk and store unread: as one text they are
//! moved, written and stored at the price of a copy, where a string for each would pay for each.

use serde::{Deserialize, Serialize};

/// Lines, oldest first. A line holds no line break, which JSON has no use for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lines {
    /// Each with a line break behind it.
    text: String,
    count: usize,
}

impl Lines {
    pub fn push(&mut self, line: &str) {
        debug_assert!(!line.contains('\n'), "{line:?} is more than a line");
        self.text.push_str(line);
        self.text.push('\n');
        self.count += 1;
    }

    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of all lines.
    pub fn size(&self) -> usize {
        self.text.len()
    }

    /// As stored: a line break behind each line.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn iter(&self) -> std::str::Lines<'_> {
        self.text.lines()
    }

    /// Adds later ones.
    pub fn append(&mut self, later: &Lines) {
        self.text.push_str(&later.text);
        self.count += later.count;
    }

    /// Takes away the first `count`, or all.
    pub fn take(&mut self, count: usize) -> Lines {
        let count = count.min(self.count);
        if count == self.count {
            return std::mem::take(self);
        }
        let end = self.text.match_indices('\n').take(count).last().map_or(0, |(at, _)| at + 1);
        let rest = Lines { text: self.text.split_off(end), count: self.count - count };
        Lines { count, ..std::mem::replace(self, rest) }
    }

    /// Forgets the oldest beyond `count`.
    pub fn keep_newest(&mut self, count: usize) {
        if self.count > count {
            self.take(self.count - count);
        }
    }
}

impl<T: AsRef<str>> FromIterator<T> for Lines {
    fn from_iter<I: IntoIterator<Item = T>>(lines: I) -> Self {
        let mut all = Self::default();
        lines.into_iter().for_each(|line| all.push(line.as_ref()));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taken_from_the_front() {
        let mut lines: Lines = ["a", "", "b c", "d"].into_iter().collect();
        let mut later = Lines::default();
        later.push("e");
        lines.append(&later);
        assert_eq!((lines.len(), lines.size()), (5, 11));
        assert_eq!(lines.take(0), Lines::default());
        assert_eq!(lines.take(2).iter().collect::<Vec<_>>(), ["a", ""]);
        lines.keep_newest(2);
        assert_eq!(lines.iter().collect::<Vec<_>>(), ["d", "e"]);
        assert_eq!(lines.take(9).len(), 2);
        assert!(lines.is_empty() && lines.size() == 0);
    }
}
