//! Where an address is: country out of the box, region and city from a database file.
//!
//! The country comes from data compiled into the binary (which registry gave a network to whom),
//! so geography needs no download and no account. A `.mmdb` file in MaxMind's City schema, which
//! DB-IP's share, adds region and city and is replaced while running: [`Places::reload`].

use anyhow::Context;
use arc_swap::ArcSwapOption;
use maxminddb::{Reader, path};
use once_cell::sync::Lazy;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// A place; parts that are not known are `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// ISO 3166-1 alpha-2, upper case.
    pub country: Option<Arc<str>>,
    /// ISO 3166-2 code, `DE-BY`, where the database has it, else its English name.
    pub region: Option<Arc<str>>,
    /// English name.
    pub city: Option<Arc<str>>,
}

/// Finds places. Without a file: countries only, from data inside the binary.
pub struct Places {
    file: Mutex<Option<PathBuf>>,
    database: ArcSwapOption<Reader<Vec<u8>>>,
    /// When the file that is in use was last written, and its size.
    stamp: Mutex<Option<Stamp>>,
}

type Stamp = (SystemTime, u64);

impl Places {
    /// Opens a GeoIP database in MaxMind's format (`.mmdb`).
    ///
    /// # Errors
    /// One line that names the file, if it cannot be read or is no such database.
    pub fn open(file: Option<&Path>) -> anyhow::Result<Self> {
        let places = Self {
            file: Mutex::new(file.map(Path::to_owned)),
            database: ArcSwapOption::empty(),
            stamp: Mutex::new(None),
        };
        places.reload()?;
        Ok(places)
    }

    /// Looks where others do, from now on.
    pub fn replace(&self, others: Self) {
        *lock(&self.file) = lock(&others.file).take();
        *lock(&self.stamp) = lock(&others.stamp).take();
        self.database.store(others.database.swap(None));
    }

    /// Takes up the file again if it was replaced since; says whether it was. To be called now and
    /// then from a thread that may block: it reads the whole file, look-ups go on meanwhile.
    ///
    /// # Errors
    /// As [`Places::open`]; the database in use stays.
    pub fn reload(&self) -> anyhow::Result<bool> {
        let Some(file) = lock(&self.file).clone() else { return Ok(false) };
        let what = || format!("GeoIP database {}", file.display());
        let mut stamp = lock(&self.stamp);
        let metadata = std::fs::metadata(&file).with_context(what)?;
        let found = (metadata.modified().with_context(what)?, metadata.len());
        if *stamp == Some(found) {
            return Ok(false);
        }
        let reader = Reader::open_readfile(&file).with_context(what)?;
        self.database.store(Some(Arc::new(reader)));
        *stamp = Some(found);
        Ok(true)
    }

