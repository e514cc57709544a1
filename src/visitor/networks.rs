//! Networks of machines: those of data centres, by the numbers of their autonomous systems.
//!
//! Nobody is made a robot by it: people come through them too, by a VPN. It says from where a claim
//! comes that nobody can check, and tells visits apart.

use super::database::Database;
use maxminddb::path;
use std::collections::HashSet;
use std::net::IpAddr;
use std::path::Path;

/// What visits from there have in [`Dimension::Network`](crate::model::rollup::Dimension::Network).
pub const DATA_CENTRE: &str = "Data centre";

/// Which networks are data centres'.
pub struct Networks {
    /// From addresses to numbers.
    database: Database,
    hosting: HashSet<u32>,
}

impl Networks {
    /// `file` tells the number of an address; `hosting` are those of data centres.
    ///
    /// # Errors
    /// One line that names the file, if it cannot be read or is no such database.
    pub fn open(file: &Path, hosting: &[u32]) -> anyhow::Result<Self> {
        let database = Database::open("database of networks", file)?;
        Ok(Self { database, hosting: hosting.iter().copied().collect() })
    }

    /// Takes up the file again if it was replaced since; says whether it was. For a thread that may
    /// block.
    ///
    /// # Errors
    /// As [`Networks::open`]; the database in use stays.
    pub fn reload(&self) -> anyhow::Result<bool> {
        self.database.reload()
    }

    /// Whether an address is a data centre's.
    pub fn is_hosting(&self, address: IpAddr) -> bool {
        let database = self.database.now();
        let number = || {
            let record = database.as_ref()?.lookup(address.to_canonical()).ok()?;
            record.decode_path(&path!["autonomous_system_number"]).ok().flatten()
        };
        number().is_some_and(|number: u32| self.hosting.contains(&number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small database made by `tests/geo/make.py`.
    const NETWORKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/geo/networks.mmdb");

    #[test]
    fn data_centres_are_told_by_their_numbers() {
        let networks = Networks::open(Path::new(NETWORKS), &[64_500, 64_502]).unwrap();
        for (address, hosting) in [
            ("192.0.2.1", true),
            ("::ffff:192.0.2.1", true),
            ("2001:db8::1", true),
            ("198.51.100.1", false),
            ("203.0.113.1", false),
        ] {
            assert_eq!(networks.is_hosting(address.parse().unwrap()), hosting, "{address}");
        }
        let cities = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/geo/cities.mmdb");
        let cities = Networks::open(Path::new(cities), &[64_500]).unwrap();
        assert!(!cities.is_hosting("192.0.2.1".parse().unwrap()), "it knows no numbers");
    }

    #[test]
    fn what_is_no_database_is_one_line_that_names_it() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let line = format!("{:#}", Networks::open(Path::new(file), &[]).err().unwrap());
        assert!(line.contains(file) && !line.contains('\n'), "{line}");
    }
}
