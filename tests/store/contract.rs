//! What both stores promise.

use super::common::redis::RedisServer;
use super::*;
use headcount::model::block::Block;
use headcount::store::{Applied, Rewrite, Secret, StoredRows};
use std::cell::Cell;

on_both_stores! {
    a_batch_is_applied_once
    a_gap_says_what_is_there
    several_batches_are_applied_in_their_order
    numbers_are_per_node_site_and_day
    an_empty_batch_moves_only_marker_and_version
    every_applied_batch_changes_the_version
    a_full_batch_is_applied_whole
    counts_are_exact_up_to_2_to_the_53
    days_come_in_the_order_asked
    markers_are_no_counts
    visitors_are_counted_once
    rows_come_oldest_first_people_apart_from_others
    the_first_writer_of_a_secret_wins
    a_secret_is_replaced_only_if_it_is_as_expected
    trim_keeps_the_newest_blocks_over_all_days
    people_and_others_are_trimmed_apart
    a_flood_on_one_day_pushes_out_its_own
    blocks_are_replaced_in_their_place_or_not_at_all
    blocks_are_replaced_while_others_are_appended
    rows_of_old_days_are_let_go
    hashes_are_let_go_and_visitors_stay
    commands_are_counted
}

async fn a_batch_is_applied_once(store: Arc<dyn Upkeep>) {
    store.ping().await.unwrap();
    assert_eq!(store.apply(&pageview("n", 1)).await.unwrap(), Applied::Now);
    assert_eq!(store.apply(&pageview("n", 1)).await.unwrap(), Applied::Before);
    assert_eq!(store.apply(&pageview("n", 2)).await.unwrap(), Applied::Now);
    for number in [1, 2] {
        assert_eq!(store.apply(&pageview("n", number)).await.unwrap(), Applied::Before);
    }
    assert_eq!(stored(store.as_ref()).await, 2);
    for of in RowsOf::ALL {
        assert_eq!(pages(store.as_ref(), SITE, today(), of).await, ["/n/1", "/n/2"]);
    }
}

async fn a_gap_says_what_is_there(store: Arc<dyn Upkeep>) {
    assert_eq!(store.apply(&pageview("n", 2)).await.unwrap(), Applied::Gap { have: 0 });
    assert_eq!(store.apply(&pageview("n", 1)).await.unwrap(), Applied::Now);
    assert_eq!(store.apply(&pageview("n", 3)).await.unwrap(), Applied::Gap { have: 1 });
    assert_eq!(
        store.apply(&pageview("n", u64::MAX >> 11)).await.unwrap(),
        Applied::Gap { have: 1 }
    );
    assert_eq!(stored(store.as_ref()).await, 1);
    assert_eq!(store.versions(SITE, &[today()]).await.unwrap(), [1]);
}

async fn several_batches_are_applied_in_their_order(store: Arc<dyn Upkeep>) {
    let apply = async |numbers: &[u64]| {
        let batches: Vec<Batch> = numbers.iter().map(|number| pageview("n", *number)).collect();
        let mut done = Vec::new();
        while done.len() < batches.len() {
            let left: Vec<&Batch> = batches[done.len()..].iter().collect();
            let some = store.apply_some(&left).await.unwrap();
            assert!((1..=left.len()).contains(&some.len()));
            done.extend(some);
        }
        done
    };
    assert_eq!(apply(&[1, 2, 3]).await, [Applied::Now; 3]);
    assert_eq!(apply(&[2, 3, 4, 4]).await[1..], [Applied::Before, Applied::Now, Applied::Before]);
    assert_eq!(apply(&[5, 7, 8]).await[1..], [Applied::Gap { have: 5 }; 2]);
    assert_eq!(stored(store.as_ref()).await, 5);
    assert_eq!(store.versions(SITE, &[today()]).await.unwrap(), [5]);
    assert_eq!(store.apply_some(&[]).await.unwrap(), []);
}

async fn numbers_are_per_node_site_and_day(store: Arc<dyn Upkeep>) {
    let other_site = Batch { site: "example.org".into(), ..pageview("a", 1) };
    let other_day = Batch { day: day("2026-11-25"), ..pageview("a", 1) };
    for first in [pageview("a", 1), pageview("b", 1), other_site, other_day] {
        assert_eq!(store.apply(&first).await.unwrap(), Applied::Now);
    }
    assert_eq!(stored(store.as_ref()).await, 2);
}

