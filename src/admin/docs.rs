//! `/docs`: the documentation of this very version, as it is in the source, with a search.

use super::dashboard::document;
use super::error::Error;
use super::params::{InPath, Params};
use crate::language::Language;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::{Markup, PreEscaped, html};
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html as to_html};
use std::collections::HashMap;

/// Files of the source that pages lead to.
const FILES: [(&str, &str); 6] = [
    ("conf/headcount.toml", crate::config::DEFAULTS),
    ("conf/headcount.service", include_str!("../../conf/headcount.service")),
    ("conf/prometheus-rules.yml", include_str!("../../conf/prometheus-rules.yml")),
    ("conf/grafana-dashboard.json", include_str!("../../conf/grafana-dashboard.json")),
    ("CHANGELOG.md", include_str!("../../CHANGELOG.md")),
    ("SECURITY.md", include_str!("../../SECURITY.md")),
];

/// Path, title, text.
const PAGES: [(&str, &str, &str); 24] = [
    ("quick-start", "Quick start", include_str!("../../docs/quick-start.md")),
    ("install", "Install", include_str!("../../docs/install.md")),
    ("in-front", "In front of: step by step", include_str!("../../docs/in-front.md")),
    ("behind", "Behind: step by step", include_str!("../../docs/behind.md")),
    ("proxy", "In front of a website", include_str!("../../docs/proxy.md")),
    ("plugin", "In your own Pingora proxy", include_str!("../../docs/plugin.md")),
    ("counting", "What is counted", include_str!("../../docs/counting.md")),
    ("trackers", "Keep your snippet", include_str!("../../docs/trackers.md")),
    ("moving", "Moving here", include_str!("../../docs/moving.md")),
    ("privacy", "Privacy", include_str!("../../docs/privacy.md")),
    ("dashboard", "The dashboard", include_str!("../../docs/dashboard.md")),
    ("people", "People, links, tokens", include_str!("../../docs/people.md")),
    ("api", "API", include_str!("../../docs/api.md")),
    ("stores", "Stores", include_str!("../../docs/stores.md")),
    ("queries", "Questions to the store", include_str!("../../docs/queries.md")),
    ("column-store", "In a column store", include_str!("../../docs/column-store.md")),
    ("import", "Access logs of before", include_str!("../../docs/import.md")),
    ("reliability", "What can be lost, and when", include_str!("../../docs/reliability.md")),
    ("security", "Security", include_str!("../../docs/security.md")),
    ("costs", "What it costs", include_str!("../../docs/costs.md")),
    ("scale", "Scale", include_str!("../../docs/scale.md")),
    ("faq", "Questions and answers", include_str!("../../docs/faq.md")),
    ("limits", "Honest limits", include_str!("../../docs/limits.md")),
    ("contributing", "Contributing", include_str!("../../docs/contributing.md")),
];

/// Characters shown before what is found; twice as many are shown from its beginning on.
const AROUND: usize = 80;

pub(super) async fn contents(params: Params) -> Response {
    let search = params.get("q").map(str::trim).filter(|search| !search.is_empty());
    let body = html! {
        h1 { "Documentation" }
        @match search {
            None => {
                ul { @for (path, title, _) in PAGES { li { a href={ "/docs/" (path) } { (title) } } } }
            }
            Some(search) => (found(search)),
        }
    };
    page("Documentation", None, search, &body).into_response()
}

pub(super) async fn show(InPath(path): InPath<String>) -> Response {
    match PAGES.iter().find(|(known, ..)| *known == path) {
        Some((path, title, text)) => {
            page(title, Some(path), None, &PreEscaped(rendered(text))).into_response()
        }
        None => {
            let body = html! { h1 { "Not found" } p { "There is no such page." } };
            (StatusCode::NOT_FOUND, page("Documentation", None, None, &body)).into_response()
        }
    }
}

pub(super) async fn file(InPath(path): InPath<String>) -> Response {
    match FILES.iter().find(|(known, _)| *known == path) {
        Some((_, text)) => {
            ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], *text).into_response()
        }
        None => Error::NotFound.into_response(),
    }
}

