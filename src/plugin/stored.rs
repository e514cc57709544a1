//! Where a running process keeps its counts: in one of our stores, or in somebody's own.

use crate::config::Config;
use crate::store::{self, CountStore, SharedValues, Store, Upkeep};
use std::sync::Arc;

/// A store, by what it can be asked.
#[derive(Clone)]
pub struct Stored {
    pub counts: Arc<dyn CountStore>,
    /// Where it answers questions.
    pub to_show: Option<Arc<dyn Store>>,
    /// Where it is looked after from here.
    pub to_keep: Option<Arc<dyn Upkeep>>,
    /// Other nodes may use it too.
    pub is_shared: bool,
}

impl Stored {
    /// The one that the settings name.
    ///
    /// # Errors
    /// A database that cannot be opened, or not by this program.
    pub fn open(config: &Config) -> store::Result<Self> {
        let store = store::open(&config.store, &config.data_dir)?;
        let is_shared = config.store.is_shared();
        Ok(Self {
            counts: store.clone(),
            to_show: Some(store.clone()),
            to_keep: Some(store),
            is_shared,
        })
    }

    pub fn own(counts: Arc<dyn CountStore>) -> Self {
        Self { counts, to_show: None, to_keep: None, is_shared: true }
    }

    #[cfg(feature = "admin")]
    pub fn own_to_show(store: Arc<dyn Store>) -> Self {
        Self { to_show: Some(store.clone()), ..Self::own(store) }
    }

    /// Where nodes agree on who is who.
    pub fn shared(&self) -> Option<&dyn SharedValues> {
        self.is_shared.then_some(self.counts.as_ref() as &dyn SharedValues)
    }
}
