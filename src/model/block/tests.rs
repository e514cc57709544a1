//! Whatever goes into a block comes out of it, and no bytes do harm.

use super::codec::Damaged;
use super::*;
use crate::model::rollup::OTHER;
use crate::model::traits::Traits;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

fn texts() -> impl Strategy<Value = Arc<str>> {
    prop_oneof![
        Just("".into()),
        (0..20).prop_map(|i| format!("/page/{i}").into()),
        "\\PC{0,12}".prop_map(Arc::from),
    ]
}

fn visits() -> impl Strategy<Value = Arc<RowVisit>> {
    let dimension = (0..Dimension::ALL.len()).prop_map(|i| Dimension::ALL[i]);
    let visitor = proptest::option::of((0..3_u64).prop_map(|i| i.to_le_bytes()));
    let visit = prop_oneof![Just(0), 1..4_u64, any::<u64>()];
    (visitor, visit, texts(), btree_map(dimension, texts(), 0..6)).prop_map(
        |(visitor, visit, entry, traits)| {
            let visitor = visitor.map(VisitorHash::from_stored);
            Arc::new(RowVisit { visitor, visit, entry, traits: traits.into_iter().collect() })
        },
    )
}

fn numbers() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), -100..100_i64, any::<i64>()]
}

prop_compose! {
    fn row()(
        at in prop_oneof![numbers(), 1_800_000_000_000..1_800_000_100_000_i64],
        kind in 0..Kind::ALL.len(),
        flags: u16,
        of in any::<usize>(),
        view in prop_oneof![0..5_u32, any::<u32>()],
        texts in [texts(), texts(), texts()],
        properties in vec((texts(), texts()), 0..3),
        numbers in [numbers(), numbers()],
    ) -> (usize, EventRow) {
        let [page, name, detail] = texts;
        let row = EventRow {
            at,
            kind: Kind::ALL[kind],
            flags: Flags(flags),
            of: Arc::default(),
            view,
            page,
            name,
            detail,
            properties,
            numbers,
        };
        (of, row)
    }
}

fn rows() -> impl Strategy<Value = Vec<EventRow>> {
    (vec(visits(), 1..6), vec(row(), 0..40)).prop_map(|(visits, rows)| {
        let row = |(of, row): (usize, EventRow)| EventRow {
            of: visits[of % visits.len()].clone(),
            ..row
        };
        rows.into_iter().map(row).collect()
    })
}

fn builder(rows: &[EventRow]) -> RowBuilder {
    let mut builder = RowBuilder::default();
    rows.iter().for_each(|row| builder.push(row));
    builder
}

fn block(rows: &[EventRow]) -> Block {
    builder(rows).finish()
}

fn rows_of(blocks: &[Block]) -> Vec<EventRow> {
    blocks.iter().flat_map(Block::rows).collect()
}

/// What [`Block`] promises of its columns; whoever reads them indexes with them.
fn check(block: &Block) {
    let (texts, visits) = (block.texts.len(), &block.visits);
    assert_eq!((&*block.texts[0], block.lists[0].len()), ("", 0));
    for length in [block.kind.len(), block.flags.len(), block.of.len(), block.view.len()] {
        assert_eq!(length, block.len());
    }
    for column in [&block.page, &block.name, &block.detail] {
        assert!(column.len() == block.len() && column.iter().all(|i| (*i as usize) < texts));
    }
    assert!(block.of.iter().all(|of| (*of as usize) < visits.len()));
    assert!(block.properties.iter().all(|list| (*list as usize) < block.lists.len()));
    let pairs = block.lists.iter().flatten();
    assert!(pairs.flat_map(|(a, b)| [a, b]).all(|i| (*i as usize) < texts));
    assert!(block.numbers.iter().all(|column| column.len() == block.len()));
    assert!((visits.visitor.len(), visits.entry.len()) == (visits.len(), visits.len()));
    assert!(visits.entry.iter().all(|i| (*i as usize) < texts));
    for (_, column) in &visits.traits {
        assert!(column.iter().all(|i| *i == NONE || (*i as usize) < texts));
        assert_eq!(column.len(), visits.len());
    }
    assert_eq!(block.rows().count(), block.len());
}

