//! The texts of all languages against each other, and against the code that names them.

use super::Language;
use fluent_bundle::FluentResource;
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each text by its key, as its file has it.
fn texts(language: Language) -> BTreeMap<&'static str, String> {
    let mut texts = BTreeMap::<&str, String>::new();
    let mut key = "";
    for line in language.source().lines().filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        match line.split_once(" = ") {
            Some((name, text)) if !line.starts_with([' ', '}']) => {
                key = name;
                assert!(texts.insert(key, text.to_owned()).is_none(), "{key} is there twice");
            }
            _ => texts.entry(key).or_default().push_str(line),
        }
    }
    texts
}

#[test]
fn all_languages_have_the_same_texts_of_the_same_values() {
    let value = Regex::new(r"\$(\w+)").unwrap();
    let named = |text: &str| -> BTreeSet<String> {
        value.captures_iter(text).map(|found| found[1].to_owned()).collect()
    };
    let english = texts(Language::English);
    assert!(english.len() > 300, "texts are not found any more");
    for language in Language::ALL {
        let read = FluentResource::try_new(language.source().to_owned());
        if let Err((_, wrong)) = read {
            panic!("{}: {wrong:#?}", language.as_str());
        }
        let own = texts(language);
        let keys: BTreeSet<_> = own.keys().collect();
        let known: BTreeSet<_> = english.keys().collect();
        assert_eq!(keys, known, "{}", language.as_str());
        for (key, text) in &own {
            assert_eq!(named(text), named(&english[key]), "{key} in {}", language.as_str());
            // Markup goes into texts, and none comes out of them.
            assert!(!text.replace("->", "").contains(['<', '>', '&']), "{key}: {text}");
            let is_sentence = english[key].split(' ').filter(|word| word.len() > 3).count() > 3;
            assert!(
                language == Language::English || !is_sentence || *text != english[key],
                "{key} is English in {}",
                language.as_str()
            );
        }
    }
}

#[test]
fn every_key_in_the_code_has_a_text_and_every_text_is_used() {
    let texts = texts(Language::English);
    let groups: BTreeSet<&str> =
        texts.keys().filter_map(|key| Some(key.split_once('-')?.0)).collect();
    let literal = Regex::new(r#""([a-z]+(?:-[a-z0-9]+)+)""#).unwrap();
    // Names of other things: elements, attributes, answers of the API.
    let other = Regex::new(
        r#"(?:id|labelledby|describedby|details-title|aria|data|for|href|autocomplete|class)(?:=|=\{ )"$"#,
    )
    .unwrap();
    let mut named = BTreeSet::new();
    let mut missing = Vec::new();
    for file in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let path = file.to_string_lossy().into_owned();
        if path.contains("/tests") {
            continue;
        }
        let source = fs::read_to_string(&file).unwrap();
        for found in literal.captures_iter(&source) {
            let key = found.get(1).unwrap();
            let before = &source[..key.start()];
            let is_asked = [".t(\"", ".with(\"", ".markup(\""].iter().any(|f| before.ends_with(f));
            let of_group = ["/admin/dashboard/", "/admin/settings/", "/notify/message.rs"];
            let may_be = of_group.iter().any(|part| path.contains(part))
                && groups.contains(key.as_str().split('-').next().unwrap())
                && !other.is_match(&before[before.len().saturating_sub(24)..]);
            if texts.contains_key(key.as_str()) {
                named.insert(key.as_str().to_owned());
            } else if is_asked || may_be {
                missing.push(format!("{path}: {}", key.as_str()));
            }
        }
    }
    assert!(missing.is_empty(), "no text has these keys: {missing:#?}");
    let unused: Vec<_> = texts.keys().filter(|key| !named.contains(**key)).collect();
    assert!(unused.is_empty(), "no code asks for these: {unused:#?}");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => all.extend(files(&path)),
            false if path.extension().is_some_and(|e| e == "rs") => all.push(path),
            false => {}
        }
    }
    all
}

#[test]
fn the_language_that_is_wanted_most_is_spoken() {
    use Language::{English, German, Spanish};
    for (field, language) in [
        ("de", Some(German)),
        ("de-AT,de;q=0.9,en;q=0.8", Some(German)),
        ("fr, es-MX;q=0.8, de;q=0.5", Some(Spanish)),
        ("de;q=0.4, EN-us ;q=0.8", Some(English)),
        ("en, de", Some(English)),
        ("de;q=0, fr", None),
        ("de;q=x", None),
        ("fr", None),
        ("*", None),
        ("", None),
        (";,;q=,-", None),
    ] {
        assert_eq!(Language::accepted(field), language, "{field}");
    }
}

#[test]
fn numbers_choose_the_form_of_a_text() {
    let clicks = |say: Language, n: i64| say.with("heat-n-clicks", [("n", n.into())]);
    assert_eq!(clicks(Language::English, 1), "1 click");
    assert_eq!(clicks(Language::English, 1_234), "1,234 clicks");
    assert_eq!(clicks(Language::German, 1_234), "1.234 Klicks");
    assert_eq!(clicks(Language::Spanish, 1), "1 clic");
    let say = Language::German;
    let link = maud::html! { a href="/?a=1&b=2" { "<b>" } };
    let said = say.markup("overview-no-hours", [("link", link)]).into_string();
    assert!(said.ends_with(r#"<a href="/?a=1&amp;b=2">&lt;b&gt;</a>."#), "{said}");
    assert_eq!(Language::Marked.t("card-pages"), "⟦Pages⟧");
}
