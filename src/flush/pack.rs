//! Events that wait: as text at first, and compressed once it is clear that they wait for long.
//!
//! A list of recent events is worth keeping through an outage, and not worth the memory it takes
//! as text: 500 pageviews a second are a quarter of a gigabyte in four minutes, compressed a
//! twentieth of that. Where the store answers, nothing is ever compressed.

use super::batch::BATCH_MAX;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};

/// Bytes an event takes in memory beside its text, about.
const ENTRY: usize = 48;

/// At most as many events as travel in one batch, as JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Pack {
    /// Oldest first.
    Plain(Vec<String>),
    /// How many, and they as deflated lines.
    Deflated(usize, Vec<u8>),
}

impl Default for Pack {
    fn default() -> Self {
        Self::Plain(Vec::new())
    }
}

impl Pack {
    /// How many events.
    pub fn count(&self) -> usize {
        match self {
            Self::Plain(events) => events.len(),
            Self::Deflated(count, _) => *count,
        }
    }

    /// Bytes it takes, about.
    pub fn size(&self) -> usize {
        match self {
            Self::Plain(events) => events.iter().map(|event| event.len() + ENTRY).sum(),
            Self::Deflated(_, bytes) => bytes.len() + ENTRY,
        }
    }

    /// The events, oldest first.
    pub fn events(&self) -> Vec<String> {
        match self {
            Self::Plain(events) => events.clone(),
            Self::Deflated(count, bytes) => {
                let mut text = String::new();
                if let Err(error) = DeflateDecoder::new(bytes.as_slice()).read_to_string(&mut text)
                {
                    tracing::error!("{count} events cannot be unpacked: {error}");
                }
                text.lines().map(str::to_owned).collect()
            }
        }
    }

    /// Takes in as many of `later` as there is room for in plain text; gives back the others.
    pub fn fill(&mut self, mut later: Pack) -> Pack {
        if let (Self::Plain(own), Self::Plain(more)) = (self, &mut later) {
            own.extend(more.drain(..more.len().min(BATCH_MAX - own.len())));
        }
        later
    }

    /// Forgets the oldest.
    pub fn forget(&mut self, count: usize) {
        *self = Self::Plain(self.events().split_off(count));
    }

    pub fn compress(&mut self) {
        let Self::Plain(events) = self else { return };
        let mut to = DeflateEncoder::new(Vec::new(), Compression::default());
        for event in events.iter() {
            // Into memory: there is nothing to go wrong.
            let _ = to.write_all(event.as_bytes()).and_then(|()| to.write_all(b"\n"));
        }
        *self = Self::Deflated(events.len(), to.finish().unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_as_it_went_in() {
        let events: Vec<String> = (0..1_500).map(|n| format!("{{\"n\":{n}}}")).collect();
        let mut pack = Pack::Plain(events[..600].to_vec());
        let rest = pack.fill(Pack::Plain(events[600..].to_vec()));
        assert_eq!((pack.count(), rest.count()), (BATCH_MAX, 500));
        let plain = pack.size();
        pack.compress();
        assert!(pack.size() < plain / 5, "{} of {plain}", pack.size());
        assert_eq!(pack.events(), events[..1_000]);
        let bytes = postcard::to_stdvec(&pack).unwrap();
        let mut pack: Pack = postcard::from_bytes(&bytes).unwrap();
        pack.forget(10);
        assert_eq!(pack.events(), events[10..1_000]);
        assert_eq!(pack.fill(rest).count(), 490);
    }
}