proptest! {
    #[test]
    fn rows_come_back(rows in rows()) {
        let builder = builder(&rows);
        prop_assert_eq!((builder.len(), builder.is_empty()), (rows.len(), rows.is_empty()));
        let block = builder.finish();
        check(&block);
        prop_assert_eq!(rows_of(std::slice::from_ref(&block)), rows);
        let decoded = Block::decode(&block.encode()).unwrap();
        prop_assert_eq!(decoded, block);
    }

    #[test]
    fn merged_and_split_rows_are_the_same(
        (a, b) in (rows(), rows()),
        max in 1..50_usize,
    ) {
        let all: Vec<EventRow> = a.iter().chain(&b).cloned().collect();
        let merged = Block::merge([block(&a), block(&b)]);
        check(&merged);
        prop_assert_eq!(rows_of(std::slice::from_ref(&merged)), all.clone());

        let mut appended = builder(&a);
        appended.append(builder(&b));
        prop_assert_eq!(appended.len(), all.len());
        prop_assert_eq!(rows_of(&[appended.take()]), all.clone());
        prop_assert!(appended.is_empty());

        let parts = merged.split(max);
        parts.iter().for_each(check);
        prop_assert!(parts.iter().all(|part| part.len() <= max));
        prop_assert_eq!(rows_of(&parts), all);
    }

    #[test]
    fn damage_is_noticed(
        rows in rows(),
        at: prop::sample::Index,
        bit in 0..8_u32,
    ) {
        let bytes = block(&rows).encode();
        prop_assert_eq!(Block::decode(&bytes[..at.index(bytes.len())]), Err(Damaged));
        let mut flipped = bytes.clone();
        flipped[at.index(bytes.len())] ^= 1_u8 << bit;
        prop_assert_eq!(Block::decode(&flipped), Err(Damaged));
        let mut longer = bytes;
        longer.push(0);
        prop_assert_eq!(Block::decode(&longer), Err(Damaged));
    }

    /// The same without the checksum, which hides the parser's own checks.
    #[test]
    fn whatever_is_parsed_is_whole(
        rows in rows(),
        at in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut: prop::sample::Index,
    ) {
        let (mut columns, keys) = block(&rows).write();
        prop_assert_eq!(Block::read(&columns[..cut.index(columns.len())], &keys), Err(Damaged));
        if !keys.is_empty() {
            prop_assert_eq!(Block::read(&columns, &keys[1..]), Err(Damaged));
        }
        for (at, byte) in at {
            let at = at.index(columns.len());
            columns[at] = byte;
        }
        if let Ok(block) = Block::read(&columns, &keys) {
            check(&block);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..200), keys in vec(any::<u8>(), 0..40)) {
        let _ = Block::decode(&bytes);
        let _ = Block::unpack(&bytes);
        if let Ok(block) = Block::read(&bytes, &keys) {
            check(&block);
        }
    }
}

#[test]
fn a_size_that_is_a_lie_is_refused() {
    // 1 TiB of columns out of a few bytes; more columns than are there; as much as is allowed.
    let packed = zstd::bulk::compress(&[0; 1000], 3).unwrap();
    for length in [1 << 40, u64::MAX, 999, 1 << 20] {
        let mut bytes = codec::Writer(Vec::new());
        bytes.number(length);
        bytes.number(packed.len() as u64);
        bytes.0.extend(&packed);
        assert_eq!(Block::unpack(&bytes.0), Err(Damaged), "{length}");
    }
}

#[test]
fn texts_beyond_the_limit_are_other() {
    let of = Arc::new(RowVisit {
        traits: Traits::from([(Dimension::Country, "DE")]),
        ..RowVisit::default()
    });
    let page = |i: usize| EventRow::new(0, Kind::View, of.clone(), format!("/{i}").into());
    let rows: Vec<EventRow> = (0..TEXTS_MAX + 100).map(page).collect();
    let block = block(&rows);
    assert_eq!(block.texts.len(), TEXTS_MAX + 1);
    let pages: Vec<Arc<str>> = block.rows().map(|row| row.page).collect();
    assert_eq!((&*pages[TEXTS_MAX - 2], &*pages[TEXTS_MAX - 1]), ("/19998", OTHER));
    let of = block.rows().next().unwrap().of;
    assert_eq!(of.traits.get(Dimension::Country), Some(OTHER));
    assert_eq!(Block::decode(&block.encode()).unwrap(), block);
}

#[test]
fn blocks_that_are_merged_keep_all_texts() {
    let page = |i: usize| EventRow::new(0, Kind::View, Arc::default(), format!("/{i}").into());
    let part = |of: std::ops::Range<usize>| block(&of.map(page).collect::<Vec<_>>());
    let many = TEXTS_MAX - 10;
    let merged = Block::merge([part(0..many), part(many..2 * many)]);
    let pages: Vec<String> = merged.rows().map(|row| row.page.to_string()).collect();
    assert_eq!(pages, (0..2 * many).map(|i| format!("/{i}")).collect::<Vec<_>>());
}

#[test]
fn rows_of_a_visit_share_it_and_texts_stand_once() {
    let visit = |visit| Arc::new(RowVisit { visit, entry: "/".into(), ..RowVisit::default() });
    let rows: Vec<EventRow> = [visit(1), visit(1), visit(2)]
        .map(|of| EventRow::new(0, Kind::View, of, "/".into()))
        .to_vec();
    let block = block(&rows);
    assert_eq!((block.visits.len(), block.texts.len()), (2, 2));
    let rows: Vec<EventRow> = block.rows().collect();
    assert!(Arc::ptr_eq(&rows[0].of, &rows[1].of));
}

#[test]
fn a_builder_knows_about_how_much_it_holds() {
    let of = Arc::new(RowVisit::default());
    let mut rows = RowBuilder::default();
    for i in 0..10_000 {
        rows.push(&EventRow::new(0, Kind::View, of.clone(), format!("/{i:0100}").into()));
    }
    assert!((1_900_000..2_500_000).contains(&rows.size()), "{}", rows.size());
    rows.take();
    assert_eq!(rows.size(), 0);
}
