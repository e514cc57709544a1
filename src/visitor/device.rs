//! What kind of thing a browser runs on, from a few words of its user agent and the client hint.
//!
//! Apart from the browser's name because it follows other rules: vendors', not a pattern list's.
//! Android says `Mobile` on phones and not on tablets; TVs and consoles name themselves; an iPad
//! that asks for desktop sites calls itself a Mac and can't be told from one.

use once_cell::sync::Lazy;
use regex::Regex;

/// The device's class: `Desktop`, `Mobile`, `Tablet`, `TV`, `Console`, or `(unknown)`. `os` is the
/// system's name without its version; `mobile_hint` is `Sec-CH-UA-Mobile`.
pub fn class(user_agent: &str, os: &str, mobile_hint: Option<bool>) -> &'static str {
    if TV.is_match(user_agent) {
        return "TV";
    }
    if CONSOLE.is_match(user_agent) {
        return "Console";
    }
    if TABLET.is_match(user_agent) {
        return "Tablet";
    }
    if let Some(true) = mobile_hint {
        return "Mobile";
    }
    match os {
        // A tablet's Chrome says neither `Mobile` nor its model; before Android 3 all were phones.
        "Android" if !user_agent.contains("Mobile") && modern_android(user_agent) => "Tablet",
        "Android" | "iOS" | "Windows Phone" | "Windows Mobile" | "KaiOS" | "Firefox OS"
        | "BlackBerry OS" | "watchOS" | "WatchOS" | "Sailfish" | "Bada" | "MeeGo" | "Maemo"
        | "BREW" | "Brew MP" => "Mobile",
        // Apps on an iPad that asks for desktop sites.
        "macOS" if user_agent.contains(" Mobile/") => "Tablet",
        "tvOS" | "GoogleTV" | "Roku" | "FireHbbTV" | "Chromecast" | "WebTV" => "TV",
        _ if MOBILE.is_match(user_agent) => "Mobile",
        "Windows" | "macOS" | "GNU/Linux" | "Chrome OS" | "FreeBSD" | "OpenBSD" | "NetBSD"
        | "Solaris" | "Haiku" => "Desktop",
        _ if user_agent.contains("X11") => "Desktop",
        _ => super::agent::UNKNOWN,
    }
}

/// Android 3 or later, or a version that isn't told.
fn modern_android(user_agent: &str) -> bool {
    let version = user_agent.split("Android").nth(1).unwrap_or_default();
    let version = version.trim_start_matches([' ', '/', '-']);
    let major = version.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    major.parse().map_or(true, |major: u32| major >= 3)
}

static TV: Lazy<Regex> = Lazy::new(|| {
    words(
        r"\bhbbtv | smart-?tv | \btv\b | googletv | appletv | \broku | crkey | ;\ aft[a-z0-9]+ | netcast
        | bravia | web0s | webos\.tv | inettv | \bnetrange | opera\ tv | viera | dtv\b
        | philipstv | nettv | sonycebrowser | tvos | \bmibox | mitv | shield\ android\ tv | chromecast",
    )
});

static CONSOLE: Lazy<Regex> = Lazy::new(|| {
    words(r"playstation | \bxbox | nintendo | \bouya | steamdeck | dreamcast | \bshield\ build")
});

// `Tablet PC` is what Windows called a laptop with a pen.
static TABLET: Lazy<Regex> = Lazy::new(|| {
    words(
        r"ipad | tablet(?:\ [a-oq-z0-9]|[;:/)_-]|$) | playbook | touchpad | kindle | \bkf[a-z]{2,6}\ build | \bsilk/ | xoom
        | \bnexus\ (?:7|9|10)\b | mediapad | iconia | \bgt-p[0-9] | \bsm-[tpx][0-9] | \btab\b
        | tab[_-] | _tab",
    )
});

static MOBILE: Lazy<Regex> = Lazy::new(|| {
    words(
        r"mobile | phone | ipod | symb | series\ ?[346]0 | midp | opera\ mobi | opera\ mini
        | blackberry | nokia | windows\ ce | \bppc\b | \bbrew\b",
    )
});

/// Any of these, in any case; blanks in the pattern are for the reader.
fn words(pattern: &str) -> Regex {
    Regex::new(&format!("(?xi-u){pattern}")).expect("a constant")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_beat_the_system_and_the_hint_beats_nothing_else() {
        for (agent, os, hint, expected) in [
            ("Mozilla/4.0 (MSIE 8.0; Windows NT 6.1; Tablet PC 2.0)", "Windows", None, "Desktop"),
            ("Mozilla/5.0 (Android 15; Tablet; rv:153.0)", "Android", None, "Tablet"),
            ("Mozilla/5.0 (Android 15; Mobile; rv:153.0)", "Android", None, "Mobile"),
            ("Mozilla/5.0 (Linux; Android 2.3; X Build/Y)", "Android", None, "Mobile"),
            ("Mozilla/5.0 (Linux; Android 12; X Build/Y)", "Android", None, "Tablet"),
            ("Mozilla/5.0 (X11; Linux x86_64)", "GNU/Linux", Some(true), "Mobile"),
            ("Mozilla/5.0 (SMART-TV; Linux; Tizen 7.0)", "Tizen", Some(true), "TV"),
            ("Mozilla/5.0 (Windows NT 10.0; Xbox; Xbox One)", "Windows", None, "Console"),
            ("Mozilla/5.0 (Macintosh) AppleWebKit/605 Mobile/15E148", "macOS", None, "Tablet"),
            ("Mozilla/5.0 (X11; U; Plan9)", "(unknown)", None, "Desktop"),
            ("aftertaste/1.0", "(unknown)", None, "(unknown)"),
        ] {
            assert_eq!(class(agent, os, hint), expected, "{agent}");
        }
    }
}
