//! headcount as the front of a website on the internet: real clients over TLS and HTTP/2.
//!
//! - `https`: both versions of HTTP over TLS, forwarded, counted and confirmed; the way from HTTP;
//! - `certificates`: by name, replaced while they are in use, refused where they cannot be right;
//! - `behind`: proxies in front that speak HTTP/2 without TLS, or say by PROXY headers whose a
//!   connection is.
//!
//! `clients` has certificates, and a website that tells what it was asked.

#[path = "../common/mod.rs"]
mod common;

mod behind;
mod certificates;
mod clients;
mod https;
