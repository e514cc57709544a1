//! The script's tag in pages on their way: which of them get it, and what is told of the others.
//!
//! The tag and the page are [`inject`]'s; here they meet request and response. Called from the
//! hooks of [`Analytics`].

use super::analytics::{Analytics, Tracking, peer_of};
use super::inject::{self, Broken, Injector, Origin, Page, Prepared, Verdict};
use crate::telemetry::{DropReason, Untagged};
use crate::visitor::address::came_by_https;
use bytes::Bytes;
use http::uri::Authority;
use http::{HeaderValue, Method, StatusCode, Version, header};
use pingora::http::ResponseHeader;
use pingora::proxy::Session;
use pingora::{Error, ErrorType};
use std::panic::{AssertUnwindSafe, catch_unwind};

impl Analytics {
    /// Prepares a page for the script's tag, if it can take it.
    pub(super) fn tag_page(
        &self,
        site: usize,
        tracking: &mut Tracking,
        session: &mut Session,
        response: &mut ResponseHeader,
    ) {
        if response.status == StatusCode::NOT_MODIFIED {
            inject::prepare_not_modified(response, &tracking.script.asked);
            return;
        }
        let is_head = session.req_header().method == Method::HEAD;
        let leave = |why| {
            if !is_head {
                self.tell_untagged(why);
            }
        };
        let coding =
            match inject::judge_response(response, self.settings_of(site).script.inject_compressed)
            {
                Prepared::NoPage => return,
                Prepared::Left(why) => return leave(why),
                Prepared::Page(coding) => coding,
            };
        let (origin, policies) = (self.origin_of(session), inject::policies(&response.headers));
        if policies.judge(&self.script_of(site).tag, &origin) == Verdict::Forbidden {
            return leave(Untagged::Policy);
        }
        if !is_head {
            let injector = Injector::new(self.script_of(site).tag.clone(), origin, policies);
            match Page::new(injector, coding) {
                Ok(page) => tracking.script.page = Some(Box::new(page)),
                Err(_) => return leave(Untagged::Coding),
            }
        }
        inject::prepare_response(response);
        // How long it becomes is not known. HTTP/1.0 knows no chunks: there the end of the
        // connection is the end of the page.
        if session.req_header().version == Version::HTTP_10 {
            session.set_keepalive(None);
        } else {
            let chunked = HeaderValue::from_static("chunked");
            let _ = response.insert_header(header::TRANSFER_ENCODING, chunked);
        }
    }

    /// Takes a chunk of a page, and leaves what is to be sent instead.
    pub(super) fn feed(
        &self,
        page: &mut Page,
        body: &mut Option<Bytes>,
        end: bool,
    ) -> pingora::Result<()> {
        let fed = catch_unwind(AssertUnwindSafe(|| page.feed(body, end)));
        if let Some(why) = page.untagged() {
            self.tell_untagged(why);
        }
        let broken = match fed {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(broken @ Broken::Bomb)) => {
                tracing::warn!("{broken}; it is cut off");
                broken.to_string()
            }
            Ok(Err(broken)) => broken.to_string(),
            Err(_) => {
                self.telemetry().dropped(DropReason::Panic).inc();
                "a page could not be gone on with".to_owned()
            }
        };
        Err(Error::explain(ErrorType::InternalError, broken).into_up())
    }

    fn tell_untagged(&self, why: Untagged) {
        if self.telemetry().untagged(why).inc_first() {
            tracing::warn!(
                "pages are left without the script's tag, because {}; the dashboard says how many",
                why.because()
            );
        }
        if why == Untagged::Panic {
            self.telemetry().dropped(DropReason::Panic).inc();
        }
    }

    /// The page's origin, as its browser has it.
    fn origin_of(&self, session: &Session) -> Origin {
        let request = session.req_header();
        let encrypted = session.digest().is_some_and(|digest| digest.ssl_digest.is_some());
        let (peer, trusted) = (peer_of(session), self.settings().trusted_proxies.now());
        let https = came_by_https(encrypted, peer, &request.headers, &trusted);
        let named = request.headers.get(header::HOST);
        let named = named.and_then(|host| Authority::try_from(host.as_bytes()).ok());
        let authority = named.as_ref().or_else(|| request.uri.authority());
        Origin {
            https,
            host: authority.map_or_else(String::new, |a| a.host().to_owned()),
            port: authority.and_then(Authority::port_u16),
        }
    }
}
