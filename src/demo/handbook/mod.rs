//! A handbook of sourdough that does not exist, and the people who read it.
//!
//! It has another rhythm than the bakery: it is read from a long way off, in the evening and on
//! Sundays, when people bake at home; most of them come from search engines, forums and assistants,
//! and read a page or two in their own language. There is nothing to buy; what its visitors do is
//! say whether a page was any help.

mod pages;

use super::page::{Frame, feed};
use super::pdf;
use super::people::{
    BING, Country, Crowd, GOOGLE, Machine, OPENAI, Origin, country, machine, origin,
};
use super::traffic::Pace;
use super::website::{Deed, Rhythm, Website};
use bytes::Bytes;
use maud::{Markup, html};
use std::time::Duration;

pub static HANDBOOK: Website = Website {
    frame: Frame {
        name: "The Sourdough Handbook",
        notice: "This is the second website of headcount's demo. The handbook and most of its \
                 readers are made up.",
        brand,
        colours: "leaf",
        feed: "/changes.xml",
        sections: &[
            ("/start", "Start"),
            ("/flour", "Flour"),
            ("/starter", "Starter"),
            ("/dough", "Dough"),
            ("/bake", "Bake"),
            ("/questions", "Questions"),
        ],
        footer,
    },
    pages: pages::all,
    not_found: pages::not_found,
    files,
    crowd: Crowd { countries: COUNTRIES, origins: ORIGINS, machines: MACHINES, fame: VIDEO },
    rhythm: Rhythm {
        visits: 29.0,
        // It is new, and grows.
        a_year_ago: 0.15,
        winter: 0.3,
        week: [0.8, 0.75, 0.75, 0.85, 1.1, 1.45, 1.7],
        hours: [4, 3, 2, 1, 1, 2, 3, 4, 6, 8, 9, 8, 7, 7, 7, 8, 10, 13, 16, 19, 21, 18, 12, 7],
        famous: 63,
        robots: None,
    },
    pace: Pace {
        burst: 40,
        burst_pause: Duration::from_millis(900),
        interval: Some(Duration::from_secs(9)),
        pause: Duration::from_secs(40),
    },
    download: "/cards.pdf",
    outbound: "https://example.org/flour-laboratory",
    broken: "/dough/shaping",
    slow: "/bake/crust",
    // Whoever begins with the course reads on, most of them not to its end.
    leads: &[
        ("/start", "/starter/make", 75),
        ("/starter/make", "/dough", 45),
        ("/dough", "/dough/folding", 65),
        ("/dough/folding", "/dough/proofing", 60),
        ("/dough/proofing", "/bake", 60),
    ],
    deeds: &[Deed {
        name: "Helpful",
        on: &[(None, 9)],
        steps: &[],
        property: "answer",
        values: &[("yes", None), ("yes", None), ("yes", None), ("no", None)],
    }],
};

fn brand() -> Markup {
    html! { "The " span { "Sourdough" } " Handbook" }
}

fn footer() -> Markup {
    html! {
        p { "Written by people who have ruined a lot of flour." }
        p {
            a href="/cards.pdf" { "All steps on one sheet (PDF)" } " · "
            a href="/changes.xml" { "What changed" } " · "
            a href="/dough/shaping" { "Shaping" } " · "
            a href="https://example.org/flour-laboratory" { "A laboratory for flour" }
        }
    }
}

fn files() -> Vec<(&'static str, &'static str, Bytes)> {
    let cards = pdf::page("The Sourdough Handbook", "All steps on one sheet", pages::STEPS);
    let feed = feed(
        "The Sourdough Handbook (demo)",
        "urn:sourdough-handbook",
        &[
            ("/bake/crust", "Crust: why it softens", "2025-08-30"),
            ("/starter/rescue", "A starter that smells of acetone", "2025-08-11"),
            ("/flour", "Numbers on flour bags, by country", "2025-07-02"),
        ],
    );
    vec![
        ("/cards.pdf", "application/pdf", cards.into()),
        ("/changes.xml", "application/atom+xml", feed.into()),
        ("/helpful.js", "text/javascript", include_str!("helpful.js").into()),
        ("/favicon.svg", "image/svg+xml", include_str!("favicon.svg").into()),
    ]
}

const COUNTRIES: &[Country] = &[
    country(34, (73, 20), "en-US,en;q=0.9"),
    country(11, (49, 36), "en-IN,en;q=0.9,hi;q=0.8"),
    country(9, (177, 40), "pt-BR,pt;q=0.9,en;q=0.4"),
    country(8, (126, 10), "ja-JP,ja;q=0.9,en;q=0.5"),
    country(7, (99, 230), "en-CA,en;q=0.9,fr;q=0.5"),
    country(6, (187, 190), "es-MX,es;q=0.9,en;q=0.5"),
    country(5, (1, 122), "en-AU,en;q=0.9"),
    country(4, (121, 130), "ko-KR,ko;q=0.9,en;q=0.5"),
    country(4, (81, 130), "en-GB,en;q=0.9"),
    country(3, (112, 200), "en-PH,en;q=0.9,tl;q=0.6"),
    country(3, (91, 10), "de-DE,de;q=0.9,en;q=0.7"),
    country(2, (83, 40), "es-ES,es;q=0.9"),
    country(2, (41, 13), "en-ZA,en;q=0.9"),
];

/// A video that a lot of people saw, with a link below it.
const VIDEO: Origin = origin(5, "https://www.youtube.com/", "/starter/make");

const ORIGINS: &[Origin] = &[
    origin(24, "https://www.google.com/", "/starter/rescue"),
    origin(13, "https://www.google.com/", "/starter/make"),
    origin(6, "https://www.google.com/", "/bake/crust"),
    origin(6, "https://www.google.com.br/", "/pt/fermento"),
    origin(5, "https://www.google.co.jp/", "/ja/starter"),
    origin(5, "https://www.google.com.mx/", "/es/masa-madre"),
    origin(5, "https://duckduckgo.com/", "/flour"),
    origin(3, "https://www.bing.com/", "/questions"),
    origin(12, "https://chatgpt.com/", "/starter/rescue"),
    origin(5, "https://www.perplexity.ai/", "/dough/proofing"),
    origin(3, "https://claude.ai/", "/dough/folding"),
    origin(8, "https://www.reddit.com/", "/dough/proofing"),
    VIDEO,
    origin(3, "https://stackexchange.com/", "/questions"),
    origin(7, "", "/"),
    origin(4, "", "/starter/keep"),
    origin(7, "", "/start?utm_source=course&utm_medium=email&utm_campaign=first-loaf"),
];

#[rustfmt::skip]
const MACHINES: &[Machine] = &[
    machine(6, "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)", "GET", &["/", "/starter/make", "/starter/rescue", "/flour"]).from(OPENAI),
    machine(5, "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko); compatible; ChatGPT-User/1.0; +https://openai.com/bot", "GET", &["/starter/rescue"]),
    machine(4, "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)", "GET", &["/dough/folding", "/dough/proofing"]),
    machine(2, "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; PerplexityBot/1.0; +https://perplexity.ai/perplexitybot)", "GET", &["/questions"]),
    machine(5, "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "GET", &["/", "/start", "/ja/starter"]).from(GOOGLE),
    machine(2, "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "GET", &["/", "/dough/shaping"]).from(BING),
    machine(2, "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)", "GET", &["/flour"]),
    machine(2, "Feedly/1.0 (+http://www.feedly.com/fetcher.html; 12 subscribers; )", "GET", &["/changes.xml"]),
    machine(1, "curl/8.9.1", "GET", &["/cards.pdf"]),
];
