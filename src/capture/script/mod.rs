//! The first-party script: what a site has switched on, put together once at start.
//!
//! Apart because it is another language with other limits: at most 1,536 bytes gzipped by default,
//! 2,048 with everything (and what a site's own list of kept parameters takes). The readable
//! sources beside this file are the only ones. It knows where beacons go, nothing of what becomes
//! of them.
//!
//! What it sends is an array of events, each with
//!
//! - `type`, and by type: `pageview` with `nav` (`load`, `history`, `bfcache`, `prerender`),
//!   `referrer`; `engagement` with `value`, the milliseconds of attention since the last
//!   one, and `props.scroll`, the deepest percent read; `event` with `name`, `props`, `value`;
//!   `outbound` and `download` with `name`, a URL without its query, or a path on the site itself;
//!   `click` with `props.x` and `props.y`, in percent of the page's width, and with `props.boxes`,
//!   of the first click on a page its outline: of each element of some kinds its name and, in the
//!   same percent, left, top, width and height; `vital` with `name` (`TTFB`, `LCP`, `INP`:
//!   milliseconds, `CLS`: a score) and `value`;
//! - `pathname`: the page. For a `load` or `prerender` pageview with the query, since only that
//!   tells of the campaign: whoever receives it takes what it knows and drops the rest; of others
//!   with the parameters of [`ScriptOptions::query`]. With
//!   [`ScriptOptions::hash`] the fragment follows, which no view id covers;
//! - `view`: the page's view id, if the browser shows it; `n`: a random number, the same again in a
//!   retry; `timestamp`; `screen`: the viewport, `1280x720`.
//!
//! Pageviews go out at once; the rest within 10 s, or when the page is hidden. A failed request is
//! tried again, less and less often. Nothing is stored in the browser. In frames the script does
//! nothing, as the server counts none; nor does it with the cookie `headcount_optout=1`.
//!
//! Sites reach it by the function `headcount(name, {props, value})` and by attributes:
//! `data-headcount="Signup"` on any element reports its clicks as that event, further
//! `data-headcount-…` attributes are its properties, `data-headcount-value` its value. A page that
//! calls the function before the script has loaded defines it first: `window.headcount =
//! window.headcount || function () { (headcount.q = headcount.q || []).push(arguments) }`.

mod names;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use sha2::{Digest, Sha256};

/// What the script of a site does, beside sending pageviews.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptOptions {
    /// Where beacons go: a path on the site.
    pub track: String,
    /// Parameters of the query that belong to a page's name.
    pub query: Vec<String>,
    /// Pages of single-page applications (`pushState` and its kin).
    pub history: bool,
    /// What follows the `#` is part of a page's name.
    pub hash: bool,
    /// Time of attention.
    pub engagement: bool,
    /// How far a page is read; told with the engagement, so it brings that along.
    pub scroll: bool,
    pub outbound: bool,
    pub downloads: bool,
    /// The site's own events: the function and the attributes.
    pub events: bool,
    pub forms: bool,
    /// Places of clicks, for heat maps.
    pub clicks: bool,
    pub vitals: bool,
    /// Pages have other trackers' snippets.
    pub others: bool,
}

impl Default for ScriptOptions {
    fn default() -> Self {
        Self {
            track: "/api/track".to_owned(),
            query: Vec::new(),
            history: true,
            hash: false,
            engagement: true,
            scroll: false,
            outbound: true,
            downloads: true,
            events: true,
            forms: false,
            clicks: false,
            vitals: false,
            others: false,
        }
    }
}

impl ScriptOptions {
    /// The words that lines of the sources are marked with.
    fn switches(&self) -> impl Fn(&str) -> bool {
        |word| match word {
            "history" => self.history,
            "hash" => self.hash,
            "query" => !self.query.is_empty(),
            "engagement" => self.engagement || self.scroll,
            "scroll" => self.scroll,
            "outbound" => self.outbound,
            "downloads" => self.downloads,
            "events" => self.events,
            "vitals" => self.vitals,
            "others" => self.others,
            _ => unreachable!("a word of our own sources"),
        }
    }
}

/// The script as it is served.
#[derive(Debug, Clone)]
pub struct Script {
    pub body: Bytes,
    /// Strong; changes with the body.
    pub etag: String,
}

