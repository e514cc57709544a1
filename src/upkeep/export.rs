//! `headcount export`: event rows of a range of days, to a file or to standard output.

use super::Progress;
use crate::config::Config;
use crate::export::{Format, Pass};
use crate::model::site::{Day, Site};
use crate::store::Upkeep;
use crate::{private, store};
use anyhow::Context;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Export {
    pub from: Day,
    pub to: Day,
    pub format: Format,
    /// `None`: standard output.
    pub output: Option<PathBuf>,
}

impl Export {
    /// Does it. A file has its name only once all of it is there.
    ///
    /// # Errors
    /// The store's; the file's; rows that cannot be read.
    pub fn run(&self, config: &Config) -> anyhow::Result<()> {
        let site = config.only_site()?;
        let store = store::open(&config.store, &config.data_dir)?;
        let mut progress = Progress::shown();
        let rows = match &self.output {
            None => self.write(store, site, &mut io::stdout().lock(), &mut progress)?,
            Some(file) => {
                let part = part(file);
                let made = private::create(&part).with_context(|| part.display().to_string())?;
                let mut out = BufWriter::new(made);
                let rows = self.write(store, site, &mut out, &mut progress)?;
                let done = out.into_inner().map_err(|e| e.into_error())?.sync_all();
                done.and_then(|()| fs::rename(&part, file))
                    .with_context(|| file.display().to_string())?;
                rows
            }
        };
        progress.say(format!("{}: {rows} rows, {} to {}", site.name, self.from, self.to));
        Ok(())
    }

    fn write(
        &self,
        store: Arc<dyn Upkeep>,
        site: &Site,
        out: &mut dyn Write,
        progress: &mut Progress,
    ) -> anyhow::Result<usize> {
        let site = site.name.clone();
        super::command::runtime()?.block_on(async {
            let mut days = store.kept(&site).await?;
            days.retain(|day| (self.from..=self.to).contains(day));
            let mut pass = Pass::new(store, site, self.format, days).await?;
            progress.expect(pass.days());
            let (mut rows, mut foreign) = (0, 0);
            while let Some(piece) = pass.next().await? {
                match out.write_all(&piece.bytes).and_then(|()| out.flush()) {
                    // Whoever reads has read enough.
                    Err(e) if e.kind() == io::ErrorKind::BrokenPipe => break,
                    written => written?,
                }
                (rows, foreign) = (rows + piece.rows, foreign + piece.foreign);
                (0..piece.days).for_each(|_| progress.step(format_args!("{rows} rows")));
            }
            if foreign > 0 {
                progress.say(format!(
                    "{foreign} items of an earlier release are not in it; see `headcount migrate`"
                ));
            }
            Ok(rows)
        })
    }
}

fn part(file: &Path) -> PathBuf {
    let mut part = file.as_os_str().to_owned();
    part.push(".part");
    part.into()
}
