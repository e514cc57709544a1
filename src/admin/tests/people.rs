//! Links, invitations, sessions of people; and what works while the store is away.

use super::port::{NOW, today};
use super::rights::{FILE, OTHER, SITE, Stage, cookie, quick_hash, rights, sign_in};
use crate::clock::HOUR;
use crate::kept::{Access, Error, Link, Rights, Role};
use crate::model::rollup::{Dimension, Metric as Stored, join};
use crate::report::Segments;
use reqwest::header::COOKIE;

#[tokio::test]
async fn a_link_shows_its_site_or_its_segment_and_nothing_else() {
    let stage = Stage::set().await;
    let (port, day) = (&stage.port, today());
    let german: &[(Dimension, &str)] = &[(Dimension::Country, "DE")];
    let french: &[(Dimension, &str)] = &[(Dimension::Country, "FR")];
    let views =
        [("/a", german), ("/secret", french), ("/b", german), ("/secret", french), ("/c", french)];
    port.store.view(SITE, day, &views);
    let plan = join(["Signup", "secret plan", "a"]);
    port.store.add(SITE, day, &[(Dimension::EventProperty, &plan, Stored::Events, 1)]);
    let site: std::sync::Arc<str> = SITE.into();
    let germans = |segments: &mut Segments| -> Result<u64, Error> {
        let filter = serde_json::json!(["is", "visit:country", ["DE"]]);
        Ok(segments.put("Germans", vec![filter])?.id)
    };
    let segment = stage.kept.change(Some(&site), germans).await.unwrap();
    let link = |password: Option<&str>, segment: Option<u64>| Link {
        id: 0,
        key: None,
        site: SITE.into(),
        name: "L".into(),
        password: password.map(quick_hash),
        segment,
        origins: vec!["https://friend.example".into()]
            .into_iter()
            .filter(|_| password.is_none())
            .collect(),
    };
    let make = |access: &mut Access| -> Result<[String; 4], Error> {
        let links = [
            access.add_link(link(None, None))?,
            access.add_link(link(Some("open sesame"), None))?,
            access.add_link(link(None, Some(segment)))?,
            access.add_public(link(None, None))?,
        ];
        Ok(links.map(|id| access.links.iter().find(|link| link.id == id).unwrap().path()))
    };
    let [open, locked, limited, public] = stage.kept.change(None, make).await.unwrap();
    stage.seen().await;
    let get = async |url: &str| stage.ask("GET", url, "", "nobody").await;
    let text = async |url: &str| get(url).await.text().await.unwrap();

    // Nobody knows a link elsewhere, and none opens another site.
    for path in [&open, &public] {
        assert_eq!(get(&format!("{path}?period=day")).await.status(), 200);
        assert_eq!(
            get(&format!("{path}/details.json?details=pages&period=day")).await.status(),
            200
        );
        assert_eq!(get(&format!("{path}?site_id={OTHER}")).await.status(), 401);
        assert_eq!(get(&format!("{path}/live")).await.status(), 200);
    }
    assert_eq!(get("/share/nothing").await.status(), 404);
    assert_eq!(get("/public/b.example").await.status(), 404);
    assert_eq!(get("/api/v1/stats/aggregate?site_id=a.example").await.status(), 401);
    // Others' names, settings and what is of the process are not there.
    let page = text(&format!("{open}?period=day")).await;
    assert!(!page.contains("/settings") && !page.contains("Sign out") && !page.contains(OTHER));
    // What can be filtered by is of all of the site.
    assert!(page.contains("event:props:secret plan"), "{page}");

    // With a password.
    for path in
        [locked.clone(), format!("{locked}/details.json?details=pages"), format!("{locked}/live")]
    {
        assert_eq!(get(&path).await.status(), 401, "{path}");
    }
    let wrong = stage.ask("POST", &locked, "password=guess", "nobody").await;
    assert_eq!((wrong.status().as_u16(), cookie(&wrong, "headcount_link")), (401, None));
    let right = stage.ask("POST", &locked, "password=open+sesame", "nobody").await;
    let opened = cookie(&right, "headcount_link").expect("a session");
    let with = |url: &str| port.request(url).header(COOKIE, &opened).send();
    assert_eq!(with(&locked).await.unwrap().status(), 200);
    assert_eq!(with("/api/v1/stats/aggregate?site_id=a.example").await.unwrap().status(), 401);

    // Limited to a segment: each number, whatever stands in the address.
    let rows = async |url: String| -> Vec<String> {
        let told: serde_json::Value = serde_json::from_str(&text(&url).await).unwrap();
        let rows = told["results"].as_array().unwrap_or_else(|| panic!("{url}: {told}")).clone();
        rows.iter().map(|row| row["dimensions"][0].as_str().unwrap().to_owned()).collect()
    };
    for more in ["", "&filters=", "&segment=", "&filters=visit:country!%3DXX", "&compare=none"] {
        let url = format!("{limited}/details.json?details=pages&period=day{more}");
        assert_eq!(rows(url).await, ["/a", "/b"], "{more}");
    }
    let url =
        format!("{limited}/details.json?details=pages&period=day&filters=visit:country%3D%3DFR");
    assert_eq!(rows(url).await, Vec::<String>::new());
    for topic in ["overview", "realtime", "bots", "errors", "speed", "files"] {
        let page = text(&format!("{limited}?topic={topic}&period=day")).await;
        assert!(!page.contains("/secret") && !page.contains("France"), "{topic}: {page}");
        assert!(!page.contains("secret plan"), "{topic}: {page}");
    }
    // So all of it together.
    let programs = async |url: &str| {
        let request = port.request(url).header("accept", "application/json");
        request.send().await.unwrap().text().await.unwrap()
    };
    for topic in ["overview", "realtime", "bots", "errors", "speed", "files"] {
        let query = format!("topic={topic}&period=day&compare=none");
        let lines = text(&format!("{limited}/details.csv?{query}")).await;
        let file = text(&format!("{limited}/details.json?{query}")).await;
        assert_eq!(programs(&format!("{limited}?{query}")).await, file);
        for told in [&lines, &file] {
            assert!(!told.contains("/secret") && !told.contains("FR"), "{topic}: {told}");
        }
        if topic == "overview" {
            assert!(lines.contains("\ntotals,visitors,value,2\n"), "{lines}");
        }
    }
    for card in ["ai", "ai-makers", "funnel:Checkout", "slowest", "chart", "evidence"] {
        let url = format!("{limited}/details.json?details={card}&period=day");
        let told = text(&url).await;
        assert!(!told.contains("/secret") && !told.contains("FR"), "{card}: {told}");
    }
    for card in ["journeys", "clicks", "around", "broken"] {
        let url = format!("{limited}/details.json?details={card}&period=day&page=/secret");
        assert_eq!(get(&url).await.status(), 400, "{card}");
    }
    let page = text(&format!("{limited}?period=day")).await;
    let figures: Vec<&str> = page
        .split("class=\"figure\">")
        .skip(1)
        .map(|rest| rest.split('<').next().unwrap())
        .collect();
    assert_eq!(&figures[..3], ["2", "2", "2"], "visitors, visits, pageviews: {page}");
    assert!(!page.contains("current visitor"));
    assert_eq!(get(&format!("{limited}?page=/secret")).await.status(), 400);
    assert_eq!(get(&format!("{limited}?segment=2")).await.status(), 400);
    assert_eq!(get(&format!("{limited}/live")).await.status(), 403);
    // Without its segment it shows nothing.
    let forget = |segments: &mut Segments| -> Result<(), Error> {
        segments.remove(segment);
        Ok(())
    };
    stage.kept.change(Some(&site), forget).await.unwrap();
    stage.seen().await;
    assert_eq!(get(&limited).await.status(), 404);

    // In frames only where that is wanted, and only as it is made for it.
    let ancestors = async |url: &str| {
        let answer = get(url).await;
        let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        policy.split("frame-ancestors ").nth(1).unwrap().split(';').next().unwrap().to_owned()
    };
    assert_eq!(ancestors(&format!("{open}?embed=true")).await, "https://friend.example");
    for url in [
        open.clone(),
        format!("{open}?embed=false"),
        format!("{locked}?embed=true"),
        "/login?embed=true".into(),
    ] {
        assert_eq!(ancestors(&url).await, "'none'", "{url}");
    }
}

