//! What the script tells, and what others tell in its name: one function a line of the rules.

use super::book::{Evidence, View};
use super::common::http::BEACON;
use super::drive::{Drive, ForWhat, Ticket};
use super::steps::{fetch_ahead, navigation, open_frame};
use serde_json::json;

/// An id that was not used yet.
fn take_fresh(drive: &mut Drive) -> Ticket {
    if drive.fresh.is_empty() {
        navigation(drive);
    }
    let at = drive.rng.usize(..drive.fresh.len());
    drive.fresh.swap_remove(at)
}

pub fn fresh_beacon(drive: &mut Drive) {
    let ticket = take_fresh(drive);
    let nav = match ticket.for_what {
        ForWhat::Prefetch => "prerender",
        _ => "load",
    };
    drive.load(&ticket, json!({"view": ticket.id, "nav": nav}));
    drive.used.push(ticket);
}

/// The page came from a cache: a further view, unless it is none at all.
pub fn used_beacon(drive: &mut Drive) {
    if drive.used.is_empty() {
        fresh_beacon(drive);
    }
    let used = &drive.used;
    let ticket = drive.rng.choice(used).unwrap().clone();
    let more = json!({"view": ticket.id});
    match ticket.for_what {
        ForWhat::Error | ForWhat::Ignored => {
            let event = drive.beacon(&ticket.page, more).0;
            drive.post(ticket.person, vec![event]);
        }
        _ => drive.show(ticket.person, &ticket.page, more, Evidence::Browser),
    }
}

/// An id given to someone else: a cache in front of the proxy.
pub fn foreign_id(drive: &mut Drive) {
    let (person, page) = (drive.anyone(), drive.any_page());
    let ticket = drive.open(person, &page);
    let other = drive.somebody_else(person);
    drive.show(other, &page, json!({"view": ticket.id}), Evidence::Browser);
    drive.fresh.push(ticket);
}

/// An id is good for its own path only.
pub fn other_path(drive: &mut Drive) {
    let (person, page) = (drive.anyone(), drive.any_page());
    let ticket = drive.open(person, &page);
    let other = drive.spare_page();
    drive.show(person, &other, json!({"view": ticket.id}), Evidence::Browser);
    drive.fresh.push(ticket);
}

/// Without an id of ours, the same visitor and path tell; once. Nobody is known of who asks not to
/// be.
pub fn matched(drive: &mut Drive) {
    let (person, page) = (drive.anyone(), drive.spare_page());
    let ticket = drive.open(person, &page);
    let id = forge(drive, &ticket);
    if drive.people[person].do_not_track.is_none() {
        drive.load(&ticket, json!({"view": id}));
    }
    drive.show(person, &page, json!({}), Evidence::Unverified);
}

pub fn matched_prefetch(drive: &mut Drive) {
    let (person, page) = (drive.anyone(), drive.spare_page());
    let ticket = fetch_ahead(drive, person, &page);
    match drive.people[person].do_not_track {
        None => drive.load(&ticket, json!({})),
        Some(_) => drive.show(person, &page, json!({}), Evidence::Unverified),
    }
}

pub fn matched_frame(drive: &mut Drive) {
    let (person, page) = (drive.anyone(), drive.spare_page());
    let ticket = open_frame(drive, person, &page);
    match drive.people[person].do_not_track {
        None => drive.load(&ticket, json!({})),
        Some(_) => drive.show(person, &page, json!({}), Evidence::Unverified),
    }
}

pub fn unmatched(drive: &mut Drive) {
    let (person, page) = (drive.anyone(), drive.spare_page());
    drive.show(person, &page, json!({}), Evidence::Unverified);
}

/// By a clock that is ahead it is shown more than 30 s after it was answered: matched all the
/// same. By someone who never comes back: what they did next would be earlier.
pub fn clock_ahead(drive: &mut Drive) {
    let (person, page) = (drive.somebody_new(), drive.spare_page());
    let ticket = drive.open(person, &page);
    let ahead = drive.now(40).to_rfc3339();
    drive.load(&ticket, json!({"timestamp": ahead}));
}

