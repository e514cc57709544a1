//! From HTTP to a [`Hit`]: decides what happened.

mod hit;

pub use hit::{Answered, Hit, IdVerdict, Nav, PageKind, Shown, Traits, What};
