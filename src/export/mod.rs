//! Event rows on their way out: as CSV, NDJSON or Parquet, for spreadsheets and other databases.
//!
//! What leaves says what happened and recognises nobody: neither a visitor's hash nor a visit's key
//! is among the columns. They are described once, in [`columns`]; the header of CSV, the keys of
//! NDJSON, `headcount export --help` and the table in `docs/stores.md` are made from there.
//! [`format`](mod@format) writes rows down, [`pass`] reads them from the store, day by day. The
//! room knows no HTTP and no file: `admin` and `upkeep` do.

pub mod columns;
pub mod format;
#[cfg(feature = "parquet")]
mod parquet;
pub mod pass;

pub use columns::COLUMNS;
pub use format::{Format, harmless};
pub use pass::{Pass, Piece};
