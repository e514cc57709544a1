//! Where the tag goes, and that nothing else happens to a page, however it is cut.

use super::*;
use proptest::prelude::*;
use search::PARSER_MEMORY;

const TAG: &str = "<script defer src=\"/headcount.js\"></script>";

fn injector(policies: &[&str]) -> Injector {
    let tag = Tag {
        markup: Bytes::from_static(TAG.as_bytes()),
        script: "/headcount.js".into(),
        beacon: "/api/track".into(),
    };
    let origin = Origin { https: true, host: "example.org".into(), port: None };
    let enforced = policies.iter().map(ToString::to_string).collect();
    Injector::new(tag, origin, Policies { enforced, reported: Vec::new() })
}

/// Feeds a page in chunks, the end of the stream with the last or on its own.
fn fed_to<'a>(
    mut injector: Injector,
    chunks: impl IntoIterator<Item = &'a [u8]>,
    end_alone: bool,
) -> (Vec<u8>, Option<Untagged>) {
    let mut out = Vec::new();
    let mut chunks = chunks.into_iter().peekable();
    while let Some(chunk) = chunks.next() {
        let mut body = Some(Bytes::copy_from_slice(chunk));
        injector.feed(&mut body, chunks.peek().is_none() && !end_alone);
        assert!(body.as_ref().is_none_or(|body| !body.is_empty() || chunk.is_empty()));
        out.extend(body.unwrap_or_default());
    }
    if end_alone {
        let mut body = None;
        injector.feed(&mut body, true);
        out.extend(body.unwrap_or_default());
    }
    (out, injector.untagged())
}

fn fed<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, end_alone: bool) -> Vec<u8> {
    fed_to(injector(&[]), chunks, end_alone).0
}

/// A page and what it becomes: whole, byte by byte, and cut at every place.
fn becomes(policies: &[&str], page: &str, expected: &str, untagged: Option<Untagged>) {
    let page = page.as_bytes();
    let same = |(out, why): (Vec<u8>, Option<Untagged>)| {
        assert_eq!((String::from_utf8_lossy(&out).as_ref(), why), (expected, untagged));
    };
    let fed =
        |chunks: &[&[u8]], end_alone| fed_to(injector(policies), chunks.iter().copied(), end_alone);
    same(fed(&[page], false));
    same(fed(&[page], true));
    same(fed(&page.chunks(1).collect::<Vec<_>>(), true));
    for cut in 0..=page.len() {
        let (a, b) = page.split_at(cut);
        same(fed(&[a, b], false));
    }
}

/// A page with `@` where the tag belongs.
fn check(marked: &str) {
    becomes(&[], &marked.replacen('@', "", 1), &marked.replacen('@', TAG, 1), None);
}

fn untouched(page: &str, why: Untagged) {
    becomes(&[], page, page, Some(why));
}

#[test]
fn before_the_first_script_or_at_the_end_of_the_head() {
    check("<!doctype html><html lang=en><head><title>x</title>@</head><body>y</body></html>");
    check("<!DOCTYPE HTML>\n<HTML><HEAD><META CHARSET=utf-8>@</HEAD><BODY></BODY></HTML>");
    check("<head><meta charset=utf-8>\n<link href=x>\n@<script src=a></script></head>");
    check("<head prefix=\"og: > here\" data-x='<head>'\n>@<body>");
    check("<html><head/><title>x</title>@");
    check("<head><style>p { color: red }</style>@<script>a</script><script>b</script>");
    check("<head><noscript><link><script></noscript>@<template><script></template></head>");
    check("<head><!-- <script> --> @<script>a</script>");
}

#[test]
fn before_the_body_where_there_is_no_head() {
    check("<html><title>x</title>@<body class=a><p>y");
    check("@<body></body><head></head>");
    check("</head>@<body>");
    check("<!doctype html><title>x</title>@<p>y");
    check("<!doctype html><title>x</title>\n@Hello");
    check("<!doctype html> @Hello");
    check("@just text ");
    check("\u{feff}@text");
    check("\u{feff}<head>@</head>");
    check("<head>\n@text <meta http-equiv=content-security-policy content=\"script-src 'none'\">");
    check("@<header>a</header><heading>b</heading><tbody>c</tbody>");
    check("@<p>an unfinished <head");
    check("<html>@<frameset><frame></frameset></html>");
    check("@<svg><![CDATA[<head>]]></svg><body>");
    check("@<iframe><head></iframe><noscript><body></noscript><xmp><head></xmp><body>");
    check("@<plaintext><head><body>");
    check("<?php <body>@?><p>");
    check("@< 3 <p>");
}

