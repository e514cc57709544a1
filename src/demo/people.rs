//! Who the sample visitors are: browsers, countries, where they come from; and which machines call.
//!
//! Only tables and the draw from them; where people come from is each website's own. The addresses
//! are taken from blocks assigned in each country and are never contacted; they are words in a
//! header.

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

/// Who comes to a website.
#[derive(Debug)]
pub struct Crowd {
    pub countries: &'static [Country],
    pub origins: &'static [Origin],
    pub machines: &'static [Machine],
    /// Where a thousand people come from on a day, to read one page.
    pub fame: Origin,
}

/// Viewports there are: of phones, and of others.
pub const VIEWPORTS: [&str; 3] = ["393x742", "1440x789", "1920x968"];

impl Crowd {
    pub fn person(&'static self, rng: &mut Rng) -> Person {
        let agent = pick(rng, AGENTS, |agent| agent.weight);
        let country = pick(rng, self.countries, |country| country.weight);
        Person {
            agent,
            address: country.address(rng),
            language: country.language,
            origin: pick(rng, self.origins, |origin| origin.weight),
            script: rng.u8(..100) < 78,
            viewport: VIEWPORTS[if agent.mobile { 0 } else { rng.usize(1..3) }],
        }
    }

    pub fn machine(&self, rng: &mut Rng) -> &'static Machine {
        pick(rng, self.machines, |machine| machine.weight)
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
#[derive(Debug)]
pub struct Country {
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

pub const fn country(weight: u32, block: (u8, u8), language: &'static str) -> Country {
    Country { weight, block, language }
}

/// How somebody came: the page they land on and what their browser says of the one before.
#[derive(Debug)]
pub struct Origin {
    weight: u32,
    pub referrer: Option<&'static str>,
    pub landing: &'static str,
}

pub const fn origin(weight: u32, referrer: &'static str, landing: &'static str) -> Origin {
    let referrer = if referrer.is_empty() { None } else { Some(referrer) };
    Origin { weight, referrer, landing }
}

/// Networks that crawlers' owners publish: the first three bytes of addresses.
pub const GOOGLE: [u8; 3] = [66, 249, 66];
pub const BING: [u8; 3] = [13, 66, 139];
pub const OPENAI: [u8; 3] = [20, 171, 206];

/// A machine that calls.
#[derive(Debug)]
pub struct Machine {
    weight: u32,
    /// The first three bytes of its addresses.
    network: [u8; 3],
    pub user_agent: &'static str,
    pub method: &'static str,
    pub paths: &'static [&'static str],
}

pub const fn machine(
    weight: u32,
    user_agent: &'static str,
    method: &'static str,
    paths: &'static [&'static str],
) -> Machine {
    // For documentation: of no network that anybody's crawlers are known by.
    let network = [192, 0, 2];
    Machine { weight, network, user_agent, method, paths }
}

impl Machine {
    /// The same from another network.
    pub const fn from(self, network: [u8; 3]) -> Self {
        Self { network, ..self }
    }

    pub fn address(&self, rng: &mut Rng) -> Ipv4Addr {
        let [a, b, c] = self.network;
        Ipv4Addr::new(a, b, c, rng.u8(1..255))
    }
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
        let crowds = super::super::WEBSITES.map(|website| &website.crowd);
        for country in crowds.iter().flat_map(|crowd| crowd.countries) {
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
