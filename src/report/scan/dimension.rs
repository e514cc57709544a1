//! What rows of a day are told apart by: the values of a property, or steps of time. Values of all
//! days are told by the numbers of their names, and each text of a day is named once.

use super::column::Column;
use super::groups::{Names, ScannedDay};
use super::times::Times;
use super::{Asked, By};
use crate::clock::Millis;
use crate::report::names;

/// What rows of a day are told apart by.
pub(super) enum Dimension<'d> {
    Values {
        column: Column<'d>,
        naming: fn(&str) -> &str,
        /// By number of a value its name's; `UNNAMED` until it comes.
        names: Vec<u32>,
    },
    Times(Times<'d>),
}

const UNNAMED: u32 = u32::MAX;

impl<'d> Dimension<'d> {
    pub fn new(by: &'d By, asked: &Asked, day: &ScannedDay<'d>) -> Self {
        match by {
            By::Property(property) => {
                let column = Column::new(day.rows, property, &day.site.goals);
                let column = if asked.with_unset { column.with_unset() } else { column };
                let (column, naming): (_, fn(&str) -> &str) = match asked.as_stored {
                    true => (column.without_views(), |value| value),
                    false => (column, names::naming(property)),
                };
                Self::Values { names: vec![UNNAMED; column.len()], column, naming }
            }
            By::Time(interval) => {
                Self::Times(Times::new(day.site, *interval, (day.date, day.range)))
            }
        }
    }

    /// The name that all rows of one of the block's visits have, by its number in `names`.
    pub fn of_visit(&mut self, of: usize, names: &mut Names) -> Option<u32> {
        match self {
            Self::Times(times) => Some(times.of_day(names)),
            Self::Values { column, naming, names: known } => {
                column.of_visit(of).map(|number| name(column, *naming, known, number, names))
            }
        }
    }

    /// Shows the names of a row, at this time.
    pub fn of_row(&mut self, i: usize, at: Millis, names: &mut Names, show: &mut Vec<u32>) {
        match self {
            Self::Times(times) => show.push(times.at(at, names)),
            Self::Values { column, naming, names: known } => {
                column.each(i, |number| show.push(name(column, *naming, known, number, names)));
                if show.len() > 1 {
                    show.sort_unstable();
                    show.dedup();
                }
            }
        }
    }

    pub fn is_of_visits(&self) -> bool {
        match self {
            Self::Values { column, .. } => column.is_of_visits(),
            Self::Times(times) => times.is_of_day(),
        }
    }
}

/// The name of a value, by its number in `names`.
fn name(
    column: &Column<'_>,
    naming: fn(&str) -> &str,
    known: &mut [u32],
    number: u32,
    names: &mut Names,
) -> u32 {
    let name = &mut known[number as usize];
    if *name == UNNAMED {
        let text = column.text(number);
        let api = naming(text);
        let shared = if std::ptr::eq(api, &**text) { text.clone() } else { api.into() };
        *name = names.insert_full(shared).0 as u32;
    }
    *name
}