#[test]
fn what_only_looks_like_a_head_is_not_one() {
    check("<!-- <head> --><html><head>@</head>");
    check("<!-- a -- <head> > --!><html><head>@</head>");
    check("<title><head></title>@<textarea></head><head></textarea><body>");
    check("<style><head></style>@<body>");
    check("@<a title='<head>'>x</a><body>");
}

#[test]
fn after_a_page_that_breaks_off_between_two_elements() {
    check("<head><title>x</title>@");
    check("<head>@<!-- never closed");
    check("<head><meta charset=utf-8>@\n<scr");
}

#[test]
fn a_page_without_a_place_stays_as_it_is() {
    untouched("<head><title>never closed", Untagged::Markup);
    untouched("<!-- never closed <head>", Untagged::Markup);
    untouched("<!doctype", Untagged::Markup);
    for amp in ["amp", "⚡", "lang=en AMP4EMAIL", "⚡4ads"] {
        untouched(&format!("<!doctype html><html {amp}><head></head>"), Untagged::Amp);
    }
    check("<!doctype html><html class=amp data-amp><head>@</head>");
}

#[test]
fn a_base_of_another_origin_comes_after_the_tag() {
    for base in ["/app/", "", "?", "../x", "#"] {
        check(&format!("<head><base href=\"{base}\"><meta charset=utf-8>@</head>"));
    }
    check("<head><base target=_blank>@</head>");
    for base in ["//cdn.test/", "https://cdn.test/", "\\\\cdn.test", "/\\cdn.test", "&sol;/cdn"] {
        check(&format!("<head>@<base href=\"{base}\"><meta charset=utf-8></head>"));
    }
}

