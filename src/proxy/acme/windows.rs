//! When the authority would like certificates to be renewed, as it was told when it was asked last.

use super::date;
use super::order::Failure;
use super::plan::{Fingerprint, Window, fingerprint};
use super::state::{Certificate, State};
use crate::clock::{HOUR, Millis};
use std::collections::HashMap;

/// When to ask again an authority that does not say, or has not answered.
const NO_WINDOW: Millis = 24 * HOUR;
const FAILED: Millis = HOUR;

#[derive(Default)]
pub struct Windows(HashMap<Fingerprint, Asked>);

struct Asked {
    window: Option<Window>,
    again: Millis,
}

impl Windows {
    pub fn of(&self, certificate: &Certificate) -> Option<Window> {
        self.0.get(&fingerprint(certificate))?.window
    }

    /// When the next is to be asked for again.
    pub fn next(&self) -> Option<Millis> {
        self.0.values().map(|asked| asked.again).min()
    }

    /// Certificates to be asked about now. What was told of those that are gone is forgotten.
    pub fn due(&mut self, state: &State, now: Millis) -> Vec<Fingerprint> {
        let own = |held: &&Certificate| held.directory == state.directory && held.until > now;
        let held: Vec<Fingerprint> =
            state.certificates.iter().filter(own).map(fingerprint).collect();
        self.0.retain(|known, _| held.contains(known));
        let due = |own: &Fingerprint| self.0.get(own).is_none_or(|asked| now >= asked.again);
        held.into_iter().filter(due).collect()
    }

    /// Notes what the authority says: a window, and when to ask again; or that it has none.
    pub fn told(
        &mut self,
        own: Fingerprint,
        told: Result<Option<(Window, Millis)>, Failure>,
        now: Millis,
    ) {
        let known = self.0.get(&own).and_then(|asked| asked.window);
        let asked = match told {
            Ok(Some((window, again))) => {
                if known != Some(window) {
                    let (start, end) = (date(window.start), date(window.end));
                    tracing::info!("the authority would renew from {start} to {end}");
                }
                Asked { window: Some(window), again }
            }
            Ok(None) => Asked { window: None, again: now + NO_WINDOW },
            // What it said before holds.
            Err(failure) => {
                tracing::debug!("when to renew is not known: {failure:?}");
                Asked { window: known, again: now + FAILED }
            }
        };
        self.0.insert(own, asked);
    }
}
