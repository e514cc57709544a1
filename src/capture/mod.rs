//! From HTTP to a [`Hit`]: decides what happened.

mod hit;
pub mod inject;
pub mod script;

pub use hit::{Hit, IdOf, IdVerdict, Nav, Shown, Traits, What};
