//! From HTTP to a [`Hit`]: decides what happened.
//!
//! Offered as a plugin: [`Analytics`] is a handle to call from one's own Pingora hooks,
//! [`WithAnalytics`] wraps a whole proxy. [`classify`] holds the rules of counting, [`beacon`]
//! reads what the script sends, [`foreign`] what other trackers' scripts do, [`view_id`] ties the two together, [`inject`] adds the script to
//! pages. This room knows HTTP; it knows no store and keeps no count.

pub mod analytics;
pub mod asked;
pub mod beacon;
mod beacons;
pub mod classify;
mod counting;
mod endpoints;
pub mod foreign;
pub mod inject;
mod opt_out;
mod robots_txt;
pub mod script;
mod site_rules;
mod tagging;
mod wrapper;

pub use analytics::{Analytics, Hook, LeftOut, Senders, Settings, SiteSettings, Tracking};
pub use counting::{A_BROWSER, BYTES_MAX};
pub use site_rules::SiteRules;
pub use wrapper::{WithAnalytics, WithTracking};