async fn an_empty_batch_moves_only_marker_and_version(store: Arc<dyn Upkeep>) {
    assert_eq!(store.apply(&batch("n", 1)).await.unwrap(), Applied::Now);
    assert_eq!(store.apply(&batch("n", 1)).await.unwrap(), Applied::Before);
    assert_eq!(store.apply(&batch("n", 2)).await.unwrap(), Applied::Now);
    let days = store.days(SITE, &[today()]).await.unwrap();
    assert_eq!(days[0].version, 2);
    for dimension in Dimension::ALL {
        assert_eq!(days[0].rows(dimension).count(), 0);
    }
    assert_eq!(store.uniques(SITE, today()).await.unwrap(), (0, 0));
    for of in RowsOf::ALL {
        assert_eq!(store.rows(SITE, today(), of).await.unwrap(), StoredRows::default());
    }
}

async fn every_applied_batch_changes_the_version(store: Arc<dyn Upkeep>) {
    let mut seen = store.versions(SITE, &[today()]).await.unwrap();
    assert_eq!(seen, [0]);
    for (node, number) in [("a", 1), ("b", 1), ("a", 2)] {
        store.apply(&pageview(node, number)).await.unwrap();
        let version = store.versions(SITE, &[today()]).await.unwrap()[0];
        assert!(version > *seen.last().unwrap());
        assert_eq!(store.days(SITE, &[today()]).await.unwrap()[0].version, version);
        seen.push(version);
    }
    store.apply(&pageview("a", 2)).await.unwrap();
    assert_eq!(store.versions(SITE, &[today()]).await.unwrap()[0], *seen.last().unwrap());
}

async fn a_full_batch_is_applied_whole(store: Arc<dyn Upkeep>) {
    assert_eq!(store.apply(&full("n", 1)).await.unwrap(), Applied::Now);
    assert_eq!(store.apply(&full("n", 2)).await.unwrap(), Applied::Now);
    let days = store.days(SITE, &[today()]).await.unwrap();
    assert_eq!(days[0].rows(Dimension::Page).count(), 1_000);
    for i in 0..1_000 {
        let row = days[0].row(Dimension::Page, &format!("/page/{i}"));
        assert_eq!(row.get(Metric::Server), 2 * (i + 1));
    }
    let stored = store.rows(SITE, today(), RowsOf::People).await.unwrap();
    assert_eq!(stored.blocks, [full("n", 1).people, full("n", 2).people]);
    let stored = store.rows(SITE, today(), RowsOf::Others).await.unwrap();
    assert_eq!(stored.blocks, [full("n", 1).others, full("n", 2).others]);
}

async fn counts_are_exact_up_to_2_to_the_53(store: Arc<dyn Upkeep>) {
    let name = field(Dimension::Total, "", Metric::Bytes);
    let max = 1 << 53;
    let mut sum = 0;
    for (number, count) in (1..).zip([max - 3, 2, -max + 1, -max, max - 7]) {
        let batch = Batch { fields: vec![(name.clone(), count)], ..batch("n", number) };
        store.apply(&batch).await.unwrap();
        sum += count;
        let days = store.days(SITE, &[today()]).await.unwrap();
        assert_eq!(days[0].row(Dimension::Total, "").get(Metric::Bytes), sum);
    }
}

async fn days_come_in_the_order_asked(store: Arc<dyn Upkeep>) {
    let asked: Vec<Day> = ["2026-11-23", "2026-11-26", "2026-11-24"].map(day).to_vec();
    for (n, day) in (1..).zip([asked[0], asked[2]]) {
        let fields = vec![(field(Dimension::Country, "DE", Metric::Server), n)];
        store.apply(&Batch { day, fields, ..batch("n", 1) }).await.unwrap();
    }
    assert_eq!(store.versions(SITE, &asked).await.unwrap(), [1, 0, 1]);
    let days = store.days(SITE, &asked).await.unwrap();
    let counts: Vec<i64> =
        days.iter().map(|d| d.row(Dimension::Country, "DE").get(Metric::Server)).collect();
    assert_eq!(counts, [1, 0, 2]);
    assert!(store.versions(SITE, &[]).await.unwrap().is_empty());
    assert!(store.days(SITE, &[]).await.unwrap().is_empty());
}

async fn markers_are_no_counts(store: Arc<dyn Upkeep>) {
    let fields = vec![(field(Dimension::Page, "/a\u{1f}b", Metric::Server), 1)];
    store.apply(&Batch { fields, ..batch("page\u{1f}server", 1) }).await.unwrap();
    let days = store.days(SITE, &[today()]).await.unwrap();
    let rows: usize = Dimension::ALL.iter().map(|d| days[0].rows(*d).count()).sum();
    assert_eq!(rows, 1);
    assert_eq!(days[0].row(Dimension::Page, "/a\u{1f}b").get(Metric::Server), 1);
}

