//! In the place of `daily`, where there is no store of ours to look after.

use super::parts::Parts;
use crate::config::Config;
use futures_util::future::BoxFuture;

pub fn chore(_: &Config, _: &Parts) -> Option<BoxFuture<'static, ()>> {
    None
}
