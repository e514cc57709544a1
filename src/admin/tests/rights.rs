//! Every route, asked by every kind of visitor: who is answered, who is not.
//!
//! The routes come from the router itself, so a new one fails this test until it is in its table.

use super::port::{NOW, Port, today};
use crate::admin::Auth;
use crate::admin::routes::Routes;
use crate::kept::{Access, Error, Kept, Rights, Role, Scope};
use crate::model::rollup::{Dimension, Metric as Stored};
use crate::report::Segments;
use argon2::password_hash::PasswordHasher;
use argon2::{Argon2, Params};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE};
use reqwest::{Method, Response};
use std::collections::{BTreeMap, BTreeSet};

/// Sites: the one that is asked for, and another.
pub(super) const SITE: &str = "a.example";
pub(super) const OTHER: &str = "b.example";

pub(super) const FILE: &str = "correct horse";

/// Kinds of visitors, by the credentials that they bring.
const WHO: [&str; 11] = [
    "nobody",
    "viewer",
    "viewer of another site",
    "owner",
    "owner of all",
    "file",
    "token for all",
    "token of the site",
    "token of another site",
    "token to list sites",
    "revoked token",
];

/// Who gets through to a route, as one letter each in the order of [`WHO`]: `y` answered, `n` not
/// (401, 403, or a form to sign in), `p` a path of the table below says it.
type Expected = &'static str;

