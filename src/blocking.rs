//! Work that waits for a disk, without holding up what else a runtime has to do.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Runs `work` here and now, on whatever it borrows; the other tasks of a runtime with several
/// threads go on meanwhile.
pub fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
