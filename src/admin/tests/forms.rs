//! What is wrong with a form, or with where somebody clicked, is told in the language of the page;
//! programs read English.

use super::language::unmarked;
use super::port::{NOW, Port, today};
use super::rights::{OTHER, SITE, Stage, quick_hash, rights};
use crate::admin::Auth;
use crate::admin::routes::Routes;
use crate::clock::HOUR;
use crate::kept::{Access, Error, Link, Notes, Role, Scope};
use crate::language::Language;
use crate::model::rollup::{Dimension, Metric as Stored};
use crate::model::site::Month;
use crate::report::Segments;
use regex::Regex;
use reqwest::header::{ACCEPT, CONTENT_TYPE, COOKIE};
use reqwest::{Method, RequestBuilder};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What each is told: who fills it in, where it is sent to, the form (a page that is asked for has
/// none), the status, and a part of what English pages say. What is quoted has no word in it.
const WRONG: &[(&str, &str, Option<&str>, u16, &str)] = &[
    // Coming in.
    ("nobody", "/login", Some("name=1&password=2"), 401, "the name and the password of anybody"),
    ("nobody", "/login", Some("name=1"), 401, "the name and the password of anybody"),
    ("nobody", "/invitation/none", None, 404, "This invitation is not good"),
    ("nobody", "/invitation/none", Some("name=1&password=12345678"), 404, "is not good"),
    ("nobody", "/invitation/SECRET", Some("name=1&password=2"), 400, "has 8 to 200 characters"),
    ("nobody", "/invitation/SECRET", Some("name=11&password=12345678"), 400, "is taken"),
    ("nobody", "/invitation/SECRET", Some("name=+&password=12345678"), 400, "1 to 100 characters"),
    ("nobody", "/share/none", None, 404, "There is no such link"),
    ("nobody", "/public/none", None, 404, "There is no such link"),
    ("nobody", "/share/none", Some("password=1"), 404, "There is no such link"),
    ("nobody", "LINK", Some("password=1"), 401, "That is not the password of this link."),
    // One's own account.
    ("owner", "/account", Some("do=password&old=1&password=12345678"), 400, "your password so far"),
    ("owner", "/account", Some("do=password&old=1&password=2"), 400, "has 8 to 200 characters"),
    // What owners set.
    ("owner", "/settings/goals", Some("do=goal&name=+&kind=page&target=/"), 400, "1 to 100"),
    ("owner", "/settings/goals", Some("do=goal&name=1%3D2&kind=page&target=/"), 400, "no “=”"),
    ("owner", "/settings/goals", Some("do=goal&name=1&kind=page&target=2"), 400, "begins with “/”"),
    ("owner", "/settings/goals", Some("do=goal&name=1&kind=event&target=+"), 400, "neither a page"),
    ("owner", "/settings/goals", Some("do=goal&name=Signup&kind=page&target=/"), 400, "is taken"),
    ("owner", "/settings/goals", Some("do=goal&name=1&kind=page&target=/LONG"), 400, "bytes"),
    ("owner", "/settings/funnels", Some("do=funnel&name=1&steps=page+/"), 400, "2 to 8 steps"),
    ("owner", "/settings/funnels", Some("do=funnel&name=1&steps=/+>+/%0A/"), 400, "no “&gt;”"),
    ("owner", "/settings/funnels", Some("do=funnel&name=1&steps=2%0A3"), 400, "neither a page"),
    (
        "owner",
        "/settings/funnels",
        Some("do=funnel&name=Checkout&steps=page+/%0Apage+/"),
        400,
        "is taken",
    ),
    ("owner", "/settings/notes", Some("do=add&day=1&text=2"), 400, "is no date"),
    ("owner", "/settings/notes", Some("do=add&day=2026-11-24&text=+"), 400, "1 to 280 characters"),
    (
        "owner",
        "/settings/notes",
        Some("do=edit&id=99&version=0&day=2026-11-24&text=1"),
        400,
        "deleted meanwhile",
    ),
    (
        "owner",
        "/settings/notes",
        Some("do=edit&id=1&version=7&day=2026-11-24&text=1"),
        400,
        "It says now: <bdi>1 &lt;</bdi>",
    ),
    ("owner", "/settings/notes?FULL", Some("do=add&day=2026-11-24&text=1"), 400, "500 already"),
    ("owner", "/settings/segments", Some("do=remove&id=99"), 404, "no such segment"),
    ("owner", "/settings/exclusions", Some("do=add&network=1.2"), 400, "no address"),
    ("owner", "/settings/exclusions", Some("do=add&network=0.0.0.0/0"), 400, "everybody"),
    ("owner", "/settings/sharing", Some("do=public&origins=1"), 400, "is no origin"),
    ("owner", "/settings/sharing", Some("do=public&origins=ORIGINS"), 400, "at most"),
    ("owner", "/settings/sharing", Some("do=public&origins="), 400, "a public page already"),
    ("owner", "/settings/sharing", Some("do=link&name=+"), 400, "1 to 100 characters"),
    ("owner", "/settings/sharing", Some("do=link&name=1&password=2"), 400, "8 to 200 characters"),
    ("owner", "/settings/sharing", Some("do=link&name=1&segment=99"), 400, "There is no segment"),
    (
        "owner",
        "/settings/sharing",
        Some("do=link&name=1&password=12345678&origins=https://a.example"),
        400,
        "browsers send no cookies there",
    ),
    ("owner", "/settings/people", Some("do=invite&name=11&role=viewer"), 400, "is taken"),
    ("owner", "/settings/people", Some("do=invite&name=+&role=viewer"), 400, "1 to 100"),
    ("owner", "/settings/people", Some("do=role&id=99&role=viewer"), 400, "taken out meanwhile"),
    ("owner", "/settings/people", Some("do=remove&id=99"), 403, "Your rights do not reach"),
    ("owner", "/settings/people", Some("do=invite&name=1&role=everything"), 403, "Your rights"),
    ("owner", "/settings/tokens", Some("do=add&name=+&site=SITE&scope=stats:read"), 400, "1 to"),
    ("owner", "/settings/tokens", Some("do=add&name=12&site=SITE&scope=stats:read"), 400, "taken"),
    ("owner", "/settings/tokens", Some("do=add&name=1"), 400, "Choose what the token is good for"),
    ("owner", "/settings/tokens", Some("do=add&name=1&all=true&scope=stats:read"), 403, "rights"),
    ("viewer", "/settings/goals?site_id=SITE", None, 403, "Your rights do not reach so far."),
    ("viewer", "/settings/goals", Some("do=remove&id=1"), 403, "Your rights do not reach so far."),
    // The dashboard's forms, links that were kept, and what others have deleted.
    ("owner", "/segments/keep", Some("name=+&filters=event:page%3D%3D/"), 400, "1 to 100"),
    ("owner", "/segments/keep", Some("name=1&filters=event:page%3D%3D/LONG"), 400, "4,096 bytes"),
    ("owner", "/segments/forget", Some("segment=99"), 400, "There is no segment"),
    ("viewer", "/segments/keep", Some("name=1&filters=event:page%3D%3D/"), 403, "Your rights"),
    ("owner", "/?first=1&last=2026-11-24", None, 400, "is no date"),
    ("owner", "/?first=2026-11-24&last=0026-11-24", None, 400, "is no date from 1970 on"),
    ("owner", "/?first=2026-11-24&last=2026-11-01", None, 400, "after the last"),
    ("owner", "/?first=1990-01-01&last=2026-11-01", None, 400, "longer than 10 years"),
    ("owner", "/?compare_first=2026-11-24&compare_last=2026-11-01", None, 400, "after the last"),
    ("owner", "/?compare_first=&compare_last=2026-11-01", None, 400, "is no date"),
    ("owner", "/?first=2026-08-03&last=2026-08-05", None, 200, "Of 3 Aug 2026 only totals"),
    ("owner", "/?property=event:page&operator=is&value=", None, 400, "“Page” needs a value"),
    ("owner", "/?property=event:page&operator=matches&value=(", None, 400, "no regular expression"),
    ("owner", "/?property=event:goal&operator=is&value=1", None, 400, "There is no goal"),
    (
        "owner",
        "/?filters=visit:country%3D%3DFR&property=bot:name&operator=is&value=1",
        None,
        400,
        "“Country” and “Bot” are counted apart",
    ),
    ("owner", "/?segment=99", None, 400, "There is no segment “<bdi>99</bdi>”"),
    ("owner", "/?details=bots&filters=event:page%3D%3D/", None, 400, "take a filter away"),
    ("owner", "/?details=pages&sort=group_conversion_rate", None, 400, "sorted by a column"),
    ("owner", "/?site_id=OTHER", None, 401, "There is no site <code>b.example</code>"),
    ("owner of all", "/?period=7d", None, 400, "more than one site"),
    ("owner", "/1", None, 404, "No page has this address."),
    ("nobody", "/docs/files/1", None, 404, "No page has this address."),
    ("nobody", "/assets/1/2", None, 404, "No page has this address."),
    ("owner", "/segments/keep", None, 405, "by a form only"),
    ("owner", "/", Some("1=2"), 405, "by a form only"),
];

/// What no form and no link of ours brings about: who asks for it, where, with which form, and the
/// line for programs.
const BY_HAND: &[(&str, &str, Option<&str>, &str)] = &[
    ("owner", "/?period=fortnight", None, "unknown period `fortnight`"),
    ("owner", "/?perod=7d", None, "unknown parameter `perod`; did you mean `period`?"),
    ("owner", "/?details=%22%3Cb%3E", None, "unknown card `\\&quot;&lt;b&gt;`"),
    ("owner", "/details.csv?details=journeys", None, "`journeys` is of a page"),
    ("owner", "/settings/parts?site_id=SITE", None, "unknown part of the settings `parts`"),
    ("owner", "/settings/goals", Some("do=nothing"), "there is no `nothing` to do here"),
    ("owner", "/settings/notes", Some("do=remove&id=first"), "`first` is no number"),
    ("owner", "/settings/people", Some("do=invite&name=1&role=boss"), "unknown role `boss`"),
    ("owner", "/account", Some("do=nothing"), "there is no such change"),
    ("owner", "/settings/goals", Some("do=goal&name=HUGE"), "the body is longer than 65536 bytes"),
];

const LANGUAGES: [Language; 4] =
    [Language::English, Language::German, Language::Spanish, Language::Marked];

/// Everybody, and what the forms are about.
struct Scene {
    stage: Stage,
    invitation: String,
    link: String,
}

impl Scene {
    async fn set() -> Self {
        let stage = Stage::set().await;
        let site: Arc<str> = SITE.into();
        let note = |notes: &mut Notes| -> Result<u64, Error> { Ok(notes.add(today(), "1 <")?) };
        stage.kept.change(Some(&site), note).await.unwrap();
        let segment = |segments: &mut Segments| -> Result<(), Error> {
            let filter = serde_json::json!(["is", "event:page", ["/"]]);
            Ok(segments.put("1", vec![filter]).map(drop)?)
        };
        stage.kept.change(Some(&site), segment).await.unwrap();
        let access = |access: &mut Access| -> Result<(String, String), Error> {
            let viewer = || rights(&[(SITE, Role::Viewer)]);
            let secret = access.invite("11", viewer(), NOW)?;
            access.accept(&secret, "11", quick_hash("1"), NOW)?;
            let sites = Some([SITE.to_owned()].into());
            access.add_token("12", sites, [Scope::ReadStats].into())?;
            let link = |password: Option<String>| {
                let (name, site, origins) = ("1".into(), SITE.into(), Vec::new());
                Link { id: 0, key: None, site, name, password, segment: None, origins }
            };
            access.add_public(link(None))?;
            let id = access.add_link(link(Some(quick_hash("open sesame"))))?;
            let link = access.links.iter().find(|link| link.id == id).unwrap().path();
            Ok((access.invite("13", viewer(), NOW)?, link))
        };
        let (invitation, link) = stage.kept.change(None, access).await.unwrap();
        // Of a month that is over its days have only their totals.
        let month = "2026-08-01".parse().unwrap();
        stage.port.store.add(SITE, month, &[(Dimension::Total, "", Stored::Server, 5)]);
        stage.port.store.freeze(SITE, Month::of(month));
        stage.seen().await;
        Self { stage, invitation, link }
    }

    /// As many notes as there may be.
    async fn fill(&self) {
        let site: Arc<str> = SITE.into();
        let fill = |notes: &mut Notes| -> Result<(), Error> {
            while notes.add(today(), "1").is_ok() {}
            Ok(())
        };
        self.stage.kept.change(Some(&site), fill).await.unwrap();
    }

    fn filled(&self, text: &str) -> String {
        let origins = (0..50).map(|n| format!("https://{n}.example")).collect::<Vec<_>>().join("+");
        [
            ("LONG", &*"1".repeat(5_000)),
            ("HUGE", &"1".repeat(70_000)),
            ("ORIGINS", &origins),
            ("OTHER", OTHER),
            ("SECRET", &self.invitation),
            ("LINK", &self.link),
            ("SITE", SITE),
        ]
        .into_iter()
        .fold(text.to_owned(), |text, (gap, value)| text.replace(gap, value))
    }

    /// Sends it in a language: the status, and the page.
    async fn send(
        &self,
        (who, path, form): (&str, &str, Option<&str>),
        language: Language,
        accepts: &str,
    ) -> (u16, String) {
        let port = &self.stage.port;
        let method = if form.is_some() { Method::POST } else { Method::GET };
        let url = format!("http://{}{}", port.address, self.filled(path));
        let session = self.stage.shown.get(who).map_or("", |(_, session)| session);
        let cookies = format!("{session}; headcount_language={}", language.as_str());
        let mut request = port.client.request(method, url).header(COOKIE, cookies);
        request = request.header(ACCEPT, accepts);
        if let Some(form) = form {
            let site = if path.starts_with("/s") { "&site_id=SITE" } else { "" };
            let form = self.filled(&format!("{form}{site}"));
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form);
        }
        answered(request).await
    }
}

