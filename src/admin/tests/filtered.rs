//! The dashboard under filters where event rows cover all of the time, a part of it, or none.

use super::port::{Port, today};
use crate::language::Language::{English, German, Spanish};
use crate::model::rollup::{Dimension, Metric as Stored};
use crate::model::site::Day;
use reqwest::StatusCode;

const FROM_GERMANY: &[(Dimension, &str)] = &[(Dimension::Country, "DE")];
const FROM_FRANCE: &[(Dimension, &str)] = &[(Dimension::Country, "FR")];

fn days_ago(days: u64) -> Day {
    today() - chrono::Days::new(days)
}

/// Rows of today and yesterday; what was counted before that has none.
async fn kept_since_yesterday() -> Port {
    let port = Port::local().await;
    let of_today: &[(&str, &[_])] =
        &[("/", FROM_GERMANY), ("/a", FROM_GERMANY), ("/", FROM_FRANCE)];
    port.store.view("example.org", today(), of_today);
    port.store.view("example.org", days_ago(1), &[("/a", FROM_GERMANY); 2]);
    let before = [
        (Dimension::Total, "", Stored::Server, 50),
        (Dimension::Total, "", Stored::Visitors, 40),
        (Dimension::Country, "DE", Stored::Server, 30),
        (Dimension::Country, "DE", Stored::Visitors, 20),
        (Dimension::Page, "/", Stored::Server, 50),
        (Dimension::Page, "/", Stored::Visitors, 40),
    ];
    port.store.add("example.org", days_ago(2), &before);
    port.store.add("example.org", days_ago(20), &[(Dimension::Total, "", Stored::Server, 1)]);
    port
}