async fn visitors_are_counted_once(store: Arc<dyn Upkeep>) {
    let all = visitors(1_000);
    for (node, from, to) in [("a", 0, 600), ("b", 400, 1_000)] {
        let batch = Batch {
            visitors: all[from..to].to_vec(),
            confirmed: all[from..to].iter().take(150).copied().collect(),
            ..batch(node, 1)
        };
        store.apply(&batch).await.unwrap();
    }
    let (visitors, confirmed) = store.uniques(SITE, today()).await.unwrap();
    // Four standard errors of the sketch.
    assert!(visitors.abs_diff(1_000) <= 32 && confirmed.abs_diff(300) <= 10);
    assert_eq!(store.uniques(SITE, day("2026-11-25")).await.unwrap(), (0, 0));
}

async fn rows_come_oldest_first_people_apart_from_others(store: Arc<dyn Upkeep>) {
    for (number, seen, crawled) in
        [(1, &["/1", "/2"][..], &["/a"][..]), (2, &[], &["/b", "/c"]), (3, &["/3", "/4"], &[])]
    {
        let (people, others) = (rows(Kind::View, seen.to_vec()), rows(Kind::Bot, crawled.to_vec()));
        store.apply(&Batch { people, others, ..batch("n", number) }).await.unwrap();
    }
    let store = store.as_ref();
    assert_eq!(pages(store, SITE, today(), RowsOf::People).await, ["/1", "/2", "/3", "/4"]);
    assert_eq!(pages(store, SITE, today(), RowsOf::Others).await, ["/a", "/b", "/c"]);
    for of in RowsOf::ALL {
        let elsewhere = [("example.org", today()), (SITE, day("2026-11-25"))];
        for (site, day) in elsewhere {
            assert_eq!(store.rows(site, day, of).await.unwrap(), StoredRows::default());
        }
    }
}

/// Far enough ahead that no server's own clock has passed it.
const LATER: i64 = 4_000_000_000_000;

fn salt(day: Day) -> Secret {
    Secret::Salt { site: SITE.into(), day }
}

async fn the_first_writer_of_a_secret_wins(store: Arc<dyn Upkeep>) {
    let salt = salt(today());
    assert_eq!(store.secret(&salt).await.unwrap(), None);
    assert_eq!(store.put_secret(&salt, None, b"\0first\xff", LATER).await.unwrap(), b"\0first\xff");
    assert_eq!(store.put_secret(&salt, None, b"second", LATER).await.unwrap(), b"\0first\xff");
    assert_eq!(store.secret(&salt).await.unwrap().unwrap(), b"\0first\xff");
    assert_eq!(store.secret(&Secret::ViewKeys).await.unwrap(), None);
    assert_eq!(store.secret(&self::salt(day("2026-11-25"))).await.unwrap(), None);
}

async fn a_secret_is_replaced_only_if_it_is_as_expected(store: Arc<dyn Upkeep>) {
    let keys = Secret::ViewKeys;
    let put = async |expected: Option<&[u8]>, new: &[u8]| {
        String::from_utf8(store.put_secret(&keys, expected, new, LATER).await.unwrap()).unwrap()
    };
    // Expecting something where nothing is: nothing is written.
    assert_eq!(put(Some(b"a"), b"b").await, "");
    assert_eq!(store.secret(&keys).await.unwrap(), None);

    assert_eq!(put(None, b"a").await, "a");
    assert_eq!(put(Some(b"a"), b"b").await, "b");
    assert_eq!(put(Some(b"a"), b"c").await, "b");
    // A retry after a lost answer.
    assert_eq!(put(Some(b"a"), b"b").await, "b");
    assert_eq!(store.secret(&keys).await.unwrap().unwrap(), b"b");
}

