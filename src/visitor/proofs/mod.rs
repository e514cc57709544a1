//! What proves a robot's claim and is known only by asking others: the names of its address, asked
//! of a name server, and the keys that it signs with, fetched from its owner.
//!
//! Apart so that it can be left out (the feature `proofs`): then `without_proofs` stands in its
//! place. Published lists of addresses need nobody.

mod reverse_dns;
mod signature;
mod signers;

pub use reverse_dns::{Resolver, ReverseDns};
pub use signature::{Signatures, Signed};
pub use signers::Signer;
