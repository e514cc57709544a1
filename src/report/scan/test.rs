//! A filter, made ready for the rows of one day: each text is judged once, each visit once for what
//! all its rows have in common.

use super::column::Column;
use super::day::DayRows;
use super::{Expr, Wanted};
use crate::model::goal::Goal;
use crate::model::row::Kind;
use crate::report::{Property, names};

/// Which rows meet a filter.
pub(super) enum Met {
    /// By place in the block's visits.
    OfVisits(Vec<bool>),
    /// By row.
    OfRows(Vec<bool>),
}

impl Met {
    pub fn new(day: &DayRows, goals: &[Goal], expr: &Expr) -> Self {
        match expr {
            Expr::All(exprs) => Self::joined(day, goals, exprs, true),
            Expr::Any(exprs) => Self::joined(day, goals, exprs, false),
            Expr::Not(expr) => {
                let mut met = Self::new(day, goals, expr);
                met.each_mut().for_each(|met| *met = !*met);
                met
            }
            Expr::Has(property, wanted) => Self::has(day, goals, property, wanted),
            Expr::HasDone(expr) => {
                let met = Self::new(day, goals, expr);
                let mut visitors = vec![false; day.visitors];
                // What happened after midnight, the next day's rows tell.
                let of_day = (0..day.len()).filter(|i| day.block.kind[*i] != Kind::Activity);
                for i in of_day {
                    let visitor = day.visitor_of[day.block.of[i] as usize];
                    if let Some(visitor) = visitor.filter(|_| met.is_met(day, i)) {
                        visitors[visitor as usize] = true;
                    }
                }
                let has = |visitor: &Option<u32>| visitor.is_some_and(|v| visitors[v as usize]);
                Self::OfVisits(day.visitor_of.iter().map(has).collect())
            }
        }
    }

    pub fn is_met(&self, day: &DayRows, i: usize) -> bool {
        match self {
            Self::OfVisits(met) => met[day.block.of[i] as usize],
            Self::OfRows(met) => met[i],
        }
    }

    /// All of them are met, or any of them.
    fn joined(day: &DayRows, goals: &[Goal], exprs: &[Expr], all: bool) -> Self {
        let neutral = Self::OfVisits(vec![all; day.block.visits.len()]);
        exprs.iter().fold(neutral, |met, expr| {
            let (mut met, other) = match (met, Self::new(day, goals, expr)) {
                (Self::OfVisits(met), other @ Self::OfRows(_)) => (other, Self::OfVisits(met)),
                pair => pair,
            };
            let join = |met: &mut bool, other: bool| {
                *met = if all { *met & other } else { *met | other };
            };
            match (&mut met, other) {
                (Self::OfRows(met), Self::OfVisits(other)) => met
                    .iter_mut()
                    .zip(&day.block.of)
                    .for_each(|(met, of)| join(met, other[*of as usize])),
                (met, Self::OfRows(other) | Self::OfVisits(other)) => {
                    met.each_mut().zip(other).for_each(|(met, other)| join(met, other));
                }
            }
            met
        })
    }

    fn has(day: &DayRows, goals: &[Goal], property: &Property, wanted: &[Wanted]) -> Self {
        let column = Column::new(day, property, goals);
        let naming = names::naming(property);
        // By the API's name, or as stored and as the dashboard has it.
        let fits = |value| {
            let name = naming(value);
            wanted.iter().any(|wanted| wanted.fits(value) || wanted.fits(name))
        };
        // Judged when it first comes: most texts are no values of the property.
        let mut judged: Vec<Option<bool>> = vec![None; column.len()];
        let mut is_wanted =
            |number: u32| *judged[number as usize].get_or_insert_with(|| fits(column.text(number)));
        if column.is_of_visits() {
            let mut met = vec![false; day.block.visits.len()];
            for (of, met) in met.iter_mut().enumerate() {
                *met = column.of_visit(of).is_some_and(&mut is_wanted);
            }
            return Self::OfVisits(met);
        }
        let mut met = vec![false; day.len()];
        for (i, met) in met.iter_mut().enumerate() {
            column.each(i, |number| *met |= is_wanted(number));
        }
        Self::OfRows(met)
    }

    fn each_mut(&mut self) -> impl Iterator<Item = &mut bool> {
        let (Self::OfVisits(met) | Self::OfRows(met)) = self;
        met.iter_mut()
    }
}