fn page(
    title: &str,
    current: Option<&str>,
    search: Option<&str>,
    body: &Markup,
) -> impl IntoResponse + use<> {
    let title = format!("{title} · headcount");
    let page = document(
        Language::English,
        &title,
        html! {
            a.skip href="#text" { "Skip to the text" }
            div.docs {
                nav aria-label="Pages" {
                    a.home href="/" { "← Dashboard" }
                    form method="get" action="/docs" role="search" {
                        input type="search" name="q" aria-label="Search the documentation"
                            placeholder="Search" value=[search];
                    }
                    @for (path, title, _) in PAGES {
                        a href={ "/docs/" (path) } aria-current=[(current == Some(path)).then_some("page")] { (title) }
                    }
                }
                main #text tabindex="-1" { (body) }
            }
        },
    );
    ([(header::CONTENT_LANGUAGE, Language::English.as_str())], page)
}

/// Paragraphs that have all words of a search, by page, the page with most of them first.
fn found(search: &str) -> Markup {
    let words: Vec<String> = search.split_whitespace().map(str::to_lowercase).collect();
    let mut all = PAGES.map(|(path, title, text)| {
        let mut heading = ("".to_owned(), title.to_owned());
        let mut found = Vec::new();
        for paragraph in text.split("\n\n") {
            if paragraph.starts_with('#') {
                let name =
                    paragraph.lines().next().unwrap_or_default().trim_start_matches('#').trim();
                heading = (anchor(name), name.to_owned());
            }
            let lower = paragraph.to_lowercase();
            if words.iter().all(|word| lower.contains(word)) {
                found.push((heading.clone(), excerpt(paragraph, &words[0])));
            }
        }
        (path, title, found)
    });
    all.sort_by_key(|(_, _, found)| std::cmp::Reverse(found.len()));
    html! {
        @if all.iter().all(|(_, _, found)| found.is_empty()) { p { "Nothing is found of " strong { (search) } "." } }
        @for (path, title, found) in all.iter().filter(|(_, _, found)| !found.is_empty()) {
            h2 { a href={ "/docs/" (path) } { (title) } }
            ul {
                @for ((anchor, name), line) in found {
                    li { a href={ "/docs/" (path) "#" (anchor) } { (name) } ": " (line) }
                }
            }
        }
    }
}

/// Some text around a word.
fn excerpt(paragraph: &str, word: &str) -> String {
    let plain: String = paragraph.chars().filter(|c| !matches!(c, '`' | '*' | '#' | '|')).collect();
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let letters: Vec<char> = plain.chars().collect();
    let at = plain.to_lowercase().find(word).unwrap_or(0);
    // Lower case may be longer than what it is of.
    let at = plain.get(..at).map_or(0, |before| before.chars().count());
    let (from, to) = (at.saturating_sub(AROUND), (at + 2 * AROUND).min(letters.len()));
    let part: String = letters[from..to].iter().collect();
    format!(
        "{}{part}{}",
        if from > 0 { "…" } else { "" },
        if to < letters.len() { "…" } else { "" }
    )
}

/// Markdown as HTML: headings can be linked to, links lead to pages here. The text is our own.
fn rendered(text: &str) -> String {
    let options = Options::ENABLE_TABLES;
    let mut events: Vec<Event<'_>> = Parser::new_ext(text, options).collect();
    let (mut seen, mut dropped) = (HashMap::new(), false);
    for i in 0..events.len() {
        if let Event::Start(Tag::Heading { .. }) = events[i] {
            let name = heading(&events[i + 1..]);
            let anchor = anchor(&name);
            let nth: &mut usize = seen.entry(anchor.clone()).or_default();
            let id = if *nth == 0 { anchor } else { format!("{anchor}-{nth}") };
            *nth += 1;
            if let Event::Start(Tag::Heading { id: given, .. }) = &mut events[i] {
                *given = Some(CowStr::from(id));
            }
        }
        match &mut events[i] {
            Event::Start(Tag::Link { dest_url, .. }) => match link(dest_url) {
                Some(to) => *dest_url = to.into(),
                // It leads to what is not here: the words stay.
                None => {
                    events[i] = Event::Text("".into());
                    dropped = true;
                }
            },
            Event::End(TagEnd::Link) if dropped => {
                events[i] = Event::Text("".into());
                dropped = false;
            }
            _ => {}
        }
    }
    let mut html = String::with_capacity(2 * text.len());
    to_html::push_html(&mut html, events.into_iter());
    // What is wider than the page is scrolled by itself, also by keys.
    html.replace("<table>", "<div class=\"scroll-x\" tabindex=\"0\"><table>")
        .replace("</table>", "</table></div>")
        .replace("<pre>", "<pre tabindex=\"0\">")
}

