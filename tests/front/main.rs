//! headcount as the front of a website on the internet: real clients over TLS and HTTP/2.
//!
//! - `https`: both versions of HTTP over TLS, forwarded, counted and confirmed; the way from HTTP;
//! - `certificates`: by name, replaced while they are in use, refused where they cannot be right;
//! - `behind`: proxies in front that speak HTTP/2 without TLS, or say by PROXY headers whose a
//!   connection is;
//! - `smuggled`: requests over HTTP/2 that would be others over HTTP/1.1;
//! - `floods`: clients of HTTP/2 that send too much, or nothing;
//! - `bounds`: how many requests a connection brings, and how slowly they may come;
//! - `untaken`: clients of HTTP/2 that have a hundred answers and give them no room;
//! - `crowds`: thousands of clients that are idle or slow.
//!
//! `clients` has certificates, and a website that tells what it was asked; `frames` is HTTP/2 by
//! hand; `strict` a website that takes only what can be read in one way.

#[path = "../common/mod.rs"]
mod common;

mod behind;
mod bounds;
mod certificates;
mod clients;
mod crowds;
mod floods;
mod frames;
mod https;
mod smuggled;
mod strict;
mod untaken;
