//! Rows become columns, one by one.
//!
//! It runs for every hit that is counted, so a row costs a few look-ups of short texts and one of its
//! visit. What rows of a visit have in common is only taken apart when the block is finished.

use super::{Block, NONE, Text, Visits};
use crate::model::rollup::{Dimension, OTHER};
use crate::model::row::{EventRow, RowVisit};
use foldhash::fast::RandomState;
use indexmap::IndexSet;
use std::collections::BTreeMap;
use std::mem;
use std::ops::Range;
use std::sync::Arc;

/// Distinct texts in a block; what comes beyond is [`OTHER`].
pub const TEXTS_MAX: usize = 20_000;

/// A block in the making.
#[derive(Debug, Clone, Default)]
pub struct RowBuilder {
    /// Columns of rows; its dictionaries are filled when it is finished.
    rows: Block,
    texts: Texts,
    visits: IndexSet<Arc<RowVisit>, RandomState>,
    lists: IndexSet<Vec<(Text, Text)>, RandomState>,
    /// The list of the row at hand.
    list: Vec<(Text, Text)>,
    /// Bytes that dictionaries take.
    held: usize,
}

impl RowBuilder {
    /// One that keeps all texts: of blocks, in each of which they are bounded.
    pub(super) fn unbounded() -> Self {
        Self { texts: Texts { unbounded: true, ..Texts::default() }, ..Self::default() }
    }

    pub fn push(&mut self, row: &EventRow) {
        let of = self.visit(&row.of);
        self.list.clear();
        for (property, value) in &row.properties {
            let pair = (self.texts.place(property), self.texts.place(value));
            self.list.push(pair);
        }
        let properties = self.list();
        let rows = &mut self.rows;
        rows.at.push(row.at);
        rows.kind.push(row.kind);
        rows.flags.push(row.flags);
        rows.of.push(of);
        rows.view.push(row.view);
        rows.page.push(self.texts.place(&row.page));
        rows.name.push(self.texts.place(&row.name));
        rows.detail.push(self.texts.place(&row.detail));
        rows.properties.push(properties);
        for (column, number) in rows.numbers.iter_mut().zip(row.numbers) {
            column.push(number);
        }
    }

    /// All rows of a block.
    pub fn push_block(&mut self, block: &Block) {
        self.extend(block, &block.shared_visits(), 0..block.len());
    }

    /// All rows of another, behind these.
    pub fn append(&mut self, mut other: Self) {
        let visits: Vec<_> = mem::take(&mut other.visits).into_iter().collect();
        other.fill_dictionaries();
        self.extend(&other.rows, &visits, 0..other.rows.len());
    }

