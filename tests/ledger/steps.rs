//! What people, their browsers and machines ask the website for: one function a line of the rules.

use super::beacons::*;
use super::book::Evidence;
use super::common::http::{
    self, ACCEPT_PAGE, ASSET, BEACON, CURL, GOOGLEBOT, GPTBOT, NAVIGATION, PREFETCH,
};
use super::drive::{Drive, ForWhat, Ticket};
use serde_json::json;

pub type Step = fn(&mut Drive);

/// Every one happens several times in a ledger.
pub const STEPS: &[Step] = &[
    navigation,
    navigation,
    navigation,
    tagged_link,
    not_modified,
    left_early,
    no_navigation,
    asset,
    head,
    redirect,
    error,
    error,
    cached_error,
    denied,
    prefetch,
    prefetch,
    bot,
    bot,
    bot_beacon,
    download,
    aborted_download,
    posted,
    frame,
    fresh_beacon,
    fresh_beacon,
    fresh_beacon,
    fresh_beacon,
    used_beacon,
    foreign_id,
    other_path,
    matched,
    matched,
    matched_prefetch,
    matched_frame,
    unmatched,
    clock_ahead,
    forged,
    retry,
    history,
    event,
    many_at_once,
    refused,
];

pub fn navigation(drive: &mut Drive) {
    let (person, page) = (drive.anyone(), drive.any_page());
    let ticket = drive.open(person, &page);
    drive.fresh.push(ticket);
}

/// A campaign's link says more of the source than the referrer.
fn tagged_link(drive: &mut Drive) {
    let (person, page) = (drive.anyone(), drive.any_page());
    let (answer, mut view) = drive.navigate(person, &format!("{page}?utm_source=Spring"), &[]);
    view.traits.insert("visit:source", "Spring".into());
    let view = drive.book.view(view);
    let ticket = drive.ticket(&answer, person, &page, ForWhat::View(view));
    drive.fresh.push(ticket);
}

/// A page from the browser's cache, asked for again: by its tag or by its date. A document that
/// isn't HTML doesn't count.
fn not_modified(drive: &mut Drive) {
    let (person, page) = (drive.anyone(), drive.any_page());
    let path = if drive.rng.bool() { page } else { "/made/paper.pdf".into() };
    let first = http::send(drive.site, "HEAD", &path, &[("Host", "d.example")], b"");
    bot_answer(drive, "(empty)", "No user agent", &path, first.status);
    let conditions = [("If-None-Match", "etag"), ("If-Modified-Since", "last-modified")];
    let (condition, told) = *drive.rng.choice(&conditions).unwrap();
    let (answer, view) = drive.navigate(person, &path, &[(condition, first.header(told).unwrap())]);
    assert_eq!(answer.status, 304);
    if path.ends_with(".html") {
        let view = drive.book.view(view);
        let ticket = drive.ticket(&answer, person, &path, ForWhat::View(view));
        drive.fresh.push(ticket);
    }
}

/// Gone after the first bytes of a page: it counts, its header was sent.
fn left_early(drive: &mut Drive) {
    let person = drive.anyone();
    let mut headers = drive.people[person].headers();
    headers.extend(drive.navigation(person));
    let answer = http::get_and_leave(drive.site, "/made/slow.html", &headers, 10);
    println!("{person:2} GET /made/slow.html, left early → {}", answer.status);
    let view = drive.a_view(person, "/made/slow.html", "Direct / None", Evidence::Server);
    drive.book.view(view);
}

/// Fetched by a script, or by an old one that only says so itself.
fn no_navigation(drive: &mut Drive) {
    let (person, page) = (drive.anyone(), drive.any_page());
    let ways: [&[(&str, &str)]; 4] = [
        &[ACCEPT_PAGE, ("Sec-Fetch-Dest", "empty"), ("Sec-Fetch-Mode", "cors")],
        &[ACCEPT_PAGE, ("X-Requested-With", "XMLHttpRequest")],
        &[("Accept", "*/*")],
        &[ACCEPT_PAGE, ("Sec-Fetch-Dest", "object"), ("Sec-Fetch-Mode", "navigate")],
    ];
    let way = *drive.rng.choice(&ways).unwrap();
    assert_eq!(drive.ask(person, "GET", &page, way, b"").status, 200);
}

fn asset(drive: &mut Drive) {
    let person = drive.anyone();
    let files = ["/_static/py.png", "/_static/pydoctheme.css", "/_static/missing.png"];
    drive.ask(person, "GET", drive.rng.clone().choice(&files).unwrap(), ASSET, b"");
    assert_eq!(drive.ask(person, "GET", "/headcount.js", &[("Accept", "*/*")], b"").status, 200);
}

fn head(drive: &mut Drive) {
    let (person, page) = (drive.anyone(), drive.any_page());
    assert_eq!(drive.ask(person, "HEAD", &page, NAVIGATION, b"").status, 200);
}

fn redirect(drive: &mut Drive) {
    let person = drive.anyone();
    assert_eq!(drive.navigate(person, "/moved", &[]).0.status, 301);
    assert_eq!(drive.navigate(person, "/found", &[]).0.status, 302);
}

fn error(drive: &mut Drive) {
    let person = drive.anyone();
    let answers = [("/no/such.html", 404), ("/gone", 410), ("/broken", 503)];
    let (path, status) = *drive.rng.choice(&answers).unwrap();
    let (answer, _) = drive.navigate(person, path, &[]);
    assert_eq!(answer.status, status);
    drive.book.response("error:page", path);
    drive.book.response("error:status", status);
    drive.book.listed += 1;
    let ticket = drive.ticket(&answer, person, path, ForWhat::Error);
    drive.fresh.push(ticket);
}

