//! demo

use crate::config::Config;

pub fn run(_config: Config) -> anyhow::Result<()> {
    anyhow::bail!("the demo is not part of this branch")
}
