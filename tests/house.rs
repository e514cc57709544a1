//! The house: data goes one way, so no room of `src` imports another that imports it, be it
//! through others. In a room no file does, either.

use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

type Imports = BTreeMap<String, BTreeSet<String>>;

#[test]
fn no_room_imports_itself_through_others() {
    let imports = imports(Path::new("src"));
    assert!(imports["flush"].contains("model"), "imports are not found any more: {imports:?}");
    let circles: Vec<String> = imports.keys().filter_map(|room| circle(&imports, room)).collect();
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn no_file_imports_itself_through_others_of_its_room() {
    for room in ["aggregate", "flush", "model", "shared", "store", "upkeep"] {
        let imports = files_imports(&Path::new("src").join(room));
        assert!(!imports.is_empty(), "imports are not found any more");
        let circles: Vec<String> =
            imports.keys().filter_map(|file| circle(&imports, file)).collect();
        assert!(circles.is_empty(), "{room}: {circles:#?}");
    }
}

#[test]
fn the_model_knows_nothing_but_the_clock_and_texts() {
    let allowed = ["clock", "host", "page_name", "text", "words"];
    let imports = imports(Path::new("src"));
    let more: Vec<&String> =
        imports["model"].iter().filter(|room| !allowed.contains(&room.as_str())).collect();
    assert!(more.is_empty(), "model imports {more:?}");
}

/// The shortest way back to a room, as `a → b → a`.
fn circle(imports: &Imports, room: &str) -> Option<String> {
    let mut ways: Vec<Vec<&str>> = vec![vec![room]];
    let mut seen = BTreeSet::new();
    while let Some(way) = (!ways.is_empty()).then(|| ways.remove(0)) {
        for next in imports.get(*way.last()?).into_iter().flatten() {
            if next == room {
                return Some(format!("{} → {room}", way.join(" → ")));
            }
            if seen.insert(next) {
                ways.push([&way[..], &[next]].concat());
            }
        }
    }
    None
}

/// Of each room the others that its code names. What only its tests use does not count.
fn imports(src: &Path) -> Imports {
    let named = Regex::new(r"\bcrate::(\w+)|\bcrate::\{([^}]*)\}").expect("a pattern");
    let mut imports = Imports::new();
    for file in files(src) {
        let path = file.strip_prefix(src).expect("a file of src").to_string_lossy().into_owned();
        let room = path.split('/').next().unwrap_or_default().trim_end_matches(".rs").to_owned();
        let tests = path.split('/').any(|part| part == "tests" || part == "tests.rs");
        if !tests && !["lib", "main"].contains(&room.as_str()) {
            let others = names(&file, &named).into_iter().filter(|name| *name != room);
            imports.entry(room.clone()).or_default().extend(others);
        }
    }
    imports
}

/// Of each file, or folder, of a room the others that its code names.
fn files_imports(room: &Path) -> Imports {
    let named = Regex::new(r"\bsuper::(\w+)|\bsuper::\{([^}]*)\}").expect("a pattern");
    let mut imports = Imports::new();
    for file in files(room) {
        let path = file.strip_prefix(room).expect("a file of the room").to_string_lossy();
        let one = path.split('/').next().unwrap_or_default().trim_end_matches(".rs").to_owned();
        if !["mod", "tests"].contains(&one.as_str()) {
            imports.entry(one).or_default().extend(names(&file, &named));
        }
    }
    let all: BTreeSet<String> = imports.keys().cloned().collect();
    for (file, others) in &mut imports {
        others.retain(|other| other != file && all.contains(other));
    }
    imports
}

/// What a file's code names in this way. What only its tests use does not count.
fn names(file: &Path, named: &Regex) -> Vec<String> {
    let text = fs::read_to_string(file).expect("a file of src");
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = code.collect::<Vec<_>>().join("\n");
    let mut all = Vec::new();
    for names in named.captures_iter(&code) {
        let one = names.get(1).map(|name| name.as_str());
        let many = names.get(2).map_or("", |names| names.as_str()).split(',');
        let many = many.map(|name| name.split("::").next().unwrap_or_default().trim());
        let names = one.into_iter().chain(many).filter(|name| !["", "self"].contains(name));
        all.extend(names.map(str::to_owned));
    }
    all
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of src") {
        let path = entry.expect("an entry of src").path();
        match path.is_dir() {
            true => all.extend(files(&path)),
            false if path.extension().is_some_and(|e| e == "rs") => all.push(path),
            false => {}
        }
    }
    all
}