/// An id that is not ours is no id.
pub fn forged(drive: &mut Drive) {
    let (person, page) = (drive.anyone(), drive.spare_page());
    let ticket = drive.open(person, &page);
    let (id, other) = (forge(drive, &ticket), drive.spare_page());
    drive.show(person, &other, json!({"view": id}), Evidence::Unverified);
    drive.fresh.push(ticket);
}

/// One character of an id changed, or nothing like an id at all.
fn forge(drive: &mut Drive, ticket: &Ticket) -> Option<String> {
    let mut id = ticket.id.clone();
    let at = drive.rng.usize(..id.len());
    let other = if id.as_bytes()[at] == b'A' { "B" } else { "A" };
    id.replace_range(at..=at, other);
    let others = [Some(id), Some(String::new()), Some("none of ours".repeat(20)), None];
    drive.rng.choice(&others).unwrap().clone()
}

/// The same again, byte for byte: nothing.
pub fn retry(drive: &mut Drive) {
    if drive.sent.is_empty() {
        fresh_beacon(drive);
    }
    let sent = &drive.sent;
    let (person, event) = drive.rng.choice(sent).unwrap().clone();
    drive.post(person, vec![event.clone()]);
    drive.post(person, vec![event.clone(), event]);
}

/// A single-page navigation or a page from the back/forward cache leaves the page's id unused.
pub fn history(drive: &mut Drive) {
    let (person, page) = (drive.anyone(), drive.any_page());
    let ticket = drive.open(person, &page);
    let nav = *drive.rng.choice(&["history", "bfcache"]).unwrap();
    drive.show(person, &page, json!({"view": ticket.id, "nav": nav}), Evidence::Browser);
    drive.fresh.push(ticket);
    let (person, page) = (drive.anyone(), drive.any_page());
    drive.show(person, &page, json!({"nav": nav}), Evidence::Browser);
}

pub fn event(drive: &mut Drive) {
    let (person, page) = (drive.anyone(), drive.any_page());
    drive.open(person, &page);
    let events =
        [("event", "Signup"), ("outbound", "Outbound Link: Click"), ("download", "File Download")];
    let (kind, name) = *drive.rng.choice(&events).unwrap();
    let event = drive.beacon(&page, json!({"type": kind, "name": name})).0;
    let attention = drive.beacon(&page, json!({"type": "engagement", "value": 1500})).0;
    drive.post(person, vec![event, attention]);
    let visitor = drive.people[person].visitor();
    drive.book.event(name, visitor);
}

/// Several events in one beacon, one of them wrong: the others count.
pub fn many_at_once(drive: &mut Drive) {
    let (person, page, other) = (drive.anyone(), drive.spare_page(), drive.spare_page());
    let ticket = drive.open(person, &page);
    let (first, _, screen) = drive.beacon(&page, json!({"view": ticket.id}));
    let (second, source, on) = drive.beacon(&other, json!({"view": ticket.id, "nav": "history"}));
    let body = json!([first, {"type": "dance"}, second, first]).to_string();
    let answer = drive.ask(person, "POST", "/api/track", BEACON, body.as_bytes());
    assert_eq!(answer.status, 400, "{}", answer.text());
    let ForWhat::View(view) = ticket.for_what else { unreachable!() };
    drive.book.confirm(view, screen);
    let view = drive.a_view(person, &other, source, Evidence::Browser);
    drive.book.view(View { screen: on, ..view });
}

/// From another site, by the wrong method, or nothing that can be read.
pub fn refused(drive: &mut Drive) {
    let (person, page) = (drive.anyone(), drive.any_page());
    let event = drive.beacon(&page, json!({})).0.to_string();
    let cross = [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example")];
    let origin = [("Origin", "https://evil.example")];
    for (method, headers, body, status) in [
        ("POST", &cross[..], event.as_str(), 403),
        ("POST", &origin, &event, 403),
        ("PUT", BEACON, &event, 405),
        ("POST", BEACON, "{", 400),
    ] {
        let answer = drive.ask(person, method, "/api/track", headers, body.as_bytes());
        assert_eq!(answer.status, status, "{}", answer.text());
    }
}
