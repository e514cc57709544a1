//! A bakery that does not exist, and the people who come to it.
//!
//! A dozen pages, among them a small single-page section (`/order`), a download, a feed, and on
//! purpose one link to a page that is not there, since broken links are worth seeing counted.
//!
//! Its days have seasons and weekends: bread is bought on Saturday. One of them is the day it was
//! on everybody's front page, and there is a week in which robots came in crowds.

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

pub static BAKERY: Website = Website {
    frame: Frame {
        name: "Crumb & Ember",
        notice: "This is headcount's demo website. The bakery, its bread and most of its visitors \
                 are made up.",
        brand,
        colours: "ember",
        feed: "/feed.xml",
        sections: &[
            ("/breads", "Breads"),
            ("/cakes", "Cakes"),
            ("/recipes", "Recipes"),
            ("/journal", "Journal"),
            ("/visit", "Visit"),
            ("/about", "About"),
            ("/order", "Order"),
        ],
        footer,
    },
    pages: pages::all,
    not_found: pages::not_found,
    files,
    crowd: Crowd { countries: COUNTRIES, origins: ORIGINS, machines: MACHINES, fame: FRONT_PAGE },
    rhythm: Rhythm {
        visits: 56.0,
        a_year_ago: 0.5,
        winter: 0.2,
        week: [0.9, 1.0, 1.0, 1.05, 1.2, 1.35, 0.55],
        hours: [
            2, 1, 1, 1, 1, 2, 6, 12, 14, 13, 13, 12, 11, 10, 10, 10, 11, 12, 13, 15, 16, 13, 8, 4,
        ],
        famous: 118,
        robots: Some(41),
    },
    // Without a past: a hundred visits in the first seconds, then one every two seconds or so.
    pace: Pace {
        burst: 100,
        burst_pause: Duration::from_millis(900),
        interval: Some(Duration::from_secs(4)),
        pause: Duration::from_secs(25),
    },
    download: "/menu.pdf",
    outbound: "https://example.org/mill",
    broken: "/specials",
    slow: "/journal/the-oven",
    leads: &[
        ("/", "/breads", 20),
        ("/recipes", "/recipes/starter", 35),
        ("/recipes/starter", "/breads/sourdough", 25),
    ],
    deeds: &[
        Deed {
            name: "Order",
            on: &[(Some("/order"), 100)],
            steps: &["/order/pickup", "/order/done"],
            property: "bread",
            values: &[
                ("Country rye, 1 kg", Some(7.2)),
                ("Sourdough boule, 800 g", Some(6.5)),
                ("Seeded rye tin, 750 g", Some(6.8)),
                ("Brioche, 400 g", Some(6.9)),
            ],
        },
        // Who bakes wants to hear more of it, who buys does not.
        Deed {
            name: "Sign-up",
            on: &[
                (Some("/recipes/starter"), 16),
                (Some("/recipes/plum-cake"), 7),
                (Some("/journal/the-oven"), 3),
                (Some("/journal"), 3),
                (Some("/"), 1),
            ],
            steps: &[],
            property: "letter",
            values: &[("weekly", None), ("monthly", None), ("monthly", None)],
        },
    ],
};

fn brand() -> Markup {
    html! { "Crumb " span { "&" } " Ember" }
}

fn footer() -> Markup {
    html! {
        p { "Crumb & Ember, 12 Mill Lane. Open Tuesday to Saturday, 7 to 14 h." }
        p {
            a href="/menu.pdf" { "Menu (PDF)" } " · "
            a href="/feed.xml" { "Feed" } " · "
            a href="/specials" { "This week's specials" } " · "
            a href="https://example.org/mill" { "Our mill" }
        }
    }
}

fn files() -> Vec<(&'static str, &'static str, Bytes)> {
    let prices: Vec<String> =
        pages::PRICES.iter().map(|(name, price)| format!("{name}   {price}")).collect();
    let about = "Menu of a bakery that does not exist";
    let menu = pdf::page("Crumb & Ember", about, prices.iter().map(String::as_str));
    let feed = feed("Crumb & Ember (demo)", "urn:crumb-and-ember", &pages::ENTRIES);
    vec![
        ("/menu.pdf", "application/pdf", menu.into()),
        ("/feed.xml", "application/atom+xml", feed.into()),
        ("/order.js", "text/javascript", include_str!("order.js").into()),
        ("/favicon.svg", "image/svg+xml", include_str!("favicon.svg").into()),
    ]
}

