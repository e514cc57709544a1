//! Blocks of event rows, rewritten: many small ones into few, and those of days that are over aged.
//!
//! A batch brings a block every few seconds, so a day has thousands. Merged they take a third of
//! the space, and are read much faster. Of a day whose salt is gone the rows are aged in the same
//! turn: see [`Block::age`]. All blocks of a day that are aged together are given the same random
//! numbers, which nobody keeps; what comes after that is given others.

use crate::model::PackedRows;
use crate::model::block::{Block, Replacements, TEXTS_MAX};
use crate::model::row::RowsOf;
use crate::model::site::Day;
use crate::store::{Result, Rewrite, Upkeep};
use serde::{Deserialize, Serialize};
use std::mem;
use std::ops::Range;
use std::sync::Arc;

/// A block with fewer rows is merged with its neighbours …
const ROWS_MIN: usize = 4_000;

/// … as long as they have no more than this.
const ROWS_MAX: usize = 16_000;

/// While a day goes on, blocks are merged when that makes so many fewer.
const WORTH: usize = 8;

/// Where a day stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Its salt lives: rows still come.
    Open,
    /// Its salt is gone.
    Over,
}

type Numbers = Replacements<fn() -> u64>;

/// Rewrites the blocks of a day, if there is anything to gain. False: the store has others by now,
/// and it is to be done again.
///
/// # Errors
/// The store's. Rows of people may then be rewritten and those of others not.
pub async fn compact(store: &dyn Upkeep, site: &Arc<str>, day: Day, phase: Phase) -> Result<bool> {
    let mut numbers =
        (phase == Phase::Over).then(|| Numbers::new(rand::random::<u64> as fn() -> u64));
    let mut all = true;
    for of in RowsOf::ALL {
        let stored = store.rows(site, day, of).await?;
        let name = site.clone();
        let rewriting = tokio::task::spawn_blocking(move || {
            let rewrite = rewrite(&stored.blocks, numbers.as_mut(), |rows| {
                tracing::error!("{name}, {day}: {rows} event rows are damaged");
            });
            (rewrite, numbers, stored.foreign)
        });
        // What an earlier release has left stands before all blocks.
        let (rewrite, foreign);
        (rewrite, numbers, foreign) = match rewriting.await {
            Ok(done) => done,
            // The panic was logged. Without the numbers no other list of the day can be aged.
            Err(_) => return Ok(false),
        };
        if let Some(mut rewrite) = rewrite {
            rewrite.from += foreign;
            all &= store.replace_rows(site, day, of, &rewrite).await?;
        }
    }
    if all && phase == Phase::Over {
        store.forget_hashes(site, day).await?;
    }
    Ok(all)
}

/// What is to be rewritten of a list, if anything. With `numbers` rows are aged. A block that
/// is damaged stays where it is, and is told of with the number of its rows.
fn rewrite(
    blocks: &[PackedRows],
    mut numbers: Option<&mut Numbers>,
    damaged: impl Fn(usize),
) -> Option<Rewrite> {
    let groups = groups(blocks);
    let over = numbers.is_some();
    let worth = blocks.len() - groups.len() >= if over { 1 } else { WORTH };
    let due = |group: &Range<usize>| {
        worth && group.len() > 1 || over && !blocks[group.clone()].iter().all(PackedRows::is_aged)
    };
    let (first, last) = (groups.iter().position(due)?, groups.iter().rposition(due)?);
    let old = groups[first].start..groups[last].end;
    let mut new = Vec::new();
    for group in groups[first..=last].iter().cloned() {
        if due(&group) {
            rewritten(&blocks[group], numbers.as_deref_mut(), &damaged, &mut new);
        } else {
            new.extend_from_slice(&blocks[group]);
        }
    }
    let (from, old) = (old.start, &blocks[old]);
    (old != new).then(|| Rewrite { from, old: old.to_vec(), new })
}

/// Blocks that belong in one, in their order.
fn groups(blocks: &[PackedRows]) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    let mut rows = usize::MAX;
    for (place, block) in blocks.iter().enumerate() {
        let small = block.len() < ROWS_MIN;
        match groups.last_mut() {
            Some(last) if small && rows.saturating_add(block.len()) <= ROWS_MAX => {
                (last.end, rows) = (place + 1, rows + block.len());
            }
            _ => {
                groups.push(place..place + 1);
                // A large one stays alone.
                rows = if small { block.len() } else { usize::MAX };
            }
        }
    }
    groups
}

fn rewritten(
    group: &[PackedRows],
    mut numbers: Option<&mut Numbers>,
    damaged: impl Fn(usize),
    new: &mut Vec<PackedRows>,
) {
    let mut run = Vec::with_capacity(group.len());
    for packed in group {
        match packed.block() {
            Ok(mut block) => {
                if let Some(numbers) = numbers.as_deref_mut().filter(|_| !block.aged) {
                    block.age(numbers);
                }
                run.push(block);
            }
            Err(_) => {
                damaged(packed.len());
                merged(&mem::take(&mut run), new);
                new.push(packed.clone());
            }
        }
    }
    merged(&run, new);
}