impl Script {
    pub fn new(options: &ScriptOptions) -> Self {
        Self::minified(options, &source(options))
    }

    /// The script inside another, which stands for a tracker's own: `START;` there begins it. `on`:
    /// which of that one's marked lines are in it; `values`: what stands for what.
    pub fn in_manner(
        options: &ScriptOptions,
        other: &str,
        on: impl Fn(&str) -> bool,
        values: &[(&str, &str)],
    ) -> Self {
        let lines = other.lines().filter_map(|line| switched(line, &on));
        let outer = lines.collect::<Vec<_>>().join("\n");
        let inner = format!("{}{}", include_str!("begin.js"), source(options));
        let script = Self::minified(options, &outer.replace("START;", &inner));
        let text = String::from_utf8_lossy(&script.body).into_owned();
        let text = values.iter().fold(text, |text, (name, value)| text.replace(name, value));
        Self::of(text)
    }

    fn minified(options: &ScriptOptions, source: &str) -> Self {
        let track = serde_json::Value::from(options.track.as_str()).to_string();
        let kept: Vec<String> = options.query.iter().map(|name| regex::escape(name)).collect();
        let body = minified(source).replace("'TRACK'", &track).replace("KEEP", &kept.join("|"));
        Self::of(body)
    }

    fn of(body: String) -> Self {
        let etag = format!("\"{}\"", HEXLOWER.encode(&Sha256::digest(&body)[..8]));
        Self { body: body.into(), etag }
    }
}

/// The readable parts that are switched on, in one function.
fn source(options: &ScriptOptions) -> String {
    let on = options.switches();
    let links = options.outbound || options.downloads;
    // Their order matters: events go out after the pageview they belong to.
    let parts = [
        (true, include_str!("core.js")),
        (options.history || options.hash, include_str!("history.js")),
        (on("engagement"), include_str!("engagement.js")),
        (links || options.events, include_str!("around.js")),
        (links, include_str!("links.js")),
        (options.forms, include_str!("forms.js")),
        (options.clicks, include_str!("clicks.js")),
        (options.vitals, include_str!("vitals.js")),
        (true, include_str!("start.js")),
        (options.events, include_str!("events.js")),
        (options.others, include_str!("others.js")),
    ];
    let mut source = "(function ($w, $d, $n, $l) {\n".to_owned();
    let lines = parts.iter().filter(|(on, _)| *on).flat_map(|(_, part)| part.lines());
    for line in lines.filter_map(|line| switched(line, &on)) {
        source.push_str(line);
        source.push('\n');
    }
    source.push_str("})(window, document, navigator, location);");
    if !options.others {
        // It is always the same then.
        source = source.replace("$track", "'TRACK'");
    }
    source
}

/// The tag that loads the script from this path; ASCII, and the same on every page.
pub fn tag(path: &str) -> String {
    const UNSAFE: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>');
    let src = utf8_percent_encode(path, UNSAFE).to_string().replace('&', "&amp;");
    format!("<script defer src=\"{src}\"></script>")
}

/// A line without its mark, `// [word]`; `None` if the word is not switched on.
fn switched(line: &str, on: impl Fn(&str) -> bool) -> Option<&str> {
    match line.rsplit_once(" // [") {
        Some((code, word)) => on(word.trim_end_matches(']')).then_some(code),
        None => Some(line),
    }
}