/// By path and method: a question about [`SITE`] that is right, and who is answered.
const TABLE: &[(&str, &str, &str, Expected)] = &[
    // Pages.
    ("GET", "/", "?site_id=a.example", "nynyyyyynnn"),
    ("GET", "/details.csv", "?site_id=a.example&details=pages", "nynyyyyynnn"),
    ("GET", "/details.json", "?site_id=a.example&details=pages", "nynyyyyynnn"),
    ("GET", "/details.csv", "?site_id=a.example", "nynyyyyynnn"),
    ("GET", "/details.json", "?site_id=a.example", "nynyyyyynnn"),
    // Of the sites that they may see.
    ("GET", "/details.csv", "", "nyyyyyyyynn"),
    ("GET", "/details.json", "", "nyyyyyyyynn"),
    ("POST", "/segments/keep", "site_id=a.example&name=N&filters=event:page%3D%3D/", "nnnyyynnnnn"),
    ("POST", "/segments/forget", "site_id=a.example&segment=1", "nnnyyynnnnn"),
    ("GET", "/settings/{part}", "?site_id=a.example", "nnnyyynnnnn"),
    ("POST", "/settings/{part}", "site_id=a.example&do=add&day=2026-11-24&text=T", "nnnyyynnnnn"),
    ("GET", "/account", "", "nyyyyynnnnn"),
    ("POST", "/account", "do=nothing", "nyyyyynnnnn"),
    // What everybody needs to come in.
    ("GET", "/login", "", "yyyyyyyyyyy"),
    ("POST", "/login", "password=wrong", "yyyyyyyyyyy"),
    ("POST", "/logout", "", "yyyyyyyyyyy"),
    ("GET", "/assets/{version}/{name}", "", "yyyyyyyyyyy"),
    ("GET", "/theme.css", "", "yyyyyyyyyyy"),
    ("POST", "/theme", "theme=dark", "yyyyyyyyyyy"),
    ("POST", "/language", "language=de", "yyyyyyyyyyy"),
    ("GET", "/docs", "", "yyyyyyyyyyy"),
    ("GET", "/docs/{page}", "", "yyyyyyyyyyy"),
    ("GET", "/docs/files/{*path}", "", "yyyyyyyyyyy"),
    ("GET", "/api/health", "", "yyyyyyyyyyy"),
    // What shows something by its own address: a test of its own.
    ("GET", "/invitation/{secret}", "", "ppppppppppp"),
    ("POST", "/invitation/{secret}", "", "ppppppppppp"),
    ("GET", "/share/{key}", "", "ppppppppppp"),
    ("POST", "/share/{key}", "", "ppppppppppp"),
    ("GET", "/share/{key}/details.csv", "", "ppppppppppp"),
    ("GET", "/share/{key}/details.json", "", "ppppppppppp"),
    ("GET", "/share/{key}/live", "", "ppppppppppp"),
    ("GET", "/public/{site}", "", "ppppppppppp"),
    ("POST", "/public/{site}", "", "ppppppppppp"),
    ("GET", "/public/{site}/details.csv", "", "ppppppppppp"),
    ("GET", "/public/{site}/details.json", "", "ppppppppppp"),
    ("GET", "/public/{site}/live", "", "ppppppppppp"),
    // Programs.
    ("GET", "/metrics", "", "nnnnyyynnnn"),
    ("GET", "/mcp", "", "nyyyyyyyynn"),
    ("POST", "/mcp", "", "nyyyyyyyynn"),
    ("DELETE", "/mcp", "", "nyyyyyyyynn"),
    ("GET", "/api/live", "?site_id=a.example", "nynyyyyynnn"),
    ("GET", "/api/openapi.json", "", "nyyyyyynnyn"),
    (
        "GET",
        "/api/v1/export",
        "?site_id=a.example&date_from=2026-11-24&date_to=2026-11-24",
        "nynyyyyynnn",
    ),
    ("GET", "/api/v1/sites", "", "nyyyyyynnyn"),
    ("GET", "/api/v1/sites/{site_id}", "", "nynyyyynnyn"),
    ("GET", "/api/v1/sites/goals", "?site_id=a.example", "nynyyyynnyn"),
    ("GET", "/api/v1/sites/custom-props", "?site_id=a.example", "nynyyyynnyn"),
    ("GET", "/api/v1/sites/segments", "?site_id=a.example", "nynyyyynnyn"),
    (
        "PUT",
        "/api/v1/sites/segments",
        r#"{"site_id": "a.example", "name": "P", "filters": [["is", "event:page", ["/"]]]}"#,
        "nnnyyyynnnn",
    ),
    ("DELETE", "/api/v1/sites/segments/{id}", "?site_id=a.example", "nnnyyyynnnn"),
    ("GET", "/api/v1/stats/realtime/visitors", "?site_id=a.example", "nynyyyyynnn"),
    ("GET", "/api/v1/stats/aggregate", "?site_id=a.example", "nynyyyyynnn"),
    ("GET", "/api/v1/stats/timeseries", "?site_id=a.example", "nynyyyyynnn"),
    ("GET", "/api/v1/stats/breakdown", "?site_id=a.example&property=event:page", "nynyyyyynnn"),
    ("GET", "/api/v1/stats/heatmap", "?site_id=a.example&page=/", "nynyyyyynnn"),
    ("GET", "/api/v1/stats/timings", "?site_id=a.example", "nynyyyyynnn"),
    ("GET", "/api/v1/stats/funnel", "?site_id=a.example&name=Checkout", "nynyyyyynnn"),
    (
        "POST",
        "/api/v2/query",
        r#"{"site_id": "a.example", "metrics": ["visitors"], "date_range": "day"}"#,
        "nynyyyyynnn",
    ),
    (
        "POST",
        "/api/v2/journeys",
        r#"{"site_id": "a.example", "date_range": "day", "page": "/"}"#,
        "nynyyyyynnn",
    ),
    (
        "POST",
        "/api/v2/funnel",
        r#"{"site_id": "a.example", "date_range": "day", "name": "Checkout"}"#,
        "nynyyyyynnn",
    ),
    (
        "POST",
        "/api/v2/time-to-goal",
        r#"{"site_id": "a.example", "date_range": "day", "goal": "Signup"}"#,
        "nynyyyyynnn",
    ),
];

/// A port with two sites and everybody of [`WHO`].
pub(super) struct Stage {
    pub port: Port,
    pub kept: Kept,
    /// A header of each of [`WHO`].
    pub shown: BTreeMap<&'static str, (reqwest::header::HeaderName, String)>,
}

pub(super) fn quick_hash(password: &str) -> String {
    let quick = Params::new(8, 1, 1, None).unwrap();
    let argon2 = Argon2::new(Default::default(), Default::default(), quick);
    argon2.hash_password(password.as_bytes()).unwrap().to_string()
}

pub(super) fn rights(sites: &[(&str, Role)]) -> Rights {
    let sites = sites.iter().map(|(site, role)| ((*site).to_owned(), *role)).collect();
    Rights { everything: false, sites }
}