/// One block, or several where one would not have room for all of their texts.
fn merged(blocks: &[Block], new: &mut Vec<PackedRows>) {
    match blocks {
        [] => {}
        [block] => new.push(block.into()),
        _ => {
            let block = Block::merge(blocks.iter().cloned());
            if block.texts.len() < TEXTS_MAX {
                return new.push((&block).into());
            }
            let (left, right) = blocks.split_at(blocks.len() / 2);
            merged(left, new);
            merged(right, new);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::block::RowBuilder;
    use crate::model::row::{EventRow, Kind};

    /// Blocks of so many rows, each with a page of its own.
    fn blocks(sizes: impl IntoIterator<Item = usize>) -> Vec<PackedRows> {
        let mut next = 0;
        let block = |size| {
            let mut rows = RowBuilder::default();
            for _ in 0..size {
                let page = format!("/{next}").into();
                rows.push(&EventRow::new(next, Kind::View, Arc::default(), page));
                next += 1;
            }
            PackedRows::from(&rows.finish())
        };
        sizes.into_iter().map(block).collect()
    }

    fn pages(blocks: &[PackedRows]) -> Vec<String> {
        let rows = |packed: &PackedRows| packed.block().unwrap().rows().collect::<Vec<_>>();
        blocks.iter().flat_map(rows).map(|row| row.page.to_string()).collect()
    }

    fn rewrite_in(blocks: &[PackedRows], phase: Phase) -> Option<Rewrite> {
        let mut numbers =
            (phase == Phase::Over).then(|| Numbers::new(rand::random::<u64> as fn() -> u64));
        rewrite(blocks, numbers.as_mut(), |_| panic!("damaged"))
    }

    fn sizes(blocks: &[PackedRows]) -> Vec<usize> {
        blocks.iter().map(PackedRows::len).collect()
    }

    #[test]
    fn small_blocks_become_large_ones_in_their_order() {
        let day = blocks([5_000].into_iter().chain([100; 200]).chain([4_000]).chain([100; 9]));
        let Rewrite { from, old, new } = rewrite_in(&day, Phase::Open).unwrap();
        assert_eq!((from, sizes(&new)), (1, vec![16_000, 4_000, 4_000, 900]));
        assert_eq!(old, day[1..]);
        assert_eq!(pages(&new), pages(&old));
        assert!(new.iter().all(|packed| !packed.is_aged()));
        // Nothing is left to do.
        let after = [&day[..1], &new].concat();
        assert_eq!(rewrite_in(&after, Phase::Open), None);
    }

    #[test]
    fn few_blocks_are_merged_when_the_day_is_over() {
        let day = blocks([1_000; 8]);
        assert_eq!(rewrite_in(&day, Phase::Open), None);
        assert_eq!(rewrite_in(&[], Phase::Over), None);
        let over = rewrite_in(&day, Phase::Over).unwrap();
        assert_eq!((over.from, sizes(&over.new)), (0, vec![8_000]));
        assert!(over.new[0].is_aged());
        assert_eq!(rewrite_in(&over.new, Phase::Over), None);
        // What comes late is aged too.
        let late = [&over.new[..], &blocks([3])].concat();
        let again = rewrite_in(&late, Phase::Over).unwrap();
        assert_eq!((again.from, again.old.len(), sizes(&again.new)), (1, 1, vec![3]));
        assert!(again.new[0].is_aged());
    }

    #[test]
    fn no_text_is_lost_for_want_of_room() {
        let sizes = [3_000; 16];
        let day: Vec<PackedRows> = blocks(sizes).iter().map(named).collect();
        let Rewrite { new, .. } = rewrite_in(&day, Phase::Over).unwrap();
        assert!(new.len() > 3 && new.len() < 16, "{}", new.len());
        assert_eq!(pages(&new), pages(&day));
        let names = |blocks: &[PackedRows]| -> Vec<Arc<str>> {
            let rows = |packed: &PackedRows| packed.block().unwrap().rows().collect::<Vec<_>>();
            blocks.iter().flat_map(rows).map(|row| row.name).collect()
        };
        assert_eq!(names(&new), names(&day));
    }

    /// Each row has a name of its own, too.
    fn named(packed: &PackedRows) -> PackedRows {
        let mut rows = RowBuilder::default();
        for row in packed.block().unwrap().rows() {
            let name = format!("of {}", row.page).into();
            rows.push(&EventRow { name, ..row });
        }
        (&rows.finish()).into()
    }

    #[test]
    fn a_damaged_block_stays_and_holds_nothing_up() {
        let mut day = blocks([10; 20]);
        let mut bytes = day[7].bytes().to_vec();
        bytes.pop();
        day[7] = PackedRows::from_bytes(bytes).unwrap();
        let mut numbers = Numbers::new(rand::random::<u64> as fn() -> u64);
        let told = std::cell::Cell::new(0);
        let new = rewrite(&day, Some(&mut numbers), |rows| told.set(rows)).unwrap().new;
        assert_eq!((told.get(), sizes(&new)), (10, vec![70, 10, 120]));
        assert_eq!(new[1], day[7]);
    }
}
