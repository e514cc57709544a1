//! The page where a visitor asks not to be counted.
//!
//! For the site's owner to link to. It sets the one cookie there is, which says only that; the
//! server and the script both honour it. It works without a script.

use super::analytics::{Analytics, peer_of};
use super::endpoints::respond;
use crate::visitor::who::{OPT_OUT, has_opted_out};
use http::Method;
use pingora::proxy::Session;

/// Ten years; browsers keep less.
const KEPT: u32 = 10 * 365 * 24 * 3_600;

impl Analytics {
    pub(super) async fn serve_opt_out(
        &self,
        site: usize,
        session: &mut Session,
    ) -> pingora::Result<()> {
        let request = session.req_header();
        let no_store = ("cache-control", "no-store");
        match request.method {
            Method::GET | Method::HEAD => {
                let headers = [
                    ("content-type", "text/html; charset=utf-8"),
                    no_store,
                    ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'"),
                ];
                let page = page(has_opted_out(&request.headers));
                respond(session, 200, &headers, page).await
            }
            // Nobody else's page may press the button.
            Method::POST if !self.is_same_site(site, request, peer_of(session)) => {
                respond(session, 403, &[no_store], "this must come from the site itself").await
            }
            Method::POST => {
                let age = if request.uri.query() == Some("in") { 0 } else { KEPT };
                let cookie = format!("{OPT_OUT}; Path=/; Max-Age={age}; SameSite=Lax");
                let back = request.uri.path().to_owned();
                let headers = [no_store, ("set-cookie", &cookie), ("location", &back)];
                respond(session, 303, &headers, "").await
            }
            _ => respond(session, 405, &[("allow", "GET, HEAD, POST")], "").await,
        }
    }
}

fn page(out: bool) -> String {
    let (text, action, button) = match out {
        true => ("Your visits are not counted.", "?in", "Count my visits again"),
        false => (
            "Your visits are counted, without cookies and without knowing who you are.",
            "?out",
            "Do not count my visits",
        ),
    };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <title>Visitor statistics</title>\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <style>:root {{ color-scheme: light dark }} body {{ font: 1rem/1.5 system-ui, sans-serif; \
         max-width: 32rem; margin: 4rem auto; padding: 0 1rem }}</style>\n\
         <h1>Visitor statistics</h1>\n<p>{text}</p>\n\
         <form method=\"post\" action=\"{action}\"><button>{button}</button></form>\n"
    )
}