    /// Rows of a block whose visits are these. Texts, visits and lists that no row needs stay behind.
    pub(super) fn extend(&mut self, block: &Block, visits: &[Arc<RowVisit>], range: Range<usize>) {
        let mut texts = vec![NONE; block.texts.len()];
        let mut places = |texts_here: &mut Texts, column: &[Text], out: &mut Vec<Text>| {
            out.extend(column.iter().map(|text| {
                let place = &mut texts[*text as usize];
                if *place == NONE {
                    *place = texts_here.place(&block.texts[*text as usize]);
                }
                *place
            }));
        };
        let rows = &mut self.rows;
        rows.at.extend(&block.at[range.clone()]);
        rows.kind.extend(&block.kind[range.clone()]);
        rows.flags.extend(&block.flags[range.clone()]);
        rows.view.extend(&block.view[range.clone()]);
        places(&mut self.texts, &block.page[range.clone()], &mut rows.page);
        places(&mut self.texts, &block.name[range.clone()], &mut rows.name);
        places(&mut self.texts, &block.detail[range.clone()], &mut rows.detail);
        for (column, more) in rows.numbers.iter_mut().zip(&block.numbers) {
            column.extend(&more[range.clone()]);
        }
        let (mut visit_places, mut list_places) =
            (vec![NONE; visits.len()], vec![NONE; block.lists.len()]);
        for i in range {
            let (of, list) = (block.of[i] as usize, block.properties[i] as usize);
            if visit_places[of] == NONE {
                visit_places[of] = self.visit(&visits[of]);
            }
            if list_places[list] == NONE {
                self.list.clear();
                for (property, value) in &block.lists[list] {
                    let place = |text: Text| &block.texts[text as usize];
                    let pair =
                        (self.texts.place(place(*property)), self.texts.place(place(*value)));
                    self.list.push(pair);
                }
                list_places[list] = self.list();
            }
            self.rows.of.push(visit_places[of]);
            self.rows.properties.push(list_places[list]);
        }
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// About how many bytes of memory it takes.
    pub fn size(&self) -> usize {
        const ROW: usize = 8 + 1 + 2 + 4 + 4 + 3 * 4 + 4 + 2 * 8;
        self.len() * ROW + self.held + self.texts.held
    }

    /// The rows so far; none are left.
    pub fn take(&mut self) -> Block {
        mem::take(self).finish()
    }

    pub fn finish(mut self) -> Block {
        self.rows.visits = columns(&mem::take(&mut self.visits), &mut self.texts);
        self.fill_dictionaries();
        self.rows
    }

    fn fill_dictionaries(&mut self) {
        self.rows.texts.push(Arc::default());
        self.rows.texts.extend(mem::take(&mut self.texts.all));
        self.rows.lists.push(Vec::new());
        self.rows.lists.extend(mem::take(&mut self.lists));
    }

    fn visit(&mut self, visit: &Arc<RowVisit>) -> u32 {
        if let Some(index) = self.visits.get_index_of(visit) {
            return index as u32;
        }
        // The visit itself, and its place in the set.
        self.held += size_of::<RowVisit>() + 32 + visit.entry.len() + visit.traits.text().len();
        self.visits.insert_full(visit.clone()).0 as u32
    }

    /// Place of the list of the row at hand.
    fn list(&mut self) -> u32 {
        if self.list.is_empty() {
            return 0;
        }
        if let Some(index) = self.lists.get_index_of(&*self.list) {
            return index as u32 + 1;
        }
        self.held += size_of_val(&*self.list) + 48;
        self.lists.insert_full(self.list.clone()).0 as u32 + 1
    }
}

/// What visits have in common with others, column by column.
fn columns(visits: &IndexSet<Arc<RowVisit>, RandomState>, texts: &mut Texts) -> Visits {
    let mut columns = Visits::default();
    let mut traits: BTreeMap<Dimension, Vec<Text>> = BTreeMap::new();
    for (i, visit) in visits.iter().enumerate() {
        columns.visitor.push(visit.visitor);
        columns.visit.push(visit.visit);
        columns.entry.push(texts.place(&visit.entry));
        for (dimension, value) in visit.traits.iter() {
            let column = traits.entry(dimension).or_insert_with(|| vec![NONE; visits.len()]);
            column[i] = texts.place_of(value, || value.into());
        }
    }
    columns.traits = traits.into_iter().collect();
    columns
}

/// A dictionary of texts. The empty one is not in it: its place is always 0.
#[derive(Debug, Clone, Default)]
struct Texts {
    all: IndexSet<Arc<str>, RandomState>,
    held: usize,
    /// There may be more than [`TEXTS_MAX`].
    unbounded: bool,
}

impl Texts {
    fn place(&mut self, text: &Arc<str>) -> Text {
        self.place_of(text, || text.clone())
    }

    fn place_of(&mut self, text: &str, shared: impl FnOnce() -> Arc<str>) -> Text {
        if text.is_empty() {
            return 0;
        }
        if let Some(index) = self.all.get_index_of(text) {
            return index as Text + 1;
        }
        let room = self.unbounded || self.all.len() < TEXTS_MAX - 1;
        let text = if room { shared() } else { OTHER.into() };
        self.held += text.len() + 48;
        self.all.insert_full(text).0 as Text + 1
    }
}
