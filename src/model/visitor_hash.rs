//! The anonymous visitor: salted, daily, eight bytes.

use super::site::Day;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::net::IpAddr;

/// First 8 bytes of SHA-256(salt ‖ site ‖ address ‖ user agent).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VisitorHash([u8; 8]);

/// A site's salt for one day: 32 random bytes shared by all nodes.
#[derive(Clone, PartialEq, Eq)]
pub struct DaySalt {
    /// Its day.
    pub day: Day,
    /// Random.
    pub bytes: [u8; 32],
}

impl VisitorHash {
    /// Hashes a visitor under a day's salt. An IPv4 address mapped into IPv6 counts as IPv4; an
    /// IPv6 address is cut to its /64, which is what one household has.
    pub fn new(salt: &DaySalt, site: &str, address: IpAddr, user_agent: &[u8]) -> Self {
        let mut sha = Sha256::new();
        sha.update(salt.bytes);
        // Lengths and families are fixed or marked, so that no two inputs run together.
        sha.update((site.len() as u32).to_le_bytes());
        sha.update(site);
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                sha.update([4]);
                sha.update(v4.octets());
            }
            IpAddr::V6(v6) => {
                sha.update([6]);
                sha.update(&v6.octets()[..8]);
            }
        }
        sha.update(user_agent);
        let digest = sha.finalize();
        Self(std::array::from_fn(|i| digest[i]))
    }

    /// As they are stored.
    pub fn bytes(&self) -> &[u8; 8] {
        &self.0
    }

    /// As a number: for choosing a shard.
    pub fn as_u64(&self) -> u64 {
        u64::from_le_bytes(self.0)
    }

    /// Reads back a stored hash.
    pub fn from_stored(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for VisitorHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEXLOWER.encode_mut_str(&self.0, &mut [0; 16]))
    }
}

impl fmt::Debug for VisitorHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VisitorHash({self})")
    }
}

impl fmt::Debug for DaySalt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DaySalt({}, …)", self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn salt(byte: u8) -> DaySalt {
        DaySalt { day: Day::default(), bytes: [byte; 32] }
    }

    fn hash(salt_byte: u8, site: &str, address: &str, agent: &str) -> VisitorHash {
        VisitorHash::new(&salt(salt_byte), site, address.parse().unwrap(), agent.as_bytes())
    }

    #[test]
    fn same_person_same_day_is_one_visitor() {
        assert_eq!(hash(1, "a", "192.0.2.1", "x"), hash(1, "a", "192.0.2.1", "x"));
        assert_eq!(hash(1, "a", "::ffff:192.0.2.1", "x"), hash(1, "a", "192.0.2.1", "x"));
        assert_eq!(hash(1, "a", "2001:db8::1", "x"), hash(1, "a", "2001:db8::2:1", "x"));
    }

    #[test]
    fn a_hash_is_written_as_sixteen_digits() {
        let one = VisitorHash::from_stored([0, 1, 0x7f, 0x80, 0xab, 0xcd, 0xef, 0xff]);
        assert_eq!(one.to_string(), "00017f80abcdefff");
    }

    #[test]
    fn salt_site_address_and_agent_all_matter() {
        let one = hash(1, "a", "192.0.2.1", "x");
        for other in [
            hash(2, "a", "192.0.2.1", "x"),
            hash(1, "b", "192.0.2.1", "x"),
            hash(1, "a", "192.0.2.2", "x"),
            hash(1, "a", "192.0.2.1", "y"),
            hash(1, "a", "2001:db8:1::1", "x"),
        ] {
            assert_ne!(one, other);
        }
    }
}
