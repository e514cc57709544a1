//! From HTTP to a [`Hit`](crate::model::Hit): decides what happened.
//!
//! Offered as a plugin: [`Analytics`] is a handle to call from one's own Pingora hooks,
//! [`WithAnalytics`] wraps a whole proxy. [`classify`] holds the rules of counting. What runs in
//! browsers can be left out, and `browser` is where the hooks meet it: [`inject`] adds the script
//! to pages, [`beacon`] reads what the script sends, [`foreign`] what other trackers' scripts do,
//! and a [`ViewId`](crate::model::ViewId) ties a page and its beacons together. This room knows
//! HTTP; it knows no store and keeps no count.

#[doc(hidden)]
pub mod analytics;
#[doc(hidden)]
pub mod asked;
#[cfg(feature = "script")]
#[doc(hidden)]
pub mod beacon;
#[cfg(feature = "script")]
mod beacons;
#[cfg_attr(not(feature = "script"), path = "without_browser.rs")]
mod browser;
#[doc(hidden)]
pub mod classify;
mod counting;
mod endpoints;
#[cfg(feature = "script")]
#[doc(hidden)]
pub mod foreign;
#[cfg(feature = "script")]
#[doc(hidden)]
pub mod inject;
mod opt_out;
mod outline;
mod robots_txt;
#[cfg(feature = "script")]
#[doc(hidden)]
pub mod script;
#[cfg(feature = "script")]
mod script_endpoints;
#[allow(missing_docs)]
mod site_rules;
#[cfg(feature = "script")]
mod tagging;
mod wrapper;

pub use analytics::{Analytics, Hook, Tracking};
#[doc(hidden)]
pub use analytics::{LeftOut, Senders, Settings, SiteSettings};
#[doc(hidden)]
pub use browser::ScriptSettings;
#[doc(hidden)]
pub use counting::{A_BROWSER, BYTES_MAX};
#[doc(hidden)]
pub use site_rules::SiteRules;
pub use wrapper::{WithAnalytics, WithTracking};