impl Stage {
    pub(super) async fn set() -> Self {
        let auth = Auth::new(Some(&quick_hash(FILE)), &["a-token-of-the-file".into()]).unwrap();
        let port = Port::open(auth, &[SITE, OTHER]).await;
        port.store.add(SITE, today(), &[(Dimension::Total, "", Stored::Visitors, 7)]);
        port.store.add(OTHER, today(), &[(Dimension::Total, "", Stored::Visitors, 9)]);
        let kept = Kept::new(port.store.clone(), None);
        let one = || BTreeSet::from([SITE.to_owned()]);
        let stats = || BTreeSet::from([Scope::ReadStats]);
        let made = kept
            .change(None, |access: &mut Access| -> Result<_, Error> {
                for (name, rights) in [
                    ("viewer", rights(&[(SITE, Role::Viewer)])),
                    ("viewer of another site", rights(&[(OTHER, Role::Viewer)])),
                    ("owner", rights(&[(SITE, Role::Owner)])),
                    ("owner of all", Rights::all()),
                ] {
                    let secret = access.invite(name, rights, NOW)?;
                    access.accept(&secret, name, quick_hash(name), NOW)?;
                }
                let all = Scope::ALL.into_iter().collect();
                let other = BTreeSet::from([OTHER.to_owned()]);
                let tokens = [
                    ("token for all", access.add_token("all", None, all)?),
                    ("token of the site", access.add_token("site", Some(one()), stats())?),
                    ("token of another site", access.add_token("other", Some(other), stats())?),
                    (
                        "token to list sites",
                        access.add_token("list", Some(one()), [Scope::ReadSites].into())?,
                    ),
                    ("revoked token", access.add_token("revoked", None, stats())?),
                ];
                access.tokens.retain(|token| token.name != "revoked");
                Ok(tokens)
            })
            .await
            .unwrap();
        let mut shown: BTreeMap<_, _> = made
            .into_iter()
            .map(|(who, token)| (who, (AUTHORIZATION, format!("Bearer {token}"))))
            .collect();
        for who in WHO {
            let name = match who {
                "file" => "",
                "nobody" => continue,
                _ if shown.contains_key(who) => continue,
                name => name,
            };
            let password = if name.is_empty() { FILE } else { name };
            shown.insert(who, (COOKIE, sign_in(&port, name, password).await.unwrap()));
        }
        Self { port, kept, shown }
    }

    /// Waits until the port has seen what another node changed.
    pub(super) async fn seen(&self) {
        tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
    }

    pub(super) async fn ask(&self, method: &str, url: &str, body: &str, who: &str) -> Response {
        let method: Method = method.parse().unwrap();
        let url = format!("http://{}{url}", self.port.address);
        let mut request = self.port.client.request(method.clone(), url);
        if method != Method::GET {
            request = request.body(body.to_owned());
            if !body.starts_with('{') {
                request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
            }
        }
        if let Some((name, value)) = self.shown.get(who) {
            request = request.header(name.clone(), value);
        }
        request.send().await.unwrap()
    }
}

/// The session that a name and a password open.
pub(super) async fn sign_in(port: &Port, name: &str, password: &str) -> Option<String> {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("name", name)
        .append_pair("password", password)
        .finish();
    let answer = port
        .client
        .post(format!("http://{}/login", port.address))
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await
        .unwrap();
    cookie(&answer, "headcount_session")
}

pub(super) fn cookie(answer: &Response, name: &str) -> Option<String> {
    let all = answer.headers().get_all("set-cookie").iter();
    let mut all = all.map(|value| value.to_str().unwrap());
    all.find_map(|cookie| cookie.starts_with(name).then(|| cookie.split(';').next())?)
        .map(str::to_owned)
}

/// Whether it is an answer, and no refusal: the form to sign in is none.
fn is_answered(answer: &Response) -> bool {
    let to_login =
        answer.headers().get("location").is_some_and(|to| to.as_bytes().starts_with(b"/login"));
    !matches!(answer.status().as_u16(), 401 | 403 | 404) && !to_login
}

