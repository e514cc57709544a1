//! `docs/moving.md`: its settings are good, its commands take exports in and are answered.

use crate::common::headcount::Headcount;
use crate::page::{Section, section};
use crate::scene::NAME;
use serde_json::Value;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;

const PLAUSIBLE: [(&str, &str); 2] = [
    (
        "imported_visitors_20250301_20250302.csv",
        "date,visitors,pageviews,bounces,visits,visit_duration\n2025-03-01,10,30,4,12,600\n\
         2025-03-02,1,2,0,1,30\n",
    ),
    (
        "imported_pages_20250301_20250302.csv",
        "date,hostname,page,visits,visitors,pageviews\n2025-03-01,example.org,/,12,10,30\n\
         2025-03-02,example.org,/,1,1,2\n",
    ),
];
const UMAMI: &str = "session_id,url_path,referrer_domain,event_name,created_at,browser,os,device,\
                     country,language\n\
                     u1,/,google.com,,2025-03-01 10:00:00+00,firefox,Linux,desktop,DE,de-DE\n\
                     u1,/a,,,2025-03-01 10:01:00+00,firefox,Linux,desktop,DE,de-DE\n\
                     u1,/a,,signup,2025-03-01 10:01:02+00,firefox,Linux,desktop,DE,de-DE\n\
                     u2,/,,,2025-03-02 10:00:00+00,chrome,Windows 10,laptop,FR,fr-FR\n";
const GOATCOUNTER: &str = "2Path,Title,Event,UserAgent,Browser,System,Session,Bot,Referrer,\
                           Referrer scheme,Screen size,Location,FirstVisit,Date\n\
                           /,A,false,x,Firefox 153,Linux,s1,0,google.com,h,,DE,1,2025-03-01T10:00:00Z\n\
                           /b,B,false,x,Firefox 153,Linux,s1,0,,,,DE,0,2025-03-01T10:01:00Z\n";
const GA4: [(&str, &str); 2] = [
    (
        "by-date.csv",
        "# ----\n# Free form\n# ----\nDate,Views,Total users,Sessions\n20250301,7,3,4\n",
    ),
    (
        "by-page.csv",
        "Date,Page path and screen class,Views,Total users,Sessions\n20250301,/,7,3,4\n",
    ),
];

fn run(dir: &Path, command: &str) -> String {
    let command = command
        .replace("headcount import", &format!("{} import", env!("CARGO_BIN_EXE_headcount")))
        .replace("/etc/headcount.toml", "headcount.toml");
    let output = Command::new("bash").current_dir(dir).args(["-c", &command]).output().unwrap();
    assert!(output.status.success(), "{command}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Follows a section in a folder with its exports; the settings, checked, and what the import says.
fn follow(section: &Section, dir: &Path) -> String {
    let settings = section.files().into_iter().find(|(path, _)| *path == "/etc/headcount.toml");
    std::fs::write(dir.join("headcount.toml"), settings.expect("settings").1).unwrap();
    let check = Command::new(env!("CARGO_BIN_EXE_headcount"))
        .current_dir(dir)
        .args(["check", "--config", "headcount.toml"])
        .output()
        .unwrap();
    assert!(check.status.success(), "{check:?}");
    let said: Vec<String> = section.commands().iter().map(|command| run(dir, command)).collect();
    said.into_iter().next_back().unwrap()
}

fn write(dir: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        std::fs::write(dir.join(name), text).unwrap();
    }
}

#[test]
fn totals_of_all_four_come_in() {
    let zip = |dir: &Path| {
        write(dir, &PLAUSIBLE);
        // As an archive holds it.
        let names = PLAUSIBLE.map(|(name, _)| name).join(" ");
        let make = format!("python3 -m zipfile -c plausible-export.zip {names} && rm {names}");
        run(dir, &make);
    };
    let gzip = |dir: &Path| {
        let file = File::create(dir.join("goatcounter-export.csv.gz")).unwrap();
        let mut file = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        file.write_all(GOATCOUNTER.as_bytes()).unwrap();
        file.finish().unwrap();
    };
    type Prepare<'a> = &'a dyn Fn(&Path);
    let all: [(&str, Prepare<'_>, &str); 4] = [
        ("From Plausible", &zip, "32 pageviews and 11 visitors of 2 days"),
        (
            "From Umami",
            &|dir| write(dir, &[("website_event.csv", UMAMI)]),
            "3 pageviews and 2 visitors of 2 days",
        ),
        ("From GoatCounter", &gzip, "2 pageviews and 1 visitors of 1 days"),
        (
            "From Google Analytics 4",
            &|dir| write(dir, &GA4),
            "7 pageviews and 3 visitors of 1 days",
        ),
    ];
    for (name, prepare, said) in all {
        let dir = tempfile::tempdir().unwrap();
        prepare(dir.path());
        let printed = follow(&section("moving", name), dir.path());
        assert!(printed.contains(said), "{name}: {printed}");
        if name == "From Plausible" {
            asked_for(dir.path());
        }
    }
}

/// The question of the page, of what the section before has taken in.
fn asked_for(dir: &Path) {
    let mut headcount = Headcount::by_file(&dir.join("headcount.toml"));
    headcount.keep_in(dir);
    headcount.start_again();
    let commands = section("moving", "Asking for imported totals").commands();
    let admin = headcount.admin().to_string();
    let answer = run(dir, &commands[0].replace("127.0.0.1:8090", &admin));
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["results"][0]["metrics"], serde_json::json!([32, 11]), "{NAME}: {answer}");
}
