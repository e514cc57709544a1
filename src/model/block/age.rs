//! What is taken out of rows when the salt of their day is gone.
//!
//! Without the salt nobody can make a visitor's hash again, but whoever once noted hashes could
//! still look for them. So visitors and visits become random numbers, times lose their
//! milliseconds, and versions all but the first number. Who was the same within the day still is.

use super::{Block, Text};
use crate::model::rollup::Dimension;
use crate::model::visitor_hash::VisitorHash;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// The random numbers of one day. To be used for all its blocks, and not kept.
pub struct Replacements<R> {
    random: R,
    visitors: HashMap<VisitorHash, u64, RandomState>,
    visits: HashMap<u64, u64, RandomState>,
}

impl<R: FnMut() -> u64> Replacements<R> {
    /// Numbers come from `random`, which nobody must be able to predict.
    pub fn new(random: R) -> Self {
        Self { random, visitors: HashMap::default(), visits: HashMap::default() }
    }
}

impl Block {
    /// Replaces whatever recognises a visitor. Not to be done twice: see [`Block::aged`].
    pub fn age(&mut self, day: &mut Replacements<impl FnMut() -> u64>) {
        let Replacements { random, visitors, visits } = day;
        for visitor in self.visits.visitor.iter_mut().flatten() {
            *visitor = VisitorHash::from_stored(
                replacement(visitors, *visitor, &mut *random).to_le_bytes(),
            );
        }
        // 0 is no visit.
        for visit in self.visits.visit.iter_mut().filter(|visit| **visit != 0) {
            *visit = replacement(visits, *visit, &mut *random);
        }
        for at in &mut self.at {
            *at = at.saturating_sub(at.rem_euclid(1000));
        }
        self.drop_minor_versions();
        // The texts that were replaced stay behind.
        *self = Self { aged: true, ..Self::merge([std::mem::take(self)]) };
    }

    fn drop_minor_versions(&mut self) {
        let mut majors: HashMap<Text, Text, RandomState> = HashMap::default();
        let texts = &mut self.texts;
        for (dimension, column) in &mut self.visits.traits {
            if !matches!(dimension, Dimension::BrowserVersion | Dimension::OsVersion) {
                continue;
            }
            for text in column {
                *text = *majors.entry(*text).or_insert_with(|| {
                    let version = texts.get(*text as usize).map(|version| major(version));
                    let Some(major) = version.flatten().map(Arc::from) else { return *text };
                    texts.push(major);
                    (texts.len() - 1) as Text
                });
            }
        }
    }
}

/// Never 0, which is no visit.
fn replacement<K: Eq + Hash>(
    known: &mut HashMap<K, u64, RandomState>,
    key: K,
    mut random: impl FnMut() -> u64,
) -> u64 {
    *known.entry(key).or_insert_with(|| random().max(1))
}

