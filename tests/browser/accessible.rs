//! The dashboard for everybody: axe-core finds nothing on any page, in any state, light and dark,
//! on a phone and on a screen.
//!
//! axe-core is put beside the compiled tests by `.ci/axe`, which `make test` runs.

use crate::browser::Browser;
use crate::common::ports::free_port;
use crate::program::Headcount;
use crate::site::Site;
use serde_json::{Value, json};
use std::sync::Mutex;
use std::time::{Duration, Instant};

const AXE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/../axe/node_modules/axe-core/axe.min.js");

/// What `headcount passwd` made of a password.
const PASSWORD: &str = "$argon2id$v=19$m=19456,t=2,p=1$bLs+pl93BLEphyb/DRa+Qw\
    $KnE/Hn/hsQLts7cLOrIUWNbbTEDkmw0ru9lP2DOrt8E";

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_in_all_its_views() {
    let headcount = Headcount::demo(0, &[]);
    let page = Page::open().await;
    // Until the sample visitors have done a bit of everything.
    for (topic, parts) in [
        ("bots", "#bots tr td, #ai td"),
        ("errors", "#errors tr td, #links tr td"),
        ("speed", ".timings dd, .slowest td"),
        ("overview", "#pages tr td, #events tr td, #goals tr td, .funnel li"),
    ] {
        page.go(&headcount.admin_url(&format!("/?site_id=demo&period=7d&topic={topic}"))).await;
        let missing =
            format!("return '{parts}'.split(', ').filter((part) => !document.querySelector(part))");
        page.until(&missing, json!([])).await;
    }
    let first = page.run("return document.querySelector('#pages tbody a').getAttribute('href')");
    let first = first.await.as_str().unwrap().to_owned();

    for path in [
        "/?",
        "/?period=day&compare=none&metric=bounce_rate&pages=visit:exit_page&sources=visit:source",
        "/?period=all&compare=none&metric=visit_duration&filters=visit:browser%3D%3DFirefox",
        "/?period=year&interval=week&compare=year_over_year&match_day_of_week=true",
        "/?period=7d&unconfirmed=visit:country",
        "/?details=pages&period=7d&sort=bounce_rate&order=asc&search=e",
        "/?details=sources&sources=visit:channel&sort=name",
        "/?topic=bots",
        "/?topic=realtime",
        "/?period=24h",
        "/?topic=errors&period=7d",
        "/?topic=speed&period=7d",
        "/?topic=files",
        "/?topic=speed&filters=event:goal%3D%3DOrder",
        "/?filters=visit:country%3D%3DDE;event:page%3D%3D/;visit:device!%3DTablet",
        "/?filters=event:goal%3D%3DOrder;visit:country%3D@D",
        "/?filters=visit:country%3D%3DNowhere",
        "/?period=12mo&date=2020-01-01&filters=visit:country%3D%3DDE",
        "/?period=7d&filters=bot:class%3D%3Dsearch&fetched=bot:status",
        "/?period=day&filters=event:goal%3D~x",
        "/?period=12mo&date=2020-01-01",
        &first,
        &format!("{first}&heat=scroll"),
        "/?period=fortnight",
    ] {
        let of_site = match path.contains("site_id=") {
            true => path.to_owned(),
            false => path.replacen('?', "?site_id=demo&", 1),
        };
        page.go(&headcount.admin_url(&of_site)).await;
        page.check(path).await;
    }
    page.go(&headcount.admin_url("/")).await;
    page.check("the list of sites").await;

    // The table of a day's hours is long enough to be scrolled.
    page.go(&headcount.admin_url("/?site_id=demo&period=day")).await;
    for open in
        ["#custom", "#numbers", "#filter", "#compare", "#evidence", "#sources-tabs", "#keys"]
    {
        page.run(&format!("document.querySelector('{open}').open = true")).await;
        page.check(open).await;
    }
    page.nothing_found();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_meet_who_cannot_see_numbers() {
    let site = Site::start().await;
    let page = Page::open().await;

    let empty = Headcount::start(&site.url(), "sqlite:counts.db", &[]);
    page.go(&empty.admin_url("/")).await;
    page.check("nothing counted yet").await;
    for path in ["/docs", "/docs/api", "/docs?q=redis+memory", "/docs?q=nothing+of+it", "/docs/no"]
    {
        page.go(&empty.admin_url(path)).await;
        assert_eq!(page.run("return !document.querySelector('.docs main')").await, false, "{path}");
        page.check(path).await;
    }
    // Also under a name that may be another website's.
    let elsewhere = empty.admin_url("/").replace("127.0.0.1", "other.localhost");
    for (url, why) in [
        (empty.admin_url("/no"), "No page has this address."),
        (elsewhere, "This port has no credentials, "),
    ] {
        page.go(&url).await;
        let told = page.run("return document.getElementById('why')?.textContent").await;
        assert!(told.as_str().is_some_and(|told| told.starts_with(why)), "{told}");
        page.check(why).await;
    }
    page.go(&empty.admin_url("/")).await;
    drop(empty);
    page.until("return document.getElementById('stale').textContent !== ''", json!(true)).await;
    page.check("the process has ended").await;

    let nobody = format!("redis://127.0.0.1:{}", free_port());
    let away = Headcount::start(&site.url(), &nobody, &[]);
    page.go(&away.admin_url("/")).await;
    assert_eq!(page.run("return !document.getElementById('why')").await, false);
    page.check("the store is away").await;
    drop(away);

    let password = ["--admin-auth-password-hash", PASSWORD];
    let guarded = Headcount::start(&site.url(), "sqlite:counts.db", &password);
    page.go(&guarded.admin_url("/")).await;
    page.check("signing in").await;
    let form = "document.getElementById('password').value = 'wrong';
        document.forms[0].submit()";
    page.run(form).await;
    page.until("return !!document.querySelector('.problem')", json!(true)).await;
    page.check("a wrong password").await;
    page.nothing_found();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_owners_set_and_people_meet() {
    const HOSTILE: &str = "<i>\u{202e}long, long, long, long, long, long name</i>\"'&";
    let site = Site::start().await;
    let page = Page::open().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("headcount.toml");
    let goals = "goals = ['Sign-up = event Signup']\nfunnels = ['Buy = page / > event Buy']\n";
    std::fs::write(
        &file,
        format!("{goals}[[sites]]\nname = 'a.test'\nhosts = ['*']\n[[sites]]\nname = 'b.test'\nhosts = ['b.test']\n"),
    )
    .unwrap();
    let more = ["--config", file.to_str().unwrap()];
    let headcount = Headcount::start(&site.url(), "sqlite:counts.db", &more);
    headcount.put_segment("a.test", HOSTILE, json!([["is", "event:page", ["/"]]])).await;
    let day = headcount.stats("timeseries?site_id=a.test&period=day&interval=day").await;
    let today = day[0]["date"].as_str().unwrap().to_owned();
    for (part, fields) in [
        ("notes", [("do", "add"), ("day", &*today), ("text", HOSTILE)]),
        ("goals", [("do", "goal"), ("name", HOSTILE), ("target", "/a")]),
        ("funnels", [("do", "funnel"), ("name", HOSTILE), ("steps", "page /\npage /a")]),
        ("exclusions", [("do", "add"), ("network", "2001:db8::/48"), ("", "")]),
        ("sharing", [("do", "link"), ("name", HOSTILE), ("password", "open sesame")]),
        ("sharing", [("do", "public"), ("origins", "https://friend.test"), ("", "")]),
        ("people", [("do", "invite"), ("name", HOSTILE), ("role", "viewer")]),
        ("tokens", [("do", "add"), ("name", HOSTILE), ("all", "true")]),
    ] {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("site_id", "a.test")
            .append_pair("kind", "page")
            .append_pair("scope", "stats:read")
            .extend_pairs(fields)
            .finish();
        let post = reqwest::Client::new().post(headcount.admin_url(&format!("/settings/{part}")));
        let post = post.header("content-type", "application/x-www-form-urlencoded").body(form);
        let answer = post.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{part}: {}", answer.text().await.unwrap());
    }
    reqwest::get(headcount.url("/")).await.unwrap();
    headcount.settle().await;
    for path in [
        "/",
        "/?site_id=a.test&period=7d",
        "/settings/goals?site_id=a.test",
        "/settings/funnels?site_id=a.test",
        "/settings/notes?site_id=a.test",
        "/settings/notes?site_id=a.test&edit=1",
        "/settings/segments?site_id=a.test",
        "/settings/exclusions?site_id=a.test",
        "/settings/sharing?site_id=a.test",
        "/settings/people?site_id=a.test",
        "/settings/tokens?site_id=a.test",
        "/account",
        "/public/a.test?period=7d",
        "/public/a.test?embed=true",
        "/public/b.test",
        "/invitation/none",
    ] {
        page.go(&headcount.admin_url(path)).await;
        page.check(path).await;
    }
    // What is shown once, what is refused, what is locked.
    page.go(&headcount.admin_url("/settings/people?site_id=a.test")).await;
    page.run(
        "document.querySelector('input[name=name]').value = 'Ann';
        document.querySelector('.fields button').click()",
    )
    .await;
    page.until("return !!document.querySelector('.secret')", json!(true)).await;
    page.check("an invitation is made").await;
    let invitation = page.run("return document.querySelector('.secret').value").await;
    page.go(invitation.as_str().unwrap()).await;
    page.check("an invitation").await;
    page.go(&headcount.admin_url("/settings/goals?site_id=a.test")).await;
    page.run(
        "document.querySelector('input[name=name]').value = 'Sign-up';
        document.querySelector('input[name=target]').value = '/';
        document.querySelector('.fields button').click()",
    )
    .await;
    page.until("return !!document.querySelector('.problem')", json!(true)).await;
    page.check("a goal is refused").await;
    page.go(&headcount.admin_url("/settings/sharing?site_id=a.test")).await;
    page.run("location.href = document.querySelector('.lines a.deeper').href").await;
    page.until("return !!document.querySelector('#password')", json!(true)).await;
    page.check("a link with a password").await;
    page.nothing_found();
}

pub struct Page {
    browser: Browser,
    axe: String,
    /// What axe-core found so far.
    found: Mutex<Vec<String>>,
}

impl Page {
    pub async fn open() -> Self {
        let axe = std::fs::read_to_string(AXE)
            .unwrap_or_else(|e| panic!("axe-core is not installed: `make test` installs it ({e})"));
        Self { browser: Browser::reader().await, axe, found: Mutex::default() }
    }

    pub async fn go(&self, url: &str) {
        self.browser.goto(url).await.unwrap();
    }

    pub async fn run(&self, script: &str) -> Value {
        self.browser.execute(script, vec![]).await.unwrap()
    }

    async fn until(&self, script: &str, expected: Value) {
        let deadline = Instant::now() + Duration::from_secs(90);
        loop {
            let found = self.run(script).await;
            if found == expected {
                return;
            }
            assert!(Instant::now() < deadline, "{found}, not {expected}, from {script}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Has axe-core look at the page as it is now, in both themes and both widths, neither of which it
    /// is wider than.
    pub async fn check(&self, state: &str) {
        self.run(&self.axe).await;
        for theme in ["light", "dark"] {
            for width in [390, 1280] {
                self.browser.look(theme, width).await;
                let beyond = "return document.documentElement.scrollWidth > innerWidth";
                assert_eq!(self.run(beyond).await, false, "{state}, {theme}, {width}: too wide");
                let cut = "return [...document.querySelectorAll('td')]
                    .filter((cell) => cell.checkVisibility() && cell.scrollWidth > cell.clientWidth)
                    .map((cell) => cell.parentNode.textContent)";
                assert_eq!(self.run(cut).await, json!([]), "{state}, {theme}, {width}");
                // A theme is colours: the other rules find the same in both.
                let rules = if theme == "light" { json!([]) } else { json!(["color-contrast"]) };
                let found = "const [rules, done] = arguments;
                    const options = rules.length ? { runOnly: rules } : {};
                    axe.run({ resultTypes: ['violations'], ...options }).then(({ violations }) =>
                        done(violations.flatMap((rule) => rule.nodes.map((node) =>
                            rule.id + ': ' + node.html.slice(0, 160) + ' '
                            + node.any.concat(node.all).map((check) => check.message).join(' ')))))";
                let found = self.browser.execute_async(found, vec![rules]).await.unwrap();
                let of_state = |found: &Value| format!("{state}, {theme}, {width}: {found}");
                let found = found.as_array().unwrap().iter().map(of_state);
                self.found.lock().unwrap().extend(found);
            }
        }
    }

    pub fn nothing_found(&self) {
        let found = self.found.lock().unwrap();
        assert!(found.is_empty(), "{found:#?}");
    }
}
