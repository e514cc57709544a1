//! From increments to the store: sealed, numbered, delivered exactly once.

mod batch;

pub use batch::{BATCH_MAX, Batch};
