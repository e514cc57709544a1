//! Salts and keys that all nodes share, at hand without a look-up.
//!
//! The store keeps them: whichever node is first makes one, the others take it. A day's salt is
//! made an hour ahead and destroyed an hour after its day; view-id keys are renewed daily and the
//! last one is still honoured. While the store does not answer, a node makes do with what its
//! folder has kept ([`super::kept`]) or with its own, and offers that later.

use super::kept::{Kept, KeptSalt};
use crate::clock::{HOUR, Millis};
use crate::model::site::{Day, Site};
use crate::model::{DaySalt, ViewKey};
use crate::store::{Secret, SharedValues, StoreError};
use arc_swap::{ArcSwap, Guard};
use chrono::{DateTime, Days, NaiveDate};
use data_encoding::HEXLOWER;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// How long before its day a salt is made, and how long after it is destroyed.
const MARGIN: Millis = HOUR;

/// View-id keys live for their day, the next, and an hour.
const KEY_LIFETIME: Millis = 49 * HOUR;

/// The secrets in force. Reading is wait-free.
pub struct Secrets {
    sites: Arc<Vec<Site>>,
    current: ArcSwap<Current>,
    file: Option<PathBuf>,
    /// What the file holds.
    kept: Mutex<Kept>,
    /// What salts are made of; `None`: of chance.
    seed: Option<[u8; 32]>,
}

/// What is in force at a moment.
#[derive(Clone)]
pub struct Current {
    salts: Vec<Held>,
    /// Newest first; the first makes ids, all read them.
    keys: Vec<HeldKey>,
}

#[derive(Clone)]
struct Held {
    site: usize,
    from: Millis,
    until: Millis,
    salt: DaySalt,
    /// The store has this one.
    shared: bool,
}

#[derive(Clone)]
struct HeldKey {
    stored: StoredKey,
    key: ViewKey,
    shared: bool,
}

/// A view-id key as stored: JSON, in a list, newest first.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
pub struct StoredKey {
    /// UTC.
    day: NaiveDate,
    key: String,
}

impl Secrets {
    /// Secrets of this node alone, until [`Secrets::share`] has asked the store: those that an
    /// earlier process left in `folder`, and what is missing made up.
    pub fn new(sites: Arc<Vec<Site>>, now: Millis, folder: Option<&Path>) -> Self {
        let file = folder.map(|folder| folder.join("secrets"));
        let kept = file.as_deref().map(Kept::read).unwrap_or_default();
        let mut keys: Vec<HeldKey> = kept.keys.iter().filter_map(HeldKey::shared).collect();
        if keys.first().is_none_or(|newest| newest.stored.day < utc_day(now)) {
            keys.insert(0, HeldKey::random(now));
        }
        // The store may not have it, or not any more.
        keys[0].shared = false;
        let salts = kept.salts.iter().filter_map(|kept| {
            let site = sites.iter().position(|site| *site.name == *kept.site)?;
            Some(Held::new(site, &sites[site], kept.day, kept.salt, false))
        });
        let current = Current { salts: salts.collect(), keys };
        let (current, kept) = (ArcSwap::from_pointee(current), Mutex::new(kept));
        let secrets = Self { sites, current, file, kept, seed: None };
        secrets.make_do(now);
        secrets.keep();
        secrets
    }

    /// Secrets of nobody else, whose salts follow from a seed: whoever has it makes the same ones
    /// again, for as long as it is not destroyed.
    pub fn derived(sites: Arc<Vec<Site>>, seed: [u8; 32]) -> Self {
        let current = ArcSwap::from_pointee(Current { salts: Vec::new(), keys: Vec::new() });
        Self { sites, current, file: None, kept: Mutex::default(), seed: Some(seed) }
    }

    fn new_salt(&self, site: usize, day: Day) -> [u8; 32] {
        let Some(seed) = self.seed else { return rand::random() };
        let mut block = [0; 64];
        block[..seed.len()].copy_from_slice(&seed);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(self.sites[site].name.as_bytes());
        mac.update(day.to_string().as_bytes());
        mac.finalize().into_bytes().into()
    }

