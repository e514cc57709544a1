//! How a browser, or a script in a page, asked: for a page to be shown, for a part of one, ahead of
//! time.
//!
//! Only the request's headers say so, some standard, some of the libraries that swap pages. What an
//! answer counts as is [`super::classify`]'s to say.

use crate::text::elements_from_last;
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// How the browser asked.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// For a page to be shown in a tab.
    pub navigation: bool,
    headers: &'a HeaderMap,
}

impl<'a> Asked<'a> {
    pub fn of(headers: &'a HeaderMap) -> Self {
        Self { navigation: is_navigation(headers), headers }
    }

    /// The same of a request of which not all headers are known (a log has none, or some): for a
    /// page, as long as nothing says otherwise.
    pub fn of_some(headers: &'a HeaderMap) -> Self {
        let told = [&SEC_FETCH_DEST, &SEC_FETCH_MODE, &SEC_FETCH_SITE];
        let navigation = match told.iter().any(|name| headers.contains_key(*name)) {
            true => is_navigation(headers),
            false => !is_of_script(headers),
        };
        Self { navigation, headers }
    }

    /// Ahead of time, perhaps for nothing. Many headers may say so: they are read only for what
    /// may be a page.
    pub fn prefetch(self) -> bool {
        is_prefetch(self.headers)
    }

    /// By a library that swaps pages without leaving the document. Turbo names its visits, and its
    /// frames too, which are parts of pages; htmx says it of links and forms it has taken over.
    pub fn boosted(self) -> bool {
        let has = |name: &HeaderName| self.headers.contains_key(name);
        (has(&TURBO_REQUEST) && !has(&TURBO_FRAME)) || is_true(self.headers, &HX_BOOSTED)
    }
}

/// Names made once: looking one up by its text parses that text first.
static SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
static SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
static X_REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");
/// Where browsers and libraries say what they ask for: the standard's header (its draft called it
/// `Sec-Fetch-Purpose`), older ones of Chrome, Firefox, Safari, Opera and Facebook's app, Turbo's,
/// and one that frameworks look for.
static PURPOSES: [HeaderName; 7] = [
    HeaderName::from_static("sec-purpose"),
    HeaderName::from_static("purpose"),
    HeaderName::from_static("x-moz"),
    HeaderName::from_static("x-purpose"),
    HeaderName::from_static("x-sec-purpose"),
    HeaderName::from_static("sec-fetch-purpose"),
    HeaderName::from_static("moz-purpose"),
];
static TURBO_REQUEST: HeaderName = HeaderName::from_static("x-turbo-request-id");
static TURBO_FRAME: HeaderName = HeaderName::from_static("turbo-frame");
static HX_REQUEST: HeaderName = HeaderName::from_static("hx-request");
static HX_BOOSTED: HeaderName = HeaderName::from_static("hx-boosted");
static HX_PRELOADED: HeaderName = HeaderName::from_static("hx-preloaded");
/// What scripts that put parts into pages ask with: htmx, Turbo, Unpoly, pjax, Livewire, Inertia.
static SCRIPTS: [HeaderName; 6] = [
    HeaderName::from_static("hx-request"),
    HeaderName::from_static("x-turbo-request-id"),
    HeaderName::from_static("x-up-version"),
    HeaderName::from_static("x-pjax"),
    HeaderName::from_static("x-livewire"),
    HeaderName::from_static("x-inertia"),
];
const HTML: &[u8] = b"text/html";
const AHEAD: [&[u8]; 3] = [b"prefetch", b"prerender", b"preview"];

/// `Sec-Fetch-*` say it; where a browser sends none (plain HTTP, old browsers), it accepts
/// `text/html` and no script asked.
fn is_navigation(headers: &HeaderMap) -> bool {
    if let Some(dest) = headers.get(&SEC_FETCH_DEST) {
        return dest.as_bytes().eq_ignore_ascii_case(b"document");
    }
    if let Some(mode) = headers.get(&SEC_FETCH_MODE) {
        return mode.as_bytes().eq_ignore_ascii_case(b"navigate");
    }
    if headers.contains_key(&SEC_FETCH_SITE) || is_of_script(headers) {
        return false;
    }
    let accepts = headers.get_all(header::ACCEPT).iter().flat_map(elements_from_last);
    let mut types = accepts.filter_map(|kind| kind.get(..HTML.len()));
    types.any(|kind| kind.eq_ignore_ascii_case(HTML))
}

/// A script asks, and not the browser for a tab. `X-Requested-With` is `XMLHttpRequest` then, or
/// whatever a script writes; Android's web view names its app there, by the package.
fn is_of_script(headers: &HeaderMap) -> bool {
    let is_app = |by: &[u8]| {
        let fits = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_');
        by.is_empty() || by.contains(&b'.') && by.iter().all(fits)
    };
    headers.get(&X_REQUESTED_WITH).is_some_and(|by| !is_app(by.as_bytes()))
        || SCRIPTS.iter().any(|name| headers.contains_key(name))
}

/// `Sec-Purpose` (also of prerenders), the like of it, and htmx's own header; a part of a page that
/// htmx fetches ahead is no page.
fn is_prefetch(headers: &HeaderMap) -> bool {
    let says_so = |value: &HeaderValue| {
        let mut words = value.as_bytes().split(|b| matches!(b, b';' | b','));
        words.any(|word| AHEAD.iter().any(|w| word.trim_ascii().eq_ignore_ascii_case(w)))
    };
    PURPOSES.iter().any(|name| headers.get_all(name).iter().any(says_so))
        || is_true(headers, &HX_PRELOADED)
            && (is_true(headers, &HX_BOOSTED) || !is_true(headers, &HX_REQUEST))
}

fn is_true(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.get(name).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}

/// Part of another page.
pub(super) fn is_frame(headers: &HeaderMap) -> bool {
    headers.get(&SEC_FETCH_DEST).is_some_and(|v| v == "iframe" || v == "frame")
}
