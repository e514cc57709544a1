//! Where a visit came from: source, channel, campaign.
//!
//! A referrer's query never leaves this file, nor does a campaign parameter that isn't on the list
//! below. Every value is bounded, since visitors and spammers choose them.

use super::channel::{Clues, channel};
use super::known_sources::{self as known, Kind, Known};
use crate::host::{self, without_www};
use crate::model::DIRECT;
use crate::model::rollup::clean;
use crate::{page_name, text};
use once_cell::sync::Lazy;
use std::borrow::Cow;
use std::sync::Arc;

/// Longest value kept, in bytes.
const LONGEST: usize = 200;

/// How a visitor arrived. Never a full referrer with its query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// `Google`, `example.org`, `Direct / None`.
    pub source: Arc<str>,
    /// Host and path of the referrer, without query; `None` if direct or from the site itself.
    pub referrer: Option<Arc<str>>,
    /// `Organic Search`, `Organic Social`, `AI Assistants`, `Email`, `Paid Search`, `Referral`,
    /// `Direct` …
    pub channel: &'static str,
    pub utm_source: Option<Arc<str>>,
    pub utm_medium: Option<Arc<str>>,
    pub utm_campaign: Option<Arc<str>>,
    pub utm_content: Option<Arc<str>>,
    pub utm_term: Option<Arc<str>>,
    /// The referrer was the site itself: a visit goes on, rather than starts.
    pub internal: bool,
    /// The referrer was a known spammer. Its name appears nowhere here: being read is all it is
    /// after.
    pub spam: bool,
}

impl Arrival {
    /// Nobody sent the visitor.
    pub fn direct() -> Self {
        static NOBODY: Lazy<Arrival> = Lazy::new(|| Arrival {
            source: DIRECT.into(),
            referrer: None,
            channel: "Direct",
            utm_source: None,
            utm_medium: None,
            utm_campaign: None,
            utm_content: None,
            utm_term: None,
            internal: false,
            spam: false,
        });
        NOBODY.clone()
    }
}

/// Reads an arrival from the referrer (a URL, as sent) and the page's query (without `?`).
/// `own_host` says whether a host belongs to the site itself.
pub fn arrival(
    referrer: Option<&str>,
    query: Option<&str>,
    own_host: impl Fn(&str) -> bool,
) -> Arrival {
    let mut arrival = Arrival::direct();
    let mut sender: Option<&'static Known> = None;
    let mut from: Option<Arc<str>> = None;

    if let Some(page) = referrer.and_then(Referrer::parse) {
        if own_host(&page.host) {
            arrival.internal = true;
        } else {
            sender = known::by_host(&page.host);
            if sender.is_some_and(|known| known.kind == Kind::Spam) {
                arrival.spam = true;
                sender = None;
            } else {
                arrival.referrer = Some(page.shown());
                from = Some(match sender {
                    Some(known) => known.name.clone(),
                    None => value(without_www(&page.host)),
                });
            }
        }
    }
    if from.is_none() && query.is_none() {
        // Most views: from within the site, and nothing says otherwise.
        return arrival;
    }
    let tags = query.map(Tags::read).unwrap_or_default();
    // What the link says of itself beats what the browser says: mail and apps send no referrer, or
    // a wrong one.
    if let Some(said) = &tags.source {
        let named = known::by_word(said).filter(|known| known.kind != Kind::Spam);
        from = Some(named.map_or_else(|| value(said), |known| known.name.clone()));
        sender = named;
    } else if let (None, Some(ads)) = (&from, tags.click) {
        sender = known::by_word(ads);
        from = sender.map(|known| known.name.clone());
    }

    arrival.channel = channel(Clues {
        kind: sender.map(|known| known.kind),
        medium: tags.medium.as_deref().unwrap_or_default(),
        campaign: tags.campaign.as_deref().unwrap_or_default(),
        source: from.as_deref().unwrap_or_default(),
        paid: tags.click.is_some() || sender.is_some_and(|known| known.paid),
        has_referrer: arrival.referrer.is_some(),
    });
    if let Some(from) = from {
        arrival.source = from;
    }
    let keep = |tag: Option<Cow<'_, str>>| tag.map(|text| value(&text));
    arrival.utm_source = keep(tags.utm_source);
    arrival.utm_medium = keep(tags.medium);
    arrival.utm_campaign = keep(tags.campaign);
    arrival.utm_content = keep(tags.content);
    arrival.utm_term = keep(tags.term);
    arrival
}

