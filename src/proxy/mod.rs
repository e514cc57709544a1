//! The reverse proxy in front of the website, and the program around it.
//!
//! [`gate`] forwards requests; [`website`] knows where to; [`app`] puts all rooms together, in
//! the order they depend on each other, and takes them down again without losing a count.

mod app;
mod gate;
mod reload;
mod stop;
mod website;

pub use app::run;
pub use gate::Gate;
pub use reload::Reload;
pub use website::Website;