#[tokio::test]
async fn every_route_is_in_the_table() {
    let routes = Routes::all();
    let described = routes.description.paths.paths.len();
    assert!(described > 10, "the API is not described any more");
    let mut all: BTreeSet<(String, String)> =
        routes.needs.keys().map(|(path, method)| (method.to_string(), path.clone())).collect();
    for method in ["GET", "POST", "DELETE"] {
        all.insert((method.into(), "/mcp".into()));
    }
    let table: BTreeSet<(String, String)> =
        TABLE.iter().map(|(method, path, ..)| ((*method).into(), (*path).into())).collect();
    assert_eq!(all, table);
    // What the API describes has a need, each method of it.
    for (path, item) in &routes.description.paths.paths {
        for (method, operation) in
            [("GET", &item.get), ("POST", &item.post), ("PUT", &item.put), ("DELETE", &item.delete)]
        {
            let is_known = all.contains(&(method.to_owned(), path.clone()));
            assert_eq!(operation.is_some(), is_known, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_route_answers_whom_it_is_for() {
    let mut wrong = Vec::new();
    for (method, path, question, expected) in TABLE {
        assert_eq!(expected.len(), WHO.len(), "{path}");
        if expected.contains('p') {
            continue;
        }
        // Some change what others ask about: each has its own.
        let stage = Stage::set().await;
        let segments = |segments: &mut Segments| -> Result<(), Error> {
            let filter = serde_json::json!(["is", "event:page", ["/"]]);
            segments.put("S", vec![filter]).map(drop)?;
            Ok(())
        };
        for (who, letter) in WHO.iter().zip(expected.chars()) {
            let site: std::sync::Arc<str> = SITE.into();
            stage.kept.change(Some(&site), segments).await.unwrap();
            let is_query = question.starts_with('?');
            let path = [
                ("{part}", "notes"),
                ("{site_id}", SITE),
                ("{id}", "1"),
                ("{version}/{name}", "0/headcount.css"),
                ("{page}", "api"),
                ("{*path}", "conf/headcount.toml"),
            ]
            .into_iter()
            .fold(path.to_string(), |path, (part, with)| path.replace(part, with));
            let url = if is_query { format!("{path}{question}") } else { path.clone() };
            let answer = stage.ask(method, &url, if is_query { "" } else { question }, who).await;
            let answered = match path.as_str() {
                // It signs nobody in, which is an answer.
                "/login" | "/logout" => answer.status() != 403 && answer.status() != 404,
                _ => is_answered(&answer),
            };
            if answered != (letter == 'y') {
                wrong.push(format!("{method} {url} by {who}: {}", answer.status()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn who_sees_one_site_learns_of_no_other() {
    let stage = Stage::set().await;
    let text =
        async |url: &str, who: &str| stage.ask("GET", url, "", who).await.text().await.unwrap();
    for who in ["viewer", "owner", "token to list sites"] {
        let sites = text("/api/v1/sites", who).await;
        assert!(sites.contains(SITE) && !sites.contains(OTHER), "{who}: {sites}");
    }
    for who in ["viewer", "owner"] {
        for page in ["/", "/?period=7d", "/account"] {
            let page = text(page, who).await;
            assert!(page.contains(SITE) && !page.contains(OTHER), "{who}: {page}");
        }
    }
    for who in ["viewer", "owner", "token of the site"] {
        for file in ["/details.csv", "/details.json"] {
            let told = text(file, who).await;
            assert!(told.contains("totals") && !told.contains(OTHER), "{who}: {told}");
        }
    }
    // Who sees several has their list there.
    let told = text("/details.csv", "owner of all").await;
    assert_eq!(told, "site_id,visitors,pageviews,visitors_now\na.example,7,0,3\nb.example,9,0,3\n");
    // The only site that they see need not be named.
    let told = text("/api/v1/stats/aggregate?period=day", "token of the site").await;
    assert_eq!(told, r#"{"results":{"visitors":{"value":7}}}"#);
    let told = text("/api/v1/stats/aggregate?period=day", "viewer of another site").await;
    assert_eq!(told, r#"{"results":{"visitors":{"value":9}}}"#);
    // Owners of one site are no owners of another, nor of everything.
    for (body, status) in [
        ("site_id=b.example&do=add&day=2026-11-24&text=T", 401),
        ("site_id=a.example&do=add&day=2026-11-24&text=T", 303),
    ] {
        assert_eq!(stage.ask("POST", "/settings/notes", body, "owner").await.status(), status);
    }
    for body in [
        "site_id=a.example&do=invite&name=X&role=everything",
        "site_id=a.example&do=remove&id=1",
        "site_id=a.example&do=role&id=8&role=viewer",
    ] {
        let answer = stage.ask("POST", "/settings/people", body, "owner").await;
        assert_eq!(answer.status(), 403, "{body}");
    }
    for body in [
        "site_id=a.example&do=add&name=T&scope=stats:read&all=true",
        "site_id=a.example&do=add&name=T&scope=stats:read&site=b.example",
        "site_id=a.example&do=add&name=T&scope=metrics:read&site=a.example",
    ] {
        let answer = stage.ask("POST", "/settings/tokens", body, "owner").await;
        assert_eq!(answer.status(), 403, "{body}");
    }
}