fn value(text: &str) -> Arc<str> {
    clean(text, LONGEST).into()
}

/// A referrer that is worth something: a web page or an app.
struct Referrer<'a> {
    /// As [`host::plain`] has it.
    host: Cow<'a, str>,
    path: &'a str,
}

impl<'a> Referrer<'a> {
    fn parse(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.trim().split_once("://")?;
        let is = |known: &str| scheme.eq_ignore_ascii_case(known);
        if !(is("https") || is("http") || is("android-app") || is("ios-app")) {
            return None;
        }
        let rest = &rest[..rest.find(['?', '#']).unwrap_or(rest.len())];
        let (authority, path) = match rest.find(['/', '\\']) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let host = host::plain(host);
        // Hosts have a dot, apps have one in their package; what has none is a machine next door or
        // an attempt to fill the reports.
        let fits = host.len() <= 253 && host.contains('.') && host::is_plain(&host);
        fits.then_some(Self { host, path })
    }

    /// As reports show it: host and path.
    fn shown(&self) -> Arc<str> {
        let path = page_name::plain(self.path);
        value(&[without_www(&self.host), path.trim_end_matches('/')].concat())
    }
}

/// What a link says of itself in its query.
#[derive(Default)]
struct Tags<'a> {
    /// `utm_source`, else `source`, else `ref`.
    source: Option<Cow<'a, str>>,
    utm_source: Option<Cow<'a, str>>,
    medium: Option<Cow<'a, str>>,
    campaign: Option<Cow<'a, str>>,
    content: Option<Cow<'a, str>>,
    term: Option<Cow<'a, str>>,
    /// Whose advertisement was clicked. Facebook's `fbclid` isn't among these: it stands on every
    /// link, paid or not.
    click: Option<&'static str>,
}