/// The text up to its first number, `None` if that is all of it: `iOS 17` of `iOS 17.4.1`.
fn major(version: &str) -> Option<&str> {
    let number = version.find(|c: char| c.is_ascii_digit())?;
    let digits = version[number..].bytes().take_while(u8::is_ascii_digit).count();
    let (major, minor) = version.split_at(number + digits);
    minor.starts_with(['.', '_']).then_some(major)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::block::RowBuilder;
    use crate::model::row::{EventRow, Kind, RowVisit};
    use crate::model::traits::Traits;

    /// Bytes that stand nowhere by accident.
    fn key(i: u8) -> [u8; 8] {
        u64::from(i).wrapping_mul(0xa076_1d64_78bd_642f).to_le_bytes()
    }

    fn block(visits: impl IntoIterator<Item = u8>) -> Block {
        let mut rows = RowBuilder::default();
        for i in visits {
            let of = Arc::new(RowVisit {
                visitor: Some(VisitorHash::from_stored(key(i))),
                visit: u64::from_le_bytes(key(100 + i)),
                entry: "/".into(),
                traits: Traits::from([
                    (Dimension::Browser, "Safari 17.4"),
                    (Dimension::BrowserVersion, "Safari 17.4"),
                    (Dimension::OsVersion, "iOS 17.4.1"),
                ]),
            });
            for at in [-1, 1_800_000_000_999] {
                rows.push(&EventRow::new(at, Kind::View, of.clone(), "/".into()));
            }
        }
        rows.finish()
    }

    fn aged(blocks: [Block; 2]) -> [Block; 2] {
        let mut random = 0_u64;
        let mut day = Replacements::new(|| {
            random += 1;
            random.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        });
        blocks.map(|mut block| {
            block.age(&mut day);
            block
        })
    }

    #[test]
    fn nothing_of_the_old_keys_is_left() {
        let young = block(1..50);
        let old = |bytes: &[u8]| {
            let keys = (1..50).flat_map(|i| [key(i), key(100 + i)]);
            keys.filter(|key| bytes.windows(8).any(|window| window == key)).count()
        };
        assert_eq!(old(&young.encode()), 2 * 49);
        let [aged, _] = aged([young, block(1..2)]);
        assert_eq!(old(&aged.encode()), 0);
        assert_eq!(aged.visits.len(), 49);
    }

    #[test]
    fn who_was_the_same_within_the_day_still_is() {
        let [morning, evening] = aged([block(1..3), block(2..4)]);
        assert_eq!(morning.visits.visitor[1], evening.visits.visitor[0]);
        assert_eq!(morning.visits.visit[1], evening.visits.visit[0]);
        assert_eq!(Block::merge([morning, evening]).visits.len(), 3);
    }

    #[test]
    fn an_aged_block_says_so_however_it_is_packed() {
        let [one, two] = aged([block(1..3), block(2..4)]);
        let packed = |block: &Block| Block::decode(&block.encode()).unwrap();
        assert_eq!((packed(&one), packed(&block(1..3)).aged), (one.clone(), false));
        assert!(super::super::is_aged(&one.encode()));
        let both = Block::merge([one.clone(), two, Block::default()]);
        assert!(both.aged && both.split(3).iter().all(|part| part.aged));
        assert!(!Block::merge([one, block(1..3)]).aged && !Block::merge([]).aged);
    }

    #[test]
    fn times_are_whole_seconds_and_versions_whole_numbers() {
        let [aged, _] = aged([block(1..2), block(1..2)]);
        assert_eq!(aged.at, [-1000, 1_800_000_000_000]);
        let of = aged.rows().next().unwrap().of;
        assert_eq!(of.traits.get(Dimension::BrowserVersion), Some("Safari 17"));
        assert_eq!(of.traits.get(Dimension::OsVersion), Some("iOS 17"));
        // Only versions lose something; the texts that no row has any more are gone.
        assert_eq!(of.traits.get(Dimension::Browser), Some("Safari 17.4"));
        assert!(!aged.texts.iter().any(|text| &**text == "iOS 17.4.1"));
    }

    #[test]
    fn rows_without_a_visit_stay_without_one() {
        let mut rows = RowBuilder::default();
        rows.push(&EventRow::new(0, Kind::View, Arc::default(), "/".into()));
        let [aged, _] = aged([rows.finish(), block(1..2)]);
        assert_eq!(aged.rows().next().unwrap().of, Arc::default());
    }

    #[test]
    fn a_version_is_cut_after_its_first_number() {
        for (version, whole) in [
            ("Firefox 153", None),
            ("Windows", None),
            ("(other)", None),
            ("Mac OS X 10.15.7", Some("Mac OS X 10")),
            ("Node.js 18.2", Some("Node.js 18")),
            ("17_4_1", Some("17")),
            ("Ünix 3.1 α", Some("Ünix 3")),
        ] {
            assert_eq!(major(version), whole, "{version}");
        }
    }
}
