//! The admin port over real HTTP: the Stats API, who may ask, what the dashboard shows.

mod access;
mod ai;
mod api;
mod comparing;
mod described;
mod details;
mod files;
mod filtered;
mod forms;
mod insight;
mod language;
mod mcp;
#[cfg(test)]
mod overview;
mod pages;
mod people;
mod port;
mod process;
mod rights;
mod rows;