#[test]
fn a_policy_in_the_head_holds_too() {
    let meta = |policy: &str| {
        format!("<head><meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">")
    };
    let forbidden = |policies: &[&str], policy: &str| {
        let page = format!("{}</head><body>", meta(policy));
        becomes(policies, &page, &page, Some(Untagged::Policy));
    };
    let tagged = |policies: &[&str], policy: &str, tag: &str| {
        let head = meta(policy);
        let (page, expected) = (format!("{head}</head>"), format!("{head}{tag}</head>"));
        becomes(policies, &page, &expected, None);
    };
    forbidden(&[], "script-src 'none'");
    forbidden(&[], "script-src &#39;none&#39;");
    forbidden(&[], "script-src &nosuch; 'self'");
    forbidden(&[], "connect-src 'none'");
    forbidden(&[], &"x".repeat(9_000));
    forbidden(&["script-src 'nonce-a'"], "script-src 'self' 'nonce-b'; connect-src 'none'");
    tagged(&[], "script-src 'self'", TAG);
    tagged(&[], "script-src &#39;self&#39;; connect-src *", TAG);
    let nonced = "<script nonce=\"a+/=\" defer src=\"/headcount.js\"></script>";
    tagged(&[], "script-src 'nonce-a+/=' 'strict-dynamic'", nonced);
    tagged(&["script-src 'nonce-a+/='"], "default-src 'self'", nonced);
    // One that comes after a script does not hold for what is before it.
    let late = format!("<script>a</script>{}</head>", meta("script-src 'none'"));
    becomes(&[], &late, &format!("{TAG}{late}"), None);
}

#[test]
fn a_page_of_nothing_stays_one() {
    assert_eq!(fed([], true), b"");
    assert_eq!(fed([&b""[..], b""], false), b"");
}

#[test]
fn bytes_that_are_not_text_pass() {
    let page = b"<head>\xff\xc3\x28\0</head>\xfe";
    let expected = [b"<head>", TAG.as_bytes(), &page[6..]].concat();
    assert_eq!(fed([page.as_slice()], false), expected);
    assert_eq!(fed(page.chunks(1), false), expected);
}

#[test]
fn markup_without_end_is_not_held_back() {
    for start in ["<html>", ""] {
        let page = format!("{start}<head data-x='{}'></head>", "x".repeat(2 * PARSER_MEMORY));
        let (out, why) = fed_to(injector(&[]), page.as_bytes().chunks(1000), false);
        let place = if start.is_empty() { None } else { Some(start.len()) };
        let expected = match place {
            Some(place) => format!("{}{TAG}{}", &page[..place], &page[place..]),
            None => page.clone(),
        };
        assert!(out == expected.as_bytes());
        assert_eq!(why, place.map_or(Some(Untagged::Markup), |_| None));
    }
    // What is held back is never more than this.
    let mut injector = injector(&[]);
    let (mut fed, mut sent) = (0, 0);
    for chunk in ["<!doctype html><html><head>", "<!--"].into_iter().chain([&*"x".repeat(500); 200])
    {
        let mut body = Some(Bytes::copy_from_slice(chunk.as_bytes()));
        injector.feed(&mut body, false);
        (fed, sent) = (fed + chunk.len(), sent + body.map_or(0, |body| body.len()));
        assert!(fed <= sent + HELD_MAX + 500, "{fed} {sent}");
    }
}

#[test]
fn utf16_is_left_alone() {
    for page in [b"\xff\xfe<\0h\0e\0a\0d\0>\0", b"\xfe\xff\0<\0h\0e\0a\0d\0>"] {
        for chunks in [page.chunks(page.len()), page.chunks(1)] {
            let (out, why) = fed_to(injector(&[]), chunks, true);
            assert_eq!((out.as_slice(), why), (page.as_slice(), Some(Untagged::Charset)));
        }
    }
}

#[test]
fn what_the_website_has_sent_is_passed_on() {
    let mut injector = injector(&[]);
    let text = "<title>".to_owned() + &"x".repeat(5000);
    let steps = [
        ("<!", ""),
        ("doctype html><html>", "<!doctype html><html>"),
        ("\n<head>", "\n<head>"),
        ("\n\n", ""),
        (&text, &*format!("\n\n{text}")),
        ("more", "more"),
        ("</title><met", "</title>"),
        ("a charset=utf-8>", "<meta charset=utf-8>"),
        ("</head><body>", &format!("{TAG}</head><body>")),
        ("<p>", "<p>"),
    ];
    for (chunk, expected) in steps {
        let mut body = Some(Bytes::copy_from_slice(chunk.as_bytes()));
        injector.feed(&mut body, false);
        assert_eq!(body.unwrap_or_default(), expected, "{chunk}");
    }
    let mut body = None;
    injector.feed(&mut body, true);
    assert_eq!(body, None, "the tag went out before");
}

#[test]
fn chunks_without_the_tag_are_not_copied() {
    let mut injector = injector(&[]);
    for chunk in ["<html><head>", "<title>x</title>", "</head>", "<body>"] {
        let chunk = Bytes::copy_from_slice(chunk.as_bytes());
        let mut body = Some(chunk.clone());
        injector.feed(&mut body, false);
        let body = body.unwrap();
        assert_eq!(body.as_ptr() == chunk.as_ptr(), &chunk[..] != b"</head>");
    }
}

/// A Pingora context must be both.
#[test]
fn can_live_in_a_context() {
    fn context<T: Send + Sync + 'static>() {}
    context::<Page>();
}

/// Pieces that matter to an HTML parser, between anything at all.
fn htmlish() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "<!doctype html>",
            "<html>",
            "<head>",
            "</head>",
            "<HEAD a=1>",
            "<body",
            ">",
            "<",
            "<!--",
            "-->",
            "<script>",
            "</script>",
            "<title>",
            "</title>",
            "<textarea>",
            "'",
            "\"",
            "<template>",
            "</template>",
            "<svg>",
            "<![CDATA[",
            "]]>",
            "<select>",
            "<table>",
            "/>",
            "<plaintext>",
            "<noscript>",
            "<frameset>",
            "<xmp>",
            "<head",
            " x='",
            "<math><annotation-xml>",
            "<meta charset=utf-8>",
            "<meta http-equiv=content-security-policy content=\"script-src 'self'\">",
            "<meta http-equiv=content-security-policy content=\"script-src 'none'\">",
            "<link>",
            "<base href=/x>",
            "<style>",
            "</style>",
            "text",
            "\n",
            "\u{feff}",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_page_comes_out_with_one_tag_more_or_as_it_was(
        page in htmlish(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(page.len() + 1)).collect();
        cuts.extend([0, page.len()]);
        cuts.sort_unstable();
        let chunks = cuts.windows(2).map(|cut| &page[cut[0]..cut[1]]);
        let (mut out, why) = fed_to(injector(&[]), chunks, false);
        if page.is_empty() || why.is_some() {
            prop_assert_eq!(out, page);
            return Ok(());
        }
        prop_assert_eq!(out.len(), page.len() + TAG.len());
        let at = out.windows(TAG.len()).rposition(|part| part == TAG.as_bytes());
        prop_assert!(at.is_some());
        out.drain(at.unwrap()..at.unwrap() + TAG.len());
        prop_assert_eq!(out, page);
    }

    /// Where a page is cut does not decide where the tag goes.
    #[test]
    fn cuts_do_not_move_the_tag(page in htmlish()) {
        prop_assert_eq!(fed([page.as_slice()], false), fed(page.chunks(1), true));
    }
}
