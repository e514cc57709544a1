//! What of a site runs in browsers, as the hooks of [`Analytics`] meet it: its script, the script's
//! tag in pages, beacons.
//!
//! Apart so that all of it can be left out (the feature `script`): then `without_browser` stands in
//! this place, and no other room notices.

use super::analytics::{Analytics, Tracking};
use super::asked::Asked;
use super::classify::Answer;
use super::foreign::Api;
use super::foreign::script::Manner;
use super::inject::{self, Compressed, Page, Tag};
use super::script::{Script, tag};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::Session;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

/// Beacons are taken, so pages are told their view ids.
pub(super) const TAKES_BEACONS: bool = true;

/// What of a site runs in browsers.
#[derive(Debug)]
pub struct ScriptSettings {
    /// Where the script is served.
    pub path: String,
    /// What it is.
    pub script: Script,
    /// Those of other trackers whose beacons the site takes.
    pub scripts_of: HashMap<Manner, Script>,
    /// Where beacons are taken.
    pub beacon_path: String,
    /// Add the script's tag to HTML.
    pub inject: bool,
    /// What becomes of pages that come compressed, with that.
    pub inject_compressed: Compressed,
}

/// Which of ours a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScriptEndpoint {
    Script,
    Beacon,
    /// Where another tracker sends its beacons.
    Api(Api),
    /// Another tracker's script.
    ScriptOf(Manner),
}

/// What is known of a site's script while it runs.
pub(super) struct SiteScript {
    pub tag: Tag,
    /// Beacons have come: what the script reports, the server need not guess.
    scripted: AtomicBool,
}

impl SiteScript {
    pub fn new(settings: &ScriptSettings) -> Self {
        Self {
            tag: Tag {
                markup: tag(&settings.path).into(),
                script: settings.path.clone(),
                beacon: settings.beacon_path.clone(),
            },
            scripted: AtomicBool::new(false),
        }
    }
}

/// What is remembered of a page on its way.
#[derive(Default)]
pub(super) struct PageScript {
    pub asked: inject::Asked,
    /// The page that the tag is added to. Boxed: a parser is large, and most requests have none.
    pub page: Option<Box<Page>>,
}

impl Analytics {
    /// Which of ours a path of a site is.
    pub(super) fn script_endpoint(&self, site: usize, path: &str) -> Option<ScriptEndpoint> {
        let settings = &self.settings_of(site).script;
        match path {
            p if p == settings.path => Some(ScriptEndpoint::Script),
            p if p == settings.beacon_path => Some(ScriptEndpoint::Beacon),
            p => self.site(site).event_apis.iter().find_map(|tracker| {
                let api = Api::at(*tracker, p).map(ScriptEndpoint::Api);
                api.or_else(|| Manner::at(*tracker, p).map(ScriptEndpoint::ScriptOf))
            }),
        }
    }

    /// Before a request goes to the website: it is asked for what the tag can be added to.
    pub(super) fn prepare_page(
        &self,
        site: usize,
        tracking: &mut Tracking,
        request: &mut RequestHeader,
    ) {
        let settings = &self.settings_of(site).script;
        if settings.inject {
            tracking.script.asked = inject::prepare_request(request);
            if settings.inject_compressed == Compressed::Identity && is_page_load(&request.headers)
            {
                inject::ask_for_identity(request);
            }
        }
    }

    /// Before a page's header goes out: the tag is to be in what follows.
    pub(super) fn begin_page(
        &self,
        site: usize,
        tracking: &mut Tracking,
        session: &mut Session,
        response: &mut ResponseHeader,
    ) {
        if self.settings_of(site).script.inject
            && (response.status == StatusCode::NOT_MODIFIED
                || Answer::of(response.status, &response.headers).html)
            && is_page_load(&session.req_header().headers)
        {
            self.tag_page(site, tracking, session, response);
        }
    }

    /// For every piece of a page.
    pub(super) fn feed_page(
        &self,
        tracking: &mut Tracking,
        body: &mut Option<Bytes>,
        end: bool,
    ) -> pingora::Result<()> {
        match &mut tracking.script.page {
            None => Ok(()),
            Some(page) => self.feed(page, body, end),
        }
    }

    /// A person's script has reported: what it can tell, the server need not guess.
    pub(super) fn note_script(&self, site: usize) {
        let scripted = &self.script_of(site).scripted;
        if !scripted.load(Ordering::Relaxed) {
            scripted.store(true, Ordering::Relaxed);
        }
    }

    /// Whether pages of a site carry the script, as far as is known.
    pub(super) fn is_scripted(&self, site: usize) -> bool {
        let scripted = &self.script_of(site).scripted;
        self.settings_of(site).script.inject || scripted.load(Ordering::Relaxed)
    }
}

/// A fragment that a script fetched is no page: it has no place for a tag.
fn is_page_load(headers: &HeaderMap) -> bool {
    let asked = Asked::of(headers);
    asked.navigation || asked.prefetch()
}
