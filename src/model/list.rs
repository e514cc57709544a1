//! Events as they gather: the newest as lines, those before them packed.

use super::events::Events;
use super::lines::Lines;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::iter;

/// Events that are packed together.
pub const PACK: usize = 1_000;

/// Events in about the order in which they came. It takes little memory, whatever their number.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct EventList {
    /// At most [`PACK`] in each.
    packed: VecDeque<Events>,
    /// Fewer than that.
    newest: Lines,
}

impl EventList {
    /// Adds an event, which is written behind the text that is there.
    pub fn write(&mut self, event: impl FnOnce(&mut String)) {
        self.newest.write(event);
        if self.newest.len() == PACK {
            self.packed.push_back(Events::from(&self.newest));
            self.newest.clear();
        }
    }

    /// Adds a later list. What is packed stays so, and goes before the newest of this one.
    pub fn append(&mut self, later: Self) {
        self.packed.extend(later.packed);
        match self.newest.is_empty() {
            true => self.newest = later.newest,
            false => later.newest.iter().for_each(|event| self.write(|out| out.push_str(event))),
        }
    }

    pub fn len(&self) -> usize {
        self.packed.iter().map(Events::len).sum::<usize>() + self.newest.len()
    }

    pub fn is_empty(&self) -> bool {
        self.packed.is_empty() && self.newest.is_empty()
    }

    /// Bytes they take.
    pub fn size(&self) -> usize {
        self.packed.iter().map(Events::size).sum::<usize>() + self.newest.size()
    }

    /// Forgets the oldest beyond `cap`.
    pub fn keep_newest(&mut self, cap: usize) {
        let mut excess = self.len().saturating_sub(cap);
        while excess > 0
            && let Some(oldest) = self.packed.pop_front()
        {
            if oldest.len() > excess {
                let mut lines = oldest.lines();
                lines.keep_newest(oldest.len() - excess);
                self.packed.push_front(Events::from(&lines));
            }
            excess = excess.saturating_sub(oldest.len());
        }
        self.newest.keep_newest(self.newest.len() - excess);
    }

    /// Lists of which this one consists.
    pub fn pieces(&self) -> impl Iterator<Item = Self> {
        let of = |events: &Events| Self { packed: [events.clone()].into(), ..Self::default() };
        let last = Self { newest: self.newest.clone(), ..Self::default() };
        self.packed.iter().map(of).chain([last])
    }

    /// All of them, at most [`PACK`] at a time.
    pub fn lines(&self) -> impl Iterator<Item = Lines> {
        self.packed.iter().map(Events::lines).chain(iter::once_with(|| self.newest.clone()))
    }

    /// All of them packed, at most [`PACK`] in each.
    pub fn into_packed(self) -> impl Iterator<Item = Events> {
        let newest = Events::from(&self.newest);
        self.packed.into_iter().chain([newest].into_iter().filter(|last| !last.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(of: std::ops::Range<usize>) -> EventList {
        let mut list = EventList::default();
        of.for_each(|i| list.write(|out| out.push_str(&i.to_string())));
        list
    }

    fn numbers(list: &EventList) -> Vec<usize> {
        list.lines()
            .flat_map(|l| l.iter().map(|n| n.parse().unwrap()).collect::<Vec<_>>())
            .collect()
    }

    #[test]
    fn nothing_is_lost_by_packing_and_adding_up() {
        let mut all = list(0..2_500);
        assert_eq!(numbers(&all), (0..2_500).collect::<Vec<_>>());
        all.append(list(2_500..4_200));
        assert_eq!(all.len(), 4_200);
        let mut sorted = numbers(&all);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..4_200).collect::<Vec<_>>());
        let pieces: Vec<usize> = all.pieces().flat_map(|piece| numbers(&piece)).collect();
        assert_eq!(pieces, numbers(&all));
        let packed: Vec<usize> = all.clone().into_packed().map(|events| events.len()).collect();
        assert_eq!(packed, [1_000, 1_000, 1_000, 1_000, 200]);
    }

    #[test]
    fn the_oldest_go_first() {
        let mut all = list(0..3_400);
        for cap in [3_400, 2_900, 1_000, 12, 0] {
            all.keep_newest(cap);
            assert_eq!(numbers(&all), (3_400 - cap..3_400).collect::<Vec<_>>());
        }
        assert!(all.is_empty());
    }
}
