//! In the place of `browser`, where nothing is to run in browsers: no script, no tag, no beacons.
//! What the proxy sees is counted all the same.

use super::analytics::{Analytics, Tracking};
use bytes::Bytes;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::Session;

/// Nobody could send a view id back.
pub(super) const TAKES_BEACONS: bool = false;

/// Nothing of a site runs in browsers.
#[derive(Debug)]
pub struct ScriptSettings;

/// No request is for a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScriptEndpoint {}

pub(super) struct SiteScript;

impl SiteScript {
    pub fn new(_: &ScriptSettings) -> Self {
        Self
    }
}

#[derive(Default)]
pub(super) struct PageScript;

impl Analytics {
    pub(super) fn script_endpoint(&self, _: usize, _: &str) -> Option<ScriptEndpoint> {
        None
    }

    pub(super) async fn serve_script_endpoint(
        &self,
        endpoint: ScriptEndpoint,
        _: usize,
        _: &mut Session,
    ) -> pingora::Result<()> {
        match endpoint {}
    }

    pub(super) fn prepare_page(&self, _: usize, _: &mut Tracking, _: &mut RequestHeader) {}

    pub(super) fn begin_page(
        &self,
        _: usize,
        _: &mut Tracking,
        _: &mut Session,
        _: &mut ResponseHeader,
    ) {
    }

    pub(super) fn feed_page(
        &self,
        _: &mut Tracking,
        _: &mut Option<Bytes>,
        _: bool,
    ) -> pingora::Result<()> {
        Ok(())
    }

    pub(super) fn is_scripted(&self, _: usize) -> bool {
        false
    }
}