/// An error page that a cache gives to someone else, or that is gone back to: never a pageview.
fn cached_error(drive: &mut Drive) {
    error(drive);
    let ticket = drive.fresh.last().unwrap().clone();
    let other = drive.somebody_else(ticket.person);
    for (person, nav) in [(other, "load"), (ticket.person, "bfcache")] {
        let event = drive.beacon(&ticket.page, json!({"view": ticket.id, "nav": nav})).0;
        drive.post(person, vec![event]);
    }
}

/// Neither a page nor an error that one would mend.
fn denied(drive: &mut Drive) {
    let person = drive.anyone();
    assert_eq!(drive.navigate(person, "/denied", &[]).0.status, 403);
}

pub fn fetch_ahead(drive: &mut Drive, person: usize, page: &str) -> Ticket {
    let purposes =
        [("Sec-Purpose", "prefetch;prerender"), ("Purpose", "prefetch"), ("X-Moz", "prefetch")];
    let mut headers = PREFETCH.to_vec();
    headers[1] = *drive.rng.choice(&purposes).unwrap();
    let answer = drive.ask(person, "GET", page, &headers, b"");
    drive.book.response("prefetch:page", page);
    drive.book.listed += 1;
    drive.ticket(&answer, person, page, ForWhat::Prefetch)
}

/// Seen later, or never.
fn prefetch(drive: &mut Drive) {
    let (person, page) = (drive.anyone(), drive.any_page());
    let ticket = fetch_ahead(drive, person, &page);
    if drive.rng.bool() {
        drive.fresh.push(ticket);
    }
}

fn bot_answer(drive: &mut Drive, name: &str, class: &str, page: &str, status: u16) {
    for (property, value) in [
        ("bot:name", name),
        ("bot:class", class),
        ("bot:page", page),
        ("bot:status", &status.to_string()),
    ] {
        drive.book.response(property, value);
    }
    drive.book.listed += 1;
}

const BOTS: &[(Option<&str>, &str, &str)] = &[
    (Some(GOOGLEBOT), "Googlebot", "Search engine"),
    (Some(GPTBOT), "GPTBot", "AI training"),
    (Some(CURL), "curl", "Library or tool"),
    (Some(""), "(empty)", "No user agent"),
    (None, "(empty)", "No user agent"),
];

/// Whatever it asks for and however it asks: a machine's report and nothing else.
fn bot(drive: &mut Drive) {
    let (agent, name, class) = *drive.rng.choice(BOTS).unwrap();
    let page = drive.any_page();
    let paths = [page.as_str(), "/_static/py.png", "/moved", "/gone", "/made/paper.pdf"];
    let path = *drive.rng.choice(&paths).unwrap();
    let ways = [NAVIGATION, PREFETCH, &[ACCEPT_PAGE], &[("Accept", "*/*")]];
    let mut headers = vec![("Host", "docs.example.org"), ("X-Forwarded-For", "66.249.66.1")];
    headers.extend(agent.map(|agent| ("User-Agent", agent)));
    headers.extend(*drive.rng.choice(&ways).unwrap());
    let method = *drive.rng.choice(&["GET", "GET", "HEAD"]).unwrap();
    let answer = http::send(drive.site, method, path, &headers, b"");
    println!("   {name} {method} {path} → {}", answer.status);
    bot_answer(drive, name, class, path, answer.status);
}

fn bot_beacon(drive: &mut Drive) {
    let page = drive.any_page();
    let event = drive.beacon(&page, json!({})).0.to_string();
    let mut headers = vec![("Host", "docs.example.org"), ("User-Agent", GOOGLEBOT)];
    headers.extend(BEACON);
    let answer = http::send(drive.site, "POST", "/api/track", &headers, event.as_bytes());
    assert_eq!(answer.status, 202);
    println!("   Googlebot POST {event}");
    drive.book.bot_beacons += 1;
}

fn download(drive: &mut Drive) {
    let person = drive.anyone();
    let path = *drive.rng.choice(&["/made/paper.pdf", "/made/attached.html"]).unwrap();
    assert_eq!(drive.navigate(person, path, &[]).0.status, 200);
    let visitor = drive.people[person].visitor();
    drive.book.download(path, visitor, true);
}

fn aborted_download(drive: &mut Drive) {
    let person = drive.anyone();
    let mut headers = drive.people[person].headers();
    headers.extend(drive.navigation(person));
    http::get_and_leave(drive.site, "/made/huge.zip", &headers, 50_000);
    println!("{person:2} GET /made/huge.zip, left early");
    let visitor = drive.people[person].visitor();
    drive.book.download("/made/huge.zip", visitor, false);
}

/// The answer to a form: a view once its beacon says so.
fn posted(drive: &mut Drive) {
    let person = drive.anyone();
    let headers = drive.navigation(person);
    let answer = drive.ask(person, "POST", "/form", &headers, b"a=b");
    assert_eq!(answer.status, 200);
    let ticket = drive.ticket(&answer, person, "/form", ForWhat::Posted);
    drive.fresh.push(ticket);
}

pub fn open_frame(drive: &mut Drive, person: usize, path: &str) -> Ticket {
    let headers = [ACCEPT_PAGE, ("Sec-Fetch-Dest", "iframe"), ("Sec-Fetch-Mode", "navigate")];
    let answer = drive.ask(person, "GET", path, &headers, b"");
    drive.ticket(&answer, person, path, ForWhat::Ignored)
}

fn frame(drive: &mut Drive) {
    let person = drive.anyone();
    let ticket = open_frame(drive, person, "/made/frame.html");
    drive.fresh.push(ticket);
}