    pub fn load(&self) -> Guard<Arc<Current>> {
        self.current.load()
    }

    /// Makes what is missing, drops what is over; no store involved.
    pub fn make_do(&self, now: Millis) {
        let missing = |current: &Current| {
            let days = |i: usize| [now, now + MARGIN].map(|at| (i, self.sites[i].day(at)));
            let mut all: Vec<(usize, Day)> = (0..self.sites.len()).flat_map(days).collect();
            all.dedup();
            all.retain(|(i, day)| {
                !current.salts.iter().any(|h| (h.site, h.salt.day) == (*i, *day))
            });
            all
        };
        let over = |held: &Held| now >= held.until + MARGIN;
        let current = self.current.load();
        if missing(&current).is_empty() && !current.salts.iter().any(over) {
            return;
        }
        // Several threads may find the same missing; all take the first one's.
        self.current.rcu(|current| {
            let mut next = Current::clone(current);
            next.salts.retain(|held| !over(held));
            for (i, day) in missing(&next) {
                let salt = self.new_salt(i, day);
                next.salts.push(Held::new(i, &self.sites[i], day, salt, false));
            }
            next
        });
    }

    /// Puts in the node's folder what is in force, if that is not what it has.
    fn keep(&self) {
        let Some(file) = &self.file else { return };
        let current = self.current.load();
        let salt = |held: &Held| KeptSalt {
            site: self.sites[held.site].name.to_string(),
            day: held.salt.day,
            salt: held.salt.bytes,
        };
        let now = Kept {
            salts: current.salts.iter().map(salt).collect(),
            keys: current.keys.iter().map(|key| key.stored.clone()).collect(),
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if *kept != now {
            if let Err(error) = now.write(file) {
                tracing::debug!("{}: {error}", file.display());
                return;
            }
            *kept = now;
        }
    }

    /// Agrees with the store on everything that is not yet agreed on. Sends nothing if all is.
    ///
    /// # Errors
    /// The store's; what was agreed on before it stays.
    pub async fn share(&self, store: &dyn SharedValues, now: Millis) -> Result<(), StoreError> {
        self.make_do(now);
        self.keep();
        let shared = self.agree(store, now).await;
        self.keep();
        shared
    }

    async fn agree(&self, store: &dyn SharedValues, now: Millis) -> Result<(), StoreError> {
        let current = Current::clone(&self.current.load());
        for held in current.salts.iter().filter(|h| !h.shared) {
            let site = &self.sites[held.site];
            let which = Secret::Salt { site: site.name.clone(), day: held.salt.day };
            let expires = held.until + MARGIN;
            let stored = store.put_secret(&which, None, &held.salt.bytes, expires).await?;
            if let Ok(bytes) = stored.as_slice().try_into() {
                self.adopt_salt(Held::new(held.site, site, held.salt.day, bytes, true));
            } else {
                tracing::error!("the salt of {} in {} is damaged", held.salt.day, store.name());
            }
        }
        for (i, site) in self.sites.iter().enumerate() {
            // Just after midnight, yesterday's salt still finds running visits.
            let day = site.day(now - MARGIN);
            if current.salts.iter().any(|h| h.site == i && h.salt.day == day) {
                continue;
            }
            let which = Secret::Salt { site: site.name.clone(), day };
            let stored = store.secret(&which).await?;
            let shared = stored.as_deref().and_then(|s| s.try_into().ok());
            // One that no node made is made up, so as not to ask again.
            let bytes = shared.unwrap_or_else(rand::random);
            self.adopt_salt(Held::new(i, site, day, bytes, true));
        }
        self.share_keys(store, now).await
    }

    fn adopt_salt(&self, held: Held) {
        self.current.rcu(|current| {
            let mut next = Current::clone(current);
            next.salts.retain(|h| (h.site, h.salt.day) != (held.site, held.salt.day));
            next.salts.push(held.clone());
            next
        });
    }

    async fn share_keys(&self, store: &dyn SharedValues, now: Millis) -> Result<(), StoreError> {
        let today = utc_day(now);
        let current = Current::clone(&self.current.load());
        if current.keys.first().is_some_and(|k| k.shared && k.stored.day >= today) {
            return Ok(());
        }
        let stored = store.secret(&Secret::ViewKeys).await?;
        let mut keys = stored.as_deref().map(parse_keys).unwrap_or_default();
        if keys.first().is_none_or(|newest| newest.day < today) {
            let own = current.keys.iter().find(|k| !k.shared);
            let newest = own.map_or_else(|| HeldKey::random(now).stored, |k| k.stored.clone());
            keys.insert(0, StoredKey { day: today, ..newest });
            keys.truncate(2);
            let json = serde_json::to_vec(&keys).unwrap_or_default();
            let expires = now + KEY_LIFETIME;
            let winner =
                store.put_secret(&Secret::ViewKeys, stored.as_deref(), &json, expires).await?;
            keys = parse_keys(&winner);
        }
        let mut held: Vec<HeldKey> = keys.iter().filter_map(HeldKey::shared).collect();
        if held.is_empty() {
            tracing::error!(
                "the view-id keys in {} are damaged; using this node's own",
                store.name()
            );
            return Ok(());
        }
        // Ids made with our own key before we were told the shared one.
        let known = |key: &HeldKey| held.iter().any(|h| h.stored.key == key.stored.key);
        let own: Vec<HeldKey> =
            current.keys.into_iter().filter(|k| !k.shared && !known(k)).take(1).collect();
        held.extend(own);
        self.current.rcu(|current| Current { salts: current.salts.clone(), keys: held.clone() });
        Ok(())
    }
}

impl Current {
    /// The salt of the day `at` falls on.
    pub fn salt(&self, site: usize, at: Millis) -> Option<&DaySalt> {
        let mut salts = self.salts.iter().filter(|h| h.site == site);
        salts.find(|h| (h.from..h.until).contains(&at)).map(|h| &h.salt)
    }