const COUNTRIES: &[Country] = &[
    country(26, (91, 10), "de-DE,de;q=0.9,en;q=0.7"),
    country(18, (73, 20), "en-US,en;q=0.9"),
    country(10, (81, 130), "en-GB,en;q=0.9"),
    country(8, (90, 20), "fr-FR,fr;q=0.9,en;q=0.6"),
    country(6, (84, 26), "nl-NL,nl;q=0.9,en;q=0.8"),
    country(5, (80, 108), "de-AT,de;q=0.9"),
    country(5, (85, 1), "de-CH,de;q=0.9,fr;q=0.7"),
    country(4, (83, 40), "es-ES,es;q=0.9"),
    country(4, (79, 10), "it-IT,it;q=0.9"),
    country(3, (83, 10), "pl-PL,pl;q=0.9"),
    country(3, (78, 70), "sv-SE,sv;q=0.9,en;q=0.8"),
    country(3, (99, 230), "en-CA,en;q=0.9,fr;q=0.5"),
    country(3, (126, 10), "ja-JP,ja;q=0.9,en;q=0.5"),
    country(3, (49, 36), "en-IN,en;q=0.9,hi;q=0.8"),
    country(2, (177, 40), "pt-BR,pt;q=0.9"),
    country(2, (1, 122), "en-AU,en;q=0.9"),
];

/// Where a thousand people come from on a day, to read one page.
const FRONT_PAGE: Origin = origin(6, "https://news.ycombinator.com/", "/journal/the-oven");

const ORIGINS: &[Origin] = &[
    origin(22, "", "/"),
    origin(5, "", "/breads/country-rye"),
    origin(4, "", "/visit"),
    origin(16, "https://www.google.com/", "/"),
    origin(9, "https://www.google.de/", "/recipes/starter"),
    origin(4, "https://www.bing.com/", "/breads"),
    origin(4, "https://duckduckgo.com/", "/recipes/starter"),
    FRONT_PAGE,
    origin(4, "https://www.reddit.com/", "/recipes/starter"),
    origin(5, "https://chatgpt.com/", "/recipes/starter"),
    origin(2, "https://www.perplexity.ai/", "/recipes/plum-cake"),
    origin(5, "https://l.instagram.com/", "/breads/brioche"),
    origin(2, "https://mastodon.social/", "/journal"),
    origin(7, "", "/cakes?utm_source=newsletter&utm_medium=email&utm_campaign=plums"),
    origin(
        3,
        "https://www.google.com/",
        "/order?utm_source=google&utm_medium=cpc&utm_campaign=rye&gclid=sample",
    ),
    origin(2, "https://example.net/weekend/bakeries", "/"),
];

#[rustfmt::skip]
const MACHINES: &[Machine] = &[
    machine(6, "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "GET", &["/", "/breads", "/recipes/starter"]).from(GOOGLE),
    machine(3, "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "GET", &["/", "/cakes"]).from(BING),
    machine(4, "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)", "GET", &["/recipes", "/recipes/starter", "/recipes/plum-cake"]).from(OPENAI),
    machine(2, "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)", "GET", &["/journal", "/journal/the-oven"]),
    machine(3, "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko); compatible; ChatGPT-User/1.0; +https://openai.com/bot", "GET", &["/recipes/starter"]),
    machine(2, "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", "GET", &["/specials", "/breads"]),
    machine(4, "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)", "HEAD", &["/"]),
    machine(2, "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "GET", &["/journal/the-oven"]),
    machine(3, "FreshRSS/1.24.3 (Linux; https://freshrss.org)", "GET", &["/feed.xml"]),
    machine(2, "Feedly/1.0 (+http://www.feedly.com/fetcher.html; 38 subscribers; )", "GET", &["/feed.xml"]),
    machine(2, "curl/8.9.1", "GET", &["/"]),
    machine(1, "python-requests/2.32.3", "GET", &["/breads/sourdough"]),
    machine(1, "", "GET", &["/wp-login.php"]),
];
