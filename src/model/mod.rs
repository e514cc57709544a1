//! The words that rooms exchange. It knows no other room and does no I/O.
//!
//! - [`Hit`]: what happened, from `capture` to `aggregate`; with [`Traits`], [`VisitorHash`] and
//!   the [`ViewId`] that ties a beacon to the page it is about;
//! - [`site`], [`goal`]: whose days these are, and what its owner hopes for;
//! - [`Tracker`]: whose script tells of a page;
//! - [`rollup`], [`sketch`]: dimensions, metrics, the counts of a day;
//! - [`EventRow`](row::EventRow): one thing that happened, as it is kept;
//! - [`Batch`]: what `flush` delivers and `store` applies;
//! - [`log`](Entry): what nodes that count together write into the log they share.

mod batch;
#[doc(hidden)]
pub mod block;
// What is not shown to users of the library.
#[allow(missing_docs)]
mod bot_class;
mod day_counts;
#[doc(hidden)]
pub mod exclude;
#[doc(hidden)]
pub mod glob;
#[doc(hidden)]
pub mod goal;
#[allow(missing_docs)]
mod hit;
#[doc(hidden)]
pub mod hosts;
#[allow(missing_docs)]
mod list;
#[allow(missing_docs)]
mod log;
#[doc(hidden)]
pub mod outline;
mod packed;
#[allow(missing_docs)]
mod pending;
mod proof;
pub mod rollup;
#[doc(hidden)]
pub mod row;
pub mod site;
#[doc(hidden)]
pub mod sketch;
#[allow(missing_docs)]
mod tracker;
#[allow(missing_docs)]
mod traits;
#[allow(missing_docs)]
mod view_id;
mod visitor_hash;
#[allow(missing_docs)]
mod window;

pub use batch::{BATCH_MAX, Batch};
#[doc(hidden)]
pub use bot_class::BotClass;
pub use day_counts::{DayCounts, Detail};
#[doc(hidden)]
pub use hit::{
    Answered, Arrived, Hit, IdVerdict, Nav, PageKind, ScriptEvent, ScriptEventKind, Served, Shown,
    Vital, What,
};
#[doc(hidden)]
pub use list::{PACK, RowList};
pub(crate) use log::unpack_lz4;
#[doc(hidden)]
pub use log::{Chunk, Done, ENTRY_MAX, Entry, Item, LogPlace};
pub use packed::PackedRows;
#[doc(hidden)]
pub use pending::{Cut, PendingIncrements, batches};
pub use proof::Proof;
pub use row::RowsOf;
#[doc(hidden)]
pub use tracker::Tracker;
#[doc(hidden)]
pub use traits::{AI_CHANNEL, DIRECT, Traits};
#[doc(hidden)]
pub use view_id::{ID_LIFETIME, VIEW_ID_LEN, ViewId, ViewKey};
#[doc(hidden)]
pub use visitor_hash::DaySalt;
pub use visitor_hash::VisitorHash;
#[doc(hidden)]
pub use window::{Window, Windows};

/// A name that nobody else has.
#[doc(hidden)]
pub fn random_name() -> String {
    format!("{:016x}", rand::random::<u64>())
}
