//! A filter, made ready for the rows of one day: each text is judged once.

use super::column::Column;
use super::day::DayRows;
use super::{Expr, Wanted};
use crate::model::goal::Goal;
use crate::model::row::Kind;
use crate::report::{Property, names};

/// Judges rows by their places.
pub(super) enum Test<'d> {
    All(Vec<Test<'d>>),
    Any(Vec<Test<'d>>),
    Not(Box<Test<'d>>),
    /// By number of a value whether it is wanted.
    Has(Column<'d>, Vec<bool>),
    /// By number of a visitor whether it has such a row.
    Visitor(&'d DayRows, Vec<bool>),
}

impl<'d> Test<'d> {
    pub fn new(day: &'d DayRows, goals: &'d [Goal], expr: &Expr) -> Self {
        let all = |exprs: &[Expr]| exprs.iter().map(|e| Self::new(day, goals, e)).collect();
        match expr {
            Expr::All(exprs) => Self::All(all(exprs)),
            Expr::Any(exprs) => Self::Any(all(exprs)),
            Expr::Not(expr) => Self::Not(Box::new(Self::new(day, goals, expr))),
            Expr::Has(property, wanted) => {
                let column = Column::new(day, property, goals);
                let numbers = 0..column.len() as u32;
                let fits = numbers.map(|number| fits(property, wanted, column.text(number)));
                let fits = fits.collect();
                Self::Has(column, fits)
            }
            Expr::HasDone(expr) => {
                let test = Self::new(day, goals, expr);
                let mut visitors = vec![false; day.visitors];
                // What happened after midnight, the next day's rows tell.
                let of_day = (0..day.len()).filter(|i| day.block.kind[*i] != Kind::Activity);
                for i in of_day {
                    let visitor = day.visitor_of[day.block.of[i] as usize];
                    if let Some(visitor) = visitor.filter(|_| test.is_met(i)) {
                        visitors[visitor as usize] = true;
                    }
                }
                Self::Visitor(day, visitors)
            }
        }
    }

    pub fn is_met(&self, i: usize) -> bool {
        match self {
            Self::All(tests) => tests.iter().all(|test| test.is_met(i)),
            Self::Any(tests) => tests.iter().any(|test| test.is_met(i)),
            Self::Not(test) => !test.is_met(i),
            Self::Has(column, fits) => {
                let mut met = false;
                column.each(i, |number| met |= fits[number as usize]);
                met
            }
            Self::Visitor(day, visitors) => day.visitor_of[day.block.of[i] as usize]
                .is_some_and(|visitor| visitors[visitor as usize]),
        }
    }
}

/// Whether a value is wanted, by the API's name, or as stored and as the dashboard has it.
fn fits(property: &Property, wanted: &[Wanted], value: &str) -> bool {
    let name = names::name(property, value);
    wanted.iter().any(|wanted| wanted.fits(value) || wanted.fits(name))
}
