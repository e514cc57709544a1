//! Traits of requests that say the same, put together once: a log has many of them.
//!
//! Apart from [`super::who`], which is asked by requests as they come: those are told apart by more.

use super::agent::Agent;
use crate::model::Traits;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::sync::Arc;

/// As many are remembered.
const MOST: usize = 20_000;

/// Bytes of what is said that is remembered.
const LONGEST: usize = 400;

/// Traits by all that they follow from.
#[derive(Default)]
pub struct Repeated {
    /// With the user agent, whose address is part of the key.
    all: HashMap<Box<[u8]>, (Arc<Agent>, Traits), RandomState>,
    key: Vec<u8>,
}

impl Repeated {
    /// The traits that belong to these, which `new` puts together if they were not asked for lately.
    pub(super) fn get<'t>(
        &mut self,
        site: usize,
        agent: &Arc<Agent>,
        hosting: bool,
        texts: impl Iterator<Item = Option<&'t str>>,
        new: impl FnOnce() -> Traits,
    ) -> Traits {
        let key = &mut self.key;
        key.clear();
        key.extend((Arc::as_ptr(agent) as usize).to_ne_bytes());
        key.extend(site.to_ne_bytes());
        key.push(u8::from(hosting));
        for text in texts {
            // Told apart from the next one by its length.
            let length = text.map_or(usize::MAX, str::len);
            key.extend(length.to_ne_bytes());
            key.extend(text.unwrap_or_default().as_bytes());
        }
        if let Some((_, traits)) = self.all.get(&**key) {
            return traits.clone();
        }
        let traits = new();
        if key.len() <= LONGEST {
            if self.all.len() >= MOST {
                self.all.clear();
            }
            self.all.insert(key.as_slice().into(), (agent.clone(), traits.clone()));
        }
        traits
    }
}

#[cfg(test)]
mod tests {
    use super::super::agent::untold;
    use super::*;
    use crate::model::rollup::Dimension;

    #[test]
    fn what_differs_in_anything_is_put_together_anew() {
        let mut known = Repeated::default();
        let agents = [Arc::new(untold()), Arc::new(untold())];
        let mut made = 0;
        for _ in 0..2 {
            for (site, agent, hosting, texts) in [
                (0, 0, false, [Some("a"), Some("b")]),
                (1, 0, false, [Some("a"), Some("b")]),
                (0, 1, false, [Some("a"), Some("b")]),
                (0, 0, true, [Some("a"), Some("b")]),
                (0, 0, false, [Some("ab"), Some("")]),
                (0, 0, false, [Some("ab"), None]),
                (0, 0, false, [None, Some("ab")]),
            ] {
                let name = format!("{site} {agent} {hosting} {texts:?}");
                let traits = || Traits::from([(Dimension::City, &*name)]);
                let new = || {
                    made += 1;
                    traits()
                };
                let got = known.get(site, &agents[agent], hosting, texts.into_iter(), new);
                assert_eq!(got, traits());
            }
        }
        assert_eq!(made, 7);
    }

    #[test]
    fn they_are_bounded() {
        let (mut known, agent) = (Repeated::default(), Arc::new(untold()));
        let long = "x".repeat(LONGEST);
        for i in 0..MOST + 10 {
            let referrer = i.to_string();
            for text in [&*referrer, &long] {
                known.get(0, &agent, false, [Some(text)].into_iter(), Traits::default);
            }
        }
        assert_eq!(known.all.len(), 10);
    }
}
