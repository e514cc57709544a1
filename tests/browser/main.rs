//! Real browsing, exact counts: Chromium in front of the program in front of a website.
//!
//! - `counted`: loads, a step back, `pushState`, JavaScript off; a headless browser is a bot; for
//!   both stores
//! - `documents`: pages of a website as browsers show them, from network, caches and history
//! - `policies`: content security policies that allow the script, and that don't
//! - `apps`: pages without documents, rewritten addresses, lost beacons, a while offline
//! - `ahead`: pages fetched or rendered ahead, seen and never seen
//! - `attention`: how long and how far a page was read
//! - `outline`: where things are on a page
//! - `told`: events, clicks, attention, depth and speed, up to the Stats API
//! - `trackers`: the snippets that a site had before, alone and beside our own script
//! - `dashboard`: the numbers, followed by a browser; `overview`: tiles and chart; `details`: a
//!   card's own page; `stale`: left open while things die; `states`: where there are no numbers of
//!   now; `preferences`: keys, colours and the map
//! - `people`: who is given what, by whom; `languages`: all of it in German and Spanish; `demo`:
//!   its two websites
//! - `year`: every number of the demo's history against the API and a plain count, and all that is
//!   clicked on the way to it
//! - `accessible`: the numbers for everybody, as axe-core judges it
//!
//! The middle ones hold twice: with view ids, and for a browser that hides them, by visitor and
//! path alone.

mod accessible;
mod ahead;
mod apps;
mod attention;
#[path = "../common/browser.rs"]
mod browser;
#[path = "../common/mod.rs"]
mod common;
mod counted;
mod dashboard;
mod demo;
mod details;
mod documents;
mod languages;
mod outline;
mod overview;
mod people;
mod policies;
mod preferences;
mod program;
mod relay;
mod site;
mod stage;
mod stale;
mod states;
mod told;
mod trackers;
mod year;
