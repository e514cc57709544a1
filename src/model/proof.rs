//! How it is known that a machine is what it says.

use crate::words::words;
use serde::{Deserialize, Serialize};

words! {
    /// How it is known that a machine is what it says, as reports show it. Event rows hold its
    /// place in this list: only add, at the end.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
    pub enum Proof {
        /// By its own word alone: nobody says how to check it, or it has not been checked yet.
        Claimed = "claimed",
        /// Its owner publishes addresses, and this one is not among those that the program was
        /// built with. The owner may have added it since, so nothing is refuted.
        Unlisted = "claimed, address not listed",
        /// It comes from an address that its owner publishes.
        Address = "published address",
        /// Its address has a name in its owner's domain, and that name this address.
        ReverseDns = "reverse DNS",
        /// It has signed the request with its owner's key.
        Signature = "signature",
        /// Its claim is false: it comes from elsewhere than its owner says.
        Refuted = "refuted",
        /// By its own word alone, from a network of machines.
        DataCentre = "claimed, data centre",
        /// It names its owner's key, and the signature is wrong, expired, or somebody else's.
        WrongSignature = "wrong signature",
    }
}

impl Proof {
    /// As event rows hold it; 0 stands for none.
    pub fn number(self) -> i64 {
        self as i64 + 1
    }

    /// The way back. `None`: the row is of an earlier version, which did not look.
    pub fn from_number(number: i64) -> Option<Self> {
        let place = usize::try_from(number.checked_sub(1)?).ok()?;
        Self::ALL.get(place).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proofs_are_known_by_their_numbers() {
        // As they are stored: neither the number nor the word of one ever changes.
        let stored = [
            "claimed",
            "claimed, address not listed",
            "published address",
            "reverse DNS",
            "signature",
            "refuted",
            "claimed, data centre",
            "wrong signature",
        ];
        for (number, word) in (1..).zip(stored) {
            let proof = Proof::from_number(number).unwrap();
            assert_eq!((proof.number(), proof.as_str()), (number, word));
        }
        for none in [i64::MIN, -1, 0, Proof::ALL.len() as i64 + 1] {
            assert_eq!(Proof::from_number(none), None);
        }
    }
}
