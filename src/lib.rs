//! headcount: web analytics from in front of the website.
//!
//! A reverse proxy forwards every request unharmed and counts pageviews from the responses
//! themselves. Data goes one way, room to room; nobody reaches back:
//!
//! 1. [`proxy`] takes a connection and gives the visitor the website's response.
//! 2. [`capture`] looks at request and response headers and at beacons, and says what happened: a
//!    [`model::Hit`]. Its [`capture::Analytics`] handle is the plugin other Pingora proxies use.
//! 3. [`visitor`] turns address and user agent into an anonymous hash, a device and a place. The
//!    raw address ends there.
//! 4. [`aggregate`] turns hits into sessions, merged views and event rows, and rows into roll-up
//!    increments. Its only I/O is the [`journal`], in which a hit is before anyone is told that it
//!    counts.
//! 5. [`flush`] seals increments and rows into numbered batches and delivers each exactly once.
//!    Where nodes count as one it delivers the hits instead, into a log that [`shared`] counts for
//!    all of them. The protocol of all of these is `delivery`'s.
//! 6. [`store`] applies batches and answers reads; the only room that knows a key or a table.
//! 7. [`report`] answers questions: pure functions over stored counts and event rows.
//!    [`export`] writes event rows out as they are, for other programs.
//! 8. [`admin`] is the dashboard, the Stats API and the metrics on the admin port.
//!
//! What owners keep in the store while it runs (who may look, notes, goals) is `kept`'s; [`admin`]
//! shows and changes it.
//! `notify` writes answers out for people who do not come to look: reports by mail, and alerts.
//!
//! A [`node`] is a process as the store knows it, with the folder that outlives it. [`plugin`]
//! starts rooms 2 to 8 for a Pingora proxy, ours or another's.
//!
//! Under all of them lies [`model`]: the words that rooms exchange. Beside the line stand how what
//! others write is read and compared (`text`, `host`, `page_name`), enums whose variants have a
//! word each (`words`), how texts are coded for their way ([`coding`]), what encrypts ([`tls`]) and
//! how servers of others are reached (`https`), what pages and mails say in each [`language`], the
//! [`clock`], the settings
//! ([`config`]), the counters of the process itself ([`telemetry`]), what keeps its background
//! tasks going ([`supervise`]), what looks after the stored counts once a day or by hand
//! ([`upkeep`]), an allowance of commands for a store that bills them ([`budget`]) and two small
//! websites to try it on ([`demo`]), with what the admin port is told of them ([`demo_status`]).

// What is shown to users of the library, and kept as it is: `capture`, `plugin`, `store` and the
// words they speak. Other rooms are public for the program and its tests.
#![warn(missing_docs)]
// Some code is used by the program alone, so without `cli` it is dead. With `cli` nothing may be
// unused.
#![cfg_attr(not(feature = "cli"), allow(dead_code))]

#[cfg(feature = "admin")]
#[doc(hidden)]
pub mod admin;
#[doc(hidden)]
pub mod aggregate;
mod background;
mod blocking;
#[doc(hidden)]
pub mod budget;
pub mod capture;
pub mod clock;
#[cfg(feature = "script")]
#[doc(hidden)]
pub mod coding;
#[doc(hidden)]
pub mod config;
#[allow(missing_docs)]
mod counter;
mod delivery;
#[cfg(feature = "demo")]
#[doc(hidden)]
pub mod demo;
#[doc(hidden)]
#[allow(missing_docs)]
pub mod demo_status;
#[cfg(feature = "upkeep")]
#[doc(hidden)]
pub mod export;
#[doc(hidden)]
pub mod flush;
mod frames;
#[cfg(all(any(test, fuzzing), feature = "cli"))]
#[doc(hidden)]
pub mod fuzz;
mod home;
mod host;
#[cfg(feature = "https")]
mod https;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod import;
#[doc(hidden)]
pub mod journal;
#[cfg(feature = "admin")]
mod kept;
#[cfg(feature = "admin")]
#[doc(hidden)]
pub mod language;
pub mod model;
#[doc(hidden)]
pub mod node;
#[cfg(feature = "admin")]
mod notify;
#[cfg(feature = "cli")]
mod open;
mod page_name;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod past;
pub mod plugin;
mod private;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod proxy;
#[cfg(feature = "admin")]
#[doc(hidden)]
pub mod report;
mod room_settings;
#[doc(hidden)]
pub mod shared;
pub mod store;
#[doc(hidden)]
pub mod supervise;
#[doc(hidden)]
pub mod telemetry;
mod text;
#[cfg(feature = "tls")]
#[doc(hidden)]
pub mod tls;
mod tokens;
#[cfg(feature = "upkeep")]
#[doc(hidden)]
pub mod upkeep;
#[doc(hidden)]
pub mod visitor;
mod words;
