//! Rows become columns, one by one.
//!
//! It runs for every hit that is counted, so a row costs a few look-ups of short texts and one of
//! its visit. What rows of a visit have in common is only taken apart when the block is finished.

use super::{Block, NONE, Text, Visits};
use crate::model::rollup::OTHER;
use crate::model::row::{EventRow, RowVisit};
use foldhash::fast::RandomState;
use indexmap::IndexSet;
use std::mem;
use std::ops::Range;
use std::sync::Arc;

/// Distinct texts in a block; what comes beyond is [`OTHER`].
pub const TEXTS_MAX: usize = 20_000;

/// A block in the making.
#[derive(Debug, Clone, Default)]
pub struct RowBuilder {
    columns: Columns,
    visits: IndexSet<Arc<RowVisit>, RandomState>,
    /// Bytes that visits take.
    held: usize,
}

impl RowBuilder {
    pub fn push(&mut self, row: &EventRow) {
        let of = self.visit(&row.of);
        self.columns.push(row, of);
    }

    /// All rows of another, behind these.
    pub fn append(&mut self, mut other: Self) {
        other.columns.fill_dictionaries();
        let rows = mem::take(&mut other.columns.rows);
        let places: Vec<u32> = other.visits.iter().map(|visit| self.visit(visit)).collect();
        self.columns.extend(&mut Source::new(&rows), 0..rows.len(), |_, _, of| places[of]);
    }

    pub fn len(&self) -> usize {
        self.columns.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.columns.rows.is_empty()
    }

    /// About how many bytes of memory it takes.
    pub fn size(&self) -> usize {
        const ROW: usize = 8 + 1 + 2 + 4 + 4 + 3 * 4 + 4 + 2 * 8;
        self.len() * ROW + self.held + self.columns.held + self.columns.texts.held
    }

    /// The rows so far; none are left.
    pub fn take(&mut self) -> Block {
        mem::take(self).finish()
    }

    pub fn finish(mut self) -> Block {
        let texts = &mut self.columns.texts;
        let mut visits = Visits::default();
        for visit in &self.visits {
            let entry = texts.place(&visit.entry);
            let place =
                |(dimension, value): (_, &str)| (dimension, texts.place_of(value, || value.into()));
            visits.push(visit.visitor, visit.visit, entry, visit.traits.iter().map(place));
        }
        self.columns.finish(visits)
    }

    fn visit(&mut self, visit: &Arc<RowVisit>) -> u32 {
        if let Some(index) = self.visits.get_index_of(visit) {
            return index as u32;
        }
        // The visit itself, and its place in the set.
        self.held += size_of::<RowVisit>() + 32 + visit.entry.len() + visit.traits.text().len();
        self.visits.insert_full(visit.clone()).0 as u32
    }
}

/// Columns of rows in the making, and the dictionaries that they point into.
#[derive(Debug, Clone, Default)]
pub(super) struct Columns {
    /// Its dictionaries are filled when it is finished.
    rows: Block,
    texts: Texts,
    lists: IndexSet<Vec<(Text, Text)>, RandomState>,
    /// The list of the row at hand.
    list: Vec<(Text, Text)>,
    /// Bytes that lists take.
    held: usize,
}

/// Rows that are taken over, with the new places of their texts.
pub(super) struct Source<'b> {
    pub block: &'b Block,
    /// By place of a text there, its place here; [`NONE`] until it is needed.
    places: Vec<Text>,
}

impl<'b> Source<'b> {
    pub fn new(block: &'b Block) -> Self {
        Self { block, places: vec![NONE; block.texts.len()] }
    }

    pub fn place(&mut self, text: Text, texts: &mut Texts) -> Text {
        let place = &mut self.places[text as usize];
        if *place == NONE {
            *place = texts.place(&self.block.texts[text as usize]);
        }
        *place
    }
}

impl Columns {
    pub fn new(texts: Texts) -> Self {
        Self { texts, ..Self::default() }
    }

    fn push(&mut self, row: &EventRow, of: u32) {
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

    /// Takes rows of a block over. `visit` gives the new place of a row's visit. Texts and lists
    /// that no row needs stay behind.
    pub fn extend(
        &mut self,
        source: &mut Source<'_>,
        range: Range<usize>,
        mut visit: impl FnMut(&mut Source<'_>, &mut Texts, usize) -> u32,
    ) {
        let (block, texts, rows) = (source.block, &mut self.texts, &mut self.rows);
        rows.at.extend(&block.at[range.clone()]);
        rows.kind.extend(&block.kind[range.clone()]);
        rows.flags.extend(&block.flags[range.clone()]);
        rows.view.extend(&block.view[range.clone()]);
        for (column, more) in [
            (&mut rows.page, &block.page),
            (&mut rows.name, &block.name),
            (&mut rows.detail, &block.detail),
        ] {
            column.extend(more[range.clone()].iter().map(|text| source.place(*text, texts)));
        }
        for (column, more) in rows.numbers.iter_mut().zip(&block.numbers) {
            column.extend(&more[range.clone()]);
        }
        for of in &block.of[range.clone()] {
            self.rows.of.push(visit(source, &mut self.texts, *of as usize));
        }
        let mut lists = vec![NONE; block.lists.len()];
        for list in &block.properties[range] {
            let place = &mut lists[*list as usize];
            if *place == NONE {
                self.list.clear();
                for (property, value) in &block.lists[*list as usize] {
                    let pair = [*property, *value].map(|t| source.place(t, &mut self.texts));
                    self.list.push(pair.into());
                }
                *place = self.list();
            }
            self.rows.properties.push(*place);
        }
    }

    pub fn finish(mut self, visits: Visits) -> Block {
        self.rows.visits = visits;
        self.fill_dictionaries();
        self.rows
    }

    fn fill_dictionaries(&mut self) {
        self.rows.texts.push(Arc::default());
        self.rows.texts.extend(mem::take(&mut self.texts.all));
        self.rows.lists.push(Vec::new());
        self.rows.lists.extend(mem::take(&mut self.lists));
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

/// A dictionary of texts. The empty one is not in it: its place is always 0.
#[derive(Debug, Clone, Default)]
pub(super) struct Texts {
    all: IndexSet<Arc<str>, RandomState>,
    held: usize,
    /// There may be more than [`TEXTS_MAX`].
    unbounded: bool,
}

impl Texts {
    /// One that keeps all texts: of blocks, in each of which they are bounded.
    pub fn unbounded() -> Self {
        Self { unbounded: true, ..Self::default() }
    }

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