impl<'a> Tags<'a> {
    fn read(query: &'a str) -> Self {
        let mut tags = Self::default();
        let (mut source, mut reference) = (None, None);
        for (mut key, text) in text::parameters(query) {
            let Some(text) = text.filter(|text| !text.is_empty()) else { continue };
            if key.bytes().any(|b| b.is_ascii_uppercase()) {
                key.to_mut().make_ascii_lowercase();
            }
            let slot = match &*key {
                "utm_source" => &mut tags.utm_source,
                "utm_medium" => &mut tags.medium,
                "utm_campaign" => &mut tags.campaign,
                "utm_content" => &mut tags.content,
                "utm_term" => &mut tags.term,
                "source" => &mut source,
                "ref" => &mut reference,
                "gclid" | "gbraid" | "wbraid" | "dclid" | "gad_source" => {
                    tags.click.get_or_insert("google");
                    continue;
                }
                "msclkid" => {
                    tags.click.get_or_insert("bing");
                    continue;
                }
                "yclid" => {
                    tags.click.get_or_insert("yandex");
                    continue;
                }
                "twclid" => {
                    tags.click.get_or_insert("twitter");
                    continue;
                }
                "ttclid" => {
                    tags.click.get_or_insert("tiktok");
                    continue;
                }
                _ => continue,
            };
            // The first of its kind counts; a second is a mistake or an attempt.
            if slot.is_none() {
                *slot = Some(text::form_decoded(text)).filter(|text| !text.trim().is_empty());
            }
        }
        tags.source = tags.utm_source.clone().or(source).or(reference);
        tags
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::rollup::OTHER;

    fn from(referrer: &str, query: &str) -> Arrival {
        let query = Some(query).filter(|query| !query.is_empty());
        let referrer = Some(referrer).filter(|referrer| !referrer.is_empty());
        arrival(referrer, query, |host| host == "example.com" || host == "www.example.com")
    }

    #[test]
    fn a_referrer_without_its_query_is_kept() {
        let arrival = from("https://www.Blog.example.org:8443/post/?q=secret#part", "");
        assert_eq!(&*arrival.source, "blog.example.org");
        assert_eq!(arrival.referrer.as_deref(), Some("blog.example.org/post"));
        assert_eq!(arrival.channel, "Referral");
        assert!(!format!("{arrival:?}").contains("secret"));
    }

    #[test]
    fn the_site_itself_sends_nobody() {
        let arrival = from("https://WWW.example.com:8080/a", "");
        assert!(arrival.internal);
        assert_eq!(Arrival { internal: false, ..arrival }, Arrival::direct());
        assert_eq!(from("https://example.com/a", "utm_source=fb").channel, "Organic Social");
    }

    #[test]
    fn spammers_are_not_named() {
        let arrival = from("http://site12.semalt.com/crawler.php?u=x", "");
        assert!(arrival.spam);
        assert_eq!(Arrival { spam: false, ..arrival }, Arrival::direct());
    }

    #[test]
    fn garbage_is_direct() {
        for referrer in [
            "",
            "-",
            "about:blank",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "data:text/html,x",
            "https://",
            "https:///path",
            "http://localhost/",
            "//google.com/",
            "google.com",
            "https://<script>.com/",
            "https://goo gle.com/",
            "chrome-extension://abcdefg/",
            "ftp://example.org/",
        ] {
            assert_eq!(from(referrer, ""), Arrival::direct(), "{referrer}");
        }
        let long = format!("https://{}.com/", "a".repeat(300));
        assert_eq!(from(&long, ""), Arrival::direct());
    }

    #[test]
    fn values_are_bounded_and_clean() {
        let path = format!("https://example.org/{}", "a".repeat(300));
        assert_eq!(from(&path, "").referrer.as_deref(), Some(OTHER));
        let long = format!("utm_source={0}&utm_campaign={0}", "a".repeat(201));
        let arrival = from("", &long);
        assert_eq!(&*arrival.source, OTHER);
        assert_eq!(arrival.utm_campaign.as_deref(), Some(OTHER));
        assert_eq!(from("", "utm_term=a%1Fb%0a").utm_term.as_deref(), Some("ab"));
    }

    #[test]
    fn campaigns_are_read() {
        let arrival = from(
            "https://mail.google.com/",
            "x=1&utm_source=Spring+News&utm_medium=email&utm_campaign=s%C3%BC%C3%9F&utm_content=a\
             &utm_term=b&utm_source=second&utm_id=7",
        );
        assert_eq!(&*arrival.source, "Spring News");
        assert_eq!(arrival.utm_source.as_deref(), Some("Spring News"));
        assert_eq!(arrival.utm_medium.as_deref(), Some("email"));
        assert_eq!(arrival.utm_campaign.as_deref(), Some("süß"));
        assert_eq!(arrival.utm_content.as_deref(), Some("a"));
        assert_eq!(arrival.utm_term.as_deref(), Some("b"));
        assert_eq!(arrival.channel, "Email");
    }

    #[test]
    fn a_campaign_is_found_however_it_is_written() {
        for query in [
            "utm%5Fsource=caf%C3%A9",
            "UTM_Source=caf%c3%a9",
            "a=b&amp;utm_source=café",
            "%75tm_source=caf%E9",
        ] {
            let arrival = from("", query);
            assert_eq!(arrival.utm_source.as_deref(), Some("café"), "{query}");
        }
        assert_eq!(from("", "GCLID=1").channel, "Paid Search");
    }

    #[test]
    fn a_referrer_is_named_as_pages_are() {
        for path in ["gr%C3%B6%C3%9Fe", "größe;jsessionid=7", "gr%c3%b6%c3%9fe/"] {
            let arrival = from(&format!("https://Müller.example/{path}"), "");
            assert_eq!(&*arrival.source, "xn--mller-kva.example");
            let page = "xn--mller-kva.example/gr%C3%B6%C3%9Fe";
            assert_eq!(arrival.referrer.as_deref(), Some(page), "{path}");
        }
    }

    #[test]
    fn sources_are_named_alike_however_they_are_told() {
        for query in ["utm_source=chatgpt.com", "source=ChatGPT", "ref=chatgpt", "ref=chatgpt.com"]
        {
            let arrival = from("", query);
            assert_eq!(
                (&*arrival.source, arrival.channel),
                ("ChatGPT", "AI Assistants"),
                "{query}"
            );
        }
        assert_eq!(from("", "ref=x&utm_source=google").utm_source.as_deref(), Some("google"));
        assert_eq!(&*from("", "ref=x&utm_source=google").source, "Google");
        assert_eq!(from("", "ref=acme").utm_source, None, "only what was said");
        assert_eq!(from("", "utm_source="), Arrival::direct());
    }

    #[test]
    fn known_arrivals_share_their_names() {
        let a = from("https://www.google.com/", "");
        let b = from("https://www.google.de/", "");
        assert!(Arc::ptr_eq(&a.source, &b.source));
        assert!(Arc::ptr_eq(&from("", "").source, &from("-", "").source));
    }
}
