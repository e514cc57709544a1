//! How the dashboard is looked at: by whom, under which address, and at how much of a site.
//!
//! Apart from the view, which is what they chose: this they cannot choose.

use crate::admin::caller::{Caller, Who};
use crate::admin::error::Error;
use crate::admin::params::Params;
use crate::kept::{Imports, Notes};
use crate::language::Language;
use crate::model::site::{Day, Site};
use crate::report::{Period, Segment};
use std::sync::Arc;

#[derive(Clone)]
pub(in crate::admin) struct Look {
    /// The language they read.
    pub say: Language,
    /// The page's own path; that of a link begins with its key.
    pub base: String,
    /// What all that is shown has to meet.
    pub limit: Option<Segment>,
    /// They came by a link: what belongs to people is not offered.
    pub by_link: bool,
    /// They may change what is kept of the site.
    pub owns: bool,
    /// They may change who may see it, and their own password.
    pub is_somebody: bool,
    /// Sites they may see.
    pub sites: Vec<Arc<str>>,
    /// Notes on the site's days.
    pub notes: Arc<Notes>,
    /// What other programs have counted of them.
    pub imports: Arc<Imports>,
    /// The name they signed in with.
    pub name: Option<String>,
    /// The first day of all of the time, where that is asked for and known.
    pub since: Option<Day>,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            say: Language::English,
            base: "/".to_owned(),
            limit: None,
            by_link: false,
            owns: false,
            is_somebody: false,
            sites: Vec::new(),
            notes: Arc::default(),
            imports: Arc::default(),
            name: None,
            since: None,
        }
    }
}

impl Look {
    /// At what `params` ask for.
    ///
    /// # Errors
    /// The store's.
    pub async fn of(caller: &Caller, site: &Site, params: &Params) -> Result<Self, Error> {
        // The store may be asked for counts only: then there are no notes.
        let notes = match caller.admin.budget.is_some() {
            true => caller.kept.get::<Notes>(Some(&site.name)).await.unwrap_or_default(),
            false => caller.document::<Notes>(Some(&site.name)).await?,
        };
        let imports = match caller.admin.budget.is_some() {
            true => caller.kept.get::<Imports>(Some(&site.name)).await.unwrap_or_default(),
            false => caller.document::<Imports>(Some(&site.name)).await?,
        };
        let since = match params.get("period") == Some(Period::All.as_str()) {
            true => caller.first_day(site, &imports).await?,
            false => None,
        };
        let link = caller.link();
        Ok(Self {
            say: caller.say(),
            base: link.map_or_else(|| "/".to_owned(), |link| link.path()),
            limit: caller.limit().cloned(),
            by_link: link.is_some(),
            owns: caller.rights().owns(&site.name) && caller.granted().is_somebody(),
            is_somebody: caller.granted().is_somebody(),
            sites: caller.sites().map(|(_, site)| site.name.clone()).collect(),
            notes,
            imports,
            name: match &caller.granted().who {
                Who::Person { name, .. } => Some(name.clone()),
                _ => None,
            },
            since,
        })
    }
}