    /// The place of an address. An IPv4 address mapped into IPv6 counts as IPv4.
    pub fn locate(&self, address: IpAddr) -> Place {
        let address = address.to_canonical();
        let mut place = match &*self.database.load() {
            Some(database) => look_up(database, address).unwrap_or_default(),
            None => Place::default(),
        };
        if place.country.is_none() {
            place.country = iptocc::country_code(address).and_then(country);
        }
        place
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the database knows; a record that cannot be read is one that isn't there.
fn look_up(database: &Reader<Vec<u8>>, address: IpAddr) -> Option<Place> {
    let record = database.lookup(address).ok()?;
    let text = |path: &[maxminddb::PathElement]| -> Option<&str> {
        record.decode_path(path).ok().flatten().filter(|text: &&str| !text.is_empty())
    };
    let code = text(&path!["country", "iso_code"]);
    let region = match (code, text(&path!["subdivisions", 0, "iso_code"])) {
        (Some(country), Some(region)) => Some(format!("{country}-{region}").into()),
        _ => text(&path!["subdivisions", 0, "names", "en"]).map(Arc::from),
    };
    Some(Place {
        country: code.and_then(country),
        region,
        city: text(&path!["city", "names", "en"]).map(Arc::from),
    })
}

/// A country's code, without allocating. `None` if it is not two letters.
fn country(code: &str) -> Option<Arc<str>> {
    static CODES: Lazy<Vec<Arc<str>>> = Lazy::new(|| {
        let letters = b'A'..=b'Z';
        letters
            .clone()
            .flat_map(|a| letters.clone().map(move |b| [a as char, b as char]))
            .map(|pair| pair.iter().collect::<String>().into())
            .collect()
    });
    match *code.as_bytes() {
        [a @ b'A'..=b'Z', b @ b'A'..=b'Z'] => {
            Some(CODES[usize::from(a - b'A') * 26 + usize::from(b - b'A')].clone())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A small database made by `tests/geo/make.py`.
    const CITIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/geo/cities.mmdb");

    fn ip(address: &str) -> IpAddr {
        address.parse().unwrap()
    }

    fn place(country: &str, region: Option<&str>, city: Option<&str>) -> Place {
        Place {
            country: Some(country.into()),
            region: region.map(Arc::from),
            city: city.map(Arc::from),
        }
    }

    #[test]
    fn countries_need_no_file() {
        let places = Places::open(None).unwrap();
        assert_eq!(places.locate(ip("193.0.6.139")), place("NL", None, None));
        assert_eq!(places.locate(ip("::ffff:193.0.6.139")), place("NL", None, None));
        assert_eq!(places.locate(ip("2001:67c:2e8:22::c100:68b")), place("NL", None, None));
        assert_eq!(places.locate(ip("127.0.0.1")), Place::default());
        assert_eq!(places.locate(ip("::1")), Place::default());
        assert!(!places.reload().unwrap());
    }

    #[test]
    fn a_database_adds_region_and_city() {
        let places = Places::open(Some(Path::new(CITIES))).unwrap();
        let munich = place("DE", Some("DE-BY"), Some("Munich"));
        assert_eq!(places.locate(ip("192.0.2.1")), munich);
        assert_eq!(places.locate(ip("::ffff:192.0.2.1")), munich);
        assert_eq!(
            places.locate(ip("2001:db8::1")),
            place("FR", Some("Île-de-France"), Some("Paris")),
            "DB-IP's regions have a name and no code"
        );
        assert_eq!(
            places.locate(ip("193.0.6.139")),
            place("NL", None, Some("Amsterdam")),
            "the database has a city and no country here"
        );
        assert_eq!(places.locate(ip("198.51.100.1")), Place::default());
        assert_eq!(places.locate(ip("203.0.113.1")).country, None, "not a country's code");
    }

    #[test]
    fn a_database_is_replaced_while_running() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("geo.mmdb");
        fs::copy(CITIES, &file).unwrap();
        let places = Places::open(Some(&file)).unwrap();
        assert!(!places.reload().unwrap(), "nothing new");

        fs::write(&file, "no database").unwrap();
        let error = places.reload().unwrap_err();
        let line = format!("{error:#}");
        assert!(line.contains("geo.mmdb") && !line.contains('\n'), "{line}");
        assert_eq!(places.locate(ip("192.0.2.1")).city.as_deref(), Some("Munich"), "still there");

        fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/geo/moved.mmdb"), &file).unwrap();
        assert!(places.reload().unwrap());
        assert_eq!(places.locate(ip("192.0.2.1")).city.as_deref(), Some("Augsburg"));

        fs::remove_file(&file).unwrap();
        assert!(places.reload().is_err());
        assert_eq!(places.locate(ip("192.0.2.1")).city.as_deref(), Some("Augsburg"));
    }

    #[test]
    fn what_is_no_database_is_one_line_that_names_it() {
        for file in ["/nowhere/geo.mmdb", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")] {
            let line = format!("{:#}", Places::open(Some(Path::new(file))).err().unwrap());
            assert!(line.contains(file) && !line.contains('\n'), "{line}");
        }
    }
}