#[tokio::test]
async fn an_invitation_is_good_once_and_for_seven_days() {
    let stage = Stage::set().await;
    let invite = |access: &mut Access| -> Result<String, Error> {
        Ok(access.invite("<b>new</b>", rights(&[(SITE, Role::Viewer)]), NOW)?)
    };
    let secret = stage.kept.change(None, invite).await.unwrap();
    stage.seen().await;
    let url = format!("/invitation/{secret}");
    let get = async |url: &str| stage.ask("GET", url, "", "nobody").await;
    let page = get(&url).await.text().await.unwrap();
    assert!(page.contains("&lt;b&gt;new&lt;/b&gt;"), "{page}");
    assert_eq!(get("/invitation/nothing").await.status(), 404);
    let post = async |body: &str| stage.ask("POST", &url, body, "nobody").await;
    assert_eq!(post("name=new&password=short").await.status(), 400);
    assert_eq!(post("name=OWNER&password=long+enough").await.status(), 400, "the name is taken");
    let accepted = post("name=new&password=long+enough").await;
    assert_eq!(accepted.status(), 303);
    let session = cookie(&accepted, "headcount_session").unwrap();
    let page = stage.port.request("/?period=day").header(COOKIE, &session).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert_eq!(post("name=again&password=long+enough").await.status(), 404, "it is used up");
    assert!(sign_in(&stage.port, "NEW", "long enough").await.is_some());
    assert!(sign_in(&stage.port, "new", "long enoug").await.is_none());
    assert!(sign_in(&stage.port, "none", "nobody has this one").await.is_none());

    let late = stage.kept.change(None, invite).await.unwrap();
    stage.seen().await;
    assert_eq!(get(&format!("/invitation/{late}")).await.status(), 200);
    stage.port.clock.set(NOW + 7 * 24 * HOUR);
    assert_eq!(get(&format!("/invitation/{late}")).await.status(), 404, "it is too old");
}