/// The source without comments and spaces, and with short names. Each statement of it has to end in
/// a semicolon.
///
/// Which lines are in it is a setting, so this happens at the start and not in a build. Of
/// minifiers that shorten names by themselves, minify-js 0.6.0 panics on this source; oxc 0.146.0
/// makes it 4 % smaller, by forty crates that need a newer compiler.
fn minified(source: &str) -> String {
    let plain = minifier::js::minify(source).expect("our own source").to_string();
    names::shorten(&plain).replace(";}", "}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::fmt::Write as _;
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    fn everything() -> ScriptOptions {
        ScriptOptions {
            hash: true,
            scroll: true,
            forms: true,
            clicks: true,
            vitals: true,
            ..Default::default()
        }
    }

    fn nothing_more() -> ScriptOptions {
        ScriptOptions {
            history: false,
            engagement: false,
            outbound: false,
            downloads: false,
            events: false,
            ..Default::default()
        }
    }

    fn gzipped(body: &[u8]) -> usize {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap().len()
    }

    #[test]
    fn sizes_are_within_bounds() {
        for (name, options, limit) in [
            ("pageviews only", nothing_more(), 1_024),
            ("default", ScriptOptions::default(), 1_536),
            ("everything", everything(), 2_048),
            // The names are the owner's, so they come on top.
            (
                "everything, and a parameter that is kept",
                ScriptOptions { query: vec!["page".to_owned()], ..everything() },
                2_112,
            ),
        ] {
            let body = Script::new(&options).body;
            let size = gzipped(&body);
            println!("script, {name}: {} bytes, {size} gzipped (limit {limit})", body.len());
            assert!(size <= limit, "{name}: {size} bytes gzipped");
        }
    }

    /// Every set of parts is a program.
    #[test]
    fn every_combination_is_valid() {
        let mut checks = String::new();
        for bits in 0..1 << 12_u32 {
            let on = |bit: u32| bits & (1 << bit) != 0;
            let script = Script::new(&ScriptOptions {
                track: "/api/track".to_owned(),
                query: if on(10) { vec!["a[]".to_owned(), "b".to_owned()] } else { Vec::new() },
                history: on(0),
                hash: on(1),
                engagement: on(2),
                scroll: on(3),
                outbound: on(4),
                downloads: on(5),
                events: on(6),
                forms: on(7),
                clicks: on(8),
                vitals: on(9),
                others: on(11),
            });
            let source = serde_json::to_string(std::str::from_utf8(&script.body).unwrap()).unwrap();
            writeln!(checks, "new Function({source});").unwrap();
        }
        let mut node = Command::new("node")
            .arg("-")
            .stdin(Stdio::piped())
            .spawn()
            .expect("node is not installed: `make test` installs it");
        node.stdin.take().unwrap().write_all(checks.as_bytes()).unwrap();
        assert!(node.wait().unwrap().success());
    }

    #[test]
    fn only_what_is_switched_on_is_in_it() {
        let text = |options| String::from_utf8(Script::new(&options).body.to_vec()).unwrap();
        let (least, most) = (text(nothing_more()), text(everything()));
        for part in [
            "pushState",
            "hashchange",
            "engagement",
            "scroll:",
            "outbound",
            "download",
            "dataset",
            "Form submit",
            "'click'",
            "getBoundingClientRect",
            "layout-shift",
        ] {
            assert!(most.contains(part), "{part}");
            assert!(!least.contains(part), "{part}");
        }
        for script in [least, most] {
            assert!(!script.contains(['\n', '`']), "{script}");
            assert!(!script.contains("TRACK"), "{script}");
        }
    }

    #[test]
    fn the_path_of_beacons_is_a_string_whatever_is_in_it() {
        let track = "/it's \"\\ here".to_owned();
        let body = Script::new(&ScriptOptions { track, ..nothing_more() }).body;
        let body = std::str::from_utf8(&body).unwrap();
        assert_eq!(body.matches(r#""/it's \"\\ here""#).count(), 2);
    }

    #[test]
    fn the_etag_goes_with_the_body() {
        let (a, b) = (Script::new(&nothing_more()), Script::new(&everything()));
        assert_eq!(a.etag, Script::new(&nothing_more()).etag);
        assert_ne!(a.etag, b.etag);
        assert!(a.etag.len() == 18 && a.etag.starts_with('"') && a.etag.ends_with('"'));
    }

    #[test]
    fn the_tag_is_plain_ascii() {
        assert_eq!(tag("/headcount.js"), "<script defer src=\"/headcount.js\"></script>");
        assert_eq!(
            tag("/zähler \">.js?a&b"),
            "<script defer src=\"/z%C3%A4hler%20%22%3E.js?a&amp;b\"></script>"
        );
    }

    #[test]
    fn minifying_keeps_strings_and_words_apart() {
        let source = "// gone\nvar $a = 'a  = b',\n  $b;\nif ($a) {\n  return typeof $b;\n}\n";
        assert_eq!(minified(source), "var r='a  = b',a;if(r){return typeof a}");
    }
}
