//! Pages of the documentation that are followed to the letter: what they say to write and to run is
//! taken out of them, so that a page and its test cannot differ.
//!
//! - `behind`: `docs/behind.md`, with Debian's Caddy, nginx and HAProxy; of Traefik and Cloudflare,
//!   which are not there, what they send;
//! - `in_front`: `docs/in-front.md`, with nginx, Node and Pebble;
//! - `wordpress`: its section on WordPress, which `make recipes` follows;
//! - `moving`: `docs/moving.md`, with small exports of other programs;
//! - `column_store`: `docs/column-store.md`, with ClickHouse's engine and DuckDB under
//!   `make clickhouse`;
//! - `queries`: `docs/queries.md`, SQL and `redis-cli` on stores whose counts are known;
//! - `scale`: `docs/scale.md`, its table from the figures that it names, and these measured.
//!
//! `page` reads a page, `root` is the machine that it is followed on: a folder in the place of `/`,
//! and other ports; `scene` has the website, the visitors and what has to come of them.

#[path = "../common/mod.rs"]
mod common;

mod behind;
mod column_store;
mod in_front;
mod moving;
mod page;
mod queries;
mod root;
mod scale;
mod scene;
mod wordpress;
