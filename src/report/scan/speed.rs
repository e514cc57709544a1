//! How long things took, from event rows.

use super::count::Matching;
use super::day::DayRows;
use super::{Asked, Expr};
use crate::model::row::Kind;
use crate::model::site::Site;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::sync::Arc;

/// What the website's time is called.
const ORIGIN: &str = "origin";

/// Shows how often something of a page took a time: what it is, the time's
/// [`bucket`](crate::model::sketch::bucket), the page and how often.
pub fn each_time<'d>(
    site: &Site,
    days: impl IntoIterator<Item = &'d DayRows>,
    filter: Option<&Expr>,
    mut show: impl FnMut(&'d str, u32, &'d Arc<str>, i64),
) {
    let asked = Asked { filter: filter.cloned(), ..Asked::default() };
    for day in days {
        let rows = &day.block;
        let mut times: HashMap<(Option<u32>, i64, u32), i64, RandomState> = HashMap::default();
        for i in Matching::new(site, day, &asked, None).rows.iter().map(|i| *i as usize) {
            let (what, bucket) = match rows.kind[i] {
                Kind::View if rows.numbers[1][i] != 0 => (None, rows.numbers[1][i] - 1),
                Kind::Vital => (Some(rows.name[i]), rows.numbers[0][i]),
                _ => continue,
            };
            *times.entry((what, bucket, rows.page[i])).or_default() += 1;
        }
        for ((what, bucket, page), n) in times {
            let what = what.map_or(ORIGIN, |what| &*rows.texts[what as usize]);
            show(what, u32::try_from(bucket).unwrap_or_default(), &rows.texts[page as usize], n);
        }
    }
}
