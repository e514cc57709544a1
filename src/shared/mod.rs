//! Many nodes that count as one: what happens is shared, and counted once for all.
//!
//! Visits cannot be summed up from what nodes know of them each: whether a view begins a visit
//! depends on what all of them saw. But a shard is a pure function of its hits. So with
//! `shared_sessions` a node does not count; it writes its hits into a log in the store ([`Item`](crate::model::Item)),
//! numbered and delivered exactly once as batches are ([`crate::flush`]). One node, which holds a
//! lease on that ([`lead`]), agrees in the log on a *chunk* ([`work`]), the hits of all nodes up to
//! some moment, applies them in the order in which they came, and sends the increments under a name
//! that all nodes share ([`count`]).
//!
//! The lease is for economy only. Who follows the log from a saved state gets the same batches
//! under the same numbers, so a node that takes over in mid-work, or two that both believe they
//! lead, count nothing twice. A chunk is what was agreed on first.
//!
//! It knows the log by [`crate::store::SharedLog`], and nothing of a key.

mod count;
mod lead;
mod site_day;
#[cfg(test)]
mod tests;
mod work;

pub use count::{AWAITED, Count, Followed};
pub use lead::{Counter, CountingSettings};
