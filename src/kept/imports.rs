//! Of which days other programs have told totals: these are kept beside our own counts.

use super::Document;
use crate::model::site::Day;
use crate::report::Range;
use serde::{Deserialize, Serialize};

/// What one program has told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    pub program: String,
    pub first: Day,
    pub last: Day,
}

/// All that was imported of a site.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Imports {
    /// How often something was imported: what is held of it is out of date with the next time.
    pub times: u64,
    all: Vec<Imported>,
}

impl Document for Imports {
    const NAME: &'static str = "imports";
}

impl Imports {
    /// Notes that a program has told these days; of the same one they go on.
    pub fn add(&mut self, program: &str, first: Day, last: Day) {
        self.times += 1;
        match self.all.iter_mut().find(|known| known.program == program) {
            Some(known) => {
                (known.first, known.last) = (known.first.min(first), known.last.max(last));
            }
            None => self.all.push(Imported { program: program.to_owned(), first, last }),
        }
    }

    /// The first day that is told.
    pub fn first(&self) -> Option<Day> {
        self.all.iter().map(|told| told.first).min()
    }

    /// Those that reach into a range.
    pub fn within(&self, range: Range) -> impl Iterator<Item = &Imported> {
        self.all.iter().filter(move |told| told.first <= range.last && range.first <= told.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_one_program_days_go_on() {
        let day = |nth| Day::from_ymd_opt(2026, 3, nth).unwrap();
        let mut imports = Imports::default();
        imports.add("Plausible", day(4), day(9));
        imports.add("Plausible", day(2), day(5));
        imports.add("Umami", day(20), day(21));
        let within = |first, last| {
            let range = Range { first: day(first), last: day(last) };
            imports.within(range).map(|told| (&*told.program, told.last)).collect::<Vec<_>>()
        };
        assert_eq!(within(1, 1), []);
        assert_eq!(within(1, 2), [("Plausible", day(9))]);
        assert_eq!(within(9, 20), [("Plausible", day(9)), ("Umami", day(21))]);
        assert_eq!(within(22, 30), []);
    }
}
