//! `headcount delete`: lets go of what is kept of a site, all of it or some days.

use super::{Progress, daily};
use crate::clock::Clock;
use crate::config::Config;
use crate::model::site::{Day, Month, Site};
use crate::store::{self, Result, Upkeep};
use anyhow::Context;
use std::collections::BTreeSet;
use std::io::{BufRead, Write};

/// What is to go.
#[derive(Debug, Clone, Copy)]
pub struct Delete {
    /// First and last day; `None`: all that there is of the site.
    pub days: Option<(Day, Day)>,
    /// Without a question.
    pub yes: bool,
}

/// What goes, of what is kept.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Doomed {
    pub days: Vec<Day>,
    /// Whose roll-ups go.
    pub months: Vec<Month>,
    /// Whose roll-ups are made again from the days that are left.
    pub again: Vec<Month>,
    /// Whose days are gone, and of which not all are to go: nothing can be taken out of these.
    pub whole: Vec<Month>,
}

impl Delete {
    /// Asks, unless it was told `yes`, and does it.
    ///
    /// # Errors
    /// The store's; months that are only known as a whole and stay.
    pub fn run(&self, config: &Config) -> anyhow::Result<()> {
        let store = store::open(&config.store, &config.data_dir)?;
        let (site, runtime) = (config.only_site()?, super::command::runtime()?);
        let doomed = runtime.block_on(self.look(store.as_ref(), site))?;
        if self.days.is_some() && doomed == Doomed::default() {
            println!("{}: nothing is kept of these days in {}", site.name, store.name());
            return Ok(());
        }
        if !self.yes && !agreed(&doomed.question(site, store.name()))? {
            anyhow::bail!("nothing was deleted");
        }
        let mut progress = Progress::shown();
        runtime.block_on(self.work(store.as_ref(), site, &doomed, &mut progress))?;
        drop(progress);
        let (days, months) = (doomed.days.len(), doomed.months.len());
        println!("{}: {days} days and {months} months deleted", site.name);
        match doomed.whole.as_slice() {
            [] => Ok(()),
            months => {
                let months: Vec<String> = months.iter().map(Month::to_string).collect();
                anyhow::bail!(
                    "{} are only known as whole months and stay: delete all of their days at once",
                    months.join(", ")
                )
            }
        }
    }

    /// What there is to go.
    ///
    /// # Errors
    /// The store's.
    pub async fn look(&self, store: &dyn Upkeep, site: &Site) -> Result<Doomed> {
        let counted = store.kept(&site.name).await?;
        let imported = store.kept_imported(&site.name).await?;
        let days: BTreeSet<Day> = counted.into_iter().chain(imported).collect();
        let mut doomed = Doomed { days: days.into_iter().collect(), ..Doomed::default() };
        let months = store.kept_months(&site.name).await?;
        let Some((from, to)) = self.days else {
            return Ok(Doomed { months, ..doomed });
        };
        doomed.days.retain(|day| (from..=to).contains(day));
        let frozen = store.frozen(&site.name, &months).await?;
        for (month, frozen) in months.into_iter().zip(frozen) {
            if month.last() < from || to < month.first() {
                continue;
            }
            if from <= month.first() && month.last() <= to {
                doomed.months.push(month);
            } else if frozen > 0 {
                doomed.whole.push(month);
            } else {
                doomed.again.push(month);
            }
        }
        Ok(doomed)
    }

    /// Does it.
    ///
    /// # Errors
    /// The store's. It can be done again then.
    pub async fn work(
        &self,
        store: &dyn Upkeep,
        site: &Site,
        doomed: &Doomed,
        progress: &mut Progress,
    ) -> Result<()> {
        let now = Clock::system().now();
        progress.expect(doomed.days.len() + doomed.months.len());
        for day in &doomed.days {
            store.forget(&site.name, *day).await?;
            progress.step(day);
        }
        for month in &doomed.months {
            store.forget_month(&site.name, *month).await?;
            progress.step(month);
        }
        let again = doomed.again.iter().copied();
        daily::roll_up_again(store, site, again, site.day(now), progress).await?;
        if self.days.is_none() {
            store.forget_rest(&site.name).await?;
        }
        // Empties the log of a file, which still has what was deleted.
        store.trim(&site.name, usize::MAX, now).await
    }
}

impl Doomed {
    fn question(&self, site: &Site, store: &str) -> String {
        let span = match (self.days.first(), self.days.last()) {
            (Some(first), Some(last)) => {
                let n = self.days.len();
                format!("{n} days from {first} to {last}")
            }
            _ => "no days".to_owned(),
        };
        let months = self.months.len();
        format!("Delete {span} and {months} months of {} in {store}, for good? [y/N] ", site.name)
    }
}

/// What a person at the terminal says.
fn agreed(question: &str) -> anyhow::Result<bool> {
    eprint!("{question}");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).context("no answer")?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
