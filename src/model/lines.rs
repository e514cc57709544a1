//! Texts of one line each, in one piece of memory: events come by the thousand, and a string for
//! each would pay for each.

use serde::{Deserialize, Serialize};

/// Lines, oldest first. A line holds no line break, which JSON has no use for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lines {
    /// Each with a line break behind it.
    text: String,
    count: usize,
}

impl Lines {
    /// Each with a line break behind it.
    pub fn from_text(text: String) -> Self {
        let count = text.bytes().filter(|byte| *byte == b'\n').count();
        Self { text, count }
    }

    pub fn push(&mut self, line: &str) {
        debug_assert!(!line.contains('\n'), "{line:?} is more than a line");
        self.text.push_str(line);
        self.text.push('\n');
        self.count += 1;
    }

    /// A line that is written in place, after the text that is there.
    pub fn write(&mut self, line: impl FnOnce(&mut String)) {
        line(&mut self.text);
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

    /// All, a line break behind each.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn iter(&self) -> std::str::Lines<'_> {
        self.text.lines()
    }

    /// Forgets all, but not how much room they took.
    pub fn clear(&mut self) {
        self.text.clear();
        self.count = 0;
    }

    /// Forgets the oldest beyond `count`.
    pub fn keep_newest(&mut self, count: usize) {
        if let Some(excess) = self.count.checked_sub(count).filter(|excess| *excess > 0) {
            let ends = self.text.match_indices('\n').take(excess);
            self.text.drain(..ends.last().map_or(0, |(at, _)| at + 1));
            self.count = count;
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
    fn the_newest_are_kept() {
        let mut lines: Lines = ["a", "", "b c", "d"].into_iter().collect();
        lines.push("e");
        assert_eq!((lines.len(), lines.size()), (5, 11));
        lines.keep_newest(9);
        assert_eq!(lines.iter().collect::<Vec<_>>(), ["a", "", "b c", "d", "e"]);
        lines.keep_newest(3);
        assert_eq!(lines.iter().collect::<Vec<_>>(), ["b c", "d", "e"]);
        assert_eq!((lines.len(), lines.size()), (3, 8));
        lines.keep_newest(0);
        assert_eq!(lines, Lines::default());
        lines.push("f");
        lines.clear();
        assert_eq!(lines, Lines::default());
    }
}
