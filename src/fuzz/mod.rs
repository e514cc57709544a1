//! Every reader of bytes that others wrote, as a function of nothing but bytes: what fuzzers call.
//!
//! `make fuzz` has libFuzzer look for inputs by what they reach (`tests/fuzz`). The tests here take
//! the same seeds, whole and changed at random, for a short time each: whatever is found later is
//! added to `tests/fuzz/seeds` and can't come back.

#[cfg(test)]
mod mutate;
mod pages;
mod stored;
mod words;

/// Name, and what is done with bytes; it panics where something is wrong.
type Target = (&'static str, fn(&[u8]));

pub const TARGETS: [Target; 16] = [
    ("acme", stored::acme),
    ("agents", words::agents),
    ("beacons", words::beacons),
    ("blocks", stored::blocks),
    ("config", words::config),
    ("heads", words::heads),
    ("hosts", words::hosts),
    ("journal", stored::journal),
    ("logs", words::logs),
    ("outbox", stored::outbox),
    ("pages", pages::injection),
    ("proxy_headers", words::proxy_headers),
    ("queries", words::queries),
    ("recoding", pages::recoding),
    ("referrers", words::referrers),
    ("trackers", words::trackers),
];

/// Does with bytes what the target of this name does.
///
/// # Panics
/// There is none of this name; it has found something.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    target.unwrap_or_else(|| panic!("no target is called {name}")).1(bytes);
}

/// The first byte of an input, and the others.
fn split_byte(bytes: &[u8]) -> (usize, &[u8]) {
    bytes.split_first().map_or((0, bytes), |(byte, rest)| (usize::from(*byte), rest))
}

#[cfg(test)]
mod tests {
    use super::{TARGETS, mutate};
    use std::panic::catch_unwind;
    use std::path::Path;
    use std::time::{Duration, Instant};

    /// Of each target; all of them are to take less than a minute.
    const BRIEF: Duration = Duration::from_secs(2);

    fn seeds_of(name: &str) -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds").join(name);
        let files = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        files.iter().map(|file| std::fs::read(file).unwrap()).collect()
    }

    /// What a target panicked over, if it did.
    fn fails(target: fn(&[u8]), bytes: &[u8]) -> Option<String> {
        let panic = catch_unwind(|| target(bytes)).err()?;
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
        Some(format!("{text}, over {:?}", bytes.escape_ascii().to_string()))
    }

    fn look(name: &str, target: fn(&[u8]), time: Duration) -> Option<String> {
        let seeds = seeds_of(name);
        assert!(!seeds.is_empty(), "{name} has no seeds");
        if let Some(found) = seeds.iter().find_map(|seed| fails(target, seed)) {
            return Some(found);
        }
        let mut random = fastrand::Rng::new();
        let began = Instant::now();
        while began.elapsed() < time {
            let bytes = mutate::one_of(&seeds, &mut random);
            if let Some(found) = fails(target, &bytes) {
                return Some(found);
            }
        }
        None
    }

    #[test]
    fn seeds_and_what_is_like_them_are_borne() {
        let found = TARGETS.map(|(name, target)| Some((name, look(name, target, BRIEF)?)));
        assert!(found.iter().all(Option::is_none), "{found:#?}");
    }

    /// A planted fault is found: one that no seed has, but what is like a seed.
    #[test]
    fn faults_are_found() {
        let target = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            assert!(!text.contains("\"pathname\":\"/\"\""), "planted");
        };
        let found = look("beacons", target, Duration::from_secs(60));
        assert!(found.is_some_and(|found| found.starts_with("planted")));
    }
}