#[tokio::test]
async fn signing_out_everywhere_ends_all_sessions_of_one_and_no_other() {
    let stage = Stage::set().await;
    let port = &stage.port;
    let again = sign_in(port, "viewer", "viewer").await.unwrap();
    let status = async |cookie: &str| {
        let url = "/api/v1/stats/aggregate?site_id=a.example";
        port.request(url).header(COOKIE, cookie).send().await.unwrap().status().as_u16()
    };
    assert_eq!(status(&again).await, 200);
    let left = stage.ask("POST", "/account", "do=sign-out", "viewer").await;
    assert_eq!(left.headers()["location"], "/login");
    assert_eq!(status(&again).await, 401);
    assert_eq!(status(&stage.shown["owner"].1).await, 200);
    assert!(sign_in(port, "viewer", "viewer").await.is_some());
    // The file's, also those of other processes: these ask the store.
    let file = sign_in(port, "", FILE).await.unwrap();
    assert_eq!(status(&file).await, 200);
    let end = |access: &mut Access| -> Result<(), Error> {
        access.epoch += 1;
        // Who is taken out, or loses a right, feels it as soon.
        access.people.retain(|person| person.name != "owner");
        access.person_mut(4).unwrap().rights = Rights::default();
        Ok(())
    };
    stage.kept.change(None, end).await.unwrap();
    stage.seen().await;
    assert_eq!(status(&file).await, 401);
    assert_eq!(status(&stage.shown["owner"].1).await, 401, "taken out");
}

