//! Who the sample visitors are: browsers, countries, where they come from; and which machines call.
//!
//! Only tables and the draw from them. The addresses are taken from blocks assigned in each
//! country and are never contacted; they are words in a header.

use fastrand::Rng;
use std::net::Ipv4Addr;

/// Somebody about to visit.
#[derive(Debug, Clone)]
pub struct Person {
    pub agent: &'static Agent,
    pub address: Ipv4Addr,
    pub language: &'static str,
    pub origin: &'static Origin,
    /// Whether the script runs: no blocker, JavaScript on.
    pub script: bool,
    pub viewport: &'static str,
}

impl Person {
    pub fn draw(rng: &mut Rng) -> Self {
        let agent = pick(rng, AGENTS, |agent| agent.weight);
        let country = pick(rng, COUNTRIES, |country| country.weight);
        Self {
            agent,
            address: country.address(rng),
            language: country.language,
            origin: pick(rng, ORIGINS, |origin| origin.weight),
            script: rng.u8(..100) < 78,
            viewport: if agent.mobile {
                "393x742"
            } else {
                ["1440x789", "1920x968"][rng.usize(..2)]
            },
        }
    }
}

/// A browser.
#[derive(Debug)]
pub struct Agent {
    weight: u32,
    pub user_agent: &'static str,
    pub mobile: bool,
    /// Sends client hints and prefetches.
    pub chromium: bool,
}

impl Agent {
    /// `Sec-CH-UA-Mobile`, of browsers that send it.
    pub fn mobile_hint(&self) -> Option<&'static str> {
        self.chromium.then_some(if self.mobile { "?1" } else { "?0" })
    }
}

const fn agent(weight: u32, user_agent: &'static str, mobile: bool, chromium: bool) -> Agent {
    Agent { weight, user_agent, mobile, chromium }
}

#[rustfmt::skip]
const AGENTS: &[Agent] = &[
    agent(24, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/155.0.0.0 Safari/537.36", false, true),
    agent(9, "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/155.0.0.0 Safari/537.36", false, true),
    agent(3, "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/154.0.0.0 Safari/537.36", false, true),
    agent(16, "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/155.0.0.0 Mobile Safari/537.36", true, true),
    agent(4, "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36", true, true),
    agent(7, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/155.0.0.0 Safari/537.36 Edg/155.0.0.0", false, true),
    agent(18, "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1", true, false),
    agent(2, "Mozilla/5.0 (iPad; CPU OS 17_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.7 Mobile/15E148 Safari/604.1", true, false),
    agent(8, "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15", false, false),
    agent(6, "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:152.0) Gecko/20100101 Firefox/152.0", false, false),
    agent(3, "Mozilla/5.0 (X11; Linux x86_64; rv:152.0) Gecko/20100101 Firefox/152.0", false, false),
    agent(1, "Mozilla/5.0 (Android 15; Mobile; rv:152.0) Gecko/152.0 Firefox/152.0", true, false),
];

/// A country by a block of its addresses, and its people's languages.
struct Country {
    weight: u32,
    /// First two octets.
    block: (u8, u8),
    language: &'static str,
}

impl Country {
    fn address(&self, rng: &mut Rng) -> Ipv4Addr {
        Ipv4Addr::new(self.block.0, self.block.1, rng.u8(..), rng.u8(1..255))
    }
}

const fn country(weight: u32, block: (u8, u8), language: &'static str) -> Country {
    Country { weight, block, language }
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

/// How somebody came: the page they land on and what their browser says of the one before.
#[derive(Debug)]
pub struct Origin {
    weight: u32,
    pub referrer: Option<&'static str>,
    pub landing: &'static str,
}

impl Origin {
    /// Where a thousand people come from on a day, to read one page.
    pub fn front_page() -> &'static Self {
        &FRONT_PAGE
    }
}

const FRONT_PAGE: Origin = origin(6, "https://news.ycombinator.com/", "/journal/the-oven");

const fn origin(weight: u32, referrer: &'static str, landing: &'static str) -> Origin {
    let referrer = if referrer.is_empty() { None } else { Some(referrer) };
    Origin { weight, referrer, landing }
}

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

/// A machine that calls.
#[derive(Debug)]
pub struct Machine {
    weight: u32,
    pub user_agent: &'static str,
    pub method: &'static str,
    pub paths: &'static [&'static str],
}

const fn machine(
    weight: u32,
    user_agent: &'static str,
    method: &'static str,
    paths: &'static [&'static str],
) -> Machine {
    Machine { weight, user_agent, method, paths }
}

#[rustfmt::skip]
const MACHINES: &[Machine] = &[
    machine(6, "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "GET", &["/", "/breads", "/recipes/starter"]),
    machine(3, "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "GET", &["/", "/cakes"]),
    machine(4, "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)", "GET", &["/recipes", "/recipes/starter", "/recipes/plum-cake"]),
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

pub fn draw_machine(rng: &mut Rng) -> &'static Machine {
    pick(rng, MACHINES, |machine| machine.weight)
}

/// One of them, the heavier the likelier.
fn pick<T>(rng: &mut Rng, from: &'static [T], weight: impl Fn(&T) -> u32) -> &'static T {
    let total: u32 = from.iter().map(&weight).sum();
    let mut left = rng.u32(..total);
    from.iter()
        .find(|item| match left.checked_sub(weight(item)) {
            Some(less) => {
                left = less;
                false
            }
            None => true,
        })
        .unwrap_or(&from[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_of_their_countries() {
        let mut rng = Rng::with_seed(1);
        for country in COUNTRIES {
            for _ in 0..100 {
                let address = country.address(&mut rng);
                assert_eq!(iptocc::country_code(address), country.language.get(3..5), "{address}");
            }
        }
    }

    #[test]
    fn the_draw_follows_the_weights() {
        const COINS: &[(u32, &str)] = &[(0, "never"), (1, "one"), (3, "three")];
        let mut rng = Rng::with_seed(1);
        let mut drawn = [0; 4];
        for _ in 0..4_000 {
            drawn[pick(&mut rng, COINS, |coin| coin.0).0 as usize] += 1;
        }
        assert_eq!(drawn[0], 0);
        assert!((900..1_100).contains(&drawn[1]), "{drawn:?}");
    }
}