async fn trim_keeps_the_newest_blocks_over_all_days(store: Arc<dyn Upkeep>) {
    let days = ["2026-11-22", "2026-11-23", "2026-11-24"].map(day);
    let block = |day: Day, number| rows(Kind::View, [0, 1].map(|i| format!("{day} {number} {i}")));
    // The newest day is written first: age is a matter of days, not of arrival.
    for day in days.into_iter().rev() {
        for number in [1, 2] {
            let people = block(day, number);
            store.apply(&Batch { day, people, ..batch("n", number) }).await.unwrap();
        }
    }
    let bystander = Batch { site: "example.org".into(), ..pageview("n", 1) };
    store.apply(&bystander).await.unwrap();

    // Blocks of two rows each, and never more rows than the cap.
    for (cap, kept) in [
        (12, [2, 2, 2]),
        (11, [1, 2, 2]),
        (7, [0, 1, 2]),
        (6, [0, 1, 2]),
        (3, [0, 0, 1]),
        (1, [0, 0, 0]),
    ] {
        store.trim(SITE, cap, 0).await.unwrap();
        for (day, kept) in days.into_iter().zip(kept) {
            let newest: Vec<PackedRows> = (3 - kept..3).map(|number| block(day, number)).collect();
            let stored = store.rows(SITE, day, RowsOf::People).await.unwrap();
            assert_eq!(stored.blocks, newest, "cap {cap}, {day}");
        }
    }
    for of in RowsOf::ALL {
        assert_eq!(pages(store.as_ref(), "example.org", today(), of).await, ["/n/1"]);
    }
    assert_eq!(store.versions(SITE, &days).await.unwrap(), [2, 2, 2]);
}

async fn people_and_others_are_trimmed_apart(store: Arc<dyn Upkeep>) {
    let view = Batch { people: rows(Kind::View, ["/"]), ..batch("n", 1) };
    store.apply(&view).await.unwrap();
    for number in 2..=300 {
        let others = rows(Kind::Bot, [number.to_string()]);
        store.apply(&Batch { others, ..batch("n", number) }).await.unwrap();
    }
    store.trim(SITE, 3, 0).await.unwrap();
    assert_eq!(pages(store.as_ref(), SITE, today(), RowsOf::People).await, ["/"]);
    let newest = pages(store.as_ref(), SITE, today(), RowsOf::Others).await;
    assert_eq!(newest, ["298", "299", "300"]);
}

async fn a_flood_on_one_day_pushes_out_its_own(store: Arc<dyn Upkeep>) {
    let on = |nth: u64| day(&format!("2026-11-2{nth}"));
    for nth in [3, 4, 5] {
        let many = if nth == 4 { 40 } else { 2 };
        for number in 1..=many {
            let people = rows(Kind::View, [format!("/{nth}/{number}")]);
            let batch = Batch { day: on(nth), people, ..batch("n", number) };
            store.apply(&batch).await.unwrap();
        }
    }
    store.trim(SITE, 8, 0).await.unwrap();
    let kept = async |nth| pages(store.as_ref(), SITE, on(nth), RowsOf::People).await;
    assert_eq!(kept(3).await, ["/3/1", "/3/2"]);
    assert_eq!(kept(4).await, ["/4/37", "/4/38", "/4/39", "/4/40"]);
    assert_eq!(kept(5).await, ["/5/1", "/5/2"]);
}

async fn blocks_are_replaced_in_their_place_or_not_at_all(store: Arc<dyn Upkeep>) {
    let others = || pages(store.as_ref(), SITE, today(), RowsOf::Others);
    for number in 1..=6 {
        store.apply(&pageview("n", number)).await.unwrap();
        // Of another day, between these.
        let next = Batch { day: day("2026-11-25"), ..pageview("n", number) };
        store.apply(&next).await.unwrap();
    }
    let named = |names: &[&str]| rows(Kind::View, names.iter().copied());
    let block = |number: u64| named(&[&format!("/n/{number}")]);
    let replace = async |from, old: &[PackedRows], new: &[PackedRows]| {
        let with = Rewrite { from, old: old.to_vec(), new: new.to_vec() };
        store.replace_rows(SITE, today(), RowsOf::People, &with).await.unwrap()
    };
    let all: Vec<PackedRows> = (1..=6).map(block).collect();
    let merged = named(&["/n/2", "/n/3", "/n/4"]);
    for (from, old, new) in [
        (0, &all[1..4], vec![merged.clone()]),
        (4, &all[1..4], vec![merged.clone()]),
        (1, &[block(2), block(9)], vec![merged.clone()]),
        (1, &[block(9), block(3)], vec![merged.clone()]),
        (5, &[block(6), block(6)], vec![merged.clone()]),
        (1, &all[1..4], vec![]),
        (1, &all[1..2], vec![merged.clone(), merged.clone()]),
        (0, &[], vec![merged.clone()]),
    ] {
        assert!(!replace(from, old, &new).await, "{from}");
    }
    let all_pages: Vec<String> = (1..=6).map(|i| format!("/n/{i}")).collect();
    assert_eq!(pages(store.as_ref(), SITE, today(), RowsOf::People).await, all_pages);

    let version = store.versions(SITE, &[today()]).await.unwrap()[0];
    assert!(replace(1, &all[1..4], std::slice::from_ref(&merged)).await);
    assert_eq!(store.versions(SITE, &[today()]).await.unwrap(), [version + 1]);
    assert_eq!(pages(store.as_ref(), SITE, today(), RowsOf::People).await, all_pages);
    let stored = store.rows(SITE, today(), RowsOf::People).await.unwrap().blocks;
    assert_eq!(stored, [block(1), merged, block(5), block(6)]);
    // A repeated call finds others there.
    assert!(!replace(1, &all[1..4], &all[1..2]).await);
    // From the oldest to the newest, and as many as before.
    let new: Vec<PackedRows> = (1..=4).map(|i| named(&[&format!("/{i}")])).collect();
    assert!(replace(0, &stored, &new).await);
    assert_eq!(store.rows(SITE, today(), RowsOf::People).await.unwrap().blocks, new);
    store.apply(&pageview("n", 7)).await.unwrap();
    let newest = pages(store.as_ref(), SITE, today(), RowsOf::People).await;
    assert_eq!(newest, ["/1", "/2", "/3", "/4", "/n/7"]);
    assert_eq!(others().await.len(), 7);
    let next = pages(store.as_ref(), SITE, day("2026-11-25"), RowsOf::People).await;
    assert_eq!(next, all_pages);
}

