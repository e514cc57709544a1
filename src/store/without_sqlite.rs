//! In the place of `sqlite`, where it is left out.

use super::{Result, StoreError, Upkeep};
use std::path::Path;
use std::sync::Arc;

pub(super) fn open(file: &Path) -> Result<Arc<dyn Upkeep>> {
    Err(StoreError::Refused {
        store: format!("sqlite:{}", file.display()),
        reason: "it needs the feature `sqlite`, which was left out".to_owned(),
    })
}
