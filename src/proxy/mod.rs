//! The reverse proxy in front of the website, and the program around it.
//!
//! [`listen`] lets visitors in and judges what they ask for; [`gate`] forwards requests, without the
//! [`fields`] that end here; [`website`] knows where to, [`stream`] how to connect for answers that are
//! silent for long; [`app`] puts all rooms together, in the order they depend on each other, and
//! takes them down again ([`stop`]) without losing a count, perhaps for another process to go on;
//! [`reload`] changes settings meanwhile, and [`systemd`] hears of all this.

mod app;
mod descriptors;
mod fields;
mod gate;
mod listen;
mod page;
mod reload;
mod stop;
mod stream;
mod systemd;
mod website;

pub use app::run;
pub use gate::Gate;
pub use reload::{Reload, SetLog};
pub use website::Website;