/// The figure of a tile.
fn figure<'p>(page: &'p str, name: &str) -> Option<&'p str> {
    let tile = page.split(&format!(r#"<span class="name">{name}</span>"#)).nth(1)?;
    tile.split(r#"class="figure">"#).nth(1)?.split('<').next()
}

#[tokio::test]
async fn a_part_of_the_time_is_told_as_a_part() {
    let port = kept_since_yesterday().await;
    let (_, page) = port.get("/?period=7d&filters=visit:country%3D%3DDE").await;
    assert_eq!(figure(&page, "Unique visitors"), Some("4"), "of two days, and not of the third");
    for text in [
        "Filtered numbers begin on 23 Nov.",
        "23–24 Nov 2026",
        "not everything is kept of each visit of the time before",
        "Robots, errors, files and feeds",
    ] {
        assert!(page.contains(text), "no {text}");
    }
    let numbers = page.split("<tbody>").next().unwrap_or_default();
    assert!(!numbers.contains("Sun, 22 Nov"), "the chart begins then, too");
    assert!(!page.contains(r#"id="bots""#));

    let (_, page) = port.get("/?period=day&filters=visit:country%3D%3DDE").await;
    assert_eq!(figure(&page, "Unique visitors"), Some("2"));
    assert!(page.contains("kept for all of these days"), "{page}");
    assert!(
        page.contains("Today until 15:30, compared with Mon, 23 Nov until 15:30"),
        "rows tell parts of days"
    );
    assert!(!page.contains("Hours are counted for all traffic together"), "and hours");
    // Without filters all of the time is told.
    let (_, page) = port.get("/?period=7d").await;
    assert_eq!(figure(&page, "Pageviews"), Some("55"));
    assert!(!page.contains("Filtered numbers"));
}

#[tokio::test]
async fn where_there_are_no_rows_it_is_said() {
    let port = kept_since_yesterday().await;
    let then = "/?first=2026-11-20&last=2026-11-22";
    let (_, page) = port.get(&format!("{then}&filters=visit:country%3D%3DDE")).await;
    assert!(page.contains("Of these days single visits and requests are not kept"), "{page}");
    assert_eq!(figure(&page, "Unique visitors"), Some("20"), "one property is counted by itself");
    let cards: Vec<&str> = ["pages", "places", "devices", "sources"]
        .into_iter()
        .filter(|card| page.contains(&format!(r#"class="card" id="{card}""#)))
        .collect();
    assert_eq!(cards, ["places"], "what is of all traffic is not shown beside it");

    let both = "filters=visit:country%3D%3DDE;event:page%3D%3D/";
    let (status, page) = port.get(&format!("{then}&{both}")).await;
    assert_eq!(status, 200);
    assert!(figure(&page, "Unique visitors").is_none(), "two at once are not counted");
    assert!(page.contains("Of these days single visits and requests are not kept"));
}

#[tokio::test]
async fn the_form_adds_what_was_typed() {
    let port = kept_since_yesterday().await;
    let form = "/?filters=visit:country%3D%3DDE&property=event:page&operator=is_not&value=/";
    let (_, page) = port.get(form).await;
    assert_eq!(figure(&page, "Pageviews"), Some("1"));
    assert!(page.contains("<strong>Page</strong> is not <span>/</span>"), "{page}");
    // What a link leads to has the condition among its filters, and so has the form for the next.
    let kept = r#"name="filters" value="visit:country==DE;event:page!=/""#;
    assert!(page.contains(kept), "{page}");
    assert!(page.contains("filters=visit%3Acountry%3D%3DDE%3Bevent%3Apage%21%3D%2F&amp;pages="));
    // Added twice it is there once.
    let (_, page) =
        port.get(&form.replace("is_not", "is").replace("=DE", "=DE;event:page==/")).await;
    assert_eq!(page.matches(r#"class="chip""#).count(), 2);

    for (query, names) in [
        ("property=event:mood&operator=is&value=x", "`event:mood`"),
        ("property=event:page&operator=like&value=x", "unknown operator `like`"),
        ("property=event:page&operator=is&value=", "needs a value"),
        ("property=bot:name&operator=is&value=x&filters=event:page%3D%3D/", "counted apart"),
    ] {
        let (status, page) = port.get(&format!("/?{query}")).await;
        assert_eq!(status, 400, "{query}");
        assert!(page.contains(names), "{query}: {page}");
    }
}

#[tokio::test]
async fn names_are_typed_as_the_page_shows_them() {
    let port = kept_since_yesterday().await;
    let form = "/?period=7d&property=visit:country&operator=";
    for (say, typed, chip, visitors) in [
        (German, "is&value=Deutschland", "ist <span>🇩🇪 Deutschland", "4"),
        (German, "is&value=DE", "ist <span>🇩🇪 Deutschland", "4"),
        (German, "is_not&value=deutschland", "ist nicht <span>🇩🇪 Deutschland", "1"),
        (German, "contains&value=Deutsch|rankr", "🇩🇪 Deutschland oder 🇫🇷 Frankreich", "5"),
        (German, "contains&value=DE", "enthält <span>🇩🇪 Deutschland", "4"),
        (Spanish, "contains_not&value=Aleman", "no es <span>🇩🇪 Alemania", "1"),
        (Spanish, "matches&value=^F.*cia$", "es <span>🇫🇷 Francia", "1"),
        (English, "is&value=Germany", "is <span>🇩🇪 Germany", "4"),
    ] {
        let (status, page) = port.get_in(say, &format!("{form}{typed}")).await;
        assert_eq!(status, 200, "{page}");
        let shown = page.split(r#"<span class="figure">"#).nth(1).unwrap();
        assert_eq!(shown.split('<').next().unwrap(), visitors, "{typed}");
        let chips = page.split(r#"<ul class="chips">"#).nth(1).unwrap();
        let chips = chips.split("</ul>").next().unwrap();
        assert!(chips.contains(chip), "{typed}: {chips}");
        assert!(!page.contains("value=\"visit:country==Deutschland"), "links say codes: {page}");
    }
    // The names are suggested, with what they stand for.
    let path = "/?filters=visit:suspected%3D%3Dno&suggest=true&property=visit:country";
    let (_, page) = port.get_in(German, path).await;
    assert_eq!(suggested(&page), ["Deutschland", "Frankreich"]);
    assert!(page.contains(r#"<option value="Deutschland" label="DE">"#), "{page}");
    port.store.add("example.org", today(), &[(Dimension::Device, "Mobile", Stored::Visitors, 1)]);
    let (_, page) = port.get_in(German, "/?suggest=true&property=visit:device").await;
    assert_eq!(suggested(&page), ["Smartphone"]);
}

#[tokio::test]
async fn everything_that_rows_know_is_offered_in_groups() {
    let port = kept_since_yesterday().await;
    let event = |key: &str, n| {
        let value = crate::model::rollup::join(["Signup", key, "a"]);
        port.store.add(
            "example.org",
            today(),
            &[(Dimension::EventProperty, &value, Stored::Events, n)],
        );
    };
    event("plan", 3);
    event("colour \"x\"", 5);
    event("(other)", 9);
    let options = |page: &str| -> Vec<(String, Vec<String>)> {
        let form = page.split(r#"<select name="property">"#).nth(1).unwrap();
        let form = form.split("</select>").next().unwrap();
        let groups = form.split(r#"<optgroup label=""#).skip(1);
        let quoted = |text: &str| text.split('"').next().unwrap().to_owned();
        let options =
            |group: &str| group.split(r#"<option value=""#).skip(1).map(quoted).collect::<Vec<_>>();
        groups.map(|group| (quoted(group), options(group))).collect()
    };
    let (_, page) = port.get("/?period=7d").await;
    let offered = options(&page);
    let names: Vec<&str> = offered.iter().map(|(name, _)| name.as_str()).collect();
    let [of_people, of_others] = [
        ["Pages", "Sources", "Places", "Devices", "Events", "Evidence"].as_slice(),
        &["Bots and AI", "Errors", "Files and feeds"],
    ];
    assert_eq!(names, [of_people, of_others].concat());
    for property in
        ["visit:language", "visit:browser_version", "visit:os_version", "event:hostname"]
    {
        assert!(offered.iter().any(|(_, all)| all.iter().any(|own| own == property)), "{property}");
    }
    let events = &offered[4].1;
    let own = ["event:props:colour &quot;x&quot;", "event:props:plan"];
    assert_eq!(events[events.len() - 2..], own, "most frequent first: {events:?}");
    assert!(page.contains(">Plan</option>"), "{page}");
    // All of them can be filtered by.
    for (_, all) in &offered {
        for property in all {
            let property =
                form_urlencoded::byte_serialize(property.replace("&quot;", "\"").as_bytes())
                    .collect::<String>();
            let value = if property == "event%3Agoal" { "Signup" } else { "x" };
            let path = format!("/?period=7d&property={property}&operator=is&value={value}");
            let (status, page) = port.get(&path).await;
            assert_eq!(status, 200, "{property}: {page}");
            let path = format!("/?period=7d&suggest=true&property={property}");
            assert_eq!(port.get(&path).await.0, 200, "{property}");
        }
    }
    // Under a filter what is counted with it.
    let (_, page) = port.get("/?filters=visit:country%3D%3DDE").await;
    let names: Vec<String> = options(&page).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, of_people);
    // And what is typed already is chosen, however it is called.
    let (_, page) = port.get("/?suggest=true&property=visit:city_name").await;
    assert_eq!(page.matches(r#"<option value="visit:city_name" selected>"#).count(), 1);
}

#[tokio::test]
async fn without_suspected_robots_is_a_filter_among_others() {
    let port = kept_since_yesterday().await;
    port.store.add("example.org", today(), &[(Dimension::Suspected, "yes", Stored::Server, 1)]);
    let (_, page) = port.get("/?filters=visit:country%3D%3DDE").await;
    assert!(page.contains(r#"value="visit:country==DE;visit:suspected==no""#), "{page}");
    let (_, page) = port.get("/?filters=visit:country%3D%3DDE;visit:suspected%3D%3Dno").await;
    assert!(page.contains(r#"aria-checked="true">Without suspected"#), "{page}");
    assert_eq!(figure(&page, "Unique visitors"), Some("2"));
}

/// Sends a form of the dashboard; gives the page that it leads to.
async fn send(port: &Port, action: &str, fields: &[(&str, &str)]) -> (StatusCode, String) {
    let url = format!("http://{}{action}", port.address);
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let answer = port.client.post(url).body(form).send().await.unwrap();
    let location = answer.headers().get("location").map(|l| l.to_str().unwrap().to_owned());
    match location {
        Some(location) => port.get(&location).await,
        None => (answer.status(), answer.text().await.unwrap()),
    }
}

#[tokio::test]
async fn segments_are_kept_shown_and_forgotten() {
    let port = kept_since_yesterday().await;
    let (_, page) = port.get("/?period=day").await;
    assert!(!page.contains("id=\"segments\""), "there is nothing to keep, and nothing kept");

    let name = "Germans <i>&amp;";
    let fields = [("period", "day"), ("filters", "visit:country==DE"), ("name", name)];
    let (status, page) = send(&port, "/segments/keep", &fields).await;
    assert_eq!(status, 200, "{page}");
    assert_eq!(figure(&page, "Unique visitors"), Some("2"));
    assert!(page.contains("Germans &lt;i&gt;&amp;amp;") && !page.contains("<i>&"), "escaped");
    let (_, of_api) = port.json("/api/v1/sites/segments").await;
    let filters = serde_json::json!([["is", "visit:country", ["DE"]]]);
    assert_eq!(of_api["segments"][0]["filters"], filters);

    // Further filters narrow it; kept again, both are one segment.
    let narrow =
        [("period", "day"), ("segment", "1"), ("filters", "event:page==/"), ("name", "Home")];
    let (_, page) = send(&port, "/segments/keep", &narrow).await;
    assert_eq!(figure(&page, "Unique visitors"), Some("1"));
    let (_, both) = port.get("/?period=day&segment=1&filters=event:page%3D%3D/").await;
    assert_eq!(figure(&both, "Unique visitors"), Some("1"));
    assert_eq!(both.matches("class=\"chip\"").count(), 2);

    for (action, fields, status, names) in [
        ("/segments/keep", &[("period", "day"), ("name", "All")][..], 400, "needs filters"),
        ("/segments/keep", &[("filters", "event:page==/"), ("name", " ")], 400, "1 to 100"),
        ("/segments/keep", &[("colour", "red"), ("name", "x")], 400, "unknown parameter"),
        ("/segments/forget", &[("segment", "9")], 400, "There is no segment"),
        ("/segments/forget", &[], 404, "segment"),
    ] {
        let (got, page) = send(&port, action, fields).await;
        assert_eq!(got, status, "{page}");
        assert!(page.contains(names), "{names}: {page}");
    }
    // What is counted apart from visits has segments, too.
    for filters in ["bot:name==Googlebot", "download:path==/a.pdf", "event:goal==Signup"] {
        let (status, page) =
            send(&port, "/segments/keep", &[("filters", filters), ("name", "Apart")]).await;
        assert!(status == 200 && page.contains("Apart"), "{filters}: {page}");
    }
    let (status, page) = port.get("/?segment=9").await;
    assert!(status == 400 && page.contains("There is no segment “<bdi>9</bdi>”"), "{page}");

    let (_, page) = send(&port, "/segments/forget", &[("period", "day"), ("segment", "1")]).await;
    assert!(page.contains("Home") && !page.contains("Germans"));
    assert!(!page.contains("class=\"chip\""), "everything is shown again");

    // A page elsewhere can send forms, too.
    let url = format!("http://{}/segments/forget", port.address);
    let form = port.client.post(url).body("segment=2");
    let answer = form.header("sec-fetch-site", "cross-site").send().await.unwrap();
    assert_eq!(answer.status(), 403);
    assert!(port.get("/").await.1.contains("Home"));
}

/// The values that the form for a filter suggests.
fn suggested(page: &str) -> Vec<String> {
    let list = page.split(r#"<datalist id="values" data-keep>"#).nth(1).unwrap();
    let list = list.split("</datalist>").next().unwrap();
    let values = list.split(r#"<option value=""#).skip(1);
    values.map(|value| value.split('"').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn values_are_suggested_to_filter_by() {
    let port = kept_since_yesterday().await;
    let hostile = "/a|b;c*<script>";
    let more = [(Dimension::Page, hostile, Stored::Visitors, 50)];
    port.store.add("example.org", days_ago(2), &more);
    let ask = async |more: &str| port.get(&format!("/?period=7d&suggest=true&{more}")).await;

    // None unless they are asked for; most frequent first, of the time that is shown.
    assert_eq!(suggested(&port.get("/?period=7d").await.1), [""; 0]);
    let (status, page) = ask("property=visit:country_name&operator=is_not&value=").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(suggested(&page), ["Germany"], "rows of days that are told by roll-ups");
    assert!(page.contains(r#"<details class="menu" id="filter" open>"#));
    assert!(page.contains(r#"value="visit:country_name" selected"#), "{page}");
    assert!(page.contains(r#"value="is_not" selected"#) && !page.contains("Remove the filter"));
    let (_, page) = ask("property=event:page").await;
    let escaped = r"/a\|b\;c\*&lt;script&gt;";
    assert_eq!(suggested(&page), [escaped, "/"], "as it has to be typed");
    assert!(suggested(&port.get("/?suggest=true&property=event:page").await.1).is_empty());
    // What is suggested filters by just that value.
    let typed = form_urlencoded::byte_serialize(br"/a\|b\;c\*<script>").collect::<String>();
    let path =
        format!("/?first=2026-11-22&last=2026-11-22&property=event:page&operator=is&value={typed}");
    let (_, page) = port.get(&path).await;
    assert_eq!(figure(&page, "Unique visitors"), Some("50"), "{page}");

    // Under a filter those that are left, from event rows.
    let (_, page) = ask("filters=visit:country%3D%3DFR&property=event:page").await;
    assert_eq!(suggested(&page), ["/"]);
    // What the filters tell nothing of has none, and nothing fails.
    let (status, page) = ask("filters=visit:country%3D%3DFR&property=bot:name").await;
    assert!(status == 200 && suggested(&page).is_empty());
    for (more, names) in
        [("property=event:mood", "`event:mood`"), ("property=visit:os&operator=like", "`like`")]
    {
        let (status, page) = ask(more).await;
        assert!(status == 400 && page.contains(names), "{page}");
    }
    let (status, page) = port.get("/?suggest=yes").await;
    assert!(status == 400 && page.contains("`yes`"), "{page}");
}