async fn answered(request: RequestBuilder) -> (u16, String) {
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// Why there is nothing else, as a page has it.
fn why(page: &str) -> String {
    let why = Regex::new(r#"(?s)<p (?:id="why"|class="problem[^"]*"[^>]*)>(.*?)</p>"#).unwrap();
    why.captures(page).map_or_else(|| panic!("nothing is told: {page}"), |it| it[1].to_owned())
}

/// Compares what is told of one thing in [`LANGUAGES`], but for what of it is code: found are
/// sentences that are the same in two of them, and words that are not from the texts.
fn untold(of: &str, told: &[String]) -> Vec<String> {
    let code = Regex::new("(?s)<code[^>]*>.*?</code>").unwrap();
    let told: Vec<_> = told.iter().map(|told| code.replace_all(told, "")).collect();
    let [english, german, spanish, marked] = &told[..] else { panic!("{told:?}") };
    let mut wrong: Vec<String> = unmarked(marked).into_iter().collect();
    for (one, other) in [(english, german), (english, spanish), (german, spanish)] {
        if one == other || other.trim().is_empty() {
            wrong.push(format!("the same twice: {one}"));
        }
    }
    wrong.into_iter().map(|wrong| format!("{of}: {wrong}")).collect()
}

#[tokio::test]
async fn what_is_wrong_with_a_form_is_told_in_the_language_of_the_page() {
    let scene = Scene::set().await;
    let mut wrong = Vec::new();
    for (who, path, form, status, english) in WRONG {
        let (what, mut told) = (format!("{path} {}", form.unwrap_or_default()), Vec::new());
        if path.contains("FULL") {
            scene.fill().await;
        }
        // Passwords that were tried are forgotten.
        let clock = &scene.stage.port.clock;
        clock.set(clock.now() + HOUR);
        for language in LANGUAGES {
            let (seen, page) = scene.send((who, path, *form), language, "text/html").await;
            assert_eq!(seen, *status, "{what}: {page}");
            assert!(page.contains(&format!("<html lang=\"{}\">", language.as_str())), "{page}");
            told.push(why(&page));
        }
        if !told[0].contains(english) || told.iter().any(|told| told.contains(r#"lang="en""#)) {
            wrong.push(format!("{what}: {told:#?}"));
        }
        wrong.extend(untold(&what, &told));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn what_is_made_by_hand_is_quoted_in_a_sentence_of_the_language() {
    let scene = Scene::set().await;
    let quoted = Regex::new(r#"<code lang="en">(.*?)</code>"#).unwrap();
    let mut wrong = Vec::new();
    for (who, path, form, line) in BY_HAND {
        let (what, mut told) = (format!("{path} {}", form.unwrap_or_default()), Vec::new());
        for language in LANGUAGES {
            let (status, page) = scene.send((who, path, *form), language, "text/html").await;
            assert!([400, 413].contains(&status), "{what}: {status}");
            told.push(why(&page));
        }
        for told in &told {
            let quoted = quoted.captures(told).map_or("", |quoted| quoted.get(1).unwrap().as_str());
            assert!(quoted.starts_with(line), "{what}: {told}");
        }
        wrong.extend(untold(&what, &told));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn programs_read_english_whatever_language_is_chosen() {
    let scene = Scene::set().await;
    for (path, line) in [
        ("/?first=1&last=2026-11-24", "invalid date `1`: a date is like 2026-01-31"),
        ("/?segment=99", "unknown segment `99`; there are 1"),
        ("/?property=event:goal&operator=is&value=1", "unknown goal `1`; there are"),
        ("/?period=fortnight", "unknown period `fortnight`"),
        ("/settings/goals?site_id=OTHER", "unknown site_id `b.example`"),
        ("/invitation/none", "this invitation is not good"),
        ("/share/none", "there is no such link"),
        ("/1", "there is nothing here"),
        ("/share/%ff", "there is nothing here"),
        ("/api/v1/stats/aggregate?site_id=SITE&period=custom&date=1,2", "invalid date `1`"),
    ] {
        for language in LANGUAGES {
            let asked = ("owner", path, None);
            let (_, answer) = scene.send(asked, language, "application/json").await;
            let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
            let error = answer["error"].as_str().unwrap();
            assert!(error.starts_with(line), "{path}: {error}");
        }
    }
}

#[tokio::test]
async fn an_address_that_is_no_utf_8_is_no_pages() {
    let stage = Stage::set().await;
    let gap = Regex::new(r"\{[^}]*\}").unwrap();
    let session = &stage.shown["owner of all"].1;
    let mut asked = 0;
    for (path, method) in Routes::all().needs.into_keys().filter(|(path, _)| path.contains('{')) {
        let url = format!("http://{}{}", stage.port.address, gap.replace_all(&path, "%ff"));
        let request = stage.port.client.request(method.clone(), url).header(COOKIE, session);
        let (status, told) = answered(request.header(ACCEPT, "text/html")).await;
        let expected = match path.starts_with("/api/") {
            true => r#"{"error":"there is nothing here"}"#,
            false => "No page has this address.",
        };
        assert!(status == 404 && told.contains(expected), "{method} {path}: {status}, {told}");
        asked += 1;
    }
    assert!(asked > 15, "only {asked} leave a part of their path open");
}

/// The page that a request is answered with, in each language.
async fn in_each(request: impl Fn() -> RequestBuilder, status: u16) -> Vec<String> {
    let mut told = Vec::new();
    for language in LANGUAGES {
        let cookie = format!("headcount_language={}", language.as_str());
        let request = request().header(COOKIE, cookie).header(ACCEPT, "text/html");
        let (seen, page) = answered(request).await;
        assert_eq!(seen, status, "{page}");
        told.push(why(&page));
    }
    told
}

#[tokio::test]
async fn who_is_not_let_in_reads_why_in_their_language() {
    let open = Port::local().await;
    let mut wrong = Vec::new();
    let elsewhere = in_each(
        || {
            let post = open.client.post(format!("http://{}/settings/goals", open.address));
            post.header("sec-fetch-site", "cross-site").body("do=remove&id=1")
        },
        403,
    );
    let elsewhere = elsewhere.await;
    assert!(elsewhere[0].contains("another website"), "{elsewhere:?}");
    wrong.extend(untold("of another website", &elsewhere));
    let named = in_each(|| open.request("/").header("host", "stats.example"), 403).await;
    assert!(named[0].contains("<code>localhost</code>"), "{named:?}");
    wrong.extend(untold("under another name", &named));
    let by_token = Auth::new(None, &["a-token-of-the-file".into()]).unwrap();
    let by_token = Port::open(by_token, &["example.org"]).await;
    let signed_out = in_each(|| by_token.request("/"), 401).await;
    assert!(signed_out[0].contains("<code>Authorization: Bearer TOKEN</code>"), "{signed_out:?}");
    wrong.extend(untold("without a token", &signed_out));
    open.store.down.store(true, Ordering::Relaxed);
    let away = in_each(|| open.request("/"), 503).await;
    assert_eq!(away[0], "The store cannot be read");
    wrong.extend(untold("without a store", &away));
    assert!(wrong.is_empty(), "{wrong:#?}");
}