/// Each time all blocks that are there become one; none is lost, doubled or moved.
async fn blocks_are_replaced_while_others_are_appended(store: Arc<dyn Upkeep>) {
    let (merges, appended) = (Cell::new(0), Cell::new(None));
    let appending = async {
        let mut number = 0;
        while number < 100 || merges.get() < 5 {
            number += 1;
            assert_eq!(store.apply(&pageview("n", number)).await.unwrap(), Applied::Now);
            tokio::task::yield_now().await;
        }
        appended.set(Some(number));
    };
    let merging = async {
        loop {
            let last = appended.get().is_some();
            let old = store.rows(SITE, today(), RowsOf::People).await.unwrap().blocks;
            if old.len() > 1 {
                let blocks = old.iter().map(|packed| packed.block().unwrap());
                let new = [PackedRows::from(&Block::merge(blocks))];
                let with = Rewrite { from: 0, old, new: new.to_vec() };
                let put = store.replace_rows(SITE, today(), RowsOf::People, &with);
                assert!(put.await.unwrap());
                merges.set(merges.get() + 1);
            }
            if last {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(appending, merging);
    let expected: Vec<String> = (1..=appended.get().unwrap()).map(|i| format!("/n/{i}")).collect();
    assert_eq!(pages(store.as_ref(), SITE, today(), RowsOf::People).await, expected);
    assert_eq!(store.rows(SITE, today(), RowsOf::People).await.unwrap().blocks.len(), 1);
}

async fn rows_of_old_days_are_let_go(store: Arc<dyn Upkeep>) {
    let days = ["2026-11-22", "2026-11-23", "2026-11-24"].map(day);
    for day in days {
        store.apply(&Batch { day, ..pageview("n", 1) }).await.unwrap();
        let site = "example.org".into();
        store.apply(&Batch { site, day, ..pageview("n", 1) }).await.unwrap();
    }
    store.forget_rows(SITE, days[0]).await.unwrap();
    for of in RowsOf::ALL {
        assert_eq!(pages(store.as_ref(), SITE, days[0], of).await, ["/n/1"]);
    }
    store.forget_rows(SITE, days[2]).await.unwrap();
    for of in RowsOf::ALL {
        let mut left = Vec::new();
        for day in days {
            left.push(pages(store.as_ref(), SITE, day, of).await.len());
            assert_eq!(pages(store.as_ref(), "example.org", day, of).await, ["/n/1"]);
        }
        assert_eq!(left, [0, 0, 1]);
    }
    // Counts stay.
    assert_eq!(store.kept(SITE).await.unwrap(), days);
}

async fn hashes_are_let_go_and_visitors_stay(store: Arc<dyn Upkeep>) {
    store.apply(&full("n", 1)).await.unwrap();
    let before = store.uniques(SITE, today()).await.unwrap();
    assert!(before.0 > 900);
    store.forget_hashes(SITE, today()).await.unwrap();
    store.forget_hashes(SITE, day("2026-11-20")).await.unwrap();
    assert_eq!(store.uniques(SITE, today()).await.unwrap(), before);
}

async fn commands_are_counted(store: Arc<dyn Upkeep>) {
    let count = || store.commands().load(std::sync::atomic::Ordering::Relaxed);
    let before = count();
    store.apply(&pageview("n", 1)).await.unwrap();
    let after = count();
    assert!(after > before);
    store.versions(SITE, &[today()]).await.unwrap();
    assert!(count() > after);
}
