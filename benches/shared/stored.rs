//! Rows as a store takes them.

use headcount::aggregate::Recount;
use headcount::model::block::RowBuilder;
use headcount::model::rollup::field;
use headcount::model::row::EventRow;
use headcount::model::site::{Day, Site};
use headcount::model::{Batch, PackedRows, Window};

/// Rows in a block, as compaction leaves them.
const BLOCK: usize = 8_000;

/// Invented values that a dimension may have.
const VALUES: usize = 10_000;

/// What a day's rows add up to.
pub fn rollup(site: &Site, day: Day, rows: &[EventRow]) -> Window {
    let mut recount = Recount::new(site, day, VALUES);
    rows.iter().for_each(|row| recount.count(row));
    recount.finish()
}

/// A day's rows in batches, and its roll-up in the first ones.
pub fn batches(site: &Site, day: Day, rows: &[EventRow], rollup: &Window) -> Vec<Batch> {
    let fields = rollup.rows.iter().flat_map(|((dimension, value), row)| {
        row.counts().map(move |(metric, n)| (field(*dimension, value, metric), n))
    });
    let blocks = rows.chunks(BLOCK).map(|rows| {
        let mut block = RowBuilder::default();
        rows.iter().for_each(|row| block.push(row));
        PackedRows::from(&block.finish())
    });
    let empty = Batch {
        site: site.name.clone(),
        day,
        node: "bench".into(),
        number: 1,
        fields: Vec::new(),
        visitors: Vec::new(),
        confirmed: Vec::new(),
        people: PackedRows::default(),
        others: PackedRows::default(),
    };
    let visitors = [&rollup.visitors, &rollup.confirmed].map(|of| of.iter().copied());
    let nothing: Vec<PackedRows> = Vec::new();
    empty.filled(fields, visitors, [blocks.collect::<Vec<_>>().into_iter(), nothing.into_iter()])
}
