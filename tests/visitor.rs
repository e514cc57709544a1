//! The visitor room against public corpora: user agents of bots, people and browsers; and against
//! a table of our own: where visitors come from.
//!
//! `cargo test --test visitor -- --nocapture` prints how much of each is
//! right; the tests fail below the shares we promise. The corpora lie in the packages of two
//! dependencies (`isbot`, `ua-parser`) and in `tests/corpora`.

use headcount::model::rollup::Dimension;
use headcount::visitor::{Agents, arrival, bots};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where cargo keeps a dependency's package. Asks for this platform's packages only: others need
/// not have been downloaded.
fn package(name: &str) -> PathBuf {
    let version = Command::new(env!("CARGO")).arg("-vV").output().expect("cargo runs");
    let version = String::from_utf8(version.stdout).expect("text");
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host");
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--filter-platform", host])
        .arg("--manifest-path")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .output()
        .expect("cargo runs");
    let metadata: serde_json::Value = serde_json::from_slice(&out.stdout).expect("cargo's JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let found = packages.iter().find(|p| p["name"] == name).expect("a dependency of ours");
    Path::new(found["manifest_path"].as_str().unwrap()).parent().unwrap().to_owned()
}

fn read(path: PathBuf) -> String {
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A fixture of `isbot`: a JSON list or one agent a line, some of them in quotes.
fn fixture(dir: &Path, name: &str) -> Vec<String> {
    let text = read(dir.join("fixtures").join(name));
    if name.ends_with(".json") {
        return serde_json::from_str(&text).expect("a list of strings");
    }
    text.lines().map(|line| line.trim_matches('"').to_owned()).collect()
}

struct Score {
    right: usize,
    all: usize,
}

impl Score {
    /// Counts what is right, and shows a few of what isn't.
    fn of<T>(
        what: &str,
        cases: &[T],
        show: impl Fn(&T) -> String,
        is_right: impl Fn(&T) -> bool,
    ) -> Self {
        let wrong: Vec<&T> = cases.iter().filter(|case| !is_right(case)).collect();
        let score = Self { right: cases.len() - wrong.len(), all: cases.len() };
        println!("{:6.2} % of {:6} {what}", score.percent(), score.all);
        let shown = std::env::var("SHOW_WRONG").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
        for case in wrong.iter().take(shown) {
            println!("         {}", show(case));
        }
        score
    }

    fn percent(&self) -> f64 {
        100.0 * self.right as f64 / self.all as f64
    }
}

fn caught(what: &str, agents: &[String]) -> Score {
    Score::of(&format!("caught, {what}"), agents, String::clone, |a| bots::judge(a).is_some())
}

fn kept(what: &str, agents: &[String]) -> Score {
    Score::of(&format!("kept, {what}"), agents, String::clone, |a| bots::judge(a).is_none())
}

fn lines(path: &str) -> Vec<String> {
    let text = read(path.into());
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn known_bots_are_caught() {
    let isbot = package("isbot");
    let mut bots_of_isbot = Vec::new();
    for file in ["bots.txt", "myip-ms-live-bots.json", "ua-parser-bots.json"] {
        let mut agents = fixture(&isbot, file);
        // One list takes a maker of phones for bots; isbot's own tests leave these out as well.
        agents.retain(|agent| !agent.contains(" CUBOT"));
        caught(&format!("bots of isbot, {file}"), &agents);
        bots_of_isbot.extend(agents);
    }
    let isbot = caught("bots of isbot", &bots_of_isbot);

    let crawlers = lines("tests/corpora/crawler-user-agents.txt");
    let listed = caught("bots of crawler-user-agents", &crawlers);

    assert!(bots_of_isbot.len() > 12_000 && crawlers.len() > 2_000);
    assert!(isbot.percent() >= 99.5);
    assert!(listed.percent() >= 99.5);
}

/// None of our lists was made from this one, so it tells how many bots are caught that nobody has
/// listed yet.
#[test]
fn bots_that_no_list_of_ours_has_seen_are_caught() {
    let agents = lines("tests/corpora/crawlerdetect-bots.txt");
    let unseen = caught("bots of crawlerdetect", &agents);
    assert!(agents.len() > 3_500);
    assert!(unseen.percent() >= 98.5);
}

/// A list of browsers also holds what applications send when they fetch something without showing
/// a page. These are no people.
fn is_client_of_application(agent: &str) -> bool {
    agent.contains("CFNetwork/") || agent.contains("Dalvik/") && !agent.contains("AppleWebKit")
}

/// Whether an agent begins as those of browsers since 2010 do. The rest of a list are phones older
/// than Android, but also the clients of applications by any name, and browsers of the nineties.
fn begins_as_browsers_do(agent: &str) -> bool {
    ["Mozilla/5.0", "Mozilla/4.0 (compatible; MSIE", "Opera/"].iter().any(|b| agent.starts_with(b))
}

#[test]
fn people_are_kept() {
    let isbot = package("isbot");
    let mut people = Vec::new();
    let (mut clients, mut others) = (Vec::new(), Vec::new());
    for file in ["browsers.txt", "omrilotan-browsers.json", "ua-parser-browsers.json"] {
        for agent in fixture(&isbot, file) {
            let list = match () {
                _ if is_client_of_application(&agent) => &mut clients,
                _ if begins_as_browsers_do(&agent) => &mut people,
                _ => &mut others,
            };
            list.push(agent);
        }
    }
    let browsers = kept("people of isbot", &people);
    kept("what begins otherwise in isbot's lists of people", &others);
    let fetched = caught("clients of applications in isbot's lists of people", &clients);
    assert!(people.len() > 170_000 && clients.len() > 1_000);
    assert!(browsers.percent() >= 99.9);
    assert_eq!(fetched.right, fetched.all);

    let current = kept("people of user-agents", &lines("tests/corpora/people.txt"));
    assert!(current.all > 900);
    assert_eq!(current.right, current.all);

    let rare = kept("people with rare browsers", &lines("tests/corpora/browsers.txt"));
    assert!(rare.all >= 140);
    assert_eq!(rare.right, rare.all);
}

#[derive(Deserialize)]
struct Cases {
    test_cases: Vec<Case>,
}

/// A case of uap-core: an agent and what is known of its browser, system or device.
#[derive(Deserialize)]
struct Case {
    user_agent_string: String,
    family: String,
    #[serde(default)]
    major: Option<String>,
    #[serde(default)]
    model: Option<String>,
}

/// What is read of a case's agent.
fn part(agents: &Agents, case: &Case, dimension: Dimension) -> String {
    agents.read(&case.user_agent_string, None).traits.get(dimension).unwrap().to_owned()
}

/// The cases that are about browsers: agents that begin as browsers' do, and no bots.
fn browser_cases(files: &[&str]) -> Vec<Case> {
    let core = package("ua-parser").join("uap-core");
    files
        .iter()
        .flat_map(|file| {
            let cases: Cases = serde_yaml_ng::from_str(&read(core.join(file))).expect("uap-core");
            cases.test_cases
        })
        .filter(|case| {
            let agent = &case.user_agent_string;
            (agent.starts_with("Mozilla/") || agent.starts_with("Opera/"))
                && case.family != "Other"
                && case.family != "Spider"
                && bots::judge(agent).is_none()
        })
        .collect()
}

#[test]
fn browsers_are_named_right() {
    let agents = Agents::new();
    let cases = browser_cases(&[
        "tests/test_ua.yaml",
        "test_resources/firefox_user_agent_strings.yaml",
        "test_resources/opera_mini_user_agent_strings.yaml",
        "test_resources/pgts_browser_list.yaml",
    ]);
    // What uap-core tells apart by device or channel is one browser to people.
    let expected = |case: &Case| {
        let name = match case.family.as_str() {
            "Chrome Mobile" | "Chrome Mobile iOS" => "Chrome",
            "Chrome Mobile WebView" => "Chrome (in-app)",
            "Mobile Safari" => "Safari",
            "Mobile Safari UI/WKWebView" => "Safari (in-app)",
            "Firefox Mobile" | "Firefox iOS" | "Firefox Alpha" | "Firefox Beta" => "Firefox",
            "Edge Mobile" => "Edge",
            "Opera Mobile" | "Opera Tablet" => "Opera",
            "Samsung Internet" => "Samsung Browser",
            "IE" | "IE Mobile" | "IE Large Screen" => "Internet Explorer",
            "DuckDuckGo Mobile" => "DuckDuckGo",
            "QQ Browser Mobile" | "QQ Browser Mini" => "QQ Browser",
            "Android" => "Android Browser",
            "Google" => "Google app",
            "Klar" => "Firefox Focus",
            other => other,
        };
        match case.major.as_deref().filter(|major| !major.is_empty()) {
            Some(major) => (name.to_owned(), format!("{name} {major}")),
            None => (name.to_owned(), name.to_owned()),
        }
    };
    let got = |case: &Case| {
        let part = |dimension| part(&agents, case, dimension);
        (part(Dimension::Browser), part(Dimension::BrowserVersion))
    };
    let score = Score::of(
        "browsers and their versions right, uap-core",
        &cases,
        |case| format!("{:?} is {:?}: {}", got(case), expected(case), case.user_agent_string),
        |case| got(case) == expected(case),
    );
    assert!(cases.len() > 1_000);
    assert!(score.percent() >= 95.0);
}

#[test]
fn systems_are_named_right() {
    let agents = Agents::new();
    let cases = browser_cases(&["tests/test_os.yaml", "test_resources/additional_os_tests.yaml"]);
    let expected = |case: &Case| match case.family.as_str() {
        "Mac OS X" | "Mac OS" => "macOS",
        "Linux" | "Ubuntu" | "Debian" | "Fedora" | "Red Hat" | "Gentoo" | "Mandriva" | "CentOS"
        | "Linux Mint" | "PCLinuxOS" | "Puppy" | "Slackware" => "GNU/Linux",
        "Windows CE" => "Windows Mobile",
        "ATV OS X" => "tvOS",
        "Web0S" => "webOS",
        _ => "",
    };
    let got = |case: &Case| part(&agents, case, Dimension::Os);
    let score = Score::of(
        "systems right, uap-core",
        &cases,
        |case| format!("{} is {}: {}", got(case), case.family, case.user_agent_string),
        |case| {
            let mapped = expected(case);
            got(case) == if mapped.is_empty() { &case.family } else { mapped }
        },
    );
    assert!(cases.len() > 200);
    assert!(score.percent() >= 97.0);
}

/// The class of a device that uap-core names by family and model, from the name alone, without a
/// look at the agent. `None`: something held in the hand, but the name doesn't tell how large.
fn class_of(case: &Case) -> Option<&'static str> {
    let name = format!("{} {}", case.family, case.model.as_deref().unwrap_or_default());
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if has(&["TV", "Tv", "HbbTV", "NetCast", "Inettv", "Chromecast", "Roku", "BRAVIA", "AFT"]) {
        Some("TV")
    } else if has(&["PlayStation", "Xbox", "XBox", "Nintendo", "Wii", "OUYA", "Dreamcast"]) {
        Some("Console")
    } else if case.family == "Mac" {
        Some("Desktop")
    } else if has(&[
        "iPad",
        "Kindle",
        "Tab",
        "TAB",
        "MediaPad",
        "TouchPad",
        "Playbook",
        "Transformer",
        "Xoom",
        "XOOM",
        "Nexus 7",
        "Nexus 9",
        "Nexus 10",
        "GT-P",
        "SM-T",
        "SM-P",
        "Iconia",
    ]) {
        Some("Tablet")
    } else if has(&[
        "Phone",
        "phone",
        "iPod",
        "Nokia",
        "Lumia",
        "BlackBerry",
        "HTC Desire",
        "HTC One",
        "HTC Sensation",
        "HTC Touch",
        "HTC Wildfire",
        "Sony Ericsson",
        "Xperia",
        "GT-I",
        "GT-S",
        "SGH-",
        "SM-G",
        "SM-N",
        "SM-A",
        "SCH-R",
        "SPH-",
        "LG-P",
        "LG-E",
        "LG-D",
        "Moto",
        "MOT-",
        "Nexus 4",
        "Nexus 5",
        "Nexus 6",
        "DROID",
        "Redmi",
    ]) {
        Some("Mobile")
    } else {
        None
    }
}

#[test]
fn devices_are_classed_right() {
    let agents = Agents::new();
    let cases = browser_cases(&["tests/test_device.yaml"]);
    let got = |case: &Case| part(&agents, case, Dimension::Device);
    let show = |case: &Case| {
        let (expected, agent) = (class_of(case), &case.user_agent_string);
        format!("{} is {expected:?} ({}): {agent}", got(case), case.family)
    };
    let is_right = |case: &Case| match class_of(case) {
        Some(class) => got(case) == class,
        None => matches!(&*got(case), "Mobile" | "Tablet"),
    };
    let score = Score::of("device classes right, uap-core", &cases, show, is_right);
    let told: Vec<Case> = cases.into_iter().filter(|case| class_of(case).is_some()).collect();
    let strict = Score::of("of these, where the name tells the class", &told, show, is_right);
    assert!(score.all > 9_000 && strict.all > 2_500);
    assert!(score.percent() >= 93.0);
    assert!(strict.percent() >= 93.0);
}

#[test]
fn referrers_are_classed_right() {
    let table = read("tests/corpora/referrers.txt".into());
    let rows: Vec<[&str; 4]> = table
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            cells.try_into().unwrap_or_else(|_| panic!("four cells: {line}"))
        })
        .collect();
    let got = |row: &[&str; 4]| {
        let [referrer, query] = [row[0], row[1]].map(|cell| Some(cell).filter(|c| !c.is_empty()));
        let own = |host: &str| host == "example.com" || host == "www.example.com";
        let arrival = arrival(referrer, query, own);
        (arrival.source.to_string(), arrival.channel)
    };
    let score = Score::of(
        "referrers classed right",
        &rows,
        |row| format!("{:?} from {row:?}", got(row)),
        |row| got(row) == (row[2].to_owned(), row[3]),
    );
    assert!(rows.len() >= 150);
    assert_eq!(score.right, score.all);
}
