//! The admin port over real HTTP: the Stats API, who may ask, what the dashboard shows.

mod access;
mod api;
mod described;
mod filtered;
mod insight;
mod mcp;
#[cfg(test)]
mod pages;
mod port;
mod process;
mod rows;
