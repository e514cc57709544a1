//! What the real binary does with bad input: it says so in one line or one status, and goes on.
//!
//! - `requests`: other hosts, HTTP/1.0, pipelines, request lines and framing that are none.
//! - `beacons`: malformed, huge, cross-site, too many; what was valid beside it counts.
//! - `stores`: ports in use, files that are no database, Redis keys of the wrong type.
//! - `values`: thousands of invented names end up bounded, and escaped where people see them.

#[path = "../common/mod.rs"]
mod common;

mod beacons;
mod requests;
mod stores;
mod values;
