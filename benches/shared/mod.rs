//! What several measurements work on.

pub mod rows;
pub mod stored;