fn heading(events: &[Event<'_>]) -> String {
    let mut name = String::new();
    for event in events {
        match event {
            Event::End(TagEnd::Heading(_)) => break,
            Event::Text(text) | Event::Code(text) => name.push_str(text),
            _ => {}
        }
    }
    name
}

/// As GitHub makes them: small letters, dashes for spaces, nothing else.
fn anchor(name: &str) -> String {
    let kept = name.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// `stores.md#x` is a page here, `../conf/headcount.toml` a file. `None`: it is not here.
fn link(to: &str) -> Option<String> {
    let (file, anchor) = to.split_once('#').map_or((to, ""), |(file, anchor)| (file, anchor));
    if file.is_empty() || file.contains("://") {
        return Some(to.to_owned());
    }
    if let Some(file) = file.strip_prefix("../") {
        return FILES.iter().any(|(path, _)| *path == file).then(|| format!("/docs/files/{file}"));
    }
    if let Some(page) = file.strip_suffix(".md") {
        let is_page = PAGES.iter().any(|(path, ..)| *path == page);
        let anchor = if anchor.is_empty() { String::new() } else { format!("#{anchor}") };
        return is_page.then(|| format!("/docs/{page}{anchor}"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex::Regex;

    #[test]
    fn all_pages_of_the_folder_are_here() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/docs");
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name());
        let files = files.filter_map(|name| name.to_str()?.strip_suffix(".md").map(str::to_owned));
        let mut files: Vec<String> = files.collect();
        files.sort();
        let mut pages = PAGES.map(|(path, ..)| path);
        pages.sort();
        assert_eq!(files, pages);
    }

    #[test]
    fn every_link_leads_somewhere() {
        let (href, id) =
            (Regex::new(r#"href="([^"]*)""#).unwrap(), Regex::new(r#"id="([^"]*)""#).unwrap());
        let ids = |page: &str| {
            let (_, _, text) = PAGES.iter().find(|(path, ..)| *path == page).unwrap();
            let html = rendered(text);
            id.captures_iter(&html).map(|id| id[1].to_owned()).collect::<Vec<_>>()
        };
        let mut links = 0;
        for (path, _, text) in PAGES {
            for to in href.captures_iter(&rendered(text)) {
                let to = &to[1];
                links += 1;
                if to.contains("://") || to.starts_with("/docs/files/") {
                    continue;
                }
                let (page, anchor) = to.split_once('#').unwrap_or((to, ""));
                let page = page.strip_prefix("/docs/").unwrap_or(path);
                assert!(
                    anchor.is_empty() || ids(page).contains(&anchor.to_owned()),
                    "{path}: {to}"
                );
            }
        }
        assert!(links > 5);
    }

    #[test]
    fn what_is_searched_for_is_found_under_its_heading() {
        let html = found("VACUUM backup").into_string();
        assert!(!html.contains("Nothing is found"), "{html}");
        let html = found("<script>").into_string();
        assert!(html.contains("Nothing is found of <strong>&lt;script&gt;"), "{html}");
        // A letter that is longer in small.
        assert_eq!(excerpt("\u{130}\u{130} word", "word"), "\u{130}\u{130} word");
    }
}
