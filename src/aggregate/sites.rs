//! Sites by what outlives the process: hits and all that a shard remembers name a site by its
//! [`SiteId`], never by its place among those that are configured.

use crate::model::site::{Site, SiteId};
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::ops::Index;
use std::sync::Arc;

#[derive(Clone)]
pub struct Sites {
    all: Arc<Vec<Site>>,
    ids: Vec<SiteId>,
    places: HashMap<SiteId, usize, RandomState>,
}

impl Sites {
    pub fn new(all: Arc<Vec<Site>>) -> Self {
        let ids: Vec<SiteId> = all.iter().map(|site| SiteId::of(&site.name)).collect();
        // What names no site (a hit of release 0.1.0) is the first one's.
        let only = ids.first().map(|_| (SiteId::default(), 0));
        let places = ids.iter().copied().zip(0..).chain(only).collect();
        Self { all, ids, places }
    }

    /// The site that a hit names; `None`: it is not configured any more.
    pub fn known(&self, id: SiteId) -> Option<SiteId> {
        self.places.get(&id).map(|place| self.ids[*place])
    }

    /// Which of those that are configured it is.
    pub fn place(&self, id: SiteId) -> usize {
        self.places[&id]
    }

    pub fn id(&self, place: usize) -> SiteId {
        self.ids[place]
    }
}

impl Index<SiteId> for Sites {
    type Output = Site;

    fn index(&self, id: SiteId) -> &Site {
        &self.all[self.place(id)]
    }
}
