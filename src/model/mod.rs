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
pub mod block;
mod bot_class;
pub mod exclude;
pub mod glob;
pub mod goal;
mod hit;
pub mod hosts;
mod list;
mod log;
mod packed;
mod pending;
mod proof;
pub mod rollup;
pub mod row;
pub mod site;
pub mod sketch;
mod tracker;
mod traits;
mod view_id;
mod visitor_hash;
mod window;

pub use batch::{BATCH_MAX, Batch};
pub use bot_class::BotClass;
pub use hit::{
    Answered, Arrived, Hit, IdVerdict, Nav, PageKind, ScriptEvent, ScriptEventKind, Served, Shown,
    Vital, What,
};
pub use list::{PACK, RowList};
pub(crate) use log::unpack_lz4;
pub use log::{Chunk, Done, ENTRY_MAX, Entry, Item, LogPlace};
pub use packed::PackedRows;
pub use pending::{Cut, PendingIncrements, batches};
pub use proof::Proof;
pub use tracker::Tracker;
pub use traits::{AI_CHANNEL, DIRECT, Traits};
pub use view_id::{ID_LIFETIME, VIEW_ID_LEN, ViewId, ViewKey};
pub use visitor_hash::{DaySalt, VisitorHash};
pub use window::{Window, Windows};

/// A name that nobody else has.
pub fn random_name() -> String {
    format!("{:016x}", rand::random::<u64>())
}