#[tokio::test]
async fn who_chooses_another_password_knows_the_one_before() {
    let stage = Stage::set().await;
    let change = async |old: &str, new: &str| {
        let form = format!("do=password&old={old}&password={new}");
        stage.ask("POST", "/account", &form, "viewer").await
    };
    for (old, new, why) in [
        ("", "long+enough", "not your password so far"),
        ("wrong", "long+enough", "not your password so far"),
        ("viewer", "short", "A password has 8 to 200 characters"),
    ] {
        let refused = change(old, new).await;
        assert_eq!(refused.status(), 400, "{old}");
        let page = refused.text().await.unwrap();
        assert!(page.contains(why), "{page}");
    }
    assert!(sign_in(&stage.port, "viewer", "long enough").await.is_none());
    assert_eq!(change("viewer", "long+enough").await.headers()["location"], "/login");
    assert!(sign_in(&stage.port, "viewer", "viewer").await.is_none());
    assert!(sign_in(&stage.port, "viewer", "long enough").await.is_some());
    // The file's password is the file's.
    let file =
        stage.ask("POST", "/account", "do=password&old=x&password=long+enough", "file").await;
    assert_eq!(file.status(), 400);
}

#[tokio::test]
async fn while_the_store_is_away_the_files_credentials_are_good() {
    let stage = Stage::set().await;
    let port = &stage.port;
    port.store.down.store(true, std::sync::atomic::Ordering::Relaxed);
    stage.seen().await;
    let url = "/api/v1/stats/realtime/visitors?site_id=a.example";
    for (who, expected) in [("file", 200), ("viewer", 503), ("token for all", 503), ("nobody", 401)]
    {
        assert_eq!(stage.ask("GET", url, "", who).await.status(), expected, "{who}");
    }
    let by_token = port.request(url).bearer_auth("a-token-of-the-file").send().await.unwrap();
    assert_eq!(by_token.status(), 200);
    assert!(port.get("/login").await.1.contains("The store does not answer"));
    let new = sign_in(port, "", FILE).await.expect("a session");
    assert_eq!(sign_in(port, "viewer", "viewer").await, None);
    // By name nobody can: a page says why, whatever is accepted.
    let form = port.client.post(format!("http://{}/login", port.address));
    let form = form.header("content-type", "application/x-www-form-urlencoded");
    let refused = form.body("name=viewer&password=viewer&next=/account").send().await.unwrap();
    assert_eq!(refused.status(), 503);
    assert!(refused.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    let page = refused.text().await.unwrap();
    let why =
        r#"<p class="problem" role="alert">The store, which knows the people, does not answer."#;
    assert!(page.contains(why) && page.contains(r#"name="next" value="/account""#), "{page}");
    assert_eq!(port.request(url).header(COOKIE, &new).send().await.unwrap().status(), 200);
    // It goes on once the store is back.
    port.store.down.store(false, std::sync::atomic::Ordering::Relaxed);
    stage.seen().await;
    assert_eq!(port.request(url).header(COOKIE, &new).send().await.unwrap().status(), 200);
    assert_eq!(stage.ask("GET", url, "", "viewer").await.status(), 200);
}

#[tokio::test]
async fn goals_and_funnels_of_the_page_apply_to_the_past() {
    let stage = Stage::set().await;
    let (port, day) = (&stage.port, today());
    let none: &[(Dimension, &str)] = &[];
    port.store.view(SITE, day, &[("/a", none), ("/b", none), ("/b", none)]);
    for (part, form) in [
        ("goals", "do=goal&name=Bees&kind=page&target=/b"),
        ("funnels", "do=funnel&name=Way&steps=page+/b%0Apage+/c"),
    ] {
        let form = format!("site_id={SITE}&{form}");
        let answer = stage.ask("POST", &format!("/settings/{part}"), &form, "owner").await;
        assert_eq!(answer.status(), 303, "{part}");
    }
    let get = async |url: &str| {
        let answer = stage.ask("GET", url, "", "file").await;
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let url = |question: &str| format!("/api/v1/stats/{question}&site_id={SITE}&period=day");
    for (question, expected) in [
        (
            "breakdown?property=event:goal&metrics=visitors,events",
            r#"{"results":[{"events":2,"goal":"Bees","visitors":2}]}"#,
        ),
        (
            "aggregate?filters=event:goal%3D%3DBees&metrics=visitors",
            r#"{"results":{"visitors":{"value":2}}}"#,
        ),
    ] {
        assert_eq!(get(&url(question)).await, (200, expected.to_owned()), "{question}");
    }
    let (status, told) = get(&url("funnel?name=Way")).await;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let steps: Vec<_> = told["results"]["steps"].as_array().into_iter().flatten().collect();
    let visits: Vec<_> = steps.iter().map(|step| step["visits"].as_i64()).collect();
    assert_eq!((status, visits), (200, vec![Some(2), Some(0)]), "{told}");
    let goals = get(&format!("/api/v1/sites/goals?site_id={SITE}")).await.1;
    assert!(goals.contains("Bees") && goals.contains("Signup"), "{goals}");
    // Of days that have no rows any more it is not told, and no wrong number is.
    let before = day - chrono::Days::new(40);
    port.store.add(SITE, before, &[(Dimension::Total, "", Stored::Server, 5)]);
    let long = format!("/api/v1/stats/breakdown?property=event:goal&site_id={SITE}&period=12mo");
    let (status, why) = get(&long).await;
    assert!(status == 400 && why.contains("event rows"), "{status} {why}");
    // Names of the file are taken, and another site knows nothing of them.
    let taken = format!("site_id={SITE}&do=goal&name=Signup&kind=page&target=/");
    assert_eq!(stage.ask("POST", "/settings/goals", &taken, "owner").await.status(), 400);
    let other = get(&format!("/api/v1/sites/goals?site_id={OTHER}")).await.1;
    assert!(!other.contains("Bees"), "{other}");
}

#[tokio::test]
async fn a_password_of_ones_own_gives_no_more_guesses_at_anothers() {
    let stage = Stage::set().await;
    let port = &stage.port;
    let enter = async |name: &str, password: &str, browser: &str| {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("name", name), ("password", password)])
            .finish();
        let url = format!("http://{}/login", port.address);
        let form = port.client.post(url).header(COOKIE, browser).body(form);
        let form = form.header("content-type", "application/x-www-form-urlencoded");
        // One that has to wait for its turn waits longer.
        tokio::time::timeout(std::time::Duration::from_secs(2), form.send()).await.ok()
    };
    let own = enter("viewer", "viewer", "").await.unwrap().unwrap();
    let browser = cookie(&own, "headcount_browser").unwrap();
    for (as_whom, browser) in [("", ""), ("owner", ""), ("", &*browser), ("owner", &browser)] {
        port.clock.set(port.clock.now() + HOUR);
        let mut guesses = 0;
        while let Some(guess) = enter(as_whom, &format!("guess {guesses}"), browser).await {
            assert_eq!(guess.unwrap().status(), 401);
            guesses += 1;
            assert!(guesses <= 10, "guesses at `{as_whom}` have no end");
            if guesses % 3 == 0 {
                assert_eq!(
                    enter("viewer", "viewer", browser).await.unwrap().unwrap().status(),
                    303
                );
            }
        }
        assert_eq!(guesses, 10);
    }
    // The browser's own is let in all the same.
    assert_eq!(enter("viewer", "viewer", &browser).await.unwrap().unwrap().status(), 303);
}