    /// The salt of the day before, if `at` is in the hour after midnight.
    pub fn yesterdays_salt(&self, site: usize, at: Millis) -> Option<&DaySalt> {
        let mut salts = self.salts.iter().filter(|h| h.site == site);
        salts.find(|h| (h.until..h.until + MARGIN).contains(&at)).map(|h| &h.salt)
    }

    /// Keys for view ids: the first makes them, all read them.
    pub fn view_keys(&self) -> impl Iterator<Item = &ViewKey> {
        self.keys.iter().map(|k| &k.key)
    }
}

impl Held {
    fn new(index: usize, site: &Site, day: Day, bytes: [u8; 32], shared: bool) -> Self {
        let next = day.checked_add_days(Days::new(1)).unwrap_or(day);
        Self {
            site: index,
            from: site.day_start(day),
            until: site.day_start(next),
            salt: DaySalt { day, bytes },
            shared,
        }
    }
}

impl HeldKey {
    fn random(now: Millis) -> Self {
        let bytes: [u8; 32] = rand::random();
        let stored = StoredKey { day: utc_day(now), key: HEXLOWER.encode(&bytes) };
        Self { stored, key: ViewKey::new(&bytes), shared: false }
    }

    fn shared(stored: &StoredKey) -> Option<Self> {
        let bytes = HEXLOWER.decode(stored.key.as_bytes()).ok()?.try_into().ok()?;
        Some(Self { stored: stored.clone(), key: ViewKey::new(&bytes), shared: true })
    }
}

fn parse_keys(json: &[u8]) -> Vec<StoredKey> {
    serde_json::from_slice(json).unwrap_or_default()
}

fn utc_day(now: Millis) -> NaiveDate {
    DateTime::from_timestamp_millis(now).unwrap_or_default().date_naive()
}
